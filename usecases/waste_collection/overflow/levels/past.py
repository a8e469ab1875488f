"""What sixteen weeks of levels say of a container: pace, weekday, time since it was emptied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import largest, matmul
from usecases.waste_collection.overflow.levels.chain import STATE_PERCENT
from usecases.waste_collection.overflow.levels.kernels import (
    HISTORY_DAYS,
    USUAL_POINTS_PER_DAY,
    fading_weights,
    weekday_weights,
)
from usecases.waste_collection.overflow.levels.steps import DailySteps, steps_of

__all__ = ["LONGEST_SILENCE_DAYS", "Pace", "Past", "pace_of", "past_of"]

LONGEST_SILENCE_DAYS = 7
"""A level older than this is rolled forward by a week only: nothing better is known."""
RECENT_DAYS = (4.0, 16.0)
WEEKDAY_HALF_LIFE_DAYS = 90.0
PACE_PRIOR_DAYS, USUAL_PRIOR_DAYS, WEEKDAY_PRIOR_DAYS = 1.0, 3.0, 3.0
LONGEST_COUNT_DAYS = 45.0


@dataclass(frozen=True)
class Past:
    """What is known of each container at issue.

    Parameters
    ----------
    steps
        Daily steps of the window, arrays (n, 112).
    level
        The last level known, 0 where none is, shape (n, 1).
    silent_days
        Its age, at most 7, shape (n, 1).
    since_collection, since_change
        Days since the last collection, and since the level last moved or was not known;
        at most 45, shape (n, 1).
    """

    steps: DailySteps
    level: Any
    silent_days: Any
    since_collection: Any
    since_change: Any


@dataclass(frozen=True)
class Pace:
    """Mean inflow of a container, points a day; shape (n, 1) unless said.

    Parameters
    ----------
    quick, recent, usual
        With half-lives of 4 and 16 days, and over the whole window.
    deviation
        Standard deviation of a day's inflow.
    by_day
        Expected on each of the next seven days, from the same weekdays, shape (n, 7).
    """

    quick: Any
    recent: Any
    usual: Any
    deviation: Any
    by_day: Any


def past_of(xp: Any, inputs: Mapping[str, Any]) -> Past:
    """Read the window; levels under alert count as not known."""
    doubted = inputs["alert"] > np.float32(0.5)
    unknown = xp.zeros_like(inputs["level_percent"]) + np.float32(np.nan)
    steps = steps_of(xp, xp.where(doubted, unknown, inputs["level_percent"]))
    given = ~xp.isnan(steps.level)
    place = xp.asarray(np.arange(HISTORY_DAYS, dtype=np.float32)[None])
    nowhere = xp.zeros_like(steps.inflow) - np.float32(1)
    last = _last(xp, given, place, nowhere)
    is_last = given & (place == last)
    level = xp.sum(xp.where(is_last, steps.level, xp.zeros_like(steps.level)), axis=1)
    moved = ~(steps.known & (steps.level == steps.before))
    return Past(
        steps,
        xp.expand_dims(level, axis=1),
        _days_since(xp, last, LONGEST_SILENCE_DAYS),
        _days_since(xp, _last(xp, steps.collected, place, nowhere), LONGEST_COUNT_DAYS),
        _days_since(xp, _last(xp, moved, place, nowhere), LONGEST_COUNT_DAYS),
    )


def pace_of(xp: Any, past: Past) -> Pace:
    """Average the daily inflow, each mean held by a few days at the usual 11 points."""
    inflow, known = past.steps.inflow, xp.astype(past.steps.known, xp.float32)
    usual_points = xp.zeros_like(past.level) + np.float32(USUAL_POINTS_PER_DAY)
    quick, recent = (
        _mean(xp, inflow, known, fading_weights(days)[:, None], PACE_PRIOR_DAYS, usual_points)
        for days in RECENT_DAYS
    )
    flat = np.ones((HISTORY_DAYS, 1))
    usual = _mean(xp, inflow, known, flat, USUAL_PRIOR_DAYS, usual_points)
    by_day = _mean(
        xp, inflow, known, weekday_weights(WEEKDAY_HALF_LIFE_DAYS), WEEKDAY_PRIOR_DAYS, recent
    )
    squares = _mean(
        xp, inflow * inflow, known, flat, USUAL_PRIOR_DAYS, usual_points * usual_points * 4
    )
    spread = squares - usual * usual
    least = xp.zeros_like(spread) + np.float32(STATE_PERCENT)
    return Pace(quick, recent, usual, xp.sqrt(xp.maximum(spread, least)), by_day)


def _mean(
    xp: Any, values: Any, known: Any, weights: np.ndarray, prior_days: float, prior: Any
) -> Any:
    kernel = xp.asarray(weights.astype(np.float32))
    total = matmul(xp, values, kernel) + prior * np.float32(prior_days)
    return total / (matmul(xp, known, kernel) + np.float32(prior_days))


def _last(xp: Any, mask: Any, place: Any, nowhere: Any) -> Any:
    """Return the place of the last True of each row, -1 where there is none, (n, 1)."""
    places = xp.where(mask, nowhere * np.float32(0) + place, nowhere)
    return xp.expand_dims(largest(xp, places, axis=1), axis=1)


def _days_since(xp: Any, place: Any, longest: float) -> Any:
    days = (place * np.float32(-1)) + np.float32(HISTORY_DAYS - 1)
    return xp.minimum(days, xp.zeros_like(days) + np.float32(longest))
