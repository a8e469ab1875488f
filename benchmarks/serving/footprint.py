"""What a server takes to start and to hold its bundles, beside a bare one of the same run.

``python -m benchmarks.serving.footprint --key KEY.pub.pem BUNDLE.zip...`` starts the service
with none, one, two... of the bundles, `REPEATS` times each, and prints

* CPU-seconds and wall time from the start of the process to its first ready answer, signature,
  checksums, operators and golden rows included (the least of the repetitions: a busy machine
  only ever adds);
* its memory by kind of mapping, in MB of 10^6 bytes, the arrays that a bundle's zip holds mapped
  apart: as PSS, which is low where other processes use the same libraries, and as it is alone;
* CPU-seconds and wall time of the commands that an officer waits for.

The bare process is starlette, uvicorn and onnxruntime with the graph of the first bundle: no
signature, no golden rows, no door but one. A ratio to it, from the same run, can be compared
between machines; a time cannot. Byte code is compiled once before anything is measured, as an
installed package has it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.serving.processes import cpu_seconds
from common.edge.errors import AuneError, UsageError
from common.edge.signature import SIGNATURE, SUMS, sums_text
from common.edge.store.store import Store

__all__ = [
    "REPEATS",
    "Command",
    "Measured",
    "Start",
    "by_mapping",
    "lines",
    "measure",
    "newer_copy",
    "without_arrays",
]

REPEATS = 5
_SETTLE_SECONDS = 0.5
_RANGE = re.compile(r"[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ \S+ *(.*)")
_BARE = """
import sys
import onnxruntime, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

async def ready(request):
    return JSONResponse({"ready": True})

server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Route("/health/ready", ready)]),
                                       port=0, log_level="error"))
opened = server.startup

async def startup(sockets=None):
    await opened(sockets=sockets)
    print("aune: 127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1], flush=True)

server.startup = startup
server.run()
"""


@dataclass(frozen=True)
class Start:
    """A server that became ready.

    Parameters
    ----------
    bundles
        How many it serves; -1 for the bare process.
    cpu_s, wall_s
        To the first ready answer, the least of the repetitions.
    threads
        Of the process.
    memory_mb
        PSS by kind of mapping, see `by_mapping`.
    alone_mb
        Resident memory by kind: what PSS comes to where nobody else uses the same libraries.
    """

    bundles: int
    cpu_s: float
    wall_s: float
    threads: int
    memory_mb: Mapping[str, float]
    alone_mb: Mapping[str, float]


@dataclass(frozen=True)
class Command:
    """A command that ended: the least CPU-seconds and wall time of the repetitions."""

    words: str
    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Measured:
    """Everything of one run; `bare` is what the others are held against."""

    bare: Start
    starts: tuple[Start, ...]
    commands: tuple[Command, ...]


def without_arrays(memory_mb: Mapping[str, float]) -> float:
    """Return all of a process's memory but the mapped arrays: the system may drop those.

    >>> without_arrays({"heap": 50.0, "code": 20.0, "arrays": 30.0})
    70.0
    """
    return sum(value for kind, value in memory_mb.items() if kind != "arrays")


def by_mapping(smaps: str, figure: str = "Pss") -> dict[str, float]:
    r"""Return a figure of a process in MB by kind of mapping (proc(5), ``smaps``).

    ``heap`` is private memory, whoever asked for it; ``code`` and ``data`` are what a library
    holds unchanged and changed; ``arrays`` are those that lie in a bundle's zip.

    Examples
    --------
    1,000 kB of 1,024 bytes are 1.024 MB:

    >>> by_mapping("7f00-7f10 rw-p 0 00:00 0 \nPss:  1000 kB\n"
    ...            "7f20-7f30 r-xp 0 08:01 9 /usr/lib/libc.so.6\nPss: 500 kB\n")
    {'heap': 1.024, 'code': 0.512}
    """
    sizes: defaultdict[str, float] = defaultdict(float)
    kind = ""
    for line in smaps.splitlines():
        if found := _RANGE.fullmatch(line.rstrip()):
            kind = _kind(found[1], found[2])
        elif line.startswith(f"{figure}:"):
            sizes[kind] += int(line.split()[1]) * 1024 / 1e6
    return dict(sizes)


def _kind(rights: str, name: str) -> str:
    if name.endswith("/bundle.zip"):
        return "arrays"
    if not name or name == "[heap]":
        return "heap"
    if ".so" in Path(name).name:
        return "data" if "w" in rights else "code"
    return "other"


def measure(bundles: Sequence[Path], key: Path, repeats: int = REPEATS) -> Measured:
    """Measure the starts with 0 to all of the bundles, the bare one and the commands.

    Parameters
    ----------
    bundles
        Zips, each of another task.
    key
        The public key that signed them.
    repeats
        How often each is started; one more, first, is not counted.

    Raises
    ------
    UsageError
        A server did not get ready.
    AuneError
        A bundle is refused.
    """
    with tempfile.TemporaryDirectory(prefix="aune-footprint-") as name, _compiled(Path(name)):
        folder = Path(name)
        model = folder / "model.onnx"
        with zipfile.ZipFile(bundles[0]) as archive:
            model.write_bytes(archive.read("model.onnx"))
        bare = _start(-1, [sys.executable, "-c", _BARE, str(model)], folder, repeats)
        starts = []
        for count in range(len(bundles) + 1):
            store = folder / f"store{count}"
            store.mkdir()
            for bundle in bundles[:count]:
                Store(store, [key]).install(bundle)
            words = [sys.executable, "-P", "-m", "common.edge.serving", "--port", "0"]
            starts.append(_start(count, [*words, "--store", str(store)], folder, repeats))
        commands = _commands(bundles[0], key, folder, repeats)
    return Measured(bare, tuple(starts), tuple(commands))


@contextmanager
def _compiled(folder: Path) -> Iterator[None]:
    """Let every process keep byte code in a folder, whatever the caller's variables say."""
    before = dict(os.environ)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start(bundles: int, command: Sequence[str], folder: Path, repeats: int) -> Start:
    taken = [_ready(command, folder, wants_ready=bundles != 0) for _ in range(repeats + 1)][1:]
    _, _, threads, smaps = taken[-1]
    return Start(
        bundles,
        min(cpu_s for cpu_s, *_ in taken),
        min(wall_s for _, wall_s, *_ in taken),
        threads,
        by_mapping(smaps),
        by_mapping(smaps, "Rss"),
    )


def _ready(
    command: Sequence[str], folder: Path, *, wants_ready: bool
) -> tuple[float, float, int, str]:
    """Start a server; return CPU-seconds and wall time to ready, its threads and its ``smaps``."""
    begun = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own words, no shell
        command, cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            said = re.fullmatch(r"aune: (\S+)\n", _first_line(process))
            if said is None:
                raise UsageError("a server did not get ready", expected="aune: HOST:PORT")
            path = "ready" if wants_ready else "live"
            with urllib.request.urlopen(f"http://{said[1]}/health/{path}", timeout=10) as answer:
                answer.read()
            wall_s, cpu_s = time.perf_counter() - begun, cpu_seconds(process.pid)
            time.sleep(_SETTLE_SECONDS)
            proc = Path("/proc") / str(process.pid)
            threads = len(list((proc / "task").iterdir()))
            return cpu_s, wall_s, threads, (proc / "smaps").read_text("utf-8", "replace")
        finally:
            process.terminate()


def _first_line(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise UsageError("a server without output", expected="a pipe")
    return process.stdout.readline()


def _commands(bundle: Path, key: Path, folder: Path, repeats: int) -> list[Command]:
    store = folder / "commands"
    newer, newer_key = newer_copy(bundle, folder)
    place = Store(store, [key, newer_key])
    versions = [place.install(path).installed.shelf.current.version for path in (bundle, newer)]
    cli = [sys.executable, "-P", "-m", "usecases.cli"]
    back = [[*cli, "rollback", "--store", str(store), "--to", to] for to in versions]
    return [
        _command("aune --help", [[*cli, "--help"]], repeats),
        _command("aune installed", [[*cli, "installed", "--store", str(store)]], repeats),
        _command("aune rollback", back, 2 * repeats),
    ]


def _command(name: str, commands: Sequence[Sequence[str]], repeats: int) -> Command:
    """Run commands in turn; the first turn of each is not counted."""
    taken = []
    for turn in range(repeats + len(commands)):
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            commands[turn % len(commands)], stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise UsageError(f"{name} ended with {process.returncode}", expected="0")
        taken.append((usage.ru_utime + usage.ru_stime, time.perf_counter() - begun))
    taken = taken[len(commands) :]
    return Command(name, min(cpu_s for cpu_s, _ in taken), min(wall_s for _, wall_s in taken))


def newer_copy(bundle: Path, folder: Path) -> tuple[Path, Path]:
    """Write the same bundle under the next version, signed by a key made for it.

    Returns
    -------
    tuple of Path
        The zip, and the public key.
    """
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files["manifest.json"])
    major, minor, patch = manifest["version"].split(".")
    manifest["version"] = f"{major}.{minor}.{int(patch) + 1}"
    files["manifest.json"] = json.dumps(manifest).encode()
    secret = ec.generate_private_key(ec.SECP256R1())
    listed = {name: data for name, data in files.items() if name not in (SUMS, SIGNATURE)}
    files[SUMS] = sums_text(listed).encode()
    files[SIGNATURE] = secret.sign(files[SUMS], ec.ECDSA(hashes.SHA256()))
    newer, key = folder / "newer.zip", folder / "newer.pub.pem"
    with zipfile.ZipFile(newer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    key.write_bytes(
        secret.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return newer, key


def lines(found: Measured) -> Iterator[str]:
    """Yield the table."""
    yield "server      CPU s  ratio  wall s  threads  PSS MB  alone MB  PSS of which"
    for start in (found.bare, *found.starts):
        name = "bare" if start.bundles < 0 else f"{start.bundles} bundles"
        kinds = ", ".join(f"{kind} {value:.1f}" for kind, value in start.memory_mb.items())
        pss_mb, alone_mb = without_arrays(start.memory_mb), without_arrays(start.alone_mb)
        yield (
            f"{name:<10}{start.cpu_s:>7.2f}{start.cpu_s / found.bare.cpu_s:>7.2f}"
            f"{start.wall_s:>8.2f}{start.threads:>9}{pss_mb:>8.1f}{alone_mb:>10.1f}  {kinds}"
        )
    for command in found.commands:
        yield f"{command.words:<16} {command.cpu_s:.2f} CPU s, {command.wall_s:.2f} s"


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("bundles", nargs="+", type=Path, help="zips, each of another task")
    parser.add_argument("--key", type=Path, required=True, help="public key that signed them")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="starts that count")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(words)
    try:
        found = measure(given.bundles, given.key, given.repeats)
    except AuneError as error:
        sys.stderr.write(f"footprint: {error}\n")
        return error.exit_code
    text = json.dumps(asdict(found), indent=1) if given.json else "\n".join(lines(found))
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
