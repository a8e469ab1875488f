"""Pieces of an OpenAPI document: operations, contents, schemas of inputs and outputs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.manifest import FieldSpec
from common.edge.serving.models.served import Served
from common.edge.serving.values.numbers import is_text

__all__ = [
    "Schema",
    "array_schema",
    "content",
    "field_schema",
    "get",
    "key_of",
    "operation",
    "plain",
    "ref",
]

Array = npt.NDArray[Any]
Schema = dict[str, Any]

_PROBLEM = "application/problem+json"


def field_schema(field: FieldSpec) -> Schema:
    """Return the JSON schema of a row's value of an input or output."""
    kinds = {"float32": "number", "int64": "integer", "bool": "boolean"}
    leaf: Schema = {"type": [kinds[field.dtype], "null"] if field.missing else kinds[field.dtype]}
    low, high = field.range
    if field.dtype != "bool":
        if math.isfinite(low):
            leaf["minimum"] = low
        if math.isfinite(high):
            leaf["maximum"] = high
    unit = "" if field.unit == "1" else f" Unité : {field.unit}."
    about = {"description": f"{field.meaning}{unit}"}
    if is_text(field):
        return {"anyOf": [{"type": "string"}, array_schema(field, leaf)]} | about
    return array_schema(field, leaf) | about


def array_schema(field: FieldSpec, leaf: Schema) -> Schema:
    """Return the JSON schema of a row's values around that of one of them."""
    schema = leaf
    for size in reversed(field.shape[1:]):
        bounds = {"minItems": size, "maxItems": size} if isinstance(size, int) else {"minItems": 1}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def plain(values: Array) -> Any:
    """Return numbers with two decimals, as people write them, and None for NaN.

    >>> plain(np.float32([1.234, np.nan])), plain(np.float32(1.5)), plain(np.float32(np.nan))
    ([1.23, None], 1.5, None)
    """
    if values.dtype.kind != "f":
        return values.tolist()
    rounded = np.asarray(np.round(values.astype(np.float64), 2)).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()


def key_of(served: Served) -> str:
    """Return what stands for a model in names of operations and schemas."""
    return served.name.replace(".", "_").replace("-", "_")


def get(text: str, name: str, schema: Schema) -> dict[str, Any]:
    """Return an operation that answers JSON."""
    answers = {"200": {"description": text, "content": content("application/json", schema)}}
    return operation(text, name, answers)


def operation(summary: str, name: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return an operation; every refusal is a problem of RFC 9457."""
    problem = {
        "description": "Refus, en français.",
        "content": content(_PROBLEM, ref("probleme")),
    }
    return {
        "operationId": name,
        "summary": summary,
        "responses": {**answers, "default": problem},
    }


def content(kind: str, schema: Schema | None = None) -> dict[str, Any]:
    """Return the content of one media type."""
    return {kind: {"schema": schema or {"type": "string"}}}


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}
