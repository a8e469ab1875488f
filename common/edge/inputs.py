"""Check what a caller hands to a graph: names, types, shapes, ranges, row by row."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits
from common.edge.errors import TableError
from common.edge.manifest import FieldSpec

__all__ = ["prepare"]

Array = npt.NDArray[Any]

# Kinds of numpy types that each dtype accepts; the values are checked after the cast.
_ACCEPTED = {"float32": "fiu", "int64": "iu", "bool": "b"}
# Above 2**24 float32 no longer holds every whole number (24 bits of significand, IEEE 754).
_EXACT_INTEGER = 2**24


def prepare(
    fields: Sequence[FieldSpec], inputs: Mapping[str, npt.ArrayLike], limits: Limits
) -> dict[str, Array]:
    """Return the inputs as the graph takes them, or say which row is wrong.

    Safe casts are made (float64 to float32, whole numbers to float32 up to 2**24, any
    integer to int64); an input left out takes its default on every row.

    Parameters
    ----------
    fields
        What the graph takes.
    inputs
        Input name to array with a leading axis of rows.
    limits
        ``rows`` and ``values`` bound the call.

    Returns
    -------
    dict
        Every field by name, contiguous, of its own dtype, shape (n, ...).

    Raises
    ------
    TableError
        An input is unknown or required and absent, or of another type or shape, or has a
        value out of range, missing where that is not allowed, or infinite; rows are
        counted from 0.
    """
    _check_names(fields, inputs)
    given = {
        field.name: _cast(field, inputs[field.name]) for field in fields if field.name in inputs
    }
    axes = _check_shapes(fields, given, limits)
    for field in fields:
        if field.name in given:
            _check_values(field, given[field.name])
        else:
            given[field.name] = np.repeat(np.asarray(field.default)[np.newaxis], axes["n"], axis=0)
    return {field.name: np.ascontiguousarray(given[field.name]) for field in fields}


def _check_names(fields: Sequence[FieldSpec], inputs: Mapping[str, npt.ArrayLike]) -> None:
    known = [field.name for field in fields]
    required = [field.name for field in fields if field.default is None]
    for name in inputs:
        if name not in known:
            raise TableError(f"unknown input {name!r}", expected="of " + ", ".join(known))
    for name in required:
        if name not in inputs:
            raise TableError(f"input {name} is absent", expected="at least " + ", ".join(required))
    if not inputs:
        raise TableError("no input at all", expected="one of " + ", ".join(known))


def _cast(field: FieldSpec, values: npt.ArrayLike) -> Array:
    try:
        array = _numbers(values, field.dtype)
    except (ValueError, TypeError) as error:
        raise _ragged(field, values) from error
    if array.size and array.dtype.kind not in _ACCEPTED[field.dtype]:
        raise _wrong_type(field, array)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(field.dtype)
    if array.dtype.kind in "iu" and field.dtype == "float32":
        _refuse(field, array, np.abs(array.astype(np.float64)) > _EXACT_INTEGER, "not exact")
    if array.dtype.kind == "u" and field.dtype == "int64":
        _refuse(field, array, array > np.iinfo(np.int64).max, "too large")
    if array.dtype.kind == "f":
        _refuse(field, array, np.isinf(cast), "not finite in float32")
    return cast


def _numbers(values: npt.ArrayLike, dtype: str) -> Array:
    """Read None among numbers as NaN, as JSON's null is meant; keep other objects apart."""
    array = np.asarray(values)
    if array.dtype.kind in "US":
        array = np.asarray(values, dtype=object)
    if array.dtype != object or dtype != "float32":
        return array
    filled = [math.nan if value is None else value for value in array.ravel().tolist()]
    numeric = all(type(value) in (int, float) for value in filled)
    return np.asarray(filled).reshape(array.shape) if numeric else array


def _ragged(field: FieldSpec, values: npt.ArrayLike) -> TableError:
    """Name the first row whose shape differs from the first one's."""
    rows = list(values) if isinstance(values, Sequence) else []
    shapes = [np.shape(np.asarray(row, dtype=object)) for row in rows]
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), 0)
    return TableError(
        f"input {field.name}, row {odd}: not of the same shape as the rows before",
        expected=f"rows of shape {field.shape[1:]}",
    )


def _wrong_type(field: FieldSpec, array: Array) -> TableError:
    """Name the first row that does not hold what the field takes."""
    accepted = _ACCEPTED[field.dtype]
    values = array.reshape(len(array) if array.ndim else 1, -1)
    kinds = ({np.asarray(value).dtype.kind for value in row.tolist()} for row in values)
    bad = next((i for i, kinds in enumerate(kinds) if kinds - set(accepted)), 0)
    return TableError(
        f"input {field.name}, row {bad}: values of type {array.dtype}",
        expected=f"{field.dtype}, or what casts to it without loss",
        remedy="write a value that is not known as NaN" if field.missing else "",
    )


def _check_shapes(
    fields: Sequence[FieldSpec], given: Mapping[str, Array], limits: Limits
) -> dict[str, int]:
    """Return the length of each named axis, the same in every input."""
    axes: dict[str, int] = {}
    for field in fields:
        if field.name not in given:
            continue
        shape = given[field.name].shape
        _check_size(field, shape, limits)
        for axis, (size, expected) in enumerate(zip(shape, field.shape, strict=True)):
            wanted = axes.setdefault(expected, size) if isinstance(expected, str) else expected
            if size != wanted:
                raise _wrong_shape(field, shape, f"{wanted} on axis {axis}")
    return axes


def _check_size(field: FieldSpec, shape: tuple[int, ...], limits: Limits) -> None:
    if len(shape) != len(field.shape):
        raise _wrong_shape(field, shape, f"{len(field.shape)} axes")
    if not 1 <= shape[0] <= limits.rows:
        raise _wrong_shape(field, shape, f"1 to {limits.rows} rows")
    size = int(np.prod(shape, dtype=np.float64))
    if size > limits.values:
        raise _wrong_shape(field, shape, f"at most {limits.values} values")


def _wrong_shape(field: FieldSpec, shape: tuple[int, ...], why: str) -> TableError:
    rows = f"rows 0 to {shape[0] - 1}" if shape and shape[0] else "no row"
    return TableError(
        f"input {field.name}, {rows}: shape {shape}",
        expected=f"shape ({', '.join(map(str, field.shape))}): {why}",
    )


def _check_values(field: FieldSpec, array: Array) -> None:
    if field.dtype == "bool":
        return
    if not field.missing:
        _refuse(field, array, array != array, "missing, which is not allowed here")
    # The bounds are rounded like the values: 0.1 as float32 is above 0.1 and must stay legal;
    # what float32 cannot hold must not.
    bounds = np.array(field.range, dtype=np.float64)
    if field.dtype == "float32":
        most = np.finfo(np.float32).max
        bounds = np.clip(bounds, -most, most).astype(np.float32)
    _refuse(field, array, (array < bounds[0]) | (array > bounds[1]), "out of range")


def _refuse(field: FieldSpec, array: Array, bad: Array, why: str) -> None:
    """Raise for the first bad value in row order."""
    if not np.any(bad):
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    row = index[0] if index else 0
    position = f", position {index[1:]}" if len(index) > 1 else ""
    low, high = field.range
    raise TableError(
        f"input {field.name}, row {row}{position}: {array[index]} is {why}",
        expected=f"{low:g} to {high:g} {field.unit}" + (" or NaN" if field.missing else ""),
        remedy=f"check the unit ({field.unit}) and the meter"
        + ("; write a value that is not known as NaN" if field.missing else ""),
    )
