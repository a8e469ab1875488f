"""Ask a server as fast as it answers: a closed loop over a few connections that stay open.

``python -m benchmarks.serving.load PORT REQUESTS SECONDS CONNECTIONS`` runs as a process of its
own, so that its work is not the server's, and prints one JSON object (`Load`). A connection
sends its next request when the answer to the last one is whole; at the end of the time nothing
is sent any more and what is under way is waited for, so that every request counted is answered.
"""

import json
import math
import random
import selectors
import socket
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Load", "Reply", "drive", "parse_head", "quantile", "read_requests", "write_requests"]

_WAIT_SECONDS = 60.0
_READ_BYTES = 262_144
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class Load:
    """What a loop found.

    Parameters
    ----------
    answers
        Requests sent and answered with status 200.
    seconds
        Wall time from the first request to the last answer.
    p50_ms, p99_ms
        Latency from the last byte handed over to the whole answer.
    refused
        Answers of another status, and connections that the server closed.
    sample_request, sample_head, sample_body
        One request by its number, drawn at random, and its answer (latin-1).
    """

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    sample_request: int
    sample_head: str
    sample_body: str


class Reply:
    """An answer as its bytes come in."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._end = -1
        self._body_at = -1

    def feed(self, data: bytes) -> bool:
        """Take bytes; say whether the answer is whole."""
        self._data += data
        if self._body_at < 0:
            place = self._data.find(b"\r\n\r\n")
            if place < 0:
                return False
            self._body_at = place + 4
            self._end = self._body_at + int(parse_head(bytes(self._data[:place]))["content-length"])
        return len(self._data) >= self._end

    @property
    def ok(self) -> bool:
        """Whether the status is 200."""
        return self._data.startswith(b"HTTP/1.1 200 ")

    def parts(self) -> tuple[str, str]:
        """Return head and body as latin-1, one character a byte."""
        head, body = self._data[: self._body_at - 4], self._data[self._body_at : self._end]
        return head.decode("latin-1"), body.decode("latin-1")


def parse_head(head: bytes) -> dict[str, str]:
    r"""Return the headers of an answer, names in lower case.

    >>> parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: a: b")
    {'content-length': '2', 'x-y': 'a: b'}
    """
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of the values do not exceed.

    >>> quantile([4.0, 1.0, 2.0, 3.0], 0.5), quantile([4.0, 1.0, 2.0, 3.0], 0.99)
    (2.0, 4.0)
    """
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def write_requests(path: Path, requests: Sequence[bytes]) -> None:
    """Write requests to a file, each after its length."""
    parts = [len(each).to_bytes(_LENGTH_BYTES, "big") + each for each in requests]
    path.write_bytes(b"".join(parts))


def read_requests(path: Path) -> list[bytes]:
    """Read what `write_requests` wrote."""
    data, requests, place = path.read_bytes(), [], 0
    while place < len(data):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(data[place:start], "big")
        requests.append(data[start:place])
    return requests


class _Connection:
    """A connection and the request under way on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), _WAIT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number, self.since, self.reply = -1, 0.0, Reply()

    def ask(self, number: int, request: bytes) -> None:
        """Send a request; blocking, as a body is smaller than what the kernel takes."""
        self.number, self.reply = number, Reply()
        self.socket.sendall(request)
        self.since = time.perf_counter()


class _Loop:
    """The loop's state: which request is next, and what has been found."""

    def __init__(self, requests: Sequence[bytes], seconds: float, seed: int) -> None:
        self.requests, self.next = requests, 0
        self.latencies, self.refused = array("d"), 0
        self.sample: tuple[int, Reply] | None = None
        self.random = random.Random(seed)  # noqa: S311 - draws a sample, guards no secret
        self.start = time.perf_counter()
        self.end = self.start + seconds

    def ask(self, connection: _Connection) -> None:
        number = self.next % len(self.requests)
        self.next += 1
        connection.ask(number, self.requests[number])

    def answered(self, connection: _Connection) -> None:
        """Take an answer; each is the sample with the same chance (Vitter 1985, algorithm R)."""
        if not connection.reply.ok:
            self.refused += 1
            return
        self.latencies.append(time.perf_counter() - connection.since)
        if self.sample is None or self.random.random() * len(self.latencies) < 1:
            self.sample = connection.number, connection.reply

    def found(self) -> Load:
        if self.sample is None:
            return Load(0, time.perf_counter() - self.start, 0, 0, self.refused, -1, "", "")
        number, reply = self.sample
        return Load(
            len(self.latencies),
            time.perf_counter() - self.start,
            1000 * quantile(self.latencies, 0.5),
            1000 * quantile(self.latencies, 0.99),
            self.refused,
            number,
            *reply.parts(),
        )


def drive(port: int, requests: Sequence[bytes], seconds: float, connections: int) -> Load:
    """Ask for some seconds.

    Raises
    ------
    OSError
        The server is not there, or leaves a request without answer for a minute.
    """
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = _Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    loop = _Loop(requests, seconds, seed=port)
    for key in list(selector.get_map().values()):
        loop.ask(key.data)
    while selector.get_map():
        ready = selector.select(_WAIT_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer for {_WAIT_SECONDS:g} s")
        for key, _ in ready:
            if not _turn(loop, key.data):
                selector.unregister(key.data.socket)
                key.data.socket.close()
    return loop.found()


def _turn(loop: _Loop, connection: _Connection) -> bool:
    """Read what has come; ask again where the answer is whole; False where that is the end."""
    try:
        data = connection.socket.recv(_READ_BYTES)
    except ConnectionError:
        data = b""
    if not data:
        loop.refused += 1
        return False
    if not connection.reply.feed(data):
        return True
    loop.answered(connection)
    if time.perf_counter() >= loop.end:
        return False
    loop.ask(connection)
    return True


def main(words: Sequence[str]) -> None:
    """Drive and print what was found."""
    port, path, seconds, connections = words
    found = drive(int(port), read_requests(Path(path)), float(seconds), int(connections))
    sys.stdout.write(json.dumps(asdict(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
