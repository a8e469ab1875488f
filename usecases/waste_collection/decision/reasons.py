"""Why a stop, why not, and what waiting would do: French sentences made of computed figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from common.lab.pages.french import date_fr, number, percent, plural, quantity
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.replay.visits import detours_km
from usecases.waste_collection.routing.day import REASONS_FR, cost_m

__all__ = [
    "StopWords",
    "day_fr",
    "left_out_words",
    "level_words",
    "round_words",
    "stop_words",
    "way",
]

WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
SATURDAY = 5
SMALL_KM = 0.05


@dataclass(frozen=True)
class StopWords:
    """What a person reads beside a stop.

    Parameters
    ----------
    why
        The reasons, on one line.
    waiting
        The counterfactual: what waiting for the next round would risk and save.
    detour_km
        Way saved if this stop alone were left out of its trip.
    """

    why: str
    waiting: str
    detour_km: float


def day_fr(day: date) -> str:
    """Return « mardi 24 nov. 2026 » (with its no-break space).

    >>> day_fr(date(2026, 11, 24)).replace(chr(160), " ")
    'mardi 24 nov. 2026'
    """
    return f"{WEEKDAYS[day.weekday()]} {date_fr(day)}"


def way(km: float) -> str:
    """Return a way in kilometres, or in tens of metres below one.

    >>> way(2.13).replace(chr(160), " "), way(0.0312).replace(chr(160), " ")
    ('2,1 km', '30 m')
    """
    return quantity(km, "km", 1) if km >= 1 else quantity(10 * round(100 * km), "m", 0)


def level_words(level_percent: float, age_days: float) -> str:
    """Return the level and when it was read.

    >>> level_words(68.0, 1.0).replace(chr(160), " ")
    '68 % hier'
    """
    if np.isnan(level_percent):
        return "niveau inconnu"
    when = {0: "ce matin", 1: "hier"}.get(int(age_days), f"il y a {int(age_days)} jours")
    return f"{percent(level_percent / 100, 0)} {when}"


def stop_words(proposal: Proposal) -> Mapping[str, StopWords]:
    """Return the words on every stop of the plan, by container."""
    case = proposal.case
    detours = detours_km(case.terrain.roads, proposal.plan)
    rows = dict(zip(case.terrain.roads.ids[2:], case.rows, strict=True))
    places = {name: place for place, name in enumerate(case.terrain.roads.ids[2:])}
    return {
        name: _words(proposal, name, int(rows[name]), float(detours[places[name]]))
        for name in proposal.plan.served
    }


def _words(proposal: Proposal, name: str, row: int, detour_km: float) -> StopWords:
    situation, outlook = proposal.case.situation, proposal.case.outlook
    tomorrow = situation.day + timedelta(days=1)
    parts = [level_words(situation.level_percent[row], situation.age_days[row])]
    points = situation.daily_points(situation.day)[row]
    if not np.isnan(points):
        kind = "le week-end" if situation.day.weekday() >= SATURDAY else "en semaine"
        parts.append(f"+{number(points, 0)} points par jour {kind}")
    risk = percent(outlook.p_full[row, 0], 0)
    parts.append(f"risque de débordement d'ici demain {WEEKDAYS[tomorrow.weekday()]} {risk}")
    if outlook.driver and outlook.driver[row]:
        parts.append(f"le modèle retient surtout « {outlook.driver[row]} »")
    if name in proposal.wishes.needed:
        parts.append("demandé par la personne qui planifie")
    elif (worth := proposal.worth_km.get(name)) is not None:
        parts.append(f"passage valant {quantity(worth, 'km', 1)} pour {way(detour_km)} de détour")
    return StopWords(", ".join(parts), _waiting(proposal, row, detour_km), detour_km)


def _waiting(proposal: Proposal, row: int, detour_km: float) -> str:
    """Say what waiting for the next round would risk, and what it would save today."""
    case = proposal.case
    ahead = (proposal.next_day - case.situation.day).days
    risk = percent(case.outlook.p_full[row, ahead - 1], 0)
    saved = (
        f"{way(detour_km)} gagnés aujourd'hui"
        if detour_km >= SMALL_KM
        else "presque rien de gagné : il est sur le chemin"
    )
    return f"attendre {WEEKDAYS[proposal.next_day.weekday()]} : risque {risk}, {saved}"


def left_out_words(proposal: Proposal) -> Mapping[str, str]:
    """Return why each container that can be driven to is left out today, by container."""
    served = set(proposal.plan.served)
    named = {one.container_id: one for one in proposal.plan.not_served}
    words = {}
    for name in proposal.case.terrain.roads.ids[2:]:
        if name in served:
            continue
        if name not in named:
            words[name] = (
                "un passage ne vaut pas encore le temps de l'arrêt : presque vide, ou lent à "
                "remplir"
            )
            continue
        one = named[name]
        detail = f" ({one.detail})" if one.detail else ""
        worth = proposal.worth_km.get(name)
        untold = worth is not None and "valeur" not in detail
        value = f" ; valeur {quantity(worth, 'km', 1)}" if untold else ""
        words[name] = f"{REASONS_FR[one.reason]}{detail}{value}"
    return words


def round_words(proposal: Proposal) -> tuple[str, ...]:
    """Return why there is a round today, or none and when the next one is."""
    plan, day = proposal.plan, proposal.case.situation.day
    next_day = day_fr(proposal.next_day)
    collected = sum(proposal.worth_km.values())
    if not plan.trips:
        most = f"{quantity(collected, 'km', 1)} en tout"
        return (
            f"Aucune tournée {day_fr(day)} : ce que tous les passages valent aujourd'hui ({most}) "
            "ne paie pas la route.",
            f"Prochaine tournée proposée : {next_day}, premier jour où elle vaudrait sa route si "
            "les conteneurs se remplissent comme attendu.",
            *_last(proposal),
        )
    km = quantity(plan.distance_m / 1000, "km", 1)
    trucks = len({trip.truck_id for trip in plan.trips})
    first = (
        f"{plural(len(plan.served), 'conteneur')} à vider {day_fr(day)} : "
        f"{plural(len(plan.trips), 'tournée')}, {plural(trucks, 'camion')}, {km}, "
        f"{quantity(plan.truck_hours, 'h', 1)} de camion."
    )
    gain = sum(s.prize_m or 0.0 for s in proposal.problem.stops) - cost_m(proposal.problem, plan)
    second = (
        f"Face à une attente de {plural(proposal.wait_days, 'jour')}, les débordements évités et "
        f"les passages épargnés plus tard valent {quantity(gain / 1000, 'km', 1)} de plus que la "
        "route d'aujourd'hui."
        if gain > 0
        else "La route coûte plus que ce qu'elle rapporte : elle est faite parce que des arrêts "
        "sont demandés."
    )
    return (
        first,
        second,
        f"Prochaine tournée au plus tôt : {next_day}, sauf urgence.",
        *_last(proposal),
    )


def _last(proposal: Proposal) -> tuple[str, ...]:
    if proposal.since_days is None:
        return ("Aucune collecte n'a été vue dans les relevés.",)
    past = proposal.case.situation.day - timedelta(days=proposal.since_days)
    return (f"Dernière collecte vue dans les relevés : {day_fr(past)}.",)
