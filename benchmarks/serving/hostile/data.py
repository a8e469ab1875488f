"""Legal requests with illegal or oversized content: JSON, numbers, rows, headers, names."""

import json

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target
from benchmarks.serving.hostile.wire import HOST, exchange, post
from benchmarks.serving.soak.versions import MODEL

__all__ = ["attack"]

_ROW = {"load_kwh": 1, "temperature_c": 1}
_ANSWER_SECONDS = 10.0


def _rows(number: int) -> bytes:
    return json.dumps({"rows": [_ROW] * number}, separators=(",", ":")).encode()


def _value(text: str) -> bytes:
    return f'{{"load_kwh":{text},"temperature_c":1}}'.encode()


_BODIES = {
    "JSON nested 100,000 deep": (b"[" * 100_000 + b"]" * 100_000, (400,)),
    "objects nested 100,000 deep": (b'{"rows":' * 100_000, (400,)),
    "NaN": (_value("NaN"), (400, 422)),
    "Infinity": (_value("-Infinity"), (400,)),
    "1e400": (_value("1e400"), (400, 422)),
    "1e39, beyond float32": (_value("1e39"), (422,)),
    "a number of 900,000 digits": (_value("9" * 900_000), (400, 422)),
    "a text for a number": (_value('"' + "9" * 900_000 + '"'), (422,)),
    "a list for a number": (_value("[[[[[[[[1]]]]]]]]"), (422,)),
    "60,000 unknown fields": (
        json.dumps({f"f{n}": 1 for n in range(60_000)}).encode(),
        (400, 422),
    ),
    "half a surrogate pair": (b'{"\\ud800": 1}', (400, 422)),
    "bytes that are no UTF-8": (b'{"load_kwh": "\xff"}', (400,)),
    "10,001 rows": (_rows(10_001), (413,)),
    "10,000 rows, which is the limit": (_rows(10_000), (200,)),
}
_TENSORS = {
    "a tensor of 2**62 values": [2**62],
    "a tensor of -1 values": [-1],
    "a tensor of 2**31 by 2**31": [2**31, 2**31],
}
_HEADERS = {
    "10,000 headers": b"a:b\r\n" * 10_000,
    "a header of 1 MB": b"a: " + b"b" * 1_000_000 + b"\r\n",
}
_NAMES = (
    "../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "..%5c..%5cwindows%5cwin.ini", "%c0%ae%c0%ae/etc/passwd", "soak.additive%00", "a" * 30_000,
    "%25%32%65%25%32%65/etc/passwd", "soak.additive/../../../keys.json",
)  # fmt: skip


def attack(target: Target) -> list[Outcome]:
    """Send each; an answer is due, of the right status, without a trace of the inside."""
    found = [
        _held(target, "content", name, post(target.predict, body), statuses)
        for name, (body, statuses) in _BODIES.items()
    ]
    for name, shape in _TENSORS.items():
        tensor = {"name": "load_kwh", "shape": shape, "datatype": "FP32", "data": [1]}
        body = json.dumps({"inputs": [tensor]}).encode()
        found.append(
            _held(target, "content", name, post(f"/v2/models/{MODEL}/infer", body), (400, 413, 422))
        )
    for name, lines in _HEADERS.items():
        request = b"GET /models HTTP/1.1\r\n" + HOST + lines + b"\r\n"
        found.append(_held(target, "content", name, request, (431,)))
    return [*found, _names(target), *_hosts(target)]


def _held(
    target: Target, group: str, name: str, request: bytes, statuses: tuple[int, ...]
) -> Outcome:
    answer = exchange(target.port, request, seconds=_ANSWER_SECONDS)
    is_silent = b"Traceback" not in answer.answer and str(target.folder).encode() not in (
        answer.answer
    )
    ok = len(answer.statuses) == 1 and answer.statuses[0] in statuses and is_silent
    expected = " or ".join(map(str, statuses))
    return Outcome(group, name, f"{answer} in {answer.seconds:.2f} s", expected, ok)


def _names(target: Target) -> Outcome:
    """Names of models that lead out of the store."""
    told: list[int] = []
    leaked = 0
    for name in _NAMES:
        for path in (f"/models/{name}/card", f"/v2/models/{name}", f"/v2/models/{name}/ready"):
            answer = exchange(target.port, f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
            told += answer.statuses or (0,)
            leaked += b"root:" in answer.answer or b"sha256" in answer.answer
    ok = not leaked and set(told) <= {400, 404, 405}
    return Outcome(
        "names",
        f"{len(told)} addresses with ../, %2e, %00, %c0%ae, backslashes or 30,000 letters",
        f"{sorted(set(told))}, {leaked} with a file's content",
        "400, 404 or 405, no file",
        ok,
    )


def _hosts(target: Target) -> list[Outcome]:
    """Pages of other sites: a name pointed at this machine, a request from elsewhere."""
    found = []
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080"):
        request = f"GET /models HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
        found.append(_held(target, "names", f"Host: {host}", request, (421,)))
    body = json.dumps(_ROW).encode()
    for header in ("sec-fetch-site: cross-site", "origin: https://evil.example", "origin: null"):
        request = post(target.predict, body).replace(HOST, HOST + f"{header}\r\n".encode(), 1)
        found.append(_held(target, "names", header, request, (403,)))
    return found
