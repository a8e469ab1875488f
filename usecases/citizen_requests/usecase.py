"""Citizen requests, wired together."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from common.edge.errors import DataError, UsageError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Examples, Period, Task, UseCase
from usecases.citizen_requests import data, own_data, simulate
from usecases.citizen_requests.answers.abstention.searches import load_searches, simulate_searches
from usecases.citizen_requests.answers.abstention.tasks import ANSWER_TASKS
from usecases.citizen_requests.decision.order import PLAN_FILES, PLAN_OPTIONS, plan
from usecases.citizen_requests.routing.catalogue import FILE as CATALOGUE_FILE
from usecases.citizen_requests.routing.catalogue import catalogue
from usecases.citizen_requests.routing.corrections import with_corrections
from usecases.citizen_requests.routing.examples import SHEET_VOTES, with_catalogue
from usecases.citizen_requests.routing.own_services import PHRASES, rest_of, suited
from usecases.citizen_requests.routing.recode import (
    by_channel,
    for_competence,
    for_services,
    over,
)
from usecases.citizen_requests.routing.sheet_votes import title_blind_votes
from usecases.citizen_requests.sheets.library import THEMES
from usecases.citizen_requests.tasks import ROUTING_TASKS, routing_task
from usecases.citizen_requests.urgency import examples as urgency
from usecases.citizen_requests.urgency.tasks import URGENCY_TASKS

__all__ = ["USECASE"]

ANSWERS = frozenset(task.id for task in ANSWER_TASKS)
URGENCY = frozenset(task.id for task in URGENCY_TASKS)
N_LOTS = 3
N_INVENTED = 500
"""Simulated requests: enough to see that everything runs, few enough to fit in seconds."""


def _load(task: Task, profile: str) -> Dataset:
    if task.id in ANSWERS:
        return load_searches()
    if task.id in URGENCY:
        return urgency.load()
    if task.id == "routing":
        return with_catalogue(data.load("paris", profile), catalogue())  # type: ignore[arg-type]  # quick or full
    return _asked(task, data.load("themes", profile))  # type: ignore[arg-type]  # quick or full


def _read(folder: Path, task: Task) -> Dataset:
    if task.id in ANSWERS:
        raise UsageError(
            f"{task.id} is not fitted on requests",
            expected="sheets, whose answers are known",
            remedy="run it on --data open",
        )
    own = own_data.read(folder)
    if task.id in URGENCY:
        return urgency.as_levels(own)
    if task.id == "routing":
        return _with_phrases(own, folder / CATALOGUE_FILE.name)
    return _asked(task, _by_theme(own) if task.id == "routing_themes" else own)


def _by_theme(own: Dataset) -> Dataset:
    themed = for_services(own, THEMES)
    if not themed.valid.any():
        raise DataError(
            f"{own.name}: no request's service is a theme of service-public.fr",
            expected="one of " + ", ".join(THEMES),
            remedy="the task routing learns your own services: --task routing",
        )
    return themed


def _with_phrases(own: Dataset, file: Path) -> Dataset:
    """Return own requests beside what the town hall's services say they do, where it says so."""
    if not file.exists():
        return own
    return replace(own, extras={**own.extras, PHRASES: catalogue(file)})


def _suit(task: Task, dataset: Dataset, answers: tuple[str, ...]) -> tuple[Task, Dataset]:
    if task.id != "routing":
        return task, dataset
    return suited(routing_task, task, dataset, answers)


def _asked(task: Task, dataset: Dataset) -> Dataset:
    """Ask the national sheets about every text; then bring the truth to the task."""
    votes = title_blind_votes(dataset)
    asked = replace(dataset, extras={**dataset.extras, SHEET_VOTES: votes})
    return for_competence(asked) if task.id == "competence" else asked


def _simulate(task: Task, seed: int) -> Dataset:
    """Return invented requests; the sheets are not asked, so that nothing is needed."""
    if task.id in ANSWERS:
        return _in_lots(over(simulate_searches(seed), task.split))
    if task.id in URGENCY:
        return urgency.simulated(seed)
    labels: Literal["paris", "themes"] = "paris" if task.id == "routing" else "themes"
    invented = simulate.simulate_for(task.split, seed, labels, N_INVENTED)
    spread = by_channel(over(invented, task.split))
    if task.id == "routing":
        return with_catalogue(spread, catalogue())
    return for_competence(spread) if task.id == "competence" else spread


def _resume(task: Task, dataset: Dataset, folder: Path) -> Dataset:
    if task.id != "routing":
        raise UsageError(f"{task.id} takes no corrections", expected="the task routing")
    return with_corrections(dataset, folder, rest_of(dataset.extras["services"]["code"]))


def _in_lots(dataset: Dataset) -> Dataset:
    """Return invented searches in three lots: sheets that do not exist are no units."""
    lots = [f"lot {1 + place % N_LOTS}" for place in range(len(dataset.times))]
    proxy = "Données simulées : des recherches inventées, tirées au hasard."
    return replace(dataset, groups=pd.Categorical(lots), proxy=proxy)


def _once_asked(task: Task) -> Task:
    """Return the task with its answers given the day after: a question is read once it is asked."""

    def examples(dataset: Dataset, period: Period) -> Examples:
        made = task.examples(dataset, period)
        return replace(made, issued=made.issued + np.timedelta64(1, "D"))

    return replace(task, examples=examples)


USECASE = UseCase(
    name="citizen_requests",
    title="Demandes des usagers",
    summary=(
        "Orienter chaque demande vers le bon service, et proposer à l'agent la réponse officielle "
        "avec sa source."
    ),
    sources=load_sources(Path(__file__).with_name("sources.toml")),
    load=_load,
    read=_read,
    simulate=_simulate,
    tasks=(*ROUTING_TASKS, *map(_once_asked, ANSWER_TASKS), *URGENCY_TASKS),
    limits=(
        "Données de remplacement : ni les titres de fiches nationales, ni les titres de projets "
        "parisiens, ni les paraphrases de la CNIL ne sont des demandes reçues en mairie.",
        "Les fiches nationales sont celles du 12 novembre 2020 : elles ne sont jamais présentées "
        "comme le droit en vigueur.",
        "Les demandes simulées sont inventées : elles montrent que tout fonctionne, jamais que "
        "c'est juste.",
        "Un agent décide : le modèle propose un service, ne ferme aucune demande et n'abaisse "
        "aucune urgence.",
        "Un texte signé ou qui cite des tiers contient des données personnelles : il est "
        "pseudonymisé avant tout enregistrement, jamais anonymisé.",
    ),
    plan=plan,
    plan_files=PLAN_FILES,
    plan_options=PLAN_OPTIONS,
    resume=_resume,
    suit=_suit,
    unverified=(
        "Aucune mesure sur de vraies demandes municipales : l'erreur chez vous est inconnue.",
        "Le plafond humain (deux agents seraient-ils d'accord ?) n'est pas connu.",
        "Le catalogue des directions parisiennes a été écrit pour Aune, pas par la Ville de Paris.",
    ),
)
