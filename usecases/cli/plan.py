"""``aune plan``: from observations to proposals, as pages and exports."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.edge.errors import UsageError
from usecases.cli.orders import cases, dataset_of
from usecases.cli.shared import Data, TaskId, UseCaseName, closing

if TYPE_CHECKING:
    from common.lab.usecase import UseCase

__all__ = ["plan"]


def plan(
    usecase: UseCaseName,
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("results/plan"),
    data: Data = "auto",
    task: TaskId = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--with", help="NAME=FILE, as often as needed; a wrong name lists them."),
    ] = None,
) -> None:
    """Write what the observations propose, for people to decide."""
    from common.lab.usecase import PlanOrder

    case = cases(usecase)[0]
    if case.plan is None:
        able = [each.name for each in cases(None) if each.plan is not None]
        raise UsageError(f"{usecase} proposes nothing yet", expected="one of " + ", ".join(able))
    files = _files(case, given or [])
    dataset = dataset_of(case, case.task(task), data, "full")
    page = case.plan(PlanOrder(dataset, out, files, lambda line: typer.echo(line, err=True)))
    closing(f"{case.title} : propositions écrites", str(page), f"aune run {usecase}")


def _files(case: "UseCase", given: list[str]) -> dict[str, Path]:
    """Read NAME=FILE pairs."""
    files = {}
    for pair in given:
        name, _, path = pair.partition("=")
        if name not in case.plan_files or not path:
            known = "; ".join(f"{key}: {text}" for key, text in case.plan_files.items())
            raise UsageError(f"--with {pair}", expected=f"NAME=FILE with one of {known}")
        if not Path(path).is_file():
            raise UsageError(f"--with {pair}: no such file", expected="a file that is there")
        files[name] = Path(path)
    return files
