"""Attacks on a server and what must come of each; `benchmarks.serving.hostile` has the loud half.

Those that a defence's own test holds already are not repeated: see ``docs/security.md``.
"""

import asyncio
import contextlib
import json
import re
import socket
import threading
import time

import pytest

from common.edge.errors import UsageError
from common.edge.serving.gate.keys import KeyFile, KeyRing
from common.edge.serving.running import make_server
from common.edge.serving.settings import ServerSettings

MODEL = "building_energy.day_ahead"
PREDICT = f"/models/{MODEL}/predict"


# Keys


@pytest.fixture
def key_file(tmp_path):
    """A file with one key, and its secret."""
    ring, secret = KeyRing().issued("accueil", "predict")
    ring.save(tmp_path / "keys.json")
    return tmp_path / "keys.json", secret


def test_a_key_that_leaks_is_shut_out_without_a_restart(caller, key_file, one_row):
    path, leaked = key_file
    call = caller(keys=path)
    assert call("POST", PREDICT, one_row, x_api_key=leaked).status == 200
    ring, fresh = KeyRing.load(path).revoked("accueil").issued("guichet", "predict")
    ring.save(path)
    asyncio.run(call.app.refresh())
    assert call("POST", PREDICT, one_row, x_api_key=leaked).status == 401
    assert call("POST", PREDICT, one_row, x_api_key=fresh).status == 200


def test_a_file_of_keys_that_is_torn_later_leaves_the_former_keys_in_force(key_file, caplog):
    path, secret = key_file
    file = KeyFile(path)
    path.write_text("[{")
    assert file.look().find(secret).name == "accueil"
    assert "former keys" in caplog.text


def test_a_file_of_keys_that_is_removed_lets_nobody_in(key_file):
    """Not everybody, as a server without keys would."""
    path, secret = key_file
    file = KeyFile(path)
    path.unlink()
    assert file.look().keys == ()
    assert file.look().find(secret) is None


def test_a_file_of_keys_that_is_torn_at_the_start_is_refused(tmp_path):
    (tmp_path / "keys.json").write_text("[{")
    with pytest.raises(UsageError, match="aune key"):
        KeyFile(tmp_path / "keys.json")


# Pages of other sites


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://127.0.0.1.evil.example", 403),
     ("http://127.0.0.1:8080", 200), ("http://localhost:8080", 200),
     ("https://aune.ville.example", 200)],
)  # fmt: skip
@pytest.mark.parametrize("has_key", [False, True])
def test_a_page_of_another_origin_is_refused_also_by_older_browsers(
    caller, key_file, one_row, origin, status, has_key
):
    """They send no ``Sec-Fetch-Site``; with a key, the one that the browser remembers."""
    path, secret = key_file
    call = caller(names=("aune.ville.example",), keys=path if has_key else None)
    headers = {"x_api_key": secret} if has_key else {}
    assert call("POST", PREDICT, one_row, origin=origin, **headers).status == status


# Requests that two readers could understand differently

HOST = b"host: 127.0.0.1\r\n"
SECOND = b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def port(live):
    """A server that all requests of this part share: none may hurt it."""
    with live(rate_per_second=0) as chosen:
        yield chosen


def exchange(port, *parts, seconds=1.0):
    """Send bytes; return the statuses of all answers, the last body and whether it closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        answer, closed = b"", False
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        try:
            while part := connection.recv(65536):
                answer += part
            closed = True
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True
    return [int(n) for n in re.findall(rb"HTTP/1\.1 (\d+)", answer)], answer, closed


@pytest.mark.parametrize(
    "headers",
    [b"content-length: 2\r\ntransfer-encoding: chunked", b"content-length: 2\r\ncontent-length: 9",
     b"content-length: 2, 2", b"content-length: +2", b"content-length: 0x2", b"content-length: -2",
     b"content-length: 2 2", b"content-length: 18446744073709551618", b"content-length:",
     b"transfer-encoding: xchunked", b"transfer-encoding: chunked, identity",
     b"transfer-encoding: gzip, chunked", b"transfer-encoding : chunked",
     b"transfer-encoding: identity\r\ntransfer-encoding: chunked",
     b"transfer-encoding: \x0bchunked", b"transfer-encoding:\r\n chunked",
     b"x-a: b\r\n c: d", b"x-a: b\rc: d", b"x-a: \x00", b"x a: b", b"nonsense",
     b"host: 127.0.0.1"],
)  # fmt: skip
def test_a_request_with_two_readings_is_refused_and_nothing_after_it_answered(port, headers):
    """RFC 9112 11.2: what a proxy takes for a body must not be a request here, or the reverse."""
    head = b"POST /models HTTP/1.1\r\n" + HOST + headers + b"\r\n\r\n"
    for body in (b"{}", CHUNKED):
        statuses, answer, closed = exchange(port, head + body + SECOND)
        assert (statuses, closed) == ([400], True)
        assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    "line",
    [b"GET http://evil.example/models HTTP/1.1", b"GET /models HTTP/9.9", b"GET /models",
     b"PRI * HTTP/2.0", b"OPTIONS * HTTP/1.1", b"CONNECT evil.example:80 HTTP/1.1",
     "GET /modèles HTTP/1.1".encode()],
)  # fmt: skip
def test_another_form_of_request_line_is_refused(port, line):
    statuses, _, closed = exchange(port, line + b"\r\n" + HOST + b"\r\n")
    assert (statuses, closed) == ([400], True)


def test_a_request_without_host_is_refused(port):
    assert exchange(port, b"GET /health/live HTTP/1.1\r\n\r\n")[0] == [400]


@pytest.mark.parametrize(
    "body",
    [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n{}",
     b"0x2\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"2\n{}\n0\n\n"],
)  # fmt: skip
def test_a_chunk_of_another_size_than_it_says_ends_the_connection(port, body):
    head = b"POST /models HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n"
    statuses, _, closed = exchange(port, head, body + SECOND)
    assert (statuses, closed) == ([400], True)


def test_a_body_in_crumbs_is_refused_before_it_costs_much(port):
    """A chunk of one byte costs the loop as much as a large one: 0.5 s of silence for 6 MB."""
    head = b"POST /models HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n"
    statuses, answer, closed = exchange(port, head, b"1\r\n \r\n" * 10_000)
    assert (statuses, closed) == ([400], True)
    assert b"2049 morceaux" in answer


def test_a_body_in_small_chunks_is_answered(port, one_row):
    """Sixteen bytes at a time are not quick, and not an attack."""
    body = json.dumps({"rows": [one_row] * 4}).encode()
    chunks = b"".join(b"10\r\n%b\r\n" % part for part in sixteens(body))
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n"
    assert len(body) / 16 > 2_048
    assert exchange(port, head.encode() + chunks + b"0\r\n\r\n", seconds=5.0)[0] == [200]


def sixteens(body):
    """Cut a body into parts of 16 bytes, spaces at its end."""
    body = body.ljust(-(-len(body) // 16) * 16)
    return [body[start : start + 16] for start in range(0, len(body), 16)]


def test_a_header_behind_the_body_takes_no_headers_place(port):
    """A trailer `Host`: a server that merges it would be asked under another name."""
    head = b"POST /models HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n"
    evil = b"2\r\n{}\r\n0\r\nhost: evil.example\r\n\r\n"
    assert exchange(port, head + evil)[0] == [405]


@pytest.mark.parametrize(
    "sent",
    [b"GET /models HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 10_000 + b"\r\n",
     b"GET /models HTTP/1.1\r\n" + HOST + b"a:" + b"b" * 1_000_000 + b"\r\n\r\n",
     b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
     b"POST /models HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
     + b"a: b\r\n" * 10_000 + b"\r\n"],
)  # fmt: skip
def test_too_many_headers_are_refused_also_where_they_come_at_once(port, sent):
    statuses, _, closed = exchange(port, sent)
    assert (statuses, closed) == ([431], True)


def test_a_body_behind_another_request_is_not_taken_for_headers(port, one_row):
    """Two requests sent ahead, the second with a body above the bound of headers, in parts."""
    body = b" " * 100_000 + json.dumps(one_row).encode()
    head = b"POST %b HTTP/1.1\r\n%bcontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    first = json.dumps({"rows": [one_row] * 30}).encode()
    parts = [head % (PREDICT.encode(), HOST, len(first)) + first]
    parts += [head % (PREDICT.encode(), HOST, len(body)) + body[:50_000], body[50_000:]]
    assert exchange(port, *parts)[0] == [200, 200]


def test_more_requests_sent_ahead_than_may_wait_are_not_kept(port):
    """Each would cost memory before it is answered; those before are answered in their order."""
    statuses, _, closed = exchange(port, SECOND * 5_000)
    assert set(statuses) == {200}
    assert len(statuses) < 5_000
    assert closed


def test_a_refusal_is_never_taken_for_the_answer_of_the_request_before(port, one_row):
    body = json.dumps({"rows": [one_row] * 60}).encode()
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
    statuses, answer, closed = exchange(port, head.encode() + body + b"\x16\x03\x01\r\n\r\n")
    assert (statuses, closed) == ([200], True)
    assert answer.count(b'"prediction"') == 60


# Callers that do not read

LARGE_BYTES = 20_000_000
"""More than the system keeps for a caller (``tcp_wmem``, 4 MB)."""
ASKED = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@contextlib.contextmanager
def answering_large(**settings):
    """Serve one large answer to everybody; give port, connections and what was answered."""

    made = []

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        made.append(scope)
        length = (b"content-length", str(LARGE_BYTES).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": bytes(LARGE_BYTES)})

    server = make_server(app, ServerSettings(port=0, **settings))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield port, server.server_state.connections, made
    finally:
        server.should_exit = True
        thread.join(20)


def read_length(connection):
    """Read until the connection ends or an answer is whole; return the bytes of its body."""
    found = -1
    with contextlib.suppress(ConnectionError):
        while found < LARGE_BYTES and (part := connection.recv(2**18)):
            found += len(part) if found >= 0 else len(part.partition(b"\r\n\r\n")[2]) + 1
    return found


def until(condition, seconds=15):
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    assert condition()


@pytest.mark.parametrize(
    "sent", [ASKED, ASKED * 2, ASKED.replace(b"host", b"connection: close\r\nhost")]
)
def test_a_caller_that_never_reads_is_given_up(sent):
    """Also one that sent two requests ahead, whose second waits for the first to be read."""
    with (
        answering_large(request_seconds=0.5) as (port, connections, _),
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(sent)
        until(lambda: len(connections) == 1)
        until(lambda: not connections)
        assert read_length(connection) < LARGE_BYTES


def test_a_second_answer_is_made_when_the_first_is_read():
    """Otherwise each caller that reads nothing keeps two in memory."""
    with (
        answering_large() as (port, _, made),
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(ASKED * 2)
        until(lambda: made)
        time.sleep(0.2)
        assert len(made) == 1
        while len(made) < 2 and connection.recv(2**18):
            pass
        assert len(made) == 2


def test_a_caller_that_reads_slowly_gets_all_of_its_answer():
    """It takes longer than the deadline of a request, and reads all the time."""
    with (
        answering_large(request_seconds=0.5) as (port, *_),
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(ASKED)
        found, begun = 0, time.monotonic()
        while found < LARGE_BYTES and (part := connection.recv(2**18)):
            found += len(part)
            time.sleep(len(part) / 12_000_000)  # 20 MB at 12 MB/s: three times the deadline
        assert found >= LARGE_BYTES
        assert time.monotonic() - begun > 1.5


def test_answers_that_nobody_reads_are_bounded_all_together():
    """Six callers leave up to 20 MB each; 64 MiB may stay, so at least two are given up."""
    with (
        answering_large(request_seconds=60) as (port, connections, _),
        contextlib.ExitStack() as stack,
    ):
        for _ in range(6):
            connection = socket.create_connection(("127.0.0.1", port), timeout=5)
            stack.enter_context(connection).sendall(ASKED)
        until(lambda: sum(one.transport.get_write_buffer_size() for one in list(connections)) > 0)
        until(lambda: 0 < len(connections) <= 4)
        unread = sum(one.transport.get_write_buffer_size() for one in list(connections))
        assert unread <= 64 * 2**20


def test_idle_connections_make_room_for_a_new_one(live, ask):
    """None of them owes anything, so none would go by its deadline."""
    with live(connections=5) as port, contextlib.ExitStack() as stack:
        for _ in range(5):
            held = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            held.sendall(SECOND)
            assert held.recv(65536).startswith(b"HTTP/1.1 200")
        assert ask(port, "GET", "/health/live").status == 200
