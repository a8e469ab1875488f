"""Metrics of probabilities: Brier, log score, calibration, ranking, skill over a reference.

The headline figures pool all values of all units, and their interval draws blocks of time that
all units share (``briefs/delivery_zones.md`` 3.2, 3.3): with few zones, or zones with few
values, a median over zones says little. The figures of the median zone and of the worst decile
stand beside them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from common.edge.errors import UsageError
from common.lab.metrics import Metric
from common.lab.probabilities import Probabilities
from common.lab.usecase import Array

__all__ = [
    "AUROC",
    "BRIER",
    "BRIER_MEDIAN",
    "BRIER_P90",
    "BRIER_SKILL",
    "CATALOGUE",
    "ECE",
    "LOG_LOSS",
    "N_BINS",
    "SMALLEST_PROBABILITY",
    "at_step",
    "calibration_bins",
]

N_BINS = 10
"""Bins of equal width of the calibration error (``briefs/delivery_zones.md`` 3.2)."""
SMALLEST_PROBABILITY = 1e-3
"""Where the log score is clipped (``briefs/delivery_zones.md`` 3.2)."""


def at_step(metric: Metric, step: int, name: str, title: str) -> Metric:
    """Return a metric of one step only: ``name`` and ``title`` are added to its own.

    >>> at_step(BRIER, 1, "60", "à 60 min").name
    'brier_60'
    """
    pooled = metric.pooled
    return replace(
        metric,
        name=f"{metric.name}_{name}",
        title=f"{metric.title}, {title}",
        compute=lambda scored: metric.compute(scored.at_step(step)),
        pooled=None if pooled is None else lambda scored, n: pooled(scored.at_step(step), n),
    )


def calibration_bins(scored: Probabilities) -> list[tuple[float, float, int]]:
    """Return the ten bins of the calibration error that hold a value, for a reliability plot.

    Returns
    -------
    list
        Mean probability, share of 1 and number of values of each bin.

    Examples
    --------
    >>> calibration_bins(Probabilities.from_columns(["z"] * 3, [1, 0, 1], [0.25, 0.25, 0.75]))
    [(0.25, 0.5, 2), (0.75, 1.0, 1)]
    """
    bins = _bins(scored.predicted)
    counts = np.bincount(bins, minlength=N_BINS)
    predicted = np.bincount(bins, scored.predicted, minlength=N_BINS)
    happened = np.bincount(bins, scored.actual, minlength=N_BINS)
    return [
        (float(predicted[b] / counts[b]), float(happened[b] / counts[b]), int(counts[b]))
        for b in np.flatnonzero(counts)
    ]


def _squares(scored: Probabilities) -> Array:
    squares: Array = (scored.predicted - scored.actual) ** 2
    return squares


def _brier(scored: Probabilities) -> Array:
    """Mean squared difference of a probability and what happened, 0 or 1 (Brier 1950).

    >>> _brier(Probabilities.from_columns(["z", "z"], [1, 0], [0.5, 1.0])).tolist()
    ... # (0.5 ** 2 + 1) / 2
    [0.625]
    """
    return scored.means(_squares(scored))


def _pooled_brier(scored: Probabilities, counts: Array) -> Array:
    """Brier score of all values together, each block taken ``counts`` times.

    >>> scored = Probabilities.from_columns(["a", "b"], [1, 0], [1.0, 1.0], blocks=[0, 1])
    >>> _pooled_brier(scored, np.array([[1, 1], [2, 0]])).tolist()  # (0 + 1) / 2, then 0
    [0.5, 0.0]
    """
    return scored.pooled_means(_squares(scored), counts)


def _surprise(scored: Probabilities) -> Array:
    given = np.where(scored.actual > 0.5, scored.predicted, 1 - scored.predicted)
    surprise: Array = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1))
    return surprise


def _log_loss(scored: Probabilities) -> Array:
    """Mean of -log of the probability given to what happened, in nats, clipped at 1e-3.

    >>> _log_loss(Probabilities.from_columns(["z", "z"], [1, 0], [0.5, 1.0])).round(3).tolist()
    ... # (0.693 + 6.908) / 2
    [3.8]
    """
    return scored.means(_surprise(scored))


def _pooled_log_loss(scored: Probabilities, counts: Array) -> Array:
    return scored.pooled_means(_surprise(scored), counts)


def _bins(predicted: Array) -> Array:
    """Return the bin of each probability; 1 belongs to the last."""
    return np.minimum((predicted * N_BINS).astype(np.int64), N_BINS - 1)


def _ece(scored: Probabilities) -> Array:
    """Mean gap of forecast and frequency over ten bins, weighted by count (ECE).

    Naeini, Cooper and Hauskrecht (2015). A perfectly calibrated model does not reach 0 on few
    values: with n values in a bin the gap is about 0.8 sqrt(p (1 - p) / n).

    >>> _ece(Probabilities.from_columns(["z"] * 4, [1, 0, 1, 1], [0.5, 0.5, 0.9, 0.9])).round(9)
    ... # bin 0.5: 0, bin 0.9: 0.1, each with half of the values
    array([0.05])
    """
    gap = scored.predicted - scored.actual
    bins = _bins(scored.predicted)
    return np.array(
        [
            np.abs(np.bincount(bins[part], gap[part])).sum() / len(gap[part])
            for part in scored.by_unit()
        ]
    )


def _pooled_ece(scored: Probabilities, counts: Array) -> Array:
    """Calibration error of all values together, each block taken ``counts`` times.

    A draw of fewer different days is rougher than the whole, so that draws are recentred for
    the interval (Hamburg's six days: 0.028, plain percentiles 0.027 to 0.056).

    >>> scored = Probabilities.from_columns(["a", "b"], [1, 0], [0.5, 0.5])
    >>> _pooled_ece(scored, np.ones((1, 1))).tolist()  # half of the cases at 0.5
    [0.0]
    """
    place = scored.block * N_BINS + _bins(scored.predicted)
    size = len(scored.blocks) * N_BINS
    gaps = np.bincount(place, scored.predicted - scored.actual, minlength=size)
    apart = np.abs(counts @ gaps.reshape(-1, N_BINS)).sum(axis=1)
    n_values = counts @ scored.block_sums(np.ones(len(scored)))
    return _ratio(apart, n_values)


def _auroc(scored: Probabilities) -> Array:
    """Chance that a case of 1 was given more than a case of 0; a tie counts half.

    The area under the ROC curve (Hanley and McNeil 1982); NaN for a unit with one class only.

    >>> _auroc(Probabilities.from_columns(["z"] * 3, [1, 0, 0], [0.5, 0.5, 0.2])).tolist()
    ... # a tie and a win: (0.5 + 1) / 2
    [0.75]
    """
    return np.array(
        [_concordance(scored.actual[part], scored.predicted[part]) for part in scored.by_unit()]
    )


def _concordance(actual: Array, predicted: Array) -> float:
    positive = np.sort(predicted[actual > 0.5])
    negative = predicted[actual <= 0.5]
    if not len(positive) or not len(negative):
        return float("nan")
    return float(_wins(positive, negative).mean() / len(positive))


def _wins(positive: Array, negative: Array) -> Array:
    """Count, for each negative, the sorted positives above it, ties half."""
    below = np.searchsorted(positive, negative, "left") + np.searchsorted(
        positive, negative, "right"
    )
    wins: Array = len(positive) - below / 2
    return wins


def _pooled_auroc(scored: Probabilities, counts: Array) -> Array:
    """Area under the ROC curve of all values, each block taken ``counts`` times.

    With W the (n_blocks, n_blocks) wins of one block's positives over another's negatives, the
    wins of a draw are the quadratic form of W in its counts: no draw sorts anything.

    >>> scored = Probabilities.from_columns(
    ...     ["a"] * 4, [1, 0, 1, 0], [0.9, 0.1, 0.2, 0.4], blocks=[0, 0, 1, 1])
    >>> _pooled_auroc(scored, np.array([[1, 1], [0, 2]])).tolist()  # 3 of 4 pairs; 0 of 1
    [0.75, 0.0]
    """
    n_blocks = len(scored.blocks)
    positive = scored.actual > 0.5
    wins = np.zeros((n_blocks, n_blocks))
    for block in range(n_blocks):
        above = np.sort(scored.predicted[positive & (scored.block == block)])
        won = _wins(above, scored.predicted[~positive])
        wins[block] = np.bincount(scored.block[~positive], won, minlength=n_blocks)
    won = np.einsum("db,bc,dc->d", counts, wins, counts, optimize=True)
    n_pairs = (counts @ scored.block_sums(positive * 1.0)) * (
        counts @ scored.block_sums(~positive * 1.0)
    )
    return _ratio(won, n_pairs)


def _reference_squares(scored: Probabilities) -> Array:
    if scored.reference is None:
        raise UsageError(
            "a Brier skill without its reference",
            expected="Probabilities built with reference=, the declared profile's probability",
        )
    squares: Array = (scored.reference - scored.actual) ** 2
    return squares


def _skill(scored: Probabilities) -> Array:
    """One minus the Brier score over that of the declared reference, in % (Murphy 1973).

    >>> scored = Probabilities.from_columns(["z"], [1], [0.7], reference=[0.4])
    >>> _skill(scored).round(6).tolist()  # 1 - 0.09 / 0.36
    [75.0]
    """
    mine, theirs = scored.means(_squares(scored)), scored.means(_reference_squares(scored))
    return _gain(mine, theirs)


def _pooled_skill(scored: Probabilities, counts: Array) -> Array:
    mine = scored.pooled_means(_squares(scored), counts)
    return _gain(mine, scored.pooled_means(_reference_squares(scored), counts))


def _gain(mine: Array, theirs: Array) -> Array:
    return 100 * (1 - _ratio(mine, theirs))


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Divide, NaN where the denominator is zero."""
    out = np.full(len(denominator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def _quantile(level: float) -> Callable[[Array], Array]:
    return lambda values: np.quantile(values, level, axis=-1)


BRIER = Metric(
    "brier", "Score de Brier", "1", "lower", _brier, pooled=_pooled_brier, resampled="blocks"
)
BRIER_MEDIAN = Metric("brier_median", "Score de Brier, unité médiane", "1", "lower", _brier)
BRIER_P90 = Metric(
    "brier_p90",
    "Score de Brier, dernier décile des unités",
    "1",
    "lower",
    _brier,
    summary=_quantile(0.9),
)
LOG_LOSS = Metric(
    "log_loss",
    "Perte logarithmique",
    "1",
    "lower",
    _log_loss,
    pooled=_pooled_log_loss,
    resampled="blocks",
)
ECE = Metric(
    "ece",
    "Erreur de calibration (dix classes)",
    "1",
    "lower",
    _ece,
    pooled=_pooled_ece,
    resampled="blocks",
    recentred=True,
)
AUROC = Metric(
    "auroc",
    "Capacité à classer (AUROC)",
    "1",
    "higher",
    _auroc,
    pooled=_pooled_auroc,
    resampled="blocks",
)
BRIER_SKILL = Metric(
    "brier_skill",
    "Gain de Brier sur la référence",
    "%",
    "higher",
    _skill,
    pooled=_pooled_skill,
    resampled="blocks",
)

CATALOGUE: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (BRIER, BRIER_MEDIAN, BRIER_P90, LOG_LOSS, ECE, AUROC, BRIER_SKILL)
}
"""Every metric of probabilities by name."""
