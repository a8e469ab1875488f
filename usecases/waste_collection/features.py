"""Features of the overflow task: array-API functions, traced into the graph.

Every column speaks of the chance that a container reaches 80 % on each of the next seven days,
left alone and not having reached it before: a week is the product of seven such days.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.usecase import Features, Term
from usecases.waste_collection.overflow.levels.chain import (
    FULL_STATE,
    N_STATES,
    STATE_PERCENT,
    hazards,
    one_hot,
    own_table,
    rolled,
    states_of,
    with_collections,
)
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS
from usecases.waste_collection.overflow.levels.past import (
    LONGEST_SILENCE_DAYS,
    Pace,
    Past,
    pace_of,
    past_of,
)

__all__ = ["GROUPS", "OVERFLOW_TERMS", "overflow_features"]

Inputs = Mapping[str, Any]

_POINTS, _LOG_ODDS, _DAYS = 2.0**-6, 2.0**-10, 1.0

_LEVEL, _TABLE = "niveau et rythme du conteneur", "table du conteneur"
_DAY, _CYCLE, _CITY = "jour de la semaine", "temps depuis la collecte", "rythme de la commune"

OVERFLOW_TERMS = (
    Term("expected", "niveau d'aujourd'hui, prolongé au rythme du conteneur", _LEVEL, _POINTS),
    Term("expected_recent", "niveau prolongé au rythme des deux dernières semaines", _LEVEL,
         _POINTS),
    Term("expected_quick", "niveau prolongé au rythme des derniers jours", _LEVEL, _POINTS),
    Term("table", "ce que ce conteneur a fait, parti du même niveau", _TABLE, _LOG_ODDS),
    Term("from_empty", "sa chance de déborder en un jour, parti de vide", _TABLE, 2.0**-12),
    Term("usual_pace", "rythme habituel du conteneur", _LEVEL, _POINTS),
    Term("recent_pace", "rythme des deux dernières semaines", _LEVEL, _POINTS),
    Term("weekday", "jour de la semaine", _DAY, 1.0),
    Term("weekday_pace", "remplissage habituel ce jour de la semaine", _DAY, _POINTS),
    Term("since_collection", "temps depuis la dernière collecte", _CYCLE, _DAYS),
    Term("since_change", "temps depuis que le niveau a bougé", _CYCLE, _DAYS),
    Term("city_pace", "rythme récent de toute la commune", _CITY, _LOG_ODDS),
    Term("city_pace_month", "rythme du mois de toute la commune", _CITY, _LOG_ODDS),
    Term("mean_rate", "rythme moyen et loi normale", "référence", _LOG_ODDS),
)  # fmt: skip

GROUPS: Mapping[str, str] = {
    "expected": "expected",
    "expected_recent": "expected",
    "expected_quick": "expected",
    "usual_pace": "expected",
    "recent_pace": "expected",
    "table": "table",
    "from_empty": "table",
    "weekday": "weekday",
    "weekday_pace": "weekday",
    "since_collection": "since_collection",
    "since_change": "since_collection",
    "city_pace": "city_pace",
    "city_pace_month": "city_pace",
}
"""Which of the five explained parts each column of a learnt rung counts towards."""

NORMAL_SLOPE = 1.702
"""The logistic curve nearest to the normal one (Camilli 1994): within 0.01."""
REACHED_FROM_PERCENT = 70.0
"""80 % shown by a sensor of 20-point steps, corrected for continuity."""


def overflow_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `OVERFLOW_TERMS` and the distribution of levels.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        As `overflow.examples.examples_of` gives them.

    Returns
    -------
    Features
        Columns (n, 1, 7) or (n, 1, 1); context ``levels`` (n, 7, 6), chance of each state of
        the container's table, left alone; ``full`` (n, 1), chance of being at 80 % already: 0
        or 1 where today's level was read.
    """
    past = past_of(xp, inputs)
    pace = pace_of(xp, past)
    table, with_crews = _tables(xp, inputs, past)
    now = _today(xp, past, with_crews)
    level = _level(xp, past, now)
    days = [now, *rolled(xp, now, table, HORIZON_DAYS)]
    columns = {
        **_expected(xp, level, pace),
        "table": _daily(xp, hazards(xp, _reached(xp, days))),
        "from_empty": xp.reshape(xp.sum(table[:, 0, FULL_STATE:], axis=1), (-1, 1, 1)),
        "weekday": _weekdays(xp, inputs["weekday"]),
        "since_collection": _daily(xp, past.since_collection + _ahead(xp)),
        "since_change": _once(xp, past.since_change),
        "city_pace": _once(xp, inputs["city_pace"][:, :1]),
        "city_pace_month": _once(xp, inputs["city_pace"][:, 1:]),
        "mean_rate": _mean_rate(xp, level, pace),
    }
    full = xp.sum(now[:, FULL_STATE:], axis=1, keepdims=True)
    return Features(columns, {"levels": xp.stack(days[1:], axis=1), "full": full})


def _tables(xp: Any, inputs: Inputs, past: Past) -> tuple[Any, Any]:
    """Return the container's own tables of daily steps, left alone and with crews at work."""
    zeros = xp.zeros_like(past.steps.inflow)
    known, city = past.steps.known, inputs["city_steps"]
    before = states_of(xp, xp.where(known, past.steps.before, zeros))
    then = states_of(xp, xp.where(known, past.steps.level, zeros))
    alone = known & ~past.steps.collected
    return (
        own_table(xp, before, xp.maximum(before, then), alone, city),
        own_table(xp, before, then, known, with_collections(xp, city)),
    )


def _today(xp: Any, past: Past, table: Any) -> Any:
    """Return the chances of each state today, (n, 6): certain where today's level was read.

    A sensor silent for some days leaves its last level and what usually follows it, crews
    included: who was full three days ago has most likely been emptied.
    """
    start = xp.reshape(one_hot(xp, states_of(xp, past.level)), (-1, N_STATES))
    chances = start * np.float32(0)
    for age, days in enumerate([start, *rolled(xp, start, table, LONGEST_SILENCE_DAYS)]):
        chances = chances + days * xp.astype(past.silent_days == np.float32(age), xp.float32)
    return chances


def _level(xp: Any, past: Past, chances: Any) -> Any:
    """Return today's level, (n, 1); where it was not read, its mean below 80 %."""
    below = chances[:, :FULL_STATE]
    steps = xp.asarray(np.arange(FULL_STATE, dtype=np.float32)[None] * np.float32(STATE_PERCENT))
    total = xp.sum(below, axis=1, keepdims=True)
    tiny = xp.zeros_like(total) + np.float32(1e-6)
    mean = xp.sum(below * steps, axis=1, keepdims=True) / xp.maximum(total, tiny)
    return xp.where(past.silent_days < np.float32(0.5), past.level, mean)


def _reached(xp: Any, days: list[Any]) -> Any:
    """Return the chance of 80 % or more on each day, (n, 8)."""
    return xp.stack([xp.sum(day[:, FULL_STATE:], axis=1) for day in days], axis=1)


def _expected(xp: Any, level: Any, pace: Pace) -> dict[str, Any]:
    """Return expected levels on each day, at three paces, and the paces themselves."""
    coming, total = [], xp.zeros_like(level)
    for day in range(HORIZON_DAYS):
        total = total + pace.by_day[:, day : day + 1]
        coming.append(total)
    ahead = _ahead(xp)
    return {
        "expected": _daily(xp, level + xp.concat(coming, axis=1)),
        "expected_recent": _daily(xp, level + pace.recent * ahead),
        "expected_quick": _daily(xp, level + pace.quick * ahead),
        "usual_pace": _once(xp, pace.usual),
        "recent_pace": _once(xp, pace.recent),
        "weekday_pace": _daily(xp, pace.by_day),
    }


def _mean_rate(xp: Any, level: Any, pace: Pace) -> Any:
    """Return hazards of a level that rises at the usual pace with a normal error."""
    ahead = np.arange(1, HORIZON_DAYS + 1, dtype=np.float32)[None]
    root = xp.asarray(np.sqrt(ahead))
    gap = level + pace.usual * _ahead(xp) - np.float32(REACHED_FROM_PERCENT)
    score = gap / (pace.deviation * root) * np.float32(NORMAL_SLOPE)
    half = np.float32(0.5)
    chance = xp.tanh(score * half) * half + half
    rising = [xp.zeros_like(level)]
    for day in range(HORIZON_DAYS):
        rising.append(xp.maximum(rising[-1], chance[:, day : day + 1]))
    return _daily(xp, hazards(xp, xp.concat(rising, axis=1)))


def _weekdays(xp: Any, weekday: Any) -> Any:
    """Return the weekday of each target day, Monday 0, (n, 1, 7)."""
    ahead = xp.asarray(np.arange(1, HORIZON_DAYS + 1, dtype=np.float32)[None])
    day = xp.astype(xp.reshape(weekday, (-1, 1)), xp.float32) + ahead
    seven = np.float32(7)
    return _daily(xp, day - xp.floor(day / seven) * seven)


def _ahead(xp: Any) -> Any:
    return xp.asarray(np.arange(1, HORIZON_DAYS + 1, dtype=np.float32)[None])


def _daily(xp: Any, values: Any) -> Any:
    return xp.reshape(values, (-1, 1, HORIZON_DAYS))


def _once(xp: Any, values: Any) -> Any:
    """Return a column that all days share."""
    return xp.reshape(values, (-1, 1, 1))
