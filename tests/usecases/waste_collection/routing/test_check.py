"""The checker names the rule that is broken, whichever it is, and stays silent otherwise."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from usecases.waste_collection.routing.check import violations
from usecases.waste_collection.routing.day import (
    DayPlan,
    DayProblem,
    NotServed,
    PauseRule,
    Trip,
    Visit,
)
from usecases.waste_collection.routing.schedule import plan_of

GOOD = {"B1": [["a", "b"], ["c"]]}


def _rules(problem: DayProblem, plan: DayPlan) -> set[str]:
    return {one.rule for one in violations(problem, plan)}


def _with_visit(plan: DayPlan, trip: int, position: int, **changes: object) -> DayPlan:
    """Change one visit and leave the rest as it is, however absurd."""
    trips = list(plan.trips)
    visits = list(trips[trip].visits)
    visits[position] = replace(visits[position], **changes)  # type: ignore[arg-type]
    trips[trip] = replace(trips[trip], visits=tuple(visits))
    return replace(plan, trips=tuple(trips))


def test_a_good_plan_breaks_nothing(straight: DayProblem) -> None:
    """Two trips of 200 and 100 kg in a truck of 250 kg, back after 2,800 of 7,200 s."""
    assert violations(straight, plan_of(straight, GOOD)) == []


CHANGES: list[tuple[str, Callable[[DayProblem], DayProblem]]] = [
    ("capacity", lambda day: replace(day, trucks=(replace(day.trucks[0], capacity_kg=199.9),))),
    ("capacity", lambda day: replace(day, trucks=(replace(day.trucks[0], capacity_l=999),))),
    ("shift", lambda day: replace(day, trucks=(replace(day.trucks[0], shift_end_s=24_399),))),
    ("shift", lambda day: replace(day, trucks=(replace(day.trucks[0], shift_start_s=21_601),))),
    ("range", lambda day: replace(day, trucks=(replace(day.trucks[0], max_km=9.999),))),
    ("stream", lambda day: replace(day, trucks=(replace(day.trucks[0], streams=("glass",)),))),
    ("stream", lambda day: _mixed(day)),
    ("forbidden", lambda day: replace(day, forbidden={"a": "marché"})),
    ("lock", lambda day: _locked_elsewhere(day)),
    ("pause", lambda day: replace(day, pause=PauseRule(after_s=2799))),
    ("service", lambda day: replace(day, tip_s=601)),
    ("truck", lambda day: replace(day, trucks=(replace(day.trucks[0], id="B9"),))),
]


def _mixed(day: DayProblem) -> DayProblem:
    return replace(day, stops=(replace(day.stops[0], stream="paper"), *day.stops[1:]))


def _locked_elsewhere(day: DayProblem) -> DayProblem:
    second = replace(day.trucks[0], id="B2")
    return replace(day, trucks=(*day.trucks, second), locked={"a": "B2"})


@pytest.mark.parametrize(("rule", "change"), CHANGES)
def test_a_plan_made_for_another_day_breaks_that_rule_only(
    straight: DayProblem, rule: str, change: Callable[[DayProblem], DayProblem]
) -> None:
    """Bounds are one unit off: 200 kg, 1,000 l, 2,800 s, 10 km, 600 s at the tip."""
    plan = plan_of(straight, GOOD)
    assert _rules(change(straight), plan) == {rule}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("load", {"load_kg": 150.0}),
        ("leg", {"leg_m": 999}),
        ("leg", {"leg_s": 99}),
        ("clock", {"arrive_s": 21_699}),
        ("service", {"leave_s": 21_899}),
        ("container", {"place_id": "z"}),
    ],
)
def test_a_line_that_lies_is_found(
    straight: DayProblem, rule: str, change: dict[str, object]
) -> None:
    """The first stop: a, 1,000 m and 100 s from the depot, 06:01:40 to 06:05:00, 100 kg."""
    plan = _with_visit(plan_of(straight, GOOD), 0, 1, **change)
    found = violations(straight, plan)
    assert rule in {one.rule for one in found}
    assert ("B1", 1, 1) in {(one.truck_id, one.trip, one.position) for one in found}


def test_a_day_that_does_not_end_empty_at_the_depot_is_found(straight: DayProblem) -> None:
    """The tip comes before the depot, always."""
    plan = plan_of(straight, {"B1": [["a"]]}, [NotServed(one, "no_room") for one in "bc"])
    (trip,) = plan.trips
    for kept in ((0, 1, 3), (0, 1, 2), (1, 2, 3)):
        cut = Trip("B1", 1, tuple(trip.visits[at] for at in kept))
        assert "order" in _rules(straight, replace(plan, trips=(cut,)))


def test_a_tip_that_is_a_container_is_found(straight: DayProblem) -> None:
    """Calling a place a tip does not make it one."""
    plan = plan_of(straight, {"B1": [["a"]]}, [NotServed(one, "no_room") for one in "bc"])
    assert "order" in _rules(straight, _with_visit(plan, 0, 2, place_id="b"))


def test_each_stop_is_served_once_or_named_once(straight: DayProblem) -> None:
    """Twice, never, both: three ways to lose count of a container."""
    silent = plan_of(straight, {"B1": [["a", "b"]]})
    assert [one.found for one in violations(straight, silent)] == ["c neither served nor left out"]
    both = plan_of(straight, GOOD, [NotServed("c", "no_room")])
    assert _rules(straight, both) == {"account"}
    twice = plan_of(straight, {"B1": [["a", "b"], ["c", "a"]]})
    assert _rules(straight, twice) == {"twice"}


def test_a_stop_that_must_be_served_is_never_just_not_worth_it(straight: DayProblem) -> None:
    """Want of room is a reason, thrift is not."""
    thrifty = plan_of(straight, {"B1": [["a", "b"]]}, [NotServed("c", "not_worth")])
    full = plan_of(straight, {"B1": [["a", "b"]]}, [NotServed("c", "no_room")])
    assert _rules(straight, thrifty) == {"account"}
    assert _rules(straight, full) == set()


def test_a_pause_in_time_lets_the_day_go_on(straight: DayProblem) -> None:
    """Work of 2,800 s with a pause due before 2,000 s: one is enough, a short one is not."""
    problem = replace(straight, pause=PauseRule(after_s=2000, length_s=300))
    plan = plan_of(problem, GOOD)
    kinds = [visit.stop_type for trip in plan.trips for visit in trip.visits]
    assert kinds.count("pause") == 1
    assert violations(problem, plan) == []
    longer = replace(problem, pause=PauseRule(after_s=2000, length_s=301))
    assert _rules(longer, plan) == {"pause"}


def test_trips_follow_each_other_in_time_and_place(straight: DayProblem) -> None:
    """The second trip cannot leave the tip before the first has ended there."""
    plan = plan_of(straight, GOOD)
    early = _with_visit(plan, 1, 0, arrive_s=22_000, leave_s=22_000)
    assert "clock" in _rules(straight, early)
    renumbered = replace(plan, trips=(plan.trips[0], replace(plan.trips[1], number=3)))
    assert _rules(straight, renumbered) == {"order"}


def test_an_empty_trip_is_reported_and_does_not_crash(straight: DayProblem) -> None:
    """A file from elsewhere may hold anything."""
    plan = DayPlan((Trip("B1", 1, ()),), tuple(NotServed(one, "no_room") for one in "abc"))
    assert _rules(straight, plan) == {"order"}
    odd = DayPlan((Trip("B1", 1, (Visit("depot", "depot", 21_600, 21_600),)),), plan.not_served)
    assert _rules(straight, odd) == {"order"}
