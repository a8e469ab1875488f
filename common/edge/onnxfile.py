"""Read which operators an ONNX file uses without loading it, or the onnx package.

A minimal reader of the protobuf wire format (protobuf.dev, "Encoding"): the file is judged
before any C++ parser sees it. Field numbers are those of ``onnx.proto3`` (IR version 14).
It is stricter than protobuf: whatever two readers could understand differently (a name given
twice, a wrong wire type, a group) is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from common.edge.errors import OperatorError

__all__ = ["OnnxSummary", "read_summary"]

Value = int | memoryview
Fields = list[tuple[int, Value]]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 32
_MAX_FIELD = 2**29 - 1

# Message kind -> field number -> kind of the message inside.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_NODE_OP_TYPE, _NODE_DOMAIN = 4, 7
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION = 13, 14

_SCALARS: Mapping[str, frozenset[int]] = {
    "node": frozenset({_NODE_OP_TYPE, _NODE_DOMAIN}),
    "opset": frozenset({_OPSET_DOMAIN, _OPSET_VERSION}),
    "tensor": frozenset({_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION}),
}
_READ: Mapping[str, frozenset[int]] = {
    kind: frozenset(_CHILDREN.get(kind, ())) | _SCALARS.get(kind, frozenset())
    for kind in (*_CHILDREN, *_SCALARS)
}
"""Message kind -> the fields that are looked at; the others are held to the wire format."""

# An attribute's ``floats`` (7) and ``ints`` (8) are not packed: the trees of one model are
# 170,000 fields, each a tag and a number of at most 10 bytes.
_NUMBERS = re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x3d[\x00-\xff]{4})++")
_NUMBER_TAGS: Mapping[str, bytes] = {"attribute": b"\x40\x3d"}


@dataclass(frozen=True)
class OnnxSummary:
    """What a graph asks of its runtime.

    Parameters
    ----------
    opsets
        Domain to the highest version imported; the default domain is ``ai.onnx``.
    operators
        (domain, operator) of every node: main graph, subgraphs, functions, training.
    external_data
        True where a tensor's bytes are in another file.
    """

    opsets: Mapping[str, int]
    operators: frozenset[tuple[str, str]]
    external_data: bool


def read_summary(model: bytes) -> OnnxSummary:
    """Walk every node of a serialised ``ModelProto``.

    Raises
    ------
    OperatorError
        The bytes are not a model, are truncated or nest deeper than 32 messages.

    Examples
    --------
    A model that imports opset 21 and whose graph holds one node, ``Abs``: field 8 and
    field 7 of the model (tags 0x42 and 0x3a), each with its length.

    >>> opset = bytes([0x42, 2, 0x10, 21])
    >>> graph = bytes([0x3A, 7, 0x0A, 5, 0x22, 3]) + b"Abs"
    >>> summary = read_summary(opset + graph)
    >>> dict(summary.opsets), sorted(summary.operators)
    ({'ai.onnx': 21}, [('ai.onnx', 'Abs')])
    """
    opsets: dict[str, int] = {}
    operators: set[tuple[str, str]] = set()
    external, has_graph = False, False
    stack: list[tuple[str, memoryview, int]] = [("model", memoryview(model), 0)]
    while stack:
        kind, data, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise _malformed(f"messages nested deeper than {_MAX_DEPTH}")
        found = list(_fields(kind, data))
        has_graph |= kind == "graph"
        if kind == "node":
            operators.add((_domain(found, _NODE_DOMAIN), _text(found, _NODE_OP_TYPE)))
        elif kind == "opset":
            domain = _domain(found, _OPSET_DOMAIN)
            opsets[domain] = max(opsets.get(domain, 0), _number(found, _OPSET_VERSION))
        elif kind == "tensor":
            external |= _is_external(found)
        children = _CHILDREN.get(kind, {})
        stack += [(children[n], _message(v), depth + 1) for n, v in found if n in children]
    if not has_graph:
        raise _malformed("no graph in it")
    return OnnxSummary(opsets, frozenset(operators), external)


def _fields(kind: str, data: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield the fields of a message that are looked at, having read all of them."""
    read = _READ[kind]
    number_tags = _NUMBER_TAGS.get(kind, b"")
    position, end = 0, len(data)
    while position < end:
        tag = data[position]
        if tag in number_tags and (run := _NUMBERS.match(data, position)):
            position = run.end()
            continue
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if not 0 < number <= _MAX_FIELD:
            raise _malformed(f"field number {number}")
        if wire == _VARINT:
            value, position = _varint(data, position)
            if number in read:
                yield number, value
            continue
        if wire == _BYTES:
            length, position = _varint(data, position)
        elif wire in (_FIXED64, _FIXED32):
            length = 8 if wire == _FIXED64 else 4
        else:
            raise _malformed(f"wire type {wire}")
        if length > end - position:
            raise _malformed(f"{length} bytes announced, {end - position} left")
        if number in read:
            yield number, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """Read a base-128 number: at most 10 bytes, the lowest 7 bits first."""
    if position < len(data) and data[position] < 0x80:
        return data[position], position + 1
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise _malformed("it stops in the middle of a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _malformed("a number longer than 10 bytes")


def _single(fields: Fields, number: int) -> Value | None:
    values = [value for found, value in fields if found == number]
    if len(values) > 1:
        raise _malformed(f"field {number} given {len(values)} times")
    return values[0] if values else None


def _text(fields: Fields, number: int) -> str:
    value = _single(fields, number)
    if value is None:
        return ""
    try:
        return bytes(_message(value)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"field {number} is not UTF-8") from error


def _domain(fields: Fields, number: int) -> str:
    return _text(fields, number) or "ai.onnx"


def _number(fields: Fields, number: int) -> int:
    value = _single(fields, number)
    if isinstance(value, memoryview):
        raise _malformed(f"field {number} is not a number")
    return value or 0


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise _malformed(f"the number {value} where a message was due")
    return value


def _is_external(fields: Fields) -> bool:
    numbers = {number for number, _ in fields}
    return _TENSOR_EXTERNAL_DATA in numbers or _number(fields, _TENSOR_DATA_LOCATION) != 0


def _malformed(why: str) -> OperatorError:
    return OperatorError(
        f"model.onnx is malformed: {why}",
        expected="a serialised ONNX ModelProto",
        remedy="export the bundle again",
    )
