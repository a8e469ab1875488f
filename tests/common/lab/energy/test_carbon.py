"""The pinned factor is the one CodeCarbon ships, and says where it comes from."""

import hashlib
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.edge.errors import UsageError
from common.lab.energy.carbon import FRANCE_2023, SMALL_SERVER


def test_the_pinned_factor_is_that_of_the_installed_codecarbon():
    """Should a new version bring another file, the pin must be moved on purpose."""
    package = Path(importlib.util.find_spec("codecarbon").origin).parent
    content = (package / "data/private_infra/global_energy_mix.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == FRANCE_2023.sha256
    france = json.loads(content)["FRA"]
    assert (france["carbon_intensity"], france["year"]) == (FRANCE_2023.value, FRANCE_2023.year)


def test_the_other_values_of_the_same_kwh_are_carried_along():
    values = sorted(FRANCE_2023.record()["sensitivity"].values())
    assert values == [21.7, 41.4, 56.0, 98.0]


def test_the_idle_share_of_a_machine_is_borne_by_what_runs():
    half_used = replace(SMALL_SERVER, utilisation=0.5)
    assert half_used.grams(3600)[1] == pytest.approx(2 * SMALL_SERVER.grams(3600)[1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: replace(FRANCE_2023, value=0.0),
        lambda: replace(FRANCE_2023, value=5000.0),
        lambda: replace(SMALL_SERVER, utilisation=0.0),
        lambda: replace(SMALL_SERVER, cores=0),
    ],
)
def test_impossible_values_are_refused(call):
    with pytest.raises(UsageError):
        call()
