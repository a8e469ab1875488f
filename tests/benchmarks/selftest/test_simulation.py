"""The bench tests itself, and the simulator that it does so with is tested here."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import lfilter

from benchmarks.comparing.power import Design, Scatter, detectable, minimum_detectable
from benchmarks.selftest.simulation import (
    CASES,
    EIGHTH_DAYS,
    FULL_YEAR,
    Case,
    day_means,
    rates,
    table,
)
from common.edge.errors import UsageError
from common.lab.cells import Cells


def test_day_means_have_the_moments_of_the_hours_they_stand_for():
    """Against 24 filtered hours a day: variance and correlation with the next two days."""
    rng = np.random.default_rng(1)
    phi, n = 0.95, 20_000
    hours = lfilter([1], [1, -phi], rng.standard_normal((n, 24 * 3 + 200)), axis=1)[:, 200:]
    slow = (hours * np.sqrt(1 - phi**2)).reshape(n, 3, 24).mean(axis=2)
    quick = day_means(rng, phi, (n,), (0, 1, 2))
    for lag in (0, 1, 2):
        one, other = ((draws[:, 0] * draws[:, lag]).mean() for draws in (slow, quick))
        assert one == pytest.approx(other, abs=0.02)  # 0.7 / sqrt(20,000) is 0.005


def test_days_that_are_not_asked_pass_all_the_same():
    """Skipping a day: the correlation is that of two days apart."""
    rng = np.random.default_rng(2)
    dense, sparse = (
        day_means(rng, 0.9, (40_000,), (3, 4, 5)),
        day_means(rng, 0.9, (40_000,), (3, 5)),
    )
    one, other = (dense[:, 0] * dense[:, 2]).mean(), (sparse[:, 0] * sparse[:, 1]).mean()
    assert one == pytest.approx(other, abs=0.01)


def test_the_contests_simulated_are_those_of_the_protocol():
    """45 days of 45 weeks every eighth day; 52 weeks of seven days in a full year."""
    assert Case("", 46, EIGHTH_DAYS, 0.9).design == Design(46, 45)
    assert Case("", 10, FULL_YEAR, 0.9).design == Design(10, 52)
    assert {case.phi for case in CASES} == {0.8, 0.95}
    with pytest.raises(UsageError, match="phi 1"):
        Case("", 10, EIGHTH_DAYS, 1.0)


def test_variances_are_found_again_in_a_layout_drawn_from_them():
    """Units 0.3, blocks 0.2, cells 0.5 in standard deviation, on a loss of 10: 40 x 60 cells."""
    rng = np.random.default_rng(0)
    gaps = (
        0.3 * rng.standard_normal((40, 1))
        + 0.2 * rng.standard_normal((1, 60))
        + 0.5 * rng.standard_normal((40, 60))
    )
    found = Scatter.of(Cells(10 + gaps / 2, 10 - gaps / 2, np.ones((40, 60)), lambda x: x))
    assert found.unit**0.5 == pytest.approx(0.03, rel=0.25)
    assert found.block**0.5 == pytest.approx(0.02, rel=0.25)
    assert found.cell**0.5 == pytest.approx(0.05, rel=0.05)


def test_four_times_the_units_and_weeks_halve_what_can_be_detected():
    """Cells alone: the error goes with 1 / sqrt(cells); t and z are close at these numbers."""
    scatter = Scatter(0.0, 0.0, 1.0)
    small, large = (detectable(scatter, Design(n, 50)) for n in (50, 200))
    assert large / small == pytest.approx(0.5, rel=0.03)
    assert detectable(Scatter(0, 0, 0), Design(10, 10)) == 0


def test_many_known_units_need_the_textbooks_2_8_standard_errors():
    """(1.960 + 0.842) sigma / sqrt(n), n = 10,000 units of 0.1, hardly any cell noise."""
    found = detectable(Scatter(0.01, 0.0, 0.0), Design(10_000, 1_000))
    assert found == pytest.approx(2.802 * 0.1 / 100, rel=0.001)


def test_the_minimum_is_the_median_over_pairs_of_past_losses():
    rng = np.random.default_rng(4)
    unit, block = np.repeat(np.arange(12), 20), np.tile(np.arange(20), 12)
    task = SimpleNamespace(transform=np.sqrt)

    def losses(sd):
        return unit, block, 1 + sd * rng.standard_normal(240)

    quiet, loud, louder = ((losses(sd), losses(sd)) for sd in (0.01, 0.1, 0.2))
    design = Design.of(unit, block)
    alone = minimum_detectable(task, [loud], design)
    assert minimum_detectable(task, [quiet, louder, loud], design) == alone
    assert minimum_detectable(task, [loud], replace(design, n_blocks=80)) < alone
    with pytest.raises(UsageError, match="no past difference"):
        minimum_detectable(task, [], design)


def test_the_table_has_a_line_per_case():
    found = rates(CASES[0], 5)
    lines = list(table([found]))
    assert len(lines) == 3
    assert lines[2].startswith("| un jour sur huit | 0,8 | 10 × 45 |")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES[16:24], ids=lambda case: f"{case.title} {case.n_units}")
def test_error_rates_hold_on_the_contests_own_design(case):
    """200 trials, phi 0.95: a rate of 5 % has a standard error of 1.5 %."""
    found = rates(case, 200, seed=5)
    assert found.false_positive <= 0.06 + 2 * 0.015
    assert found.false_equivalence <= 0.06 + 2 * 0.015
    assert found.coverage >= 0.93 - 2 * 0.015
    assert 0.65 <= found.power <= 0.95
    assert found.naive > 0.4  # the test could fail
