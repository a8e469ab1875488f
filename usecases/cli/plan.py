"""``aune plan``: from observations to proposals, as pages and exports."""

from collections.abc import Sequence
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
    context: typer.Context,
    usecase: UseCaseName,
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("results/plan"),
    data: Data = "auto",
    task: TaskId = None,
) -> None:
    """Write what the observations propose, for people to decide.

    Each use case takes further options of its own, such as --inventory FILE; a wrong name
    lists them.
    """
    from common.lab.usecase import PlanOrder

    case = cases(usecase)[0]
    if case.plan is None:
        able = [each.name for each in cases(None) if each.plan is not None]
        raise UsageError(f"{usecase} proposes nothing yet", expected="one of " + ", ".join(able))
    given = _pairs(case, context.args)
    order = PlanOrder(
        load=lambda: dataset_of(case, case.task(task), data, "full"),
        out=out,
        files={name: _file(name, given[name]) for name in case.plan_files if name in given},
        options={name: given[name] for name in case.plan_options if name in given},
        say=lambda line: typer.echo(line, err=True),
    )
    closing(f"{case.title} : propositions écrites", str(case.plan(order)), f"aune run {usecase}")


def _pairs(case: "UseCase", words: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read ``--name value`` and ``--name=value``; a name may come back."""
    known = {**case.plan_files, **case.plan_options}
    given: dict[str, tuple[str, ...]] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        value = value if equals else next(rest, "")
        if not word.startswith("--") or name not in known or not value:
            listed = "; ".join(f"--{key}: {text}" for key, text in known.items())
            raise UsageError(
                f"{word} {value}".strip(), expected=f"an option with its value: {listed}"
            )
        given[name] = (*given.get(name, ()), value)
    return given


def _file(name: str, values: tuple[str, ...]) -> Path:
    path = Path(values[-1])
    if len(values) > 1 or not path.exists():
        raise UsageError(
            f"--{name} {' '.join(values)}", expected="one file or folder that is there"
        )
    return path
