"""The clock of a day, redone by hand."""

from dataclasses import replace

from usecases.waste_collection.routing.day import DayProblem, NotServed, PauseRule, cost_m
from usecases.waste_collection.routing.schedule import plan_of, schedule

SIX = 6 * 3600


def test_a_day_of_two_trips_is_laid_out_to_the_second(straight: DayProblem) -> None:
    """Kilometres 0-1-2-4, tip, 4-3-4, tip, 4-0; 100 s/km, 200 s a stop, 600 s at the tip."""
    first, second = schedule(straight, "B1", [["a", "b"], ["c"]])
    assert [visit.arrive_s - SIX for visit in first.visits] == [0, 100, 400, 800]
    # a: 100..300, b: 400..600, tip: 800..1400
    assert [visit.leave_s - SIX for visit in first.visits] == [0, 300, 600, 1400]
    assert [visit.load_kg for visit in first.visits] == [0, 100, 200, 0]
    # c: 1500..1700, tip: 1800..2400, depot: 2800
    assert [visit.leave_s - SIX for visit in second.visits] == [1400, 1700, 2400, 2800]
    assert (first.distance_m, second.distance_m) == (4_000, 2_000 + 4_000)
    assert (first.sequence, second.sequence) == (("a", "b"), ("c",))
    assert (first.load_kg, second.load_l) == (200, 500)
    assert (first.start_s, second.start_s, second.end_s) == (SIX, SIX + 1400, SIX + 2800)


def test_a_pause_falls_before_the_work_that_would_pass_the_limit(straight: DayProblem) -> None:
    """Work: a 300 s, b +300 = 600 s, tip +800 = 1400 s > 1300 s: pause after b."""
    problem = replace(straight, pause=PauseRule(after_s=1300, length_s=60))
    (trip,) = schedule(problem, "B1", [["a", "b"]])
    assert [visit.stop_type for visit in trip.visits] == [
        "depot", "container", "container", "pause", "tip", "depot",
    ]  # fmt: skip
    pause = trip.visits[3]
    assert (pause.arrive_s - SIX, pause.leave_s - SIX, pause.place_id) == (600, 660, "b")
    assert pause.load_kg == 200
    # since the pause: 200 + 600 to the end of the tip, 400 home: 1,200 s, no second one
    assert trip.end_s - SIX == 660 + 800 + 400
    assert trip.work_s == 1800


def test_a_truck_without_trips_stays_at_the_depot(straight: DayProblem) -> None:
    """No trip, no kilometre, no hour."""
    plan = plan_of(straight, {})
    assert plan.trips == ()
    assert (plan.distance_m, plan.truck_hours) == (0, 0.0)


def test_costs_count_metres_hours_trucks_and_prizes_left(straight: DayProblem) -> None:
    """8 km there and back, 1,400 + 400 s of work at 3,600 m/h, 500 m a truck, prizes of b, c."""
    stops = (straight.stops[0], *(replace(stop, prize_m=700.0) for stop in straight.stops[1:]))
    problem = replace(straight, stops=stops, metres_per_hour=3600, metres_per_truck=500)
    left = [NotServed("b", "not_worth"), NotServed("c", "not_worth")]
    plan = plan_of(problem, {"B1": [["a"]]}, left)
    # work: 100 + 200 + 300 + 600 + 400 = 1,600 s, hence 1,600 m
    assert cost_m(problem, plan) == 8_000 + 1_600 + 500 + 1_400
