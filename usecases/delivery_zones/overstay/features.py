"""Features of the overstay question: array-API functions, traced into the graph.

Rates of the past are shrunk towards the wider group (zone and three hours to zone, zone to
city) and given as log-odds, the scale on which they add up.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.graph.arrays import nan_mean
from common.lab.usecase import Features, Term
from usecases.delivery_zones.overstay.examples import BIN_HOURS, N_BINS, N_STEPS

__all__ = ["CLOCK_TERMS", "OVERSTAY_TERMS", "WEEKEND_TERMS", "overstay_features"]

Inputs = Mapping[str, Any]

SHRINKAGE_STAYS = 20.0
"""Stays that a prior counts for (the recipe measured in research; 4 (b) does not say)."""
LOWEST_RATE, HIGHEST_RATE = 0.02, 0.98
SATURDAY = 5
LONGEST_EMPTY_MINUTES = 1440.0
MOST_TAKEN = 10.0
SHORTEST_STAY, LONGEST_STAY = 1 / 64, 64.0
"""Stays are clipped at these multiples of the limit before their logarithm is averaged."""

WAVES = (("sin", 1), ("cos", 1), ("sin", 2), ("cos", 2), ("sin", 3), ("cos", 3))
CLOCK_TERMS = tuple(f"{wave}_{count}" for wave, count in WAVES)
WEEKEND_TERMS = tuple(f"weekend_{name}" for name in CLOCK_TERMS[:4])

_WAVE_LABELS = {
    f"{wave}_{count}": f"rythme de {24 // count} h ({'sinus' if wave == 'sin' else 'cosinus'})"
    for wave, count in WAVES
}

OVERSTAY_TERMS = (
    Term("city_rate", "taux de dépassement de la ville", "passé de la ville"),
    Term("zone_rate", "taux de dépassement de la zone", "passé de la zone"),
    Term("zone_hour_rate", "taux de la zone à cette heure", "passé de la zone"),
    Term("half_limit", "moitié de la limite déjà passée", "temps écoulé", 1.0),
    Term("clock_hour", "heure d'arrivée", "calendrier", 2.0**-6),
    Term("weekday", "jour de la semaine", "calendrier", 1.0),
    Term("weekend", "samedi ou dimanche", "calendrier", 1.0),
    *(Term(name, _WAVE_LABELS[name], "calendrier") for name in CLOCK_TERMS),
    *(
        Term(f"weekend_{name}", f"{_WAVE_LABELS[name]}, week-end", "calendrier")
        for name in CLOCK_TERMS[:4]
    ),
    Term("bays_taken", "places prises dans la zone", "état de la zone", 1.0),
    Term("empty_time", "temps depuis le dernier départ de la place", "état de la zone"),
    Term("recent_stays", "longueur des derniers stationnements", "passé de la zone"),
)


def overstay_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `OVERSTAY_TERMS`, row by row.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        As `overstay.examples_of` gives: ``reached_stays`` (n, 2, 8), ``over_stays`` (n, 8),
        ``city_reached_stays`` (n, 2), ``city_over_stays`` (n,), ``recent_stay_minutes``
        (n, 20), ``bays_taken``, ``empty_minutes``, ``limit_minutes``, ``arrival_minute`` and
        ``weekday`` (n,).

    Returns
    -------
    Features
        Columns of shape (n, 1, 2) where the steps differ, else (n, 1, 1); context
        ``city_rate`` (n, 2), a probability.
    """
    rates = _rates(xp, inputs)
    city = rates["city_rate"]
    steps = _constant(xp, [[[0.0, 1.0]]])
    columns = {
        **{name: xp.expand_dims(_log_odds(xp, rate), axis=1) for name, rate in rates.items()},
        "half_limit": xp.expand_dims(city * 0, axis=1) + steps,
        **_calendar(xp, inputs["arrival_minute"], inputs["weekday"]),
        **_state(xp, inputs),
    }
    return Features(columns, {"city_rate": city})


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _clip(xp: Any, values: Any, low: float, high: float) -> Any:
    return xp.minimum(xp.maximum(values, _constant(xp, low)), _constant(xp, high))


def _log_odds(xp: Any, rate: Any) -> Any:
    clipped = _clip(xp, rate, LOWEST_RATE, HIGHEST_RATE)
    return xp.log(clipped / (_constant(xp, 1.0) - clipped))


def _shrunk(xp: Any, over: Any, reached: Any, prior: Any) -> Any:
    """Return the rate (n, 2) of stays over the limit (n, 1) among those that reached each step.

    >>> one = np.ones((1, 1))
    >>> _shrunk(np, 4 * one, 20 * one, 0.5 * one).tolist()  # (4 + 20 * 0.5) / (20 + 20)
    [[0.35]]
    """
    weight = _constant(xp, SHRINKAGE_STAYS)
    return (xp.minimum(over, reached) + weight * prior) / (reached + weight)


def _rates(xp: Any, inputs: Inputs) -> dict[str, Any]:
    """Return the rates of city, zone, and zone and three hours, shape (n, 2)."""
    reached, over = inputs["reached_stays"], inputs["over_stays"]
    bins = inputs["arrival_minute"] // (60 * BIN_HOURS)
    here = xp.expand_dims(bins, axis=1) == xp.asarray(np.arange(N_BINS, dtype=np.int64))
    now = xp.astype(here, xp.float32)
    city = _shrunk(
        xp,
        xp.expand_dims(inputs["city_over_stays"], axis=1),
        inputs["city_reached_stays"],
        _constant(xp, np.full((1, N_STEPS), 0.5)),
    )
    zone = _shrunk(xp, xp.sum(over, axis=1, keepdims=True), xp.sum(reached, axis=2), city)
    zone_hour = _shrunk(
        xp,
        xp.sum(over * now, axis=1, keepdims=True),
        xp.sum(reached * xp.expand_dims(now, axis=1), axis=2),
        zone,
    )
    return {"city_rate": city, "zone_rate": zone, "zone_hour_rate": zone_hour}


def _calendar(xp: Any, arrival_minute: Any, weekday: Any) -> dict[str, Any]:
    hour = xp.reshape(xp.astype(arrival_minute, xp.float32), (-1, 1, 1)) * np.float32(1 / 60)
    day = xp.reshape(weekday, (-1, 1, 1))
    weekend = xp.astype(day >= SATURDAY, xp.float32)
    waves = {
        f"{wave}_{count}": getattr(xp, wave)(hour * np.float32(2 * np.pi * count / 24))
        for wave, count in WAVES
    }
    return {
        "clock_hour": hour,
        "weekday": xp.astype(day, xp.float32),
        "weekend": weekend,
        **waves,
        **{f"weekend_{name}": waves[name] * weekend for name in CLOCK_TERMS[:4]},
    }


def _state(xp: Any, inputs: Inputs) -> dict[str, Any]:
    """Return how full the zone is, how long the bay was empty, how long stays were lately."""
    empty = inputs["empty_minutes"]
    never = _constant(xp, LONGEST_EMPTY_MINUTES)
    minutes = _clip(xp, xp.where(xp.isnan(empty), never, empty), 0.0, LONGEST_EMPTY_MINUTES)
    relative = inputs["recent_stay_minutes"] / xp.expand_dims(inputs["limit_minutes"], axis=1)
    lengths = xp.log(_clip(xp, relative, SHORTEST_STAY, LONGEST_STAY))
    columns = {
        "bays_taken": _clip(xp, inputs["bays_taken"], 0.0, MOST_TAKEN),
        "empty_time": xp.log(minutes + _constant(xp, 1.0)),
        "recent_stays": nan_mean(xp, lengths, axis=1),
    }
    return {name: xp.reshape(values, (-1, 1, 1)) for name, values in columns.items()}
