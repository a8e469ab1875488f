"""Each protocol carries the same rows, and each answer is read as the same numbers."""

import json

import numpy as np
import pytest

from benchmarks.serving.load import parse_head
from benchmarks.serving.model import N_FEATURES
from benchmarks.serving.protocols import (
    BINARY,
    FRIENDLY,
    OIP,
    ROWS,
    TABLE,
    TENSORS,
    request,
)

ROWS_ASKED = (np.arange(3 * N_FEATURES, dtype=np.float32).reshape(3, -1) / 8).round(4)
PREDICTION = np.array([1.5, -2.25, 0.1], dtype=np.float32)
SHARES = (np.arange(3 * N_FEATURES, dtype=np.float32).reshape(3, 1, -1) / 7).astype(np.float32)


def tensors():
    return {"prediction": PREDICTION[:, None], "contributions": SHARES}


def as_json(value):
    return json.dumps(value).encode(), {}


def as_binary():
    blobs = {name: values.tobytes() for name, values in tensors().items()}
    outputs = [
        {"name": name, "parameters": {"binary_data_size": len(blob)}}
        for name, blob in blobs.items()
    ]
    head = json.dumps({"outputs": outputs}).encode()
    length = {"inference-header-content-length": str(len(head))}
    return head + b"".join(blobs.values()), length


def listed():
    return {name: values.tolist() for name, values in tensors().items()}


def records():
    return [{name: values[row] for name, values in listed().items()} for row in range(3)]


def flat_records():
    """What MLflow makes of a data frame: a column for each number."""
    return [
        {"prediction": float(PREDICTION[row])}
        | {f"contributions.{place}": float(value) for place, value in enumerate(SHARES[row, 0])}
        for row in range(3)
    ]


def oip_outputs():
    return [
        {"name": name, "data": values.reshape(-1).tolist()} for name, values in tensors().items()
    ]


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        (FRIENDLY, as_json({"rows": records()})),
        (OIP, as_json({"outputs": oip_outputs()})),
        (BINARY, as_binary()),
        (TABLE, as_json({"predictions": records()})),
        (TABLE, as_json({"predictions": flat_records()})),
        (TENSORS, as_json({"predictions": listed()})),
        (ROWS, as_json(listed())),
    ],
    ids=["friendly", "oip", "binary", "table of ours", "table of MLflow", "tensors", "rows"],
)
def test_all_answers_say_the_same_numbers(protocol, answer):
    found = protocol.read(*answer)
    np.testing.assert_array_equal(found.prediction, PREDICTION)
    np.testing.assert_array_equal(found.contributions, SHARES[:, 0])


def asked(protocol):
    """Return the numbers of a request's body."""
    body, headers = protocol.write(ROWS_ASKED)
    if protocol is BINARY:
        data = body[int(headers["inference-header-content-length"]) :]
        return np.frombuffer(data, "<f4").reshape(3, -1)
    value = json.loads(body)
    found = {
        FRIENDLY: lambda: [row["features"] for row in value["rows"]],
        OIP: lambda: value["inputs"][0]["data"],
        TABLE: lambda: value["dataframe_split"]["data"],
        TENSORS: lambda: value["inputs"],
        ROWS: lambda: value["rows"],
    }[protocol]()
    return np.asarray(found, np.float32).reshape(3, -1)


@pytest.mark.parametrize(
    "protocol", [FRIENDLY, OIP, BINARY, TABLE, TENSORS, ROWS], ids=lambda one: one.name
)
def test_all_requests_ask_the_same_numbers(protocol):
    np.testing.assert_array_equal(asked(protocol), ROWS_ASKED)


def test_one_row_is_an_object_of_named_fields():
    body, _ = FRIENDLY.write(ROWS_ASKED[:1])
    assert json.loads(body) == {"features": ROWS_ASKED[0].tolist()}


def test_a_request_says_its_length_and_keeps_the_headers_given():
    whole = request(OIP, "/v2/models/m/infer", ROWS_ASKED, {"authorization": "Bearer x"})
    head, _, body = whole.partition(b"\r\n\r\n")
    headers = parse_head(head)
    assert int(headers["content-length"]) == len(body)
    assert headers["authorization"] == "Bearer x"
    assert headers["content-type"] == "application/json"


def test_a_binary_request_names_its_own_type():
    head = request(BINARY, "/", ROWS_ASKED).partition(b"\r\n\r\n")[0]
    assert parse_head(head)["content-type"] == "application/octet-stream"
