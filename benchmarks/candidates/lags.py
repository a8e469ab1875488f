"""Forecasts from the same hours of past weeks: no AI."""

import numpy as np

from benchmarks.candidates.method import CENTRAL, Answers, Effort, Method, Trained
from benchmarks.candidates.vendor import VendorFolder
from common.lab.usecase import Array

__all__ = ["FOUR_WEEKS", "LAST_WEEK", "same_hours"]

WEEK_HOURS = 168
WEEKS_BACK = 7
"""Where last week is unknown, the nearest known one up to this counts."""
LEVELS = {"q05": 0.05, "q10": 0.10, "q25": 0.25, "q75": 0.75, "q90": 0.90, "q95": 0.95}
RESIDUAL_HOURS = 52 * WEEK_HOURS
"""Residuals of the last year before the contest draw the quantiles."""


def same_hours(folder: VendorFolder, weeks: int) -> Array:
    """Return the loads of the same hour 1 to ``weeks`` weeks before, kWh of shape (weeks, n)."""
    return np.stack([folder.lag(WEEK_HOURS * (1 + week)) for week in range(weeks)])


def nearest_week(folder: VendorFolder) -> Array:
    """Return each question's nearest known same hour, the meter's past mean where none is."""
    loads = same_hours(folder, WEEKS_BACK)
    first = np.argmax(np.isfinite(loads), axis=0)
    nearest: Array = loads[first, np.arange(loads.shape[1])]
    mean = folder.past().mean().reindex(folder.meters).to_numpy()
    return np.where(np.isfinite(nearest), nearest, mean)


def _last_week(folder: VendorFolder, effort: Effort) -> Trained:  # noqa: ARG001 - nothing is drawn
    return Trained(lambda: {CENTRAL: nearest_week(folder)})


def _four_weeks(folder: VendorFolder, effort: Effort) -> Trained:  # noqa: ARG001 - as above
    offsets = _offsets(folder)
    return Trained(lambda: _mean_and_quantiles(folder, offsets))


def _offsets(folder: VendorFolder) -> dict[str, dict[str, float]]:
    """Return, per quantile and meter, the quantile of past errors in kWh."""
    past = folder.past().iloc[-RESIDUAL_HOURS - 4 * WEEK_HOURS :]
    mean = sum(past.shift(WEEK_HOURS * (1 + week)) for week in range(4)) / 4
    errors = past - mean
    return {
        name: {str(meter): float(value) for meter, value in errors.quantile(level).items()}
        for name, level in LEVELS.items()
    }


def _mean_and_quantiles(folder: VendorFolder, offsets: dict[str, dict[str, float]]) -> Answers:
    loads = same_hours(folder, 4)
    known = np.isfinite(loads)
    total = np.where(known, loads, 0).sum(axis=0)
    centre = np.where(
        known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), nearest_week(folder)
    )
    answers = {CENTRAL: centre}
    for name, by_meter in offsets.items():
        shift = np.array([by_meter[meter] for meter in folder.meters])
        shift = np.minimum(shift, 0) if LEVELS[name] < 0.5 else np.maximum(shift, 0)
        answers[name] = np.maximum(centre + shift, 0)
    return answers


LAST_WEEK = Method("lag_168", "Même heure, une semaine avant", "Apache-2.0", _last_week)
FOUR_WEEKS = Method(
    "four_weeks", "Moyenne des mêmes heures de quatre semaines", "Apache-2.0", _four_weeks
)
