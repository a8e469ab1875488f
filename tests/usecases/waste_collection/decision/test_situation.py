"""What is known at 06:00: levels, ages, paces, odd sensors, and nothing of what comes later."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from common.edge.errors import DataError
from tests.usecases.waste_collection.decision.conftest import STEPS, TODAY, dataset_of, last_level
from usecases.waste_collection.decision.situation import situation_on


def test_levels_are_those_of_the_morning_and_paces_those_of_the_weeks():
    """+20 a day from 0: after 40 days the level is 20 x (40 mod 6) = 80; no day differs."""
    found = situation_on(dataset_of(), TODAY)
    assert found.level_percent[0] == last_level(STEPS[0]) == 80.0
    assert found.age_days.tolist() == [0.0] * 8
    assert found.workday_points[4] == pytest.approx(2.0)
    assert found.daily_points(date(2026, 4, 11))[4] == pytest.approx(2.0)


def test_nothing_after_the_morning_is_looked_at():
    """The readings of the days after are replaced by nonsense; the situation stays the same."""
    long = dataset_of(until=TODAY + timedelta(days=3))
    level = long.columns["level_percent"].copy()
    level[long.times.tz_convert("Europe/Paris").tz_localize(None).date > TODAY] = 1.0
    spoiled = replace(long, columns={**long.columns, "level_percent": level})
    one, other = situation_on(dataset_of(), TODAY), situation_on(spoiled, TODAY)
    assert np.array_equal(one.level_percent, other.level_percent)
    assert np.array_equal(one.history.reading_percent, other.history.reading_percent)
    assert one.flags == other.flags


def test_a_silent_sensor_keeps_its_last_level_and_says_for_how_long():
    """Ten days without a reading: the last one is ten days old."""
    found = situation_on(dataset_of(silent="c3"), TODAY)
    assert found.age_days[2] == 10.0
    assert found.flags[2] == ("muet depuis 10 jours",)
    assert found.flags[0] == ()


def test_a_flat_line_is_flagged_by_the_rule_of_the_faults_task():
    """Four days at 100 %: -3.4 + 4 > 0, so even odds are passed; three would not do."""
    dataset = dataset_of()
    level = dataset.columns["level_percent"].copy()
    rows = np.flatnonzero(np.asarray(dataset.groups.astype(str)) == "c5")
    level[rows[-4:]] = 100.0
    found = situation_on(replace(dataset, columns={**dataset.columns, "level_percent": level}))
    assert found.flags[4] == ("niveau figé depuis 4 jours, capteur à vérifier",)


@pytest.mark.parametrize("day", [date(2026, 3, 4), date(2026, 5, 1)])
def test_a_day_without_a_week_behind_it_or_without_readings_is_refused(day):
    """A plan needs a week of readings and one of the morning."""
    with pytest.raises(DataError, match="a plan for"):
        situation_on(dataset_of(), day)
