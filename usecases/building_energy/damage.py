"""What befalls meter readings: short histories, lost hours, outages, shifted files.

Damage is done when rows are read, so that a year of history for each of 16,000 rows is never
copied as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from common.lab.usecase import Array

__all__ = ["Damage", "Damaged", "forget", "lose_hours", "outage", "shift"]

Damage = Callable[[Array, Array], Array]
"""``damage(load_kwh, rows)`` alters histories (n, days, 24) with row numbers (n,)."""

DAMAGE_SEED = 5
LOST_SHARE = 0.05
OUTAGE_DAYS = 3


@dataclass(frozen=True)
class Damaged:
    """Histories that are altered when they are read; behaves as an array (n, days, 24).

    Parameters
    ----------
    histories
        An array or `common.lab.windows.Windows`.
    damage
        What befalls them; a row's damage depends on its number alone, not on its neighbours.
    rows
        Row numbers, shape (n,).
    """

    histories: Any
    damage: Damage
    rows: Array

    @classmethod
    def of(cls, histories: Any, damage: Damage) -> "Damaged":
        """Return the histories with their rows numbered from 0."""
        return cls(histories, damage, np.arange(len(histories)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        shape: tuple[int, ...] = self.histories.shape
        return shape

    @property
    def dtype(self) -> Any:
        """Type of the values."""
        return self.histories.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> "Damaged":
        """Return the histories at ``rows`` (slice, mask or indices)."""
        return replace(self, histories=self.histories[rows], rows=self.rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:  # noqa: FBT001 - numpy's protocol
        """Copy the altered histories out."""
        if copy is False:
            raise ValueError("damaged histories have no array of their own: a copy is needed")
        values = self.damage(np.array(self.histories), self.rows)
        return values if dtype is None else values.astype(dtype)


def forget(days: int, load_kwh: Array, rows: Array) -> Array:
    """Keep the last ``days`` days: a meter that has just been read."""
    del rows
    load_kwh[:, : max(load_kwh.shape[1] - days, 0)] = np.nan
    return load_kwh


def lose_hours(load_kwh: Array, rows: Array) -> Array:
    """Lose one hour in twenty, at random."""
    for history, row in zip(load_kwh, rows, strict=True):
        rng = np.random.default_rng([DAMAGE_SEED, row])
        history[rng.random(history.shape, dtype=np.float32) < LOST_SHARE] = np.nan
    return load_kwh


def outage(value: float, recent_days: int, load_kwh: Array, rows: Array) -> Array:
    """Write ``value`` (NaN or 0) over three days among the last ``recent_days``."""
    for history, row in zip(load_kwh, rows, strict=True):
        rng = np.random.default_rng([DAMAGE_SEED, row])
        recent = min(recent_days, len(history))
        start = len(history) - recent + rng.integers(0, recent - OUTAGE_DAYS + 1)
        history[start : start + OUTAGE_DAYS] = value
    return load_kwh


def shift(load_kwh: Array, rows: Array) -> Array:
    """Move all readings one hour later, as a file in the wrong time zone does."""
    del rows
    moved: Array = np.roll(load_kwh.reshape(len(load_kwh), -1), 1, axis=1).reshape(load_kwh.shape)
    moved[:, 0, 0] = np.nan
    return moved
