"""Read a JSON object from a request: strict, but for the NaN that Python programs write."""

import json
from typing import Any

import orjson

from common.edge.serving.problem import Problem

__all__ = ["read_object"]


def read_object(body: bytes, what: str = "La demande") -> dict[str, Any]:
    """Return the object that a body holds.

    ``NaN`` is read as what it means, a value that is not known: RFC 8259 has no such word,
    but MLflow's and NVIDIA's clients write it. ``Infinity`` is refused.

    Parameters
    ----------
    body
        At most what the server accepts.
    what
        What is read, in French, for the refusal.

    Raises
    ------
    Problem
        400: no JSON, or no object.

    Examples
    --------
    >>> read_object(b'{"load_kwh": [1, NaN]}')
    {'load_kwh': [1, None]}
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _with_gaps(body)
        if value is None:
            raise Problem(
                400, f"{what} n'est pas du JSON : ligne {error.lineno}, colonne {error.colno}."
            ) from error
    if not isinstance(value, dict):
        raise Problem(400, f"{what} n'est pas un objet JSON.")
    return value


def _with_gaps(body: bytes) -> Any:
    """Read JSON whose only fault is NaN; None for any other fault."""
    if b"NaN" not in body:
        return None
    try:
        return json.loads(body, parse_constant=_gap)
    except (ValueError, RecursionError):
        return None


def _gap(word: str) -> None:
    if word != "NaN":
        raise ValueError(word)
