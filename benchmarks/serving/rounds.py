"""Start every server, then ask each in turn, round after round."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.serving.alone import ALONE
from benchmarks.serving.environments import ROOT, installed_mb
from benchmarks.serving.load import Load, Reply, parse_head, read_requests
from benchmarks.serving.model import build
from benchmarks.serving.processes import Running
from benchmarks.serving.report.record import Run, Start, Window
from benchmarks.serving.servers import SERVERS, Door
from benchmarks.serving.stands import Stand, Truth, make_stand
from common.edge.errors import DataError, UsageError

__all__ = ["Options", "measure"]

_READY_SECONDS = 180.0
_PAUSE_SECONDS = 0.005
_WARM_SECONDS = 0.3


@dataclass(frozen=True)
class Options:
    """What to measure.

    Parameters
    ----------
    servers
        Names, of `benchmarks.serving.servers.SERVERS`.
    rounds, seconds
        How often each door is asked, and how long each time: many short windows, as what others
        do on the machine changes within seconds.
    starts
        How often each server is started for its first answer.
    rows
        Rows of a request.
    connections
        Open at a time.
    folder
        Where the model is kept from one run to the next.
    at
        Commit of our code that is measured; empty for the working tree.
    """

    servers: tuple[str, ...] = tuple(SERVERS)
    rounds: int = 15
    seconds: float = 0.5
    starts: int = 3
    rows: tuple[int, ...] = (1, 100)
    connections: int = 8
    folder: Path = ROOT / ".aune" / "serving"
    at: str = ""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.servers) - set(SERVERS))
        if unknown or not self.servers:
            raise UsageError(f"servers {unknown}", expected=f"among {', '.join(SERVERS)}")
        for name, value, low, high in (
            ("seconds", self.seconds, 0.1, 600),
            ("rounds", self.rounds, 0, 1000),
            ("starts", self.starts, 0, 100),
            ("connections", self.connections, 1, 1000),
            *(("rows", rows, 1, 100) for rows in self.rows),
        ):
            if not low <= value <= high:
                raise UsageError(f"{name} {value}", expected=f"{low} to {high}")


def measure(options: Options, say: Callable[[str], None]) -> Run:
    """Measure what the options ask for; every server that is started is ended.

    Parameters
    ----------
    options
        What to measure.
    say
        Told what is going on, a line at a time.

    Raises
    ------
    UsageError
        An environment cannot be installed.
    DataError
        A server does not start, refuses a request or answers another value.
    """
    from common.lab.energy.hardware import identify

    say("model, environments, requests")
    built = build(options.folder / "model")
    truth = Truth.of(built)
    load_before, started = os.getloadavg()[0], datetime.now(UTC).isoformat(timespec="seconds")
    machine = identify()
    with TemporaryDirectory(prefix="aune-serving-") as scratch:
        code, commit = _code(options.at, Path(scratch) / "code")
        stands = [
            make_stand(SERVERS[name], built, truth, options.rows, Path(scratch), code)
            for name in options.servers
        ]
        starts = tuple(_starts(stands, options, truth, say))
        windows = tuple(_rounds(stands, options, truth, say))
    return Run(
        started=started,
        machine=machine.cpu_model,
        cores=machine.logical_cpus,
        commit=commit,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        connections=options.connections,
        versions={stand.server.name: stand.version or commit[:12] for stand in stands},
        installed_mb={s.server.name: installed_mb(s.server.environment) for s in stands},
        starts=starts,
        windows=windows,
    )


def _code(at: str, target: Path) -> tuple[Path, str]:
    """Return a folder with our code as it is now, or as it was at a commit, and its name."""
    if not at:
        from common.lab.provenance import code_commit

        return ROOT, code_commit()
    archive = _git("archive", "--format=tar", at, "common")
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(target, filter="data")
    return target, _git("rev-parse", at).decode("ascii").strip()


def _git(*words: str) -> bytes:
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        ["git", "-C", str(ROOT), *words],  # noqa: S607 - the git of whoever calls
        capture_output=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"git {words[0]}: {said}", expected="a commit of this repository")
    return done.stdout


def _starts(
    stands: Sequence[Stand], options: Options, truth: Truth, say: Callable[[str], None]
) -> Iterator[Start]:
    """Start each server alone, several times, and weigh it after a window of single rows."""
    for _ in range(options.starts):
        for stand in stands:
            say(f"start {stand.server.name}")
            since = time.monotonic()
            with stand.start() as running:
                _first_answer(stand, running, truth, options.rows[0])
                wall_s, cpu_s = time.monotonic() - since, running.cpu_seconds()
                _drive(stand, stand.server.doors[0], options.rows[0], options, options.seconds)
                memory = running.memory()
            yield Start(
                stand.server.name, wall_s, cpu_s, memory.pss_mb, memory.rss_mb, memory.processes
            )


def _rounds(
    stands: Sequence[Stand], options: Options, truth: Truth, say: Callable[[str], None]
) -> Iterator[Window]:
    """Ask every door in turn; each round begins with another one."""
    if not options.rounds:
        return
    with ExitStack() as stack:
        jobs = [
            _Job(stand, running, door, rows)
            for stand, running in [(s, stack.enter_context(s.start())) for s in stands]
            for door in stand.server.doors
            for rows in options.rows
        ]
        for job in jobs:
            _first_answer(job.stand, job.running, truth, job.rows)
            _drive(job.stand, job.door, job.rows, options, _WARM_SECONDS)
        for number in range(options.rounds):
            say(f"round {number + 1} of {options.rounds}")
            first = number * len(jobs) // options.rounds
            for job in [*jobs[first:], *jobs[:first]]:
                yield _window(job, number, options, truth)
            for rows in options.rows:
                yield _alone(stands[0], number, rows, options)


@dataclass(frozen=True)
class _Job:
    """A door of a running server, and how many rows it is asked for."""

    stand: Stand
    running: Running
    door: Door
    rows: int


def _window(job: _Job, number: int, options: Options, truth: Truth) -> Window:
    """Ask for a window, and hold its sample against onnxruntime's own answer."""
    before = job.running.cpu_seconds()
    found = _drive(job.stand, job.door, job.rows, options, options.seconds)
    cpu_s = job.running.cpu_seconds() - before
    name, protocol = job.stand.server.name, job.door.protocol
    head, body = found.sample_head.encode("latin-1"), found.sample_body.encode("latin-1")
    answered = protocol.read(body, parse_head(head))
    truth.check(f"{name} {protocol.name}", truth.asked(found.sample_request, job.rows), answered)
    return Window(
        number,
        name,
        protocol.name,
        job.rows,
        found.answers,
        found.seconds,
        cpu_s,
        found.p50_ms,
        found.p99_ms,
    )


def _alone(stand: Stand, number: int, rows: int, options: Options) -> Window:
    """Run the graph without a server for a window."""
    words = [str(stand.places.built.folder), str(rows), str(options.seconds)]
    done = _module("benchmarks.serving.alone", words, options.seconds)
    if done.returncode:
        raise DataError(f"the graph alone: {done.stderr[-300:]}")
    count, seconds, cpu_s = json.loads(done.stdout)
    return Window(number, *ALONE, rows, count, seconds, cpu_s, None, None)


def _module(name: str, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a module of ours as a process, for a window."""
    return subprocess.run(  # noqa: S603 - ourselves, no shell
        [sys.executable, "-m", name, *words],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=seconds + _READY_SECONDS,
        check=False,
    )


def _drive(stand: Stand, door: Door, rows: int, options: Options, seconds: float) -> Load:
    """Run the load generator as a process; every answer must be of status 200."""
    file = stand.requests(door.protocol, rows)
    words = [str(stand.port), str(file), str(seconds), str(options.connections)]
    done = _module("benchmarks.serving.load", words, seconds)
    if done.returncode:
        raise _failed(stand, done.stderr[-300:])
    found = Load(**json.loads(done.stdout))
    if found.refused or not found.answers:
        asked = f"{door.protocol.name}, {rows} rows"
        raise _failed(stand, f"{asked}: {found.refused} refused, {found.answers} answered")
    return found


def _first_answer(stand: Stand, running: Running, truth: Truth, rows: int) -> None:
    """Ask until the first right answer."""
    door = stand.server.doors[0]
    request = read_requests(stand.requests(door.protocol, rows))[0]
    limit = time.monotonic() + _READY_SECONDS
    while time.monotonic() < limit and not running.ended:
        reply = _asked(stand.port, request)
        if reply is not None and reply.ok:
            head, body = (part.encode("latin-1") for part in reply.parts())
            found = door.protocol.read(body, parse_head(head))
            truth.check(stand.server.name, truth.asked(0, rows), found)
            return
        time.sleep(_PAUSE_SECONDS)
    raise _failed(stand, f"no answer within {_READY_SECONDS:g} s, or it ended")


def _asked(port: int, request: bytes) -> Reply | None:
    """Ask once; None where nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), _READY_SECONDS) as connection:
            connection.sendall(request)
            reply = Reply()
            while data := connection.recv(65_536):
                if reply.feed(data):
                    return reply
    except OSError:
        return None
    return None


def _failed(stand: Stand, why: str) -> DataError:
    said = stand.log.read_bytes()[-400:].decode("utf-8", "replace")
    return DataError(
        f"{stand.server.name}: {why}; it says: {said}",
        expected="an answer of status 200 to each request",
        remedy=f"start it by hand: {' '.join(stand.server.command(stand.places))}",
    )
