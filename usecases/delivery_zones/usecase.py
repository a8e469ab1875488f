"""Delivery zones, wired together."""

from pathlib import Path

from common.edge.errors import SourceError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset, PlanOrder, Task, UseCase
from usecases.delivery_zones import data, own_data, simulate
from usecases.delivery_zones.overstay import tasks as overstay_tasks
from usecases.delivery_zones.overstay.tasks import OVERSTAY_TASKS
from usecases.delivery_zones.tasks import AVAILABILITY_TASKS, CITY_OF

__all__ = ["USECASE"]

CITIES = {**CITY_OF, **overstay_tasks.CITY_OF}


def _load(task: Task, profile: str) -> Dataset:
    return data.load(CITIES[task.id], profile)  # type: ignore[arg-type]  # load says which


def _read(folder: Path, task: Task) -> Dataset:
    del task  # the same events answer every question
    return own_data.read(folder)


def _simulate(task: Task, seed: int) -> Dataset:
    return simulate.simulate_for(task.split, seed)


def _plan(order: PlanOrder) -> Path:
    """Write the decision pages; the public inventory stands in where none is given."""
    from usecases.delivery_zones.decision.demand import read_demand
    from usecases.delivery_zones.decision.pages import write_pages
    from usecases.delivery_zones.inventory.source import load_inventory

    demand = order.files.get("demand")
    try:
        inventory = load_inventory(order.files.get("inventory"))
    except SourceError as error:
        order.say(f"pas d'inventaire ({error.found}) : ni plan ni contrôle des aires")
        inventory = None
    return write_pages(
        order.dataset,
        order.out,
        inventory=inventory,
        demand=read_demand(demand) if demand else None,
        report=order.say,
    )


USECASE = UseCase(
    name="delivery_zones",
    title="Aires de livraison",
    summary=(
        "Prévoir où trouver une place et quels stationnements dureront, dimensionner et placer "
        "les aires."
    ),
    sources=load_sources(Path(__file__).with_name("sources.toml")),
    load=_load,
    read=_read,
    simulate=_simulate,
    tasks=(*AVAILABILITY_TASKS, *OVERSTAY_TASKS),
    limits=(
        "Données de remplacement : des bornes de recharge (Dundee, Hambourg) tiennent lieu d'aires "
        "de livraison ; ni véhicule de livraison, ni double file, ni panneau n'y sont observés.",
        "Une réservation n'est pas une occupation : des fichiers de réservations ne disent pas si "
        "la place est prise.",
        "Un capteur muet n'est pas une place libre : l'état est alors inconnu.",
        "Zones de six places au plus, de 7 h à 20 h du lundi au samedi ; les autres ne sont pas "
        "prévues.",
        "Une personne décide : ni plaque, ni verbalisation, ni note par véhicule.",
    ),
    plan=_plan,
    plan_files={
        "inventory": "inventaire des aires, CSV du schéma aire-livraison ou des Hauts-de-Seine",
        "demand": "demande par aire, demand.csv ; sans lui le plan est une HYPOTHÈSE",
    },
    unverified=(
        "Aucune mesure sur de vraies aires de livraison françaises : l'erreur chez vous est "
        "inconnue.",
        "Les limites de durée des données publiques sont des hypothèses ; l'arrêté fait foi.",
        "Hambourg n'a que cinq jours de test ouvrables : ses intervalles sont fragiles.",
    ),
)
