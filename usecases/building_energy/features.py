"""Features of the day-ahead forecast: array-API functions, traced into the graph.

All loads are relative to the meter's own recent level, so that one model serves a nursery and
a town hall. The idea behind them: compare tomorrow with the known days that resemble it (same
kind of day, recent, similar temperature), then look at how the last days strayed from that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul
from common.lab.usecase import Features, Term

__all__ = [
    "BRIDGE_DAYS",
    "ELECTRICITY_TERMS",
    "HISTORY_DAYS",
    "Inputs",
    "electricity_features",
]

Inputs = Mapping[str, Any]

HISTORY_DAYS = 56
"""Known days before the issue day: eight weeks."""
BRIDGE_DAYS = 3
"""Days on each side of the target that are searched for closures (bridging days)."""
N_KINDS = 8
"""Kinds of day: Monday to Sunday, then closed (public holiday or declared closure)."""
CLOSED = 7
LEVEL_DAYS = 28
SMALLEST_LEVEL_KWH = 1e-3
MORNING_HOURS = 11
"""Hours of the issue day whose temperature is known at noon, rounded down."""
LARGEST_DEVIATION = 1.5
"""Deviations are clipped at this multiple of the level: a metering fault is not a trend."""

AGES = np.arange(HISTORY_DAYS - 1, -1, -1, dtype=np.float32)
"""Age in days of each day of the history; 0 is the last known day."""


def _similarity() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return how much a day of one kind tells about a day of another, (kinds, kinds).

    Chosen on 2021 (docs/decisions/forecast-model.md): working days resemble each other,
    Friday less; Sundays resemble closed days.
    """
    table = np.full((N_KINDS, N_KINDS), 1e-4, dtype=np.float32)
    table[:5, :5] = 0.3
    table[4, :4] = table[:4, 4] = 0.15
    table[5:, 5:] = 0.3
    table[5, 6] = table[6, 5] = 0.1
    np.fill_diagonal(table, 1.0)
    return table


SIMILARITY = _similarity()

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
    """Known loads relative to the level; 0 where unknown."""

    relative: Any
    known: Any
    level: Any


@dataclass(frozen=True)
class _Days:
    """Kinds of the days, one-hot: history (n, H, kinds), target (n, 1, kinds).

    ``at`` is the target's place, counted in days from the first day of the history.
    """

    history: Any
    target: Any
    similarity: Any
    weekday: Any
    closed: Any
    at: int


@dataclass(frozen=True)
class _Expectation:
    """Profile by kind of day (n, kinds, 24), what strayed from it, and the expected day."""

    profiles: Any
    target: Any
    gaps: Any
    expected: Any


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
    expectation = _expectation(xp, past, days)
    columns = (
        _calendar(xp, days)
        | _profile(xp, past, days, expectation)
        | _gaps(xp, past, days, expectation)
        | _memory(xp, days, expectation)
        | _weather(xp, past, days, expectation, inputs["temperature_celsius"])
        | _stability(xp, past, expectation)
    )
    context = {
        "level": xp.reshape(past.level, (-1, 1)),
        "expected": xp.reshape(expectation.expected, (-1, 24)),
        "instability": xp.reshape(columns["instability"], (-1, 1)),
    }
    return Features(columns, context)


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _at_least(xp: Any, values: Any, floor: float) -> Any:
    return xp.maximum(values, _constant(xp, floor))


def _sum(xp: Any, values: Any, axis: int | tuple[int, ...]) -> Any:
    return xp.sum(values, axis=axis, keepdims=True)


def _mean(xp: Any, values: Any, known: Any, axis: int | tuple[int, ...]) -> Any:
    """Average the known values; 0 where none is known."""
    return _sum(xp, values * known, axis) / _at_least(xp, _sum(xp, known, axis), 1e-6)


def _clip(xp: Any, deviation: Any) -> Any:
    limit = _constant(xp, LARGEST_DEVIATION)
    return xp.minimum(xp.maximum(deviation, -limit), limit)


def _fading(xp: Any, memory_days: float, last: int) -> Any:
    """Return exponential weights of the last days, (1, H, 1), 0 before them."""
    weights = np.where(last > AGES, np.exp(-AGES / memory_days), 0.0)
    return _constant(xp, weights[None, :, None])


def _past(xp: Any, load_kwh: Any) -> _Past:
    known = xp.astype(~xp.isnan(load_kwh), xp.float32)
    filled = xp.where(xp.isnan(load_kwh), _constant(xp, 0), load_kwh)
    recent = _mean(xp, filled[:, -LEVEL_DAYS:, :], known[:, -LEVEL_DAYS:, :], (1, 2))
    whole = _mean(xp, filled, known, (1, 2))
    some = _sum(xp, known[:, -LEVEL_DAYS:, :], (1, 2)) > 0
    level = _at_least(xp, xp.where(some, recent, whole), SMALLEST_LEVEL_KWH)
    return _Past(filled / level, known, level)


def _days(xp: Any, weekday: Any, closed: Any, at: int) -> _Days:
    offsets = xp.asarray(np.arange(HISTORY_DAYS, dtype=np.int64) - at + 7 * 9)
    past_weekday = (xp.expand_dims(weekday, axis=1) + offsets) % 7
    history = xp.where(closed[:, :HISTORY_DAYS] > 0, CLOSED, past_weekday)
    target = xp.where(closed[:, at : at + 1] > 0, CLOSED, weekday[:, None])
    kinds = xp.asarray(np.arange(N_KINDS, dtype=np.int64))
    one_hot = xp.astype(xp.expand_dims(history, axis=2) == kinds, xp.float32)
    return _Days(
        history=one_hot,
        target=xp.astype(xp.expand_dims(target, axis=2) == kinds, xp.float32),
        similarity=xp.permute_dims(matmul(xp, one_hot, _constant(xp, SIMILARITY)), (0, 2, 1)),
        weekday=weekday,
        closed=closed,
        at=at,
    )


def _profiles(xp: Any, past: _Past, days: _Days, memory_days: float) -> Any:
    """Return the weighted mean day of each kind, (n, kinds, 24)."""
    weights = days.similarity * _constant(xp, np.exp(-AGES / memory_days))
    total = matmul(xp, weights, past.known)
    return matmul(xp, weights, past.relative) / _at_least(xp, total, 1e-9)


def _strayed(xp: Any, past: _Past, days: _Days, profiles: Any) -> Any:
    """Return known load minus the profile of its kind of day, (n, H, 24), 0 unknown."""
    return _clip(xp, past.relative - matmul(xp, days.history, profiles)) * past.known


def _recent(xp: Any, gaps: Any, past: _Past, memory_days: float, last: int = 21) -> Any:
    weights = _fading(xp, memory_days, last) * past.known
    return _sum(xp, gaps * weights, 1) / _at_least(xp, _sum(xp, weights, 1), 1e-9)


def _expectation(xp: Any, past: _Past, days: _Days, memory_days: float = 28.0) -> _Expectation:
    profiles = _profiles(xp, past, days, memory_days)
    gaps = _strayed(xp, past, days, profiles)
    target = matmul(xp, days.target, profiles)
    return _Expectation(profiles, target, gaps, target + _recent(xp, gaps, past, 3.0))


def _calendar(xp: Any, days: _Days) -> dict[str, Any]:
    at = days.at
    around = xp.asarray(np.arange(-BRIDGE_DAYS, BRIDGE_DAYS + 1, dtype=np.int64) + 7)
    working = (days.weekday[:, None] + around) % 7 < 5
    closed = days.closed[:, at - BRIDGE_DAYS : at + BRIDGE_DAYS + 1] > 0
    bridges = xp.sum(xp.astype(closed & working, xp.float32), axis=1)
    kind = xp.sum(days.target * _constant(xp, np.arange(N_KINDS)), axis=2)
    kind = xp.reshape(kind, (-1, 1, 1))
    return {
        "clock_hour": kind * 0 + _constant(xp, np.arange(24)),
        "kind_of_day": kind,
        "bridge_days": xp.reshape(bridges, (-1, 1, 1)),
    }


def _profile(xp: Any, past: _Past, days: _Days, seen: _Expectation) -> dict[str, Any]:
    expected = seen.expected
    fitted = matmul(xp, days.history, seen.profiles) * past.known
    weights = _fading(xp, 3.0, 21)
    ratio = _sum(xp, _sum(xp, past.relative, 2) * weights, 1) / _at_least(
        xp, _sum(xp, _sum(xp, fitted, 2) * weights, 1), 1e-6
    )
    return {
        "expected": expected,
        "short_memory": _clip(xp, _other_memory(xp, past, days, 10.0, 1.5) - expected),
        "scaled_profile": _clip(xp, seen.target * ratio - expected),
    }


def _other_memory(xp: Any, past: _Past, days: _Days, memory_days: float, recent_days: float) -> Any:
    profiles = _profiles(xp, past, days, memory_days)
    gaps = _strayed(xp, past, days, profiles)
    return matmul(xp, days.target, profiles) + _recent(xp, gaps, past, recent_days)


def _same_day(past: _Past, at: int, weeks: int) -> tuple[Any, Any]:
    """Return the target's weekday some weeks before, (n, 1, 24), and whether it is known."""
    day = at - 7 * weeks
    return past.relative[:, day : day + 1, :], past.known[:, day : day + 1, :]


def _gaps(xp: Any, past: _Past, days: _Days, seen: _Expectation) -> dict[str, Any]:
    same = [_same_day(past, days.at, weeks) for weeks in (1, 2, 3, 4)]
    values = xp.concat([value for value, _ in same], axis=1)
    known = xp.concat([flag for _, flag in same], axis=1)
    some = _sum(xp, known, 1) > 0
    four_weeks = xp.where(
        some, _mean(xp, values, known, 1), _mean(xp, past.relative, past.known, 1)
    )
    idle = xp.astype(_sum(xp, days.history[:, :, 5:], 2) > 0, xp.float32)
    target_idle = xp.astype(_sum(xp, days.target[:, :, 5:], 2) > 0, xp.float32)
    alike = 1 - 0.95 * xp.abs(idle - target_idle)
    weights = _fading(xp, 5.0, 28) * past.known * alike
    group = _sum(xp, seen.gaps * weights, 1) / _at_least(xp, _sum(xp, weights, 1), 1e-9)
    return {
        "week_before": xp.where(same[0][1] > 0, same[0][0], four_weeks),
        "four_weeks": four_weeks,
        "group_gap": group,
        "last_day_gap": _last_day(xp, past, seen),
        "last_week_gap": _mean(xp, *_daily(xp, past, seen, last=7), axis=1),
        "one_week_gap": _clip(xp, (same[0][0] - seen.expected) * same[0][1]),
    }


def _daily(xp: Any, past: _Past, seen: _Expectation, last: int) -> tuple[Any, Any]:
    """Return the mean gap of each of the last days, (n, last, 1), and whether it is known."""
    count = _sum(xp, past.known[:, -last:, :], 2)
    gap = _sum(xp, seen.gaps[:, -last:, :], 2) / _at_least(xp, count, 1.0)
    return gap, xp.astype(count > 0, xp.float32)


def _last_day(xp: Any, past: _Past, seen: _Expectation) -> Any:
    """Return the gap of the last known day; older days count where it is unknown."""
    gap, known = _daily(xp, past, seen, last=21)
    weights = _fading(xp, 0.6, 21)[:, -21:, :] * known
    return _sum(xp, gap * weights, 1) / _at_least(xp, _sum(xp, weights, 1), 1e-9)


def _memory(xp: Any, days: _Days, seen: _Expectation) -> dict[str, Any]:
    """Return how long gaps last at this meter, and the gaps that should last."""
    gaps = seen.gaps
    daily = xp.sum(gaps, axis=2, keepdims=True) / 24
    power = _sum(xp, gaps * gaps, (1, 2)) + 1e-6
    week = _sum(xp, gaps[:, 7:, :] * gaps[:, :-7, :], (1, 2)) / power
    daily_power = _sum(xp, daily[:, 2:, :] * daily[:, 2:, :], 1) + 1e-6
    by_day = _sum(xp, daily[:, 2:, :] * daily[:, :-2, :], 1) / daily_power
    return {
        "week_memory": week,
        "lasting_day_gap": by_day * daily[:, -1:, :],
        "lasting_week_gap": week * gaps[:, days.at - 7 : days.at - 6, :],
    }


@dataclass(frozen=True)
class _Air:
    """Temperatures: history (n, H, 24) with its mask, and the target's forecast (n, 1, 24)."""

    history: Any
    known: Any
    week: Any
    forecast: Any


def _air(xp: Any, temperature_celsius: Any) -> _Air:
    """Fill a missing forecast from the last three days and this morning.

    Their mean at each hour, moved by 0.7 of how much this morning (0 to 10 h) departs from
    theirs; 0.7 was chosen on 2021.
    """
    known = xp.astype(~xp.isnan(temperature_celsius), xp.float32)
    filled = xp.where(xp.isnan(temperature_celsius), _constant(xp, 0), temperature_celsius)
    history, known_history = filled[:, :HISTORY_DAYS, :], known[:, :HISTORY_DAYS, :]
    week = _mean(xp, history[:, -7:, :], known_history[:, -7:, :], 1)
    usual = _mean(xp, history[:, -3:, :], known_history[:, -3:, :], 1)
    morning = known[:, -2:-1, :MORNING_HOURS]
    departure = _mean(
        xp, filled[:, -2:-1, :MORNING_HOURS] - usual[:, :, :MORNING_HOURS], morning, 2
    )
    forecast = xp.where(known[:, -1:, :] > 0, filled[:, -1:, :], usual + 0.7 * departure)
    return _Air(history, known_history, week, forecast)


def _weather(
    xp: Any, past: _Past, days: _Days, seen: _Expectation, temperature_celsius: Any
) -> dict[str, Any]:
    air = _air(xp, temperature_celsius)
    weights = days.similarity * _constant(xp, np.exp(-AGES / 28.0))
    usual = matmul(xp, weights, air.history) / _at_least(xp, matmul(xp, weights, air.known), 1e-9)
    anomaly = (air.history - matmul(xp, days.history, usual)) * air.known
    daily_anomaly = _sum(xp, anomaly, 2) / _at_least(xp, _sum(xp, air.known, 2), 1.0)
    # Ridge of 100 K2: two months of mild weather say little about a slope.
    power = _sum(xp, daily_anomaly * daily_anomaly, 1) + 100.0
    daily_gap, _ = _daily(xp, past, seen, last=HISTORY_DAYS)
    slope = _sum(xp, daily_gap * daily_anomaly, 1) / power
    hourly_slope = _sum(xp, seen.gaps * daily_anomaly, 1) / power
    fading = _fading(xp, 3.0, 21) * air.known
    recent = _sum(xp, air.history * fading, 1) / _at_least(xp, _sum(xp, fading, 1), 1e-9)
    change = air.forecast - recent
    day_change = _sum(xp, change, 2) / 24
    return {
        "slope_by_day": slope * change,
        "slope_by_hour": hourly_slope * day_change,
        "day_temperature_change": day_change,
        "week_temperature_celsius": _sum(xp, air.week, 2) / 24,
    } | _similar_weather(xp, past, days, seen, air)


def _similar_weather(
    xp: Any, past: _Past, days: _Days, seen: _Expectation, air: _Air, width_celsius: float = 4.0
) -> dict[str, Any]:
    """Return the profile and the gaps of the days whose mean temperature is near."""
    count = _sum(xp, air.known, 2)
    daily = _sum(xp, air.history, 2) / _at_least(xp, count, 1.0)
    distance = (daily - _sum(xp, air.forecast, 2) / 24) / width_celsius
    near = xp.where(count > 0, xp.exp(-0.5 * distance * distance) + 0.02, _constant(xp, 1.0))
    alike = matmul(xp, days.target, days.similarity)
    fading = _constant(xp, np.exp(-AGES / 40.0))
    weights = alike * fading * xp.permute_dims(near, (0, 2, 1))
    total = _at_least(xp, matmul(xp, weights, past.known), 1e-9)
    gap_weights = near * xp.reshape(fading, (1, HISTORY_DAYS, 1)) * past.known
    gap = _sum(xp, seen.gaps * gap_weights, 1) / _at_least(xp, _sum(xp, gap_weights, 1), 1e-9)
    return {
        "similar_weather": _clip(xp, matmul(xp, weights, past.relative) / total - seen.target),
        "similar_weather_gap": gap,
    }


def _stability(xp: Any, past: _Past, seen: _Expectation) -> dict[str, Any]:
    squares = seen.gaps * seen.gaps
    return {
        "instability": xp.sqrt(_mean(xp, squares[:, -28:, :], past.known[:, -28:, :], (1, 2))),
        "hour_instability": xp.sqrt(_mean(xp, squares[:, -28:, :], past.known[:, -28:, :], 1)),
    }
