"""What a reader of files yields: blocks of rows with the line of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.lab.contest import rules
from common.lab.contest.files import Limits
from common.lab.contest.records import Column
from common.lab.contest.tally import Tally, excerpt
from common.lab.usecase import Array

__all__ = ["Block", "Table", "wanted_columns"]


@dataclass(frozen=True)
class Block:
    """Some rows of a file.

    Parameters
    ----------
    cells
        Column name to a pyarrow array of n cells: strings (dictionary-encoded for keys),
        timestamps with a zone, or numbers.
    lines
        Line of each row in the file, the header being line 1, shape (n,).
    """

    cells: Mapping[str, Any]
    lines: Array


@dataclass(frozen=True)
class Table:
    """A file whose header was accepted.

    Parameters
    ----------
    names
        The contest's columns that it holds.
    decimal_comma
        Whether its cells may write 1,5 for 1.5.
    blocks
        Its rows, read as they are asked for.
    """

    names: tuple[str, ...]
    decimal_comma: bool
    blocks: Iterator[Block]


def wanted_columns(
    header: Sequence[str], columns: Sequence[Column], limits: Limits, tally: Tally
) -> dict[str, int] | None:
    """Return the place of each of the contest's columns, or None after saying why not."""
    if len(header) > limits.columns:
        tally.note(rules.COLUMNS, f"{len(header)} colonnes, {len(columns)} demandées")
        return None
    known = {column.name for column in columns}
    missing = [column.name for column in columns if column.required and column.name not in header]
    repeated = sorted({name for name in header if name in known and header.count(name) > 1})
    extra = [name for name in header if name not in known]
    if missing:
        met = ", ".join(excerpt(name) for name in header[:8])
        tally.note(rules.HEADER, f"colonne absente : {', '.join(missing)} ; lu : {met}")
    if repeated:
        tally.note(rules.HEADER, f"colonne répétée : {', '.join(repeated)}")
    if missing or repeated:
        return None
    if extra:
        tally.note(rules.EXTRA_COLUMNS, ", ".join(excerpt(name) for name in extra[:8]))
    return {name: header.index(name) for name in header if name in known}
