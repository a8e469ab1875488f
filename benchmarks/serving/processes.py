"""A server as a tree of processes: started, measured from ``/proc``, ended with its children."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

__all__ = ["Memory", "Running", "cpu_seconds", "family", "parse_stat"]

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 10
_PROC = Path("/proc")


@dataclass(frozen=True)
class Memory:
    """Memory of a tree of processes, in MB of 10^6 bytes.

    Parameters
    ----------
    pss_mb
        Proportional set size (proc(5), ``smaps_rollup``): a page that k processes share counts
        1/k for each, also where those others are no part of the tree.
    rss_mb
        Sum of the resident sets: a page shared within the tree counts for each.
    processes
        How many there are.
    """

    pss_mb: float
    rss_mb: float
    processes: int


def parse_stat(text: str) -> tuple[int, float]:
    """Return the parent and the CPU-seconds of a process, its waited-for children included.

    Fields 4 and 14 to 17 of ``/proc/PID/stat`` (proc(5)); the name before them, in
    parentheses, may hold spaces and parentheses.

    Examples
    --------
    User 5, system 3, children 2 and 0 ticks of 1/100 s:

    >>> parse_stat("7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 5 3 2 0 20 0 1 0 99")[0]
    1
    >>> parse_stat("7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 5 3 2 0 20 0 1 0 99")[1] * _TICKS
    10.0
    """
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS


def family(pid: int) -> dict[int, float]:
    """Return a process and all its living descendants, each with its CPU-seconds."""
    found: dict[int, tuple[int, float]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError, ValueError):  # it ended while we looked
                found[int(entry.name)] = parse_stat((entry / "stat").read_text("latin-1"))
    members, left = {}, [pid]
    while left:
        parent = left.pop()
        if parent in found:
            members[parent] = found[parent][1]
            left += [child for child, (above, _) in found.items() if above == parent]
    return members


def cpu_seconds(pid: int) -> float:
    """Return the CPU-seconds of a tree: living processes and children that were waited for."""
    return sum(family(pid).values())


class Running:
    """A server in a session of its own; leaving the context ends all its processes.

    Parameters
    ----------
    command, environment, folder
        What is executed, with which variables beside ours, and where.
    log
        File that takes what it says.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.log = log
        with log.open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own words, no shell
                list(command),
                env=os.environ | dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def ended(self) -> bool:
        """Whether the first process has ended."""
        return self._process.poll() is not None

    def cpu_seconds(self) -> float:
        """Return the CPU-seconds of the tree since its start."""
        return cpu_seconds(self._process.pid)

    def memory(self) -> Memory:
        """Return the memory of the tree."""
        rollups = []
        for pid in family(self._process.pid):
            with suppress(OSError):
                rollups.append((_PROC / str(pid) / "smaps_rollup").read_text("ascii"))
        pss, rss = (sum(_kb(text, name) for text in rollups) for name in ("Pss", "Rss"))
        return Memory(pss * 1024 / 1e6, rss * 1024 / 1e6, len(rollups))

    def stop(self) -> None:
        """End the tree: ask, wait, and kill what is left of the session."""
        members = family(self._process.pid)
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in members.keys() - {self._process.pid}:
            if _session(pid) == self._process.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait(_STOP_SECONDS)


def _session(pid: int) -> int:
    """Return the session of a process, -1 where it is gone: its number may be another's."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def _kb(rollup: str, name: str) -> int:
    return int(rollup.split(f"\n{name}:")[1].split()[0])
