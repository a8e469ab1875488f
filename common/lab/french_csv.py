"""Read text tables as French exports write them, and name the line of whatever is off."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.usecase import Array

if TYPE_CHECKING:
    from _csv import Reader

__all__ = [
    "MAX_PROBLEMS",
    "Problem",
    "Problems",
    "Table",
    "column_index",
    "numbers",
    "plain",
    "read_table",
    "to_utc",
    "unit_in_header",
]

MAX_FILE_BYTES = 200 * 2**20
MAX_FILE_ROWS = 2_000_000
MAX_PROBLEMS = 20
DELIMITERS = ";\t,"
MISSING = frozenset({"", "-", "--", "na", "n/a", "nan", "null", "none", "nd"})
UNITS = ("kwh", "mwh", "wh", "kw", "mw", "w")
SPACES = re.compile("[\\s\u00a0\u2009\u202f']+")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,2})?", re.ASCII)
STAMP = re.compile(
    r"^(?:(?P<iso_year>\d{4})-(?P<iso_month>\d{2})-(?P<iso_day>\d{2})"
    r"|(?P<day>\d{1,2})[/.-](?P<month>\d{1,2})[/.-](?P<year>\d{4}))"
    r"(?:[T ]+(?P<hour>\d{1,2})[:hH](?P<minute>\d{2})?(?::(?P<second>\d{2})(?:\.0+)?)?)?"
    r" ?(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?$",
    re.ASCII,
)


@dataclass(frozen=True)
class Problem:
    """One thing that is off, where it is and what to do about it."""

    place: str
    found: str
    expected: str
    remedy: str


@dataclass
class Problems:
    """Gather up to 20 problems, then refuse them all in one error."""

    items: list[Problem] = field(default_factory=list)

    def add(self, place: str, found: str, expected: str, remedy: str) -> None:
        """Note a problem; those beyond the twentieth are dropped."""
        if not self.full:
            self.items.append(Problem(place, found, expected, remedy))

    def add_lines(
        self, table: "Table", wrong: Array, column: Iterable[object], *advice: str
    ) -> None:
        """Note each line where ``wrong``; ``advice`` is (expected, remedy)."""
        expected, remedy = advice
        values = list(column)
        for row in np.flatnonzero(wrong)[:MAX_PROBLEMS]:
            self.add(table.place(int(row)), _short(values[row]), expected, remedy)

    @property
    def full(self) -> bool:
        """Whether no more problems are taken."""
        return len(self.items) >= MAX_PROBLEMS

    def refuse(self) -> None:
        """Raise a TableError if there is any problem.

        Raises
        ------
        TableError
            Naming file, line, what was found, expected and to be done, up to 20 times.
        """
        if not self.items:
            return
        if len(self.items) == 1:
            only = self.items[0]
            raise TableError(
                f"{only.place}: {only.found}", expected=only.expected, remedy=only.remedy
            )
        lines = [
            f"  {item.place}: {item.found}\n"
            f"    expected: {item.expected}\n    to do:    {item.remedy}"
            for item in self.items
        ]
        more = " or more (the first are shown)" if self.full else ""
        raise TableError(
            "\n".join([f"{len(self.items)} problems{more}:", *lines]),
            expected="none of these",
            remedy="correct the lines above and read the folder again",
        )


@dataclass(frozen=True)
class Table:
    """The cells of a file as text.

    Parameters
    ----------
    path
        The file.
    header
        Column names as written.
    cells
        One list of text per column, each of n_rows.
    lines
        Line number of each row in the file, counted from 1.
    """

    path: Path
    header: tuple[str, ...]
    cells: tuple[list[str], ...]
    lines: list[int]

    def place(self, row: int) -> str:
        """Return the file and line of a row."""
        return f"{self.path.name} line {self.lines[row]}"


def read_table(path: Path, problems: Problems) -> Table | None:
    """Read a CSV file: its encoding, its delimiter, its cells.

    UTF-8 with or without BOM, UTF-16 with BOM or Windows-1252; semicolon, tab or comma,
    whichever the header holds most. Lines of another width than the header's are noted
    as problems, blank lines are skipped.

    Returns
    -------
    Table or None
        None where the file could not be read at all; ``problems`` says why.
    """
    text = _text(path, problems)
    if text is None:
        return None
    start = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = max(DELIMITERS, key=start.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        header, rows, lines = _rows(reader, path, problems)
    except csv.Error as error:
        problems.add(
            f"{path.name} line {reader.line_num}",
            f"not a CSV line ({error})",
            "cells between delimiters, quotes closed",
            "correct this line or export the file again",
        )
        return None
    if len(rows) > MAX_FILE_ROWS:
        problems.add(
            path.name,
            f"more than {MAX_FILE_ROWS} rows",
            f"at most {MAX_FILE_ROWS} rows in a file",
            "split the file by meter or by year",
        )
        return None
    cells = tuple([row[i] for row in rows] for i in range(len(header)))
    return Table(path, tuple(header), cells, lines)


def plain(name: str) -> str:
    """Return a column name without accents, case or punctuation.

    >>> plain("Énergie (kWh)"), plain(" Identifiant PRM")
    ('energie_kwh', 'identifiant_prm')
    """
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(char for char in decomposed if not unicodedata.combining(char))
    return "_".join(re.findall(r"[a-z0-9]+", letters.lower()))


def unit_in_header(name: str) -> str | None:
    """Return the unit at the end of a column name, if it has one.

    >>> unit_in_header("Consommation (Wh)"), unit_in_header("load_kwh"), unit_in_header("valeur")
    ('wh', 'kwh', None)
    """
    last = plain(name).rpartition("_")[2]
    return last if last in UNITS else None


def column_index(header: Sequence[str], synonyms: Sequence[str]) -> int | None:
    """Return the column whose name is the first synonym met, its unit left aside.

    >>> column_index(["PRM", "Horodate", "Énergie (kWh)"], ["energie", "valeur"])
    2
    """
    names = [plain(name) for name in header]
    bare = [_without_unit(name) for name in names]
    for synonym in synonyms:
        for candidates in (names, bare):
            if synonym in candidates:
                return candidates.index(synonym)
    return None


def numbers(cells: Sequence[str]) -> tuple[Array, Array]:
    """Read decimal numbers; a comma is a decimal comma, spaces of any kind are dropped.

    ``1.234,5`` and ``1,234.5`` are both 1234.5: the last mark is the decimal one.

    Parameters
    ----------
    cells
        Text, n cells.

    Returns
    -------
    values, wrong
        float64 with NaN where the cell is empty or says so; True where it is no number.

    Examples
    --------
    >>> values, wrong = numbers(["1 234,5", "1.234,5", "", "abc"])
    >>> values.tolist(), wrong.tolist()
    ([1234.5, 1234.5, nan, nan], [False, False, False, True])
    """
    # Meters repeat themselves: reading each distinct text once is enough.
    codes, distinct = pd.factorize(np.asarray(cells, dtype=object))
    read = [_number(str(text)) for text in distinct]
    values = np.array([np.nan if value is None else value for value in read], dtype=np.float64)
    wrong = np.array([value is None for value in read], dtype=bool)
    return values[codes], wrong[codes]


def to_utc(
    cells: Sequence[str], meters: Sequence[str], timezone: str
) -> tuple[Array, Array, Array]:
    """Read ISO or French times, with an offset or in local civil time.

    In the autumn hour that occurs twice, the first occurrence of a time for a meter is
    summer time and the second winter time, in file order (reversed for a file that runs
    backwards).

    Parameters
    ----------
    cells
        Text, n cells: ``2022-03-27T02:30``, ``27/03/2022 02:30``, ``...Z``, ``...+01:00``.
    meters
        Meter of each cell.
    timezone
        IANA name for times without an offset.

    Returns
    -------
    seconds, unreadable, nonexistent
        Seconds since the epoch, int64; True where the text is no time; True where the
        clock skipped this local time in spring.
    """
    codes, distinct = pd.factorize(np.asarray(cells, dtype=object))
    read = [_stamp(str(text)) for text in distinct]
    unreadable = np.array([item is None for item in read], dtype=bool)
    wall = np.array([item[0] if item else 0 for item in read], dtype=np.int64)[codes]
    offset = np.array([_nan(item) for item in read], dtype=np.float64)[codes]
    bad = unreadable[codes]
    local = np.isnan(offset) & ~bad
    seconds = wall - np.nan_to_num(offset).astype(np.int64)
    nonexistent = np.zeros(len(cells), dtype=bool)
    if local.any():
        naive = pd.DatetimeIndex(wall[local].astype("datetime64[s]"))
        summer = _first_occurrence(naive, np.asarray(meters, dtype=object)[local])
        aware = naive.tz_localize(timezone, ambiguous=summer, nonexistent="NaT")
        nonexistent[local] = aware.isna()
        seconds[local] = aware.tz_convert("UTC").as_unit("s").asi8
    return np.where(nonexistent | bad, 0, seconds), bad, nonexistent


def _first_occurrence(naive: pd.DatetimeIndex, meters: Array) -> Array:
    """Tell which rows are a meter's first with this local time, in order of time."""
    frame = pd.DataFrame({"meter": meters, "wall": naive.asi8})
    ends = frame.groupby("meter", sort=False)["wall"].agg(["first", "last"])
    backwards = frame["meter"].map(ends["first"] > ends["last"]).to_numpy(dtype=bool)
    keys = ["meter", "wall"]
    forward = frame.groupby(keys, sort=False).cumcount().to_numpy()
    reverse = frame.groupby(keys, sort=False).cumcount(ascending=False).to_numpy()
    first: Array = np.where(backwards, reverse, forward) == 0
    return first


def _rows(
    reader: "Reader", path: Path, problems: Problems
) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows as wide as it and their lines, up to the bound."""
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if not header:
            header = row
        elif len(row) == len(header):
            rows.append(row)
            lines.append(reader.line_num)
        else:
            _note_width(path, reader.line_num, len(row), len(header), problems)
        if len(rows) > MAX_FILE_ROWS or problems.full:
            break
    return header, rows, lines


def _text(path: Path, problems: Problems) -> str | None:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problems.add(path.name, str(error), "a readable file", "check the file's rights")
        return None
    if len(raw) > MAX_FILE_BYTES:
        problems.add(
            path.name,
            f"more than {MAX_FILE_BYTES} bytes",
            f"at most {MAX_FILE_BYTES} bytes",
            "split the file by meter or by year",
        )
        return None
    text = _decoded(raw)
    if text is None or "\0" in text:
        problems.add(
            path.name,
            "not a text file",
            "a CSV file in UTF-8 or Windows-1252",
            "export the table as CSV, not as a workbook",
        )
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(raw: bytes) -> str | None:
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _note_width(path: Path, line: int, found: int, expected: int, problems: Problems) -> None:
    problems.add(
        f"{path.name} line {line}",
        f"{found} cells",
        f"{expected} cells, as in the header",
        "correct this line; with decimal commas, delimit cells by semicolons",
    )


def _without_unit(name: str) -> str:
    head, _, last = name.rpartition("_")
    return head if head and last in UNITS else name


def _number(text: str) -> float | None:
    """Return the number, NaN for a cell that says missing, None for anything else."""
    if text.strip().lower() in MISSING:
        return float("nan")
    dense = SPACES.sub("", text).lower()
    comma, dot = dense.rfind(","), dense.rfind(".")
    if comma >= 0 and dot >= 0:
        thousands = "," if comma < dot else "."
        dense = dense.replace(thousands, "")
    dense = dense.replace(",", ".")
    return float(dense) if NUMBER.fullmatch(dense) else None


@lru_cache(maxsize=2**18)  # meters share their times
def _stamp(text: str) -> tuple[int, float] | None:
    """Return (wall-clock seconds since 1970, offset in seconds or NaN); None if no time."""
    match = STAMP.match(text.strip())
    if match is None:
        return None
    part = match.groupdict()
    prefix = "iso_" if part["iso_year"] else ""
    day = _days_since_1970(*(part[prefix + name] for name in ("year", "month", "day")))
    clock = [int(part[name] or 0) for name in ("hour", "minute", "second")]
    if day is None or clock[0] > 23 or clock[1] > 59 or clock[2] > 59:
        return None
    seconds = day * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    return seconds, _offset(part["zone"])


@lru_cache(maxsize=2**15)
def _days_since_1970(year: str, month: str, day: str) -> int | None:
    """Return the day's number, None if there is no such day from 1990 to 2199."""
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return None
    return ordinal - date(1970, 1, 1).toordinal() if "1990" <= year <= "2199" else None


def _offset(zone: str | None) -> float:
    """Return the seconds east of Greenwich, NaN for none.

    >>> _offset("+01:00"), _offset("Z")
    (3600.0, 0.0)
    """
    if zone is None:
        return float("nan")
    if zone in "Zz":
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = 3600.0 * int(digits[:2]) + 60.0 * int(digits[2:])
    return -seconds if zone[0] == "-" else seconds


def _nan(item: tuple[int, float] | None) -> float:
    return float("nan") if item is None else item[1]


def _short(value: object) -> str:
    text = repr(str(value))
    return text if len(text) <= 60 else text[:57] + "..."
