"""Callers that hold every answer against the value that is due, and note its journal line."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from benchmarks.serving.soak.ledger import Ledger, identity
from benchmarks.serving.soak.timeline import Timeline
from benchmarks.serving.soak.versions import MODEL, Version, row_of

__all__ = ["Callers", "Tally"]

TOLERANCE = 1e-6
"""Relative; the values are exact, so this is generous."""
_RETRY_SECONDS = 0.02
_ANSWER_SECONDS = 30.0
_SHOWN_FAULTS = 20


@dataclass
class Tally:
    """What became of the requests.

    Parameters
    ----------
    asked, unanswered
        Requests sent, and those whose connection broke before the answer.
    statuses
        Answers other than 200, by status.
    wrong
        Answers with 200 and another value, interval or identifier than is due, or from a
        version that could not be in service.
    faults
        The first of them, in words.
    """

    asked: int = 0
    unanswered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Count a wrong answer and keep the first ones."""
        self.wrong += 1
        if len(self.faults) < _SHOWN_FAULTS:
            self.faults.append(text)


class _Connection(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self.data = b""
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream's transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.data[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self.data) < end + 4 + length:
            return
        body, self.data = self.data[end + 4 :], b""
        if b"connection: close" in head and self.transport is not None:
            self.transport.close()
            self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_result((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionResetError(str(exc)))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body of its answer."""
        if self.transport is None:
            raise ConnectionResetError("closed by the server")
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await self.answer


class Callers:
    """Several clients of one server, in one event loop.

    Parameters
    ----------
    ledger
        Where answers are noted.
    timeline
        Which versions may answer.
    epoch
        Of this start of the program.
    wanted
        Answers after which the clients stop.

    Attributes
    ----------
    tally
        What became of the requests.
    secret
        The API key that is sent.
    port
        Of the server.
    """

    def __init__(self, ledger: Ledger, timeline: Timeline, epoch: int, wanted: int) -> None:
        self.tally = Tally()
        self.secret, self.port = "", 0
        self._ledger, self._timeline, self._epoch, self._wanted = ledger, timeline, epoch, wanted
        self._versions: dict[str, Version] = {}

    @property
    def is_done(self) -> bool:
        """Whether there are as many answers as are wanted."""
        return self._ledger.answered >= self._wanted

    async def run(self, clients: int) -> None:
        """Ask until there are answers enough.

        Parameters
        ----------
        clients
            Connections at a time.
        """
        await asyncio.gather(*(self._client() for _ in range(clients)))

    async def _client(self) -> None:
        connection = _Connection()
        while not self.is_done:
            if connection.transport is None:
                connection = await _connected(lambda: self.port)
            self.tally.asked += 1
            number = self.tally.asked
            asked = self._timeline.now
            try:
                status, body = await connection.ask(self._request(number))
            except (OSError, TimeoutError):
                self.tally.unanswered += 1
                if connection.transport is not None:
                    connection.transport.abort()
                connection = _Connection()
                continue
            if status == 200:
                self._check(number, asked, body)
            else:
                self.tally.statuses[status] += 1
                await asyncio.sleep(_RETRY_SECONDS)

    def _request(self, number: int) -> bytes:
        load_kwh, temperature_c = row_of(number)
        name = identity(self._epoch, number)[1]
        row = f'{{"load_kwh":{load_kwh},"temperature_c":{temperature_c}}}'
        body = f'{{"rows":[{row}],"ids":["{name}"]}}'.encode()
        return (
            b"POST /models/%b/predict HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer %b\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (MODEL.encode(), self.secret.encode(), len(body), body)
        )

    def _check(self, number: int, asked: int, body: bytes) -> None:
        """Hold an answer against what is due, and note it."""
        answer = orjson.loads(body)
        row = answer["rows"][0]
        version = self._version(answer["version"])
        due_kwh = version.forecast_kwh(*row_of(number))
        key, name = identity(self._epoch, number)
        forecast_kwh = row["prediction"][0]
        interval = row["interval"]
        self._ledger.add(key, row["journal"], version.number, forecast_kwh)
        if not self._timeline.allows(version.number, asked):
            self.tally.fault(f"{name}: answered by {version.name}, which was not in service")
        elif row["id"] != name:
            self.tally.fault(f"{name}: answered with the identifier {row['id']}")
        elif not (
            _is_close(forecast_kwh, due_kwh)
            and _is_close(interval["lower"][0], due_kwh - 1)
            and _is_close(interval["upper"][0], due_kwh + 1)
        ):
            self.tally.fault(f"{name}: {forecast_kwh} {interval} for {due_kwh} ({version.name})")

    def _version(self, name: str) -> Version:
        if name not in self._versions:
            self._versions[name] = Version(int(name.partition(".")[0]))
        return self._versions[name]


def _is_close(found: float, due: float) -> bool:
    return abs(found - due) <= TOLERANCE * max(1.0, abs(due))


async def _connected(port: Callable[[], int]) -> _Connection:
    """Connect as soon as there is a server."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return (await loop.create_connection(_Connection, "127.0.0.1", port()))[1]
        except OSError:
            await asyncio.sleep(_RETRY_SECONDS)
