"""Lay out the clock of a truck's day: legs, stays, loads, tip and pause, line by line."""

from collections.abc import Mapping, Sequence

from usecases.waste_collection.routing.day import (
    DayPlan,
    DayProblem,
    NotServed,
    StopType,
    Trip,
    Visit,
)
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP

__all__ = ["Sequences", "plan_of", "schedule"]

Sequences = Mapping[str, Sequence[Sequence[str]]]
"""Truck to its trips, each a row of containers."""


def schedule(
    problem: DayProblem, truck_id: str, sequences: Sequence[Sequence[str]]
) -> tuple[Trip, ...]:
    """Return the trips of a truck that drives ``sequences`` from the start of its shift.

    It leaves the depot as the shift starts, is emptied at the tip after each sequence, the
    last one included, and drives back to the depot. A pause is taken where the truck
    stands, before the first leg that would end after ``problem.pause.after_s`` of work.
    Nothing is checked: `check.violations` does.

    Parameters
    ----------
    problem
        Roads, stops and rules of the day.
    truck_id
        One of the problem's trucks.
    sequences
        Containers of each trip, in order; no trip for a truck that stays at the depot.
    """
    day = _Day(problem, problem.truck[truck_id])
    trips = []
    for number, sequence in enumerate(sequences, start=1):
        day.begin("depot" if number == 1 else "tip")
        for container in sequence:
            day.empty_container(container)
        day.go("tip", TIP, problem.tip_s)
        if number == len(sequences):
            day.go("depot", DEPOT, 0)
        trips.append(Trip(truck_id, number, tuple(day.visits)))
    return tuple(trips)


def plan_of(
    problem: DayProblem, sequences: Sequences, not_served: Sequence[NotServed] = ()
) -> DayPlan:
    """Return the plan in which each truck drives its sequences, in the order of the fleet."""
    trips = [
        trip
        for truck in problem.trucks
        for trip in schedule(problem, truck.id, sequences.get(truck.id, ()))
    ]
    return DayPlan(tuple(trips), tuple(not_served))


class _Day:
    """Where a truck stands, what time it is there and what is on board."""

    def __init__(self, problem: DayProblem, truck: Truck) -> None:
        self.problem = problem
        self.truck = truck
        self.visits: list[Visit] = []
        self._row = DEPOT
        self._now_s = truck.shift_start_s
        self._work_s = 0
        self._load = (0.0, 0.0)

    def begin(self, stop_type: StopType) -> None:
        """Open a trip where the truck stands."""
        self.visits = [Visit(stop_type, self._here, self._now_s, self._now_s)]
        self._load = (0.0, 0.0)

    def empty_container(self, container: str) -> None:
        """Drive to a container and load what it holds."""
        stop = self.problem.stop[container]
        load = self._load[0] + stop.load_kg, self._load[1] + stop.load_l
        row = self.problem.roads.index(container)
        self.go("container", row, stop.service_by(self.truck), load)

    def go(
        self, stop_type: StopType, row: int, stay_s: int, load: tuple[float, float] = (0.0, 0.0)
    ) -> None:
        """Drive to a place, stay there and leave with ``load``; pause before, where due."""
        roads, rule = self.problem.roads, self.problem.pause
        leg_m = int(roads.distance_m[self._row, row])
        leg_s = int(roads.duration_s[self._row, row])
        if rule.length_s and self._work_s and self._work_s + leg_s + stay_s > rule.after_s:
            self._pause(rule.length_s)
        arrive_s = self._now_s + leg_s
        self._row, self._load, self._now_s = row, load, arrive_s + stay_s
        self._work_s += leg_s + stay_s
        self.visits.append(Visit(stop_type, self._here, arrive_s, self._now_s, leg_m, leg_s, *load))

    def _pause(self, length_s: int) -> None:
        end_s = self._now_s + length_s
        self.visits.append(Visit("pause", self._here, self._now_s, end_s, 0, 0, *self._load))
        self._now_s, self._work_s = end_s, 0

    @property
    def _here(self) -> str:
        return self.problem.roads.ids[self._row]
