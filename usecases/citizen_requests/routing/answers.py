"""From a head's scores to what an agent reads: services, their chances, what to do, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.lab.graph.arrays import largest
from common.lab.graph.text_head import CHARACTERS
from common.lab.usecase import Answer, Features, Field
from usecases.citizen_requests.features import THRESHOLDS

__all__ = [
    "CLARIFY",
    "DECISIONS",
    "HUMAN",
    "N_RANKED",
    "ROUTE",
    "chances_of",
    "character_parts",
    "finish",
    "outputs",
]

ROUTE, CLARIFY, HUMAN = 0, 1, 2
DECISIONS = ("transmettre au service", "demander une précision", "confier à une personne")
"""In French, by the value of the output ``decision``."""
N_RANKED = 3
"""Services proposed, most likely first."""


def outputs(services: Sequence[str]) -> tuple[Field, ...]:
    """Return what the graph answers for a choice among services, by their French names."""
    n_services, names = len(services), tuple(services)
    each: tuple[str | int, ...] = ("n", n_services)
    return (
        Field("score", "float32", each, "1", "Score de chaque service, avant normalisation.",
              labels=names),
        Field("p_service", "float32", each, "1", "Chance que le service soit le bon.", 0, 1,
              labels=names),
        Field("p_top", "float32", ("n", 1), "1", "Chance du service le plus probable.", 0, 1),
        Field("ranked", "int64", ("n", min(N_RANKED, n_services)), "1",
              "Les services les plus probables, du premier au troisième.", 0, n_services - 1),
        Field("decision", "int64", ("n", 1), "1",
              "0 transmettre, 1 demander une précision, 2 confier à une personne.", 0, 2),
        Field("baseline", "float32", each, "1", "Score avant toute contribution."),
        Field("contributions", "float32", (*each, "terms"), "1",
              "Part de chaque terme ; base plus parts = score du service."),
        Field(CHARACTERS, "float32", ("n", "length"), "1",
              "Part de chaque caractère dans le score du service le plus probable."),
    )  # fmt: skip


def finish(
    xp: Any, inputs: Mapping[str, Any], features: Features, answer: Answer
) -> dict[str, Any]:
    """Give chances, ranks and the decision; thresholds are inputs, fixed on a validation set."""
    del features
    p = chances_of(xp, answer.raw)
    ranked, chances = _best(xp, answer.raw, p)
    act, ask = inputs[THRESHOLDS][:, :1], inputs[THRESHOLDS][:, 1:]
    two = chances[0] + chances[1]
    codes = [xp.zeros_like(ranked[:, :1]) + code for code in (ROUTE, CLARIFY, HUMAN)]
    decision = xp.where(chances[0] >= act, codes[0], xp.where(two >= ask, codes[1], codes[2]))
    return {
        "score": answer.raw,
        "p_service": p,
        "p_top": chances[0],
        "ranked": ranked,
        "decision": decision,
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
        CHARACTERS: character_parts(xp, inputs, answer),
    }


def chances_of(xp: Any, scores: Any) -> Any:
    """Return scores of shape (n, K) as chances that add up to 1 (softmax)."""
    highest = xp.expand_dims(largest(xp, scores, axis=1), axis=1)
    powers = xp.exp(scores - highest)
    return powers / xp.sum(powers, axis=1, keepdims=True)


def character_parts(xp: Any, inputs: Mapping[str, Any], answer: Answer) -> Any:
    """Return what each character adds, shape (n, length); zeros of a head that reads no text."""
    found = answer.details.get(CHARACTERS)
    return xp.zeros_like(xp.astype(inputs["codes"], xp.float32)) if found is None else found


def _best(xp: Any, scores: Any, p: Any) -> tuple[Any, list[Any]]:
    """Return the best services, shape (n, N_RANKED), and the chance of each, shape (n, 1).

    Ranks are those of the scores: of services whose chances round to the same value, the one
    that explanations are given for comes first.
    """
    n_services = int(scores.shape[1])
    places = xp.asarray(np.arange(n_services, dtype=np.int64)[None])
    found, chances, left, given = [], [], scores, p
    for _ in range(min(N_RANKED, n_services)):
        best = xp.argmax(left, axis=1, keepdims=True)
        taken = places == best
        found.append(best)
        chances.append(xp.sum(xp.where(taken, given, xp.zeros_like(given)), axis=1, keepdims=True))
        left = xp.where(taken, xp.zeros_like(left) - np.float32(np.inf), left)
    return xp.concat(found, axis=1), chances
