"""``aune``: the one composition root. Heavy imports live inside the commands."""

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from common.edge.errors import AuneError, UsageError
from usecases.cli import doctor, plan, running, serve, store
from usecases.cli.benchmark import benchmark_app
from usecases.cli.bundle import bundle_app
from usecases.cli.data import data_app
from usecases.cli.journal import journal_app
from usecases.cli.shared import AsJson, Out, closing, group, print_json

__all__ = ["app", "main"]

app = group("Small, explainable, energy-measured reference models for communes.")
app.add_typer(data_app, name="data")
app.add_typer(bundle_app, name="bundle")
app.add_typer(benchmark_app, name="benchmark")
app.add_typer(journal_app, name="journal")
COMMANDS: tuple[Callable[..., None], ...] = (
    running.run,
    running.demo,
    running.evaluate,
    running.calibrate,
    running.measure,
    store.install,
    store.rollback,
    store.installed,
    serve.serve,
    serve.key,
    doctor.doctor,
)
for command in COMMANDS:
    app.command()(command)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(plan.plan)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the use cases and their tasks; without the lab, the installed bundles."""
    from usecases import discover

    if find_spec("pandas") is None:
        store.installed(as_json=as_json)
        return
    rows = [
        {"usecase": name, "task": task.id, "question": task.question}
        for name, usecase in discover().items()
        for task in usecase.tasks
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['usecase']:<18} {row['task']:<16} {row['question']}")
    closing(f"{len(rows)} tâches", "usecases/", "aune run building_energy")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Folder name, such as street_lighting.")],
    title: Annotated[str, typer.Option(help="French title of its pages.")] = "Nouveau cas d'usage",
) -> None:
    """Write the folder of a new use case, which runs and conforms as it stands."""
    from usecases.new import new_usecase

    folder = new_usecase(name, title)
    closing(
        f"cas d'usage {name} écrit, {len(list(folder.iterdir()))} fichiers",
        str(folder),
        f"./run aune run {name} --data simulated ; ./run test -k {name}",
    )


@app.command()
def ui(
    out: Out = Path("results"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Local port.")] = 5000,
) -> None:
    """Open MLflow's pages on the logged runs, on this machine only."""
    from common.lab.publish import mlflow_store
    from common.lab.tracking import ui_command

    if not (out / "mlflow.db").is_file():
        raise UsageError(
            f"there is no {out / 'mlflow.db'}",
            expected="the MLflow store of a folder of results",
            remedy="./run demo makes one",
        )
    closing("MLflow démarre (Ctrl-C pour arrêter)", f"http://127.0.0.1:{port}", f"{out}/")
    sys.stdout.flush()
    command = ui_command(mlflow_store(out), port=port)
    os.execvp(command[0], command)  # noqa: S606 - our own argv, no shell


def main() -> None:
    """Run the command line; errors made on purpose become messages and exit codes."""
    try:
        app()
    except ModuleNotFoundError as error:
        if find_spec("pandas") is not None:
            raise
        _end(_without_lab(error))
    except AuneError as error:
        _end(error)


def _without_lab(error: ModuleNotFoundError) -> UsageError:
    """Say that a command of the lab was asked of a machine that only serves."""
    return UsageError(
        f"this command needs {error.name}, which is not installed here",
        expected="a machine with the lab; here: install, list, rollback, serve, bundle, journal",
        remedy="pip install 'aune[lab]'",
    )


def _end(error: AuneError) -> NoReturn:
    typer.echo(f"aune: {error}", err=True)
    sys.exit(error.exit_code)
