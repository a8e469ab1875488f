"""The parity gate lets exact graphs through and stops the known faults of exporters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import ThresholdError, UsageError
from common.lab.graph.additive import AdditiveModel
from common.lab.graph.parity import ParityReport, adversarial_matrix, check_head, compare
from common.lab.graph.parts import Axis, Steps

EDGES = np.array([0.1, 0.2, 5.0], dtype=np.float32)


def model(shift: int = 0) -> AdditiveModel:
    """Return steps 0, 1, 2, 3 and NaN 4, thresholds moved by ``shift`` float32 steps."""
    edges = EDGES.copy()
    for _ in range(abs(shift)):
        edges = np.nextafter(edges, np.float32(np.sign(shift) * np.inf))
    return AdditiveModel(1, 10.0, (Steps(Axis(0, edges), np.arange(5.0)),))


def rows(n_rows: int = 500) -> np.ndarray:
    return adversarial_matrix([EDGES], np.random.default_rng(0), n_rows, infinite=True)


def test_a_faithful_graph_passes() -> None:
    """Nothing rerouted, no error beyond rounding."""
    report = check_head(model(), model().predict, rows())
    assert report.passed
    report.require("steps")


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_threshold_off_by_one_float32_step_is_seen(shift: int) -> None:
    """What rounding to nearest does to thresholds: about 30 % of these rows lie on one."""
    report = check_head(model(shift), model().predict, rows())
    assert report.n_rerouted > 25
    assert report.worst_error == 1.0
    with pytest.raises(ThresholdError, match="of 500 rows rerouted"):
        report.require("steps")


def test_missing_values_sent_elsewhere_are_seen() -> None:
    """The reference gives NaN another value; only rows with NaN differ."""
    other = AdditiveModel(1, 10.0, (Steps(Axis(0, EDGES), np.array([0.0, 1.0, 2.0, 3.0, 9.0])),))
    X = rows()
    assert check_head(other, model().predict, X).n_rerouted == np.isnan(X).sum()


def test_wrong_reasons_for_a_right_prediction_are_seen() -> None:
    """Contributions are held against the reference's where it has any."""
    X = rows()
    report = check_head(model(), model().predict, X, contributions=model().contributions(X) + 1.0)
    assert report.n_rerouted == 0
    assert not report.passed


def test_a_prediction_that_is_not_a_number_is_a_reroute() -> None:
    """NaN compares as neither above nor below: it must not slip through."""
    report = check_head(model(), lambda X: np.full(len(X), np.nan), rows(10))
    assert report.n_rerouted == 10
    assert not report.passed


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), max_size=5), st.integers(0, 2**32 - 1), st.booleans()
)
def test_adversarial_rows_are_on_and_beside_thresholds(
    edges: list[float], seed: int, infinite: bool
) -> None:
    """At least half of 1,000 values touch a threshold; NaN is there; inf only where legal."""
    values = np.array(edges, dtype=np.float32)
    X = adversarial_matrix([values, []], np.random.default_rng(seed), 1000, infinite=infinite)
    assert X.shape == (1000, 2)
    assert X.dtype == np.float32
    marks = values if len(values) else np.zeros(1, np.float32)
    up, down = (np.nextafter(marks, np.float32(end)) for end in (np.inf, -np.inf))
    touching = np.isin(X[:, 0], np.concatenate([marks, up, down]))
    assert touching.mean() > 0.45  # 0.95 * (0.3 + 0.15 + 0.15) = 0.57, less four deviations
    assert np.isnan(X).any()
    assert np.isinf(X).any() == infinite


def test_outputs_are_compared_by_name_over_their_spread() -> None:
    """0.5 over a given spread of 10; equal NaN and infinities do not differ."""
    expected = {"low": np.array([0.0, np.nan, np.inf]), "high": np.array([1.0, 1.0, 1.0])}
    found = {"low": np.array([0.5, np.nan, np.inf]), "high": np.array([1.0, 1.0, 1.0])}
    assert compare(found, expected, {"low": 10.0}) == {"low": 0.05, "high": 0.0}


def test_a_number_where_none_was_expected_is_an_infinite_error() -> None:
    """Whichever side it is on."""
    one, none = {"y": np.array([1.0])}, {"y": np.array([np.nan])}
    assert compare(one, none) == compare(none, one) == {"y": np.inf}


def test_outputs_of_other_names_or_shapes_are_refused() -> None:
    """They cannot be compared."""
    with pytest.raises(UsageError, match="outputs"):
        compare({"a": np.zeros(1)}, {"b": np.zeros(1)})
    with pytest.raises(UsageError, match="shape"):
        compare({"a": np.zeros(1)}, {"a": np.zeros(2)})


def test_a_report_passes_on_all_three_counts_only() -> None:
    """Routes, prediction, contributions: 1e-5 of the spread is the last that passes."""
    assert ParityReport(9, 0, 1.0, 1e-5, 1e-5).passed
    assert not ParityReport(9, 1, 1.0, 0.0, 0.0).passed
    assert not ParityReport(9, 0, 1.0, 2e-5, 0.0).passed
    assert not ParityReport(9, 0, 1.0, 0.0, 2e-5).passed
