"""``aune install``, ``rollback``, ``installed``: the bundles in use on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.edge.errors import UsageError
from usecases.cli.shared import AsJson, closing, print_json

if TYPE_CHECKING:
    from common.edge.store.receipt import Installed, Receipt
    from common.edge.store.shadow import Gap, Shadow
    from common.edge.store.store import Store

__all__ = ["install", "installed", "rollback"]

StorePath = Annotated[
    Path | None,
    typer.Option(
        "--store", help="Folder of the store; AUNE_STORE, /var/lib/aune or your own by default."
    ),
]


def install(
    bundle: Annotated[Path, typer.Argument(help="The bundle's zip.")],
    store: StorePath = None,
    key: Annotated[
        Path | None, typer.Option(help="Public key (PEM) that this store trusts from now on.")
    ] = None,
    shadow: Annotated[
        Path | None,
        typer.Option(help="CSV or npz of recent inputs: compare with the current version first."),
    ] = None,
    largest_gap: Annotated[
        float | None,
        typer.Option(min=0, help="Refuse (exit 5) a shadow run farther off; 0.2 is 20 %."),
    ] = None,
    *,
    allow_downgrade: Annotated[
        bool, typer.Option("--allow-downgrade", help="Take a version older than the current one.")
    ] = False,
    allow_old_schema: Annotated[
        bool, typer.Option("--allow-old-schema", help="Take a bundle of an older schema.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle, replay its golden rows and put it into use; two before it are kept."""
    from common.edge.store.receipt import Choices

    place = _store(store, key)
    choices = Choices(allow_downgrade, allow_old_schema, shadow, largest_gap)
    receipt = place.install(bundle, choices)
    _answer(place, receipt, "installé", as_json=as_json)


def rollback(
    model: Annotated[
        str | None, typer.Argument(help="USECASE/TASK; not needed where only one is installed.")
    ] = None,
    store: StorePath = None,
    to: Annotated[
        str | None, typer.Option(help="Any kept version; the one before by default.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Put the version before into use again, once it is verified."""
    place = _store(store, None)
    item = _named(place, model)
    receipt = place.rollback(item.usecase, item.task, to)
    _answer(place, receipt, "remis en service", as_json=as_json)


def installed(store: StorePath = None, *, as_json: AsJson = False) -> None:
    """List the installed bundles: the version in use, and those to go back to."""
    place = _store(store, None)
    items = place.installed()
    if as_json:
        print_json({"store": str(place.root), "installed": [_plain(item) for item in items]})
        return
    for item in items:
        typer.echo("\n".join(_lines(item)))
    following = "aune rollback USECASE/TASK" if items else "aune install PAQUET.zip"
    closing(f"{len(items)} {_plural('modèle installé', len(items))}", str(place.root), following)


def _store(root: Path | None, key: Path | None) -> "Store":
    """Return the store with its own keys and the given one.

    Not the working folder's: a stick may hold a bundle and, beside it, a key to trust.
    """
    from common.edge.store.shelves import store_root
    from common.edge.store.store import Store

    return Store(root or store_root(), (key,) if key else ())


def _named(place: "Store", model: str | None) -> "Installed":
    if model is not None:
        usecase, _, task = model.partition("/")
        return place.get(usecase, task)
    items = place.installed()
    if len(items) != 1:
        raise UsageError(
            f"{len(items)} models are installed in {place.root}",
            expected="USECASE/TASK, of " + (", ".join(item.name for item in items) or "nothing"),
            remedy="name the one to roll back" if items else "aune install a bundle first",
        )
    return items[0]


def _answer(place: "Store", receipt: "Receipt", done: str, *, as_json: bool) -> None:
    item = receipt.installed
    for warning in receipt.warnings:
        typer.echo(f"aune: {warning}", err=True)
    if as_json:
        print_json(_plain_receipt(receipt))
        return
    typer.echo("\n".join(_lines(item)))
    if receipt.shadow is not None:
        typer.echo("\n".join(_shadow_lines(receipt.shadow)))
    entry = item.shelf.current
    if receipt.key_added:
        typer.echo(f"clé désormais reconnue, à comparer à l'empreinte imprimée : {entry.signer}")
    replaced = f" à la place de {receipt.replaced}" if receipt.replaced else ""
    closing(
        f"{item.name} {entry.version} {done}{replaced}, {receipt.golden_rows} lignes étalons "
        f"rejouées, clé {entry.signer}",
        str(place.root),
        f"aune rollback {item.name}" if item.shelf.previous else "aune installed",
    )


def _lines(item: "Installed") -> list[str]:
    """Describe one task; simulated never looks like measured."""
    shelf = item.shelf
    lines = [f"{item.name} {shelf.current.version}, installé le {shelf.current.installed}"]
    if shelf.current.simulated:
        lines.append("  SIMULATED : appris sur des données SIMULÉES, rien ne vient d'une mesure")
    for title, entries in (("avant", shelf.previous), ("retirée", shelf.withdrawn)):
        lines += [f"  {title:<8} {entry.version}, du {entry.installed}" for entry in entries]
    return lines


def _shadow_lines(shadow: "Shadow") -> list[str]:
    """Say in French how far the new predictions are from the current ones."""
    from common.edge.description import french_number

    rows = f"{french_number(shadow.rows)} {_plural('ligne récente', shadow.rows)}"
    if shadow.why_not:
        return [f"à blanc : {rows}, sans comparaison ({shadow.why_not})"]
    lines = [f"à blanc : {rows}, comparées à la version {shadow.against}"]
    lines += [f"  {_gap_line(gap)}" for gap in shadow.gaps]
    if shadow.outside is not None:
        lines.append(
            f"  hors de l'intervalle de la version {shadow.against} : "
            f"{french_number(round(100 * shadow.outside, 1))}\u00a0% des valeurs"
        )
    return lines


def _gap_line(gap: "Gap") -> str:
    from common.edge.description import french_number

    unit = "" if gap.unit == "1" else f"\u00a0{gap.unit}"
    line = f"{gap.output} : écart moyen {french_number(gap.mean)}{unit}"
    if gap.relative is not None:
        line += f" ({french_number(round(100 * gap.relative, 2))}\u00a0%)"
    line += f", 95\u00a0% sous {french_number(gap.p95)}{unit}"
    line += f", au plus {french_number(gap.largest)}{unit} (ligne {gap.worst_row})"
    if gap.one_sided:
        line += f", {gap.one_sided} {_plural('valeur donnée', gap.one_sided)} par une seule version"
    return line


def _plural(words: str, count: int) -> str:
    """Return French words for a count: the plural starts at two.

    >>> _plural("modèle installé", 0), _plural("modèle installé", 2)
    ('modèle installé', 'modèles installés')
    """
    return words if abs(count) < 2 else " ".join(f"{word}s" for word in words.split())


def _plain(item: "Installed") -> dict[str, Any]:
    from dataclasses import asdict

    shelf = item.shelf
    return {
        "usecase": item.usecase,
        "task": item.task,
        "current": asdict(shelf.current),
        "previous": [asdict(entry) for entry in shelf.previous],
        "withdrawn": [asdict(entry) for entry in shelf.withdrawn],
    }


def _plain_receipt(receipt: "Receipt") -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **_plain(receipt.installed),
        "replaced": receipt.replaced,
        "golden_rows": receipt.golden_rows,
        "key_added": receipt.key_added,
        "removed": list(receipt.removed),
        "warnings": list(receipt.warnings),
        "shadow": None if receipt.shadow is None else asdict(receipt.shadow),
    }
