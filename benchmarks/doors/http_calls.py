"""Post to one address: connection kept, rate bounded, deadline kept, replies bounded, retries.

Standard library only (``http.client``): no proxy, no redirect and no decompression happens
behind our back, and the deadline holds for a whole call, headers included.
"""

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.declaration import Endpoint
from common.edge.errors import UsageError

__all__ = ["Bucket", "CallFailed", "Caller", "Reply", "backoff_seconds"]

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
READ_BYTES = 65_536
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed (RFC 9110; 425: RFC 8470)."""


class CallFailed(Exception):  # noqa: N818  # an outcome to count, not an error of the program
    """A call has no answer; ``again`` tells whether trying once more may help."""

    def __init__(self, why: str, *, again: bool, wait_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.again = again
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Reply:
    """The body of a good reply, how long its call took, and the retries before it."""

    body: bytes
    milliseconds: float
    retries: int


@dataclass
class Bucket:
    """A token bucket of one: calls at most ``rate`` a second, never in bursts.

    Parameters
    ----------
    rate
        Calls a second.
    clock, sleep
        Replaced in tests.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)

    def take(self) -> None:
        """Wait for the next token."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.rate


def backoff_seconds(attempt: int, draw: float) -> float:
    """Return the wait before retry ``attempt`` (from 0): exponential, with full jitter.

    Half of the step is kept as a floor, so that a retry is never immediate ("equal jitter":
    M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog, 2015).

    >>> backoff_seconds(0, 0.0), backoff_seconds(2, 1.0), backoff_seconds(20, 1.0)
    (0.25, 2.0, 30.0)
    """
    step = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**attempt)
    return step * (0.5 + 0.5 * draw)


class Caller:
    """Posts JSON to an endpoint, one call at a time.

    Parameters
    ----------
    endpoint
        Address and bounds.
    response_bytes
        Largest reply.
    bucket
        Rate; that of the endpoint when not given.
    """

    def __init__(
        self, endpoint: Endpoint, response_bytes: int, bucket: Bucket | None = None
    ) -> None:
        self._endpoint = endpoint
        self._response_bytes = response_bytes
        self._bucket = bucket or Bucket(endpoint.rate_per_second)
        self._parts = urlsplit(endpoint.url)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "aune-benchmark",
            **_authorization(endpoint.token_variable),
        }
        self._random = np.random.default_rng(0)
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, stop_at: float) -> Reply:
        """Return the reply to a request, after retries where they may help.

        Parameters
        ----------
        body
            JSON.
        stop_at
            Time of the bucket's clock after which nothing is tried any more.

        Raises
        ------
        CallFailed
            There is none.
        """
        for attempt in range(self._endpoint.retries + 1):
            self._bucket.take()
            start = time.perf_counter()
            try:
                reply = self._once(body)
            except CallFailed as failed:
                self.close()
                wait = max(failed.wait_seconds, backoff_seconds(attempt, self._random.random()))
                last = attempt == self._endpoint.retries
                if last or not failed.again or self._bucket.clock() + wait > stop_at:
                    raise
                self._bucket.sleep(wait)
            else:
                return Reply(reply, 1000 * (time.perf_counter() - start), attempt)
        raise CallFailed("no attempt", again=False)

    def close(self) -> None:
        """Drop the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, body: bytes) -> bytes:
        expired = threading.Event()
        watchdog = threading.Timer(self._endpoint.timeout_seconds, self._expire, (expired,))
        watchdog.daemon = True
        watchdog.start()
        try:
            reply = self._exchange(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            why = "délai dépassé" if expired.is_set() else f"liaison : {type(error).__name__}"
            raise CallFailed(why, again=True) from error
        finally:
            watchdog.cancel()
        if expired.is_set():
            raise CallFailed("délai dépassé", again=True)
        return reply

    def _exchange(self, body: bytes) -> bytes:
        connection = self._connected()
        path = self._parts.path or "/"
        if self._parts.query:
            path += f"?{self._parts.query}"
        connection.request("POST", path, body=body, headers=self._headers)
        response = connection.getresponse()
        if response.status != 200:
            raise _refused(response)
        announced = response.getheader("Content-Length", "0")
        if announced.isdigit() and int(announced) > self._response_bytes:
            raise CallFailed("réponse trop grosse", again=False)
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(READ_BYTES):
            size += len(chunk)
            if size > self._response_bytes:
                raise CallFailed("réponse trop grosse", again=False)
            chunks.append(chunk)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        response.close()  # read1 leaves it open at its announced end: the connection stays
        if response.will_close:
            self.close()
        return b"".join(chunks)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kinds: dict[str, Any] = {
                "http": http.client.HTTPConnection,
                "https": http.client.HTTPSConnection,
            }
            self._connection = kinds[self._parts.scheme](
                self._parts.hostname, self._parts.port, timeout=self._endpoint.timeout_seconds
            )
            self._connection.connect()
        return self._connection

    def _expire(self, expired: threading.Event) -> None:
        """Cut the connection of a call that has passed its deadline, whatever it waits for."""
        expired.set()
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def _refused(response: http.client.HTTPResponse) -> CallFailed:
    status = response.status
    if 300 <= status < 400:
        return CallFailed(f"redirection {status}, refusée", again=False)
    after = response.getheader("Retry-After", "")
    wait = min(float(after), LONGEST_BACKOFF_SECONDS) if after.isdigit() else 0.0
    return CallFailed(f"statut {status}", again=status in _AGAIN, wait_seconds=wait)


def _authorization(variable: str) -> dict[str, str]:
    if not variable:
        return {}
    token = os.environ.get(variable, "")
    if not token or not token.isprintable():
        raise UsageError(
            f"la variable d'environnement {variable} est vide",
            expected="le jeton d'accès que le fournisseur a remis",
            remedy=f"la définir avant de recommencer : {variable}=...",
        )
    return {"Authorization": f"Bearer {token}"}
