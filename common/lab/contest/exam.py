"""A submission beside the truth and the other entries, in order of unit and time."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.lab.contest.checks import main_column
from common.lab.contest.lookup import distinct_texts
from common.lab.contest.records import Column, Labels, Questions, Submission
from common.lab.usecase import Array

__all__ = ["GAP", "Exam"]

GAP = 3.0
"""An error three times smaller than the best opponent's is not believed without a look
(``briefs/building_energy.md`` 3.2): between doing nothing clever and the best model of that
brief there is a factor 1.6 (19.1 to 11.8 % NRMSE)."""


@dataclass(frozen=True)
class Exam:
    """What the audit looks at: rows with a known truth and an answer, by unit, issue and time.

    Parameters
    ----------
    names
        Units.
    unit
        Place of each row's unit, shape (n,).
    answer, truth
        Main column and its truth, over the unit's usual level, shape (n,).
    level
        That level in the task's unit, shape (n,).
    target, issue
        Seconds; issue is None where the contest has a single time key, both where none.
    line
        Of the file, shape (n,).
    others
        Id to main answers over the level, NaN where missing, shape (n,).
    later
        French name to measurements after the issue, over the level, shape (n,).
    """

    names: Sequence[str]
    unit: Array
    answer: Array
    truth: Array
    level: Array
    target: Array | None
    issue: Array | None
    line: Array
    others: Mapping[str, Array]
    later: Mapping[str, Array]

    @classmethod
    def of(
        cls,
        submission: Submission,
        questions: Questions,
        labels: Labels,
        others: Mapping[str, Submission],
        columns: Sequence[Column],
    ) -> "Exam":
        """Gather the rows; the truth is that of the main column, or the only one there is."""
        main = main_column(columns)
        truth = np.asarray(labels.truth.get(main, next(iter(labels.truth.values()))), float)
        answer = submission.answers.get(main, np.full(len(questions), np.nan))
        level = np.asarray(questions.level, dtype=np.float64)
        rows = np.flatnonzero(np.isfinite(truth) & np.isfinite(answer) & (level > 0))
        names, unit = distinct_texts(questions.units)
        times = [column.name for column in columns if column.kind == "time"][-2:]
        seconds = [np.asarray(questions.keys[name]).astype("datetime64[s]") for name in times]
        moments = [moment.astype(np.int64)[rows] for moment in seconds]
        order = np.lexsort((*reversed(moments), unit[rows]))
        rows, moments = rows[order], [moment[order] for moment in moments]
        return cls(
            names=names,
            unit=unit[rows],
            answer=answer[rows] / level[rows],
            truth=truth[rows] / level[rows],
            level=level[rows],
            target=moments[-1] if moments else None,
            issue=moments[0] if len(moments) > 1 else None,
            line=submission.line[rows],
            others={
                entry: other.answers[main][rows] / level[rows]
                for entry, other in others.items()
                if main in other.answers
            },
            later={
                name: np.asarray(values, float)[rows] / level[rows]
                for name, values in questions.later.items()
            },
        )

    def __len__(self) -> int:
        return len(self.unit)

    @cached_property
    def error(self) -> Array:
        """Answer minus truth over the level, shape (n,)."""
        return self.answer - self.truth

    @cached_property
    def opponents(self) -> dict[str, Array]:
        """The others that can be believed: neither useless nor themselves too good.

        Those that err by more than the level itself (a wrong unit) teach nothing. A minority
        that errs three times less than all the rest would shield each other: it is left out.
        """
        errors = {
            entry: float(np.nanmean(np.abs(values - self.truth)))
            for entry, values in self.others.items()
            if np.isfinite(values).any()
        }
        useful = sorted((error, entry) for entry, error in errors.items() if error < 1)
        ranked = [entry for _, entry in useful]
        ratios = [high / max(low, 1e-12) for (low, _), (high, _) in itertools.pairwise(useful)]
        gaps = [at + 1 for at, ratio in enumerate(ratios) if ratio > GAP]
        shields = [at for at in gaps if at < len(ranked) - at]
        kept = ranked[max(shields, default=0) :]
        return {entry: self.others[entry] for entry in kept}

    def unit_mean(self, values: Array) -> Array:
        """Mean of each unit, NaN left out and NaN where nothing is known, shape (n_units,)."""
        known = np.isfinite(values)
        rows = np.bincount(self.unit[known], minlength=len(self.names)).astype(float)
        rows[rows == 0] = np.nan
        sums = np.bincount(self.unit[known], values[known], minlength=len(self.names))
        means: Array = sums / rows
        return means

    @cached_property
    def step(self) -> int:
        """Seconds between targets, 0 where unknown."""
        if self.target is None or len(self) < 2:
            return 0
        gaps = np.diff(self.target)[np.diff(self.unit) == 0]
        gaps = gaps[gaps > 0]
        return int(np.median(gaps)) if len(gaps) else 0

    def truth_at(self, seconds: int) -> Array:
        """Return the unit's truth that much later (earlier if negative), NaN where not sealed.

        What was already known when the answer was due is NaN too: using it is honest. Without
        an issue time, the past counts as known.
        """
        if self.target is None:
            return np.full(len(self), np.nan)
        wanted = self.target + seconds
        known = wanted <= self.issue if self.issue is not None else np.full(len(self), seconds < 0)
        codes, order = self._places
        code = self.unit * self._span + (wanted - self.target.min())
        at = np.searchsorted(codes, code)
        at[at == len(codes)] = 0
        found = (codes[at] == code) & ~known & (np.abs(seconds) < self._span)
        return np.where(found, self.truth[order[at]], np.nan)

    @cached_property
    def _span(self) -> int:
        target = self.target if self.target is not None else np.zeros(1, np.int64)
        return 3 * int(np.ptp(target)) + 3

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        """Sorted codes of (unit, target) and the row of each."""
        target = self.target if self.target is not None else np.zeros(len(self), np.int64)
        code = self.unit.astype(np.int64) * self._span + (target - target.min())
        order = np.argsort(code, kind="stable")
        return code[order], order
