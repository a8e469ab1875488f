"""After the soak: every answer must be in the journal, once, at its number, with its value."""

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from benchmarks.serving.soak.ledger import read_identity
from common.edge.journal.chain import segments
from common.edge.journal.check import verify

__all__ = ["Audit", "audit"]

Array = npt.NDArray[Any]

_TOLERANCE = 1e-6
_SHOWN = 10


@dataclass(frozen=True)
class Audit:
    """Answers against the journal.

    Parameters
    ----------
    answered
        Answers that callers noted.
    lines
        Predictions in the journal; more than the answers where a kill came in between.
    lost
        Answers whose identifier is not in the journal.
    doubled
        Identifiers that are in the journal more than once.
    elsewhere
        Answers whose journal line has another number than they came with.
    different
        Answers whose journal line has another value or version.
    findings
        What `common.edge.journal.check.verify` found; the first ten.
    """

    answered: int
    lines: int
    lost: int
    doubled: int
    elsewhere: int
    different: int
    findings: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is lost, doubled, moved or changed."""
        return not (self.lost or self.doubled or self.elsewhere or self.different or self.findings)

    def to_object(self) -> dict[str, Any]:
        """Return what the result file holds."""
        return asdict(self) | {"is_clean": self.is_clean}


def audit(folder: Path, records: Array) -> Audit:
    """Hold the records of a ledger against a journal.

    Parameters
    ----------
    folder
        Of the journal.
    records
        Of `read_records`, in any order.
    """
    keys, lines, versions, values = _journal(folder)
    order = np.argsort(keys, kind="stable")
    keys, lines, versions, values = (item[order] for item in (keys, lines, versions, values))
    doubled = int((keys[1:] == keys[:-1]).sum()) if len(keys) else 0
    place = np.searchsorted(keys, records["key"])
    place[place == len(keys)] = 0
    found = keys[place] == records["key"] if len(keys) else np.zeros(len(records), bool)
    place, there = place[found], records[found]
    near = np.abs(values[place] - there["forecast_kwh"]) <= _TOLERANCE * np.maximum(
        1, np.abs(there["forecast_kwh"])
    )
    same = near & (versions[place] == there["version"])
    return Audit(
        answered=len(records),
        lines=len(keys),
        lost=int((~found).sum()),
        doubled=doubled,
        elsewhere=int((lines[place] != there["line"]).sum()),
        different=int((~same).sum()),
        findings=_findings(folder),
    )


def _journal(folder: Path) -> tuple[Array, Array, Array, Array]:
    """Return key, number, version and value of every prediction line, read without the chain."""
    keys, lines, versions, values = array("Q"), array("Q"), array("Q"), array("d")
    for segment in segments(folder):
        with segment.path.open("rb") as handle:
            for raw in handle:
                line = orjson.loads(raw)
                if line["kind"] != "prediction":
                    continue
                keys.append(read_identity(line["row"]))
                lines.append(line["n"])
                versions.append(int(line["version"].partition(".")[0]))
                values.append(float(line["outputs"]["forecast"][0]))
    return np.array(keys), np.array(lines), np.array(versions), np.array(values)


def _findings(folder: Path) -> tuple[str, ...]:
    found: Sequence[Any] = verify(folder).findings
    return tuple(finding.text for finding in found[:_SHOWN])
