"""Keep an entry in a folder: its record, answers, declaration, answers under stress."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import Entry, Evidence, Latency
from benchmarks.sealing.digests import answers_digest, plain
from benchmarks.sealing.vault import read_bounded
from common.edge.errors import IntegrityError, UsageError
from common.lab.contest import Finding, Submission
from common.lab.usecase import Array

__all__ = [
    "DECLARATION",
    "ENTRY",
    "PREDICTIONS",
    "Entered",
    "entry_from_json",
    "entry_to_json",
    "own_submission",
    "read_entered",
    "write_entered",
]

ENTRY, PREDICTIONS, DECLARATION = "entry.json", "predictions.parquet", "declaration.toml"
MAX_ENTRY_BYTES = 8 * 2**20

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.A)
_LINE = "__line__"
_ABOUT = b"aune"


@dataclass(frozen=True)
class Entered:
    """An entry with its answers.

    Parameters
    ----------
    entry
        Who, and at what energy.
    submission
        Answers in the questions' order.
    stress
        French title of a damage to the answers under it.
    declaration
        Bytes of ``declaration.toml`` as received; empty for our own rungs.
    """

    entry: Entry
    submission: Submission
    stress: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    declaration: bytes = b""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.entry.id) or ".." in self.entry.id:
            raise UsageError(
                f"id {self.entry.id!r}", expected="letters, digits, . _ -, at most 64, no .."
            )

    def digested(self) -> "Entered":
        """Return it with the digests of its answers, plain and under stress, in the entry."""
        stress = {title: answers_digest(answers) for title, answers in self.stress.items()}
        sha256 = answers_digest(self.submission.answers)
        return replace(self, entry=replace(self.entry, sha256=sha256, stress=stress))


def own_submission(answers: Mapping[str, Array]) -> Submission:
    """Return the answers of a rung of ours, which come from no file.

    Rows whose first answer is NaN count as missing.
    """
    first = np.asarray(next(iter(answers.values())))
    line = np.where(np.isnan(first), 0, np.arange(2, len(first) + 2))
    return Submission(answers, line, int((line > 0).sum()), answers_digest(answers))


def write_entered(folder: Path, entered: Entered) -> Entered:
    """Write an entry's folder, which must not be there.

    Returns
    -------
    Entered
        With the digests of the answers in its entry, as written.
    """
    entered = entered.digested()
    folder.mkdir(parents=True)
    text = entry_to_json(entered.entry)
    (folder / ENTRY).write_text(text, encoding="utf-8")
    _write_answers(folder / PREDICTIONS, entered.submission)
    if entered.declaration:
        (folder / DECLARATION).write_bytes(entered.declaration)
    for number, title in enumerate(sorted(entered.stress), start=1):
        (folder / "stress").mkdir(exist_ok=True)
        _write_table(
            folder / "stress" / f"{number}.parquet", entered.stress[title], {"title": title}
        )
    return entered


def read_entered(folder: Path) -> Entered:
    """Read an entry's folder back.

    Raises
    ------
    IntegrityError
        A file is missing or unreadable, or the answers are not those of ``entry.json``.
    """
    try:
        entry = entry_from_json(read_bounded(folder / ENTRY, MAX_ENTRY_BYTES).decode())
        submission = _read_answers(folder / PREDICTIONS, entry)
        stress = dict(_read_stress(path) for path in sorted(folder.glob("stress/*.parquet")))
        path = folder / DECLARATION
        declaration = read_bounded(path, MAX_ENTRY_BYTES) if path.exists() else b""
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UsageError) as error:
        raise IntegrityError(
            f"{folder.name} cannot be read: {error}", expected="a folder that this program wrote"
        ) from error
    entered = Entered(entry, submission, stress, declaration)
    if entered.digested().entry != entry:
        raise IntegrityError(
            f"{folder.name}: the answers are not those of {ENTRY}",
            expected=f"sha256 {entry.sha256}",
        )
    return entered


def entry_to_json(entry: Entry) -> str:
    """Return an entry as JSON with sorted keys; NaN is the text ``nan``."""
    return json.dumps(plain(asdict(entry)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def entry_from_json(text: str) -> Entry:
    """Read an entry back.

    Raises
    ------
    KeyError, TypeError, ValueError
        The text is not an entry's.
    """
    raw: dict[str, Any] = json.loads(text)
    latency = raw.pop("latency")
    findings = tuple(Finding(**{**row, "rows": tuple(row["rows"])}) for row in raw.pop("findings"))
    return Entry(
        predict=_evidence(raw.pop("predict")),
        train=_evidence(raw.pop("train")),
        latency=None if latency is None else Latency(**_numbers(latency, ("p50", "p95", "p99"))),
        findings=findings,
        **raw,
    )


def _evidence(raw: Mapping[str, Any]) -> Evidence:
    return Evidence(**_numbers(raw, ("low", "central", "high")))


def _numbers(raw: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {**raw, **{name: float(raw[name]) for name in names}}


def _write_answers(path: Path, submission: Submission) -> None:
    columns = {**submission.answers, _LINE: np.asarray(submission.line, dtype=np.int64)}
    about = {"n_lines": submission.n_lines, "sha256": submission.sha256}
    _write_table(path, columns, about)


def _read_answers(path: Path, entry: Entry) -> Submission:
    columns, about = _read_table(path)
    line = columns.pop(_LINE)
    return Submission(columns, line, int(about["n_lines"]), str(about["sha256"]), entry.findings)


def _read_stress(path: Path) -> tuple[str, dict[str, Array]]:
    columns, about = _read_table(path)
    return str(about["title"]), columns


def _write_table(path: Path, columns: Mapping[str, Array], about: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(np.asarray(values)) for name, values in columns.items()})
    pq.write_table(table.replace_schema_metadata({_ABOUT: json.dumps(about)}), path)


def _read_table(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, memory_map=False)
    about: dict[str, Any] = json.loads(table.schema.metadata[_ABOUT])
    return {name: table[name].to_numpy() for name in table.column_names}, about
