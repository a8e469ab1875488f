"""Intervals: offsets cover what they promise and know nothing that comes after issue time."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from common.edge.errors import DataError, UsageError
from common.lab.intervals import (
    Calibration,
    coverage,
    default_offsets,
    normalised_residuals,
    rolling_offsets,
)
from common.lab.usecase import Examples

PLAIN = Calibration(learning_rate=0.0, shrink_rows=0.0)
ADAPTIVE = Calibration()
BOTH = pytest.mark.parametrize("calibration", [PLAIN, ADAPTIVE], ids=["plain", "adaptive"])


def calendar(n_units: int, n_days: int) -> tuple[np.ndarray, np.ndarray]:
    """Units u0, u1, ... each with the same successive days of 2021."""
    days = np.datetime64("2021-01-01") + np.arange(n_days)
    return np.repeat([f"u{i}" for i in range(n_units)], n_days), np.tile(days, n_units)


def normal(n_units: int, n_days: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n_units * n_days, 24))


def held(residuals: np.ndarray, offsets: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Share of residuals at or below the offset of each level, shape (n_levels,)."""
    by_step = offsets[:, calibration.step_blocks]
    return (residuals[:, :, None] <= by_step).mean(axis=(0, 1))


@BOTH
def test_exchangeable_residuals_fall_below_each_level_as_often_as_promised(
    calibration: Calibration,
) -> None:
    """20 units x 200 scored days x 24 h = 96,000 draws: four binomial errors are 0.6 points.

    Offsets of one window are shared by six hours and near days, which widens that to 1 point.
    """
    units, days = calendar(20, 260)
    residuals = normal(20, 260)
    default = default_offsets(units, residuals, calibration)
    offsets = rolling_offsets(units, days, residuals, default, calibration)
    scored = days >= days[60]
    found = held(residuals[scored], offsets[scored], calibration)
    assert found == pytest.approx(calibration.levels, abs=0.01)


def test_few_residuals_still_cover_thanks_to_the_finite_sample_rank() -> None:
    """Windows of 9 values: ranks (9 + 1) 0.1 = 1 and 9, so exactly 80 % lie between.

    Plain sample quantiles (ranks 1.8 and 8.2) would hold 64 %.
    """
    small = replace(PLAIN, window_days=9, hour_blocks=((0,),), levels=(0.1, 0.9))
    units, days = calendar(40, 400)
    residuals = normal(40, 400)[:, :1]
    offsets = rolling_offsets(units, days, residuals, np.array([[-9.0, 9.0]]), small)
    scored = days >= days[20]
    inside = coverage(
        residuals[scored],
        offsets[scored, :, 0],
        offsets[scored, :, 1],
        np.repeat("all", scored.sum()),
    )
    # 15,200 draws: binomial error 0.32 points, three of them about 1 point.
    assert inside["all"] == pytest.approx(0.8, abs=0.01)


@BOTH
@pytest.mark.parametrize("garbage", [np.nan, 1e9, -1e9])
def test_nothing_after_the_known_day_changes_the_offsets(
    calibration: Calibration, garbage: float
) -> None:
    """Target day T, issued on T - 1 at noon, knows T - 2: later residuals may be anything."""
    units, days = calendar(3, 90)
    residuals = normal(3, 90)
    default = np.tile(np.linspace(-1, 1, 7), (4, 1))
    target = days[70]
    honest = rolling_offsets(units, days, residuals, default, calibration)
    altered = np.where((days > target - 2)[:, None], garbage, residuals)
    blind = rolling_offsets(units, days, altered, default, calibration)
    rows = days <= target
    assert np.array_equal(honest[rows], blind[rows])
    assert not np.array_equal(honest, blind)


def test_the_last_known_day_does_count() -> None:
    """The counterpart of truncation: residuals of T - 2 are used, else the test above is empty."""
    units, days = calendar(1, 30)
    residuals = np.zeros((30, 24))
    residuals[10] = 5.0
    default = np.zeros((4, 7))
    offsets = rolling_offsets(units, days, residuals, default, PLAIN)
    assert (offsets[:12] == 0).all()
    assert (offsets[12, :, -1] == 5).all()


def test_days_that_leave_the_window_are_forgotten() -> None:
    """Window of 5 days and delay of 2: the odd day 10 counts for targets 12 to 16."""
    units, days = calendar(1, 30)
    residuals = np.zeros((30, 24))
    residuals[10] = 5.0
    offsets = rolling_offsets(
        units, days, residuals, np.zeros((4, 7)), replace(PLAIN, window_days=5)
    )
    assert np.flatnonzero(offsets[:, 0, -1]).tolist() == [12, 13, 14, 15, 16]


@BOTH
def test_a_new_unit_gets_the_default(calibration: Calibration) -> None:
    """On its first two days nothing is known; a unit without any truth keeps it for ever."""
    units, days = calendar(2, 20)
    residuals = normal(2, 20)
    residuals[units == "u1"] = np.nan
    default = np.tile(np.linspace(-1, 1, 7), (4, 1))
    offsets = rolling_offsets(units, days, residuals, default, calibration)
    assert np.array_equal(offsets[:2], np.stack([default, default]))
    assert np.array_equal(offsets[units == "u1"], np.tile(default, (20, 1, 1)))


def test_own_quantiles_and_default_weigh_the_same_at_shrink_rows() -> None:
    """Seven known days of residual 1 and a default of 3: (1 + 3) / 2 = 2."""
    units, days = calendar(1, 9)
    calibration = Calibration(learning_rate=0.0, shrink_rows=7)
    offsets = rolling_offsets(units, days, np.ones((9, 24)), np.full((4, 7), 3.0), calibration)
    assert offsets[8] == pytest.approx(2)


def test_missing_hours_are_ignored_and_not_taken_for_zero() -> None:
    units, days = calendar(1, 40)
    residuals = np.full((40, 24), 2.0)
    residuals[::3] = np.nan
    residuals[:, 1] = np.nan
    offsets = rolling_offsets(units, days, residuals, np.full((4, 7), 2.0), PLAIN)
    assert (offsets == 2).all()


def test_parts_of_the_day_have_their_own_offsets() -> None:
    units, days = calendar(1, 10)
    residuals = np.tile(np.arange(24) // 6, (10, 1)).astype(float)
    offsets = rolling_offsets(units, days, residuals, np.zeros((4, 7)), PLAIN)
    assert offsets[5, :, 3].tolist() == [0, 1, 2, 3]


def test_rows_may_come_in_any_order() -> None:
    units, days = calendar(3, 40)
    residuals = normal(3, 40)
    default = np.zeros((4, 7))
    order = np.random.default_rng(1).permutation(len(units))
    straight = rolling_offsets(units, days, residuals, default, ADAPTIVE)
    shuffled = rolling_offsets(units[order], days[order], residuals[order], default, ADAPTIVE)
    assert np.array_equal(straight[order], shuffled)


@BOTH
def test_a_jump_of_the_scale_is_recovered_within_the_window(calibration: Calibration) -> None:
    """Scale 1 becomes 3 on day 100; the 80 % band covers 33 % the day after, 78 to 82 later."""
    units, days = calendar(20, 300)
    residuals = normal(20, 300) * np.where(days >= days[100], 3.0, 1.0)[:, None]
    offsets = rolling_offsets(
        units, days, residuals, default_offsets(units, residuals, calibration), calibration
    )[:, calibration.step_blocks]

    def covered(rows: np.ndarray) -> float:
        inside = coverage(
            residuals[rows], offsets[rows, :, 1], offsets[rows, :, 5], np.repeat("all", rows.sum())
        )
        return inside["all"]

    assert covered((days >= days[100]) & (days < days[102])) < 0.5
    assert 0.77 < covered(days >= days[100 + 60]) < 0.83


def test_adapting_the_levels_brings_units_closer_to_the_promise() -> None:
    """Autocorrelated residuals of a scale that grows: P10 to P90 over 20 units gets narrower.

    And the mean coverage comes closer to 80 %: this is why the adaptive variant is the default.
    """
    units, days = calendar(20, 500)
    noise = np.random.default_rng(4).standard_normal((20, 500 * 24))
    scale = 0.5 + np.random.default_rng(5).random((20, 1, 1))
    growth = 1 + 0.7 * np.arange(500)[None, :, None] / 365
    residuals = lfilter([1], [1, -0.8], noise, axis=1).reshape(20, 500, 24) * scale * growth
    residuals = residuals.reshape(-1, 24)
    scored = days >= days[150]
    spreads, misses = [], []
    for rate in (0.0, 0.005):
        calibration = Calibration(learning_rate=rate)
        default = default_offsets(units, residuals, calibration)
        offsets = rolling_offsets(units, days, residuals, default, calibration)
        by_step = offsets[scored][:, calibration.step_blocks]
        found = coverage(residuals[scored], by_step[..., 1], by_step[..., 5], units[scored])
        low, high = np.quantile(list(found.values()), [0.1, 0.9])
        spreads.append(high - low)
        misses.append(abs(np.mean(list(found.values())) - 0.8))
    assert spreads[1] < 0.7 * spreads[0]
    assert misses[1] < 0.7 * misses[0]


@given(st.integers(0, 10_000), st.floats(0, 0.2), st.floats(0, 30))
def test_offsets_rise_with_the_level(seed: int, learning_rate: float, shrink_rows: float) -> None:
    units, days = calendar(2, 15)
    residuals = normal(2, 15, seed)
    residuals[np.random.default_rng(seed).random(residuals.shape) < 0.4] = np.nan
    calibration = Calibration(learning_rate=learning_rate, shrink_rows=shrink_rows)
    default = np.tile(np.linspace(-1, 1, 7), (4, 1))
    offsets = rolling_offsets(units, days, residuals, default, calibration)
    assert np.isfinite(offsets).all()
    assert (np.diff(offsets, axis=2) >= 0).all()


def test_the_default_weighs_every_unit_the_same() -> None:
    """100 rows of 0 against 10 rows of 1: each unit is half, so 0.25 gives 0 and 0.75 gives 1."""
    units = np.repeat(["a", "b"], [100, 10])
    residuals = np.repeat((units == "b").astype(float)[:, None], 24, axis=1)
    default = default_offsets(units, residuals, Calibration(levels=(0.25, 0.75)))
    assert default.tolist() == [[0, 1]] * 4


def test_a_part_of_the_day_without_truth_has_no_default() -> None:
    residuals = np.ones((5, 24))
    residuals[:, 6:12] = np.nan
    with pytest.raises(DataError, match="no known residual"):
        default_offsets(np.repeat("a", 5), residuals, ADAPTIVE)


def examples(target: np.ndarray, slots: np.ndarray) -> Examples:
    n = len(target)
    return Examples(
        inputs={},
        target=target,
        slots=slots,
        units=np.repeat("a", n),
        blocks=np.zeros(n, int),
        issued=np.zeros(n, "M8[s]"),
        days=np.zeros(n, "M8[D]"),
    )


def test_residuals_are_brought_from_slots_to_steps() -> None:
    """Autumn uses step 1 twice, the later counts: (7 - 1) / 2 = 3; spring has no step 1."""
    table = examples(
        np.array([[5.0, 6.0, 7.0], [5.0, 9.0, np.nan]]), np.array([[0, 1, 1], [0, 2, -1]])
    )
    found = normalised_residuals(table, np.ones((2, 3)), np.full((2, 3), 2.0))
    assert np.array_equal(found, [[2, 3, np.nan], [2, np.nan, 4]], equal_nan=True)


def test_a_spread_of_zero_is_refused() -> None:
    with pytest.raises(DataError, match="floor the spread"):
        normalised_residuals(
            examples(np.ones((1, 1)), np.zeros((1, 1), int)), np.ones((1, 1)), np.zeros((1, 1))
        )


@pytest.mark.parametrize(
    "change",
    [
        {"levels": (0.5, 0.4)},
        {"levels": (0.0, 0.5)},
        {"window_days": 0},
        {"delay_days": 0},
        {"shrink_rows": -1.0},
        {"hour_blocks": ((0, 1), (1, 2))},
        {"learning_rate": 0.5},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Calibration(**change)  # type: ignore[arg-type]  # wrong on purpose


def test_shapes_and_rows_that_do_not_fit_are_refused() -> None:
    units, days = calendar(1, 3)
    with pytest.raises(UsageError, match=r"shape \(n, 24\)"):
        rolling_offsets(units, days, np.ones((3, 23)), np.zeros((4, 7)), PLAIN)
    with pytest.raises(UsageError, match=r"shape \(4, 7\)"):
        rolling_offsets(units, days, np.ones((3, 24)), np.zeros((3, 7)), PLAIN)
    with pytest.raises(DataError, match="same unit and day"):
        rolling_offsets(units, days[[0, 0, 1]], np.ones((3, 24)), np.zeros((4, 7)), PLAIN)


def test_46_units_over_two_years_take_under_three_seconds() -> None:
    """46 units x 730 days x 24 steps, adaptive; about 1 s on an idle core."""
    units, days = calendar(46, 730)
    residuals = normal(46, 730)
    begin = time.process_time()
    rolling_offsets(units, days, residuals, np.zeros((4, 7)), ADAPTIVE)
    assert time.process_time() - begin < 3
