"""``aune serve``, ``aune key``: the installed bundles as a service of this machine."""

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
    from common.edge.serving.app import create_app
    from common.edge.serving.running import serve as run
    from common.edge.serving.settings import ServerSettings
    from common.edge.store.shelves import Shelves, store_root

    root = store or store_root()
    ring = keys or root / "keys.json"
    settings = ServerSettings(
        host=host,
        port=port,
        names=tuple(name or ()),
        keys=ring if keys or ring.exists() else None,
        journal=journal,
        watch=watch or root / "watch",
        rate_per_second=rate,
        burst=max(1.0, 2 * rate),
    )
    app = create_app(Shelves(root), settings)

    def started(bound: int) -> None:
        models = app.fleet.models
        for failure, why in app.fleet.failures.items():
            typer.echo(f"aune: {failure} : {why}", err=True)
        shown = f"[{host}]" if ":" in host else host
        closing(
            f"{len(models)} modèle(s) en service, signatures vérifiées et exemples rejoués",
            f"http://{shown}:{bound}/ ({root})",
            f"curl http://{shown}:{bound}/models ; Ctrl-C pour arrêter",
        )

    run(app, settings, started)


def key(
    name: Annotated[str, typer.Argument(help="Of the program or desk; never a person's name.")],
    role: Annotated[str, typer.Option(help="predict, or admin to read metrics too.")] = "predict",
    store: StorePath = None,
    keys: KeysPath = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the key away.")] = False,
) -> None:
    """Make an API key, shown once and kept as a hash only; or take one away."""
    from common.edge.serving.keys import ROLES, KeyRing
    from common.edge.store.shelves import store_root

    path = keys or (store or store_root()) / "keys.json"
    chosen = next((item for item in ROLES if item == role), None)
    if chosen is None:
        raise UsageError(f"role {role!r}", expected=" or ".join(ROLES))
    ring = KeyRing.load(path)
    if revoke:
        ring.revoked(name).save(path)
        closing(f"clé {name} retirée", str(path), "relancer aune serve")
        return
    ring, secret = ring.issued(name, chosen)
    ring.save(path)
    typer.echo(secret)
    closing(
        f"clé {name} ({chosen}) créée ; notez-la, elle n'est gardée nulle part",
        str(path),
        "relancer aune serve ; envoyer Authorization: Bearer CLÉ",
    )
