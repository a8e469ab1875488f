"""Histories cut out of long series: kept as indices, copied only when a chunk is read."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array

__all__ = ["Windows"]


@dataclass(frozen=True)
class Windows:
    """Rows that are windows of a common series; behaves as an array of shape (n, length, ...).

    A year of hourly history for each of 45,000 training rows would fill 3 GB; the series
    behind it fills 10 MB.

    Parameters
    ----------
    series
        Shape (n_series, n_days, ...).
    which
        Series of each row, shape (n,).
    stops
        One past the last day of each row's window, shape (n,).
    length
        Days in a window; days before the series begins are NaN.

    Examples
    --------
    >>> series = np.arange(4.0).reshape(1, 4)
    >>> windows = Windows(series, np.array([0, 0]), np.array([3, 1]), length=2)
    >>> np.asarray(windows).tolist()
    [[1.0, 2.0], [nan, 0.0]]
    """

    series: Array
    which: Array
    stops: Array
    length: int

    def __post_init__(self) -> None:
        if len(self.stops) and int(self.stops.max()) > self.series.shape[1]:
            raise UsageError(
                f"a window that stops at day {int(self.stops.max())}",
                expected=f"at most {self.series.shape[1]}, the series' length",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that the windows stand for."""
        return (len(self.which), self.length, *self.series.shape[2:])

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        return self.series.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.series.ndim

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, rows: Any) -> "Windows":
        """Return the windows at ``rows`` (slice, mask or indices)."""
        return Windows(self.series, self.which[rows], self.stops[rows], self.length)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001 - numpy's protocol
        """Copy the windows out."""
        if copy is False:
            raise ValueError("windows have no array of their own: a copy is needed")
        days = self.stops[:, None] - self.length + np.arange(self.length)
        values = self.series[self.which[:, None], np.maximum(days, 0)]
        before = days < 0
        if before.any():
            values[before] = np.nan if values.dtype.kind == "f" else 0
        return values if dtype is None else values.astype(dtype)
