"""The parts of an additive model: bins, step functions, grids of two features, a line."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.trees import Box, Floats, Floats32, Ints

__all__ = ["Axis", "Grid", "Linear", "Steps", "check_values"]


@dataclass(frozen=True)
class Axis:
    """The bins of one feature: ``thresholds[b-1] < x <= thresholds[b]``, NaN in the last.

    Parameters
    ----------
    feature
        Index of the feature.
    thresholds
        Shape (k,), float32, increasing; they make k + 1 bins and that of NaN.

    Examples
    --------
    >>> Axis(0, np.array([1.0, 2.0], dtype="float32")).bins(np.array([1.0, 1.5, 9.0, np.nan]))
    array([0, 1, 2, 3])
    """

    feature: int
    thresholds: Floats32

    def __post_init__(self) -> None:
        if self.thresholds.dtype != np.float32 or np.any(np.diff(self.thresholds) <= 0):
            raise UsageError(
                f"feature {self.feature}: thresholds {self.thresholds}",
                expected="float32, strictly increasing",
            )

    def __len__(self) -> int:
        return len(self.thresholds) + 2

    def bins(self, x: npt.ArrayLike) -> Ints:
        """Return the bin of each value; numpy sorts NaN after +inf, hence last."""
        edges = np.append(self.thresholds, np.float32(np.inf))
        return np.searchsorted(edges, np.asarray(x, dtype=np.float32))

    def samples(self) -> Floats32:
        """Return one value out of each bin: its upper edge, +inf, NaN."""
        return np.append(self.thresholds, np.array([np.inf, np.nan], dtype=np.float32))

    def spans(self, box: Box) -> list[slice]:
        """Return the bins that a leaf's box covers."""
        first = 0 if box.low == -np.inf else int(self.bins(box.low)) + 1
        last = int(self.bins(box.high))
        spans = [slice(first, last + 1)]
        return [*spans, slice(len(self) - 1, len(self))] if box.missing else spans


@dataclass(frozen=True)
class Steps:
    """A step function of one feature: one value per bin, that of NaN last."""

    axis: Axis
    values: Floats

    def __post_init__(self) -> None:
        check_values(self.values, (len(self.axis),))

    def __call__(self, x: npt.ArrayLike) -> Floats:
        """Return the value at each ``x``."""
        return self.values[self.axis.bins(x)]

    def collapsed(self) -> "Steps":
        """Return the same function without the thresholds where it does not change."""
        differs = np.diff(self.values[:-1].astype(np.float32)) != 0
        keep = np.concatenate([differs, [True, True]])
        return Steps(Axis(self.axis.feature, self.axis.thresholds[differs]), self.values[keep])


@dataclass(frozen=True)
class Grid:
    """A function of two features, constant on each cell: shape (len(rows), len(columns))."""

    rows: Axis
    columns: Axis
    values: Floats

    def __post_init__(self) -> None:
        check_values(self.values, (len(self.rows), len(self.columns)))

    def __call__(self, X: Floats32) -> Floats:
        """Return the value on each line of ``X`` (lines, d)."""
        cells = (
            self.rows.bins(X[:, self.rows.feature]),
            self.columns.bins(X[:, self.columns.feature]),
        )
        return self.values[cells]


@dataclass(frozen=True)
class Linear:
    """A linear part, ``sum(coefficients * (x - means))``, NaN read as ``fill``.

    All of shape (d,); a coefficient of zero ignores its feature, also where it is NaN
    or infinite.
    """

    coefficients: Floats
    means: Floats
    fill: Floats

    def __call__(self, X: Floats32) -> Floats:
        """Return the term of each feature, shape (lines, d)."""
        ignored = np.isnan(X) | (self.coefficients == 0)
        return (np.where(ignored, self.fill, X) - self.means) * self.coefficients


def check_values(values: Floats, shape: tuple[int, ...]) -> None:
    """Raise UsageError unless the values have that shape and are finite."""
    if values.shape != shape or not np.isfinite(values).all():
        raise UsageError(
            f"values of shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} not finite",
            expected=f"shape {shape}, all finite",
        )
