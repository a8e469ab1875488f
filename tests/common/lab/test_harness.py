"""A whole run of the toy use case: chosen on the tuning period, scored once, recorded."""

from dataclasses import replace

import numpy as np
import pytest

from common.lab import harness
from common.lab.harness import Options
from common.lab.record import Run


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    return Options(out=tmp_path_factory.mktemp("results"), seed=3)


@pytest.fixture(scope="module")
def outcome(toy, toy_dataset, options):
    return harness.run(toy, toy.tasks[0], toy_dataset, options)


def test_the_record_says_what_was_asked_on_which_data(outcome, toy, toy_dataset):
    run = outcome.run
    assert (run.usecase, run.task, run.profile, run.seed) == ("toy", "visits", "quick", 3)
    assert run.dataset["sha256"] == toy_dataset.digest
    assert run.dataset["simulated"]
    assert run.dataset["name"].startswith("SIMULATED")
    assert run.id.endswith("-SIMULATED")
    assert run.split["test"] == str(toy.tasks[0].split.test)
    assert run.tracks == {}


def test_the_record_round_trips(outcome):
    assert Run.from_json(outcome.run.to_json()).to_json() == outcome.run.to_json()


def test_every_rung_has_scores_size_and_footprints(outcome):
    for row in outcome.run.ladder:
        assert {"wape", "mase"} == set(row.scores)
        assert {"train", "predict_1", "predict_1000"} <= set(row.footprints)
        assert row.model_kb > 0


def test_what_ships_is_the_first_rung_that_qualifies(outcome):
    """The smallest one not worse than the best by more than the margin, and global."""
    able = [row.rung for row in outcome.run.ladder if row.qualifies and row.scope == "global"]
    assert outcome.run.chosen == outcome.rung.name == able[0]
    assert outcome.candidate.rung == outcome.rung.name


def test_a_rung_that_ties_without_ai_ships(toy, toy_dataset, options):
    """Were the plain rungs as good, they would ship: the linear one copies last week here."""
    task = toy.tasks[0]
    copy = replace(task.rungs[2], fit=task.rungs[0].fit)
    tied = replace(task, id="tied", rungs=(task.rungs[0], copy))
    run = harness.run(toy, tied, toy_dataset, options).run
    assert run.chosen == "last_week"
    assert run.row("linear").loss_increase == 0


def test_the_test_period_has_no_say_in_the_choice(toy, toy_dataset, options, outcome):
    """With the test period's truth spoilt the same rung ships for the same reason."""
    first = np.datetime64(toy.tasks[0].split.test.start)
    late = toy_dataset.times.tz_localize(None).to_numpy() >= first
    visits = np.where(late, 1.0, toy_dataset.columns["visits"])
    spoilt = replace(toy_dataset, columns={"visits": visits})
    run = harness.run(toy, toy.tasks[0], spoilt, options).run
    assert (run.chosen, run.reason) == (outcome.run.chosen, outcome.run.reason)
    assert run.row("linear").scores != outcome.run.row("linear").scores


def test_the_same_seed_gives_the_same_figures_and_bytes(toy, toy_dataset, outcome, tmp_path):
    """In another folder, so that nothing is taken up from the first run."""
    again = harness.run(toy, toy.tasks[0], toy_dataset, Options(out=tmp_path, seed=3))
    assert again.candidate.model == outcome.candidate.model
    for row, other in zip(again.run.ladder, outcome.run.ladder, strict=True):
        assert row.scores == other.scores
        assert row.loss_increase_high == other.loss_increase_high


def test_progress_is_reported_line_by_line(toy, toy_dataset, options):
    """A second run takes up every fit of the first: 3 rungs at 2 origins and the test."""
    lines = []
    harness.run(toy, toy.tasks[0], toy_dataset, replace(options, report=lines.append))
    assert sum("repris" in line for line in lines) == 9
