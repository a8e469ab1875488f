"""Bounds of the kilometres: by hand, and never above what is driven."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import UsageError
from usecases.waste_collection.routing.bounds import lower_bound, nearest_arc_m, radial_m
from usecases.waste_collection.routing.day import DayProblem, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import Roads
from usecases.waste_collection.routing.schedule import plan_of


def test_the_two_bounds_are_those_of_the_brief(straight: DayProblem) -> None:
    """Nearest arcs 1 km each: 3 visits of a and 1 of c make 4 km.

    Ways: a from the depot 1 km, on to the tip 3 km: 4 km; c from the tip and back: 2 km.
    300 kg of a and 250 kg of c in trucks of 500 kg: 0.6 x 4 + 0.5 x 2 = 3.4 km.
    """
    assert nearest_arc_m(straight.roads).tolist() == [1000] * 5
    assert radial_m(straight.roads)[2:].tolist() == [4000, 4000, 2000]
    bound = lower_bound(straight.roads, {"a": 3, "c": 1}, {"a": 300, "c": 250}, 500)
    assert (bound.visits_m, bound.radial_m) == (4000, 3400)
    assert bound.km == 4.0


def test_a_truck_without_capacity_has_no_bound(straight: DayProblem) -> None:
    """It would be endless."""
    with pytest.raises(UsageError, match="above 0"):
        lower_bound(straight.roads, {}, {}, 0)


@settings(max_examples=40, deadline=None)
@given(
    points=st.lists(st.tuples(st.floats(47, 47.2), st.floats(-1.7, -1.4)), min_size=5, max_size=9),
    loads=st.lists(st.floats(1, 400), min_size=9, max_size=9),
    cut=st.integers(1, 3),
)
def test_no_round_drives_less_than_the_bound(
    points: list[tuple[float, float]], loads: list[float], cut: int
) -> None:
    """Whatever the order: trips of at most three stops of at most 400 kg, trucks of 1,200 kg.

    Legs are rounded to the metre: two metres a visit are allowed for that.
    """
    names = ("depot", "tip", *(f"c{at}" for at in range(len(points) - 2)))
    roads = Roads.as_the_crow_flies(
        (name, *point) for name, point in zip(names, points, strict=True)
    )
    stops = tuple(Stop(name, load_kg=load) for name, load in zip(names[2:], loads, strict=False))
    problem = DayProblem(roads, (Truck("B1", 1200, 1e9),), stops)
    trips = [names[2:][at : at + cut] for at in range(0, len(stops), cut)]
    driven = plan_of(problem, {"B1": trips}).distance_m
    carried = {stop.container_id: stop.load_kg for stop in stops}
    bound = lower_bound(roads, dict.fromkeys(carried, 1), carried, 1200)
    assert bound.km * 1000 <= driven + 2 * len(stops)
