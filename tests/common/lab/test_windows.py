"""Windows behave as the array that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import UsageError
from common.lab.windows import Windows


@given(st.data())
def test_a_window_is_the_slice_of_its_series(data):
    """Row by row, the copy equals series[which, stop - length : stop], NaN before day 0."""
    n_days, length = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 15))
    series = np.arange(3.0 * n_days * 2).reshape(3, n_days, 2)
    rows = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, n_days)), min_size=1))
    which, stops = (np.array(part) for part in zip(*rows, strict=True))
    found = np.asarray(Windows(series, which, stops, length))
    assert found.shape == (len(rows), length, 2)
    for window, unit, stop in zip(found, which, stops, strict=True):
        known = series[unit, max(stop - length, 0) : stop]
        assert np.array_equal(window[length - len(known) :], known)
        assert np.isnan(window[: length - len(known)]).all()


def test_windows_are_indexed_without_being_copied():
    windows = Windows(np.zeros((1, 9, 24)), np.zeros(5, int), np.arange(5) + 4, length=4)
    few = windows[np.array([True, False, True, False, False])]
    assert few.series is windows.series
    assert (len(few), few.shape, few.ndim) == (2, (2, 4, 24), 3)
    assert few.dtype == np.float64


def test_integers_before_the_series_are_zero():
    """Whole numbers have no NaN; a flag is down where nothing is known."""
    windows = Windows(np.ones((1, 2), dtype=np.int64), np.array([0]), np.array([1]), length=3)
    assert np.asarray(windows).tolist() == [[0, 0, 1]]


def test_a_window_beyond_the_series_is_refused():
    """It would read days that have not come."""
    with pytest.raises(UsageError, match="stops at day 5"):
        Windows(np.zeros((1, 4)), np.array([0]), np.array([5]), length=2)


def test_a_view_is_refused():
    """numpy's ``copy=False`` asks for memory that does not exist."""
    windows = Windows(np.zeros((1, 4)), np.array([0]), np.array([4]), length=2)
    with pytest.raises(ValueError, match="a copy is needed"):
        np.asarray(windows, copy=False)
    assert np.asarray(windows, dtype=np.float32).dtype == np.float32
