"""Seal a question paper: write the pack that is handed out and the part that is kept."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from benchmarks.sealing import handout, papers
from benchmarks.sealing.digests import plain
from benchmarks.sealing.entries import Entered, write_entered
from benchmarks.sealing.pack import (
    BUYER_QUESTIONS,
    KEY,
    REFERENCE,
    SEALED,
    STAGING,
    Pack,
    sealed_files,
)
from benchmarks.sealing.protocol import SCHEMA, Protocol, contest_of
from benchmarks.sealing.seal import SCHEME, Tree, label_texts, leaf_hashes
from benchmarks.sealing.sums import write_sums
from benchmarks.sealing.vault import Vault, write_key
from common.edge.errors import UsageError
from common.lab.contest import Paper
from common.lab.stamps import sha256_of
from common.lab.usecase import Task

__all__ = ["write_pack"]


def write_pack(
    task: Task, paper: Paper, protocol: Protocol, opponents: Mapping[str, Entered], out: Path
) -> Pack:
    """Seal a paper: write the whole pack beside its place, then move it there in one step.

    Parameters
    ----------
    task
        With a contest.
    paper
        Questions, labels and tables.
    protocol
        What the buyer decided.
    opponents
        The rungs without AI and the reference, by id, with their answers.
    out
        Folder to make; it must not be there, or be empty.

    Raises
    ------
    UsageError
        ``out`` is not empty, an opponent is missing or has another number of rows.
    """
    _check_opponents(paper, protocol, opponents)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out} is not empty", expected="a new folder", remedy="packs are never overwritten"
        )
    vault = Vault.new()
    root = Tree(leaf_hashes(label_texts(paper.questions, paper.labels), vault.salt_secret)).root
    with _staged(out) as folder:
        _write_vendor(folder / "vendor", task, paper, protocol, opponents, root)
        pack = Pack.unverified(folder)
        _write_buyer(folder / "buyer", pack, vault, paper, protocol, opponents)
        (folder / "submissions").mkdir()
        pack.log.append(
            "pack", {"lot": protocol.lot, "root": root.hex(), "files": sealed_files(folder)},
            now=protocol.sealed_at,
        )  # fmt: skip
    return Pack.unverified(out)


def _check_opponents(paper: Paper, protocol: Protocol, opponents: Mapping[str, Entered]) -> None:
    for needed in (protocol.no_ai, protocol.reference):
        if needed not in opponents:
            raise UsageError(
                f"no answers of {needed!r}", expected="the rung without AI and the reference"
            )
    for name, entered in opponents.items():
        for column, values in entered.submission.answers.items():
            if len(values) != len(paper.questions) or name != entered.entry.id:
                raise UsageError(
                    f"opponent {name} ({entered.entry.id}): {column} has {len(values)} rows",
                    expected=f"{len(paper.questions)} rows, under the entry's own id",
                )


def _write_vendor(
    folder: Path,
    task: Task,
    paper: Paper,
    protocol: Protocol,
    opponents: Mapping[str, Entered],
    root: bytes,
) -> None:
    folder.mkdir()
    n_rows = len(paper.questions)
    title = opponents[protocol.reference].entry.title
    rules = protocol.to_json(task, n_rows=n_rows, root=root.hex(), title=title)
    example = opponents[protocol.no_ai].submission.answers
    handout.write_handout(folder, contest_of(task), paper, example, rules)
    _write_json(folder / "protocol.json", rules)
    _write_json(folder / "commitment.json", {
        "schema": SCHEMA,
        "scheme": SCHEME,
        "usecase": protocol.usecase,
        "task": task.id,
        "task_version": task.version,
        "lot": protocol.lot,
        "root": root.hex(),
        "n": n_rows,
        "fields": [*paper.questions.keys, *paper.labels.truth],
        "protocol_sha256": sha256_of(folder / "protocol.json"),
        "sealed_at": protocol.sealed_at.astimezone(UTC).isoformat(timespec="seconds"),
        "demonstration": protocol.demonstration,
        "how": {
            "fr": "Racine de Merkle (RFC 6962, SHA-256) des réponses salées. Après publication de "
            "revealed/ : python3 revealed/verify_commitment.py la recalcule.",
            "en": "Merkle root (RFC 6962, SHA-256) of the salted labels. Once revealed/ is "
            "published: python3 revealed/verify_commitment.py recomputes it.",
            "leaf": "SHA-256(0x00 || salt || netstrings of row number, then name and text of each "
            "field); salt = HMAC-SHA-256(salt secret, row number as 8 bytes big-endian)",
            "node": "SHA-256(0x01 || left || right); an odd last node goes up as it is",
        },
    })  # fmt: skip
    write_sums(folder)


def _write_buyer(
    folder: Path,
    pack: Pack,
    vault: Vault,
    paper: Paper,
    protocol: Protocol,
    opponents: Mapping[str, Entered],
) -> None:
    folder.mkdir(mode=0o700)
    sealed = vault.encrypt(papers.labels_bytes(paper.labels), pack.sealed_with)
    (folder / SEALED).write_bytes(sealed)
    papers.write_questions(folder / BUYER_QUESTIONS, paper.questions)
    for name, entered in opponents.items():
        write_entered(folder / "opponents" / name, entered)
    if protocol.reference_bundle:
        shutil.copyfile(protocol.reference_bundle, folder / REFERENCE)
    write_key(vault, folder / KEY, shares=protocol.two_keys)


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that becomes ``out`` at the end, or disappears."""
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=STAGING))
    try:
        yield staging
        staging.chmod(0o755)
        os.sync()
        staging.rename(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(plain(value), indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
