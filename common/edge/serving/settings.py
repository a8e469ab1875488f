"""How a server listens, what it accepts and how much it does at a time."""

import ipaddress
from dataclasses import dataclass, fields
from pathlib import Path

from common.edge.errors import UsageError
from common.edge.journal.entries import Keep

__all__ = ["LOOPBACK_NAMES", "ServerSettings", "is_loopback"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server; each bound is a refusal above it.

    Parameters
    ----------
    host, port
        Where it listens; this machine only by default.
    names
        Values of the header ``Host`` that are served beside this machine's own, where no
        key is asked for: a page of another site whose name was pointed at 127.0.0.1 (DNS
        rebinding) comes with its own name.
    keys
        File of API keys (`common.edge.serving.gate.keys`); None for none, on this machine only.
    journal
        Folder of the journal; None to keep none.
    keep
        Inputs that the journal keeps, see `common.edge.journal.entries.Settings`.
    watch
        Folder of what is counted to notice unusual data; None to keep it in memory.
    body_bytes, rows
        Largest request: 1 MB and 10,000 rows (``briefs/mlops.md`` 6.3).
    values_out
        Largest answer, in numbers: inputs left to their default could ask for much.
    header_bytes
        Request line and headers, as nginx's ``large_client_header_buffers`` allows.
    request_seconds
        From the first byte of a request to its last (``briefs/mlops.md`` 6.3).
    connections
        Open at a time; above it the oldest one that has not sent a whole request goes.
    rate_per_second, burst
        Token bucket of each key, and of all callers without key together; 0 for no bound.
    workers, queue
        Threads for large requests and those with a journal, and how many may wait.
    inline_bytes, inline_rows
        Requests within both are answered without a thread, if the graph answers so many rows
        in two milliseconds: a switch of threads costs more than they do, and they cannot hold
        up the health checks.
    reload_seconds
        How often the store is looked at.
    watts_per_core
        Low, central and high power of a busy core: 10 W, x/÷ 2.5 where nothing better is
        known (``briefs/frugality.md`` 2.5.3, tier C_model).
    """

    host: str = "127.0.0.1"
    port: int = 8080
    names: tuple[str, ...] = ()
    keys: Path | None = None
    journal: Path | None = None
    keep: Keep = "numbers"
    watch: Path | None = None
    body_bytes: int = 1_000_000
    rows: int = 10_000
    values_out: int = 1_000_000
    header_bytes: int = 32_768
    request_seconds: float = 10.0
    connections: int = 4_000
    rate_per_second: float = 500.0
    burst: float = 1_000.0
    workers: int = 2
    queue: int = 64
    inline_bytes: int = 65_536
    inline_rows: int = 128
    reload_seconds: float = 2.0
    watts_per_core: tuple[float, float, float] = (4.0, 10.0, 25.0)

    def __post_init__(self) -> None:
        smallest = {"port": 0, "rate_per_second": 0, "inline_bytes": 0, "inline_rows": 0}
        for item in fields(self):
            value = getattr(self, item.name)
            low = smallest.get(item.name, 1)
            if item.name.endswith("_seconds"):
                low = 0.01  # type: ignore[assignment]  # a time may be a fraction
            if isinstance(value, int | float) and not value >= low:
                raise UsageError(f"{item.name} is {value}", expected=f"at least {low}")
        if self.port > 65_535:
            raise UsageError(f"port {self.port}", expected="0 to 65535")
        low_w, central, high = self.watts_per_core
        if not 0 < low_w <= central <= high:
            raise UsageError(
                f"watts per core {self.watts_per_core}", expected="0 < low <= central <= high"
            )
        if self.keys is None and not is_loopback(self.host):
            raise UsageError(
                f"listening on {self.host} without API keys",
                expected="127.0.0.1, or keys",
                remedy="make a key with aune key NAME; then serve again",
            )


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this machine only.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
