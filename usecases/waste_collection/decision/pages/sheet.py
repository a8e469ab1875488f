"""The crew's sheet of one trip: A4, large type, in the order driven, with blanks to fill in."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.lab.pages.french import percent, quantity
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.pages.parts import render_page
from usecases.waste_collection.decision.reasons import day_fr
from usecases.waste_collection.decision.streams import stream_fr
from usecases.waste_collection.routing.day import Trip, Visit
from usecases.waste_collection.routing.fleet import clock

__all__ = ["sheet_file", "sheet_html"]

TITLES = {
    "depot": "Retour au dépôt",
    "tip": "Quai de vidage : vider le camion",
    "pause": "Pause",
}
TO_FILL = ("vidé", "bloqué", "endommagé", "introuvable")


@dataclass(frozen=True)
class _Line:
    """One line of the sheet; ``order`` is empty for depot, tip and pause."""

    order: str
    time: str
    title: str
    detail: str
    stream: str = ""
    level: str = ""
    load: str = ""
    warning: str = ""


def sheet_file(trip: Trip) -> str:
    """Return the name of a trip's sheet, without its ending.

    >>> sheet_file(Trip("B 1", 2, ()))
    'tournee-B_1-2'
    """
    safe = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in trip.truck_id)
    return f"tournee-{safe}-{trip.number}"


def sheet_html(proposal: Proposal, trip: Trip) -> str:
    """Return the sheet as one HTML file to print.

    It holds times of the plan only, and no name: what crews note describes containers.
    """
    numbers = {name: order for order, name in enumerate(trip.sequence, start=1)}
    first, *others = trip.visits
    lines = [_start(proposal, first), *(_line(proposal, visit, numbers) for visit in others)]
    return render_page(
        "sheet.html.j2",
        proposal,
        title=f"{trip.truck_id} · tournée {trip.number}",
        day=day_fr(proposal.case.situation.day),
        lines=lines,
        to_fill=TO_FILL,
        totals=(
            f"{len(trip.sequence)} arrêts · {quantity(trip.distance_m / 1000, 'km', 1)} · "
            f"{clock(trip.start_s)[:5]} à {clock(trip.end_s)[:5]} · charge attendue "
            f"{quantity(trip.load_kg, 'kg', 0)}, {quantity(trip.load_l / 1000, 'm³', 1)}"
        ),
    )


def _start(proposal: Proposal, visit: Visit) -> _Line:
    """Return where the trip leaves from."""
    place = proposal.case.terrain.places[visit.place_id]
    where = "Départ du dépôt" if visit.stop_type == "depot" else "Départ du quai de vidage"
    return _Line("", clock(visit.leave_s)[:5], where, f"{place.lat:.5f}, {place.lon:.5f}")


def _line(proposal: Proposal, visit: Visit, numbers: Mapping[str, int]) -> _Line:
    time = clock(visit.arrive_s)[:5]
    if visit.stop_type == "pause":
        return _Line("", time, TITLES["pause"], f"jusqu'à {clock(visit.leave_s)[:5]}")
    place = proposal.case.terrain.places[visit.place_id]
    position = f"{place.lat:.5f}, {place.lon:.5f}"
    if visit.stop_type != "container":
        return _Line("", time, TITLES[visit.stop_type], position)
    situation = proposal.case.situation
    row = situation.ids.index(visit.place_id)
    stop = proposal.problem.stop[visit.place_id]
    name = str(situation.containers["name"].iloc[row]) or visit.place_id
    return _Line(
        order=str(numbers[visit.place_id]),
        time=time,
        title=name,
        detail=f"{visit.place_id} · {position}",
        stream=stream_fr(stop.stream),
        level=percent(proposal.case.outlook.now_percent[row] / 100, 0),
        load=quantity(stop.load_kg, "kg", 0),
        warning=" ; ".join(situation.flags[row]),
    )
