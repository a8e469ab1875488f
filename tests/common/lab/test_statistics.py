"""Statistics: tests that keep their promised error rate where naive ones do not."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from common.edge.errors import DataError, UsageError
from common.lab.statistics import (
    Losses,
    PairedDifference,
    equivalence,
    holm,
    interval,
    minimum_detectable_difference,
    paired_block_bootstrap,
    per_unit_loss,
    wilcoxon,
)

HOURS = 168


def grid(n_units: int, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(n_units), n_blocks), np.tile(np.arange(n_blocks), n_units)


def pair(gap: np.ndarray) -> tuple[Losses, Losses]:
    """Two models around a loss of 10 that differ by ``gap`` (n_units, n_blocks)."""
    unit, block = grid(*gap.shape)
    return (unit, block, 10 + gap.ravel() / 2), (unit, block, 10 - gap.ravel() / 2)


def hourly_gaps(
    random: np.random.Generator, phi: float, unit_sd: float = 0, week_sd: float = 0
) -> np.ndarray:
    """AR(1) hourly loss differences of mean 0 and variance 1, 10 units x 12 weeks x 168 h."""
    noise = random.standard_normal((10, 12 * HOURS + 200))
    gaps = lfilter([1], [1, -phi], noise, axis=1)[:, 200:] * np.sqrt(1 - phi**2)
    gaps = gaps.reshape(10, 12, HOURS)
    gaps = gaps + unit_sd * random.standard_normal((10, 1, 1))
    return gaps + week_sd * random.standard_normal((1, 12, 1))


def rejects_naively(gaps: np.ndarray) -> bool:
    return bool(abs(gaps.mean()) > 1.96 * gaps.std() / np.sqrt(gaps.size))


def rejects(gaps: np.ndarray, seed: int) -> bool:
    found = paired_block_bootstrap(*pair(gaps.mean(axis=2)), draws=400, seed=seed)
    return not found.low <= 0 <= found.high


@pytest.mark.parametrize(
    ("unit_sd", "week_sd"), [(0, 0), (0.3, 0), (0, 0.3)], ids=["noise", "units", "weeks"]
)
def test_two_equal_models_are_told_apart_at_most_six_times_in_a_hundred(
    unit_sd: float, week_sd: float
) -> None:
    """Type-I error at phi = 0.95, 600 trials (standard error 0.9 %).

    Alone, with differences between buildings, and with weeks common to all buildings. The naive
    t test on the same hours rejects 74 % (frugality brief 3.3): the test could fail.
    """
    random = np.random.default_rng(11)
    trials = [hourly_gaps(random, 0.95, unit_sd, week_sd) for _ in range(600)]
    assert np.mean([rejects(gaps, seed) for seed, gaps in enumerate(trials)]) <= 0.06
    assert np.mean([rejects_naively(gaps) for gaps in trials]) > 0.4


def test_resampling_units_alone_would_be_fooled_by_weeks_in_common() -> None:
    """Why blocks are resampled too: a week that is odd for all units is one event, not ten."""
    random = np.random.default_rng(3)
    fooled = 0
    for _ in range(200):
        means = hourly_gaps(random, 0.95, week_sd=0.3).mean(axis=(1, 2))
        fooled += abs(means.mean()) > 2.262 * means.std(ddof=1) / np.sqrt(10)  # t, 9 df
    assert fooled / 200 > 0.2


def test_a_real_difference_is_found() -> None:
    """A gap of 0.2 sd is 3.5 standard errors: 1 sd over sqrt(10 * 2016 / 39) hours is 0.044."""
    random = np.random.default_rng(5)
    trials = [hourly_gaps(random, 0.95) + 0.2 for _ in range(60)]
    assert np.mean([rejects(gaps, seed) for seed, gaps in enumerate(trials)]) > 0.8


def test_the_estimate_is_the_difference_of_means_over_units() -> None:
    """Unit a: (1 + 3) / 2 = 2 against 1; unit b: 6 against 3; means 4 and 2, so +100 %."""
    unit, block = grid(2, 2)
    a = unit, block, np.array([1.0, 3, 6, 6])
    b = unit, block, np.array([1.0, 1, 3, 3])
    found = paired_block_bootstrap(a, b)
    assert (found.loss_a, found.loss_b, found.estimate, found.relative) == (4, 2, 2, 1)
    assert (found.n_units, found.n_blocks, found.units_lower) == (2, 2, 0)


def test_the_transform_is_applied_to_each_units_mean() -> None:
    """Mean squares 4 and 16 are roots 2 and 4: their mean is 3, not sqrt(10)."""
    unit, block = grid(2, 2)
    losses = unit, block, np.array([0.0, 8, 16, 16])
    units, roots = per_unit_loss(losses, np.sqrt)
    assert units.tolist() == [0, 1]
    assert roots.tolist() == [2, 4]
    assert paired_block_bootstrap(losses, losses, transform=np.sqrt).loss_a == 3


def test_rows_of_a_cell_weigh_by_their_number() -> None:
    """Three rows in week 0, one in week 1: (1 + 1 + 1 + 5) / 4 = 2, not (1 + 5) / 2."""
    losses = np.zeros(4, int), np.array([0, 0, 0, 1]), np.array([1.0, 1, 1, 5])
    assert per_unit_loss(losses)[1].tolist() == [2]


def test_unknown_truth_is_left_out_on_both_sides() -> None:
    unit, block = grid(2, 3)
    loss = np.arange(1.0, 7)
    full = unit[1:], block[1:], loss[1:]
    holed = unit, block, np.where(np.arange(6) == 0, np.nan, loss)
    assert paired_block_bootstrap(holed, holed) == paired_block_bootstrap(full, full)


def test_a_unit_seen_in_one_week_only_is_left_out_of_draws_without_that_week() -> None:
    """Unit 1 has truth in week 0 alone: no division by zero, and its loss still counts."""
    unit, block = np.array([0, 0, 0, 1]), np.array([0, 1, 2, 0])
    a, b = ((unit, block, np.array(loss)) for loss in ([2.0, 2, 2, 4], [1.0, 1, 1, 2]))
    found = paired_block_bootstrap(a, b, transform=np.sqrt)
    assert found.relative == pytest.approx(np.sqrt(2) - 1)
    assert np.isfinite([found.low, found.high, found.relative_upper]).all()


def test_an_axis_with_few_clusters_widens_the_interval() -> None:
    """Student with 3 - 1 degrees of freedom: t / z = 2.2, times sqrt(3 / 2) = 2.7 for 3 units."""
    gap = np.random.default_rng(0).standard_normal((3, 1))
    found = paired_block_bootstrap(*pair(gap), draws=20_000)
    spread = gap.std() / np.sqrt(3)
    assert found.standard_error * 10 == pytest.approx(2.69 * spread, rel=0.1)


def test_a_loss_known_for_one_model_only_is_refused() -> None:
    unit, block = grid(2, 2)
    loss = np.ones(4)
    holed = np.where(np.arange(4) == 0, np.nan, loss)
    with pytest.raises(DataError, match="1 rows where only one model has a loss"):
        paired_block_bootstrap((unit, block, loss), (unit, block, holed))


def test_rows_that_differ_are_refused() -> None:
    unit, block = grid(2, 2)
    with pytest.raises(DataError, match="same"):
        paired_block_bootstrap((unit, block, np.ones(4)), (unit[::-1], block, np.ones(4)))


def test_one_unit_and_one_block_cannot_be_compared() -> None:
    one = np.zeros(5, int), np.zeros(5, int), np.ones(5)
    with pytest.raises(DataError, match="one unit and one block"):
        paired_block_bootstrap(one, one)


def test_a_model_without_any_loss_is_suspected_and_not_compared() -> None:
    """Every loss is infinitely larger than zero: the truth leaked, or the loss is not one."""
    unit, block = grid(2, 2)
    with pytest.raises(DataError, match="look for the truth among its inputs"):
        paired_block_bootstrap((unit, block, np.ones(4)), (unit, block, np.zeros(4)))


def test_a_single_building_is_compared_over_its_weeks() -> None:
    """A commune with one school: 20 weeks of a gap 1 +- 0.1 are conclusive for that school."""
    gap = 1 + 0.1 * np.random.default_rng(0).standard_normal((1, 20))
    found = paired_block_bootstrap(*pair(gap))
    assert found.low > 0.9
    assert found.high < 1.1


def test_equal_models_have_no_difference_and_no_doubt() -> None:
    unit, block = grid(5, 6)
    same = unit, block, np.random.default_rng(0).random(30)
    found = paired_block_bootstrap(same, same)
    assert (found.estimate, found.relative, found.relative_upper, found.p_value) == (0, 0, 0, 1)


def test_swapping_the_models_mirrors_the_interval() -> None:
    a, b = pair(0.3 + np.random.default_rng(2).standard_normal((8, 10)))
    one, other = paired_block_bootstrap(a, b), paired_block_bootstrap(b, a)
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))
    assert one.p_value == other.p_value


def test_the_one_sided_bound_is_inside_the_two_sided_interval() -> None:
    found = paired_block_bootstrap(*pair(np.random.default_rng(2).standard_normal((8, 10))))
    assert found.relative_low < found.relative_lower < found.relative < found.relative_upper
    assert found.relative_upper < found.relative_high


def test_46_meters_over_a_year_take_less_than_a_second() -> None:
    """46 x 365 rows in 53 weeks, 2,000 draws of each axis; about 0.02 s on an idle core."""
    unit, day = grid(46, 365)
    random = np.random.default_rng(0)
    a, b = ((unit, day // 7, random.random(len(unit))) for _ in range(2))
    begin = time.process_time()
    paired_block_bootstrap(a, b, transform=np.sqrt)
    assert time.process_time() - begin < 1


def difference(lower: float, upper: float, low: float, high: float) -> PairedDifference:
    """A difference with the given 90 % and 95 % intervals."""
    unit, block = grid(2, 2)
    same = unit, block, np.ones(4)
    return replace(
        paired_block_bootstrap(same, same),
        relative_lower=lower,
        relative_upper=upper,
        relative_low=low,
        relative_high=high,
    )


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ((-0.01, 0.015, -0.012, 0.018), "equivalent"),
        ((-0.019, -0.005, -0.021, -0.003), "equivalent"),  # certain, but too small to matter
        ((-0.08, -0.03, -0.09, -0.02), "better"),
        ((0.01, 0.08, 0.005, 0.09), "worse"),
        ((-0.03, 0.01, -0.04, 0.02), "undetermined"),
        ((-0.05, 0.0, -0.06, 0.01), "undetermined"),  # one-sided better is not enough
    ],
)
def test_the_verdict_follows_the_intervals(
    bounds: tuple[float, float, float, float], verdict: str
) -> None:
    assert equivalence(difference(*bounds), margin=0.02) == verdict


def test_a_margin_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match="margin 0"):
        equivalence(difference(0, 0, 0, 0), margin=0)


def test_few_weeks_are_undetermined_and_never_equivalent() -> None:
    """Silence never counts as equal: four noisy weeks of two equal models prove nothing."""
    found = paired_block_bootstrap(*pair(np.random.default_rng(1).standard_normal((3, 4))))
    assert equivalence(found, margin=0.02) == "undetermined"


def closed_bonferroni(p_values: Sequence[float], place: int) -> float:
    """Largest Bonferroni p-value of the intersections that contain one hypothesis."""
    others = [p for i, p in enumerate(p_values) if i != place]
    groups = [
        (p_values[place], *chosen)
        for size in range(len(others) + 1)
        for chosen in combinations(others, size)
    ]
    return max(min(1.0, len(group) * min(group)) for group in groups)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_the_closed_test_of_bonferroni(p_values: list[float]) -> None:
    """What Holm's shortcut stands for (Marcus, Peritz and Gabriel 1976)."""
    wanted = [closed_bonferroni(p_values, place) for place in range(len(p_values))]
    assert holm(p_values) == pytest.approx(wanted)


def test_the_announced_detectable_difference_is_detected_four_times_in_five() -> None:
    """The announced size, added to fresh noise, is found in 80 % of trials (60 to 97 allowed)."""
    random = np.random.default_rng(7)
    pilot = paired_block_bootstrap(*pair(random.standard_normal((12, 16))))
    shift = 10 * minimum_detectable_difference(pilot)
    found = [
        paired_block_bootstrap(*pair(shift + random.standard_normal((12, 16))), draws=500)
        for _ in range(200)
    ]
    assert 0.6 < np.mean([trial.low > 0 for trial in found]) < 0.97


def test_power_out_of_range_is_refused() -> None:
    with pytest.raises(UsageError, match=r"both in \(0, 1\)"):
        minimum_detectable_difference(difference(0, 0, 0, 0), power=1)


def test_the_interval_of_the_median_covers_it_19_times_in_20() -> None:
    """25 normal values, 400 trials: nominal 95 %, the percentile bootstrap gives 93 to 97."""
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(400):
        low, high = interval(random.standard_normal(25), draws=400, seed=seed)
        covered += low <= 0 <= high
    assert 0.92 <= covered / 400 <= 0.98


def test_the_interval_takes_another_statistic_and_skips_undefined_units() -> None:
    values = np.array([1.0, np.nan, 1.0])
    assert interval(values, statistic=lambda drawn: drawn.mean(axis=-1)) == (1, 1)
    with pytest.raises(DataError, match="no value"):
        interval(np.array([np.nan]))


def test_the_signed_rank_test_of_five_wins_is_two_out_of_thirty_two() -> None:
    """All five differences of one sign: p = 2 / 2**5."""
    assert wilcoxon(np.arange(5.0) + 1, np.zeros(5)) == pytest.approx(2 / 32)
    assert wilcoxon(np.ones(3), np.ones(3)) == 1
