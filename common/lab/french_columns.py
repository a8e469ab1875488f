"""Read one column of a commune's table, and note each line that cannot be taken as it stands.

`french_csv` reads the file; here are the columns that every use case's own files have: ids, times,
a time zone, numbers in a range. Messages say found, expected and what to do.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from common.lab.french_csv import (
    Problems,
    Table,
    column_index,
    numbers,
    plain,
    read_table,
    to_utc,
)
from common.lab.usecase import Array

__all__ = [
    "bounded_numbers",
    "folder_timezone",
    "is_timezone",
    "note_columns",
    "note_strangers",
    "places_of",
    "required_table",
    "texts",
    "unique_ids",
    "utc_seconds",
]

TIME_EXAMPLE = "2025-03-30T14:05 or 30/03/2025 14:05"


def required_table(path: Path, problems: Problems) -> Table:
    """Read a file that the folder cannot do without.

    Raises
    ------
    TableError
        If it could not be read at all, or for what was noted before.
    """
    table = read_table(path, problems)
    problems.refuse()
    if table is None:
        raise AssertionError("unreachable: an unread table is a problem")
    return table


def places_of(
    table: Table, wanted: Mapping[str, Sequence[str]], remedy: str, problems: Problems
) -> dict[str, int] | None:
    """Return where each wanted column stands.

    Parameters
    ----------
    table
        The file.
    wanted
        Name of a column to the names that it may bear, as `french_csv.plain` writes them.
    remedy
        What to do where one is missing.
    problems
        Takes the missing ones, all in one.

    Returns
    -------
    dict or None
        None where one is missing.
    """
    found = {name: column_index(table.header, synonyms) for name, synonyms in wanted.items()}
    absent = [name for name, index in found.items() if index is None]
    if absent:
        problems.add(
            f"{table.path.name} line 1", f"columns {', '.join(table.header)!r}",
            f"also a column for {', '.join(absent)}", remedy,
        )  # fmt: skip
        return None
    return {name: index for name, index in found.items() if index is not None}


def note_columns(
    table: Table, pattern: re.Pattern[str], expected: str, remedy: str, problems: Problems
) -> bool:
    """Note the first column whose plain name holds a pattern, and tell whether there is one."""
    found = [name for name in table.header if pattern.search(plain(name))]
    if found:
        problems.add(f"{table.path.name} line 1", f"column {found[0]!r}", expected, remedy)
    return bool(found)


def texts(table: Table, index: int) -> list[str]:
    """Return a column's cells without the spaces around them."""
    return [cell.strip() for cell in table.cells[index]]


def unique_ids(table: Table, index: int, thing: str, problems: Problems) -> list[str]:
    """Return a column of ids; an empty one, or one met before, is noted."""
    ids = texts(table, index)
    met: set[str] = set()
    wrong = np.zeros(len(ids), dtype=bool)
    for row, name in enumerate(ids):
        wrong[row] = not name or name in met
        met.add(name)
    problems.add_lines(table, wrong, ids, f"an id, once per {thing}", "correct or merge the lines")
    return ids


def note_strangers(
    table: Table, ids: Sequence[str], known: Collection[str], whose: tuple[str, str],
    problems: Problems,
) -> None:  # fmt: skip
    """Note each id that another file does not hold; ``whose`` says what has it, in which file."""
    thing, file = whose
    strange = np.array([name not in known for name in ids], dtype=bool)
    problems.add_lines(
        table, strange, ids, f"a {thing} of {file}", f"add the {thing} to {file}, or correct the id"
    )


def is_timezone(name: str) -> bool:
    """Tell whether a name is a time zone's.

    >>> is_timezone("Europe/Paris"), is_timezone("Paris"), is_timezone("")
    (True, False, False)
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # KeyError: no such zone
        return False
    return bool(name)


def folder_timezone(table: Table, index: int, problems: Problems) -> str:
    """Return the time zone that every line of a column names; empty where there is no line."""
    names = texts(table, index)
    unknown = np.array([not is_timezone(name) for name in names], dtype=bool)
    problems.add_lines(
        table, unknown, names, "an IANA name such as Europe/Paris", "fill in the time zone"
    )
    other = np.array([name != names[0] for name in names], dtype=bool) & ~unknown
    problems.add_lines(
        table, other, names, f"{names[0] if names else ''}, as on the first line",
        "one folder holds one time zone: split it",
    )  # fmt: skip
    return names[0] if names else ""


def bounded_numbers(
    table: Table, synonyms: Sequence[str], bounds: tuple[float, float], problems: Problems
) -> Array:
    """Return a column of numbers, NaN where it is absent or empty; what lies outside is noted."""
    index = column_index(table.header, synonyms)
    if index is None:
        return np.full(len(table.lines), np.nan)
    values, wrong = numbers(table.cells[index])
    low, high = bounds
    wrong = wrong | (values < low) | (values > high)
    problems.add_lines(
        table, wrong, table.cells[index], f"a number from {low:g} to {high:g}, or an empty cell",
        "correct this cell",
    )  # fmt: skip
    return values


def utc_seconds(
    table: Table,
    times: tuple[Sequence[str], Sequence[str]],
    timezone: str,
    problems: Problems,
    *,
    may_be_empty: bool = False,
) -> tuple[Array, Array]:
    """Read times; those that are none, or that the spring clock skipped, are noted.

    Parameters
    ----------
    table
        Where the cells are from, or were put together from.
    times
        Text, n cells, and what each belongs to (`french_csv.to_utc` tells the two hours of
        autumn apart by it).
    timezone
        IANA name for times without an offset.
    problems
        Takes the lines that are off.
    may_be_empty
        Whether an empty cell is only unknown, not noted.

    Returns
    -------
    seconds, unknown
        Seconds since the epoch, int64, 0 where there is none; True where there is none.
    """
    cells, owners = times
    seconds, unreadable, skipped = to_utc(cells, owners, timezone)
    blank = np.array([may_be_empty and not cell.strip() for cell in cells], dtype=bool)
    problems.add_lines(
        table, unreadable & ~blank, cells, f"a time such as {TIME_EXAMPLE}",
        "correct this line; write day/month/year or ISO 8601",
    )  # fmt: skip
    problems.add_lines(
        table, skipped, cells, f"a local time that exists in {timezone}",
        "the clock skipped this hour: write times with their offset, or correct the time zone",
    )  # fmt: skip
    return seconds, unreadable | skipped
