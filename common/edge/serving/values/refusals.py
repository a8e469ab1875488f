"""Say in French which row and which field of a request is wrong, and what was expected."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.description import french_number
from common.edge.errors import TableError
from common.edge.manifest import FieldSpec
from common.edge.serving.problem import Problem

__all__ = ["refusal"]

Array = npt.NDArray[Any]

_MOST_FAULTS = 10
_SHOWN = 40
_KINDS = {"float32": "des nombres", "int64": "des nombres entiers", "bool": "true ou false"}
_TYPES: dict[str, tuple[type, ...]] = {
    "float32": (int, float, type(None)),
    "int64": (int,),
    "bool": (bool,),
}


def refusal(fields: Sequence[FieldSpec], inputs: Mapping[str, Any], error: TableError) -> Problem:
    """Return the problem that tells a caller what to correct.

    Looks at the inputs again, row by row: only refused requests pay for it.

    Parameters
    ----------
    fields
        What the graph takes.
    inputs
        What `common.edge.inputs.prepare` refused.
    error
        Its refusal; its text serves where nothing more precise is found.
    """
    faults = list(islice(_faults(fields, inputs), _MOST_FAULTS))
    if not faults:
        return Problem(422, f"Données refusées : {error.found} ; attendu : {error.expected}.")
    more = len(faults) - 1
    rest = f" Et {more} autre{'s' if more > 1 else ''}." if more else ""
    return Problem(422, f"{faults[0]['detail']}{rest}", faults)


def _faults(fields: Sequence[FieldSpec], inputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    known = {field.name: field for field in fields}
    names = ", ".join(known)
    for name in inputs:
        if name not in known:
            yield _fault(None, name[:_SHOWN], f"champ inconnu ; attendu : {names}")
    for field in fields:
        if field.name in inputs:
            yield from _field_faults(field, inputs[field.name])
        elif field.default is None:
            yield _fault(None, field.name, f"champ obligatoire absent ({field.meaning})")


def _field_faults(field: FieldSpec, values: Any) -> Iterator[dict[str, Any]]:
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.ndim != len(field.shape):
            yield _fault(None, field.name, f"{values.ndim} axes ; attendu : {_shape(field)}")
        values = values if values.ndim else values[np.newaxis]
    elif not isinstance(values, list | np.ndarray):
        yield _fault(None, field.name, f"« {_short(values)} » ; attendu : une valeur par ligne")
        return
    for row, value in enumerate(values):
        what = _row_fault(field, value)
        if what:
            yield _fault(row, field.name, what)


def _row_fault(field: FieldSpec, value: Any) -> str:
    """Return what is wrong with one row's value; empty for nothing."""
    try:
        array = np.asarray(value, dtype=None if isinstance(value, np.ndarray) else object)
    except ValueError:
        return f"listes de longueurs inégales ; attendu : {_shape(field)}"
    expected = field.shape[1:]
    if array.ndim != len(expected) or any(
        isinstance(wanted, int) and size != wanted
        for size, wanted in zip(array.shape, expected, strict=True)
    ):
        found = " × ".join(map(str, array.shape)) or "une seule valeur"
        return f"{found} ; attendu : {_shape(field)}"
    for index, item in np.ndenumerate(array):
        what = _value_fault(field, item.item() if isinstance(item, np.generic) else item)
        if what:
            place = f"position {list(index)} : " if index else ""
            return f"{place}{what}"
    return ""


def _value_fault(field: FieldSpec, value: Any) -> str:
    wanted = (int, float) if field.dtype == "int64" and type(value) is float else None
    if type(value) not in (wanted or _TYPES[field.dtype]):
        return f"« {_short(value)} » ; attendu : {_KINDS[field.dtype]}"
    if field.dtype == "bool":
        return ""
    unit = "" if field.unit == "1" else f"\u00a0{field.unit}"
    if value is None or math.isnan(value):
        return "" if field.missing else f"valeur manquante ; attendu : {_range(field)}{unit}"
    low, high = field.range
    if isinstance(value, float) and (wanted or math.isinf(value)):
        return f"{value} ; attendu : {_KINDS[field.dtype]}, {_range(field)}{unit}"
    if not low <= value <= high:
        return f"{french_number(value)}{unit} ; attendu : {_range(field)}{unit}"
    return ""


def _range(field: FieldSpec) -> str:
    low, high = field.range
    text = f"de {french_number(low)} à {french_number(high)}"
    return text + (" ou null si inconnue" if field.missing else "")


def _shape(field: FieldSpec) -> str:
    sizes = " × ".join(map(str, field.shape[1:]))
    return f"{sizes} valeurs par ligne" if sizes else "une valeur par ligne"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _fault(row: int | None, field: str, what: str) -> dict[str, Any]:
    """Return a fault; the text counts rows from 1, as people do, ``row`` from 0."""
    place = f"Ligne {row + 1}, champ" if row is not None else "Champ"
    return {"row": row, "field": field, "detail": f"{place} « {field} » : {what}."}
