"""The rungs of the abstention ladder: the raw score, a logistic regression, step functions."""

from functools import partial

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, columns_of, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead
from common.lab.usecase import Fitted, Rung, Training
from usecases.citizen_requests.answers.abstention.features import FEATURES, RAW

__all__ = ["abstention_rungs"]

PENALTY = 0.1
"""Inverse strength ``C`` of the ridge on standardised columns."""
ADDITIVE = Trees(80, leaves=4, max_bin=15, min_rows=20, pairs=(), objective="binary")


def raw_score(training: Training) -> Fitted:
    """Take the share of the possible score as if it were a probability: nothing is learnt."""
    del training
    return Fitted(LinearHead((RAW,), (1.0,), 0.0, (0.0,)))


def logistic(training: Training) -> Fitted:
    """Fit one ridge logistic regression."""
    from sklearn.linear_model import LogisticRegression

    names, X = columns_of(training, tuple(FEATURES))
    means = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64) + 1e-9
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit((X - means) / scale, training.target > 0.5)
    slopes = model.coef_[0] / scale
    head = LinearHead(
        names, tuple(slopes.tolist()), float(model.intercept_[0]), tuple(means.tolist())
    )
    return Fitted(head, reference=partial(straight_line, slopes, means, head.baseline))


def additive(training: Training) -> Fitted:
    """Fit one step function per feature."""
    names, X = columns_of(training, tuple(FEATURES))
    booster = ADDITIVE.fit(names, X, training)
    head = AdditiveHead(compile_lightgbm([booster], X), names)
    return Fitted(head, reference=partial(boosted_score, booster))


def abstention_rungs() -> tuple[Rung, ...]:
    """Return the ladder, the rung without AI first."""
    return (
        Rung(
            "raw_score",
            "Score brut",
            "no_ai",
            "global",
            raw_score,
            note="La part du score possible, prise pour une probabilité : rien n'est appris.",
        ),
        Rung(
            "logistic",
            "Régression logistique",
            "linear",
            "global",
            logistic,
            note="Score, avance, mots connus et accord des recherches, pondérés.",
        ),
        Rung(
            "additive",
            "Modèle additif",
            "additive",
            "global",
            additive,
            note="Une courbe par mesure ; chaque effet se lit.",
        ),
    )
