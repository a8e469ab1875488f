"""The rungs of the overflow ladder, from a mean rate to boosted trees."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, columns_of, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import WHOLE_MODEL, AdditiveHead, LinearHead, TreeHead
from common.lab.usecase import Fitted, Rung, Training
from usecases.waste_collection.features import GROUPS
from usecases.waste_collection.overflow.grouped_head import GroupedHead
from usecases.waste_collection.overflow.kalman import KALMAN_FIELD, KalmanHead, kalman_state

__all__ = ["OVERFLOW_RUNGS", "additive", "boosted", "copy_of", "logistic"]

LEARNT_TERMS = tuple(GROUPS)
PENALTY = 1.0
"""Inverse strength ``C`` of the ridge on standardised columns."""
ADDITIVE = Trees(
    300, leaves=2, learning_rate=0.08, max_bin=31, min_rows=100, l2=20.0, objective="binary"
)
BOOSTED = Trees(
    200, leaves=7, learning_rate=0.04, max_bin=63, min_rows=100, l2=20.0, objective="binary"
)
"""On five folds of the training and tuning years: 100 to 400 rounds of 2 to 15 leaves tie within
1 %; one split a tree costs 0.9 %."""


def copy_of(term: str, training: Training) -> Fitted:
    """Take one column, already daily log-odds, as the answer: a rung without AI."""
    del training
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)))


def kalman(training: Training) -> Fitted:
    """Take the container's filter as it is; its fit is the rung's state."""
    del training
    return Fitted(KalmanHead())


def logistic(wanted: Sequence[str], training: Training) -> Fitted:
    """Fit one ridge logistic regression for the seven days."""
    from sklearn.linear_model import LogisticRegression

    names, X = columns_of(training, wanted)
    means, scale = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64) + 1e-9
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit((X - means) / scale, training.target > 0.5, sample_weight=training.weight)
    slopes, intercept = model.coef_[0] / scale, float(model.intercept_[0])
    head = LinearHead(names, tuple(slopes.tolist()), intercept, tuple(means.tolist()))
    return Fitted(
        GroupedHead(head, GROUPS), reference=partial(straight_line, slopes, means, intercept)
    )


def additive(settings: Trees, wanted: Sequence[str], training: Training) -> Fitted:
    """Fit one step function per column."""
    names, X = columns_of(training, wanted)
    booster = settings.fit(names, X, training)
    head = AdditiveHead(compile_lightgbm([booster], X), names)
    return Fitted(GroupedHead(head, GROUPS), reference=partial(boosted_score, booster))


def boosted(settings: Trees, wanted: Sequence[str], training: Training) -> Fitted:
    """Fit trees without constraint: the measure of what more could be had."""
    names, X = columns_of(training, wanted)
    booster = settings.fit(names, X, training)
    head = TreeHead.of([booster], names, explain=False)
    return Fitted(
        GroupedHead(head, {WHOLE_MODEL: WHOLE_MODEL}), reference=partial(boosted_score, booster)
    )


OVERFLOW_RUNGS = (
    Rung(
        "mean_rate",
        "Rythme moyen du conteneur",
        "no_ai",
        "global",
        partial(copy_of, "mean_rate"),
        note="Le niveau monte du rythme moyen des seize dernières semaines, à une erreur normale "
        "près.",
    ),
    Rung(
        "markov",
        "Table des niveaux du conteneur (Markov)",
        "no_ai",
        "global",
        partial(copy_of, "table"),
        note="Passages d'un niveau à l'autre comptés sur ce conteneur, trois cas de la commune en "
        "renfort, déroulés sept jours.",
    ),
    Rung(
        "kalman",
        "Filtre de Kalman (niveau local et semaine)",
        "linear",
        "per_site",
        kalman,
        state=kalman_state,
        state_fields=(KALMAN_FIELD,),
        note="Trois variances ajustées par conteneur, les jours sans relevé manquants.",
    ),
    Rung(
        "logistic",
        "Régression logistique du pas d'un jour",
        "linear",
        "global",
        partial(logistic, LEARNT_TERMS),
        note="Chance d'atteindre 80 % chaque jour, sept jours multipliés.",
    ),
    Rung(
        "additive",
        "Modèle additif du pas d'un jour (GAM)",
        "additive",
        "global",
        partial(additive, ADDITIVE, LEARNT_TERMS),
        note="Une courbe en escalier par information ; chaque effet se lit.",
    ),
    Rung(
        "boosted",
        "Arbres boostés du pas d'un jour",
        "boosted",
        "global",
        partial(boosted, BOOSTED, LEARNT_TERMS),
        note="200 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
    ),
)
