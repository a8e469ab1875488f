"""HTTP connections with a deadline: whole requests in time, or the connection is closed.

uvicorn 0.54 waits for headers and bodies without end: 200 of 200 half-open requests were
still open after 26 s (``briefs/mlops.md`` 6.1).
"""

import asyncio
import time
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common.edge.serving.problem import CONTENT_TYPE, Problem
from common.edge.serving.settings import ServerSettings

__all__ = ["DeadlineProtocol", "deadline_protocol"]

_SWEEP_SECONDS = 0.5
_REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class DeadlineProtocol(HttpToolsProtocol):
    """A connection of uvicorn that is given up when it keeps the server waiting.

    One timer looks at all connections twice a second: a timer for each would cost every
    request what only slow ones should.
    """

    settings: ClassVar[ServerSettings]
    waiting: ClassVar["dict[DeadlineProtocol, float]"]
    """Connections that owe something, with since when; the oldest first."""
    sweeper: ClassVar[list[asyncio.TimerHandle]]

    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request; make room where there are too many."""
        super().connection_made(transport)
        self._owe()
        while len(self.connections) > self.settings.connections and self.waiting:
            oldest = next(iter(self.waiting))
            if oldest is self:
                break
            oldest.give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse headers without end."""
        if self.cycle is None or self.cycle.response_complete:
            self._owe()
        super().data_received(data)
        if self._in_headers and not self.transport.is_closing():
            self._header_bytes += len(data)
            if self._header_bytes > self.settings.header_bytes:
                self.refuse(431, f"En-têtes de plus de {self.settings.header_bytes} octets.")

    def on_message_begin(self) -> None:
        """Start the deadline of a request."""
        super().on_message_begin()
        self._header_bytes, self._in_headers = 0, True
        self._owe()

    def on_headers_complete(self) -> None:
        """Note that the headers are there."""
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the deadline: the request is whole."""
        self.waiting.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect the next request; give up a caller that does not read its last answer."""
        self._header_bytes, self._in_headers = 0, True
        if not self.cycle.keep_alive:
            self.loop.call_later(self.settings.request_seconds, self.transport.abort)
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, at once where the answer was never read."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def refuse(self, status: int, detail: str) -> None:
        """Answer where nothing was answered yet, and close."""
        self.waiting.pop(self, None)
        if self.cycle is not None and self.cycle.response_started:
            self.give_up()
            return
        body = Problem(status, detail).body()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b"
            % (status, _REASONS[status], CONTENT_TYPE, len(body), body)
        )
        self.transport.close()

    def give_up(self) -> None:
        """Close at once, whatever is left to send."""
        self.waiting.pop(self, None)
        self.transport.abort()

    def _owe(self) -> None:
        self.waiting.setdefault(self, time.monotonic())
        if not self.sweeper:
            self.sweeper.append(self.loop.call_later(_SWEEP_SECONDS, _sweep, type(self)))


def _sweep(protocol: type[DeadlineProtocol]) -> None:
    """Refuse the connections that had their time; come back while any is left."""
    protocol.sweeper.clear()
    limit = protocol.settings.request_seconds
    before = time.monotonic() - limit
    for connection, since in list(protocol.waiting.items()):
        if since > before:
            break
        connection.refuse(408, f"Demande incomplète après {limit:g} s.")
    if protocol.waiting:
        loop = next(iter(protocol.waiting)).loop
        protocol.sweeper.append(loop.call_later(_SWEEP_SECONDS, _sweep, protocol))


def deadline_protocol(settings: ServerSettings) -> type[DeadlineProtocol]:
    """Return the protocol class of one server: its connections are counted together."""
    members: dict[str, Any] = {"settings": settings, "waiting": {}, "sweeper": []}
    return type("DeadlineProtocol", (DeadlineProtocol,), members)
