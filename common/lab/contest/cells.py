"""Text cells to numbers and UTC times, whole columns at once, with what each cell is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from common.lab.usecase import Array

__all__ = ["BAD", "EMPTY", "NAIVE", "OK", "numbers", "times"]

OK, EMPTY, BAD, NAIVE = 0, 1, 2, 3
"""What a cell is: read; empty; not readable; a time without an offset."""

_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_WORDS = r"(?i)^[+-]?(nan|inf|infinity)$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def numbers(text: Any, *, decimal_comma: bool) -> tuple[Array, Array]:
    """Read decimal numbers.

    Parameters
    ----------
    text
        pyarrow array of strings, n cells.
    decimal_comma
        True where the file separates cells by semicolons: ``1,5`` is then 1.5.

    Returns
    -------
    values, state
        float64, NaN where not read (``nan`` and ``inf`` are read as such); and `OK`,
        `EMPTY` or `BAD`; both of shape (n,).

    Examples
    --------
    >>> import pyarrow
    >>> values, state = numbers(pyarrow.array(["1,5", "", "-2e1", "1 kWh"]), decimal_comma=True)
    >>> values.tolist(), state.tolist()
    ([1.5, nan, -20.0, nan], [0, 1, 0, 2])
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if decimal_comma:
        text = pc.replace_substring(text, ",", ".")
    try:
        values = text.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        pass
    else:
        return values, np.zeros(len(values), np.int8)
    text = pc.utf8_trim_whitespace(text)
    readable = pc.or_(
        pc.match_substring_regex(text, _NUMBER), pc.match_substring_regex(text, _WORDS)
    )
    bare = pc.replace_substring_regex(text, r"^\+", "")
    kept = pc.if_else(readable, bare, pa.scalar(None, pa.string())).cast(pa.float64())
    state = np.where(readable.to_numpy(zero_copy_only=False), OK, BAD).astype(np.int8)
    state[pc.equal(text, "").to_numpy(zero_copy_only=False)] = EMPTY
    return kept.to_numpy(zero_copy_only=False), state


def times(text: Any) -> tuple[Array, Array]:
    """Read ISO 8601 times with an offset (RFC 3339) to seconds since 1970 in UTC.

    Parameters
    ----------
    text
        pyarrow array of strings, n cells (the distinct ones are enough).

    Returns
    -------
    seconds, state
        int64, 0 where not read; and `OK`, `EMPTY`, `BAD` or `NAIVE`; both of shape (n,).

    Examples
    --------
    >>> import pyarrow
    >>> cells = ["1970-01-01T02:00:00+02:00", "1970-01-01 00:01Z", "1970-01-01T00:00:00", "x"]
    >>> seconds, state = times(pyarrow.array(cells))
    >>> seconds.tolist(), state.tolist()
    ([0, 60, 0, 0], [0, 0, 3, 2])
    """
    import pyarrow as pa

    try:
        stamps = text.cast(pa.timestamp("s", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        read = [_time(cell) for cell in text.to_pylist()]
        seconds, state = np.array(read, np.int64).reshape(-1, 2).T
        return seconds, state.astype(np.int8)
    return stamps.to_numpy(zero_copy_only=False), np.zeros(len(text), np.int8)


def _time(cell: str) -> tuple[int, int]:
    """Return (seconds, state) of one cell."""
    cell = cell.strip()
    if not cell:
        return 0, EMPTY
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return 0, BAD
    if moment.tzinfo is None:
        return 0, NAIVE
    seconds = (moment - _EPOCH) / timedelta(seconds=1)
    return (int(seconds), OK) if seconds == int(seconds) else (0, BAD)
