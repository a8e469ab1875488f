"""The two queues of the next hour, held against formulas that one can redo by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from usecases.delivery_zones.availability.queues import (
    N_STEPS,
    STEP_MINUTES,
    binomial,
    full_share,
    markov_queue,
    semi_markov_queue,
)


def steps(value):
    return np.full((1, N_STEPS), value, dtype=np.float32)


def test_nobody_comes_and_nobody_leaves():
    """One of two bays stays taken at every horizon."""
    found = semi_markov_queue(np, np.array([1]), np.array([2]), steps(1), steps(1), steps(0))
    assert found[0, :, 1].tolist() == [1.0, 1.0, 1.0]


def test_one_vehicle_leaves_at_its_own_pace():
    """Chance to stay a step 0.9, nobody comes: taken after 3, 6, 12 steps is 0.9 to that power."""
    found = semi_markov_queue(np, np.array([1]), np.array([1]), steps(0.9), steps(1), steps(0))
    expected = [0.9**3, 0.9**6, 0.9**12]
    assert full_share(np, found, np.array([1]))[0] == pytest.approx(expected, rel=1e-5)


def test_the_queue_without_memory_comes_near_m_m_c_c():
    """Three bays, 2 arrivals and 1 departure per vehicle an hour: within 0.02 of exp(Q t).

    Steps of five minutes with at most one arrival are what the difference is made of.
    """
    arrivals, departures, bays = 2.0, 1.0, 3
    generator = np.zeros((4, 4))
    for taken in range(bays):
        generator[taken, taken + 1] = arrivals
        generator[taken + 1, taken] = (taken + 1) * departures
    np.fill_diagonal(generator, -generator.sum(axis=1))
    hours = STEP_MINUTES / 60
    found = markov_queue(
        np, np.array([1]), np.array([bays]),
        steps(np.exp(-departures * hours)), steps(1 - np.exp(-arrivals * hours)),
    )  # fmt: skip
    for place, minutes in enumerate((15, 30, 60)):
        exact = expm(generator * minutes / 60)[1]
        assert found[0, place, :4] == pytest.approx(exact, abs=0.02)


def test_both_queues_agree_where_age_does_not_matter():
    """The same chance to stay for old and new vehicles is M/M/c/c, up to the first step."""
    arguments = np.array([2]), np.array([4])
    aware = semi_markov_queue(np, *arguments, steps(0.8), steps(0.8), steps(0.1))
    blind = markov_queue(np, *arguments, steps(0.8), steps(0.1))
    assert aware == pytest.approx(blind, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    occupied=st.integers(0, 6), bays=st.integers(1, 6),
    chances=st.tuples(*[st.floats(0, 1, width=32)] * 3),
)  # fmt: skip
def test_chances_add_up_and_no_bay_is_invented(occupied, bays, chances):
    """Any rates: a distribution, with nothing beyond the zone's bays."""
    occupied = min(occupied, bays)
    old, new, arrive = (steps(value) for value in chances)
    found = semi_markov_queue(np, np.array([occupied]), np.array([bays]), old, new, arrive)
    assert found.sum(axis=2) == pytest.approx(1, abs=1e-5)
    assert found[0, :, bays + 1 :].max(initial=0) == 0
    assert found.min() >= -1e-7


def test_the_binomial_share_of_two_bays():
    """Half taken: 1/4, 1/2, 1/4, nothing beyond two bays."""
    found = binomial(np, np.array([[[0.5]]], np.float32), np.array([2]))
    assert found[0, 0] == pytest.approx([0.25, 0.5, 0.25, 0, 0, 0, 0], abs=1e-6)
