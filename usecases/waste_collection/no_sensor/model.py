"""The rungs of the ladder without sensor, from the usual fill to boosted trees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from common.lab.boosting import Trees
from common.lab.fitted import boosted_score, columns_of, straight_line
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead, TreeHead
from common.lab.usecase import Array, Fitted, Rung, Training
from usecases.waste_collection.no_sensor.features import NO_SENSOR_TERMS

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["PAIRS", "additive", "boosted", "copied", "linear", "no_sensor_rungs"]

USUAL_SPREAD_POINTS = 15.0
"""Unit of the interval of a rung without AI: the calibrated offsets multiply it."""
FITTED_TERMS = tuple(term.name for term in NO_SENSOR_TERMS if term.name != "usual_fill")
SPREAD_TERMS = ("site_mean", "site_count", "pace_fill", "elapsed_ratio", "city_silence")
PAIRS = (
    ("pace_recent", "street_fill_1h"),
    ("site_mean", "street_fill_1h"),
    ("site_count", "pace_fill"),
    ("capacity", "pace_recent"),
    ("pace_fill", "street_fill_1h"),
    ("pace_fill", "weekday"),
    ("site_mean", "pace_recent"),
    ("site_mean", "pace_fill"),
    ("site_mean", "street_last"),
    ("pace_fill", "street_surprise"),
)
"""The ten pairs that trees of three leaves split on most in June 2016; with 6, 10, 15 and 24 of
them the error on the tuning folds is 12.06, 11.94, 11.98 and 11.90 points."""
FOLD_DAYS = 4
"""Days in a row that a fold keeps together where residuals are made out of sample."""
SMALL_STEP = 1e-3

CURVES = Trees(300, leaves=4, max_bin=63, min_rows=30, pairs=())
ADDITIVE = Trees(300, leaves=8, max_bin=63, min_rows=30, pairs=PAIRS)
BOOSTED = Trees(200, leaves=8, max_bin=63, min_rows=30)
SPREAD = Trees(40, leaves=3, max_bin=31, min_rows=60, pairs=())
"""Chosen on the tuning folds among 200 to 600 rounds of 4 to 31 leaves. The loss is absolute:
squares cost 0.3 points there, as the ceiling of 100 % cuts the distribution."""


@dataclass(frozen=True)
class _Point:
    """A fitted head beside what predicts its column-by-column answer."""

    fitted: Fitted
    predict: Callable[[Array], Array]


def copied(term: str, training: Training) -> Fitted:
    """Take one term as the answer: a rung without AI."""
    del training
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)), _constant_spread(term))


def linear(training: Training) -> Fitted:
    """Fit a line of the absolute error (median regression), with its spread."""
    return _with_spread(_linear, training)


def additive(settings: Trees, training: Training) -> Fitted:
    """Fit step functions, and declared pairs where there are any, with their spread."""
    return _with_spread(partial(_additive, settings), training)


def boosted(settings: Trees, training: Training) -> Fitted:
    """Fit trees without constraint, with their spread."""
    return _with_spread(partial(_boosted, settings), training)


def _constant_spread(term: str) -> LinearHead:
    return LinearHead((term,), (0.0,), USUAL_SPREAD_POINTS, (0.0,))


def _linear(training: Training) -> _Point:
    from sklearn.linear_model import QuantileRegressor

    names, X = columns_of(training, FITTED_TERMS)
    means = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64) + SMALL_STEP
    model = QuantileRegressor(quantile=0.5, alpha=1e-3, solver="highs")
    model.fit((X - means) / scale, training.target, sample_weight=training.weight)
    slopes = model.coef_ / scale
    baseline = float(model.intercept_)
    head = LinearHead(names, tuple(slopes.tolist()), baseline, tuple(means.tolist()))
    predict = partial(straight_line, slopes, means, baseline)
    return _Point(Fitted(head, reference=predict), predict)


def _additive(settings: Trees, training: Training) -> _Point:
    names, X = columns_of(training, FITTED_TERMS)
    booster = _grown(settings, names, X, training)
    head = AdditiveHead(compile_lightgbm([booster], X), names)
    return _Point(
        Fitted(head, reference=partial(boosted_score, booster)), partial(boosted_score, booster)
    )


def _boosted(settings: Trees, training: Training) -> _Point:
    names, X = columns_of(training, FITTED_TERMS)
    booster = _grown(settings, names, X, training)
    head = TreeHead.of([booster], names)
    return _Point(
        Fitted(head, reference=partial(boosted_score, booster)), partial(boosted_score, booster)
    )


def _grown(settings: Trees, names: Sequence[str], X: Array, training: Training) -> "Booster":
    """Fit trees of the absolute error, which `Trees` itself does not name."""
    import lightgbm

    parameters = settings.parameters(names, training.seed) | {"objective": "regression_l1"}
    data = lightgbm.Dataset(X, training.target, weight=training.weight)
    return lightgbm.train(parameters, data, settings.rounds)


def _with_spread(fit: Callable[[Training], _Point], training: Training) -> Fitted:
    """Fit the point head on all lines, and its spread on residuals made out of sample.

    The days are cut into runs of four that take turns: each half's residuals are those of a
    model that saw the other half.
    """
    point = fit(training)
    fold = training.days.astype("datetime64[D]").astype(np.int64) // FOLD_DAYS % 2
    residual = np.full(len(training.target), np.nan)
    for half in (0, 1):
        rest, mine = fold != half, fold == half
        if rest.any() and mine.any():
            _, X = columns_of(training, FITTED_TERMS)
            half_point = fit(_lines(training, rest))
            residual[mine] = np.abs(half_point.predict(X[mine]) - training.target[mine])
    known = np.isfinite(residual)
    if not known.any():
        return replace(point.fitted, spread=_constant_spread(FITTED_TERMS[0]))
    names, X = columns_of(training, SPREAD_TERMS)
    lines = replace(_lines(training, known), target=residual[known])
    booster = SPREAD.fit(names, X[known], lines)
    compact = point.fitted.point.additive  # explained trees and compact curves do not mix
    spread = AdditiveHead(compile_lightgbm([booster], X[known]), names, compact=compact)
    return replace(point.fitted, spread=spread)


def _lines(training: Training, rows: Array) -> Training:
    return replace(
        training,
        matrix=training.matrix[rows],
        target=training.target[rows],
        weight=training.weight[rows],
        units=training.units[rows],
        days=training.days[rows],
    )


def no_sensor_rungs() -> tuple[Rung, ...]:
    """Return the ladder, rungs without AI first."""
    return (*COPIED_RUNGS, *FITTED_RUNGS)


COPIED_RUNGS = tuple(
    Rung(name, title, "no_ai", "global", partial(copied, term), note=note)
    for name, term, title, note in (
        (
            "usual_fill",
            "usual_fill",
            "Remplissage habituel, partout le même",
            "75 % à chaque vidage, quel que soit le site.",
        ),
        (
            "site_mean",
            "site_mean",
            "Moyenne du site",
            "Ce qu'on a trouvé en moyenne aux seize derniers vidages du site.",
        ),
        (
            "site_pace",
            "pace_fill",
            "Rythme du site x temps écoulé",
            "La règle de trois ; elle se trompe parce qu'on vient quand c'est plein.",
        ),
    )
)
FITTED_RUNGS = (
    Rung(
        "linear",
        "Régression linéaire (médiane)",
        "linear",
        "global",
        linear,
        note="Passé du site, de la rue et de la ville, pondérés une fois pour toutes.",
    ),
    Rung(
        "curves",
        "Modèle additif (GAM)",
        "additive",
        "global",
        partial(additive, CURVES),
        note="Une courbe par information ; chaque effet se lit.",
    ),
    Rung(
        "additive",
        "Modèle additif à couples (GA2M)",
        "additive",
        "global",
        partial(additive, ADDITIVE),
        note="Les mêmes courbes et dix couples déclarés.",
    ),
    Rung(
        "boosted",
        "Arbres boostés",
        "boosted",
        "global",
        partial(boosted, BOOSTED),
        note="200 arbres sans contrainte : la mesure de ce qu'on pourrait gagner.",
    ),
)
