"""Statistics of comparisons: intervals over units, paired two-way bootstrap, equivalence.

Hourly losses are strongly autocorrelated: at an AR(1) coefficient of 0.95 a naive t test of two
equal models rejects 74 to 78 % of the time (``briefs/frugality.md`` 3.3). Weeks are also shared:
one cold week hits every building. A comparison therefore resamples units *and* blocks of weeks.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.cells import Cells, Losses, Transform, paired_cells
from common.lab.dataset import Array

__all__ = [
    "DRAWS",
    "Losses",
    "PairedDifference",
    "Transform",
    "Verdict",
    "bounds",
    "equivalence",
    "holm",
    "interval",
    "minimum_detectable_difference",
    "paired_block_bootstrap",
    "paired_difference",
    "per_unit_loss",
    "resampled_counts",
    "resampled_values",
    "wilcoxon",
]

DRAWS = 2000
"""Bootstrap draws (``briefs/building_energy.md`` 3.1)."""

Verdict: TypeAlias = Literal["better", "equivalent", "worse", "undetermined"]


def bounds(drawn: Array, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap draws.

    >>> bounds(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resampled_counts(size: int, rng: np.random.Generator, draws: int = DRAWS) -> Array:
    """Return how often each of ``size`` items was drawn, shape (draws, size)."""
    return rng.multinomial(size, np.full(size, 1 / size), size=draws).astype(np.float64)


def resampled_values(values: Array, rng: np.random.Generator, draws: int = DRAWS) -> Array:
    """Return ``draws`` samples with replacement, shape (draws, n_values)."""
    return values[rng.integers(0, len(values), size=(draws, len(values)))]


def interval(
    values: Array,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    statistic: Callable[[Array], Array] = lambda values: np.median(values, axis=-1),
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of a statistic over units.

    ``statistic`` reduces the last axis; the median unless told.

    >>> interval(np.array([3.0, 3.0, 3.0]))
    (3.0, 3.0)
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        raise DataError("an interval over no value", expected="one finite value at least")
    return bounds(statistic(resampled_values(known, np.random.default_rng(seed), draws)))


@dataclass(frozen=True)
class PairedDifference:
    """How much larger the loss of A is than that of B, and how well that is known.

    Positive is in B's favour. The 95 % interval ``[relative_low, relative_high]`` is two-sided.
    ``relative_lower`` and ``relative_upper`` are each a one-sided 95 % bound (together the 90 %
    interval of the two one-sided tests); ``relative_upper`` is the "upper 95 % bound" that the
    ladder holds against its margin.

    Parameters
    ----------
    loss_a, loss_b
        Mean over units of each model's (transformed) mean loss.
    estimate, low, high
        ``loss_a - loss_b`` with its two-sided 95 % interval.
    p_value
        Two-sided, for no difference.
    relative, relative_low, relative_high
        ``loss_a / loss_b - 1`` with its two-sided 95 % interval.
    relative_lower, relative_upper
        One-sided 95 % bounds of the relative difference.
    standard_error
        Of the relative difference.
    n_units, n_blocks
        What it rests on.
    units_lower
        Share of units on which A has the lower loss.
    """

    loss_a: float
    loss_b: float
    estimate: float
    low: float
    high: float
    p_value: float
    relative: float
    relative_low: float
    relative_high: float
    relative_lower: float
    relative_upper: float
    standard_error: float
    n_units: int
    n_blocks: int
    units_lower: float


def per_unit_loss(losses: Losses, transform: Transform | None = None) -> tuple[Array, Array]:
    """Return the units and each one's (transformed) mean loss over all its rows.

    >>> units, means = per_unit_loss((["a", "a"], [0, 1], np.array([1.0, 7.0])), np.sqrt)
    >>> means.tolist()  # sqrt((1 + 7) / 2)
    [2.0]
    """
    cells = paired_cells(losses, losses, transform)
    units = np.unique(np.asarray(losses[0])[~np.isnan(losses[2])])
    return units, cells.unit_means(np.ones((1, cells.rows.shape[1])))[0, 0]


def paired_block_bootstrap(
    a: Losses,
    b: Losses,
    *,
    transform: Transform | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> PairedDifference:
    """Compare two models on the same rows, resampling units and blocks.

    The loss of a model is the mean over units of ``transform(mean loss of the unit)``. Two
    one-way bootstraps are run: units (any dependence within a unit, at any lag) and blocks
    (weeks common to all units). Their deviations are added, then shrunk so that what varies from
    cell to cell is not counted twice: the variance is that of two-way clustering,
    V(units) + V(blocks) - V(cells) (Cameron, Gelbach and Miller 2011), and never less than the
    wider of the two. With n clusters the deviations of each are widened by
    ``sqrt(n / (n - 1)) t_n-1 / z`` (Hesterberg 2015, expanded percentile interval), without which
    ten units would reject too often. An axis with a single cluster is not resampled: the result
    then holds for that unit, or that block, only.

    Parameters
    ----------
    a, b
        (unit, block, loss) as ``Task.unit_losses`` returns them: the same rows in the same
        order, NaN where the truth is unknown. Several rows of a cell are averaged row by row.
    transform
        ``np.sqrt`` where the loss is a squared error over the unit's squared mean, so that the
        loss is the mean of the units' NRMSE; None for losses that are averaged as they are.
    draws
        Bootstrap draws of units, and as many of blocks.
    seed
        Of both.

    Raises
    ------
    DataError
        If the rows differ, there is a single unit and a single block, or B alone has no loss.

    Notes
    -----
    Measured type-I error at nominal 5 %, hourly AR(1) differences of phi 0.95, 10 units x 12
    weeks, 1,000 trials: 2.7 % (naive t test: 75 %); 5.9 % where units differ; 3.4 % where weeks
    are shared. The one-sided bound that the ladder uses: 2.5, 4.8 and 3.6 %.
    """
    return paired_difference(paired_cells(a, b, transform), draws=draws, seed=seed)


def paired_difference(cells: Cells, *, draws: int = DRAWS, seed: int = 0) -> PairedDifference:
    """Compare two models whose losses are gathered already, as `paired_block_bootstrap` does."""
    n_units, n_blocks = cells.rows.shape
    if n_units < 2 and n_blocks < 2:
        raise DataError(
            "a comparison on one unit and one block",
            expected="two units or two blocks at least; ten units and eight weeks to conclude",
        )
    whole = cells.unit_means(np.ones((1, n_blocks)))[:, 0]
    loss_a, loss_b = (float(loss) for loss in whole.mean(axis=1))
    if loss_b == 0 < loss_a:
        raise DataError(
            "the second model has no loss at all, so that no increase can be relative to it",
            expected="a loss above zero",
            remedy="look for the truth among its inputs",
        )
    centre = _differences(whole.mean(axis=1))
    deviation = _deviations(cells, whole, draws, np.random.default_rng(seed))
    low, high = bounds(centre[0] + deviation[0])
    relative_low, relative_high = bounds(centre[1] + deviation[1])
    relative_lower, relative_upper = bounds(centre[1] + deviation[1], level=0.9)
    beyond = int((np.abs(deviation[0]) >= abs(centre[0])).sum())
    return PairedDifference(
        loss_a=loss_a,
        loss_b=loss_b,
        estimate=float(centre[0]),
        low=low,
        high=high,
        p_value=(1 + beyond) / (1 + draws),
        relative=float(centre[1]),
        relative_low=relative_low,
        relative_high=relative_high,
        relative_lower=relative_lower,
        relative_upper=relative_upper,
        standard_error=float(deviation[1].std()),
        n_units=n_units,
        n_blocks=n_blocks,
        units_lower=float(np.mean(whole[0] < whole[1])),
    )


def _deviations(cells: Cells, whole: Array, draws: int, rng: np.random.Generator) -> Array:
    """Bootstrap deviations of the absolute and relative difference, shape (2, draws).

    ``whole`` holds the unit means over all blocks, shape (2, n_units).
    """
    n_units, n_blocks = cells.rows.shape
    centre = _differences(whole.mean(axis=1))[:, np.newaxis]
    by_unit, by_block = np.zeros((2, draws)), np.zeros((2, draws))
    if n_units > 1:
        drawn = whole @ resampled_counts(n_units, rng, draws).T / n_units
        by_unit = _widening(n_units) * (_differences(drawn) - centre)
    if n_blocks > 1:
        drawn = np.nanmean(cells.unit_means(resampled_counts(n_blocks, rng, draws)), axis=2)
        by_block = _widening(n_blocks) * (_differences(drawn) - centre)
    if n_units == 1 or n_blocks == 1:
        return by_unit + by_block
    shrinkage = _two_way_shrinkage(by_unit, by_block, _cell_variance(cells, whole))
    deviations: Array = shrinkage * (by_unit + by_block)
    return deviations


def _differences(drawn: Array) -> Array:
    """From losses of A and B to their absolute and relative difference, both (2, ...)."""
    a, b = drawn
    ratio = np.divide(a, b, out=np.ones_like(a), where=b != 0)
    return np.stack([a - b, ratio - 1])


def _widening(n_clusters: int) -> float:
    """How much bootstrap deviations fall short with few clusters (Hesterberg 2015)."""
    from scipy.stats import t

    student = float(t.ppf(0.975, n_clusters - 1)) / NormalDist().inv_cdf(0.975)
    return float(student * math.sqrt(n_clusters / (n_clusters - 1)))


def _cell_variance(cells: Cells, unit_means: Array) -> Array:
    """Variance of both differences if all cells were independent, shape (2,).

    What the influences of a unit's or a block's cells have in common is taken out, so that only
    the interaction is left.
    """
    absolute, relative = cells.influences(unit_means)
    return np.array([_interaction(absolute), _interaction(relative)])


def _interaction(influence: Array) -> float:
    """Sum of squares of what neither the unit nor the block explains."""
    n_units, n_blocks = influence.shape
    rest = influence - influence.mean(axis=1, keepdims=True) - influence.mean(axis=0)
    rest += influence.mean()
    freedom = (n_units - 1) * (n_blocks - 1)
    return float(np.square(rest).sum() * n_units * n_blocks / freedom)


def _two_way_shrinkage(by_unit: Array, by_block: Array, cell: Array) -> Array:
    """Factor that brings the added deviations to the two-way variance, shape (2, 1)."""
    unit, block = by_unit.var(axis=1), by_block.var(axis=1)
    added = unit + block
    wanted = np.maximum(added - cell, np.maximum(unit, block))
    share: Array = np.divide(wanted, added, out=np.ones(2), where=added > 0)
    return np.sqrt(share)[:, np.newaxis]


def equivalence(difference: PairedDifference, margin: float) -> Verdict:
    """Judge A against B: two one-sided tests at 5 % for equivalence (Schuirmann 1987), then sign.

    ``equivalent`` when the 90 % interval of the relative difference lies within the margin: a
    difference too small to matter is not called better, however certain it is. Else ``better``
    (``worse``) when the two-sided 95 % interval is wholly below (above) zero. Else
    ``undetermined``: silence never counts as equal.

    Parameters
    ----------
    difference
        A minus B.
    margin
        Relative, in (0, 0.5], set before the labels are opened.
    """
    if not 0 < margin <= 0.5:
        raise UsageError(f"equivalence margin {margin}", expected="in (0, 0.5]")
    if -margin < difference.relative_lower and difference.relative_upper < margin:
        return "equivalent"
    if difference.relative_high < 0:
        return "better"
    if difference.relative_low > 0:
        return "worse"
    return "undetermined"


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for several comparisons (Holm 1979), in the order given.

    The smallest is multiplied by their number, the next by one less, and so on; never
    decreasing, at most 1.

    >>> holm([0.02, 0.01, 0.5])  # 0.01 * 3, then 0.02 * 2, then 0.5 * 1
    [0.04, 0.03, 0.5]
    """
    adjusted = [0.0] * len(p_values)
    reached = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        reached = max(reached, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = reached
    return adjusted


def minimum_detectable_difference(
    difference: PairedDifference, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Return the relative difference that a comparison with this scatter would detect.

    To be read before the labels are opened, from the difference of two rungs on the tuning
    period: (z of 1 - alpha / 2 + z of power) standard errors, already widened for few clusters.
    A test period with k times fewer weeks detects about sqrt(k) times less finely.

    >>> from dataclasses import replace
    >>> rows = (np.array(["a", "b"]), np.array([0, 0]), np.array([1.0, 2.0]))
    >>> same = replace(paired_block_bootstrap(rows, rows), standard_error=0.01)
    >>> round(minimum_detectable_difference(same), 4)  # (1.96 + 0.84) * 1 %
    0.028
    """
    if not (0 < power < 1 and 0 < alpha < 1):
        raise UsageError(f"power {power}, alpha {alpha}", expected="both in (0, 1)")
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) * difference.standard_error


def wilcoxon(a: Array, b: Array) -> float:
    """Return the two-sided p-value of the signed-rank test over units (Wilcoxon 1945).

    Parameters
    ----------
    a, b
        One value per unit, in the same order. Units where both are equal are set aside; if all
        are, the p-value is 1.
    """
    from scipy.stats import wilcoxon as signed_rank

    gap = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    gap = gap[np.isfinite(gap) & (gap != 0)]
    return float(signed_rank(gap).pvalue) if len(gap) else 1.0
