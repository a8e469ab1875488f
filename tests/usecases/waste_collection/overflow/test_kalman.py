"""The filter fitted per container: what it expects, and what it does without a past."""

from datetime import date
from functools import lru_cache

import numpy as np

from common.lab.usecase import Dataset, Examples, Period
from usecases.waste_collection.overflow.examples import Scope, examples_of
from usecases.waste_collection.overflow.kalman import (
    KALMAN_FIELD,
    UNKNOWN_LOG_ODDS,
    _summed,
    kalman_state,
)
from usecases.waste_collection.simulate import simulate


@lru_cache
def drawn() -> tuple[Dataset, Examples]:
    dataset = simulate(seed=5, n_containers=2, n_days=150, first_day=date(2025, 1, 6))
    period = Period(date(2025, 5, 1), date(2025, 5, 20))
    return dataset, examples_of(dataset, period, Scope(date(2025, 5, 1)))


def test_fuller_containers_reach_80_percent_sooner() -> None:
    """The first day's log-odds rise with the level it starts from."""
    dataset, examples = drawn()
    found = kalman_state(dataset, examples)[KALMAN_FIELD.name]
    assert found.shape == (len(examples), 7)
    level = np.asarray(examples.inputs["level_percent"])[:, -1]
    assert found[level >= 60, 0].mean() > found[level <= 20, 0].mean() + 1


def test_a_container_without_four_weeks_of_readings_gets_the_same_answer_every_day() -> None:
    """Nothing can be fitted: the documented default, on all seven days."""
    dataset, _ = drawn()
    period = Period(date(2025, 1, 8), date(2025, 1, 15))
    examples = examples_of(dataset, period, Scope(date(2025, 1, 8)))
    found = kalman_state(dataset, examples)[KALMAN_FIELD.name]
    assert (found == UNKNOWN_LOG_ODDS).all()


def test_the_variance_of_a_sum_counts_the_level_that_all_days_share() -> None:
    """A level of variance 4 that stays, noise 9: 4 + 9 = 13, then 4 * 4 + 2 * 9 = 34."""
    one = np.ones((1, 1))
    system = (one, np.ones(1), np.zeros((1, 1)), 9.0)
    mean, variance = _summed(np.array([[10.0]]), np.array([[[4.0]]]), system)
    assert mean[0, :2].tolist() == [10.0, 20.0]
    assert variance[0, :2].tolist() == [13.0, 34.0]
