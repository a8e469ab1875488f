"""Metrics of probabilities agree with scikit-learn, with each other and with their intervals."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from common.edge.errors import UsageError
from common.lab import metrics
from common.lab.probabilities import Probabilities
from common.lab.probability_metrics import (
    AUROC,
    BRIER,
    BRIER_MEDIAN,
    BRIER_P90,
    BRIER_SKILL,
    CATALOGUE,
    ECE,
    LOG_LOSS,
    at_step,
)


def drawn(seed: int = 0, n: int = 4000, n_blocks: int = 20) -> Probabilities:
    """Calibrated by construction: what happens is drawn with the probability given."""
    rng = np.random.default_rng(seed)
    predicted = rng.choice(np.linspace(0.02, 0.98, 40), n)
    return Probabilities.from_columns(
        rng.choice(["a", "b", "c"], n),
        (rng.random(n) < predicted) * 1.0,
        predicted,
        blocks=rng.integers(0, n_blocks, n),
        steps=rng.integers(0, 2, n),
        reference=np.full(n, 0.5),
    )


@pytest.fixture(scope="module")
def scored() -> Probabilities:
    return drawn()


@pytest.mark.parametrize(
    ("metric", "library"), [(BRIER, brier_score_loss), (LOG_LOSS, log_loss), (AUROC, roc_auc_score)]
)
def test_pooled_figures_are_those_of_scikit_learn(scored, metric, library) -> None:
    """Also the figure of each unit; probabilities are ties of 40 values."""
    assert metrics.value(metric, scored) == pytest.approx(library(scored.actual, scored.predicted))
    for part, figure in zip(scored.by_unit(), metric.compute(scored), strict=True):
        expected = library(scored.actual[part], scored.predicted[part])
        assert figure == pytest.approx(expected)


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=list(CATALOGUE))
def test_a_draw_of_blocks_is_the_figure_of_the_values_drawn(scored, metric) -> None:
    """Blocks 3, 3 and 7 drawn: their values, those of block 3 twice."""
    if metric.pooled is None:
        pytest.skip("a figure of units, not of blocks")
    counts = np.zeros((1, len(scored.blocks)))
    counts[0, [3, 7]] = 2, 1
    rows = np.concatenate([np.flatnonzero(scored.block == block) for block in (3, 3, 7)])
    chosen = Probabilities.from_columns(
        np.full(len(rows), "z"),
        scored.actual[rows],
        scored.predicted[rows],
        reference=scored.reference[rows],
    )
    assert metric.pooled(scored, counts)[0] == pytest.approx(metrics.value(metric, chosen))


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=list(CATALOGUE))
def test_one_unit_alone_has_the_pooled_figure(scored, metric) -> None:
    alone = Probabilities.from_columns(
        np.full(len(scored), "z"), scored.actual, scored.predicted, reference=scored.reference
    )
    assert metric.compute(alone)[0] == pytest.approx(metrics.value(metric, alone))


def test_a_calibrated_model_has_a_small_calibration_error_and_a_shifted_one_its_shift() -> None:
    """With 40,000 values in ten bins the noise is about 0.8 * 0.4 / sqrt(4,000) = 0.005."""
    calm = drawn(1, n=40_000)
    assert metrics.value(ECE, calm) < 0.012
    shifted = Probabilities.from_columns(
        np.repeat("z", len(calm)), calm.actual, np.clip(calm.predicted + 0.1, 0, 1)
    )
    assert 0.08 < metrics.value(ECE, shifted) < 0.11


def test_the_skill_is_over_the_declared_reference(scored) -> None:
    """The reference gives 0.5 throughout: its Brier score is 0.25 whatever happens."""
    expected = 100 * (1 - metrics.value(BRIER, scored) / 0.25)
    assert metrics.value(BRIER_SKILL, scored) == pytest.approx(expected)


def test_a_skill_without_reference_is_refused() -> None:
    with pytest.raises(UsageError, match="without its reference"):
        metrics.value(BRIER_SKILL, Probabilities.from_columns(["z"], [1], [0.5]))


def test_intervals_of_pooled_figures_draw_blocks_of_time() -> None:
    """All that varies here is the day: 5 days without a miss, 5 with nothing else.

    The share of bad days in ten draws of ten is 0.5 give or take 1.96 * sqrt(0.25 / 10) = 0.31.
    Drawing the single unit would have given no width at all.
    """
    blocks = np.repeat(np.arange(10), 50)
    actual = (blocks % 2).astype(float)
    scored = Probabilities.from_columns(np.repeat("z", 500), actual, np.zeros(500), blocks=blocks)
    found = metrics.score(BRIER, scored, np.random.default_rng(0))
    assert found.value == 0.5
    assert (found.low, found.high) == (pytest.approx(0.2, abs=0.05), pytest.approx(0.8, abs=0.05))
    assert (found.n_units, found.n_values) == (1, 500)


def test_draws_without_one_of_the_classes_do_not_count() -> None:
    """One block of two holds the only positives: a quarter of the draws has none."""
    scored = Probabilities.from_columns(
        ["z"] * 4, [1, 0, 0, 0], [0.9, 0.1, 0.2, 0.3], blocks=[0, 0, 1, 1]
    )
    found = metrics.score(AUROC, scored, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_one_step_is_scored_on_its_own(scored) -> None:
    """Names and titles say which; units keep their own figures too."""
    later = at_step(BRIER, 1, "half", "à mi-limite")
    rows = scored.step == 1
    expected = brier_score_loss(scored.actual[rows], scored.predicted[rows])
    assert metrics.value(later, scored) == pytest.approx(expected)
    assert later.compute(scored).shape == (3,)
    assert (later.name, later.title) == ("brier_half", "Score de Brier, à mi-limite")


def test_the_median_zone_and_the_worst_decile_stand_beside_the_pool() -> None:
    """Zones of 0.00, 0.25 and 1.00: median 0.25; quantile 0.9 is 0.25 + 0.8 * 0.75."""
    scored = Probabilities.from_columns(["a", "b", "c"], [1, 1, 1], [1.0, 0.5, 0.0])
    assert metrics.value(BRIER_MEDIAN, scored) == 0.25
    assert metrics.value(BRIER_P90, scored) == pytest.approx(0.85)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_bounded_whatever_is_given(pairs) -> None:
    """Brier, calibration error and AUROC lie in [0, 1]; AUROC is undefined for one class."""
    actual, predicted = np.array(pairs, dtype=float).T
    scored = Probabilities.from_columns(np.repeat("z", len(pairs)), actual, predicted)
    for metric in (BRIER, ECE, AUROC):
        figure = metrics.value(metric, scored)
        assert (metric is AUROC and len(set(actual)) == 1) == np.isnan(figure)
        assert np.isnan(figure) or 0 <= figure <= 1 + 1e-12


def test_blocks_are_drawn_of_pooled_figures_only() -> None:
    with pytest.raises(UsageError, match="not pooled"):
        metrics.Metric("m", "M", "1", "lower", len, resampled="blocks")  # type: ignore[arg-type]


def test_names_are_unique_and_titles_french() -> None:
    assert not set(CATALOGUE) & set(metrics.CATALOGUE)
    assert len({metric.title for metric in CATALOGUE.values()}) == len(CATALOGUE)


def test_a_month_of_a_city_is_scored_in_seconds() -> None:
    """73,320 values over 28 days, the largest table of the brief, 2,000 draws of each figure."""
    scored = drawn(2, n=73_320, n_blocks=28)
    begin = time.process_time()
    for metric in CATALOGUE.values():
        metrics.score(metric, scored, np.random.default_rng(0))
    assert time.process_time() - begin < 3  # about 0.4 s on an idle core
