"""Metrics of choices: accuracy, macro-F1, top 3, calibration, what may be acted on.

After ``briefs/citizen_requests.md`` 3.A. All rows are pooled; intervals draw blocks (requests, or
their dossiers). Figures are shares, not per cent.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from common.lab import probability_metrics
from common.lab.choices import Choices, shared_truth
from common.lab.metrics import Metric
from common.lab.probabilities import Probabilities
from common.lab.usecase import Array

__all__ = [
    "ACCURACY",
    "AURC",
    "AUROC",
    "BRIER",
    "CATALOGUE",
    "COVERAGE",
    "ECE",
    "LOG_LOSS",
    "MACRO_F1",
    "N_BINS",
    "PRECISION",
    "TOP_3",
    "UTILITY",
    "calibration_floor",
    "equal_mass_bins",
]

N_BINS = 15
"""Bins of equal mass of the calibration error (brief 3.A)."""
FEWEST = 10
"""Test rows under which a class stays out of the macro average (brief 3.A)."""
SMALLEST = 1e-3
"""Where the log score is clipped, as for other probabilities."""
RIGHT, WRONG, ASKED = 1.0, -2.0, -0.2
"""Utility of acting rightly, acting wrongly, asking a person (brief 3.A)."""

Pooled = Callable[[Choices, Array], Array]


def _mean(values: Callable[[Choices], Array]) -> Pooled:
    """Return the weighted mean of a row's figure."""

    def pooled(scored: Choices, counts: Array) -> Array:
        weights = scored.weights(counts)
        means: Array = weights @ values(scored) / weights.sum(axis=1)
        return means

    return pooled


def _squares(scored: Choices) -> Array:
    squares: Array = ((scored.p - shared_truth(scored.right, scored.p)) ** 2).sum(axis=1)
    return squares


def _surprise(scored: Choices) -> Array:
    given = np.where(scored.right, scored.p, 0.0).sum(axis=1)
    surprise: Array = -np.log(np.clip(given, SMALLEST, 1))
    return surprise


def _hits(scored: Choices) -> Array:
    return scored.hit * 1.0


def _top_3(scored: Choices) -> Array:
    """Whether a right class is among the three given the most; ties count against.

    >>> scored = _example(p=[[0.4, 0.3, 0.2, 0.1]], right=[3])
    >>> _top_3(scored).tolist()
    [0.0]
    """
    best = np.where(scored.right, scored.p, -1.0).max(axis=1, keepdims=True)
    above = ((scored.p >= best) & ~scored.right).sum(axis=1)
    found: Array = (above < 3) * 1.0
    return found


def _macro_f1(scored: Choices, counts: Array) -> Array:
    """Mean over classes with ten rows or more of 2 TP / (2 TP + FP + FN).

    Which classes count is settled by the rows themselves, not by the draw.
    """
    weights = scored.weights(counts)
    classes = np.arange(scored.p.shape[1])
    truth, chosen = scored.truth[:, None] == classes, scored.chosen[:, None] == classes
    kept = truth.sum(axis=0) >= min(FEWEST, truth.sum(axis=0).max())
    both, either = weights @ (truth & chosen), weights @ (truth * 1.0) + weights @ (chosen * 1.0)
    f1 = 2 * both / np.where(either > 0, either, 1)
    means: Array = f1[:, kept].mean(axis=1)
    return means


def equal_mass_bins(confidence: Array, weights: Array) -> Array:
    """Return the bin of each row: 15 bins of equal weight, by rising confidence.

    >>> equal_mass_bins(np.array([0.2, 0.9, 0.5]), np.ones(3)).tolist()
    [2, 12, 7]
    """
    order = np.argsort(confidence, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    bins = np.empty(len(order), dtype=np.int64)
    total = max(float(weights.sum()), 1e-12)
    bins[order] = np.minimum((middle / total * N_BINS).astype(np.int64), N_BINS - 1)
    return bins


def _ece(scored: Choices, counts: Array) -> Array:
    """Mean gap of confidence and accuracy over 15 bins of equal mass, weighted by mass."""
    gaps = scored.confidence - scored.hit
    found = []
    for weights in scored.weights(counts):
        bins = equal_mass_bins(scored.confidence, weights)
        apart = np.abs(np.bincount(bins, weights * gaps, minlength=N_BINS))
        found.append(apart.sum() / weights.sum())
    return np.array(found)


def calibration_floor(scored: Choices, draws: int = 500, seed: int = 0) -> tuple[float, float]:
    """Return mean and 95 % quantile of the ECE that a perfectly calibrated model would show.

    Truth is drawn from the confidences themselves: with n rows a bin holds n / 15 of them, and
    their share of hits scatters by itself. A goal below the mean cannot be shown with n rows.
    """
    rng = np.random.default_rng(seed)
    confidence = scored.confidence
    weights = np.ones(len(scored))
    bins = equal_mass_bins(confidence, weights)
    found = [
        np.abs(
            np.bincount(bins, confidence - (rng.random(len(scored)) < confidence), minlength=N_BINS)
        ).sum()
        / len(scored)
        for _ in range(draws)
    ]
    return float(np.mean(found)), float(np.quantile(found, 0.95))


def _aurc(scored: Choices, counts: Array) -> Array:
    """Area under the risk-coverage curve: mean error of the surest rows, over all coverages.

    Geifman and El-Yaniv (2017); lower is better, 0 where every error is less sure than every hit.
    """
    order = np.argsort(-scored.confidence, kind="stable")
    weights = scored.weights(counts)[:, order]
    errors = np.cumsum(weights * ~scored.hit[order], axis=1)
    reached = np.cumsum(weights, axis=1)
    risk = errors / np.where(reached > 0, reached, 1)
    area: Array = (weights * risk).sum(axis=1) / weights.sum(axis=1)
    return area


def _coverage(scored: Choices) -> Array:
    return scored.taken * 1.0


def _precision(scored: Choices, counts: Array) -> Array:
    """Share of right answers among the rows that the model acts on; 1 where it acts on none.

    Read it beside the coverage: who does nothing errs on nothing.
    """
    weights = scored.weights(counts) * scored.taken
    total = weights.sum(axis=1)
    out = np.ones(len(weights))
    np.divide(weights @ (scored.hit * 1.0), total, out=out, where=total > 0)
    return out


def _utility(scored: Choices) -> Array:
    acted = np.where(scored.hit, RIGHT, WRONG)
    return np.where(scored.taken, acted, ASKED)


def _first_against_others(scored: Choices, counts: Array) -> Array:
    """Area under the ROC curve of the first class against all others, see `AUROC` of chances.

    >>> scored = _example(p=[[0.9, 0.1], [0.2, 0.8], [0.2, 0.8]], right=[0, 0, 1])
    >>> _first_against_others(scored, np.ones((1, 3))).tolist()  # a win and a tie: (1 + 0.5) / 2
    [0.75]
    """
    held = Probabilities.from_columns(
        np.full(len(scored), "all"),
        scored.right[:, 0] * 1.0,
        np.clip(scored.p[:, 0], 0, 1),
        blocks=scored.block,
    )
    pooled = probability_metrics.AUROC.pooled
    assert pooled is not None
    return pooled(held, counts)


def _example(p: list[list[float]], right: list[int]) -> Choices:
    """Return a few rows for the examples above."""
    given = np.array(p)
    n = len(given)
    wanted = np.arange(given.shape[1]) == np.array(right)[:, None]
    return Choices(given, wanted, np.arange(n), np.arange(n), np.zeros(n, dtype=bool))


def _metric(
    name: str, title: str, pooled: Pooled, *, higher: bool, recentred: bool = False
) -> Metric:
    def compute(scored: Choices) -> Array:
        return pooled(scored, np.ones((1, len(scored.blocks))))

    better: Literal["higher", "lower"] = "higher" if higher else "lower"
    return Metric(
        name,
        title,
        "1",
        better,
        compute,
        pooled=pooled,
        resampled="blocks",
        recentred=recentred,
    )


BRIER = _metric("brier", "Score de Brier (toutes classes)", _mean(_squares), higher=False)
LOG_LOSS = _metric("log_loss", "Perte logarithmique", _mean(_surprise), higher=False)
ACCURACY = _metric("accuracy", "Exactitude", _mean(_hits), higher=True)
MACRO_F1 = _metric("macro_f1", "F1 moyenne des classes (10 cas et plus)", _macro_f1, higher=True)
TOP_3 = _metric("top_3", "Bonne réponse parmi trois", _mean(_top_3), higher=True)
AUROC = _metric("auroc", "Capacité à classer (AUROC)", _first_against_others, higher=True)
ECE = _metric(
    "ece", "Erreur de calibration (15 classes égales)", _ece, higher=False, recentred=True
)
AURC = _metric("aurc", "Risque moyen selon la couverture (AURC)", _aurc, higher=False)
COVERAGE = _metric("acted_on", "Part traitée sans question", _mean(_coverage), higher=True)
PRECISION = _metric("precision", "Justesse de ce qui est traité", _precision, higher=True)
UTILITY = _metric(
    "utility", "Utilité (+1 juste, −2 faux, −0,2 humain)", _mean(_utility), higher=True
)

CATALOGUE: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        BRIER, LOG_LOSS, ACCURACY, MACRO_F1, TOP_3, ECE, AURC, AUROC, COVERAGE, PRECISION, UTILITY,
    )
}  # fmt: skip
"""Every metric of choices by name."""
