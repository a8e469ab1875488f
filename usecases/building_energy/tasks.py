"""What is asked about buildings' energy, and how an answer is scored."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from common.lab import metrics
from common.lab.forecasts import LEVELS, Forecasts, seasonal_scale
from common.lab.intervals import (
    Calibration,
    default_offsets,
    normalised_residuals,
    rolling_offsets,
)
from common.lab.usecase import (
    Answer,
    Array,
    Dataset,
    Examples,
    Features,
    Field,
    Period,
    Split,
    Task,
    Track,
)
from usecases.building_energy.contest import forecast_contest
from usecases.building_energy.damage import (
    Damage,
    Damaged,
    forget,
    lose_hours,
    outage,
    shift,
)
from usecases.building_energy.data import Energy
from usecases.building_energy.features import (
    ELECTRICITY_TERMS,
    HISTORY_DAYS,
    electricity_features,
)
from usecases.building_energy.figures import forecast_figures
from usecases.building_energy.forecast import Horizon, examples_of
from usecases.building_energy.gas_features import GAS_HISTORY_DAYS, GAS_TERMS, gas_features
from usecases.building_energy.gas_model import GAS_RUNGS
from usecases.building_energy.model import ELECTRICITY_RUNGS

__all__ = ["ELECTRICITY", "ENERGY_OF", "GAS", "TASKS"]

SPLIT = Split(
    train_start=date(2019, 3, 1),
    origins=(date(2021, 1, 1), date(2021, 7, 1)),
    test=Period(date(2022, 1, 1), date(2023, 1, 1)),
)
CALIBRATION = Calibration()
N_BLOCKS = len(CALIBRATION.hour_blocks)
LOWER, UPPER = LEVELS.index(0.1), LEVELS.index(0.9)
SMALLEST_SPREAD = 0.005
"""Half-width unit below which a meter is taken to be constant, relative to its level."""
SMALLEST_LEVEL_KWH = 0.2
"""Training rows below this level say more about rounding (0.1 kWh) than about the building."""
LARGEST_TARGET_GAP = 1.5
LARGEST_GAS_TARGET_GAP = 3.0
LARGEST_RELATIVE_LEVEL = 1.5

OFFSETS = Field(
    name="interval_offsets",
    dtype="float32",
    shape=("n", N_BLOCKS, len(LEVELS)),
    unit="1",
    meaning="Décalages des sept quantiles par quart de journée, tenus à jour à côté du paquet.",
    low=-1000,
    high=1000,
    default=np.tile(np.array([-2, -1.5, -0.6, 0, 0.6, 1.5, 2], np.float32), (N_BLOCKS, 1)),
)


def _inputs(history_days: int, lead_days: int) -> tuple[Field, ...]:
    reach = history_days + lead_days
    return (
        Field(
            "load_kwh",
            "float32",
            ("n", history_days, 24),
            "kWh",
            f"Consommation horaire des {history_days} derniers jours connus, heure civile.",
            low=0,
            high=1e6,
            missing=True,
        ),
        Field(
            "temperature_celsius",
            "float32",
            ("n", reach + 1, 24),
            "°C",
            "Température extérieure des mêmes jours, puis prévue jusqu'au jour visé.",
            low=-60,
            high=60,
            missing=True,
        ),
        Field("weekday", "int64", ("n",), "1", "Jour de la semaine visé, lundi = 0.", 0, 6),
        Field(
            "closed",
            "int64",
            ("n", reach + 4),
            "1",
            "1 pour un jour férié ou de fermeture, du premier jour connu à trois jours après.",
            0,
            1,
        ),
        OFFSETS,
    )


def _outputs() -> tuple[Field, ...]:
    steps: tuple[str | int, ...] = ("n", 24)
    return (
        Field(
            "forecast",
            "float32",
            steps,
            "kWh",
            "Consommation prévue, heure par heure.",
            low=0,
            labels=tuple(f"{hour} h" for hour in range(24)),
        ),
        Field("lower", "float32", steps, "kWh", "Borne basse de l'intervalle à 80 %.", low=0),
        Field("upper", "float32", steps, "kWh", "Borne haute de l'intervalle à 80 %.", low=0),
        Field(
            "quantiles",
            "float32",
            (*steps, len(LEVELS)),
            "kWh",
            "Quantiles 5, 10, 25, 50, 75, 90 et 95 %.",
            low=0,
        ),
        Field("spread", "float32", steps, "kWh", "Unité de demi-largeur de l'intervalle.", low=0),
        Field("baseline", "float32", steps, "kWh", "Prévision avant toute contribution."),
        Field(
            "contributions",
            "float32",
            (*steps, "terms"),
            "kWh",
            "Part de chaque terme ; base plus parts = prévision (avant plancher à zéro).",
        ),
    )


def finish(
    xp: Any, inputs: Mapping[str, Any], features: Features, answer: Answer
) -> dict[str, Any]:
    """Bring the heads' answer back to kWh and draw the interval around it.

    Quantile q is ``forecast + offset_q * spread``, never below zero; lower and upper are the
    10 % and 90 % quantiles.
    """
    level = features.context["level"]
    zero = xp.asarray(np.float32(0))
    forecast = xp.maximum(answer.raw * level, zero)
    spread = xp.maximum(answer.spread, xp.asarray(np.float32(SMALLEST_SPREAD))) * level
    hours = xp.asarray(np.zeros((1, 1, 24 // N_BLOCKS, 1), dtype=np.float32))
    offsets = xp.expand_dims(inputs[OFFSETS.name], axis=2) + hours
    offsets = xp.reshape(offsets, (-1, 24, len(LEVELS)))
    quantiles = xp.maximum(
        xp.expand_dims(forecast, axis=2) + offsets * xp.expand_dims(spread, axis=2), zero
    )
    return {
        "forecast": forecast,
        "lower": quantiles[:, :, LOWER],
        "upper": quantiles[:, :, UPPER],
        "quantiles": quantiles,
        "spread": spread,
        "baseline": xp.zeros_like(forecast) + level * np.float32(answer.baseline),
        "contributions": answer.contributions * xp.expand_dims(level, axis=2),
    }


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return load over level, and a weight that gives every meter the same say.

    The headline is a median of relative errors: a value weighs as the inverse square of how
    much its meter strayed lately, so that unruly meters do not rule the fit.
    """
    level, instability = context["level"], context["instability"]
    expected = examples.on_slots(context["expected"])
    with np.errstate(invalid="ignore"):
        target = np.clip(
            examples.target / level, expected - LARGEST_TARGET_GAP, expected + LARGEST_TARGET_GAP
        )
    usable = (level > SMALLEST_LEVEL_KWH) & (instability > SMALLEST_SPREAD)
    target = np.where((examples.slots >= 0) & usable, target, np.nan)
    return target, np.broadcast_to(1 / (instability + 0.05) ** 2, target.shape)


def train_on_gas(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return load over level, and a weight that makes a kWh of error count per meter.

    The headline is a median over meters of root mean squares of kWh: an error weighs as the
    square of the level (at most 1.5 times the meter's usual one) over the meter's own mean
    squared error of the analog days.
    """
    level, expected = context["level"], examples.on_slots(context["expected"])
    with np.errstate(invalid="ignore"):
        target = np.clip(
            examples.target / level,
            expected - LARGEST_GAS_TARGET_GAP,
            expected + LARGEST_GAS_TARGET_GAP,
        )
    target = np.where(examples.slots >= 0, target, np.nan)
    weight = np.zeros(len(examples))
    for unit in np.unique(examples.units):
        rows = examples.units == unit
        usual = np.median(level[rows])
        error = examples.target[rows] - expected[rows] * level[rows]
        known = np.isfinite(error)
        if known.any():
            squared = np.square(error[known]).mean() / usual**2
            relative = np.minimum(level[rows, 0] / usual, LARGEST_RELATIVE_LEVEL)
            weight[rows] = relative**2 / (squared + SMALLEST_SPREAD**2)
    return target, np.broadcast_to(weight[:, None], target.shape)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each meter-day's mean squared error over that of week persistence.

    With the square root taken per meter this is the RMSSE of the M5 competition (Makridakis
    et al. 2022): meters count the same whatever their size or their unruliness.
    """
    scale = seasonal_scale(examples)
    per_row = np.array([scale.get(unit, np.nan) for unit in examples.units])
    error = examples.on_slots(outputs["forecast"]) - examples.target
    known = np.isfinite(error) & (examples.slots >= 0)
    count = known.sum(axis=1)
    squares = np.where(known, error, 0.0) ** 2
    loss = np.full(len(examples), np.nan)
    np.divide(squares.sum(axis=1), count * per_row**2, out=loss, where=count > 0)
    return examples.units, examples.blocks, loss


def calibrate(
    examples: Examples, outputs: Mapping[str, Array], default: Mapping[str, Array]
) -> dict[str, Array]:
    """Return each row's offsets from its meter's residuals known at issue time."""
    residuals = normalised_residuals(examples, outputs["forecast"], outputs["spread"])
    offsets = rolling_offsets(
        examples.units, examples.days, residuals, default[OFFSETS.name], CALIBRATION
    )
    return {OFFSETS.name: offsets.astype(np.float32)}


def default_state(examples: Examples, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the offsets of a new meter: the pooled residuals of the tuning period."""
    residuals = normalised_residuals(examples, outputs["forecast"], outputs["spread"])
    offsets = default_offsets(examples.units, residuals, CALIBRATION)
    return {OFFSETS.name: offsets.astype(np.float32)}


def scored(
    examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]
) -> Forecasts:
    """Hold forecasts against the truth, slot by slot."""
    return Forecasts.from_examples(examples, outputs, scale or None)


def by_season(examples: Examples) -> Array:
    """Return the season of each target day, in French."""
    names = np.array(["hiver", "printemps", "été", "automne"])
    month = examples.days.astype("datetime64[M]").astype(int) % 12
    seasons: Array = names[(month + 1) % 12 // 3]
    return seasons


def by_size(examples: Examples) -> Array:
    """Return the size class of each row's meter: terciles of mean load."""
    _, rows = np.unique(examples.units, return_inverse=True)
    known = np.isfinite(examples.target)
    total = np.bincount(rows, np.where(known, examples.target, 0).sum(axis=1))
    mean = total / np.maximum(np.bincount(rows, known.sum(axis=1)), 1)
    third = np.searchsorted(np.quantile(mean, [1 / 3, 2 / 3]), mean)
    return np.array(["petits compteurs", "compteurs moyens", "gros compteurs"])[third][rows]


def by_day(examples: Examples) -> Array:
    """Return whether each target day is a working day or a week-end, in French."""
    weekday = (examples.days.astype(np.int64) + 3) % 7
    return np.where(weekday < 5, "jours ouvrables", "samedis et dimanches")


def _damaged(damage: Damage, dataset: Dataset, period: Period, horizon: Horizon) -> Examples:
    """Return the examples with damaged histories."""
    examples = examples_of(dataset, period, horizon)
    histories = Damaged.of(examples.inputs["load_kwh"], damage)
    inputs = {**examples.inputs, "load_kwh": histories}
    return replace(examples, inputs=inputs)  # type: ignore[arg-type]  # behaves as an array


def _tracks(horizon: Horizon, academic: Task | None) -> tuple[Track, ...]:
    """Return the side questions of ``briefs/building_energy.md`` 3.1."""
    other = replace(horizon, temperature="none"), replace(horizon, temperature="observed")
    cold = tuple(
        Track(
            f"history_{days}_days",
            f"Démarrage : {days} jours d'historique",
            partial(_damaged, partial(forget, days), horizon=horizon),
        )
        for days in (7, 14, 28)
    )
    tracks = (
        Track("t0", "Sans prévision de température (T0)", partial(examples_of, horizon=other[0])),
        Track(
            "t2", "Température observée, hors concours (T2)", partial(examples_of, horizon=other[1])
        ),
        *cold,
        Track(
            "unseen_28_days",
            "Compteurs jamais vus, 28 jours d'historique",
            partial(_damaged, partial(forget, 28), horizon=horizon),
            unseen_units=True,
        ),
        *(
            Track(name, title, partial(_damaged, damage, horizon=horizon))
            for name, title, damage in (
                ("lost_hours", "5 % des heures perdues", lose_hours),
                ("outage", "Panne de trois jours", partial(outage, np.nan, HISTORY_DAYS)),
                (
                    "zeros",
                    "Panne de trois jours écrite en zéros",
                    partial(outage, 0.0, HISTORY_DAYS),
                ),
                ("shift", "Fichier décalé d'une heure", shift),
            )
        ),
    )
    if academic is None:
        return tracks
    return (*tracks, Track("f2", "Sans délai de relève (F2, pour comparaison)", task=academic))


INTERVAL_METRICS = (
    metrics.PINBALL,
    metrics.COVERAGE_80,
    metrics.CALIBRATED_80,
    metrics.COVERAGE_80_P10,
    metrics.COVERAGE_80_P90,
    metrics.WIDTH_80,
    metrics.COVERAGE_90,
)
ERROR_METRICS = (metrics.NRMSE, metrics.WAPE, metrics.ABS_NMBE, metrics.MASE)
HEADLINE = (*ERROR_METRICS, metrics.PEAK_WAPE, metrics.PORTFOLIO_NRMSE, *INTERVAL_METRICS)
GAS_HEADLINE = (*ERROR_METRICS, metrics.DAILY_WAPE, *INTERVAL_METRICS)


def _electricity(lead_days: int) -> Task:
    horizon = Horizon(HISTORY_DAYS, lead_days)
    return Task(
        id="forecast" if lead_days else "forecast_f2",
        version=1,
        question="Combien chaque bâtiment consommera-t-il d'électricité demain, heure par heure ?",
        inputs=_inputs(HISTORY_DAYS, lead_days),
        outputs=_outputs(),
        terms=ELECTRICITY_TERMS,
        split=SPLIT,
        metrics=HEADLINE,
        slices={"saison": by_season, "taille": by_size, "type de jour": by_day},
        examples=partial(examples_of, horizon=horizon),
        features=electricity_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=np.sqrt,
        scored=scored,
        scale=seasonal_scale,
        rungs=ELECTRICITY_RUNGS,
        calibrate=calibrate,
        default_state=default_state,
        tracks=_tracks(horizon, _electricity(0)) if lead_days else (),
        figures=forecast_figures,
        functional_unit=(
            "la prévision d'un compteur pour les 24 heures de demain, avec intervalle et raisons"
        ),
        contest=forecast_contest(horizon) if lead_days else None,
    )


def _gas() -> Task:
    horizon = Horizon(GAS_HISTORY_DAYS)
    return replace(
        ELECTRICITY,
        id="forecast_gas",
        version=1,
        question="Combien chaque bâtiment consommera-t-il de gaz demain, heure par heure ?",
        inputs=_inputs(GAS_HISTORY_DAYS, horizon.lead_days),
        terms=GAS_TERMS,
        metrics=GAS_HEADLINE,
        examples=partial(examples_of, horizon=horizon),
        features=gas_features,
        train_on=train_on_gas,
        rungs=GAS_RUNGS,
        tracks=_tracks(horizon, None),
        contest=forecast_contest(horizon),
    )


ELECTRICITY = _electricity(lead_days=1)
GAS = _gas()

TASKS = (ELECTRICITY, GAS)
ENERGY_OF: Mapping[str, Energy] = {"forecast": "electricity", "forecast_gas": "gas"}
