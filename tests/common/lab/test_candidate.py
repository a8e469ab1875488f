"""A killed run resumes: what is remembered is taken up, what is half-written is not."""

from dataclasses import replace

import numpy as np
import pytest

from common.lab.candidate import Bench
from common.lab.usecase import Field


@pytest.fixture
def bench(toy, toy_dataset, tmp_path):
    lines = []
    made = Bench("toy", toy.tasks[0], toy_dataset, tmp_path, seed=3, report=lines.append)
    made.lines = lines
    return made


def fit(bench, place=2):
    return bench.candidate(bench.task.rungs[place], bench.task.split.folds()[0][0])


def again(bench, **changes):
    """The same bench in a new process: nothing in memory."""
    return replace(bench, _trainings={}, _examples={}, **changes)


def test_a_remembered_candidate_is_taken_up_without_fitting(bench):
    """The second process must not call ``fit`` at all."""
    first = fit(bench)

    def forbidden(_training):
        raise AssertionError("fitted again")

    rungs = (*bench.task.rungs[:2], replace(bench.task.rungs[2], fit=forbidden))
    second = fit(again(bench, task=replace(bench.task, rungs=rungs)))
    assert second.model == first.model
    assert second.terms == first.terms == ("last_week", "two_weeks", "sunday")
    assert second.train == first.train
    assert "repris" in bench.lines[-1]


@pytest.mark.parametrize("lost", ["*.json", "*.onnx"])
def test_a_half_written_entry_is_fitted_again(bench, lost):
    """A process killed between the two files leaves one of them."""
    first = fit(bench)
    for path in bench.work.rglob(lost):
        path.unlink()
    second = fit(again(bench))
    assert second.model == first.model
    assert not any("repris" in line for line in bench.lines)
    assert len(list(bench.work.rglob(lost))) == 1


def test_a_leftover_part_is_not_taken_for_an_entry(bench):
    """Files are written under a temporary name and renamed."""
    folder = bench.work / bench.key
    folder.mkdir()
    fit_period = str(bench.task.split.folds()[0][0]).replace("..", "_")
    (folder / f"{fit_period}-linear.json.part").write_text('{"rung": "lin')
    assert fit(bench).rung == "linear"
    assert not any("repris" in line for line in bench.lines)


def test_the_key_changes_with_whatever_a_fit_depends_on(bench, toy):
    task = bench.task
    keys = {
        bench.key,
        replace(bench, seed=4).key,
        replace(bench, dataset=toy.simulate(task, 2)).key,
        replace(bench, task=replace(task, version=2)).key,
        replace(bench, task=replace(task, id="loans")).key,
        replace(bench, usecase="building_energy").key,
    }
    assert len(keys) == 6
    assert bench.key == again(bench).key


def test_inputs_left_out_get_their_default_and_state_comes_from_the_rung(bench):
    offset = Field("offset", "float32", ("n", 2), "1", "Décalage.", default=np.array([1, 2.0]))
    state = Field("site", "float32", ("n",), "1", "État du site.")
    rung = replace(
        bench.task.rungs[2],
        scope="per_site",
        state=lambda _dataset, examples: {"site": np.arange(len(examples))},
        state_fields=(state,),
    )
    task = replace(bench.task, inputs=(*bench.task.inputs, offset))
    examples = bench.task.examples(bench.dataset, task.split.test).take(np.arange(3))
    inputs = replace(bench, task=task).inputs(rung, examples)
    assert inputs["offset"].tolist() == [[1, 2]] * 3
    assert inputs["site"].tolist() == [0, 1, 2]
    assert np.array_equal(inputs["visits"], examples.inputs["visits"], equal_nan=True)


def test_what_a_fit_cost_and_learnt_is_kept(bench):
    """Three coefficients, the baseline and the spread's own: counted by the heads."""
    candidate = fit(bench)
    assert candidate.train.stage == "train"
    assert candidate.train.cpu_seconds >= 0
    assert candidate.n_parameters > fit(bench, place=0).n_parameters
    assert candidate.parity["n_rerouted"] == 0


def test_the_fit_of_every_site_is_part_of_a_per_site_training(bench):
    """Its cost would else be that of building an empty head."""
    asked = []

    def state(_dataset, examples):
        asked.append(len(examples))
        return {}

    rung = replace(bench.task.rungs[1], scope="per_site", state=state)
    bench.fitting(rung, bench.task.split.folds()[0][0])()
    assert len(asked) == 1
    assert asked[0] >= 1
