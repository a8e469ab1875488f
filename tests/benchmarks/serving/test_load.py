"""The load generator counts what was answered, and nothing else."""

import contextlib
import socket
import threading

import pytest

from benchmarks.serving.load import Reply, drive, quantile, read_requests, write_requests

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Number: "
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"


@contextlib.contextmanager
def served(answer):
    """Listen on a free port; each request (without body) is answered by ``answer(request)``."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def talk(connection):
        with connection:
            while data := connection.recv(65_536):
                seen.append(data)
                said = answer(data)
                if said is None:
                    return
                connection.sendall(said)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield listener.getsockname()[1], seen
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def get(number):
    return f"GET /{number} HTTP/1.1\r\n\r\n".encode()


def test_every_request_that_was_sent_is_answered_and_counted():
    with served(lambda data: OK + data[5:6] + b"\r\n\r\nyes") as (port, seen):
        found = drive(port, [get(0), get(1)], 0.1, connections=3)
    assert found.answers == len(seen) > 3
    assert found.refused == 0
    assert 0.1 <= found.seconds < 10
    assert 0 < found.p50_ms <= found.p99_ms
    # both requests went round in turn
    assert {bytes(data) for data in seen} == {get(0), get(1)}


def test_the_sample_is_the_answer_to_the_request_that_it_names():
    with served(lambda data: OK + data[5:6] + b"\r\n\r\nyes") as (port, _):
        found = drive(port, [get(number) for number in range(7)], 0.1, connections=2)
    assert f"X-Number: {found.sample_request}" in found.sample_head
    assert found.sample_body == "yes"


def test_another_status_is_not_an_answer():
    with served(lambda data: REFUSED if data == get(1) else OK + b"0\r\n\r\nyes") as (port, seen):
        found = drive(port, [get(0), get(1)], 0.05, connections=1)
    assert found.refused == seen.count(get(1)) > 0
    assert found.answers == seen.count(get(0))


def test_a_server_that_closes_is_counted_as_a_refusal():
    with served(lambda _data: None) as (port, _):
        found = drive(port, [get(0)], 0.05, connections=2)
    assert (found.answers, found.refused, found.sample_request) == (0, 2, -1)


def test_an_answer_is_whole_only_with_its_last_byte():
    reply, whole = Reply(), OK + b"1\r\n\r\nyes"
    states = [reply.feed(whole[place : place + 1]) for place in range(len(whole))]
    assert states == [False] * (len(whole) - 1) + [True]
    assert reply.ok
    assert reply.parts()[1] == "yes"


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)],
)
def test_a_quantile_is_a_value_that_was_seen(share, expected):
    # of 1 to 100: half do not exceed 50, 99 do not exceed 99
    assert quantile([float(value) for value in range(100, 0, -1)], share) == expected


def test_requests_of_any_bytes_come_back_from_their_file(tmp_path):
    requests = [b"", b"\r\n\r\n", bytes(range(256)) * 300]
    write_requests(tmp_path / "requests", requests)
    assert read_requests(tmp_path / "requests") == requests
