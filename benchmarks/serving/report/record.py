"""What a run of the bench found, as it is kept in a JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.edge.errors import DataError

__all__ = ["SCHEMA", "Run", "Start", "Window"]

SCHEMA = 1


@dataclass(frozen=True)
class Start:
    """One start of a server, alone on the machine's ports.

    Parameters
    ----------
    server
        Its name.
    wall_s, cpu_s
        From the execution of its command to the first right answer: wall time, and CPU-seconds
        of all its processes.
    pss_mb, rss_mb, processes
        After a window of requests of one row; see `benchmarks.serving.processes.Memory`.
    """

    server: str
    wall_s: float
    cpu_s: float
    pss_mb: float
    rss_mb: float
    processes: int


@dataclass(frozen=True)
class Window:
    """One server asked at one door for a few seconds.

    Parameters
    ----------
    round
        Number of the round, from 0; the windows of a round follow each other.
    server, protocol, rows
        Who was asked, how, and for how many rows at a time.
    answers, seconds, cpu_s
        Answers of status 200, wall time, and CPU-seconds of the server's processes meanwhile.
    p50_ms, p99_ms
        Latency; None where nobody waited (the graph alone).
    """

    round: int
    server: str
    protocol: str
    rows: int
    answers: int
    seconds: float
    cpu_s: float
    p50_ms: float | None
    p99_ms: float | None

    @property
    def cpu_ms(self) -> float:
        """CPU of the server for one answer, in ms."""
        return 1000 * self.cpu_s / self.answers

    @property
    def per_core(self) -> float:
        """Answers for a CPU-second of the server: what one core could give."""
        return self.answers / self.cpu_s


@dataclass(frozen=True)
class Run:
    """All that one run found, and where.

    Parameters
    ----------
    started
        ISO 8601, UTC.
    machine, cores, commit
        Processor, number of cores, and commit of our code (``+`` where files had changed).
    load_before, load_after
        Load average over a minute (getloadavg(3)): how much others asked of the machine.
    connections
        Open at a time.
    versions, installed_mb
        By server: what is compared, and what its environment takes on disk.
    starts, windows
        In the order in which they were measured.
    """

    started: str
    machine: str
    cores: int
    commit: str
    load_before: float
    load_after: float
    connections: int
    versions: Mapping[str, str]
    installed_mb: Mapping[str, float]
    starts: tuple[Start, ...]
    windows: tuple[Window, ...]

    def to_json(self) -> str:
        """Return the run as JSON, floats with the digits that mean something, a line a record."""
        members = {"schema": SCHEMA, **_rounded(asdict(self))}
        lines = []
        for name, value in members.items():
            text = json.dumps(value)
            if isinstance(value, list):
                text = "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n ]"
            lines.append(f" {json.dumps(name)}: {text}")
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def load(cls, path: Path) -> "Run":
        """Read a run.

        Raises
        ------
        DataError
            The file is not what `to_json` writes.
        """
        try:
            raw = json.loads(path.read_bytes())
            if raw.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            starts = tuple(Start(**item) for item in raw.pop("starts"))
            windows = tuple(Window(**item) for item in raw.pop("windows"))
            return cls(**raw, starts=starts, windows=windows)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(
                f"{path}: {error}", expected=f"a run of schema {SCHEMA}", remedy="measure again"
            ) from error


def _rounded(value: Any) -> Any:
    """Return the same object, each float with six significant digits."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
