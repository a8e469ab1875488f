"""The list of all containers: level, age, chances of overflow, flags; sorted without script."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.lab.pages.french import percent, plural
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.pages.parts import render_page
from usecases.waste_collection.decision.reasons import day_fr
from usecases.waste_collection.decision.streams import stream_fr

__all__ = ["SORTS", "listing_csv", "listing_html"]

SORTS = (
    ("risk", "risque demain"),
    ("level", "niveau"),
    ("age", "âge du relevé"),
    ("flag", "alertes d'abord"),
    ("today", "tournée du jour"),
    ("name", "nom"),
)
"""Key and French name of each order; the first is the one shown."""
SHOWN_DAYS = (1, 2, 3)
UNKNOWN_FIRST = 999.0


@dataclass(frozen=True)
class _Row:
    cells: tuple[str, ...]
    ranks: str


def listing_html(proposal: Proposal) -> str:
    """Return the page; radio buttons choose the order, in CSS alone."""
    situation = proposal.case.situation
    return render_page(
        "listing.html.j2",
        proposal,
        title=f"Tous les conteneurs, {day_fr(situation.day)}",
        lead=f"{plural(len(situation.ids), 'conteneur')} : niveau, âge du relevé, chance de "
        "débordement d'ici un, deux et trois jours, état du capteur.",
        sorts=SORTS,
        header=("Conteneur", "Niveau", "Relevé", *(_within(day) for day in SHOWN_DAYS),
                "Capteur", "Aujourd'hui"),
        rows=_rows(proposal),
    )  # fmt: skip


def listing_csv(proposal: Proposal) -> Iterator[str]:
    """Yield the lines of the same list as a file for spreadsheets."""
    situation, outlook = proposal.case.situation, proposal.case.outlook
    truck = _trucks(proposal)
    yield "\ufeffconteneur;nom;flux;niveau_pourcent;age_jours;"
    yield "debordement_1j;debordement_2j;debordement_3j;atteint_80_1j;alertes;camion\n"
    table = situation.containers
    for row, name in enumerate(situation.ids):
        figures = [situation.level_percent[row], situation.age_days[row]]
        figures += [float(outlook.p_full[row, day - 1]) for day in SHOWN_DAYS]
        figures.append(float(outlook.p_ge80[row, 0]))
        cells = ["" if np.isnan(one) else f"{one:.4g}".replace(".", ",") for one in figures]
        title = str(table["name"].iloc[row]).replace(";", ",")
        flags = ", ".join(situation.flags[row])
        stream = stream_fr(str(table["stream"].iloc[row]))
        yield f"{name};{title};{stream};{';'.join(cells)};{flags};{truck.get(name, '')}\n"


def _within(day: int) -> str:
    return f"Risque à {plural(day, 'jour')}"


def _trucks(proposal: Proposal) -> dict[str, str]:
    return {name: trip.truck_id for trip in proposal.plan.trips for name in trip.sequence}


def _rows(proposal: Proposal) -> list[_Row]:
    situation, outlook = proposal.case.situation, proposal.case.outlook
    truck, placed = _trucks(proposal), situation.placed
    ranks = _ranks(proposal, truck)
    table = situation.containers
    found = []
    for row, name in enumerate(situation.ids):
        level, age = situation.level_percent[row], situation.age_days[row]
        unknown = bool(np.isnan(level))
        today = f"vidé par {truck[name]}" if name in truck else "laissé"
        cells = (
            f"{table['name'].iloc[row]} ({name}), {stream_fr(str(table['stream'].iloc[row]))}",
            "inconnu" if unknown else percent(level / 100, 0),
            "aucun" if unknown else _age(int(age)),
            *(percent(float(outlook.p_full[row, day - 1]), 0) for day in SHOWN_DAYS),
            " ; ".join(situation.flags[row]) or "rien à signaler",
            today if placed[row] else "sans position : hors tournée",
        )
        style = ";".join(f"--{key}:{ranks[key][row]}" for key, _ in SORTS)
        found.append(_Row(cells, style))
    return found


def _age(days: int) -> str:
    return {0: "ce matin", 1: "hier"}.get(days, f"il y a {days} jours")


def _ranks(proposal: Proposal, truck: dict[str, str]) -> dict[str, npt.NDArray[np.int64]]:
    """Return the place of each container in every order."""
    situation, outlook = proposal.case.situation, proposal.case.outlook
    names = [str(one).casefold() for one in situation.containers["name"]]
    keys = {
        "risk": -outlook.p_full[:, 0],
        "level": -np.nan_to_num(situation.level_percent, nan=UNKNOWN_FIRST),
        "age": -np.nan_to_num(situation.age_days, nan=UNKNOWN_FIRST),
        "flag": np.array([-len(flags) for flags in situation.flags]),
        "today": np.array([truck.get(name, "\uffff") for name in situation.ids]),
        "name": np.array(names),
    }
    return {key: np.argsort(np.argsort(values, kind="stable")) for key, values in keys.items()}
