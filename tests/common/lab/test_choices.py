"""Metrics of choices, on rows that can be counted by hand."""

import numpy as np
import pytest

from common.edge.errors import DataError
from common.lab import choice_metrics as metrics
from common.lab.choices import Choices, brier_losses
from common.lab.metrics import Metric, score, value
from common.lab.usecase import Examples


def choices(p: list[list[float]], right: list[int], taken: list[bool] | None = None) -> Choices:
    given = np.array(p)
    rows = np.arange(len(given))
    wanted = np.arange(given.shape[1]) == np.array(right)[:, None]
    acted = np.zeros(len(given), dtype=bool) if taken is None else np.array(taken)
    return Choices(given, wanted, rows, rows, acted)


THREE = choices(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.4, 0.3, 0.3]],
    [0, 1, 2, 2],
    [True, True, True, False],
)
"""Right, wrong, right, wrong; the surest three are acted on."""


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.ACCURACY, 2 / 4),
        (metrics.COVERAGE, 3 / 4),
        (metrics.PRECISION, 2 / 3),
        # Two right, one wrong, one asked: (1 + 1 - 2 - 0.2) / 4.
        (metrics.UTILITY, -0.2 / 4),
        # Squares by row: .04 .01 .01; .36 .49 .01; .04 .09 .25; .16 .09 and .49.
        (metrics.BRIER, (0.06 + 0.86 + 0.38 + 0.74) / 4),
        # Three classes: a right one is always among three.
        (metrics.TOP_3, 1.0),
        # Errors by falling confidence 0.8, 0.6, 0.5, 0.4: 0, 1/2, 1/3, 2/4.
        (metrics.AURC, (0 + 1 / 2 + 1 / 3 + 2 / 4) / 4),
    ],
)
def test_figures_can_be_counted_by_hand(metric: Metric, expected: float):
    """Each figure of the page, from four rows."""
    assert value(metric, THREE) == pytest.approx(expected)


def test_macro_f1_weighs_classes_not_rows():
    """Nine of ten rows of class 0 right, none of class 1: 2 * 9 / (18 + 1 + 10) and 0, averaged."""
    p = [[1.0, 0.0]] * 9 + [[0.0, 1.0]] + [[1.0, 0.0]] * 10
    scored = choices(p, [0] * 10 + [1] * 10)
    # TP 9, FN 1, FP 10 for class 0; TP 0 for class 1.
    assert value(metrics.MACRO_F1, scored) == pytest.approx((18 / 29 + 0) / 2)


def test_small_classes_stay_out_of_the_macro_average():
    """Nine rows say too little of a class (brief 3.A)."""
    scored = choices([[1.0, 0.0]] * 19, [0] * 10 + [1] * 9)
    # Class 0 alone: TP 10, FP 9.
    assert value(metrics.MACRO_F1, scored) == pytest.approx(20 / 29)


def test_ties_count_against_the_three_proposed():
    """Four services at the same chance: any three may be shown, so none is counted as found."""
    assert value(metrics.TOP_3, choices([[0.25] * 4], [2])) == 0.0


def test_the_interval_of_a_calibration_error_holds_it():
    """A draw of rows is rougher than the rows: plain percentiles left the figure out.

    A perfectly calibrated model of 150 rows, forty times: the interval holds its figure each
    time and the error that such models show on average nearly each time.
    """
    rng = np.random.default_rng(0)
    found = []
    for _ in range(40):
        confidence = rng.uniform(0.5, 1.0, 150)
        p = np.stack([confidence, 1 - confidence], axis=1)
        scored = choices(p.tolist(), (rng.random(150) >= confidence).astype(int).tolist())
        found.append(score(metrics.ECE, scored, np.random.default_rng(1), draws=100))
    assert all(each.low <= each.value <= each.high for each in found)
    mean = np.mean([each.value for each in found])
    assert sum(each.low <= mean <= each.high for each in found) >= 36


def test_several_right_answers_all_count():
    """A request may be for two services: either is right, and neither costs the other."""
    both = Choices(
        np.array([[0.5, 0.5, 0.0]]),
        np.array([[True, True, False]]),
        np.array([0]),
        np.array([0]),
        np.array([True]),
    )
    assert value(metrics.ACCURACY, both) == 1.0
    examples = Examples(
        inputs={},
        target=np.array([[1.0, 1.0, 0.0]]),
        slots=np.zeros((1, 3), np.int64),
        units=np.array(["a"]),
        blocks=np.array([0]),
        issued=np.array(["2024-01-01"], "datetime64[s]"),
        days=np.array(["2024-01-01"], "datetime64[D]"),
    )
    assert brier_losses(examples, both.p)[2].tolist() == [0.0]


def test_perfect_calibration_is_not_zero_on_few_rows():
    """With 189 rows a bin holds 12 or 13: chance alone gives a calibration error of about 0.1."""
    rng = np.random.default_rng(0)
    top = rng.uniform(0.3, 1.0, 189)
    p = np.column_stack([top, 1 - top])
    scored = choices(p.tolist(), [0] * 189)
    mean, high = metrics.calibration_floor(scored)
    assert 0.05 < mean < 0.12 < high < 0.16


def test_acting_on_nothing_is_said_by_the_coverage():
    """Who does nothing errs on nothing; the coverage beside it is 0."""
    idle = choices([[0.9, 0.1]], [0])
    assert (value(metrics.PRECISION, idle), value(metrics.COVERAGE, idle)) == (1.0, 0.0)


@pytest.mark.parametrize("metric", metrics.CATALOGUE.values(), ids=lambda metric: metric.name)
def test_every_metric_has_an_interval_around_it(metric: Metric):
    """Blocks are drawn again: a draw may leave out whole requests."""
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 60)
    scored = choices(p.tolist(), rng.integers(0, 4, 60).tolist(), (rng.random(60) < 0.5).tolist())
    found = score(metric, scored, np.random.default_rng(0), draws=200)
    assert found.low <= found.high
    assert np.isfinite([found.low, found.high]).all()


def test_chances_that_do_not_add_up_are_refused():
    """A missing class would flatter every score."""
    with pytest.raises(DataError, match="do not add up"):
        choices([[0.5, 0.4]], [0])
