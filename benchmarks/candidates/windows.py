"""Training examples of the same shape as ``inputs.npz``, and features of both.

The features are array-API functions of the raw inputs, so that the same code trains a model and
is traced into its ONNX graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.candidates.vendor import VendorFolder
from common.lab.graph.arrays import nan_mean
from common.lab.usecase import Array

__all__ = ["FEATURES", "INPUTS", "Training", "draw", "features"]

INPUTS = ("load_kwh", "temperature_celsius", "weekday", "closed")
"""What the features read of ``inputs.npz``."""

LAG_DAYS = (2, 7, 14, 21, 28)
"""Never a multiple of eight days: those lags of a sealed day are sealed too."""

FEATURES = (
    *(f"lag_{days}_days" for days in LAG_DAYS),
    "mean_of_weeks",
    "last_day",
    "last_week",
    "temperature",
    "day_temperature",
    "warmer_than_last_week",
    "weekday",
    "closed",
    "closed_last_week",
    "hour",
)
DAYS_AFTER = 3
"""``closed`` reaches this many days beyond the target day."""
SMALLEST_LEVEL_KWH = 0.2


@dataclass(frozen=True)
class Training:
    """Rows to train on.

    Parameters
    ----------
    matrix
        Features, float32 of shape (rows, len(FEATURES)); NaN where unknown.
    target
        Load over the meter's level of the last four weeks, shape (rows,).
    """

    matrix: Array
    target: Array


def features(xp: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the features (n, 24, len(FEATURES)) and the level in kWh (n, 1).

    Loads are divided by the level: the mean of the last four known weeks.
    """
    load, air = inputs["load_kwh"], inputs["temperature_celsius"]
    reach = air.shape[1] - 1
    level = nan_mean(xp, load[:, -28:, :], axis=(1, 2))[:, None]
    level = xp.maximum(level, xp.asarray(np.float32(SMALLEST_LEVEL_KWH)))
    hours = xp.asarray(np.arange(24, dtype=np.float32)[None, :])
    wide = hours * xp.asarray(np.float32(0))
    lags = [load[:, reach - days, :] / level for days in LAG_DAYS]
    weeks = xp.stack(lags[1:], axis=1)
    day_air = nan_mean(xp, air[:, reach, :], axis=1)[:, None]
    columns = [
        *lags,
        nan_mean(xp, weeks, axis=1),
        nan_mean(xp, load[:, -1, :], axis=1)[:, None] / level + wide,
        nan_mean(xp, load[:, -7:, :], axis=(1, 2))[:, None] / level + wide,
        air[:, reach, :],
        day_air + wide,
        day_air - nan_mean(xp, air[:, reach - 7, :], axis=1)[:, None] + wide,
        *(
            xp.astype(values, xp.float32)[:, None] + wide
            for values in (
                inputs["weekday"],
                inputs["closed"][:, reach],
                inputs["closed"][:, reach - 7],
            )
        ),
        hours + level * xp.asarray(np.float32(0)),
    ]
    return xp.stack(columns, axis=2), level


def draw(folder: VendorFolder, n_windows: int, seed: int) -> Training:
    """Draw days of meters from before the contest, and return their rows with a known load."""
    grid, first = _civil(folder.past(), folder.timezone)
    n_known, reach = _reach(folder)
    usable = np.isfinite(grid[:, reach:]).any(axis=2)
    meter, day = np.nonzero(usable)
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.choice(len(meter), min(n_windows, len(meter)), replace=False))
    meter, day = meter[picked], day[picked] + reach
    inputs = _inputs(folder, (grid, first), (meter, day), (n_known, reach))
    matrix, level = features(np, inputs)
    target = grid[meter, day] / level
    kept = np.isfinite(target) & (level > SMALLEST_LEVEL_KWH)
    return Training(matrix[kept].astype(np.float32), target[kept])


def _reach(folder: VendorFolder) -> tuple[int, int]:
    """Return how many days are known, and how far before the target the first lies."""
    return folder.inputs["load_kwh"].shape[1], folder.inputs["temperature_celsius"].shape[1] - 1


def _inputs(
    folder: VendorFolder,
    table: tuple[Array, np.datetime64],
    drawn: tuple[Array, Array],
    sizes: tuple[int, int],
) -> dict[str, Array]:
    """Return raw inputs of past days as ``inputs.npz`` holds them for the asked ones."""
    (grid, first), (meter, day), (n_known, reach) = table, drawn, sizes
    back = day[:, None] - reach
    air, first_air = _civil(folder.temperature.to_frame(), folder.timezone)
    place = back + np.arange(reach + 1) + int((first - first_air).astype(int))
    dates = first + back + np.arange(reach + DAYS_AFTER + 1)
    return {
        "load_kwh": grid[meter[:, None], back + np.arange(n_known)],
        "temperature_celsius": air[0][np.clip(place, 0, air.shape[1] - 1)],
        "weekday": ((first + day).astype(np.int64) + 3) % 7,
        "closed": np.isin(dates, folder.closures).astype(np.int64),
    }


def _civil(table: pd.DataFrame, timezone: str) -> tuple[Array, np.datetime64]:
    """Return (columns, civil days, 24) of float32, and the first day.

    The hour that comes twice in October keeps its second value; that of March is NaN.
    """
    local = pd.DatetimeIndex(table.index, tz="UTC").tz_convert(timezone).tz_localize(None)
    days = local.to_numpy().astype("datetime64[D]")
    place = (days - days[0]).astype(np.int64)
    grid = np.full((table.shape[1], place[-1] + 1, 24), np.nan, dtype=np.float32)
    grid[:, place, local.hour] = table.to_numpy().T
    return grid, days[0]
