"""Which question a row answers: keys to sorted codes, without a Python object per row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.edge.errors import UsageError
from common.lab.contest.records import Column, Questions
from common.lab.usecase import Array

__all__ = ["Lookup", "distinct_texts"]

_CHUNK = 2**17


@dataclass(frozen=True)
class Lookup:
    """The questions' keys as sorted integers.

    Parameters
    ----------
    keys
        The key columns.
    values
        Key to its distinct values: sorted seconds (int64) of a time, distinct texts of a text.
    sizes
        Radix of each key in a row's code.
    codes
        Sorted codes of the questions, shape (n,).
    order
        Row of each sorted code, shape (n,).
    """

    keys: tuple[Column, ...]
    values: Mapping[str, Any]
    sizes: tuple[int, ...]
    codes: Array
    order: Array

    @classmethod
    def of(cls, questions: Questions, columns: Sequence[Column]) -> "Lookup":
        """Index the questions; every key column of ``columns`` must be among their keys.

        Raises
        ------
        UsageError
            If a key is absent, two questions share their keys, or codes exceed 63 bits.
        """
        keys = tuple(column for column in columns if column.kind != "number")
        unknown = [column.name for column in keys if column.name not in questions.keys]
        if unknown or not keys:
            raise UsageError(
                f"questions without the key {', '.join(unknown) or 'columns'}",
                expected="the contest's key columns, one at least",
            )
        values: dict[str, Any] = {}
        sizes = []
        codes = np.zeros(len(questions), np.int64)
        for column in keys:
            values[column.name], places = _distinct(questions.keys[column.name], column.kind)
            sizes.append(len(values[column.name]))
            codes = codes * sizes[-1] + places
        if float(np.prod([float(size) for size in sizes])) >= 2.0**63:
            raise UsageError(f"keys of {sizes} distinct values", expected="a product below 2**63")
        order = np.argsort(codes, kind="stable").astype(np.int32 if len(codes) < 2**31 else int)
        codes = codes[order]
        if np.any(codes[1:] == codes[:-1]):
            raise UsageError("two questions with the same keys", expected="one row per key")
        return cls(keys, values, tuple(sizes), codes, order)

    def place(self, name: str, given: Any) -> Array:
        """Return where each given value is among a key's values, -1 where it is not.

        ``given`` is a pyarrow array of texts, or int64 seconds for a time.
        """
        import pyarrow.compute as pc

        if isinstance(given, np.ndarray):
            known = self.values[name]
            at = np.searchsorted(known, given)
            at[at == len(known)] = 0
            return np.where(known[at] == given, at, -1) if len(known) else np.full(len(given), -1)
        found = pc.fill_null(pc.index_in(given, value_set=self.values[name]), -1)
        places: Array = found.to_numpy(zero_copy_only=False).astype(np.int64)
        return places

    def rows(self, places: Sequence[Array]) -> Array:
        """Return the question that each row answers, -1 for none, shape (n,).

        ``places`` holds one array per key, as `place` returns them.
        """
        code = np.zeros(len(places[0]), np.int64)
        known = np.ones(len(code), bool)
        for size, place in zip(self.sizes, places, strict=True):
            known &= place >= 0
            code = code * size + np.maximum(place, 0)
        if not len(self.codes):
            return np.full(len(code), -1)
        at = np.searchsorted(self.codes, code)
        at[at == len(self.codes)] = 0
        return np.where(known & (self.codes[at] == code), self.order[at], -1)


def _distinct(values: Array, kind: str) -> tuple[Any, Array]:
    """Return the distinct values and each row's place among them."""
    import pyarrow as pa

    if kind == "time":
        seconds = np.asarray(values).astype("datetime64[s]").astype(np.int64)
        known = _sorted_distinct(seconds)
        return known, np.searchsorted(known, seconds)
    names, places = distinct_texts(values)
    return pa.array(names, pa.string()), places


def _sorted_distinct(seconds: Array) -> Array:
    """Distinct seconds, chunk by chunk: an array's full sort would double the memory."""
    parts = [np.unique(seconds[at : at + _CHUNK]) for at in range(0, len(seconds), _CHUNK)]
    return np.unique(np.concatenate(parts)) if parts else seconds


def distinct_texts(values: Array) -> tuple[list[str], Array]:
    """Return the distinct texts, in order of appearance, and each row's place among them.

    >>> names, places = distinct_texts(np.array(["b", "a", "b"]))
    >>> names, places.tolist()
    (['b', 'a'], [0, 1, 0])
    """
    import pyarrow as pa

    known: dict[str, int] = {}
    places = np.empty(len(values), np.int32)
    for at in range(0, len(values), _CHUNK):
        chunk = pa.array(values[at : at + _CHUNK], pa.string()).dictionary_encode()
        codes = [known.setdefault(text, len(known)) for text in chunk.dictionary.to_pylist()]
        places[at : at + _CHUNK] = np.array(codes, np.int32)[chunk.indices.to_numpy()]
    return list(known), places
