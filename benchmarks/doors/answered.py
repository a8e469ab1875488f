"""What comes out of a door, and the bounds within which it was opened."""

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.records import Door, Evidence, Latency
from common.edge.errors import UsageError
from common.lab.contest import Contest, Finding, Questions, Submission
from common.lab.energy import FULL, Protocol
from common.lab.usecase import Array

__all__ = ["MEASURING", "Answered", "Settings", "parsed"]

MEASURING = dataclasses.replace(
    FULL, name="benchmark", min_cpu_seconds_per_block=0.3, codecarbon=False, calibration_units=0
)
"""Seven blocks of 0.3 CPU-s: 2 s an entry, so that every entry of a comparison is measured
the same way; ``aune measure`` runs the full protocol."""


@dataclass(frozen=True)
class Settings:
    """Bounds of what a candidate may take, the same for all.

    Parameters
    ----------
    memory_mib, cpu_seconds, wall_seconds
        Address space, CPU time and wall time of a run (model), or wall time of the whole
        drive (endpoint).
    model_bytes
        Largest ONNX file.
    response_bytes
        Largest reply of an endpoint.
    give_up_after
        Failed calls in a row after which an endpoint is no longer called.
    protocol
        How the energy of models is measured.
    stress
        Whether to run the task's damages on models.
    trusted
        Public keys whose bundles count as signed.
    work
        Folder that keeps an endpoint's replies, so that a killed drive goes on; None for a
        throw-away one.
    """

    memory_mib: int = 4096
    cpu_seconds: int = 900
    wall_seconds: float = 3600.0
    model_bytes: int = 512 * 2**20
    response_bytes: int = 8 * 2**20
    give_up_after: int = 20
    protocol: Protocol = MEASURING
    stress: bool = True
    trusted: tuple[Path, ...] = ()
    work: Path | None = None

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise UsageError(f"setting {item.name} is {value}", expected="above 0")


@dataclass(frozen=True)
class Answered:
    """The answers of a candidate with what was learnt while getting them.

    Parameters
    ----------
    door
        Which one.
    submission
        The answers, parsed by the task as any vendor's file is.
    predict, train
        Energy per 1,000 predictions and per training.
    latency
        Of the calls that we made; None for a file.
    model_bytes
        Size of the model where we hold it.
    explains
        As `benchmarks.records.Entry` has it.
    stress
        French title of a damage to the answers under it, column to (n,).
    findings
        French notes on how the door was opened: isolation, signature, failed calls.
    """

    door: Door
    submission: Submission
    predict: Evidence
    train: Evidence
    latency: Latency | None = None
    model_bytes: int | None = None
    explains: Literal["contributions", "declared", "none"] = "none"
    stress: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def parsed(
    contest: Contest, questions: Questions, answers: Mapping[str, Array], answered: Array
) -> Submission:
    """Have answers parsed as a vendor's file, so that every door is held to the same rules.

    Parameters
    ----------
    contest, questions
        What was asked.
    answers
        Column to values of shape (n,).
    answered
        Rows to hand in, boolean of shape (n,); the others are missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for column in contest.columns:
        if column.kind == "number":
            if column.name in answers:
                columns[column.name] = pa.array(
                    np.asarray(answers[column.name], dtype=np.float64)[answered]
                )
            continue
        values = questions.keys[column.name][answered]
        if column.kind == "time":
            seconds = values.astype("datetime64[s]").astype(np.int64)
            columns[column.name] = pa.array(seconds).cast(pa.timestamp("s", tz="UTC"))
        else:
            columns[column.name] = pa.array(values.astype(str).tolist(), pa.string())
    with tempfile.TemporaryDirectory(prefix="aune-rows-") as folder:
        path = Path(folder) / "predictions.parquet"
        pq.write_table(pa.table(columns), path)
        return contest.parse(path, questions)
