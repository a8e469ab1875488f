"""Curves are read at equal overflows, and a gain that somebody pays for is refused."""

import math

import numpy as np
import pytest

from common.edge.errors import UsageError
from usecases.waste_collection.replay.bounds import Bound
from usecases.waste_collection.replay.report.page import replay_page
from usecases.waste_collection.replay.report.wording import verdict
from usecases.waste_collection.replay.scoring.comparison import compare
from usecases.waste_collection.replay.scoring.curves import (
    curves_of,
    gain_at,
    gain_over_curve,
    read_at,
)
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.site import read_assumptions

N, DAYS = 20, 50


def outcome(scenario: str, family: str, parameter: float, km: float, over: list[int]) -> Outcome:
    """Return an outcome of 20 containers over 50 days, 1,000 container-days."""
    days = tuple(over + [0] * (N - len(over)))
    return Outcome(
        scenario=scenario, family=family, parameter=parameter, days=DAYS, km=km,
        truck_hours=km / 20, rounds=10, trips=10, not_served=0, fill_percent=(50.0,),
        overflow_days=days, over_percent_days=1.0, waits_days=(3.0,) * N,
        districts=tuple("AB"[k % 2] for k in range(N)), last_level_percent=30.0, plan_cpu_s=1.0,
    )  # fmt: skip


def bench(worst: list[int]) -> list[Outcome]:
    """Return the own round (1,000 km, 2 overflow-days) and a policy around it, 4 scenarios."""
    found = []
    for k in range(4):
        name = f"s{k}"
        found += [
            outcome(name, "fixed", 3, 1000 + k, [1, 1]),
            outcome(name, "fixed", 2, 1400 + k, []),
            outcome(name, "fair_2d", 10, 600 + k, worst),
            outcome(name, "fair_2d", 40, 800 + k, []),
        ]
    return found


def test_km_are_interpolated_between_the_two_settings_around_the_rate() -> None:
    """0 overflows at 800 km, 4 at 600 km: half-way, at 2, 700 km; mean of k = 0..3 adds 1.5."""
    curve = next(c for c in curves_of(bench([1, 1, 1, 1])) if c.family == "fair_2d")
    reading = read_at(curve, 2.0)
    assert reading.value == pytest.approx(701.5)
    assert reading.low <= reading.value <= reading.high


def test_nothing_is_extrapolated() -> None:
    """5 overflow-days per 1,000 is beyond the curve."""
    curve = next(c for c in curves_of(bench([1, 1, 1, 1])) if c.family == "fair_2d")
    assert math.isnan(read_at(curve, 5.0).value)


def test_a_gain_is_told_at_the_own_rounds_overflows() -> None:
    """700 against 1,000 km at 2 overflow-days: -30 %, nearly the same in every scenario."""
    curves = {c.family: c for c in curves_of(bench([1, 1, 1, 1]))}
    gain = gain_at(curves["fair_2d"], curves["fixed"], 3)
    assert gain.ratio == pytest.approx(701.5 / 1001.5 - 1)
    assert gain.low <= gain.ratio <= gain.high
    assert gain.high - gain.low < 0.01
    with pytest.raises(UsageError, match="a parameter of the reference"):
        gain_at(curves["fair_2d"], curves["fixed"], 7)


def test_two_curves_are_compared_where_both_come_to_a_rate() -> None:
    """At 1: fixed half-way between 1,400 and 1,000, the policy a quarter from 800 to 600."""
    curves = {c.family: c for c in curves_of(bench([1, 1, 1, 1]))}
    gain = gain_over_curve(curves["fair_2d"], curves["fixed"], 1.0)
    assert gain.ratio == pytest.approx(751.5 / 1201.5 - 1)
    assert math.isnan(gain_over_curve(curves["fair_2d"], curves["fixed"], 3.0).ratio)


def test_settings_driven_on_too_few_scenarios_are_left_out() -> None:
    """One of four is less than 30 %: a bench stopped half-way does not shrink to it."""
    found = [*bench([1, 1, 1, 1]), outcome("s0", "fair_2d", 20, 1.0, [])]
    curve = next(c for c in curves_of(found) if c.family == "fair_2d")
    assert curve.parameters == (10, 40)


def test_a_gain_that_one_district_pays_for_is_refused() -> None:
    """All overflows on two containers of district A: the worst decile bears twice the round's."""
    spread = compare(bench([1, 1, 1, 1])).row("fair_2d")
    borne = compare(bench([5, 0, 5])).row("fair_2d")
    assert spread is not None
    assert borne is not None
    assert spread.fairness == "held"
    assert borne.fairness == "refused"


def test_the_verdict_is_computed_and_says_where_the_goal_stands() -> None:
    """-30 % is not -35 %; the page is one file that refers to nothing outside."""
    compared = compare(bench([1, 1, 1, 1]))
    words = verdict(compared, compared.row("fair_2d"))
    assert words[0].startswith("−30")
    assert "km à débordements égaux" in words[0]
    assert "n'est pas atteint" in words[3]
    html = replay_page(compared, [Bound(480, 400.0, 500.0, 300.0)], read_assumptions())
    assert "NON VÉRIFIÉ" in html.upper()
    assert "<script" not in html
    assert "http" not in html.replace("https://www.w3.org", "")


def test_without_the_chosen_policy_there_is_no_verdict() -> None:
    """Nothing is made up from an empty bench."""
    compared = compare([one for one in bench([1]) if one.family == "fixed"])
    assert verdict(compared, compared.row("fair_2d"))[0].startswith("Aucun verdict")
    assert np.isfinite(compared.curves["fixed"].figures["km"]).all()
