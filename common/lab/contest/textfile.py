"""Rows of a CSV file in bounded memory, each with its line number."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from common.lab.contest import rules
from common.lab.contest.blocks import Block, Table, wanted_columns
from common.lab.contest.files import Limits
from common.lab.contest.records import Column
from common.lab.contest.tally import Rule, Tally, excerpt
from common.lab.usecase import Array

__all__ = ["read_text"]

_BOM = b"\xef\xbb\xbf"
_NEWLINE, _QUOTE = 10, 34


@dataclass(frozen=True)
class _Lines:
    """Whole lines of the file, ending in LF, and the number of the first."""

    data: bytes
    first: int


def read_text(
    stream: BinaryIO, columns: Sequence[Column], limits: Limits, tally: Tally
) -> Table | None:
    """Open a CSV file: UTF-8, cells between commas or semicolons.

    Returns
    -------
    Table or None
        None where the header is refused. The blocks end early, after a note in ``tally``,
        where the text cannot be read on.
    """
    lines = _whole_lines(stream, limits, tally)
    start = next(lines, None)
    if start is None:
        return None
    head, _, rest = start.data.removeprefix(_BOM).partition(b"\n")
    parsed = _header(head.decode("utf-8"), columns)
    places = wanted_columns(parsed[0], columns, limits, tally)
    if places is None:
        return None
    reader = _Reader(tuple(parsed[0]), places, parsed[1], columns, limits, tally)
    return Table(tuple(places), parsed[1] == ";", reader.blocks(_Lines(rest, 2), lines))


def _header(head: str, columns: Sequence[Column]) -> tuple[list[str], str]:
    """Return the names and the delimiter: that which finds most of the contest's columns."""
    known = {column.name for column in columns}
    best: tuple[list[str], str] = ([], ",")
    for delimiter in (",", ";"):
        names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        if len(known & set(names)) >= len(known & set(best[0])):
            better = len(known & set(names)) > len(known & set(best[0]))
            best = (names, delimiter) if better or len(names) > len(best[0]) else best
    return best


def _whole_lines(stream: BinaryIO, limits: Limits, tally: Tally) -> Iterator[_Lines]:
    """Cut the file into pieces of whole lines that are text; stop where it is not."""
    rest, line = b"", 1
    while True:
        read = stream.read(limits.block_bytes)
        data = rest + read
        if not data:
            return
        cut = data.rfind(b"\n") + 1 if read else len(data)
        rest = data[cut:]
        if len(rest) > limits.line_bytes:
            tally.add(rules.LINE_LENGTH, np.array([line + data.count(b"\n", 0, cut)]))
            return
        piece = _text(data[:cut], line, limits, tally)
        if piece is None:
            return
        if piece:
            yield _Lines(piece, line)
            line += piece.count(b"\n")
        if not read:
            return


def _text(data: bytes, first: int, limits: Limits, tally: Tally) -> bytes | None:
    """Return the lines ending in LF, or None after noting why they are no text."""
    data = data.replace(b"\r\n", b"\n")
    if data and not data.endswith(b"\n"):
        data += b"\n"
    offence = _offence(data)
    if offence is not None:
        rule, at, detail = offence
        tally.add(rule, np.array([first + data.count(b"\n", 0, at)]), detail)
        return None
    marks = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(marks == _NEWLINE)
    long = np.flatnonzero(np.diff(ends, prepend=-1) > limits.line_bytes)
    open_quotes = _odd_quotes(marks, ends) if b'"' in data else long[:0]
    for rule, at_lines in ((rules.LINE_LENGTH, long), (rules.QUOTES, open_quotes)):
        if len(at_lines):
            tally.add(rule, first + at_lines)
            return None
    return data


def _offence(data: bytes) -> tuple[Rule, int, str] | None:
    """Return the rule, place and detail of the first byte that is no text."""
    nul = data.find(b"\0")
    if nul >= 0:
        wide = data[nul + 2 : nul + 3] == b"\0" or data[nul - 2 : nul - 1] == b"\0"
        return rules.NUL, nul, "UTF-16 sans BOM, semble-t-il" if wide else ""
    lone = data.find(b"\r")
    if lone >= 0:
        return rules.LINE_LENGTH, lone, "retour chariot seul (CR) dans une ligne"
    if data.isascii():
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte = data[error.start]
        return rules.ENCODING, error.start, f"octet 0x{byte:02X}, sans doute Windows-1252 (Latin-1)"
    return None


def _odd_quotes(marks: Array, ends: Array) -> Array:
    """Lines with an odd number of quotes: one is not closed on its line."""
    before = np.searchsorted(np.flatnonzero(marks == _QUOTE), ends)
    odd: Array = np.flatnonzero(np.diff(before, prepend=0) % 2)
    return odd


@dataclass
class _Reader:
    """Turns whole lines into blocks of cells."""

    header: tuple[str, ...]
    places: dict[str, int]
    delimiter: str
    columns: Sequence[Column]
    limits: Limits
    tally: Tally
    ragged: list[int] = field(default_factory=list)
    n_ragged: int = 0

    def blocks(self, start: _Lines, lines: Iterator[_Lines]) -> Iterator[Block]:
        """Yield the cells of all lines, until too many of them are ragged."""
        for piece in itertools.chain((start,), lines):
            if self.n_ragged > self.limits.ragged_rows:
                return
            yield from self._block(piece)

    def _block(self, piece: _Lines) -> Iterator[Block]:
        if not piece.data.strip(b"\n"):
            return
        self.ragged.clear()
        table = self._read(piece)
        if table is None:
            return
        number = np.arange(piece.first, piece.first + piece.data.count(b"\n"))
        ragged = np.array(self.ragged, np.int64) - 1
        if len(ragged):
            self.tally.add(rules.WIDTH, number[ragged])
            number = np.delete(number, ragged)
        cells = {
            name: table.column(str(place)).combine_chunks() for name, place in self.places.items()
        }
        yield Block(cells, number)

    def _read(self, piece: _Lines) -> Any:
        """Return the block's pyarrow table, None where pyarrow cannot read it at all."""
        import pyarrow as pa
        import pyarrow.csv as pacsv

        kinds = {column.name: column.kind for column in self.columns}
        encoded = pa.dictionary(pa.int32(), pa.string())
        types = {
            str(place): pa.string() if kinds[name] == "number" else encoded
            for name, place in self.places.items()
        }
        names = [str(place) for place in range(len(self.header))]
        try:
            return pacsv.read_csv(
                io.BytesIO(piece.data),
                read_options=pacsv.ReadOptions(
                    column_names=names, use_threads=False, block_size=len(piece.data) + 1
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self.delimiter,
                    ignore_empty_lines=False,
                    invalid_row_handler=self._note_ragged,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=types, include_columns=list(types), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid as error:
            self.tally.add(rules.WIDTH, np.array([piece.first]), excerpt(str(error)))
            self.n_ragged = self.limits.ragged_rows + 1
            return None

    def _note_ragged(self, row: Any) -> str:
        self.ragged.append(row.number)
        self.n_ragged += 1
        if not self.tally.count(rules.WIDTH):
            wide = f"{row.actual_columns} cellules au lieu de {row.expected_columns}"
            self.tally.note(rules.WIDTH, wide)
        return "skip"
