"""What the commands share: options, opening a bundle, how each of them ends."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usecases.cli.orders import ProfileName, cases

if TYPE_CHECKING:
    from common.edge.bundle import Bundle
    from common.lab.usecase import Task, UseCase

__all__ = [
    "AsJson",
    "BundlePath",
    "Data",
    "OneUseCase",
    "Out",
    "Profile",
    "Seed",
    "TaskId",
    "TrustedKey",
    "UseCaseName",
    "closing",
    "group",
    "open_bundle",
    "print_json",
    "task_of",
]


def group(help_text: str) -> typer.Typer:
    """Return a command group; plain help keeps ``aune --help`` under 0.3 s."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


UseCaseName = Annotated[str, typer.Argument(help="Use case, see aune list.")]
OneUseCase = Annotated[str | None, typer.Argument(help="Use case; all of them by default.")]
Out = Annotated[Path, typer.Option(help="Folder of results.")]
Data = Annotated[
    str, typer.Option(help="auto, open, simulated, or a folder with CSV files of your own.")
]
Profile = Annotated[
    ProfileName, typer.Option(help="quick takes minutes; full all meters, all tracks.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
BundlePath = Annotated[Path, typer.Argument(help="A bundle: a zip file or its folder.")]
TaskId = Annotated[str | None, typer.Option(help="Task id; the first task by default.")]
Seed = Annotated[int, typer.Option(min=0, help="Start of every randomness.")]
TrustedKey = Annotated[
    Path | None, typer.Option("--key", help="Public key (PEM); .aune/trusted by default.")
]


def open_bundle(path: Path, key: Path | None) -> "Bundle":
    """Open a bundle that is signed by ``key``, or by one that this machine trusts."""
    from common.edge.bundle import Bundle
    from common.edge.signature import trusted_keys

    return Bundle.open(path, [key] if key else trusted_keys())


def task_of(opened: "Bundle") -> "tuple[UseCase, Task]":
    """Return the use case and the task that a bundle answers."""
    case = cases(opened.manifest.usecase)[0]
    return case, case.task(opened.manifest.task)


def print_json(value: Any) -> None:
    """Print one JSON object for machines."""
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def closing(done: str, where: str, following: str) -> None:
    """End every command the same way: what was done, where it is, what to do next."""
    typer.echo(f"\nfait    : {done}\noù      : {where}\nensuite : {following}")
