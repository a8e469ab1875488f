"""A small site for replays: twelve containers on a grid, inflow by hand or drawn."""

import numpy as np
import pytest

from usecases.waste_collection.replay.site import Site, read_assumptions
from usecases.waste_collection.routing.network import Roads

N_CONTAINERS = 12


def small_site(inflow_percent: np.ndarray, warm_up_days: int = 21, name: str = "small") -> Site:
    """Return a site on a grid of about 2 km, one column of inflow per container."""
    n = inflow_percent.shape[1]
    places = [("depot", 47.2, -1.6), ("tip", 47.21, -1.62)]
    places += [(f"c{k}", 47.2 + 0.02 * (k % 4), -1.6 + 0.03 * (k // 4)) for k in range(n)]
    districts = tuple(f"440{k % 3}0" for k in range(n))
    roads = Roads.as_the_crow_flies(places)
    return Site(name, roads, inflow_percent, districts, read_assumptions(), 0, warm_up_days)


@pytest.fixture
def drawn_site() -> Site:
    """Twelve containers, 41 days of steps of 20 points, seeded."""
    rng = np.random.default_rng(3)
    steps = rng.choice([0, 20, 40, 60, 80], p=[0.68, 0.17, 0.09, 0.04, 0.02], size=(41, 12))
    return small_site(steps.astype(np.float64))
