"""The files of the journal: chained lines, segments, the head, tombstones of what was purged."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from common.edge.errors import JournalError

__all__ = [
    "GENESIS",
    "HEAD",
    "LOCK",
    "PENDING",
    "PURGED",
    "Head",
    "Line",
    "Segment",
    "Tombstone",
    "announced",
    "bury",
    "cut_torn",
    "dumps",
    "last_line",
    "parse",
    "read_head",
    "read_lines",
    "read_lines_back",
    "read_tombstones",
    "seal",
    "segments",
    "sync_folder",
    "tombstones_text",
    "write_atomically",
]

GENESIS = "0" * 64
HEAD, LOCK, PURGED, PENDING = "head", "lock", "purged.json", "purged.json.pending"
_SEGMENT = re.compile(r"(\d{6,})_(\d{4}-\d{2}-\d{2})\.jsonl", re.A)
_BLOCK_BYTES = 65_536
_SHA256 = re.compile(r"[0-9a-f]{64}", re.A)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dumps(value: Mapping[str, Any]) -> str:
    """Return compact JSON, keys in their given order; NaN is refused."""
    return _encode(value)


@dataclass(frozen=True)
class Line:
    """A line as it stands in a segment.

    Parameters
    ----------
    number
        Position in the journal, from 1; None where the line cannot be read.
    previous
        sha256 of the line before it, as this line says.
    sha256
        Of the line's own bytes, newline left out.
    body
        The parsed object.
    """

    number: int | None
    previous: str
    sha256: str
    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """``prediction``, ``decision``, ``purge`` or ``repair``."""
        return str(self.body.get("kind", ""))


def seal(number: int, previous: str, body: str) -> tuple[bytes, str]:
    """Return a line with its number and the hash of the line before, and its own hash.

    Parameters
    ----------
    number
        Position in the journal.
    previous
        sha256 of the line before, `GENESIS` for the first.
    body
        JSON object of at least one key, as `dumps` writes it.

    Examples
    --------
    >>> line, digest = seal(1, GENESIS, '{"kind":"repair"}')
    >>> line[:18], digest == hashlib.sha256(line[:-1]).hexdigest()
    (b'{"n":1,"prev":"000', True)
    """
    text = f'{{"n":{number},"prev":"{previous}",{body[1:]}'.encode()
    return text + b"\n", hashlib.sha256(text).hexdigest()


def parse(raw: bytes) -> Line:
    """Read a line without its newline; one that cannot be read has no number."""
    digest = hashlib.sha256(raw).hexdigest()
    try:
        body = json.loads(raw)
        number, previous = body["n"], body["prev"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Line(None, "", digest, {})
    if type(number) is not int or number < 1 or not isinstance(previous, str):
        return Line(None, "", digest, {})
    return Line(number, previous, digest, body)


@dataclass(frozen=True, order=True)
class Segment:
    """A file of lines: ``<number>_<UTC day>.jsonl``, with kept inputs beside it.

    Parameters
    ----------
    number
        From 1, without gap.
    day
        UTC day of its first line.
    folder
        The journal's folder.
    """

    number: int
    day: date
    folder: Path

    @property
    def path(self) -> Path:
        """Where its lines are."""
        return self.folder / f"{self.number:06d}_{self.day}.jsonl"

    @property
    def inputs(self) -> Path:
        """Where the inputs kept for its lines are; outside the chain, which holds their hash."""
        return self.path.with_suffix(".inputs")


def segments(folder: Path) -> list[Segment]:
    """Return the segments that are there, the oldest first."""
    found = []
    for path in folder.glob("*.jsonl"):
        if match := _SEGMENT.fullmatch(path.name):
            try:
                day = date.fromisoformat(match[2])
            except ValueError:
                continue
            found.append(Segment(int(match[1]), day, folder))
    return sorted(found)


def read_lines(path: Path, start: int = 0) -> Iterator[tuple[int, Line]]:
    """Yield (end offset, line) for each whole line from byte ``start``; a torn tail is left out."""
    with path.open("rb") as handle:
        handle.seek(start)
        offset = start
        for raw in handle:
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            yield offset, parse(raw[:-1])


def read_lines_back(path: Path) -> Iterator[tuple[int, Line]]:
    """Yield (end offset, line) as `read_lines` does, the last line first.

    The end of a journal is found without reading the 64 MB before it: a server that starts
    again waits for that, and keeps as much in memory.
    """
    with path.open("rb") as handle:
        position = handle.seek(0, os.SEEK_END)
        end, rest, is_torn, block = position, b"", True, _BLOCK_BYTES
        while position:
            step = min(block, position)
            position = handle.seek(position - step)
            first, *lines = (handle.read(step) + rest).split(b"\n")
            if not lines:
                rest, block = first, 2 * block  # a long line is read a few times, not many
                continue
            if is_torn:
                end -= len(lines[-1])
                is_torn = False
            for raw in reversed(lines[:-1]):
                yield end, parse(raw)
                end -= len(raw) + 1
            rest = first + b"\n"
        if not is_torn:
            yield end, parse(rest[:-1])


@dataclass(frozen=True)
class Head:
    """Where the journal ended after the last acknowledged batch.

    The chain alone cannot show that its last lines were cut off; the head can. It is
    written after the lines are durable, so it is never ahead of them.

    Parameters
    ----------
    number
        Last line, 0 for none.
    sha256
        Its hash.
    segment
        Number of the segment that holds it, 0 for none.
    size
        Bytes of that segment.
    """

    number: int = 0
    sha256: str = GENESIS
    segment: int = 0
    size: int = 0

    def to_bytes(self) -> bytes:
        """Return one line of fixed length, so that overwriting it leaves no rest."""
        text = dumps(vars(self))
        check = hashlib.sha256(text.encode()).hexdigest()[:16]
        return f"{check} {text}".ljust(255).encode() + b"\n"


def read_head(raw: bytes) -> Head | None:
    """Read a head; None where it is empty, torn or damaged.

    >>> read_head(Head(7, "ab" * 32, 2, 4096).to_bytes()).number
    7
    >>> read_head(b"torn") is None
    True
    """
    check, _, text = raw.decode("utf-8", errors="replace").strip().partition(" ")
    if not check or hashlib.sha256(text.encode()).hexdigest()[:16] != check:
        return None
    return Head(**json.loads(text))


@dataclass(frozen=True)
class Tombstone:
    """What is left of a purged segment: enough to carry the chain on and to count.

    Parameters
    ----------
    segment
        Its number.
    day
        Its UTC day, ISO 8601.
    first, last
        Numbers of its first and last lines.
    lines
        How many lines of each kind.
    first_previous
        Hash that its first line held.
    last_sha256
        Hash of its last line, which the first line of the next segment holds.
    file_sha256
        Hash of the file: an archived copy can still be proven genuine.
    """

    segment: int
    day: str
    first: int
    last: int
    lines: Mapping[str, int]
    first_previous: str
    last_sha256: str
    file_sha256: str

    def __post_init__(self) -> None:
        hashes = (self.first_previous, self.last_sha256, self.file_sha256)
        whole = 1 <= self.first <= self.last and sum(self.lines.values()) >= 1
        if not whole or not all(_SHA256.fullmatch(value) for value in hashes):
            raise JournalError(
                f"tombstone of segment {self.segment}: lines {self.first} to {self.last}",
                expected="first line at least 1, last not before it, hashes of 64 hex digits",
            )


def tombstones_text(stones: tuple[Tombstone, ...]) -> bytes:
    """Return ``purged.json``, keys sorted: the same tombstones give the same bytes."""
    rows = [asdict(stone) for stone in stones]
    return (json.dumps({"schema": 1, "purged": rows}, indent=1, sort_keys=True) + "\n").encode()


def read_tombstones(text: bytes) -> tuple[Tombstone, ...]:
    """Read ``purged.json``.

    Raises
    ------
    JournalError
        It is not what `tombstones_text` writes.
    """
    try:
        stones = tuple(Tombstone(**row) for row in json.loads(text)["purged"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JournalError(
            f"{PURGED} cannot be read: {error}",
            expected="the tombstones that aune journal purge writes",
            remedy="take it back from a backup: without it the chain has no beginning",
        ) from error
    if tombstones_text(stones) != text:
        raise JournalError(f"{PURGED} was edited", expected="the bytes that aune wrote")
    return stones


def sync_folder(folder: Path) -> None:
    """Make creations, renames and removals in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old bytes or the new ones."""
    staged = path.with_name(f".{path.name}.new")
    with staged.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    staged.replace(path)
    sync_folder(path.parent)


def last_line(folder: Path) -> Head:
    """Return where the chain ends by its files: the last whole line that can be read."""
    for segment in reversed(segments(folder)):
        size = 0
        for end, line in read_lines_back(segment.path):
            size = size or end
            if line.number is not None:
                return Head(line.number, line.sha256, segment.number, size)
    purged = folder / PURGED
    if purged.exists():
        stone = read_tombstones(purged.read_bytes())[-1]
        return Head(stone.last, stone.last_sha256, stone.segment, 0)
    return Head(0, GENESIS, 0, 0)


def bury(segment: Segment) -> Tombstone:
    """Return the tombstone of a segment that is about to go.

    Raises
    ------
    JournalError
        No line of it can be read.
    """
    kinds: Counter[str] = Counter()
    numbered = []
    for _, line in read_lines(segment.path):
        kinds[line.kind] += 1
        if line.number is not None:
            numbered.append((line.number, line.previous, line.sha256))
    if not numbered:
        raise JournalError(
            f"{segment.path.name} holds no line that can be read",
            expected="a segment as Aune writes it",
            remedy="run aune journal verify and keep a copy before anything else",
        )
    return Tombstone(
        segment=segment.number,
        day=str(segment.day),
        first=numbered[0][0],
        last=numbered[-1][0],
        lines=dict(sorted(kinds.items())),
        first_previous=numbered[0][1],
        last_sha256=numbered[-1][2],
        file_sha256=hashlib.sha256(segment.path.read_bytes()).hexdigest(),
    )


def announced(folder: Path, digest: str) -> bool:
    """Say whether a purge line of the chain holds this hash of tombstones."""
    return any(
        line.kind == "purge" and line.body.get("tombstones") == digest
        for segment in segments(folder)
        for _, line in read_lines(segment.path)
    )


def cut_torn(path: Path) -> int:
    """Cut what follows the last newline; return how many bytes."""
    size = path.stat().st_size
    whole = next((end for end, _ in read_lines_back(path)), 0)
    if whole != size:
        os.truncate(path, whole)
    return size - whole
