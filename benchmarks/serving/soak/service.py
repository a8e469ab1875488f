"""The server as a process of its own: started, ended, killed, weighed."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from common.edge.errors import ThresholdError

__all__ = ["Service", "pss_bytes"]

_START_SECONDS = 60.0
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.M)
_OWN = re.compile(rb"^Pss_Anon:\s+(\d+) kB", re.M)


class Service:
    """``python -m common.edge.serving`` on one port, however often it is started.

    Parameters
    ----------
    folder
        Where its output is kept, in ``server.log``.
    store
        Folder of the store.
    options
        More words of the command line.

    Attributes
    ----------
    port
        Where it listens; chosen by the system at the first start, and kept.
    lives, starts_s
        How often it was started, and the seconds of each start.
    """

    def __init__(self, folder: Path, store: Path, *options: str) -> None:
        self.folder, self.store, self.options = folder, store, options
        self.port = 0
        self.lives = 0
        self.starts_s: list[float] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def pid(self) -> int:
        """Of the running server."""
        return self.running.pid

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        """The process.

        Raises
        ------
        ThresholdError
            There is none.
        """
        if self._process is None:
            raise ThresholdError("the server does not run", expected="a server that was started")
        return self._process

    def start(self) -> float:
        """Start and wait until it says where it listens; return the seconds that took.

        Raises
        ------
        ThresholdError
            It ended, or did not listen within a minute.
        """
        begun = time.monotonic()
        words = [sys.executable, "-m", "common.edge.serving", "--store", str(self.store)]
        words += ["--port", str(self.port), *self.options]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this program's own server
                words,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        if self._process.stdout is None:
            raise ThresholdError("the server has no output", expected="the line with its port")
        line = self._process.stdout.readline().decode()
        elapsed = time.monotonic() - begun
        if not line.startswith("aune: ") or elapsed > _START_SECONDS:
            code = self._process.wait(_START_SECONDS) if not line else None
            raise ThresholdError(
                f"the server did not start in {elapsed:.1f} s (exit code {code}): {line!r}",
                expected="a line with its port",
                remedy=f"read {self.folder / 'server.log'}",
            )
        self.port = int(line.rpartition(":")[2])
        self._note.write_text(str(self.pid))
        self.lives += 1
        self._is_ready = True
        self.starts_s.append(round(elapsed, 3))
        return elapsed

    def end(self) -> int:
        """Ask it to end (SIGTERM) and wait; return its exit code."""
        return self._signalled(signal.SIGTERM)

    def kill(self) -> int:
        """Kill it (SIGKILL) and wait; return its exit code."""
        return self._signalled(signal.SIGKILL)

    def reap(self) -> None:
        """Kill the server, also one that an interrupted program left behind."""
        if self._process is not None:
            self.kill()
        elif self._note.exists():
            pid = int(self._note.read_text())
            with suppress(OSError):
                if str(self.store).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)
        self._note.unlink(missing_ok=True)

    def weighed(self) -> tuple[float, int] | None:
        """Return its own memory in MB and its open files; None where it is not ready."""
        if self._process is None or not self._is_ready:
            return None
        files = len(os.listdir(f"/proc/{self.pid}/fd"))  # noqa: PTH208 - a count, not paths
        return pss_bytes(self.pid, own=True) / 1e6, files

    def cpu_seconds(self) -> float:
        """Return the processor time it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    @property
    def _note(self) -> Path:
        return self.folder / "server.pid"

    def _signalled(self, number: int) -> int:
        process, self._is_ready = self.running, False
        process.send_signal(number)
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ThresholdError(
                f"the server still ran 30 s after signal {number}", expected="an end within 10 s"
            ) from None
        finally:
            if process.stdout:
                process.stdout.close()
            self._process = None
        return code


def pss_bytes(pid: int, *, own: bool = False) -> int:
    """Return the proportional set size of a process (``Documentation/filesystems/proc.rst``).

    Parameters
    ----------
    pid
        Of the process.
    own
        Without files (``Pss_Anon``): what does not depend on who else has them mapped.
    """
    found = (_OWN if own else _PSS).search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    return int(found[1]) * 1024 if found else 0
