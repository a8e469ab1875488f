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

__all__ = ["CHECK_TERMS", "check_features"]

Inputs = Mapping[str, Any]

USUAL_POINTS_PER_DAY, PRIOR_DAYS = 11.0, 7.0
"""Inflow of a container of which nothing is known (11.1 %/day in Wyndham, brief 4.5), and the
days that it counts for."""
RESET_FALL_PERCENT = 40.0
FULL_PERCENT = 100.0
FLASH_POINTS = 80.0
HALF_REPORTED = 0.5
SHORT_DAYS, LONG_DAYS = 7, 21
MOST_POINTS = 400.0
MOST_DAYS = float(WINDOW_DAYS)
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
    Term("wiggles", "changements de sens depuis trois semaines", _FALLS, 1.0),
    Term("usual_wiggles", "changements de sens auparavant, sur trois semaines", _FALLS, 0.25),
    Term("low_resets", "retours à zéro depuis un niveau bas, en trois semaines", _FALLS, 1.0),
    Term("usual_low_resets", "retours à zéro depuis un niveau bas, auparavant", _FALLS, 0.25),
    Term("jump_points", "saut du jour, au-delà du rythme", _FALLS, 0.25),
    Term("lowest_points", "plus bas niveau des trois dernières semaines", _LOWEST, 1.0),
    Term("usual_lowest", "plus bas niveau auparavant", _LOWEST, 1.0),
    Term("after_reset_points", "niveau après les vidages récents", _LOWEST, 0.25),
    Term("pace_ratio", "rythme récent rapporté au rythme d'avant", _PACE, 2.0**-6),
    Term("roughness", "agitation récente rapportée à celle d'avant", _PACE, 2.0**-6),
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
    level = _carried(xp, inputs["level_percent"])
    steps = _steps(xp, inputs["level_percent"], level)
    columns = {
        **_stillness(xp, inputs, level, steps),
        **_falls(xp, steps),
        **_lowest(xp, inputs["level_percent"], steps),
        **_pace(xp, steps),
        **_stamps(xp, inputs["age_hours"]),
    }
    emptied = xp.reshape(steps["reset"][:, WINDOW_DAYS - 2], (-1, 1))
    return Features(
        {name: xp.reshape(column, (-1, 1, 1)) for name, column in columns.items()},
        {"emptied_today": emptied},
    )


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _number(xp: Any, condition: Any) -> Any:
    return xp.astype(condition, xp.float32)


def _filled(xp: Any, values: Any, instead: float) -> Any:
    return xp.where(xp.isnan(values), _constant(xp, instead), values)


def _carried(xp: Any, level: Any) -> Any:
    """Return levels with gaps filled by the last known one (0 before the first).

    Doubling steps: after shifts of 1, 2, 4 ... 32 days every gap of a window is crossed.
    """
    carried = level
    shift = 1
    while shift < WINDOW_DAYS:
        head = carried[:, :shift]
        moved = xp.concat([head, carried[:, : WINDOW_DAYS - shift]], axis=1)
        carried = xp.where(xp.isnan(carried), moved, carried)
        shift *= 2
    return _filled(xp, carried, 0.0)


def _steps(xp: Any, read: Any, level: Any) -> dict[str, Any]:
    """Return the changes from day to day, sorted, shape (n, 55)."""
    change = level[:, 1:] - level[:, :-1]
    known = _number(xp, ~xp.isnan(read[:, 1:]))
    after = level[:, 1:]
    deep = change <= _constant(xp, -RESET_FALL_PERCENT)
    to_zero = (after == _constant(xp, 0.0)) & (change < _constant(xp, 0.0))
    reset = deep | to_zero
    rise = xp.maximum(change, _constant(xp, 0.0))
    return {
        "change": change,
        "known": known,
        "moving": known * _number(xp, (after < _constant(xp, FULL_PERCENT)) | (change != 0)),
        "reset": _number(xp, reset),
        "low_reset": _number(xp, to_zero & ~deep),
        "fall": _number(xp, (change < _constant(xp, 0.0)) & ~reset),
        "gained": xp.where(reset, after, rise),
        "after": after,
    }


def _run(xp: Any, holds: Any) -> Any:
    """Return how many days in a row, up to today, a condition (n, k) holds.

    >>> _run(np, np.array([[True, False, True, True], [True] * 4])).tolist()
    [2.0, 4.0]
    """
    n_days = int(holds.shape[1])
    place = _constant(xp, np.arange(1, n_days + 1)[None, :])
    broken = largest(xp, xp.where(holds, _constant(xp, 0.0), place), axis=1)
    return _constant(xp, float(n_days)) - broken


def _stillness(xp: Any, inputs: Inputs, level: Any, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return for how long nothing moved, and what should have gathered meanwhile."""
    today = level[:, WINDOW_DAYS - 1 :]
    still = _run(xp, level == today)
    zero = _run(xp, level == _constant(xp, 0.0))
    place = _constant(xp, np.arange(WINDOW_DAYS - 1)[None, :])
    before = _number(
        xp, place < xp.expand_dims(_constant(xp, float(WINDOW_DAYS - 1)) - still, axis=1)
    )
    gained = xp.sum(steps["gained"] * before, axis=1)
    days = xp.sum(steps["moving"] * before, axis=1)
    rate = (gained + _constant(xp, USUAL_POINTS_PER_DAY * PRIOR_DAYS)) / (
        days + _constant(xp, PRIOR_DAYS)
    )
    most = _constant(xp, MOST_POINTS)
    others = inputs["reported_share"] > _constant(xp, HALF_REPORTED)
    silent = xp.isnan(inputs["level_percent"])
    run = _run(xp, silent | ~others)
    lately = _days_of_run(xp, run)
    return {
        "full_days": _run(xp, level >= _constant(xp, FULL_PERCENT)),
        "recent_full_days": _longest(xp, level >= _constant(xp, FULL_PERCENT)),
        "still_days": still,
        "still_points": xp.minimum(still * rate, most),
        "fleet_points": xp.minimum(
            xp.sum(_filled(xp, inputs["fleet_gain_points"], 0.0) * _days_of_run(xp, still), axis=1)
            * rate
            / _constant(xp, USUAL_POINTS_PER_DAY),
            most,
        ),
        "usual_still_days": _longest_before(xp, level),
        "zero_points": xp.minimum(zero * rate, most),
        "silent_days": xp.sum(_number(xp, silent & others) * lately, axis=1),
    }


def _days_of_run(xp: Any, run: Any) -> Any:
    """Return 1 for the last ``run`` days of the window, shape (n, 56)."""
    place = _constant(xp, np.arange(WINDOW_DAYS)[None, :])
    return _number(xp, place >= xp.expand_dims(_constant(xp, MOST_DAYS) - run, axis=1))


def _longest(xp: Any, holds: Any) -> Any:
    """Return the longest run of days on which a condition (n, 56) holds.

    >>> _longest(np, np.array([[True] * 5 + [False] + [True] * 50])).tolist()
    [50.0]
    """
    place = _constant(xp, np.arange(1, WINDOW_DAYS + 1)[None, :])
    broken = _running_max(xp, xp.where(holds, _constant(xp, 0.0), place))
    return largest(xp, place - broken, axis=1)


def _longest_before(xp: Any, level: Any) -> Any:
    """Return the longest run of one level that ended before the present one, in days.

    >>> _longest_before(np, np.array([[0.0] * 50 + [20.0] * 4 + [40.0] * 2])).tolist()
    [50.0]
    """
    place = _constant(xp, np.arange(WINDOW_DAYS)[None, :])
    first = level[:, :1] == level[:, :1]
    starts = xp.concat([first, level[:, 1:] != level[:, :-1]], axis=1)
    started = _running_max(xp, xp.where(starts, place, _constant(xp, 0.0)))
    ended = started < started[:, WINDOW_DAYS - 1 :]
    run = place - started + _constant(xp, 1.0)
    return largest(xp, xp.where(ended, run, _constant(xp, 0.0)), axis=1)


def _running_max(xp: Any, values: Any) -> Any:
    """Return the greatest value up to each day, in doubling steps.

    >>> _running_max(np, np.array([[1.0, 3.0, 2.0] + [0.0] * 53]))[0, :4].tolist()
    [1.0, 3.0, 3.0, 3.0]
    """
    shift = 1
    while shift < WINDOW_DAYS:
        moved = xp.concat([values[:, :shift], values[:, : WINDOW_DAYS - shift]], axis=1)
        values = xp.maximum(values, moved)
        shift *= 2
    return values


def _falls(xp: Any, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return how often the level fell without a collection, or jumped and came back."""
    week, long = _last(xp, SHORT_DAYS), _last(xp, LONG_DAYS)
    before = _constant(xp, 1.0) - long
    days = xp.sum(steps["known"] * before, axis=1)
    per_long = _constant(xp, float(LONG_DAYS)) / (days + _constant(xp, PRIOR_DAYS))
    gained = xp.sum(steps["gained"] * before, axis=1)
    rate = (gained + _constant(xp, USUAL_POINTS_PER_DAY * PRIOR_DAYS)) / (
        days + _constant(xp, PRIOR_DAYS)
    )
    up, down, flash, turn = _turns(xp, steps)
    spikes = up + down + flash
    today = steps["change"][:, WINDOW_DAYS - 2]
    return {
        "small_falls": xp.sum(steps["fall"] * week, axis=1),
        "small_falls_long": xp.sum(steps["fall"] * long, axis=1),
        "usual_falls": xp.sum(steps["fall"] * before, axis=1) * per_long,
        "up_spikes": xp.sum(up * week[:, 1:], axis=1),
        "down_spikes": xp.sum(down * week[:, 1:], axis=1),
        "flashes": xp.sum(flash * week[:, 1:], axis=1),
        "usual_spikes": xp.sum(spikes * before[:, 1:], axis=1) * per_long * np.float32(1 / 3),
        "wiggles": xp.sum(turn * long[:, 1:], axis=1),
        "usual_wiggles": xp.sum(turn * before[:, 1:], axis=1) * per_long,
        "low_resets": xp.sum(steps["low_reset"] * long, axis=1),
        "usual_low_resets": xp.sum(steps["low_reset"] * before, axis=1) * per_long,
        "jump_points": xp.maximum(today - rate, _constant(xp, 0.0)),
    }


def _turns(xp: Any, steps: Mapping[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return where the level jumped up or down for one day, and where it turned round.

    A jump up that ends at zero may be a collection; one that ends higher is none.
    """
    first, second = steps["change"][:, :-1], steps["change"][:, 1:]
    high, zero = _constant(xp, RESET_FALL_PERCENT), _constant(xp, 0.0)
    up = (first >= high) & (second <= -high) & (steps["after"][:, 1:] > zero)
    down = (first <= -high) & (second >= high)
    flash = (first >= _constant(xp, FLASH_POINTS)) & (second <= _constant(xp, -FLASH_POINTS))
    turn = (first * second < zero) & (steps["reset"][:, 1:] < _constant(xp, 0.5))
    return _number(xp, up), _number(xp, down), _number(xp, flash), _number(xp, turn)


def _lowest(xp: Any, read: Any, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lowest levels lately and before, and what collections left."""
    high = _filled(xp, read, FULL_PERCENT)
    long = _constant(xp, (np.arange(WINDOW_DAYS) >= WINDOW_DAYS - LONG_DAYS)[None, :])
    none = _constant(xp, FULL_PERCENT)
    lately = -largest(xp, -xp.where(long > _constant(xp, 0.5), high, none), axis=1)
    before = -largest(xp, -xp.where(long > _constant(xp, 0.5), none, high), axis=1)
    recent = steps["reset"] * _last(xp, LONG_DAYS)
    left = xp.sum(recent * steps["after"], axis=1)
    return {
        "lowest_points": lately,
        "usual_lowest": before,
        "after_reset_points": left / (xp.sum(recent, axis=1) + _constant(xp, 0.5)),
    }


def _pace(xp: Any, steps: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recent inflow and unrest, relative to those before."""
    long = _last(xp, LONG_DAYS)
    before = _constant(xp, 1.0) - long
    rough = xp.abs(steps["change"])
    return {
        "pace_ratio": _log_ratio(xp, steps["gained"], steps["known"], (long, before)),
        "roughness": _log_ratio(xp, rough, steps["known"], (long, before)),
    }


def _log_ratio(xp: Any, values: Any, known: Any, spans: tuple[Any, Any]) -> Any:
    """Return the logarithm of the ratio of two means, each leaning on the usual inflow."""
    prior = _constant(xp, USUAL_POINTS_PER_DAY * PRIOR_DAYS)
    means = [
        (xp.sum(values * known * span, axis=1) + prior)
        / (xp.sum(known * span, axis=1) + _constant(xp, PRIOR_DAYS))
        for span in spans
    ]
    return xp.log(means[0] / means[1])


def _stamps(xp: Any, age: Any) -> dict[str, Any]:
    """Return how odd the readings' own stamps are; nothing is odd where there is none."""
    late = xp.maximum(_filled(xp, age, 0.0) - _constant(xp, LATE_HOURS), _constant(xp, 0.0))
    ahead = xp.maximum(_constant(xp, -AHEAD_HOURS) - _filled(xp, age, 0.0), _constant(xp, 0.0))
    odd = xp.minimum(late + ahead, _constant(xp, MOST_HOURS))
    week = _constant(xp, (np.arange(WINDOW_DAYS) >= WINDOW_DAYS - SHORT_DAYS)[None, :])
    return {
        "stamp_hours": odd[:, WINDOW_DAYS - 1],
        "odd_stamps": xp.sum(_number(xp, odd > _constant(xp, 0.0)) * week, axis=1),
    }


def _last(xp: Any, n_days: int) -> Any:
    """Return 1 for the last changes, shape (1, 55)."""
    return _constant(xp, (np.arange(WINDOW_DAYS - 1) >= WINDOW_DAYS - 1 - n_days)[None, :])
