"""Building energy, wired together."""

from pathlib import Path

from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Task, UseCase
from usecases.building_energy import data, own_data, simulate
from usecases.building_energy.tasks import ENERGY_OF, TASKS

__all__ = ["USECASE"]


def _load(task: Task, profile: str) -> Dataset:
    return data.load(ENERGY_OF[task.id], profile)  # type: ignore[arg-type]  # load says which


def _read(folder: Path, task: Task) -> Dataset:
    return own_data.read(folder, ENERGY_OF[task.id])


def _simulate(task: Task, seed: int) -> Dataset:
    return simulate.simulate(ENERGY_OF[task.id], seed)


USECASE = UseCase(
    name="building_energy",
    title="Énergie des bâtiments communaux",
    summary="Prévoir la consommation de demain, heure par heure, avec intervalle et raisons.",
    sources=load_sources(Path(__file__).with_name("sources.toml")),
    load=_load,
    read=_read,
    simulate=_simulate,
    tasks=TASKS,
    limits=(
        "Données de remplacement : un domaine universitaire britannique (Cambridge), faute de "
        "courbes de charge communales françaises ouvertes. Ni usage ni surface publiés.",
        "2020-03 à 2021-07 est marqué par le Covid ; 2022 est l'année de test.",
        "La prévision de température est simulée : observation plus une erreur de 1,5 K.",
        "Une personne décide : le modèle prévoit, il ne pilote rien.",
    ),
    unverified=(
        "Aucune mesure communale française : l'erreur sur vos bâtiments est inconnue.",
        "La prévision de température d'un service météorologique réel n'a pas été essayée.",
        "L'énergie n'a pas été recoupée par un wattmètre.",
    ),
)
