"""Three simulated meters over two years, and what the forecast's tests make of them once."""

from datetime import date

import pytest

from common.lab import graph
from common.lab.usecase import Dataset, Examples, Period, Training
from usecases.building_energy.simulate import simulate
from usecases.building_energy.tasks import ELECTRICITY

FIT = Period(date(2022, 1, 3), date(2022, 7, 4))


@pytest.fixture(scope="session")
def meters() -> Dataset:
    """A school, a town hall and a gymnasium, 2021 and 2022."""
    return simulate("electricity", seed=1, n_meters=3, years=(2021, 2022))


@pytest.fixture(scope="session")
def examples(meters: Dataset) -> Examples:
    """Half a year of target days: 26 weeks of 7 days for each of three meters."""
    return ELECTRICITY.examples(meters, FIT)


@pytest.fixture(scope="session")
def training(examples: Examples) -> Training:
    """The traced features of that half-year beside the target."""
    return graph.training(ELECTRICITY, examples, seed=7)
