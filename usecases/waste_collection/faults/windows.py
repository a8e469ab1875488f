"""Runs and gaps in windows of days: array-API functions on arrays (n, 56), today last."""

from typing import Any

import numpy as np

from common.lab.graph.arrays import largest
from usecases.waste_collection.faults.examples import WINDOW_DAYS

__all__ = [
    "carried",
    "constant",
    "days_of_run",
    "filled",
    "last",
    "longest",
    "longest_before",
    "number",
    "run",
]


def constant(xp: Any, values: Any) -> Any:
    """Return a float32 array of the array library."""
    return xp.asarray(np.asarray(values, dtype=np.float32))


def number(xp: Any, condition: Any) -> Any:
    """Return 1 where a condition holds, else 0, as float32."""
    return xp.astype(condition, xp.float32)


def filled(xp: Any, values: Any, instead: float) -> Any:
    """Return the values with another one where they are not known."""
    return xp.where(xp.isnan(values), constant(xp, instead), values)


def carried(xp: Any, level: Any) -> Any:
    """Return levels with gaps filled by the last known one (0 before the first).

    Doubling steps: after shifts of 1, 2, 4 ... 32 days every gap of a window is crossed.
    """
    known = level
    shift = 1
    while shift < WINDOW_DAYS:
        moved = xp.concat([known[:, :shift], known[:, : WINDOW_DAYS - shift]], axis=1)
        known = xp.where(xp.isnan(known), moved, known)
        shift *= 2
    return filled(xp, known, 0.0)


def run(xp: Any, holds: Any) -> Any:
    """Return how many days in a row, up to today, a condition (n, k) holds.

    >>> run(np, np.array([[True, False, True, True], [True] * 4])).tolist()
    [2.0, 4.0]
    """
    n_days = int(holds.shape[1])
    place = constant(xp, np.arange(1, n_days + 1)[None, :])
    broken = largest(xp, xp.where(holds, constant(xp, 0.0), place), axis=1)
    return constant(xp, float(n_days)) - broken


def days_of_run(xp: Any, run_days: Any) -> Any:
    """Return 1 for the last ``run_days`` days of the window, shape (n, 56)."""
    place = constant(xp, np.arange(WINDOW_DAYS)[None, :])
    return number(xp, place >= xp.expand_dims(constant(xp, float(WINDOW_DAYS)) - run_days, axis=1))


def longest(xp: Any, holds: Any) -> Any:
    """Return the longest run of days on which a condition (n, 56) holds.

    >>> longest(np, np.array([[True] * 5 + [False] + [True] * 50])).tolist()
    [50.0]
    """
    place = constant(xp, np.arange(1, WINDOW_DAYS + 1)[None, :])
    broken = _running_max(xp, xp.where(holds, constant(xp, 0.0), place))
    return largest(xp, place - broken, axis=1)


def longest_before(xp: Any, level: Any) -> Any:
    """Return the longest run of one level that ended before the present one, in days.

    >>> longest_before(np, np.array([[0.0] * 50 + [20.0] * 4 + [40.0] * 2])).tolist()
    [50.0]
    """
    place = constant(xp, np.arange(WINDOW_DAYS)[None, :])
    first = level[:, :1] == level[:, :1]
    starts = xp.concat([first, level[:, 1:] != level[:, :-1]], axis=1)
    started = _running_max(xp, xp.where(starts, place, constant(xp, 0.0)))
    ended = started < started[:, WINDOW_DAYS - 1 :]
    length = place - started + constant(xp, 1.0)
    return largest(xp, xp.where(ended, length, constant(xp, 0.0)), axis=1)


def _running_max(xp: Any, values: Any) -> Any:
    """Return the greatest value up to each day, in doubling steps.

    >>> _running_max(np, np.array([[1.0, 3.0, 2.0] + [0.0] * 53]))[0, :4].tolist()
    [1.0, 3.0, 3.0, 3.0]
    """
    shift = 1
    while shift < WINDOW_DAYS:
        moved = xp.concat([values[:, :shift], values[:, : WINDOW_DAYS - shift]], axis=1)
        values = xp.maximum(values, moved)
        shift *= 2
    return values


def last(xp: Any, n_days: int) -> Any:
    """Return 1 for the changes of the last ``n_days`` days, shape (1, 55)."""
    return constant(xp, (np.arange(WINDOW_DAYS - 1) >= WINDOW_DAYS - 1 - n_days)[None, :])
