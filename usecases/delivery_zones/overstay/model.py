"""The rungs of the overstay ladder, from the city's rate to boosted trees."""

from functools import partial

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, columns_of, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead, TreeHead
from common.lab.usecase import Fitted, Rung, Training
from usecases.delivery_zones.overstay.features import CLOCK_TERMS, WEEKEND_TERMS

__all__ = ["additive", "boosted", "logistic", "overstay_rungs", "rate"]

STATE_TERMS = ("bays_taken", "empty_time", "recent_stays")
LINEAR_TERMS = (
    "zone_rate",
    "zone_hour_rate",
    "half_limit",
    "weekend",
    *CLOCK_TERMS,
    *WEEKEND_TERMS,
    *STATE_TERMS,
)
TREE_TERMS = ("zone_rate", "zone_hour_rate", "half_limit", "clock_hour", "weekday", *STATE_TERMS)
PAIRS = (
    ("clock_hour", "weekday"),
    ("zone_rate", "clock_hour"),
    ("zone_rate", "half_limit"),
    ("half_limit", "clock_hour"),
    ("half_limit", "recent_stays"),
    ("half_limit", "empty_time"),
)
PENALTY = 0.1
"""Inverse strength ``C`` of the ridge on standardised columns. On the tuning folds 1, 0.1 and
0.01 give a Brier score of 0.2153, 0.2153, 0.2152 (Dundee) and 0.2018, 0.2019, 0.2027 (Hamburg):
the strongest that costs nothing."""


ADDITIVE = Trees(120, leaves=4, max_bin=15, pairs=PAIRS, objective="binary")
BOOSTED = Trees(60, leaves=8, objective="binary")
"""Of 60 to 400 rounds of 4 to 31 leaves, the best on the tuning folds of Hamburg; Dundee
cannot tell them apart."""


def rate(term: str, training: Training) -> Fitted:
    """Take one observed rate, already log-odds, as the answer: a rung without AI."""
    del training
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)))


def logistic(training: Training) -> Fitted:
    """Fit one ridge logistic regression for both steps."""
    from sklearn.linear_model import LogisticRegression

    names, X = columns_of(training, LINEAR_TERMS)
    means = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64) + 1e-9
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    model.fit((X - means) / scale, training.target > 0.5, sample_weight=training.weight)
    slopes = model.coef_[0] / scale
    head = LinearHead(
        names, tuple(slopes.tolist()), float(model.intercept_[0]), tuple(means.tolist())
    )
    return Fitted(head, reference=partial(straight_line, slopes, means, head.baseline))


def additive(settings: Trees, training: Training) -> Fitted:
    """Fit step functions and declared pairs."""
    names, X = columns_of(training, TREE_TERMS)
    booster = settings.fit(names, X, training)
    head = AdditiveHead(compile_lightgbm([booster], X), names)
    return Fitted(head, reference=partial(boosted_score, booster))


def boosted(settings: Trees, training: Training) -> Fitted:
    """Fit trees without constraint."""
    names, X = columns_of(training, TREE_TERMS)
    booster = settings.fit(names, X, training)
    return Fitted(TreeHead.of([booster], names), reference=partial(boosted_score, booster))


def overstay_rungs() -> tuple[Rung, ...]:
    """Return the ladder, rungs without AI first."""
    return (*RATE_RUNGS, *FITTED_RUNGS)


RATE_RUNGS = tuple(
    Rung(name, title, "no_ai", "global", partial(rate, term), note=note)
    for name, term, title, note in (
        (
            "base_rate",
            "city_rate",
            "Taux de la ville",
            "Part des stationnements déjà terminés qui ont dépassé la limite, partout.",
        ),
        (
            "zone_rate",
            "zone_rate",
            "Taux de la zone",
            "La même part dans la zone, rapprochée de celle de la ville faute de recul.",
        ),
        (
            "zone_hour_rate",
            "zone_hour_rate",
            "Taux de la zone par tranche de trois heures",
            "La même part dans la zone et la tranche horaire, rapprochée de la zone.",
        ),
    )
)
FITTED_RUNGS = (
    Rung(
        "logistic",
        "Régression logistique",
        "linear",
        "global",
        logistic,
        note="Taux de la zone, heure, jour et état de la zone, pondérés une fois pour toutes.",
    ),
    Rung(
        "additive",
        "Modèle additif (GA2M)",
        "additive",
        "global",
        partial(additive, ADDITIVE),
        note="Courbes et couples déclarés ; chaque effet se lit.",
    ),
    Rung(
        "boosted",
        "Arbres boostés",
        "boosted",
        "global",
        partial(boosted, BOOSTED),
        note="60 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
    ),
)
