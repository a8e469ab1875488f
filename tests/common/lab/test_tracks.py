"""Side questions are answered by the rung that ships, on altered rows, another task, new sites."""

from dataclasses import replace

import numpy as np
import pytest

from common.lab import scoring, tracks
from common.lab.candidate import Bench
from common.lab.usecase import Track


@pytest.fixture(scope="module")
def bench(toy, toy_dataset, tmp_path_factory):
    return Bench("toy", toy.tasks[0], toy_dataset, tmp_path_factory.mktemp("work"), seed=3)


@pytest.fixture(scope="module")
def tuning(bench):
    return scoring.tune(bench)


def ask(bench, tuning, track, place=2):
    """Answer one track by a rung."""
    asked = replace(bench, task=replace(bench.task, tracks=(track,)))
    return tracks.answer(asked, bench.task.rungs[place], tuning)[track.name]


def test_a_track_without_change_is_the_test_score(bench, tuning):
    final = scoring.test(bench, tuning)
    expected = scoring.scores(bench, final)["linear"]
    assert ask(bench, tuning, Track("same", "Sans changement")) == expected


def test_less_history_is_scored_on_altered_rows(bench, tuning):
    """With nothing known, last week is 0 for all: a WAPE of 100 %."""

    def forgotten(dataset, period):
        examples = bench.task.examples(dataset, period)
        nothing = np.full_like(examples.inputs["visits"], np.nan)
        return replace(examples, inputs={**examples.inputs, "visits": nothing})

    scores = ask(bench, tuning, Track("empty", "Sans historique", forgotten), place=0)
    assert scores["wape"].value == pytest.approx(100)


def test_another_task_is_answered_by_its_rung_of_the_same_name(bench, tuning):
    """The other task's ladder swaps its columns: its last_week is the mean of two weeks."""
    rungs = bench.task.rungs
    other = replace(bench.task, id="swapped", rungs=(replace(rungs[1], name="last_week"),))
    final = scoring.test(bench, tuning)
    expected = scoring.scores(bench, final)["two_weeks"]
    assert ask(bench, tuning, Track("other", "Autre", task=other), place=0) == expected


def test_unseen_units_are_predicted_by_a_fit_that_never_saw_them(bench, tuning):
    """Each of the two fits is on the other half of the libraries: 0 and 2, then 1."""
    seen = []

    def spying(training):
        seen.append(sorted(set(training.units)))
        return bench.task.rungs[2].fit(training)

    rung = replace(bench.task.rungs[2], fit=spying)
    track = Track("unseen", "Jamais vues", unseen_units=True)
    asked = replace(bench, task=replace(bench.task, tracks=(track,)))
    scores = tracks.answer(asked, rung, tuning)["unseen"]
    assert seen == [["library_1"], ["library_0", "library_2"]]
    assert scores["wape"].n_units == 3
    assert 0 < scores["wape"].value < 100
