"""Features of the day-ahead forecast: array-API functions, traced into the graph.

All loads are relative to the meter's own recent level, so that one model serves a nursery and
a town hall. The idea behind them: compare tomorrow with the known days that resemble it (same
kind of day, recent, similar temperature), then look at how the last days strayed from that.

Sums over days and hours are products with constant matrices, as many as possible at once: in
a graph of small tensors the number of nodes is the cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul, rows_of
from common.lab.usecase import Features, Term
from usecases.building_energy.electricity_kernels import (
    CLOSED,
    FIRST_IDLE,
    HISTORY_DAYS,
    KINDS,
    LONG_DAYS,
    N_KINDS,
    SHORT_DAYS,
    TOWARDS_TARGET,
    TOWARDS_TARGET_FADING,
    WEATHER_DAYS,
    fading,
    last,
)

__all__ = [
    "BRIDGE_DAYS",
    "CLOSED",
    "ELECTRICITY_TERMS",
    "HISTORY_DAYS",
    "MORNING_HOURS",
    "Inputs",
    "electricity_features",
]

Inputs = Mapping[str, Any]

BRIDGE_DAYS = 3
"""Days on each side of the target that are searched for closures (bridging days)."""
LEVEL_DAYS = 28
SMALLEST_LEVEL_KWH = 1e-3
MORNING_HOURS = 11
"""Hours of the issue day whose temperature is known at noon, rounded down."""
LARGEST_DEVIATION = 1.5
"""Deviations are clipped at this multiple of the level: a metering fault is not a trend."""

_RELATIVE = 2.0**-12
_DEGREES = 2.0**-6

ELECTRICITY_TERMS = (
    Term("clock_hour", "heure de la journée", "calendrier", 1.0),
    Term("kind_of_day", "type de jour (lundi à dimanche, fermé)", "calendrier", 1.0),
    Term("bridge_days", "jours ouvrés chômés alentour (ponts)", "calendrier", 1.0),
    Term("expected", "profil attendu pour ce type de jour", "profil habituel", _RELATIVE),
    Term("week_before", "même heure une semaine avant", "semaines passées", _RELATIVE),
    Term("four_weeks", "moyenne de quatre mêmes jours", "semaines passées", _RELATIVE),
    Term("short_memory", "profil des dix derniers jours", "profil habituel", _RELATIVE),
    Term("scaled_profile", "profil porté au niveau récent", "niveau récent", _RELATIVE),
    Term("group_gap", "écart récent, jours du même groupe", "niveau récent", _RELATIVE),
    Term("last_day_gap", "écart du dernier jour connu", "niveau récent", _RELATIVE),
    Term("last_week_gap", "écart des sept derniers jours", "niveau récent", _RELATIVE),
    Term("one_week_gap", "écart, une semaine avant", "semaines passées", _RELATIVE),
    Term(
        "lasting_day_gap", "écart du dernier jour, s'il dure d'habitude", "niveau récent", _RELATIVE
    ),
    Term(
        "lasting_week_gap",
        "écart de la semaine, s'il dure d'habitude",
        "semaines passées",
        _RELATIVE,
    ),
    Term("week_memory", "persistance des écarts à une semaine", "régularité", _RELATIVE),
    Term("slope_by_hour", "effet propre de la température, par heure", "température", _RELATIVE),
    Term("slope_by_day", "effet propre de la température, par jour", "température", _RELATIVE),
    Term("similar_weather_gap", "écart des jours de température proche", "température", _RELATIVE),
    Term("similar_weather", "profil des jours de température proche", "température", _RELATIVE),
    Term("day_temperature_change", "température prévue moins récente", "température", _DEGREES),
    Term(
        "week_temperature_celsius", "température des sept derniers jours", "température", _DEGREES
    ),
    Term("instability", "variabilité des quatre dernières semaines", "régularité", _RELATIVE),
    Term("hour_instability", "variabilité récente à cette heure", "régularité", _RELATIVE),
)
"""Columns of the matrix in order; grids of relative loads are 2**-12 of the level."""


@dataclass(frozen=True)
class _Past:
    """Known loads relative to the level, (n, H, 24); 0 where unknown.

    ``hours`` (n, H, 1) counts the known hours of each day, ``total`` sums their load.
    """

    relative: Any
    known: Any
    level: Any
    hours: Any
    total: Any


@dataclass(frozen=True)
class _Days:
    """Kinds of the days, one-hot: history (n, H, kinds), target (n, 1, kinds).

    ``kind`` (n, 1) is the target's; ``similarity`` (n, kinds, H) says how much each day tells
    about each kind, ``towards`` (n, 2, H) weighs the days for the target (`TOWARDS_TARGET`);
    ``at`` is the target's place, counted in days from the first day of the history.
    """

    history: Any
    target: Any
    kind: Any
    similarity: Any
    towards: Any
    weekday: Any
    closed: Any
    at: int


@dataclass(frozen=True)
class _Seen:
    """Mean days by kind and what strayed from them.

    ``fitted`` (n, H, 24) and ``target`` (n, 1, 24) are the mean days of the kinds of the
    history's days and of the target; ``gaps`` (n, H, 24) is load minus fitted, 0 unknown;
    ``expected`` (n, 1, 24) is the target's mean day moved by the last gaps; ``total`` and
    ``daily`` (n, H, 1) are each day's gap, summed and averaged over its known hours.
    """

    fitted: Any
    target: Any
    gaps: Any
    expected: Any
    squares: Any
    total: Any
    daily: Any


def electricity_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `ELECTRICITY_TERMS` and the level, row by row.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        ``load_kwh`` (n, 56, 24) by clock hour, last day known at issue time last, NaN
        unknown; ``temperature_celsius`` (n, 58, 24): the same days, then the issue day and
        the target day (57 days when the issue is at midnight, track F2); ``weekday`` (n,) of
        the target, Monday 0; ``closed`` (n, 61): 1 for public holidays and closures, from the
        first day of the history to three days after the target.

    Returns
    -------
    Features
        Columns of shape (n, 1, 24) or (n, 1, 1); context ``level`` (n, 1) in kWh,
        ``expected`` (n, 24) and ``instability`` (n, 1) relative to it.
    """
    past = _past(xp, inputs["load_kwh"])
    at = int(inputs["temperature_celsius"].shape[1]) - 1
    days = _days(xp, inputs["weekday"], inputs["closed"], at)
    seen = _seen(xp, past, days, LONG_DAYS, 3.0)
    columns = (
        _calendar(xp, days)
        | _profile(xp, past, days, seen)
        | _same_weekdays(xp, past, days, seen)
        | _daily_gaps(xp, past, seen)
        | _memory(xp, days, seen)
        | _weather(xp, past, days, seen, inputs["temperature_celsius"])
        | _stability(xp, past, seen)
    )
    context = {
        "level": xp.reshape(past.level, (-1, 1)),
        "expected": xp.reshape(seen.expected, (-1, 24)),
        "instability": xp.reshape(columns["instability"], (-1, 1)),
    }
    return Features(columns, context)


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _at_least(xp: Any, values: Any, floor: float) -> Any:
    return xp.maximum(values, _constant(xp, floor))


def _sum(xp: Any, values: Any, axis: int | tuple[int, ...]) -> Any:
    return xp.sum(values, axis=axis, keepdims=True)


def _day_mean(xp: Any, values: Any) -> Any:
    """Average (..., 24) over the hours of a day, (..., 1)."""
    return matmul(xp, values, _constant(xp, np.full((24, 1), 1 / 24)))


def _over_days(xp: Any, weights: Any, values: Any) -> Any:
    """Sum (n, H, ...) over the days with constant weights (k, H), (n, k, ...)."""
    return matmul(xp, _constant(xp, weights), values)


def _known_means(xp: Any, weights: Any, values: Any, known: Any) -> Any:
    """Average over the days with constant weights (k, H) what is known (values 0 elsewhere)."""
    total = _at_least(xp, _over_days(xp, weights, known), 1e-9)
    return _over_days(xp, weights, values) / total


def _clip(xp: Any, deviation: Any) -> Any:
    limit = np.float32(LARGEST_DEVIATION)
    return xp.minimum(xp.maximum(deviation, _constant(xp, -limit)), _constant(xp, limit))


def _known_part(xp: Any, values: Any) -> tuple[Any, Any, Any]:
    """Return values with 0 for NaN, 1 where they are known, and where they are not."""
    unknown, zero = xp.isnan(values), _constant(xp, 0)
    return xp.where(unknown, zero, values), xp.where(unknown, zero, _constant(xp, 1)), unknown


def _past(xp: Any, load_kwh: Any) -> _Past:
    # Outages are often written as zeros; a building that takes no power at all is rarer.
    measured = load_kwh > 0
    filled, known = xp.where(measured, load_kwh, _constant(xp, 0)), xp.astype(measured, xp.float32)
    hours, total = _sum(xp, known, 2), _sum(xp, filled, 2)
    windows = np.stack([last(LEVEL_DAYS), last(HISTORY_DAYS)])
    counts = _over_days(xp, windows, hours)
    means = _over_days(xp, windows, total) / _at_least(xp, counts, 1.0)
    level = xp.where(counts[:, :1, :] > 0, means[:, :1, :], means[:, 1:, :])
    level = _at_least(xp, level, SMALLEST_LEVEL_KWH)
    return _Past(filled / level, known, level, hours, total)


def _days(xp: Any, weekday: Any, closed: Any, at: int) -> _Days:
    """Look up the kinds of the days of the history and, behind them, of the target."""
    places = np.append(np.arange(HISTORY_DAYS, dtype=np.int64), at)
    weekdays = (xp.expand_dims(weekday, axis=1) + xp.asarray(places - at + 7 * 9)) % 7
    kinds = xp.where(xp.take(closed, xp.asarray(places), axis=1) > 0, CLOSED, weekdays)
    facts = rows_of(xp, _constant(xp, KINDS), kinds)
    past, target = kinds[:, :HISTORY_DAYS], kinds[:, HISTORY_DAYS:]
    towards = rows_of(xp, _constant(xp, TOWARDS_TARGET), past * N_KINDS + target)
    towards = towards * _constant(xp, TOWARDS_TARGET_FADING)
    return _Days(
        history=facts[:, :HISTORY_DAYS, :N_KINDS],
        target=facts[:, HISTORY_DAYS:, :N_KINDS],
        kind=target,
        similarity=xp.permute_dims(facts[:, :HISTORY_DAYS, N_KINDS:], (0, 2, 1)),
        towards=xp.permute_dims(towards, (0, 2, 1)),
        weekday=weekday,
        closed=closed,
        at=at,
    )


def _mean_days(xp: Any, days: _Days, values: Any, known: Any, memory_days: float) -> Any:
    """Return the weighted mean day of each kind, (n, kinds, 24)."""
    weights = days.similarity * _constant(xp, fading(memory_days))
    return matmul(xp, weights, values) / _at_least(xp, matmul(xp, weights, known), 1e-9)


def _seen(xp: Any, past: _Past, days: _Days, memory_days: float, recent_days: float) -> _Seen:
    means = _mean_days(xp, days, past.relative, past.known, memory_days)
    fitted = matmul(xp, days.history, means)
    gaps = _clip(xp, past.relative - fitted) * past.known
    target = matmul(xp, days.target, means)
    recent = _known_means(xp, fading(recent_days, 21)[None], gaps, past.known)
    total = _sum(xp, gaps, 2)
    return _Seen(
        fitted=fitted,
        target=target,
        gaps=gaps,
        expected=target + recent,
        squares=gaps * gaps,
        total=total,
        daily=total / _at_least(xp, past.hours, 1.0),
    )


def _calendar(xp: Any, days: _Days) -> dict[str, Any]:
    at = days.at
    around = xp.asarray(np.arange(-BRIDGE_DAYS, BRIDGE_DAYS + 1, dtype=np.int64) + 7)
    working = (xp.expand_dims(days.weekday, axis=1) + around) % 7 < FIRST_IDLE
    closed = days.closed[:, at - BRIDGE_DAYS : at + BRIDGE_DAYS + 1] > 0
    bridges = xp.sum(xp.astype(closed & working, xp.float32), axis=1)
    kind = xp.reshape(xp.astype(days.kind, xp.float32), (-1, 1, 1))
    return {
        "clock_hour": kind * 0 + _constant(xp, np.arange(24)),
        "kind_of_day": kind,
        "bridge_days": xp.reshape(bridges, (-1, 1, 1)),
    }


def _profile(xp: Any, past: _Past, days: _Days, seen: _Seen) -> dict[str, Any]:
    fitted = _sum(xp, seen.fitted * past.known, 2)
    weights = fading(3.0, 21)[None]
    usual = _at_least(xp, _over_days(xp, weights, fitted), 1e-6)
    ratio = _over_days(xp, weights, past.total / past.level) / usual
    short = _seen(xp, past, days, SHORT_DAYS, 1.5)
    return {
        "expected": seen.expected,
        "short_memory": _clip(xp, short.expected - seen.expected),
        "scaled_profile": _clip(xp, seen.target * ratio - seen.expected),
    }


def _same_weekdays(xp: Any, past: _Past, days: _Days, seen: _Seen) -> dict[str, Any]:
    """Return the target's weekday in the weeks before; the mean day where it is unknown."""
    same = np.isin(np.arange(HISTORY_DAYS), days.at - 7 * np.arange(1, 5))
    windows = np.stack([same, last(HISTORY_DAYS)])
    counts = _over_days(xp, windows, past.known)
    means = _over_days(xp, windows, past.relative) / _at_least(xp, counts, 1.0)
    four_weeks = xp.where(counts[:, :1, :] > 0, means[:, :1, :], means[:, 1:, :])
    week = slice(days.at - 7, days.at - 6)
    before, known = past.relative[:, week, :], past.known[:, week, :]
    return {
        "week_before": xp.where(known > 0, before, four_weeks),
        "four_weeks": four_weeks,
        "one_week_gap": _clip(xp, (before - seen.expected) * known),
    }


def _daily_gaps(xp: Any, past: _Past, seen: _Seen) -> dict[str, Any]:
    """Return the mean gap of the last week, and of the last day: older ones where unknown."""
    weights = np.stack([last(7), fading(0.6, 21)])
    known = xp.minimum(past.hours, _constant(xp, 1))
    means = _known_means(xp, weights, seen.daily, known)
    return {"last_week_gap": means[:, :1, :], "last_day_gap": means[:, 1:, :]}


def _memory(xp: Any, days: _Days, seen: _Seen) -> dict[str, Any]:
    """Return how long gaps last at this meter, and the gaps that should last."""
    gaps = seen.gaps
    power = _sum(xp, seen.squares, (1, 2)) + np.float32(1e-6)
    week = _sum(xp, gaps[:, 7:, :] * gaps[:, :-7, :], (1, 2)) / power
    total = seen.total * np.float32(1 / 24)
    later = total[:, 2:, :]
    daily_power = _sum(xp, later * later, 1) + np.float32(1e-6)
    by_day = _sum(xp, later * total[:, :-2, :], 1) / daily_power
    return {
        "week_memory": week,
        "lasting_day_gap": by_day * total[:, -1:, :],
        "lasting_week_gap": week * gaps[:, days.at - 7 : days.at - 6, :],
    }


@dataclass(frozen=True)
class _Air:
    """Temperatures: history (n, H, 24) with its mask, and the target's forecast (n, 1, 24).

    ``hours`` (n, H, 1) counts each day's known hours; ``recent`` and ``week`` (n, 1, 24) are
    means of the last days.
    """

    history: Any
    known: Any
    hours: Any
    recent: Any
    week: Any
    forecast: Any


def _air(xp: Any, temperature_celsius: Any) -> _Air:
    """Fill a missing forecast from the last three days and this morning.

    Their mean at each hour, moved by 0.7 of how much this morning (0 to 10 h) departs from
    theirs; 0.7 was chosen on 2021.
    """
    filled, known, unknown = _known_part(xp, temperature_celsius)
    history, known_history = filled[:, :HISTORY_DAYS, :], known[:, :HISTORY_DAYS, :]
    weights = np.stack([fading(3.0, 21), last(7), last(3)])
    means = _known_means(xp, weights, history, known_history)
    usual = means[:, 2:, :]
    morning = _constant(xp, np.arange(24)[:, None] < MORNING_HOURS)
    today = known[:, -2:-1, :]
    departure = matmul(xp, (filled[:, -2:-1, :] - usual) * today, morning)
    departure = departure / _at_least(xp, matmul(xp, today, morning), 1.0)
    guess = usual + departure * np.float32(0.7)
    return _Air(
        history=history,
        known=known_history,
        hours=_sum(xp, known_history, 2),
        recent=means[:, :1, :],
        week=means[:, 1:2, :],
        forecast=xp.where(unknown[:, -1:, :], guess, filled[:, -1:, :]),
    )


def _weather(
    xp: Any, past: _Past, days: _Days, seen: _Seen, temperature_celsius: Any
) -> dict[str, Any]:
    air = _air(xp, temperature_celsius)
    hours = _at_least(xp, air.hours, 1.0)
    usual = _mean_days(xp, days, air.history, air.known, LONG_DAYS)
    anomaly = (air.history - matmul(xp, days.history, usual)) * air.known
    daily = _sum(xp, anomaly, 2) / hours
    by_day = xp.permute_dims(daily, (0, 2, 1))
    # Ridge of 100 K2: two months of mild weather say little about a slope.
    share = by_day / (matmul(xp, by_day, daily) + np.float32(100))
    change = air.forecast - air.recent
    day_change = _day_mean(xp, change)
    near = _nearness(xp, air, hours)
    return {
        "slope_by_day": matmul(xp, share, seen.daily) * change,
        "slope_by_hour": matmul(xp, share, seen.gaps) * day_change,
        "day_temperature_change": day_change,
        "week_temperature_celsius": _day_mean(xp, air.week),
    } | _weighed(xp, past, days, seen, near)


def _nearness(xp: Any, air: _Air, hours: Any, width_celsius: float = 4.0) -> Any:
    """Return how near each day's mean temperature is to the target's, (n, 1, H)."""
    distance = _sum(xp, air.history, 2) / hours - _day_mean(xp, air.forecast)
    fall = np.float32(-0.5 / width_celsius**2)
    near = xp.exp(distance * distance * fall) + np.float32(0.02)
    near = xp.where(air.hours > 0, near, _constant(xp, 1))
    return xp.permute_dims(near, (0, 2, 1))


def _weighed(xp: Any, past: _Past, days: _Days, seen: _Seen, near: Any) -> dict[str, Any]:
    """Return gaps of days of the target's group, and what days of similar weather say."""
    group = days.towards[:, :1, :]
    gap_weights = near * _constant(xp, fading(WEATHER_DAYS))
    profile_weights = days.towards[:, 1:, :] * near
    weights = xp.concat([group, gap_weights, profile_weights], axis=1)
    known = _at_least(xp, matmul(xp, weights, past.known), 1e-9)
    gaps = matmul(xp, weights[:, :2, :], seen.gaps) / known[:, :2, :]
    profile = matmul(xp, profile_weights, past.relative) / known[:, 2:, :]
    return {
        "group_gap": gaps[:, :1, :],
        "similar_weather_gap": gaps[:, 1:, :],
        "similar_weather": _clip(xp, profile - seen.target),
    }


def _stability(xp: Any, past: _Past, seen: _Seen) -> dict[str, Any]:
    weights = last(LEVEL_DAYS)[None]
    squares = _over_days(xp, weights, seen.squares)
    known = _over_days(xp, weights, past.known)
    day = _day_mean(xp, squares) / _at_least(xp, _day_mean(xp, known), 1e-6)
    return {
        "instability": xp.sqrt(day),
        "hour_instability": xp.sqrt(squares / _at_least(xp, known, 1.0)),
    }
