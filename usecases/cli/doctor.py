"""``aune doctor``: how this machine stands, as a server and, where the lab is there, as a lab."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from usecases.cli.orders import cases
from usecases.cli.shared import AsJson, Out, closing, print_json

__all__ = ["doctor"]


def doctor(
    out: Out = Path("results"),
    store: Annotated[Path | None, typer.Option(help="Folder of the store.")] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Folder of the journal; journal in the store by default.")
    ] = None,
    watch: Annotated[
        Path | None, typer.Option(help="Folder of aune serve --watch; watch in the store.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how this machine stands and what to do; works without the lab.

    Exit code 4: a signature, a checksum or the journal's chain does not hold. 5: data are
    unusual, or an interval holds too seldom. 0: neither.
    """
    from dataclasses import asdict

    from common.edge.checkup import exit_code, look_over
    from common.edge.store.shelves import store_root

    root = store or store_root()
    findings = list(look_over(root, journal, watch))
    lab = list(_lab(out))
    code = exit_code(findings)
    if as_json:
        print_json({"serving": [asdict(item) for item in findings], "lab": lab, "exit": code})
        raise typer.Exit(code)
    for item in findings:
        typer.echo(f"{item.topic:<14}: {item.text}")
    for line in lab:
        typer.echo(line)
    advice = {
        4: "réparer ce qui est refusé : aune install, aune rollback, aune journal verify",
        5: "regarder les données inhabituelles : docs/guide-commune.md, « Données inhabituelles »",
    }
    nothing = "./run demo" if find_spec("pandas") is not None else "aune serve"
    closing("machine examinée", str(root), advice.get(code, nothing))
    raise typer.Exit(code)


def _lab(out: Path) -> Iterator[str]:
    if find_spec("pandas") is None:
        return
    from common.lab.diagnosis import diagnose

    yield from diagnose(out, [source for case in cases(None) for source in case.sources])
