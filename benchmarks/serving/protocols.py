"""The same rows in the words of each protocol, and the same outputs read back from each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.serving.model import INPUT, Floats32

__all__ = [
    "BINARY",
    "FRIENDLY",
    "OIP",
    "ROWS",
    "TABLE",
    "TENSORS",
    "Answered",
    "Protocol",
    "request",
]

_JSON = "application/json"
_HEADER_LENGTH = "inference-header-content-length"


@dataclass(frozen=True)
class Answered:
    """What a server answered.

    Parameters
    ----------
    prediction, contributions
        Shapes (n,) and (n, 50), float32.
    """

    prediction: Floats32
    contributions: Floats32


@dataclass(frozen=True)
class Protocol:
    """How rows are asked and answers read.

    Parameters
    ----------
    name
        On the tables.
    write
        From rows (n, 50) to a body and the headers that go with it.
    read
        From the answer's body and headers (in lower case) to what it says.
    """

    name: str
    write: Callable[[Floats32], tuple[bytes, dict[str, str]]]
    read: Callable[[bytes, dict[str, str]], Answered]


def request(
    protocol: Protocol, path: str, rows: Floats32, headers: dict[str, str] | None = None
) -> bytes:
    """Return a whole HTTP/1.1 request that keeps its connection.

    Examples
    --------
    >>> request(ROWS, "/predict", np.zeros((1, 2), np.float32)).splitlines()[0]
    b'POST /predict HTTP/1.1'
    """
    body, more = protocol.write(rows)
    every = {
        "host": "127.0.0.1",
        "content-type": _JSON,
        "content-length": str(len(body)),
        **more,
        **(headers or {}),
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _decimals(rows: Floats32) -> list[list[float]]:
    """Return the rows as JSON writes them: four decimals."""
    return [[round(value, 4) for value in row] for row in rows.astype(float).tolist()]


def _json(value: Any) -> tuple[bytes, dict[str, str]]:
    return json.dumps(value).encode(), {}


def _answered(prediction: Any, contributions: Any) -> Answered:
    values: npt.NDArray[np.float32] = np.asarray(prediction, np.float32).reshape(-1)
    shares = np.asarray(contributions, np.float32).reshape(len(values), -1)
    return Answered(values, shares)


def _write_friendly(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    records = [{INPUT: row} for row in _decimals(rows)]
    return _json(records[0] if len(records) == 1 else {"rows": records})


def _read_friendly(body: bytes, _headers: dict[str, str]) -> Answered:
    rows = json.loads(body)["rows"]
    return _answered([r["prediction"] for r in rows], [r["contributions"] for r in rows])


def _tensor(rows: Floats32) -> dict[str, Any]:
    return {"name": INPUT, "shape": list(rows.shape), "datatype": "FP32"}


def _write_oip(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    flat = [value for row in _decimals(rows) for value in row]
    return _json({"inputs": [_tensor(rows) | {"data": flat}]})


def _read_oip(body: bytes, _headers: dict[str, str]) -> Answered:
    found = {tensor["name"]: tensor["data"] for tensor in json.loads(body)["outputs"]}
    return _answered(found["prediction"], found["contributions"])


def _write_binary(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    data = np.ascontiguousarray(rows, "<f4").tobytes()
    tensor = _tensor(rows) | {"parameters": {"binary_data_size": len(data)}}
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    headers = {"content-type": "application/octet-stream", _HEADER_LENGTH: str(len(head))}
    return head + data, headers


def _read_binary(body: bytes, headers: dict[str, str]) -> Answered:
    place = int(headers[_HEADER_LENGTH])
    found = {}
    for tensor in json.loads(body[:place])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        found[tensor["name"]] = np.frombuffer(body[place : place + size], "<f4")
        place += size
    return _answered(found["prediction"], found["contributions"])


def _write_inputs(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    return _json({"inputs": _decimals(rows)})


def _read_inputs(body: bytes, _headers: dict[str, str]) -> Answered:
    found = json.loads(body)["predictions"]
    return _answered(found["prediction"], found["contributions"])


def _write_table(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    columns = [f"{INPUT}.{index}" for index in range(rows.shape[1])]
    return _json({"dataframe_split": {"columns": columns, "data": _decimals(rows)}})


def _read_table(body: bytes, _headers: dict[str, str]) -> Answered:
    """Read records: ours keep an output whole, MLflow's have a column for each number."""
    records = json.loads(body)["predictions"]
    shares = [
        record["contributions"]
        if "contributions" in record
        else [value for name, value in record.items() if name.startswith("contributions.")]
        for record in records
    ]
    return _answered([record["prediction"] for record in records], shares)


def _write_rows(rows: Floats32) -> tuple[bytes, dict[str, str]]:
    return _json({"rows": _decimals(rows)})


def _read_rows(body: bytes, _headers: dict[str, str]) -> Answered:
    found = json.loads(body)
    return _answered(found["prediction"], found["contributions"])


FRIENDLY = Protocol("friendly", _write_friendly, _read_friendly)
"""Ours: named fields in, reasons in French out."""
OIP = Protocol("oip", _write_oip, _read_oip)
"""Open Inference Protocol v2, JSON."""
BINARY = Protocol("oip-binary", _write_binary, _read_binary)
"""Open Inference Protocol v2 with its binary tensor extension, both ways."""
TABLE = Protocol("table", _write_table, _read_table)
"""MLflow's ``dataframe_split``: named columns, what its own clients send."""
TENSORS = Protocol("tensors", _write_inputs, _read_inputs)
"""MLflow's ``inputs``, without names: what costs MLflow least."""
ROWS = Protocol("rows", _write_rows, _read_rows)
"""What one writes for oneself with FastAPI or BentoML: a matrix in, the outputs by name out."""
