"""What is said to an endpoint and how its replies are read: OIP v2 tensors, or a JSON template.

Open Inference Protocol v2 (the KServe "V2" REST protocol): ``{"inputs": [{"name", "shape",
"datatype", "data"}]}``, answered by ``{"outputs": [...]}`` of the same form, row-major.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks.declaration import Endpoint
from common.edge.errors import DataError
from common.lab.contest import Contest, Output, Questions
from common.lab.usecase import Array

__all__ = ["JsonWire", "OipWire", "Wire", "wire_of"]

_DATATYPES = {
    "float32": "FP32",
    "float64": "FP64",
    "int64": "INT64",
    "int32": "INT32",
    "bool": "BOOL",
}
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)

Answers = dict[str, Array]


class Wire(Protocol):
    """Writes requests and reads replies."""

    def request(self, examples: Array) -> bytes:
        """Return the body that asks for some examples."""

    def answers(self, body: bytes, examples: Array) -> Answers:
        """Return column to values of shape (n_examples, n_steps), NaN where none is given.

        Raises
        ------
        ValueError
            The reply is not what was asked for.
        """


def wire_of(endpoint: Endpoint, contest: Contest, questions: Questions) -> Wire:
    """Return the wire of a declared endpoint.

    Raises
    ------
    DataError
        A mapping names what the task does not have, or leaves out what it requires.
    """
    n_steps = int(questions.step.max()) + 1
    required = {column.name for column in contest.answers if column.required}
    if endpoint.protocol == "oip2":
        outputs = {**contest.outputs, **endpoint.outputs}
        names = {name: endpoint.inputs.get(name, name) for name in questions.inputs}
        _require(set(endpoint.inputs) <= set(names), "[endpoint.inputs]", names)
        _require(required <= set(outputs), "[endpoint.outputs]", required)
        return OipWire(endpoint, questions.inputs, outputs, (required, n_steps))
    _require(required <= set(endpoint.answers), "[endpoint.answers]", required)
    fields = {**_key_fields(questions, n_steps), **questions.inputs}
    unknown = set(_PLACEHOLDER.findall(json.dumps(endpoint.template))) - set(fields)
    _require(not unknown, f"[endpoint] template : {', '.join(sorted(unknown))}", fields)
    return JsonWire(endpoint, fields, (required, n_steps))


def _require(holds: bool, found: str, expected: Any) -> None:  # noqa: FBT001  # the condition
    if not holds:
        raise DataError(
            f"{found} ne correspond pas à la tâche", expected=", ".join(sorted(expected))
        )


@dataclass(frozen=True)
class OipWire:
    """Tensors by name, as the Open Inference Protocol has them.

    Parameters
    ----------
    endpoint
        Names of tensors and the number sent for an unknown measurement.
    inputs
        The task's inputs, leading axis n_examples.
    outputs
        Answer column to output and place.
    asked
        Required columns, and steps of each example.
    """

    endpoint: Endpoint
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Output]
    asked: tuple[set[str], int]

    def request(self, examples: Array) -> bytes:
        """Return ``{"inputs": [...]}``; without ``outputs`` the service gives all of them."""
        tensors = [
            {
                "name": self.endpoint.inputs.get(name, name),
                "shape": [len(examples), *values.shape[1:]],
                "datatype": _DATATYPES[str(values.dtype)],
                "data": _plain(values[examples].ravel(), self.endpoint.missing),
            }
            for name, values in self.inputs.items()
        ]
        return json.dumps({"inputs": tensors}, allow_nan=False).encode()

    def answers(self, body: bytes, examples: Array) -> Answers:
        """Read the tensors of a reply."""
        reply = _json(body)
        tensors = {each["name"]: each for each in reply["outputs"]}
        found: Answers = {}
        for column, output in self.outputs.items():
            if output.name in tensors:
                values = _tensor(tensors[output.name])
                found[column] = _placed(values, output.place, len(examples), self.asked[1])
            elif column in self.asked[0]:
                raise ValueError(f"no output {output.name}")
        return found


@dataclass(frozen=True)
class JsonWire:
    """A template filled for one example, and a path to each answer.

    Parameters
    ----------
    endpoint
        Template and paths.
    fields
        Placeholder to values, leading axis n_examples.
    asked
        Required columns, and steps of each example.
    """

    endpoint: Endpoint
    fields: Mapping[str, Array]
    asked: tuple[set[str], int]

    def request(self, examples: Array) -> bytes:
        """Fill the template with the one example."""
        (example,) = examples.tolist()
        return json.dumps(self._filled(self.endpoint.template, example), allow_nan=False).encode()

    def answers(self, body: bytes, examples: Array) -> Answers:
        """Follow each column's path for each step."""
        (_,) = examples.tolist()
        reply = _json(body)
        return {
            column: np.array([[_number(_at(reply, path, step)) for step in range(self.asked[1])]])
            for column, path in self.endpoint.answers.items()
        }

    def _filled(self, template: Any, example: int) -> Any:
        if isinstance(template, dict):
            return {key: self._filled(value, example) for key, value in template.items()}
        if isinstance(template, list):
            return [self._filled(value, example) for value in template]
        if not isinstance(template, str):
            return template
        whole = _PLACEHOLDER.fullmatch(template)
        if whole:
            return self._value(whole[1], example)
        return _PLACEHOLDER.sub(lambda match: str(self._value(match[1], example)), template)

    def _value(self, name: str, example: int) -> Any:
        values = np.asarray(self.fields[name])[example]
        return _plain(values, self.endpoint.missing)


def _key_fields(questions: Questions, n_steps: int) -> dict[str, Array]:
    """Return each key by example: one text, or one a step where it changes within examples."""
    n_examples = len(next(iter(questions.inputs.values())))
    fields = {}
    for name, values in questions.keys.items():
        texts = (
            np.char.add(np.datetime_as_string(values.astype("datetime64[s]")), "Z")
            if values.dtype.kind == "M"
            else values.astype(str)
        )
        table = np.full((n_examples, n_steps), "", dtype=texts.dtype)
        table[questions.example, questions.step] = texts
        first = table[np.arange(n_examples), (table != "").argmax(axis=1)]
        same = ((table == first[:, None]) | (table == "")).all()
        fields[name] = first if same else table
    return fields


def _plain(values: Any, missing: float | None) -> Any:
    """Return plain JSON, an unknown measurement as null or as the declared number."""
    if not np.ndim(values):
        value = values.item() if hasattr(values, "item") else values
        return missing if isinstance(value, float) and not math.isfinite(value) else value
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [_plain(each, missing) for each in values]
    return values.tolist()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _tensor(tensor: Mapping[str, Any]) -> Array:
    """Return a reply's tensor as float64 of its declared shape."""
    data = tensor["data"]
    flat = np.array(
        [_number(each) for each in (data if isinstance(data, list) else [data])]
        if not (isinstance(data, list) and data and isinstance(data[0], list))
        else [_number(each) for each in _flattened(data)]
    )
    shape = tuple(int(size) for size in tensor["shape"])
    if min(shape, default=1) < 0:
        raise ValueError(f"shape {shape}")
    return flat.reshape(shape)


def _flattened(data: Any, depth: int = 0) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    if depth > 8:
        raise ValueError("nested too deep")
    return [value for each in data for value in _flattened(each, depth + 1)]


def _number(value: Any) -> float:
    """Return a JSON number; null is no answer, anything else is refused."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:40]} is not a number")
    return float(value)


def _placed(values: Array, place: int | None, n_examples: int, n_steps: int) -> Array:
    picked = values if place is None else values[..., place]
    if picked.ndim == 1 and n_steps == 1:
        picked = picked[:, None]
    if picked.ndim != 2 or len(picked) != n_examples or picked.shape[1] < n_steps:
        raise ValueError(f"shape {values.shape}")
    return picked[:, :n_steps]


def _at(reply: Any, path: str, step: int) -> Any:
    """Follow ``hours.{step}.q50``: names into objects, whole numbers into lists."""
    for part in path.replace("{step}", str(step)).split("."):
        reply = reply[int(part)] if isinstance(reply, list) else reply[part]
    return reply
