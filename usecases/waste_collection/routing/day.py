"""A day's problem (stops, trucks, roads) and a day's plan (trips, and what is left out and why)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from common.edge.errors import UsageError
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP, Roads

__all__ = [
    "REASONS_FR",
    "DayPlan",
    "DayProblem",
    "NotServed",
    "PauseRule",
    "Reason",
    "Stop",
    "StopType",
    "Trip",
    "Visit",
    "cost_m",
]

StopType = Literal["depot", "container", "tip", "pause"]
Reason = Literal[
    "not_worth", "forbidden", "no_truck", "over_capacity", "over_shift", "over_range", "no_room"
]
REASONS_FR: Mapping[Reason, str] = {
    "not_worth": "le détour coûte plus que ce que l'arrêt rapporte aujourd'hui",
    "forbidden": "arrêt interdit aujourd'hui",
    "no_truck": "aucun camion n'accepte ce flux ou ce verrou",
    "over_capacity": "charge supérieure à la capacité de tout camion admis",
    "over_shift": "aller-retour plus long que le service de tout camion admis",
    "over_range": "aller-retour plus long que l'autonomie de tout camion admis",
    "no_room": "plus de place ni de temps dans les camions",
}
"""What a dispatcher reads beside a stop that is left out."""


@dataclass(frozen=True)
class Stop:
    """A container that may be, or must be, emptied today.

    Parameters
    ----------
    container_id
        Its id in the roads.
    load_kg, load_l
        Expected load, 0 or more.
    service_s
        Seconds at the container, 0 or more; None for the truck's own default.
    prize_m
        Metres of driving that emptying it today is worth, 0 or more; None where it must
        be emptied.
    stream
        What it holds. A truck takes one stream at a time: it changes at the tip.
    """

    container_id: str
    load_kg: float = 0.0
    load_l: float = 0.0
    service_s: int | None = None
    prize_m: float | None = None
    stream: str = "general"

    def __post_init__(self) -> None:
        for name in ("load_kg", "load_l", "service_s", "prize_m"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise UsageError(
                    f"stop {self.container_id!r}: {name} is {value}", expected="0 or more"
                )

    def service_by(self, truck: Truck) -> int:
        """Return the seconds that ``truck`` spends here."""
        return truck.service_s_default if self.service_s is None else self.service_s


@dataclass(frozen=True)
class PauseRule:
    """A pause of ``length_s`` is due before ``after_s`` of work are over (brief 3.5).

    Work is driving, service and tipping. The pause is taken between two stops. Set
    ``length_s`` to 0 for none.
    """

    after_s: int = 6 * 3600
    length_s: int = 45 * 60

    def __post_init__(self) -> None:
        if self.after_s <= 0 or self.length_s < 0:
            raise UsageError(
                f"a pause of {self.length_s} s after {self.after_s} s",
                expected="a length of 0 or more after more than 0 seconds",
            )


@dataclass(frozen=True)
class DayProblem:
    """Everything that a day's plan rests on.

    Parameters
    ----------
    roads
        Depot, tip, then containers; may hold more containers than there are stops.
    trucks
        Fleet of the day; each drives at most one shift that starts and ends at the depot.
    stops
        Candidates, each container at most once.
    tip_s
        Seconds at the tip, each time.
    pause
        When a pause is due.
    locked
        container to the truck that has to take it; such a stop must be served.
    forbidden
        container to the reason (street works, market): never visited today.
    metres_per_truck, metres_per_hour
        What using a truck at all, and an hour of it, cost in metres driven; 0 counts
        kilometres alone.

    Raises
    ------
    UsageError
        If an id is unknown or met twice, or a cost is negative.
    """

    roads: Roads
    trucks: tuple[Truck, ...]
    stops: tuple[Stop, ...]
    tip_s: int = 900
    pause: PauseRule = PauseRule()
    locked: Mapping[str, str] = field(default_factory=dict)
    forbidden: Mapping[str, str] = field(default_factory=dict)
    metres_per_truck: int = 0
    metres_per_hour: int = 0

    def __post_init__(self) -> None:
        containers = [stop.container_id for stop in self.stops]
        trucks = [truck.id for truck in self.trucks]
        for name, ids in (("container", containers), ("truck", trucks)):
            if len(set(ids)) != len(ids):
                raise UsageError(f"a {name} is met twice", expected=f"each {name} once a day")
        ends = self.roads.ids[:2]
        strangers = [one for one in containers if one not in self.roads or one in ends]
        strangers += [one for one in self.locked if one not in containers]
        strangers += [one for one in self.locked.values() if one not in trucks]
        strangers += [one for one in self.forbidden if one in self.locked]
        if strangers:
            raise UsageError(
                f"{strangers[0]!r} among the stops or locks",
                expected="containers of the road matrix, trucks of the fleet, locks on stops "
                "that are not forbidden",
            )
        if min(self.tip_s, self.metres_per_truck, self.metres_per_hour) < 0:
            raise UsageError("a negative time or cost", expected="0 or more")

    @cached_property
    def stop(self) -> Mapping[str, Stop]:
        """Stops by container."""
        return {stop.container_id: stop for stop in self.stops}

    @cached_property
    def truck(self) -> Mapping[str, Truck]:
        """Trucks by id."""
        return {truck.id: truck for truck in self.trucks}

    def work_limit_s(self, truck: Truck) -> int:
        """Return the longest work (driving, service, tipping) that fits shift and pause.

        A day of at most ``pause.after_s`` needs no pause; a longer one loses its length.
        It stays short enough for one pause between two stops to do.
        """
        after_s = self.pause.after_s
        if truck.shift_s <= after_s or not self.pause.length_s:
            return truck.shift_s
        longest = min(truck.shift_s - self.pause.length_s, 2 * after_s - self._longest_step_s)
        return max(after_s, longest)

    @cached_property
    def _longest_step_s(self) -> int:
        """Return the longest leg plus the longest stay, which no pause divides."""
        stays = [stop.service_by(truck) for stop in self.stops for truck in self.trucks]
        rows = [self.roads.index(stop.container_id) for stop in self.stops]
        legs = self.roads.duration_s[np.ix_([DEPOT, TIP, *rows], [DEPOT, TIP, *rows])]
        return int(legs.max()) + max([self.tip_s, *stays])

    def may_take(self, truck: Truck, stop: Stop) -> bool:
        """Tell whether stream, lock and bans let ``truck`` empty ``stop``."""
        lock = self.locked.get(stop.container_id, truck.id)
        banned = stop.container_id in self.forbidden
        return truck.carries(stop.stream) and lock == truck.id and not banned

    def must_serve(self, stop: Stop) -> bool:
        """Tell whether ``stop`` has to be served: no prize, or locked to a truck."""
        return stop.prize_m is None or stop.container_id in self.locked


@dataclass(frozen=True)
class Visit:
    """One line of a trip: the way to a place and the time spent there.

    Parameters
    ----------
    stop_type
        ``depot``, ``container``, ``tip`` or ``pause`` (taken where the truck stands).
    place_id
        Id of the place in the roads.
    arrive_s, leave_s
        Seconds since local midnight.
    leg_m, leg_s
        Way from the line before; 0 on the first one and for a pause.
    load_kg, load_l
        On board when leaving.
    """

    stop_type: StopType
    place_id: str
    arrive_s: int
    leave_s: int
    leg_m: int = 0
    leg_s: int = 0
    load_kg: float = 0.0
    load_l: float = 0.0


@dataclass(frozen=True)
class Trip:
    """From the depot or the tip through containers to the tip; the last one ends at the depot.

    Parameters
    ----------
    truck_id
        Truck that drives it.
    number
        1 for the truck's first trip of the day.
    visits
        In order: the first is the depot (trip 1) or the tip that the trip before ended at.
    """

    truck_id: str
    number: int
    visits: tuple[Visit, ...]

    @property
    def sequence(self) -> tuple[str, ...]:
        """Containers in order."""
        return tuple(v.place_id for v in self.visits if v.stop_type == "container")

    @property
    def distance_m(self) -> int:
        """Metres driven."""
        return sum(visit.leg_m for visit in self.visits)

    @property
    def duration_s(self) -> int:
        """Seconds from leaving the first place to the end of the last line."""
        return self.end_s - self.start_s

    @property
    def load_kg(self) -> float:
        """Kilograms brought to the tip."""
        return max(visit.load_kg for visit in self.visits)

    @property
    def load_l(self) -> float:
        """Litres brought to the tip."""
        return max(visit.load_l for visit in self.visits)

    @property
    def work_s(self) -> int:
        """Seconds of driving, service and tipping: the duration without pauses."""
        pauses = (v.leave_s - v.arrive_s for v in self.visits if v.stop_type == "pause")
        return self.duration_s - sum(pauses)

    @property
    def start_s(self) -> int:
        """Seconds since local midnight when the trip leaves its first place."""
        return self.visits[0].leave_s

    @property
    def end_s(self) -> int:
        """Seconds since local midnight when the trip is over."""
        return self.visits[-1].leave_s


@dataclass(frozen=True)
class NotServed:
    """A stop that the plan leaves out, and why."""

    container_id: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class DayPlan:
    """The trips of a day and the stops left out: every stop is in one of the two.

    Parameters
    ----------
    trips
        By truck in fleet order, then in order of time.
    not_served
        In the order of the problem's stops.
    """

    trips: tuple[Trip, ...]
    not_served: tuple[NotServed, ...] = ()

    @property
    def served(self) -> tuple[str, ...]:
        """Containers emptied, in the order of the trips."""
        return tuple(one for trip in self.trips for one in trip.sequence)

    @property
    def distance_m(self) -> int:
        """Metres driven by all trucks."""
        return sum(trip.distance_m for trip in self.trips)

    @property
    def truck_hours(self) -> float:
        """Hours between leaving and returning to the depot, over trucks, pauses included."""
        seconds = sum(trips[-1].end_s - trips[0].start_s for _, trips in self.by_truck())
        return seconds / 3600

    def by_truck(self) -> Iterator[tuple[str, tuple[Trip, ...]]]:
        """Yield (truck id, its trips in order) of the trucks that drive."""
        for truck_id in dict.fromkeys(trip.truck_id for trip in self.trips):
            yield truck_id, tuple(trip for trip in self.trips if trip.truck_id == truck_id)


def cost_m(problem: DayProblem, plan: DayPlan) -> float:
    """Return what a plan costs, in metres: what the solver makes small.

    Metres driven, what trucks and their hours of work cost, and the prizes of the optional
    stops left out; stops that had to be served and are not add nothing here.
    """
    work_h = sum(trip.work_s for trip in plan.trips) / 3600
    n_trucks = len({trip.truck_id for trip in plan.trips})
    left = (problem.stop[one.container_id].prize_m or 0.0 for one in plan.not_served)
    effort = problem.metres_per_hour * work_h + problem.metres_per_truck * n_trucks
    return plan.distance_m + effort + sum(left)
