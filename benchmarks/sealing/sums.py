"""SHA256SUMS of folders too large to hold in memory, in the format of coreutils."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.sealing.vault import read_bounded
from common.edge.errors import ChecksumError, UsageError
from common.edge.signature import SUMS
from common.lab.stamps import sha256_of

__all__ = ["Damage", "differences", "file_digests", "read_sums", "write_sums"]

MAX_SUMS_BYTES = 16 * 2**20


_FRENCH = {"missing": "manque", "added": "a été ajouté", "changed": "a été modifié"}


@dataclass(frozen=True)
class Damage:
    """What became of a file since it was recorded.

    Parameters
    ----------
    name
        Its path below the folder.
    state
        ``missing``, ``added`` or ``changed``.
    """

    name: str
    state: Literal["missing", "added", "changed"]

    @property
    def french(self) -> str:
        """In French words."""
        return f"{self.name} {_FRENCH[self.state]}"

    def under(self, folder: str) -> "Damage":
        """Return it with the path below a folder further up."""
        return Damage(f"{folder}/{self.name}", self.state)


def file_digests(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder, by its relative name, sorted.

    A link is never followed: it is named with a digest that no file has.
    """
    return {
        path.relative_to(folder).as_posix(): "link" if path.is_symlink() else sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS over every file below a folder; check it with ``sha256sum -c``."""
    digests = file_digests(folder)
    digests.pop(SUMS, None)
    lines = [f"{digest}  {name}\n" for name, digest in digests.items()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """Return what a folder's SHA256SUMS says, name to digest.

    Raises
    ------
    ChecksumError
        It is missing or cannot be read.
    """
    try:
        lines = read_bounded(folder / SUMS, MAX_SUMS_BYTES).decode().splitlines()
        pairs = [line.split("  ", 1) for line in lines]
        return {name: digest for digest, name in pairs}
    except (ValueError, UsageError) as error:
        raise ChecksumError(
            f"{folder.name}/{SUMS} cannot be read", expected="lines of `sha256sum`"
        ) from error


def differences(sealed: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Damage]:
    """Yield what became of files.

    >>> [damage.french for damage in differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})]
    ['a manque', 'b a été modifié', 'c a été ajouté']
    """
    for name in sorted(sealed.keys() | found.keys()):
        if name not in found:
            yield Damage(name, "missing")
        elif name not in sealed:
            yield Damage(name, "added")
        elif sealed[name] != found[name]:
            yield Damage(name, "changed")
