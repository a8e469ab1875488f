"""Run a task: fit every rung, choose, score once, measure, export, verify, log, show."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from common.edge.training.usual import Usual
from common.lab import cost, ladder, scoring, tracks
from common.lab.candidate import Bench, Candidate
from common.lab.histograms import usual_inputs
from common.lab.provenance import environment
from common.lab.record import Footprint, Run, RungResult
from common.lab.scoring import Outputs, Predicted
from common.lab.usecase import Array, Dataset, Examples, Rung, Task, UseCase

__all__ = ["Options", "Outcome", "describe", "run"]


@dataclass(frozen=True)
class Options:
    """How a run is done.

    Parameters
    ----------
    profile
        ``quick``: the ladder with one energy pass; ``full``: tracks and the whole
        energy protocol for the chosen rung and its neighbours.
    out
        Folder of results.
    seed
        Start of every randomness.
    report
        Called with one line of progress.
    """

    profile: Literal["quick", "full"] = "quick"
    out: Path = Path("results")
    seed: int = 20220101
    report: Callable[[str], None] = lambda _line: None


@dataclass(frozen=True)
class Outcome:
    """What a run leaves in memory for the bundle and the page.

    Parameters
    ----------
    run
        The record.
    candidate, rung
        What ships.
    examples, outputs
        The test period with the shipped graph's calibrated outputs.
    state
        Default of each state input, for the manifest.
    candidates
        Every rung's final candidate, for comparison.
    usual
        What the training inputs looked like, for the edge to compare its own with.
    """

    run: Run
    candidate: Candidate
    rung: Rung
    examples: Examples
    outputs: Outputs
    state: Mapping[str, Array]
    candidates: Mapping[str, Candidate]
    usual: Usual


def run(usecase: UseCase, task: Task, dataset: Dataset, options: Options) -> Outcome:
    """Carry a task through the whole protocol.

    Selection sees the tuning period only; the test period is scored once, after.

    Parameters
    ----------
    usecase, task
        What is asked.
    dataset
        Public, own or simulated data.
    options
        Profile, folder, seed.
    """
    work = options.out / ".work"
    bench = Bench(usecase.name, task, dataset, work, options.seed, options.report)
    tuning = scoring.tune(bench)
    choice = choose(task, tuning, options.seed)
    options.report(choice.reason)
    final = scoring.test(bench, tuning)
    rung = next(rung for rung in task.rungs if rung.name == choice.chosen)
    options.report("mesure de l'énergie")
    footprints = cost.footprints(bench, final, choice.chosen, full=options.profile == "full")
    side = tracks.answer(bench, rung, tuning) if options.profile == "full" else {}
    outcome = _Parts(usecase, bench, options, choice, tuning, final, footprints, side)
    return _outcome(outcome, rung)


def choose(task: Task, tuning: Predicted, seed: int) -> ladder.Choice:
    """Choose the smallest rung that ties, on the tuning period's losses."""
    losses = {
        name: task.unit_losses(tuning.examples, outputs) for name, outputs in tuning.outputs.items()
    }
    shippable = [rung.name for rung in task.rungs if rung.scope == "global"]
    return ladder.choose(
        losses,
        task.rungs,
        task.margin,
        shippable=shippable,
        transform=task.transform,
        seed=seed,
    )


@dataclass(frozen=True)
class _Parts:
    """What the record is put together from."""

    usecase: UseCase
    bench: Bench
    options: Options
    choice: ladder.Choice
    tuning: Predicted
    final: Predicted
    footprints: Mapping[str, Mapping[str, Footprint]]
    side: Mapping[str, Mapping[str, Any]]


def _outcome(parts: _Parts, rung: Rung) -> Outcome:
    final = parts.final
    return Outcome(
        run=_record(parts, rung),
        candidate=final.candidates[rung.name],
        rung=rung,
        examples=final.examples,
        outputs=final.outputs[rung.name],
        state=final.states[rung.name],
        candidates=final.candidates,
        usual=_usual(parts.bench),
    )


def _usual(bench: Bench) -> Usual:
    """Describe what the shipped model was fitted on."""
    task = bench.task
    fit, _ = task.split.final()
    names = {item.name for item in task.outputs}
    has_interval = {"lower", "upper"} <= names
    return usual_inputs(bench.examples(fit), task.inputs, has_interval=has_interval)


def _record(parts: _Parts, rung: Rung) -> Run:
    task, final = parts.bench.task, parts.final
    chosen = final.candidates[rung.name]
    return Run(
        id=_run_id(parts.bench.dataset),
        usecase=parts.usecase.name,
        task=task.id,
        task_version=task.version,
        question=task.question,
        profile=parts.options.profile,
        dataset=describe(parts.bench.dataset),
        split=_split(task),
        ladder=_ladder(parts),
        chosen=rung.name,
        reason=parts.choice.reason,
        margin=task.margin,
        tracks=parts.side,
        explanation=scoring.explanation(task, chosen, final.outputs[rung.name]),
        parity=chosen.parity,
        environment=environment(parts.usecase.name),
        seed=parts.options.seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        facts={
            "usecase_title": parts.usecase.title,
            "main_metric": task.metrics[0].name,
            "metric_titles": {metric.name: metric.title for metric in task.metrics},
            "track_titles": {track.name: track.title for track in task.tracks},
            "track_order": [track.name for track in task.tracks],
            "paired_wins": scoring.paired_wins(task, final, rung.name),
            "n_parameters": {name: row.n_parameters for name, row in final.candidates.items()},
            **_declared(parts.usecase, task),
        },
    )


def _run_id(dataset: Dataset) -> str:
    """Name the run; a folder of simulated results says so in its name."""
    label = "-SIMULATED" if dataset.simulated else ""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}{label}"


def _declared(usecase: UseCase, task: Task) -> dict[str, Any]:
    """Return what the use case says of itself; what it leaves out reads « non renseigné »."""
    facts = {"functional_unit": task.functional_unit, "unverified": list(usecase.unverified)}
    return {name: value for name, value in facts.items() if value}


def _ladder(parts: _Parts) -> tuple[RungResult, ...]:
    scores = scoring.scores(parts.bench, parts.final)
    slices = scoring.slices(parts.bench, parts.final)
    chosen_rows = {row.rung: row for row in parts.choice.rows}
    return tuple(
        RungResult(
            rung=rung.name,
            title=rung.title,
            kind=rung.kind,
            scope=rung.scope,
            model_kb=len(parts.final.candidates[rung.name].model) / 1000,
            tune_loss=chosen_rows[rung.name].loss,
            loss_increase=chosen_rows[rung.name].increase,
            loss_increase_high=chosen_rows[rung.name].increase_high,
            qualifies=chosen_rows[rung.name].qualifies,
            scores=scores[rung.name],
            slices=slices[rung.name],
            footprints=parts.footprints[rung.name],
        )
        for rung in parts.bench.task.rungs
    )


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what a record says of its data: name, digest, size, licences."""
    return {
        "name": dataset.name,
        "sha256": dataset.digest,
        "simulated": dataset.simulated,
        "proxy": dataset.proxy,
        "n_rows": len(dataset.times),
        "n_units": len(dataset.groups.categories),
        "valid_share": float(dataset.valid.mean()),
        "timezone": dataset.timezone,
        "licences": sorted(
            {f"{source.publisher} ({source.licence})" for source in dataset.sources}
        ),
    }


def _split(task: Task) -> dict[str, str]:
    return {
        "train": f"{task.split.train_start}..{task.split.test.start}",
        "tune": ", ".join(str(score) for _, score in task.split.folds()),
        "test": str(task.split.test),
    }
