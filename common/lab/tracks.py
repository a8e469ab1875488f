"""Side questions of the full profile: less history, other weather, faults, unseen sites."""

from dataclasses import replace

import numpy as np

from common.lab.candidate import Bench
from common.lab.record import Score
from common.lab.scoring import Outputs, Predicted, calibrated, score_all, tune
from common.lab.usecase import Examples, Rung, Task, Track

__all__ = ["answer"]


def answer(bench: Bench, rung: Rung, tuning: Predicted) -> dict[str, dict[str, Score]]:
    """Score the shipped rung on every track of the task, over the test period.

    Parameters
    ----------
    bench, rung
        The task's bench and the rung that ships.
    tuning
        The rungs' predictions of the tuning period.
    """
    scale = bench.task.scale(bench.examples(bench.task.split.final()[0]))
    scored = {}
    for track in bench.task.tracks:
        bench.report(f"piste : {track.title}")
        task, examples, outputs = _answer(bench, rung, track, tuning)
        scored[track.name] = score_all(task, examples, outputs, scale, bench.seed)
    return scored


def _answer(
    bench: Bench, rung: Rung, track: Track, tuning: Predicted
) -> tuple[Task, Examples, Outputs]:
    fit, period = bench.task.split.final()
    if track.task is not None:
        return _other_task(bench, rung, track.task)
    make = track.examples or bench.task.examples
    examples = make(bench.dataset, period)
    if track.unseen_units:
        return bench.task, examples, _unseen(bench, rung, examples)
    candidate = bench.candidate(rung, fit)
    outputs, _ = calibrated(bench, rung, candidate, examples, tuning)
    return bench.task, examples, outputs


def _other_task(bench: Bench, rung: Rung, task: Task) -> tuple[Task, Examples, Outputs]:
    """Fit and score the rung of the same name in another task's ladder."""
    same = next(other for other in task.rungs if other.name == rung.name)
    rungs = (same,) if same is task.rungs[0] else (task.rungs[0], same)
    other = replace(bench, task=replace(task, rungs=rungs), _trainings={}, _examples={}, _states={})
    past = tune(other)
    fit, period = task.split.final()
    examples = other.examples(period)
    outputs, _ = calibrated(other, same, other.candidate(same, fit), examples, past)
    return task, examples, outputs


def _unseen(bench: Bench, rung: Rung, examples: Examples) -> Outputs:
    """Predict each half of the units by a rung fitted on the other half, uncalibrated."""
    fit, _ = bench.task.split.final()
    names = np.unique(examples.units)
    halves = (names[::2], names[1::2])
    outputs: Outputs = {}
    for half, others in (halves, halves[::-1]):
        dataset = bench.dataset.at(bench.dataset.groups.isin(others))
        seen = replace(bench, dataset=dataset, _trainings={}, _examples={}, _states={})
        rows = np.isin(examples.units, half)
        produced = seen.outputs(rung, seen.candidate(rung, fit), examples.take(rows))
        for name, values in produced.items():
            outputs.setdefault(name, np.empty((len(examples), *values.shape[1:]), values.dtype))
            outputs[name][rows] = values
    return outputs
