"""How much a past day tells about tomorrow's gas: the constants of the analog days."""

from dataclasses import dataclass

import numpy as np

from common.lab.usecase import Array
from usecases.building_energy.electricity_kernels import N_KINDS

__all__ = [
    "DAY",
    "FALLS",
    "GAS_HISTORY_DAYS",
    "KERNELS",
    "LAST_DAYS",
    "LOG_AGEING",
    "LOG_SIMILARITY",
    "NEAR",
    "SMOOTHING",
    "STEADY",
    "Kernel",
]

GAS_HISTORY_DAYS = 371
"""Known days before the issue day: 53 weeks, so that last year's season is among them."""


@dataclass(frozen=True)
class Kernel:
    """How the weight of a past day falls with its distance from the target.

    The weight is ``exp(-age / memory_days) + floor``, times the similarity of the kinds of
    day, times a Gaussian of each distance. Chosen on 2021 (docs/decisions/gas-model.md).

    Parameters
    ----------
    memory_days, floor
        Ageing, in days; the floor is what is left of a day after a year.
    kelvin
        Width of the distance in effective temperature.
    state, shape
        Width of the distance in recent level and in the shape of the last known day,
        relative to the level.
    """

    memory_days: float
    floor: float
    kelvin: float
    state: float
    shape: float


KERNELS = (
    Kernel(4.0, 0.005, kelvin=6.0, state=0.5, shape=1.0),
    Kernel(10.0, 0.01, kelvin=5.0, state=0.3, shape=0.7),
    Kernel(20.0, 0.05, kelvin=5.0, state=0.3, shape=1.0),
)
LAST_DAYS, NEAR, STEADY = range(3)
DAY = 24
"""Column of the day's mean, behind the 24 hours."""


def _similarity() -> Array:
    """Return how much a day of one kind tells about a day of another, (kinds, kinds)."""
    day_type = np.array([0, 0, 0, 0, 0, 1, 2, 2])
    same = day_type[:, None] == day_type
    group = (day_type[:, None] > 0) == (day_type > 0)
    table: Array = np.where(same, 0.2, np.where(group, 0.1, 0.05))
    table[range(N_KINDS), range(N_KINDS)] = 1.0
    return table


def _log_ageing() -> Array:
    """Return logarithms for each day of the history, (H, kernels)."""
    age = np.arange(GAS_HISTORY_DAYS, 0, -1)[:, None]
    memory = np.array([kernel.memory_days for kernel in KERNELS])
    floor = np.array([kernel.floor for kernel in KERNELS])
    ageing: Array = np.log(np.exp(-age / memory) + floor).astype(np.float32)
    return ageing


def _falls() -> Array:
    """Return weights of the squared distances (temperature, state, shape), (3, kernels)."""
    widths = np.array([(kernel.kelvin, kernel.state, kernel.shape) for kernel in KERNELS])
    falls: Array = (-0.5 / widths.T**2).astype(np.float32)
    return falls


def _smoothing() -> Array:
    """Return the matrix from two days of temperature to trailing means, (48, 50).

    24 columns of means over 24 hours, the effective temperature of the day (30 % of the day
    before, as buildings remember), 24 of means over 3 hours, the effective temperature again.
    """
    matrix = np.zeros((48, 50))
    for hour in range(24):
        matrix[hour + 1 : hour + 25, hour] = 1 / 24
        matrix[hour + 22 : hour + 25, DAY + 1 + hour] = 1 / 3
    effective = np.repeat([0.3, 0.7], 24) / 24
    matrix[:, DAY] = matrix[:, 2 * DAY + 1] = effective
    return matrix.astype(np.float32)


LOG_SIMILARITY = np.log(_similarity()).astype(np.float32).ravel()
LOG_AGEING = _log_ageing()
FALLS = _falls()
SMOOTHING = _smoothing()
