"""Read a journal back: one line, its kept inputs, what was decided on it, a CSV of them all."""

import csv
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.edge.journal.chain import PURGED, Line, parse, read_lines, read_tombstones, segments
from common.edge.journal.entries import unpack_inputs

__all__ = ["Entry", "decisions_on", "export", "find_entry", "find_predictions", "kept_inputs"]

Array = npt.NDArray[Any]

# Cells that a spreadsheet would run (OWASP, "CSV Injection"): neutralised by an apostrophe.
_FORMULA = re.compile(r"[=+\-@\t\r\n|%]")
_START = re.compile(rb'\{"n":(\d{1,18}),', re.A)
_ROW = re.compile(rb'"row":"([A-Za-z0-9._:/-]{1,64})"', re.A)
_NUMBER = re.compile(r"-?[0-9]+(,[0-9]+)?(e[+-]?[0-9]+)?", re.A)
_COLUMNS = (
    *("numero", "date_utc", "nature", "tache", "version", "paquet_sha256", "ligne"),
    *("entrees_sha256", "sorties", "raisons", "decision_sur", "decision", "agent"),
    *("valeurs_decidees", "motif", "empreinte"),
)


@dataclass(frozen=True)
class Entry:
    """A prediction as the journal holds it.

    Parameters
    ----------
    number
        Of its line.
    at
        Time, ISO 8601 UTC.
    task, version, digest
        ``usecase/task`` and the bundle.
    row
        The caller's identifier.
    inputs_sha256
        Of the canonical inputs.
    outputs
        Output name to values in row-major order, NaN where there was none.
    reasons
        The strongest reasons: (French group, total).
    sha256
        Of the line.
    """

    number: int
    at: str
    task: str
    version: str
    digest: str
    row: str
    inputs_sha256: str
    outputs: Mapping[str, Array]
    reasons: tuple[tuple[str, float], ...]
    sha256: str


def find_entry(folder: Path | str, number: int) -> Entry:
    """Return the prediction of line ``number``.

    Raises
    ------
    UsageError
        There is no such line, it was purged, or it is not a prediction.
    """
    folder = Path(folder)
    for line in _near(folder, number):
        if line.number == number:
            return _entry(line)
    purged = folder / PURGED
    stones = read_tombstones(purged.read_bytes()) if purged.exists() else ()
    gone = any(stone.first <= number <= stone.last for stone in stones)
    raise UsageError(
        f"line {number} was purged" if gone else f"no line {number} in {folder}",
        expected="the number that the prediction came with",
    )


def find_predictions(
    folder: Path | str, task: str, *, numbers: Collection[int] = (), rows: Collection[str] = ()
) -> dict[int | str, Entry]:
    """Return predictions of a task by line number, or by the caller's identifier.

    Files are read once, the newest first, and only as far as needed; of an identifier that
    was used several times the last prediction is meant.

    Parameters
    ----------
    folder
        Of the journal.
    task
        ``usecase/task``.
    numbers, rows
        What is looked for.
    """
    wanted: set[int | str] = {*numbers, *rows}
    found: dict[int | str, Entry] = {}
    for segment in reversed(segments(Path(folder))):
        if wanted <= found.keys():
            break
        fresh: dict[int | str, Entry] = {}
        with segment.path.open("rb") as handle:
            for raw in handle:
                number, row = _number_of(raw), _row_of(raw) if rows else None
                if number in wanted or row in wanted:
                    line = parse(raw.rstrip(b"\n"))
                    if line.kind == "prediction" and line.body["task"] == task:
                        entry = _entry(line)
                        fresh |= {key: entry for key in (number, row) if key in wanted}
        found = fresh | found
    return found


def _number_of(raw: bytes) -> int | None:
    """Return the number of a line without reading the rest of it."""
    match = _START.match(raw)
    return int(match[1]) if match else None


def _row_of(raw: bytes) -> str | None:
    match = _ROW.search(raw)
    return match[1].decode("ascii") if match else None


def kept_inputs(folder: Path | str, entry: Entry) -> dict[str, Array] | None:
    """Return the inputs of a prediction, shape (1, ...); None where they were not kept.

    Raises
    ------
    JournalError
        They are damaged or not those that were hashed.
    """
    mark = f'{{"sha256":"{entry.inputs_sha256}"'.encode()
    for segment in segments(Path(folder)):
        if not segment.inputs.exists():
            continue
        with segment.inputs.open("rb") as handle:
            for raw in handle:
                if raw.startswith(mark) and raw.endswith(b"\n"):
                    return unpack_inputs(json.loads(raw)["z"], entry.inputs_sha256)
    return None


def decisions_on(folder: Path | str, number: int) -> tuple[Mapping[str, Any], ...]:
    """Return the bodies of the decisions on line ``number``, the oldest first."""
    return tuple(
        line.body
        for line in _all(Path(folder))
        if line.kind == "decision" and line.body.get("of") == number
    )


def export(folder: Path | str, handle: TextIO) -> int:
    """Write predictions and decisions as CSV: semicolon, decimal comma, UTF-8.

    Cells that a spreadsheet would run as a formula get an apostrophe in front. Open the
    file with ``newline=""`` and ``encoding="utf-8-sig"`` for spreadsheets.

    Returns
    -------
    int
        Number of lines written, the heading left out.
    """
    writer = csv.writer(handle, delimiter=";", lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    count = 0
    for line in _all(Path(folder)):
        if line.kind in ("prediction", "decision"):
            writer.writerow([_safe(_cell(value)) for value in _row(line)])
            count += 1
    return count


def _row(line: Line) -> list[Any]:
    body = line.body
    return [
        *(line.number, body["at"], line.kind, body.get("task"), body.get("version")),
        *(body.get("bundle"), body.get("row"), body.get("inputs")),
        body.get("outputs"),
        body.get("reasons"),
        *(body.get("of"), body.get("action"), body.get("agent"), body.get("values")),
        *(body.get("reason"), line.sha256),
    ]


def _cell(value: Any) -> str:
    """Write a value in French; lists with a bar, names before their values.

    >>> _cell({"forecast": [1.5, None]}), _cell([["météo", -2.0]])
    ('forecast : 1,5 | ', 'météo : -2')
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.9g}".replace(".", ",")
    if isinstance(value, dict):
        return " / ".join(f"{name} : {_cell(values)}" for name, values in value.items())
    if isinstance(value, list):
        named = value and all(isinstance(item, list) and len(item) == 2 for item in value)
        if named:
            return " / ".join(f"{name} : {_cell(total)}" for name, total in value)
        return " | ".join(_cell(item) for item in value)
    return str(value)


def _safe(text: str) -> str:
    """Keep numbers as they are and disarm formulas.

    >>> _safe("-1,5"), _safe("=1+1"), _safe("+33 1"), _safe(" @x")
    ('-1,5', "'=1+1", "'+33 1", "' @x")
    """
    if _NUMBER.fullmatch(text):
        return text
    return f"'{text}" if _FORMULA.match(text.lstrip(" ") or text) else text


def _all(folder: Path) -> Iterator[Line]:
    for segment in segments(folder):
        for _, line in read_lines(segment.path):
            yield line


def _near(folder: Path, number: int) -> Iterator[Line]:
    """Yield the lines of the segment that should hold ``number``."""
    chosen = None
    for segment in segments(folder):
        first = next((line.number for _, line in read_lines(segment.path)), None)
        if first is not None and first <= number:
            chosen = segment
    if chosen is not None:
        yield from (line for _, line in read_lines(chosen.path))


def _entry(line: Line) -> Entry:
    body = line.body
    if line.kind != "prediction" or line.number is None:
        raise UsageError(
            f"line {line.number} is a {line.kind}", expected="the number of a prediction"
        )
    return Entry(
        number=line.number,
        at=body["at"],
        task=body["task"],
        version=body["version"],
        digest=body["bundle"],
        row=body["row"],
        inputs_sha256=body["inputs"],
        outputs={name: _floats(values) for name, values in body["outputs"].items()},
        reasons=tuple((name, float(total)) for name, total in body["reasons"]),
        sha256=line.sha256,
    )


def _floats(values: list[Any]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in values])
