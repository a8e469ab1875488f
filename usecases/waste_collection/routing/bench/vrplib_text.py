"""Read the text of a VRPLIB file: specifications, sections, and solutions."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.edge.errors import TableError

__all__ = ["Solution", "VrplibText", "read_solution_text", "read_vrplib_text"]

Floats = npt.NDArray[np.float64]

MAX_FILE_BYTES = 16 * 2**20
SPECIFICATION = re.compile(r"([A-Z_]+)\s*:\s*(.*)")
SECTION = re.compile(r"([A-Z_]+)_SECTION\s*:?")
ROUTE = re.compile(r"Route\s*#?\s*\d+\s*:?\s*(.*)", re.IGNORECASE)
COST = re.compile(r"Cost\s*:?\s*([0-9.]+)", re.IGNORECASE)


@dataclass
class VrplibText:
    """Specifications by name, and the numbers of each section, a row per line."""

    path: Path
    specifications: dict[str, str] = field(default_factory=dict)
    sections: dict[str, list[list[float]]] = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """Return a specification as a number; None where it is not given."""
        text = self.specifications.get(name)
        return None if text is None else _number(self.path, text)

    def rows(self, name: str, n_rows: int) -> Floats | None:
        """Return a section's values by its leading index, (n_rows, width); None if absent.

        Raises
        ------
        TableError
            If the lines are not numbered 1..n_rows or differ in width.
        """
        lines = self.sections.get(name)
        if lines is None:
            return None
        values = [line[1:] for line in lines]
        numbers = [line[0] for line in lines]
        if numbers != list(range(1, n_rows + 1)) or len({len(row) for row in values}) != 1:
            raise TableError(
                f"{self.path.name}: {name}_SECTION has {len(lines)} lines",
                expected=f"lines numbered 1 to {n_rows}, of one width",
                remedy="take the file as published",
            )
        return np.array(values, dtype=np.float64)


@dataclass(frozen=True)
class Solution:
    """Routes as location indexes counted from 0 (0 is the depot), and the stated cost."""

    routes: tuple[tuple[int, ...], ...]
    stated_cost: float


def read_vrplib_text(path: Path) -> VrplibText:
    """Read specifications and sections.

    Raises
    ------
    TableError
        If a line is neither, or a number cannot be read.
    """
    text = VrplibText(path)
    section: list[list[float]] | None = None
    for number, raw in enumerate(_text(path).splitlines(), start=1):
        line = raw.strip()
        if line in ("", "EOF"):
            continue
        opening, specification = SECTION.fullmatch(line), SPECIFICATION.fullmatch(line)
        if opening:
            section = text.sections.setdefault(opening[1], [])
        elif specification:
            text.specifications[specification[1]] = specification[2].strip(' \t"')
        elif section is not None:
            section.append([_number(path, cell) for cell in line.split()])
        else:
            raise TableError(
                f"{path.name} line {number}: {line[:40]!r}",
                expected="KEY : value, a ..._SECTION, or its numbers",
            )
    return text


def read_solution_text(path: Path) -> Solution:
    """Read a ``.sol`` file: one line per route (empty for an idle vehicle), and the cost.

    Raises
    ------
    TableError
        If there is no cost or a visit is no number.
    """
    routes, cost = [], None
    for line in _text(path).splitlines():
        route, stated = ROUTE.match(line.strip()), COST.match(line.strip())
        if route:
            routes.append(tuple(int(_number(path, cell)) for cell in route[1].split()))
        elif stated:
            cost = float(stated[1])
    if cost is None:
        raise TableError(f"{path.name}: no cost", expected="a line that begins with Cost")
    return Solution(tuple(routes), cost)


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise TableError(f"{path.name}: over {MAX_FILE_BYTES} bytes", expected="an instance")
    return path.read_text(encoding="utf-8")


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise TableError(f"{path.name}: {text[:40]!r}", expected="a number") from None
