"""The OpenAPI paths by which observed values come back."""

from typing import Any

from common.edge.serving.doors.schemas import (
    Schema,
    content,
    field_schema,
    key_of,
    operation,
    plain,
)
from common.edge.serving.models.served import Served
from common.edge.serving.problem import Problem
from common.edge.serving.watch.truths import truth_fields

__all__ = ["truth_paths"]


def truth_paths(served: Served) -> dict[str, Any]:
    """Return them for a model; none where it has no interval that could be checked."""
    try:
        observed, lower, upper = truth_fields(served)
    except Problem:
        return {}
    answers = {
        "200": {
            "description": "Ce que l'intervalle a tenu, pour ces lignes et sur la fenêtre.",
            "content": content("application/json", {"type": "object"}),
        }
    }
    summary = "Renvoyer les valeurs constatées : l'intervalle annoncé tient-il sa promesse ?"
    found = operation(summary, f"{key_of(served)}_constater", answers)
    row: Schema = {
        "type": "object",
        "properties": {
            "observed": field_schema(observed),
            "journal": {"type": "integer", "minimum": 1, "description": "Ligne du journal."},
            "id": {"type": "string", "description": "Identifiant de la ligne, au journal."},
            "lower": field_schema(lower),
            "upper": field_schema(upper),
        },
        "required": ["observed"],
        "additionalProperties": False,
    }
    schema: Schema = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": row, "minItems": 1}},
        "required": ["rows"],
        "additionalProperties": False,
    }
    outputs = {name: plain(served.bundle.golden[1][name][0]) for name in ("lower", "upper")}
    example = {"rows": [{"observed": outputs["lower"], **outputs}]}
    found["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": schema, "example": example},
            "text/csv": {"schema": {"type": "string"}, "example": "journal;observed"},
        },
    }
    return {f"/models/{served.name}/truth": {"post": found}}
