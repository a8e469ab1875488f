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
    hazards,
    one_hot,
    own_table,
    rolled,
    states_of,
)
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS
from usecases.waste_collection.overflow.levels.past import (
    LONGEST_SILENCE_DAYS,
    Pace,
    Past,
    pace_of,
    past_of,
    today,
)

__all__ = ["GROUPS", "OVERFLOW_TERMS", "overflow_features"]

Inputs = Mapping[str, Any]

_POINTS, _LOG_ODDS, _DAYS = 2.0**-6, 2.0**-10, 1.0

OVERFLOW_TERMS = (
    Term("expected", "niveau d'aujourd'hui, prolongé au rythme du conteneur", "niveau", _POINTS),
    Term("expected_recent", "niveau prolongé au rythme des deux dernières semaines", "niveau",
         _POINTS),
    Term("expected_quick", "niveau prolongé au rythme des derniers jours", "niveau", _POINTS),
    Term("table", "ce que ce conteneur a fait, parti du même niveau", "table du conteneur",
         _LOG_ODDS),
    Term("from_empty", "sa chance de déborder en un jour, parti de vide", "table du conteneur",
         2.0**-12),
    Term("usual_pace", "rythme habituel du conteneur", "rythme", _POINTS),
    Term("recent_pace", "rythme des deux dernières semaines", "rythme", _POINTS),
    Term("weekday", "jour de la semaine", "jour", 1.0),
    Term("weekday_pace", "remplissage habituel ce jour de la semaine", "jour", _POINTS),
    Term("since_collection", "temps depuis la dernière collecte", "cycle", _DAYS),
    Term("since_change", "temps depuis que le niveau a bougé", "cycle", _DAYS),
    Term("city_pace", "rythme récent de toute la commune", "commune", _LOG_ODDS),
    Term("city_pace_month", "rythme du mois de toute la commune", "commune", _LOG_ODDS),
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
        the container's table, left alone; ``full`` (n, 1), 1 where it is at 80 % already.
    """
    past = past_of(xp, inputs)
    pace = pace_of(xp, past)
    level = today(xp, past, pace)
    table = _table(xp, inputs, past)
    days = _roll_out(xp, past, table)
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
    full = xp.astype(past.level >= np.float32(20 * FULL_STATE), xp.float32)
    return Features(columns, {"levels": xp.stack(days[1:], axis=1), "full": full})


def _table(xp: Any, inputs: Inputs, past: Past) -> Any:
    """Return the container's own table of daily steps, (n, 6, 6)."""
    zeros = xp.zeros_like(past.steps.inflow)
    known = past.steps.known
    before = states_of(xp, xp.where(known, past.steps.before, zeros))
    then = states_of(xp, xp.where(known, past.steps.level, zeros))
    return own_table(xp, before, then, known & ~past.steps.collected, inputs["city_steps"])


def _roll_out(xp: Any, past: Past, table: Any) -> list[Any]:
    """Return the chances of each state today, tomorrow, ... in seven days."""
    start = xp.reshape(one_hot(xp, states_of(xp, past.level)), (-1, N_STATES))
    days = [start, *rolled(xp, start, table, LONGEST_SILENCE_DAYS + HORIZON_DAYS)]
    late = [
        xp.astype(past.silent_days == np.float32(age), xp.float32)
        for age in range(LONGEST_SILENCE_DAYS + 1)
    ]
    return [
        sum((days[day + age] * late[age] for age in range(1, len(late))), days[day] * late[0])
        for day in range(HORIZON_DAYS + 1)
    ]


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
