"""A comparison in the shape of AI Verify's test results, for readers that know that tool.

Field by field as its public description says (``briefs/platform.md`` 2.5: ``gid``, ``cid``,
``version``, ``startTime``, ``timeTaken``, ``testArguments``, ``output``, ``artifacts``), one
result per entry because AI Verify describes one model at a time. This is an export in the same
shape, not a test that AI Verify has run, nor a claim of conformity: each result says so.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.comparing.comparison import SCHEMA, body, body_hash
from benchmarks.records import Comparison
from common.edge.errors import UsageError

__all__ = ["GID", "ai_verify_results"]

GID, CID = "aune.benchmark", "paired_comparison"
MODEL_TYPES = ("regression", "classification")
_MODES = {"endpoint": "api"}
"""AI Verify knows models that are uploaded and models behind an API; a file of answers is
neither, and is closest to the first."""
_DISCLAIMER = (
    "Exported by Aune in the shape of AI Verify's test results; "
    "not run, validated or endorsed by AI Verify."
)


def ai_verify_results(
    comparison: Comparison,
    about: Mapping[str, Any],
    model_type: str = "regression",
    artifacts: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Return one result per entry.

    Parameters
    ----------
    comparison
        What to export.
    about
        ``started`` (ISO 8601 with offset) and ``seconds``; empty and 0 where not known.
    model_type
        ``regression`` or ``classification``.
    artifacts
        File names beside the export (``comparaison.html``).

    Raises
    ------
    UsageError
        For another type of model: AI Verify has none.
    """
    if model_type not in MODEL_TYPES:
        raise UsageError(f"model type {model_type!r}", expected=" or ".join(MODEL_TYPES))
    members = body(comparison)
    return [
        {
            "gid": GID,
            "cid": CID,
            "version": str(SCHEMA),
            "startTime": str(about.get("started", "")),
            "timeTaken": float(about.get("seconds", 0.0)),
            "testArguments": _arguments(comparison, standing, model_type),
            "output": {
                "disclaimer": _DISCLAIMER,
                "comparison_sha256": body_hash(comparison),
                "reference": comparison.reference,
                "unverified": members["unverified"],
                **{name: value for name, value in standing.items() if name != "entry"},
                "energy_wh_per_1000_predictions": standing["entry"]["predict"],
            },
            "artifacts": list(artifacts),
        }
        for standing in members["standings"]
    ]


def _arguments(
    comparison: Comparison, standing: Mapping[str, Any], model_type: str
) -> dict[str, Any]:
    protocol, entry = comparison.protocol, standing["entry"]
    task = f"{protocol.get('usecase', '')}/{protocol.get('task', '')}"
    return {
        "testDataset": f"urn:sha256:{protocol.get('data_sha256', '')}",
        "mode": _MODES.get(entry["door"], "upload"),
        "modelType": model_type,
        "groundTruth": str(protocol.get("ground_truth", "")),
        "groundTruthDataset": f"urn:merkle-sha256:{protocol.get('merkle_root', '')}",
        "modelFile": f"urn:sha256:{entry['sha256']}",
        "algorithmArgs": {
            "task": task,
            "window": str(protocol.get("window", "")),
            "margin": protocol.get("margin"),
            "seed": comparison.seed,
            "candidate": entry["id"],
            "door": entry["door"],
        },
    }
