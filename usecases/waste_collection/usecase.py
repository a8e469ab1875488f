"""Waste collection, wired together."""

from pathlib import Path

from common.lab.sources import load_sources
from common.lab.usecase import Dataset, PlanOrder, Task, UseCase
from usecases.waste_collection import data, own_data, simulate
from usecases.waste_collection.decision.options import PLAN_FILES, PLAN_OPTIONS
from usecases.waste_collection.faults.tasks import FAULT_TASKS
from usecases.waste_collection.no_sensor.tasks import NO_SENSOR_TASKS
from usecases.waste_collection.tasks import OVERFLOW_TASK

__all__ = ["USECASE"]

WITHOUT_SENSOR = frozenset(task.id for task in NO_SENSOR_TASKS)
"""Tasks that see collections only; the others see a level every day."""


def _load(task: Task, profile: str) -> Dataset:
    name = "edinburgh" if task.id in WITHOUT_SENSOR else "wyndham"
    return data.load(name, profile)  # type: ignore[arg-type]  # load says which


def _read(folder: Path, task: Task) -> Dataset:
    return own_data.read(folder, "collections" if task.id in WITHOUT_SENSOR else "readings")


def _simulate(task: Task, seed: int) -> Dataset:
    if task.id in WITHOUT_SENSOR:
        return simulate.simulate_collections_for(task.split, seed)
    return simulate.simulate_for(task.split, seed)


def _plan(order: PlanOrder) -> Path:
    """Write the plan of a day: rounds, reasons, sheets, exports."""
    from usecases.waste_collection.decision.order import plan

    return plan(order)


USECASE = UseCase(
    name="waste_collection",
    title="Collecte des déchets",
    summary=("Prévoir quand chaque conteneur débordera, juger le capteur, choisir les tournées."),
    sources=load_sources(data.SOURCES),
    load=_load,
    read=_read,
    simulate=_simulate,
    tasks=(OVERFLOW_TASK, *NO_SENSOR_TASKS, *FAULT_TASKS),
    limits=(
        "Données de substitution : des corbeilles de rue australiennes (Wyndham) et écossaises "
        "(Édimbourg) tiennent lieu de points d'apport volontaire français.",
        "La prévision dit ce qui arriverait sans collecte ; une collecte cache la suite, les "
        "scores en tiennent compte par des poids.",
        "Les capteurs de Wyndham ne montrent que six niveaux, par pas de 20 % : 100 % n'est pas "
        "une mesure exacte.",
        "Un jour d'alerte ou sans relevé n'est ni plein ni vide : son niveau n'est pas connu.",
        "Le modèle ne connaît ni fête, ni marché, ni travaux : il les découvre par les derniers "
        "jours.",
        "Une personne décide de la tournée ; aucun agent n'est noté.",
    ),
    plan=_plan,
    plan_files=PLAN_FILES,
    plan_options=PLAN_OPTIONS,
    unverified=(
        "Aucune mesure sur un conteneur français : l'erreur chez vous est inconnue.",
        "La nature des alertes de Wyndham (bourrage, porte, capteur) n'est pas connue.",
        "Les poids de censure ne dépendent que du niveau et de l'échéance : une équipe qui vide "
        "selon d'autres signes les fausserait.",
    ),
)
