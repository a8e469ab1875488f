"""The protocol of the brief for faults: bins held out in turn, real and injected episodes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from common.lab import graph
from common.lab.usecase import Array, Dataset, Examples, Period, Rung, Task, Training
from usecases.waste_collection.faults.examples import REAL, fleet_of, kind_of
from usecases.waste_collection.faults.injection import KINDS
from usecases.waste_collection.faults.scores import (
    BUDGET_DAYS,
    MONTH_DAYS,
    average_precision,
    row_weights,
    threshold_at,
)

__all__ = ["EPISODE_DAYS", "Trial", "held_out_trial", "real_episodes"]

EPISODE_DAYS = 3
"""Readings in alert in a row that make an episode (brief 3.2)."""
N_FOLDS = 5
NO_ALARM = -30.0


@dataclass(frozen=True)
class Trial:
    """What a rung finds on bins that it was not fitted on, at the budget of false alarms.

    Parameters
    ----------
    rung
        Name.
    average_precision
        Of the real days, the system's alert as label.
    real_found, n_real
        Real episodes with an alarm, of how many.
    delay_days
        Median days from the start of a real episode to its first alarm.
    found_percent
        Kind to share of injected episodes with an alarm.
    by_chance_percent
        Kind to share of the same episodes that an alarm at random, as frequent as the false
        ones, would meet.
    false_alarm_days
        A bin-month, on real days without alert.
    emptied_percent
        Share of the days of a collection with an alarm.
    """

    rung: str
    average_precision: float
    real_found: int
    n_real: int
    delay_days: float
    found_percent: Mapping[str, float]
    by_chance_percent: Mapping[str, float]
    false_alarm_days: float
    emptied_percent: float


def held_out_trial(
    task: Task, dataset: Dataset, period: Period, rung: Rung, seed: int = 7
) -> Trial:
    """Fit a rung on four fifths of the spots, score the rest, five times.

    Parameters
    ----------
    task
        ``sensor_faults``.
    dataset
        Daily levels.
    period
        Days that are rows, of the fits and of the scores.
    rung
        Of the task's ladder.
    seed
        Of the fits.
    """
    examples = task.examples(dataset, period)
    produced = graph.run(graph.trace(task), examples.inputs)
    score = _held_out_scores(
        task, rung, examples, produced["matrix"][:, 0], _folds(dataset, examples), seed
    )
    emptied = produced["context_emptied_today"][:, 0] > 0.5
    return _trial(rung.name, examples, np.where(emptied, NO_ALARM, score), score, emptied)


def real_episodes(examples: Examples) -> list[Array]:
    """Return the rows of each real episode: three readings in alert or more, in a row."""
    episodes = []
    known = (kind_of(examples) == REAL) & np.isfinite(examples.target[:, 0])
    for unit in np.unique(examples.units[known]):
        rows = np.flatnonzero(known & (examples.units == unit))
        rows = rows[np.argsort(examples.days[rows])]
        alert = examples.target[rows, 0] > 0.5
        starts = np.flatnonzero(np.diff(alert.astype(np.int64), prepend=0, append=0))
        for start, stop in zip(starts[::2], starts[1::2], strict=True):
            if stop - start >= EPISODE_DAYS:
                episodes.append(rows[start:stop])
    return episodes


def _folds(dataset: Dataset, examples: Examples) -> Array:
    """Return the fold of each row; containers of one spot are in the same."""
    fleet = fleet_of(dataset)
    spots = sorted(set(fleet.spots))
    fold = {
        name: spots.index(spot) % N_FOLDS for name, spot in zip(fleet.ids, fleet.spots, strict=True)
    }
    return np.array([fold[unit.split(" ")[0]] for unit in examples.units.tolist()])


def _held_out_scores(
    task: Task, rung: Rung, examples: Examples, matrix: Array, folds: Array, seed: int
) -> Array:
    """Return each row's log-odds by a fit that saw none of its spot."""
    score = np.full(len(examples), np.nan)
    whole = Training(
        matrix=matrix,
        target=examples.target[:, 0],
        weight=row_weights(examples),
        units=examples.units,
        days=examples.days,
        terms=task.terms,
        seed=seed,
    )
    for fold in np.unique(folds):
        fit = np.isfinite(whole.target) & (folds != fold)
        head = rung.fit(_lines(whole, fit)).point
        read = [place for place, term in enumerate(task.terms) if term.name in head.reads]
        score[folds == fold], _ = head(np, matrix[folds == fold][:, read], {})
    return score


def _lines(training: Training, rows: Array) -> Training:
    names = ("matrix", "target", "weight", "units", "days")
    return replace(training, **{name: getattr(training, name)[rows] for name in names})


def _trial(
    rung: str, examples: Examples, alarm_score: Array, score: Array, emptied: Array
) -> Trial:
    fault, kinds = examples.target[:, 0], kind_of(examples)
    real = (kinds == REAL) & np.isfinite(fault)
    clean = real & (fault < 0.5)
    alarm = alarm_score > threshold_at(alarm_score[clean])
    episodes = real_episodes(examples)
    delays = [int(np.argmax(alarm[rows])) for rows in episodes if alarm[rows].any()]
    found, chance = {}, {}
    for kind in KINDS:
        names, number, length = np.unique(
            examples.units[kinds == kind], return_inverse=True, return_counts=True
        )
        met = np.bincount(number, alarm[kinds == kind], len(names)) > 0
        found[kind] = float(100 * met.mean()) if len(names) else float("nan")
        missed = (1 - BUDGET_DAYS / MONTH_DAYS) ** length
        chance[kind] = float(100 * (1 - missed).mean()) if len(names) else float("nan")
    return Trial(
        rung=rung,
        average_precision=average_precision(fault[real], score[real], np.ones(real.sum())),
        real_found=len(delays),
        n_real=len(episodes),
        delay_days=float(np.median(delays)) if delays else float("nan"),
        found_percent=found,
        by_chance_percent=chance,
        false_alarm_days=float(MONTH_DAYS * alarm[clean].mean()),
        emptied_percent=float(100 * alarm[clean & emptied].mean()),
    )
