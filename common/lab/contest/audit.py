"""What a submission gives away once the labels are open."""

from collections.abc import Mapping, Sequence

from common.lab.contest.copies import clipped, copies
from common.lab.contest.exam import Exam
from common.lab.contest.leaks import LEAKS
from common.lab.contest.records import Column, Finding, Labels, Questions, Submission

__all__ = ["audit_rows"]

_FEWEST_ROWS = 48


def audit_rows(
    submission: Submission,
    questions: Questions,
    labels: Labels,
    others: Mapping[str, Submission],
    columns: Sequence[Column],
) -> tuple[Finding, ...]:
    """Look for signs of leakage and copying in the main column.

    None of them is a proof: every finding that could cost a candidate something asks for a
    person (``review``), none refuses the file.

    Parameters
    ----------
    submission
        Of the candidate, n rows.
    questions, labels
        The same n rows.
    others
        The opponents and the other candidates, by id; not the candidate itself.
    columns
        Of the contest.

    Returns
    -------
    tuple of Finding
        ``impossible-perfection``, ``exact-truth``, ``independent-errors``, ``shifted-truth``,
        ``future-copied``, ``test-mean``, ``copied-entry`` and ``jittered-entry`` (review),
        ``clipped`` (note).
    """
    exam = Exam.of(submission, questions, labels, others, columns)
    if len(exam) < _FEWEST_ROWS:
        return ()
    found = [detector(exam) for detector in LEAKS]
    found += [*copies(exam), clipped(exam)]
    return tuple(finding for finding in found if finding is not None)
