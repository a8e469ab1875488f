"""Signs that a submission is another entry in disguise, or was cut off at a maximum."""

import numpy as np

from common.lab.contest.exam import Exam
from common.lab.contest.records import Finding
from common.lab.contest.tally import Rule, excerpt
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["COPY", "JITTER", "SAME", "clipped", "copies", "is_white"]

COPY = Rule(
    "copied-entry", "review", "mêmes réponses qu'une autre candidature, à l'échelle près",
    "des erreurs propres à chaque candidature",
    "demander aux deux d'où viennent leurs réponses",
)  # fmt: skip
JITTER = Rule(
    "jittered-entry", "review", "réponses d'une autre candidature, plus un bruit sans mémoire",
    "des écarts entre deux modèles qui durent plus d'un pas",
    "demander aux deux d'où viennent leurs réponses",
)  # fmt: skip
CLIPPED = Rule(
    "clipped", "note", "maximum atteint bien trop souvent", "un maximum atteint une fois",
    "lire les erreurs aux heures de pointe",
)  # fmt: skip

SAME = 0.999
"""Correlation of two entries' errors, scale removed. The same trees from another seed stay
below it unless their seed hardly matters, which a person can tell."""

_NEAR = 0.9
_WHITE = 0.1
"""Jitter: errors alike (0.9), and differences whose lag-one correlation and correlation with the
other's error are both under 0.1: two models that really differ do so for hours on end."""

_MIN_ROWS = 100
_ATOM_ROWS, _ATOM_SHARE, _ATOM_RATIO, _ATOM_UNITS = 5, 0.005, 5.0, 0.2
"""Cut off: the unit's maximum holds five rows and 0.5 % of them, five times what the next
highest value holds, on a fifth of the units."""


def copies(exam: Exam) -> list[Finding]:
    """Compare the errors with those of each other entry once its scale is removed per unit."""
    found = []
    for entry, values in exam.others.items():
        rows = np.isfinite(values)
        if rows.sum() < _MIN_ROWS:
            continue
        scale = _scale(exam, np.where(rows, values, 0.0))
        answer = exam.answer / scale[exam.unit]
        error, other = (answer - exam.truth)[rows], (values - exam.truth)[rows]
        alike = _correlation(error, other)
        words = f"{excerpt(entry)}, corrélation des erreurs {french.number(alike, 4)}"
        if alike > SAME:
            factor = french.number(float(np.median(scale)), 3)
            found.append(COPY.finding(f"{words}, facteur {factor}", int(rows.sum())))
        elif alike > _NEAR and is_white(exam, np.where(rows, answer - values, np.nan), values):
            found.append(JITTER.finding(words, int(rows.sum())))
    return found


def _scale(exam: Exam, values: Array) -> Array:
    """Least-squares factor of each unit from the other's answers to these, 1 where none."""
    n_units = len(exam.names)
    cross = np.bincount(exam.unit, exam.answer * values, minlength=n_units)
    square = np.bincount(exam.unit, values**2, minlength=n_units)
    scale = np.divide(cross, square, out=np.ones(n_units), where=square > 0)
    factors: Array = np.where(scale > 0, scale, 1.0)
    return factors


def is_white(exam: Exam, difference: Array, values: Array) -> bool:
    """Tell whether a difference forgets itself in one step and knows nothing of the error."""
    adjacent = np.diff(exam.unit) == 0
    if exam.target is not None:
        adjacent &= np.diff(exam.target) == exam.step
    first, second = difference[:-1][adjacent], difference[1:][adjacent]
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < _MIN_ROWS:
        return False
    rows = np.isfinite(difference)
    memory = _correlation(first[known], second[known])
    knowledge = _correlation(difference[rows], (values - exam.truth)[rows])
    return abs(memory) < _WHITE and abs(knowledge) < _WHITE


def _correlation(a: Array, b: Array) -> float:
    """Pearson's; two series without any variation are alike."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.mean(a**2) * np.mean(b**2)))
    return float(np.mean(a * b)) / size if size > 0 else float(np.array_equal(a, b))


def clipped(exam: Exam) -> Finding | None:
    """Units whose highest answer comes up again and again, as if cut off at a past maximum."""
    answers = exam.answer * exam.level
    starts = np.flatnonzero(np.diff(exam.unit, prepend=-1))
    parts = zip(starts, np.split(answers, starts[1:]), strict=True)
    tops = [exam.names[exam.unit[start]] for start, part in parts if _has_atom_at_top(part)]
    if len(tops) < max(1, _ATOM_UNITS * len(exam.names)):
        return None
    return CLIPPED.finding(f"{len(tops)} sites, par exemple {excerpt(tops[0])}", len(tops))


def _has_atom_at_top(answers: Array) -> bool:
    values, counts = np.unique(np.round(answers, 9), return_counts=True)
    if len(values) < _MIN_ROWS // 4:
        return False
    top = counts[-1]
    following = counts[-11:-1].mean()
    enough = max(_ATOM_ROWS, _ATOM_SHARE * len(answers))
    return bool(top >= enough and top > _ATOM_RATIO * following)
