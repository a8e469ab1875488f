"""Queueing formulas agree with textbook values, with each other and with a simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import DataError, UsageError
from usecases.delivery_zones.demand.queueing import (
    bays_for_blocking,
    erlang_b,
    modified_offered_load,
    occupancy_transition,
    offered_from_carried,
    stay_profile,
)

LOADS = st.floats(0.01, 60.0)
BAYS = st.integers(1, 40)


@pytest.mark.parametrize(
    ("bays", "load", "blocking"),
    # Erlang's table: loads at which c lines block exactly 1 % (or 5 %) of the calls.
    [(1, 0.0101, 0.01), (5, 1.361, 0.01), (10, 4.461, 0.01), (20, 12.03, 0.01), (10, 6.216, 0.05)],
)
def test_blocking_is_that_of_erlangs_table(bays: int, load: float, blocking: float) -> None:
    """The table's loads carry four digits."""
    assert float(erlang_b(bays, load)) == pytest.approx(blocking, rel=3e-3)


def test_blocking_of_many_bays_does_not_overflow() -> None:
    """500 erlang on 500 bays: a**c / c! overflows, the recursion does not (about 0.8 / sqrt(c))."""
    assert float(erlang_b(500, 500.0)) == pytest.approx(0.7979 / np.sqrt(500), rel=0.05)


@given(load=LOADS, bays=BAYS)
def test_a_bay_more_blocks_less(load: float, bays: int) -> None:
    """Blocking falls with bays and rises with load."""
    assert erlang_b(bays + 1, load) < erlang_b(bays, load)
    assert erlang_b(bays, load * 1.1) > erlang_b(bays, load)


@given(load=LOADS, level=st.floats(0.001, 0.5))
def test_the_inverse_gives_the_smallest_number_of_bays(load: float, level: float) -> None:
    """One bay fewer would not do, unless one bay is all there is."""
    bays = bays_for_blocking(load, level)
    assert erlang_b(bays, load) <= level
    assert bays == 1 or erlang_b(bays - 1, load) > level


@given(load=st.floats(0.01, 20.0), bays=st.integers(1, 12))
def test_demand_comes_back_from_what_was_carried(load: float, bays: int) -> None:
    """Carrying then asking what was offered returns the load, however censored."""
    carried = load * (1 - float(erlang_b(bays, load)))
    assert offered_from_carried(carried, bays) == pytest.approx(load, rel=1e-6)


def test_bays_taken_all_the_time_are_refused() -> None:
    """Demand is not identified when nobody could ever be refused less."""
    with pytest.raises(DataError, match="hide the demand"):
        offered_from_carried(2.0, 2)


@given(stays=st.lists(st.floats(0.0, 900.0), min_size=1, max_size=20))
def test_a_stay_profile_holds_the_mean_stay(stays: list[float]) -> None:
    """The bay-time of one arrival sums to E[S], whatever the step."""
    profile = stay_profile(np.array(stays), 60.0)
    assert profile.sum() == pytest.approx(np.mean(stays) / 60, abs=1e-9)
    assert (profile > -1e-9).all()


def test_the_load_of_a_cycle_is_little_s_law() -> None:
    """6 arrivals a day of 4 h are 24 bay-hours: one bay on average over 24 hours."""
    arrivals = np.zeros(24)
    arrivals[8:11] = 2.0
    load = modified_offered_load(arrivals, stay_profile(np.array([240.0]), 60.0))
    assert load.mean() == pytest.approx(1.0)
    assert int(load.argmax()) == 11  # the peak comes after the last arrivals began, not with them


def test_stays_longer_than_the_cycle_wrap_around() -> None:
    """One arrival a day of 48 h keeps two bays at every hour."""
    arrivals = np.zeros(24)
    arrivals[9] = 1.0
    load = modified_offered_load(arrivals, stay_profile(np.array([48.0]), 1.0))
    np.testing.assert_allclose(load, 2.0)


def test_a_zone_that_opens_is_empty_before() -> None:
    """Without a cycle nothing precedes the first step: 0.5, then 1 for stays of one step."""
    load = modified_offered_load(np.ones(3), stay_profile(np.array([1.0]), 1.0), periodic=False)
    np.testing.assert_allclose(load, [0.5, 1.0, 1.0])


@pytest.mark.parametrize("stays", [[], [np.nan], [-1.0]])
def test_stays_that_are_none_are_refused(stays: list[float]) -> None:
    """An unfinished stay has no length."""
    with pytest.raises(DataError, match="stay"):
        stay_profile(np.array(stays), 60.0)


def test_far_ahead_the_queue_forgets_and_obeys_erlang() -> None:
    """2 arrivals an hour of half an hour = 1 erlang on 2 bays: full 20 % of the time."""
    far = occupancy_transition(2.0, 2.0, 2, 50.0)
    np.testing.assert_allclose(far, np.tile([0.4, 0.4, 0.2], (3, 1)), atol=1e-9)


def test_the_queue_ahead_is_a_probability_and_composes() -> None:
    """Two quarters of an hour are half an hour (Chapman-Kolmogorov)."""
    quarter = occupancy_transition(3.0, 2.4, 4, 0.25)
    np.testing.assert_allclose(quarter.sum(axis=1), 1.0)
    np.testing.assert_allclose(quarter @ quarter, occupancy_transition(3.0, 2.4, 4, 0.5))


@pytest.mark.parametrize(
    "call",
    [
        lambda: erlang_b(-1, 1.0),
        lambda: erlang_b(1, np.nan),
        lambda: bays_for_blocking(1.0, 0.0),
        lambda: bays_for_blocking(1e6, 0.05),
        lambda: occupancy_transition(1.0, 1.0, 0, 1.0),
    ],
)
def test_what_makes_no_sense_is_refused(call) -> None:  # type: ignore[no-untyped-def]  # five lambdas
    """Ranges are said in the message."""
    with pytest.raises(UsageError):
        call()
