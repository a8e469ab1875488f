"""Turn logged fill levels into what flowed in each day: the waste that every policy meets."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.edge.errors import DataError

__all__ = ["BLOCK_DAYS", "RESET_FALL_PERCENT", "Inflow", "blocks", "daily_inflow"]

RESET_FALL_PERCENT = 40.0
"""A fall of this many points, or to 0, is a collection; a smaller one settling (brief 3.1)."""

BLOCK_DAYS = 301
"""Days of a block: the brief's 300, made 43 whole weeks so that weekdays fall together."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Inflow:
    """Percent of capacity that flows into each container each day.

    Parameters
    ----------
    ids
        Names of the n containers.
    percent
        (days, n), 0 or more, none missing.
    guessed
        (days, n): no increment could be read that day, and the mean of the container's same
        weekdays stands in for it.
    first_weekday
        Weekday of the first day, Monday 0.
    """

    ids: tuple[str, ...]
    percent: Floats
    guessed: Flags
    first_weekday: int

    def __post_init__(self) -> None:
        legal = self.percent.ndim == 2 and self.percent.shape == self.guessed.shape
        if not legal or self.percent.shape[1] != len(self.ids):
            raise DataError(
                f"inflow {self.percent.shape}, flags {self.guessed.shape}, {len(self.ids)} ids",
                expected="(days, containers) for both, and one id per container",
            )
        if not (np.isfinite(self.percent).all() and (self.percent >= 0).all()):
            raise DataError("an inflow is missing or negative", expected="0 percent or more")

    def weekdays(self) -> npt.NDArray[np.int64]:
        """Return the weekday of each day, Monday 0, (days,)."""
        return (self.first_weekday + np.arange(len(self.percent))) % 7


def daily_inflow(readings: pd.DataFrame) -> Inflow:
    """Read the increments of each container off its daily levels (brief 3.3).

    The increment of a day is the level less the level of the day before; after a collection
    it is the level itself, as the day of the collection ends with what came after it. A
    smaller fall is settling, and counts as 0. Days without reading or under alert, and the
    days after them, get the mean of the container's same weekdays and are flagged.

    Parameters
    ----------
    readings
        ``container_id``, ``day`` (midnight), ``level_percent``, ``alert``; one row per
        container and day at most.

    Raises
    ------
    DataError
        If a container has no readable increment on some weekday.

    Examples
    --------
    20, 60, then 20 after a collection, then 0 by settling: 40 in, 20 in, nothing in.

    >>> days = pd.date_range("2020-01-06", periods=4)
    >>> log = pd.DataFrame({"container_id": "a", "day": days, "alert": False,
    ...                     "level_percent": [20.0, 60.0, 20.0, 10.0]})
    >>> increments(log)[0].ravel()[1:].tolist()
    [40.0, 20.0, 0.0]
    """
    found, days, ids = increments(readings)
    guessed = np.isnan(found)
    weekdays = days.day_of_week.to_numpy()
    for weekday in range(7):
        rows = weekdays == weekday
        known = ~guessed[rows]
        if not known.any(axis=0).all():
            column = int(np.argmin(known.any(axis=0)))
            raise DataError(
                f"container {ids[column]}: no increment on weekday {weekday}",
                expected="two readings on consecutive days, at least once per weekday",
            )
        mean = np.where(known, found[rows], 0).sum(axis=0) / known.sum(axis=0)
        found[rows] = np.where(known, found[rows], mean)
    return Inflow(tuple(ids), found, guessed, int(weekdays[0]))


def increments(readings: pd.DataFrame) -> tuple[Floats, pd.DatetimeIndex, list[str]]:
    """Return increments (days, n) with NaN where none can be read, the days and the ids."""
    usable = readings[~readings["alert"].astype(bool)]
    wide = usable.pivot_table(
        index="day", columns="container_id", values="level_percent", observed=True
    )
    days = pd.date_range(readings["day"].min(), readings["day"].max(), freq="D")
    ids = sorted(str(one) for one in readings["container_id"].unique())
    level = wide.reindex(index=days, columns=ids).to_numpy(np.float64)
    rise = np.diff(level, axis=0, prepend=np.nan)
    emptied = (rise <= -RESET_FALL_PERCENT) | ((rise < 0) & (level == 0))
    found = np.where(emptied, level, np.maximum(rise, 0.0))
    return found, pd.DatetimeIndex(days), ids


def blocks(inflow: Inflow, count: int = 3, days: int = BLOCK_DAYS) -> Inflow:
    """Lay ``count`` stretches of a log side by side: each container becomes ``count`` of them.

    Raises
    ------
    DataError
        If the log is too short, or ``days`` are no whole weeks: weekdays would not agree.
    """
    if days % 7 or count * days > len(inflow.percent):
        raise DataError(
            f"{count} blocks of {days} days in {len(inflow.percent)} days",
            expected="blocks of whole weeks that fit the log",
        )
    pieces = [slice(k * days, (k + 1) * days) for k in range(count)]
    return Inflow(
        tuple(f"{one}#{k + 1}" for k in range(count) for one in inflow.ids),
        np.concatenate([inflow.percent[piece] for piece in pieces], axis=1),
        np.concatenate([inflow.guessed[piece] for piece in pieces], axis=1),
        inflow.first_weekday,
    )
