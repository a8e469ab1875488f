"""Plots of the overflow task for the run page: kept promises, levels, what collections hide."""

from collections.abc import Mapping

import numpy as np

from common.lab.pages.figure import Figure
from common.lab.pages.figures import slices
from common.lab.pages.reliability import reliability
from common.lab.usecase import Array, Examples
from usecases.waste_collection.overflow.scores import LEVEL_DAYS, Held, Levels, held_of

__all__ = ["overflow_figures"]

SHOWN_DAYS = (1, 2, 7)
N_BINS = 10
COVERAGE = (
    "Part des niveaux relevés dans l'intervalle annoncé à 80 %, de 1 à 3 jours : entre 77 et 83 % "
    "la promesse est tenue. Un conteneur vidé à 80 % ou plus compte à ce niveau."
)


def overflow_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return calibration at 1, 2 and 7 days, and coverage of the level's interval by stream."""
    held = held_of(examples, outputs)
    figures = [
        reliability(
            f"La chance annoncée à {day} jour{'s' * (day > 1)} se réalise-t-elle ?",
            calibration_bins(held.on_day(day)),
            "prévisions",
        )
        for day in SHOWN_DAYS
        if (held.day == day).any()
    ]
    return [*figures, _coverage(examples, held)]


def calibration_bins(held: Held) -> list[tuple[float, float, int]]:
    """Return mean chance, weighted share and count of the ten classes that hold a value."""
    place = np.minimum((held.predicted * N_BINS).astype(np.int64), N_BINS - 1)
    count = np.bincount(place, minlength=N_BINS)
    weight = np.bincount(place, held.weight, N_BINS)
    chance = np.bincount(place, held.weight * held.predicted, N_BINS)
    share = np.bincount(place, held.weight * held.actual, N_BINS)
    return [
        (float(chance[b] / weight[b]), float(share[b] / weight[b]), int(count[b]))
        for b in np.flatnonzero(count)
    ]


def _coverage(examples: Examples, held: Held) -> Figure:
    streams = dict(zip(examples.units, np.asarray(examples.inputs["stream"]), strict=True))
    mine = np.array([streams[name] for name in held.units])[held.levels.unit]
    shares = {"tous les conteneurs": _covered(held.levels, np.ones(len(mine), dtype=bool))}
    shares |= {str(name): _covered(held.levels, mine == name) for name in np.unique(mine)}
    return slices("L'intervalle annoncé du niveau tient-il ?", shares, "%", COVERAGE)


def _covered(levels: Levels, rows: Array) -> float:
    kept = rows & (levels.day <= LEVEL_DAYS)
    return 100 * float(levels.inside[kept].mean())
