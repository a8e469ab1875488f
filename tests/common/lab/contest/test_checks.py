"""What a submission shows before the labels are open."""

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.lab.contest import Submission, check_rows, main_column


@pytest.fixture
def check(questions, columns):
    """Check answers given as a forecast, or as a mapping."""

    def run(answers, line=None):
        if not isinstance(answers, dict):
            answers = {"forecast_kwh": answers}
        line = np.arange(2, len(questions) + 2) if line is None else line
        found = check_rows(Submission(answers, line, len(line), ""), questions, columns)
        return {finding.rule: finding for finding in found}

    return run


@pytest.fixture
def plausible(questions):
    """Around the level of 50 kWh, different at each site."""
    return 50 + 20 * np.random.default_rng(3).random(len(questions))


def test_a_plausible_forecast_has_no_finding(check, plausible):
    assert check(plausible) == {}


@pytest.mark.parametrize(
    ("factor", "words"), [(1000, "multiplié par"), (0.001, "divisé par"), (30, "fois le niveau")]
)
def test_a_wrong_unit_is_refused_and_its_factor_named(check, plausible, factor, words):
    found = check(plausible * factor)["unit-error"]
    assert found.severity == "refused"
    assert found.count == 4
    assert words in found.message


def test_one_unit_in_the_wrong_unit_is_named(check, plausible, questions):
    found = check(np.where(questions.units == "bat-002", 1000, 1) * plausible)["unit-error"]
    assert found.count == 1
    assert "bat-002" in found.message
    assert "bat-001" not in found.message


def test_the_bounds_are_twenty_times_either_way(check, questions):
    # The level is 50 kWh: 1,000 kWh is 20 times as much, and 2.5 kWh a twentieth.
    wave = 1e-3 * np.sin(np.arange(len(questions)))
    assert "unit-error" not in check(999 + wave)
    assert "unit-error" in check(1001 + wave)
    assert "unit-error" not in check(2.51 + wave)
    assert "unit-error" in check(2.49 + wave)


def test_constant_answers_ask_for_a_person(check, plausible, questions):
    found = check(np.where(questions.units == "bat-001", 42.0, plausible))["constant"]
    assert (found.severity, found.count) == ("review", 1)
    assert "bat-001" in found.message


def test_the_same_series_at_two_sites_asks_for_a_person(check, plausible):
    plausible[120:240] = plausible[:120]  # 5 days x 24 hours a site
    found = check(plausible)["identical-units"]
    assert (found.severity, found.count) == ("review", 2)
    assert "bat-000" in found.message
    assert "bat-001" in found.message


def test_sites_and_days_that_are_missing_altogether_are_named(check, plausible, questions):
    day = np.datetime64("2022-01-12")
    gone = (questions.units == "bat-003") | (questions.keys["target_utc"].astype("M8[D]") == day)
    line = np.where(gone, 0, np.arange(2, len(gone) + 2))
    message = check(np.where(gone, np.nan, plausible), line)["coverage"].message
    assert "bat-003" in message
    assert "2022-01-12" in message
    assert "2022-01-13" not in message


def test_scattered_gaps_are_no_matter_of_coverage(check, plausible):
    line = np.arange(2, len(plausible) + 2)
    line[::60] = 0
    assert "coverage" not in check(np.where(line == 0, np.nan, plausible), line)


def test_intervals_of_no_width_and_of_any_width_are_noted(check, plausible):
    touching = {"forecast_kwh": plausible, "q10_kwh": plausible, "q90_kwh": plausible}
    assert check(touching)["zero-width"].count == 480
    wide = {**touching, "q10_kwh": plausible * 0, "q90_kwh": plausible + 200}
    assert check(wide)["too-wide"].severity == "note"
    fair = {**touching, "q10_kwh": plausible - 5, "q90_kwh": plausible + 5}
    assert check(fair) == {}


def test_the_main_column_is_the_first_required_answer(columns):
    assert main_column(columns) == "forecast_kwh"
    with pytest.raises(UsageError, match="no required answer"):
        main_column(columns[:3])
