"""The servers that are compared: how each is started, and at which doors it is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.environments import OURS, PEERS
from benchmarks.serving.model import MODEL, Built
from benchmarks.serving.protocols import (
    BINARY,
    FRIENDLY,
    OIP,
    ROWS,
    TABLE,
    TENSORS,
    Protocol,
)

__all__ = ["SERVERS", "Door", "Places", "Server", "variables"]


@dataclass(frozen=True)
class Places:
    """What a command line needs.

    Parameters
    ----------
    bin
        Commands of the server's environment.
    built
        The model.
    scratch
        Empty folder that is removed afterwards.
    ports
        Three free ports of this machine, the first for HTTP.
    code
        Folder of our own code: the working tree, or another version of it.
    """

    bin: Path
    built: Built
    scratch: Path
    ports: tuple[int, int, int]
    code: Path


@dataclass(frozen=True)
class Door:
    """A protocol at a path."""

    protocol: Protocol
    path: str


@dataclass(frozen=True)
class Server:
    """A server of one process that works, one onnxruntime thread, quiet logs.

    Parameters
    ----------
    name, environment
        Environments are those of `benchmarks.serving.environments`.
    command
        What starts it.
    doors
        Where it is asked; the first is asked for its first answer.
    folder
        Where it is started; None for that of our code.
    prepare
        A command that is run once before it is started, or none.
    headers
        That every request carries.
    """

    name: str
    environment: str
    command: Callable[[Places], list[str]]
    doors: tuple[Door, ...]
    folder: Path | None = None
    prepare: Callable[[Places], list[str]] | None = None
    headers: Callable[[Places], dict[str, str]] = lambda _places: {}


def variables(places: Places) -> dict[str, str]:
    """Return the environment of every server: the model's place, one thread, no call home."""
    return {
        "AUNE_BENCH_MODEL": str(places.built.onnx),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{places.bin}:/usr/bin:/bin",
        "DO_NOT_TRACK": "true",
        "BENTOML_DO_NOT_TRACK": "true",
        "BENTOML_HOME": str(places.scratch / "bentoml"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLSERVER_HTTP_PORT": str(places.ports[0]),
        "MLSERVER_GRPC_PORT": str(places.ports[1]),
        "MLSERVER_METRICS_PORT": str(places.ports[2]),
        "UVICORN_ACCESS_LOG": "false",
    }


def _ours(places: Places) -> list[str]:
    python = str(places.bin / "python")
    port = str(places.ports[0])
    serve = [python, "-m", "common.edge.serving", "--store", str(places.built.store)]
    return [*serve, "--port", port, "--rate", "0"]


def _with_keys(places: Places) -> list[str]:
    """Ours with a key asked for, and a bucket that is counted but never empty."""
    return [*_ours(places)[:-1], "1000000", "--keys", str(places.scratch / "keys.json")]


def _with_journal(places: Places) -> list[str]:
    """Ours as a town hall runs it: key, bucket, and each decision in the journal."""
    return [*_with_keys(places), "--journal", str(places.scratch / "journal")]


def _issued(places: Places) -> dict[str, str]:
    """Issue a key for this run and return the header that shows it."""
    from common.edge.serving.gate.keys import KeyRing

    ring, secret = KeyRing().issued("banc", "predict")
    ring.save(places.scratch / "keys.json")
    return {"authorization": f"Bearer {secret}"}


def _mlflow(places: Places) -> list[str]:
    serve = [str(places.bin / "mlflow"), "models", "serve", "-m", _saved(places)]
    host = ["--host", "127.0.0.1", "--port", str(places.ports[0])]
    return [*serve, "--env-manager", "local", "--workers", "1", *host]


def _save(way: str) -> Callable[[Places], list[str]]:
    """Return what saves the model in one of the two ways of ``peers/mlflow/save.py``."""

    def command(places: Places) -> list[str]:
        save = str(PEERS / "mlflow" / "save.py")
        return [str(places.bin / "python"), save, str(places.built.onnx), _saved(places), way]

    return command


def _saved(places: Places) -> str:
    return str(places.scratch / "mlflow-model")


def _mlserver(places: Places) -> list[str]:
    return [str(places.bin / "mlserver"), "start", "."]


def _bentoml(places: Places) -> list[str]:
    serve = [str(places.bin / "bentoml"), "serve", "server:Additive", "--quiet"]
    return [*serve, "--host", "127.0.0.1", "--port", str(places.ports[0])]


def _fastapi(places: Places) -> list[str]:
    serve = [str(places.bin / "uvicorn"), "--factory", "server:create_app"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [*serve, "--port", str(places.ports[0]), *quiet]


def _of_peer(name: str, command: Callable[[Places], list[str]], door: Door) -> Server:
    return Server(name, name, command, (door,), PEERS / name)


_OURS = (
    Door(FRIENDLY, f"/models/{MODEL}/predict"),
    Door(OIP, f"/v2/models/{MODEL}/infer"),
    Door(BINARY, f"/v2/models/{MODEL}/infer"),
    Door(TABLE, f"/models/{MODEL}/invocations"),
    Door(TENSORS, f"/models/{MODEL}/invocations"),
)

SERVERS = {
    server.name: server
    for server in (
        Server(OURS, OURS, _ours, _OURS),
        Server("ours-keys", OURS, _with_keys, _OURS[:1], headers=_issued),
        Server("ours-journal", OURS, _with_journal, _OURS[:1], headers=_issued),
        *(
            Server(name, "mlflow", _mlflow, (door,), PEERS / "mlflow", _save(door.protocol.name))
            for name, door in (
                ("mlflow", Door(TABLE, "/invocations")),
                ("mlflow-tensors", Door(TENSORS, "/invocations")),
            )
        ),
        _of_peer("mlserver", _mlserver, Door(OIP, "/v2/models/additive/infer")),
        _of_peer("bentoml", _bentoml, Door(ROWS, "/predict")),
        _of_peer("fastapi", _fastapi, Door(ROWS, "/predict")),
    )
}
"""By name; ours first, then with a key and a bucket, then with the journal as well, then the
peers, MLflow twice."""
