"""Run the application under uvicorn: one process, one event loop, connections with a deadline."""

from collections.abc import Callable
from typing import Any

import uvicorn

from common.edge.errors import UsageError
from common.edge.serving.gate.protocol import deadline_protocol
from common.edge.serving.settings import ServerSettings

__all__ = ["make_server", "raise_open_files", "serve"]


def make_server(app: Any, settings: ServerSettings) -> uvicorn.Server:
    """Return a server that is not started yet."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=deadline_protocol(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        log_level="error",  # a warning for each malformed request would fill the disk
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def serve(app: Any, settings: ServerSettings, started: Callable[[int], None]) -> None:
    """Serve until a signal ends it.

    Parameters
    ----------
    app
        Of `common.edge.serving.app.create_app`.
    settings
        Where to listen.
    started
        Called with the port once the models are ready and it is open.

    Raises
    ------
    UsageError
        The port is taken or the address is not this machine's.
    """
    raise_open_files(settings.connections + 256)
    server = make_server(app, settings)
    opened = server.startup

    async def startup(sockets: Any = None) -> None:
        await opened(sockets=sockets)
        if server.started:
            started(server.servers[0].sockets[0].getsockname()[1])

    server.startup = startup  # type: ignore[method-assign]  # the one hook after the port opens
    try:
        server.run()
    except SystemExit as error:
        raise UsageError(
            f"the server cannot listen on {settings.host}:{settings.port}",
            expected="an address of this machine and a port that is free",
            remedy="choose another --port, or stop what listens there",
        ) from error


def raise_open_files(wanted: int) -> int:
    """Allow this process more open files, as far as the system lets it; return how many."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft
