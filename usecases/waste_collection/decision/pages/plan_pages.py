"""The pages « plan » and « arrêts »: the rounds of the day, why, what changed, what was checked."""

from collections.abc import Mapping, Sequence

from common.lab.pages.french import number, plural, quantity
from common.lab.pages.section import Listing, Section
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.former import Change, Former
from usecases.waste_collection.decision.pages.parts import Page
from usecases.waste_collection.decision.pages.round_map import round_maps
from usecases.waste_collection.decision.reasons import (
    day_fr,
    left_out_words,
    round_words,
    stop_words,
    way,
)
from usecases.waste_collection.decision.streams import stream_fr
from usecases.waste_collection.routing.fleet import clock

__all__ = ["checker_words", "plan_page", "stops_page"]

MOST_NAMES = 40


def plan_page(
    proposal: Proposal,
    *,
    former: tuple[Former, Change] | None,
    files: Sequence[tuple[str, str]],
) -> Page:
    """Return the page that a dispatcher opens first."""
    day = proposal.case.situation.day
    sections = []
    if proposal.plan.trips:
        sections.append(Section("La carte", figures=round_maps(proposal)))
        sections.append(_trips(proposal))
    if former is not None:
        sections.append(_changes(*former))
    sections += [
        Section("Le contrôle indépendant", bullets=checker_words(proposal)),
        Section(
            "Ce qui est supposé",
            bullets=proposal.case.terrain.hypotheses,
            notes=(_parameters(proposal),),
        ),
        Section(
            "Ce que le plan ne sait pas",
            bullets=(
                "Les jours de marché, les travaux, les rues interdites : retirez des arrêts "
                "(option remove), imposez-en (option add).",
                "Le côté de la rue et la marche arrière (recommandation R437) : seule une matrice "
                "routière faite pour vos camions les connaît.",
                "Le contenu réel des conteneurs : charges et niveaux sont attendus, pas mesurés.",
            ),
        ),
    ]
    return Page(
        file="index.html",
        title=f"Le plan de collecte du {day_fr(day)}",
        lead="Quels conteneurs vider, dans quel ordre, avec quel camion, et pourquoi.",
        first=round_words(proposal),
        sections=sections,
        files=files,
    )


def checker_words(proposal: Proposal) -> tuple[str, ...]:
    """Return what the independent checker found, as French lines."""
    stops, left = len(proposal.plan.served), len(proposal.plan.not_served)
    if not proposal.broken:
        return (
            f"Aucune règle enfreinte : {plural(stops, 'arrêt')} et "
            f"{plural(left, 'arrêt laissé', 'arrêts laissés')} recomptés par un programme qui ne "
            "partage rien avec celui qui a fait le plan (charges, capacités, services, pauses, "
            "autonomie, flux, verrous, interdictions).",
        )
    return (
        f"PLAN REFUSÉ : {plural(len(proposal.broken), 'règle enfreinte', 'règles enfreintes')}. "
        "Ne le roulez pas.",
        *(
            f"{one.rule} : camion {one.truck_id or '—'}, tournée {one.trip} : {one.found} "
            f"(attendu : {one.expected})"
            for one in proposal.broken[:MOST_NAMES]
        ),
    )


def _parameters(proposal: Proposal) -> str:
    supposed = proposal.case.terrain.supposed
    return (
        f"Un jour de débordement vaut {quantity(supposed.overflow_km, 'km', 0)} de route en "
        f"moyenne ; {plural(supposed.cadence_days, 'jour')} entre deux tournées au moins, sauf "
        f"urgence ; un arrêt compte {way(proposal.case.terrain.stop_m / 1000)} pour le temps qu'il "
        "prend : réglages du banc de rejeu, à revoir avec vos données. Calcul : "
        f"{number(proposal.seconds, 1)} s, graine fixe."
    )


def _trips(proposal: Proposal) -> Section:
    rows = []
    for trip in proposal.plan.trips:
        streams = {proposal.problem.stop[name].stream for name in trip.sequence}
        rows.append(
            (
                f"{trip.truck_id} · tournée {trip.number}",
                ", ".join(sorted(stream_fr(one) for one in streams)),
                str(len(trip.sequence)),
                quantity(trip.distance_m / 1000, "km", 1),
                f"{clock(trip.start_s)[:5]} à {clock(trip.end_s)[:5]}",
                quantity(trip.load_kg, "kg", 0),
                quantity(trip.load_l / 1000, "m³", 1),
            )
        )
    header = ("Tournée", "Flux", "Arrêts", "Distance", "Horaire", "Charge", "Volume")
    return Section(
        "Les tournées",
        listings=(Listing("Une ligne par tournée", header, rows),),
        notes=(
            "Horaires du plan seulement : ni l'équipe ni sa vitesse ne sont suivies.",
            "Une feuille imprimable par tournée, un tracé GPX : voir les fichiers plus bas.",
        ),
    )


def _changes(former: Former, change: Change) -> Section:
    bullets = [
        f"{plural(change.kept, 'arrêt commun', 'arrêts communs')} aux deux plans.",
        f"Ajoutés : {_names(change.came)}",
        f"Retirés : {_names(change.went)}",
        "Changent de camion : "
        + _names(tuple(f"{name} ({a} → {b})" for name, (a, b) in change.moved.items())),
        f"Distance : {'+' if change.metres >= 0 else ''}"
        f"{quantity(change.metres / 1000, 'km', 1)} face au plan précédent.",
    ]
    return Section(f"Ce qui change face au plan du {former.day}", bullets=bullets)


def _names(names: Sequence[str]) -> str:
    if not names:
        return "aucun."
    more = f" et {len(names) - MOST_NAMES} autres" if len(names) > MOST_NAMES else ""
    return f"{len(names)} — {', '.join(names[:MOST_NAMES])}{more}."


def stops_page(proposal: Proposal) -> Page:
    """Return the page of reasons: each stop, then each container left out."""
    words = stop_words(proposal)
    titles = _titles(proposal)
    sections = []
    for trip in proposal.plan.trips:
        rows = [
            (f"{order}. {titles[name]}", words[name].why, words[name].waiting)
            for order, name in enumerate(trip.sequence, start=1)
        ]
        title = f"{trip.truck_id}, tournée {trip.number}"
        listing = Listing(f"Les arrêts de {title}", ("Arrêt", "Pourquoi", "Sinon"), rows)
        sections.append(Section(title, listings=(listing,)))
    left = [(titles[name], why) for name, why in left_out_words(proposal).items()]
    if left:
        listing = Listing("Laissés aujourd'hui", ("Conteneur", "Pourquoi"), left)
        sections.append(Section("Les conteneurs laissés", listings=(listing,)))
    if sections:
        sections[-1] = _with_note(sections[-1])
    return Page(
        file="arrets.html",
        title=f"Pourquoi ces arrêts, {day_fr(proposal.case.situation.day)}",
        lead="Pour chaque arrêt, ses raisons et ce qu'attendre donnerait ; pour chaque conteneur "
        "laissé, pourquoi.",
        sections=sections,
    )


def _with_note(section: Section) -> Section:
    note = (
        "« Sinon » est calculé : la chance de débordement d'ici la prochaine tournée proposée si "
        "personne ne passe, et la route épargnée aujourd'hui si ce seul arrêt est ôté de sa "
        "tournée. La valeur d'un passage s'entend le temps de l'arrêt payé."
    )
    return Section(section.title, listings=section.listings, notes=(*section.notes, note))


def _titles(proposal: Proposal) -> Mapping[str, str]:
    table = proposal.case.situation.containers
    return {
        name: f"{title} ({name})" if title and title != name else name
        for name, title in zip(table["container_id"], table["name"], strict=True)
    }
