"""Lengths and weights that the overflow task looks back with."""

import numpy as np

from common.lab.usecase import Array

__all__ = [
    "CITY_PACES_DAYS",
    "CITY_USUAL_DAYS",
    "HISTORY_DAYS",
    "HORIZON_DAYS",
    "OVERFLOW_PERCENT",
    "PACE_RANGE",
    "PRIOR_DAYS",
    "USUAL_POINTS_PER_DAY",
    "ages",
    "fading_weights",
    "weekday_weights",
]

HISTORY_DAYS = 112
"""Sixteen weeks. On five folds of the training and tuning years, 56 days did as well and 182 or
365 did worse, all of it in the first weeks of a lockdown; see the README."""
HORIZON_DAYS = 7
OVERFLOW_PERCENT = 80.0
"""The event of ``briefs/waste_collection.md`` 3.1."""

USUAL_POINTS_PER_DAY = 11.0
"""Mean inflow of Wyndham's 22 bins (brief 4.5): what a container without a past starts with."""
PRIOR_DAYS = 11.0
"""Weight of that figure in the pace of a whole city, in readings."""
CITY_PACES_DAYS, CITY_USUAL_DAYS = (4.0, 15.0), 180.0
PACE_RANGE = (0.1, 10.0)


def ages() -> Array:
    """Return how many days ago each day of the window was: 111, ..., 1, 0."""
    return np.arange(HISTORY_DAYS)[::-1].astype(np.float64)


def fading_weights(half_life_days: float) -> Array:
    """Return weights that halve every so many days, shape (112,); 1 for today."""
    weights: Array = 0.5 ** (ages() / half_life_days)
    return weights


def weekday_weights(half_life_days: float) -> Array:
    """Return fading weights of the days that share each target day's weekday, shape (112, 7).

    >>> weights = weekday_weights(90.0)
    >>> np.flatnonzero(weights[:, 0])[-1]  # tomorrow's weekday was last 6 days ago: 111 - 6
    np.int64(105)
    """
    ahead = np.arange(1, HORIZON_DAYS + 1)
    same = (ages()[:, None] + ahead) % 7 == 0
    return np.where(same, fading_weights(half_life_days)[:, None], 0.0)
