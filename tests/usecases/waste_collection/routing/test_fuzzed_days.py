"""A thousand odd small days: no plan breaks a rule, no stop goes missing."""

from collections import Counter

import numpy as np
import pytest

from usecases.waste_collection.routing.check import violations
from usecases.waste_collection.routing.day import DayProblem, PauseRule, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import IntArray, Roads
from usecases.waste_collection.routing.solver import plan_day

pytest.importorskip("pyvrp")

STREAMS = ("glass", "paper")


def _metres(rng: np.random.Generator, n_places: int) -> IntArray:
    """Half the days have roads of shortest ways, half have numbers without any geometry."""
    if rng.random() < 0.5:
        metres = rng.integers(0, 15_000, (n_places, n_places))
    else:
        points = rng.uniform(0, 12_000, (n_places, 2))
        apart = np.abs(points[:, None] - points).sum(axis=2)
        metres = (apart * rng.uniform(1, 1.3, apart.shape)).astype(np.int64)
        for via in range(n_places):
            metres = np.minimum(metres, metres[:, [via]] + metres[[via], :])
    np.fill_diagonal(metres, 0)
    return metres


def _truck(rng: np.random.Generator, name: str) -> Truck:
    hours = rng.integers(0, 8), rng.integers(8, 20)
    return Truck(
        name,
        capacity_kg=float(rng.uniform(500, 3000)),
        capacity_l=float(rng.uniform(2000, 9000)),
        streams=("*",) if rng.random() < 0.6 else (str(rng.choice(STREAMS)),),
        shift_start_s=int(hours[0]) * 3600,
        shift_end_s=int(hours[1]) * 3600 + int(rng.integers(0, 3600)),
        max_km=None if rng.random() < 0.6 else float(rng.uniform(5, 90)),
        service_s_default=int(rng.integers(60, 500)),
    )


def _stop(rng: np.random.Generator, name: str) -> Stop:
    return Stop(
        name,
        load_kg=round(float(rng.uniform(0, 900)), int(rng.integers(0, 4))),
        load_l=float(rng.uniform(0, 3000)),
        service_s=None if rng.random() < 0.5 else int(rng.integers(0, 900)),
        prize_m=None if rng.random() < 0.4 else float(rng.exponential(8000)),
        stream=str(rng.choice(STREAMS)),
    )


def _odd_day(seed: int) -> DayProblem:
    rng = np.random.default_rng(seed)
    ids = ("depot", "tip", *(f"c{at}" for at in range(rng.integers(1, 13))))
    metres = _metres(rng, len(ids))
    roads = Roads(ids, metres, (metres / rng.uniform(3, 9)).astype(np.int64), "essai")
    trucks = tuple(_truck(rng, f"B{at}") for at in range(rng.integers(1, 4)))
    locked = {one: str(rng.choice([t.id for t in trucks])) for one in ids[2:] if rng.random() < 0.1}
    banned = {one: "travaux" for one in ids[2:] if rng.random() < 0.08 and one not in locked}
    return DayProblem(
        roads,
        trucks,
        tuple(_stop(rng, one) for one in ids[2:]),
        tip_s=int(rng.integers(0, 1800)),
        pause=PauseRule(int(rng.integers(2, 8)) * 3600, int(rng.choice([0, 1200, 2700]))),
        locked=locked,
        forbidden=banned,
        metres_per_truck=int(rng.choice([0, 5000])),
        metres_per_hour=int(rng.choice([0, 8000])),
    )


def _drive(seeds: range) -> Counter[str]:
    """Plan every day, fail on the first violation, and count what was met."""
    met: Counter[str] = Counter()
    for seed in seeds:
        problem = _odd_day(seed)
        plan = plan_day(problem, seed=seed, iterations=30)
        assert violations(problem, plan) == [], seed
        met.update(one.reason for one in plan.not_served)
        met["second trips"] += sum(trip.number > 1 for trip in plan.trips)
        met.update(visit.stop_type for trip in plan.trips for visit in trip.visits)
    return met


def test_a_hundred_odd_days_break_no_rule() -> None:
    """And they are odd enough: second trips, pauses and every reason but two rare ones occur."""
    met = _drive(range(100))
    often = ("container", "second trips", "pause", "forbidden", "no_truck", "no_room", "not_worth")
    assert all(met[name] for name in often), met


@pytest.mark.slow
def test_a_thousand_odd_days_break_no_rule() -> None:
    """The goal of issue 5: zero violations on 1,000 fuzzed days."""
    met = _drive(range(1000))
    assert all(met[name] for name in ("over_capacity", "over_shift", "over_range")), met
