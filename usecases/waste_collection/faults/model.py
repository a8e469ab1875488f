"""The rungs of the ladder of faults, from the flat-line rule to boosted trees."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead, TreeHead
from common.lab.usecase import Fitted, Rung, Training

__all__ = ["PAIRS", "additive", "boosted", "fault_rungs", "flat_line", "logistic", "usual"]

USUAL_LOG_ODDS = -3.4
"""log(0.032 / 0.968): the share of days in alert in Wyndham (brief 4.4)."""
FLAT_TERMS, FLAT_SLOPES = ("full_days", "zero_points"), (1.0, 0.02)
"""Even odds after three days at 100 %, or at zero while 170 points were expected."""
PENALTY = 0.1
SMALL_STEP = 1e-3
PAIRS = (
    ("recent_full_days", "still_days"),
    ("zero_points", "usual_still_days"),
    ("still_points", "usual_still_days"),
    ("fleet_points", "usual_still_days"),
    ("small_falls_long", "usual_falls"),
    ("up_spikes", "usual_spikes"),
    ("down_spikes", "usual_spikes"),
    ("flashes", "usual_spikes"),
    ("returns", "usual_returns"),
    ("flickers", "usual_flickers"),
    ("dips", "usual_dips"),
    ("flickers", "dips"),
    ("moves", "dips"),
    ("partial_resets", "usual_partial"),
    ("week_pace", "week_roughness"),
    ("week_pace", "returns"),
    ("wiggles", "usual_wiggles"),
    ("small_falls_long", "wiggles"),
    ("wiggles", "low_resets"),
    ("low_resets", "usual_low_resets"),
    ("lowest_points", "usual_lowest"),
    ("still_points", "lowest_points"),
    ("lowest_points", "after_reset_points"),
    ("recent_full_days", "zero_points"),
)
"""What is seen lately beside what was usual: the pairs that a person would look at."""

CURVES = Trees(300, leaves=4, max_bin=63, min_rows=100, pairs=(), l2=5.0, objective="binary")
ADDITIVE = Trees(300, leaves=8, max_bin=63, min_rows=100, pairs=PAIRS, l2=5.0, objective="binary")
BOOSTED = Trees(200, leaves=8, max_bin=63, min_rows=100, l2=5.0, objective="binary")


def usual(training: Training) -> Fitted:
    """Say the same of every sensor on every day: a rung without AI."""
    del training
    return Fitted(LinearHead(FLAT_TERMS[:1], (0.0,), USUAL_LOG_ODDS, (0.0,)))


def flat_line(training: Training) -> Fitted:
    """Count days at 100 % and points missing at zero, by slopes set by hand."""
    del training
    return Fitted(LinearHead(FLAT_TERMS, FLAT_SLOPES, USUAL_LOG_ODDS, (0.0, 0.0)))


def logistic(training: Training) -> Fitted:
    """Fit one ridge logistic regression on all checks."""
    from sklearn.linear_model import LogisticRegression

    names = tuple(term.name for term in training.terms)
    X = training.matrix
    means = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64) + SMALL_STEP
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit((X - means) / scale, training.target > 0.5, sample_weight=training.weight)
    slopes = model.coef_[0] / scale
    baseline = float(model.intercept_[0])
    head = LinearHead(names, tuple(slopes.tolist()), baseline, tuple(means.tolist()))
    return Fitted(head, reference=partial(straight_line, slopes, means, baseline))


def additive(settings: Trees, training: Training) -> Fitted:
    """Fit step functions, and declared pairs where there are any."""
    names = tuple(term.name for term in training.terms)
    booster = settings.fit(names, training.matrix, training)
    head = AdditiveHead(compile_lightgbm([booster], training.matrix), names)
    return Fitted(head, reference=partial(boosted_score, booster))


def boosted(settings: Trees, training: Training) -> Fitted:
    """Fit trees without constraint."""
    names = tuple(term.name for term in training.terms)
    booster = settings.fit(names, training.matrix, training)
    return Fitted(TreeHead.of([booster], names), reference=partial(boosted_score, booster))


def fault_rungs() -> tuple[Rung, ...]:
    """Return the ladder, rungs without AI first."""
    return RUNGS


def _rungs(declared: Sequence[tuple[str, str, str, object, str]]) -> tuple[Rung, ...]:
    return tuple(
        Rung(name, title, kind, "global", fit, note=note)  # type: ignore[arg-type]  # as declared
        for name, title, kind, fit, note in declared
    )


RUNGS = _rungs(
    (
        (
            "usual_rate",
            "Part habituelle de jours en défaut",
            "no_ai",
            usual,
            "3,2 % chaque jour, quel que soit le capteur.",
        ),
        (
            "flat_line",
            "Règle de la ligne plate",
            "no_ai",
            flat_line,
            "Jours de suite à 100 %, ou à zéro alors que des points étaient attendus.",
        ),
        (
            "logistic",
            "Régression logistique",
            "linear",
            logistic,
            "Tous les contrôles, pondérés une fois pour toutes.",
        ),
        (
            "curves",
            "Modèle additif (GAM)",
            "additive",
            partial(additive, CURVES),
            "Une courbe par contrôle ; chaque raison se lit.",
        ),
        (
            "additive",
            "Modèle additif à couples (GA2M)",
            "additive",
            partial(additive, ADDITIVE),
            "Les mêmes courbes et vingt-quatre couples : l'observé à côté de l'habituel.",
        ),
        (
            "boosted",
            "Arbres boostés",
            "boosted",
            partial(boosted, BOOSTED),
            "200 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
        ),
    )
)
