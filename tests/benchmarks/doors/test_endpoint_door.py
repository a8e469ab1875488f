"""An endpoint is driven politely, and whatever it does wrong is a missing row, never a crash."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.doors import answer, from_endpoint
from benchmarks.doors.endpoint import JOURNAL, issue_order
from benchmarks.doors.http_calls import Bucket, backoff_seconds
from common.edge.errors import DataError, UsageError

from .conftest import PLAIN, declared

OIP = """[endpoint]
url = "{url}/v2/models/toy/infer"
protocol = "oip2"
rate_per_second = 1000
timeout_seconds = {timeout}
retries = {retries}
"""
JSON = """[endpoint]
url = "{url}/forecast"
protocol = "json"
rate_per_second = 1000
template = '''{{"site": "{{site}}", "when": "at {{issued}}",
               "hours": "{{target}}", "load": "{{visits}}"}}'''
[endpoint.answers]
q50 = "steps.{{step}}.median"
"""


def oip_reply(request):
    """What an honest service says: each visit plus one."""
    (visits,) = (each for each in request["inputs"] if each["name"] == "visits")
    data = [value + 1 for value in visits["data"]]
    output = {"name": "forecast", "shape": visits["shape"], "datatype": "FP32", "data": data}
    return json.dumps({"model_name": "toy", "outputs": [output]}).encode()


@contextmanager
def service(reply, *, status=200, headers=()):
    """Serve ``reply(request, number of the call) -> bytes`` on this machine, keeping requests."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.client_address[1], body, dict(self.headers)))
            answered = reply(body, len(seen))
            code, data = answered if isinstance(answered, tuple) else (status, answered)
            self.send_response(code)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

        def handle(self):
            with suppress(ConnectionError):
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def drive(task, questions, tmp_path, settings, monkeypatch):
    """Drive a service and return what came of it, without waiting between retries."""
    monkeypatch.setattr("benchmarks.doors.http_calls.FIRST_BACKOFF_SECONDS", 0.001)

    def run(url, text=OIP, *, timeout=5, retries=0, **changes):
        filled = text.format(url=url, timeout=timeout, retries=retries)
        declaration = declared(tmp_path, PLAIN + filled)
        return answer(task, questions, tmp_path, declaration, replace(settings, **changes))

    return run


def test_an_open_inference_service_answers_every_row(drive, questions):
    with service(lambda body, _: oip_reply(body)) as (url, seen):
        found = drive(url)
    assert not found.submission.refused, found.submission.findings
    assert not found.findings
    np.testing.assert_allclose(
        found.submission.answers["q50"], questions.inputs["visits"].ravel() + 1
    )
    assert set(found.submission.answers) == {"q50"}
    assert (found.latency.calls, found.latency.failures) == (6, 0)
    assert 0 < found.latency.p50 <= found.latency.p99
    assert found.predict.level == 0
    # one connection for all six calls
    assert len({port for port, _, _ in seen}) == 1


def test_examples_are_asked_in_the_order_of_issue_times(task, questions, drive):
    # issue days of the six examples are 2 0 1 2 0 1: by day, then as they stand
    assert issue_order(task.contest, questions).tolist() == [1, 4, 2, 5, 0, 3]
    with service(lambda body, _: oip_reply(body)) as (url, seen):
        drive(url)
    first = [body["inputs"][0]["data"][0] for _, body, _ in seen]
    # visits of example i begin at 10 + 2 i
    assert first == [12, 18, 14, 20, 10, 16]


def test_several_examples_go_in_one_call_where_declared(drive, questions):
    with service(lambda body, _: oip_reply(body)) as (url, seen):
        found = drive(url, OIP + "predictions_per_call = 4\n")
    assert [body["inputs"][0]["shape"] for _, body, _ in seen] == [[4, 2], [2, 2]]
    np.testing.assert_allclose(
        found.submission.answers["q50"], questions.inputs["visits"].ravel() + 1
    )
    assert found.latency.rows_per_call == 4


def test_a_template_is_filled_and_a_path_is_followed(drive, questions):
    def reply(body, _):
        return json.dumps({"steps": [{"median": value * 2} for value in body["load"]]}).encode()

    with service(reply) as (url, seen):
        found = drive(url, JSON)
    np.testing.assert_allclose(
        found.submission.answers["q50"], questions.inputs["visits"].ravel() * 2
    )
    assert seen[0][1] == {
        "site": "a",
        "when": "at 2022-01-03T00:00:00Z",
        "hours": ["2022-01-04T00:00:00Z", "2022-01-04T12:00:00Z"],
        "load": [12.0, 13.0],
    }


HONEST = '{"outputs": [{"name": "forecast", "shape": [1, 2], "datatype": "FP32", "data": %s}]}'
HONEST_REPLY = (HONEST % "[1, 2]").encode()


@pytest.mark.parametrize(("declared_as", "sent"), [("", None), ("missing = -1\n", -1.0)])
def test_an_unknown_measurement_is_null_or_the_declared_number(drive, questions, declared_as, sent):
    questions.inputs["visits"][1, 0] = np.nan

    with service(lambda *_: HONEST_REPLY) as (url, seen):
        drive(url, OIP + declared_as)
    assert seen[0][1]["inputs"][0]["data"] == [sent, 13.0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"outputs": []}',
        b'{"outputs": [{"name": "forecast"}]}',
        b'{"outputs": [{"name": "forecast", "shape": [1, 3], "data": [1, 2, 3]}]}'[:-2],
        (HONEST % "[1]").encode(),
        (HONEST % '["1", "2"]').encode(),
        (HONEST % "[true, false]").encode(),
        (HONEST % "[[[[[[[[[[[[1, 2]]]]]]]]]]]]").encode(),
        (HONEST % "[1, 2]").replace("[1, 2], ", "[-1, -2], ").encode(),
        (HONEST % ("[" + "9" * 5000 + ", 1]")).encode(),
    ],
    ids=range(15),
)
def test_a_reply_that_is_not_the_answer_is_a_failure_of_that_call_only(drive, body):
    """The first call goes wrong, the five others are honest: 2 of 12 rows are missing."""
    with service(lambda asked, n: body if n == 1 else oip_reply(asked)) as (url, _):
        found = drive(url)
    assert (found.latency.calls, found.latency.failures) == (6, 1)
    assert found.submission.missing.sum() == 2
    (note,) = (f for f in found.findings if f.rule == "endpoint-failures")
    assert note.count == 1
    assert "illisible" in note.message


@pytest.mark.parametrize("data", ["[NaN, 1]", "[null, 1]", "[Infinity, 1]", "[1e999, 1]"])
def test_a_row_answered_with_nothing_is_missing_and_its_neighbour_is_not(drive, data):
    body = (HONEST % data).encode()
    with service(lambda asked, n: body if n == 1 else oip_reply(asked)) as (url, _):
        found = drive(url)
    assert found.latency.failures == 0
    assert found.submission.missing.sum() == 1


def test_errors_are_retried_and_then_counted(drive):
    # calls 1 and 2 fail, 3 succeeds: with two retries the first example is answered
    with service(lambda asked, n: (503, b"") if n <= 2 else oip_reply(asked)) as (url, seen):
        found = drive(url, retries=2)
    assert len(seen) == 8
    assert (found.latency.calls, found.latency.failures, found.latency.retries) == (6, 0, 2)


def test_a_refusal_is_not_retried(drive):
    with service(lambda asked, n: (400, b"") if n == 1 else oip_reply(asked)) as (url, seen):
        found = drive(url, retries=3)
    assert len(seen) == 6
    assert found.latency.failures == 1


def test_a_redirect_is_refused_and_not_followed(drive):
    elsewhere = (("Location", "http://127.0.0.1:1/"),)
    with (
        service(lambda *_: b"", status=307, headers=elsewhere) as (url, seen),
        pytest.raises(DataError, match="redirection 307, refusée"),
    ):
        drive(url, retries=3)
    assert len(seen) == 6


def test_a_huge_reply_is_cut_off(drive):
    def reply(asked, n):
        return b" " * 300_000 if n == 1 else oip_reply(asked)

    with service(reply) as (url, _):
        found = drive(url, response_bytes=100_000)
    assert found.latency.failures == 1
    assert "trop grosse" in found.findings[0].message


@contextmanager
def raw_service(speak):
    """Accept connections and let ``speak(connection)`` misbehave on each."""
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def accept():
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                try:
                    speak(connection, stopped)
                except OSError:
                    continue

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def silent(_connection, stopped):
    """Half-open: accepts and never says anything."""
    stopped.wait(3)


def dripping_headers(connection, stopped):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stopped.wait(0.05):
        connection.sendall(b"X-Wait: 1\r\n")


def dripping_body(connection, stopped):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not stopped.wait(0.05):
        connection.sendall(b" ")


def endless_body(connection, stopped):
    """No length announced: chunk after chunk."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not stopped.is_set():
        connection.sendall(b"10000\r\n" + b" " * 65_536 + b"\r\n")


def hanging_up(connection, _stopped):
    connection.recv(10)


def cut_short(connection, _stopped):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def not_http(connection, _stopped):
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")


@pytest.mark.parametrize(
    "speak",
    [silent, dripping_headers, dripping_body, endless_body, hanging_up, cut_short, not_http],
)
def test_a_service_that_misbehaves_on_the_wire_costs_a_deadline_a_call_at_most(drive, speak):
    with raw_service(speak) as url:
        begun = time.monotonic()
        with pytest.raises(DataError, match="aucune réponse"):
            drive(url, timeout=0.2, response_bytes=200_000, give_up_after=2)
        # two calls of 0.2 s, then nothing more is asked; the rest is room for a slow machine
        assert time.monotonic() - begun < 2.5


def test_after_many_failures_in_a_row_the_service_is_left_alone(drive):
    with service(lambda asked, n: oip_reply(asked) if n == 1 else (500, b"")) as (url, seen):
        found = drive(url, give_up_after=3)
    # one answer, three failures, and the two last examples are not asked
    assert len(seen) == 4
    assert found.latency.failures == 5
    assert "non demandé" in found.findings[0].message


def test_a_killed_drive_goes_on_where_it_stopped(drive, tmp_path, questions):
    work = tmp_path / "work"

    with service(lambda asked, _: oip_reply(asked)) as (url, seen):
        whole = drive(url, work=work)
        assert len(seen) == 6
        # the drive is killed after three outcomes, in the middle of writing the fourth
        lines = (work / JOURNAL).read_text().splitlines(keepends=True)
        (work / JOURNAL).write_text("".join(lines[:4]) + lines[4][:20])
        again = drive(url, work=work)
    assert len(seen) == 6 + 3
    np.testing.assert_array_equal(whole.submission.answers["q50"], again.submission.answers["q50"])
    assert again.latency.calls == 6


def test_answers_to_other_questions_are_not_taken_up(drive, tmp_path, questions):
    work = tmp_path / "work"
    with service(lambda asked, _: oip_reply(asked)) as (url, seen):
        drive(url, work=work)
        questions.inputs["visits"][0, 0] += 1
        drive(url, work=work)
    assert len(seen) == 12


def test_the_whole_drive_has_an_end(drive):
    def slow(asked, n):
        time.sleep(0.1 if n > 1 else 0)
        return oip_reply(asked)

    with service(slow) as (url, seen):
        found = drive(url, wall_seconds=0.15)
    assert len(seen) < 6
    assert "durée totale dépassée" in found.findings[0].message


def test_the_token_comes_from_the_environment_and_goes_into_the_header(drive, monkeypatch):
    text = OIP + 'token_variable = "AUNE_TEST_TOKEN"\n'
    with service(lambda asked, _: oip_reply(asked)) as (url, seen):
        with pytest.raises(UsageError, match="AUNE_TEST_TOKEN est vide"):
            drive(url, text)
        monkeypatch.setenv("AUNE_TEST_TOKEN", "abc")
        drive(url, text)
    assert {headers["Authorization"] for _, _, headers in seen} == {"Bearer abc"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (OIP + '[endpoint.inputs]\nventes = "x"\n', "endpoint.inputs"),
        (JSON.replace("{{visits}}", "{{ventes}}"), "ventes"),
        (JSON.replace("q50 =", "q10 ="), "endpoint.answers"),
    ],
)
def test_a_mapping_that_does_not_fit_the_task_is_refused_before_any_call(drive, text, named):
    with (
        service(lambda asked, _: oip_reply(asked)) as (url, seen),
        pytest.raises(DataError, match=named),
    ):
        drive(url, text)
    assert not seen


def test_no_endpoint_is_a_usage_error(task, questions, tmp_path):
    with pytest.raises(UsageError, match="endpoint"):
        from_endpoint(task, questions, tmp_path, declared(tmp_path))


def test_calls_are_never_closer_than_the_rate():
    """Five calls at two a second, the clock moved by the waits only: 0, 0.5, 1, 1.5, 2 s."""
    now = [100.0]
    times = []

    def sleep(seconds):
        now[0] += seconds

    bucket = Bucket(2.0, clock=lambda: now[0], sleep=sleep)
    for _ in range(5):
        bucket.take()
        times.append(now[0] - 100)
    assert times == [0, 0.5, 1.0, 1.5, 2.0]


@given(st.integers(0, 50), st.floats(0, 1))
def test_waits_between_retries_are_bounded(attempt, draw):
    assert 0.25 <= backoff_seconds(attempt, draw) <= 30
