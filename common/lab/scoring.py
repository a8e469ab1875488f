"""Predict and score every rung on the same rows: the tuning folds, then the test period."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from common.lab import metrics
from common.lab.candidate import Bench, Candidate
from common.lab.record import Score
from common.lab.usecase import Array, Examples, Field, Rung, Task

__all__ = [
    "Outputs",
    "Predicted",
    "calibrated",
    "concatenate",
    "explanation",
    "kept",
    "paired_wins",
    "scores",
    "slices",
    "test",
    "tune",
]

Outputs = dict[str, Array]

LEFT_OUT = ("baseline", "contributions", "lower", "upper")
"""Outputs not kept of every rung: contributions are read of the test period only, for the page,
and bounds are quantiles too."""


@dataclass(frozen=True)
class Predicted:
    """Outputs of every rung on the same examples.

    Parameters
    ----------
    examples
        The rows.
    outputs, candidates
        By rung.
    states
        By rung: the default of each calibrated input, for a new site.
    """

    examples: Examples
    outputs: Mapping[str, Outputs]
    candidates: Mapping[str, Candidate]
    states: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


def tune(bench: Bench) -> Predicted:
    """Fit every rung at each origin of the tuning period and predict up to the next."""
    pieces: dict[str, list[Outputs]] = {rung.name: [] for rung in bench.task.rungs}
    examples = []
    candidates = {}
    for fit, period in bench.task.split.folds():
        examples.append(bench.examples(period))
        for rung in bench.task.rungs:
            candidates[rung.name] = bench.candidate(rung, fit)
            names = kept(bench.task)
            produced = bench.outputs(rung, candidates[rung.name], examples[-1], names)
            pieces[rung.name].append(produced)
    outputs = {name: _stacked(parts) for name, parts in pieces.items()}
    return Predicted(concatenate(examples), outputs, candidates)


def test(bench: Bench, tuning: Predicted) -> Predicted:
    """Fit every rung up to the test period, calibrate with what came before, predict."""
    fit, period = bench.task.split.final()
    examples = bench.examples(period)
    outputs: dict[str, Outputs] = {}
    candidates: dict[str, Candidate] = {}
    states: dict[str, Mapping[str, Array]] = {}
    for rung in bench.task.rungs:
        candidate = bench.candidate(rung, fit)
        candidates[rung.name] = candidate
        outputs[rung.name], states[rung.name] = calibrated(bench, rung, candidate, examples, tuning)
    return Predicted(examples, outputs, candidates, states)


def calibrated(
    bench: Bench, rung: Rung, candidate: Candidate, examples: Examples, past: Predicted
) -> tuple[Outputs, Mapping[str, Array]]:
    """Predict with the rolling state that is known at each issue time.

    Parameters
    ----------
    bench, rung, candidate
        What predicts.
    examples
        The rows to predict.
    past
        Out-of-sample predictions of earlier rows by the same rung: they fill the first
        windows and give the default of a new site.

    Returns
    -------
    outputs, default
        The graph's outputs, and the state that a new site starts with.
    """
    task = bench.task
    if task.calibrate is None or task.default_state is None:
        return bench.outputs(rung, candidate, examples), {}
    first = bench.outputs(rung, candidate, examples, kept(task))
    default = task.default_state(past.examples, past.outputs[rung.name])
    rows = concatenate([past.examples, examples])
    state = task.calibrate(rows, _stacked([past.outputs[rung.name], first]), default)
    known = {name: values[len(past.examples) :] for name, values in state.items()}
    second = replace(examples, inputs={**examples.inputs, **known})
    return bench.outputs(rung, candidate, second), default


def kept(task: Task) -> tuple[str, ...]:
    """Return the outputs that are kept of every rung: all but those of `LEFT_OUT`.

    Nor those with an axis of any length: a text's characters differ from fold to fold.
    """
    return tuple(
        output.name
        for output in task.outputs
        if output.name not in LEFT_OUT and not _of_any_length(output)
    )


def _of_any_length(output: Field) -> bool:
    return any(isinstance(size, str) and size != "terms" for size in output.shape[1:])


def scores(bench: Bench, final: Predicted) -> dict[str, dict[str, Score]]:
    """Return every metric of every rung, with its 95 % bootstrap interval over units."""
    scale = bench.task.scale(bench.examples(bench.task.split.final()[0]))
    return {
        name: score_all(bench.task, final.examples, outputs, scale, bench.seed)
        for name, outputs in final.outputs.items()
    }


def score_all(
    task: Task, examples: Examples, outputs: Outputs, scale: Mapping[str, float], seed: int
) -> dict[str, Score]:
    """Return every metric of the task for one set of outputs."""
    scored = task.scored(examples, outputs, scale)
    return {
        metric.name: metrics.score(metric, scored, np.random.default_rng(seed))
        for metric in task.metrics
    }


def slices(bench: Bench, final: Predicted) -> dict[str, dict[str, dict[str, float]]]:
    """Return the main metric by slice and class, for equity."""
    task = bench.task
    classes = {name: slice_of(final.examples) for name, slice_of in task.slices.items()}
    return {
        rung: {
            name: {
                str(label): _main(task, final.examples, outputs, labels == label)
                for label in np.unique(labels)
            }
            for name, labels in classes.items()
        }
        for rung, outputs in final.outputs.items()
    }


def paired_wins(task: Task, final: Predicted, chosen: str) -> dict[str, float]:
    """Return, for each other rung, the share of units where the chosen one errs less."""
    main = task.metrics[0]
    errors = {
        name: main.compute(task.scored(final.examples, outputs, {}))
        for name, outputs in final.outputs.items()
    }
    return {
        name: float(np.nanmean(errors[chosen] < values))
        for name, values in errors.items()
        if name != chosen
    }


def explanation(task: Task, candidate: Candidate, outputs: Outputs) -> dict[str, float]:
    """Return the mean absolute contribution per term group, largest first."""
    groups = {name: term.group for name, term in task.labels.items()}
    contributions = outputs["contributions"]
    names = [groups.get(name, name) for name in candidate.terms]
    totals = {
        group: float(
            np.nanmean(np.abs(contributions[..., [name == group for name in names]].sum(axis=-1)))
        )
        for group in dict.fromkeys(names)
    }
    return dict(sorted(totals.items(), key=lambda item: -item[1]))


def concatenate(parts: list[Examples]) -> Examples:
    """Put examples one after the other, without their inputs: long histories stay behind."""
    return Examples(
        inputs={},
        target=np.concatenate([part.target for part in parts]),
        slots=np.concatenate([part.slots for part in parts]),
        units=np.concatenate([part.units for part in parts]),
        blocks=np.concatenate([part.blocks for part in parts]),
        issued=np.concatenate([part.issued for part in parts]),
        days=np.concatenate([part.days for part in parts]),
    )


def _main(task: Task, examples: Examples, outputs: Outputs, rows: Array) -> float:
    part = {name: outputs[name][rows] for name in kept(task)}
    return metrics.value(task.metrics[0], task.scored(examples.take(rows), part, {}))


def _stacked(parts: list[Outputs]) -> Outputs:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
