"""What a contest can detect, said before its labels are opened."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from common.edge.errors import UsageError
from common.lab.cells import Cells, Losses, paired_cells
from common.lab.usecase import Array, Task

__all__ = ["Design", "Scatter", "detectable", "minimum_detectable"]

POWER = 0.8
ALPHA = 0.05


@dataclass(frozen=True)
class Design:
    """How many units and blocks a contest rests on.

    Parameters
    ----------
    n_units, n_blocks
        Statistical units, and dependence blocks (weeks), two at least together.
    """

    n_units: int
    n_blocks: int

    def __post_init__(self) -> None:
        if min(self.n_units, self.n_blocks) < 1 or self.n_units + self.n_blocks < 3:
            raise UsageError(
                f"a contest of {self.n_units} units and {self.n_blocks} blocks",
                expected="one of each at least, two of one",
            )

    @property
    def sizes(self) -> tuple[int, int]:
        """Units and blocks."""
        return self.n_units, self.n_blocks

    @classmethod
    def of(cls, units: Array, blocks: Array) -> "Design":
        """Count the units and blocks of a question paper."""
        return cls(len(np.unique(units)), len(np.unique(blocks)))


@dataclass(frozen=True)
class Scatter:
    """Variances of one unit's, one block's and one cell's part of a relative difference.

    The model is additive: difference = truth + unit + block + cell (two-way random effects,
    estimated by the mean squares of the cells' influences; Searle, Casella and McCulloch 1992).
    """

    unit: float
    block: float
    cell: float

    def standard_error(self, design: Design) -> float:
        """Return the standard error that a design would have.

        >>> round(Scatter(0.04, 0.0, 0.0).standard_error(Design(16, 50)), 3)  # 0.2 / sqrt(16)
        0.05
        """
        return math.sqrt(
            self.unit / design.n_units
            + self.block / design.n_blocks
            + self.cell / (design.n_units * design.n_blocks)
        )

    def freedom(self, design: Design) -> float:
        """Return the degrees of freedom of the standard error (Satterthwaite 1946).

        >>> Scatter(0.04, 0.0, 0.0).freedom(Design(16, 50))
        15.0
        """
        n_units, n_blocks = design.n_units, design.n_blocks
        parts = (
            (self.unit / n_units, n_units - 1),
            (self.block / n_blocks, n_blocks - 1),
            (self.cell / (n_units * n_blocks), (n_units - 1) * (n_blocks - 1)),
        )
        strays = sum(part**2 / max(1, free) for part, free in parts)
        return sum(part for part, _ in parts) ** 2 / strays

    @classmethod
    def of(cls, cells: Cells) -> "Scatter":
        """Estimate the variances from the losses of two models on the same rows.

        Each unit's departure from the mean is its own relative difference less the common
        one; a cell's departure is its influence times the number of cells.
        """
        n_units, n_blocks = cells.rows.shape
        whole = cells.unit_means(np.ones((1, n_blocks)))[:, 0]
        loss_a, loss_b = whole.mean(axis=1)
        by_unit = (whole[0] - loss_a / loss_b * whole[1]) / loss_b
        by_cell = cells.influences(whole)[1] * n_units * n_blocks
        by_block = by_cell.mean(axis=0)
        rest = by_cell - by_block - by_cell.mean(axis=1, keepdims=True)
        cell = float(np.square(rest).sum() / max(1, (n_units - 1) * (n_blocks - 1)))
        return cls(
            unit=max(0.0, _variance(by_unit) - cell / n_blocks),
            block=max(0.0, _variance(by_block) - cell / n_units),
            cell=cell,
        )


def minimum_detectable(task: Task, past: Sequence[tuple[Losses, Losses]], design: Design) -> float:
    """Return the relative difference that a contest detects four times in five.

    From differences of pairs of our own rungs on past data asked in the same way (every
    eighth day of the tuning year, say), brought to the contest's number of units and blocks:
    see `detectable`. The median over the pairs; for one candidate (Holm asks more of each of
    several).

    Parameters
    ----------
    task
        Its transform is what losses go through.
    past
        Losses of two rungs each; the reference against each other rung tells most.
    design
        Of the contest.

    Raises
    ------
    UsageError
        If there is no pair.
    """
    if not past:
        raise UsageError("no past difference", expected="one pair of rungs at least")
    return float(
        np.median(
            [detectable(Scatter.of(paired_cells(a, b, task.transform)), design) for a, b in past]
        )
    )


def detectable(scatter: Scatter, design: Design) -> float:
    """Return the half-width of the interval to expect, and what the power asks beyond it.

    The half-width is that of `common.lab.statistics.paired_block_bootstrap`: Student's t for
    each axis, the variance of cells counted once, never less than the wider axis. Beyond it,
    0.84 standard errors would do if the standard error were known. It is estimated twice, here
    and in the contest: with nu degrees of freedom each, and a half-width of h standard errors,
    what must be found is b = 0.84 sqrt(1 + (h^2 + (h + b)^2) / 2 nu), because a standard error
    strays by 1 / sqrt(2 nu) of itself. nu is Satterthwaite's (1946).
    """
    n_units, n_blocks = design.sizes
    error = scatter.standard_error(design)
    if error == 0:
        return 0.0
    cell = scatter.cell / (n_units * n_blocks)
    axes = [
        _student(n_units) ** 2 * (scatter.unit / n_units + cell),
        _student(n_blocks) ** 2 * (scatter.block / n_blocks + cell),
    ]
    shared = NormalDist().inv_cdf(1 - ALPHA / 2) ** 2 * cell
    half_width = math.sqrt(max(sum(axes) - shared, *axes) if min(design.sizes) > 1 else sum(axes))
    return half_width + error * _beyond(half_width / error, scatter.freedom(design))


def _beyond(half_width: float, freedom: float) -> float:
    """Solve b = z sqrt(1 + (h^2 + (h + b)^2) / 2 nu) for b, in standard errors.

    >>> round(_beyond(1.96, 1e9), 4)
    0.8416
    """
    z = NormalDist().inv_cdf(POWER)
    k = z**2 / (2 * freedom)
    inside = (k * half_width) ** 2 + (1 - k) * (z**2 + 2 * k * half_width**2)
    return (k * half_width + math.sqrt(inside)) / (1 - k)


def _student(n_clusters: int) -> float:
    """Two-sided critical value with one cluster less of freedom; 0 where none is resampled."""
    from scipy.stats import t

    return float(t.ppf(1 - ALPHA / 2, n_clusters - 1)) if n_clusters > 1 else 0.0


def _variance(values: Array) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
