"""``aune plan waste_collection``: read the files of an order, choose, check, write, say it."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, PlanOrder
from usecases.waste_collection import own_data
from usecases.waste_collection.decision.choice import Case, Proposal, Wishes, propose
from usecases.waste_collection.decision.feedback import (
    applied,
    known_containers,
    read_feedback,
    write_labels,
)
from usecases.waste_collection.decision.former import Former, change_between, read_former
from usecases.waste_collection.decision.outlook import outlook_of
from usecases.waste_collection.decision.pages.plan_pages import checker_words
from usecases.waste_collection.decision.reasons import round_words
from usecases.waste_collection.decision.situation import Situation, situation_on
from usecases.waste_collection.decision.terrain import Terrain, terrain_of
from usecases.waste_collection.decision.writing import write_proposal

__all__ = ["plan"]


def plan(order: PlanOrder) -> Path:
    """Write the plan of a day and everything around it.

    Returns
    -------
    Path
        The page to open first.

    Raises
    ------
    UsageError
        If an option cannot be read or names an unknown container or truck.
    DataError
        If the readings do not hold the day, or a file is refused.
    """
    dataset = _with_feedback(_readings(order), order)
    situation = situation_on(dataset, _date(order))
    terrain = _terrain(situation, order)
    case = Case(situation, outlook_of(situation, order.files.get("bundle")), terrain)
    former = read_former(order.files["former"]) if "former" in order.files else None
    proposal = propose(case, _wishes(order, terrain, former))
    changed = None if former is None else (former, change_between(former, proposal.plan))
    index = write_proposal(proposal, order.out, former=changed)
    for line in _lines(proposal):
        order.say(line)
    return index


def _readings(order: PlanOrder) -> Dataset:
    if "readings" not in order.files:
        return order.dataset
    path = order.files["readings"]
    return own_data.read(path if path.is_dir() else path.parent)


def _with_feedback(dataset: Dataset, order: PlanOrder) -> Dataset:
    if "feedback" not in order.files:
        return dataset
    found = read_feedback(order.files["feedback"], known_containers(dataset), dataset.timezone)
    paths = write_labels(found, order.out / "labels")
    order.say(
        f"{len(found.table)} retours lus, {len(found.faulty)} défauts ; étiquettes : "
        f"{paths[0].parent}"
    )
    return applied(dataset, found)


def _date(order: PlanOrder) -> date | None:
    text = _last(order, "date")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"--date {text}", expected="a day such as 2026-11-24") from None


def _terrain(situation: Situation, order: PlanOrder) -> Terrain:
    terrain = terrain_of(
        situation.containers,
        fleet=order.files.get("fleet"),
        roads=order.files.get("roads"),
        depot=_last(order, "depot"),
        tip=_last(order, "tip"),
    )
    text = _last(order, "overflow-km")
    if not text:
        return terrain
    worth = _number(text, "overflow-km", low=0.1, high=1000.0)
    return replace(terrain, supposed=replace(terrain.supposed, overflow_km=worth))


def _wishes(order: PlanOrder, terrain: Terrain, former: Former | None) -> Wishes:
    locked = {}
    for word in _words(order, "lock"):
        name, _, truck = word.partition("@")
        locked[name] = truck or ("" if former is None else former.truck_of.get(name, ""))
    trucks = frozenset(truck.id for truck in terrain.trucks)
    cadence = _last(order, "cadence")
    return Wishes(
        locked=locked,
        added=_words(order, "add"),
        removed=_words(order, "remove"),
        former=None if former is None else former.within(trucks, frozenset(terrain.roads.ids[2:])),
        cadence_days=int(_number(cadence, "cadence", low=1, high=7)) if cadence else None,
    )


def _words(order: PlanOrder, name: str) -> tuple[str, ...]:
    """Return the values of an option that may come back, or hold several after commas."""
    given = (part.strip() for value in order.options.get(name, ()) for part in value.split(","))
    return tuple(dict.fromkeys(part for part in given if part))


def _last(order: PlanOrder, name: str) -> str:
    return order.options.get(name, ("",))[-1]


def _number(text: str, name: str, *, low: float, high: float) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise UsageError(f"--{name} {text}", expected=f"a number from {low:g} to {high:g}")
    return value


def _lines(proposal: Proposal) -> list[str]:
    """Return the plan in a few lines for a terminal."""
    dataset = proposal.case.situation.dataset
    head = "SIMULÉ" if dataset.simulated else dataset.proxy
    first = [head] if head else []
    return [
        *first,
        proposal.case.outlook.source,
        f"Distances : {proposal.case.terrain.roads.source}.",
        *round_words(proposal),
        *(f"Contrôle : {line}" for line in checker_words(proposal)),
    ]
