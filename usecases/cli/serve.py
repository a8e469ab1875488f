"""``aune serve``, ``aune key``: the installed bundles as a service of this machine."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from common.edge.errors import UsageError
from usecases.cli.shared import closing

__all__ = ["key", "serve"]

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store", help="Folder of the store; AUNE_STORE, /var/lib/aune or your own by default."
    ),
]
KeysPath = Annotated[
    Path | None, typer.Option("--keys", help="File of API keys; keys.json of the store by default.")
]


def serve(
    store: StorePath = None,
    host: Annotated[str, typer.Option(help="Address; this machine only by default.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    keys: KeysPath = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Name under which a proxy asks without a key.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Folder of the journal; none is kept by default.")
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(help="Folder of counts and alerts on unusual data; watch of the store."),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0, help="Requests a second of each key, twice that at once; 0 for no bound."
        ),
    ] = 500.0,
) -> None:
    """Serve the installed bundles: predictions, intervals, reasons; Ctrl-C stops."""
    # The process becomes that of the service, which leaves behind the packages of the command
    # line: 25 MB that a server never uses.
    given = {"store": store, "keys": keys, "journal": journal, "watch": watch}
    words = [f"--host={host}", f"--port={port}", f"--rate={rate}"]
    words += [f"--{option}={path}" for option, path in given.items() if path is not None]
    words += [f"--name={each}" for each in name or ()]
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "common.edge.serving", *words]
    os.execv(sys.executable, command)  # noqa: S606 - our own module, no shell


def key(
    name: Annotated[str, typer.Argument(help="Of the program or desk; never a person's name.")],
    role: Annotated[str, typer.Option(help="predict, or admin to read metrics too.")] = "predict",
    store: StorePath = None,
    keys: KeysPath = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the key away.")] = False,
) -> None:
    """Make an API key, shown once and kept as a hash only; or take one away."""
    from common.edge.serving.gate.keys import ROLES, KeyRing
    from common.edge.store.shelves import store_root

    path = keys or (store or store_root()) / "keys.json"
    chosen = next((item for item in ROLES if item == role), None)
    if chosen is None:
        raise UsageError(f"role {role!r}", expected=" or ".join(ROLES))
    ring = KeyRing.load(path)
    if revoke:
        ring.revoked(name).save(path)
        closing(f"clé {name} retirée", str(path), "rien : un serveur en service l'apprend seul")
        return
    ring, secret = ring.issued(name, chosen)
    ring.save(path)
    typer.echo(secret)
    closing(
        f"clé {name} ({chosen}) créée ; notez-la, elle n'est gardée nulle part",
        str(path),
        "aune serve ; envoyer Authorization: Bearer CLÉ",
    )
