"""Read raw inputs from a file: npz with one array per input, or CSV with one column per value.

In CSV, an input of one value per row is a column of its name; an array input has one column
per value, ``load_kwh.27.13`` for position (27, 13), counted from 0. Cells are delimited by
semicolons (decimal comma or point), tabs, or commas (decimal point); an empty cell is a
missing value.
"""

import csv
import io
import math
import re
import zipfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits
from common.edge.errors import TableError, UsageError
from common.edge.manifest import FieldSpec

__all__ = ["read_inputs"]

Array = npt.NDArray[Any]

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_TRUTH = {"1": True, "0": False, "vrai": True, "faux": False, "true": True, "false": False}


def read_inputs(path: Path, fields: Sequence[FieldSpec], limits: Limits) -> dict[str, Array]:
    """Return the inputs of a ``.npz`` or ``.csv`` file by name, of the same number of rows.

    Types, shapes and ranges are left to `common.edge.inputs.prepare`; inputs with a default
    may be absent.

    Parameters
    ----------
    path
        The file.
    fields
        What the graph takes.
    limits
        ``total_bytes`` bounds the file, and what a npz unpacks to.

    Raises
    ------
    UsageError
        There is no such file, or its name ends otherwise.
    TableError
        The file is too large or cannot be read; a column is unknown, doubled or missing; a
        cell is not what its input takes. Line and column are named.
    """
    readers = {".npz": _read_npz, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise UsageError(
            f"no inputs at {path}",
            expected="a .npz with one array per input, or a .csv with one column per value",
        )
    if path.stat().st_size > limits.total_bytes:
        raise _refused(path, f"{path.stat().st_size} bytes", f"at most {limits.total_bytes}")
    arrays = reader(path, fields, limits)
    lengths = {len(values) if values.ndim else 0 for values in arrays.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise _refused(path, f"arrays of {sorted(lengths)} rows", "inputs of the same rows")
    return arrays


def _read_npz(path: Path, fields: Sequence[FieldSpec], limits: Limits) -> dict[str, Array]:
    """Read the arrays; one of site names, which `aune bundle predict` takes, is no input."""
    left_out = {"site"} - {field.name for field in fields}
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        if total > limits.total_bytes:
            raise _refused(path, f"{total} bytes unpacked", f"at most {limits.total_bytes}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if name not in left_out}
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise _refused(path, str(error), "an npz file of plain arrays, as numpy.savez") from error


def _read_csv(path: Path, fields: Sequence[FieldSpec], _limits: Limits) -> dict[str, Array]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, f"not UTF-8: {error}", "a CSV file saved as UTF-8") from error
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in first), ",")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise _refused(path, str(error), "rows of cells") from error
    header = [name.strip() for name in rows[0]] if rows else []
    columns = _columns(path, header, fields)
    lines = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(row)]
    for number, row in lines:
        if len(row) != len(header):
            raise _refused(
                path, f"line {number}: {len(row)} cells", f"{len(header)}, as the header"
            )
    return {
        field.name: _values(path, field, header, lines, columns[field.name])
        for field in fields
        if field.name in columns
    }


def _columns(
    path: Path, header: list[str], fields: Sequence[FieldSpec]
) -> dict[str, tuple[int, ...]]:
    """Return, for each input that is there, where its values are, in C order."""
    place = {name: index for index, name in enumerate(header)}
    if len(place) < len(header):
        doubled = sorted({name for name in header if header.count(name) > 1})
        raise _refused(path, f"columns {', '.join(doubled)} twice", "each column once")
    columns: dict[str, tuple[int, ...]] = {}
    for field in fields:
        if not any(name.split(".")[0] == field.name for name in header):
            continue
        names = _names(path, field)
        absent = [name for name in names if name not in place]
        if absent:
            raise _refused(path, f"no column {absent[0]}", f"{names[0]} to {names[-1]}")
        columns[field.name] = tuple(place.pop(name) for name in names)
    if place:
        known = ", ".join(field.name for field in fields)
        raise _refused(path, f"unknown column {next(iter(place))!r}", f"of {known}")
    return columns


def _names(path: Path, field: FieldSpec) -> list[str]:
    sizes = [size for size in field.shape[1:] if isinstance(size, int)]
    if len(sizes) < len(field.shape) - 1:
        raise _refused(path, f"input {field.name} has rows of any length", "an npz file for it")
    return [
        ".".join([field.name, *map(str, index)]) for index in product(*(range(n) for n in sizes))
    ]


def _values(
    path: Path,
    field: FieldSpec,
    header: list[str],
    lines: list[tuple[int, list[str]]],
    places: tuple[int, ...],
) -> Array:
    read: Callable[[str], Any] = {"bool": _truth, "int64": _whole}.get(field.dtype, _number)
    values = np.empty(
        (len(lines), len(places)), dtype=np.float64 if read is _number else field.dtype
    )
    for row, (number, cells) in enumerate(lines):
        for position, place in enumerate(places):
            try:
                values[row, position] = read(_SPACES.sub("", cells[place]))
            except (ValueError, KeyError, OverflowError) as error:
                raise _refused(
                    path,
                    f"line {number}, column {header[place]}: {cells[place][:40]!r}",
                    f"{field.dtype} in {field.unit}",
                ) from error
    return values.reshape(len(lines), *(int(size) for size in field.shape[1:]))


def _number(cell: str) -> float:
    return float(cell.replace(",", ".")) if cell else math.nan


def _whole(cell: str) -> int:
    return int(cell)


def _truth(cell: str) -> bool:
    return _TRUTH[cell.lower()]


def _refused(path: Path, found: str, expected: str) -> TableError:
    return TableError(f"{path.name}: {found}", expected=expected, remedy="correct this file")
