"""An answer sent in one piece is, byte for byte, the one that uvicorn sends in two steps."""

import json
import re
import socket
from itertools import pairwise

import pytest

from common.edge.serving.gate.protocol import DeadlineProtocol

MODEL = "building_energy.day_ahead"
PREDICT, INFER = f"/models/{MODEL}/predict", f"/v2/models/{MODEL}/infer"


def request(path, body, *lines, version="1.1"):
    head = [f"POST {path} HTTP/{version}", "Host: 127.0.0.1", "Content-Type: application/json",
            f"Content-Length: {len(body)}", *lines, "", ""]  # fmt: skip
    return "\r\n".join(head).encode() + body


def exchange(port, sent, answers):
    """Send bytes and return all that comes back, until so many answers or the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        found = b""
        while count(found) < answers and (part := connection.recv(65_536)):
            found += part
    return re.sub(rb"date: [^\r]*", b"date: now", found)


def count(found):
    """Count the answers that are whole."""
    starts = [match.start() for match in re.finditer(rb"HTTP/1\.1 \d", found)]
    whole = 0
    for start, end in pairwise([*starts, len(found)]):
        head, _, body = found[start:end].partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        whole += length is not None and len(body) == int(length[1])
    return whole


@pytest.fixture(scope="module")
def infer(example_inputs):
    """An inference request that asks for two outputs as binary tensors."""
    kinds = {"float32": "FP32", "int64": "INT64", "bool": "BOOL"}
    inputs = [
        {"name": name, "shape": [1, *values.shape[1:]], "datatype": kinds[values.dtype.name],
         "data": [None if v != v else v for v in values[0].ravel().tolist()]}
        for name, values in example_inputs.items()
    ]  # fmt: skip
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in ("lower", "upper")]
    return json.dumps({"inputs": inputs, "outputs": wanted}).encode()


def test_the_bytes_are_those_of_uvicorn(live, one_row, infer, monkeypatch):
    """Kept alive, to be closed, of HTTP/1.0, refused, two at once: no reader can tell."""
    row = json.dumps(one_row).encode()
    cases = [
        (request(PREDICT, row), 1),
        (request(INFER, infer), 1),
        (request(PREDICT, row) + request(INFER, infer) + request(PREDICT, b"{}"), 3),
        (request(PREDICT, row, "Connection: close"), 1),
        (request(PREDICT, row, version="1.0"), 1),
        (request(PREDICT, b"{}"), 1),
        (request(PREDICT, row, "Expect: 100-continue"), 1),
    ]
    sent = []
    answer = DeadlineProtocol.answer

    def noted(self, *given):
        sent.append(answer(self, *given))
        return sent[-1]

    with live() as port:
        monkeypatch.setattr(DeadlineProtocol, "answer", noted)
        in_one_piece = [exchange(port, *case) for case in cases]
        # what was kept alive and not refused, and nothing else, went in one piece
        assert sent == [True, True, True, True, False, False, True]
        monkeypatch.setattr(DeadlineProtocol, "answer", lambda *_: False)
        in_two_steps = [exchange(port, *case) for case in cases]
    assert in_one_piece == in_two_steps
    assert [count(found) for found in in_one_piece] == [number for _, number in cases]
