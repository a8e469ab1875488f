"""The rungs of the forecast's ladder, from last week to boosted trees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from common.lab import boosting
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import AdditiveHead, LinearHead, SumHead, TreeHead
from common.lab.usecase import Array, Fitted, Rung, Training
from usecases.building_energy.site_models import (
    HARMONIC,
    TOWT,
    SiteModel,
    coefficients_field,
    fit_sites,
)

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = [
    "ELECTRICITY_RUNGS",
    "PLAIN_SPREAD",
    "SITE_RUNGS",
    "Design",
    "Trees",
    "additive",
    "boosted",
    "copy_of",
    "linear",
    "site_rung",
]

LINEAR_TERMS = (
    "short_memory",
    "scaled_profile",
    "group_gap",
    "last_day_gap",
    "last_week_gap",
    "one_week_gap",
    "lasting_day_gap",
    "lasting_week_gap",
    "slope_by_hour",
    "slope_by_day",
    "similar_weather_gap",
    "similar_weather",
    "day_temperature_change",
)
TREE_TERMS = (
    "clock_hour",
    "kind_of_day",
    "bridge_days",
    "expected",
    "short_memory",
    "scaled_profile",
    "group_gap",
    "last_day_gap",
    "one_week_gap",
    "lasting_day_gap",
    "week_memory",
    "slope_by_hour",
    "slope_by_day",
    "similar_weather_gap",
    "similar_weather",
    "day_temperature_change",
    "week_temperature_celsius",
    "instability",
    "hour_instability",
)
PAIRS = (
    ("clock_hour", "kind_of_day"),
    ("kind_of_day", "last_day_gap"),
    ("one_week_gap", "week_memory"),
    ("clock_hour", "slope_by_day"),
    ("kind_of_day", "group_gap"),
    ("clock_hour", "lasting_day_gap"),
    ("clock_hour", "expected"),
    ("day_temperature_change", "week_temperature_celsius"),
    ("kind_of_day", "scaled_profile"),
    ("one_week_gap", "hour_instability"),
    ("kind_of_day", "bridge_days"),
    ("clock_hour", "similar_weather_gap"),
)


@dataclass(frozen=True)
class Trees(boosting.Trees):
    """Settings of a boosted rung; chosen on 2021 (docs/decisions/forecast-model.md).

    Parameters
    ----------
    bags
        Boosters fitted on days of their own and averaged: together they see each fitted day
        once, so that bags cost no more than one booster.
    """

    learning_rate: float = 0.08
    max_bin: int = 63
    min_rows: int = 1000
    bags: int = 1


ADDITIVE = Trees(rounds=200, leaves=8, max_bin=31, pairs=PAIRS, bags=2)
SMALL = Trees(rounds=80, leaves=15)
LARGE = Trees(rounds=400, leaves=63, learning_rate=0.03, min_rows=200)

SPREAD_LINES = 50_000
"""Lines that the few numbers of a spread are fitted on."""
DAYS_APART = 2
"""Models are fitted on every second day: neighbouring days say much the same."""


@dataclass(frozen=True)
class Design:
    """Which columns the models of one energy read.

    Parameters
    ----------
    anchor
        The no-AI forecast that the models correct: its coefficient is 1, not learnt.
    linear_terms, tree_terms
        Columns of the linear stage, and those that trees may split on.
    spread_terms
        Columns whose positive combination is the half-width unit.
    largest_residual
        Residuals are clipped at this multiple of the level before trees are fitted.
    ridge
        Penalty of the linear stage, a share of the number of lines.
    """

    anchor: str
    linear_terms: tuple[str, ...]
    tree_terms: tuple[str, ...]
    spread_terms: tuple[str, ...]
    largest_residual: float = 1.0
    ridge: float = 0.01

    def reads(self, training: Training, *, trees: bool = True) -> tuple[str, ...]:
        """Return the columns of a model, in the order of the task's terms."""
        names = (self.anchor, *self.linear_terms, *(self.tree_terms if trees else ()))
        return _ordered(training, names)


ELECTRICITY_DESIGN = Design(
    anchor="expected",
    linear_terms=LINEAR_TERMS,
    tree_terms=TREE_TERMS,
    spread_terms=("instability", "hour_instability", "expected"),
)

PLAIN_SPREAD = LinearHead(("hour_instability",), (1.0,), 0.01, (0.0,))
"""Spread of the rungs that learn nothing: how much this hour strayed lately."""


def copy_of(term: str, spread: LinearHead, training: Training) -> Fitted:
    """Take one column as the forecast: a rung without AI."""
    del training
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)), spread)


def per_site(model: SiteModel, spread: LinearHead, training: Training) -> Fitted:
    """Return the per-site head; its fit is the state computed where it runs."""
    del training
    return Fitted(model, spread)


def linear(design: Design, training: Training) -> Fitted:
    """Fit one ridge regression for all meters, on what strays from the anchor."""
    reads = design.reads(training, trees=False)
    stage = _ridge(design, _thinned(training, 0), reads)
    return _fitted(design, training, stage, partial(_linear_prediction, stage))


def additive(design: Design, settings: Trees, training: Training) -> Fitted:
    """Fit the linear stage, then step functions and pairs on its residual; bags merge."""
    reads = design.reads(training)
    stage = _ridge(design, _thinned(training, 0), reads)
    apart = DAYS_APART * settings.bags
    parts = [_thinned(training, DAYS_APART * bag, apart) for bag in range(settings.bags)]
    boosters = [_boosted(design, part, stage, settings) for part in parts]
    columns = _columns(training, reads)
    model = compile_lightgbm(boosters, training.matrix[:, columns])
    # One background for both parts, or the sum would not be Shapley values of any.
    centre = training.matrix[:, columns].mean(axis=0, dtype=np.float64)
    at_centre = float(_linear_prediction(stage, centre))
    model = model.add_linear(stage.coefficients, tuple(centre.tolist()), intercept=at_centre)
    reference = partial(_stacked_prediction, stage, boosters)
    return _fitted(design, training, AdditiveHead(model, reads), reference)


def boosted(design: Design, settings: Trees, training: Training, *, explain: bool = True) -> Fitted:
    """Fit the linear stage, then unconstrained trees on its residual."""
    reads = design.reads(training)
    part = _thinned(training, 0)
    stage = _ridge(design, part, reads)
    boosters = [_boosted(design, part, stage, settings)]
    trees = TreeHead.of(boosters, reads, explain=explain)
    reference = partial(_stacked_prediction, stage, boosters)
    return _fitted(design, training, SumHead((stage, trees)), reference)


def _fitted(design: Design, training: Training, point: Any, reference: Any) -> Fitted:
    """Add the spread: a positive combination of the meter's recent instabilities."""
    from sklearn.linear_model import LinearRegression

    part = _every(_thinned(training, 1), SPREAD_LINES)
    residual = np.abs(part.target - reference(part.matrix[:, _columns(training, point.reads)]))
    spread_reads = _ordered(training, design.spread_terms)
    X = part.matrix[:, _columns(training, spread_reads)].astype(np.float64)
    # The intercept is a column too, so that it is positive by the fit and not cut off after it.
    X = np.column_stack([X, np.ones(len(X))])
    model = LinearRegression(positive=True, fit_intercept=False)
    *slopes, floor = model.fit(X, residual, sample_weight=part.weight).coef_.tolist()
    spread = LinearHead(spread_reads, tuple(slopes), floor, (0.0,) * len(spread_reads))
    return Fitted(point, spread, reference)


def _ridge(design: Design, part: Training, reads: tuple[str, ...]) -> LinearHead:
    """Fit the linear stage; columns that it does not use keep a coefficient of 0."""
    from sklearn.linear_model import Ridge

    columns = _columns(part, reads)
    X = part.matrix[:, columns].astype(np.float64)
    means = np.average(X, axis=0, weights=part.weight)
    used = np.array([name in design.linear_terms for name in reads])
    anchor_place = reads.index(design.anchor)
    scale = X[:, used].std(axis=0) + 1e-9
    anchor = X[:, anchor_place]
    weight = part.weight / part.weight.mean()
    model = Ridge(alpha=design.ridge * len(X)).fit(
        (X[:, used] - means[used]) / scale, part.target - anchor, sample_weight=weight
    )
    coefficients = np.zeros(len(reads))
    coefficients[used] = model.coef_ / scale
    coefficients[anchor_place] = 1.0
    centre = part.matrix[:, columns].mean(axis=0, dtype=np.float64)
    intercept = float(model.intercept_) - float(coefficients @ means) + means[anchor_place]
    return LinearHead(
        terms=reads,
        coefficients=tuple(coefficients.tolist()),
        baseline=intercept + float(coefficients @ centre),
        means=tuple(centre.tolist()),
    )


def _boosted(design: Design, part: Training, stage: LinearHead, settings: Trees) -> "Booster":
    import lightgbm

    X = part.matrix[:, _columns(part, stage.reads)]
    residual = part.target - _linear_prediction(stage, X)
    data = lightgbm.Dataset(
        X,
        np.clip(residual, -design.largest_residual, design.largest_residual),
        weight=part.weight,
        free_raw_data=True,
    )
    return lightgbm.train(settings.parameters(stage.reads, part.seed), data, settings.rounds)


def _linear_prediction(stage: LinearHead, X: Array) -> Array:
    predicted: Array = stage.baseline + ((X - np.array(stage.means)) @ np.array(stage.coefficients))
    return predicted


def _stacked_prediction(stage: LinearHead, boosters: list["Booster"], X: Array) -> Array:
    trees = np.mean([booster.predict(X, num_threads=1) for booster in boosters], axis=0)
    stacked: Array = _linear_prediction(stage, X) + trees
    return stacked


def _ordered(training: Training, names: Sequence[str]) -> tuple[str, ...]:
    """Return names in the order of the task's terms, each once."""
    return tuple(term.name for term in training.terms if term.name in set(names))


def _columns(training: Training, reads: Sequence[str]) -> list[int]:
    place = {term.name: index for index, term in enumerate(training.terms)}
    return [place[name] for name in reads]


def _thinned(training: Training, offset: int, apart: int = DAYS_APART) -> Training:
    """Keep one day in ``apart``, counted from ``offset``."""
    return _kept(training, training.days.astype(np.int64) % apart == offset % apart)


def _every(training: Training, n_lines: int) -> Training:
    """Keep about ``n_lines`` lines, evenly."""
    return _kept(training, slice(None, None, max(len(training.target) // n_lines, 1)))


def _kept(training: Training, kept: Any) -> Training:
    return replace(
        training,
        matrix=training.matrix[kept],
        target=training.target[kept],
        weight=training.weight[kept],
        units=training.units[kept],
        days=training.days[kept],
    )


def site_rung(model: SiteModel, spread: LinearHead, name: str, title: str, note: str) -> Rung:
    """Return the rung of a model that is fitted where it runs."""
    return Rung(
        name=name,
        title=title,
        kind="linear",
        scope="per_site",
        fit=partial(per_site, model, spread),
        state=partial(fit_sites, model),
        state_fields=(coefficients_field(model),),
        note=note,
    )


SITE_RUNGS = (
    site_rung(
        TOWT,
        PLAIN_SPREAD,
        "towt",
        "Heure de semaine et température",
        "Régression par compteur (TOWT) corrigée par les sept derniers jours.",
    ),
    site_rung(
        HARMONIC,
        PLAIN_SPREAD,
        "harmonic",
        "Régression harmonique",
        "Régression par compteur sur des ondes journalières et les degrés-heures.",
    ),
)
"""The linear bar of the field, the same for both energies."""

ELECTRICITY_RUNGS = (
    Rung(
        "week_persistence",
        "La semaine dernière",
        "no_ai",
        "global",
        partial(copy_of, "week_before", PLAIN_SPREAD),
        note="Même jour et même heure de la semaine précédente.",
    ),
    Rung(
        "four_weeks",
        "Moyenne de quatre semaines",
        "no_ai",
        "global",
        partial(copy_of, "four_weeks", PLAIN_SPREAD),
        note="Moyenne des quatre derniers mêmes jours, même heure.",
    ),
    Rung(
        "similar_days",
        "Jours semblables",
        "no_ai",
        "global",
        partial(copy_of, ELECTRICITY_DESIGN.anchor, PLAIN_SPREAD),
        note="Moyenne des jours de même type, récents d'abord, plus l'écart des derniers jours.",
    ),
    *SITE_RUNGS,
    Rung(
        "linear",
        "Régression linéaire commune",
        "linear",
        "global",
        partial(linear, ELECTRICITY_DESIGN),
        note="Une seule régression pour tous les compteurs, autour des jours semblables.",
    ),
    Rung(
        "additive",
        "Modèle additif (GA2M)",
        "additive",
        "global",
        partial(additive, ELECTRICITY_DESIGN, ADDITIVE),
        note="Courbes et couples déclarés ajoutés à la régression ; chaque effet se lit.",
    ),
    Rung(
        "boosted_small",
        "Petits arbres boostés",
        "boosted",
        "global",
        partial(boosted, ELECTRICITY_DESIGN, SMALL),
        note="80 arbres de 15 feuilles ajoutés à la régression.",
    ),
    Rung(
        "boosted_large",
        "Grands arbres boostés",
        "boosted",
        "global",
        partial(boosted, ELECTRICITY_DESIGN, LARGE, explain=False),
        note="400 arbres de 63 feuilles : la mesure de ce qu'on pourrait gagner.",
    ),
)
