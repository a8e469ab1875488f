"""What is known of the week that follows a reading."""

from datetime import date

import numpy as np
import pytest

from common.lab.usecase import Array, Dataset
from usecases.waste_collection.overflow.examples import SLOTS, counts_of, examples_of
from usecases.waste_collection.overflow.levels.history import History
from usecases.waste_collection.overflow.windows import (
    Outcomes,
    outcomes_of,
    weight_table,
    weights_of,
)
from usecases.waste_collection.tasks import OVERFLOW_SCOPE, OVERFLOW_TASK

U = np.nan


def history(*levels: list[float], alert: list[float] | None = None) -> History:
    """One container per list, a day per value."""
    values = np.array(levels, dtype=np.float32)
    flags = np.zeros_like(values) if alert is None else np.array([alert], dtype=np.float32)
    days = np.arange(values.shape[1]) + np.datetime64("2020-01-01")
    return History(np.array([f"c{i}" for i in range(len(values))]), days, values, flags,
                   np.arange(values.shape[1]) * 86_400)  # fmt: skip


def first_day(found: Outcomes) -> Array:
    return found.reached[0, 0]


def test_an_overflow_seen_stays_known_after_the_collection() -> None:
    """20, 60, 80, emptied: reached on the second day and on all that follow."""
    found = outcomes_of(history([20, 60, 80, 0, 20, 40, 40, 40]))
    assert first_day(found).tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert not found.hidden[0, 0].any()


def test_a_collection_before_80_percent_hides_the_rest() -> None:
    """20, 60, emptied: one day is known, six are hidden, none is dropped."""
    found = outcomes_of(history([20, 60, 0, 20, 40, 60, 80, 80]))
    np.testing.assert_array_equal(first_day(found), [0, U, U, U, U, U, U])
    assert found.hidden[0, 0].tolist() == [False] + [True] * 6
    assert not found.dropped[0, 0].any()


def test_a_missing_day_drops_the_rest() -> None:
    """Nobody knows whether the container was emptied on the day without news."""
    found = outcomes_of(history([20, 60, U, 60, 80, 80, 80, 80]))
    np.testing.assert_array_equal(first_day(found), [0, U, U, U, U, U, U])
    assert found.dropped[0, 0].tolist() == [False] + [True] * 6


def test_an_alert_is_not_a_full_container() -> None:
    """100 % under alert is not believed: no event, no origin."""
    found = outcomes_of(history([20, 60, 100, 100, 0, 0, 0, 0], alert=[0, 0, 1, 1, 0, 0, 0, 0]))
    np.testing.assert_array_equal(first_day(found), [0, U, U, U, U, U, U])
    assert found.origin[0].tolist() == [True, True, False, False, True, True, True, True]


def test_the_level_seen_outlives_a_collection_from_80_percent_and_the_level_left_does_not() -> None:
    """Collected at 80: left alone it would be at least as full; collected at 60: not known."""
    found = outcomes_of(history([20, 80, 0, 20, 20, 20, 20, 20], [20, 60, 0, 20, 20, 20, 20, 20]))
    np.testing.assert_array_equal(found.level_percent[0, 0, :2], [80, U])
    np.testing.assert_array_equal(found.seen_percent[0, 0, :2], [80, 80])
    np.testing.assert_array_equal(found.seen_percent[1, 0, :2], [60, U])


def test_weights_are_one_over_the_share_that_stayed_known() -> None:
    """From 60: one origin's next day hidden, one known, weight 1 / (1 / 2); from 20 none hidden."""
    table = weight_table(
        outcomes_of(both := history([20, 60, 0, 0], [20, 60, 60, 60])), both, until_day=3
    )
    assert table[3, 0] == 2.0
    assert table[1, 0] == 1.0
    assert weights_of(table, np.array([79.0]))[0, 0] == 2.0


def test_weights_are_clipped_at_ten() -> None:
    """Twenty hidden for one known would weigh 21."""
    hidden = [[60.0, 0.0, 0.0]] * 20
    both = history([60, 60, 60], *hidden)
    assert weight_table(outcomes_of(both), both, until_day=3)[3, 0] == 10.0


def test_the_public_test_period_has_the_windows_of_the_brief(wyndham: Dataset) -> None:
    """32,941 event windows, base rate 0.431 (brief 4.1); 6,471 hidden, 554 dropped."""
    period = OVERFLOW_TASK.split.test
    reached = examples_of(wyndham, period, OVERFLOW_SCOPE).target[:, SLOTS.reached]
    assert int(np.isfinite(reached).sum()) == 32_941
    assert float(np.nanmean(reached)) == pytest.approx(0.431, abs=5e-4)
    counts = counts_of(wyndham, period, OVERFLOW_SCOPE)
    assert counts == {"known": 32_941, "hidden": 6_471, "dropped": 554}


def test_no_window_reaches_beyond_its_period(wyndham: Dataset) -> None:
    """A fit up to 31 March knows nothing of April: the last day has no target at all."""
    fit = OVERFLOW_TASK.split.folds()[2][0]
    examples = examples_of(wyndham, fit, OVERFLOW_SCOPE)
    assert fit.stop == date(2020, 4, 1)
    last = examples.days == np.datetime64("2020-03-31")
    before = examples.days == np.datetime64("2020-03-30")
    assert np.isnan(examples.target[last]).all()
    assert np.isnan(examples.target[before][:, 1:7]).all()
    assert np.isfinite(examples.target[before][:, 0]).any()
