"""What may be said: no joule without a tier, no comparison that the intervals do not carry."""

from dataclasses import replace

import pytest

from common.lab.energy import declared
from common.lab.energy.claims import TIERS, describe_energy, times_less, times_less_cpu
from common.lab.record import Footprint

BASE = Footprint(
    stage="predict_1000",
    cpu_seconds=1.0,
    wall_seconds=1.0,
    peak_rss_mib=100.0,
    kwh_low=1e-6,
    kwh_central=2e-6,
    kwh_high=3e-6,
    tier="B_counter",
    hardware="Intel N100, 4 CPU",
    repetitions=7,
    cv=0.02,
    quality="high",
    predictions=1000,
    conditions={"cpu_seconds_interval": [0.9, 1.1]},
)


def energy(low, central, high, **changes):
    return replace(BASE, kwh_low=low, kwh_central=central, kwh_high=high, **changes)


def test_the_claim_is_the_smallest_ratio_of_the_intervals_rounded_down():
    # 40 / 3 = 13.3 -> 10
    claim = times_less(BASE, energy(40e-6, 47e-6, 50e-6))
    assert claim is not None
    assert claim.startswith("au moins 10 fois moins d'énergie pour 1\u202f000 prédictions")
    assert "niveau\u00a0B" in claim


def test_overlapping_intervals_allow_no_claim():
    assert times_less(BASE, energy(2.9e-6, 9e-6, 20e-6)) is None


def test_less_than_twice_is_not_said():
    """1.9 rounded down to one digit is 1, and "1 fois moins" says nothing."""
    assert times_less(BASE, energy(5.7e-6, 9e-6, 20e-6)) is None


def test_the_other_way_round_there_is_no_claim():
    assert times_less(energy(40e-6, 47e-6, 50e-6), BASE) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"tier": "C_model"},
        {"tier": "D_declared"},
        {"quality": "low"},
        {"stage": "train"},
        {"predictions": 0},
    ],
)
def test_what_cannot_be_compared_is_not(changes):
    """Another class of evidence, a low quality, another stage or another unit."""
    other = energy(40e-6, 47e-6, 50e-6, **changes)
    assert times_less(BASE, other) is None


def test_a_wattmeter_and_a_counter_are_both_measured():
    assert times_less(BASE, energy(40e-6, 47e-6, 50e-6, tier="A_wall")) is not None


def test_two_declared_figures_are_never_compared():
    a, b = (declared(kwh, stage="predict_1", method="x", predictions=1) for kwh in (1.0, 100.0))
    assert times_less(a, b) is None


def test_energy_is_compared_for_the_same_number_of_predictions():
    # b: 100 rows for 4e-6 kWh = 40e-6 for 1,000; 40 / 3 -> 10
    claim = times_less(BASE, energy(4e-6, 4.7e-6, 5e-6, predictions=100))
    assert claim is not None
    assert claim.startswith("au moins 10 fois")


def test_cpu_time_is_compared_on_one_machine_only():
    slower = replace(BASE, conditions={"cpu_seconds_interval": [9.0, 11.0]})
    # 9.0 / 1.1 = 8.2 -> 8
    claim = times_less_cpu(BASE, slower)
    assert claim is not None
    assert claim.startswith("au moins 8 fois moins de temps processeur")
    assert times_less_cpu(BASE, replace(slower, hardware="Cortex-A76, 4 CPU")) is None
    assert times_less_cpu(BASE, replace(slower, conditions={})) is None


@pytest.mark.parametrize("tier", list(TIERS))
def test_no_energy_is_printed_without_its_tier(tier):
    footprint = replace(BASE, tier=tier)
    text = describe_energy(footprint)
    assert f"niveau\u00a0{tier[0]}\u00a0: {TIERS[tier]}" in text
    if tier == "F_none":
        assert "Wh" not in text
    else:
        assert footprint.hardware in text
        assert "[1,0–3,0]" in text  # mWh


def test_a_figure_below_the_resolution_is_an_upper_bound():
    text = describe_energy(replace(BASE, conditions={"flags": ["below_resolution"]}))
    assert text.startswith("au plus 2,0\u00a0mWh")


def test_two_significant_digits_are_printed():
    text = describe_energy(replace(BASE, predictions=0, kwh_high=1.234e-3, kwh_central=4.1e-4))
    # 4.1e-4 kWh = 0.41 Wh, up to 1.2 Wh
    assert text.startswith("0,41\u00a0Wh [0,0010–1,2]")
