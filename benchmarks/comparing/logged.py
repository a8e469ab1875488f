"""A comparison in MLflow: a parent run, and a child for each entry tagged with its verdict."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from benchmarks.comparing.comparison import body_hash
from benchmarks.records import Comparison, Standing
from common.lab import tracking
from common.lab.tracked import Logged, safe_name, score_metrics

__all__ = ["log_comparison"]


def log_comparison(comparison: Comparison, store: str, artifacts: Sequence[Path] = ()) -> str:
    """Log a comparison once and return the id of its parent run.

    Its body hash identifies it: the same comparison is never there twice.

    Parameters
    ----------
    comparison
        What to log, under the experiment of its use case.
    store
        MLflow tracking URI.
    artifacts
        The report's files.
    """
    protocol = comparison.protocol
    identity = body_hash(comparison)
    common = {
        "aune.run": identity,
        "task": str(protocol.get("task", "")),
        "task.version": str(protocol.get("task_version", "")),
        "dataset.digest": str(protocol.get("data_sha256", "")),
        "dataset.proxy": str(protocol.get("proxy", "")),
        "simulated": str(bool(protocol.get("simulated"))).lower(),
        "demonstration": str(bool(protocol.get("demonstration"))).lower(),
    }
    parent = Logged(
        name=f"comparison {common['task']} {identity[:12]}",
        tags={**common, "reference": comparison.reference},
        params={
            "margin": protocol.get("margin", ""),
            "seed": comparison.seed,
            "window": protocol.get("window", ""),
        },
        metrics={
            "minimum_detectable": comparison.minimum_detectable,
            "entries": float(len(comparison.standings)),
        },
    )
    return tracking.log_comparison(
        parent,
        [_entry(standing, common) for standing in comparison.standings],
        experiment=str(protocol.get("usecase", "")) or "benchmark",
        store=store,
        artifacts=artifacts,
    )


def _entry(standing: Standing, common: dict[str, str]) -> Logged:
    entry = standing.entry
    return Logged(
        name=entry.id,
        tags={
            **common,
            "candidate": entry.id,
            "candidate.role": entry.role,
            "candidate.door": entry.door,
            "verdict": standing.verdict,
            "verdict.no_ai": standing.against_no_ai or "",
            "predictions.sha256": entry.sha256,
            "energy.predict.level": str(entry.predict.level),
            "energy.predict.lower_bound": str(entry.predict.lower_bound).lower(),
            "dominated_by": ",".join(standing.dominated_by),
        },
        params={"title": entry.title},
        metrics={name: value for name, value in _metrics(standing).items() if isfinite(value)},
    )


def _metrics(standing: Standing) -> dict[str, float]:
    entry = standing.entry
    metrics = {"missing_rows": float(entry.n_missing), "worst_unit_loss": standing.worst_loss}
    for score in standing.scores.values():
        metrics.update(score_metrics(score))
    for title, increase in standing.stress.items():
        metrics[f"stress.{safe_name(title)}"] = increase
    for bound in ("low", "central", "high"):
        metrics[f"energy.predict.wh_per_1000_{bound}"] = getattr(entry.predict, bound)
        metrics[f"energy.train.wh_{bound}"] = getattr(entry.train, bound)
    gap = standing.difference
    if gap is not None:
        metrics["relative_difference"] = gap.relative
        metrics["relative_difference_low"] = gap.relative_low
        metrics["relative_difference_high"] = gap.relative_high
        metrics["units_won"] = float(standing.units_won)
    if standing.p_adjusted is not None:
        metrics["p_adjusted"] = standing.p_adjusted
    return metrics
