"""The calendar of overflow risk: each container and the seven days ahead, if nobody comes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from common.lab.pages.french import percent, plural
from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.pages.parts import render_page
from usecases.waste_collection.decision.reasons import WEEKDAYS, day_fr
from usecases.waste_collection.replay.forecast import HORIZONS

__all__ = ["MOST_ROWS", "calendar_csv", "calendar_html", "risk_class"]

MOST_ROWS = 300
"""Rows of the page; the file beside it holds all containers."""
BOUNDS = (0.05, 0.2, 0.5, 0.8)
"""Lower bounds of the shades: from 5, 20, 50 and 80 %."""


@dataclass(frozen=True)
class _Row:
    title: str
    cells: tuple[tuple[str, str], ...]
    emptied: bool


def risk_class(chance: float) -> str:
    """Return the shade of a chance.

    >>> [risk_class(chance) for chance in (0.0, 0.05, 0.49, 0.8)]
    ['r0', 'r1', 'r2', 'r4']
    """
    return f"r{int(np.searchsorted(BOUNDS, chance, side='right'))}"


def calendar_html(proposal: Proposal) -> str:
    """Return the page: the riskiest containers first."""
    situation, outlook = proposal.case.situation, proposal.case.outlook
    days = _days(situation.day)
    order = np.argsort(-outlook.p_full.sum(axis=1), kind="stable")[:MOST_ROWS]
    served = set(proposal.plan.served)
    names = situation.containers["name"]
    rows = [
        _Row(
            f"{names.iloc[row]} ({situation.ids[row]})",
            tuple((risk_class(float(p)), percent(float(p), 0)) for p in outlook.p_full[row]),
            situation.ids[row] in served,
        )
        for row in order.tolist()
    ]
    hidden = len(situation.ids) - len(rows)
    more = f" {plural(hidden, 'autre')} dans calendrier.csv." if hidden else ""
    return render_page(
        "calendar.html.j2",
        proposal,
        title="Le calendrier des débordements",
        lead="La chance que chaque conteneur ait débordé d'ici chaque jour, si personne ne le "
        f"vide, à partir du {day_fr(situation.day)}.",
        header=[f"{WEEKDAYS[day.weekday()][:3]}. {day.day}" for day in days],
        rows=rows,
        more=f"Le plus risqué d'abord ; ✓ : vidé aujourd'hui par le plan, le calendrier repart "
        f"alors de zéro.{more}",
    )


def calendar_csv(proposal: Proposal) -> Iterator[str]:
    """Yield the lines of the calendar of all containers."""
    situation, outlook = proposal.case.situation, proposal.case.outlook
    days = ";".join(day.isoformat() for day in _days(situation.day))
    yield f"\ufeffconteneur;{days}\n"
    for name, row in zip(situation.ids, outlook.p_full, strict=True):
        yield f"{name};{';'.join(f'{p:.4f}'.replace('.', ',') for p in row)}\n"


def _days(today: date) -> list[date]:
    return [today + timedelta(days=ahead) for ahead in range(1, HORIZONS + 1)]
