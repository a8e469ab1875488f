"""Sections of the side studies: what a sensor saves, what faults cost, real roads."""

from collections.abc import Mapping, Sequence

import numpy as np

from common.lab.pages import french
from common.lab.pages.section import Listing, Section
from usecases.waste_collection.replay.report.wording import family_title
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.sensing.sensors import most_worth, saved_per_sensor
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.studies import FAULT_CASES

__all__ = ["fault_section", "network_section", "sensors_section"]

NAMED = 10
ALLOWED_RISE = 0.10
"""With 5 % of sensors faulty, km and overflows may rise by so much (brief 3.2)."""


def sensors_section(by_share: Mapping[float, Sequence[Outcome]], site: Site) -> Section:
    """Return what growing shares of sensors save, and the first containers to equip."""
    header = (
        "Conteneurs équipés", "km", "Débordements ‰", "km épargnés par capteur",
        "Jours de débordement épargnés par capteur",
    )  # fmt: skip
    rows = [
        (
            french.percent(one.share, 0),
            french.number(one.km, 0),
            french.number(one.rate, 1),
            french.number(one.km_per_sensor, 1) if one.share else "référence",
            french.number(one.overflow_days_per_sensor, 2) if one.share else "référence",
        )
        for one in saved_per_sensor(by_share)
    ]
    first = [
        (
            one.container_id,
            french.quantity(one.spread_percent, "points", 0),
            french.quantity(one.percent_per_day, "points/jour", 1),
        )
        for one in most_worth(site)[:NAMED]
    ]
    scenarios = french.plural(len(by_share[0.0]), "scénario")
    return Section(
        "Ce que vaut un capteur",
        (
            f"Sur {scenarios}, huit semaines. Les conteneurs sans capteur sont suivis par le "
            "niveau que l'équipage voit en vidant. Les premiers équipés sont ceux dont l'apport "
            "de trois jours varie le plus.",
        ),
        listings=(
            Listing("Équiper plus ou moins de conteneurs", header, rows),
            Listing(
                f"Les {NAMED} conteneurs à équiper d'abord, scénario {site.name}",
                ("Conteneur", "Écart type de trois jours", "Apport moyen"),
                first,
            ),
        ),
        notes=("Des km épargnés au prix de débordements en plus ne sont pas une économie.",),
    )


def fault_section(cases: Mapping[str, Sequence[Outcome]]) -> Section:
    """Return what faulty sensors cost, with the sentence on the 10 % that are allowed."""
    rows = [(title, *_cells(cases[name])) for name, title in FAULT_CASES.items()]
    km = _mean(cases["faulty_checked"], "km") / _mean(cases["sound"], "km") - 1
    sound = _mean(cases["sound"], "rate")
    rate = _mean(cases["faulty_checked"], "rate") / sound - 1 if sound else float("nan")
    held = km <= ALLOWED_RISE and rate <= ALLOWED_RISE
    words = (
        f"Avec la règle, 5 % de pannes coûtent {french.percent(km, 0)} de km et "
        f"{french.percent(rate, 0)} de débordements : la limite de 10 % est "
        f"{'tenue' if held else 'dépassée'}.",
        "Pannes simulées : figé, figé à 0, figé à 100, muet, pour toujours dès le premier jour.",
    )
    return _section("Des capteurs en panne", rows, words)


def network_section(cases: Mapping[str, Sequence[Outcome]]) -> Section:
    """Return the own round and the chosen policy on Blantyre's roads."""
    rows = [(family_title(name), *_cells(found)) for name, found in cases.items()]
    n_draws = len(next(iter(cases.values())))
    words = (
        "Mêmes apports, sur la matrice routière réelle et asymétrique des bennes de Blantyre "
        f"(Malawi) : {french.plural(n_draws, 'tirage')}. Les débordements ne sont pas égaux ici : "
        "lire les deux colonnes ensemble.",
    )
    return _section("Sur de vraies routes", rows, words)


def _section(title: str, rows: Sequence[Sequence[str]], words: Sequence[str]) -> Section:
    header = ("Cas", "km", "Heures de camion", "Arrêts", "Débordements ‰", "Pire dixième ‰")
    return Section(title, words, listings=(Listing(title, header, rows),))


def _cells(found: Sequence[Outcome]) -> tuple[str, ...]:
    digits = (("km", 0), ("truck_hours", 0), ("stops", 0), ("rate", 1), ("worst_decile", 1))
    return tuple(french.number(_mean(found, name), places) for name, places in digits)


def _mean(found: Sequence[Outcome], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in found]))
