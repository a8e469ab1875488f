"""Forecasters turn readings into chances; nobody looks ahead."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from usecases.waste_collection.replay.forecast import (
    BundleForecaster,
    Forecaster,
    MeanRate,
    StepCounts,
    belief,
    moves,
    overflow_days,
)
from usecases.waste_collection.replay.history import History, as_read, increments


def history_of(steps: list[list[float]], level: list[float]) -> History:
    """Return a history in which every container is emptied every morning but the last two."""
    inflow = np.array(steps, dtype=np.float64)
    days, n = inflow.shape
    reading = np.vstack([np.zeros((1, n)), inflow])
    reading[-1] = level
    emptied = np.ones((days, n), dtype=bool)
    return History(reading, emptied, np.where(emptied, reading[:-1], np.nan), 0)


def test_a_container_that_gains_20_a_day_overflows_on_the_sixth_from_empty() -> None:
    """0 + 5 x 20 = 100 is full; the sixth day is over."""
    always = np.array([[0.0, 1, 0, 0, 0, 0]])
    assert overflow_days(always, 5)[0, 0] == 0
    assert overflow_days(always, 6)[0, 0] == 1
    assert overflow_days(always, 2)[0].tolist() == [0, 0, 0, 0, 1, 2, 2]


def test_moves_are_probabilities_and_what_overflows_stays_so() -> None:
    """Rows sum to 1; nothing flows out by itself."""
    shares = np.array([[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]])
    found = moves(shares)[0]
    assert np.allclose(found.sum(axis=1), 1)
    assert found[6, 6] == pytest.approx(1)
    assert np.allclose(np.tril(found, -1), 0)


@pytest.mark.parametrize("forecaster", [MeanRate(), StepCounts()])
def test_chances_grow_with_the_level_and_with_the_days(forecaster: Forecaster) -> None:
    """Three containers with the same past: 0, 40 and 100 % this morning."""
    past = [[20.0, 20.0, 20.0], [0.0, 0.0, 0.0]] * 20
    chances = forecaster.chances(history_of(past, [0.0, 40.0, 100.0]))
    assert (np.diff(chances.p_full, axis=1) >= -1e-12).all()
    assert (np.diff(chances.p_full, axis=0) >= -1e-12).all()
    assert (chances.overflow_days >= chances.p_full - 1e-12).all()


def test_counted_shares_are_drawn_to_the_prior_and_sum_to_one() -> None:
    """Without decay, 40 days half with 20 points and a prior of 40 days of the same halves."""
    past = [[20.0], [0.0]] * 20
    steps = StepCounts(prior_days=40, half_life_days=1e9).steps(history_of(past, [0.0]))
    # The last reading, 0, is what the 40th day brought: it brought 0 in any case.
    assert steps.sum() == pytest.approx(1)
    assert steps[0, :2] == pytest.approx([0.5, 0.5], abs=1e-6)


def test_a_silent_container_is_carried_forward_from_its_last_emptying() -> None:
    """Emptied two days ago, 20 points a day for sure: 40 % this morning, level number 2."""
    reading = np.array([[0.0], [np.nan], [np.nan]])
    emptied = np.array([[True], [False]])
    past = History(reading, emptied, np.where(emptied, 60.0, np.nan), 0)
    state = belief(past, np.array([[0.0, 1, 0, 0, 0, 0]]))
    assert state[0].tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_a_reading_of_100_may_be_full_or_over() -> None:
    """The sensor cannot tell: half each."""
    past = History(np.array([[0.0], [100.0]]), np.array([[False]]), np.array([[np.nan]]), 0)
    assert belief(past, np.array([[1.0, 0, 0, 0, 0, 0]]))[0, 5:].tolist() == [0.5, 0.5]


def test_without_a_sensor_the_rate_is_what_crews_saw() -> None:
    """20 points every other day, emptied every fourth day at 40 %: 10 points a day for both."""
    days = 32
    emptied = np.zeros((days, 2), dtype=bool)
    emptied[::4] = True
    reading = np.full((days + 1, 2), np.nan)
    reading[:, 0] = [(40.0, 20.0, 20.0, 40.0)[day % 4] for day in range(days + 1)]
    seen = np.where(emptied, 40.0, np.nan)
    rates = 20 * StepCounts().steps(History(reading, emptied, seen, 0)) @ np.arange(6)
    assert rates == pytest.approx([10, 10], rel=0.03)


def test_increments_come_from_the_readings_alone() -> None:
    """A fall that no emptying explains counts as 0; a gap is unknown."""
    reading = np.array([[40.0], [20.0], [np.nan], [60.0]])
    past = History(reading, np.zeros((3, 1), bool), np.full((3, 1), np.nan), 0)
    assert increments(past).ravel()[0] == 0
    assert np.isnan(increments(past).ravel()[1:]).all()


def test_sensors_round_to_the_nearest_step() -> None:
    """29.9 is nearer to 20 than to 40; 30 is rounded up; beyond 100 shows 100."""
    assert as_read(np.array([29.9, 30.0, 100.1, 240.0])).tolist() == [20.0, 40.0, 100.0, 100.0]


class Stub:
    """A bundle that answers with the last level it was given, over 1000."""

    def __init__(self) -> None:
        self.given: Mapping[str, npt.ArrayLike] = {}

    def predict(self, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, np.ndarray]:
        """Return p_full for 7 days."""
        self.given = inputs
        last = np.asarray(inputs["level_percent"])[:, -1:] / 1000
        return {"p_full": np.repeat(last, 7, axis=1)}


def test_a_bundle_is_given_its_window_and_unknown_mornings_before_the_first() -> None:
    """41 mornings in a window of 56: 15 unknown, today last; 80 / 1000 a day, 0.56 in 7 days."""
    stub = Stub()
    past = history_of([[20.0, 0.0]] * 40, [80.0, 0.0])
    chances = BundleForecaster(stub, history_days=56).chances(past)
    level = np.asarray(stub.given["level_percent"])
    assert level.shape == (2, 56)
    assert np.isnan(level[:, :15]).all()
    assert not np.isnan(level[:, 15:]).any()
    assert chances.overflow_days[0, 6] == pytest.approx(0.56)
    assert chances.p_full[1].tolist() == [0.0] * 7
