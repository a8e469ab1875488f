"""Was 80 % reached within seven days, left alone: yes, no, or hidden by a collection."""

from dataclasses import dataclass

import numpy as np

from common.lab.usecase import Array
from usecases.waste_collection.overflow.levels.history import History
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS, OVERFLOW_PERCENT

__all__ = ["HIGHEST_WEIGHT", "Outcomes", "outcomes_of", "weight_table", "weights_of"]

HIGHEST_WEIGHT = 10.0
"""Weights of the uncensored are clipped here (``briefs/waste_collection.md`` 3.1)."""
N_CLASSES = 4
"""Origins below 80 % by steps of 20 points."""


@dataclass(frozen=True)
class Outcomes:
    """What followed each container-day, arrays of shape (n_containers, n_days, 7).

    Parameters
    ----------
    origin
        Whether the day is one to forecast from: a level that is believed and below 80 %;
        shape (n_containers, n_days).
    reached
        1 from the day on which 80 % was seen, 0 while it was not, NaN where not known.
    hidden
        Whether it is not known because of a collection before (censored).
    dropped
        Whether it is not known because readings are missing or under alert.
    level_percent
        The level while nobody collected since the origin, NaN afterwards.
    seen_percent
        The same, and after a collection from 80 % or more the level it was collected at: left
        alone it would have been as full, at least.
    """

    origin: Array
    reached: Array
    hidden: Array
    dropped: Array
    level_percent: Array
    seen_percent: Array


def outcomes_of(history: History) -> Outcomes:
    """Follow every container-day for a week.

    A day without a believed reading ends what is known, as does the end of the data; a
    collection from below 80 % hides the rest, one from above leaves the event known.
    """
    steps = history.steps
    level = np.asarray(steps.level, dtype=np.float64)
    blank = np.full((*level.shape, HORIZON_DAYS), np.nan)
    reached, left, seen = blank.copy(), blank.copy(), blank.copy()
    hidden = np.zeros(blank.shape, dtype=bool)
    origin = np.isfinite(level) & (level < OVERFLOW_PERCENT)
    alone, peak = np.isfinite(level), level.copy()
    full, censored = np.zeros_like(alone), np.zeros_like(alone)
    for day in range(1, HORIZON_DAYS + 1):
        now, emptied = _ahead(level, day, np.nan), _ahead(steps.collected, day, fill=False)
        read = np.isfinite(now)
        censored |= alone & read & emptied & ~full
        alone &= read & ~emptied
        full |= alone & (now >= OVERFLOW_PERCENT)
        peak = np.where(alone, np.fmax(peak, now), peak)
        reached[..., day - 1] = np.where(full, 1.0, np.where(alone, 0.0, np.nan))
        hidden[..., day - 1] = censored
        left[..., day - 1] = np.where(alone, now, np.nan)
        seen[..., day - 1] = np.where(alone, now, np.where(full, peak, np.nan))
    dropped = origin[..., None] & np.isnan(reached) & ~hidden
    return Outcomes(origin, reached, hidden, dropped, left, seen)


def _ahead(values: Array, n_days: int, fill: float) -> Array:
    """Return the values of so many days later; ``fill`` beyond the end."""
    later = np.full_like(values, fill)
    stop = max(values.shape[1] - n_days, 0)
    later[:, :stop] = values[:, n_days:]
    return later


def weight_table(outcomes: Outcomes, history: History, until_day: int) -> Array:
    """Return 1 / P(uncensored | level, horizon) from the windows that end before a day.

    Parameters
    ----------
    outcomes, history
        Of the same containers.
    until_day
        Index of the first day that may not be looked at.

    Returns
    -------
    numpy.ndarray
        Shape (4, 7), by steps of 20 points of the origin's level; clipped at 10, and 1 where
        no window is known.
    """
    table = np.ones((N_CLASSES, HORIZON_DAYS))
    step = np.nan_to_num(history.believed_percent // 20)
    for day in range(HORIZON_DAYS):
        rows = outcomes.origin.copy()
        rows[:, max(until_day - day - 1, 0) :] = False
        for place in range(N_CLASSES):
            mine = rows & (step == place)
            n_known = int(np.isfinite(outcomes.reached[mine, day]).sum())
            n_hidden = int(outcomes.hidden[mine, day].sum())
            if n_known + n_hidden:
                share = max(n_known / (n_known + n_hidden), 1 / HIGHEST_WEIGHT)
                table[place, day] = 1 / share
    return table


def weights_of(table: Array, level_percent: Array) -> Array:
    """Return each origin's weights, shape (n, 7)."""
    step = np.clip(np.asarray(level_percent) // 20, 0, N_CLASSES - 1).astype(np.int64)
    weights: Array = table[step]
    return weights
