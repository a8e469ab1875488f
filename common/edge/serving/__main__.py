"""``python -m common.edge.serving``: the service alone, for a service manager.

The same server as ``aune serve`` without the packages of the command line, which take as
long to import as the server itself and 20 MB that are never used again.
"""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.edge.errors import AuneError

if TYPE_CHECKING:
    from common.edge.serving.app import Server

__all__ = ["main"]

# Read when numpy and uvloop are loaded: threads that a server of one core each never uses.
_THREADS = {"OPENBLAS_NUM_THREADS": "1", "UV_THREADPOOL_SIZE": "1"}


def main(words: Sequence[str] | None = None) -> int:
    """Serve a store until a signal ends it; return the exit code."""
    given = _parser().parse_args(words)
    for name, value in _THREADS.items():
        os.environ.setdefault(name, value)
    gc.disable()  # nothing of what an import makes is garbage: 10 % of its time
    try:
        _serve(given)
    except AuneError as error:
        sys.stderr.write(f"aune: {error}\n")
        return error.exit_code
    return 0


def _serve(given: argparse.Namespace) -> None:
    from common.edge.serving.app import create_app
    from common.edge.serving.memory import keep_out_of_collections
    from common.edge.serving.running import serve
    from common.edge.serving.settings import ServerSettings
    from common.edge.store.shelves import Shelves, store_root

    root = given.store or store_root()
    ring = given.keys or root / "keys.json"
    settings = ServerSettings(
        host=given.host,
        port=given.port,
        names=tuple(given.name),
        keys=ring if given.keys or ring.exists() else None,
        journal=given.journal,
        watch=given.watch or root / "watch",
        rate_per_second=given.rate,
        burst=max(1.0, 2 * given.rate),
    )
    app = create_app(Shelves(root), settings)
    keep_out_of_collections()
    serve(app, settings, lambda port: _say(app, port))


def _say(app: "Server", port: int) -> None:
    """Print the address for a program, then what every command says at its end."""
    host, root = app.settings.host, app.shelves.root
    shown = f"[{host}]" if ":" in host else host
    for name, why in app.fleet.failures.items():
        sys.stderr.write(f"aune: {name} : {why}\n")
    sys.stdout.write(
        f"aune: {host}:{port}\n"
        f"\nfait    : {len(app.fleet.models)} modèle(s) en service, signatures vérifiées et "
        "exemples rejoués\n"
        f"où      : http://{shown}:{port}/ ({root})\n"
        f"ensuite : curl http://{shown}:{port}/models ; Ctrl-C pour arrêter\n"
    )
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="common.edge.serving", description=main.__doc__)
    parser.add_argument("--store", type=Path, help="folder of the store")
    parser.add_argument("--host", default="127.0.0.1", help="address; this machine by default")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--keys", type=Path, help="file of API keys; keys.json of the store")
    parser.add_argument("--name", action="append", default=[], help="name that a proxy sends")
    parser.add_argument("--journal", type=Path, help="folder of the journal")
    parser.add_argument(
        "--watch", type=Path, help="folder of counts and alerts; watch of the store"
    )
    parser.add_argument(
        "--rate", type=float, default=500.0, help="requests a second and key; 0 for no bound"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
