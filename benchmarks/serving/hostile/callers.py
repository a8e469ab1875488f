"""Callers that do not read, that are too many, that ask too often, that try keys."""

import contextlib
import hmac
import json
import resource
import socket
import time
from collections import Counter
from unittest import mock

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target, peak_mb
from benchmarks.serving.hostile.wire import HOST, Prober, connect, exchange, post
from benchmarks.serving.soak.service import Service
from benchmarks.serving.soak.versions import MODEL
from common.edge.serving.gate.keys import KeyRing
from common.edge.serving.settings import ServerSettings

__all__ = ["attack"]

_LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
_READERS = 30
_UNREAD_MB = 64 * 2**20 / 1e6
"""What the server lets stand unread, all callers together."""
_COMPUTING_MB = 90.0
"""What two large answers take while they are made, and the requests that wait."""
_PATIENCE_SECONDS = 120.0
_AHEAD = 5_000
_RATE = 50.0


def attack(target: Target) -> list[Outcome]:
    """Try each in its turn."""
    return [
        _never_read(target),
        _read_slowly(target),
        _ask_ahead(target),
        _too_many(target),
        *_keys(target),
    ]


def _large(target: Target) -> bytes:
    """Return a request of 330 kB whose answer has 3.6 MB."""
    row = {"load_kwh": 1, "temperature_c": 1}
    return post(target.predict, json.dumps({"rows": [row] * 10_000}).encode())


def _never_read(target: Target) -> Outcome:
    request, at_rest = _large(target), _files(target)
    with (
        contextlib.ExitStack() as stack,
        Prober(target.port).asking() as prober,
        peak_mb(target.service.pid) as grown,
    ):
        held = [stack.enter_context(_narrow(target.port)) for _ in range(_READERS)]
        for connection in held:
            connection.sendall(request)
            connection.sendall(request)
        begun = time.monotonic()
        while time.monotonic() < begun + _PATIENCE_SECONDS and _files(target) > at_rest + 2:
            time.sleep(0.25)
        lasted = time.monotonic() - begun
    return Outcome(
        "callers",
        f"{_READERS} callers ask twice for 3.6 MB and read nothing",
        f"all given up after {lasted:.0f} s, memory +{grown[0]:.0f} MB at most, {prober}",
        f"given up, memory at most +{_UNREAD_MB + _COMPUTING_MB:.0f} MB, health answers",
        lasted < _PATIENCE_SECONDS and grown[0] <= _UNREAD_MB + _COMPUTING_MB and prober.answers,
    )


def _files(target: Target) -> int:
    """Return the descriptors that the server holds."""
    weighed = target.service.weighed()
    return weighed[1] if weighed else 0


def _narrow(port: int) -> socket.socket:
    """Connect with a small window, as over a slow line."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    connection.settimeout(60)
    connection.connect(("127.0.0.1", port))
    return connection


def _read_slowly(target: Target) -> Outcome:
    with _narrow(target.port) as connection:
        connection.sendall(_large(target))
        begun, answer = time.monotonic(), bytearray()
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, _, body = bytes(answer).partition(b"\r\n\r\n")
        wanted = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found = len(body)
        while found < wanted and (part := connection.recv(65536)):
            found += len(part)
            time.sleep(len(part) / 250_000)
        lasted = time.monotonic() - begun
    return Outcome(
        "callers",
        "a caller reads 3.6 MB at 250 kB/s",
        f"{found / 1e6:.1f} of {wanted / 1e6:.1f} MB in {lasted:.0f} s",
        "all of it: slow is not an attack",
        found == wanted,
    )


def _ask_ahead(target: Target) -> Outcome:
    with peak_mb(target.service.pid) as grown:
        answer = exchange(target.port, _LIVE * _AHEAD, seconds=5.0)
    count = Counter(answer.statuses)
    return Outcome(
        "callers",
        f"{_AHEAD} requests sent ahead at once",
        f"{dict(count)}{', closed' if answer.closed else ''}, memory +{grown[0]:.1f} MB",
        "some answered in their order, then closed; memory at most +5 MB",
        set(count) == {200} and answer.closed and grown[0] <= 5,
    )


def _too_many(target: Target) -> Outcome:
    """Open more idle connections than the server keeps; a new caller is answered."""
    limit = ServerSettings().connections
    more, at_rest = limit + 300, _files(target)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, more + 500), hard))
    with contextlib.ExitStack() as stack, peak_mb(target.service.pid) as grown:
        for _ in range(more):
            stack.enter_context(connect(target.port))
        with Prober(target.port).asking() as prober:
            time.sleep(3)
        held = _files(target) - at_rest
    return Outcome(
        "callers",
        f"{more} connections at a time, {limit} are allowed",
        f"{held} kept, memory +{grown[0]:.0f} MB, {prober}",
        f"at most {limit + 2} kept, health answers",
        held <= limit + 2 and prober.answers,
    )


def _keys(target: Target) -> list[Outcome]:
    """Ask too often with one key, beside another key and health; try unknown keys."""
    ring, loud = KeyRing().issued("bruyant", "predict")
    ring, calm = ring.issued("calme", "predict")
    ring.save(target.folder / "keys.json")
    options = ("--keys", str(target.folder / "keys.json"), "--rate", str(_RATE))
    service = Service(target.folder, target.service.store, *options)
    service.start()
    try:
        statuses = Counter(_asked(service.port, loud) for _ in range(400))
        others = Counter(_asked(service.port, calm) for _ in range(20))
        health = exchange(service.port, _LIVE).statuses
        guessed = Counter(_asked(service.port, f"aune_{n:043d}") for n in range(200))
    finally:
        service.reap()
    return [
        Outcome(
            "keys",
            f"400 requests of one key where {_RATE:g} a second are allowed",
            f"{dict(statuses)}; another key {dict(others)}, health {list(health)}",
            "200 up to twice the rate, then 429; others are answered",
            statuses[429] > 0 and set(others) == {200} and health == (200,),
        ),
        Outcome(
            "keys",
            "200 guessed keys",
            f"{dict(guessed)}",
            "401 each",
            set(guessed) == {401},
        ),
        _compared(ring, loud),
    ]


def _asked(port: int, secret: str) -> int:
    request = f"GET /v2/models/{MODEL} HTTP/1.1\r\nx-api-key: {secret}\r\nconnection: close\r\n"
    answer = exchange(port, request.encode() + HOST + b"\r\n")
    return answer.statuses[0] if answer.statuses else 0


def _compared(ring: KeyRing, secret: str) -> Outcome:
    """Count the comparisons: by code, since a clock on a shared machine proves nothing."""
    counts = []
    for asked in (secret, "aune_unknown"):
        with mock.patch("hmac.compare_digest", wraps=hmac.compare_digest) as compared:
            ring.find(asked)
        counts.append(compared.call_count)
    return Outcome(
        "keys",
        "which key, and how much of it is right, by time",
        f"hmac.compare_digest over sha256 called {counts[0]} times for the first of "
        f"{len(ring.keys)} keys, {counts[1]} times for none",
        "every key compared, whatever is asked",
        set(counts) == {len(ring.keys)},
    )
