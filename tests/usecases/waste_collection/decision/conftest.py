"""Eight containers round Nantes, six weeks of daily levels whose course is known by hand."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from common.lab.usecase import Dataset
from usecases.waste_collection.decision.choice import Case, Proposal, propose
from usecases.waste_collection.decision.outlook import counted
from usecases.waste_collection.decision.situation import situation_on
from usecases.waste_collection.decision.terrain import Terrain, terrain_of
from usecases.waste_collection.fill.readings import Place, daily_dataset

FIRST = date(2026, 3, 1)
TODAY = date(2026, 4, 10)  # a Friday, 40 days later
STEPS = (20.0, 20.0, 10.0, 5.0, 2.0, 20.0, 10.0, 5.0)
"""Points that each container gains a day."""
ITERATIONS = 60


def levels(step: float, days: int) -> list[float]:
    """Return levels that grow by ``step`` and start again at 0 once they would pass 100."""
    found, level = [], 0.0
    for _ in range(days):
        found.append(level)
        level = 0.0 if level + step > 100 else level + step
    return found


def dataset_of(*, until: date = TODAY, silent: str = "", proxy: str = "Substitution.") -> Dataset:
    """Return the readings up to a day; ``silent`` has none in the last ten days."""
    days = (until - FIRST).days + 1
    ids = [f"c{number}" for number in range(1, len(STEPS) + 1)]
    rows = [
        {
            "container_id": name,
            "day": pd.Timestamp(FIRST + timedelta(days=day)),
            "level_percent": level,
            "alert": False,
            "threshold_percent": 80.0,
        }
        for name, step in zip(ids, STEPS, strict=True)
        for day, level in enumerate(levels(step, days))
        if not (name == silent and day >= days - 10)
    ]
    containers = pd.DataFrame(
        {
            "container_id": ids,
            "name": [f"Rue n° {name[1:]}" for name in ids],
            "lat": [47.20 + 0.004 * number for number in range(len(ids))],
            "lon": [-1.55 + 0.006 * (number % 3) for number in range(len(ids))],
            "stream": "glass",
            "capacity_l": 3000.0,
            "district": "Centre",
            "pair_id": ids,
            "headline": True,
        }
    )
    place = Place("essai", "Europe/Paris", proxy=proxy)
    return daily_dataset(place, containers, pd.DataFrame(rows))


def terrain(containers: pd.DataFrame) -> Terrain:
    return terrain_of(containers, depot="47.21,-1.60", tip="47.25,-1.52")


def case_on(day: date = TODAY, **options: str) -> Case:
    situation = situation_on(dataset_of(until=day, **options), day)
    return Case(situation, counted(situation), terrain(situation.containers))


@pytest.fixture(scope="package")
def case() -> Case:
    return case_on()


@pytest.fixture(scope="package")
def proposal(case: Case) -> Proposal:
    found = propose(case, iterations=ITERATIONS)
    assert found.plan.trips, "the pages are tested on a day with rounds"
    return found


def last_level(step: float) -> float:
    """Return today's level of a container, by hand."""
    return float(np.array(levels(step, (TODAY - FIRST).days + 1))[-1])
