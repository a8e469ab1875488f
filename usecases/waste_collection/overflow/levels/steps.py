"""What happened between two daily levels: a collection, waste coming in, or nothing known."""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["RESET_FALL_POINTS", "DailySteps", "steps_of"]

RESET_FALL_POINTS = 40.0
"""A fall of so many points is a collection (``briefs/waste_collection.md`` 3.1)."""
EMPTY_BELOW_PERCENT, EMPTY_FALL_POINTS = 5.0, 15.0
"""So is a fall to 0: below the first of a sensor that resolves it, by more than its noise."""


@dataclass(frozen=True)
class DailySteps:
    """Each day's step from the day before; arrays of shape (..., n_days).

    Parameters
    ----------
    level
        Percent of the capacity, NaN where not known.
    before
        The level of the day before, NaN on the first day.
    known
        Whether both are known.
    collected
        Whether the container was emptied in between.
    inflow
        What came in, points: the level itself after a collection, nothing for a smaller
        fall (settling, noise), 0 where not known.
    """

    level: Any
    before: Any
    known: Any
    collected: Any
    inflow: Any


def steps_of(xp: Any, level: Any) -> DailySteps:
    """Read the steps off daily levels of shape (n, n_days).

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    level
        Percent, one value a day, NaN where not known or under alert.

    Examples
    --------
    Up 40, emptied with 20 in it since, settled by 20, and a day without news:

    >>> steps = steps_of(np, np.array([[40.0, 80.0, 20.0, 0.0, np.nan]], dtype="float32"))
    >>> steps.inflow.tolist(), steps.collected.tolist()
    ([[0.0, 40.0, 20.0, 0.0, 0.0]], [[False, False, True, True, False]])
    """
    unknown = xp.zeros_like(level[:, :1]) + np.float32(np.nan)
    before = xp.concat([unknown, level[:, :-1]], axis=1)
    known = ~(xp.isnan(level) | xp.isnan(before))
    fall = xp.where(known, before - level, xp.zeros_like(level))
    emptied = (level < np.float32(EMPTY_BELOW_PERCENT)) & (fall >= np.float32(EMPTY_FALL_POINTS))
    collected = known & ((fall >= np.float32(RESET_FALL_POINTS)) | emptied)
    risen = xp.where(fall < np.float32(0), fall * np.float32(-1), xp.zeros_like(fall))
    inflow = xp.where(collected, level, risen)
    return DailySteps(level, before, known, collected, inflow)
