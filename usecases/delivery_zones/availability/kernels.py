"""Constant weights of the availability features: days, quarters of an hour, lengths of stay."""

import numpy as np

from common.lab.usecase import Array

__all__ = [
    "AGE_EDGES_MINUTES",
    "DAY_QUARTERS",
    "FIRST_TARGET",
    "HISTORY_DAYS",
    "HORIZON_MINUTES",
    "HOUR_CLASSES",
    "ISSUES",
    "LAST_TARGET",
    "MAX_BAYS",
    "N_QUARTERS",
    "N_STAYS",
    "PACE_KERNEL",
    "PACE_PRIOR_HOURS",
    "PACE_QUARTERS",
    "SHAPE_KERNEL",
    "START_WEIGHTS",
    "STAY_EDGES_MINUTES",
    "TODAY_QUARTERS",
    "WAIT_EDGES_MINUTES",
    "WINDOW",
    "gaussian",
]

MAX_BAYS = 6
"""Largest zone of the two cities with short or kerb stays; larger ones are left out."""
HISTORY_DAYS = 56
N_STAYS = 256
TODAY_QUARTERS = 24
HORIZON_MINUTES = (15, 30, 60)

DAY_QUARTERS = slice(24, 80)
"""06:00 to 20:00: the quarters kept of each day of the history."""
N_QUARTERS = DAY_QUARTERS.stop - DAY_QUARTERS.start
FIRST_TARGET, LAST_TARGET = 28, 79
"""Targets are 07:00 to 19:45 (brief 3.2)."""
ISSUES = np.arange(24, 79)
"""Quarters at which a forecast is issued: the targets minus 15, 30 or 60 min."""

HOUR_CLASSES = 8
"""Parts of the day, three hours each, by which lengths of stay are told apart."""
STAY_EDGES_MINUTES = np.array(
    [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480,
     600, 720, 900, 1080, 1440, 2880], dtype=np.float64)  # fmt: skip
AGE_EDGES_MINUTES = np.array([0, 10, 20, 40, 80, 160, 320, 720, 1440, 4320], dtype=np.float64)
WAIT_EDGES_MINUTES = ((0, 15), (15, 30), (30, 60))
PACE_PRIOR_HOURS, PACE_QUARTERS = 20.0, 4.0
START_SPREAD_HOURS = 2.0


def gaussian(spread: float, size: int = N_QUARTERS) -> Array:
    """Return weights between places, (size, size): 1 with itself, no normalisation.

    >>> gaussian(1.0, 2).round(4).tolist()  # exp(-1 / 2)
    [[1.0, 0.6065], [0.6065, 1.0]]
    """
    place = np.arange(size)
    return np.exp(-0.5 * ((place[:, None] - place[None]) / spread) ** 2)


def _start_weights() -> Array:
    """Return how much a stay begun at each hour tells about each part of day, (24, 8)."""
    centres = 24 / HOUR_CLASSES * (np.arange(HOUR_CLASSES) + 0.5)
    apart = (np.arange(24)[:, None] + 0.5 - centres + 12) % 24 - 12
    return np.exp(-0.5 * (apart / START_SPREAD_HOURS) ** 2)


START_WEIGHTS = _start_weights()
PACE_KERNEL = gaussian(PACE_QUARTERS)
SHAPE_KERNEL = gaussian(2.0)
WINDOW = (np.arange(N_QUARTERS)[:, None] >= FIRST_TARGET - DAY_QUARTERS.start).astype(np.float64)
