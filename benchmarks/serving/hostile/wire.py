"""Bytes to a server and back, and a caller that asks for its health all the while."""

import contextlib
import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["HOST", "LOOPBACK", "Exchange", "Prober", "connect", "exchange", "post"]

LOOPBACK = "127.0.0.1"
HOST = b"host: 127.0.0.1\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_PROBE_SECONDS = 0.02


@dataclass(frozen=True)
class Exchange:
    """What a server did with some bytes.

    Parameters
    ----------
    statuses
        Of every answer.
    answer
        All of it.
    closed
        Whether the server closed the connection.
    seconds
        Until the answer, or the end of patience.
    """

    statuses: tuple[int, ...]
    answer: bytes
    closed: bool
    seconds: float

    def __str__(self) -> str:
        told = ", ".join(map(str, self.statuses)) or "no answer"
        return f"{told}{', closed' if self.closed else ''}"


def connect(port: int, seconds: float = 20.0) -> socket.socket:
    """Return a connection to this machine."""
    return socket.create_connection((LOOPBACK, port), timeout=seconds)


def post(path: str, body: bytes, kind: str = "application/json") -> bytes:
    """Return a whole request."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def exchange(port: int, *parts: bytes, seconds: float = 1.0) -> Exchange:
    """Send bytes, and read until the server closes or says nothing more for a while."""
    begun = time.monotonic()
    answer, closed, last = b"", False, begun
    with connect(port) as connection:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        connection.settimeout(seconds)
        try:
            while part := connection.recv(2**18):
                answer += part
                last = time.monotonic()
                connection.settimeout(0.3)
            closed = True
        except TimeoutError:
            pass
        except ConnectionError:
            closed = True
    found = tuple(int(status) for status in _STATUS.findall(answer))
    return Exchange(found, answer, closed, last - begun)


class Prober:
    """Asks for health over new connections, fifty times a second.

    Parameters
    ----------
    port
        Of the server.
    path
        Of its health.
    """

    def __init__(self, port: int, path: str = "/health/live") -> None:
        self.seconds: list[float] = []
        """Of each answer; infinite where there was none."""
        self._port = port
        self._request = f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
        self._stop = threading.Event()

    @contextlib.contextmanager
    def asking(self) -> Iterator["Prober"]:
        """Ask meanwhile."""
        thread = threading.Thread(target=self._ask)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    @property
    def p99_ms(self) -> float:
        """The slowest but one in a hundred."""
        if len(self.seconds) < 2:
            return float("inf")
        return 1000 * statistics.quantiles(self.seconds, n=100, method="inclusive")[98]

    @property
    def p50_ms(self) -> float:
        """The middle one."""
        return 1000 * statistics.median(self.seconds) if self.seconds else float("inf")

    @property
    def answers(self) -> bool:
        """Whether half of the questions took less than 50 ms, and all but one in 100 a second.

        Few are asked meanwhile, so that one hiccup of a shared machine is their 99th percentile.
        """
        return self.p50_ms < 50 and self.p99_ms < 1000

    def __str__(self) -> str:
        return f"health p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms ({len(self.seconds)})"

    def _ask(self) -> None:
        while not self._stop.wait(_PROBE_SECONDS):
            begun = time.monotonic()
            try:
                with connect(self._port, 5.0) as connection:
                    connection.sendall(self._request.encode())
                    is_well = b" 200 " in connection.recv(65536)[:20]
            except OSError:
                is_well = False
            self.seconds.append(time.monotonic() - begun if is_well else float("inf"))
