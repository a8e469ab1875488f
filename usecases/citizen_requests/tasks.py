"""Which service is a request for: the routing tasks, and how an answer is scored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np

from common.edge.textcodes import text_of
from common.lab import choice_metrics as metrics
from common.lab.choices import Choices, brier_losses
from common.lab.probabilities import as_they_are, no_scale
from common.lab.usecase import Array, Examples, Period, Split, Task
from usecases.citizen_requests.contest import routing_contest
from usecases.citizen_requests.features import (
    REASONS,
    ROUTING_TERMS,
    competence_features,
    routing_features,
    routing_inputs,
    theme_features,
)
from usecases.citizen_requests.figures import routing_figures
from usecases.citizen_requests.model import routing_rungs
from usecases.citizen_requests.requests.paris import SERVICES
from usecases.citizen_requests.routing.answers import ROUTE, finish, outputs
from usecases.citizen_requests.routing.catalogue import keywords
from usecases.citizen_requests.routing.examples import routing_examples
from usecases.citizen_requests.routing.recode import COMPETENCES
from usecases.citizen_requests.routing.sheet_votes import N_LABELS, sheet_index
from usecases.citizen_requests.routing.thresholds import constant_state, thresholds_of
from usecases.citizen_requests.sheets.library import THEMES
from usecases.citizen_requests.text.writing_level import terciles

__all__ = ["PARIS_SPLIT", "ROUTING_TASKS", "THEMES_SPLIT", "routing_task"]

PARIS_SPLIT = Split(
    train_start=date(2014, 1, 1),
    origins=(date(2019, 1, 1),),
    test=Period(date(2021, 1, 1), date(2024, 12, 27)),
)
"""Editions up to 2018 to fit, 2019 to tune, 2021 to 2024 once (brief 3.A; there is no 2020),
to the last title's day."""
THEMES_SPLIT = Split(
    train_start=date(2001, 1, 1),
    origins=(date(2002, 1, 1),),
    test=Period(date(2003, 1, 1), date(2003, 3, 4)),
)
"""Synthetic days of ``data.SYNTHETIC_DAYS``: 2001 dossiers to fit on, 2002 to tune, 2003 to test.
Sheets have no time of their own; no dossier is on two sides."""

METRICS = (
    metrics.BRIER,
    metrics.MACRO_F1,
    metrics.ACCURACY,
    metrics.TOP_3,
    metrics.ECE,
    metrics.COVERAGE,
    metrics.PRECISION,
    metrics.UTILITY,
    metrics.AURC,
    metrics.LOG_LOSS,
)
SHORT_CHARACTERS = 40


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return 1 at right services and 0 elsewhere, every request with the same weight."""
    del context
    return examples.target, np.ones_like(examples.target)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each request's Brier score over all services."""
    return brier_losses(examples, outputs["p_service"])


def scored(examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]) -> Choices:
    """Hold chances against the right services; what is acted on is what the graph decides."""
    del scale
    taken = np.asarray(outputs["decision"])[:, 0] == ROUTE
    return Choices.of(examples, outputs["p_service"], taken)


def by_length(examples: Examples) -> Array:
    """Return whether each text is short, in French."""
    lengths = (np.asarray(examples.inputs["codes"]) != 0).sum(axis=1)
    return np.where(lengths < SHORT_CHARACTERS, "moins de 40 caractères", "40 caractères et plus")


def by_year(examples: Examples) -> Array:
    """Return the year that each request was received in."""
    return examples.days.astype("datetime64[Y]").astype(str)


def by_writing(examples: Examples) -> Array:
    """Return each text's third by how it is written, see `text.writing_level.terciles`."""
    return terciles([text_of(codes) for codes in examples.inputs["codes"]])


def routing_task(services: Sequence[str], phrases: Sequence[str] | None) -> Task:
    """Return the task of choosing among services, from the text of a request.

    Parameters
    ----------
    services
        French names, in the order of the outputs.
    phrases
        What each service says it does, as one text each; None where there is no catalogue.
    """
    slices = {"longueur du texte": by_length, "écriture": by_writing, "année": by_year}
    return Task(
        id="routing",
        version=1,
        question="À quel service cette demande doit-elle aller ?",
        inputs=routing_inputs(len(services)),
        outputs=outputs(services),
        terms=ROUTING_TERMS,
        reasons=REASONS,
        split=PARIS_SPLIT,
        metrics=METRICS,
        slices=slices,
        examples=routing_examples,
        features=routing_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=as_they_are,
        scored=scored,
        scale=no_scale,
        rungs=routing_rungs(len(services), phrases, own_votes=True),
        calibrate=constant_state,
        default_state=thresholds_of,
        figures=partial(routing_figures, services),
        functional_unit=(
            "une demande lue : services classés avec leur chance, décision proposée et part de "
            "chaque mot"
        ),
        contest=routing_contest(slices),
    )


def _of_sheets(base: Task) -> Task:
    """Return the theme of a question: titles of sheets, and what the other sheets vote."""
    return replace(
        base,
        id="routing_themes",
        question="De quel thème administratif relève cette question ?",
        inputs=routing_inputs(N_LABELS),
        outputs=outputs(THEMES),
        split=THEMES_SPLIT,
        slices={"longueur du texte": by_length, "écriture": by_writing},
        examples=partial(routing_examples, sheet_labels=N_LABELS),
        features=theme_features,
        rungs=routing_rungs(len(THEMES), None, own_votes=False),
        figures=partial(routing_figures, THEMES),
        index=sheet_index,
        contest=None,
    )


def _competence(themes: Task) -> Task:
    """Return whose business a question is: the town hall's, or another body's."""
    n = len(COMPETENCES)
    return replace(
        themes,
        id="competence",
        question="Cette question relève-t-elle de la commune ?",
        outputs=outputs(COMPETENCES),
        metrics=(metrics.BRIER, metrics.AUROC, *METRICS[1:3], *METRICS[4:]),
        features=competence_features,
        rungs=routing_rungs(n, None, own_votes=False),
        figures=partial(routing_figures, COMPETENCES),
    )


ROUTING = routing_task(SERVICES, [keywords(service) for service in SERVICES])
"""The Paris task: which directorate pilots a project, from its title."""
THEME = _of_sheets(ROUTING)
ROUTING_TASKS = (ROUTING, THEME, _competence(THEME))
