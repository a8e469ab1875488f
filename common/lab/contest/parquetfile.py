"""Rows of a Parquet file in bounded memory; row i is called line i + 2, as in a CSV file."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from common.lab.contest import rules
from common.lab.contest.blocks import Block, Table, wanted_columns
from common.lab.contest.files import Limits
from common.lab.contest.records import Column
from common.lab.contest.tally import Tally, excerpt
from common.lab.pages import french

__all__ = ["read_parquet"]

_BATCH_ROWS = 2**16
_MAGIC = b"PAR1"


def read_parquet(
    stream: BinaryIO, columns: Sequence[Column], limits: Limits, tally: Tally
) -> Table | None:
    """Open a Parquet file; only the contest's columns are ever decompressed.

    Returns
    -------
    Table or None
        None where metadata, size or types are refused, after a note in ``tally``.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not _footer_is_small(stream, limits, tally):
        return None
    texts = [column.name for column in columns if column.kind != "number"]
    try:
        file = pq.ParquetFile(
            stream,
            read_dictionary=texts,
            thrift_string_size_limit=limits.footer_bytes,
            thrift_container_size_limit=limits.row_groups * limits.columns,
        )
        names = file.schema_arrow.names
        places = wanted_columns(names, columns, limits, tally)
        if places is None or not _bounded(file, places, limits, tally):
            return None
        if not _readable(file.schema_arrow, places, columns, tally):
            return None
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        tally.note(rules.PARQUET, excerpt(str(error)))
        return None
    return Table(tuple(places), decimal_comma=False, blocks=_blocks(file, places, tally))


def _footer_is_small(stream: BinaryIO, limits: Limits, tally: Tally) -> bool:
    size = stream.seek(0, 2)
    stream.seek(max(size - 8, 0))
    tail = stream.read(8)
    stream.seek(0)
    footer = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or footer > size:
        tally.note(rules.PARQUET, "fichier tronqué : la fin n'est pas celle d'un fichier Parquet")
        return False
    if footer > limits.footer_bytes:
        tally.note(rules.PARQUET, f"{french.number(footer, 0)} octets de métadonnées")
        return False
    return True


def _bounded(file: Any, places: dict[str, int], limits: Limits, tally: Tally) -> bool:
    """Tell whether the declared sizes of the columns that we read are within the limits."""
    metadata = file.metadata
    if metadata.num_row_groups > limits.row_groups:
        tally.note(rules.PARQUET, f"{metadata.num_row_groups} groupes de lignes")
        return False
    total = 0
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        read = [group.column(j) for j in range(group.num_columns)]
        plain = sum(
            chunk.total_uncompressed_size for chunk in read if chunk.path_in_schema in places
        )
        total += plain
        if plain > limits.group_bytes or total > limits.plain_bytes:
            mib = french.quantity(max(plain, total) / 2**20, "Mio", 0)
            tally.note(rules.PARQUET, f"{mib} une fois décompressé")
            return False
    return True


def _readable(schema: Any, places: dict[str, int], columns: Sequence[Column], tally: Tally) -> bool:
    """Tell whether each column has a type that its kind can be read from."""
    wrong = []
    for column in columns:
        if column.name not in places:
            continue
        kind = schema.field(column.name).type
        if not _fits(kind, column.kind):
            wrong.append(f"{column.name} : {excerpt(str(kind))}")
    if wrong:
        tally.note(rules.PARQUET, " ; ".join(wrong))
    return not wrong


def _fits(found: Any, kind: str) -> bool:
    import pyarrow.types as patypes

    if patypes.is_dictionary(found):
        found = found.value_type
    text = patypes.is_string(found) or patypes.is_large_string(found)
    number = patypes.is_floating(found) or patypes.is_integer(found)
    fits = {"text": text, "time": text or patypes.is_timestamp(found), "number": number}
    return bool(fits[kind])


def _blocks(file: Any, places: dict[str, int], tally: Tally) -> Iterator[Block]:
    import pyarrow as pa

    line = 2
    try:
        for batch in file.iter_batches(_BATCH_ROWS, columns=list(places), use_threads=False):
            cells = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield Block(cells, np.arange(line, line + batch.num_rows))
            line += batch.num_rows
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        tally.note(rules.PARQUET, excerpt(str(error)))
