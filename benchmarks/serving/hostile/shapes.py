"""Requests that two readers could understand differently, and lines that are no HTTP."""

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target
from benchmarks.serving.hostile.wire import HOST, exchange

__all__ = ["attack"]

_SECOND = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
_CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
_HEADERS = {
    "Content-Length and Transfer-Encoding": b"content-length: 2\r\ntransfer-encoding: chunked",
    "two Content-Length that differ": b"content-length: 2\r\ncontent-length: 9",
    "a list of lengths": b"content-length: 2, 2",
    "a length with a sign": b"content-length: +2",
    "a hexadecimal length": b"content-length: 0x2",
    "a length beyond 64 bits": b"content-length: 18446744073709551618",
    "an unknown coding": b"transfer-encoding: xchunked",
    "chunked, then another coding": b"transfer-encoding: chunked, identity",
    "another coding, then chunked": b"transfer-encoding: gzip, chunked",
    "two Transfer-Encoding": b"transfer-encoding: identity\r\ntransfer-encoding: chunked",
    "a space before the colon": b"transfer-encoding : chunked",
    "a vertical tab before the value": b"transfer-encoding: \x0bchunked",
    "a header folded over two lines": b"x-a: b\r\n c: d",
    "a bare CR in a header": b"x-a: b\rc: d",
    "a NUL in a header": b"x-a: \x00",
    "two Host": b"host: evil.example",
}
_CHUNKS = {
    "a chunk size that is none": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": b"-1\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"FFFFFFFFFFFFFFFFF\r\n{}",
    "a chunk longer than it says": b"2\r\n{}XX0\r\n\r\n",
    "chunks ended by LF alone": b"2\n{}\n0\n\n",
}
_LINES = {
    "an absolute address": b"GET http://evil.example/models HTTP/1.1",
    "HTTP/0.9": b"GET /models",
    "HTTP/9.9": b"GET /models HTTP/9.9",
    "the preface of HTTP/2": b"PRI * HTTP/2.0",
    "CONNECT": b"CONNECT evil.example:80 HTTP/1.1",
    "TLS on the plain port": b"\x16\x03\x01\x00\xa5\x01\x00\x00",
}


def attack(target: Target) -> list[Outcome]:
    """Send each with a second request hidden behind it."""
    head, chunked = b"POST /models HTTP/1.1\r\n" + HOST, b"transfer-encoding: chunked\r\n\r\n"
    sent = {
        name: [head + lines + b"\r\n\r\n" + body + _SECOND for body in (b"{}", _CHUNKED)]
        for name, lines in _HEADERS.items()
    }
    sent |= {name: [head + chunked + body + _SECOND] for name, body in _CHUNKS.items()}
    sent |= {name: [line + b"\r\n" + HOST + b"\r\n"] for name, line in _LINES.items()}
    found = []
    for name, requests in sent.items():
        answers = [exchange(target.port, request) for request in requests]
        ok = all(one.statuses == (400,) and one.closed for one in answers)
        told = " / ".join(dict.fromkeys(map(str, answers)))
        found.append(Outcome("shapes", name, told, "400, closed, nothing after it answered", ok))
    return [*found, _trailer(target), _get_with_body(target)]


def _trailer(target: Target) -> Outcome:
    """Send a Host behind the body: merged into the headers, it would pass for the real one."""
    head = b"POST /models HTTP/1.1\r\nhost: evil.example\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = exchange(target.port, head + b"2\r\n{}\r\n0\r\nhost: 127.0.0.1\r\n\r\n")
    return Outcome(
        "shapes", "the right Host, but in a trailer", str(answer), "421", answer.statuses == (421,)
    )


def _get_with_body(target: Target) -> Outcome:
    """Hide a request in the body of a GET, which is a body and not the next request."""
    head = b"GET /health/live HTTP/1.1\r\n" + HOST
    inside = b"GET /models HTTP/1.1\r\n" + HOST + b"\r\n"
    request = head + b"content-length: %d\r\n\r\n%b" % (len(inside), inside)
    answer = exchange(target.port, request)
    ok = answer.statuses == (200,)
    return Outcome("shapes", "a request inside the body of a GET", str(answer), "one 200", ok)
