"""Examples of the availability tasks: rows, truth, and what may be known."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from common.edge.errors import DataError
from common.lab.evaluation import follow
from common.lab.usecase import Period
from usecases.delivery_zones.availability.examples import Scope, day_ahead_examples, examples_of
from usecases.delivery_zones.features import availability_features, day_ahead_features
from usecases.delivery_zones.simulate import simulate
from usecases.delivery_zones.tasks import AVAILABILITY_TASKS

TASK = AVAILABILITY_TASKS[0]
WEEK = Period(date(2025, 3, 10), date(2025, 3, 17))
SCOPE = Scope(
    listed=Period(date(2025, 1, 6), date(2025, 3, 10)),
    min_stays=20,
    train_start=date(2025, 1, 13),
    every=3,
)


@pytest.fixture(scope="module")
def bays():
    """Four simulated zones of 1 to 4 bays over sixteen weeks."""
    return simulate(seed=3, n_zones=4)


@pytest.fixture(scope="module")
def rows(bays):
    return examples_of(bays, WEEK, SCOPE)


def arrays(examples):
    return {name: np.asarray(values) for name, values in examples.inputs.items()}


def test_a_week_holds_six_days_of_fifty_five_issues(rows):
    """06:00 to 19:30 is 55 quarters, Monday to Saturday, four zones: 55 * 6 * 4 = 1320."""
    assert len(rows) == 1320
    assert not (rows.inputs["weekday"] == 6).any()


def test_each_target_quarter_is_asked_once_at_each_horizon(rows):
    """52 quarters from 07:00 to 19:45, six days, four zones: 52 * 6 * 4 = 1248."""
    assert ((rows.slots[:, :3] >= 0).sum(axis=0) == 1248).all()
    assert (rows.slots[:, 3:] == -1).all()


def test_a_bay_is_free_where_fewer_are_taken_than_there_are(rows):
    """The truth is the count beside it held against the bays."""
    free, count = rows.target[:, :3], rows.target[:, 3:]
    known = np.isfinite(count)
    bays = np.broadcast_to(rows.inputs["bays"][:, None], known.shape)
    assert (free[known] == (count[known] < bays[known])).all()
    assert np.isnan(free[~known]).all()


def test_a_fit_period_is_thinned_and_another_is_not(bays, rows):
    """One issue in three, each of them met on some day: 1320 / 3 = 440 for a week."""
    early = Period(date(2025, 1, 13), date(2025, 1, 20))
    fitted = examples_of(bays, early, replace(SCOPE, min_stays=1))
    assert len(fitted) == pytest.approx(1320 / 3, abs=20)
    assert len(np.unique(fitted.inputs["quarter"])) == 55


def test_day_ahead_has_one_row_a_day_issued_at_18_the_day_before(bays):
    """Paris in March before the summer time: 18:00 is 17:00 UTC; 6 days, 4 zones."""
    found = day_ahead_examples(bays, WEEK, SCOPE)
    assert len(found) == 24
    lead = found.days.astype("datetime64[s]") - found.issued
    assert (lead == np.timedelta64(7 * 3600 - 1, "s")).all()
    assert found.target.shape == (24, 104)


def test_a_zone_that_is_forgotten_knows_fourteen_days(bays):
    """Of 56 days, 42 are unknown, and no stay is older than the 14 days."""
    found = examples_of(bays, WEEK, replace(SCOPE, forget_after_days=14))
    history = np.asarray(found.inputs["occupied_history"])
    assert np.isnan(history[:, :42]).all()
    assert np.isfinite(history[:, 42:]).any()


def test_a_silent_sensor_leaves_the_usual_chance(bays):
    """Nothing known of today: both queues give what is usual."""
    found = examples_of(bays, WEEK, replace(SCOPE, silent_today=True)).take(np.arange(0, 1320, 40))
    columns = availability_features(np, arrays(found)).columns
    assert np.array_equal(columns["queue"], columns["usual"])
    assert np.array_equal(columns["semi_markov"], columns["usual"])


def test_the_chance_of_now_follows_who_is_there(rows):
    """A zone that is full now is free 15 min later less often than one that is not."""
    part = rows.take(np.flatnonzero(np.isfinite(rows.target[:, 0]))[::7])
    chance = availability_features(np, arrays(part)).columns["semi_markov"][:, 0, 0]
    full = part.inputs["occupied_now"] >= part.inputs["bays"]
    assert chance[full].mean() < chance[~full].mean() - 2


def test_occupied_bays_of_tomorrow_are_a_distribution(bays):
    """52 quarters, each adding up to one."""
    found = day_ahead_examples(bays, WEEK, SCOPE)
    occupancy = day_ahead_features(np, arrays(found)).context["occupancy"]
    assert occupancy.shape == (24, 52, 7)
    assert occupancy.sum(axis=2) == pytest.approx(1, abs=1e-4)


def test_a_period_without_a_working_day_is_refused(bays):
    """A Sunday alone has no row."""
    with pytest.raises(DataError, match="no row"):
        examples_of(bays, Period(date(2025, 3, 16), date(2025, 3, 17)), SCOPE)


def test_a_commune_s_own_dates_are_followed():
    """Twenty weeks of 2025: fitted thinned, tested whole, though the listed days are of 2018."""
    own = simulate(seed=5, n_zones=2, weeks=20)
    task = follow(TASK, own)
    fit, test = task.split.final()
    fitted, tested = (task.examples(own, period) for period in (fit, test))
    per_day = [len(part) / len(np.unique(part.days)) for part in (fitted, tested)]
    assert per_day[1] == pytest.approx(110, abs=10)  # two zones, 55 issues
    assert per_day[0] < per_day[1] / 2  # one issue in three
