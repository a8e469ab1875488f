"""HTTP connections with a deadline: whole requests in time, answers that are read, no doubt.

uvicorn 0.54 waits for headers, bodies and readers without end: 200 of 200 half-open requests
were still open after 26 s (``briefs/mlops.md`` 6.1). What two readers of HTTP could understand
differently (RFC 9112 11.2, request smuggling) is refused before anything is answered.
"""

import asyncio
import time
from collections import deque
from itertools import islice
from typing import Any, ClassVar, Literal

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from common.edge.serving.gate.unread import CountedTransport, Unread, left_bytes
from common.edge.serving.problem import CONTENT_TYPE, Problem
from common.edge.serving.settings import ServerSettings

__all__ = ["IN_ONE_PIECE", "DeadlineProtocol", "deadline_protocol"]

IN_ONE_PIECE = "aune.in_one_piece"
"""ASGI extension of a scope: `DeadlineProtocol.answer`."""

_SWEEP_SECONDS = 0.5
_AT_ONCE = 32
"""Connections refused between two looks at the others: a thousand would take 50 ms."""
_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
}
_FIELD_OVERHEAD = 4
"""Bytes of a header beside its name and value: colon, space, line end."""
_PIPELINED = 64
"""Requests that may wait behind the one that is answered: each costs some 3 kB."""
_PIECES = 2_048
_PIECE_BYTES = 16
"""From that many pieces of a body on, so much each on average: a chunk of one byte costs the
server as much as one of 64 kB, and a million of them seconds."""
_PROGRESS_BYTES = 65_536
"""What a caller must have read of a large answer in the time of a request: 50 kbit/s."""
_LARGE_BYTES = 65_536
"""Answers from which on it is watched whether they are read."""
_UNREAD_BYTES = 64 * 2**20
"""Answers that callers have not read yet, all together: above it, the oldest one goes."""


class _Refused(Exception):  # noqa: N818 - carried through the parser, which reports it
    """A request that is refused while it is read."""


class DeadlineProtocol(HttpToolsProtocol):
    """A connection of uvicorn that is given up when it keeps the server waiting.

    One timer looks at all connections twice a second: a timer for each would cost every
    request what only slow ones should.
    """

    settings: ClassVar[ServerSettings]
    waiting: ClassVar["dict[DeadlineProtocol, float]"]
    """Connections that owe something, with since when; the oldest first."""
    unread: ClassVar["dict[DeadlineProtocol, Unread]"]
    """Connections that have not read their answer, the first to fall behind first."""
    sweeper: ClassVar[list[asyncio.TimerHandle]]

    _stage: Literal["between", "headers", "body"] = "between"
    _header_bytes = 0
    _field_bytes = 0
    _held_bytes = 0
    _held_back: tuple[RequestResponseCycle, Any] | None = None
    _pieces = 0
    _body_bytes = 0
    _refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline of the first request; make room where there are too many."""
        super().connection_made(transport)
        self._cycles: deque[RequestResponseCycle] = deque()
        self._counted: Any = CountedTransport(transport, self.write)
        self._owe()
        if len(self.connections) > self.settings.connections:
            self._least_wanted().give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.waiting.pop(self, None)
        self.unread.pop(self, None)
        for cycle in self._cycles:  # uvicorn tells the last one only
            cycle.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse headers without end."""
        if self.cycle is None or self.cycle.response_complete:
            self._owe()
        begun = self.headers if self._stage == "headers" else None
        super().data_received(data)
        if begun is not None and self.headers is begun and self._stage == "headers":
            self._header_bytes += len(data)
            if self._header_bytes > self.settings.header_bytes:
                self.refuse(*self._too_long())

    def on_message_begin(self) -> None:
        """Start the deadline of a request."""
        super().on_message_begin()
        self._stage, self._header_bytes, self._field_bytes = "headers", 0, 0
        self._pieces = self._body_bytes = 0
        self._owe()

    def on_url(self, url: bytes) -> None:
        """Keep the address, which counts as a header does."""
        self._field_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after the body is counted and left out.

        A trailer that took the place of a header (``Host``, a key) would pass a proxy that
        looked at the headers only (RFC 9110 6.5.1).
        """
        self._field_bytes += len(name) + len(value) + _FIELD_OVERHEAD
        if self._field_bytes > self.settings.header_bytes:
            self._stop_parsing(*self._too_long())
        if self._stage == "headers":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what could be understood in two ways, then start to answer."""
        if fault := self._doubt():
            self._stop_parsing(400, fault)
        if len(self.pipeline) >= _PIPELINED:
            self._stop_parsing(400, f"Plus de {_PIPELINED} demandes envoyées d'avance.")
        self._stage = "body"
        self.scope["extensions"] = {IN_ONE_PIECE: self.answer}  # type: ignore[dict-item]  # uvicorn's type allows settings only
        super().on_headers_complete()
        self.cycle.transport = self._counted
        self._cycles.append(self.cycle)

    def write(self, data: bytes) -> None:
        """Write to the caller; a large answer stays in memory, whole, until its last byte went."""
        if len(data) < _LARGE_BYTES:
            self.transport.write(data)
            return
        if not self.transport.get_write_buffer_size():
            self._held_bytes = 0
        self._held_bytes += len(data)
        self.transport.write(data)
        self._watch_reading()

    def answer(self, scope: Any, status: int, headers: bytes, body: bytes) -> bool:
        """Send an answer in one piece, if the connection is as usual; say whether it went.

        The bytes are those that uvicorn would send in two steps, looking at each header again:
        a fifth of what a small request costs (``docs/decisions/serving.md``).

        Parameters
        ----------
        scope
            Of the request.
        status
            HTTP status.
        headers
            Ready lines, each with its end, ``content-length`` among them.
        body
            The whole.
        """
        cycle = self._cycles[0] if self._cycles else None
        if cycle is None or cycle.scope is not scope or cycle.response_started:
            return False
        if cycle.disconnected or not cycle.keep_alive or self.flow.write_paused:
            return False
        shared = [b"%b: %b\r\n" % pair for pair in self.server_state.default_headers]
        self.write(b"".join([STATUS_LINE[status], *shared, headers, b"\r\n", body]))
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; refuse one that is cut into crumbs."""
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > _PIECES and self._body_bytes < self._pieces * _PIECE_BYTES:
            self._stop_parsing(400, f"Corps en {self._pieces} morceaux : trop petits.")
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the deadline: the request is whole, and whatever comes is the next one."""
        self.waiting.pop(self, None)
        self._stage = "between"
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Watch a caller that has not read its last answer."""
        self._cycles.popleft()
        if not self.cycle.keep_alive:
            self._watch_reading()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Watch a caller that reads more slowly than it is answered."""
        super().pause_writing()
        self._watch_reading()

    def resume_writing(self) -> None:
        """End the watch: the answer was read, but for what the last close waits for."""
        if not self.transport.is_closing():
            self.unread.pop(self, None)
        super().resume_writing()
        if self._held_back is not None:
            cycle, app = self._held_back
            self._held_back = None
            super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer a request, once the answer before it is read: nobody has two in memory."""
        if self.flow.write_paused:
            self._held_back = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, one that still reads once it has read."""
        if not self.transport.get_write_buffer_size():
            super().timeout_keep_alive_handler()
            return
        self._watch_reading()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused, or a callback of it, as any refusal."""
        del msg  # uvicorn's, in English and without a reason
        self.refuse(*(self._refusal or (400, "Ce n'est pas une demande HTTP/1.1 lisible.")))

    @property
    def is_behind(self) -> bool:
        """Whether an earlier request than the one that is read still waits for its answer."""
        return len(self._cycles) > (self._stage == "body")

    def refuse(self, status: int, detail: str) -> None:
        """Answer where nothing was answered yet, and close.

        While an earlier request of the connection is being answered, that answer comes
        first and the connection ends with it: a refusal would be taken for it.
        """
        self.waiting.pop(self, None)
        if self.is_behind and self._stage != "body":
            self.cycle.keep_alive = False
            return
        if self.is_behind or (self.cycle is not None and self.cycle.response_started):
            self.give_up()
            return
        body = Problem(status, detail).body()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b"
            % (status, _REASONS[status], CONTENT_TYPE, len(body), body)
        )
        self.transport.close()
        self._watch_reading()

    def give_up(self) -> None:
        """Close at once, whatever is left to send."""
        self.waiting.pop(self, None)
        self.unread.pop(self, None)
        self.transport.abort()

    def _doubt(self) -> str:
        """Say in which way two readers could understand these headers differently."""
        version = self.parser.get_http_version()
        if version not in ("1.1", "1.0"):
            return f"HTTP/{version} ; attendu : HTTP/1.1."
        if not self.url.startswith(b"/"):
            return "Adresse absolue ; attendu : un chemin qui commence par /."
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and (version == "1.0" or [one.lower() for one in codings] != [b"chunked"]):
            return "Transfer-Encoding ; attendu : chunked seul, ou Content-Length."
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (version == "1.1" and not hosts):
            return f"{hosts} en-têtes Host ; attendu : un seul."
        return ""

    def _too_long(self) -> tuple[int, str]:
        return 431, f"En-têtes de plus de {self.settings.header_bytes} octets."

    def _stop_parsing(self, status: int, detail: str) -> None:
        """Stop the parser, which then calls `send_400_response`."""
        self._refusal = status, detail
        raise _Refused(detail)

    def _owe(self) -> None:
        self.waiting.setdefault(self, time.monotonic())
        self._sweep_later()

    def _watch_reading(self) -> None:
        """Give the caller a deadline to read; give up others where too much is unread."""
        if not self.transport.get_write_buffer_size():
            return
        if self not in self.unread:
            self.unread[self] = Unread(time.monotonic(), left_bytes(self.transport))
        self._sweep_later()
        total = sum(one._held_bytes for one in self.unread)
        while total > _UNREAD_BYTES and len(self.unread) > 1:
            oldest = next(iter(self.unread))
            total -= oldest._held_bytes
            oldest.give_up()

    def _least_wanted(self) -> "DeadlineProtocol":
        """Return the connection that makes room: half a request, else an idle one, else this."""
        oldest = next(iter(self.waiting))
        if oldest is not self:
            return oldest
        mine = (one for one in self.connections if isinstance(one, DeadlineProtocol))
        return next((one for one in mine if one.timeout_keep_alive_task is not None), self)

    def _sweep_later(self) -> None:
        if not self.sweeper:
            self.sweeper.append(self.loop.call_later(_SWEEP_SECONDS, _sweep, type(self)))


def _sweep(protocol: type[DeadlineProtocol]) -> None:
    """Refuse the connections that had their time; come back while any is left."""
    protocol.sweeper.clear()
    limit = protocol.settings.request_seconds
    now, delay = time.monotonic(), _SWEEP_SECONDS
    for done, (connection, since) in enumerate(list(islice(protocol.waiting.items(), _AT_ONCE))):
        if since > now - limit:
            break
        if done == _AT_ONCE - 1:
            delay = 0.0
        if connection.is_behind:  # it is not read on until the earlier answer is sent
            del protocol.waiting[connection]
            protocol.waiting[connection] = now
            continue
        connection.refuse(408, f"Demande incomplète après {limit:g} s.")
    for connection, unread in list(protocol.unread.items()):
        _hold_to_reading(connection, unread, now)
    for watched in protocol.waiting or protocol.unread:
        protocol.sweeper.append(watched.loop.call_later(delay, _sweep, protocol))
        break


def _hold_to_reading(connection: DeadlineProtocol, unread: Unread, now: float) -> None:
    """Give a caller that reads another deadline, and up one that does not."""
    if not connection.transport.get_write_buffer_size():
        connection.unread.pop(connection)
        return
    left = left_bytes(connection.transport)
    if left <= unread.left_bytes - _PROGRESS_BYTES:
        unread.since, unread.left_bytes = now, left
    elif left > unread.left_bytes:
        unread.left_bytes = left
    elif unread.since <= now - connection.settings.request_seconds:
        connection.give_up()


def deadline_protocol(settings: ServerSettings) -> type[DeadlineProtocol]:
    """Return the protocol class of one server: its connections are counted together."""
    members: dict[str, Any] = {"settings": settings, "waiting": {}, "unread": {}, "sweeper": []}
    return type("DeadlineProtocol", (DeadlineProtocol,), members)
