"""Residual checks of a sensor, from a window of daily levels: array-API functions, traced.

Each column is one reason that a person can check on the same levels: how long a value has stood
still, how much should have gathered meanwhile, how often a level fell without a collection.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.graph.arrays import largest
from common.lab.usecase import Features, Term
from usecases.waste_collection.faults.examples import WINDOW_DAYS
from usecases.waste_collection.faults.unrest import (
    FULL_PERCENT,
    LONG_DAYS,
    SHORT_DAYS,
    USUAL_POINTS_PER_DAY,
    falls,
    paces,
    spikes,
    steps_of,
    usual_rate,
)
from usecases.waste_collection.faults.windows import (
    carried,
    constant,
    days_of_run,
    filled,
    last,
    longest,
    longest_before,
    number,
    run,
)

__all__ = ["CHECK_TERMS", "check_features"]

Inputs = Mapping[str, Any]

HALF_REPORTED = 0.5
MOST_POINTS = 400.0
LATE_HOURS, AHEAD_HOURS = 1.5, 0.5
"""A stamp may be so old at 06:00, or so far ahead, before it is an oddity."""
MOST_HOURS = 48.0

_STILL, _FALLS, _LOWEST = "valeur figée", "baisses sans vidage", "plancher"
_SILENT, _CLOCK, _PACE = "silence", "heure des messages", "rythme"

CHECK_TERMS = (
    Term("full_days", "jours de suite à 100 %", _STILL, 1.0),
    Term("recent_full_days", "plus long arrêt à 100 % depuis huit semaines", _STILL, 1.0),
    Term("still_days", "jours de suite au même niveau", _STILL, 1.0),
    Term("still_points", "points attendus pendant que le niveau ne bouge pas", _STILL, 0.25),
    Term("fleet_points", "points attendus d'après les autres pendant ce temps", _STILL, 0.25),
    Term("usual_still_days", "plus long arrêt au même niveau auparavant", _STILL, 1.0),
    Term("zero_points", "points attendus depuis que le niveau est à zéro", _STILL, 0.25),
    Term("silent_days", "jours sans message alors que les autres en envoient", _SILENT, 1.0),
    Term("small_falls", "baisses sans vidage depuis une semaine", _FALLS, 1.0),
    Term("small_falls_long", "baisses sans vidage depuis trois semaines", _FALLS, 1.0),
    Term("usual_falls", "baisses sans vidage auparavant, sur trois semaines", _FALLS, 0.25),
    Term("up_spikes", "pointes d'un jour vers le haut depuis une semaine", _FALLS, 1.0),
    Term("down_spikes", "pointes d'un jour vers le bas depuis une semaine", _FALLS, 1.0),
    Term("flashes", "pleins d'un seul jour depuis une semaine", _FALLS, 1.0),
    Term("usual_spikes", "pointes d'un jour auparavant, par semaine", _FALLS, 0.25),
    Term("returns", "allers et retours de 60 points et plus depuis une semaine", _FALLS, 1.0),
    Term("usual_returns", "allers et retours de 60 points auparavant, par semaine", _FALLS, 0.25),
    Term("wiggles", "changements de sens depuis trois semaines", _FALLS, 1.0),
    Term("usual_wiggles", "changements de sens auparavant, sur trois semaines", _FALLS, 0.25),
    Term("flickers", "petits allers et retours depuis trois semaines", _FALLS, 1.0),
    Term("usual_flickers", "petits allers et retours auparavant, sur trois semaines", _FALLS, 0.25),
    Term("dips", "petites baisses depuis trois semaines, jusqu'à zéro comprises", _FALLS, 1.0),
    Term("usual_dips", "petites baisses auparavant, sur trois semaines", _FALLS, 0.25),
    Term("low_resets", "retours à zéro depuis un niveau bas, en trois semaines", _FALLS, 1.0),
    Term("usual_low_resets", "retours à zéro depuis un niveau bas, auparavant", _FALLS, 0.25),
    Term("partial_resets", "vidages qui laissent un reste, depuis une semaine", _FALLS, 1.0),
    Term("usual_partial", "vidages qui laissent un reste auparavant, par semaine", _FALLS, 0.25),
    Term("jump_points", "saut du jour, au-delà du rythme", _FALLS, 0.25),
    Term("lowest_points", "plus bas niveau des trois dernières semaines", _LOWEST, 1.0),
    Term("usual_lowest", "plus bas niveau auparavant", _LOWEST, 1.0),
    Term("after_reset_points", "niveau après les vidages récents", _LOWEST, 0.25),
    Term("pace_ratio", "rythme récent rapporté au rythme d'avant", _PACE, 2.0**-6),
    Term("roughness", "agitation récente rapportée à celle d'avant", _PACE, 2.0**-6),
    Term("moves", "jours où le niveau bouge, rapportés à ceux d'avant", _PACE, 2.0**-6),
    Term("week_pace", "rythme de la semaine rapporté à celui d'avant", _PACE, 2.0**-6),
    Term("week_roughness", "agitation de la semaine rapportée à celle d'avant", _PACE, 2.0**-6),
    Term("stamp_hours", "écart d'heure du dernier message", _CLOCK, 2.0**-4),
    Term("odd_stamps", "messages à l'heure étrange depuis une semaine", _CLOCK, 1.0),
)


def check_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `CHECK_TERMS`, row by row, each of shape (n, 1, 1).

    The context ``emptied_today`` (n, 1) is 1 where today's level says that the container was
    emptied since yesterday.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        ``level_percent`` and ``age_hours`` (n, 56), today last, NaN where nothing came or no
        stamp was carried; ``reported_share`` and ``fleet_gain_points`` (n, 56): the share of
        the containers that said something, and how much they gained on average.
    """
    level = carried(xp, inputs["level_percent"])
    heard = number(xp, inputs["reported_share"] > constant(xp, HALF_REPORTED))
    steps = steps_of(xp, inputs["level_percent"], level, heard)
    columns = {
        **_stillness(xp, inputs, level, heard, steps),
        **_silence(xp, inputs["level_percent"], heard),
        **falls(xp, steps),
        **spikes(xp, steps),
        **_lowest(xp, inputs["level_percent"], steps),
        **paces(xp, steps),
        **_stamps(xp, inputs["age_hours"]),
    }
    emptied = xp.reshape(steps["emptied"][:, WINDOW_DAYS - 2], (-1, 1))
    return Features(
        {name: xp.reshape(column, (-1, 1, 1)) for name, column in columns.items()},
        {"emptied_today": emptied},
    )


def _stillness(
    xp: Any, inputs: Inputs, level: Any, heard: Any, steps: Mapping[str, Any]
) -> dict[str, Any]:
    """Return for how long nothing moved, and what should have gathered meanwhile.

    Days of an outage of the network are not counted.
    """
    full = level >= constant(xp, FULL_PERCENT)
    still = run(xp, level == level[:, WINDOW_DAYS - 1 :])
    lately = days_of_run(xp, still)
    still_days = xp.sum(heard * lately, axis=1)
    zero_days = _heard_days(xp, level == constant(xp, 0.0), heard)
    rate = usual_rate(xp, steps, constant(xp, 1.0) - lately[:, 1:])
    most = constant(xp, MOST_POINTS)
    others = xp.sum(filled(xp, inputs["fleet_gain_points"], 0.0) * lately, axis=1)
    return {
        "full_days": _heard_days(xp, full, heard),
        "recent_full_days": longest(xp, full),
        "still_days": still_days,
        "still_points": xp.minimum(still_days * rate, most),
        "fleet_points": xp.minimum(others * rate / constant(xp, USUAL_POINTS_PER_DAY), most),
        "usual_still_days": longest_before(xp, level),
        "zero_points": xp.minimum(zero_days * rate, most),
    }


def _heard_days(xp: Any, holds: Any, heard: Any) -> Any:
    """Return how many days up to today a condition (n, 56) holds, outages left out."""
    return xp.sum(heard * days_of_run(xp, run(xp, holds)), axis=1)


def _silence(xp: Any, read: Any, heard: Any) -> dict[str, Any]:
    """Return for how many days the sensor said nothing while others did."""
    silent = number(xp, xp.isnan(read))
    since = days_of_run(xp, run(xp, silent + (constant(xp, 1.0) - heard) > constant(xp, 0.5)))
    return {"silent_days": xp.sum(silent * heard * since, axis=1)}


def _lowest(xp: Any, read: Any, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lowest levels lately and before, and what collections left."""
    high = filled(xp, read, FULL_PERCENT)
    long = constant(xp, (np.arange(WINDOW_DAYS) >= WINDOW_DAYS - LONG_DAYS)[None, :])
    none = constant(xp, FULL_PERCENT)
    lately = -largest(xp, -xp.where(long > constant(xp, 0.5), high, none), axis=1)
    before = -largest(xp, -xp.where(long > constant(xp, 0.5), none, high), axis=1)
    recent = steps["reset"] * last(xp, LONG_DAYS)
    left = xp.sum(recent * steps["after"], axis=1)
    return {
        "lowest_points": lately,
        "usual_lowest": before,
        "after_reset_points": left / (xp.sum(recent, axis=1) + constant(xp, 0.5)),
    }


def _stamps(xp: Any, age: Any) -> dict[str, Any]:
    """Return how odd the readings' own stamps are; nothing is odd where there is none."""
    late = xp.maximum(filled(xp, age, 0.0) - constant(xp, LATE_HOURS), constant(xp, 0.0))
    ahead = xp.maximum(constant(xp, -AHEAD_HOURS) - filled(xp, age, 0.0), constant(xp, 0.0))
    odd = xp.minimum(late + ahead, constant(xp, MOST_HOURS))
    week = constant(xp, (np.arange(WINDOW_DAYS) >= WINDOW_DAYS - SHORT_DAYS)[None, :])
    return {
        "stamp_hours": odd[:, WINDOW_DAYS - 1],
        "odd_stamps": xp.sum(number(xp, odd > constant(xp, 0.0)) * week, axis=1),
    }
