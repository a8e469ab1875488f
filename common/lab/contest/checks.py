"""What can be said of a submission without any label: units, constants, coverage, quantiles."""

from collections.abc import Sequence

import numpy as np

from common.edge.errors import UsageError
from common.lab.contest.lookup import distinct_texts
from common.lab.contest.quantiles import quantile_columns
from common.lab.contest.records import Column, Finding, Questions, Submission
from common.lab.contest.tally import Rule, excerpt
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["UNIT_RATIO", "check_rows", "constants", "coverage", "identical", "main_column"]

UNIT_RATIO = 20.0
"""A unit's median answer over its usual level (``briefs/building_energy.md`` 3.2)."""

MIN_ROWS = 24
"""Answers of a unit below which nothing is concluded from their likeness: one day of hours."""

WIDE = 4.0
"""Mean width of the outer quantiles over the level. The empirical 80 % band of the last 28 same
hours is 0.37 times the mean (``briefs/building_energy.md`` 4.3): ten times that says nothing."""

_SHOWN = 5

UNITS = Rule(
    "unit-error", "refused", "ordre de grandeur impossible",
    "une médiane entre 1/20 et 20 fois le niveau habituel du site",
    "vérifier l'unité (Wh, kWh, MWh) et le facteur du compteur",
)  # fmt: skip
CONSTANT = Rule(
    "constant", "review", "réponse constante pour un site", "des réponses qui varient",
    "demander au candidat d'où vient la constante",
)  # fmt: skip
IDENTICAL = Rule(
    "identical-units", "review", "mêmes réponses pour plusieurs sites",
    "des réponses propres à chaque site", "vérifier le rapprochement des identifiants",
)  # fmt: skip
COVERAGE = Rule(
    "coverage", "note", "réponses absentes regroupées",
    "des absences dispersées", "demander pourquoi ces sites ou ces jours manquent",
)  # fmt: skip
ZERO_WIDTH = Rule(
    "zero-width", "note", "intervalle de largeur nulle", "un intervalle autour de la prévision",
    "lire avec prudence la couverture et la perte sur quantiles",
)  # fmt: skip
TOO_WIDE = Rule(
    "too-wide", "note", "intervalle si large qu'il n'apprend rien",
    "une largeur de l'ordre de l'erreur", "lire la largeur à côté de la couverture",
)  # fmt: skip


def main_column(columns: Sequence[Column]) -> str:
    """Return the column that stands for the point forecast: the first answer required.

    Where all required answers are quantiles, the one nearest to the median.

    Raises
    ------
    UsageError
        If no answer is required.
    """
    required = [column for column in columns if column.kind == "number" and column.required]
    if not required:
        raise UsageError("no required answer among the columns", expected="one at least")
    levels = quantile_columns(required)
    for column in required:
        if column.name not in levels:
            return column.name
    return min(levels, key=lambda name: abs(levels[name] - 0.5))


def check_rows(
    submission: Submission, questions: Questions, columns: Sequence[Column]
) -> tuple[Finding, ...]:
    """Check answers against the questions alone.

    Parameters
    ----------
    submission
        As `parse_rows` returns it, n rows; a refused one is checked as far as it has answers.
    questions
        The same n rows.
    columns
        Of the contest.

    Returns
    -------
    tuple of Finding
        ``unit-error`` is refused; ``constant`` and ``identical-units`` ask for a person;
        ``coverage``, ``zero-width`` and ``too-wide`` are notes.
    """
    main = main_column(columns)
    if main not in submission.answers or submission.missing.all():
        return ()
    answer = submission.answers[main]
    names, unit = distinct_texts(questions.units)
    found = [
        _unit_errors(answer, questions, names, unit),
        constants(answer, questions, names, unit),
        identical(answer, names, unit),
        coverage(submission, questions, columns),
        *_widths(submission, questions, columns),
    ]
    return tuple(finding for finding in found if finding is not None)


def _by_unit(unit: Array, n_units: int) -> list[Array]:
    """Rows of each unit, in the questions' order."""
    order = np.argsort(unit, kind="stable")
    return np.split(order, np.searchsorted(unit[order], np.arange(1, n_units)))


def _unit_errors(
    answer: Array, questions: Questions, names: Sequence[str], unit: Array
) -> Finding | None:
    """Median answer over median level of each unit; the factor is named where it is clear."""
    wrong, factors = [], []
    for name, rows in zip(names, _by_unit(unit, len(names)), strict=True):
        given = rows[np.isfinite(answer[rows])]
        level = float(np.median(questions.level[rows]))
        if not len(given) or not level > 0:
            continue
        ratio = float(np.median(answer[given])) / level
        if ratio > UNIT_RATIO or 0 < ratio < 1 / UNIT_RATIO:
            wrong.append(name)
            factors.append(ratio)
    if not wrong:
        return None
    ratio = float(np.exp(np.median(np.log(factors))))
    times = f"médiane de {french.number(ratio)} fois le niveau habituel"
    return UNITS.finding(f"{_named(wrong)} : {times}{_factor(ratio)}", len(wrong))


def _factor(ratio: float) -> str:
    """Name the power of a thousand that brings a ratio near one.

    >>> [_factor(ratio).replace("\u202f", " ") for ratio in (950.0, 40.0)]
    [', comme si tout était multiplié par 1 000', '']
    """
    for words, factor in (("multiplié", 1e3), ("divisé", 1e-3)):
        if 1 / 3 < ratio / factor < 3:
            return f", comme si tout était {words} par 1\u202f000"
    return ""


def constants(
    answer: Array, questions: Questions, names: Sequence[str], unit: Array
) -> Finding | None:
    """Units whose answers are all equal, unless the usual level itself is zero."""
    constant = []
    for name, rows in zip(names, _by_unit(unit, len(names)), strict=True):
        given = answer[rows][np.isfinite(answer[rows])]
        alive = float(np.median(questions.level[rows])) > 0
        if len(given) >= MIN_ROWS and alive and np.ptp(given) <= 1e-9 * np.abs(given).max():
            constant.append(name)
    return CONSTANT.finding(_named(constant), len(constant)) if constant else None


def identical(answer: Array, names: Sequence[str], unit: Array) -> Finding | None:
    """Units that were given the very same series of answers."""
    groups: dict[bytes, list[str]] = {}
    for name, rows in zip(names, _by_unit(unit, len(names)), strict=True):
        given = answer[rows]
        if len(rows) < MIN_ROWS or not np.isfinite(given).all() or np.ptp(given) == 0:
            continue
        groups.setdefault(np.round(given, 6).tobytes(), []).append(name)
    same = [group for group in groups.values() if len(group) > 1]
    if not same:
        return None
    detail = " ; ".join(_named(group) for group in same[:3])
    return IDENTICAL.finding(detail, sum(len(group) for group in same))


def coverage(
    submission: Submission, questions: Questions, columns: Sequence[Column]
) -> Finding | None:
    """Units and days that are missing altogether while others are not."""
    missing = submission.missing
    if not missing.any():
        return None
    parts = []
    gone = _wholly(*distinct_texts(questions.units), missing)
    if gone:
        parts.append(f"sites sans aucune réponse : {_named(gone)}")
    times = [column.name for column in columns if column.kind == "time"]
    if times:
        target = np.asarray(questions.keys[times[-1]]).astype("datetime64[D]")
        days, code = np.unique(target, return_inverse=True)
        gone = _wholly([str(day) for day in days], code, missing)
        if gone:
            parts.append(f"jours sans aucune réponse : {_named(gone)}")
    return COVERAGE.finding(" ; ".join(parts), int(missing.sum())) if parts else None


def _wholly(names: Sequence[str], code: Array, missing: Array) -> list[str]:
    """Names of which every row is missing."""
    absent = np.bincount(code, missing) == np.bincount(code)
    return [name for name, gone in zip(names, absent, strict=True) if gone]


def _widths(
    submission: Submission, questions: Questions, columns: Sequence[Column]
) -> list[Finding]:
    """Outer quantiles that touch, or that are further apart than any use."""
    given = [name for name in quantile_columns(columns) if name in submission.answers]
    if len(given) < 2:
        return []
    width = submission.answers[given[-1]] - submission.answers[given[0]]
    known = np.isfinite(width)
    if not known.any():
        return []
    level = np.asarray(questions.level, dtype=np.float64)
    between = f"{given[0]} à {given[-1]}"
    found = []
    touching = known & (width <= 1e-9 * level) & (submission.answers[given[-1]] > 0)
    if touching.any():
        share = french.percent(float(touching.sum() / known.sum()))
        rows = np.flatnonzero(touching)
        lines = tuple(int(line) for line in np.sort(submission.line[rows])[:10])
        found.append(ZERO_WIDTH.finding(f"{between}, {share} des réponses", len(rows), lines))
    wide = known & (level > 0)
    if wide.any() and float(np.mean(width[wide] / level[wide])) > WIDE:
        mean = french.number(float(np.mean(width[wide] / level[wide])))
        found.append(TOO_WIDE.finding(f"{between} : {mean} fois le niveau habituel", 0))
    return found


def _named(names: Sequence[str]) -> str:
    """Show a few names and how many more there are.

    >>> _named(["a", "b"]).replace("\u202f", " ")
    '« a », « b »'
    """
    shown = ", ".join(excerpt(name) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} et {french.number(more, 0)} de plus" if more > 0 else shown
