"""From parsed JSON to arrays, quickly: lists of numbers are most of what a request holds."""

import math
import struct
import unicodedata
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.manifest import FieldSpec
from common.edge.serving.problem import Problem

__all__ = ["code_points", "flat_array", "holds_truths", "is_text", "to_array"]

Array = npt.NDArray[Any]

# ``struct`` reads a list three times as fast as numpy does; the graph's own type comes later.
_CODES = {"float32": "d", "int64": "q"}


def to_array(values: Any, field: FieldSpec, *, has_truths: bool = True) -> Any:
    """Return nested lists as an array, None as NaN; what is no such thing comes back as it is.

    Nothing is refused here: `common.edge.inputs.prepare` does that for every protocol.
    ``has_truths`` says whether true or false may stand among the values, see `holds_truths`.

    Examples
    --------
    >>> field = FieldSpec("load_kwh", "float32", ("n", 2), "kWh", "Consommation.", missing=True)
    >>> to_array([[1, None], [2.5, 3]], field).tolist()
    [[1.0, nan], [2.5, 3.0]]
    >>> to_array([[1, 2], [3]], field)
    [[1, 2], [3]]
    """
    flat, shape = _flattened(values, len(field.shape))
    numbers = None if flat is None else flat_array(flat, field.dtype, has_truths=has_truths)
    return values if numbers is None else numbers.reshape(shape)


def flat_array(flat: list[Any], dtype: str, *, has_truths: bool = True) -> Array | None:
    """Return what JSON's lists hold as an array of doubles, whole numbers or truths.

    None as NaN among doubles. Numbers beside truths stay objects. None is returned for
    whatever else is in the list.

    Examples
    --------
    >>> flat_array([1, None], "float32").tolist(), flat_array([1.5], "int64")
    ([1.0, nan], None)
    """
    if dtype == "bool":
        return np.array(flat) if set(map(type, flat)) == {bool} else None
    code = _CODES[dtype]
    packed = _packed(code, flat)
    if packed is None and code == "d" and None in flat:
        packed = _packed(code, [math.nan if value is None else value for value in flat])
    if packed is None:
        return None
    if has_truths and bool in set(map(type, flat)):  # which ``struct`` takes for 1 and 0
        return np.array(flat, dtype=object)
    return np.frombuffer(packed, dtype=code)


def holds_truths(body: bytes) -> bool:
    """Say whether JSON may hold true or false: a search is quicker than a look at each value."""
    return b"true" in body or b"false" in body


def is_text(field: FieldSpec) -> bool:
    """Say whether an input may be given as a text: whole numbers along one free axis."""
    return field.dtype == "int64" and len(field.shape) == 2 and isinstance(field.shape[1], str)


def code_points(texts: list[str], field: FieldSpec) -> Array:
    r"""Return texts as NFC code points, one row each, all of the same length.

    Raises
    ------
    Problem
        The texts are not of the same length: a graph has one length per call.

    Examples
    --------
    >>> field = FieldSpec("text", "int64", ("n", "length"), "1", "Texte.")
    >>> code_points(["e\u0301t"], field).tolist() == [[0xE9, ord("t")]]
    True
    """
    rows = [[ord(mark) for mark in unicodedata.normalize("NFC", text)] for text in texts]
    if len({len(row) for row in rows}) > 1:
        raise Problem(
            422,
            f"Champ « {field.name} » : textes de longueurs différentes dans un même appel. "
            "Envoyer un texte par appel.",
        )
    return np.asarray(rows, dtype=np.int64).reshape(len(rows), -1)


def _flattened(values: Any, axes: int) -> tuple[list[Any] | None, list[int]]:
    """Return the numbers in row order and the shape; None where the lists are ragged."""
    if type(values) is not list or not values:
        return None, []
    shape = [len(values)]
    for _ in range(axes - 1):
        first = values[0]
        if type(first) is not list or not first:
            return None, []
        size = len(first)
        if len(values) == 1:
            values = first
        elif all(type(row) is list and len(row) == size for row in values):
            values = list(chain.from_iterable(values))
        else:
            return None, []
        shape.append(size)
    return values, shape


def _packed(code: str, flat: list[Any]) -> bytes | None:
    try:
        return struct.pack(f"{len(flat)}{code}", *flat)
    except (struct.error, OverflowError):
        return None
