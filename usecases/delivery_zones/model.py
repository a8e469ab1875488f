"""The rungs of the availability ladders, from last week to boosted trees."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, columns_of, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead, TreeHead
from common.lab.usecase import Array, Fitted, Rung, Training
from usecases.delivery_zones.availability.gam import gam
from usecases.delivery_zones.availability.step_head import StepHead

__all__ = ["AVAILABILITY_RUNGS", "DAY_AHEAD_RUNGS", "STEP_EDGES"]

STEP = "horizon_minutes"
STEP_EDGES = (22.5, 45.0)
"""Between 15, 30 and 60 minutes."""
LINEAR_TERMS = (
    STEP, "usual", "usual_sharp", "usual_recent", "usual_same_kind", "day_before",
    "occupied_usual", "occupied_recent", "target_hour", "semi_markov", "all_stay", "free_bays",
    "occupied_1h", "occupied_3h", "occupied_6h", "pace", "since_departure", "longest_stay",
)  # fmt: skip
CURVES = ("semi_markov", "usual", "usual_recent", "occupied_3h", "target_hour", "since_departure")
TREE_TERMS = LINEAR_TERMS
PAIRS = (
    (STEP, "semi_markov"), (STEP, "usual"), (STEP, "usual_recent"), (STEP, "occupied_3h"),
    (STEP, "all_stay"), ("usual", "semi_markov"), ("target_hour", "semi_markov"),
    ("semi_markov", "free_bays"), ("usual_recent", "semi_markov"),
)  # fmt: skip
DAY_TERMS = (
    "usual", "usual_sharp", "usual_recent", "usual_same_kind", "day_before", "week_before",
    "occupied_usual", "occupied_recent", "target_hour", "free_bays", "occupied_today",
    "full_today", "pace",
)  # fmt: skip
DAY_CURVES = ("usual", "usual_recent", "day_before", "occupied_recent", "target_hour")
DAY_PAIRS = (
    ("usual", "target_hour"), ("usual", "usual_recent"), ("usual", "occupied_today"),
    ("usual_recent", "free_bays"),
)  # fmt: skip
PENALTY = 1.0
"""Inverse strength ``C`` of the ridge on standardised columns; 0.05 and 0.001 gave the same
(research folds)."""
ADDITIVE = Trees(250, leaves=4, max_bin=15, pairs=PAIRS, l2=5.0, objective="binary")
BOOSTED = Trees(100, leaves=15, l2=5.0, objective="binary")
DAY_ADDITIVE = Trees(150, leaves=4, max_bin=15, pairs=DAY_PAIRS, l2=5.0, objective="binary")


def copy_of(term: str, training: Training) -> Fitted:
    """Take one column, already log-odds, as the answer: a rung without AI."""
    del training
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)))


def logistic_by_step(wanted: Sequence[str], training: Training) -> Fitted:
    """Fit one ridge logistic regression for each horizon."""
    names, X = columns_of(training, wanted)
    step = np.searchsorted(STEP_EDGES, X[:, 0], side="left")
    fits = [_logistic(X[step == s, 1:], training.target[step == s], training.weight[step == s])
            for s in range(len(STEP_EDGES) + 1)]  # fmt: skip
    head = StepHead(
        names,
        STEP_EDGES,
        tuple(tuple(slopes.tolist()) for slopes, _, _ in fits),
        tuple(tuple(means.tolist()) for _, means, _ in fits),
        tuple(intercept for _, _, intercept in fits),
    )
    return Fitted(head, reference=head.predict)


def logistic(wanted: Sequence[str], training: Training) -> Fitted:
    """Fit one ridge logistic regression for all steps."""
    names, X = columns_of(training, wanted)
    slopes, means, intercept = _logistic(X, training.target, training.weight)
    head = LinearHead(names, tuple(slopes.tolist()), intercept, tuple(means.tolist()))
    return Fitted(head, reference=partial(straight_line, slopes, means, intercept))


def additive(settings: Trees, wanted: Sequence[str], training: Training) -> Fitted:
    """Fit step functions and declared pairs."""
    names, X = columns_of(training, wanted)
    booster = settings.fit(names, X, training)
    head = AdditiveHead(compile_lightgbm([booster], X), names)
    return Fitted(head, reference=partial(boosted_score, booster))


def boosted(settings: Trees, wanted: Sequence[str], training: Training) -> Fitted:
    """Fit trees without constraint: the measure of what more could be had."""
    names, X = columns_of(training, wanted)
    booster = settings.fit(names, X, training)
    head = TreeHead.of([booster], names, explain=False)
    return Fitted(head, reference=partial(boosted_score, booster))


def curves(wanted: Sequence[str], step: str | None, training: Training) -> Fitted:
    """Fit a generalised additive model of B-splines, for each horizon where there are several."""
    names, X = columns_of(training, (step, *wanted) if step else wanted)
    return gam(names, X, training, STEP_EDGES if step else ())


def _logistic(X: Array, target: Array, weight: Array) -> tuple[Array, Array, float]:
    """Return slopes, means and the answer at the means; the base rate where all are equal."""
    from sklearn.linear_model import LogisticRegression

    means, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64) + 1e-9
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit((X - means) / scale, target > 0.5, sample_weight=weight)
    return model.coef_[0] / scale, means, float(model.intercept_[0])


WEEK_BEFORE = Rung(
    "week_before",
    "La semaine dernière",
    "no_ai",
    "global",
    partial(copy_of, "week_before"),
    note="Même jour et même quart d'heure une semaine avant, rapproché de l'habitude.",
)
USUAL = Rung(
    "usual",
    "L'habitude (profil historique)",
    "no_ai",
    "global",
    partial(copy_of, "usual"),
    note="Part des derniers jours où une place était libre à cette heure ; rien n'est appris.",
)
AVAILABILITY_RUNGS = (
    WEEK_BEFORE,
    USUAL,
    Rung(
        "queue",
        "File d'attente (M/M/c/c)",
        "no_ai",
        "global",
        partial(copy_of, "queue"),
        note="Arrivées et départs comptés à cette heure, sans mémoire de qui est là.",
    ),
    Rung(
        "semi_markov",
        "File d'attente selon l'âge des stationnements",
        "no_ai",
        "global",
        partial(copy_of, "semi_markov"),
        note="Chaque véhicule présent repart selon son ancienneté ; les taux sont comptés, "
        "rien n'est appris.",
    ),
    Rung(
        "calibrated",
        "La même file, recalée par deux nombres",
        "linear",
        "global",
        partial(logistic_by_step, (STEP, "semi_markov")),
        note="Une pente et un décalage par échéance sur la file d'attente.",
    ),
    Rung(
        "logistic",
        "Régression logistique",
        "linear",
        "global",
        partial(logistic_by_step, LINEAR_TERMS),
        note="Habitude, file d'attente et journée en cours, pondérées à chaque échéance.",
    ),
    Rung(
        "gam",
        "Modèle additif à courbes (GAM)",
        "additive",
        "global",
        partial(curves, CURVES, STEP),
        note="Une courbe lisse par information et par échéance.",
    ),
    Rung(
        "additive",
        "Modèle additif (GA2M)",
        "additive",
        "global",
        partial(additive, ADDITIVE, TREE_TERMS),
        note="Courbes en escalier et couples déclarés ; chaque effet se lit.",
    ),
    Rung(
        "boosted",
        "Arbres boostés",
        "boosted",
        "global",
        partial(boosted, BOOSTED, TREE_TERMS),
        note="100 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
    ),
)
DAY_AHEAD_RUNGS = (
    WEEK_BEFORE,
    USUAL,
    Rung(
        "usual_recent",
        "L'habitude des derniers jours",
        "no_ai",
        "global",
        partial(copy_of, "usual_recent"),
        note="La même part, où cinq jours comptent déjà double.",
    ),
    Rung(
        "logistic",
        "Régression logistique",
        "linear",
        "global",
        partial(logistic, DAY_TERMS),
        note="Habitudes longue et récente, veille et heure, pondérées une fois pour toutes.",
    ),
    Rung(
        "gam",
        "Modèle additif à courbes (GAM)",
        "additive",
        "global",
        partial(curves, DAY_CURVES, None),
        note="Une courbe lisse par information.",
    ),
    Rung(
        "additive",
        "Modèle additif (GA2M)",
        "additive",
        "global",
        partial(additive, DAY_ADDITIVE, DAY_TERMS),
        note="Courbes en escalier et couples déclarés ; chaque effet se lit.",
    ),
    Rung(
        "boosted",
        "Arbres boostés",
        "boosted",
        "global",
        partial(boosted, BOOSTED, DAY_TERMS),
        note="100 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
    ),
)
