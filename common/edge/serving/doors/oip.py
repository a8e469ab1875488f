"""The Open Inference Protocol, version 2, over HTTP, with its binary tensor extension.

Followed field by field as its public documents say (KServe, *Open Inference Protocol V2*;
Triton, *Binary tensor data extension*); not claimed as a conformity.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from common.edge.manifest import FieldSpec
from common.edge.serving.asking import JSON, Answer, Ask
from common.edge.serving.models.served import Result, Served
from common.edge.serving.problem import Problem
from common.edge.serving.values.jsonbody import read_object
from common.edge.serving.values.numbers import flat_array, holds_truths

__all__ = ["HEADER_LENGTH", "OpenInference", "model_metadata", "server_metadata"]

Array = npt.NDArray[Any]

HEADER_LENGTH = b"inference-header-content-length"
_BINARY = b"application/octet-stream"
_DATATYPES = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_NAMES = {"float32": "FP32", "int64": "INT64", "bool": "BOOL"}
_BY_CODE = {np.dtype(dtype).char: name for dtype, name in _NAMES.items()}
_KINDS = {name: {"F": "float32", "B": "bool"}.get(name[0], "int64") for name in _DATATYPES}
_KEYS = {"id", "parameters", "inputs", "outputs"}


@dataclass(frozen=True, slots=True)
class _Form:
    """What was asked of the answer: its id, and the outputs with whether they are binary."""

    id: str | None
    outputs: Sequence[tuple[str, bool]]


class OpenInference:
    """``POST /v2/models/{model}/infer``."""

    name = "infer"

    def read(self, served: Served, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Read an inference request.

        Raises
        ------
        Problem
            It is not JSON, not of the protocol's form, or names what the model has not.
        """
        size = _header_size(headers, len(body))
        request = read_object(body[:size], "La demande")
        if not request.keys() <= _KEYS:
            unknown = min(request.keys() - _KEYS)
            raise Problem(400, f"Membre inconnu « {unknown[:40]} » ; attendu : inputs.")
        tensors = request.get("inputs")
        if not isinstance(tensors, list) or not tensors:
            raise Problem(400, "Membre « inputs » absent ou vide ; attendu : une liste d'entrées.")
        rest = memoryview(body)[size:]
        has_truths = holds_truths(body)
        inputs: dict[str, Any] = {}
        for tensor in tensors:
            field, datatype, shape, size = _described(served, tensor)
            name = field.name
            if size is None:
                values = _json_values(
                    field, tensor.get("data"), datatype, shape, has_truths=has_truths
                )
            else:
                values, rest = _binary_values(field, size, datatype, shape, rest)
            if name in inputs:
                raise Problem(400, f"Entrée « {name} » donnée deux fois.")
            inputs[name] = values
        if len(rest):
            raise Problem(400, f"{len(rest)} octets après la dernière entrée binaire.")
        rows = {len(values) for values in inputs.values()}
        if len(rows) != 1:
            raise Problem(422, f"Entrées de {sorted(rows)} lignes ; attendu : autant partout.")
        return Ask(inputs, rows.pop(), form=_form(served, request))

    def write(self, served: Served, ask: Ask, result: Result) -> Answer:
        """Write outputs as JSON, or as JSON followed by the binary tensors."""
        tensors, blobs = [], []
        for name, is_binary in ask.form.outputs:
            values = result.outputs[name]
            datatype = _BY_CODE[values.dtype.char]
            tensor: dict[str, Any] = {"name": name, "datatype": datatype, "shape": values.shape}
            if is_binary:
                blobs.append(values.tobytes())  # row-major and little-endian, as the graph's
                tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
            else:
                tensor["data"] = values.reshape(-1)
            tensors.append(tensor)
        manifest = served.manifest
        answer: dict[str, Any] = {"model_name": served.name, "model_version": manifest.version}
        if ask.form.id is not None:
            answer["id"] = ask.form.id
        answer["parameters"] = {"digest": served.bundle.digest, "simulated": manifest.simulated}
        answer["outputs"] = tensors
        head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        if not blobs:
            return Answer(head, JSON)
        length = ((HEADER_LENGTH, str(len(head)).encode()),)
        return Answer(b"".join([head, *blobs]), _BINARY, headers=length)


def server_metadata(version: str) -> dict[str, Any]:
    """Return the answer of ``GET /v2``."""
    return {"name": "aune", "version": version, "extensions": ["binary_tensor_data"]}


def model_metadata(served: Served) -> dict[str, Any]:
    """Return the answer of ``GET /v2/models/{model}``; -1 is an axis of any length."""
    return {
        "name": served.name,
        "versions": [served.manifest.version],
        "platform": "onnxruntime_onnx",
        "inputs": [_metadata(field) for field in served.inputs],
        "outputs": [_metadata(field) for field in served.manifest.outputs],
    }


def _metadata(field: FieldSpec) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in field.shape]
    return {"name": field.name, "datatype": _NAMES[field.dtype], "shape": shape}


def _header_size(headers: Mapping[bytes, bytes], size: int) -> int:
    given = headers.get(HEADER_LENGTH)
    if given is None:
        return size
    if not given.isdigit() or len(given) > 12 or int(given) > size:
        raise Problem(
            400,
            f"Inference-Header-Content-Length : {given[:20].decode('latin-1')} ; "
            f"attendu : de 0 à {size}, la longueur du corps.",
        )
    return int(given)


def _described(served: Served, tensor: Any) -> tuple[FieldSpec, str, list[int], Any]:
    """Return what an input's object says: which, of what type and shape, how many bytes apart."""
    if not isinstance(tensor, dict):
        raise Problem(400, "Une entrée n'est pas un objet JSON.")
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    field = served.fields.get(name) if isinstance(name, str) else None
    if field is None:
        known = ", ".join(served.fields)
        raise Problem(400, f"Entrée inconnue « {str(name)[:40]} » ; attendu : {known}.")
    if not isinstance(datatype, str) or datatype not in _DATATYPES:
        raise Problem(
            400,
            f"Entrée « {field.name} » : type « {str(datatype)[:20]} » ; "
            f"attendu : {_NAMES[field.dtype]}.",
        )
    if not isinstance(shape, list) or not _is_shape(shape):
        raise Problem(400, f"Entrée « {field.name} » : forme {str(shape)[:60]} illisible.")
    size = None
    if "parameters" in tensor:
        size = _parameters(tensor, f"Entrée « {field.name} »").get("binary_data_size")
    if size is not None and "data" in tensor:
        raise Problem(400, f"Entrée « {field.name} » : data et binary_data_size à la fois.")
    return field, datatype, shape, size


def _is_shape(shape: list[Any]) -> bool:
    return 1 <= len(shape) <= 8 and all(type(size) is int and 0 <= size < 2**31 for size in shape)


def _json_values(
    field: FieldSpec, data: Any, datatype: str, shape: list[int], *, has_truths: bool
) -> Array:
    """Read data, flat or nested: the protocol allows both."""
    if not isinstance(data, list):
        raise Problem(400, f"Entrée « {field.name} » : membre « data » absent.")
    while data and isinstance(data[0], list):
        if not all(isinstance(part, list) for part in data):
            raise Problem(400, f"Entrée « {field.name} » : listes de profondeurs inégales.")
        data = list(chain.from_iterable(data))
    if len(data) != math.prod(shape):
        raise Problem(
            400,
            f"Entrée « {field.name} » : {len(data)} valeurs pour la forme {shape}.",
        )
    values = flat_array(data, _KINDS[datatype], has_truths=has_truths) if data else None
    if values is None:
        values = np.empty(len(data), dtype=object)
        values[:] = data
    return values.reshape(shape)


def _binary_values(
    field: FieldSpec, size: Any, datatype: str, shape: list[int], rest: memoryview
) -> tuple[Array, memoryview]:
    dtype = np.dtype(_DATATYPES[datatype])
    expected = math.prod(shape) * dtype.itemsize
    if size != expected or type(size) is not int or len(rest) < size:
        raise Problem(
            400,
            f"Entrée « {field.name} » : {str(size)[:20]} octets annoncés, {len(rest)} reçus ; "
            f"attendu : {expected} pour {datatype} de forme {shape}.",
        )
    values = np.frombuffer(rest[:size], dtype=dtype).reshape(shape)
    if datatype == "BOOL":
        values = np.frombuffer(rest[:size], dtype=np.uint8).reshape(shape) != 0
    return values, rest[size:]


def _parameters(holder: Mapping[str, Any], what: str) -> dict[str, Any]:
    parameters = holder.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise Problem(400, f"{what} : « parameters » n'est pas un objet.")
    for name in ("shared_memory_region", "classification"):
        if name in parameters:
            raise Problem(400, f"{what} : « {name} » n'est pas offert par ce serveur.")
    return parameters


def _form(served: Served, request: Mapping[str, Any]) -> _Form:
    identity = request.get("id")
    if identity is not None and not isinstance(identity, str):
        raise Problem(400, "Membre « id » : attendu un texte.")
    binary = _parameters(request, "La demande").get("binary_data_output", False) is True
    outputs = request.get("outputs")
    if outputs is None:
        return _Form(identity, [(name, binary) for name in served.outputs])
    if not isinstance(outputs, list) or not outputs:
        raise Problem(400, "Membre « outputs » : attendu une liste de sorties, ou rien.")
    return _Form(identity, tuple(_wanted(served, outputs, default=binary)))


def _wanted(served: Served, outputs: list[Any], *, default: bool) -> Iterator[tuple[str, bool]]:
    known = [field.name for field in served.manifest.outputs]
    seen: set[str] = set()
    for output in outputs:
        name = output.get("name") if isinstance(output, dict) else None
        if not isinstance(name, str) or name not in known or name in seen:
            raise Problem(
                400,
                f"Sortie inconnue ou demandée deux fois « {str(name)[:40]} » ; "
                f"attendu : {', '.join(known)}.",
            )
        seen.add(name)
        yield name, _parameters(output, f"Sortie « {name} »").get("binary_data", default) is True
