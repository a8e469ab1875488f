"""A thousand connections that never end their request."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target
from benchmarks.serving.hostile.wire import HOST, LOOPBACK, Prober

__all__ = ["attack"]

CONNECTIONS = 1_000
LIMIT_SECONDS = 12.0
P99_MS = 50.0
_PATIENCE_SECONDS = 14.0
_KINDS = ("half header", "half body", "trickled header", "trickled body", "nothing sent")


@dataclass
class _Held(asyncio.Protocol):
    """A connection that keeps the server waiting."""

    kind: str
    path: bytes
    begun: float = field(default_factory=time.monotonic)
    lasted_s: float = float("inf")
    answer: bytes = b""
    has_outlived: bool = False
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport
        head = b"POST " + self.path + b" HTTP/1.1\r\n" + HOST
        if "body" in self.kind:
            head += b"content-type: application/json\r\ncontent-length: 900\r\n\r\n{"
        if self.kind != "nothing sent" and self.transport:
            self.transport.write(head)

    def data_received(self, data: bytes) -> None:
        self.answer += data

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.has_outlived:
            self.lasted_s = time.monotonic() - self.begun
        self.transport = None

    def outlive(self) -> None:
        """Close what the server left open."""
        self.has_outlived = True
        if self.transport is not None:
            self.transport.abort()

    def trickle(self) -> None:
        if self.transport is not None and self.kind.startswith("trickled"):
            self.transport.write(b"x")


@dataclass(frozen=True)
class _Siege:
    """What came of one server's thousand."""

    held: list[_Held]
    prober: Prober

    @property
    def still_open(self) -> int:
        return sum(one.lasted_s > LIMIT_SECONDS for one in self.held)

    @property
    def longest_s(self) -> float:
        return max(one.lasted_s for one in self.held)

    @property
    def odd_answers(self) -> int:
        """Answers that are not one 408, where there is an answer."""
        told = [one.answer for one in self.held if one.answer]
        return sum(
            not (one.startswith(b"HTTP/1.1 408 ") and one.count(b"HTTP/1.1") == 1) for one in told
        )

    def __str__(self) -> str:
        return (
            f"{self.still_open} of {len(self.held)} open after {LIMIT_SECONDS:g} s, "
            f"the longest {self.longest_s:.1f} s; {self.prober}"
        )


async def _siege(port: int, path: bytes) -> list[_Held]:
    loop = asyncio.get_running_loop()
    held = []
    for kind in islice(cycle(_KINDS), CONNECTIONS):
        _, one = await loop.create_connection(partial(_Held, kind, path), LOOPBACK, port)
        held.append(one)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and any(one.transport for one in held):
        for one in held:
            one.trickle()
        await asyncio.sleep(1)
    for one in held:
        if one.transport is not None:
            one.outlive()
    await asyncio.sleep(0.1)
    return held


def _besieged(port: int, path: str) -> _Siege:
    import uvloop

    with Prober(port).asking() as prober:
        held = uvloop.run(_siege(port, path.encode()))
    return _Siege(held, prober)


def attack(target: Target) -> list[Outcome]:
    """Open a thousand half requests of five kinds on this server and on the peer."""
    ours = _besieged(target.port, target.predict)
    peer = _besieged(target.peer.port, "/predict") if target.peer else None
    return [
        Outcome(
            "half-open",
            f"{CONNECTIONS} connections: half or trickled headers and bodies, or nothing",
            str(ours),
            f"none after {LIMIT_SECONDS:g} s, health p99 below {P99_MS:g} ms",
            not ours.still_open and ours.prober.p99_ms < P99_MS,
            str(peer or ""),
        ),
        Outcome(
            "half-open",
            "what those connections are told",
            f"{ours.odd_answers} answers other than one 408",
            "none",
            not ours.odd_answers,
        ),
    ]
