"""What a city knows before a day begins: shares by quarter, lengths of stay, pace of arrivals.

Tables that one zone's row cannot hold. Each day's are counted from earlier days only, so they
can be given to the graph as inputs; what a new city starts with is in the fields' defaults.
"""

from dataclasses import dataclass

import numpy as np

from common.lab.usecase import Array
from usecases.delivery_zones.availability.kernels import (
    AGE_EDGES_MINUTES,
    DAY_QUARTERS,
    HOUR_CLASSES,
    PACE_KERNEL,
    PACE_PRIOR_HOURS,
    SHAPE_KERNEL,
    START_WEIGHTS,
    STAY_EDGES_MINUTES,
    WAIT_EDGES_MINUTES,
    WINDOW,
)
from usecases.delivery_zones.availability.occupancy import Stays, Timeline

__all__ = ["CityTables", "city_tables", "stays_before"]

SHARE_HALF_LIFE_DAYS, PACE_HALF_LIFE_DAYS = 28.0, 14.0
SUNDAY = 6
HOURS_PER_QUARTER = 0.25
PRIOR_ARRIVALS = 3.0
"""Arrivals added to both sides of a pace factor: with nothing seen it is 1."""
SURVIVAL_PRIOR = 30.0
"""Stays at all hours that the curve of one part of the day is shrunk to (of 130)."""


@dataclass(frozen=True)
class CityTables:
    """One table per day, counted over all zones from the days before it.

    Parameters
    ----------
    shares
        (D, 3, 56): share of zone-quarters full, share of bays occupied, arrivals per hour
        with a free bay; from 06:00 to 20:00.
    survival
        (D, 8, 28): share of stays longer than each of `STAY_EDGES_MINUTES`, by start.
    pace_since_departure
        (D, 10): arrivals over expected, by minutes since the last departure.
    pace_after_full
        (D, 3): the same within 15, 30 and 60 min of a departure from a full zone.
    """

    shares: Array
    survival: Array
    pace_since_departure: Array
    pace_after_full: Array


def city_tables(timeline: Timeline, since_departure: Array) -> CityTables:
    """Count the tables of each day.

    Parameters
    ----------
    timeline
        Bays in civil quarters.
    since_departure
        Minutes since each zone's last departure, (Z, D, 96).
    """
    rates, open_hours, arrivals = _rates(timeline)
    return CityTables(
        shares=_shares(timeline),
        survival=_survival(timeline),
        pace_since_departure=_pace_since(timeline, since_departure, rates, open_hours, arrivals),
        pace_after_full=_pace_after(timeline, rates),
    )


def _faded(values: Array, weekday: Array, half_life_days: float) -> Array:
    """Sum (Z, D, ...) over earlier days, older ones fading, Sundays left out."""
    total = np.zeros_like(values)
    kept = 0.5 ** (1 / half_life_days)
    for day in range(1, values.shape[1]):
        total[:, day] = kept * (
            total[:, day - 1] + values[:, day - 1] * (weekday[day - 1] != SUNDAY)
        )
    return total


def _shares(timeline: Timeline) -> Array:
    """Return the pooled shares and pace, smoothed over neighbouring quarters."""
    occupied = timeline.occupied[:, :, DAY_QUARTERS]
    known = np.isfinite(occupied).astype(np.float64)
    bays = timeline.bays[:, :, None]
    full = (np.nan_to_num(occupied) >= bays) * known * (bays > 0)
    arrivals = np.nan_to_num(timeline.arrivals[:, :, DAY_QUARTERS]) * (known - full)
    parts = [full, known, np.nan_to_num(occupied), known * bays, arrivals, known - full]
    pooled = [
        _faded(part.sum(axis=0, keepdims=True), timeline.weekday, SHARE_HALF_LIFE_DAYS)[0]
        @ SHAPE_KERNEL
        for part in parts
    ]
    share = (pooled[0] + 0.1) / (pooled[1] + 1)
    rate = (pooled[2] + 0.1) / (pooled[3] + 1)
    pace = (pooled[4] + 0.1) / (pooled[5] * HOURS_PER_QUARTER + 0.5)
    return np.stack([share, rate, pace], axis=1).astype(np.float32)


def _survival(timeline: Timeline) -> Array:
    """Return the share of stays that last beyond each edge, by part of day of the start."""
    stays = timeline.stays
    minutes = (stays.end - stays.start) / 60
    longer = (minutes[:, None] > STAY_EDGES_MINUTES).astype(np.float64)
    weights = START_WEIGHTS[stays.start_hour]
    day = _day_of(timeline, stays.end)
    counts = np.zeros((len(timeline.days) + 1, HOUR_CLASSES, len(STAY_EDGES_MINUTES)))
    for number in np.unique(day[(day >= 0) & (day < len(timeline.days))]):
        rows = day == number
        counts[number + 1] = weights[rows].T @ longer[rows]
    total = np.cumsum(counts, axis=0)[:-1]
    every = total.sum(axis=1, keepdims=True)
    prior = np.exp(-STAY_EDGES_MINUTES / 60)
    overall = (every + prior) / (every[..., :1] + 1)
    own = (total + overall) / (total[..., :1] + 1)
    mixed = ((130 - SURVIVAL_PRIOR) * own + SURVIVAL_PRIOR * overall) / 130
    floored: Array = np.maximum(mixed, 1e-5).astype(np.float32)
    return floored


def _day_of(timeline: Timeline, seconds: Array) -> Array:
    """Return the civil day of each instant; -1 before the first."""
    return np.searchsorted(_midnights(timeline), seconds, "right") - 1


def _midnights(timeline: Timeline) -> Array:
    midnights: Array = timeline.seconds[:, 0]
    return midnights


def _rates(timeline: Timeline) -> tuple[Array, Array, Array]:
    """Return expected arrivals per free hour, hours with a free bay, arrivals in them."""
    occupied = timeline.occupied[:, :, DAY_QUARTERS]
    opened = (occupied < timeline.bays[:, :, None]).astype(np.float64)
    arrivals = np.nan_to_num(timeline.arrivals[:, :, DAY_QUARTERS]) * opened
    hours = opened * HOURS_PER_QUARTER
    came = _faded(arrivals, timeline.weekday, PACE_HALF_LIFE_DAYS)
    free = _faded(hours, timeline.weekday, PACE_HALF_LIFE_DAYS)
    zone = (came @ WINDOW + 0.5) / (free @ WINDOW + 2)
    all_came, all_free = came.sum(axis=0), free.sum(axis=0)
    shape = (all_came @ SHAPE_KERNEL + 0.1) / (all_free @ SHAPE_KERNEL + 0.5)
    shape /= (all_came @ WINDOW + 0.1) / (all_free @ WINDOW + 0.5)
    prior = PACE_PRIOR_HOURS * zone * shape
    return (came @ PACE_KERNEL + prior) / (free @ PACE_KERNEL + PACE_PRIOR_HOURS), hours, arrivals


def _pace_since(
    timeline: Timeline, since: Array, rates: Array, hours: Array, arrivals: Array
) -> Array:
    bins = np.searchsorted(AGE_EDGES_MINUTES, since[:, :, DAY_QUARTERS], "right") - 1
    working = (timeline.weekday != SUNDAY)[:, None]
    return _factors(
        np.stack([((bins == place) * arrivals * working).sum(axis=(0, 2))
                  for place in range(len(AGE_EDGES_MINUTES))], axis=1),
        np.stack([((bins == place) * hours * rates * working).sum(axis=(0, 2))
                  for place in range(len(AGE_EDGES_MINUTES))], axis=1),
    )  # fmt: skip


def _pace_after(timeline: Timeline, rates: Array) -> Array:
    """Return the pace within 15, 15 to 30 and 30 to 60 min of leaving a full zone."""
    came = np.zeros((len(timeline.days), 3))
    expected = np.zeros_like(came)
    for zone in range(len(timeline.zones)):
        gaps, day, quarter = _gaps_after_full(timeline, zone)
        rate = rates[zone, day, quarter]
        for place, (low, high) in enumerate(WAIT_EDGES_MINUTES):
            np.add.at(came[:, place], day, (gaps >= low) & (gaps < high))
            np.add.at(expected[:, place], day, rate * np.clip(gaps - low, 0, high - low) / 60)
    return _factors(came, expected)


def _gaps_after_full(timeline: Timeline, zone: int) -> tuple[Array, Array, Array]:
    """Return minutes from a departure out of a full zone to the next arrival, day, quarter."""
    starts, ends = timeline.arrived[zone], timeline.departed[zone]
    upcoming = np.searchsorted(starts, ends, "left")
    present = upcoming - np.arange(len(ends))
    day = _day_of(timeline, ends)
    inside = (day >= 0) & (day < len(timeline.days))
    day = np.clip(day, 0, len(timeline.days) - 1)
    quarter = (ends - _midnights(timeline)[day]) // 900 - DAY_QUARTERS.start
    inside &= (quarter >= 0) & (quarter < DAY_QUARTERS.stop - DAY_QUARTERS.start)
    inside &= present >= np.maximum(timeline.bays[zone, day], 1)
    gaps = (np.append(starts, np.inf)[upcoming] - ends) / 60
    return gaps[inside], day[inside], quarter[inside]


def _factors(came: Array, expected: Array) -> Array:
    """Return counts over expectations of earlier days, (D, k), near 1 where little was seen."""
    before = [np.cumsum(part, axis=0) - part for part in (came, expected)]
    return ((before[0] + PRIOR_ARRIVALS) / (before[1] + PRIOR_ARRIVALS)).astype(np.float32)


def stays_before(stays: Stays, n_zones: int) -> Array:
    """Return where each zone's stays begin, shape (n_zones + 1,)."""
    return np.searchsorted(stays.zone, np.arange(n_zones + 1))
