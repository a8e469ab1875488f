"""What is usual in a zone at each quarter of an hour: shares and rates of the last weeks.

A share is a weighted mean over days (older ones fade) and over neighbouring quarters. It is
shrunk to a wider one where little is known: this quarter to this part of the day, that to the
zone's mean in the shape of the city's day, that to the city.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul
from usecases.delivery_zones.kernels import (
    DAY_QUARTERS,
    FIRST_TARGET,
    HORIZON_MINUTES,
    LAST_TARGET,
    N_QUARTERS,
    PACE_PRIOR_HOURS,
    PACE_QUARTERS,
    WINDOW,
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

WIDE_QUARTERS, NARROW_QUARTERS = 8.0, 3.0
"""Standard deviations of the kernels over quarters of an hour."""
LONG, RECENT, SAME_KIND, DAY_BEFORE, WEEK_BEFORE, PACE = range(6)
"""Rows of `_day_weights`."""
WIDE_PRIOR, NARROW_PRIOR, DAY_PRIOR, WEEK_PRIOR = 40.0, 20.0, 4.0, 3.0
"""Weighted quarters at which own history and prior weigh alike (research recipe, folds)."""
ZONE_PRIOR = 52.0
DEPARTURE_PRIOR_HOURS = 10.0
HOURS = 0.25
SUNDAY, SATURDAY = 6, 5
SMALLEST_CHANCE = 1e-4

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Kernels:
    """Weights from the 56 quarters of a day to those asked for, (56, k) or (n, 56, k)."""

    wide: Any
    narrow: Any
    pick: Any
    pace: Any
    pick_pace: Any


@dataclass(frozen=True)
class Past:
    """Sums over the days of the history, (n, 6, 56), by `_day_weights`, and what follows.

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
    issue = xp.astype(xp.reshape(quarter, (-1, 1, 1)), xp.float32)
    target = issue + constant(xp, np.array(HORIZON_MINUTES) / 15)
    return _kernels(xp, target, issue + constant(xp, np.arange(4)))


def day_ahead_kernels(xp: Any, weekday: Any) -> Kernels:
    """Return the kernels towards the 52 quarters from 07:00 to 19:45, the same for all rows."""
    del weekday
    target = constant(xp, np.arange(FIRST_TARGET, LAST_TARGET + 1)[None, None])
    return _kernels(xp, target, target)


def _kernels(xp: Any, target: Any, pace_at: Any) -> Kernels:
    """Compute Gaussian weights in the graph: as constants they would fill 160 kB."""
    place = constant(xp, np.arange(DAY_QUARTERS.start, DAY_QUARTERS.stop)[:, None])
    last = constant(xp, LAST_TARGET)
    apart = place - xp.minimum(target, last)
    squared = apart * apart
    from_pace = place - xp.minimum(pace_at, last)
    one, zero = constant(xp, 1), constant(xp, 0)
    return Kernels(
        wide=xp.exp(squared * np.float32(-0.5 / WIDE_QUARTERS**2)),
        narrow=xp.exp(squared * np.float32(-0.5 / NARROW_QUARTERS**2)),
        pick=xp.where(apart == zero, one, zero),
        pace=xp.exp(from_pace * from_pace * np.float32(-0.5 / PACE_QUARTERS**2)),
        pick_pace=xp.where(from_pace == zero, one, zero),
    )


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
    unknown = xp.isnan(occupied)
    known = xp.astype(~unknown, xp.float32)
    filled = xp.where(unknown, constant(xp, 0), occupied)
    full = xp.astype(filled >= bays, xp.float32)
    n_days = int(occupied.shape[1])
    weights = _day_weights(xp, inputs["weekday"], n_days)
    sums = [matmul(xp, weights, part) for part in (known, full, filled)]
    n_past = int(arrivals.shape[1])
    came = xp.where(xp.isnan(arrivals), constant(xp, 0), arrivals)
    opened = known - full
    if n_past < n_days:
        opened = opened[:, :n_past, :]
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
        occupied=xp.minimum(sums[2] / bays, sums[0]),
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
    wide_known, narrow_known = (
        _over(xp, past.known, kernels.wide),
        _over(xp, past.known, kernels.narrow),
    )
    wide_full, narrow_full = (
        _over(xp, past.full, kernels.wide),
        _over(xp, past.full, kernels.narrow),
    )
    base = _zone_share(xp, past, past.full, 0)
    usual = _shrunk(wide_full[:, LONG, :], wide_known[:, LONG, :], base, WIDE_PRIOR)
    sharp = _shrunk(narrow_full[:, LONG, :], narrow_known[:, LONG, :], usual, NARROW_PRIOR)
    kind = _shrunk(narrow_full[:, SAME_KIND, :], narrow_known[:, SAME_KIND, :], sharp, NARROW_PRIOR)
    recent = _shrunk(wide_full[:, RECENT, :], wide_known[:, RECENT, :], usual, NARROW_PRIOR)
    before = _shrunk(
        narrow_full[:, DAY_BEFORE, :], narrow_known[:, DAY_BEFORE, :], sharp, DAY_PRIOR
    )
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

    >>> logit_of_free(np, np.array([0.5, 0.25])).round(4).tolist()  # log(0.75 / 0.25) = log 3
    [0.0, 1.0986]
    """
    low = constant(xp, SMALLEST_CHANCE)
    bounded = xp.minimum(xp.maximum(full, low), constant(xp, 1 - SMALLEST_CHANCE))
    return xp.log((constant(xp, 1) - bounded) / bounded)


def _day_weights(xp: Any, weekday: Any, n_days: int) -> Any:
    """Return the weight of each day of the history, (n, 6, n_days), the last one being eve.

    Half-life of 28 days, of 5 days, of 28 days among days of the same kind (Saturday or
    not), the day before, the same day one week before, half-life of 14 days. Sundays count
    for nothing, as deliveries hardly happen then.
    """
    ago = np.arange(n_days, 0, -1)
    target = xp.expand_dims(weekday, axis=1)
    of_day = (target + xp.asarray((7 * n_days - ago).astype(np.int64))) % 7
    one, zero = constant(xp, 1), constant(xp, 0)
    working = xp.where(of_day == SUNDAY, zero, one)
    same = xp.where((of_day == SATURDAY) == (target == SATURDAY), working, zero)
    long, recent, pace = (constant(xp, 0.5 ** (ago / half)) for half in (28, 5, 14))
    weights = (
        working * long,
        working * recent,
        same * long,
        working * constant(xp, ago == 1),
        xp.zeros_like(working) + constant(xp, ago == 7),
        working * pace,
    )
    return xp.concat([xp.expand_dims(row, axis=1) for row in weights], axis=1)


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
    shape = matmul(xp, of_city, kernels.pick_pace) / xp.maximum(mean, constant(xp, 1e-6))
    prior = zone * shape * np.float32(PACE_PRIOR_HOURS)
    numerator = matmul(xp, came, kernels.pace) + prior
    pace = numerator / (matmul(xp, hours, kernels.pace) + np.float32(PACE_PRIOR_HOURS))
    return pace[:, 0, :]


def _departures(xp: Any, came: Any, occupied: Any, kernels: Kernels) -> Any:
    """Return departures per occupied bay-hour: arrivals less the growth of who is there."""
    shift = np.eye(N_QUARTERS, k=-1)
    shift[-1, -1] = 1
    later = matmul(xp, occupied, constant(xp, shift))
    left = xp.maximum(came + occupied - later, constant(xp, 0))
    hours = occupied * np.float32(HOURS)
    every = constant(xp, np.ones((N_QUARTERS, 1)))
    zone = (matmul(xp, left, every) + np.float32(0.5)) / (matmul(xp, hours, every) + np.float32(1))
    numerator = matmul(xp, left, kernels.pace) + zone * np.float32(DEPARTURE_PRIOR_HOURS)
    rate = numerator / (matmul(xp, hours, kernels.pace) + np.float32(DEPARTURE_PRIOR_HOURS))
    return rate[:, 0, :]
