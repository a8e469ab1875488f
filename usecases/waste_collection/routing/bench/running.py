"""Solve public instances with PyVRP, and have the routes judged by our own checker."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usecases.waste_collection.routing.bench.instances import (
    ENDLESS,
    Instance,
    is_stated,
    read_best_known,
    read_instance,
)
from usecases.waste_collection.routing.bench.routes import broken_rules, total_cost
from usecases.waste_collection.routing.solver import require_pyvrp

if TYPE_CHECKING:
    from pyvrp import ProblemData, Solution, VehicleType
    from pyvrp.stop import StoppingCriterion

__all__ = ["Limit", "Result", "problem_data", "run"]

INT64_MAX = 2**63 - 1


@dataclass(frozen=True)
class Limit:
    """How long each run may take: wall seconds, seconds of one processor, or iterations.

    On a shared machine wall time says little of the work done; processor time does.
    """

    seconds: float | None = None
    cpu_seconds: float | None = None
    iterations: int | None = None

    def criterion(self) -> "StoppingCriterion":
        """Return PyVRP's stopping criterion for one run, its clock started now."""
        from pyvrp.stop import MaxIterations, MaxRuntime, MultipleCriteria

        criteria: list[StoppingCriterion] = []
        if self.seconds is not None:
            criteria.append(MaxRuntime(self.seconds))
        if self.cpu_seconds is not None:
            end_s = time.process_time() + self.cpu_seconds
            criteria.append(lambda _best_cost: time.process_time() > end_s)
        if self.iterations is not None:
            criteria.append(MaxIterations(self.iterations))
        return MultipleCriteria(criteria)


@dataclass(frozen=True)
class Result:
    """One run on one instance.

    Parameters
    ----------
    instance, kind, n_clients, seed
        What was solved.
    cost
        By our own count, in the instance's whole units.
    best_known
        The same count on the shipped ``.sol``.
    wall_s, cpu_s, iterations
        Of the search, the reading left out.
    broken
        Rules broken, by our own checker; empty for feasible routes.
    agrees
        Whether the solver states the same cost, and the ``.sol`` file its own.
    """

    instance: str
    kind: str
    n_clients: int
    seed: int
    cost: int
    best_known: int
    wall_s: float
    cpu_s: float
    iterations: int
    broken: tuple[str, ...]
    agrees: bool

    @property
    def gap_percent(self) -> float:
        """Cost above the best known, in percent of it."""
        return 100 * (self.cost / self.best_known - 1)


def run(path: Path, seeds: tuple[int, ...], limit: Limit) -> Iterator[Result]:
    """Solve the instance once per seed and yield what came out.

    Raises
    ------
    MissingExtraError
        If PyVRP is not installed.
    """
    require_pyvrp()
    import pyvrp

    instance = read_instance(path)
    known = read_best_known(path)
    best_known = total_cost(instance, known.routes)
    data = problem_data(instance)
    for seed in seeds:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = pyvrp.solve(
            data, limit.criterion(), seed=seed, collect_stats=False, initial_solution=_start(data)
        )
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        routes = _routes(data, result.best)
        cost = total_cost(instance, routes)
        yield Result(
            instance=instance.name,
            kind=instance.kind,
            n_clients=instance.n_locations - 1,
            seed=seed,
            cost=cost,
            best_known=best_known,
            wall_s=wall_s,
            cpu_s=cpu_s,
            iterations=result.num_iterations,
            broken=tuple(broken_rules(instance, routes)),
            agrees=result.cost() == cost and is_stated(instance, best_known, known.stated_cost),
        )


def problem_data(instance: Instance) -> "ProblemData":
    """Return the instance as PyVRP's data: equal to what its own reader makes of the file."""
    from pyvrp import Client, Depot, Location, ProblemData

    every = np.arange(instance.n_locations)
    distance = instance.legs(every[:, None], every[None, :])
    scale = instance.scale
    points = (scale * instance.coordinates).astype(np.int64)
    clients = [
        Client(
            location=client,
            delivery=[int(instance.demand[client]) * scale],
            pickup=[0],
            service_duration=int(instance.service[client]),
            tw_early=int(instance.window[client, 0]),
            tw_late=_bound(instance.window[client, 1]),
            release_time=int(instance.release[client]),
            prize=int(instance.prize[client]),
            required=not instance.prize[client],
        )
        for client in range(1, instance.n_locations)
    ]
    return ProblemData(
        [Location(int(x), int(y)) for x, y in points],
        clients,
        [Depot(0)],
        _vehicle_types(instance),
        [distance],  # type: ignore[list-item]  # its stub says ndarray[int]
        [distance],  # type: ignore[list-item]  # idem
    )


def _start(data: "ProblemData") -> "Solution | None":
    """Return where the search begins: nowhere where every client may be left out.

    PyVRP's own start serves everybody by chance. Where few are worth their way (145 of 1,000 on
    C1_10_1) it takes long to give the others up: after 20 s the plan was still dearer than
    serving nobody. None for PyVRP's own.
    """
    from pyvrp import Solution

    if any(client.required for client in data.clients()):
        return None
    return Solution(data, [])


def _vehicle_types(instance: Instance) -> "list[VehicleType]":
    """Group equal vehicles; the name of a type lists them, as PyVRP's reader does."""
    from pyvrp import VehicleType

    alike: dict[tuple[int, int, int], list[int]] = {}
    for vehicle in range(instance.n_vehicles):
        traits = (instance.capacity, instance.fixed_cost, instance.unit_cost)
        capacity, fixed_cost, unit_cost = (int(trait[vehicle]) for trait in traits)
        alike.setdefault((capacity, fixed_cost, unit_cost), []).append(vehicle)
    return [
        VehicleType(
            num_available=len(vehicles),
            capacity=[capacity * instance.scale],
            fixed_cost=fixed_cost,
            tw_early=int(instance.window[0, 0]),
            tw_late=_bound(instance.window[0, 1]),
            unit_distance_cost=unit_cost,
            reload_depots=[0] if instance.reload else [],
            name=",".join(map(str, vehicles)),
        )
        for (capacity, fixed_cost, unit_cost), vehicles in alike.items()
    ]


def _bound(value: int) -> int:
    return INT64_MAX if value >= ENDLESS else int(value)


def _routes(data: "ProblemData", solution: "Solution") -> list[list[int]]:
    """Return routes by vehicle, in locations, with a 0 where a vehicle reloads."""
    names = [kind.name.split(",") for kind in data.vehicle_types()]
    free = [[int(name) for name in reversed(kind)] for kind in names]
    routes: list[list[int]] = [[] for kind in names for _ in kind]
    for route in solution.routes():
        routes[free[route.vehicle_type()].pop()] = [
            0 if activity.is_depot() else activity.idx + 1 for activity in route.schedule()[1:-1]
        ]
    return routes
