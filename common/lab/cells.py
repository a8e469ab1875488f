"""Sums of losses by unit and block: all that a paired comparison needs of a million rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from common.edge.errors import DataError
from common.lab.dataset import Array

__all__ = ["Cells", "Grid", "Losses", "Transform", "paired_cells"]

Losses: TypeAlias = tuple[Array, Array, Array]
"""What ``Task.unit_losses`` returns: unit, block and loss of each row, each of shape (n,)."""

Transform: TypeAlias = Callable[[Array], Array]
"""Applied to each unit's mean loss before averaging over units (``np.sqrt`` for an RMSE)."""


@dataclass(frozen=True)
class Cells:
    """Sums of both losses and numbers of rows by (unit, block), shape (n_units, n_blocks)."""

    a: Array
    b: Array
    rows: Array
    transform: Transform

    def unit_means(self, blocks: Array) -> Array:
        """Return the transformed mean losses of A and B, shape (2, n_draws, n_units).

        ``blocks`` (n_draws, n_blocks) says how often each block counts. A unit without any
        drawn row is NaN.
        """
        rows = blocks @ self.rows.T
        rows[rows == 0] = np.nan
        return np.stack([self.transform(blocks @ sums.T / rows) for sums in (self.a, self.b)])

    def influences(self, unit_means: Array) -> tuple[Array, Array]:
        """Return what each cell adds to the absolute and the relative difference.

        A cell's influence is what the loss gains when the cell counts for more: the slope of
        the transform at its unit's mean times the cell's departure from that mean.

        Parameters
        ----------
        unit_means
            Transformed mean losses of A and B over all blocks, shape (2, n_units).
        """
        n_units = len(self.rows)
        loss = unit_means.mean(axis=1)
        rows = self.rows.sum(axis=1, keepdims=True)
        influences = []
        for sums, means in zip((self.a, self.b), unit_means, strict=True):
            mean = sums.sum(axis=1, keepdims=True) / rows
            step = 1e-6 * np.where(mean == 0, 1, mean)
            slope = (self.transform(mean + step) - means[:, np.newaxis]) / step
            influences.append(slope * (sums - mean * self.rows) / rows / n_units)
        ratio = loss[0] / loss[1] if loss[1] else 1.0
        absolute = influences[0] - influences[1]
        return absolute, (influences[0] - ratio * influences[1]) / (loss[1] or 1.0)


@dataclass(frozen=True)
class Grid:
    """Which cell each row falls into: found once, for the losses of any number of models.

    Parameters
    ----------
    units, blocks
        Distinct values, sorted.
    known
        Rows with a loss, shape (n,).
    code
        Cell of each known row.
    """

    units: Array
    blocks: Array
    known: Array
    code: Array

    @classmethod
    def of(cls, losses: Losses) -> "Grid":
        """Lay out the cells of the rows that have a loss.

        Raises
        ------
        DataError
            If no row has.
        """
        known = ~np.isnan(losses[2])
        if not known.any():
            raise DataError("a comparison over no known loss", expected="one known truth at least")
        units, unit_code = np.unique(np.asarray(losses[0])[known], return_inverse=True)
        blocks, block_code = np.unique(np.asarray(losses[1])[known], return_inverse=True)
        return cls(units, blocks, known, unit_code * len(blocks) + block_code)

    def sums(self, loss: Array) -> Array:
        """Sum the losses of each cell, shape (n_units, n_blocks).

        Raises
        ------
        DataError
            If ``loss`` is not known on exactly the rows of the grid.
        """
        if len(loss) != len(self.known):
            raise DataError(
                f"paired losses of {len(loss)} and {len(self.known)} rows that are not the same",
                expected="the same (unit, block) rows in the same order for both models",
            )
        other = int((np.isnan(loss) == self.known).sum())
        if other:
            raise DataError(
                f"{other} rows where only one model has a loss",
                expected="a loss of both models, or NaN for both where the truth is unknown",
            )
        return self._gather(np.asarray(loss, np.float64)[self.known])

    def rows(self) -> Array:
        """Count the known rows of each cell, shape (n_units, n_blocks)."""
        return self._gather(None)

    def _gather(self, weights: Array | None) -> Array:
        shape = len(self.units), len(self.blocks)
        summed = np.bincount(self.code, weights, minlength=shape[0] * shape[1])
        return summed.reshape(shape).astype(np.float64)


def paired_cells(a: Losses, b: Losses, transform: Transform | None) -> Cells:
    """Gather the losses of two models on the same rows.

    Raises
    ------
    DataError
        If the rows differ, or only one model has a loss somewhere, or none has any.
    """
    if len(a[2]) != len(b[2]) or any(np.any(a[i] != b[i]) for i in (0, 1)):
        raise DataError(
            f"paired losses of {len(a[2])} and {len(b[2])} rows that are not the same",
            expected="the same (unit, block) rows in the same order for both models",
        )
    grid = Grid.of(b)
    return Cells(grid.sums(a[2]), grid.sums(b[2]), grid.rows(), transform or _identity)


def _identity(values: Array) -> Array:
    return values
