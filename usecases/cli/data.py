"""``aune data``: list, fetch and check the public data."""

import os
from pathlib import Path

import typer

from usecases.cli.orders import cases
from usecases.cli.shared import AsJson, OneUseCase, closing, group, print_json

__all__ = ["data_app"]

data_app = group("Public data: list, fetch, check.")


@data_app.command("list")
def data_list(usecase: OneUseCase = None, *, as_json: AsJson = False) -> None:
    """List the data sets, their publishers and licences."""
    sources = [source for case in cases(usecase) for source in case.sources]
    if as_json:
        print_json(
            [{"name": s.name, "publisher": s.publisher, "licence": s.licence} for s in sources]
        )
        return
    for source in sources:
        kind = "table préparée" if source.prepared_only else f"{len(source.files)} fichiers"
        typer.echo(f"{source.name:<18} {kind:<16} {source.title}")
        typer.echo(f"{'':<18} {source.publisher}; {source.licence}; {source.period}")
    closing(f"{len(sources)} jeux de données", "usecases/*/sources.toml", "aune data fetch")


@data_app.command("fetch")
def data_fetch(usecase: OneUseCase = None, *, as_json: AsJson = False) -> None:
    """Fetch the public data, verified; resumes where it stopped."""
    from common.lab.sources import fetch

    found: dict[tuple[str, str], Path] = {}
    for case in cases(usecase):
        found |= fetch([source for source in case.sources if not source.prepared_only])
    if as_json:
        print_json([{"source": key[0], "path": key[1], "file": str(found[key])} for key in found])
        return
    closing(
        f"{len(found)} fichiers vérifiés", _data_place(), "aune run building_energy --data open"
    )


@data_app.command("check")
def data_check(usecase: OneUseCase = None, *, as_json: AsJson = False) -> None:
    """Hash every public file again and say which is missing or changed; exit 3 if any is."""
    from common.lab.sources import check

    asked = cases(usecase)
    optional = {source.name for case in asked for source in case.sources if source.prepared_only}
    states = [state for case in asked for state in check(case.sources)]
    wrong = [state for state in states if state.state != "present"]
    refused = [state for state in wrong if state.state == "changed" or state.source not in optional]
    if as_json:
        print_json([vars(state) for state in states])
    else:
        for state in wrong:
            typer.echo(f"{state.state:<8} {state.source} {state.path}")
        closing(
            f"{len(states) - len(wrong)} fichiers intacts sur {len(states)}",
            _data_place(),
            "aune data fetch" if refused else "aune run building_energy",
        )
    if refused:
        raise typer.Exit(3)


def _data_place() -> str:
    from common.lab.sources import cache_folder

    return os.environ.get("AUNE_MIRROR") or str(cache_folder())
