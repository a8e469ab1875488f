"""What is usual in a zone at each quarter of an hour: shares and rates of the last weeks.

A share is a weighted mean over days (older ones fade) and over neighbouring quarters. It is
shrunk to a wider one where little is known: this quarter to this part of the day, that to the
zone's mean in the shape of the city's day, that to the city.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul, rows_of
from usecases.delivery_zones.kernels import (
    DAY_QUARTERS,
    FIRST_TARGET,
    HORIZON_MINUTES,
    ISSUES,
    LAST_TARGET,
    N_QUARTERS,
    PACE_KERNEL,
    PACE_PRIOR_HOURS,
    WINDOW,
    day_weights,
    gaussian,
)
from usecases.delivery_zones.queues import constant

__all__ = [
    "Kernels",
    "Past",
    "day_ahead_kernels",
    "issue_kernels",
    "logit_of_free",
    "past_of",
    "shares",
]

WIDE, NARROW = gaussian(8.0), gaussian(3.0)
LONG, RECENT, SAME_KIND, DAY_BEFORE, WEEK_BEFORE, PACE = range(6)
"""Rows of `day_weights`."""
WIDE_PRIOR, NARROW_PRIOR, DAY_PRIOR, WEEK_PRIOR = 40.0, 20.0, 4.0, 3.0
"""Weighted quarters at which own history and prior weigh alike (research recipe, folds)."""
ZONE_PRIOR = 52.0
DEPARTURE_PRIOR_HOURS = 10.0
HOURS = 0.25
SMALLEST_CHANCE = 1e-4

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Kernels:
    """Weights from the 56 quarters of a day to those asked for, (56, k) or (n, 56, k)."""

    wide: Any
    narrow: Any
    pick: Any
    pace: Any


@dataclass(frozen=True)
class Past:
    """Sums over the days of the history, (n, 6, 56), by `day_weights`, and what follows.

    Parameters
    ----------
    known, full, occupied
        Weighted days known, full, and bays occupied over bays, at each quarter.
    city
        (n, 3, 56), the inputs ``city_shares``.
    kernels
        Towards the quarters asked for.
    pace, departures
        Arrivals per free hour and departures per occupied bay-hour at the kernels'
        ``pace`` quarters, (n, k).
    known_days
        Weighted days with anything known, (n, 1).
    """

    known: Any
    full: Any
    occupied: Any
    city: Any
    kernels: Kernels
    pace: Any
    departures: Any
    known_days: Any


def issue_kernels(xp: Any, quarter: Any) -> Kernels:
    """Return the kernels towards 15, 30 and 60 min after each row's issue quarter."""
    ahead = np.array(HORIZON_MINUTES) // 15
    target = np.minimum(ISSUES[:, None] + ahead, LAST_TARGET) - DAY_QUARTERS.start
    hour = np.minimum(ISSUES[:, None] + np.arange(4), LAST_TARGET) - DAY_QUARTERS.start
    tables = (WIDE[:, target], NARROW[:, target], np.eye(N_QUARTERS)[:, target],
              PACE_KERNEL[:, hour])  # fmt: skip
    stacked = np.concatenate(tables, axis=2).transpose(1, 0, 2)
    rows = rows_of(xp, constant(xp, stacked), quarter - int(ISSUES[0]))
    return Kernels(rows[:, :, 0:3], rows[:, :, 3:6], rows[:, :, 6:9], rows[:, :, 9:13])


def day_ahead_kernels(xp: Any) -> Kernels:
    """Return the kernels towards the 52 quarters from 07:00 to 19:45."""
    target = slice(FIRST_TARGET - DAY_QUARTERS.start, N_QUARTERS)
    tables = (WIDE, NARROW, np.eye(N_QUARTERS), PACE_KERNEL)
    return Kernels(*(constant(xp, table[:, target]) for table in tables))


def past_of(xp: Any, inputs: Inputs, kernels: Kernels) -> Past:
    """Sum the history over its days.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        ``occupied_history`` and ``arrivals_history`` (n, 56, 56), ``bays``, ``weekday``,
        ``city_shares``; for the day ahead ``occupied_today`` (n, 48), the day that follows.
    kernels
        Towards the quarters asked for.
    """
    occupied, arrivals = inputs["occupied_history"], inputs["arrivals_history"]
    if int(inputs["occupied_today"].shape[1]) == 48:
        occupied = _with_today(xp, occupied, inputs["occupied_today"])
    bays = xp.astype(xp.reshape(inputs["bays"], (-1, 1, 1)), xp.float32)
    zero, one = constant(xp, 0), constant(xp, 1)
    unknown = xp.isnan(occupied)
    known = xp.where(unknown, zero, one)
    filled = xp.minimum(xp.where(unknown, zero, occupied), bays)
    is_full = filled >= bays
    full = xp.where(is_full, one, zero)
    n_days = int(occupied.shape[1])
    weights = rows_of(xp, constant(xp, day_weights(n_days)), inputs["weekday"])
    sums = [matmul(xp, weights, part) for part in (known, full, filled)]
    n_past = int(arrivals.shape[1])
    came = xp.where(xp.isnan(arrivals), zero, arrivals)
    opened = (known - full)[:, :n_past, :]
    past_weights = weights[:, :, :n_past]
    pace_weights = past_weights[:, PACE : PACE + 1, :]
    pace = _pace(
        xp,
        matmul(xp, pace_weights, came * opened),
        matmul(xp, pace_weights, opened) * np.float32(HOURS),
        inputs["city_shares"],
        kernels,
    )
    all_came = matmul(xp, past_weights[:, LONG : LONG + 1, :], came)
    departures = _departures(xp, all_came, sums[2][:, LONG : LONG + 1, :], kernels)
    days = matmul(xp, sums[0][:, LONG, :], constant(xp, np.full((N_QUARTERS, 1), 1 / N_QUARTERS)))
    return Past(
        known=sums[0],
        full=sums[1],
        occupied=sums[2] / bays,
        city=inputs["city_shares"],
        kernels=kernels,
        pace=pace,
        departures=departures,
        known_days=days,
    )


def shares(xp: Any, past: Past) -> dict[str, Any]:
    """Return log-odds of a free bay and shares occupied, each (n, steps).

    ``usual`` wide kernel and long memory; ``usual_sharp`` narrow; ``usual_recent`` half-life
    of five days; ``usual_same_kind`` Saturdays or working days; ``day_before``;
    ``week_before``, the seasonal naive shrunk to the usual share.
    """
    kernels = past.kernels
    wide_known, narrow_known = _over(xp, past.known, kernels.wide), _over(xp, past.known, kernels.narrow)
    wide_full, narrow_full = _over(xp, past.full, kernels.wide), _over(xp, past.full, kernels.narrow)
    base = _zone_share(xp, past, past.full, 0)
    usual = _shrunk(wide_full[:, LONG, :], wide_known[:, LONG, :], base, WIDE_PRIOR)
    sharp = _shrunk(narrow_full[:, LONG, :], narrow_known[:, LONG, :], usual, NARROW_PRIOR)
    kind = _shrunk(narrow_full[:, SAME_KIND, :], narrow_known[:, SAME_KIND, :], sharp, NARROW_PRIOR)
    recent = _shrunk(wide_full[:, RECENT, :], wide_known[:, RECENT, :], usual, NARROW_PRIOR)
    before = _shrunk(narrow_full[:, DAY_BEFORE, :], narrow_known[:, DAY_BEFORE, :], sharp, DAY_PRIOR)
    week_full = _over(xp, past.full, kernels.pick)[:, WEEK_BEFORE, :]
    week_known = _over(xp, past.known, kernels.pick)[:, WEEK_BEFORE, :]
    week = _shrunk(week_full, week_known, usual, WEEK_PRIOR)
    wide_taken = _over(xp, past.occupied, kernels.wide)
    taken = _shrunk(
        wide_taken[:, LONG, :],
        wide_known[:, LONG, :],
        _zone_share(xp, past, past.occupied, 1),
        WIDE_PRIOR,
    )
    taken_recent = _shrunk(wide_taken[:, RECENT, :], wide_known[:, RECENT, :], taken, NARROW_PRIOR)
    chances = {
        "usual": usual,
        "usual_sharp": sharp,
        "usual_recent": recent,
        "usual_same_kind": kind,
        "day_before": before,
        "week_before": week,
    }
    found = {name: logit_of_free(xp, full) for name, full in chances.items()}
    return {**found, "occupied_usual": taken, "occupied_recent": taken_recent}


def logit_of_free(xp: Any, full: Any) -> Any:
    """Return the log-odds of a free bay from the chance of none, kept off 0 and 1.

    >>> logit_of_free(np, np.array([0.5, 0.0], dtype="float32")).round(2).tolist()
    [0.0, 9.21]
    """
    low = constant(xp, SMALLEST_CHANCE)
    bounded = xp.minimum(xp.maximum(full, low), constant(xp, 1 - SMALLEST_CHANCE))
    return xp.log((constant(xp, 1) - bounded) / bounded)


def _with_today(xp: Any, history: Any, today: Any) -> Any:
    """Put the day of issue, known to 18:00, behind the whole days of the history."""
    unknown = xp.zeros_like(today[:, :8]) + constant(xp, np.nan)
    last = xp.expand_dims(xp.concat([today, unknown], axis=1), axis=1)
    return xp.concat([history, last], axis=1)


def _over(xp: Any, sums: Any, kernel: Any) -> Any:
    return matmul(xp, sums, kernel)


def _shrunk(part: Any, known: Any, prior: Any, weight: float) -> Any:
    scale = np.float32(weight)
    return (part + prior * scale) / (known + scale)


def _zone_share(xp: Any, past: Past, sums: Any, which: int) -> Any:
    """Return the zone's mean share in the shape of the city's day, (n, steps)."""
    window = constant(xp, WINDOW)
    city = past.city[:, which : which + 1, :]
    n_window = np.float32(WINDOW.sum())
    city_mean = matmul(xp, city, window)[:, 0, :] / n_window
    zone = _shrunk(
        matmul(xp, sums[:, LONG, :], window),
        matmul(xp, past.known[:, LONG, :], window),
        city_mean,
        ZONE_PRIOR,
    )
    shape = matmul(xp, city, past.kernels.pick)[:, 0, :] / xp.maximum(city_mean, constant(xp, 1e-3))
    shape = xp.minimum(xp.maximum(shape, constant(xp, 0.2)), constant(xp, 5))
    return xp.minimum(xp.maximum(zone * shape, constant(xp, 1e-4)), constant(xp, 0.999))


def _pace(xp: Any, came: Any, hours: Any, city: Any, kernels: Kernels) -> Any:
    """Return arrivals per hour with a free bay, shrunk to the zone's in the city's shape."""
    window = constant(xp, WINDOW)
    zone = (matmul(xp, came, window) + np.float32(0.5)) / (
        matmul(xp, hours, window) + np.float32(2)
    )
    of_city = city[:, 2:3, :]
    mean = matmul(xp, of_city, window) / np.float32(WINDOW.sum())
    shape = matmul(xp, of_city, _pick_of_pace(xp, kernels)) / xp.maximum(mean, constant(xp, 1e-6))
    prior = zone * shape * np.float32(PACE_PRIOR_HOURS)
    numerator = matmul(xp, came, kernels.pace) + prior
    pace = numerator / (matmul(xp, hours, kernels.pace) + np.float32(PACE_PRIOR_HOURS))
    return pace[:, 0, :]


def _pick_of_pace(xp: Any, kernels: Kernels) -> Any:
    """Return the one-hot weights of the quarters that the pace is asked at.

    A kernel is 1 exactly at its centre and below 1 elsewhere.
    """
    return xp.where(
        kernels.pace >= constant(xp, 1), constant(xp, 1), constant(xp, 0)
    )


def _departures(xp: Any, came: Any, occupied: Any, kernels: Kernels) -> Any:
    """Return departures per occupied bay-hour: arrivals less the growth of who is there."""
    shift = np.eye(N_QUARTERS, k=-1)
    shift[-1, -1] = 1
    later = matmul(xp, occupied, constant(xp, shift))
    left = xp.maximum(came + occupied - later, constant(xp, 0))
    hours = occupied * np.float32(HOURS)
    every = constant(xp, np.ones((N_QUARTERS, 1)))
    zone = (matmul(xp, left, every) + np.float32(0.5)) / (
        matmul(xp, hours, every) + np.float32(1)
    )
    numerator = matmul(xp, left, kernels.pace) + zone * np.float32(DEPARTURE_PRIOR_HOURS)
    rate = numerator / (matmul(xp, hours, kernels.pace) + np.float32(DEPARTURE_PRIOR_HOURS))
    return rate[:, 0, :]
