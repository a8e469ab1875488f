"""Remember which files were verified, so that a warm start need not hash them again."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Stamps", "sha256_of"]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stamps:
    """Which files were verified, at which size and time of change.

    A convenience for warm starts, not a guard against somebody who can write the disk.
    """

    def __init__(self, path: Path, seen: dict[str, list[Any]]) -> None:
        self._path = path
        self._seen = seen
        self._added: dict[str, list[Any]] = {}

    @classmethod
    def read(cls, path: Path) -> "Stamps":
        """Read the stamp file; a missing or damaged one counts as empty."""
        try:
            seen = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            seen = {}
        return cls(path, seen if isinstance(seen, dict) else {})

    def holds(self, path: Path, sha256: str) -> bool:
        """Tell whether ``path`` was verified as ``sha256`` and is unchanged since."""
        return self._seen.get(str(path.resolve())) == _stamp(path, sha256)

    def add(self, path: Path, sha256: str) -> None:
        """Remember that ``path`` was verified."""
        self._added[str(path.resolve())] = _stamp(path, sha256)

    def write(self) -> None:
        """Write the stamps atomically, beside those another process wrote meanwhile."""
        if not self._added:
            return
        seen = {**Stamps.read(self._path)._seen, **self._added}
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(seen), encoding="utf-8")
        draft.replace(self._path)


def _stamp(path: Path, sha256: str) -> list[Any]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, sha256]
