"""Features of the availability tasks: array-API functions, traced into the graph.

What is usual here at this hour (`usual`), what two queues expect of who is there and who
comes (`queues`), and what happened today. Chances enter as log-odds of a free bay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.lab.graph.arrays import nan_mean
from common.lab.usecase import Features, Term
from usecases.delivery_zones.availability.kernels import FIRST_TARGET, HORIZON_MINUTES, LAST_TARGET
from usecases.delivery_zones.availability.queues import (
    binomial,
    constant,
    full_share,
    markov_queue,
    semi_markov_queue,
)
from usecases.delivery_zones.availability.stays import arrival_chances, constant_stay, stay_chances
from usecases.delivery_zones.availability.usual import (
    day_ahead_kernels,
    issue_kernels,
    logit_of_free,
    past_of,
    shares,
)

__all__ = [
    "AVAILABILITY_TERMS",
    "DAY_AHEAD_TERMS",
    "availability_features",
    "day_ahead_features",
]

Inputs = Mapping[str, Any]

N_STEPS = len(HORIZON_MINUTES)
N_DAY_STEPS = LAST_TARGET - FIRST_TARGET + 1
_LOG_ODDS, _SHARE = 2.0**-12, 2.0**-12

USUAL_TERMS = (
    Term("usual", "ce qui est habituel à cette heure", "habitude", _LOG_ODDS),
    Term("usual_sharp", "habitude, au quart d'heure près", "habitude", _LOG_ODDS),
    Term("usual_recent", "habitude des derniers jours", "habitude", _LOG_ODDS),
    Term("usual_same_kind", "habitude des samedis, ou des jours ouvrés", "habitude", _LOG_ODDS),
    Term("day_before", "la veille à cette heure", "derniers jours", _LOG_ODDS),
    Term("week_before", "le même jour une semaine avant", "derniers jours", _LOG_ODDS),
    Term("occupied_usual", "part des places d'habitude occupées", "habitude", _SHARE),
    Term("occupied_recent", "part des places occupées ces derniers jours", "habitude", _SHARE),
    Term("target_hour", "heure visée", "heure", 2.0**-4),
)
AVAILABILITY_TERMS = (
    Term("horizon_minutes", "échéance", "échéance", 1.0),
    *USUAL_TERMS,
    Term("queue", "file d'attente sans mémoire (M/M/c/c)", "file d'attente", _LOG_ODDS),
    Term("semi_markov", "file d'attente selon l'âge des stationnements", "file d'attente",
         _LOG_ODDS),
    Term("all_stay", "chance que tous les véhicules présents restent", "stationnements en cours",
         _LOG_ODDS),
    Term("free_bays", "places libres maintenant", "état présent", 2.0**-4),
    Term("occupied_1h", "part occupée depuis une heure", "journée en cours", _SHARE),
    Term("occupied_3h", "part occupée depuis trois heures", "journée en cours", _SHARE),
    Term("occupied_6h", "part occupée depuis six heures", "journée en cours", _SHARE),
    Term("pace", "arrivées attendues par heure", "arrivées", 2.0**-10),
    Term("since_departure", "temps depuis le dernier départ", "arrivées", 2.0**-8),
    Term("longest_stay", "plus long stationnement en cours", "stationnements en cours", 2.0**-8),
)  # fmt: skip
DAY_AHEAD_TERMS = (
    *USUAL_TERMS,
    Term("free_bays", "places libres à 18 h la veille", "état présent", 2.0**-4),
    Term("occupied_today", "part occupée la veille jusqu'à 18 h", "derniers jours", _SHARE),
    Term("full_today", "part complète la veille jusqu'à 18 h", "derniers jours", _SHARE),
    Term("pace", "arrivées attendues par heure", "arrivées", 2.0**-10),
)


@dataclass(frozen=True)
class _Now:
    """The state at issue: occupied bays (n,) integers, 0 where not known, and whether it is."""

    occupied: Any
    known: Any


def availability_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `AVAILABILITY_TERMS` and the distribution of occupied bays.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        As `availability.examples_of` gives them.

    Returns
    -------
    Features
        Columns (n, 1, 3) or (n, 1, 1); context ``occupancy`` (n, 3, 7), probability of 0
        to 6 occupied bays, ``usual`` (n, 3), log-odds of a free bay, ``history`` (n, 1),
        weighted days known.
    """
    past = past_of(xp, inputs, issue_kernels(xp, inputs["quarter"]))
    usual = shares(xp, past)
    now = _now(xp, inputs)
    stays = stay_chances(xp, inputs)
    pace = arrival_chances(xp, inputs, past, now.occupied)
    aware = semi_markov_queue(
        xp, now.occupied, inputs["bays"], stays.old, stays.new, pace.with_memory
    )
    blind = markov_queue(xp, now.occupied, inputs["bays"], constant_stay(xp, past), pace.plain)
    heard = xp.reshape(now.known, (-1, 1, 1))
    columns = dict(usual)
    for name, distribution in (("queue", blind), ("semi_markov", aware)):
        expected = logit_of_free(xp, full_share(xp, distribution, inputs["bays"]))
        columns[name] = xp.where(heard, xp.expand_dims(expected, axis=1), usual["usual"])
    columns |= {
        "all_stay": xp.where(heard, xp.expand_dims(stays.all_stay, axis=1),
                             usual["usual"] * np.float32(-1)),
        "horizon_minutes": _per_step(xp, HORIZON_MINUTES, now.occupied),
        "target_hour": _target_hours(xp, inputs["quarter"]),
        "pace": xp.expand_dims(pace.per_hour, axis=1),
    }  # fmt: skip
    columns |= _state_columns(xp, inputs, now, usual) | _today(xp, inputs, usual)
    occupancy = xp.where(heard, aware, binomial(xp, usual["occupied_usual"], inputs["bays"]))
    context = {
        "occupancy": occupancy,
        "usual": xp.reshape(usual["usual"], (-1, N_STEPS)),
        "history": past.known_days,
    }
    return Features(columns, context)


def day_ahead_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `DAY_AHEAD_TERMS` for the 52 quarters of the next day.

    See `availability_features`; ``occupancy`` is binomial around the usual share.
    """
    past = past_of(xp, inputs, day_ahead_kernels(xp))
    usual = shares(xp, past)
    now = _now(xp, inputs)
    columns = dict(usual)
    bays = xp.astype(xp.reshape(inputs["bays"], (-1, 1)), xp.float32)
    today = inputs["occupied_today"]
    full = xp.where(xp.isnan(today), today, xp.astype(today >= bays, xp.float32))
    columns |= {
        "target_hour": constant(xp, np.arange(7, 20, 0.25)[None, None])
        + xp.zeros_like(columns["usual"]),
        "pace": xp.expand_dims(past.pace, axis=1),
        "occupied_today": _column(xp, nan_mean(xp, today / bays, 1)),
        "full_today": _column(xp, nan_mean(xp, full, 1)),
        "free_bays": _free(xp, inputs, now, usual),
    }
    context = {
        "occupancy": binomial(xp, usual["occupied_usual"], inputs["bays"]),
        "usual": xp.reshape(usual["usual"], (-1, N_DAY_STEPS)),
        "history": past.known_days,
    }
    return Features(columns, context)


def _now(xp: Any, inputs: Inputs) -> _Now:
    given = inputs["occupied_now"]
    known = ~xp.isnan(given)
    filled = xp.where(known, given, constant(xp, 0))
    whole = xp.astype(xp.round(filled), xp.int64)
    return _Now(xp.minimum(whole, inputs["bays"]), known)


def _column(xp: Any, values: Any) -> Any:
    return xp.reshape(values, (-1, 1, 1))


def _per_step(xp: Any, values: Any, like: Any) -> Any:
    zero = xp.astype(xp.reshape(like, (-1, 1, 1)), xp.float32) * np.float32(0)
    return constant(xp, np.array(values)[None, None]) + zero


def _target_hours(xp: Any, quarter: Any) -> Any:
    issue = xp.astype(xp.reshape(quarter, (-1, 1, 1)), xp.float32)
    target = issue + constant(xp, np.array(HORIZON_MINUTES) / 15)
    return xp.minimum(target, constant(xp, LAST_TARGET)) * np.float32(0.25)


def _free(xp: Any, inputs: Inputs, now: _Now, usual: Mapping[str, Any]) -> Any:
    """Return the free bays, as many as usual where the state is not known, (n, 1, 1)."""
    bays = xp.astype(inputs["bays"], xp.float32)
    free = bays - xp.astype(now.occupied, xp.float32)
    typical = bays * (constant(xp, 1) - usual["occupied_usual"][:, 0, 0])
    return _column(xp, xp.where(now.known, free, typical))


def _state_columns(xp: Any, inputs: Inputs, now: _Now, usual: Mapping[str, Any]) -> dict[str, Any]:
    elapsed = inputs["elapsed_minutes"]
    longest = xp.where(xp.isnan(elapsed), constant(xp, 0), elapsed)[:, :1]
    since = inputs["minutes_since_departure"]
    since = xp.where(xp.isnan(since), constant(xp, 10_000), since)
    return {
        "free_bays": _free(xp, inputs, now, usual),
        "longest_stay": _column(xp, xp.log1p(longest)),
        "since_departure": _column(xp, xp.log1p(since)),
    }


def _today(xp: Any, inputs: Inputs, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of bays occupied over the last hours; the usual one where unknown."""
    bays = xp.astype(xp.reshape(inputs["bays"], (-1, 1)), xp.float32)
    share = xp.minimum(inputs["occupied_today"] / bays, constant(xp, 1))
    unknown = xp.isnan(share)
    share = xp.where(unknown, usual["occupied_usual"][:, 0, :1], share)
    last = {"occupied_1h": 4, "occupied_3h": 12, "occupied_6h": 24}
    return {
        name: _column(xp, xp.sum(share[:, -count:], axis=1) / np.float32(count))
        for name, count in last.items()
    }
