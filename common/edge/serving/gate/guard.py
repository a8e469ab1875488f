"""What stands before every answer: host, key, rate, size and time, then errors and headers."""

import asyncio
import base64
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from common.edge.errors import AuneError
from common.edge.serving.asking import Answer
from common.edge.serving.gate.bucket import Buckets
from common.edge.serving.gate.keys import KeyRing
from common.edge.serving.gate.protocol import IN_ONE_PIECE
from common.edge.serving.metrics import Metrics
from common.edge.serving.problem import CONTENT_TYPE, Problem
from common.edge.serving.settings import LOOPBACK_NAMES, ServerSettings

__all__ = ["SECURITY_HEADERS", "Disconnected", "Guard", "Hot"]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Hot = Callable[[bytes, Mapping[bytes, bytes]], Answer | Awaitable[Answer]]
"""Answers a request on the event loop, or promises an answer from another thread."""

_LOG = logging.getLogger("aune.serving")

# For JSON and CSV (OWASP REST security cheat sheet); pages bring their own policy.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
_LINES = b"content-type: %b\r\ncontent-length: %d\r\n" + b"".join(
    b"%b: %b\r\n" % header for header in SECURITY_HEADERS
)
_CLOSE = ((b"connection", b"close"),)
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 256 * 2**20
_WITH_BODY = ("POST", "PUT", "PATCH", "DELETE")
_OPEN_PATHS = {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping"}
_ADMIN_PATHS = ("/metrics",)
_PAGES = ("/modeles/", "/pages/")
_STATUSES = {code: code for code in (400, 401, 403, 404, 405, 413, 415)}


class Disconnected(Exception):  # noqa: N818 - an event, not a fault
    """The caller went away before the request was whole."""


class Guard:
    """An ASGI application around another one.

    Parameters
    ----------
    app
        What answers whatever is not hot; behind the same checks.
    settings
        Bounds.
    ring
        The keys; none where there is none to ask for.
    metrics
        Where requests are counted.

    Attributes
    ----------
    hot
        (method, path) to (model, door, what answers): requests that are answered without
        going through the router, which costs more than the model does.
    """

    def __init__(
        self, app: Any, settings: ServerSettings, ring: KeyRing | None, metrics: Metrics
    ) -> None:
        self.app, self.settings, self.ring, self.metrics = app, settings, ring, metrics
        self.hot: Mapping[tuple[str, str], tuple[str, str, Hot]] = {}
        self._buckets = Buckets(settings.rate_per_second, settings.burst)
        self._names = {name.lower() for name in (*LOOPBACK_NAMES, *settings.names)}
        self._hosts = {f"{name}:{settings.port}".encode() for name in self._names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is no request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        method, path = scope["method"], scope["path"]
        model, door, hot = self.hot.get((method, path), ("", "other", None))
        try:
            headers = dict(scope["headers"])
            self._admit(path, headers)
            body = await self._body(headers, receive) if method in _WITH_BODY else b""
            if hot is None:
                status = await self._pass_on(scope, body, receive, send)
                self.metrics.request(model, door, status, time.perf_counter() - started)
                return
            answer = hot(body, headers)
            if not isinstance(answer, Answer):
                answer = await answer
        except Disconnected:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer
            answer = _explained(error)
        self.metrics.request(model, door, answer.status, time.perf_counter() - started)
        if answer.status == 413 and method in _WITH_BODY:
            await _refuse_and_linger(answer, receive, send)
        elif not _sent_in_one_piece(answer, scope):
            await _send(answer, send)

    def _admit(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Check who asks; health is for everybody and costs no token.

        Raises
        ------
        Problem
            401, 403, 421 or 429.
        """
        if path in _OPEN_PATHS:
            return
        caller = ""
        if self.ring is None:
            self._check_origin(headers)
        else:
            caller = self._caller(path, headers)
            self._refuse_other_sites(headers)  # a browser sends the key it remembers by itself
        seconds = self._buckets.wait(caller)
        if seconds:
            raise Problem(
                429,
                f"Trop de demandes : réessayer dans {seconds} s.",
                headers=((b"retry-after", str(seconds).encode()),),
            )

    def _caller(self, path: str, headers: Mapping[bytes, bytes]) -> str:
        secret = _secret(headers)
        key = self.ring.find(secret) if self.ring and secret else None
        if key is None:
            # A browser asks its reader for the key where Basic is offered (RFC 7617).
            is_page = path == "/" or path.startswith(_PAGES)
            offered = b'Basic realm="Aune", charset="UTF-8"' if is_page else b"Bearer"
            raise Problem(
                401,
                "Une clé est attendue : en-tête « Authorization: Bearer … » ou « X-API-Key » ; "
                "dans un navigateur, comme mot de passe.",
                headers=((b"www-authenticate", offered),),
            )
        if path in _ADMIN_PATHS and key.role != "admin":
            raise Problem(403, "Cette adresse est réservée aux clés de rôle « admin ».")
        return key.name

    def _check_origin(self, headers: Mapping[bytes, bytes]) -> None:
        """Without keys, refuse what a page of another site could make a browser send."""
        if headers.get(b"host") not in self._hosts:  # most callers use a name as it is written
            host = headers.get(b"host", b"").decode("latin-1").lower()
            if host not in self._names and _without_port(host) not in self._names:
                raise Problem(421, f"Ce serveur ne répond pas au nom « {host[:60]} ».")
        self._refuse_other_sites(headers)

    def _refuse_other_sites(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse what a page of another site sends, by what the browser says of it.

        ``Sec-Fetch-Site`` is what browsers send since 2023; older ones tell the origin of
        what changes something. Names are compared, not ports: a proxy may leave them out.
        """
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        is_other = site == b"cross-site"
        # Our own forms come with the origin "null", since pages ask for no referrer.
        if site is None and origin is not None:
            name = _without_port(origin.decode("latin-1").lower().partition("://")[2])
            host = _without_port(headers.get(b"host", b"").decode("latin-1").lower())
            is_other = not name or (name != host and name not in self._names)
        if is_other:
            raise Problem(403, "Demande venue de la page d'un autre site.")

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read the body within its size and time.

        The connection has a deadline of its own (`common.edge.serving.gate.protocol`), so the first
        part, mostly the whole, is waited for without another one.

        Raises
        ------
        Problem
            408, 413 or 415.
        Disconnected
            The caller went away.
        """
        limit = self.settings.body_bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:15]) > limit:
            raise _too_large(limit)
        coding = headers.get(b"content-encoding", b"identity")
        if coding.lower() != b"identity":
            raise Problem(415, "Corps comprimé : attendu un corps non comprimé.")
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return body
        try:
            async with asyncio.timeout(self.settings.request_seconds):
                return await _read_on(body, receive, limit)
        except TimeoutError as error:
            raise Problem(
                408,
                f"Corps incomplet après {self.settings.request_seconds:g} s.",
                headers=_CLOSE,
            ) from error

    async def _pass_on(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> int:
        """Let the router answer, with the body that was read and safe headers added."""
        status = 0
        pending = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> dict[str, Any]:
            return pending.pop() if pending else await receive()

        async def secured(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", ()))
                names = {name for name, _ in given}
                given += [item for item in SECURITY_HEADERS if item[0] not in names]
                message = {**message, "headers": given}
            await send(message)

        try:
            await self.app(scope, replay, secured)
        except Exception as error:  # noqa: BLE001 - as for the hot paths
            if status:
                _LOG.error("an answer broke off", exc_info=error)
                return status
            answer = _explained(error)
            await _send(answer, send)
            return answer.status
        return status


def _secret(headers: Mapping[bytes, bytes]) -> str:
    """Return the secret of a request: bearer token, password or header of its own."""
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return given.strip().decode("latin-1")
    if scheme.lower() == b"basic":
        try:
            decoded = base64.b64decode(given.strip(), validate=True)
        except ValueError:
            return ""
        return decoded.partition(b":")[2].decode("latin-1")
    return headers.get(b"x-api-key", b"").strip().decode("latin-1")


def _without_port(host: str) -> str:
    """Return a name without its port.

    >>> _without_port("localhost:8080"), _without_port("[::1]:80"), _without_port("[::1]")
    ('localhost', '[::1]', '[::1]')
    """
    return host.rpartition(":")[0] if host[-1:].isdigit() and ":" in host else host


async def _read_on(body: bytes, receive: Receive, limit: int) -> bytes:
    """Return the whole body of which the first part was received."""
    parts, size, more = [body], len(body), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    return Problem(413, f"Corps de plus de {limit} octets.", headers=_CLOSE)


def _explained(error: Exception) -> Answer:
    """Return an answer that says no more than the caller may know."""
    if isinstance(error, HTTPException):
        allow = tuple(
            (name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()
        )
        status = _STATUSES.get(error.status_code, 400)
        text = "Méthode refusée à cette adresse." if status == 405 else "Adresse inconnue."
        error = Problem(status, text, headers=allow)
    if not isinstance(error, Problem):
        incident = secrets.token_hex(4)
        _LOG.error("incident %s", incident, exc_info=error)
        text = f"Incident {incident} : le journal du serveur en dit plus."
        if isinstance(error, AuneError):
            text = f"Le serveur ne peut pas répondre. {text}"
        error = Problem(500, text)
    return Answer(error.body(), CONTENT_TYPE, error.status, error.headers)


def _start(answer: Answer) -> dict[str, Any]:
    headers: Sequence[tuple[bytes, bytes]] = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *SECURITY_HEADERS,
        *answer.headers,
    ]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


def _sent_in_one_piece(answer: Answer, scope: Scope) -> bool:
    """Send an answer without another look at its headers, where the server offers it."""
    extensions = scope.get("extensions")
    if answer.status != 200 or not extensions or IN_ONE_PIECE not in extensions:
        return False
    lines = _LINES % (answer.content_type, len(answer.body))
    if answer.headers:
        lines += b"".join([b"%b: %b\r\n" % header for header in answer.headers])
    sent: bool = extensions[IN_ONE_PIECE](scope, 200, lines, answer.body)
    return sent


async def _send(answer: Answer, send: Send) -> None:
    await send(_start(answer))
    await send({"type": "http.response.body", "body": answer.body})


async def _refuse_and_linger(answer: Answer, receive: Receive, send: Send) -> None:
    """Answer, then throw away what the caller still sends, for a while.

    Closing with unread bytes resets the connection, and the caller would see that instead of
    the answer (RFC 9112 9.6).
    """
    await send(_start(answer))
    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body"):
                    break
                left -= len(message.get("body", b""))
    except TimeoutError:
        _LOG.info("a refused caller went on sending")
    await send({"type": "http.response.body", "body": b""})
