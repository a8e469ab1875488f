"""A file handed in by a stranger: opened without following links, named by its first bytes."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from common.lab.contest import rules
from common.lab.contest.tally import Tally
from common.lab.pages import french

__all__ = ["LIMITS", "Handed", "Limits", "handed"]

_MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds that keep a hostile file from taking the machine.

    Parameters
    ----------
    file_bytes
        Of the file: 5 million rows of eight columns take 0.5 GB in CSV.
    line_bytes
        Of a line of text.
    block_bytes
        Read at a time; what is decoded from it takes about ten times that.
    columns
        Of the file, read or not.
    ragged_rows
        After which a text file is no longer read.
    row_groups, footer_bytes, group_bytes, plain_bytes
        Of a Parquet file: groups, metadata, a group and the whole once decompressed.
    """

    file_bytes: int = 2048 * _MIB
    line_bytes: int = 64 * 1024
    block_bytes: int = 4 * _MIB
    columns: int = 256
    ragged_rows: int = 1000
    row_groups: int = 10_000
    footer_bytes: int = 16 * _MIB
    group_bytes: int = 512 * _MIB
    plain_bytes: int = 4096 * _MIB


LIMITS = Limits()
"""What a file is held to unless told otherwise."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "une archive zip ou un classeur (xlsx, ods)"),
    (b"PK\x05\x06", "une archive zip vide"),
    (b"\x1f\x8b", "un fichier gzip"),
    (b"BZh", "un fichier bzip2"),
    (b"\xfd7zXZ", "un fichier xz"),
    (b"\x28\xb5\x2f\xfd", "un fichier zstd"),
    (b"7z\xbc\xaf", "une archive 7z"),
    (b"Rar!", "une archive rar"),
    (b"\xd0\xcf\x11\xe0", "un ancien classeur (xls)"),
    (b"%PDF", "un PDF"),
    (b"ARROW1", "un fichier Arrow"),
    (b"\x93NUMPY", "un tableau NumPy"),
    (b"\x7fELF", "un programme"),
)
_WIDE: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)


@dataclass
class Handed:
    """An ordinary file, open for reading, of a kind that we read.

    Parameters
    ----------
    stream
        At its start; not buffered.
    kind
        ``csv`` or ``parquet``, by the first bytes and never by the name.
    sha256
        Of the bytes as received.
    n_bytes
        Size.
    """

    stream: BinaryIO
    kind: Literal["csv", "parquet"]
    sha256: str
    n_bytes: int


@contextmanager
def handed(path: Path, limits: Limits, tally: Tally) -> Iterator[Handed | str]:
    """Open a file handed in, or say in ``tally`` why not and give its sha256 (or nothing).

    Links are not followed; a pipe or a device is not waited for. The file is read once to be
    hashed and must not have changed when the reader is done with it.
    """
    descriptor = _descriptor(path, tally)
    if descriptor is None:
        yield ""
        return
    before = os.fstat(descriptor)
    if not _ordinary(path, before, limits, tally):
        os.close(descriptor)
        yield ""
        return
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        kind = _kind(stream, path, tally)
        if kind is None:
            yield digest
            return
        yield Handed(stream, kind, digest, before.st_size)
        after = os.fstat(descriptor)
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            tally.note(rules.CHANGED, path.name)


def _descriptor(path: Path, tally: Tally) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        what = "lien symbolique" if path.is_symlink() else type(error).__name__
        tally.note(rules.SPECIAL_FILE, f"{path.name} : {what}")
        return None


def _ordinary(path: Path, status: os.stat_result, limits: Limits, tally: Tally) -> bool:
    if not stat.S_ISREG(status.st_mode):
        what = "dossier" if stat.S_ISDIR(status.st_mode) else "tube ou périphérique"
        tally.note(rules.SPECIAL_FILE, f"{path.name} : {what}")
    elif status.st_size > limits.file_bytes:
        mib = french.quantity(status.st_size / _MIB, "Mio", 0)
        limit = french.quantity(limits.file_bytes / _MIB, "Mio", 0)
        tally.note(rules.SIZE, f"{mib}, limite {limit}")
    elif not status.st_size:
        tally.note(rules.EMPTY)
    else:
        return True
    return False


def _kind(stream: BinaryIO, path: Path, tally: Tally) -> Literal["csv", "parquet"] | None:
    stream.seek(0)
    head = stream.read(8)
    stream.seek(0)
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, what in _MAGIC:
        if head.startswith(magic):
            tally.note(rules.COMPRESSED, what)
            return None
    for mark, encoding in _WIDE:
        if head.startswith(mark):
            tally.note(rules.ENCODING, f"{encoding} d'après ses premiers octets")
            return None
    if path.suffix.lower() in (".parquet", ".pq"):
        tally.note(rules.PARQUET, "les premiers octets ne sont pas ceux d'un fichier Parquet")
        return None
    return "csv"
