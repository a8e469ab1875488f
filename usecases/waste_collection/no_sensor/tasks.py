"""How full will a container without sensor be found: the question, and how it is scored."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from common.lab.forecasts import LEVELS
from common.lab.pages.figure import Figure
from common.lab.pages.reliability import reliability
from common.lab.probabilities import EVERYTHING, as_they_are, no_scale
from common.lab.probability_metrics import calibration_bins
from common.lab.usecase import Answer, Array, Examples, Features, Field, Period, Split, Task, Track
from usecases.waste_collection.no_sensor.examples import (
    LONGEST_HOURS,
    N_CITY,
    N_SITE,
    N_STREET,
    examples_of,
)
from usecases.waste_collection.no_sensor.features import NO_SENSOR_TERMS, no_sensor_features
from usecases.waste_collection.no_sensor.model import no_sensor_rungs
from usecases.waste_collection.no_sensor.scores import (
    FULL_PERCENT,
    HEADLINE,
    residual_quantiles,
    scored,
)

__all__ = ["NO_SENSOR", "NO_SENSOR_TASKS"]

SPLIT = Split(
    train_start=date(2016, 6, 3),
    origins=(date(2016, 7, 6), date(2016, 7, 13)),
    test=Period(date(2016, 7, 20), date(2016, 8, 10)),
)
"""Cut of the brief (3.1)."""

OFFSET_LEVELS = (
    0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98,
)  # fmt: skip
"""Levels at which the distribution of the normalised residual is carried."""
PICKED = np.array([OFFSET_LEVELS.index(level) for level in LEVELS])
SMALLEST_SPREAD_POINTS = 3.0
SMALLEST_STEP = 1e-3
LOWER, UPPER = LEVELS.index(0.1), LEVELS.index(0.9)

_DEFAULT_OFFSETS = np.array(
    [-3.2, -2.4, -1.8, -1.4, -1.1, -0.9, -0.7, -0.3, 0, 0.3, 0.7, 0.9, 1.1, 1.4, 1.8, 2.4, 3.2],
    dtype=np.float32,
)
OFFSETS = Field(
    "residual_offsets",
    "float32",
    ("n", len(OFFSET_LEVELS)),
    "1",
    "Quantiles de l'erreur rapportée à son unité, appris sur la période de réglage.",
    low=-100,
    high=100,
    default=_DEFAULT_OFFSETS,
)


def _past(who: str, n_last: int, words: str) -> tuple[Field, ...]:
    """Return the inputs of the last collections of a site, of a street or of the city."""
    shape: tuple[str | int, ...] = ("n", n_last)
    fields = (
        Field(
            f"{who}_fill_percent", "float32", shape, "%",
            f"Remplissage trouvé aux {n_last} derniers vidages {words}, le dernier à la fin.",
            low=0, high=150, missing=True,
        ),
        Field(
            f"{who}_hours_ago", "float32", shape, "h",
            f"Temps écoulé depuis chacun des {n_last} derniers vidages {words}.",
            low=0, high=LONGEST_HOURS, missing=True,
        ),
        Field(
            f"{who}_surprise_points", "float32", shape, "points",
            f"Remplissage trouvé aux {n_last} derniers vidages {words}, moins ce que le passé de "
            "chaque bac faisait attendre.",
            low=-150, high=150, missing=True,
        ),
    )  # fmt: skip
    return fields[:2] if who == "site" else fields


INPUTS = (
    *_past("site", N_SITE, "du site"),
    *_past("street", N_STREET, "des autres bacs de la rue"),
    *_past("city", N_CITY, "des autres bacs de la ville"),
    Field("capacity_l", "float32", ("n",), "l", "Contenance du bac.", 10, 60_000, missing=True),
    Field("minute", "int64", ("n",), "min", "Minute locale de l'appel.", 0, 1439),
    Field("weekday", "int64", ("n",), "1", "Jour de l'appel, lundi = 0.", 0, 6),
    OFFSETS,
)

_ONE: tuple[str | int, ...] = ("n", 1)


def _percent(name: str, meaning: str, shape: tuple[str | int, ...] = _ONE) -> Field:
    return Field(name, "float32", shape, "%", meaning, low=0, high=FULL_PERCENT)


OUTPUTS = (
    Field("latent_percent", "float32", _ONE, "%", "Remplissage attendu, avant le plafond."),
    _percent("forecast", "Remplissage attendu au moment de l'appel, au plus 100 %."),
    _percent("lower", "Borne basse de l'intervalle à 80 %."),
    _percent("upper", "Borne haute de l'intervalle à 80 %."),
    _percent("quantiles", "Quantiles 5, 10, 25, 50, 75, 90 et 95 %.", (*_ONE, len(LEVELS))),
    Field("p_full", "float32", _ONE, "1", "Probabilité de trouver le bac plein.", low=0, high=1),
    Field("spread", "float32", _ONE, "%", "Unité de demi-largeur de l'intervalle.", low=0),
    Field("baseline", "float32", _ONE, "%", "Réponse avant toute contribution."),
    Field(
        "contributions",
        "float32",
        (*_ONE, "terms"),
        "%",
        "Part de chaque terme ; base plus parts = remplissage attendu, avant le plafond.",
    ),
)


def finish(
    xp: Any,
    inputs: Mapping[str, Any],
    features: Features,  # noqa: ARG001 - the protocol of Task.finish
    answer: Answer,
) -> dict[str, Any]:
    """Give the fill, its quantiles and the chance of a full container.

    Quantile q is ``latent + offset_q * spread``, held in [0, 100]; the chance of a full one
    is the share of the residual's distribution above what is missing to 100, the distribution
    being a line between its quantiles.
    """
    spread = xp.maximum(answer.spread, xp.asarray(np.float32(SMALLEST_SPREAD_POINTS)))
    offsets = xp.expand_dims(inputs[OFFSETS.name], axis=1)
    latent = xp.expand_dims(answer.raw, axis=2)
    picked = xp.take(offsets, xp.asarray(PICKED.astype(np.int64)), axis=2)
    quantiles = _held(xp, latent + picked * xp.expand_dims(spread, axis=2))
    return {
        "latent_percent": answer.raw,
        "forecast": _held(xp, answer.raw),
        "lower": quantiles[:, :, LOWER],
        "upper": quantiles[:, :, UPPER],
        "quantiles": quantiles,
        "p_full": _share_above(
            xp, (xp.asarray(np.float32(FULL_PERCENT)) - answer.raw) / spread, inputs[OFFSETS.name]
        ),
        "spread": spread,
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
    }


def _held(xp: Any, percent: Any) -> Any:
    low, high = (xp.asarray(np.float32(value)) for value in (0.0, FULL_PERCENT))
    return xp.minimum(xp.maximum(percent, low), high)


def _share_above(xp: Any, value: Any, offsets: Any) -> Any:
    """Return the share of a distribution above a value (n, 1), by its quantiles (n, levels).

    >>> offsets = np.linspace(-2, 2, len(OFFSET_LEVELS))[None, :]
    >>> np.round(_share_above(np, np.array([[-9.0], [0.0], [9.0]]), offsets), 3).tolist()
    [[0.98], [0.5], [0.02]]
    """
    steps = np.diff(np.array(OFFSET_LEVELS)).astype(np.float32)
    low, high = offsets[:, :-1], offsets[:, 1:]
    width = xp.maximum(high - low, xp.asarray(np.float32(SMALLEST_STEP)))
    zero, one = xp.asarray(np.float32(0)), xp.asarray(np.float32(1))
    left = one - xp.minimum(xp.maximum((value - low) / width, zero), one)
    above = xp.sum(left * xp.asarray(steps[None, :]), axis=1, keepdims=True)
    return above + np.float32(1 - OFFSET_LEVELS[-1])


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the fill as it was found; every collection counts the same.

    At the ceiling the truth is only known to be 100 or more: a median is not moved by how
    much more (Powell 1984), which is why the rungs are fitted on absolute errors.
    """
    del context
    return examples.target, np.ones_like(examples.target)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each collection's absolute error; collections count the same, days are blocks."""
    error = np.abs(outputs["forecast"][:, 0] - examples.target[:, 0])
    return np.full(len(examples), EVERYTHING), examples.blocks, error


def default_state(examples: Examples, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the quantiles of the normalised residuals of the tuning period.

    A collection at the ceiling tells only that its residual was at least so large.
    """
    found = examples.target[:, 0]
    known = np.isfinite(found)
    residuals = (found - outputs["latent_percent"][:, 0]) / outputs["spread"][:, 0]
    offsets = residual_quantiles(
        residuals[known], found[known] >= FULL_PERCENT, np.array(OFFSET_LEVELS)
    )
    return {OFFSETS.name: np.clip(offsets, OFFSETS.low, OFFSETS.high).astype(np.float32)}


def calibrate(
    examples: Examples, outputs: Mapping[str, Array], default: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the same offsets for every row: too few weeks to let them roll."""
    del outputs
    return {OFFSETS.name: np.tile(default[OFFSETS.name], (len(examples), 1))}


def by_time_of_day(examples: Examples) -> Array:
    """Return the part of the day of each call, in French."""
    hour = np.asarray(examples.inputs["minute"]) // 60
    names = np.array(
        ["nuit (22 h à 6 h)", "matin (6 h à 12 h)", "après-midi et soir (12 h à 22 h)"]
    )
    parts: Array = names[np.select([(hour >= 6) & (hour < 12), (hour >= 12) & (hour < 22)], [1, 2])]
    return parts


def by_past(examples: Examples) -> Array:
    """Return how much past each site has, in French."""
    count = np.isfinite(examples.inputs["site_hours_ago"]).sum(axis=1)
    return np.where(count < N_SITE, "moins de seize vidages connus", "seize vidages connus")


def figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return whether the chances announced of a full container came true."""
    held = scored(examples, outputs, {}).full
    return [
        reliability("Les bacs annoncés pleins l'étaient-ils ?", calibration_bins(held), "vidages")
    ]


NO_SENSOR = Task(
    id="fill_without_sensor",
    version=1,
    question="Combien y aura-t-il dans ce conteneur sans capteur quand on viendra le vider ?",
    inputs=INPUTS,
    outputs=OUTPUTS,
    terms=NO_SENSOR_TERMS,
    split=SPLIT,
    metrics=HEADLINE,
    slices={"moment de la journée": by_time_of_day, "recul": by_past},
    examples=examples_of,
    features=no_sensor_features,
    finish=finish,
    train_on=train_on,
    unit_losses=unit_losses,
    transform=as_they_are,
    scored=scored,
    scale=no_scale,
    rungs=no_sensor_rungs(),
    calibrate=calibrate,
    default_state=default_state,
    tracks=(
        Track(
            "unseen_streets",
            "Rues jamais vues à l'apprentissage",
            partial(examples_of, by_street=True),
            unseen_units=True,
        ),
        Track("every_site", "Tous les sites du fichier", partial(examples_of, every_site=True)),
    ),
    figures=figures,
    functional_unit="le remplissage d'un conteneur sans capteur au moment de le vider",
)
NO_SENSOR_TASKS = (NO_SENSOR,)
