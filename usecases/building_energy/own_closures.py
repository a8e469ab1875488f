"""Read the days on which a commune's own buildings are closed: ``closures.csv``."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from common.lab.french_csv import Problems, Table, column_index, read_table

__all__ = ["CLOSURES_FILE", "read_closures"]

CLOSURES_FILE = "closures.csv"
FIRST_NAMES = ("first_day", "day", "jour", "date", "debut", "premier_jour", "du")
LAST_NAMES = ("last_day", "fin", "dernier_jour", "au")
DAY_FORMATS = ("%Y-%m-%d", "%d/%m/%Y")
LONGEST_CLOSURE_DAYS = 366


def read_closures(folder: Path, problems: Problems) -> pd.DataFrame | None:
    """Return the closed days, or None where the folder has no ``closures.csv``.

    The file has ``first_day;last_day``, both included (``day`` alone for single days), as
    2024-02-10 or 10/02/2024: school holidays of a school, works, summer weeks.

    Parameters
    ----------
    folder
        The commune's folder.
    problems
        Collects what is refused, with its line.
    """
    path = next((path for path in folder.iterdir() if path.name.lower() == CLOSURES_FILE), None)
    table = None if path is None else read_table(path, problems)
    if table is None:
        return None
    first = column_index(table.header, FIRST_NAMES)
    last = column_index(table.header, LAST_NAMES)
    if first is None:
        problems.add(
            f"{table.path.name} line 1", f"columns {', '.join(table.header)!r}",
            "first_day;last_day", "name the columns so",
        )  # fmt: skip
        return None
    starts = _days(table, first, problems)
    stops = starts if last is None else _days(table, last, problems)
    return pd.DataFrame({"day": _spans(table, starts, stops, problems)})


def _days(table: Table, column: int, problems: Problems) -> list[date | None]:
    """Read a column of days; None where a cell is not one."""
    days = [_day(text) for text in table.cells[column]]
    wrong = np.array([day is None for day in days], dtype=bool)
    problems.add_lines(
        table, wrong, table.cells[column], "a day such as 2024-02-10 or 10/02/2024",
        "correct this cell",
    )  # fmt: skip
    return days


def _day(text: str) -> date | None:
    for form in DAY_FORMATS:
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a civil day
        except ValueError:
            continue
    return None


def _spans(
    table: Table, starts: list[date | None], stops: list[date | None], problems: Problems
) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Return every day of every closure, each once."""
    found: list[np.ndarray[tuple[int], np.dtype[np.datetime64]]] = []
    for line, first, last in zip(table.lines, starts, stops, strict=True):
        if first is None or last is None:
            continue
        if not 0 <= (last - first).days < LONGEST_CLOSURE_DAYS:
            problems.add(
                f"{table.path.name} line {line}", f"{first} to {last}",
                f"first_day not after last_day, at most {LONGEST_CLOSURE_DAYS} days",
                "correct one of the two days",
            )  # fmt: skip
            continue
        start, stop = np.datetime64(first, "D"), np.datetime64(last, "D") + 1
        found.append(np.arange(start, stop))
    days = np.unique(np.concatenate(found)) if found else np.empty(0, dtype="datetime64[D]")
    return days.astype("datetime64[s]")
