"""Features of the day-ahead gas forecast: days of the past year that resemble tomorrow.

Heating follows the weather, the timetable and whether the boiler runs at all. Each past day
gets a weight for how much it resembles tomorrow (kind of day, age, temperature, recent level,
recent shape); a weighted regression on two temperatures, solved in closed form for each hour,
then says what such a day consumes in tomorrow's weather. Three sets of weights, from the last
days to the whole year, disagree where the future is uncertain. Nothing here is learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import largest, matmul, rows_of
from common.lab.usecase import Features, Term
from usecases.building_energy.electricity_kernels import CLOSED, N_KINDS
from usecases.building_energy.features import MORNING_HOURS
from usecases.building_energy.gas_kernels import (
    DAY,
    FALLS,
    GAS_HISTORY_DAYS,
    LAST_DAYS,
    LOG_AGEING,
    LOG_SIMILARITY,
    NEAR,
    SMOOTHING,
    STEADY,
)

__all__ = ["GAS_HISTORY_DAYS", "GAS_TERMS", "gas_features"]

Inputs = Mapping[str, Any]

HOURS_OF_A_DAY = 20
"""Known hours from which a day has a mean."""
RECENT_DAYS = 5
"""Days whose mean is the level that two days are compared by."""

LEVEL_DAYS = 28
RECENT_SHARE, PEAK_SHARE = 0.5, 0.03
SMALLEST_LEVEL_KWH = 0.02
"""The level is the largest of the year's mean, half the last 28 days' and 3 % of the peak,
plus this: a boiler that is off all summer still has a level."""

RIDGE_KELVIN2 = np.float32(1.5)
"""Ridge of the regressions on two temperatures, against days that are all alike."""
SMALLEST_WEIGHT = 1e-6
TINY = 1e-9


_RELATIVE = 2.0**-12
_DEGREES = 2.0**-6

GAS_TERMS = (
    Term("clock_hour", "heure de la journée", "calendrier", 1.0),
    Term("kind_of_day", "type de jour (lundi à dimanche, fermé)", "calendrier", 1.0),
    Term("closed_before", "la veille est chômée", "calendrier", 1.0),
    Term("closed_after", "le lendemain est chômé", "calendrier", 1.0),
    Term("analog_days", "jours analogues", "jours analogues", _RELATIVE),
    Term("last_analogs", "jours analogues, tout récents", "jours analogues", _RELATIVE),
    Term("near_analogs", "jours analogues, récents", "jours analogues", _RELATIVE),
    Term("scaled_analogs", "jours analogues, total du jour", "jours analogues", _RELATIVE),
    Term("near_day_mean", "moyenne du jour analogue récent", "jours analogues", _RELATIVE),
    Term("analog_spread", "désaccord entre jours analogues", "régularité", _RELATIVE),
    Term("near_spread", "désaccord entre jours récents", "régularité", _RELATIVE),
    Term("hour_instability", "variabilité de la semaine à cette heure", "régularité", _RELATIVE),
    Term("week_mean", "moyenne des sept derniers jours", "semaines passées", _RELATIVE),
    Term("fortnight_mean", "moyenne des quatorze derniers jours", "semaines passées", _RELATIVE),
    Term("week_before", "même heure une semaine avant", "semaines passées", _RELATIVE),
    Term("two_weeks_before", "même heure deux semaines avant", "semaines passées", _RELATIVE),
    Term("month_level", "niveau des quatre dernières semaines", "niveau récent", _RELATIVE),
    Term("week_gap", "écart aux jours analogues, sept jours", "niveau récent", _RELATIVE),
    Term("two_day_gap", "écart aux jours analogues, deux jours", "niveau récent", _RELATIVE),
    Term("last_day_gap", "écart du dernier jour, à cette heure", "niveau récent", _RELATIVE),
    Term("night_celsius", "température prévue la nuit", "température", _DEGREES),
    Term("day_celsius", "température moyenne prévue", "température", _DEGREES),
    Term("change_celsius", "température prévue moins récente", "température", _DEGREES),
    Term("three_hour_celsius", "température prévue, trois heures", "température", _DEGREES),
)
"""Columns of the matrix in order; grids of relative loads are 2**-12 of the level."""


@dataclass(frozen=True)
class _Past:
    """Known loads relative to the level, 0 where unknown; days' means behind the hours.

    ``relative`` and ``known`` have shape (n, H, 25), ``level`` (n, 1, 1).
    """

    relative: Any
    known: Any
    level: Any


@dataclass(frozen=True)
class _Air:
    """Temperatures of all days (n, D, 24) and how far trailing means lie from the target's.

    ``slow`` (24 hours) and ``fast`` (3 hours) have shape (n, H, 25).
    """

    celsius: Any
    smooth: Any
    slow: Any
    fast: Any


@dataclass(frozen=True)
class _Kinds:
    """Kinds of the days as integers: history (n, H), target (n, 1)."""

    history: Any
    target: Any


@dataclass(frozen=True)
class _Fit:
    """Weighted regressions, (n, kernels, 25) each: of the hours and of the day's mean."""

    slope: Any
    value: Any
    spread: Any


def gas_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `GAS_TERMS` and the level, row by row.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        ``load_kwh`` (n, 371, 24) by clock hour, last day known at issue time last, NaN
        unknown, zero where the boiler is off; ``temperature_celsius`` (n, 373, 24): the same
        days, then the issue day and the target day (372 when the issue is at midnight);
        ``weekday`` (n,) of the target, Monday 0; ``closed`` (n, 376): 1 for public holidays
        and closures, from the first day of the history to three days after the target.

    Returns
    -------
    Features
        Columns of shape (n, 1, 24) or (n, 1, 1); context ``level`` (n, 1) in kWh, never
        zero, and ``expected`` (n, 24) relative to it.
    """
    at = int(inputs["temperature_celsius"].shape[1]) - 1
    past = _past(xp, inputs["load_kwh"])
    air = _air(xp, inputs["temperature_celsius"])
    kinds = _kinds(xp, inputs["weekday"], inputs["closed"], at)
    fit = _fit(xp, past, air, _weights(xp, past, air, kinds, at))
    columns = (
        _calendar(xp, inputs["weekday"], inputs["closed"], kinds, at)
        | _analogs(xp, fit)
        | _recent(xp, past, at)
        | _gaps(xp, past, air, fit)
        | _weather(xp, air)
    )
    context = {
        "level": xp.reshape(past.level, (-1, 1)),
        "expected": xp.reshape(columns["analog_days"], (-1, 24)),
    }
    return Features(columns, context)


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _at_least(xp: Any, values: Any, floor: float) -> Any:
    return xp.maximum(values, _constant(xp, floor))


def _sum(xp: Any, values: Any, axis: int = 1) -> Any:
    return xp.sum(values, axis=axis, keepdims=True)


def _mean(xp: Any, values: Any, axis: int = 1) -> Any:
    return _sum(xp, values, axis) * np.float32(1 / values.shape[axis])


def _known_mean(xp: Any, values: Any, known: Any) -> Any:
    """Average over the days what is known (values are 0 elsewhere); 0 where nothing is."""
    return _sum(xp, values) / _at_least(xp, _sum(xp, known), 1.0)


def _last_means(xp: Any, values: Any, known: Any, windows: tuple[int, ...]) -> Any:
    """Average what is known of the last days, (n, windows, ...), each over so many days."""
    first = int(values.shape[1]) - np.array(windows)[:, None]
    weights = _constant(xp, np.arange(int(values.shape[1])) >= first)
    return matmul(xp, weights, values) / _at_least(xp, matmul(xp, weights, known), 1.0)


def _past(xp: Any, load_kwh: Any) -> _Past:
    unknown = xp.isnan(load_kwh)
    known = xp.astype(~unknown, xp.float32)
    load = xp.where(unknown, _constant(xp, 0), load_kwh)
    hours, total = _sum(xp, known, 2), _sum(xp, load, 2)
    means = _last_means(xp, total, hours, (GAS_HISTORY_DAYS, LEVEL_DAYS))
    year, month = means[:, :1, :], means[:, 1:, :]
    peak = xp.reshape(largest(xp, xp.reshape(load, (-1, GAS_HISTORY_DAYS * 24)), 1), (-1, 1, 1))
    level = xp.maximum(
        xp.maximum(year, month * np.float32(RECENT_SHARE)), peak * np.float32(PEAK_SHARE)
    )
    level = level + np.float32(SMALLEST_LEVEL_KWH)
    whole = xp.astype(hours >= HOURS_OF_A_DAY, xp.float32)
    daily = total / _at_least(xp, hours, 1.0) * whole
    return _Past(
        relative=xp.concat([load, daily], axis=2) / level,
        known=xp.concat([known, whole], axis=2),
        level=level,
    )


def _air(xp: Any, temperature_celsius: Any) -> _Air:
    filled = _filled(xp, temperature_celsius)
    before = xp.concat([filled[:, :1, :], filled[:, :-1, :]], axis=1)
    smooth = matmul(xp, xp.concat([before, filled], axis=2), _constant(xp, SMOOTHING))
    change = smooth[:, :GAS_HISTORY_DAYS, :] - smooth[:, -1:, :]
    return _Air(filled, smooth, change[:, :, : DAY + 1], change[:, :, DAY + 1 :])


def _filled(xp: Any, temperature_celsius: Any) -> Any:
    """Fill what is not known from the last three days and this morning, as for electricity."""
    unknown = xp.isnan(temperature_celsius)
    first = GAS_HISTORY_DAYS - 3
    last, lost = temperature_celsius[:, first:, :], unknown[:, first:, :]
    known = xp.astype(~lost, xp.float32)
    zeroed = xp.where(lost, _constant(xp, 0), last)
    usual = _known_mean(xp, zeroed[:, :3, :], known[:, :3, :])
    morning = known[:, -2:-1, :MORNING_HOURS]
    departure = (zeroed[:, -2:-1, :MORNING_HOURS] - usual[:, :, :MORNING_HOURS]) * morning
    change = _sum(xp, departure, 2) / _at_least(xp, _sum(xp, morning, 2), 1.0)
    return xp.where(unknown, usual + change * np.float32(0.7), temperature_celsius)


def _kinds(xp: Any, weekday: Any, closed: Any, at: int) -> _Kinds:
    offsets = xp.asarray((np.arange(GAS_HISTORY_DAYS, dtype=np.int64) - at) % 7)
    past = (xp.expand_dims(weekday, axis=1) + offsets) % 7
    return _Kinds(
        history=xp.where(closed[:, :GAS_HISTORY_DAYS] > 0, CLOSED, past),
        target=xp.where(closed[:, at : at + 1] > 0, CLOSED, xp.expand_dims(weekday, axis=1)),
    )


def _delayed(xp: Any, values: Any, days: int) -> Any:
    """Return what was last known when each day was forecast; the first day stands in."""
    return xp.concat([values[:, :1, :]] * days + [values[:, :-days, :]], axis=1)


def _state_distance(xp: Any, past: _Past) -> Any:
    """Return how far the level before each day lies from that of the last days, (n, H, 1)."""
    pair = xp.concat([past.relative[:, :, DAY:], past.known[:, :, DAY:]], axis=2)
    blank = _constant(xp, np.zeros((1, RECENT_DAYS, 1))) * pair[:, :1, :]
    total = xp.cumulative_sum(xp.concat([blank, pair], axis=1), axis=1)
    window = total[:, RECENT_DAYS:, :] - total[:, :-RECENT_DAYS, :]
    recent = window[:, :, :1] / _at_least(xp, window[:, :, 1:], 1.0)
    return recent - recent[:, -1:, :]


def _shape_distance(xp: Any, past: _Past) -> Any:
    """Return the root mean square between the hours of the last known day and of each day."""
    hours = _constant(xp, np.arange(DAY + 1) < DAY)
    both = past.known * (past.known[:, -1:, :] * hours)
    gap = (past.relative - past.relative[:, -1:, :]) * both
    return xp.sqrt(_sum(xp, gap * gap, 2) / _at_least(xp, _sum(xp, both, 2), 1.0))


def _weights(xp: Any, past: _Past, air: _Air, kinds: _Kinds, at: int) -> Any:
    """Return the weight of each past day in each kernel, (n, kernels, H)."""
    seen = xp.concat([_state_distance(xp, past), _shape_distance(xp, past)], axis=2)
    seen = _delayed(xp, seen, at - GAS_HISTORY_DAYS + 1)
    distance = xp.concat([air.slow[:, :, DAY:], seen], axis=2)
    alike = rows_of(xp, _constant(xp, LOG_SIMILARITY), kinds.history * N_KINDS + kinds.target)
    fall = matmul(xp, distance * distance, _constant(xp, FALLS)) + _constant(xp, LOG_AGEING)
    weights = xp.exp(fall + xp.expand_dims(alike, axis=2)) + np.float32(SMALLEST_WEIGHT)
    return xp.permute_dims(weights, (0, 2, 1))


def _fit(xp: Any, past: _Past, air: _Air, weights: Any) -> _Fit:
    """Regress load on the slow and the fast temperature, hour by hour, in closed form.

    With a = slow and b = fast temperature minus the target's, the weighted ridge solution of
    ``y ~ mean + p (a - a1) + r (b - b1)`` (Cleveland 1979, local regression). A slope that
    would heat more in warmer weather is 0, and the other is then fitted alone.
    """
    y, known, a, b = past.relative, past.known, air.slow, air.fast
    ka, kb = known * a, known * b
    total = _at_least(xp, matmul(xp, weights, known), TINY)
    # One product each: stacking the ten would copy them all before they are read once.
    products = (ka, kb, ka * a, kb * b, ka * b, y, y * a, y * b, y * y)
    means = (matmul(xp, weights, product) / total for product in products)
    a1, b1, aa, bb, ab, y0, ay, by, yy = means
    aa, bb, ab = aa - a1 * a1 + RIDGE_KELVIN2, bb - b1 * b1 + RIDGE_KELVIN2, ab - a1 * b1
    ay, by = ay - a1 * y0, by - b1 * y0
    p, r = _falling_slopes(xp, (aa, bb, ab), (ay, by))
    explained = (
        p * (p * (aa - RIDGE_KELVIN2) - 2 * ay)
        + r * (r * (bb - RIDGE_KELVIN2) - 2 * by)
        + 2 * p * r * ab
    )
    return _Fit(
        slope=p + r,
        value=_at_least(xp, y0 - p * a1 - r * b1, 0.0),
        spread=xp.sqrt(_at_least(xp, yy - y0 * y0 + explained, 0.0)),
    )


def _falling_slopes(xp: Any, power: tuple[Any, Any, Any], covariance: tuple[Any, Any]) -> Any:
    """Return both slopes, none above 0."""
    aa, bb, ab = power
    ay, by = covariance
    zero = _constant(xp, 0)
    determinant = aa * bb - ab * ab
    p, r = (ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant
    alone_p, alone_r = xp.minimum(ay / aa, zero), xp.minimum(by / bb, zero)
    return (
        xp.minimum(xp.where(r > zero, alone_p, p), zero),
        xp.minimum(xp.where(p > zero, alone_r, r), zero),
    )


def _calendar(xp: Any, weekday: Any, closed: Any, kinds: _Kinds, at: int) -> dict[str, Any]:
    around = (xp.expand_dims(weekday, axis=1) + xp.asarray(np.array([6, 1]))) % 7 >= 5
    shut = xp.concat([closed[:, at - 1 : at], closed[:, at + 1 : at + 2]], axis=1) > 0
    idle = xp.astype(around | shut, xp.float32)
    kind = xp.reshape(xp.astype(kinds.target, xp.float32), (-1, 1, 1))
    return {
        "clock_hour": kind * 0 + _constant(xp, np.arange(24)),
        "kind_of_day": kind,
        "closed_before": xp.reshape(idle[:, :1], (-1, 1, 1)),
        "closed_after": xp.reshape(idle[:, 1:], (-1, 1, 1)),
    }


def _analogs(xp: Any, fit: _Fit) -> dict[str, Any]:
    steady, near = fit.value[:, STEADY : STEADY + 1, :], fit.value[:, NEAR : NEAR + 1, :DAY]
    hours, day = steady[:, :, :DAY], steady[:, :, DAY:]
    small = np.float32(0.01)
    return {
        "analog_days": hours,
        "last_analogs": fit.value[:, LAST_DAYS : LAST_DAYS + 1, :DAY],
        "near_analogs": near,
        "scaled_analogs": hours * ((day + small) / (_mean(xp, hours, 2) + small)),
        "near_day_mean": _mean(xp, near, 2),
        "analog_spread": fit.spread[:, STEADY : STEADY + 1, :DAY],
        "near_spread": fit.spread[:, NEAR : NEAR + 1, :DAY],
    }


def _recent(xp: Any, past: _Past, at: int) -> dict[str, Any]:
    relative, known = past.relative[:, -LEVEL_DAYS:, :], past.known[:, -LEVEL_DAYS:, :]
    means = _last_means(xp, relative, known, (7, 14, LEVEL_DAYS))
    squares = _last_means(xp, relative * relative, known, (7,))
    week = means[:, :1, :DAY]

    def weeks_before(weeks: int) -> Any:
        """Return the same weekday; last week's mean where it is unknown."""
        day = slice(at - 7 * weeks, at - 7 * weeks + 1)
        return xp.where(past.known[:, day, :DAY] > 0, past.relative[:, day, :DAY], week)

    return {
        "week_mean": week,
        "fortnight_mean": means[:, 1:2, :DAY],
        "week_before": weeks_before(1),
        "two_weeks_before": weeks_before(2),
        "hour_instability": xp.sqrt(_at_least(xp, squares[:, :, :DAY] - week * week, 0.0)),
        "month_level": means[:, 2:, DAY:],
    }


def _gaps(xp: Any, past: _Past, air: _Air, fit: _Fit) -> dict[str, Any]:
    """Return how the last days strayed from the regression at their own temperature."""
    value, slope = fit.value[:, STEADY : STEADY + 1, :], fit.slope[:, STEADY : STEADY + 1, :]
    known = past.known[:, -7:, :]
    gap = (past.relative[:, -7:, :] - value - slope * air.slow[:, -7:, :]) * known
    means = _last_means(xp, gap[:, :, DAY:], known[:, :, DAY:], (7, 2))
    return {
        "week_gap": means[:, :1, :],
        "two_day_gap": means[:, 1:, :],
        "last_day_gap": gap[:, -1:, :DAY],
    }


def _weather(xp: Any, air: _Air) -> dict[str, Any]:
    recent = air.smooth[:, GAS_HISTORY_DAYS - 7 : GAS_HISTORY_DAYS, DAY : DAY + 1]
    return {
        "night_celsius": _mean(xp, air.celsius[:, -1:, :8], 2),
        "day_celsius": _mean(xp, air.celsius[:, -1:, :], 2),
        "change_celsius": air.smooth[:, -1:, DAY : DAY + 1] - _mean(xp, recent),
        "three_hour_celsius": air.smooth[:, -1:, DAY + 1 : 2 * DAY + 1],
    }
