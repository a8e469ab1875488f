"""What the isolated child does: open the graph, answer, answer under stress, be measured.

It reads ``job.json`` and arrays, and leaves ``report.json`` and arrays in the same folder; no
pickle either way. It never sees a label.
"""

import dataclasses
import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.doors.vendor_graph import VendorGraph, Wanted, open_standard_session
from common.edge.archive import Limits, read_files
from common.edge.bundle import Bundle
from common.edge.errors import AuneError, DataError, SignatureError
from common.edge.signature import verify_checksums
from common.lab import energy
from common.lab.usecase import Array

__all__ = ["BATCH", "SINGLE_CALLS", "run"]

BATCH = 1000
"""Examples of the measured call, taken in turns, whatever the graph (``common.lab.cost``); a
graph that imposes its own batch is measured with that."""

SINGLE_CALLS = 200
SINGLE_SECONDS = 3.0
"""Latency is that of up to 200 calls of one example, within 3 s."""

LARGEST_GAP = 1e-4
"""Accepted gap between an answer and its reasons added up, relative to their size (float32)."""


def run(folder: Path, job: Mapping[str, Any], isolation: str) -> None:
    """Do the job and leave its report; a refusal is part of the report."""
    report: dict[str, Any] = {"isolation": isolation}
    try:
        report |= _done(folder, job)
    except MemoryError:
        report["error"] = {"kind": "DataError", "found": "mémoire épuisée"}
    except AuneError as error:
        report["error"] = {
            "kind": type(error).__name__,
            "found": error.found,
            "expected": error.expected,
            "remedy": error.remedy,
        }
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def _done(folder: Path, job: Mapping[str, Any]) -> dict[str, Any]:
    session, signature, model_bytes = _opened(job)
    inputs = _arrays(folder, job["inputs"])
    wanted = Wanted(
        {column: (name, place) for column, (name, place) in job["outputs"].items()},
        frozenset(job["required"]),
        job["n_steps"],
    )
    graph = VendorGraph(session, inputs, wanted)
    explains = _answer(graph, inputs, folder / "answers", job)
    for number, names in enumerate(job["stress"]):
        damaged = {**inputs, **_arrays(folder, names)}
        _answer(graph, damaged, folder / f"stress{number}", job)
    size = graph.batch or BATCH
    rows = np.arange(size) % len(next(iter(inputs.values())))
    work = partial(graph.call, graph.feed(inputs, rows))
    protocol = energy.Protocol(**job["protocol"])
    footprint = energy.measure(work, stage=f"predict_{size}", predictions=size, protocol=protocol)
    return {
        "columns": graph.columns,
        "signature": signature,
        "model_bytes": model_bytes,
        "batch": size,
        "explains": explains,
        "footprint": dataclasses.asdict(footprint),
        "latency_ms": _single_calls(graph, inputs),
        "rows_per_call": graph.batch or 1,
    }


def _opened(job: Mapping[str, Any]) -> tuple[Any, str, int]:
    """Return the session, the state of the signature in French, and the model's size."""
    path = Path(job["candidate"])
    limits = Limits(model_bytes=job["model_bytes"], total_bytes=2 * job["model_bytes"])
    if path.suffix != ".zip":
        with path.open("rb") as handle:
            model = handle.read(job["model_bytes"] + 1)
        return open_standard_session(_bounded(model, job)), "", len(model)
    try:
        bundle = Bundle.open(path, job["trusted"], limits=limits)
    except SignatureError:
        files = read_files(path, limits)
        verify_checksums(files)
        model = files.get("model.onnx", b"")
        said = "paquet signé par une clé inconnue d'ici ou sans signature : lu comme un ONNX nu"
        return open_standard_session(_bounded(model, job)), said, len(model)
    said = f"paquet signé, clé {bundle.signer}, exemples rejoués"
    return bundle.session, said, bundle.sizes["model.onnx"]


def _bounded(model: bytes, job: Mapping[str, Any]) -> bytes:
    if len(model) > job["model_bytes"]:
        raise DataError("model.onnx est trop gros", expected=f"{job['model_bytes']} octets au plus")
    return model


def _arrays(folder: Path, names: Mapping[str, str]) -> dict[str, Array]:
    return {
        name: np.load(folder / file, mmap_mode="r", allow_pickle=False)
        for name, file in names.items()
    }


def _answer(
    graph: VendorGraph, inputs: Mapping[str, Array], target: Path, job: Mapping[str, Any]
) -> bool | None:
    """Write each column's answers; return whether the reasons add up, None without reasons."""
    n_examples = len(next(iter(inputs.values())))
    shape = (n_examples, graph.wanted.n_steps)
    answers = {column: np.full(shape, np.nan) for column in graph.columns}
    adds_up: bool | None = None
    for rows, outputs in graph.run(inputs):
        answer = graph.answer(outputs, len(rows))
        for column, values in answer.items():
            answers[column][rows] = values
        if {"baseline", "contributions"} <= outputs.keys() and adds_up is not False:
            own = job["prediction"] in outputs
            explained = outputs[job["prediction"]] if own else answer[job["main"]]
            legal = job["prediction_range"] if own else job["range"]
            adds_up = _adds_up(outputs, explained, legal)
    target.mkdir()
    for number, column in enumerate(graph.columns):
        np.save(target / f"{number}.npy", answers[column], allow_pickle=False)
    return adds_up


def _adds_up(
    outputs: Mapping[str, Array], main: Array, legal: tuple[float | None, float | None]
) -> bool:
    """Tell whether baseline plus contributions, within the legal range, is the prediction.

    That is the graph's output of the task's first name where it has one: a central quantile
    may be shifted by calibration after it.
    """
    if main.ndim != 2 or main.dtype.kind not in "fiu":
        return False
    parts = np.asarray(outputs["contributions"], dtype=np.float64)
    baseline = np.asarray(outputs["baseline"], dtype=np.float64)
    try:
        total = (baseline + parts.sum(axis=-1))[:, : main.shape[1]]
        total = np.clip(total, *legal)
        size = np.abs(main) + np.abs(baseline)[:, : main.shape[1]]
        gap = np.abs(total - main) <= LARGEST_GAP * (size + 1e-9)
    except (ValueError, IndexError, np.exceptions.AxisError):
        return False
    return bool(gap[np.isfinite(main)].all())


def _single_calls(graph: VendorGraph, inputs: Mapping[str, Array]) -> list[float]:
    n_examples = len(next(iter(inputs.values())))
    size = graph.batch or 1
    taken: list[float] = []
    begun = time.perf_counter()
    for number in range(SINGLE_CALLS):
        rows = np.arange(number * size, (number + 1) * size) % n_examples
        feed = graph.feed(inputs, rows)
        start = time.perf_counter()
        graph.call(feed)
        taken.append(1000 * (time.perf_counter() - start))
        if time.perf_counter() - begun > SINGLE_SECONDS:
            break
    return taken
