"""Name the stops that no truck can empty today, whatever the order of the rounds."""

from collections.abc import Callable

from usecases.waste_collection.routing.day import DayProblem, NotServed, Reason, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import DEPOT, TIP

__all__ = ["hopeless"]


def hopeless(problem: DayProblem) -> tuple[NotServed, ...]:
    """Return the stops that cannot be served alone by any truck, with the first reason met.

    A truck that goes to the stop only (depot, stop, tip, depot) bounds every round that
    holds it, where roads keep the triangle inequality, as a router's matrices do.
    """
    named = (_named(problem, stop) for stop in problem.stops)
    return tuple(one for one in named if one is not None)


def _named(problem: DayProblem, stop: Stop) -> NotServed | None:
    if stop.container_id in problem.forbidden:
        detail = problem.forbidden[stop.container_id]
        return NotServed(stop.container_id, "forbidden", detail)
    trucks = [truck for truck in problem.trucks if problem.may_take(truck, stop)]
    if not trucks:
        lock = problem.locked.get(stop.container_id)
        detail = f"verrou : {lock}, flux : {stop.stream}" if lock else f"flux : {stop.stream}"
        return NotServed(stop.container_id, "no_truck", detail)
    tests: tuple[tuple[Reason, Callable[[Truck], bool]], ...] = (
        ("over_capacity", lambda truck: _fits(truck, stop)),
        ("over_shift", lambda truck: _alone_s(problem, truck, stop) <= problem.work_limit_s(truck)),
        (
            "over_range",
            lambda truck: truck.max_m is None or _alone_m(problem, stop) <= truck.max_m,
        ),
    )
    for reason, passes in tests:
        trucks = [truck for truck in trucks if passes(truck)]
        if not trucks:
            return NotServed(stop.container_id, reason)
    return None


def _fits(truck: Truck, stop: Stop) -> bool:
    return stop.load_kg <= truck.capacity_kg and stop.load_l <= truck.capacity_l


def _alone_s(problem: DayProblem, truck: Truck, stop: Stop) -> int:
    """Return the work of a truck that empties this stop and no other."""
    row = problem.roads.index(stop.container_id)
    way = problem.roads.duration_s
    driving = way[DEPOT, row] + way[row, TIP] + way[TIP, DEPOT]
    return int(driving) + stop.service_by(truck) + problem.tip_s


def _alone_m(problem: DayProblem, stop: Stop) -> int:
    row = problem.roads.index(stop.container_id)
    way = problem.roads.distance_m
    return int(way[DEPOT, row] + way[row, TIP] + way[TIP, DEPOT])
