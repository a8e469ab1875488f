"""Probabilities held against what happened: flat arrays sorted by unit, ready to be scored.

The counterpart of `common.lab.forecasts` for tasks whose answer is a chance: a bay will be
free, a stay will exceed its limit, a container will overflow.
"""

from dataclasses import dataclass, replace

import numpy as np

from common.edge.errors import DataError
from common.lab.usecase import Array, Examples

__all__ = ["EVERYTHING", "Probabilities", "as_they_are", "no_scale", "squared_losses"]

EVERYTHING = "ensemble"
"""Name of the one unit of losses that count each row the same, whichever unit it is of."""


@dataclass(frozen=True)
class Probabilities:
    """Truth (0 or 1) and probabilities side by side, flat and sorted by unit.

    Values without truth are left out. A probability missing where the truth is known is
    refused: every model is scored on the same values.

    Parameters
    ----------
    units
        Names of the units, sorted, shape (n_units,).
    starts
        Index of each unit's first value, shape (n_units,).
    actual
        0 or 1, shape (n_values,).
    predicted
        Probability of 1, in [0, 1], shape (n_values,).
    blocks
        Blocks of time that intervals draw from, sorted, shape (n_blocks,).
    block
        Index of each value's block, shape (n_values,).
    step
        Which of the graph's steps the value is of, shape (n_values,).
    reference
        Probability given by the declared reference, or None.
    """

    units: Array
    starts: Array
    actual: Array
    predicted: Array
    blocks: Array
    block: Array
    step: Array
    reference: Array | None = None

    def __post_init__(self) -> None:
        for name, values in (("probability", self.predicted), ("reference", self.reference)):
            if values is not None and not ((values >= 0) & (values <= 1)).all():
                wrong = int((~((values >= 0) & (values <= 1))).sum())
                raise DataError(
                    f"{wrong} of {len(self)} values to score have no {name} in [0, 1]",
                    expected="a probability wherever the truth is known",
                    remedy="give the model a fallback: dropping values would flatter it",
                )
        if not np.isin(self.actual, (0, 1)).all():
            raise DataError("a truth that is neither 0 nor 1", expected="0, 1 or unknown (NaN)")

    def __len__(self) -> int:
        return len(self.actual)

    @classmethod
    def from_examples(
        cls, examples: Examples, probability: Array, reference: Array | None = None
    ) -> "Probabilities":
        """Hold the graph's probabilities against the examples' truth.

        Parameters
        ----------
        examples
            n rows with targets of shape (n, n_slots), 0, 1 or NaN.
        probability, reference
            Outputs of shape (n, n_steps).
        """
        known = np.isfinite(examples.target) & (examples.slots >= 0)
        spread = {
            name: np.broadcast_to(values[:, None], known.shape)[known]
            for name, values in (("units", examples.units), ("blocks", examples.blocks))
        }
        return cls.from_columns(
            spread["units"],
            examples.target[known],
            examples.on_slots(probability)[known],
            blocks=spread["blocks"],
            steps=examples.slots[known],
            reference=None if reference is None else examples.on_slots(reference)[known],
        )

    @classmethod
    def from_columns(
        cls,
        units: Array,
        actual: Array,
        predicted: Array,
        *,
        blocks: Array | None = None,
        steps: Array | None = None,
        reference: Array | None = None,
    ) -> "Probabilities":
        """Sort flat columns by unit and drop the values without truth.

        Left out, all values are of one block and of step 0.

        >>> found = Probabilities.from_columns(["b", "a", "b"], [1, 0, np.nan], [0.5, 0.2, 0.1])
        >>> found.units.tolist(), found.actual.tolist(), found.predicted.tolist()
        (['a', 'b'], [0.0, 1.0], [0.2, 0.5])
        """
        truth = np.asarray(actual, dtype=np.float64)
        names, code = np.unique(np.asarray(units, dtype=str), return_inverse=True)
        order = np.flatnonzero(np.isfinite(truth))
        order = order[np.argsort(code[order], kind="stable")]
        present, starts = np.unique(code[order], return_index=True)
        zeros = np.zeros(len(truth), dtype=np.int64)
        labels, block = np.unique(
            (zeros if blocks is None else np.asarray(blocks))[order], return_inverse=True
        )
        return cls(
            units=names[present],
            starts=starts,
            actual=truth[order],
            predicted=np.asarray(predicted, dtype=np.float64)[order],
            blocks=labels,
            block=block,
            step=(zeros if steps is None else np.asarray(steps))[order],
            reference=None if reference is None else np.asarray(reference, np.float64)[order],
        )

    def at_step(self, step: int) -> "Probabilities":
        """Return the values of one step; units without any go, blocks stay."""
        kept = self.step == step
        code = np.repeat(np.arange(len(self.units)), self.counts)[kept]
        present, starts = np.unique(code, return_index=True)
        return replace(
            self,
            units=self.units[present],
            starts=starts,
            actual=self.actual[kept],
            predicted=self.predicted[kept],
            block=self.block[kept],
            step=self.step[kept],
            reference=None if self.reference is None else self.reference[kept],
        )

    @property
    def counts(self) -> Array:
        """Number of scored values of each unit, shape (n_units,)."""
        return np.diff(np.append(self.starts, len(self)))

    def means(self, values: Array) -> Array:
        """Average values of shape (n_values,) within each unit."""
        return np.add.reduceat(values, self.starts) / self.counts

    def block_sums(self, values: Array) -> Array:
        """Sum values of shape (n_values,) within each block, shape (n_blocks,)."""
        return np.bincount(self.block, values, minlength=len(self.blocks))

    def pooled_means(self, values: Array, counts: Array) -> Array:
        """Average values over all units, each block taken ``counts`` times, shape (n_draws,).

        Parameters
        ----------
        values
            Shape (n_values,).
        counts
            Shape (n_draws, n_blocks).
        """
        n_values = counts @ self.block_sums(np.ones(len(self)))
        out = np.full(len(counts), np.nan)
        np.divide(counts @ self.block_sums(values), n_values, out=out, where=n_values > 0)
        return out

    def by_unit(self) -> list[slice]:
        """Return where each unit's values lie."""
        stops = (*self.starts[1:].tolist(), len(self))
        return [slice(start, stop) for start, stop in zip(self.starts, stops, strict=True)]


def squared_losses(
    examples: Examples, probability: Array, *, pooled: bool
) -> tuple[Array, Array, Array]:
    """Return the unit, block and Brier loss of each row, as ``Task.unit_losses`` does.

    Parameters
    ----------
    examples
        Rows with targets 0, 1 or NaN.
    probability
        Output of shape (n, n_steps).
    pooled
        True where every row counts the same and blocks alone are resampled, as where the
        headline is a pooled score; False where every unit counts the same.

    Returns
    -------
    unit, block, loss
        Shape (n,); the loss is the mean over the row's known steps, NaN where none is known.
    """
    error = (examples.on_slots(probability) - examples.target) ** 2
    known = np.isfinite(error) & (examples.slots >= 0)
    loss = np.full(len(examples), np.nan)
    count = known.sum(axis=1)
    np.divide(np.where(known, error, 0.0).sum(axis=1), count, out=loss, where=count > 0)
    unit = np.full(len(examples), EVERYTHING) if pooled else examples.units
    return unit, examples.blocks, loss


def no_scale(examples: Examples) -> dict[str, float]:
    """Return nothing: no metric of a probability takes a denominator from the past."""
    del examples
    return {}


def as_they_are(losses: Array) -> Array:
    """Return the losses: they are averaged without transform."""
    return losses
