"""A server made ready: environment, model, requests on disk, and what a right answer is."""

import importlib.metadata
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.serving.environments import OURS, install, place
from benchmarks.serving.load import write_requests
from benchmarks.serving.model import INPUT, Built, Floats32
from benchmarks.serving.processes import Running
from benchmarks.serving.protocols import Answered, Protocol, request
from benchmarks.serving.servers import Places, Server, variables
from common.edge.errors import DataError

if TYPE_CHECKING:
    import onnxruntime

__all__ = ["Stand", "Truth", "make_stand"]

_CLOSE = 1e-5
"""Between an answer and onnxruntime's own: both are float32, through a decimal text at most."""
_REQUESTS = {True: 200, False: 20}
"""Different requests at a door, of one row and of many: nobody answers from memory."""
_PREPARE_SECONDS = 300


@dataclass(frozen=True)
class Truth:
    """What onnxruntime answers without any server.

    Parameters
    ----------
    session
        On the file that the servers load.
    rows
        What is asked, shape (n, 50).
    """

    session: "onnxruntime.InferenceSession" = field(repr=False)
    rows: Floats32 = field(repr=False)

    @classmethod
    def of(cls, built: Built) -> "Truth":
        """Open the model."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return cls(onnxruntime.InferenceSession(built.onnx, options), built.rows())

    def asked(self, number: int, rows: int) -> Floats32:
        """Return the rows of one request: the first from the start, the next behind it."""
        start = number * rows
        return self.rows[start : start + rows]

    def count(self, rows: int) -> int:
        """Return how many requests there are."""
        return min(_REQUESTS[rows == 1], len(self.rows) // rows)

    def check(self, who: str, rows: Floats32, found: Answered) -> None:
        """Hold an answer against onnxruntime's own.

        Raises
        ------
        DataError
            Prediction or contributions differ.
        """
        names = ["prediction", "contributions"]
        outputs = self.session.run(names, {INPUT: rows})
        for name, wanted, given in zip(
            names, outputs, (found.prediction, found.contributions), strict=True
        ):
            if given.size != wanted.size or not np.allclose(
                given.reshape(-1), wanted.reshape(-1), _CLOSE, _CLOSE
            ):
                raise DataError(
                    f"{who}: {name} {given.reshape(-1)[:3].tolist()}...",
                    expected=f"{wanted.reshape(-1)[:3].tolist()}..., as onnxruntime answers",
                    remedy="servers that answer otherwise cannot be compared",
                )


@dataclass(frozen=True)
class Stand:
    """A server that can be started, with its requests on disk.

    Parameters
    ----------
    server, places
        What is started and where.
    version
        Of the package that is compared; empty for ours.
    """

    server: Server
    places: Places
    version: str

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.places.ports[0]

    @property
    def log(self) -> Path:
        """What it says."""
        return self.places.scratch / "server.log"

    def requests(self, protocol: Protocol, rows: int) -> Path:
        """Return the file of a door's requests."""
        return self.places.scratch / f"{protocol.name}-{rows}.requests"

    def start(self) -> Running:
        """Start the server; it is not ready yet."""
        command, environment = self.server.command(self.places), variables(self.places)
        return Running(command, environment, self.server.folder or self.places.code, self.log)


def make_stand(
    server: Server, built: Built, truth: Truth, sizes: tuple[int, ...], scratch: Path, code: Path
) -> Stand:
    """Install, prepare and write the requests of each door and size.

    Parameters
    ----------
    server, built, truth
        Who is asked, with what, and what is right.
    sizes
        Rows of a request.
    scratch, code
        An empty folder, and that of our own code.

    Raises
    ------
    UsageError
        The environment cannot be installed.
    DataError
        The server's own preparation fails.
    """
    folder = scratch / server.name
    folder.mkdir()
    places = Places(install(server.environment), built, folder, _free_ports(), code)
    if server.prepare is not None:
        _prepare(server.prepare(places), places)
    stand = Stand(server, places, _version(server))
    headers = server.headers(places)
    for door in server.doors:
        for rows in sizes:
            asked = (truth.asked(number, rows) for number in range(truth.count(rows)))
            whole = [request(door.protocol, door.path, each, headers) for each in asked]
            write_requests(stand.requests(door.protocol, rows), whole)
    return stand


def _prepare(command: list[str], places: Places) -> None:
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command,
        env=variables(places),
        capture_output=True,
        text=True,
        timeout=_PREPARE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise DataError(
            f"{command[1]} failed: {done.stderr[-300:]}", remedy="does the lock still resolve?"
        )


def _free_ports() -> tuple[int, int, int]:
    """Return three ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    first, second, third = (each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    return first, second, third


def _version(server: Server) -> str:
    """Return the version of what is compared, from its environment's metadata."""
    if server.environment == OURS:
        return ""
    found = importlib.metadata.distributions(
        name=server.environment, path=[str(p) for p in place(server.environment).glob("lib/*/*")]
    )
    return " ".join(each.version for each in found)
