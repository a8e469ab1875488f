"""The public data of waste collection, read once."""

import os

import pytest

from common.lab.usecase import Dataset
from usecases.waste_collection.data import load


def _at_hand() -> None:
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")


@pytest.fixture(scope="session")
def wyndham() -> Dataset:
    _at_hand()
    return load("wyndham")


@pytest.fixture(scope="session")
def edinburgh() -> Dataset:
    _at_hand()
    return load("edinburgh")
