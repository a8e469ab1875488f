"""Hold every entry against the reference on identical rows, once the labels are open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from benchmarks.comparing.pareto import dominated_by, energy_ratio
from benchmarks.comparing.printed import printed, printed_difference, printed_score
from benchmarks.comparing.slices import Slices, alerts
from benchmarks.comparing.unverified import unverified
from benchmarks.records import Comparison, Standing
from benchmarks.sealing.entries import Entered, own_submission
from common.edge.errors import DataError, UsageError
from common.lab import metrics
from common.lab.cells import Cells, Grid, Losses
from common.lab.contest import Contest, Finding, Labels, Questions, Submission
from common.lab.contest.rows import MISSING_SHARE
from common.lab.record import Score
from common.lab.statistics import PairedDifference, Verdict, equivalence, holm, paired_difference
from common.lab.usecase import Array, Task

__all__ = ["ALPHA", "compare", "filled"]

ALPHA = 0.05


def compare(
    task: Task,
    questions: Questions,
    labels: Labels,
    entries: Sequence[Entered],
    protocol: Mapping[str, Any],
    seed: int = 0,
) -> Comparison:
    """Score and compare every entry; the same files give the same comparison.

    Everybody is scored on the same rows. Rows that an entry leaves out (2 % at most) are filled
    with the answers of the best rung without AI and counted. Losses are compared in pairs, with
    the intervals of `common.lab.statistics.paired_block_bootstrap`. ``equivalent`` is given when
    the 90 % interval lies within the task's margin; ``better`` or ``worse`` needs a 95 % interval
    on one side of zero *and* a p-value below 5 % after Holm over the candidates; anything else is
    ``undetermined``. Every verdict is drawn from figures rounded as printed.

    Parameters
    ----------
    task
        Only its contest, transform, margin and metrics are used.
    questions, labels
        The paper, and its truth.
    entries
        The rungs without AI, the reference (one), the candidates.
    protocol
        The pack's; ``no_ai`` is the id of the rung that fills gaps and that everybody is
        compared with, chosen before the labels were opened.
    seed
        Of the bootstraps.

    Returns
    -------
    Comparison
        Without ``submissions_root`` and service years, which the caller knows.

    Raises
    ------
    UsageError
        If the task has no contest, the protocol names no rung without AI among the entries, an
        id comes twice, or there is not exactly one reference.
    DataError
        If the reference or that rung cannot be scored.
    """
    table = _Table.of(task, questions, labels, entries, protocol, seed)
    results = [table.result(entered) for entered in entries]
    standings = _ranked(_judged(results, task.margin))
    return Comparison(
        protocol=protocol,
        minimum_detectable=printed(float(protocol.get("minimum_detectable", float("nan")))),
        reference=table.reference,
        standings=standings,
        unverified=unverified(protocol, standings),
        seed=seed,
        submissions_root="",
    )


def filled(submission: Submission, fallback: Submission) -> tuple[Submission, int]:
    """Fill the rows without an answer from another submission, and count them.

    A row counts as missing when it has no line or when one of its answers is NaN; all of its
    answers are then replaced, so that quantiles stay in order. Where the other submission
    lacks a column, its first one stands in.
    """
    gaps = submission.missing.copy()
    for values in submission.answers.values():
        gaps |= np.isnan(values)
    if not gaps.any():
        return submission, 0
    main = next(iter(fallback.answers.values()))
    answers = {
        name: np.where(gaps, fallback.answers.get(name, main), values)
        for name, values in submission.answers.items()
    }
    return replace(submission, answers=answers), int(gaps.sum())


@dataclass(frozen=True)
class _Result:
    """What is known of an entry before candidates are held against one another."""

    standing: Standing
    difference: PairedDifference | None = None
    no_ai: PairedDifference | None = None


@dataclass(frozen=True)
class _Table:
    """What lies on the table for every entry."""

    task: Task
    contest: Contest
    questions: Questions
    labels: Labels
    submissions: Mapping[str, Submission]
    reference: str
    no_ai: str
    grid: Grid
    where: tuple[Array, Array]
    sums: Mapping[str, Array]
    slices: Slices
    energy: Any
    seed: int

    @classmethod
    def of(
        cls,
        task: Task,
        questions: Questions,
        labels: Labels,
        entries: Sequence[Entered],
        protocol: Mapping[str, Any],
        seed: int,
    ) -> "_Table":
        """Find the reference and the best rung without AI, and lay out the cells."""
        if task.contest is None:
            raise UsageError(f"task {task.id} offers no contest", expected="a task with one")
        reference, no_ai = _opponents(entries, protocol)
        fallback = no_ai.submission
        losses = [
            task.contest.unit_losses(filled(own.submission, fallback)[0], questions, labels)
            for own in (reference, no_ai)
        ]
        grid = Grid.of(losses[0])
        names = reference.entry.id, no_ai.entry.id
        return cls(
            task=task,
            contest=task.contest,
            questions=questions,
            labels=labels,
            submissions={entered.entry.id: entered.submission for entered in entries},
            reference=names[0],
            no_ai=names[1],
            grid=grid,
            where=losses[0][:2],
            sums={name: grid.sums(loss[2]) for name, loss in zip(names, losses, strict=True)},
            slices=Slices.of(questions),
            energy=reference.entry.predict,
            seed=seed,
        )

    def result(self, entered: Entered) -> _Result:
        """Score one entry and compare it with both opponents."""
        entry = entered.entry
        answers, n_missing = filled(entered.submission, self.submissions[self.no_ai])
        entry = replace(entry, n_missing=n_missing, n_asked=len(self.questions))
        if _refused(entered, n_missing, len(self.questions)):
            return _Result(Standing(entry))
        sums = self._sums(answers)
        pairs = {
            opponent: self._difference(sums, opponent) if entry.id != opponent else None
            for opponent in (self.reference, self.no_ai)
        }
        gap = pairs[self.reference]
        n_units = len(self.grid.units)
        standing = Standing(
            entry=entry,
            difference=gap,
            units_won=0 if gap is None else round(gap.units_lower * n_units),
            n_units=n_units,
            stress=self._stress(entered, sums),
            findings=self._audited(entered),
            energy_ratio=energy_ratio(entry.predict, self.energy),
            **self._scored(answers),
        )
        return _Result(standing, gap, pairs[self.no_ai])

    def _sums(self, answers: Submission) -> Array:
        losses: Losses = self.contest.unit_losses(answers, self.questions, self.labels)
        if any(not np.array_equal(losses[i], self.where[i]) for i in (0, 1)):
            raise DataError(
                "losses on other units or blocks than the reference's",
                expected="unit_losses whose rows depend on the questions only",
            )
        return self.grid.sums(losses[2])

    def _difference(self, sums: Array, opponent: str) -> PairedDifference:
        cells = Cells(sums, self.sums[opponent], self.grid.rows(), self.task.transform)
        return printed_difference(paired_difference(cells, seed=self.seed))

    def _stress(self, entered: Entered, plain: Array) -> dict[str, float]:
        """Return the relative increase of the loss under each damage."""
        found = {}
        for title, damaged in sorted(entered.stress.items()):
            answers, _ = filled(own_submission(damaged), self.submissions[self.no_ai])
            cells = Cells(self._sums(answers), plain, self.grid.rows(), self.task.transform)
            means = cells.unit_means(np.ones((1, len(self.grid.blocks))))[:, 0].mean(axis=1)
            found[title] = printed(float(means[0] / means[1] - 1)) if means[1] else float("nan")
        return found

    def _audited(self, entered: Entered) -> tuple[Finding, ...]:
        """Return what the audit sees in a candidate; our own rungs are not audited."""
        if entered.entry.role != "candidate":
            return ()
        others = {name: item for name, item in self.submissions.items() if name != entered.entry.id}
        return self.contest.audit(entered.submission, self.questions, self.labels, others)

    def _scored(self, answers: Submission) -> dict[str, Any]:
        """Return the scores, slices and worst unit of a standing."""
        paper = answers, self.questions, self.labels
        scored = self.contest.scored(*paper)
        main = self.task.metrics[0]
        by_unit = dict(zip(map(str, scored.units), main.compute(scored).tolist(), strict=True))
        slices = self.slices.values(main, self.contest, paper, by_unit)
        worst_unit, worst_loss = _worst(main, by_unit)
        return {
            "scores": dict(_scores(self.task, scored, self.seed)),
            "slices": slices,
            "alert_slices": alerts(main, slices),
            "worst_unit": worst_unit,
            "worst_loss": worst_loss,
        }


def _opponents(entries: Sequence[Entered], protocol: Mapping[str, Any]) -> tuple[Entered, Entered]:
    by_id = {entered.entry.id: entered for entered in entries}
    if len(by_id) < len(entries):
        raise UsageError("two entries with the same id", expected="one folder each")
    references = [entered for entered in entries if entered.entry.role == "reference"]
    if len(references) != 1:
        raise UsageError(f"{len(references)} references", expected="one reference")
    name = protocol.get("no_ai")
    if name not in by_id or by_id[str(name)].entry.role != "no_ai":
        raise UsageError(
            f"the protocol's best rung without AI is {name!r}",
            expected="the id of an entry without AI, chosen on the tuning period",
        )
    for own in (references[0], by_id[str(name)]):
        if any(finding.severity == "refused" for finding in _seen(own)):
            raise DataError(
                f"{own.entry.id} is refused", expected="a reference whose answers can be scored"
            )
    return references[0], by_id[str(name)]


def _seen(entered: Entered) -> tuple[Finding, ...]:
    return (*entered.entry.findings, *entered.submission.findings)


def _refused(entered: Entered, n_missing: int, n_asked: int) -> bool:
    forbidden = any(finding.severity == "refused" for finding in _seen(entered))
    return forbidden or n_missing > MISSING_SHARE * n_asked


def _scores(task: Task, scored: Any, seed: int) -> Iterator[tuple[str, Score]]:
    """Yield every metric that the answers allow: a point forecast has no coverage."""
    for metric in task.metrics:
        try:
            score = metrics.score(metric, scored, np.random.default_rng(seed))
        except (UsageError, DataError):
            continue
        yield metric.name, printed_score(score)


def _worst(metric: metrics.Metric, by_unit: Mapping[str, float]) -> tuple[str, float]:
    """Return where the main metric is worst, the first of equals as printed."""
    known = {unit: printed(value) for unit, value in by_unit.items() if np.isfinite(value)}
    if not known:
        return "", float("nan")

    def badness(unit: str) -> float:
        if metric.target is not None:
            return abs(known[unit] - metric.target)
        return -known[unit] if metric.better == "higher" else known[unit]

    unit = max(sorted(known), key=badness)
    return unit, known[unit]


def _judged(results: Sequence[_Result], margin: float) -> Iterator[Standing]:
    """Yield the standings with their verdicts, candidates corrected for their number."""
    against_reference = _verdicts(results, [item.difference for item in results], margin)
    against_no_ai = _verdicts(results, [item.no_ai for item in results], margin)
    for result, (verdict, p_value), (no_ai, _) in zip(
        results, against_reference, against_no_ai, strict=True
    ):
        standing = result.standing
        if standing.n_units:
            standing = replace(
                standing,
                verdict=verdict or "reference",
                p_adjusted=p_value,
                against_no_ai=no_ai,
            )
        yield standing


def _verdicts(
    results: Sequence[_Result], differences: Sequence[PairedDifference | None], margin: float
) -> list[tuple[Verdict | None, float | None]]:
    """Return each entry's verdict and adjusted p-value; our own rungs are not adjusted."""
    family = [
        i
        for i, gap in enumerate(differences)
        if gap is not None and results[i].standing.entry.role == "candidate"
    ]
    raw = [gap.p_value for i in family if (gap := differences[i]) is not None]
    adjusted = dict(zip(family, map(printed, holm(raw)), strict=True))
    return [
        (None, None)
        if gap is None
        else (_verdict(gap, margin, adjusted.get(i, gap.p_value)), adjusted.get(i))
        for i, gap in enumerate(differences)
    ]


def _verdict(gap: PairedDifference, margin: float, p_value: float) -> Verdict:
    verdict = equivalence(gap, margin)
    certain: Sequence[Literal["better", "worse"]] = ("better", "worse")
    return "undetermined" if verdict in certain and p_value >= ALPHA else verdict


def _ranked(standings: Iterator[Standing]) -> tuple[Standing, ...]:
    """Put rungs without AI first, then the reference, then candidates by their loss; refused last.

    Dominance is told last, when every box is known.
    """
    order = {"no_ai": 0, "reference": 1, "candidate": 2}

    def place(standing: Standing) -> tuple[Any, ...]:
        gap = standing.difference
        role = order[standing.entry.role]
        loss = gap.relative if gap and role == 2 else 0.0
        return role, standing.verdict == "refused", loss, standing.entry.id

    ranked = sorted(standings, key=place)
    behind = dominated_by(ranked)
    return tuple(replace(standing, dominated_by=behind[standing.entry.id]) for standing in ranked)
