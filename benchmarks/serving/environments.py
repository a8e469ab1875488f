"""Environments of the servers' own: one folder and one hashed lock each, installed once.

They cannot share ours (MLServer holds FastAPI back, MLflow holds protobuf back), and what a
server weighs on disk is only seen where nothing else is installed. Ours is the base
dependencies of ``pyproject.toml`` at the versions of ``requirements.lock``; the code itself is
taken from the working tree.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from common.edge.errors import UsageError

__all__ = ["OURS", "PEERS", "ROOT", "install", "installed_mb", "lock", "place"]

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"
OURS = "ours"
_SECONDS = 900


def place(name: str) -> Path:
    """Return where an environment is, installed or not."""
    return ROOT / ".aune" / "peers" / name


def install(name: str) -> Path:
    """Return the folder of an environment's commands; install it unless it is there.

    The stamp is the lock itself: a changed lock installs again. Other processes wait.

    Raises
    ------
    UsageError
        There is no such server, uv is absent, or a package cannot be had.
    """
    folder, wanted = place(name), _lock_file(name)
    if not wanted.exists():
        known = ", ".join(sorted(path.parent.name for path in PEERS.glob("*/requirements.lock")))
        raise UsageError(f"no lock for {name!r}", expected=f"one of {known}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        stamp, text = folder / "stamp", wanted.read_text("utf-8")
        if not stamp.exists() or stamp.read_text("utf-8") != text:
            python = str(folder / "bin" / "python")
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            _uv("pip", "install", "--python", python, "--require-hashes", "-r", str(wanted))
            stamp.write_text(text, "utf-8")
    return folder / "bin"


def installed_mb(name: str) -> float:
    """Return what an environment takes on disk in MB, bytecode of what has run included."""
    files = (path for path in place(name).rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def lock(name: str) -> Path:
    """Write the lock of an environment anew, with hashes and without any address."""
    target = _lock_file(name)
    given = [str(PEERS / name / "requirements.in")]
    if name == OURS:
        constraints = str(ROOT / "requirements.lock")
        given = [str(ROOT / "pyproject.toml"), "--constraint", constraints]
    target.parent.mkdir(parents=True, exist_ok=True)
    shown = ("--no-emit-index-url", "--no-annotate", "--no-header")
    python = ("--python-version", "3.11", "--python-platform", "linux")
    _uv("pip", "compile", *given, "--generate-hashes", *shown, *python, "-o", str(target))
    return target


def _lock_file(name: str) -> Path:
    return PEERS / name / "requirements.lock"


def _uv(*words: str) -> None:
    """Run uv from beside this Python; it does not read pip's settings, so hand the index on."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise UsageError(f"no uv beside {sys.executable}", remedy="./run test installs it")
    index = os.environ.get("PIP_INDEX_URL")
    environment = os.environ | ({"UV_DEFAULT_INDEX": index} if index else {})
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        [str(uv), *words, "--quiet"],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise UsageError(
            f"uv {words[0]} failed: {done.stderr[-300:]}",
            expected="every package of the lock, at its hash",
            remedy="is the package index within reach?",
        )
