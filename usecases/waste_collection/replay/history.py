"""What a planner knows at 06:00: readings so far, what was emptied, what crews saw."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import DataError

__all__ = ["STEP_PERCENT", "TOP", "History", "as_read", "increments", "step_of"]

STEP_PERCENT = 20.0
"""The sensors of Wyndham tell six levels: 0, 20 ... 100 % (brief 1)."""
TOP = 5
"""The level number that stands for 100 %; one more stands for overflowing."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class History:
    """The past of n containers, up to this morning.

    Parameters
    ----------
    reading_percent
        (days + 1, n): the reading of each morning, this one last; NaN where none came.
    emptied
        (days, n): whether the container was emptied on that day.
    seen_percent
        (days, n): the level that the crew saw when it emptied; NaN elsewhere.
    weekday
        Of today, Monday 0.
    """

    reading_percent: Floats
    emptied: Flags
    seen_percent: Floats
    weekday: int

    def __post_init__(self) -> None:
        days = len(self.reading_percent) - 1
        if days < 1 or len(self.emptied) != days or self.seen_percent.shape != self.emptied.shape:
            raise DataError(
                f"{days + 1} mornings, {len(self.emptied)} days emptied, "
                f"{len(self.seen_percent)} days seen",
                expected="one morning more than days, and at least one day",
            )

    @property
    def n_containers(self) -> int:
        """How many containers there are."""
        return int(self.reading_percent.shape[1])


def as_read(level_percent: Floats) -> Floats:
    """Return levels as a sensor tells them: the nearest step, 100 where full or beyond.

    >>> as_read(np.array([9.0, 10.0, 47.0, 130.0])).tolist()
    [0.0, 20.0, 40.0, 100.0]
    """
    steps = np.floor(level_percent / STEP_PERCENT + 0.5)
    return np.asarray(STEP_PERCENT * np.clip(steps, 0, TOP))


def step_of(level_percent: Floats) -> npt.NDArray[np.int64]:
    """Return the level number 0..5 of readings; those that are missing give 0."""
    return np.rint(np.nan_to_num(level_percent) / STEP_PERCENT).astype(np.int64).clip(0, TOP)


def increments(history: History) -> Floats:
    """Return what each day brought as the readings tell it, (days, n), NaN where unknown.

    Reading of the next morning less that of the day's own, or less 0 where the container was
    emptied. A fall that no emptying explains is settling, and counts as 0.

    >>> past = History(np.array([[20.0], [60.0], [20.0]]), np.array([[False], [True]]),
    ...                np.array([[np.nan], [60.0]]), 0)
    >>> increments(past).ravel().tolist()
    [40.0, 20.0]
    """
    before = np.where(history.emptied, 0.0, history.reading_percent[:-1])
    return np.asarray(np.maximum(history.reading_percent[1:] - before, 0.0))
