"""How urgent is a request: the task, its ladder, and how an answer is scored.

SIMULATED requests only: what is shown is that cues and text make one graph, not how well they
do. The cues are read by the client (`urgency.examples.cue_shares`), as regular expressions are
no graph; the graph weighs them beside the text and goes neither below them nor below the agent.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from common.lab import choice_metrics as metrics
from common.lab.choices import Choices, brier_losses
from common.lab.graph.text_head import CHARACTERS, TextHead, TextTable
from common.lab.metrics import Metric
from common.lab.probabilities import as_they_are, no_scale
from common.lab.usecase import (
    Answer,
    Array,
    Examples,
    Features,
    Field,
    Fitted,
    Rung,
    Task,
    Term,
    Track,
    Training,
)
from usecases.citizen_requests.features import HIGHEST_CODE, REASONS, VOTE_SCALE
from usecases.citizen_requests.model import PLAIN
from usecases.citizen_requests.routing.answers import chances_of, character_parts
from usecases.citizen_requests.routing.fits import Linear, linear, majority
from usecases.citizen_requests.urgency.examples import (
    URGENCY_SPLIT,
    authored_examples,
    urgency_examples,
)
from usecases.citizen_requests.urgency.levels import AT_ONCE, LEVELS, RAISED

__all__ = ["AT_ONCE_CHANCE", "RAISED_CHANCE", "URGENCY_TASKS"]

N_LEVELS = len(LEVELS)
AT_ONCE_CHANCE, RAISED_CHANCE = AT_ONCE.threshold, RAISED.threshold
"""Chances from which a level is given, those of the cues."""

TERMS = (Term("votes", "indices d'urgence relevés dans le texte", "indices", 2.0**-12),)
_EACH: tuple[str | int, ...] = ("n", N_LEVELS)

INPUTS = (
    Field("codes", "int64", ("n", "length"), "1",
          "Texte de la demande : points de code Unicode (NFC), complétés par des zéros.",
          0, HIGHEST_CODE),
    Field("cues", "float32", _EACH, "1",
          "Chance de chaque niveau d'après les indices relevés par le client.", 0, 1,
          default=np.array([1, 0, 0], dtype=np.float32)),
    Field("agent_level", "int64", ("n",), "1",
          "Niveau déjà donné par un agent ou un formulaire : jamais abaissé.", 0, N_LEVELS - 1,
          default=np.array(0, dtype=np.int64)),
)  # fmt: skip

OUTPUTS = (
    Field("score", "float32", _EACH, "1", "Score de chaque niveau, avant normalisation."),
    Field("p_level", "float32", _EACH, "1", "Chance de chaque niveau d'urgence.", 0, 1),
    Field("level", "int64", ("n", 1), "1",
          "0 ordinaire, 1 dans les jours, 2 immédiatement ; au moins celui de l'agent et des "
          "indices.",
          0, N_LEVELS - 1),
    Field("baseline", "float32", _EACH, "1", "Score avant toute contribution."),
    Field("contributions", "float32", (*_EACH, "terms"), "1",
          "Part de chaque terme ; base plus parts = score du niveau."),
    Field(CHARACTERS, "float32", ("n", "length"), "1",
          "Part de chaque caractère dans le score du niveau le plus probable."),
)  # fmt: skip


def urgency_features(xp: Any, inputs: Mapping[str, Any]) -> Features:
    """Return the cues on a logarithmic scale, one value per level."""
    cues = xp.log(inputs["cues"] * np.float32(VOTE_SCALE) + np.float32(1))
    return Features({"votes": xp.expand_dims(cues, axis=1)}, {})


def finish(
    xp: Any, inputs: Mapping[str, Any], features: Features, answer: Answer
) -> dict[str, Any]:
    """Give the chances and the level: never below the agent's, nor below what the cues say.

    What is learnt can only raise: fitted on SIMULATED requests, the text alone saw one in seven
    of the urgent authored ones (docs/decisions/citizen-texts.md).
    """
    del features
    p = chances_of(xp, answer.raw)
    own, said = _level(xp, p), _level(xp, inputs["cues"])
    floor = xp.expand_dims(inputs["agent_level"], axis=1)
    floor = xp.where(said > floor, said, floor)
    return {
        "score": answer.raw,
        "p_level": p,
        "level": xp.where(own > floor, own, floor),
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
        CHARACTERS: character_parts(xp, inputs, answer),
    }


def _level(xp: Any, chances: Any) -> Any:
    """Return the level of chances of shape (n, 3), shape (n, 1)."""
    at_once = xp.astype(chances[:, 2:] >= np.float32(AT_ONCE_CHANCE), xp.int64)
    raised = chances[:, 1:2] + chances[:, 2:] >= np.float32(RAISED_CHANCE)
    return xp.where(at_once > 0, at_once * 2, xp.astype(raised, xp.int64))


def cues_alone(training: Training) -> Fitted:
    """Take the cues at their word: a rule, nothing is learnt."""
    del training
    nothing = TextTable.of(np.empty(0, np.int64), np.empty((0, N_LEVELS)), np.empty(0))
    return Fitted(TextHead(nothing, (0.0,) * N_LEVELS, columns=("votes",), slopes=(1.0,)))


def rungs() -> tuple[Rung, ...]:
    """Return the ladder: the usual share, the cues, the text, both."""
    both = Linear(PLAIN.families, votes=True)
    return (
        Rung("majority", "Le niveau le plus fréquent", "no_ai", "global",
             partial(majority, N_LEVELS), note="Toujours les mêmes parts.", counts=True),
        Rung("cues", "Indices pondérés à la main", "no_ai", "global", cues_alone,
             note="Familles de mots, faux amis écartés, contexte pesé ; rien n'est appris."),
        Rung("text", "Régression sur mots et fragments", "linear", "global",
             partial(linear, PLAIN, N_LEVELS), note="Apprend des demandes déjà classées."),
        Rung("cues_and_text", "Indices et texte", "linear", "global",
             partial(linear, both, N_LEVELS), note="Les deux, dosés sur les plus récentes."),
    )  # fmt: skip


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return 1 at the level and 0 elsewhere, every request with the same weight."""
    del context
    return examples.target, np.ones_like(examples.target)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each request's Brier score over the three levels."""
    return brier_losses(examples, outputs["p_level"])


def scored(examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]) -> Choices:
    """Hold chances against levels; what is acted on at once is what the graph calls level 2."""
    del scale
    return Choices.of(examples, outputs["p_level"], np.asarray(outputs["level"])[:, 0] == 2)


def _called(level: int, scored_rows: Choices, counts: Array) -> Array:
    """Return the share of requests of a level that are called level 2; NaN where none is."""
    of_level = scored_rows.weights(counts) * scored_rows.right[:, level]
    total = of_level.sum(axis=1)
    out = np.full(len(of_level), np.nan)
    np.divide(of_level @ (scored_rows.taken * 1.0), total, out=out, where=total > 0)
    return out


def _rate(name: str, title: str, level: int, *, higher: bool) -> Metric:
    def compute(rows: Choices) -> Array:
        return _called(level, rows, np.ones((1, len(rows.blocks))))

    return Metric(name, title, "1", "higher" if higher else "lower", compute,
                  pooled=partial(_called, level), resampled="blocks")  # fmt: skip


RECALL = _rate("recall_at_once", "Urgences immédiates reconnues", 2, higher=True)
FALSE_ALARMS = _rate("false_alarms", "Demandes ordinaires prises pour immédiates", 0, higher=False)


def by_length(examples: Examples) -> Array:
    """Return whether each text is short, in French."""
    lengths = (np.asarray(examples.inputs["codes"]) != 0).sum(axis=1)
    return np.where(lengths < 100, "moins de 100 caractères", "100 caractères et plus")


URGENCY_TASKS = (
    Task(
        id="urgency",
        version=1,
        question="Cette demande est-elle urgente : ordinaire, dans les jours, immédiatement ?",
        inputs=INPUTS,
        outputs=OUTPUTS,
        terms=TERMS,
        reasons=REASONS,
        split=URGENCY_SPLIT,
        metrics=(metrics.BRIER, RECALL, FALSE_ALARMS, metrics.MACRO_F1, metrics.ECE),
        slices={"longueur du texte": by_length},
        examples=urgency_examples,
        features=urgency_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=as_they_are,
        scored=scored,
        scale=no_scale,
        rungs=rungs(),
        tracks=(
            Track("authored", "Demandes écrites à la main, figées (contrôle de comportement)",
                  authored_examples),
        ),
        functional_unit="une demande lue : niveau d'urgence avec sa chance et ses raisons",
    ),
)  # fmt: skip
