"""Which code, lock file, packages and machine a figure comes from."""

import hashlib
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["code_commit", "code_digest", "environment", "lock_digest"]

PACKAGES = (
    "codecarbon",
    "lightgbm",
    "mlflow",
    "ndonnx",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "scikit-learn",
    "scipy",
    "spox",
    "statsmodels",
)

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=1)
def code_commit() -> str:
    """Return the git commit, ``+`` appended when tracked files differ, or ``unknown``."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@lru_cache(maxsize=8)
def code_digest(usecase: str) -> str:
    """Return the sha256 of the sources that a use case's figures depend on.

    Parameters
    ----------
    usecase
        Folder name below ``usecases``.
    """
    hasher = hashlib.sha256()
    for folder in (ROOT / "common" / "lab", ROOT / "usecases" / usecase):
        for path in sorted(folder.rglob("*.py")):
            hasher.update(str(path.relative_to(ROOT)).encode())
            hasher.update(path.read_bytes())
    return hasher.hexdigest()


@lru_cache(maxsize=1)
def lock_digest() -> str:
    """Return the sha256 of ``requirements.lock``, or ``unknown`` outside a checkout."""
    path = ROOT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "unknown"


def environment(usecase: str) -> dict[str, Any]:
    """Return what a Run stores about its code, packages and machine."""
    return {
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "code_commit": code_commit(),
        "code_sha256": code_digest(usecase),
        "lock_sha256": lock_digest(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603 - fixed program, fixed words
    return done.stdout.strip()
