"""One control per input of a model: how it is shown, and how what was typed becomes numbers."""

import math
import re
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.description import french_number
from common.edge.manifest import FieldSpec
from common.edge.serving.models.served import Served
from common.edge.serving.problem import Problem
from common.edge.serving.values.numbers import code_points, is_text

__all__ = ["control", "example", "typed_inputs"]

Array = npt.NDArray[Any]

_ABSENT = ("nd", "na", "nan", "?")
_APART = re.compile(r"[\s;]+")
_ONE_LINE = 16
_YES, _NO = "oui", "non"


def example(served: Served) -> dict[str, str]:
    """Return what the form is filled with at first: the first golden row, as people type it."""
    golden = served.bundle.golden[0]
    return {
        field.name: _written(field, golden[field.name][0])
        for field in served.asked
        if field.name in golden
    }


def control(field: FieldSpec, text: str, fault: str = "") -> str:
    """Return the label, the hint and the control of an input.

    Parameters
    ----------
    field
        The input.
    text
        What it holds.
    fault
        What is wrong with it, in French; empty where nothing is.
    """
    name = escape(field.name, quote=True)
    about = f"{name}-aide" + (f" {name}-faute" if fault else "")
    wrong = f'<p class="fault" id="{name}-faute">{escape(fault)}</p>' if fault else ""
    state = ' aria-invalid="true"' if fault else ""
    common = f'id="{name}" name="{name}" aria-describedby="{about}"{state}'
    return (
        f'<div class="field"><label for="{name}">{escape(_label(field))}</label>'
        f'<p class="hint" id="{name}-aide">{escape(_hint(field))}</p>{wrong}'
        f"{_widget(field, text, common)}</div>"
    )


def typed_inputs(served: Served, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the inputs of one row from what was typed; an empty optional one is left out.

    Raises
    ------
    Problem
        422, which names every field that cannot be read.
    """
    inputs: dict[str, Any] = {}
    faults = []
    for field in served.asked:
        name, text = field.name, texts.get(field.name, "")
        if not text.strip() and not is_text(field) and field.default is not None:
            continue
        try:
            inputs[name] = _read(field, text)
        except ValueError as error:
            faults.append({"row": 0, "field": name, "detail": str(error)})
    if faults:
        listed = " ".join(f"« {fault['field']} » : {fault['detail']}" for fault in faults)
        raise Problem(422, listed, faults)
    return inputs


def _label(field: FieldSpec) -> str:
    return field.meaning.rstrip(".") or field.name


def _hint(field: FieldSpec) -> str:
    if is_text(field):
        return "Texte libre. Ni nom ni adresse : ils ne servent pas au modèle."
    parts = [field.name] if field.unit == "1" else [f"{field.name}, en {field.unit}"]
    size = _size(field)
    if size > 1:
        shape = " × ".join(map(str, field.shape[1:]))
        parts.append(f"{french_number(size)} valeurs ({shape}) séparées par des espaces")
    low, high = field.range
    if math.isfinite(low) or math.isfinite(high):
        parts.append(f"de {french_number(low)} à {french_number(high)}")
    if field.missing:
        parts.append("« nd » quand la valeur n'est pas connue")
    if field.default is not None:
        parts.append("facultatif")
    return " ; ".join(parts) + "."


def _widget(field: FieldSpec, text: str, common: str) -> str:
    shown = escape(text, quote=True)
    if is_text(field):
        return f'<textarea {common} rows="6">{escape(text)}</textarea>'
    if field.dtype == "bool" and _size(field) == 1:
        options = "".join(
            f"<option{' selected' if word == text else ''}>{word}</option>" for word in (_NO, _YES)
        )
        return f"<select {common}>{options}</select>"
    if _size(field) <= _ONE_LINE:
        return f'<input {common} value="{shown}" inputmode="decimal" autocomplete="off">'
    return f'<textarea {common} rows="4" spellcheck="false">{escape(text)}</textarea>'


def _size(field: FieldSpec) -> int:
    return math.prod(size for size in field.shape[1:] if isinstance(size, int))


def _written(field: FieldSpec, values: Array) -> str:
    if is_text(field):
        return "".join(chr(code) for code in values.tolist() if code > 0)
    return " ".join(_number(field, value) for value in np.ravel(values).tolist())


def _number(field: FieldSpec, value: float) -> str:
    if field.dtype == "bool":
        return _YES if value else _NO
    if math.isnan(value):
        return "nd"
    return f"{value:.6g}".replace(".", ",")


def _read(field: FieldSpec, text: str) -> Any:
    """Read one row of an input.

    Raises
    ------
    ValueError
        In French: what was found and what was expected.
    """
    if is_text(field):
        return code_points([text], field)
    words = [word for word in _APART.split(text.strip()) if word]
    if len(words) != _size(field):
        raise ValueError(f"{len(words)} valeurs ; attendu : {_size(field)}.")
    values = np.array([_value(field, word, place) for place, word in enumerate(words, 1)])
    shape = [int(size) for size in field.shape[1:]]
    return values.astype(np.float64 if field.dtype == "float32" else field.dtype).reshape(1, *shape)


def _value(field: FieldSpec, word: str, place: int) -> float | int | bool:
    if field.dtype == "bool":
        if word.lower() in (_YES, _NO):
            return word.lower() == _YES
        raise ValueError(f"valeur n° {place} « {word[:20]} » ; attendu : oui ou non.")
    try:
        if field.dtype == "int64":
            return int(word)
        return math.nan if word.lower() in _ABSENT else float(word.replace(",", "."))
    except ValueError as error:
        kind = "un nombre entier" if field.dtype == "int64" else "un nombre"
        raise ValueError(f"valeur n° {place} « {word[:20]} » ; attendu : {kind}.") from error
