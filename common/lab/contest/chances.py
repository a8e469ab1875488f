"""Check and audit answers that are probabilities, whose truth is 0 or 1.

Three rules on quantities do not carry over. A zone that is always free deserves 0.99 all day,
which is no flaw. The errors of honest forecasts are alike whoever makes them, since most of an
error is the 0 or 1 itself, so that copies show in the answers, not in the errors. And a mean
absolute error halves when an honest chance is rounded to 0 or 1: perfection is judged by the
squared error, which rounding does not improve.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from common.lab.contest.checks import (
    UNIT_RATIO,
    constants,
    coverage,
    identical,
    main_column,
)
from common.lab.contest.copies import COPY, JITTER, SAME, is_white
from common.lab.contest.exam import GAP, Exam
from common.lab.contest.leaks import (
    EXACT,
    PERFECTION,
    future_copied,
    independent_errors,
    matched_mean,
    shifted_truth,
)
from common.lab.contest.lookup import distinct_texts
from common.lab.contest.records import Column, Finding, Labels, Questions, Submission
from common.lab.contest.tally import FIRST_LINES, Rule, excerpt
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["audit_chances", "check_chances"]

_FEWEST_ROWS = 48
CERTAIN = 0.05
"""A unit whose usual chance lies within 0.05 of 0 or 1 may be answered with a constant."""

_MIRRORED = 2.0
"""The complement of the answers is twice as near to the usual chances as the answers."""

_RARER = 1 / 3
"""Times foreseen as « no » over the usual ones. Bookings see one use in ten
(``briefs/delivery_zones.md`` 0.2: 89.4 % of scans without a booking)."""

_LEAST_NO = 0.02
"""Share of « no » in the history below which a third of it says nothing."""

_SURE, _MIN_SURE, _SURE_RIGHT = 0.02, 20, 0.95
"""Twenty answers within 0.02 of 0 or 1, where every opponent is on the other side of one half,
and 95 % of them right: an honest forecaster so alone is wrong more often."""

_BOTH = 10
"""Rows of each outcome without which a perfect score is no wonder."""

_ODDS_FLOOR = 1e-3
_NEAR = 0.5
"""Correlation of the answers above which a white difference is called jitter. Two models that
differ do so for hours on end, so that whiteness says most of it."""

SCALE = Rule(
    "unit-error", "refused", "ordre de grandeur impossible pour une chance",
    "une chance de 0 à 1, de l'ordre de ce qui est habituel",
    "vérifier que les réponses ne sont pas divisées par cent ou par mille",
)  # fmt: skip
INVERTED = Rule(
    "inverted", "review", "réponses plus proches de la chance contraire",
    "la chance que l'événement demandé arrive, non celle du contraire",
    "vérifier le sens de la colonne",
)  # fmt: skip
TOO_SURE = Rule(
    "too-favourable", "review", "issue défavorable prévue trois fois moins que d'habitude",
    "une part de l'ordre de celle de l'historique",
    "demander si des réservations ou des pointages ont été pris pour l'occupation",
)  # fmt: skip


def check_chances(
    submission: Submission, questions: Questions, columns: Sequence[Column]
) -> tuple[Finding, ...]:
    """Check probabilities against the questions alone.

    Parameters
    ----------
    submission
        n rows; its main column lies in [0, 1] (the column's own range sees to that).
    questions
        The same n rows; ``level`` is the usual share of 1 of each row's unit.
    columns
        Of the contest.

    Returns
    -------
    tuple of Finding
        ``unit-error`` is refused; ``inverted``, ``too-favourable``, ``constant`` and
        ``identical-units`` ask for a person, the last two never for units whose outcome is
        all but certain; ``coverage`` is a note.
    """
    main = main_column(columns)
    if main not in submission.answers or submission.missing.all():
        return ()
    answer = submission.answers[main]
    level = np.asarray(questions.level, dtype=np.float64)
    names, unit = distinct_texts(questions.units)
    usual = (np.bincount(unit, level) / np.bincount(unit))[unit]
    kept = np.where(np.abs(usual - 0.5) < 0.5 - CERTAIN, answer, np.nan)
    found = [
        _scale(answer, level),
        _inverted(answer, level),
        _too_favourable(answer, level),
        constants(kept, questions, names, unit),
        identical(kept, names, unit),
        coverage(submission, questions, columns),
    ]
    return tuple(finding for finding in found if finding is not None)


def audit_chances(
    submission: Submission,
    questions: Questions,
    labels: Labels,
    others: Mapping[str, Submission],
    columns: Sequence[Column],
) -> tuple[Finding, ...]:
    """Look for signs of leakage and copying in a column of probabilities.

    Parameters
    ----------
    submission
        Of the candidate, n rows.
    questions, labels
        The same n rows; the truth is 0 or 1.
    others
        The opponents and the other candidates, by id.
    columns
        Of the contest.

    Returns
    -------
    tuple of Finding
        All ask for a person: ``impossible-perfection``, ``exact-truth``,
        ``independent-errors``, ``shifted-truth``, ``future-copied``, ``test-mean``,
        ``copied-entry``, ``jittered-entry``.
    """
    plain = replace(questions, level=np.ones(len(questions)))
    exam = Exam.of(submission, plain, labels, others, columns)
    if len(exam) < _FEWEST_ROWS:
        return ()
    detectors = (_perfection, _sure_and_right, independent_errors, shifted_truth, future_copied,
                 matched_mean)  # fmt: skip
    found = [*(detector(exam) for detector in detectors), *_copies(exam)]
    return tuple(finding for finding in found if finding is not None)


def _scale(answer: Array, level: Array) -> Finding | None:
    """All answers together against the usual share: one unit may be full all day."""
    known = np.isfinite(answer)
    usual = float(np.median(level[known]))
    given = float(np.median(answer[known]))
    if given * UNIT_RATIO >= usual or not np.max(answer[known]) * UNIT_RATIO < 1:
        return None
    detail = f"médiane de {french.number(given, 4)}, d'habitude {french.number(usual, 2)}"
    return SCALE.finding(detail)


def _inverted(answer: Array, level: Array) -> Finding | None:
    known = np.isfinite(answer)
    own = float(np.mean(np.abs(answer - level)[known]))
    mirrored = float(np.mean(np.abs(1 - answer - level)[known]))
    if own <= _MIRRORED * mirrored:
        return None
    detail = f"écart moyen de {french.number(own, 2)} à l'habitude, {french.number(mirrored, 2)} "
    return INVERTED.finding(detail + "une fois retournées")


def _too_favourable(answer: Array, level: Array) -> Finding | None:
    known = np.isfinite(answer)
    usual, given = float(np.mean(1 - level[known])), float(np.mean(1 - answer[known]))
    if usual < _LEAST_NO or given >= _RARER * usual:
        return None
    detail = f"{french.percent(given)} au lieu de {french.percent(usual)}"
    return TOO_SURE.finding(detail)


def _perfection(exam: Exam) -> Finding | None:
    """Squared error under a third of the best opponent's, where both outcomes occurred."""
    ones = float(exam.truth.sum())
    if not exam.opponents or min(ones, len(exam) - ones) < _BOTH:
        return None
    own = float(np.mean(np.square(exam.error)))
    best = min(float(np.nanmean(np.square(o - exam.truth))) for o in exam.opponents.values())
    if own * GAP >= best:
        return None
    detail = f"score de Brier de {french.number(own, 4)}, adversaire {french.number(best, 4)}"
    return PERFECTION.finding(detail, len(exam))


def _sure_and_right(exam: Exam) -> Finding | None:
    """Certain answers against every opponent, and right nearly each time."""
    if not exam.opponents:
        return None
    side = exam.answer > 0.5
    alone = np.abs(exam.answer - 0.5) >= 0.5 - _SURE
    for other in exam.opponents.values():
        alone &= np.isfinite(other) & ((other > 0.5) != side)
    rows = np.flatnonzero(alone)
    if len(rows) < _MIN_SURE:
        return None
    right = float(np.mean((exam.truth[rows] > 0.5) == side[rows]))
    if right < _SURE_RIGHT:
        return None
    lines = tuple(int(line) for line in np.sort(exam.line[rows])[:FIRST_LINES])
    return EXACT.finding(f"seul contre tous et juste {french.percent(right)} du temps",
                         len(rows), lines)  # fmt: skip


def _copies(exam: Exam) -> list[Finding]:
    """Compare the answers, as log-odds within each unit, with those of each other entry."""
    found = []
    own = _log_odds(exam.answer)
    for entry, values in exam.others.items():
        rows = np.isfinite(values)
        if rows.sum() < _FEWEST_ROWS:
            continue
        other = _log_odds(np.where(rows, values, 0.5))
        alike = _correlation(_centred(exam, own)[rows], _centred(exam, other)[rows])
        near = _correlation(_centred(exam, exam.answer)[rows], _centred(exam, values)[rows])
        if alike > SAME:
            found.append(COPY.finding(_alike(entry, alike), int(rows.sum())))
        elif near > _NEAR and is_white(exam, np.where(rows, exam.answer - values, np.nan), values):
            found.append(JITTER.finding(_alike(entry, near), int(rows.sum())))
    return found


def _alike(entry: str, correlation: float) -> str:
    return f"{excerpt(entry)}, corrélation des réponses {french.number(correlation, 4)}"


def _log_odds(chance: Array) -> Array:
    inside = np.clip(chance, _ODDS_FLOOR, 1 - _ODDS_FLOOR)
    log_odds: Array = np.log(inside / (1 - inside))
    return log_odds


def _centred(exam: Exam, values: Array) -> Array:
    centred: Array = values - exam.unit_mean(values)[exam.unit]
    return centred


def _correlation(a: Array, b: Array) -> float:
    """Pearson's; two series without any variation are not called copies: they say nothing."""
    size = float(np.sqrt(np.mean(a**2) * np.mean(b**2)))
    return float(np.mean(a * b)) / size if size > 0 else 0.0
