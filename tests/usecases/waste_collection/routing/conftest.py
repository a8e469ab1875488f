"""A day small enough to drive by hand: five places on one straight road."""

import numpy as np
import pytest

from usecases.waste_collection.routing.day import DayProblem, PauseRule, Stop
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import Roads


@pytest.fixture
def straight() -> DayProblem:
    """Depot at km 0, containers a, b, c at km 1, 2, 3, tip at km 4; 100 s a kilometre."""
    km = np.array([0, 4, 1, 2, 3])
    metres = 1000 * np.abs(km[:, None] - km)
    roads = Roads(("depot", "tip", "a", "b", "c"), metres, metres // 10, "essai")
    stops = tuple(Stop(name, load_kg=100, load_l=500, service_s=200) for name in "abc")
    truck = Truck("B1", 250, 5000, shift_start_s=6 * 3600, shift_end_s=8 * 3600)
    return DayProblem(roads, (truck,), stops, tip_s=600, pause=PauseRule(length_s=0))
