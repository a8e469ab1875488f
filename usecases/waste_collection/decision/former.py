"""A former plan: where a search begins again, and what the new plan changes against it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.edge.errors import TableError
from common.lab.french_csv import Problems, column_index, numbers, read_table
from usecases.waste_collection.routing.day import DayPlan, Trip, Visit

__all__ = ["Change", "Former", "change_between", "read_former"]

NEEDED = ("date", "vehicle_id", "trip", "seq", "stop_type", "container_id", "leg_m")


@dataclass(frozen=True)
class Former:
    """A plan that was written before.

    Parameters
    ----------
    day
        Its day, ISO 8601.
    truck_of
        Container to the truck that empties it.
    plan
        Its trips, as a search starts from: containers in order, without clock.
    distance_m
        Metres that it states.
    """

    day: str
    truck_of: Mapping[str, str]
    plan: DayPlan
    distance_m: int

    def within(self, trucks: frozenset[str], containers: frozenset[str]) -> DayPlan:
        """Return its trips with what is still there."""
        trips = []
        for trip in self.plan.trips:
            kept = tuple(visit for visit in trip.visits if visit.place_id in containers)
            if trip.truck_id in trucks and kept:
                trips.append(Trip(trip.truck_id, trip.number, kept))
        return DayPlan(tuple(trips))


@dataclass(frozen=True)
class Change:
    """What a plan changes against a former one.

    Parameters
    ----------
    came, went
        Containers that are new in it, and that are no longer.
    moved
        Container to (truck before, truck now), of those that change trucks.
    kept
        How many are in both.
    metres
        Metres driven now less then.
    """

    came: tuple[str, ...]
    went: tuple[str, ...]
    moved: Mapping[str, tuple[str, str]]
    kept: int
    metres: int


def read_former(path: Path) -> Former:
    """Read the ``plan.csv`` of an earlier plan, of this day or another.

    Raises
    ------
    TableError
        Naming file, line, found, expected and what to do.
    """
    problems = Problems()
    table = read_table(path, problems)
    problems.refuse()
    if table is None:
        raise AssertionError("unreachable: an unread table is a problem")
    places = {name: column_index(table.header, (name,)) for name in NEEDED}
    missing = [name for name, place in places.items() if place is None]
    if missing:
        raise TableError(
            f"{path.name} line 1: no column {', '.join(missing)}",
            expected="a plan.csv that this command wrote",
        )
    cells = {name: table.cells[place] for name, place in places.items() if place is not None}
    counts = {}
    for name in ("trip", "seq", "leg_m"):
        counts[name], wrong = numbers(cells[name])
        wrong = wrong | ~(counts[name] >= 0)
        problems.add_lines(
            table, wrong, cells[name], f"{name}: a number of 0 or more", "correct this cell"
        )
    problems.refuse()
    rounds: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
    for row, kind in enumerate(cells["stop_type"]):
        if kind.strip() == "container":
            key = cells["vehicle_id"][row].strip(), int(counts["trip"][row])
            rounds[key].append((counts["seq"][row], cells["container_id"][row].strip()))
    trips = tuple(
        Trip(truck, number, tuple(Visit("container", name, 0, 0) for _, name in sorted(stops)))
        for (truck, number), stops in sorted(rounds.items())
    )
    return Former(
        day=cells["date"][0].strip() if cells["date"] else "",
        truck_of={name: trip.truck_id for trip in trips for name in trip.sequence},
        plan=DayPlan(trips),
        distance_m=int(counts["leg_m"].sum()) if len(table.lines) else 0,
    )


def change_between(former: Former, plan: DayPlan) -> Change:
    """Return what ``plan`` changes against a former one.

    Examples
    --------
    >>> def trip(truck, *names):
    ...     return Trip(truck, 1, tuple(Visit("container", name, 0, 0) for name in names))
    >>> before = Former("2026-11-23", {"a": "B1", "b": "B1"}, DayPlan((trip("B1", "a", "b"),)), 0)
    >>> change_between(before, DayPlan((trip("B2", "b", "c"),)))
    Change(came=('c',), went=('a',), moved={'b': ('B1', 'B2')}, kept=1, metres=0)
    """
    now = {name: trip.truck_id for trip in plan.trips for name in trip.sequence}
    both = [name for name in now if name in former.truck_of]
    return Change(
        came=tuple(name for name in now if name not in former.truck_of),
        went=tuple(name for name in former.truck_of if name not in now),
        moved={
            name: (former.truck_of[name], now[name])
            for name in both
            if former.truck_of[name] != now[name]
        },
        kept=len(both),
        metres=plan.distance_m - former.distance_m,
    )
