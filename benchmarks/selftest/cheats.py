"""A library of cheating submissions: what the audit must flag, and what nobody can tell.

Where detection starts, measured on `benchmarks.selftest.practice` (40 units x 45 days x 24 hours,
best opponent at 9 to 10 % of the level; ``tests/benchmarks/selftest/test_cheats.py``, slow):

=====================================  ==============  ==============
cheat                                  never flagged   always flagged
=====================================  ==============  ==============
weight of the truth in an average      0.65            0.70
weight of the next day's measurement   0.10            0.30
noise on the truth, over the best's    1.4             1.2
error
answers replaced by the truth          1 %             5 %
retouching of those 5 %                0.5 %           0.1 %
=====================================  ==============  ==============
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from common.edge.errors import UsageError
from common.lab.contest import Labels, Questions, Submission
from common.lab.usecase import Array

__all__ = ["CHEATS", "Cheat", "Forge", "cheat"]

Forge = Callable[
    [Questions, Labels, Mapping[str, Submission], np.random.Generator], Mapping[str, Array]
]
"""``forge(questions, labels, opponents, rng)`` returns answers by column, each of shape (n,)."""


@dataclass(frozen=True)
class Cheat:
    """A way to cheat.

    Parameters
    ----------
    id, title
        Identifier and French name.
    forge
        Makes the answers.
    rule
        Finding of the audit (or of the check) that must show; None where nothing does.
    from_audit
        False where the check without labels finds it.
    note
        French: why it shows, or why it cannot.
    """

    id: str
    title: str
    forge: Forge
    rule: str | None
    from_audit: bool = True
    note: str = ""

    @property
    def detectable(self) -> bool:
        """Whether the bench promises to flag it."""
        return self.rule is not None


def cheat(cheat_id: str) -> Cheat:
    """Return the cheat called ``cheat_id``."""
    for one in CHEATS:
        if one.id == cheat_id:
            return one
    raise UsageError(f"no cheat {cheat_id!r}", expected="one of CHEATS")


def _main(labels: Labels) -> tuple[str, Array]:
    column, truth = next(iter(labels.truth.items()))
    return column, np.asarray(truth, dtype=np.float64)


def _answers(column: str, values: Array) -> dict[str, Array]:
    return {column: np.maximum(values, 0)}


def _best(labels: Labels, opponents: Mapping[str, Submission]) -> Array:
    """Answers of the opponent that errs least."""
    column, truth = _main(labels)
    given = [other.answers[column] for other in opponents.values()]
    return min(given, key=lambda values: float(np.nanmean(np.abs(values - truth))))


def _forecast(questions: Questions, labels: Labels, opponents: Mapping[str, Submission]) -> Array:
    """Return an own honest forecast that nobody handed in: the best opponent's with its own drift.

    Errors that last for a day and belong to no opponent, of a third of the best one's size.
    """
    _, truth = _main(labels)
    best = _best(labels, opponents)
    own = np.random.default_rng(7).standard_normal(int(questions.example.max()) + 1)
    spread = float(np.nanmean(np.abs(best - truth) / questions.level))
    drift: Array = own[questions.example] * spread / 3 * questions.level
    return best + drift


def _truth(_questions: Questions, labels: Labels, *_others: object) -> dict[str, Array]:
    return _answers(*_main(labels))


def _noisy_truth(
    share: float,
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Add to the truth independent noise of a share of the best opponent's error."""
    column, truth = _main(labels)
    error = np.nan_to_num(np.abs(_best(labels, opponents) - truth) / questions.level)
    _, unit = np.unique(np.asarray(questions.units, dtype=str), return_inverse=True)
    mean = np.bincount(unit, error) / np.bincount(unit)
    noise = rng.standard_normal(len(truth)) * np.sqrt(np.pi / 2) * share
    return _answers(column, truth + noise * mean[unit] * questions.level)


def _shifted_truth(
    steps: int, questions: Questions, labels: Labels, *_: object
) -> dict[str, Array]:
    """Answer with the truth of a few rows later; at a unit's end with its own."""
    column, truth = _main(labels)
    moved = np.roll(truth, -steps)
    units = np.asarray(questions.units)
    return _answers(column, np.where(np.roll(units, -steps) == units, moved, truth))


def _future(
    weight: float,
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    _rng: np.random.Generator,
) -> dict[str, Array]:
    """Answer with the next day's measurement, or blend it with a forecast."""
    column, _ = _main(labels)
    later = next(iter(questions.later.values()))
    base = _best(labels, opponents)
    blended = (1 - weight) * base + weight * later
    return _answers(column, np.where(np.isfinite(later), blended, base))


def _cells(questions: Questions, *, hourly: bool) -> Array:
    _, unit = np.unique(np.asarray(questions.units, dtype=str), return_inverse=True)
    if not hourly:
        return unit
    last_time = list(questions.keys.values())[-1].astype("datetime64[s]").astype(np.int64)
    return unit * 24 + last_time % 86_400 // 3600


def _test_mean(questions: Questions, labels: Labels, *_: object) -> dict[str, Array]:
    """Answer with the mean of the test's truth per unit."""
    return _cell_mean(labels, _cells(questions, hourly=False))


def _test_profile(questions: Questions, labels: Labels, *_: object) -> dict[str, Array]:
    """Answer with the mean of the test's truth per unit and hour."""
    return _cell_mean(labels, _cells(questions, hourly=True))


def _cell_mean(labels: Labels, code: Array) -> dict[str, Array]:
    column, truth = _main(labels)
    mean = np.bincount(code, np.nan_to_num(truth)) / np.bincount(code, np.isfinite(truth))
    return _answers(column, mean[code])


def _bias_removed(
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    _rng: np.random.Generator,
) -> dict[str, Array]:
    """Move an own forecast so that each unit's mean is that of the test."""
    column, truth = _main(labels)
    forecast = _forecast(questions, labels, opponents)
    code = _cells(questions, hourly=False)
    gap = np.nan_to_num(truth - forecast)
    return {column: forecast + (np.bincount(code, gap) / np.bincount(code))[code]}


def _clipped(
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    _rng: np.random.Generator,
) -> dict[str, Array]:
    """Cut a forecast off at its own 97th percentile in each unit, as at a past maximum."""
    column, _ = _main(labels)
    forecast = _forecast(questions, labels, opponents)
    code = _cells(questions, hourly=False)
    tops = np.array([np.quantile(forecast[code == c], 0.97) for c in range(code.max() + 1)])
    return _answers(column, np.minimum(forecast, tops[code]))


def _copy(
    jitter: float,
    factor: float,
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Take the best opponent's answers times a factor, plus noise relative to the level."""
    column, truth = _main(labels)
    noise = rng.standard_normal(len(truth)) * jitter * questions.level
    return _answers(column, _best(labels, opponents) * factor + noise)


def _peeked(
    share: float,
    touch: float,
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Replace a share of an own forecast by the truth, give or take ``touch``."""
    column, truth = _main(labels)
    forecast = _forecast(questions, labels, opponents)
    seen = rng.random(len(truth)) < share
    retouched = truth * (1 + touch * rng.standard_normal(len(truth)))
    return _answers(column, np.where(seen & np.isfinite(truth), retouched, forecast))


def _average(
    weight: float,
    questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    _rng: np.random.Generator,
) -> dict[str, Array]:
    """Draw an own forecast towards the truth."""
    column, truth = _main(labels)
    forecast = _forecast(questions, labels, opponents)
    return _answers(column, forecast + weight * np.nan_to_num(truth - forecast))


def _constant(questions: Questions, labels: Labels, *_others: object) -> dict[str, Array]:
    column, _ = _main(labels)
    return _answers(column, np.asarray(questions.level, dtype=np.float64))


def _wrong_unit(
    _questions: Questions,
    labels: Labels,
    opponents: Mapping[str, Submission],
    _rng: np.random.Generator,
) -> dict[str, Array]:
    column, _ = _main(labels)
    return _answers(column, _best(labels, opponents) * 1000)


CHEATS: tuple[Cheat, ...] = (
    Cheat("truth", "La vérité recopiée", _truth, "exact-truth"),
    Cheat("truth_tiny_noise", "La vérité et un bruit infime", partial(_noisy_truth, 0.02),
          "impossible-perfection"),
    Cheat("truth_noise", "La vérité et un bruit de l'ordre d'une bonne prévision",
          partial(_noisy_truth, 0.9), "independent-errors",
          note="L'erreur n'a rien de commun avec celle des adversaires."),
    Cheat("truth_next_hour", "La vérité de l'heure suivante", partial(_shifted_truth, 1),
          "shifted-truth"),
    Cheat("truth_previous_hour", "La vérité de l'heure précédente", partial(_shifted_truth, -1),
          "shifted-truth"),
    Cheat("truth_three_hours", "La vérité de trois heures plus tard", partial(_shifted_truth, 3),
          "shifted-truth"),
    Cheat("future", "La mesure du lendemain recopiée", partial(_future, 1.0), "future-copied"),
    Cheat("future_half", "Moitié prévision, moitié mesure du lendemain", partial(_future, 0.5),
          "future-copied"),
    Cheat("test_mean", "La moyenne du test, site par site", _test_mean, "test-mean"),
    Cheat("test_profile", "Le profil horaire moyen du test", _test_profile, "test-mean"),
    Cheat("bias_removed", "Prévision recalée sur la moyenne du test", _bias_removed, "test-mean"),
    Cheat("clipped", "Prévision coupée au maximum passé", _clipped, "clipped",
          note="Ce n'est pas une fuite : une simple note."),
    Cheat("copy", "Copie d'un adversaire", partial(_copy, 0.0, 1.0), "copied-entry"),
    Cheat("copy_scaled", "Copie d'un adversaire, à 97 %", partial(_copy, 0.0, 0.97),
          "copied-entry"),
    Cheat("copy_jitter", "Copie d'un adversaire et bruit de 0,2 %", partial(_copy, 0.002, 1.0),
          "copied-entry"),
    Cheat("copy_noise", "Copie d'un adversaire et bruit de 2 %", partial(_copy, 0.02, 1.0),
          "jittered-entry"),
    Cheat("peek_exact", "5 % des réponses recopiées de la vérité", partial(_peeked, 0.05, 0.0),
          "exact-truth"),
    Cheat("average_three_quarters", "Trois quarts de vérité, un quart de prévision",
          partial(_average, 0.75), "impossible-perfection"),
    Cheat("constant", "Une constante par site", _constant, "constant", from_audit=False),
    Cheat("wrong_unit", "Des Wh donnés pour des kWh", _wrong_unit, "unit-error",
          from_audit=False),
    Cheat("average_quarter", "Un quart de vérité, trois quarts de prévision",
          partial(_average, 0.25), None,
          note="Se confond avec une meilleure prévision : rien ne distingue un quart d'erreur "
          "en moins d'un meilleur modèle (vu à partir de 70 % de vérité). Remède : des mois que "
          "personne ne connaît encore."),
    Cheat("peek_retouched", "5 % des réponses corrigées à la main d'après la vérité",
          partial(_peeked, 0.05, 0.02), None,
          note="Retouchées de 2 %, les réponses ne sont plus égales à la vérité et l'erreur "
          "moyenne ne baisse que de 5 % (vu jusqu'à 0,1 % de retouche)."),
    Cheat("future_little", "Un dixième de mesure du lendemain", partial(_future, 0.1), None,
          note="L'apport se confond avec ce que la prévision savait (vu à partir de 30 %)."),
)  # fmt: skip
"""Every cheat: those that must be flagged first, then those that cannot."""
