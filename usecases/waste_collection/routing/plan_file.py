"""Write and read ``plans.csv`` (brief 3.5), and refuse a plan line by line, never repair it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from common.edge.errors import UsageError
from common.lab.french_csv import Problems, read_table
from usecases.waste_collection.routing.check import violations
from usecases.waste_collection.routing.day import DayPlan, DayProblem, NotServed, Trip, Visit
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP
from usecases.waste_collection.routing.plan_lines import (
    COLUMNS,
    PlanContext,
    PlanLine,
    note_misfits,
    place_of,
    read_lines,
)

__all__ = ["Load", "PlanContext", "check_plan", "write_plan"]


class Load(NamedTuple):
    """What a container really holds."""

    kg: float
    litres: float


def write_plan(path: Path, plan: DayPlan, context: PlanContext) -> None:
    """Write a plan, one line per visit; ``seq`` runs over a vehicle's day without holes.

    The tip at which a trip ends and the next one begins is one line, of the trip that ends.
    """
    lines: list[tuple[str, ...]] = [COLUMNS]
    for _, trips in plan.by_truck():
        visits = [
            (trip.number, visit)
            for trip in trips
            for visit in (trip.visits if trip is trips[0] else trip.visits[1:])
        ]
        lines += [
            _cells(context, trips[0].truck_id, number, seq, visit)
            for seq, (number, visit) in enumerate(visits, start=1)
        ]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def check_plan(
    path: Path, problem: DayProblem, real_fill: Mapping[str, Load], context: PlanContext
) -> DayPlan:
    """Return the plan of a file as it would be driven, or refuse it by line numbers.

    Legs are those of the problem's roads, whatever the file says; a truck leaves the depot
    at the stated time, waits where the file has it arrive later than it would, and stays
    where it stops as long as stated, or as long as the service takes if that is longer.
    Loads are the real ones. What `check.violations` finds is refused, as are: a file
    without a column or of another day, several plans, a ``seq`` with holes, unreadable
    cells, a position over 50 m from the container's.

    Parameters
    ----------
    path
        ``plans.csv``.
    problem
        The day: fleet, roads, rules, and the containers that may be visited.
    real_fill
        What each container really held; one that is not in it holds what the problem says.
    context
        Day, zone and positions against which the file is read. ``plan_id`` and fills are
        not compared.

    Raises
    ------
    TableError
        Naming file, line, found, expected and what to do, for up to 20 problems at once.
    UsageError
        If the context lacks the position of a place.
    """
    _refuse_without_positions(problem, context)
    problems = Problems()
    table = read_table(path, problems)
    problems.refuse()
    if table is None:
        raise AssertionError("unreachable: an unread table is a problem")
    rows = read_lines(table, context, problems)
    problems.refuse()
    note_misfits(rows, problem, context, problems)
    problems.refuse()
    real = _with_loads(problem, real_fill)
    driven = [_driven(real, truck, rows) for truck in dict.fromkeys(row.truck for row in rows)]
    trips = tuple(trip for day in driven for trip in day.trips)
    served = {name for trip in trips for name in trip.sequence}
    left = [stop.container_id for stop in problem.stops if stop.container_id not in served]
    plan = DayPlan(trips, tuple(NotServed(name, "no_room") for name in left))
    places = {key: place for day in driven for key, place in day.places.items()}
    for broken in violations(real, plan):
        where = places.get((broken.truck_id, broken.trip, broken.position), path.name)
        problems.add(where, f"{broken.rule}: {broken.found}", broken.expected, "correct the plan")
    problems.refuse()
    return plan


@dataclass
class _Driven:
    """A truck's day as it would be driven, and the line of each visit."""

    trips: list[Trip]
    places: dict[tuple[str, int, int], str]


def _cells(
    context: PlanContext, truck_id: str, trip: int, seq: int, visit: Visit
) -> tuple[str, ...]:
    place = context.places[visit.place_id]
    container = visit.place_id if visit.stop_type == "container" else ""
    fill = f"{context.fill_percent[container]:.1f}" if container in context.fill_percent else ""
    return (
        context.plan_id,
        context.day.isoformat(),
        truck_id,
        str(trip),
        str(seq),
        visit.stop_type,
        container,
        f"{place.lat:.6f}",
        f"{place.lon:.6f}",
        context.stamp(visit.arrive_s),
        context.stamp(visit.leave_s),
        str(visit.leg_m),
        str(visit.leg_s),
        f"{visit.load_kg:.1f}",
        fill,
    )


def _refuse_without_positions(problem: DayProblem, context: PlanContext) -> None:
    ends = problem.roads.ids[DEPOT], problem.roads.ids[TIP]
    needed = [*ends, *(stop.container_id for stop in problem.stops)]
    missing = [name for name in needed if name not in context.places]
    if missing:
        raise UsageError(
            f"no position for {len(missing)} places, {missing[0]!r} among them",
            expected="positions of depot, tip and every container of the day",
        )


def _with_loads(problem: DayProblem, real_fill: Mapping[str, Load]) -> DayProblem:
    stops = tuple(
        replace(stop, load_kg=real.kg, load_l=real.litres)
        if (real := real_fill.get(stop.container_id)) is not None
        else stop
        for stop in problem.stops
    )
    return replace(problem, stops=stops)


def _driven(problem: DayProblem, truck_id: str, rows: Sequence[PlanLine]) -> _Driven:
    """Drive a truck's lines on the problem's roads, with its stops' loads."""
    own = [row for row in rows if row.truck == truck_id]
    day = _Drive(problem, problem.truck[truck_id], own[0])
    visits = [day.begin(), *(day.go(row) for row in own[1:])]
    driven = _Driven([], {})
    for number in dict.fromkeys(row.trip for row in own):
        lines = [at for at, row in enumerate(own) if row.trip == number]
        before = [lines[0] - 1] if lines[0] else []
        for position, at in enumerate([*before, *lines]):
            driven.places[truck_id, number, position] = own[at].place
        driven.places[truck_id, number, -1] = own[lines[-1]].place
        opening = [_resumed(visits[at]) for at in before]
        trip = (*opening, *(visits[at] for at in lines))
        driven.trips.append(Trip(truck_id, number, trip))
    return driven


def _resumed(visit: Visit) -> Visit:
    """Return the end of a trip as the start of the next one."""
    return replace(visit, arrive_s=visit.leave_s, leg_m=0, leg_s=0)


class _Drive:
    """The clock and the load of one truck as it goes through its lines."""

    def __init__(self, problem: DayProblem, truck: Truck, first: PlanLine) -> None:
        self.problem = problem
        self.truck = truck
        self.first = first
        self._here = place_of(first, problem, None)
        self._now_s = first.leave_s
        self._load = Load(0.0, 0.0)

    def begin(self) -> Visit:
        """Return the first line: the truck leaves at the stated time."""
        return Visit(self.first.stop_type, self._here, self._now_s, self._now_s)

    def go(self, row: PlanLine) -> Visit:
        """Drive to a line's place, wait if it says so, stay as long as it takes."""
        roads = self.problem.roads
        there = place_of(row, self.problem, self._here)
        leg = roads.index(self._here), roads.index(there)
        leg_m, leg_s = int(roads.distance_m[leg]), int(roads.duration_s[leg])
        arrive_s = max(self._now_s + leg_s, row.arrive_s)
        self._here = there
        self._now_s = arrive_s + max(row.leave_s - row.arrive_s, self._needed_s(row))
        self._take(row)
        return Visit(row.stop_type, there, arrive_s, self._now_s, leg_m, leg_s, *self._load)

    def _needed_s(self, row: PlanLine) -> int:
        if row.stop_type == "container":
            return self.problem.stop[row.container].service_by(self.truck)
        return self.problem.tip_s if row.stop_type == "tip" else 0

    def _take(self, row: PlanLine) -> None:
        if row.stop_type == "tip":
            self._load = Load(0.0, 0.0)
        elif row.stop_type == "container":
            stop = self.problem.stop[row.container]
            self._load = Load(self._load.kg + stop.load_kg, self._load.litres + stop.load_l)
