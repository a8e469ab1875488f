"""Features of the day-ahead gas forecast: days of the past year that resemble tomorrow.

Heating follows the weather, the timetable and whether the boiler runs at all. Each past day
gets a weight for how much it resembles tomorrow (kind of day, age, temperature, recent level,
recent shape); a weighted regression on two temperatures, solved in closed form for each hour,
then says what such a day consumes in tomorrow's weather. Four sets of weights, from the last
days to the whole year, disagree where the future is uncertain. Nothing here is learnt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.arrays import largest, matmul, rows_of
from common.lab.usecase import Array, Features, Term

__all__ = ["GAS_HISTORY_DAYS", "GAS_TERMS", "gas_features"]

Inputs = Mapping[str, Any]

GAS_HISTORY_DAYS = 371
"""Known days before the issue day: 53 weeks, so that last year's season is among them."""
N_KINDS = 8
CLOSED = 7
"""Kinds of day: Monday to Sunday, then closed (public holiday or declared closure)."""
HOURS_OF_A_DAY = 20
"""Known hours from which a day has a mean."""
RECENT_DAYS = 5
"""Days whose mean is the level that two days are compared by."""

LEVEL_DAYS = 28
RECENT_SHARE, PEAK_SHARE = 0.5, 0.03
SMALLEST_LEVEL_KWH = 0.02
"""The level is the largest of the year's mean, half the last 28 days' and 3 % of the peak,
plus this: a boiler that is off all summer still has a level."""

RIDGE_KELVIN2 = 1.5
"""Ridge of the regressions on two temperatures, against days that are all alike."""
TINY = 1e-9


@dataclass(frozen=True)
class Kernel:
    """How the weight of a past day falls with its distance from the target.

    The weight is ``exp(-age / memory_days) + floor``, times the similarity of the kinds of
    day, times a Gaussian of each distance. Chosen on 2021 (docs/decisions/gas-model.md).

    Parameters
    ----------
    memory_days, floor
        Ageing, in days; the floor is what is left of a day after a year.
    kinds
        What counts as the same kind of day: ``idle`` working or not, ``type`` working day,
        Saturday, Sunday or closed, ``weekday`` each for itself.
    kelvin
        Width of the distance in effective temperature.
    state, shape
        Width of the distance in recent level and in the shape of the last known day,
        relative to the level; infinite where it does not count.
    """

    memory_days: float
    floor: float
    kinds: str
    kelvin: float
    state: float = np.inf
    shape: float = np.inf


KERNELS = (
    Kernel(6.0, 0.002, "idle", 6.0),
    Kernel(10.0, 0.01, "weekday", 5.0, 0.3, 0.7),
    Kernel(20.0, 0.05, "weekday", 5.0, 0.3, 1.0),
    Kernel(90.0, 0.3, "type", 4.0, 0.3, 0.5),
)
LAST_DAYS, NEAR, STEADY, YEAR = range(4)
DAY = 24
"""Column of the day's mean, behind the 24 hours."""


def _similarity(kinds: str) -> Array:
    """Return how much a day of one kind tells about a day of another, (kinds, kinds)."""
    day_type = np.array([0, 0, 0, 0, 0, 1, 2, 2])
    same = day_type[:, None] == day_type
    group = (day_type[:, None] > 0) == (day_type > 0)
    if kinds == "idle":
        return np.where(group, 1.0, 0.3)
    if kinds == "type":
        return np.where(same, 1.0, np.where(group, 0.4, 0.1))
    return np.where(np.eye(N_KINDS) > 0, 1.0, np.where(same, 0.2, np.where(group, 0.1, 0.05)))


def _log_similarity() -> Array:
    """Return logarithms for each pair of kinds, (kinds * kinds, kernels)."""
    tables = [np.log(_similarity(kernel.kinds)).ravel() for kernel in KERNELS]
    return np.stack(tables, axis=1).astype(np.float32)


def _log_ageing() -> Array:
    """Return logarithms for each day of the history, (H, kernels)."""
    age = np.arange(GAS_HISTORY_DAYS, 0, -1)[:, None]
    memory = np.array([kernel.memory_days for kernel in KERNELS])
    floor = np.array([kernel.floor for kernel in KERNELS])
    return np.log(np.exp(-age / memory) + floor).astype(np.float32)


def _falls() -> Array:
    """Return what the squared distances (temperature, state, shape) are weighed by, (3, kernels)."""
    widths = np.array([(kernel.kelvin, kernel.state, kernel.shape) for kernel in KERNELS])
    return (-0.5 / widths.T**2).astype(np.float32)


def _smoothing() -> Array:
    """Return the matrix from two days of temperature to trailing means, (48, 50).

    24 columns of means over 24 hours, the effective temperature of the day (30 % of the day
    before, as buildings remember), 24 of means over 3 hours, the effective temperature again.
    """
    matrix = np.zeros((48, 50))
    for hour in range(24):
        matrix[hour + 1 : hour + 25, hour] = 1 / 24
        matrix[hour + 22 : hour + 25, DAY + 1 + hour] = 1 / 3
    effective = np.repeat([0.3, 0.7], 24) / 24
    matrix[:, DAY] = matrix[:, 2 * DAY + 1] = effective
    return matrix.astype(np.float32)


LOG_SIMILARITY = _log_similarity()
LOG_AGEING = _log_ageing()
FALLS = _falls()
SMOOTHING = _smoothing()

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
    Term("year_analogs", "jours analogues, toute l'année", "jours analogues", _RELATIVE),
    Term("analog_mean", "jours analogues sans météo", "jours analogues", _RELATIVE),
    Term("year_mean", "jours de l'année sans météo", "jours analogues", _RELATIVE),
    Term("analog_day_mean", "moyenne du jour analogue", "jours analogues", _RELATIVE),
    Term("near_day_mean", "moyenne du jour analogue récent", "jours analogues", _RELATIVE),
    Term("scaled_profile", "profil porté au niveau attendu", "jours analogues", _RELATIVE),
    Term("analog_spread", "désaccord entre jours analogues", "régularité", _RELATIVE),
    Term("near_spread", "désaccord entre jours récents", "régularité", _RELATIVE),
    Term("analog_count", "nombre de jours analogues", "régularité", _RELATIVE),
    Term("shape_change", "profils changeants la dernière semaine", "régularité", _RELATIVE),
    Term("hour_instability", "variabilité de la semaine à cette heure", "régularité", _RELATIVE),
    Term("slope", "effet propre de la température (par K)", "température", _RELATIVE),
    Term("week_mean", "moyenne des sept derniers jours", "semaines passées", _RELATIVE),
    Term("fortnight_mean", "moyenne des quatorze derniers jours", "semaines passées", _RELATIVE),
    Term("last_day", "dernier jour connu", "semaines passées", _RELATIVE),
    Term("week_before", "même heure une semaine avant", "semaines passées", _RELATIVE),
    Term("two_weeks_before", "même heure deux semaines avant", "semaines passées", _RELATIVE),
    Term("week_peak", "pointe de la semaine à cette heure", "semaines passées", _RELATIVE),
    Term("last_day_mean", "niveau du dernier jour connu", "niveau récent", _RELATIVE),
    Term("week_level", "niveau des sept derniers jours", "niveau récent", _RELATIVE),
    Term("month_level", "niveau des quatre dernières semaines", "niveau récent", _RELATIVE),
    Term("week_gap", "écart aux jours analogues, sept jours", "niveau récent", _RELATIVE),
    Term("two_day_gap", "écart aux jours analogues, deux jours", "niveau récent", _RELATIVE),
    Term("night_celsius", "température prévue la nuit", "température", _DEGREES),
    Term("last_day_celsius", "température du dernier jour connu", "température", _DEGREES),
    Term("issue_day_celsius", "température d'aujourd'hui", "température", _DEGREES),
    Term("day_celsius", "température moyenne prévue", "température", _DEGREES),
    Term("week_celsius", "température des sept derniers jours", "température", _DEGREES),
    Term("change_celsius", "température prévue moins récente", "température", _DEGREES),
    Term("three_hour_celsius", "température prévue, trois heures", "température", _DEGREES),
    Term("hour_change_celsius", "température de l'heure moins celle du jour", "température", _DEGREES),
)  # fmt: skip
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

    total: Any
    mean: Any
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
        zero, ``expected`` (n, 24) and ``instability`` (n, 24) relative to it.
    """
    at = int(inputs["temperature_celsius"].shape[1]) - 1
    past = _past(xp, inputs["load_kwh"])
    air = _air(xp, inputs["temperature_celsius"])
    kinds = _kinds(xp, inputs["weekday"], inputs["closed"], at)
    shape = _shape_distance(xp, past, at)
    weights = _weights(xp, kinds, (air.slow[:, :, DAY:], _state_distance(xp, past, at), shape))
    fit = _fit(xp, past, air, weights)
    columns = (
        _calendar(xp, inputs["weekday"], inputs["closed"], kinds, at)
        | _analogs(xp, past, fit, kinds)
        | _recent(xp, past, at)
        | _gaps(xp, past, air, fit)
        | _weather(xp, air)
        | {"shape_change": _mean(xp, shape[:, -7:, :])}
    )
    context = {
        "level": xp.reshape(past.level, (-1, 1)),
        "expected": xp.reshape(columns["analog_days"], (-1, 24)),
        "instability": xp.reshape(columns["analog_spread"], (-1, 24)),
    }
    return Features(columns, context)


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _at_least(xp: Any, values: Any, floor: float) -> Any:
    return xp.maximum(values, _constant(xp, floor))


def _sum(xp: Any, values: Any, axis: int = 1) -> Any:
    return xp.sum(values, axis=axis, keepdims=True)


def _mean(xp: Any, values: Any, axis: int = 1) -> Any:
    return xp.mean(values, axis=axis, keepdims=True)


def _known_mean(xp: Any, values: Any, known: Any) -> Any:
    """Average over the days what is known (values are 0 elsewhere); 0 where nothing is."""
    return _sum(xp, values) / _at_least(xp, _sum(xp, known), 1.0)


def _past(xp: Any, load_kwh: Any) -> _Past:
    unknown = xp.isnan(load_kwh)
    known = xp.astype(~unknown, xp.float32)
    load = xp.where(unknown, _constant(xp, 0), load_kwh)
    hours, total = _sum(xp, known, 2), _sum(xp, load, 2)
    year = _known_mean(xp, total, hours)
    month = _known_mean(xp, total[:, -LEVEL_DAYS:, :], hours[:, -LEVEL_DAYS:, :])
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
    """Fill what is not known with the last week's mean at the same hour."""
    unknown = xp.isnan(temperature_celsius)
    zeroed = xp.where(unknown, _constant(xp, 0), temperature_celsius)
    last = slice(GAS_HISTORY_DAYS - 7, GAS_HISTORY_DAYS)
    week = _known_mean(xp, zeroed[:, last, :], xp.astype(~unknown[:, last, :], xp.float32))
    filled = xp.where(unknown, week, temperature_celsius)
    before = xp.concat([filled[:, :1, :], filled[:, :-1, :]], axis=1)
    smooth = matmul(xp, xp.concat([before, filled], axis=2), _constant(xp, SMOOTHING))
    change = smooth[:, :GAS_HISTORY_DAYS, :] - smooth[:, -1:, :]
    return _Air(filled, smooth, change[:, :, : DAY + 1], change[:, :, DAY + 1 :])


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


def _state_distance(xp: Any, past: _Past, at: int) -> Any:
    """Return how far the level before each day lies from that of the last days, (n, H, 1)."""
    delay = at - GAS_HISTORY_DAYS + 1
    pair = xp.concat([past.relative[:, :, DAY:], past.known[:, :, DAY:]], axis=2)
    blank = _constant(xp, np.zeros((1, RECENT_DAYS, 1))) * pair[:, :1, :]
    total = xp.cumulative_sum(xp.concat([blank, pair], axis=1), axis=1)
    window = total[:, RECENT_DAYS:, :] - total[:, :-RECENT_DAYS, :]
    recent = window[:, :, :1] / _at_least(xp, window[:, :, 1:], 1.0)
    return _delayed(xp, recent, delay) - recent[:, -1:, :]


def _shape_distance(xp: Any, past: _Past, at: int) -> Any:
    """Return the root mean square between the last known day and the one known each day."""
    delay = at - GAS_HISTORY_DAYS + 1
    relative, known = past.relative[:, :, :DAY], past.known[:, :, :DAY]
    both = _delayed(xp, known, delay) * known[:, -1:, :]
    gap = (_delayed(xp, relative, delay) - relative[:, -1:, :]) * both
    return xp.sqrt(_sum(xp, gap * gap, 2) / _at_least(xp, _sum(xp, both, 2), 1.0))


def _weights(xp: Any, kinds: _Kinds, distances: tuple[Any, Any, Any]) -> Any:
    """Return the weight of each past day in each kernel, (n, kernels, H)."""
    distance = xp.concat(list(distances), axis=2)
    alike = rows_of(xp, _constant(xp, LOG_SIMILARITY), kinds.history * N_KINDS + kinds.target)
    fall = matmul(xp, distance * distance, _constant(xp, FALLS))
    weights = xp.exp(fall + alike + _constant(xp, LOG_AGEING)) + np.float32(1e-6)
    return xp.permute_dims(weights, (0, 2, 1))


def _fit(xp: Any, past: _Past, air: _Air, weights: Any) -> _Fit:
    """Regress load on the slow and the fast temperature, hour by hour, in closed form.

    With a = slow and b = fast temperature minus the target's, the weighted ridge solution of
    ``y ~ mean + p (a - a1) + r (b - b1)`` (Cleveland 1979, local regression). A slope that
    would heat more in warmer weather is 0, and the other is then fitted alone.
    """
    y, known, a, b = past.relative, past.known, air.slow, air.fast
    ka, kb, ya, yb = known * a, known * b, y * a, y * b
    products = [known, ka, kb, ka * a, kb * b, ka * b, y, ya, yb, y * y]
    sums = matmul(xp, weights, xp.concat(products, axis=2))
    width = DAY + 1
    total = _at_least(xp, sums[:, :, :width], TINY)
    means = [sums[:, :, k * width : (k + 1) * width] / total for k in range(1, 10)]
    a1, b1, aa, bb, ab, y0, ay, by, yy = means
    aa, bb, ab = aa - a1 * a1 + RIDGE, bb - b1 * b1 + RIDGE, ab - a1 * b1
    ay, by = ay - a1 * y0, by - b1 * y0
    p, r = _falling_slopes(xp, (aa, bb, ab), (ay, by))
    explained = p * (p * (aa - RIDGE) - 2 * ay) + r * (r * (bb - RIDGE) - 2 * by) + 2 * p * r * ab
    return _Fit(
        total=total,
        mean=y0,
        slope=p + r,
        value=_at_least(xp, y0 - p * a1 - r * b1, 0.0),
        spread=xp.sqrt(_at_least(xp, yy - y0 * y0 + explained, 0.0)),
    )


RIDGE = np.float32(RIDGE_KELVIN2)


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


def _analogs(xp: Any, past: _Past, fit: _Fit, kinds: _Kinds) -> dict[str, Any]:
    def hours(values: Any, kernel: int) -> Any:
        return values[:, kernel : kernel + 1, :DAY]

    day = fit.value[:, LAST_DAYS : LAST_DAYS + 1, DAY:]
    count = fit.total[:, STEADY : STEADY + 1, DAY:]
    profile = _profile(xp, past, kinds)
    return {
        "analog_days": hours(fit.value, STEADY),
        "last_analogs": hours(fit.value, LAST_DAYS),
        "near_analogs": hours(fit.value, NEAR),
        "year_analogs": hours(fit.value, YEAR),
        "analog_mean": hours(fit.mean, STEADY),
        "year_mean": hours(fit.mean, YEAR),
        "analog_day_mean": _mean(xp, hours(fit.value, STEADY), 2),
        "near_day_mean": _mean(xp, hours(fit.value, NEAR), 2),
        "scaled_profile": profile / (_mean(xp, profile, 2) + np.float32(0.02)) * day,
        "analog_spread": hours(fit.spread, STEADY),
        "near_spread": hours(fit.spread, NEAR),
        "analog_count": xp.log(count),
        "slope": hours(fit.slope, STEADY),
    }


def _profile(xp: Any, past: _Past, kinds: _Kinds, memory_days: float = 14.0) -> Any:
    """Return the mean day of the target's type, recent days first, (n, 1, 24)."""
    age = np.arange(GAS_HISTORY_DAYS, 0, -1)
    fading = _constant(xp, np.exp(-age / memory_days) + 0.002)
    table = _constant(xp, _similarity("type").ravel())
    alike = rows_of(xp, table, kinds.history * N_KINDS + kinds.target)
    weights = xp.expand_dims(alike * fading, axis=1)
    total = _at_least(xp, matmul(xp, weights, past.known[:, :, :DAY]), TINY)
    return matmul(xp, weights, past.relative[:, :, :DAY]) / total


def _recent(xp: Any, past: _Past, at: int) -> dict[str, Any]:
    relative, known = past.relative[:, -LEVEL_DAYS:, :], past.known[:, -LEVEL_DAYS:, :]
    week = _known_mean(xp, relative[:, -7:, :], known[:, -7:, :])
    fortnight = _known_mean(xp, relative[:, -14:, :], known[:, -14:, :])
    month = _known_mean(xp, relative, known)
    squares = _known_mean(xp, relative[:, -7:, :] * relative[:, -7:, :], known[:, -7:, :])
    hours = week[:, :, :DAY]

    def back(days: int) -> Any:
        """Return the day so long before the target; last week's mean where it is unknown."""
        place = slice(at - days, at - days + 1)
        return xp.where(past.known[:, place, :] > 0, past.relative[:, place, :], week)

    last = back(at - GAS_HISTORY_DAYS + 1)
    return {
        "week_mean": hours,
        "fortnight_mean": fortnight[:, :, :DAY],
        "last_day": last[:, :, :DAY],
        "week_before": back(7)[:, :, :DAY],
        "two_weeks_before": back(14)[:, :, :DAY],
        "week_peak": xp.expand_dims(largest(xp, relative[:, -7:, :DAY], 1), axis=1),
        "hour_instability": xp.sqrt(_at_least(xp, squares[:, :, :DAY] - hours * hours, 0.0)),
        "last_day_mean": last[:, :, DAY:],
        "week_level": week[:, :, DAY:],
        "month_level": month[:, :, DAY:],
    }


def _gaps(xp: Any, past: _Past, air: _Air, fit: _Fit) -> dict[str, Any]:
    """Return how the last days strayed from the regression of the day's mean."""
    value, slope = fit.value[:, STEADY : STEADY + 1, DAY:], fit.slope[:, STEADY : STEADY + 1, DAY:]
    known = past.known[:, -7:, DAY:]
    gap = (past.relative[:, -7:, DAY:] - value - slope * air.slow[:, -7:, DAY:]) * known
    return {
        "week_gap": _known_mean(xp, gap, known),
        "two_day_gap": _known_mean(xp, gap[:, -2:, :], known[:, -2:, :]),
    }


def _weather(xp: Any, air: _Air) -> dict[str, Any]:
    forecast = air.celsius[:, -1:, :]
    days = _mean(xp, air.celsius[:, GAS_HISTORY_DAYS - 1 :, :], 2)
    week = _mean(xp, air.smooth[:, GAS_HISTORY_DAYS - 7 : GAS_HISTORY_DAYS, DAY : DAY + 1])
    return {
        "night_celsius": _mean(xp, forecast[:, :, :8], 2),
        "last_day_celsius": days[:, :1, :],
        "issue_day_celsius": days[:, -2:-1, :],
        "day_celsius": days[:, -1:, :],
        "week_celsius": week,
        "change_celsius": air.smooth[:, -1:, DAY : DAY + 1] - week,
        "three_hour_celsius": air.smooth[:, -1:, DAY + 1 : 2 * DAY + 1],
        "hour_change_celsius": forecast - days[:, -1:, :],
    }
