"""Signs that an answer knew the truth, or another measurement after its issue time."""

from collections.abc import Callable

import numpy as np

from common.lab.contest.exam import GAP, Exam
from common.lab.contest.records import Finding
from common.lab.contest.tally import FIRST_LINES, Rule, excerpt
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = [
    "EXACT",
    "LEAKS",
    "PERFECTION",
    "future_copied",
    "independent_errors",
    "matched_mean",
    "shifted_truth",
]

_REVIEW = "une personne regarde avant toute conclusion et demande au candidat comment il répond"

PERFECTION = Rule(
    "impossible-perfection", "review", "erreur trois fois plus faible que le meilleur adversaire",
    "une erreur du même ordre que celle des adversaires", _REVIEW,
)  # fmt: skip
EXACT = Rule(
    "exact-truth", "review", "réponses égales à la vérité, plus que l'arrondi ne l'explique",
    "des égalités aussi rares que les presque-égalités", _REVIEW,
)  # fmt: skip
INDEPENDENT = Rule(
    "independent-errors", "review", "erreurs sans lien avec celles des adversaires",
    "une part d'imprévisible commune à toutes les prévisions (la vérité plus un bruit n'en a pas)",
    _REVIEW,
)  # fmt: skip
SHIFTED = Rule(
    "shifted-truth", "review", "réponses bien plus proches de la vérité d'une autre heure",
    "des réponses proches de la vérité de leur heure", _REVIEW,
)  # fmt: skip
FUTURE = Rule(
    "future-copied", "review", "réponses calquées sur une mesure postérieure à l'émission",
    "des réponses tirées de ce qui était connu à l'émission", _REVIEW,
)  # fmt: skip
TEST_MEAN = Rule(
    "test-mean", "review", "moyenne des réponses égale à celle de la vérité, site par site",
    "un écart de l'ordre de l'erreur type", _REVIEW,
)  # fmt: skip

MIN_ROWS = 48
"""Rows of a unit (two days of hours) below which its error says nothing."""

_MIN_EXACT = 20
_EXACT_EXCESS, _EXACT_DEVIATIONS = 2.0, 6.0
"""Exact hits over what near misses lead to expect: twice that, and six standard deviations."""

_RIVAL, _SLOPE = 1.25, 0.3
"""Slope of an opponent's error on the candidate's: 1 for the best possible forecast (its error
is what nobody could foresee, and so is in every error), 0 for the truth plus noise. Looked at up
to 1.25 times the best opponent's error, where an honest forecast keeps 1 / 1.25**2 = 0.64."""

_SHIFT_STEPS = (1, -1, 2, -2, 3, -3)
_DAY = 86_400
_PARTIAL, _PARTIAL_GAIN = 0.3, 0.2
"""Partial correlation with the future at a known truth, at least, and above any opponent's."""

_MIN_CELLS = (5, 48)
_MATCH = 0.1
"""Median over cells of |mean error| in standard errors: 0.67 for an unbiased forecast with
independent errors, more for any other; 0.1 in half of five cells has probability 0.005, of forty
below 1e-9."""


def perfection(exam: Exam) -> Finding | None:
    """Units on which the mean absolute error is under a third of the best opponent's."""
    if not exam.opponents:
        return None
    own = exam.unit_mean(np.abs(exam.error))
    theirs = [exam.unit_mean(np.abs(o - exam.truth)) for o in exam.opponents.values()]
    best = np.fmin.reduce(theirs)
    rows = np.bincount(exam.unit, minlength=len(exam.names))
    units = np.flatnonzero((own * GAP < best) & (rows >= MIN_ROWS))
    if not len(units):
        return None
    worst = units[np.argmin(own[units] / best[units])]
    detail = (
        f"{len(units)} sites sur {len(exam.names)}, par exemple {excerpt(exam.names[worst])} : "
        f"erreur de {french.percent(float(own[worst]))} du niveau, adversaire "
        f"{french.percent(float(best[worst]))}"
    )
    return PERFECTION.finding(detail, int(rows[units].sum()))


def exact_truth(exam: Exam) -> Finding | None:
    """Answers equal to the truth to its last printed digit, far more often than nearly equal.

    Values that a unit's truth often takes (a standby load) are left out, and so are rows that
    an opponent hits too.
    """
    truth = exam.truth * exam.level
    quantum = _quantum(truth)
    misses = np.abs(exam.error) * exam.level / quantum
    rare = ~_frequent(exam.unit, np.round(truth / quantum))
    for other in exam.opponents.values():
        rare &= ~(np.abs(other - exam.truth) * exam.level <= quantum / 2)
    hits = np.flatnonzero(rare & (misses <= 0.5 + 1e-6))
    near = int(np.sum(rare & (misses > 0.5 + 1e-6) & (misses <= 5.5)))
    expected = near / 10  # the near misses fill ten quanta, the hits one
    least = _EXACT_EXCESS * expected + _EXACT_DEVIATIONS * np.sqrt(expected)
    if len(hits) < max(_MIN_EXACT, least):
        return None
    detail = f"{french.percent(len(hits) / len(exam))} des réponses"
    lines = tuple(int(line) for line in np.sort(exam.line[hits])[:FIRST_LINES])
    return EXACT.finding(detail, len(hits), lines)


def _quantum(truth: Array) -> float:
    """Return the step of the truth's last decimal, at most six of them.

    >>> _quantum(np.array([1.5, 2.25])), _quantum(np.array([3.0, 1 / 3]))
    (0.01, 1e-06)
    """
    sample = truth[:: max(1, len(truth) // 10_000)]
    for decimals in range(6):
        scaled = sample * 10**decimals
        if np.all(np.abs(scaled - np.round(scaled)) < 1e-4):
            return float(10.0**-decimals)
    return 1e-6


def _frequent(unit: Array, value: Array) -> Array:
    """Tell rows whose value makes up over 0.5 % of its unit's rows, and four rows at least."""
    order = np.lexsort((value, unit))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(unit[order]) != 0) | (np.diff(value[order]) != 0)
    group = np.cumsum(new) - 1
    often = np.bincount(group)[group] > np.maximum(3, 0.005 * np.bincount(unit)[unit[order]])
    frequent = np.empty(len(order), bool)
    frequent[order] = often
    return frequent


def independent_errors(exam: Exam) -> Finding | None:
    """About as good as the best opponent, yet without the part of the error that all must share."""
    own = float(np.mean(np.abs(exam.error)))
    if len(exam) < MIN_ROWS or not exam.opponents or not own > 0:
        return None
    errors = [np.nan_to_num(o - exam.truth) for o in exam.opponents.values()]
    if own > _RIVAL * min(float(np.mean(np.abs(error))) for error in errors):
        return None
    centred = _centred(exam, exam.error)
    variance = float(np.mean(centred**2))
    if not variance > 0:
        return None
    slope = max(float(np.mean(_centred(exam, error) * centred)) / variance for error in errors)
    if slope >= _SLOPE:
        return None
    return INDEPENDENT.finding(f"pente de {french.number(slope, 2)} au lieu de 1 environ")


def _centred(exam: Exam, values: Array) -> Array:
    centred: Array = values - exam.unit_mean(values)[exam.unit]
    return centred


def shifted_truth(exam: Exam) -> Finding | None:
    """Answers nearer to the truth of another time, unknown at the issue, than to their own."""
    shifts = [step * exam.step for step in _SHIFT_STEPS] + [_DAY, -_DAY, 7 * _DAY, -7 * _DAY]
    for seconds in dict.fromkeys(shifts):
        moved = exam.truth_at(seconds)
        rows = np.isfinite(moved)
        if not seconds or rows.sum() < MIN_ROWS:
            continue
        own = np.mean(np.abs(exam.answer - moved)[rows])
        rivals = [np.abs(exam.error)[rows].mean()]
        rivals += [np.nanmean(np.abs(o - moved)[rows]) for o in exam.opponents.values()]
        if own * GAP < min(rivals):
            hours = french.quantity(seconds / 3600, "h")
            return SHIFTED.finding(f"décalage de {hours}", int(rows.sum()))
    return None


def future_copied(exam: Exam) -> Finding | None:
    """Answers nearer to a later measurement than opponents', or leaning on it.

    Leaning is the partial correlation of (answer - reference) with (later - reference) at a
    known (truth - reference), the reference being the opponents' mean. An honest forecast may
    lean a little, since truth and future share what it foresaw: it is held against the
    opponents, each against the mean of the others.
    """
    for name, later in exam.later.items():
        rows = np.isfinite(later)
        if rows.sum() < MIN_ROWS or not exam.opponents:
            continue
        own = np.mean(np.abs(exam.answer - later)[rows])
        theirs = min(np.nanmean(np.abs(o - later)[rows]) for o in exam.opponents.values())
        leaning = _leaning(exam, exam.answer, list(exam.opponents.values()), later)
        usual = _opponents_leaning(exam, later)
        leans = leaning > max(_PARTIAL, usual + _PARTIAL_GAIN)
        if own * GAP < theirs or leans:
            detail = (
                f"{name} : écart de {french.percent(float(own))} du niveau, adversaires "
                f"{french.percent(float(theirs))} ; corrélation partielle "
                f"{french.number(leaning, 2)}"
            )
            return FUTURE.finding(detail, int(rows.sum()))
    return None


def _opponents_leaning(exam: Exam, later: Array) -> float:
    entries = list(exam.opponents)
    leanings = [
        _leaning(exam, exam.opponents[one], [exam.opponents[o] for o in entries if o != one], later)
        for one in entries
        if len(entries) > 1
    ]
    return max(leanings, default=0.0)


def _leaning(exam: Exam, answer: Array, reference: list[Array], later: Array) -> float:
    mean = np.mean(reference, axis=0)
    rows = np.isfinite(mean) & np.isfinite(later) & np.isfinite(answer)
    if rows.sum() < MIN_ROWS:
        return 0.0
    a, b, c = (_centred_rows(x[rows] - mean[rows]) for x in (answer, later, exam.truth))
    ab, ac, bc = _correlation(a, b), _correlation(a, c), _correlation(b, c)
    rest = (1 - ac**2) * (1 - bc**2)
    return float((ab - ac * bc) / np.sqrt(rest)) if rest > 1e-12 else 0.0


def _centred_rows(values: Array) -> Array:
    centred: Array = values - values.mean()
    return centred


def _correlation(a: Array, b: Array) -> float:
    size = float(np.sqrt(np.mean(a**2) * np.mean(b**2)))
    return float(np.mean(a * b)) / size if size > 0 else 0.0


def matched_mean(exam: Exam) -> Finding | None:
    """Mean error per unit, or per unit and hour, far below its standard error everywhere."""
    cells = [(exam.unit.astype(np.int64), _MIN_CELLS[0], "par site")]
    if exam.target is not None:
        hour = exam.target % _DAY // 3600
        cells.append((exam.unit * 24 + hour, _MIN_CELLS[1], "par site et heure"))
    for code, fewest, words in cells:
        ratios = _mean_ratios(code, exam.error)
        if len(ratios) >= fewest and float(np.median(ratios)) < _MATCH:
            found = french.number(float(np.median(ratios)), 3)
            detail = f"{words} : médiane de {found} erreur type, 0,67 ou plus sans triche"
            return TEST_MEAN.finding(detail)
    return None


def _mean_ratios(code: Array, error: Array) -> Array:
    """|mean error| over its standard error in each cell of five rows or more."""
    rows = np.bincount(code).astype(float)
    kept = rows >= 5
    mean = np.bincount(code, error)[kept] / rows[kept]
    variance = np.bincount(code, error**2)[kept] / rows[kept] - mean**2
    alive = variance > 0
    ratios: Array = np.abs(mean[alive]) / np.sqrt(variance[alive] / rows[kept][alive])
    return ratios


LEAKS: tuple[Callable[[Exam], Finding | None], ...] = (
    perfection, exact_truth, independent_errors, shifted_truth, future_copied, matched_mean,
)  # fmt: skip
"""Every detector, in the order of the report."""
