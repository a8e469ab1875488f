"""What the graphs of the availability tasks take: raw counts, with ranges and French meanings."""

import numpy as np

from common.lab.usecase import Field
from usecases.delivery_zones.availability.kernels import (
    AGE_EDGES_MINUTES,
    HISTORY_DAYS,
    HOUR_CLASSES,
    ISSUES,
    MAX_BAYS,
    N_QUARTERS,
    N_STAYS,
    STAY_EDGES_MINUTES,
    TODAY_QUARTERS,
    WAIT_EDGES_MINUTES,
)

__all__ = ["AVAILABILITY_INPUTS", "DAY_AHEAD_INPUTS"]

LONGEST_MINUTES = 1e5
TYPICAL_STAY_MINUTES = 60.0
"""Mean of the exponential curve that a city without any past starts with."""


def _counts(name: str, shape: tuple[str | int, ...], meaning: str, high: float = MAX_BAYS) -> Field:
    return Field(name, "float32", shape, "1", meaning, low=0, high=high, missing=True)


def _default_shares() -> np.ndarray:
    levels = np.array([0.2, 0.4, 1.0], dtype=np.float32)
    return np.repeat(levels[:, None], N_QUARTERS, axis=1)


def _default_survival() -> np.ndarray:
    curve = np.maximum(np.exp(-STAY_EDGES_MINUTES / TYPICAL_STAY_MINUTES), 1e-5)
    return np.tile(curve.astype(np.float32), (HOUR_CLASSES, 1))


HISTORY = (
    _counts(
        "occupied_history",
        ("n", HISTORY_DAYS, N_QUARTERS),
        "Places occupées des 56 derniers jours entiers, chaque quart d'heure de 6 h à 20 h.",
    ),
    _counts(
        "arrivals_history",
        ("n", HISTORY_DAYS, N_QUARTERS),
        "Arrivées des mêmes jours dans chaque quart d'heure.",
        high=1000,
    ),
)
COMMON = (
    _counts("occupied_now", ("n",), "Places occupées à l'instant de la prévision."),
    Field(
        "bays",
        "int64",
        ("n",),
        "1",
        "Places de la zone qui ont servi dans les 60 derniers jours.",
        1,
        MAX_BAYS,
    ),
    Field("weekday", "int64", ("n",), "1", "Jour visé, lundi = 0.", 0, 6),
    Field(
        "city_shares",
        "float32",
        ("n", 3, N_QUARTERS),
        "1",
        "De toute la ville, par quart d'heure de 6 h à 20 h : part des zones complètes, part des "
        "places occupées, arrivées par heure avec une place libre.",
        low=1e-5,
        high=1000,
        default=_default_shares(),
    ),
)
STAYS = (
    Field(
        "elapsed_minutes",
        "float32",
        ("n", MAX_BAYS),
        "min",
        "Ancienneté de chaque stationnement en cours, la plus longue d'abord.",
        low=0,
        high=LONGEST_MINUTES,
        missing=True,
    ),
    Field(
        "minutes_since_departure",
        "float32",
        ("n",),
        "min",
        "Temps depuis le dernier départ de la zone.",
        low=0,
        high=LONGEST_MINUTES,
        missing=True,
    ),
    Field(
        "stay_minutes",
        "float32",
        ("n", N_STAYS),
        "min",
        f"Durée des {N_STAYS} derniers stationnements terminés de la zone, le dernier à la fin.",
        low=0,
        high=LONGEST_MINUTES,
        missing=True,
    ),
    Field(
        "stay_start_hour",
        "int64",
        ("n", N_STAYS),
        "h",
        "Heure civile du début de ces stationnements.",
        0,
        23,
    ),
    Field(
        "city_survival",
        "float32",
        ("n", HOUR_CLASSES, len(STAY_EDGES_MINUTES)),
        "1",
        "De toute la ville, par tranche de trois heures du début : part des stationnements plus "
        "longs que 0, 5, 10 min et ainsi de suite jusqu'à 48 h.",
        low=1e-5,
        high=1,
        default=_default_survival(),
    ),
    Field(
        "pace_since_departure",
        "float32",
        ("n", len(AGE_EDGES_MINUTES)),
        "1",
        "De toute la ville, arrivées constatées sur attendues selon le temps depuis le dernier "
        "départ.",
        low=0,
        high=100,
        default=np.ones(len(AGE_EDGES_MINUTES), dtype=np.float32),
    ),
    Field(
        "pace_after_full",
        "float32",
        ("n", len(WAIT_EDGES_MINUTES)),
        "1",
        "Le même rapport dans les 15, 30 puis 60 min après un départ d'une zone complète.",
        low=0,
        high=100,
        default=np.ones(len(WAIT_EDGES_MINUTES), dtype=np.float32),
    ),
)
AVAILABILITY_INPUTS = (
    *HISTORY,
    _counts(
        "occupied_today",
        ("n", TODAY_QUARTERS),
        "Places occupées des six dernières heures, chaque quart d'heure.",
    ),
    *COMMON,
    Field(
        "quarter",
        "int64",
        ("n",),
        "1",
        "Quart d'heure civil de la prévision, compté depuis minuit.",
        int(ISSUES[0]),
        int(ISSUES[-1]),
    ),
    *STAYS,
)
DAY_AHEAD_INPUTS = (
    *HISTORY,
    _counts("occupied_today", ("n", 48), "Places occupées la veille, de 6 h à 18 h."),
    *COMMON,
)
