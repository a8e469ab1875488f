"""Does a sheet answer, and is the first one the right one: two questions of the same form."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from common.lab import probability_metrics as metrics
from common.lab.pages.figure import Figure
from common.lab.pages.reliability import reliability
from common.lab.probabilities import Probabilities, as_they_are, no_scale, squared_losses
from common.lab.usecase import (
    Answer,
    Array,
    Dataset,
    Examples,
    Features,
    Field,
    Period,
    Split,
    Task,
)
from usecases.citizen_requests.answers.abstention.features import (
    ABSTENTION_TERMS,
    ALL_FEATURES,
    FEATURES,
    abstention_features,
)
from usecases.citizen_requests.answers.abstention.model import abstention_rungs
from usecases.citizen_requests.answers.collections import answers_index

__all__ = ["ANSWER_TASKS", "abstention_task"]

SPLIT = Split(
    train_start=date(2001, 1, 1),
    origins=(date(2001, 8, 1), date(2001, 10, 15)),
    test=Period(date(2003, 1, 1), date(2004, 1, 1)),
)
"""Synthetic days: development sheets to fit and tune on, each day its own sheets; held-out
questions to test on, once."""

INPUTS = (
    Field(
        "retrieval_features",
        "float32",
        ("n", len(ALL_FEATURES)),
        "1",
        "Ce que la recherche dit d'elle-même : scores, avances, accords.",
        low=0,
        high=1_000,
        default=np.zeros(len(ALL_FEATURES), dtype=np.float32),
    ),
)
_STEP: tuple[str | int, ...] = ("n", 1)
SHORT_WORDS = 4.5
"""The count comes back from a logarithm: between four and five."""
OUTPUTS = (
    Field("log_odds", "float32", _STEP, "1", "Logarithme du rapport des chances."),
    Field("p_answerable", "float32", _STEP, "1", "Probabilité que oui.", low=0, high=1),
    Field("baseline", "float32", _STEP, "1", "Réponse avant toute contribution."),
    Field(
        "contributions",
        "float32",
        (*_STEP, "terms"),
        "1",
        "Part de chaque terme ; base plus parts = logarithme du rapport des chances.",
    ),
)


def finish(
    xp: Any,
    inputs: Mapping[str, Any],  # noqa: ARG001 - the protocol of Task.finish
    features: Features,  # noqa: ARG001 - the protocol of Task.finish
    answer: Answer,
) -> dict[str, Any]:
    """Give log-odds and probability; the logistic function by tanh, which nothing overflows."""
    half = np.float32(0.5)
    return {
        "log_odds": answer.raw,
        "p_answerable": xp.tanh(answer.raw * half) * half + half,
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
    }


def examples_of(target: str, dataset: Dataset, period: Period) -> Examples:
    """Return the searches of a period: one row each, blocks are sheets."""
    days = dataset.times.tz_localize(None).to_numpy().astype("datetime64[D]")
    inside = (days >= np.datetime64(period.start)) & (days < np.datetime64(period.stop))
    kept = dataset.at(inside)
    given = np.zeros((len(kept.times), len(ALL_FEATURES)), dtype=np.float32)
    for name in FEATURES:
        given[:, ALL_FEATURES.index(name)] = kept.columns[name]
    return Examples(
        inputs={"retrieval_features": np.nan_to_num(given)},
        target=kept.columns[target][:, None],
        slots=np.zeros((len(given), 1), dtype=np.int64),
        units=np.asarray(kept.groups, dtype=str),
        blocks=np.asarray(kept.groups.codes, dtype=np.int64),
        issued=days[inside].astype("datetime64[s]"),
        days=days[inside],
    )


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return 0 and 1 as they are; every question counts the same."""
    del context
    return examples.target, np.ones_like(examples.target)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each question's Brier loss; sheets are drawn again, questions count the same."""
    return squared_losses(examples, outputs["p_answerable"], pooled=True)


def scored(
    examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]
) -> Probabilities:
    """Hold probabilities against what was found."""
    del scale
    return Probabilities.from_examples(examples, outputs["p_answerable"])


def by_length(examples: Examples) -> Array:
    """Return whether each question is short, in French."""
    words = np.expm1(
        np.asarray(examples.inputs["retrieval_features"])[:, ALL_FEATURES.index("n_words")]
    )
    return np.where(words <= SHORT_WORDS, "quatre mots ou moins", "plus de quatre mots")


def abstention_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return whether the chances announced came true."""
    bins = metrics.calibration_bins(scored(examples, outputs, {}))
    return [reliability("Les réponses annoncées sont-elles là ?", bins, "questions")]


def abstention_task(name: str, target: str, question: str) -> Task:
    """Return one of the two questions; the first one's bundle carries the sheets.

    Parameters
    ----------
    name
        Of the task.
    target
        Column that holds the truth.
    question
        In French.
    """
    return Task(
        id=name,
        version=1,
        question=question,
        inputs=INPUTS,
        outputs=OUTPUTS,
        terms=ABSTENTION_TERMS,
        split=SPLIT,
        metrics=(metrics.BRIER, metrics.AUROC, metrics.ECE, metrics.LOG_LOSS),
        slices={"longueur": by_length},
        examples=partial(examples_of, target),
        features=abstention_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=as_they_are,
        scored=scored,
        scale=no_scale,
        rungs=abstention_rungs(),
        figures=abstention_figures,
        functional_unit="la probabilité qu'une fiche réponde à une question",
        index=answers_index if target == "answerable" else None,
    )


ANSWER_TASKS = (
    abstention_task("answers", "answerable", "Une fiche officielle répond-elle à cette question ?"),
    abstention_task(
        "answers_first", "first_right", "La première fiche proposée est-elle la bonne ?"
    ),
)
