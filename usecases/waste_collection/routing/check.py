"""Check a plan against its problem, with no help from the solver that made it.

Everything is computed again from the roads, the stops, the trucks and the rules; what the
plan says of legs, times and loads is compared with that, never trusted.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from usecases.waste_collection.routing.day import DayPlan, DayProblem, Trip, Visit
from usecases.waste_collection.routing.fleet import Truck, clock

__all__ = ["LOAD_TOLERANCE", "Rule", "Violation", "violations"]

LOAD_TOLERANCE = 0.05
"""Kilograms or litres by which a stated load may differ: plans are written to one decimal."""

Rule = Literal[
    "truck",
    "order",
    "container",
    "twice",
    "forbidden",
    "stream",
    "lock",
    "capacity",
    "load",
    "leg",
    "clock",
    "service",
    "shift",
    "range",
    "pause",
    "account",
]


@dataclass(frozen=True)
class Violation:
    """One rule that a plan breaks, and where.

    Parameters
    ----------
    rule
        Name of the rule.
    truck_id, trip, position
        Where: position counts the trip's visits from 0; -1 for the trip or plan as a whole.
    found, expected
        What the plan has and what would be right.
    """

    rule: Rule
    truck_id: str
    trip: int
    position: int
    found: str
    expected: str


def violations(problem: DayProblem, plan: DayPlan) -> list[Violation]:
    """Return every rule that ``plan`` breaks; none means that it can be driven.

    Trucks are known, start and end at the depot within their shift and range, empty; legs
    and stays are those of the problem; load stays within capacity after each stop; one
    stream a trip, and one that the truck may carry; locks and bans hold; a pause comes in
    time; each container is emptied at most once, and each stop is either served or named
    among those left out.

    Returns
    -------
    list of Violation
        In the order of the plan.
    """
    found = list(_of_account(problem, plan))
    for truck_id, trips in plan.by_truck():
        truck = problem.truck.get(truck_id)
        if truck is None:
            found.append(
                Violation("truck", truck_id, 0, -1, f"truck {truck_id}", "one of the fleet")
            )
            continue
        checker = _TruckDay(problem, truck, trips)
        found += checker.all()
    return found


def _of_account(problem: DayProblem, plan: DayPlan) -> Iterator[Violation]:
    """Every stop once: served, or left out with a reason."""
    served = Counter(plan.served)
    left = Counter(one.container_id for one in plan.not_served)
    for container, times in served.items():
        if times > 1:
            yield Violation("twice", "", 0, -1, f"{container} {times} times", "once a day")
    for stop in problem.stops:
        times = min(1, served[stop.container_id]) + left[stop.container_id]
        if times != 1:
            what = "neither served nor left out" if not times else "both served and left out"
            yield Violation(
                "account", "", 0, -1, f"{stop.container_id} {what}", "one of the two, once"
            )
    for one in plan.not_served:
        stop_or_none = problem.stop.get(one.container_id)
        if stop_or_none is None:
            yield Violation("account", "", 0, -1, f"{one.container_id} left out", "a stop")
        elif one.reason == "not_worth" and problem.must_serve(stop_or_none):
            yield Violation(
                "account",
                "",
                0,
                -1,
                f"{one.container_id} left out as not worth its detour",
                "a stop that must be served is left out for want of room alone",
            )


class _TruckDay:
    """The checks of one truck's trips."""

    def __init__(self, problem: DayProblem, truck: Truck, trips: tuple[Trip, ...]) -> None:
        self.problem = problem
        self.truck = truck
        self.trips = trips
        self._depot, self._tip = problem.roads.ids[:2]

    def all(self) -> Iterator[Violation]:
        """Yield what is wrong, trip by trip, then over the day."""
        for trip in self.trips:
            if not trip.visits:
                yield self._at("order", trip, -1, "a trip without visits", "at least a tip")
                return
        for trip in self.trips:
            yield from self._order(trip)
            yield from self._stops(trip)
            yield from self._loads(trip)
            yield from self._legs(trip)
            yield from self._stays(trip)
        yield from self._links()
        yield from self._shift()
        yield from self._pauses()

    def _at(self, rule: Rule, trip: Trip, position: int, found: str, expected: str) -> Violation:
        return Violation(rule, self.truck.id, trip.number, position, found, expected)

    def _order(self, trip: Trip) -> Iterator[Violation]:
        """Depot or tip, containers, tip, and the depot at the end of the last trip."""
        last = trip is self.trips[-1]
        types = [visit.stop_type for visit in trip.visits if visit.stop_type != "pause"]
        ends = ["tip", "depot"] if last else ["tip"]
        begin = "depot" if trip is self.trips[0] else "tip"
        if types[:1] != [begin] or types[-len(ends) :] != ends or len(types) < len(ends) + 1:
            yield self._at(
                "order", trip, -1, " ".join(types), f"{begin} ... {' '.join(ends)}: ends empty"
            )
        inner = types[1 : -len(ends)]
        if set(inner) - {"container"}:
            yield self._at("order", trip, -1, " ".join(types), "containers between the ends")
        places = {"depot": self._depot, "tip": self._tip}
        for position, visit in enumerate(trip.visits):
            expected = places.get(visit.stop_type)
            if expected is not None and visit.place_id != expected:
                yield self._at("order", trip, position, visit.place_id, expected)

    def _stops(self, trip: Trip) -> Iterator[Violation]:
        """Containers are known, allowed to this truck, and of one stream."""
        streams = set()
        for position, visit in _containers(trip):
            stop = self.problem.stop.get(visit.place_id)
            if stop is None:
                yield self._at("container", trip, position, visit.place_id, "one of the stops")
                continue
            streams.add(stop.stream)
            if visit.place_id in self.problem.forbidden:
                yield self._at(
                    "forbidden",
                    trip,
                    position,
                    visit.place_id,
                    f"no visit today: {self.problem.forbidden[visit.place_id]}",
                )
            if not self.truck.carries(stop.stream):
                yield self._at(
                    "stream", trip, position, stop.stream, " or ".join(self.truck.streams)
                )
            lock = self.problem.locked.get(visit.place_id, self.truck.id)
            if lock != self.truck.id:
                yield self._at("lock", trip, position, self.truck.id, f"truck {lock}")
        if len(streams) > 1:
            yield self._at("stream", trip, -1, " and ".join(sorted(streams)), "one stream a trip")

    def _loads(self, trip: Trip) -> Iterator[Violation]:
        """Load after each visit is the sum so far, within capacity, and 0 after the tip."""
        load_kg = load_l = 0.0
        for position, visit in enumerate(trip.visits):
            stop = self.problem.stop.get(visit.place_id)
            if visit.stop_type == "container" and stop is not None:
                load_kg, load_l = load_kg + stop.load_kg, load_l + stop.load_l
                for load, capacity, unit in (
                    (load_kg, self.truck.capacity_kg, "kg"),
                    (load_l, self.truck.capacity_l, "l"),
                ):
                    if load > capacity + LOAD_TOLERANCE:
                        yield self._at(
                            "capacity",
                            trip,
                            position,
                            f"{load:.1f} {unit}",
                            f"at most {capacity:.1f} {unit}",
                        )
            elif visit.stop_type == "tip":
                load_kg = load_l = 0.0
            gaps = abs(visit.load_kg - load_kg), abs(visit.load_l - load_l)
            if not max(gaps) <= LOAD_TOLERANCE:
                yield self._at(
                    "load",
                    trip,
                    position,
                    f"{visit.load_kg:.1f} kg, {visit.load_l:.1f} l on board",
                    f"{load_kg:.1f} kg, {load_l:.1f} l",
                )

    def _legs(self, trip: Trip) -> Iterator[Violation]:
        """Legs are those of the road matrix, and nobody arrives before having driven them."""
        roads = self.problem.roads
        for position, (before, visit) in enumerate(pairwise(trip.visits), start=1):
            if before.place_id not in roads or visit.place_id not in roads:
                continue
            leg = roads.index(before.place_id), roads.index(visit.place_id)
            metres, seconds = int(roads.distance_m[leg]), int(roads.duration_s[leg])
            if (visit.leg_m, visit.leg_s) != (metres, seconds):
                yield self._at(
                    "leg",
                    trip,
                    position,
                    f"{visit.leg_m} m, {visit.leg_s} s",
                    f"{metres} m, {seconds} s from {before.place_id} to {visit.place_id}",
                )
            if visit.arrive_s < before.leave_s + seconds:
                yield self._at(
                    "clock",
                    trip,
                    position,
                    f"arrival at {clock(visit.arrive_s)}",
                    f"{clock(before.leave_s + seconds)} or later",
                )

    def _stays(self, trip: Trip) -> Iterator[Violation]:
        """Each stay is as long as service, tip or pause take."""
        for position, visit in enumerate(trip.visits):
            needed = self._stay_s(visit) if position else 0
            if visit.leave_s - visit.arrive_s < needed:
                yield self._at(
                    "service",
                    trip,
                    position,
                    f"{visit.leave_s - visit.arrive_s} s at {visit.place_id}",
                    f"{needed} s or more",
                )

    def _stay_s(self, visit: Visit) -> int:
        stop = self.problem.stop.get(visit.place_id)
        if visit.stop_type == "container" and stop is not None:
            return stop.service_by(self.truck)
        return {"tip": self.problem.tip_s}.get(visit.stop_type, 0)

    def _links(self) -> Iterator[Violation]:
        """Trips are numbered from 1 and each begins where and when the one before ended."""
        numbers = [trip.number for trip in self.trips]
        if numbers != list(range(1, len(numbers) + 1)):
            yield self._at("order", self.trips[0], -1, f"trips {numbers}", "1, 2, 3...")
        for before, trip in pairwise(self.trips):
            end, begin = before.visits[-1], trip.visits[0]
            if begin.place_id != end.place_id or begin.leave_s < end.leave_s:
                yield self._at(
                    "clock",
                    trip,
                    0,
                    f"from {begin.place_id} at {clock(begin.leave_s)}",
                    f"from {end.place_id} at {clock(end.leave_s)} or later",
                )

    def _shift(self) -> Iterator[Violation]:
        """Hold the day against the shift and the range of the truck."""
        first, last = self.trips[0], self.trips[-1]
        if first.start_s < self.truck.shift_start_s:
            yield self._at(
                "shift",
                first,
                0,
                f"leaves at {clock(first.start_s)}",
                f"{clock(self.truck.shift_start_s)} or later",
            )
        if last.end_s > self.truck.shift_end_s:
            yield self._at(
                "shift",
                last,
                len(last.visits) - 1,
                f"back at {clock(last.end_s)}",
                f"{clock(self.truck.shift_end_s)} or earlier",
            )
        metres = sum(trip.distance_m for trip in self.trips)
        if self.truck.max_m is not None and metres > self.truck.max_m:
            yield self._at("range", last, -1, f"{metres} m", f"at most {self.truck.max_m} m")

    def _pauses(self) -> Iterator[Violation]:
        """No stay ends more than ``after_s`` after the shift's start or the last full pause."""
        rule = self.problem.pause
        if not rule.length_s:
            return
        since_s = self.trips[0].start_s
        for trip in self.trips:
            for position, visit in enumerate(trip.visits):
                if visit.stop_type == "pause" and visit.leave_s - visit.arrive_s >= rule.length_s:
                    since_s = visit.leave_s
                elif visit.leave_s - since_s > rule.after_s:
                    yield self._at(
                        "pause",
                        trip,
                        position,
                        f"{(visit.leave_s - since_s) // 60} min without a pause",
                        f"{rule.length_s // 60} min before {rule.after_s // 60} min are over",
                    )
                    return


def _containers(trip: Trip) -> Iterator[tuple[int, Visit]]:
    for position, visit in enumerate(trip.visits):
        if visit.stop_type == "container":
            yield position, visit
