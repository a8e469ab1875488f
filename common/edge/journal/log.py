"""The journal: one chained line per prediction or decision, appended so that none is lost."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from common.edge.errors import JournalError, UsageError
from common.edge.journal.chain import (
    HEAD,
    LOCK,
    PENDING,
    PURGED,
    Head,
    Segment,
    Tombstone,
    announced,
    bury,
    cut_torn,
    dumps,
    last_line,
    read_head,
    read_tombstones,
    seal,
    segments,
    sync_folder,
    tombstones_text,
    write_atomically,
)
from common.edge.journal.check import verify
from common.edge.journal.entries import Batch, Decision, Settings

__all__ = ["Journal"]

_HEAD_BYTES = 256
# fdatasync leaves out the file's times, which nobody needs, and is twice as fast.
_sync = getattr(os, "fdatasync", os.fsync)


@dataclass
class _Ticket:
    """Lines that a thread waits for; the first thread in line writes everybody's."""

    bodies: Sequence[str]
    inputs: Sequence[str]
    numbers: range | None = None
    error: Exception | None = None


@dataclass
class _Open:
    """The segment that is written to."""

    segment: Segment
    lines: int
    inputs: int

    def close(self) -> None:
        os.close(self.lines)
        os.close(self.inputs)


class Journal:
    """A folder of hash-chained lines, safe to share between threads and processes.

    Each line holds the sha256 of the one before. Calls of several threads are written and
    synced together; processes take turns with a file lock. Open it after a fork, not before:
    a lock that parent and child inherit together keeps neither out.

    Parameters
    ----------
    folder
        Where it is; made if it is not there.
    settings
        What is kept, how it is synced.
    clock
        Gives the time, aware and UTC.
    """

    def __init__(
        self,
        folder: Path | str,
        settings: Settings | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = Path(folder)
        self.settings = settings or Settings()
        self._clock = clock
        self._waiting: list[_Ticket] = []
        self._queue, self._writing = threading.Lock(), threading.Lock()
        self._head, self._open = Head(), None  # type: Head, _Open | None
        with _explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
            self._head_file = os.open(self.folder / HEAD, os.O_RDWR | os.O_CREAT, 0o640)
            self._written_head = b""

    def append(self, batch: Batch) -> range:
        """Write one line per row; they are durable when this returns.

        Returns
        -------
        range
            The numbers of the lines, by which they are asked for later.

        Raises
        ------
        JournalError
            The disk is full or not writable; nothing of the batch is left.
        """
        return self.append_all([batch])[0]

    def append_all(self, batches: Sequence[Batch]) -> list[range]:
        """Write the lines of several calls; all are synced together.

        Returns
        -------
        list of range
            The numbers of each batch's lines.

        Raises
        ------
        JournalError
            As for `append`; nothing of any of the batches is left.
        """
        now = self._now()
        keep = self.settings.keep
        return self._commit([_Ticket(*batch.lines(now, keep)) for batch in batches])

    def decide(self, number: int, decision: Decision) -> int:
        """Write what an agent decided on the prediction of line ``number``.

        Returns
        -------
        int
            The number of the decision's own line.

        Raises
        ------
        UsageError
            No line of that number was ever written.
        """
        if not 1 <= number <= self.head().number:
            raise UsageError(
                f"no line {number} in the journal", expected=f"1 to {self.head().number}"
            )
        body = decision.body(number, self._now(), texts=self.settings.keep == "all")
        return self._commit([_Ticket([body], [])])[0][0]

    def head(self) -> Head:
        """Return where the journal ends: note it elsewhere to prove later that it stood so."""
        with self._writing, self._locked():
            self._refresh()
            return self._head

    def purge(self, before: date, *, despite_findings: bool = False) -> tuple[Tombstone, ...]:
        """Drop the segments of days before ``before``, oldest first, and leave tombstones.

        A line of the chain holds the hash of the tombstones, so that they cannot be
        changed either. Killed at any point, the purge is either not begun or is finished
        at the next opening. The segment in use is never dropped.

        Parameters
        ----------
        before
            First UTC day to keep.
        despite_findings
            Purge although the chain is broken; the purge's line says so.

        Returns
        -------
        tuple of Tombstone
            Those of this purge.

        Raises
        ------
        JournalError
            The journal does not verify: a purge would remove the evidence.
        """
        with self._writing, self._locked():
            self._refresh()
            findings = verify(self.folder).findings
            if findings and not despite_findings:
                raise JournalError(
                    f"the journal does not verify: {findings[0].text}",
                    expected="an intact chain before anything is removed",
                    remedy="keep a copy as evidence, then purge with despite_findings",
                )
            doomed = []
            for segment in segments(self.folder):
                if segment.day >= before or segment.number >= self._head.segment:
                    break
                doomed.append(segment)
            stones = tuple(bury(segment) for segment in doomed)
            if stones:
                self._bury(stones, before, len(findings))
            return stones

    def drop_inputs(self, before: date) -> int:
        """Drop the kept inputs of days before ``before``; the chain is not touched.

        Returns
        -------
        int
            Number of files dropped.
        """
        with self._writing, self._locked():
            self._refresh()
            old = [item for item in segments(self.folder) if item.day < before]
            files = [item.inputs for item in old if item.number < self._head.segment]
            dropped = [path for path in files if path.exists()]
            for path in dropped:
                path.unlink()
            sync_folder(self.folder)
        return len(dropped)

    def close(self) -> None:
        """Let the files go; lines are already durable."""
        with self._writing:
            if self._open:
                self._open.close()
                self._open = None
            os.close(self._lock)
            os.close(self._head_file)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"

    def _commit(self, tickets: list[_Ticket]) -> list[range]:
        """Queue the lines; whoever enters first writes for all that wait (group commit)."""
        with self._queue:
            self._waiting += tickets
        with self._writing:
            with self._queue:
                group, self._waiting = self._waiting, []
            if group:
                self._write_group(group)
        numbers = []
        for ticket in tickets:
            if ticket.error is not None:
                raise ticket.error
            if ticket.numbers is None:
                raise JournalError(
                    "lines that nobody wrote", remedy="report this as a fault of Aune"
                )
            numbers.append(ticket.numbers)
        return numbers

    def _write_group(self, group: list[_Ticket]) -> None:
        try:
            with _explained(self.folder), self._locked():
                self._refresh()
                kept = [line for ticket in group for line in ticket.inputs]
                first = self._extend([body for item in group for body in item.bodies], kept)
        except Exception as error:  # noqa: BLE001 - handed to every thread that waits
            for ticket in group:
                ticket.error = error
            return
        for ticket in group:
            ticket.numbers = range(first, first + len(ticket.bodies))
            first += len(ticket.bodies)

    def _extend(self, bodies: Sequence[str], kept: Sequence[str] = ()) -> int:
        """Write lines, sync them, then move the head; on failure leave the file as it was."""
        opened = self._current()
        head, lines = self._head, []
        number, previous = head.number, head.sha256
        for body in bodies:
            number += 1
            line, previous = seal(number, previous, body)
            lines.append(line)
        data = b"".join(lines)
        size, kept_size = head.size, os.fstat(opened.inputs).st_size
        try:
            if kept:
                _write_all(opened.inputs, "".join(kept).encode())
            _write_all(opened.lines, data)
            if self.settings.sync == "batch":
                if kept:
                    _sync(opened.inputs)
                _sync(opened.lines)
        except OSError:
            os.ftruncate(opened.lines, size)
            os.ftruncate(opened.inputs, kept_size)
            raise
        self._move_head(Head(number, previous, opened.segment.number, size + len(data)))
        return head.number + 1

    def _move_head(self, head: Head) -> None:
        raw = head.to_bytes()
        os.pwrite(self._head_file, raw, 0)
        self._head, self._written_head = head, raw

    def _current(self) -> _Open:
        """Return the segment to write to, a new one where the day or the size asks for it."""
        today = self._clock().astimezone(UTC).date()
        opened = self._open
        full = self._head.size >= self.settings.segment_bytes
        if opened is None or full or opened.segment.day != today:
            segment = Segment(self._head.segment + 1, today, self.folder)
            opened = self._open_segment(segment)
            sync_folder(self.folder)
            self._head = Head(self._head.number, self._head.sha256, segment.number, 0)
        return opened

    def _open_segment(self, segment: Segment) -> _Open:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        lines = os.open(segment.path, flags, 0o640)
        inputs = os.open(segment.inputs, flags, 0o640)
        if self._open:
            self._open.close()
        self._open = _Open(segment, lines, inputs)
        return self._open

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _refresh(self) -> None:
        """Find the end again where another process, a crash or somebody moved it."""
        raw = os.pread(self._head_file, _HEAD_BYTES, 0)
        if raw == self._written_head and self._open:
            state = os.fstat(self._open.lines)
            if state.st_size == self._head.size and state.st_nlink:
                return
        with _explained(self.folder):
            self._recover(raw)

    def _recover(self, raw: bytes) -> None:
        """Take up the chain where its files end; what is missing is written into it."""
        self._finish_purge()
        noted, found = read_head(raw), last_line(self.folder)
        repair: dict[str, Any] = {}
        torn = self._reopen(found)
        if torn:
            repair["cut_bytes"] = torn
        if noted is None and (raw or found.number):
            repair["head"] = "damaged" if raw else "missing"
        number = found.number
        if noted is not None and noted.number > found.number:
            repair |= {"lost": [found.number + 1, noted.number], "lost_sha256": noted.sha256}
            number = noted.number
        newest = max([found.segment, *(item.number for item in segments(self.folder))])
        size = found.size if self._open else 0
        self._head = Head(number, found.sha256, newest, size)
        if repair:
            self._extend([dumps({"kind": "repair", "at": self._now()} | repair)])
        else:
            self._move_head(self._head)

    def _reopen(self, found: Head) -> int:
        """Open the last segment without its torn tail; return the number of bytes cut.

        Only bytes after the last newline are cut: they were never acknowledged. A whole
        line that cannot be read stays, for `verify` to name it.
        """
        if self._open:
            self._open.close()
            self._open = None
        torn = 0
        for segment in segments(self.folder):
            if segment.number < found.segment:
                continue
            torn += cut_torn(segment.path)
            if segment.inputs.exists():
                cut_torn(segment.inputs)
            if segment.number > found.segment and not segment.path.stat().st_size:
                segment.path.unlink()
                segment.inputs.unlink(missing_ok=True)
        live = segments(self.folder)
        if live and live[-1].number == found.segment:
            self._open_segment(live[-1])
        return torn

    def _bury(self, stones: tuple[Tombstone, ...], before: date, findings: int) -> None:
        """Write the tombstones aside, their hash into the chain, then let the segments go."""
        former = self.folder / PURGED
        earlier = read_tombstones(former.read_bytes()) if former.exists() else ()
        text = tombstones_text((*earlier, *stones))
        write_atomically(self.folder / PENDING, text)
        body = {
            "kind": "purge",
            "at": self._now(),
            "before": str(before),
            "first": stones[0].first,
            "last": stones[-1].last,
            "findings": findings,
            "tombstones": hashlib.sha256(text).hexdigest(),
        }
        self._extend([dumps(body)])
        self._finish_purge()

    def _finish_purge(self) -> None:
        """Complete a purge whose line is in the chain; forget one whose line is not."""
        pending = self.folder / PENDING
        if pending.exists():
            digest = hashlib.sha256(pending.read_bytes()).hexdigest()
            if announced(self.folder, digest):
                pending.replace(self.folder / PURGED)
            else:
                pending.unlink()
            sync_folder(self.folder)
        purged = self.folder / PURGED
        if not purged.exists():
            return
        last = max(stone.segment for stone in read_tombstones(purged.read_bytes()))
        for segment in segments(self.folder):
            if segment.number <= last:
                segment.inputs.unlink(missing_ok=True)
                segment.path.unlink()
        sync_folder(self.folder)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn the system's refusals into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise JournalError(
            f"{folder}: {error.strerror or error}",
            expected="a local folder that this account may write, with room on its disk",
            remedy="free some room or give another folder; what was acknowledged is still there",
        ) from error
