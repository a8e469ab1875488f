"""Chances of the next hour: that vehicles stay, given their time there, and that one comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul, rows_of
from usecases.delivery_zones.availability.kernels import (
    AGE_EDGES_MINUTES,
    HOUR_CLASSES,
    START_WEIGHTS,
    STAY_EDGES_MINUTES,
)
from usecases.delivery_zones.availability.queues import N_STEPS, STEP_MINUTES, constant, gather
from usecases.delivery_zones.availability.usual import Past

__all__ = ["Arrivals", "StayChances", "arrival_chances", "constant_stay", "stay_chances"]

ZONE_PRIOR_STAYS = 6.0
"""Stays of the city that a zone's own are mixed with (research recipe, folds)."""
N_EDGES = len(STAY_EDGES_MINUTES)
QUARTERS_PER_CLASS = 96 // HOUR_CLASSES
SMALLEST = 1e-3
READ_AFTER = (3, 6, 12)
HALF_HORIZONS_MINUTES = (7.5, 15.0, 30.0)
HORIZON_STEPS = np.repeat(np.eye(3), (3, 3, 6), axis=1)
"""Steps up to 15 min, from there to 30 min, from there to 60 min, (3, 12)."""
STEPS_PER_QUARTER = 15 // STEP_MINUTES

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class StayChances:
    """Chances to stay one step more, (n, 12), and that all who are there stay (n, 3), log-odds."""

    old: Any
    new: Any
    all_stay: Any


@dataclass(frozen=True)
class Arrivals:
    """Chances of an arrival in each step, (n, 12), and the expected pace (n, 3) per hour."""

    plain: Any
    with_memory: Any
    per_hour: Any


def stay_chances(xp: Any, inputs: Inputs) -> StayChances:
    """Return the chances of staying, from the zone's ended stays and the city's.

    The survival of a stay of age e over x minutes is
    ``(N(e + x) + 6 P(e + x) / P(e)) / (N(e) + 6)``, N the zone's stays that lasted longer,
    weighted by how near their hour of start is, P the city's curve for that part of day.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        ``elapsed_minutes`` (n, 6), ``stay_minutes`` and ``stay_start_hour`` (n, 256),
        ``city_survival`` (n, 8, 28), ``quarter`` (n,).
    """
    curves = _Curves(
        own=xp.reshape(_own_counts(xp, inputs), (-1, HOUR_CLASSES * N_EDGES)),
        city=xp.reshape(inputs["city_survival"], (-1, HOUR_CLASSES * N_EDGES)),
    )
    elapsed = inputs["elapsed_minutes"]
    there = ~xp.isnan(elapsed)
    age = xp.where(there, elapsed, constant(xp, 0))
    minute = xp.astype(xp.reshape(inputs["quarter"], (-1, 1)), xp.float32) * np.float32(15)
    part = _part_of_day(xp, minute - age)
    ahead = constant(xp, STEP_MINUTES * np.arange(N_STEPS + 1)[:, None])
    ages = xp.expand_dims(age, axis=1) + ahead
    alive = _conditional(xp, curves, ages, part)
    present = xp.astype(xp.expand_dims(there, axis=1), xp.float32)
    mass = xp.sum(alive * present, axis=2)
    old = mass[:, 1:] / xp.maximum(mass[:, :-1], constant(xp, 1e-6))
    return StayChances(
        old=_within(xp, old, 0.0, 1.0),
        new=_new_stays(xp, curves, inputs["quarter"]),
        all_stay=_all_stay(xp, alive, there),
    )


def arrival_chances(xp: Any, inputs: Inputs, past: Past, occupied: Any) -> Arrivals:
    """Return the chances of an arrival, with and without what the last departure tells.

    Where the zone is full now, somebody may be waiting: the pace after a departure from a
    full zone (`history_tables`) replaces that by age.

    Parameters
    ----------
    xp, inputs, past
        As in `stay_chances`; the pace at the four next quarters.
    occupied
        Occupied bays now, (n,).
    """
    steps = constant(xp, np.repeat(np.eye(4), STEPS_PER_QUARTER, axis=1))
    rate = matmul(xp, past.pace, steps)
    is_full = xp.reshape(occupied >= inputs["bays"], (-1, 1))
    waits = matmul(xp, inputs["pace_after_full"], constant(xp, HORIZON_STEPS))
    factor = xp.where(is_full, waits, _by_age(xp, inputs))
    step_hours = np.float32(STEP_MINUTES / 60)
    read = constant(xp, _read_out())
    one = constant(xp, 1)
    return Arrivals(
        plain=one - xp.exp(rate * -step_hours),
        with_memory=one - xp.exp(rate * factor * -step_hours),
        per_hour=matmul(xp, rate * factor, read),
    )


def constant_stay(xp: Any, past: Past) -> Any:
    """Return the chance to stay one step more at a constant rate, (n, 12): M/M/c/c."""
    steps = constant(xp, np.repeat(np.eye(4), STEPS_PER_QUARTER, axis=1))
    rate = matmul(xp, past.departures, steps)
    return xp.exp(rate * np.float32(-STEP_MINUTES / 60))


@dataclass(frozen=True)
class _Curves:
    """Stays that lasted longer than each edge, by part of day, flat (n, 8 * 28)."""

    own: Any
    city: Any

    def at(self, xp: Any, minutes: Any, part: Any) -> tuple[Any, Any]:
        """Read both curves, linear between edges; minutes and part (n, k)."""
        edges = STAY_EDGES_MINUTES
        bounded = _within(xp, minutes, 0.0, float(edges[-1]))
        beyond = xp.expand_dims(bounded, axis=2) >= constant(xp, edges[1:-1])
        place = xp.sum(xp.astype(beyond, xp.int64), axis=2)
        low = rows_of(xp, constant(xp, edges[:-1]), place)
        width = rows_of(xp, constant(xp, np.diff(edges)), place)
        weight = (bounded - low) / width
        left = part * N_EDGES + place
        found = []
        for table in (self.own, self.city):
            begin, end = gather(xp, table, left), gather(xp, table, left + 1)
            found.append(begin + (end - begin) * weight)
        return found[0], found[1]


def _read_out() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the weights of the mean pace up to each horizon, (12, 3)."""
    return np.stack([(np.arange(N_STEPS) < count) / count for count in READ_AFTER], axis=1).astype(
        np.float32
    )


def _own_counts(xp: Any, inputs: Inputs) -> Any:
    """Return the zone's stays longer than each edge, weighted by start, (n, 8, 28)."""
    weights = rows_of(xp, constant(xp, START_WEIGHTS), inputs["stay_start_hour"])
    longer = xp.expand_dims(inputs["stay_minutes"], axis=2) > constant(xp, STAY_EDGES_MINUTES)
    longer = xp.astype(longer, xp.float32)
    return matmul(xp, xp.permute_dims(weights, (0, 2, 1)), longer)


def _part_of_day(xp: Any, minute: Any) -> Any:
    """Return the part of the day (0 to 7) of a minute counted from midnight, any sign."""
    place = xp.floor(minute / np.float32(1440 / HOUR_CLASSES))
    wrapped = place - xp.floor(place / np.float32(HOUR_CLASSES)) * np.float32(HOUR_CLASSES)
    return xp.astype(_within(xp, wrapped, 0.0, HOUR_CLASSES - 1.0), xp.int64)


def _conditional(xp: Any, curves: _Curves, ages: Any, part: Any) -> Any:
    """Return the chance to reach each age (n, 13, b) given the first, never rising."""
    n_points, n_bays = int(ages.shape[1]), int(ages.shape[2])
    spread = xp.astype(xp.zeros_like(ages), xp.int64) + xp.expand_dims(part, axis=1)
    flat = (-1, n_points * n_bays)
    own, city = curves.at(xp, xp.reshape(ages, flat), xp.reshape(spread, flat))
    own = xp.reshape(own, (-1, n_points, n_bays))
    city = xp.reshape(city, (-1, n_points, n_bays))
    prior = np.float32(ZONE_PRIOR_STAYS)
    return (own + city / city[:, :1, :] * prior) / (own[:, :1, :] + prior)


def _new_stays(xp: Any, curves: _Curves, quarter: Any) -> Any:
    """Return the chance of those who came since to stay one step more, (n, 12).

    They are of all ages from 0 to the time gone by: they share the mean rate of leaving over
    the first half of the horizon that the step lies in (7.5, 15, 30 min). Chosen on the
    training window against the rate at their mean age, which is wrong at 60 min.
    """
    zero = xp.astype(xp.reshape(quarter, (-1, 1)), xp.float32) * np.float32(0)
    minute = xp.astype(xp.reshape(quarter, (-1, 1)), xp.float32) * np.float32(15)
    ages = constant(xp, [[0.0, *HALF_HORIZONS_MINUTES]]) + zero
    own, city = curves.at(xp, ages, _part_of_day(xp, minute + ages * np.float32(0)))
    prior = np.float32(ZONE_PRIOR_STAYS)
    stay = (own[:, 1:] + city[:, 1:] / city[:, :1] * prior) / (own[:, :1] + prior)
    share = STEP_MINUTES / np.array(HALF_HORIZONS_MINUTES)
    by_step = xp.exp(xp.log(_within(xp, stay, 0.01, 1.0)) * constant(xp, share))
    return matmul(xp, by_step, constant(xp, HORIZON_STEPS))


def _all_stay(xp: Any, alive: Any, there: Any) -> Any:
    """Return the log-odds that every vehicle present is still there at 15, 30, 60 min."""
    bounded = _within(xp, alive, SMALLEST, 1.0)
    logs = xp.where(xp.expand_dims(there, axis=1), xp.log(bounded), constant(xp, 0))
    every = xp.exp(xp.sum(logs, axis=2))
    every = xp.take(every, xp.asarray(np.array(READ_AFTER, dtype=np.int64)), axis=1)
    every = _within(xp, every, SMALLEST, 1 - SMALLEST)
    return xp.log(every / (constant(xp, 1) - every))


def _by_age(xp: Any, inputs: Inputs) -> Any:
    """Return the pace factor of the time since the last departure, (n, 1)."""
    since = inputs["minutes_since_departure"]
    since = xp.where(xp.isnan(since), constant(xp, AGE_EDGES_MINUTES[-1]), since)
    beyond = xp.expand_dims(since, axis=1) >= constant(xp, AGE_EDGES_MINUTES[1:])
    place = xp.sum(xp.astype(beyond, xp.int64), axis=1, keepdims=True)
    return gather(xp, inputs["pace_since_departure"], place)


def _within(xp: Any, values: Any, low: float, high: float) -> Any:
    return xp.minimum(xp.maximum(values, constant(xp, low)), constant(xp, high))
