"""What MLflow shows: figures under names that carry their units, and what a run is made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.lab.record import Footprint, Run, RungResult, Score

__all__ = [
    "Logged",
    "footprint_metrics",
    "run_metrics",
    "rung_metrics",
    "safe_name",
    "score_metrics",
]

_UNITS = {"%": "percent", "1": "", "": "", "°C": "celsius", "€": "eur"}


@dataclass(frozen=True)
class Logged:
    """What is logged of a comparison, or of one of its entries.

    Parameters
    ----------
    name
        Of the run in MLflow.
    tags, params, metrics
        By name; metrics that are not finite are left out.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def run_metrics(run: Run) -> dict[str, float]:
    """Return the parity figures of a run and the scores of its tracks."""
    metrics = {f"parity.{safe_name(name)}": float(value) for name, value in run.parity.items()}
    for track, scores in run.tracks.items():
        for score in scores.values():
            metrics.update(score_metrics(score, prefix=f"{safe_name(track)}."))
    return metrics


def rung_metrics(result: RungResult) -> dict[str, float]:
    """Return everything measured of a rung: size, losses, scores, energy."""
    metrics = {
        "model_kb": result.model_kb,
        "tune_loss": result.tune_loss,
        "loss_increase": result.loss_increase,
        "loss_increase_high": result.loss_increase_high,
    }
    for score in result.scores.values():
        metrics.update(score_metrics(score))
    for footprint in result.footprints.values():
        metrics.update(footprint_metrics(footprint))
    return metrics


def score_metrics(score: Score, prefix: str = "") -> dict[str, float]:
    """Return the value and bounds of a score under names that carry the unit."""
    unit = safe_name(_UNITS.get(score.unit, score.unit)).lower()
    name = prefix + safe_name(score.metric)
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name}_{unit}"
    return {name: score.value, f"{name}_low": score.low, f"{name}_high": score.high}


def footprint_metrics(footprint: Footprint) -> dict[str, float]:
    """Return a footprint's figures; ``cpu_s_per_1000`` alone is that of batches."""
    stage = f"energy.{footprint.stage}"
    metrics = {
        f"{stage}.cpu_s": footprint.cpu_seconds,
        f"{stage}.wall_s": footprint.wall_seconds,
        f"{stage}.peak_rss_mib": footprint.peak_rss_mib,
        f"{stage}.cv": footprint.cv,
        f"{stage}.repetitions": float(footprint.repetitions),
    }
    bounds = ("low", "central", "high")
    kwh = (footprint.kwh_low, footprint.kwh_central, footprint.kwh_high)
    for i, bound in enumerate(bounds):
        metrics[f"{stage}.wh_{bound}"] = 1000 * kwh[i]
        metrics[f"co2.{footprint.stage}.use_g_{bound}"] = footprint.co2_use_g[i]
        metrics[f"co2.{footprint.stage}.embodied_g_{bound}"] = footprint.co2_embodied_g[i]
    if footprint.predictions:
        metrics[f"{stage}.cpu_s_per_1000"] = footprint.cpu_seconds_per_1000
        for bound, wh in zip(bounds, footprint.wh_per_1000, strict=True):
            metrics[f"{stage}.wh_per_1000_{bound}"] = wh
    if footprint.stage == "predict_1000":
        metrics["cpu_s_per_1000"] = footprint.cpu_seconds_per_1000
    return metrics


def safe_name(name: str) -> str:
    """Return a name that MLflow takes (letters, digits, ``_ - . /``)."""
    return re.sub(r"[^\w./-]+", "_", name, flags=re.ASCII).strip("_")
