"""Tuning and test predict every rung on the same rows; the past calibrates the future."""

from dataclasses import replace

import numpy as np
import pytest

from common.lab import scoring
from common.lab.candidate import Bench
from common.lab.scoring import Predicted


@pytest.fixture(scope="module")
def bench(toy, toy_dataset, tmp_path_factory):
    return Bench("toy", toy.tasks[0], toy_dataset, tmp_path_factory.mktemp("work"), seed=3)


@pytest.fixture(scope="module")
def tuning(bench):
    return scoring.tune(bench)


@pytest.fixture(scope="module")
def final(bench, tuning):
    return scoring.test(bench, tuning)


def test_tuning_covers_each_day_between_first_origin_and_test_once(bench, tuning):
    """Two folds of 21 days, 3 libraries: 126 rows, none of the test period."""
    split = bench.task.split
    assert len(tuning.examples) == 2 * 21 * 3
    assert tuning.examples.days.min() == np.datetime64(split.origins[0])
    assert tuning.examples.days.max() < np.datetime64(split.test.start)
    for outputs in tuning.outputs.values():
        assert outputs["forecast"].shape == (126, 2)
        assert "contributions" not in outputs


def test_every_rung_is_scored_on_the_same_rows(bench, final):
    assert list(final.outputs) == [rung.name for rung in bench.task.rungs]
    assert {len(outputs["forecast"]) for outputs in final.outputs.values()} == {28 * 3}


def test_scores_have_an_interval_around_them(bench, final):
    found = scoring.scores(bench, final)
    for scores in found.values():
        for score in scores.values():
            assert score.low <= score.value <= score.high
            assert score.n_units == 3


def test_a_slice_of_everything_is_the_whole(bench, final):
    """One class for all rows gives the main metric's median over units."""
    everything = replace(
        bench, task=replace(bench.task, slices={"tout": lambda e: np.full(len(e), "tout")})
    )
    main = bench.task.metrics[0]
    for rung, slices in scoring.slices(everything, final).items():
        scored = bench.task.scored(final.examples, final.outputs[rung], {})
        assert slices["tout"]["tout"] == np.median(main.compute(scored))


def test_calibration_is_given_the_past_then_the_rows_and_only_its_part_is_used(bench, tuning):
    """The state of row i of the test is row len(past) + i of what ``calibrate`` returns."""
    seen = []

    def calibrate(examples, outputs, default):
        seen.append((len(examples), len(outputs["forecast"]), default))
        return {"offset": np.arange(len(examples))}

    task = replace(
        bench.task, calibrate=calibrate, default_state=lambda _e, _o: {"offset": np.float32(7)}
    )
    rung = task.rungs[0]
    examples = bench.examples(task.split.test)
    candidate = bench.candidate(rung, task.split.final()[0])
    outputs, default = scoring.calibrated(
        replace(bench, task=task), rung, candidate, examples, tuning
    )
    n_past, n_rows = len(tuning.examples), len(examples)
    assert seen == [(n_past + n_rows,) * 2 + ({"offset": np.float32(7)},)]
    assert default == {"offset": np.float32(7)}
    assert len(outputs["forecast"]) == n_rows


def test_paired_wins_count_units(bench, final):
    """A rung that knows the truth errs less everywhere: a share of 1 against each other."""
    truth = {**final.outputs["linear"], "forecast": np.nan_to_num(final.examples.target)}
    rigged = Predicted(
        final.examples, {**final.outputs, "linear": truth}, final.candidates, final.states
    )
    assert scoring.paired_wins(bench.task, rigged, "linear") == {"last_week": 1.0, "two_weeks": 1.0}


def test_explanation_adds_terms_of_a_group_before_taking_sizes(bench, final):
    """Two terms of a group that cancel say nothing: |2 - 2| = 0; the other group says 1."""
    contributions = np.tile(np.array([2.0, -2.0, 1.0]), (4, 2, 1))
    found = scoring.explanation(
        bench.task, final.candidates["linear"], {"contributions": contributions}
    )
    assert found == {"calendrier": 1.0, "passé récent": 0.0}


def test_concatenated_examples_leave_their_inputs_behind(tuning):
    """Calibration needs truth and days; a year of history per row would fill memory."""
    few = tuning.examples.take(np.arange(2))
    both = scoring.concatenate([few, few])
    assert len(both) == 4
    assert dict(both.inputs) == {}
    assert np.array_equal(both.target, np.concatenate([few.target, few.target]), equal_nan=True)
