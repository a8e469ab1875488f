"""Write a candidate's folder: its answers or its model, and a declaration that tells the truth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import pandas as pd

from benchmarks.candidates.flaws import Flaw
from benchmarks.candidates.method import Answers, Method, Trained
from benchmarks.candidates.vendor import VendorFolder
from common.edge.errors import UsageError
from common.lab.record import Footprint

__all__ = ["Candidate", "Measured", "write_candidate"]

METERED_TIERS = ("A_wall", "B_counter")
"""Tiers of a meter that read joules; anything else is an estimate and is declared as one."""
LEAST_KWH = 1e-9
"""Below it the declaration holds no figure."""
DECIMALS = 3

Stage = Literal["predict", "train"]


@dataclass(frozen=True)
class Candidate:
    """A candidate: a method, and how it is handed in.

    Parameters
    ----------
    id, name
        Identifier, and French name that says what it is.
    method
        Behind it; candidates of one method share one training.
    delivers
        Name of the file handed in.
    flaw
        Put into the rows on purpose.
    """

    id: str
    name: str
    method: Method
    delivers: Literal["predictions.csv", "predictions.parquet", "model.onnx"] = "predictions.csv"
    flaw: Flaw | None = None

    @classmethod
    def of(cls, method: Method) -> "Candidate":
        """Return the plain candidate of a method."""
        return cls(method.id, method.name, method)


@dataclass(frozen=True)
class Measured:
    """A trained method with its answers and what both cost.

    Parameters
    ----------
    trained, answers
        What `Method.train` returned, and what that answered.
    train, predict
        Footprints of both.
    """

    trained: Trained
    answers: Answers
    train: Footprint
    predict: Footprint


def write_candidate(
    candidate: Candidate, folder: VendorFolder, measured: Measured, out: Path, seed: int = 0
) -> Path:
    """Write ``out/<id>`` and return it.

    Raises
    ------
    UsageError
        The folder is there, or a model is to be delivered by a method without one.
    """
    place = out / candidate.id
    if place.exists():
        raise UsageError(f"{place} is there already", expected="a new folder")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".") as name:
        whole = Path(name) / candidate.id
        whole.mkdir()
        _fill(whole, candidate, folder, measured, seed)
        whole.rename(place)
    return place


def _fill(
    place: Path, candidate: Candidate, folder: VendorFolder, measured: Measured, seed: int
) -> None:
    footprints: dict[Stage, Footprint] = {"train": measured.train}
    if candidate.delivers == "model.onnx":
        if measured.trained.to_onnx is None:
            raise UsageError(f"{candidate.id} has no graph", expected="a method that exports one")
        (place / "model.onnx").write_bytes(measured.trained.to_onnx())
    else:
        footprints["predict"] = measured.predict
        rows = _rows(folder, measured.answers)
        if candidate.flaw is not None:
            rows = candidate.flaw(rows, np.random.default_rng(seed))
        _write_rows(rows, place / candidate.delivers)
    for stage, footprint in footprints.items():
        _write_log(place / _log_name(stage), footprint)
    text = _toml(_declared(candidate, footprints))
    (place / "declaration.toml").write_text(text, encoding="utf-8")


def _rows(folder: VendorFolder, answers: Answers) -> pd.DataFrame:
    keys = folder.questions
    told = {
        name: np.datetime_as_string(keys[name].to_numpy(), unit="s").astype(object) + "Z"
        for name in ("issue_time_utc", "target_time_utc")
    }
    asked = [c["name"] for c in folder.protocol["columns"] if c["kind"] == "number"]
    values = {name: np.round(answers[name], DECIMALS) for name in asked if name in answers}
    return pd.DataFrame({"meter_id": folder.meters, **told, **values})


def _write_rows(rows: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        rows.to_csv(path, index=False, lineterminator="\n")
        return
    times = {
        name: pd.to_datetime(rows[name], utc=True) for name in ("issue_time_utc", "target_time_utc")
    }
    rows.assign(**times).to_parquet(path, index=False)


def _declared(candidate: Candidate, footprints: Mapping[Stage, Footprint]) -> dict[str, Any]:
    """Return the declaration: honest about what was measured and about what was not."""
    declared: dict[str, Any] = {
        "schema": 1,
        "licence": candidate.method.licence,
        "candidate": {"id": candidate.id, "name": candidate.name, "version": "1"},
        "hardware": {stage: footprint.hardware for stage, footprint in footprints.items()},
        "energy": {stage: _energy(stage, footprints.get(stage)) for stage in ("predict", "train")},
        "hosting": {
            "country": "FRA",
            "provider": "aucun : calcul sur la machine de l'évaluation",
            "kind": "scheduled_batch",
            "data_leave_eu": False,
        },
        "data": {"destination": "nulle part : rien ne quitte la machine", "reused": False},
        "explanation": {"offered": False},
    }
    if candidate.delivers == "model.onnx":
        declared["model"] = {"outputs": {"q50": "forecast"}}
    return declared


def _energy(stage: Stage, footprint: Footprint | None) -> dict[str, Any]:
    """Return an energy table; without a meter of joules it is an estimate and says so."""
    if footprint is None or footprint.kwh_low <= LEAST_KWH:
        return {"method": "absent"}
    low, central, high = _figures(stage, footprint)
    name = "wh_per_1000" if stage == "predict" else "kwh"
    figures = {name: central, "file": _log_name(stage)}
    if footprint.tier in METERED_TIERS:
        return {"method": "measured_log", **figures}
    return {
        "method": "estimated",
        **figures,
        "low": low,
        "high": high,
        "tool": "aune, common.lab.energy",
        "version": version("aune"),
        "inputs": f"{footprint.cpu_seconds:.4g} s de processeur, niveau {footprint.tier}, "
        f"{footprint.predictions or 'sans'} prédictions, journal joint",
    }


def _figures(stage: Stage, footprint: Footprint) -> tuple[float, float, float]:
    if stage == "predict":
        return footprint.wh_per_1000
    return footprint.kwh_low, footprint.kwh_central, footprint.kwh_high


def _log_name(stage: Stage) -> str:
    return f"journal_{stage}.csv"


def _write_log(path: Path, footprint: Footprint) -> None:
    """Write the raw log: one line, for one measured block."""
    line = {
        "energy_wh": 1000 * footprint.kwh_central,
        "predictions": footprint.predictions,
        "cpu_seconds": footprint.cpu_seconds,
        "wall_seconds": footprint.wall_seconds,
        "peak_rss_mib": footprint.peak_rss_mib,
        "tier": footprint.tier,
        "quality": footprint.quality,
    }
    pd.DataFrame([line]).to_csv(path, index=False, lineterminator="\n")


def _toml(tables: Mapping[str, Any], path: str = "") -> str:
    """Return nested tables of texts, numbers and flags as TOML."""
    plain = {name: value for name, value in tables.items() if not isinstance(value, dict)}
    text = f"\n[{path}]\n" if path and plain else ""
    # A JSON text, number or flag is also a TOML one.
    text += "".join(f"{n} = {json.dumps(v, ensure_ascii=False)}\n" for n, v in plain.items())
    for name, value in tables.items():
        if isinstance(value, dict):
            text += _toml(value, f"{path}.{name}" if path else name)
    return text
