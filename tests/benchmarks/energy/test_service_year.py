"""A year of service counts the machine that waits, and unknowns stay unknown."""

import math

import pytest

from benchmarks.declaration import Declaration
from benchmarks.energy.service_year import (
    ALWAYS_ON_WATTS,
    Service,
    cost_eur_per_year,
    crossover_predictions,
    service_of,
    service_year,
)
from benchmarks.records import Evidence
from common.edge.errors import UsageError

PREDICT = Evidence(4, 1.0, 2.0, 4.0, "predict", "mesurée")
TRAIN = Evidence(4, 10.0, 20.0, 40.0, "train", "mesurée")
UNKNOWN = Evidence(0, math.nan, math.nan, math.nan, "train", "non déclarée")


def declare(raw, trainings=None):
    return Declaration(raw=raw, sha256="0" * 64, trainings_per_year=trainings)


def test_an_idle_server_outweighs_its_predictions():
    # 1 million predictions at 1 to 4 Wh per 1,000: 1 to 4 kWh; 40 W x 8,760 h: 350.4 kWh
    found = service_year(Service(1e6, (40.0, 40.0), 12), PREDICT, TRAIN)
    assert found["prédictions"] == (1.0, 4.0)
    assert found["machine allumée"] == pytest.approx((350.4, 350.4))
    # 12 trainings of 10 to 40 Wh
    assert found["réentraînements"] == pytest.approx((0.12, 0.48))
    assert found["total"] == pytest.approx((351.52, 354.88))


def test_what_nobody_said_has_no_upper_bound_and_the_total_neither():
    found = service_year(Service(1e6, (0.0, math.nan), None), PREDICT, UNKNOWN)
    assert found["total"][0] == 1.0
    assert math.isnan(found["total"][1])


def test_no_training_costs_nothing_even_where_its_energy_is_unknown():
    found = service_year(Service(1e6, (0.0, 0.0), 0), PREDICT, UNKNOWN)
    assert found["total"] == (1.0, 4.0)


def test_declared_watts_win_over_the_kind_of_hosting():
    hosted = {"hosting": {"kind": "pi_class"}}
    assert service_of(declare(hosted), 10).watts == ALWAYS_ON_WATTS["pi_class"]
    named = {"hosting": {"kind": "pi_class", "always_on_watts": 5}}
    assert service_of(declare(named, 4), 10) == Service(10, (5.0, 5.0), 4)
    assert math.isnan(service_of(declare({}), 10).watts[1])


def test_costs_add_up_with_their_sensitivity():
    raw = {
        "cost": {
            "licence_eur_per_year": 600,
            "hosting_eur_per_year": 300,
            "staff_minutes_per_error": 6,
        }
    }
    # 600 + 300 + 100 errors x 6 min at 10 EUR/h (100) = 1,000 EUR, ±30 %
    found = cost_eur_per_year(declare(raw), errors=100, staff_eur_per_hour=10)
    assert found == pytest.approx((700, 1300))
    assert all(math.isnan(bound) for bound in cost_eur_per_year(declare({})))


def test_volumes_cross_only_where_one_waits_less_and_computes_more():
    assert crossover_predictions((10.0, 0.0), (0.0, 100.0)) == pytest.approx(100_000)
    assert crossover_predictions((10.0, 0.0), (200.0, 100.0)) is None
    assert crossover_predictions((10.0, 0.0), (100.0, 100.0)) is None
    assert crossover_predictions((math.nan, 0.0), (0.0, 100.0)) is None


@pytest.mark.parametrize("wrong", [{"predictions": -1}, {"predictions": 1, "watts": (2.0, 1.0)}])
def test_a_service_that_cannot_be_is_refused(wrong):
    with pytest.raises(UsageError):
        Service(**wrong)
