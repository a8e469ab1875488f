"""Cost and feasibility of routes on a public instance, computed without any solver."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.routing.bench.instances import Instance

__all__ = ["broken_rules", "route_cost", "total_cost"]

Route = Sequence[int]
"""Locations in order, without the depot at both ends; a 0 inside is a return to reload."""


def total_cost(instance: Instance, routes: Sequence[Route]) -> int:
    """Return distance times unit cost, fixed costs of vehicles used, and prizes left behind.

    In the instance's whole units. Route k is driven by vehicle k.
    """
    served = {location for route in routes for location in route}
    left = sum(
        int(instance.prize[client])
        for client in range(1, instance.n_locations)
        if client not in served
    )
    return left + sum(route_cost(instance, k, route) for k, route in enumerate(routes))


def route_cost(instance: Instance, vehicle: int, route: Route) -> int:
    """Return the cost of one vehicle's route; 0 for an idle one."""
    if not route:
        return 0
    length = int(_legs(instance, route).sum())
    return length * int(instance.unit_cost[vehicle]) + int(instance.fixed_cost[vehicle])


def broken_rules(instance: Instance, routes: Sequence[Route]) -> list[str]:
    """Return what is wrong with the routes, in words; nothing for feasible ones.

    Clients visited once (those with a prize at most once), capacity per trip, time windows,
    release times, the depot's closing time, and no more vehicles than there are.
    """
    return [*_of_clients(instance, routes), *_of_vehicles(instance, routes)]


def _of_clients(instance: Instance, routes: Sequence[Route]) -> Iterator[str]:
    visits = Counter(location for route in routes for location in route if location)
    for location, times in visits.items():
        if not 0 < location < instance.n_locations:
            yield f"location {location} does not exist"
        elif times > 1:
            yield f"client {location} is visited {times} times"
    for client in range(1, instance.n_locations):
        if not instance.prize[client] and not visits[client]:
            yield f"client {client} is not visited"


def _of_vehicles(instance: Instance, routes: Sequence[Route]) -> Iterator[str]:
    if len(routes) > instance.n_vehicles:
        yield f"{len(routes)} routes for {instance.n_vehicles} vehicles"
        return
    for vehicle, route in enumerate(routes):
        if 0 in route and not instance.reload:
            yield f"route {vehicle} reloads where nobody may"
        now = int(instance.window[0, 0])
        for trip in _trips(route):
            load = sum(int(instance.demand[client]) for client in trip)
            if load > instance.capacity[vehicle]:
                yield f"route {vehicle} carries {load} of {instance.capacity[vehicle]}"
            now, late = _drive(instance, trip, now)
            if late:
                yield f"route {vehicle} is late at {late[0]}"


def _drive(instance: Instance, trip: Route, start: int) -> tuple[int, list[int]]:
    """Return when a trip that starts as early as it may is back, and where it was late."""
    now = max([start, *(int(instance.release[client]) for client in trip)])
    late = []
    for leg, there in zip(_legs(instance, trip), [*trip, 0], strict=True):
        earliest, latest = (int(bound) for bound in instance.window[there])
        now = max(now + int(leg), earliest)
        if now > latest:
            late.append(there)
        now += int(instance.service[there])
    return now, late


def _legs(instance: Instance, trip: Route) -> npt.NDArray[np.int64]:
    """Return the legs from the depot through a trip and back."""
    path = np.array([0, *trip, 0])
    return instance.legs(path[:-1], path[1:])


def _trips(route: Route) -> Iterator[list[int]]:
    """Cut a route where it reloads.

    >>> list(_trips([3, 1, 0, 2]))
    [[3, 1], [2]]
    """
    trip: list[int] = []
    for location in route:
        if location == 0:
            yield trip
            trip = []
        else:
            trip.append(location)
    if trip:
        yield trip
