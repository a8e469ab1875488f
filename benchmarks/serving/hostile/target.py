"""The server under attack, and a plain one beside it."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.serving.soak.service import Service, pss_bytes
from benchmarks.serving.soak.versions import MODEL, Version, write
from common.edge.errors import ThresholdError
from common.edge.store.store import Store
from common.lab.keys import ensure_key, public_path

__all__ = ["Peer", "Target", "peak_mb", "ready"]

_SAMPLE_SECONDS = 0.01


class Peer:
    """Plain uvicorn and Starlette, as the documentation of both begins.

    Parameters
    ----------
    folder
        Where its program is written.
    """

    _PROGRAM = """
import socket, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def predict(request):
    return JSONResponse({"bytes": len(await request.body())})

async def live(request):
    return JSONResponse({"live": True})

app = Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/health/live", live)])
door = socket.socket()
door.bind(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="critical")).run([door])
"""

    def __init__(self, folder: Path) -> None:
        program = folder / "peer.py"
        program.write_text(self._PROGRAM)
        self._process = subprocess.Popen(  # noqa: S603 - written above
            [sys.executable, str(program)], stdout=subprocess.PIPE, text=True
        )
        if self._process.stdout is None:
            raise ThresholdError("the peer has no output", expected="the line with its port")
        self.port = int(self._process.stdout.readline())
        self.pid = self._process.pid
        time.sleep(1)

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


@dataclass(frozen=True)
class Target:
    """What is attacked.

    Parameters
    ----------
    folder
        To work in.
    service
        A server with the usual settings, without a bound on the rate.
    key
        That signs what it serves.
    bundles
        Signed zips of versions 1 and 2; 1 is served.
    peer
        The plain server; None to leave it out.
    """

    folder: Path
    service: Service
    key: ec.EllipticCurvePrivateKey
    bundles: dict[int, Path]
    peer: Peer | None

    @property
    def port(self) -> int:
        """Of the server."""
        return self.service.port

    @property
    def predict(self) -> str:
        """Address that answers."""
        return f"/models/{MODEL}/predict"

    @property
    def public_key(self) -> Path:
        """File of the public key."""
        return public_path(self.folder / "signing_key.pem")


@contextlib.contextmanager
def ready(folder: Path, *, with_peer: bool) -> Iterator[Target]:
    """Start the servers in an empty folder, and end them."""
    key = ensure_key(folder / "signing_key.pem")
    bundles = {number: write(folder / f"{number}.zip", Version(number), key) for number in (1, 2)}
    store = Store(folder / "store", [public_path(folder / "signing_key.pem")])
    store.install(bundles[1])
    service = Service(folder, store.root, "--rate", "0")
    peer = Peer(folder) if with_peer else None
    try:
        service.start()
        yield Target(folder, service, key, bundles, peer)
    finally:
        service.reap()
        if peer:
            peer.end()


@contextlib.contextmanager
def peak_mb(pid: int) -> Iterator[list[float]]:
    """Give a list that, after the block, holds how much memory grew at most, in MB."""
    before = most = pss_bytes(pid)
    stop = threading.Event()
    grown: list[float] = []

    def watch() -> None:
        nonlocal most
        while not stop.wait(_SAMPLE_SECONDS):
            most = max(most, pss_bytes(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield grown
    finally:
        stop.set()
        thread.join()
        grown.append((most - before) / 1e6)
