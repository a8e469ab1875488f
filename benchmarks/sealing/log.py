"""The append-only log of a pack: who handed in what, when, each line chained to the one before.

A line is canonical JSON (`benchmarks.sealing.digests.canonical_json`) of ``n``, ``time``,
``event``, ``facts``, ``previous`` and ``hash``; ``hash`` is the SHA-256 of the same without
``hash``, and ``previous`` the hash of the line before (64 zeros for the first). Changing, removing
or inserting a line breaks every later one. Cutting the end off, or rewriting the whole, cannot be
seen from the log alone: the head is therefore printed on every report and can be published.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path
from typing import Any

from benchmarks.sealing.digests import canonical_json, json_digest
from common.edge.errors import IntegrityError, UsageError

__all__ = ["EVENTS", "Line", "Log"]

EVENTS = ("pack", "submission", "opened", "scored", "revealed")
START = "0" * 64
MAX_LINE_BYTES = 2**20
MAX_LOG_BYTES = 64 * 2**20

Guard = Callable[[tuple["Line", ...]], Mapping[str, Any]]


@dataclass(frozen=True)
class Line:
    """One event.

    Parameters
    ----------
    n
        Number of the line, from 1.
    time
        ISO 8601 UTC.
    event
        One of `EVENTS`.
    facts
        Text and nested text; numbers are kept as printed.
    previous, hash
        Of the line before, and of this one.
    """

    n: int
    time: str
    event: str
    facts: Mapping[str, Any]
    previous: str
    hash: str = ""

    @property
    def body(self) -> dict[str, Any]:
        """What is hashed."""
        return {
            "n": self.n,
            "time": self.time,
            "event": self.event,
            "facts": dict(self.facts),
            "previous": self.previous,
        }

    @property
    def text(self) -> bytes:
        """The line as it stands in the file, without its newline."""
        return canonical_json({**self.body, "hash": self.hash})


class Log:
    """The log of one pack, in a file that only grows.

    Parameters
    ----------
    path
        ``submissions.jsonl``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> tuple[Line, ...]:
        """Return every line, after checking the chain from the first to the last.

        Raises
        ------
        IntegrityError
            The file is missing, torn or altered; the text names the first bad line.
        """
        try:
            with self.path.open("rb") as file:
                return _parse(file.read(MAX_LOG_BYTES + 1))
        except OSError as error:
            raise IntegrityError(
                f"{self.path.name}: {error.strerror}", expected="the log of the pack"
            ) from error

    @property
    def head(self) -> str:
        """Hash of the last line: what a report prints."""
        lines = self.lines()
        return lines[-1].hash if lines else START

    def append(
        self, event: str, facts: Mapping[str, Any] | Guard, *, now: datetime | None = None
    ) -> Line:
        """Add a line under an exclusive lock, flushed to the disk before this returns.

        Parameters
        ----------
        event
            One of `EVENTS`.
        facts
            What to say, or a function of the lines so far that returns it; the function runs
            under the lock and may refuse by raising.
        now
            Time to record; the clock's by default.

        Raises
        ------
        UsageError
            An unknown event, or facts too long for a line.
        IntegrityError
            The log is damaged: nothing is added to a broken chain.
        """
        if event not in EVENTS:
            raise UsageError(f"event {event!r}", expected="one of " + ", ".join(EVENTS))
        with self._turn() as file:
            lines = _parse(file.read(MAX_LOG_BYTES + 1))
            said = facts(lines) if callable(facts) else facts
            line = _next(lines, event, said, now or datetime.now(UTC))
            if len(line.text) > MAX_LINE_BYTES:
                raise UsageError(f"a log line of {len(line.text)} bytes", expected="under 1 MiB")
            file.seek(0, os.SEEK_END)
            file.write(line.text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return line

    @contextmanager
    def _turn(self) -> Iterator[BufferedRandom]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _next(lines: tuple[Line, ...], event: str, facts: Mapping[str, Any], now: datetime) -> Line:
    draft = Line(
        n=len(lines) + 1,
        time=now.astimezone(UTC).isoformat(timespec="seconds"),
        event=event,
        facts=json.loads(canonical_json(facts)),
        previous=lines[-1].hash if lines else START,
    )
    return Line(**{**vars(draft), "hash": json_digest(draft.body)})


def _parse(data: bytes) -> tuple[Line, ...]:
    if len(data) > MAX_LOG_BYTES:
        raise IntegrityError("the log is too large", expected=f"at most {MAX_LOG_BYTES} bytes")
    if data and not data.endswith(b"\n"):
        number = data.count(b"\n") + 1
        raise IntegrityError(
            f"the last line of the log (line {number}) is torn",
            expected="a line that ends with a newline",
            remedy="a write was cut short: restore the log from its copy; do not mend it by hand",
        )
    lines: list[Line] = []
    for number, text in enumerate(data.split(b"\n")[:-1], start=1):
        lines.append(_line(number, text, lines[-1].hash if lines else START))
    return tuple(lines)


def _line(number: int, text: bytes, previous: str) -> Line:
    try:
        raw = json.loads(text)
        line = Line(**{**raw, "n": int(raw["n"])})
        whole = line.text == text and line.hash == json_digest(line.body)
    except (ValueError, TypeError, KeyError, RecursionError, UsageError):
        whole = False
    if not whole or line.n != number or line.previous != previous or line.event not in EVENTS:
        raise IntegrityError(
            f"line {number} of the log was altered, moved or inserted",
            expected=f"line {number}, chained to {previous[:12]}…",
            remedy="compare with a copy of the log; everything from this line on is in doubt",
        )
    return line
