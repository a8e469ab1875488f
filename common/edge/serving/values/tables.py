"""CSV tables in and out: one column per value, as ``common.edge.inputfile`` names them.

An input of one value per row is a column of its name; an array has one column per value,
``load_kwh.27.13`` for position (27, 13), counted from 0.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.manifest import FieldSpec
from common.edge.serving.problem import Problem
from common.edge.serving.values.numbers import code_points, is_text

__all__ = ["Table", "column_names", "columns_to_inputs", "read_table", "write_table"]

Array = npt.NDArray[Any]

_SPACES = re.compile(r"[\s\u00a0\u202f]+")
_TRUTH = {"1": True, "0": False, "vrai": True, "faux": False, "true": True, "false": False}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table:
    """Cells by column.

    Parameters
    ----------
    header
        Column names, each once.
    rows
        Cells of each row, as many as the header has.
    lines
        Line of each row in the file, counted from 1.
    """

    def __init__(self, header: list[str], rows: list[list[Any]], lines: list[int]) -> None:
        self.header, self.rows, self.lines = header, rows, lines
        self.place = {name: index for index, name in enumerate(header)}

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column."""
        place = self.place[name]
        return [row[place] for row in self.rows]


def read_table(body: bytes, most_rows: int) -> Table:
    """Read a CSV: semicolons (decimal comma or point), tabs, or commas (decimal point).

    Raises
    ------
    Problem
        It is not UTF-8, has no row, too many rows, a column twice, or a row of another length.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(
            400, f"Le fichier n'est pas en UTF-8 (octet {error.start}) : l'enregistrer en UTF-8."
        ) from error
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ";\t" if mark in first), ",")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise Problem(
            400, "Le fichier n'est pas un CSV lisible : guillemets à vérifier."
        ) from error
    header = [name.strip() for name in lines[0]] if lines else []
    numbered = [(number, row) for number, row in enumerate(lines[1:], start=2) if any(row)]
    table = Table(header, [row for _, row in numbered], [number for number, _ in numbered])
    _check(table, most_rows)
    return table


def _check(table: Table, most_rows: int) -> None:
    header = table.header
    if len(table.place) < len(header):
        doubled = min(name for name in header if header.count(name) > 1)
        raise Problem(422, f"Colonne « {doubled[:40]} » présente deux fois.")
    if not table.rows:
        raise Problem(422, "Aucune ligne de données sous l'en-tête.")
    if len(table.rows) > most_rows:
        raise Problem(413, f"{len(table.rows)} lignes ; attendu : au plus {most_rows} par appel.")
    for number, row in zip(table.lines, table.rows, strict=True):
        if len(row) != len(header):
            raise Problem(
                422,
                f"Ligne {number} du fichier : {len(row)} cellules ; attendu : {len(header)}, "
                "comme l'en-tête.",
                [{"row": None, "field": None, "detail": f"ligne {number}"}],
            )


def column_names(field: FieldSpec) -> list[str]:
    """Return the columns of an input in row-major order; empty where an axis is free.

    >>> column_names(FieldSpec("load_kwh", "float32", ("n", 1, 2), "kWh", ""))
    ['load_kwh.0.0', 'load_kwh.0.1']
    """
    sizes = [size for size in field.shape[1:] if isinstance(size, int)]
    if len(sizes) < len(field.shape) - 1:
        return []
    indices = product(*(range(size) for size in sizes))
    return [".".join([field.name, *map(str, index)]) for index in indices]


def columns_to_inputs(table: Table, fields: Sequence[FieldSpec]) -> dict[str, Any]:
    """Return the inputs that a table of texts holds.

    Raises
    ------
    Problem
        A column is unknown or missing, or a cell is not what its input takes.
    """
    inputs: dict[str, Any] = {}
    used: set[str] = set()
    for field in fields:
        if is_text(field) and field.name in table.place:
            inputs[field.name] = code_points(table.column(field.name), field)
            used.add(field.name)
            continue
        names = column_names(field)
        present = [name for name in names if name in table.place]
        if not present:
            continue
        if len(present) < len(names):
            absent = next(name for name in names if name not in table.place)
            raise Problem(
                422, f"Colonne « {absent} » absente ; attendu : {names[0]} à {names[-1]}."
            )
        inputs[field.name] = _values(table, field, names)
        used.update(names)
    unknown = [name for name in table.header if name not in used]
    if unknown:
        known = ", ".join(field.name for field in fields)
        raise Problem(422, f"Colonne inconnue « {unknown[0][:40]} » ; attendu : {known}.")
    return inputs


def _values(table: Table, field: FieldSpec, names: list[str]) -> Array:
    readers: dict[str, Callable[[str], Any]] = {"bool": _truth, "int64": int}
    read = readers.get(field.dtype, _number)
    dtype = np.float64 if read is _number else np.dtype(field.dtype)
    columns = []
    for name in names:
        cells = table.column(name)
        try:
            columns.append(np.array([read(_cell(cell)) for cell in cells], dtype=dtype))
        except (ValueError, KeyError, OverflowError) as error:
            raise _refused(table, field, name, read) from error
    shape = (len(table.rows), *(int(size) for size in field.shape[1:]))
    return np.stack(columns, axis=1).reshape(shape)


def _cell(cell: str) -> str:
    return _SPACES.sub("", cell) if not cell.isalnum() else cell


def _refused(table: Table, field: FieldSpec, name: str, read: Callable[[str], Any]) -> Problem:
    """Name the first cell of a column that cannot be read."""
    for row, cell in enumerate(table.column(name)):
        try:
            np.array(read(_cell(cell)), dtype=None if read is _number else field.dtype)
        except (ValueError, KeyError, OverflowError):
            unit = "" if field.unit == "1" else f" en {field.unit}"
            kind = {"bool": "vrai ou faux", "int64": "un nombre entier"}.get(
                field.dtype, "un nombre"
            )
            line = table.lines[row]
            what = f"Ligne {line} du fichier, colonne « {name} » : « {cell[:40]} » ; "
            what += f"attendu : {kind}{unit}."
            return Problem(422, what, [{"row": row, "field": field.name, "detail": what}])
    return Problem(422, f"Colonne « {name} » illisible.")


def _number(cell: str) -> float:
    return float(cell.replace(",", ".")) if cell else math.nan


def _truth(cell: str) -> bool:
    return _TRUTH[cell.lower()]


def write_table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Write columns as French spreadsheets read them: semicolons, decimal comma, UTF-8 BOM.

    A text that a spreadsheet would take for a formula is preceded by an apostrophe.

    >>> write_table({"a": [1.5, None], "b": ["x", "=1"]}).decode("utf-8-sig").split()
    ['a;b', '1,5;x', ";'=1"]
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_cells(values) for values in columns.values()), strict=True))
    return buffer.getvalue().encode("utf-8-sig")


def _cells(values: Iterable[Any]) -> list[str]:
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "vrai" if value else "faux"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.9g}".replace(".", ",")
    if value is None:
        return ""
    text = str(value)
    is_risky = isinstance(value, str) and text.startswith(_FORMULA)
    return f"'{text}" if is_risky else text
