"""What the overflow graph takes: raw daily levels and alerts, with ranges and French meanings."""

import numpy as np

from common.lab.usecase import Field
from usecases.waste_collection.overflow.levels.chain import N_STATES, default_city_table
from usecases.waste_collection.overflow.levels.kernels import HISTORY_DAYS, PACE_RANGE

__all__ = ["OVERFLOW_INPUTS"]

OVERFLOW_INPUTS = (
    Field(
        "level_percent",
        "float32",
        ("n", HISTORY_DAYS),
        "%",
        f"Niveau de remplissage relevé à 6 h ces {HISTORY_DAYS} derniers jours, aujourd'hui à la "
        "fin.",
        low=0,
        high=150,
        missing=True,
    ),
    Field(
        "alert",
        "float32",
        ("n", HISTORY_DAYS),
        "1",
        "Alerte du système ces mêmes jours (1 oui, 0 non) : le niveau n'est alors pas cru.",
        low=0,
        high=1,
        missing=True,
    ),
    Field("weekday", "int64", ("n",), "1", "Jour de la prévision, lundi = 0.", 0, 6),
    Field(
        "city_steps",
        "float32",
        ("n", N_STATES, N_STATES),
        "1",
        "De tous les conteneurs jusqu'à la veille : chance de chaque niveau (par pas de 20 %) un "
        "jour après chaque niveau, sans collecte.",
        low=0,
        high=1,
        default=default_city_table(),
    ),
    Field(
        "city_pace",
        "float32",
        ("n", 2),
        "1",
        "De tous les conteneurs jusqu'à la veille : remplissage de ces derniers jours, puis des "
        "dernières semaines, sur celui des six derniers mois.",
        low=PACE_RANGE[0],
        high=PACE_RANGE[1],
        default=np.ones(2, dtype=np.float32),
    ),
)
