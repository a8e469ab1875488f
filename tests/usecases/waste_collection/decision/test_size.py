"""A metropolis: 1,000 containers and 10 trucks are planned in the time that a morning leaves."""

import time

import numpy as np
import pandas as pd
import pytest

from usecases.waste_collection.decision.choice import Case, Wishes, propose
from usecases.waste_collection.decision.outlook import counted
from usecases.waste_collection.decision.situation import situation_on
from usecases.waste_collection.decision.terrain import terrain_of
from usecases.waste_collection.fill.readings import Place, daily_dataset
from usecases.waste_collection.routing.fleet import Truck, write_fleet

N_CONTAINERS, N_TRUCKS, N_DAYS = 1_000, 10, 60
PLAN_SECONDS, AGAIN_SECONDS = 60.0, 10.0


def metropolis():
    """Return two months of levels within ten kilometres of Nantes, seeded."""
    rng = np.random.default_rng(5)
    ids = [f"c{number:04d}" for number in range(N_CONTAINERS)]
    days = pd.date_range("2026-01-01", periods=N_DAYS)
    rate, level, rows = rng.gamma(3, 3, N_CONTAINERS), rng.uniform(0, 60, N_CONTAINERS), []
    for number, day in enumerate(days):
        read = np.minimum(100, 20 * np.floor(level / 20 + 0.5))
        rows.append(pd.DataFrame({"container_id": ids, "day": day, "level_percent": read}))
        level = np.where((level > 60) & (number % 3 == 0), 0, level) + rng.gamma(2, rate / 2)
    containers = pd.DataFrame(
        {
            "container_id": ids,
            "name": ids,
            "lat": 47.22 + 0.05 * rng.standard_normal(N_CONTAINERS),
            "lon": -1.55 + 0.07 * rng.standard_normal(N_CONTAINERS),
            "stream": rng.choice(["glass", "paper"], N_CONTAINERS),
            "capacity_l": 3000.0,
            "district": "",
            "pair_id": ids,
            "headline": True,
        }
    )
    readings = pd.concat(rows).assign(alert=False, threshold_percent=80.0)
    place = Place("SIMULATED metropolis", "Europe/Paris", simulated=True)
    return daily_dataset(place, containers, readings)


@pytest.mark.slow
def test_a_thousand_containers_and_ten_trucks_fit_in_the_morning(tmp_path):
    """Issue 5: a plan in 60 s, another from it in 10 s, no rule broken in either."""
    fleet = tmp_path / "vehicles.csv"
    write_fleet(fleet, [Truck(f"B{k:02d}", 12_000, 25_000) for k in range(N_TRUCKS)])
    situation = situation_on(metropolis())
    terrain = terrain_of(situation.containers, fleet=fleet, depot="47.27,-1.62", tip="47.19,-1.50")
    case = Case(situation, counted(situation), terrain)
    began = time.perf_counter()
    first = propose(case)
    assert time.perf_counter() - began < PLAN_SECONDS
    assert first.broken == ()
    assert len({trip.truck_id for trip in first.plan.trips}) > 1
    left = first.plan.not_served[0].container_id
    wishes = Wishes(added=(left,), removed=(first.plan.served[0],), former=first.plan)
    began = time.perf_counter()
    again = propose(case, wishes)
    assert time.perf_counter() - began < AGAIN_SECONDS
    assert again.broken == ()
    assert left in again.plan.served
