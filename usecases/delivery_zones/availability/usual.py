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
from usecases.delivery_zones.availability.kernels import (
    DAY_QUARTERS,
    FIRST_TARGET,
    HORIZON_MINUTES,
    LAST_TARGET,
    N_QUARTERS,
    PACE_PRIOR_HOURS,
    PACE_QUARTERS,
    WINDOW,
)
from usecases.delivery_zones.availability.queues import constant, parts_of

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
N_WEIGHTS = 6
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


def day_ahead_kernels(xp: Any) -> Kernels:
    """Return the kernels towards the 52 quarters from 07:00 to 19:45, the same for all rows."""
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
    past_weights = weights if n_past == n_days else weights[:, :, :n_past]
    by_row = parts_of(xp, past_weights, N_WEIGHTS)
    pace = _pace(
        xp,
        matmul(xp, by_row[PACE], came * opened),
        matmul(xp, by_row[PACE], opened) * np.float32(HOURS),
        inputs["city_shares"],
        kernels,
    )
    long_taken = parts_of(xp, sums[2], N_WEIGHTS)[LONG]
    departures = _departures(xp, matmul(xp, by_row[LONG], came), long_taken, kernels)
    every = constant(xp, np.full((N_QUARTERS, 1), 1 / N_QUARTERS))
    days = xp.reshape(_over(xp, sums[0], every)[LONG], (-1, 1))
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
    """Return log-odds of a free bay and shares occupied, each (n, 1, steps).

    ``usual`` wide kernel and long memory; ``usual_sharp`` narrow; ``usual_recent`` half-life
    of five days; ``usual_same_kind`` Saturdays or working days; ``day_before``;
    ``week_before``, the seasonal naive shrunk to the usual share.
    """
    kernels = past.kernels
    known, full = _over(xp, past.known, kernels.wide), _over(xp, past.full, kernels.wide)
    near_known, near_full = (_over(xp, part, kernels.narrow) for part in (past.known, past.full))
    week_known, week_full = (_over(xp, part, kernels.pick) for part in (past.known, past.full))
    taken = _over(xp, past.occupied, kernels.wide)
    usual = _shrunk(full[LONG], known[LONG], _zone_share(xp, past, past.full, 0), WIDE_PRIOR)
    sharp = _shrunk(near_full[LONG], near_known[LONG], usual, NARROW_PRIOR)
    chances = {
        "usual": usual,
        "usual_sharp": sharp,
        "usual_recent": _shrunk(full[RECENT], known[RECENT], usual, NARROW_PRIOR),
        "usual_same_kind": _shrunk(
            near_full[SAME_KIND], near_known[SAME_KIND], sharp, NARROW_PRIOR
        ),
        "day_before": _shrunk(near_full[DAY_BEFORE], near_known[DAY_BEFORE], sharp, DAY_PRIOR),
        "week_before": _shrunk(week_full[WEEK_BEFORE], week_known[WEEK_BEFORE], usual, WEEK_PRIOR),
    }
    found = {name: logit_of_free(xp, chance) for name, chance in chances.items()}
    of_zone = _zone_share(xp, past, past.occupied, 1)
    found["occupied_usual"] = _shrunk(taken[LONG], known[LONG], of_zone, WIDE_PRIOR)
    found["occupied_recent"] = _shrunk(
        taken[RECENT], known[RECENT], found["occupied_usual"], NARROW_PRIOR
    )
    return found


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


def _over(xp: Any, sums: Any, kernel: Any) -> list[Any]:
    """Return the sums at the quarters asked for, (n, 1, steps) by row of `_day_weights`."""
    return parts_of(xp, matmul(xp, sums, kernel), N_WEIGHTS)


def _shrunk(part: Any, known: Any, prior: Any, weight: float) -> Any:
    scale = np.float32(weight)
    return (part + prior * scale) / (known + scale)


def _zone_share(xp: Any, past: Past, sums: Any, which: int) -> Any:
    """Return the zone's mean share in the shape of the city's day, (n, 1, steps)."""
    window = constant(xp, WINDOW)
    city = parts_of(xp, past.city, 3)[which]
    city_mean = matmul(xp, city, constant(xp, WINDOW / WINDOW.sum()))
    part, known = (_over(xp, both, window)[LONG] for both in (sums, past.known))
    zone = _shrunk(part, known, city_mean, ZONE_PRIOR)
    shape = matmul(xp, city, past.kernels.pick) / xp.maximum(city_mean, constant(xp, 1e-3))
    shape = xp.minimum(xp.maximum(shape, constant(xp, 0.2)), constant(xp, 5))
    return xp.minimum(xp.maximum(zone * shape, constant(xp, 1e-4)), constant(xp, 0.999))


def _pace(xp: Any, came: Any, hours: Any, city: Any, kernels: Kernels) -> Any:
    """Return arrivals per hour with a free bay, shrunk to the zone's in the city's shape."""
    window = constant(xp, WINDOW)
    zone = (matmul(xp, came, window) + np.float32(0.5)) / (
        matmul(xp, hours, window) + np.float32(2)
    )
    of_city = parts_of(xp, city, 3)[2]
    mean = matmul(xp, of_city, constant(xp, WINDOW / WINDOW.sum()))
    shape = matmul(xp, of_city, kernels.pick_pace) / xp.maximum(mean, constant(xp, 1e-6))
    prior = zone * shape * np.float32(PACE_PRIOR_HOURS)
    numerator = matmul(xp, came, kernels.pace) + prior
    pace = numerator / (matmul(xp, hours, kernels.pace) + np.float32(PACE_PRIOR_HOURS))
    return pace[:, 0, :]


def _departures(xp: Any, came: Any, occupied: Any, kernels: Kernels) -> Any:
    """Return departures per occupied bay-hour: arrivals less the growth of who is there."""
    later = xp.concat([occupied[:, :, 1:], occupied[:, :, -1:]], axis=2)
    left = xp.maximum(came + occupied - later, constant(xp, 0))
    hours = occupied * np.float32(HOURS)
    every = constant(xp, np.ones((N_QUARTERS, 1)))
    zone = (matmul(xp, left, every) + np.float32(0.5)) / (matmul(xp, hours, every) + np.float32(1))
    numerator = matmul(xp, left, kernels.pace) + zone * np.float32(DEPARTURE_PRIOR_HOURS)
    rate = numerator / (matmul(xp, hours, kernels.pace) + np.float32(DEPARTURE_PRIOR_HOURS))
    return rate[:, 0, :]
