"""A running server: deadlines, half-open connections, journal, new versions, one port."""

import contextlib
import json
import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.edge.journal.check import verify
from common.edge.serving.app import create_app
from common.edge.serving.models.fleet import Fleet
from common.edge.serving.running import raise_open_files, serve
from common.edge.serving.settings import ServerSettings
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store
from common.lab.export import write_bundle

MODEL = "building_energy.day_ahead"
PREDICT = f"/models/{MODEL}/predict"
JSON = {"content-type": "application/json"}


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_all(connection):
    """Read until the server closes; a reset counts as closing."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            data += part
    return data


def test_a_server_answers_one_row_over_http(live, ask, one_row):
    with live() as port:
        answer = ask(port, "POST", PREDICT, json.dumps(one_row), JSON)
        assert answer.status == 200
        assert len(answer.json()["rows"][0]["prediction"]) == 24


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n",
     b"POST /models/x/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n{"],
)  # fmt: skip
def test_a_request_that_does_not_end_is_closed_at_the_deadline(live, sent):
    with live(request_seconds=0.5) as port, connect(port) as connection:
        connection.sendall(sent)
        begun = time.monotonic()
        answer = read_all(connection)
        assert 0.4 < time.monotonic() - begun < 5
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in answer


def test_bytes_that_trickle_do_not_put_the_deadline_off(live):
    with live(request_seconds=0.6) as port, connect(port) as connection:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            connection.sendall(b"GET / HTTP/1.1\r\n")
            while time.monotonic() - begun < 6:
                connection.sendall(b"x-y: z\r\n")
                time.sleep(0.05)
        assert time.monotonic() - begun < 5


def test_headers_without_end_are_refused(live):
    with live(header_bytes=2000) as port, connect(port) as connection:
        with contextlib.suppress(OSError):
            for _ in range(50):
                connection.sendall(
                    b"GET / HTTP/1.1\r\n" if _ == 0 else b"x: " + b"y" * 100 + b"\r\n"
                )
                time.sleep(0.001)
        assert b" 431 " in read_all(connection)[:40]


def test_half_open_connections_do_not_hold_up_health(live, ask):
    with live(request_seconds=1) as port:
        held = [connect(port) for _ in range(150)]
        for connection in held:
            connection.sendall(b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        answer = ask(port, "GET", "/health/ready")
        assert answer.status == 200
        time.sleep(2)
        for connection in held:
            assert b" 408 " in read_all(connection)[:40]
            connection.close()


def test_the_oldest_unfinished_connection_makes_room_for_a_new_one(live, ask):
    with live(connections=5) as port:
        held = [connect(port) for _ in range(5)]
        time.sleep(0.1)
        assert ask(port, "GET", "/health/live").status == 200
        held[0].settimeout(5)
        assert read_all(held[0]) == b""
        for connection in held:
            connection.close()


def test_a_body_above_the_limit_is_answered_although_it_is_not_read(live, ask):
    """The caller sends all of it before it reads, as most clients do."""
    with live() as port:
        answer = ask(port, "POST", PREDICT, b" " * 20_000_000, JSON)
        assert answer.status == 413
        assert "1000000" in answer.json()["detail"]


def test_connections_are_kept_and_requests_may_be_sent_ahead(live, one_row):
    body = json.dumps(one_row).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    last = request.replace(b"\r\nhost", b"\r\nconnection: close\r\nhost", 1)
    with live() as port, connect(port) as connection:
        connection.sendall(request + request + last)
        assert read_all(connection).count(b"HTTP/1.1 200 OK") == 3


def test_what_is_not_http_is_refused(live, ask):
    with live() as port:
        with connect(port) as connection:
            connection.sendall(b"\x16\x03\x01\x00\xa5\x01\x00\x00")
            assert b" 400 " in read_all(connection)[:40]
        assert ask(port, "GET", "/health/live").status == 200


def test_each_prediction_has_its_line_in_the_journal(live, ask, one_row, tmp_path):
    folder = tmp_path / "journal"
    with live(journal=folder) as port:
        body = json.dumps({"rows": [one_row] * 3, "ids": ["a", "b", "c"]})
        found = ask(port, "POST", PREDICT, body, JSON).json()["rows"]
        assert [row["journal"] for row in found] == [1, 2, 3]
        again = ask(port, "POST", PREDICT, body, JSON).json()["rows"]
        assert [row["journal"] for row in again] == [4, 5, 6]
    assert not verify(folder).findings
    text = "".join(path.read_text() for path in sorted(folder.glob("*.jsonl")))
    lines = [json.loads(line) for line in text.splitlines()]
    predictions = [line for line in lines if line["kind"] == "prediction"]
    assert [line["row"] for line in predictions] == ["a", "b", "c"] * 2
    np.testing.assert_allclose(
        predictions[0]["outputs"]["forecast"], found[0]["prediction"], rtol=1e-6
    )


@pytest.fixture
def own_store(tmp_path, sealed_zip, signing_key):
    store = Store(tmp_path / "own", [signing_key[1]])
    store.install(sealed_zip)
    return store


def until(condition, seconds=10):
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.05)
    assert condition()


def test_a_new_version_is_served_without_a_restart_and_a_rollback_too(
    live, ask, own_store, bundle_content, signing_key, tmp_path
):
    newer = write_bundle(
        tmp_path / "2.zip", replace(bundle_content, version="2.0.0"), signing_key[0]
    )

    def version():
        return ask(port, "GET", "/models").json()["models"][0]["version"]

    with live(own_store.root, reload_seconds=0.05) as port:
        assert version() == "1.2.3"
        own_store.install(newer)
        until(lambda: version() == "2.0.0")
        own_store.rollback("building_energy", "day_ahead")
        until(lambda: version() == "1.2.3")
        assert ask(port, "POST", f"/v2/models/{MODEL}/versions/2.0.0/infer", "{}").status == 404


def test_a_version_that_does_not_verify_leaves_the_former_one_in_service(
    own_store, bundle_content, signing_key, tmp_path
):
    """Between the switch and the server's look at it, somebody changed the file."""
    fleet = Fleet(Shelves(own_store.root), ServerSettings())
    assert fleet.refresh() == (1, 0)
    newer = write_bundle(
        tmp_path / "2.zip", replace(bundle_content, version="2.0.0"), signing_key[0]
    )
    own_store.install(newer)
    path = own_store.root / "versions/building_energy/day_ahead/2.0.0/bundle.zip"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert fleet.refresh() == (0, 1)
    assert fleet.refresh() == (0, 0)  # the same file is not opened again and again
    assert fleet.models[MODEL].manifest.version == "1.2.3"
    assert (fleet.is_ready, list(fleet.failures)) == (True, [MODEL])
    own_store.rollback("building_energy", "day_ahead")
    assert fleet.refresh() == (0, 0)
    assert (fleet.is_ready, dict(fleet.failures)) == (True, {})


def test_a_bundle_that_does_not_verify_at_start_is_not_ready_and_not_served(live, ask, own_store):
    path = own_store.root / "versions/building_energy/day_ahead/1.2.3/bundle.zip"
    path.write_bytes(path.read_bytes()[:-100])
    with live(own_store.root) as port:
        assert ask(port, "GET", "/health/live").status == 200
        ready = ask(port, "GET", "/health/ready")
        assert (ready.status, MODEL in ready.json()["detail"]) == (503, True)
        assert str(own_store.root) not in ready.body.decode()
        assert ask(port, "POST", PREDICT, "{}", JSON).status == 404


def test_an_empty_store_is_live_and_not_ready(live, ask, tmp_path):
    with live(tmp_path / "nothing") as port:
        assert ask(port, "GET", "/health/live").status == 200
        assert ask(port, "GET", "/health/ready").status == 503
        assert ask(port, "GET", "/models").json() == {"models": []}
        assert ask(port, "GET", "/openapi.json").status == 200


def test_a_port_that_is_taken_is_said_before_anything_else(own_store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServerSettings(port=taken.getsockname()[1])
        with pytest.raises(UsageError, match="cannot listen"):
            serve(create_app(Shelves(own_store.root), settings), settings, lambda _: None)


def test_more_open_files_are_never_fewer():
    before = raise_open_files(1)
    assert raise_open_files(1) == before
