"""A sealed pack on disk: open it, read what it holds, take submissions in.

A pack is a folder::

    vendor/       what is handed out, with SHA256SUMS
    buyer/        key (0600), sealed labels, all of the questions, opponents, the reference
    submissions/  one folder per candidate; superseded/ holds earlier ones
    submissions.jsonl   the chained log; its first line names every file above
    results/      reports; revealed/ labels and salts once they are published

Where the hashes live: labels in ``commitment.json``; the buyer's files and the vendor's
SHA256SUMS in the log's first line; each submission's files in its line of the log; the log's
head in every report.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.sealing import papers
from benchmarks.sealing.entries import Entered, read_entered, write_entered
from benchmarks.sealing.log import Line, Log
from benchmarks.sealing.seal import Tree, label_texts, leaf_hashes
from benchmarks.sealing.sums import Damage, differences, file_digests, read_sums
from benchmarks.sealing.vault import (
    MAX_SEALED_BYTES,
    Vault,
    read_bounded,
    read_key,
    read_salt_secret,
)
from common.edge.errors import ChecksumError, IntegrityError, UsageError
from common.edge.signature import SUMS
from common.lab.contest import Labels, Questions
from common.lab.stamps import sha256_of

__all__ = ["Pack", "sealed_files"]

LOG = "submissions.jsonl"
KEY, SEALED, BUYER_QUESTIONS, REFERENCE = "key", "labels.sealed", "questions.npz", "reference.zip"
REVEALED, LABELS, SALT_SECRET = "revealed", "labels.npz", "salt_secret.txt"
MAX_JSON_BYTES = 16 * 2**20
STAGING = ".staging-"


@dataclass(frozen=True)
class Pack:
    """A pack on disk.

    Parameters
    ----------
    folder
        Where it lies.
    protocol, commitment
        ``protocol.json`` and ``commitment.json``.
    head
        Hash of a log line: submissions after it are left out; None for all.
    """

    folder: Path
    protocol: Mapping[str, Any]
    commitment: Mapping[str, Any]
    head: str | None = None

    @classmethod
    def open(cls, folder: Path) -> "Pack":
        """Open a pack after checking its vendor files, its log and its buyer files.

        Raises
        ------
        UsageError
            There is no pack.
        IntegrityError
            Something is not as it was sealed; the text names the first such file.
        """
        pack = cls.unverified(folder)
        for damage in pack.damage():
            raise ChecksumError(
                f"{damage.name}: {damage.state} since the sealing",
                expected="the files as sealed",
                remedy="restore them from a copy; `aune benchmark verify` names them all",
            )
        return pack

    @classmethod
    def unverified(cls, folder: Path) -> "Pack":
        """Open a pack without checking anything but that its two records are JSON."""
        if not (folder / "vendor").is_dir():
            raise UsageError(
                f"no pack at {folder}", expected="a folder made by `aune benchmark pack`"
            )
        protocol, commitment = (
            _read_json(folder / "vendor" / name) for name in ("protocol.json", "commitment.json")
        )
        return cls(folder, protocol, commitment)

    @property
    def log(self) -> Log:
        """The chained log of submissions."""
        return Log(self.folder / LOG)

    @property
    def root(self) -> bytes:
        """Merkle root of the labels, as committed."""
        return bytes.fromhex(str(self.commitment["root"]))

    def damage(self) -> Iterator[Damage]:
        """Yield what differs from the sealing: vendor files, buyer files, the two records.

        Raises
        ------
        IntegrityError
            The log itself is broken.
        """
        lines = self.log.lines()
        if not lines or lines[0].event != "pack":
            yield Damage(LOG, "changed")
            return
        sealed: Mapping[str, str] = lines[0].facts["files"]
        found = sealed_files(self.folder)
        yield from differences(sealed, found)
        handed_out = file_digests(self.folder / "vendor")
        handed_out.pop(SUMS, None)
        for damage in differences(read_sums(self.folder / "vendor"), handed_out):
            yield damage.under("vendor")
        bound = self.commitment.get("protocol_sha256") == found.get("vendor/protocol.json")
        if not bound or self.commitment.get("root") != self.protocol.get("merkle_root"):
            yield Damage("vendor/commitment.json", "changed")

    def questions(self) -> Questions:
        """Return all of the questions, bit for bit as they were asked."""
        return papers.read_questions(self.folder / "buyer" / BUYER_QUESTIONS)

    def vault(self, keys: Sequence[Path] = ()) -> Vault:
        """Return the keys of the pack.

        Parameters
        ----------
        keys
            Key files; by default those left in ``buyer/``.
        """
        buyer = self.folder / "buyer"
        default = [p for p in (buyer / KEY, buyer / f"{KEY}.1", buyer / f"{KEY}.2") if p.exists()]
        return read_key(list(keys) or default)

    def labels(self, keys: Sequence[Path] = ()) -> Labels:
        """Open the labels, sealed or revealed, and check them against the commitment.

        Raises
        ------
        UsageError
            A key is missing or open to others, and nothing was revealed.
        IntegrityError
            The seal does not open, or the labels are not those committed to.
        """
        revealed = self.folder / REVEALED
        buyer = self.folder / "buyer"
        if revealed.exists() and not keys and not any(buyer.glob(f"{KEY}*")):
            secret = read_salt_secret(revealed / SALT_SECRET)
            labels = papers.read_labels(read_bounded(revealed / LABELS, MAX_SEALED_BYTES))
        else:
            vault = self.vault(keys)
            sealed = read_bounded(buyer / SEALED, MAX_SEALED_BYTES)
            secret = vault.salt_secret
            labels = papers.read_labels(vault.decrypt(sealed, self.sealed_with))
        columns = label_texts(self.questions(), labels)
        if Tree(leaf_hashes(columns, secret)).root != self.root:
            raise IntegrityError(
                "the labels are not those of the commitment",
                expected=f"root {self.root.hex()}",
                remedy="do not score: labels, salts or questions were replaced",
            )
        return labels

    @property
    def sealed_with(self) -> bytes:
        """What the seal is bound to: the SHA-256 of ``protocol.json``."""
        return bytes.fromhex(sha256_of(self.folder / "vendor" / "protocol.json"))

    def opponents(self) -> dict[str, Entered]:
        """Return the rungs without AI and the reference, by id, in alphabetical order."""
        folders = sorted((self.folder / "buyer" / "opponents").iterdir())
        return {folder.name: read_entered(folder) for folder in folders}

    def submitted(self) -> dict[str, Line]:
        """Return the log line of each candidate's last submission, up to ``head``.

        Raises
        ------
        IntegrityError
            The log is broken, or ``head`` is none of its lines.
        """
        lines = self.log.lines()
        if self.head is not None:
            places = [line.n for line in lines if line.hash == self.head]
            if not places:
                raise IntegrityError(
                    f"no line {self.head[:12]}… in the log",
                    expected="the head that the report prints",
                    remedy="the log was cut or rewritten since the report",
                )
            lines = lines[: places[0]]
        return {str(x.facts["candidate"]): x for x in lines if x.event == "submission"}

    def submissions(self) -> dict[str, Entered]:
        """Return each candidate's scored submission, by id, in alphabetical order."""
        last = sorted(self.submitted().items())
        return {candidate: read_entered(self.place_of(line)) for candidate, line in last}

    def place_of(self, line: Line) -> Path:
        """Return the folder of a logged submission: the last one's, or a superseded one's."""
        candidate, number = str(line.facts["candidate"]), str(line.facts["number"])
        old = self.folder / "superseded" / f"{candidate}.{number}"
        return old if old.exists() else self.folder / "submissions" / candidate

    def at(self, head: str) -> "Pack":
        """Return the pack as it was when the log's head was this one."""
        return replace(self, head=head)

    def submit(self, entered: Entered) -> Line:
        """Keep a submission and log it; a candidate's earlier one moves to ``superseded/``.

        Returns
        -------
        Line
            Of the log: its hash is the vendor's receipt.

        Raises
        ------
        UsageError
            The candidate has used up its submissions, has an opponent's id, or the labels
            were revealed.
        """
        candidate = entered.entry.id
        if (self.folder / "buyer" / "opponents" / candidate).exists():
            raise UsageError(f"id {candidate!r} is an opponent's", expected="another id")
        staging = Path(tempfile.mkdtemp(dir=self.folder / "submissions", prefix=STAGING))
        try:
            written = write_entered(staging / candidate, entered)
            files = file_digests(staging / candidate)

            def place(lines: tuple[Line, ...]) -> dict[str, Any]:
                number = self._allowed(lines, candidate)
                self._make_room(candidate, number)
                (staging / candidate).rename(self.folder / "submissions" / candidate)
                return {
                    "candidate": candidate,
                    "lot": self.protocol["lot"],
                    "number": number,
                    "received_sha256": written.submission.sha256,
                    "answers_sha256": written.entry.sha256,
                    "after_opening": any(line.event == "opened" for line in lines),
                    "files": files,
                }

            return self.log.append("submission", place)
        finally:
            shutil.rmtree(staging)

    def record_report(self, folder: Path) -> Line:
        """Log a report's folder with the digests of its files: what `verify` holds them against."""
        return self.log.append("scored", {"report": folder.name, "files": file_digests(folder)})

    def record(self, event: str, facts: Mapping[str, Any]) -> Line:
        """Log that labels were ``opened``, a report ``scored`` or labels ``revealed``."""
        return self.log.append(event, facts)

    def _allowed(self, lines: tuple[Line, ...], candidate: str) -> int:
        if any(line.event == "revealed" for line in lines):
            raise UsageError("the labels were revealed", expected="a pack that is still sealed")
        own = [line for line in lines if line.facts.get("candidate") == candidate]
        earlier = len(own)
        most = int(self.protocol["max_submissions"])
        if earlier >= most:
            raise UsageError(
                f"{candidate} has handed in {earlier} times for lot {self.protocol['lot']}",
                expected=f"at most {most} submissions",
                remedy="the last one counts",
            )
        return earlier + 1

    def _make_room(self, candidate: str, number: int) -> None:
        """Move an earlier folder aside; one that was never logged is a crash's leftover."""
        current = self.folder / "submissions" / candidate
        old = self.folder / "superseded" / f"{candidate}.{number - 1}"
        if current.exists() and (number == 1 or old.exists()):
            shutil.rmtree(current)
        elif current.exists():
            old.parent.mkdir(exist_ok=True)
            current.rename(old)


def sealed_files(folder: Path) -> dict[str, str]:
    """Return the sha256 of what the log's first line names; the key is no part of it."""
    vendor = {
        f"vendor/{name}": sha256_of(folder / "vendor" / name)
        for name in (SUMS, "protocol.json", "commitment.json")
        if (folder / "vendor" / name).exists()
    }
    buyer = {
        f"buyer/{name}": digest
        for name, digest in file_digests(folder / "buyer").items()
        if name.split(".")[0] != KEY
    }
    return {**buyer, **vendor}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_bounded(path, MAX_JSON_BYTES))
    except (ValueError, UsageError, RecursionError) as error:
        raise IntegrityError(f"{path.name} cannot be read", expected="JSON") from error
    if not isinstance(value, dict):
        raise IntegrityError(f"{path.name} is not a JSON object", expected="an object")
    return value
