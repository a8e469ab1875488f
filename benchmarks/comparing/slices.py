"""Equity: the main metric by class of each slice, and the slices that raise an alert."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.comparing.printed import printed
from common.edge.errors import DataError, UsageError
from common.lab.contest import Contest, Labels, Questions, Submission
from common.lab.metrics import Metric
from common.lab.usecase import Array

__all__ = ["ALERT_RATIO", "Slices", "alerts", "take"]

ALERT_RATIO = 1.25
"""Worst class over best class above which equity is questioned (``briefs/platform.md`` 3.4)."""


@dataclass(frozen=True)
class _Class:
    """A class of a slice: its units, or its rows where units have rows in several classes."""

    slice: str
    label: str
    units: frozenset[str] | None
    rows: Array | None


@dataclass(frozen=True)
class Slices:
    """The classes of a paper, found once for all entries.

    A slice whose classes are sets of units (sizes, territories) needs no second scoring: its
    figures are those units' own. Where a unit has rows in several classes (seasons) the rows
    of each class are scored apart.
    """

    classes: tuple[_Class, ...]

    @classmethod
    def of(cls, questions: Questions) -> "Slices":
        """Find the classes of every slice of the questions."""
        _, first, unit = np.unique(questions.units, return_index=True, return_inverse=True)
        return cls(
            tuple(
                found
                for name, labels in questions.slices.items()
                for found in _classes(name, np.asarray(labels), questions.units, first, unit)
            )
        )

    def values(
        self,
        metric: Metric,
        contest: Contest,
        answers: tuple[Submission, Questions, Labels],
        per_unit: Mapping[str, float],
    ) -> dict[str, dict[str, float]]:
        """Return slice name to class to the metric, NaN where a class has no truth.

        Parameters
        ----------
        metric
            The task's main one.
        contest
            Gives what the metric is computed on.
        answers
            Submission, questions and labels.
        per_unit
            The metric of each unit over all its rows.
        """
        found: dict[str, dict[str, float]] = {}
        for part in self.classes:
            if part.units is not None:
                values = np.array([per_unit.get(unit, np.nan) for unit in sorted(part.units)])
            else:
                values = _scored_apart(metric, contest, answers, part)
            known = values[np.isfinite(values)]
            value = float(metric.summary(known)) if len(known) else float("nan")
            found.setdefault(part.slice, {})[part.label] = printed(value)
        return found


def _classes(name: str, labels: Array, units: Array, first: Array, unit: Array) -> Iterator[_Class]:
    by_unit = bool(np.all(labels == labels[first][unit]))
    for label in np.unique(labels):
        if by_unit:
            members = frozenset(str(item) for item in units[first][labels[first] == label])
            yield _Class(name, str(label), members, None)
        else:
            yield _Class(name, str(label), None, np.flatnonzero(labels == label))


def _scored_apart(
    metric: Metric,
    contest: Contest,
    answers: tuple[Submission, Questions, Labels],
    part: _Class,
) -> Array:
    try:
        return metric.compute(contest.scored(*take(answers, part.rows)))
    except (DataError, UsageError, ValueError):
        # A class without any truth has nothing to score; a metric may need more than it has.
        return np.array([np.nan])


def take(
    answers: tuple[Submission, Questions, Labels], rows: Array | None
) -> tuple[Submission, Questions, Labels]:
    """Return some rows of a submission, its questions and labels; ``inputs`` stay whole."""
    submission, questions, labels = answers
    if rows is None:
        return answers

    def part(columns: Mapping[str, Array]) -> dict[str, Array]:
        return {name: values[rows] for name, values in columns.items()}

    return (
        replace(submission, answers=part(submission.answers), line=submission.line[rows]),
        replace(
            questions,
            keys=part(questions.keys),
            units=questions.units[rows],
            blocks=questions.blocks[rows],
            example=questions.example[rows],
            step=questions.step[rows],
            scale=questions.scale[rows],
            level=questions.level[rows],
            later={},
            slices={},
        ),
        Labels(part(labels.truth)),
    )


def alerts(metric: Metric, slices: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Name the slices whose worst class errs over `ALERT_RATIO` times the best.

    For a metric with a target, errors are distances from it; for one that is better when
    higher, the best class is held over the worst.

    >>> from common.lab.metrics import WAPE
    >>> alerts(WAPE, {"taille": {"petits": 12.6, "gros": 10.0}, "saison": {"été": 9, "hiver": 10}})
    ('taille',)
    """
    return tuple(name for name, classes in slices.items() if _ratio(metric, classes) > ALERT_RATIO)


def _ratio(metric: Metric, classes: Mapping[str, float]) -> float:
    values = np.array([value for value in classes.values() if np.isfinite(value)])
    if metric.target is not None:
        values = np.abs(values - metric.target)
    if len(values) < 2 or values.min() <= 0:
        return float("inf") if len(values) > 1 and values.max() > 0 else 1.0
    return float(values.max() / values.min())
