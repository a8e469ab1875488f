"""Containers and rounds chosen together: rounds, days without, wishes, checks."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from common.edge.errors import UsageError
from tests.usecases.waste_collection.decision.conftest import ITERATIONS, case_on
from usecases.waste_collection.decision.choice import Wishes, propose
from usecases.waste_collection.decision.reasons import left_out_words


def test_the_plan_passes_the_independent_checker_and_accounts_for_every_stop(proposal):
    """Each stop offered to the router is served or named."""
    assert proposal.broken == ()
    named = {one.container_id for one in proposal.plan.not_served}
    assert named | set(proposal.plan.served) == {one.container_id for one in proposal.problem.stops}


def test_the_same_morning_gives_the_same_plan(case, proposal):
    """Seeded: equal steps, equal plan."""
    again = propose(case, iterations=ITERATIONS)
    assert again.plan == proposal.plan


def test_a_day_without_a_round_names_the_day_on_which_the_round_is_then_driven():
    """On Monday 6 April everything fast was just emptied: the fast ones pass 80 % on the 10th.

    c1, c2 and c6 gain 20 points a day from 0 on the 6th: 80 % on the 10th, over 100 % within
    two days of it. Nothing is proposed before, and the date does not move.
    """
    for day in range(6, 10):
        found = propose(case_on(date(2026, 4, day)), iterations=ITERATIONS)
        assert not found.plan.trips
        assert found.next_day == date(2026, 4, 10)
    driven = propose(case_on(date(2026, 4, 10)), iterations=ITERATIONS)
    assert {"c1", "c2", "c6"} <= set(driven.plan.served)


def test_a_round_yesterday_asks_for_more_than_one_two_days_ago(case):
    """The prizes of a day off the cadence compare with waiting one day, not two."""
    off = propose(case_on(date(2026, 4, 6)), iterations=ITERATIONS)
    assert (off.since_days, off.wait_days) == (1, 1)
    due = propose(case_on(date(2026, 4, 7)), iterations=ITERATIONS)
    assert (due.since_days, due.wait_days) == (2, 2)


def test_wishes_are_kept(case, proposal):
    """c1 is taken out, c3 (worth nothing yet) is put in, c2 stays on the second truck."""
    wishes = Wishes(locked={"c2": "B2"}, added=("c3",), removed=("c1",), former=proposal.plan)
    found = propose(case, wishes, iterations=ITERATIONS)
    truck = {name: trip.truck_id for trip in found.plan.trips for name in trip.sequence}
    assert found.broken == ()
    assert "c1" not in truck
    assert truck["c2"] == "B2"
    assert "c3" in truck


def test_a_stop_asked_for_on_a_quiet_day_is_driven_to(case):
    """A day without rounds gets one where a person asks for it."""
    quiet = case_on(date(2026, 4, 7))
    found = propose(quiet, Wishes(added=("c3",)), iterations=ITERATIONS)
    assert "c3" in found.plan.served
    assert found.next_day == date(2026, 4, 7) + timedelta(days=2)


@pytest.mark.parametrize(
    ("wishes", "found"),
    [
        ({"added": ("nowhere",)}, "nowhere"),
        ({"locked": {"c1": "B99"}}, "B99"),
    ],
)
def test_wishes_that_name_nobody_are_refused(case, wishes, found):
    """An unknown container or truck is a mistake of the call, not a stop left out."""
    with pytest.raises(UsageError, match=found):
        propose(case, Wishes(**wishes), iterations=1)


def test_one_stop_cannot_be_asked_for_and_taken_out():
    """And a cadence has one to seven days."""
    with pytest.raises(UsageError, match="both"):
        Wishes(added=("c1",), removed=("c1",))
    with pytest.raises(UsageError, match="cadence"):
        Wishes(cadence_days=8)


def test_a_cheap_overflow_waits(case, proposal):
    """On the 10th a round is worth its way at 50 km per overflow-day; at 3 km it is not.

    What is left out then keeps a reason, with the value that was told to the router.
    """
    assert proposal.plan.trips
    supposed = replace(case.terrain.supposed, overflow_km=3.0)
    cheap = replace(case, terrain=replace(case.terrain, supposed=supposed))
    found = propose(cheap, iterations=ITERATIONS)
    assert not found.plan.trips
    assert found.broken == ()
    assert {one.reason for one in found.plan.not_served} == {"not_worth"}
    assert "valeur 0,0 km" not in left_out_words(found)["c8"]


def test_the_time_of_a_stop_is_paid_for(case):
    """Four minutes at 22 km/h are 1,467 m: prizes are worths less that, and none is below 0."""
    terrain = case.terrain
    assert terrain.stop_m == pytest.approx(240 * 22 / 3.6)
    added = terrain.roads_with_stops.distance_m - terrain.roads.distance_m
    assert set(added[:, :2].ravel()) == {0}
    assert added[0, 2:].tolist() == [1467] * 8
    idle = replace(case, terrain=replace(terrain, trucks=(replace(terrain.trucks[0],
                   service_s_default=0),)))  # fmt: skip
    free = propose(idle, iterations=ITERATIONS)
    paid = propose(case, iterations=ITERATIONS)
    assert set(paid.worth_km) < set(free.worth_km)
    assert min(paid.worth_km.values()) > 0
