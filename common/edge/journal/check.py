"""Verify a journal: find and name every line that was changed, removed, inserted or moved."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.edge.errors import JournalError
from common.edge.journal.chain import (
    GENESIS,
    HEAD,
    PENDING,
    PURGED,
    Head,
    Line,
    Tombstone,
    read_head,
    read_lines,
    read_tombstones,
    segments,
)
from common.edge.journal.entries import unpack_inputs

__all__ = ["Finding", "Verification", "verify"]


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written.

    Parameters
    ----------
    kind
        ``changed``, ``removed``, ``inserted``, ``moved``, ``unreadable``, ``tombstones``,
        ``head`` or ``inputs``.
    first, last
        Numbers of the lines concerned; 0 where there is none.
    text
        One French sentence.
    """

    kind: str
    first: int
    last: int
    text: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Parameters
    ----------
    lines
        Lines that are there, of any kind.
    purged
        Lines that were purged, counted from the tombstones.
    last, sha256
        Number and hash of the last line: noted elsewhere, they date the whole journal.
    kept
        Kept inputs that were compared with their hash.
    findings
        Empty where the journal is intact.
    notes
        Harmless events, in French: a torn tail, a purge to be finished.
    """

    lines: int
    purged: int
    last: int
    sha256: str
    kept: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass
class _Walk:
    """State of the walk along the chain; ``tip`` is the line of the highest number so far.

    A line is confirmed by the one after it, which holds its hash, and the last one by the
    head. The lines that nothing confirms are the changed ones: one alone is named exactly;
    of two that follow each other at least one was changed (the hash that a line holds of
    the one before is part of it).
    """

    number: int = 0
    sha256: str = GENESIS
    lines: int = 0
    unconfirmed: list[int] = field(default_factory=list)
    missing: list[tuple[int, int]] = field(default_factory=list)
    strays: list[tuple[int, str]] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    marks: dict[int, str] = field(default_factory=dict)

    def step(self, line: Line, place: str) -> None:
        self.lines += 1
        number = line.number
        if number is None:
            self._add("unreadable", 0, 0, f"{place} : ligne illisible.")
            return
        if number <= self.number:
            self.strays.append((number, place))
            return
        if number in self.marks:
            self.marks[number] = line.sha256
        declared = self._declared_loss(line)
        if number > self.number + 1 and not declared:
            self.missing.append((self.number + 1, number - 1))
        elif line.previous != self.sha256:
            self.unconfirmed.append(self.number)
        self.number, self.sha256 = number, line.sha256
        if line.kind == "purge":
            self.announced.append(str(line.body.get("tombstones", "")))

    def _declared_loss(self, line: Line) -> bool:
        """Take note of what an opening of the journal had to repair."""
        if line.kind != "repair" or line.number is None:
            return False
        if cut := line.body.get("cut_bytes"):
            self.notes.append(
                f"ligne {line.number} : {cut} octets d'une écriture interrompue retirés."
            )
        if state := line.body.get("head"):
            word = "absent" if state == "missing" else "endommagé"
            self._add("head", 0, 0, f"Ligne {line.number} : le repère de fin a été trouvé {word}.")
        lost = line.body.get("lost")
        if not lost:
            return False
        first, last = lost
        self._add(
            "removed",
            first,
            last,
            f"{_lines(first, last)} : perte ou suppression constatée à la ligne {line.number}.",
        )
        return bool(first == self.number + 1 and last == line.number - 1)

    def _add(self, kind: str, first: int, last: int, text: str) -> None:
        self.findings.append(Finding(kind, first, last, text))

    def end(self, head: Head | None) -> None:
        """Compare with the head, then name what the walk met."""
        if head is not None and head.number > self.number:
            self.missing.append((self.number + 1, head.number))
        if head is not None and head.number <= self.number:
            seen = self.marks.get(head.number, GENESIS)
            if head.number and seen and seen != head.sha256:
                self.unconfirmed.append(head.number)
        self._name_changed()
        self._name_strays()
        for first, last in self.missing:
            self._add(
                "removed", first, last, f"{_lines(first, last)} : supprimée{_s(first, last)}."
            )

    def _name_changed(self) -> None:
        for first, last in _runs(sorted(set(self.unconfirmed) - {0})):
            text = f"{_lines(first, last)} : modifiée."
            if first != last:
                text = f"{_lines(first, last)} : l'une au moins a été modifiée."
            self._add("changed", first, last, text)
        if 0 in self.unconfirmed:
            self._add("changed", 1, 1, "Ligne 1 : son début de chaîne a été modifié.")

    def _name_strays(self) -> None:
        for number, place in self.strays:
            if self._take_back(number):
                self._add("moved", number, number, f"Ligne {number} : déplacée ({place}).")
            else:
                text = f"Ligne {number} : présente deux fois, l'une est insérée ({place})."
                self._add("inserted", number, number, text)

    def _take_back(self, number: int) -> bool:
        """Strike a number off the missing ones, if it is one of them."""
        for index, (first, last) in enumerate(self.missing):
            if first <= number <= last:
                rest = [(first, number - 1), (number + 1, last)]
                self.missing[index : index + 1] = [run for run in rest if run[0] <= run[1]]
                return True
        return False


def verify(
    folder: Path | str, *, inputs: bool = False, noted: tuple[int, str] | None = None
) -> Verification:
    """Walk the chain from its first line, or its tombstones, to its head; nothing is written.

    What a chain without a secret cannot show: that somebody with the right to write the
    folder rewrote every line after a change, and the head. Who noted the number and hash
    of a line elsewhere (``noted``: a letter, a mail to the auditor) sees that too.

    Parameters
    ----------
    folder
        The journal's.
    inputs
        Compare the kept inputs with their hashes as well.
    noted
        Number and hash of a line, as noted at the time.

    Raises
    ------
    JournalError
        There is no journal.
    """
    folder = Path(folder)
    if not (folder / HEAD).exists() and not segments(folder):
        raise JournalError(
            f"there is no journal in {folder}",
            expected="a folder with a head and segments",
            remedy="give the folder that aune serve writes to",
        )
    head = read_head((folder / HEAD).read_bytes()) if (folder / HEAD).exists() else None
    walk = _Walk(marks={head.number: ""} if head else {})
    if noted is not None:
        walk.marks[noted[0]] = ""
    stones = _begin(folder, walk)
    _walk_segments(folder, walk)
    if head is None and walk.lines:
        walk.findings.append(Finding("head", 0, 0, "Le repère de fin manque ou est illisible."))
    walk.end(head)
    _check_tombstones(folder, walk, stones)
    if noted is not None:
        _check_noted(walk, stones, *noted)
    kept = _check_inputs(folder, walk) if inputs else 0
    return Verification(
        lines=walk.lines,
        purged=sum(sum(stone.lines.values()) for stone in stones),
        last=walk.number,
        sha256=walk.sha256,
        kept=kept,
        findings=tuple(walk.findings),
        notes=tuple(walk.notes),
    )


def _begin(folder: Path, walk: _Walk) -> tuple[Tombstone, ...]:
    """Carry the chain over the purged segments."""
    purged = folder / PURGED
    if not purged.exists():
        return ()
    try:
        stones = read_tombstones(purged.read_bytes())
    except JournalError as error:
        walk.findings.append(
            Finding("tombstones", 0, 0, f"{PURGED} a été modifié : {error.found}.")
        )
        return ()
    for stone in stones:
        if stone.first_previous != walk.sha256:
            text = f"{_lines(stone.first, stone.last)} : la trace de leur purge ne s'enchaîne pas."
            walk.findings.append(Finding("tombstones", stone.first, stone.last, text))
        walk.number, walk.sha256 = stone.last, stone.last_sha256
    return stones


def _walk_segments(folder: Path, walk: _Walk) -> None:
    skipped = walk.number
    found = segments(folder)
    for segment in found:
        end = 0
        for position, (end, line) in enumerate(read_lines(segment.path), 1):  # noqa: B007 - end is read below
            if line.number is not None and line.number <= skipped and segment is not found[-1]:
                continue  # purged, its segment not yet removed
            walk.step(line, f"{segment.path.name}, ligne {position} du fichier")
        if torn := segment.path.stat().st_size - end:
            walk.notes.append(
                f"{segment.path.name} : {torn} octets d'une écriture interrompue ou en cours."
            )


def _check_tombstones(folder: Path, walk: _Walk, stones: tuple[Tombstone, ...]) -> None:
    """Hold the tombstones against the hash in the chain's last purge line."""
    if (folder / PENDING).exists():
        walk.notes.append("Une purge est à terminer ; la prochaine ouverture s'en charge.")
        return
    purged = folder / PURGED
    if not purged.exists():
        if walk.announced:
            text = f"{PURGED} manque alors qu'une purge est inscrite."
            walk.findings.append(Finding("tombstones", 0, 0, text))
        return
    digest = hashlib.sha256(purged.read_bytes()).hexdigest()
    if stones and (not walk.announced or walk.announced[-1] != digest):
        last = stones[-1].last
        text = f"{PURGED} n'est pas celui de la dernière purge inscrite."
        walk.findings.append(Finding("tombstones", stones[0].first, last, text))


def _check_noted(walk: _Walk, stones: tuple[Tombstone, ...], number: int, sha256: str) -> None:
    """Compare a line with what was noted of it; of purged ones only last lines remain."""
    ends = {stone.last: stone.last_sha256 for stone in stones}
    if any(stone.first <= number <= stone.last for stone in stones) and number not in ends:
        walk.notes.append(f"Ligne {number} : purgée, elle ne peut plus être comparée.")
    elif ends.get(number, walk.marks[number]) != sha256:
        text = f"Ligne {number} : son empreinte n'est pas celle qui avait été notée."
        walk.findings.append(Finding("changed", number, number, text))


def _check_inputs(folder: Path, walk: _Walk) -> int:
    count = 0
    for segment in segments(folder):
        if not segment.inputs.exists():
            continue
        for position, kept in enumerate(_kept(segment.inputs), 1):
            count += 1
            try:
                unpack_inputs(str(kept.get("z", "")), str(kept.get("sha256", "")))
            except JournalError:
                text = f"{segment.inputs.name}, ligne {position} : entrées modifiées."
                walk.findings.append(Finding("inputs", 0, 0, text))
    return count


def _kept(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as handle:
        for raw in handle:
            try:
                value = json.loads(raw)
            except ValueError:
                value = {}
            yield value if isinstance(value, dict) else {}


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    """Group numbers that follow each other.

    >>> _runs([2, 3, 4, 9])
    [(2, 4), (9, 9)]
    """
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _lines(first: int, last: int) -> str:
    return f"Ligne {first}" if first == last else f"Lignes {first} à {last}"


def _s(first: int, last: int) -> str:
    return "" if first == last else "s"
