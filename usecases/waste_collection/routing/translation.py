"""Say a day in PyVRP's terms and its answer in ours. PyVRP 0.14.1; imported when used.

How the rules of a round become PyVRP's:

* every trip ends at the tip: routes start at the depot, reload at the tip and *end* at the
  tip; the way home, which is the same for all, is taken off shift and range and added to
  the fixed cost of a truck;
* stops are pickups in two dimensions (kilograms, litres, in tenths: loads rounded up,
  capacities down);
* service is part of the leg that leads to a stop, as trucks may differ in it;
* streams, locks and bans: each set of stops that a truck may take is a routing profile in
  which the other stops are out of reach; two streams are out of each other's reach, so
  that a truck changes stream at the tip alone;
* the pause has no counterpart in PyVRP: work is bounded by `DayProblem.work_limit_s`,
  which keeps its time free exactly, and `schedule` places it.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.routing.day import DayProblem, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP, IntArray
from usecases.waste_collection.routing.schedule import Sequences

if TYPE_CHECKING:
    from pyvrp import Client, Solution, VehicleType

__all__ = ["Translation"]

TENTHS = 10
HOURLY_SCALE = 100
"""Cost units per metre where hours cost too: PyVRP's costs are whole numbers per second."""
FAR_M = 10**8
FAR_S = 10**6
"""Out of reach: longer than any shift, small enough for 64-bit sums of penalties."""

Key = tuple[float, float, int, int, int | None, tuple[bool, ...]]


class Translation:
    """A day's problem as PyVRP's data.

    Parameters
    ----------
    problem
        The day.
    stops
        Those of its stops that some truck can serve (`screening.hopeless` names the rest).
    ransom_m
        None to require the stops that must be served; otherwise the metres that leaving
        one of them out costs, for days on which they do not all fit.
    """

    def __init__(
        self, problem: DayProblem, stops: Sequence[Stop], *, ransom_m: float | None = None
    ) -> None:
        from pyvrp import Depot, Location, ProblemData

        self.problem = problem
        self.stops = tuple(stops)
        rows = [problem.roads.index(stop.container_id) for stop in self.stops]
        self._rows = np.array([DEPOT, TIP, *rows])
        self._scale = HOURLY_SCALE if problem.metres_per_hour else 1
        self._types: dict[Key, list[str]] = {}
        for truck in problem.trucks:
            if self._time_left_s(truck) >= 0 and (self._metres_left(truck) or 0) >= 0:
                self._types.setdefault(self._key(truck), []).append(truck.id)
        profiles: dict[tuple[int, tuple[bool, ...]], int] = {}
        vehicle_types = [self._vehicle_type(key, profiles) for key in self._types]
        matrices = [self._matrices(*profile) for profile in profiles]
        self.data: ProblemData = ProblemData(
            [Location(0, 0, name=problem.roads.ids[row]) for row in self._rows],
            [self._client(at, stop, ransom_m) for at, stop in enumerate(self.stops)],
            [Depot(DEPOT), Depot(TIP, service_duration=problem.tip_s)],
            vehicle_types,
            [distance for distance, _ in matrices],  # type: ignore[misc]  # its stub says ndarray[int]
            [duration for _, duration in matrices],  # type: ignore[misc]  # idem
        )

    def solution(self, sequences: Sequences) -> "Solution":
        """Return rounds as PyVRP's solution; each stop in them must be one of ``stops``."""
        from pyvrp import Activity, ActivityType, Route, Solution

        client = {stop.container_id: at for at, stop in enumerate(self.stops)}
        routes = []
        for kind, trucks in enumerate(self._types.values()):
            for truck in trucks:
                visits: list[Activity] = []
                for trip in sequences.get(truck, ()):
                    if visits:
                        visits.append(Activity(ActivityType.DEPOT, TIP))
                    visits += [Activity(ActivityType.CLIENT, client[name]) for name in trip]
                if visits:
                    routes.append(Route(self.data, visits, kind))
        return Solution(self.data, routes)

    def sequences(self, solution: "Solution") -> dict[str, list[list[str]]]:
        """Return PyVRP's routes as rounds of named trucks; trips without stops are left out."""
        free = [list(trucks) for trucks in self._types.values()]
        rounds: dict[str, list[list[str]]] = {}
        for route in solution.routes():
            trips: list[list[str]] = [[]]
            for activity in route.schedule()[1:-1]:
                if activity.is_depot():
                    trips.append([])
                else:
                    trips[-1].append(self.stops[activity.idx].container_id)
            rounds[free[route.vehicle_type()].pop(0)] = [trip for trip in trips if trip]
        return rounds

    def _key(self, truck: Truck) -> Key:
        """Return what trucks share that PyVRP need not tell apart."""
        return (
            truck.capacity_kg,
            truck.capacity_l,
            self._time_left_s(truck),
            truck.service_s_default,
            self._metres_left(truck) if truck.max_m is not None else None,
            tuple(self.problem.may_take(truck, stop) for stop in self.stops),
        )

    def _time_left_s(self, truck: Truck) -> int:
        """Return the work a truck may do before it has to be at the tip for the last time."""
        way_home_s = int(self.problem.roads.duration_s[TIP, DEPOT])
        return self.problem.work_limit_s(truck) - self.problem.tip_s - way_home_s

    def _metres_left(self, truck: Truck) -> int | None:
        if truck.max_m is None:
            return None
        return truck.max_m - int(self.problem.roads.distance_m[TIP, DEPOT])

    @property
    def _second_cost(self) -> int:
        return round(self.problem.metres_per_hour * self._scale / 3600)

    def _vehicle_type(
        self, key: Key, profiles: dict[tuple[int, tuple[bool, ...]], int]
    ) -> "VehicleType":
        from pyvrp import VehicleType

        capacity_kg, capacity_l, time_left_s, service_s, metres_left, takes = key
        roads = self.problem.roads
        home_s = self.problem.tip_s + int(roads.duration_s[TIP, DEPOT])
        home_m = int(roads.distance_m[TIP, DEPOT]) + self.problem.metres_per_truck
        return VehicleType(
            num_available=len(self._types[key]),
            capacity=[_tenths_down(capacity_kg), _tenths_down(capacity_l)],
            start_depot=DEPOT,
            end_depot=TIP,
            fixed_cost=home_m * self._scale + home_s * self._second_cost,
            shift_duration=time_left_s,
            max_distance=FAR_M if metres_left is None else metres_left,
            unit_distance_cost=self._scale,
            unit_duration_cost=self._second_cost,
            profile=profiles.setdefault((service_s, takes), len(profiles)),
            reload_depots=[TIP],
        )

    def _matrices(self, service_s: int, takes: tuple[bool, ...]) -> tuple[IntArray, IntArray]:
        """Return metres, and seconds with the service at the end of each leg."""
        grid = np.ix_(self._rows, self._rows)
        metres = self.problem.roads.distance_m[grid].copy()
        stays = [service_s if stop.service_s is None else stop.service_s for stop in self.stops]
        seconds = self.problem.roads.duration_s[grid] + np.array([0, 0, *stays])
        apart = self._apart(np.array(takes, dtype=bool))
        metres[apart] = FAR_M
        seconds[apart] = FAR_S
        np.fill_diagonal(metres, 0)
        np.fill_diagonal(seconds, 0)
        return metres, seconds

    def _apart(self, takes: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Tell which legs nobody may drive: to a stop not taken, or to another stream."""
        reached = np.array([True, True, *takes])
        streams = np.unique([stop.stream for stop in self.stops], return_inverse=True)[1]
        mixed = np.zeros((len(reached), len(reached)), dtype=bool)
        mixed[2:, 2:] = streams[:, None] != streams
        apart: npt.NDArray[np.bool_] = mixed | ~(reached & reached[:, None])
        return apart

    def _client(self, at: int, stop: Stop, ransom_m: float | None) -> "Client":
        from pyvrp import Client

        must = self.problem.must_serve(stop)
        worth_m = ransom_m if must else stop.prize_m
        return Client(
            location=at + 2,
            pickup=[_tenths_up(stop.load_kg), _tenths_up(stop.load_l)],
            prize=round((worth_m or 0.0) * self._scale),
            required=must and ransom_m is None,
            name=stop.container_id,
        )


def _tenths_up(load: float) -> int:
    """Return whole tenths, never below the load.

    >>> _tenths_up(12.34), _tenths_up(0.3)
    (124, 3)
    """
    return math.ceil(round(load * TENTHS, 6))


def _tenths_down(capacity: float) -> int:
    """Return whole tenths, never above the capacity.

    >>> _tenths_down(12.39)
    123
    """
    return math.floor(round(capacity * TENTHS, 6))
