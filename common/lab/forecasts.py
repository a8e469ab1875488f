"""Forecasts held against the truth: flat arrays sorted by unit, ready to be scored."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array, Examples

__all__ = ["LEVELS", "Forecasts", "seasonal_scale"]

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantile levels of the vendor file (``briefs/building_energy.md`` 3.2)."""


@dataclass(frozen=True)
class Forecasts:
    """Truth and forecasts side by side, flat and sorted by unit.

    Values without truth are left out. A forecast missing where the truth is known is refused:
    every model is scored on the same values.

    Parameters
    ----------
    units
        Names of the units, sorted, shape (n_units,).
    starts
        Index of each unit's first value, shape (n_units,).
    actual, predicted
        Shape (n_values,).
    day, slot
        Target day (datetime64[D]) and position in the day, shape (n_values,).
    quantiles
        Shape (n_values, n_levels) at `LEVELS`, or None.
    scale
        Denominator of MASE for each unit, shape (n_units,), or None; see `seasonal_scale`.
    """

    units: Array
    starts: Array
    actual: Array
    predicted: Array
    day: Array
    slot: Array
    quantiles: Array | None = None
    scale: Array | None = None

    def __post_init__(self) -> None:
        missing = int(np.isnan(self.predicted).sum())
        if self.quantiles is not None:
            missing += int(np.isnan(self.quantiles).any(axis=1).sum())
        if missing:
            raise DataError(
                f"{missing} of {len(self)} values to score have no forecast",
                expected="a forecast and its quantiles wherever the truth is known",
                remedy="give the model a fallback: dropping its missing values would flatter it",
            )
        if self.quantiles is not None and self.quantiles.shape[1] != len(LEVELS):
            raise UsageError(
                f"quantiles of shape {self.quantiles.shape}", expected=f"one column for {LEVELS}"
            )

    def __len__(self) -> int:
        return len(self.actual)

    @classmethod
    def from_examples(
        cls,
        examples: Examples,
        outputs: Mapping[str, Array],
        scale: Mapping[str, float] | None = None,
    ) -> "Forecasts":
        """Hold the graph's outputs against the examples' truth.

        Parameters
        ----------
        examples
            n rows with targets of shape (n, n_slots).
        outputs
            ``forecast`` (n, n_steps) and, where there is one, ``quantiles``
            (n, n_steps, n_levels).
        scale
            Unit name to MASE denominator.
        """
        n_slots = examples.target.shape[1]
        known = np.isfinite(examples.target) & (examples.slots >= 0)
        quantiles = None
        if "quantiles" in outputs:
            quantiles = examples.on_slots(outputs["quantiles"])[known]
        return cls.from_columns(
            np.repeat(examples.units, n_slots).reshape(known.shape)[known],
            examples.target[known],
            examples.on_slots(outputs["forecast"])[known],
            quantiles=quantiles,
            hours=(
                np.broadcast_to(examples.days[:, None], known.shape)[known],
                np.broadcast_to(np.arange(n_slots), known.shape)[known],
            ),
            scale=scale,
        )

    @classmethod
    def from_columns(
        cls,
        units: Array,
        actual: Array,
        predicted: Array,
        *,
        quantiles: Array | None = None,
        hours: tuple[Array, Array] | None = None,
        scale: Mapping[str, float] | None = None,
    ) -> "Forecasts":
        """Sort flat columns by unit and drop the values without truth.

        ``hours`` is (day, slot); left out, all values are successive slots of one day per unit.

        >>> forecasts = Forecasts.from_columns(["b", "a", "b"], [1, 2, np.nan], [1, 1, 1])
        >>> forecasts.units.tolist(), forecasts.actual.tolist()
        (['a', 'b'], [2.0, 1.0])
        """
        names, code = np.unique(np.asarray(units, dtype=str), return_inverse=True)
        if hours is None:
            rank = np.argsort(np.argsort(code, kind="stable"), kind="stable")
            hours = np.zeros(len(code), "M8[D]"), rank - np.searchsorted(np.sort(code), code)
        truth = np.asarray(actual, dtype=np.float64)
        order = np.flatnonzero(np.isfinite(truth))
        order = order[np.lexsort((hours[1][order], hours[0][order], code[order]))]
        present, starts = np.unique(code[order], return_index=True)
        names = names[present]
        return cls(
            units=names,
            starts=starts,
            actual=truth[order],
            predicted=np.asarray(predicted, dtype=np.float64)[order],
            day=hours[0][order],
            slot=hours[1][order],
            quantiles=None if quantiles is None else np.asarray(quantiles, np.float64)[order],
            scale=None if scale is None else np.array([scale.get(n, np.nan) for n in names]),
        )

    @property
    def counts(self) -> Array:
        """Number of scored values of each unit, shape (n_units,)."""
        return np.diff(np.append(self.starts, len(self)))

    def sums(self, values: Array) -> Array:
        """Sum values of shape (n_values,) within each unit."""
        return np.add.reduceat(values, self.starts)

    def means(self, values: Array) -> Array:
        """Average values of shape (n_values,) within each unit."""
        return self.sums(values) / self.counts

    def level(self, level: float) -> Array:
        """Return the forecasts of one quantile level, shape (n_values,)."""
        if self.quantiles is None:
            raise UsageError(
                "a metric of intervals on a point forecast",
                expected='an output "quantiles" of shape (n, n_steps, 7)',
            )
        return self.quantiles[:, LEVELS.index(level)]


def seasonal_scale(examples: Examples, season_days: int = 7) -> dict[str, float]:
    """Return each unit's in-sample mean |y_t - y_{t-168 h}|, the denominator of MASE.

    Computed on the *training* examples (Hyndman and Koehler 2006, eq. 5 with a season of one
    week); pairs with a missing end do not count. Units without a pair are left out.
    """
    names, code = np.unique(np.asarray(examples.units, str), return_inverse=True)
    day = examples.days.astype("M8[D]").astype(np.int64)
    keys = code * (1 << 32) + day
    order = np.argsort(keys, kind="stable")
    wanted = keys - season_days
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    found = keys[order][place] == wanted
    gap = np.abs(examples.target[found] - examples.target[order[place[found]]])
    gap_sum, gap_count = np.nansum(gap, axis=1), np.isfinite(gap).sum(axis=1)
    total = np.bincount(code[found], gap_sum, len(names))
    count = np.bincount(code[found], gap_count, len(names))
    return {str(n): float(t / c) for n, t, c in zip(names, total, count, strict=True) if c}
