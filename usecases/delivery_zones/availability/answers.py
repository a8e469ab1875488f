"""From a head's log-odds to what a zone's agent reads: chance, occupied bays, interval."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul
from common.lab.usecase import Answer, Features, Field
from usecases.delivery_zones.availability.kernels import MAX_BAYS
from usecases.delivery_zones.availability.queues import constant

__all__ = ["finish", "outputs"]

SIZE = MAX_BAYS + 1
LOWER, UPPER = 0.1, 0.9


def outputs(n_steps: int) -> tuple[Field, ...]:
    """Return what the graph answers for each of ``n_steps`` instants."""
    steps: tuple[str | int, ...] = ("n", n_steps)
    return (
        Field(
            "log_odds",
            "float32",
            steps,
            "1",
            "Logarithme du rapport des chances de trouver une place.",
        ),
        Field("p_free", "float32", steps, "1", "Chance qu'une place au moins soit libre.", 0, 1),
        Field(
            "p_usual",
            "float32",
            steps,
            "1",
            "La même chance d'habitude à cette heure : la référence.",
            0,
            1,
        ),
        Field("occupied", "float32", steps, "1", "Places occupées attendues.", 0, MAX_BAYS),
        Field(
            "lower", "float32", steps, "1", "Borne basse à 80 % des places occupées.", 0, MAX_BAYS
        ),
        Field(
            "upper", "float32", steps, "1", "Borne haute à 80 % des places occupées.", 0, MAX_BAYS
        ),
        Field("baseline", "float32", steps, "1", "Réponse avant toute contribution."),
        Field(
            "contributions",
            "float32",
            (*steps, "terms"),
            "1",
            "Part de chaque terme ; base plus parts = logarithme du rapport des chances.",
        ),
    )


def finish(
    xp: Any, inputs: Mapping[str, Any], features: Features, answer: Answer
) -> dict[str, Any]:
    """Give log-odds, chance, expected occupied bays and their interval.

    The distribution below « full » keeps the shape that the queue (or the usual share) gives
    it; the chance of « full » is the head's.
    """
    p_free = _sigmoid(xp, answer.raw)
    bays = xp.astype(xp.reshape(inputs["bays"], (-1, 1, 1)), xp.float32)
    places, one, zero = constant(xp, np.arange(SIZE)), constant(xp, 1), constant(xp, 0)
    is_full, is_next = places == bays, places == bays - one
    below = xp.where(places < bays, features.context["occupancy"], zero)
    below = below + xp.where(is_next, constant(xp, 1e-6), zero)
    total = xp.sum(below, axis=2, keepdims=True)
    chance = xp.expand_dims(p_free, axis=2)
    spread = below / total * chance + xp.where(is_full, one - chance, zero)
    reached = matmul(xp, spread, constant(xp, np.triu(np.ones((SIZE, SIZE)))))
    return {
        "log_odds": answer.raw,
        "p_free": p_free,
        "p_usual": _sigmoid(xp, features.context["usual"]),
        "occupied": xp.minimum(xp.sum(spread * places, axis=2), constant(xp, MAX_BAYS)),
        "lower": _count(xp, reached, LOWER),
        "upper": _count(xp, reached, UPPER),
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
    }


def _sigmoid(xp: Any, log_odds: Any) -> Any:
    """Return the logistic function, written with tanh, which no log-odds overflow."""
    half = np.float32(0.5)
    return xp.tanh(log_odds * half) * half + half


def _count(xp: Any, reached: Any, level: float) -> Any:
    """Return the smallest count whose cumulated chance reaches the level."""
    short = xp.where(reached < constant(xp, level), constant(xp, 1), constant(xp, 0))
    return xp.minimum(xp.sum(short, axis=2), constant(xp, MAX_BAYS))
