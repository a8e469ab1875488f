"""A bundle on other data: scored beside the rungs without AI, calibrated, measured."""

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from common.edge.errors import DataError, UsageError
from common.lab import energy, evaluation, graph
from common.lab.checks.specimen import between
from common.lab.dataset import Period, Split
from common.lab.state import State, read_state, write_state
from common.lab.usecase import Track


@dataclass
class Paper:
    """As much of a bundle as evaluation asks for: a graph in memory, no signature."""

    task: object
    model: bytes
    digest: str = "d" * 64

    @property
    def manifest(self):
        return SimpleNamespace(task=self.task.id, inputs=self.task.inputs, golden_rows=4)

    @property
    def session(self):
        return graph.session(self.model)

    @property
    def golden(self):
        rng = np.random.default_rng(0)
        visits = rng.uniform(0, 90, (4, 14, 2)).astype(np.float32)
        return {"visits": visits, "weekday": np.arange(4)}, {}

    def predict(self, inputs):
        assert len(next(iter(inputs.values()))) <= evaluation.CHUNK_ROWS
        return graph.run(self.model, inputs)


@pytest.fixture(scope="module")
def task(toy):
    """The toy task."""
    return toy.tasks[0]


@pytest.fixture(scope="module")
def paper(task, toy_dataset):
    training = graph.training(task, task.examples(toy_dataset, task.split.final()[0]), 0)
    rung = task.rungs[2]
    return Paper(task, graph.assemble(task, rung, rung.fit(training)).SerializeToString())


def known_days(examples, _outputs, _default):
    """A calibration that only counts, so that its result can be checked by hand."""
    known = np.isfinite(examples.target).any(axis=1)
    count = [
        (known & (examples.units == unit) & (examples.days <= day - 2)).sum()
        for unit, day in zip(examples.units, examples.days, strict=True)
    ]
    return {"days_known": np.array(count, np.float32)}


def test_the_test_period_is_scored_where_the_data_cover_it(paper, task, toy_dataset):
    found = evaluation.evaluate(paper, task, toy_dataset)
    assert found.period == task.split.test
    # 3 libraries, 28 days.
    assert found.n_rows == 84
    assert set(found.references) == {"last_week", "two_weeks"}
    assert found.scores["wape"].value < found.references["last_week"]["wape"].value


def test_other_data_are_scored_whole_after_four_weeks_of_history(paper, task, toy_dataset):
    """A year later, the same libraries: nothing overlaps the split."""
    later = replace(toy_dataset, times=toy_dataset.times.shift(365 * 2, freq="12h"))
    found = evaluation.evaluate(paper, task, later)
    whole = evaluation.span(later)
    assert found.period == Period(whole.start + timedelta(28), whole.stop)
    # 140 days less 28, 3 libraries.
    assert found.n_rows == 336


def test_the_reference_is_what_last_week_gives_by_hand(paper, task, toy_dataset):
    """WAPE, 100 sum |y - y 7 days before| / sum y by library, then the median."""
    found = evaluation.evaluate(paper, task, toy_dataset).references["last_week"]["wape"]
    examples = task.examples(toy_dataset, task.split.test)
    last_week = np.nan_to_num(examples.inputs["visits"][:, 7, :])
    per_unit = []
    for unit in np.unique(examples.units):
        rows = examples.units == unit
        error = np.abs(examples.target[rows] - last_week[rows])
        per_unit.append(100 * np.nansum(error) / np.nansum(examples.target[rows]))
    assert found.value == pytest.approx(np.median(per_unit), rel=1e-4)


def test_the_description_shows_both(paper, task, toy_dataset):
    found = evaluation.evaluate(paper, task, toy_dataset)
    lines = list(evaluation.describe(found, task))
    # 2 metrics, each followed by 2 rungs without AI.
    assert len(lines) == 6
    assert lines[1].startswith("    sans IA, La semaine dernière : ")


def test_a_bundle_of_another_task_is_a_usage_error(paper, task, toy_dataset):
    with pytest.raises(UsageError, match="bundle of task visits"):
        evaluation.evaluate(paper, replace(task, id="loans"), toy_dataset)


def test_a_data_set_without_a_day_after_its_history_is_refused(paper, task, toy_dataset):
    short = between(toy_dataset, date(2022, 1, 3), date(2022, 1, 20))
    with pytest.raises(DataError, match="28 days of history"):
        evaluation.evaluate(paper, task, short)


def test_calibration_knows_all_days_up_to_the_last(paper, task, toy_dataset, tmp_path):
    """The state is for the next issue time: it rests on the last day with a truth, too.

    Rows are the last 84 days; library_0 and library_2 each lost half a day, never a whole one.
    """
    calibrated = replace(task, calibrate=known_days)
    path = tmp_path / "below" / "state.json"
    assert evaluation.calibrate(paper, calibrated, toy_dataset, path) == 3
    state = read_state(path)
    assert {site: float(row["days_known"]) for site, row in state.sites.items()} == (
        # Issued the day itself: the next target is a day later, two days after it is 83.
        dict.fromkeys(("library_0", "library_1", "library_2"), 83.0)
    )
    assert state.bundle == paper.digest
    assert state.dataset == "SIMULATED toy"
    assert not list(path.parent.glob("*.part"))


def test_a_task_without_state_cannot_be_calibrated(paper, task, toy_dataset, tmp_path):
    with pytest.raises(UsageError, match="calibrates nothing"):
        evaluation.calibrate(paper, task, toy_dataset, tmp_path / "state.json")


def test_both_batches_are_measured_by_blocks(paper, monkeypatch):
    short = replace(energy.FULL, calibration_units=0, codecarbon=False)
    monkeypatch.setattr(energy, "FULL", short)
    one, thousand = evaluation.measure(paper, 0.01)
    assert (one.predictions, thousand.predictions) == (1, 1000)
    assert one.repetitions == thousand.repetitions == 7
    assert one.quality != "high", "blocks of 0.01 s are not the whole protocol"


@pytest.mark.parametrize("seconds", [0, -1, 601])
def test_blocks_of_no_length_are_a_usage_error(paper, seconds):
    with pytest.raises(UsageError, match="seconds"):
        evaluation.measure(paper, seconds)


def test_a_split_that_the_data_cover_is_kept(task, toy_dataset):
    assert evaluation.follow(task, toy_dataset) is task


def test_another_period_is_split_by_its_own_days(task, toy_dataset):
    """140 days: tuning from day 84 (60 %) and 94 (67.5 %), test from day 105 (75 %)."""
    later = replace(toy_dataset, times=toy_dataset.times.shift(365 * 2, freq="12h"))
    first = date(2023, 1, 3)
    academic = Track("other", "Autre", task=task)
    found = evaluation.follow(replace(task, tracks=(academic,)), later)
    assert found.split == Split(
        train_start=first + timedelta(28),
        origins=(first + timedelta(84), first + timedelta(94)),
        test=Period(first + timedelta(105), first + timedelta(140)),
    )
    assert found.tracks[0].task.split == found.split


def test_a_period_too_short_to_split_is_refused(task, toy_dataset):
    short = between(toy_dataset, date(2022, 1, 3), date(2022, 4, 1))
    with pytest.raises(DataError, match="spans 88 days"):
        evaluation.follow(task, short)


def state_of(sites):
    return State("d" * 64, "visits", "2026-01-01T00:00:00+00:00", "SIMULATED toy", sites)


def test_a_state_file_comes_back_as_it_was(tmp_path):
    offsets = np.array([[-1.5, 0.25], [0.0, 2.0]], np.float32)
    write_state(tmp_path / "state.json", state_of({"mairie": {"interval_offsets": offsets}}))
    found = read_state(tmp_path / "state.json")
    np.testing.assert_array_equal(found.sites["mairie"]["interval_offsets"], offsets)
    assert (found.bundle, found.task) == ("d" * 64, "visits")


def _spoil(path, change):
    raw = json.loads(path.read_text(encoding="utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda raw: raw.update(schema=2), "schema 2, not 1"),
        (lambda raw: raw.pop("bundle"), "bundle"),
        (lambda raw: raw.update(sites=[1]), "AttributeError"),
        (lambda raw: raw["sites"]["a"].update(x=["much"]), "could not convert"),
        (lambda raw: raw["sites"]["a"].update(x=[float("nan")]), "finite"),
        (lambda raw: raw["sites"]["a"].update(x=[[1], [1, 2]]), "inhomogeneous"),
    ],
)
def test_a_spoilt_state_file_is_refused_and_says_why(tmp_path, change, what):
    path = tmp_path / "state.json"
    write_state(path, state_of({"a": {"x": np.zeros(2)}}))
    _spoil(path, change)
    with pytest.raises(DataError, match=what):
        read_state(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '"schema"'])
def test_a_file_that_is_no_state_is_refused(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"state\.json is not a state file"):
        read_state(path)


def test_no_state_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        read_state(tmp_path / "state.json")


def test_rows_take_their_own_sites_state(paper):
    state = state_of({"a": {"x": np.array([1.0])}, "b": {"x": np.array([2.0])}})
    found = state.inputs(paper, np.array(["b", "a", "b"]))
    assert found["x"].tolist() == [[2.0], [1.0], [2.0]]


def test_an_unknown_site_and_another_bundle_are_refused(paper):
    state = state_of({"a": {"x": np.array([1.0])}})
    with pytest.raises(DataError, match="no state for z"):
        state.inputs(paper, np.array(["a", "z"]))
    with pytest.raises(DataError, match="made with bundle"):
        state.inputs(replace(paper, digest="e" * 64), np.array(["a"]))


def test_calibration_is_given_the_manifests_default(paper, task, toy_dataset, tmp_path):
    seen = []

    def spy(examples, outputs, default, kept):
        kept.append(default)
        return known_days(examples, outputs, default)

    evaluation.calibrate(
        paper, replace(task, calibrate=partial(spy, kept=seen)), toy_dataset, tmp_path / "s.json"
    )
    assert seen == [{}], "no input of the toy has a default"
