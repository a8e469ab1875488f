"""Digests that do not depend on a language, a library or a file format."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array

__all__ = ["answers_digest", "canonical_json", "json_digest", "netstring", "plain"]


def netstring(data: bytes) -> bytes:
    """Return bytes with their length in front and a comma behind (Bernstein, 1997).

    Fields in a row cannot run into one another: ``ab`` + ``c`` differs from ``a`` + ``bc``.

    >>> netstring(b"hello")
    b'5:hello,'
    """
    return b"%d:%b," % (len(data), data)


def canonical_json(value: Any) -> bytes:
    r"""Return the one JSON text of a value: sorted keys, no spaces, UTF-8, numbers as strings.

    Numbers become strings because languages print them differently; a caller who wants
    rounding prints them first. True, false and null stay.

    >>> canonical_json({"b": 1.5, "a": [True, None, "é"]})
    b'{"a":[true,null,"\xc3\xa9"],"b":"1.5"}'
    """
    text = json.dumps(_printed(plain(value)), ensure_ascii=False, sort_keys=True, indent=None,
                      separators=(",", ":"))  # fmt: skip
    return text.encode()


def json_digest(value: Any) -> str:
    """Return the sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def answers_digest(answers: Mapping[str, Array]) -> str:
    """Return the sha256 of answers in the questions' order, whatever file they came in.

    Columns in alphabetical order: the name as a netstring, then the values as big-endian
    IEEE 754 doubles, every NaN being the same (``7ff8 0000 0000 0000``).

    >>> one = answers_digest({"a": np.array([1, np.nan])})
    >>> one == answers_digest({"a": np.array([1, -np.nan], dtype=np.float32)})
    True
    """
    hasher = hashlib.sha256()
    for name in sorted(answers):
        values = np.asarray(answers[name], dtype=np.float64)
        hasher.update(netstring(name.encode()))
        hasher.update(netstring(np.where(np.isnan(values), np.nan, values).astype(">f8").tobytes()))
    return hasher.hexdigest()


def plain(value: Any) -> Any:
    """Return a value made of dict, list, str, int, float, bool and None only.

    Numbers that JSON has not (NaN, infinities) become ``"nan"``, ``"inf"``, ``"-inf"``,
    which ``float`` reads back; dates become ISO 8601.

    Raises
    ------
    UsageError
        The value holds anything else.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    raise UsageError(f"{type(value).__name__} in a record", expected="text, numbers, lists, tables")


def _printed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _printed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printed(item) for item in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else value
