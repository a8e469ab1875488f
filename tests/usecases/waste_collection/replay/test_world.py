"""The replay: what is counted, what a policy may see, and bounds that no policy beats."""

from collections.abc import Callable

import numpy as np
import pytest

from common.edge.errors import DataError, UsageError
from usecases.waste_collection.replay.bounds import lower_bound, necessary_visits
from usecases.waste_collection.replay.driving import Driver, Order
from usecases.waste_collection.replay.policies.calendars import FixedCadence, OwnFrequencies
from usecases.waste_collection.replay.policies.catalogue import FAMILIES, TITLES, policies_of
from usecases.waste_collection.replay.policies.foresight import ForesightInPassing, LastMoment
from usecases.waste_collection.replay.policies.lookahead import RollingWeek
from usecases.waste_collection.replay.policies.prizes import PlainPrize
from usecases.waste_collection.replay.policies.risks import LevelThreshold, RiskThreshold
from usecases.waste_collection.replay.policies.worth import WorthOfVisit
from usecases.waste_collection.replay.scoring.outcome import Outcome, gini
from usecases.waste_collection.replay.sensing.faults import Distrustful, faulty_sensing
from usecases.waste_collection.replay.sensing.sensors import (
    equipped,
    most_worth,
    saved_per_sensor,
)
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.visits import detours_km, solo_km, worth_km
from usecases.waste_collection.replay.world import Policy, replay

from .conftest import small_site

STEPS = 5
HONEST: tuple[Callable[[], Policy], ...] = (
    lambda: FixedCadence(2),
    lambda: OwnFrequencies(5),
    lambda: LevelThreshold(60),
    lambda: RiskThreshold(0.02, 2),
    lambda: PlainPrize(40),
    lambda: RollingWeek(0.05),
    lambda: WorthOfVisit(30),
    lambda: Distrustful(WorthOfVisit(30)),
)


def test_a_hand_replay_counts_what_the_arithmetic_says() -> None:
    """20 points a day, warm-up of 6 days emptied on days 0 and 3, then every 6 days.

    Day 6 begins at 60 and is emptied, then six days bring 20, 40 ... 120: one overflow-day
    on day 11, emptied on day 12 at 120, which ends at 20.
    """
    site = small_site(np.full((13, 1), 20.0), warm_up_days=6)
    found = replay(FixedCadence(6), site, iterations=STEPS)
    assert (found.days, found.rounds, found.stops) == (7, 2, 2)
    assert found.fill_percent == pytest.approx((60.0, 120.0))
    assert found.overflow_days == (1,)
    assert found.rate == pytest.approx(1000 / 7)
    assert found.over_percent_days == pytest.approx(20)
    assert found.last_level_percent == pytest.approx(20)
    # Two trips depot - container - tip - depot.
    assert found.km == pytest.approx(2 * solo_km(site.roads)[0])


@pytest.mark.parametrize("make", HONEST)
def test_no_policy_sees_what_has_not_come_yet(make: Callable[[], Policy], drawn_site: Site) -> None:
    """Other inflow from day 30 on: everything up to the morning of day 30 stays as it was."""
    changed = drawn_site.inflow_percent.copy()
    changed[30:] = 100.0
    other = small_site(changed)
    until = [replay(make(), site.cut(9), iterations=STEPS) for site in (drawn_site, other)]
    assert until[0].km == until[1].km
    assert until[0].fill_percent == until[1].fill_percent


def test_foresight_is_told_apart_by_the_same_trial(drawn_site: Site) -> None:
    """The trial above can fail: a reference that looks ahead acts on the changed days."""
    changed = drawn_site.inflow_percent.copy()
    changed[30:] = 100.0
    cadence = LastMoment(3)
    until = [
        replay(cadence, small_site(inflow, name=name), iterations=STEPS)
        for inflow, name in ((drawn_site.inflow_percent, "a"), (changed, "b"))
    ]
    assert until[0].fill_percent[:20] != until[1].fill_percent[:20]


def test_the_last_moment_never_overflows_and_visits_as_rarely_as_can_be(drawn_site: Site) -> None:
    """Daily last-moment visits are the bound on visits; kilometres stay above theirs."""
    found = replay(LastMoment(1), drawn_site, iterations=STEPS)
    bound = lower_bound(drawn_site)
    assert sum(found.overflow_days) == 0
    assert found.stops == bound.visits == necessary_visits(drawn_site).sum()
    assert bound.nearest_arc_km <= bound.two_arcs_km <= found.km
    assert bound.radial_km <= found.km


def test_the_same_replay_twice_is_the_same(drawn_site: Site) -> None:
    """Seeds and iterations decide, no clock does."""
    first, second = (replay(WorthOfVisit(30), drawn_site, iterations=STEPS) for _ in range(2))
    assert (first.km, first.fill_percent) == (second.km, second.fill_percent)


def test_dearer_overflows_are_fewer(drawn_site: Site) -> None:
    """The parameter moves along the curve: more km, fewer overflows."""
    cheap, dear = (replay(WorthOfVisit(p), drawn_site, iterations=STEPS) for p in (1.0, 300.0))
    assert cheap.km < dear.km
    assert sum(cheap.overflow_days) > sum(dear.overflow_days)


def test_an_outcome_is_read_back_as_written(drawn_site: Site) -> None:
    """A bench that was stopped goes on from its files."""
    found = replay(ForesightInPassing(2.0), drawn_site.cut(6), iterations=STEPS)
    again = Outcome.from_json(found.to_json())
    assert (again.km, again.overflow_days) == (found.km, found.overflow_days)
    with pytest.raises(DataError, match="fields of an Outcome"):
        Outcome.from_json('{"scenario": "x"}')


def test_a_detour_is_the_way_saved_without_the_container(drawn_site: Site) -> None:
    """One stop: the whole trip. Not visited and no round: the way to it alone."""
    driver = Driver(drawn_site, STEPS)
    plan = driver.drive(Order.all_of([4]), np.full(12, 40.0))
    metres = drawn_site.roads.distance_m
    saved = metres[0, 6] + metres[6, 1] - metres[0, 1]
    found = detours_km(drawn_site.roads, plan)
    assert found[4] == pytest.approx(saved / 1000)
    assert (found <= solo_km(drawn_site.roads) + 1e-9).all()


def test_the_worth_of_a_visit_grows_with_the_level_and_with_what_an_overflow_costs() -> None:
    """Prizes are told by two monotone relations, whatever the shares."""
    rng = np.random.default_rng(0)
    steps = rng.dirichlet([6, 2, 1, 1, 0.5, 0.2], size=20)
    detours = rng.uniform(1, 9, size=(20, 5))
    low, _ = worth_km(steps, detours, 10.0, 2)
    high, _ = worth_km(steps, detours, 50.0, 2)
    assert (np.diff(low, axis=1) >= -1e-9).all()
    assert (high >= low - 1e-9).all()
    assert np.allclose(low[:, 0], 0)


def test_half_the_sensors_are_those_that_tell_most(drawn_site: Site) -> None:
    """The ranking is by spread; without a sensor there is no reading."""
    order = most_worth(drawn_site)
    spreads = [one.spread_percent for one in order]
    assert spreads == sorted(spreads, reverse=True)
    sense = equipped(0.5)(drawn_site)
    reading = sense(30, np.full(12, 60.0))
    sensed = {drawn_site.container_ids[k] for k in np.flatnonzero(~np.isnan(reading))}
    assert sensed == {one.container_id for one in order[:6]}


def test_what_a_sensor_saves_is_told_against_none(drawn_site: Site) -> None:
    """Six sensors: (km without - km with) / 6."""
    by_share = {
        share: [
            replay(
                WorthOfVisit(30), drawn_site, sensing=equipped(share)(drawn_site), iterations=STEPS
            )
        ]
        for share in (0.0, 0.5)
    }
    none, half = saved_per_sensor(by_share)
    assert none.km_per_sensor == 0
    assert half.km_per_sensor == pytest.approx((none.km - half.km) / 6)
    with pytest.raises(UsageError, match="without sensors"):
        saved_per_sensor({0.5: by_share[0.5]})


def test_a_sensor_stuck_at_zero_lets_overflow_and_the_rule_finds_it() -> None:
    """All containers gain 20 a day; a quarter of three broken sensors read 0 for good."""
    site = small_site(np.full((61, 12), 20.0), warm_up_days=21)
    sensing = faulty_sensing(site, seed=1, share=0.25)
    trusting = replay(RiskThreshold(0.2, 1), site, sensing=sensing, iterations=STEPS)
    sensing = faulty_sensing(site, seed=1, share=0.25)
    checked = replay(Distrustful(RiskThreshold(0.2, 1)), site, sensing=sensing, iterations=STEPS)
    assert sum(trusting.overflow_days) > 20
    assert sum(checked.overflow_days) <= 5


def test_every_family_has_a_french_title_and_a_policy() -> None:
    """Pages name curves; the command takes these names."""
    assert set(TITLES) == set(FAMILIES)
    assert {one.family for one in policies_of(FAMILIES)} == set(FAMILIES)
    with pytest.raises(UsageError, match="no policy"):
        policies_of(["magic"])


def test_gini_of_one_who_has_all_grows_with_the_number() -> None:
    """(n - 1) / n: 0.75 for four."""
    assert gini((0.0, 0.0, 0.0, 8.0)) == pytest.approx(0.75)
