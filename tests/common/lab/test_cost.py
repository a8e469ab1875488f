"""Every rung is measured once; the chosen one and its neighbours by the full protocol."""

import pytest

from common.lab import cost, energy, scoring
from common.lab.candidate import Bench


@pytest.fixture(scope="module")
def bench(toy, toy_dataset, tmp_path_factory):
    return Bench("toy", toy.tasks[0], toy_dataset, tmp_path_factory.mktemp("work"), seed=3)


@pytest.fixture(scope="module")
def final(bench):
    return scoring.test(bench, scoring.tune(bench))


@pytest.fixture
def meter(monkeypatch, final):
    """A meter that runs each work once and notes what it was asked; no second is waited for."""
    asked = []
    reading = next(iter(final.candidates.values())).train

    def measure(work, *, stage, predictions=0, protocol=energy.QUICK):
        asked.append((stage, predictions, protocol is energy.FULL, work()))
        return reading

    def interleave(works, *, stage, predictions=0, protocol=energy.FULL):
        return {
            name: measure(work, stage=stage, predictions=predictions, protocol=protocol)
            for name, work in works.items()
        }

    monkeypatch.setattr(energy, "measure", measure)
    monkeypatch.setattr(energy, "interleave", interleave)
    return asked


def test_each_rung_is_measured_alone_and_by_the_thousand(bench, final, meter):
    """1,000 predictions are 1,000 rows, the test rows repeated, all outputs asked for."""
    found = cost.footprints(bench, final, "linear", full=False)
    assert list(found) == ["last_week", "two_weeks", "linear"]
    assert all(list(stages) == ["train", "predict_1", "predict_1000"] for stages in found.values())
    assert [(stage, size) for stage, size, *_ in meter] == [
        ("predict_1", 1),
        ("predict_1000", 1000),
    ] * 3
    for _, size, full, outputs in meter:
        assert not full
        assert len(outputs) == len(bench.task.outputs)
        assert outputs[0].shape == (size, 2)


def test_the_training_footprint_is_that_of_the_fit(bench, final, meter):
    found = cost.footprints(bench, final, "linear", full=False)
    for name, stages in found.items():
        assert stages["train"] == final.candidates[name].train


@pytest.mark.parametrize(
    ("chosen", "neighbours"),
    [
        ("last_week", {"last_week", "two_weeks"}),
        ("two_weeks", {"last_week", "two_weeks", "linear"}),
        ("linear", {"two_weeks", "linear"}),
    ],
)
def test_the_full_protocol_runs_for_the_chosen_rung_and_its_neighbours(
    bench, final, meter, chosen, neighbours
):
    """Three stages for each, on top of the one pass of every rung."""
    cost.footprints(bench, final, chosen, full=True)
    full = [stage for stage, _, is_full, _ in meter if is_full]
    assert len(full) == 3 * len(neighbours)
    assert full.count("train") == len(neighbours)


def test_a_real_reading_names_stage_and_predictions(bench, final):
    """Without the fake meter: one pass is of low quality and says so."""
    stages = cost.footprints(bench, final, "linear", full=False)["linear"]
    assert [stages[name].predictions % size for name, size in cost.BATCHES.items()] == [0, 0]
    assert stages["predict_1000"].predictions >= 1000
    assert stages["predict_1"].quality == "low"
    assert stages["predict_1000"].cpu_seconds_per_1000 >= 0
