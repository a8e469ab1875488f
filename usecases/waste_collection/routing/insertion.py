"""Put stops where they cost least: the start of a search, and the reasons at its end."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.routing.day import DayProblem, NotServed, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP, IntArray
from usecases.waste_collection.routing.schedule import Sequences

__all__ = ["Rounds", "Slot", "complete"]

LOAD_SLACK = 1e-6
"""Kilograms or litres by which sums of decimal loads may miss a capacity."""


@dataclass(frozen=True)
class Slot:
    """A place for a stop in the rounds, and what it costs there in metres."""

    cost_m: float
    truck_id: str
    trip: int
    position: int


@dataclass
class _Load:
    """Stops of a trip and what they add up to."""

    stops: list[Stop] = field(default_factory=list)
    kg: float = 0.0
    litres: float = 0.0

    def takes(self, truck: Truck, stop: Stop) -> bool:
        """Tell whether one more stop is of the trip's stream and within capacity."""
        return (
            (not self.stops or self.stops[0].stream == stop.stream)
            and self.kg + stop.load_kg <= truck.capacity_kg + LOAD_SLACK
            and self.litres + stop.load_l <= truck.capacity_l + LOAD_SLACK
        )

    def insert(self, position: int, stop: Stop) -> None:
        """Load one more stop."""
        self.stops.insert(position, stop)
        self.kg += stop.load_kg
        self.litres += stop.load_l


@dataclass
class _TruckDay:
    """Trips of a truck and what they add up to."""

    truck: Truck
    limit_s: int
    trips: list[_Load] = field(default_factory=list)
    distance_m: int = 0
    work_s: int = 0

    @property
    def within(self) -> bool:
        """Whether the day keeps shift, pause and range."""
        max_m = self.truck.max_m
        return self.work_s <= self.limit_s and (max_m is None or self.distance_m <= max_m)


class Rounds:
    """The rounds of a day while they are built, with what still fits in them.

    Parameters
    ----------
    problem
        The day.
    sequences
        Rounds to begin with. A truck's rounds that break a rule are thinned out: optional
        stops first, then what comes after load, time or range are used up. Unknown stops
        and those met before are dropped.
    """

    def __init__(self, problem: DayProblem, sequences: Sequences | None = None) -> None:
        self.problem = problem
        self._row = {s.container_id: problem.roads.index(s.container_id) for s in problem.stops}
        self._days = {
            truck.id: _TruckDay(truck, problem.work_limit_s(truck)) for truck in problem.trucks
        }
        self._placed: set[str] = set()
        for truck_id, trips in (sequences or {}).items():
            if truck_id in self._days:
                self._take_over(self._days[truck_id], trips)

    @property
    def sequences(self) -> dict[str, list[list[str]]]:
        """Containers by truck and trip."""
        return {
            name: [[stop.container_id for stop in trip.stops] for trip in day.trips]
            for name, day in self._days.items()
        }

    @property
    def placed(self) -> frozenset[str]:
        """Containers that are in a round."""
        return frozenset(self._placed)

    def cheapest(self, stop: Stop) -> Slot | None:
        """Return the feasible place that lengthens the rounds least; None if there is none.

        Cost is that of `day.cost_m`: metres, hours of work and the use of a truck.
        """
        best: Slot | None = None
        for day in self._days.values():
            if not self.problem.may_take(day.truck, stop):
                continue
            for trip, load in enumerate([*day.trips, _Load()]):
                if not load.takes(day.truck, stop):
                    continue
                costs = self._costs(day, trip, stop)
                position = int(costs.argmin())
                cost_m = float(costs[position])
                if cost_m < (best.cost_m if best else np.inf):
                    best = Slot(cost_m, day.truck.id, trip, position)
        return best

    def put(self, stop: Stop, slot: Slot) -> None:
        """Place a stop in a slot that `cheapest` returned."""
        day = self._days[slot.truck_id]
        if slot.trip == len(day.trips):
            day.trips.append(_Load())
        day.trips[slot.trip].insert(slot.position, stop)
        self._placed.add(stop.container_id)
        self._add_up(day)

    def _take_over(self, day: _TruckDay, trips: Sequence[Sequence[str]]) -> None:
        """Take a truck's trips: whole, else without optional stops, else as far as they go."""
        known = [[self._free(day, name) for name in trip] for trip in trips]
        stops = [[stop for stop in trip if stop is not None] for trip in known]
        must = [[stop for stop in trip if self.problem.must_serve(stop)] for trip in stops]
        if self._adopt(day, stops) or self._adopt(day, must):
            return
        for trip in must:
            self._follow(day, trip)

    def _free(self, day: _TruckDay, name: str) -> Stop | None:
        """Return the stop if this truck may take it and no round has it yet."""
        stop = self.problem.stop.get(name)
        if stop is None or name in self._placed or not self.problem.may_take(day.truck, stop):
            return None
        return stop

    def _adopt(self, day: _TruckDay, trips: Sequence[Sequence[Stop]]) -> bool:
        """Take trips as they are if they keep every rule; tell whether they do."""
        names = [stop.container_id for trip in trips for stop in trip]
        whole = len(set(names)) == len(names)
        for trip in (trip for trip in trips if trip):
            load = _Load()
            for stop in trip:
                whole &= load.takes(day.truck, stop)
                load.insert(len(load.stops), stop)
            day.trips.append(load)
        self._add_up(day)
        if whole and day.within:
            self._placed |= set(names)
            return True
        day.trips.clear()
        self._add_up(day)
        return False

    def _follow(self, day: _TruckDay, trip: Iterable[Stop]) -> None:
        """Add a trip stop by stop, leaving out what does not fit."""
        number = len(day.trips)
        for stop in trip:
            load = day.trips[number] if number < len(day.trips) else _Load()
            if stop.container_id in self._placed or not load.takes(day.truck, stop):
                continue
            cost_m = float(self._costs(day, number, stop)[-1])
            if np.isfinite(cost_m):
                self.put(stop, Slot(cost_m, day.truck.id, number, len(load.stops)))

    def _costs(self, day: _TruckDay, trip: int, stop: Stop) -> npt.NDArray[np.float64]:
        """Return what a stop costs in each position of a trip; inf where time or range end."""
        problem, new = self.problem, trip == len(day.trips)
        row = self._row[stop.container_id]
        rows = [] if new else [self._row[one.container_id] for one in day.trips[trip].stops]
        nodes = np.array([DEPOT if trip == 0 else TIP, *rows, TIP], dtype=np.int64)
        metres = _detours(problem.roads.distance_m, nodes, row, new=new)
        seconds = _detours(problem.roads.duration_s, nodes, row, new=new)
        seconds = seconds + stop.service_by(day.truck) + (problem.tip_s if new else 0)
        opening = 0
        if not day.trips:
            metres = metres + problem.roads.distance_m[TIP, DEPOT]
            seconds = seconds + problem.roads.duration_s[TIP, DEPOT]
            opening = problem.metres_per_truck
        within = day.work_s + seconds <= day.limit_s
        if day.truck.max_m is not None:
            within &= day.distance_m + metres <= day.truck.max_m
        cost = metres + seconds * (problem.metres_per_hour / 3600) + opening
        return np.where(within, cost, np.inf)

    def _add_up(self, day: _TruckDay) -> None:
        """Add up a truck's metres and work again."""
        rows = [DEPOT]
        stays = 0
        for trip in day.trips:
            rows += [self._row[stop.container_id] for stop in trip.stops] + [TIP]
            stays += sum(stop.service_by(day.truck) for stop in trip.stops) + self.problem.tip_s
        rows.append(DEPOT)
        legs = np.array(rows[:-1]), np.array(rows[1:])
        roads = self.problem.roads
        day.distance_m = int(roads.distance_m[legs].sum())
        day.work_s = int(roads.duration_s[legs].sum()) + stays


def complete(rounds: Rounds, stops: Iterable[Stop]) -> tuple[NotServed, ...]:
    """Insert what must be served or pays for its detour; say why of each stop that stays out.

    Stops that must be served go first; among equals, the one that costs least for what it
    is worth. The reason ``no_room`` means that no place in these rounds takes the stop
    within load, shift and range; ``not_worth`` that the cheapest such place costs more
    metres than its prize.

    Returns
    -------
    tuple of NotServed
        In the order of ``stops``.
    """
    waiting = [stop for stop in stops if stop.container_id not in rounds.placed]
    must = [stop for stop in waiting if rounds.problem.must_serve(stop)]
    _fill(rounds, must)
    _fill(rounds, [stop for stop in waiting if stop not in must])
    named = (_settle(rounds, stop) for stop in waiting if stop.container_id not in rounds.placed)
    return tuple(one for one in named if one is not None)


def _fill(rounds: Rounds, stops: Iterable[Stop]) -> None:
    """Insert stops, cheapest first; costs are computed again when a stop's turn comes."""
    queue = [
        (slot.cost_m - _worth_m(rounds, stop), stop.container_id, stop)
        for stop in stops
        if (slot := rounds.cheapest(stop)) is not None
    ]
    heapq.heapify(queue)
    while queue:
        _, name, stop = heapq.heappop(queue)
        slot = rounds.cheapest(stop)
        if slot is None:
            continue
        net_m = slot.cost_m - _worth_m(rounds, stop)
        if queue and net_m > queue[0][0]:
            heapq.heappush(queue, (net_m, name, stop))
        elif net_m < 0 or rounds.problem.must_serve(stop):
            rounds.put(stop, slot)


def _settle(rounds: Rounds, stop: Stop) -> NotServed | None:
    """Insert a stop after all if that pays now; otherwise say why it stays out."""
    slot = rounds.cheapest(stop)
    worth_m = _worth_m(rounds, stop)
    if slot is None:
        return NotServed(stop.container_id, "no_room")
    if slot.cost_m < worth_m or rounds.problem.must_serve(stop):
        rounds.put(stop, slot)
        return None
    detail = f"détour {_km(slot.cost_m)} km, valeur {_km(worth_m)} km"
    return NotServed(stop.container_id, "not_worth", detail)


def _worth_m(rounds: Rounds, stop: Stop) -> float:
    return 0.0 if rounds.problem.must_serve(stop) else stop.prize_m or 0.0


def _detours(matrix: IntArray, nodes: IntArray, row: int, *, new: bool) -> npt.NDArray[np.int64]:
    """Return what passing by ``row`` adds between each two nodes that follow each other."""
    before, after = nodes[:-1], nodes[1:]
    added: npt.NDArray[np.int64] = matrix[before, row] + matrix[row, after]
    return added if new else added - matrix[before, after]


def _km(metres: float) -> str:
    return f"{metres / 1000:.1f}".replace(".", ",")
