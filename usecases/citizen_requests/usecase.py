"""Citizen requests, wired together."""

from pathlib import Path

from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Task, UseCase
from usecases.citizen_requests import data, own_data, simulate
from usecases.citizen_requests.requests.paris import OTHER, SERVICES
from usecases.citizen_requests.routing.catalogue import catalogue
from usecases.citizen_requests.routing.examples import with_catalogue
from usecases.citizen_requests.routing.recode import by_channel, for_services, over
from usecases.citizen_requests.sheets.library import THEMES
from usecases.citizen_requests.tasks import ROUTING_TASKS

__all__ = ["USECASE"]

N_INVENTED = 500
"""Simulated requests: enough to see that everything runs, few enough to fit in seconds."""


def _load(task: Task, profile: str) -> Dataset:
    themes = task.id == "routing_themes"
    loaded = data.load("themes" if themes else "paris", profile)  # type: ignore[arg-type]  # load says which
    return with_catalogue(loaded, catalogue())


def _read(folder: Path, task: Task) -> Dataset:
    own = own_data.read(folder)
    if task.id == "routing_themes":
        return for_services(own, THEMES)
    return with_catalogue(for_services(own, SERVICES, OTHER), catalogue())


def _simulate(task: Task, seed: int) -> Dataset:
    labels = "themes" if task.id == "routing_themes" else "paris"
    invented = simulate.simulate_for(task.split, seed, labels, N_INVENTED)  # type: ignore[arg-type]  # one of its labels
    return with_catalogue(by_channel(over(invented, task.split)), catalogue())


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
    tasks=ROUTING_TASKS,
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
    unverified=(
        "Aucune mesure sur de vraies demandes municipales : l'erreur chez vous est inconnue.",
        "Le plafond humain (deux agents seraient-ils d'accord ?) n'est pas connu.",
        "Le catalogue des directions parisiennes a été écrit pour Aune, pas par la Ville de Paris.",
    ),
)
