"""Take a signed bundle to other data: score it, calibrate it, measure it.

Nothing is fitted here. What is new about a site, the offsets of its intervals, is kept in a
state file beside the bundle and never inside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.bundle import Bundle
from common.edge.errors import DataError, UsageError
from common.lab.record import Footprint, Score
from common.lab.state import State, write_state
from common.lab.usecase import Array, Dataset, Examples, Period, Rung, Split, Task

__all__ = [
    "WARM_UP_DAYS",
    "Evaluation",
    "calibrate",
    "describe",
    "evaluate",
    "follow",
    "measure",
    "span",
]

CHUNK_ROWS = 512
"""Rows of one call: a year of hourly history for each fills 18 MB."""
WARM_UP_DAYS = 28
"""Days of a data set that serve as history only: week persistence and four-week means then
have what they need (``briefs/building_energy.md`` 3.1 scores shorter histories apart)."""
CALIBRATION_DAYS = 84
"""Target days predicted to calibrate: the window of 56 days and four weeks before it."""
SHORTEST_SPAN_DAYS = 120
"""Below, the test quarter is shorter than a month: no figure would mean anything."""
TRAIN_SHARE, SECOND_ORIGIN_SHARE, TEST_SHARE = 0.6, 0.675, 0.75
"""Where tuning begins, where rungs are fitted again, and where the test period begins."""

Outputs = dict[str, Array]


@dataclass(frozen=True)
class Evaluation:
    """How a bundle does on data it was not fitted on, beside doing without AI.

    Parameters
    ----------
    period
        Target days.
    n_rows
        Rows scored, the same for all.
    scores
        The bundle's, by metric.
    references
        Those of the task's rungs without AI, by rung.
    """

    period: Period
    n_rows: int
    scores: Mapping[str, Score]
    references: Mapping[str, Mapping[str, Score]]


def evaluate(bundle: Bundle, task: Task, dataset: Dataset, seed: int = 0) -> Evaluation:
    """Score a bundle as it is (zero-shot) and the rungs without AI on the same rows.

    The rows are those of the task's test period where the data set covers it, so that the
    data a bundle was fitted on never score it; else the whole data set after four weeks of
    history. Intervals roll: each row knows its own site's residuals up to its issue time,
    and starts from the manifest's default.

    Parameters
    ----------
    bundle, task
        What predicts and what it was made for.
    dataset
        Other sites, or the same ones.
    seed
        Of the bootstrap over units.

    Raises
    ------
    UsageError
        The bundle answers another task.
    DataError
        The data set has no day to score.
    """
    from common.lab.scoring import score_all

    _require_same_task(bundle, task)
    period = _scored_period(task, dataset)
    examples = task.examples(dataset, period)
    past = _past(task, dataset, period)
    scale = task.scale(past or examples)
    state = _defaults(bundle)
    answers = {"": _rolling(task, examples, lambda rows: _predict(bundle, rows), state)}
    for rung in task.rungs:
        if rung.kind == "no_ai":
            answers[rung.name] = _without_ai(task, rung, examples, past)
    scores = {
        name: score_all(task, examples, outputs, scale, seed) for name, outputs in answers.items()
    }
    return Evaluation(period, len(examples), scores.pop(""), scores)


def describe(evaluation: Evaluation, task: Task) -> Iterator[str]:
    """Yield French lines: each metric of the bundle, and the same without AI below it."""
    from common.lab.pages.french import interval, number, quantity

    titles = {rung.name: rung.title for rung in task.rungs}
    for metric in task.metrics:
        score = evaluation.scores[metric.name]
        digits = 2 if metric.unit == "%" else 4
        bounds = interval(score.low, score.high, digits=digits)
        yield f"{metric.title} : {quantity(score.value, score.unit, digits)} ({bounds})"
        for name, row in evaluation.references.items():
            yield f"    sans IA, {titles[name]} : {number(row[metric.name].value, digits)}"


def calibrate(bundle: Bundle, task: Task, dataset: Dataset, out: Path) -> int:
    """Write each site's state for its next issue time, and return the number of sites.

    Parameters
    ----------
    bundle, task
        What predicts and what it was made for.
    dataset
        The sites' latest data.
    out
        JSON file, written whole or not at all.

    Raises
    ------
    UsageError
        The bundle answers another task, or the task calibrates nothing.
    """
    _require_same_task(bundle, task)
    if task.calibrate is None:
        raise UsageError(
            f"task {task.id} calibrates nothing", expected="a task with state beside its bundle"
        )
    whole = span(dataset)
    start = max(whole.start, whole.stop - timedelta(CALIBRATION_DAYS))
    examples = task.examples(dataset, Period(start, whole.stop))
    outputs = _predict(bundle, examples)
    known, rows = _with_upcoming(examples)
    padded = {name: np.concatenate([values, values[rows]]) for name, values in outputs.items()}
    state = task.calibrate(known, padded, _defaults(bundle))
    sites = {
        str(unit): {name: values[len(examples) + place] for name, values in state.items()}
        for place, unit in enumerate(examples.units[rows])
    }
    created = datetime.now(UTC).isoformat(timespec="seconds")
    write_state(out, State(bundle.digest, task.id, created, dataset.name, sites))
    return len(sites)


def measure(bundle: Bundle, seconds: float) -> list[Footprint]:
    """Measure predictions one at a time and by thousands, by the full protocol.

    Only the graph is timed, as in a run's ladder, so that the figures can be held together.

    Parameters
    ----------
    bundle
        Its golden rows, taken in turns, are what is predicted.
    seconds
        CPU-seconds of each of the seven blocks; 5 for the whole protocol.
    """
    from common.lab import energy

    if not 0 < seconds <= 600:
        raise UsageError(f"blocks of {seconds} seconds", expected="above 0, at most 600")
    protocol = replace(energy.FULL, min_cpu_seconds_per_block=seconds)
    golden = bundle.golden[0]
    footprints = []
    for size in (1, 1000):
        rows = np.arange(size) % bundle.manifest.golden_rows
        feed = {name: np.ascontiguousarray(values[rows]) for name, values in golden.items()}
        footprints.append(
            energy.measure(
                _Call(bundle, feed),
                stage=f"predict_{size}",
                predictions=size,
                protocol=protocol,
            )
        )
    return footprints


def span(dataset: Dataset) -> Period:
    """Return the civil days from the first to the last hour of a data set."""
    local = dataset.times.tz_convert(dataset.timezone)
    return Period(local.min().date(), local.max().date() + timedelta(1))


def follow(task: Task, dataset: Dataset) -> Task:
    """Return the task with a split that the data set covers.

    The task's own split is kept where the data cover it. Otherwise the first 60 % of the days
    are for fitting (after four weeks of history), the next 15 % for choosing with two refit
    dates, the last 25 % for the test, in the order of time.

    Raises
    ------
    DataError
        The data set spans less than 120 days.
    """
    days = span(dataset)
    wanted = task.split
    if days.start <= wanted.train_start and wanted.test.stop <= days.stop:
        return task
    n_days = (days.stop - days.start).days
    if n_days < SHORTEST_SPAN_DAYS:
        raise DataError(
            f"{dataset.name} spans {n_days} days, {days}",
            expected=f"at least {SHORTEST_SPAN_DAYS} days, better two years",
            remedy="export a longer period; or evaluate a ready bundle: aune evaluate",
        )

    def after(share: float) -> date:
        return days.start + timedelta(int(share * n_days))

    split = Split(
        train_start=days.start + timedelta(WARM_UP_DAYS),
        origins=(after(TRAIN_SHARE), after(SECOND_ORIGIN_SHARE)),
        test=Period(after(TEST_SHARE), days.stop),
    )
    tracks = tuple(
        replace(track, task=replace(track.task, split=split)) if track.task else track
        for track in task.tracks
    )
    return replace(task, split=split, tracks=tracks)


@dataclass(frozen=True)
class _Call:
    """One call of the graph, without arguments."""

    bundle: Bundle
    feed: Mapping[str, Array]

    def __call__(self) -> Any:
        return self.bundle.session.run(None, dict(self.feed))


def _require_same_task(bundle: Bundle, task: Task) -> None:
    if bundle.manifest.task != task.id:
        raise UsageError(f"a bundle of task {bundle.manifest.task}", expected=f"one of {task.id}")


def _scored_period(task: Task, dataset: Dataset) -> Period:
    days, test = span(dataset), task.split.test
    if days.start <= test.start and test.stop <= days.stop:
        return test
    warm = days.start + timedelta(WARM_UP_DAYS)
    if warm >= days.stop:
        raise DataError(
            f"{dataset.name} spans {days}",
            expected=f"more than the {WARM_UP_DAYS} days of history that forecasts need",
            remedy="export a longer period",
        )
    return Period(warm, days.stop)


def _past(task: Task, dataset: Dataset, period: Period) -> Examples | None:
    """Return the examples of the fit period where the test period is scored, else None."""
    fit, test = task.split.final()
    return task.examples(dataset, fit) if period == test else None


def _defaults(bundle: Bundle) -> dict[str, Array]:
    """Return the state that a new site starts with."""
    return {
        field.name: field.default for field in bundle.manifest.inputs if field.default is not None
    }


def _predict(bundle: Bundle, examples: Examples) -> Outputs:
    """Predict examples some rows at a time; long contributions are not kept."""
    names = {field.name for field in bundle.manifest.inputs} & set(examples.inputs)
    pieces = [
        bundle.predict({name: np.asarray(examples.inputs[name][rows]) for name in names})
        for rows in (
            slice(start, start + CHUNK_ROWS) for start in range(0, len(examples), CHUNK_ROWS)
        )
    ]
    if not pieces:
        raise DataError("no row to predict", expected="a site with some history before a day")
    kept = [name for name in pieces[0] if name != "contributions"]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in kept}


def _rolling(task: Task, examples: Examples, predict: Any, default: Mapping[str, Array]) -> Outputs:
    """Predict, then again with the state known at each row's issue time."""
    outputs: Outputs = predict(examples)
    if task.calibrate is None:
        return outputs
    state = task.calibrate(examples, outputs, default)
    again: Outputs = predict(replace(examples, inputs={**examples.inputs, **state}))
    return again


def _without_ai(task: Task, rung: Rung, examples: Examples, past: Examples | None) -> Outputs:
    """Run a rung that learns nothing: its graph needs no training line, or counts the past."""
    from common.lab import graph
    from common.lab.candidate import model_without_ai

    session = graph.session(model_without_ai(task, rung, past))
    default = {field.name: field.default for field in task.inputs if field.default is not None}
    names = tuple(field.name for field in task.outputs if field.name != "contributions")

    def predict(rows: Examples) -> Outputs:
        spread = {
            name: np.broadcast_to(value, (len(rows), *value.shape))
            for name, value in default.items()
        }
        return graph.run(session, {**spread, **rows.inputs}, names)

    return _rolling(task, examples, predict, default)


def _with_upcoming(examples: Examples) -> tuple[Examples, Array]:
    """Add each unit's next target day, whose truth is to come.

    Returns
    -------
    examples, rows
        The examples with one more row per unit at their end, and which row each continues.
    """
    from common.lab.scoring import concatenate

    order = np.lexsort((examples.days, examples.units))
    last = np.append(examples.units[order][1:] != examples.units[order][:-1], True)
    rows = order[last]
    lead = examples.days - examples.issued.astype("datetime64[D]")
    upcoming = replace(
        examples.take(rows),
        target=np.full_like(examples.target[rows], np.nan),
        days=np.full(len(rows), examples.days.max() + np.timedelta64(1, "D") + lead.max()),
    )
    return concatenate([examples, upcoming]), rows
