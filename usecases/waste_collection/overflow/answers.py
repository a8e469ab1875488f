"""From a head's seven daily log-odds to chances, levels and parts over a week."""

from collections.abc import Mapping
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from common.lab.graph.arrays import matmul
from common.lab.usecase import Answer, Array, Features, Field
from usecases.waste_collection.overflow.levels.chain import FULL_STATE, N_STATES
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS

__all__ = ["CERTAIN", "finish", "outputs", "over_the_week", "shapley_weights"]

CERTAIN = 7.0
"""Log-odds given where 80 % is reached already: a chance of 99.9 %."""
STEEPEST = 8.0
"""Daily log-odds are kept within, so that float32 holds the product of seven days."""
SMALL = 0.1
FULL_FROM, MOST_UNREAD = 1e-4, 0.95
"""Smallest chance of being at 80 % already that counts, and the largest without a reading."""
LOWEST_SHARE = 1e-5
QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
INTERVAL_TAIL = 0.18
"""Tail left out on each side of the 80 % interval. A container that stays at 0 cannot miss the
interval below, so tails of 10 % cover 91 %; with 18 % the tuning months are covered at 80 %."""
SHIFTS = (0.7**3, 0.7**2, 0.7, 1.0, 1.0)
"""Share of the move of the odds of 80 % that the odds of 20, 40, 60, 80 and 100 % follow. Of 0.85,
0.7 and 0.5 a step, 0.7 has the lowest quantile loss of the tuning months."""
STEP_PERCENT = 20.0
HIGHEST_PERCENT = 100.0

_STEPS: tuple[str | int, ...] = ("n", HORIZON_DAYS)
DAYS = ("demain", *(f"dans {day} jours" for day in range(2, HORIZON_DAYS + 1)))


def outputs() -> tuple[Field, ...]:
    """Return what the graph answers for each of the next seven days, if nobody collects."""
    return (
        Field("log_odds", "float32", _STEPS, "1",
              "Logarithme du rapport des chances d'avoir atteint 80 % ce jour-là au plus tard."),
        Field("p_ge80", "float32", _STEPS, "1",
              "Chance d'avoir atteint 80 % ce jour-là au plus tard.", 0, 1, labels=DAYS),
        Field("p_full", "float32", _STEPS, "1",
              "Chance d'être plein (100 %) ce jour-là au plus tard.", 0, 1),
        Field("q10", "float32", _STEPS, "%",
              "Niveau que le conteneur dépasse neuf fois sur dix.", 0, 100),
        Field("q50", "float32", _STEPS, "%", "Niveau médian, sans collecte.", 0, 100,
              labels=DAYS),
        Field("q90", "float32", _STEPS, "%",
              "Niveau que le conteneur dépasse une fois sur dix.", 0, 100),
        Field("low_80", "float32", _STEPS, "%",
              "Borne basse de l'intervalle à 80 % du niveau.", 0, 100),
        Field("high_80", "float32", _STEPS, "%",
              "Borne haute de l'intervalle à 80 % du niveau.", 0, 100),
        Field("level_distribution", "float32", (*_STEPS, N_STATES), "1",
              "Chance de chaque niveau, 0 à 100 % par pas de 20, sans collecte.", 0, 1),
        Field("baseline", "float32", _STEPS, "1", "Réponse avant toute contribution."),
        Field("contributions", "float32", (*_STEPS, "terms"), "1",
              "Part de chaque terme ; base plus parts = logarithme du rapport des chances."),
    )  # fmt: skip


def finish(
    xp: Any, inputs: Mapping[str, Any], features: Features, answer: Answer
) -> dict[str, Any]:
    """Give the week's chances, the levels and the parts.

    The distribution of levels keeps the shape that the container's own table gives it; its
    odds are moved by what the head's odds of 80 % differ from the table's (proportional odds,
    McCullagh 1980), less and less for levels further below.
    """
    del inputs
    full = features.context["full"]
    baseline, parts = over_the_week(xp, answer.baseline, answer.contributions)
    week = _log_odds_of_any(xp, xp.expand_dims(answer.raw, axis=1))[:, 0, :]
    log_odds = _or_already(xp, week, full)
    parts = _on_first(xp, parts, log_odds - week)
    above = _above(xp, features.context["levels"], log_odds, full)
    chances = _differences(xp, above)
    p_full = _rising(xp, above[:, :, N_STATES - 2])
    p_ge80 = _sigmoid(xp, log_odds)
    return {
        "log_odds": log_odds,
        "p_ge80": p_ge80,
        "p_full": xp.minimum(p_full, p_ge80),
        **{name: _step_at(xp, chances, level) for name, level in QUANTILES.items()},
        "low_80": _between_steps(xp, chances, INTERVAL_TAIL),
        "high_80": _between_steps(xp, chances, 1 - INTERVAL_TAIL),
        "level_distribution": chances,
        "baseline": baseline,
        "contributions": parts,
    }


def over_the_week(xp: Any, baseline: float, contributions: Any) -> tuple[Any, Any]:
    """Bring daily log-odds and their parts to the week: chance by each day, exact Shapley values.

    The chance of having reached 80 % by day h is one less the product of the chances of not
    reaching it on days 1 to h. Part j of its log-odds is the Shapley value of the game whose
    players are the parts: v(S) is the week's answer with the parts of S and none of the
    others, all 2^G of them computed (Shapley 1953). The reference, v of nothing, is the
    baseline on every day: the parts' mean over the training lines.

    Parameters
    ----------
    baseline
        Daily log-odds before any part.
    contributions
        Daily parts, shape (n, 7, G), G at most 6.

    Returns
    -------
    reference, parts
        Shapes (n, 7) and (n, 7, G); they add up to the log-odds of the chance.

    Examples
    --------
    Evens every day: 1 - 1/2 = 1/2 by tomorrow, 3/4 the day after, log-odds 0 and log 3.

    >>> reference, parts = over_the_week(np, 0.0, np.zeros((1, 7, 1), dtype="float32"))
    >>> reference[0, :2].astype(float).round(4).tolist(), parts[0, :2].tolist()
    ([0.0, 1.0986], [[0.0], [0.0]])
    """
    n_parts = int(contributions.shape[2])
    members = _members(n_parts)
    daily = matmul(xp, contributions, _constant(xp, members.T)) + np.float32(baseline)
    by_day = _log_odds_of_any(xp, xp.permute_dims(daily, (0, 2, 1)))
    worth = xp.permute_dims(by_day, (0, 2, 1))
    parts = matmul(xp, worth, _constant(xp, shapley_weights(n_parts).T))
    return worth[:, :, 0], parts


def shapley_weights(n_parts: int) -> Array:
    """Return the weight of each coalition's worth in each part's Shapley value.

    Returns
    -------
    numpy.ndarray
        Shape (n_parts, 2 ** n_parts); coalition c holds part j where bit j of c is set.

    Examples
    --------
    Two parts: half of v(1) - v(), half of v(12) - v(2), in the order (), 1, 2, 12.

    >>> shapley_weights(2).tolist()
    [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]
    """
    members = _members(n_parts)
    size = members.sum(axis=1).astype(int)
    weights = np.zeros((n_parts, len(members)))
    for part in range(n_parts):
        for place, held in enumerate(members[:, part]):
            others = size[place] - int(held)
            share = factorial(others) * factorial(n_parts - others - 1) / factorial(n_parts)
            weights[part, place] = share if held else -share
    return weights


def _members(n_parts: int) -> Array:
    return np.array([[place >> part & 1 for part in range(n_parts)]
                     for place in range(2**n_parts)], dtype=np.float64)  # fmt: skip


def _log_odds_of_any(xp: Any, daily: Any) -> Any:
    """Return log-odds of at least one of days 1 to h, from daily log-odds (n, k, 7).

    With c the sum of log(1 + e^z) over the days, the chance of none is e^-c and the log-odds of
    any log(e^c - 1), by its series where c is small.
    """
    bound = xp.zeros_like(daily) + np.float32(STEEPEST)
    held = xp.minimum(xp.maximum(daily, bound * np.float32(-1)), bound)
    size = xp.exp(xp.abs(held) * np.float32(-1))
    softplus = xp.maximum(held, xp.zeros_like(held)) + _log1p(xp, size)
    total = matmul(xp, softplus, _constant(xp, np.triu(np.ones((HORIZON_DAYS, HORIZON_DAYS)))))
    small = total < np.float32(SMALL)
    series = xp.log(total) + total * np.float32(0.5) + total * total * np.float32(1 / 24)
    safe = xp.where(small, xp.zeros_like(total) + np.float32(1), total)
    exact = safe + xp.log(np.float32(1) - xp.exp(safe * np.float32(-1)))
    return xp.where(small, series, exact)


def _log1p(xp: Any, size: Any) -> Any:
    """Return log(1 + u) for u in [0, 1], by its series where float32 would lose digits."""
    series = size * (1 - size * (np.float32(1 / 2) - size * (np.float32(1 / 3)
             - size * (np.float32(1 / 4) - size * np.float32(1 / 5)))))  # fmt: skip
    return xp.where(size < np.float32(SMALL), series, xp.log(size + np.float32(1)))


def _or_already(xp: Any, week: Any, full: Any) -> Any:
    """Return log-odds of being at 80 % already, with chance ``full``, or getting there.

    With a the chance of being there and p that of getting there, the odds are
    (a + (1 - a) p) / ((1 - a) (1 - p)).
    """
    one, zeros = np.float32(1), xp.zeros_like(week)
    already = xp.minimum(full, xp.zeros_like(full) + np.float32(MOST_UNREAD))
    size = xp.exp(xp.abs(week) * np.float32(-1))
    chance = xp.where(week < zeros, size, zeros + one) / (size + one)  # every digit of a small one
    reached = already + (one - already) * chance
    not_yet = xp.maximum(week, zeros) + _log1p(xp, size) - xp.log(one - already)
    either = xp.minimum(xp.log(reached) + not_yet, zeros + np.float32(CERTAIN))
    either = xp.where(full > np.float32(MOST_UNREAD), zeros + np.float32(CERTAIN), either)
    return xp.where(full > np.float32(FULL_FROM), either, week)


def _above(xp: Any, levels: Any, log_odds: Any, full: Any) -> Any:
    """Return the chance of 20, 40, ... 100 % or more, moved to the head's odds, (n, 7, 5)."""
    at_least = matmul(xp, levels, _constant(xp, np.tril(np.ones((N_STATES, N_STATES)))[:, 1:]))
    counted = _logit(xp, at_least)
    unread = np.float32(1) - xp.astype(full > np.float32(MOST_UNREAD), xp.float32)
    shift = (log_odds - counted[:, :, FULL_STATE - 1]) * unread
    moved = counted + xp.expand_dims(shift, axis=2) * _constant(xp, SHIFTS)
    chance = [_sigmoid(xp, moved[:, :, :1])]
    for place in range(1, N_STATES - 1):
        chance.append(xp.minimum(chance[-1], _sigmoid(xp, moved[:, :, place : place + 1])))
    return xp.concat(chance, axis=2)


def _differences(xp: Any, above: Any) -> Any:
    """Return the chance of each state from the chances of at least each."""
    edge = above[:, :, :1] * np.float32(0)
    upper = xp.concat([edge + np.float32(1), above], axis=2)
    lower = xp.concat([above, edge], axis=2)
    gap = upper - lower
    return xp.maximum(gap, xp.zeros_like(gap))


def _step_at(xp: Any, chances: Any, level: float) -> Any:
    """Return the first of the sensor's steps whose cumulated chance reaches the level."""
    upto = matmul(xp, chances, _constant(xp, np.triu(np.ones((N_STATES, N_STATES)))))
    short = xp.astype(upto[:, :, : N_STATES - 1] < np.float32(level), xp.float32)
    return xp.sum(short, axis=2) * np.float32(STEP_PERCENT)


def _between_steps(xp: Any, chances: Any, level: float) -> Any:
    """Return a quantile of the levels, each spread evenly over the 20 points around it."""
    upto = matmul(xp, chances, _constant(xp, np.triu(np.ones((N_STATES, N_STATES)))))
    below = upto - chances
    tiny = xp.zeros_like(chances) + np.float32(LOWEST_SHARE)
    share = (below * np.float32(-1) + np.float32(level)) / xp.maximum(chances, tiny)
    zeros = xp.zeros_like(share)
    inside = xp.minimum(xp.maximum(share, zeros), zeros + np.float32(1))
    value = xp.sum(inside, axis=2) * np.float32(STEP_PERCENT) - np.float32(STEP_PERCENT / 2)
    lowest = xp.zeros_like(value)
    return xp.minimum(xp.maximum(value, lowest), lowest + np.float32(HIGHEST_PERCENT))


def _rising(xp: Any, chance: Any) -> Any:
    """Return the largest chance so far: what has been full stays so."""
    so_far = [chance[:, :1]]
    for day in range(1, HORIZON_DAYS):
        so_far.append(xp.maximum(so_far[-1], chance[:, day : day + 1]))
    return xp.concat(so_far, axis=1)


def _on_first(xp: Any, parts: Any, gap: Any) -> Any:
    """Add what certainty adds to the first part, that of the level."""
    first = parts[:, :, :1] + xp.expand_dims(gap, axis=2)
    n_parts = int(parts.shape[2])
    return first if n_parts == 1 else xp.concat([first, parts[:, :, 1:]], axis=2)


def _logit(xp: Any, share: Any) -> Any:
    low = xp.zeros_like(share) + np.float32(LOWEST_SHARE)
    kept = xp.minimum(xp.maximum(share, low), low * np.float32(0) + np.float32(1 - LOWEST_SHARE))
    return xp.log(kept / (np.float32(1) - kept))


def _sigmoid(xp: Any, log_odds: Any) -> Any:
    """Return the logistic function, written with tanh, which no log-odds overflow."""
    half = np.float32(0.5)
    return xp.tanh(log_odds * half) * half + half


def _constant(xp: Any, values: npt.ArrayLike) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))
