"""Bodies a hundred times the limit, in every way to send them."""

import contextlib
import re
import time
from collections.abc import Iterator

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target, peak_mb
from benchmarks.serving.hostile.wire import HOST, Prober, connect

__all__ = ["attack"]

BODY_BYTES = 400 * 2**18
GROWTH_MB = 5.0
_PART = b" " * 2**18
_SLOW_SECONDS = 8.0
_PROBED_SECONDS = 0.5
"""How long health is asked for at least: a refusal may come before the first question."""


def _with_length() -> tuple[bytes, Iterator[bytes]]:
    parts = (_PART for _ in range(BODY_BYTES // len(_PART)))
    return b"content-length: %d\r\n" % BODY_BYTES, parts


def _chunked() -> tuple[bytes, Iterator[bytes]]:
    chunk = b"%x\r\n%b\r\n" % (len(_PART), _PART)
    return b"transfer-encoding: chunked\r\n", (chunk for _ in range(BODY_BYTES // len(_PART)))


def _tiny_chunks() -> tuple[bytes, Iterator[bytes]]:
    """Return a million chunks of one byte: six on the wire for each of the body."""
    chunks = b"1\r\n \r\n" * 40_000
    return b"transfer-encoding: chunked\r\n", (chunks for _ in range(25))


def _slow() -> tuple[bytes, Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        until = time.monotonic() + _SLOW_SECONDS
        while time.monotonic() < until:
            yield _PART
            time.sleep(0.2)

    return b"transfer-encoding: chunked\r\n", (
        b"%x\r\n%b\r\n" % (len(part), part) for part in parts()
    )


_WAYS = {
    "100 MB with its length announced": _with_length,
    "100 MB in chunks, no length": _chunked,
    "chunks at 1.3 MB/s for 8 s": _slow,
    "a million chunks of one byte": _tiny_chunks,
}


def _send(port: int, path: str, head: bytes, parts: Iterator[bytes]) -> tuple[int, int]:
    """Send as much as the server takes; return the status and the bytes sent."""
    sent, answer = 0, b""
    with connect(port, 15.0) as connection, contextlib.suppress(OSError):
        start = b"POST %b HTTP/1.1\r\n%bcontent-type: application/json\r\n%b\r\n"
        connection.sendall(start % (path.encode(), HOST, head))
        try:
            for part in parts:
                connection.sendall(part)
                sent += len(part)
            if b"chunked" in head:
                connection.sendall(b"0\r\n\r\n")
        finally:
            answer = connection.recv(65536)
    found = re.match(rb"HTTP/1\.1 (\d+)", answer)
    return int(found[1]) if found else 0, sent


def _told(status: int, sent_bytes: int, grown_mb: float) -> str:
    answer = str(status) if status else "closed"
    return f"{answer} after {sent_bytes / 1e6:.0f} MB, memory +{grown_mb:.1f} MB"


def attack(target: Target) -> list[Outcome]:
    """Send each, and weigh the server meanwhile."""
    found = []
    for name, way in _WAYS.items():
        with Prober(target.port).asking() as prober, peak_mb(target.service.pid) as grown:
            status, sent = _send(target.port, target.predict, *way())
            time.sleep(_PROBED_SECONDS)
        happened = _told(status, sent, grown[0])
        peer = ""
        if target.peer:
            with peak_mb(target.peer.pid) as peers:
                answered = _send(target.peer.port, "/predict", *way())
            peer = _told(*answered, peers[0])
        found.append(
            Outcome(
                "bodies",
                name,
                f"{happened}, {prober}",
                f"refused or closed, memory at most +{GROWTH_MB:g} MB, health answers",
                status in (0, 400, 413) and prober.answers and grown[0] <= GROWTH_MB,
                peer,
            )
        )
    return found
