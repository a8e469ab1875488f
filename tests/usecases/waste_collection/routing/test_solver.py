"""The solver finds the best plan of small days, keeps every rule, and names what it leaves."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from common.edge.errors import MissingExtraError, UsageError
from usecases.waste_collection.routing.check import violations
from usecases.waste_collection.routing.day import (
    DayPlan,
    DayProblem,
    NotServed,
    PauseRule,
    Stop,
    cost_m,
)
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import Roads
from usecases.waste_collection.routing.schedule import plan_of
from usecases.waste_collection.routing.solver import plan_day

pytest.importorskip("pyvrp")


def _grid(seed: int, n_stops: int) -> Roads:
    """Places on a 10 km square, metres as a taxi drives, 10 m a second."""
    points = np.random.default_rng(seed).integers(0, 10_000, (n_stops + 2, 2))
    metres = np.abs(points[:, None] - points).sum(axis=2)
    ids = ("depot", "tip", *(f"c{at}" for at in range(n_stops)))
    return Roads(ids, metres, metres // 10, "essai")


def _every_plan(problem: DayProblem) -> Iterator[DayPlan]:
    """Yield every choice, order and cut into trips of a one-truck day."""
    names = [stop.container_id for stop in problem.stops]
    for size in range(len(names) + 1):
        for order in permutations(names, size):
            for cuts in product((False, True), repeat=max(0, size - 1)):
                trips: list[list[str]] = [[]]
                for at, name in enumerate(order):
                    trips[-1].append(name)
                    if at < size - 1 and cuts[at]:
                        trips.append([])
                left = [NotServed(one, "no_room") for one in names if one not in order]
                yield plan_of(problem, {"B1": trips} if order else {}, left)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("costs", [(0, 0), (3_000, 9_000)])
def test_the_best_of_all_plans_of_a_small_day_is_found(seed: int, costs: tuple[int, int]) -> None:
    """Four stops: 1 + 4 + 24 + 96 + 192 plans, each checked and priced, none cheaper."""
    rng = np.random.default_rng(100 + seed)
    stops = tuple(
        Stop(f"c{at}", load_kg=100, service_s=120, prize_m=float(rng.integers(0, 12_000)))
        for at in range(4)
    )
    truck = Truck("B1", 250, 5000, shift_start_s=0, shift_end_s=3 * 3600, max_km=60)
    problem = DayProblem(
        _grid(seed, 4), (truck,), stops, metres_per_truck=costs[0], metres_per_hour=costs[1]
    )
    best = min(
        cost_m(problem, plan) for plan in _every_plan(problem) if not violations(problem, plan)
    )
    plan = plan_day(problem, seed=seed, iterations=200)
    # hours are priced per whole second by PyVRP: 9,000 m/h is 250 hundredths of a metre, exact
    assert cost_m(problem, plan) == pytest.approx(best)
    assert violations(problem, plan) == []


def test_a_full_truck_tips_and_goes_on(straight: DayProblem) -> None:
    """Three stops of 100 kg in a truck of 250 kg: two trips, each emptied, 10 km in all."""
    plan = plan_day(straight, iterations=50)
    assert sorted(plan.served) == ["a", "b", "c"]
    assert len(plan.trips) == 2
    assert plan.distance_m == 10_000
    assert violations(straight, plan) == []


def test_two_streams_never_share_a_trip(straight: DayProblem) -> None:
    """Load would allow one trip for a and b; their streams do not."""
    stops = tuple(
        replace(stop, load_kg=50, stream=stream)
        for stop, stream in zip(straight.stops, ("glass", "paper", "glass"), strict=True)
    )
    problem = replace(straight, stops=stops)
    plan = plan_day(problem, iterations=50)
    assert sorted(sorted(trip.sequence) for trip in plan.trips) == [["a", "c"], ["b"]]
    assert violations(problem, plan) == []


def test_a_locked_stop_goes_with_its_truck_even_without_a_prize(straight: DayProblem) -> None:
    """A lock makes a stop due; the other truck, alike but first, stays at the depot."""
    second = replace(straight.trucks[0], id="B2")
    stops = tuple(replace(stop, prize_m=0.0) for stop in straight.stops)
    problem = replace(straight, trucks=(*straight.trucks, second), stops=stops, locked={"b": "B2"})
    plan = plan_day(problem, iterations=50)
    assert [(trip.truck_id, trip.sequence) for trip in plan.trips] == [("B2", ("b",))]
    assert {one.reason for one in plan.not_served} == {"not_worth"}


def test_every_stop_left_out_is_named_with_its_reason(straight: DayProblem) -> None:
    """One of each: banned, no truck, too heavy, too far for shift or range, no room, thrift."""
    km = np.array([0, 4, 1, 2, 3, 90, 60, 1, 3])
    metres = 1000 * np.abs(km[:, None] - km)
    ids = ("depot", "tip", "a", "b", "c", "far", "ranged", "x", "y")
    stops = (
        *straight.stops[:2],
        replace(straight.stops[2], load_kg=251),
        Stop("far"),
        Stop("ranged"),
        Stop("x", stream="glass", load_kg=1, load_l=1),
        Stop("y", load_kg=200, load_l=1, prize_m=1.0, service_s=3_000),
    )
    truck = replace(straight.trucks[0], streams=("general",), max_km=100)
    problem = replace(
        straight,
        roads=Roads(ids, metres, metres // 50, "essai"),
        trucks=(truck,),
        stops=stops,
        forbidden={"b": "travaux rue Neuve"},
    )
    plan = plan_day(problem, iterations=50)
    reasons = {one.container_id: one.reason for one in plan.not_served}
    # far: 90 + 86 + 4 km = 3,600 s and 840 s of stays fit the shift, not the 100 km
    assert reasons == {
        "b": "forbidden",
        "c": "over_capacity",
        "far": "over_range",
        "ranged": "over_range",
        "x": "no_truck",
        "y": "not_worth",
    }
    assert plan.served == ("a",)
    short = replace(problem, trucks=(replace(truck, shift_end_s=6 * 3600 + 1_400),))
    told = {one.container_id: one.reason for one in plan_day(short, iterations=20).not_served}
    assert (told["far"], told["y"]) == ("over_shift", "over_shift")
    assert next(one for one in plan.not_served if one.container_id == "b").detail == (
        "travaux rue Neuve"
    )


def test_stops_that_do_not_all_fit_are_served_as_far_as_the_shift_goes() -> None:
    """Ten due stops, room for four: the plan is feasible and six are named, never hidden."""
    roads = _grid(1, 10)
    stops = tuple(Stop(f"c{at}", load_kg=100, service_s=1_500) for at in range(10))
    truck = Truck("B1", 5000, 5000, shift_start_s=0, shift_end_s=3 * 3600)
    problem = DayProblem(roads, (truck,), stops)
    plan = plan_day(problem, iterations=100)
    assert violations(problem, plan) == []
    assert len(plan.served) + len(plan.not_served) == 10
    assert len(plan.served) >= 4  # 4 x 1,500 + 900 s leave 3,900 s, or 39 km, to drive
    assert {one.reason for one in plan.not_served} == {"no_room"}


def test_the_shift_leaves_time_for_the_pause() -> None:
    """Eight hours, one pause: 7 h 15 of work at most, and never six hours without a break."""
    roads = _grid(2, 30)
    stops = tuple(Stop(f"c{at}", service_s=1_200, prize_m=50_000.0) for at in range(30))
    truck = Truck("B1", 5000, 5000, shift_start_s=0, shift_end_s=8 * 3600)
    problem = DayProblem(roads, (truck,), stops)
    assert problem.work_limit_s(truck) == 7 * 3600 + 15 * 60
    plan = plan_day(problem, iterations=100)
    work_s = sum(trip.work_s for trip in plan.trips)
    assert 6 * 3600 < work_s <= 7 * 3600 + 15 * 60
    assert violations(problem, plan) == []
    without = replace(problem, pause=PauseRule(length_s=0))
    assert len(plan_day(without, iterations=100).served) > len(plan.served)


def test_equal_seed_and_iterations_give_the_equal_plan() -> None:
    """Replays rest on it."""
    problem = _medium(40)
    once, again = (plan_day(problem, seed=3, iterations=60) for _ in range(2))
    assert once == again


def test_a_former_plan_is_where_planning_again_begins() -> None:
    """No iteration at all: what still holds is kept, a banned stop leaves, a new one enters."""
    problem = _medium(30)
    before = plan_day(problem, seed=1, iterations=100)
    kept = plan_day(problem, iterations=0, start=before)
    assert kept.served == before.served
    banned = before.served[3]
    changed = replace(problem, forbidden={banned: "marché"})
    after = plan_day(changed, iterations=0, start=before)
    assert banned not in after.served
    assert set(before.served) - {banned} <= set(after.served)
    assert violations(changed, after) == []


def test_a_start_from_another_fleet_is_taken_as_far_as_it_goes() -> None:
    """A truck breaks down: its stops go to the other or are named."""
    problem = _medium(30)
    before = plan_day(problem, seed=1, iterations=50)
    alone = replace(problem, trucks=problem.trucks[1:])
    after = plan_day(alone, iterations=20, start=before)
    assert {trip.truck_id for trip in after.trips} <= {"B2"}
    assert violations(alone, after) == []


def test_a_day_without_stops_or_trucks_has_an_empty_plan(straight: DayProblem) -> None:
    """No round at all is a plan."""
    assert plan_day(replace(straight, stops=())) == DayPlan(())
    nobody = plan_day(replace(straight, trucks=()))
    assert {one.reason for one in nobody.not_served} == {"no_truck"}


def test_a_budget_below_nothing_is_refused(straight: DayProblem) -> None:
    """Zero is allowed: it keeps the start."""
    with pytest.raises(UsageError, match="-1 iterations"):
        plan_day(straight, iterations=-1)


def test_without_pyvrp_the_extra_is_named(
    straight: DayProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base installation plans no rounds, and says how to."""
    monkeypatch.setitem(sys.modules, "pyvrp", None)
    with pytest.raises(MissingExtraError, match="rounds"):
        plan_day(straight)


def _medium(n_stops: int) -> DayProblem:
    rng = np.random.default_rng(0)
    stops = tuple(
        Stop(
            f"c{at}",
            load_kg=float(rng.uniform(50, 400)),
            load_l=float(rng.uniform(100, 900)),
            prize_m=None if at % 3 else 4_000.0,
        )
        for at in range(n_stops)
    )
    trucks = tuple(Truck(name, 3000, 6000) for name in ("B1", "B2"))
    return DayProblem(_grid(7, n_stops), trucks, stops)
