"""What energy figures rest on: from a measurement or a declaration to `Evidence`.

The ladder is that of ``briefs/frugality.md`` 3.1. The sentences are French: they are printed.
"""

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from benchmarks.declaration import Declaration, StatedEnergy, read_small_file
from benchmarks.energy.language_models import estimate
from benchmarks.records import Evidence
from common.edge.errors import AuneError
from common.lab.pages.french import energy_wh, number
from common.lab.record import Footprint

__all__ = [
    "METERED_SPREAD",
    "ZERO_WIDTH_SPREAD",
    "energy_in_log",
    "measured",
    "predict_evidence",
    "train_evidence",
    "widened",
]

METERED_SPREAD = 1.5
"""A vendor's own reading counts as [1, 1.5] times it (``briefs/frugality.md`` 3.1, level 3)."""

ZERO_WIDTH_SPREAD = 2.0
"""A range without width is not certainty: x/÷ 2 (``briefs/frugality.md`` 3.2)."""

LOG_TOLERANCE = 0.02
"""Largest relative gap between a stated figure and its own log: room for rounding only."""

LARGEST_LOG_BYTES = 16 * 2**20

What = Literal["predict", "train"]
_UNITS: Mapping[What, str] = {"predict": "pour 1 000 prédictions", "train": "par entraînement"}


def measured(footprint: Footprint) -> Evidence:
    """Return level 4: what our harness measured on this machine, its interval as it is.

    Training counts whole, predictions per 1,000; both in Wh.
    """
    what: What = "train" if footprint.stage == "train" else "predict"
    kwh = (footprint.kwh_low, footprint.kwh_central, footprint.kwh_high)
    wh = (
        footprint.wh_per_1000
        if what == "predict"
        else (kwh[0] * 1000, kwh[1] * 1000, kwh[2] * 1000)
    )
    return Evidence(
        level=4,
        low=wh[0],
        central=wh[1],
        high=wh[2],
        what=what,
        words=f"mesurée ici ({footprint.tier}, {footprint.repetitions} répétitions, "
        f"{footprint.hardware})",
        cpu_seconds=footprint.cpu_seconds_per_1000 if what == "predict" else footprint.cpu_seconds,
    )


def predict_evidence(declaration: Declaration, folder: Path) -> Evidence:
    """Return the evidence of a declared energy per 1,000 predictions.

    A solution built on a language model is estimated through `ecologits` unless its vendor
    metered it; its own estimate is then held against ours, and the larger upper bound counts.

    Parameters
    ----------
    declaration
        What the vendor states.
    folder
        The candidate's folder, where the log is.

    Raises
    ------
    MissingExtraError
        A language model is declared and `ecologits` is not installed.
    """
    stated = _stated_evidence(
        declaration.predict, folder, "predict", _hardware(declaration, "predict")
    )
    if declaration.llm is None or stated.level == 3:
        return stated
    ours = estimate(declaration.llm)
    if stated.level == 0:
        return ours
    high = max(ours.high, stated.high) if math.isfinite(stated.high) else ours.high
    return Evidence(
        level=stated.level,
        low=min(stated.low, ours.low) if stated.level == 2 else stated.central,
        central=stated.central,
        high=max(high, stated.central),
        what="predict",
        words=f"{stated.words} ; borne haute de notre estimation : {ours.words}",
        lower_bound=ours.lower_bound,
    )


def train_evidence(declaration: Declaration, folder: Path) -> Evidence:
    """Return the evidence of a declared training energy, in Wh per training."""
    return _stated_evidence(declaration.train, folder, "train", _hardware(declaration, "train"))


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range, x/÷ 2 where it has no width.

    >>> widened(4.0, 4.0), widened(1.0, 2.0)
    ((2.0, 8.0), (1.0, 2.0))
    """
    if low == high:
        return low / ZERO_WIDTH_SPREAD, high * ZERO_WIDTH_SPREAD
    return low, high


def energy_in_log(path: Path) -> tuple[float, float]:
    """Return Wh and the number of predictions that a vendor's raw log adds up to.

    A ``.csv`` has a header with ``energy_wh`` and, for predictions, ``predictions``: one line
    per measured block. A ``.json`` is a BoAmps report (Boavizta): the sum of
    ``measures[].powerConsumption`` in kWh over ``task.nbRequest``.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError
        The log does not hold that.
    TableError, UsageError
        It is missing, a link, or too large.
    """
    text = read_small_file(path, LARGEST_LOG_BYTES).decode("utf-8-sig")
    if path.suffix == ".json":
        report = json.loads(text)
        wh = sum(1000 * float(each["powerConsumption"]) for each in report["measures"])
        predictions = float(report["task"].get("nbRequest") or 0)
    else:
        rows = list(csv.DictReader(io.StringIO(text)))
        wh = sum(float(row["energy_wh"]) for row in rows)
        predictions = sum(float(row.get("predictions") or 0) for row in rows)
    if not (math.isfinite(wh) and wh > 0 and math.isfinite(predictions) and predictions >= 0):
        raise ValueError(f"{wh} Wh, {predictions} predictions")
    return wh, predictions


def _stated_evidence(stated: StatedEnergy, folder: Path, what: What, hardware: str) -> Evidence:
    if stated.method == "absent" or stated.wh is None:
        nothing = math.nan
        return Evidence(0, nothing, nothing, nothing, what, "non déclarée")
    if stated.method == "measured_log":
        return _metered(stated, stated.wh, folder, what, hardware)
    if stated.method == "estimated":
        return _estimated(stated, stated.wh, what)
    return _bare(stated.wh, what, "sans méthode")


def _metered(stated: StatedEnergy, wh: float, folder: Path, what: What, hardware: str) -> Evidence:
    """Return level 3 where the log says what is stated, level 1 with the reason elsewhere."""
    if not hardware:
        return _bare(wh, what, f"journal {stated.file} joint, mais machine non déclarée")
    try:
        logged, predictions = energy_in_log(folder / stated.file)
    except (AuneError, ValueError, KeyError, TypeError, AttributeError, csv.Error):
        return _bare(wh, what, f"journal {stated.file} absent ou illisible")
    if what == "predict" and predictions <= 0:
        return _bare(wh, what, f"journal {stated.file} sans nombre de prédictions")
    found = 1000 * logged / predictions if what == "predict" else logged
    if abs(found / wh - 1) > LOG_TOLERANCE:
        why = f"journal {stated.file} : {energy_wh(found)} et non {energy_wh(wh)}"
        return _bare(max(wh, found), what, why)
    return Evidence(
        level=3,
        low=wh,
        central=wh,
        high=wh * METERED_SPREAD,
        what=what,
        words=f"mesurée par le fournisseur, journal {stated.file}, {hardware} ; "
        f"intervalle de 1 à {number(METERED_SPREAD, 1)} fois la mesure",
    )


def _estimated(stated: StatedEnergy, wh: float, what: What) -> Evidence:
    low, high = widened(
        wh if stated.low is None else stated.low, wh if stated.high is None else stated.high
    )
    note = " ; largeur nulle élargie à ×/÷ 2" if stated.low == stated.high else ""
    return Evidence(
        level=2,
        low=low,
        central=wh,
        high=high,
        what=what,
        words=f"estimée par le fournisseur avec {stated.tool} {stated.version} "
        f"({stated.inputs}){note} ; la borne haute compte",
    )


def _bare(wh: float, what: What, why: str) -> Evidence:
    """Return level 1: shown, without an upper bound, so that it wins nothing."""
    return Evidence(
        level=1,
        low=wh,
        central=wh,
        high=math.nan,
        what=what,
        words=f"déclarée ({energy_wh(wh)} {_UNITS[what]}), {why} : montrée, non notée",
    )


def _hardware(declaration: Declaration, stage: What) -> str:
    hardware: Mapping[str, Any] = declaration.table("hardware")
    return str(hardware.get(stage, ""))
