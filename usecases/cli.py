"""``aune``: the one composition root. Heavy imports live inside the commands."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.edge.errors import AuneError, TableError, ThresholdError, UsageError
from usecases.orders import Order, ProfileName, cases, dataset_of, run_all, run_one

if TYPE_CHECKING:
    from common.edge.bundle import Bundle
    from common.lab.record import Run, Score
    from common.lab.usecase import Task, UseCase

__all__ = ["app", "main"]


def _group(help_text: str) -> typer.Typer:
    """Return a command group; plain help keeps ``aune --help`` under 0.3 s."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


app = _group("Small, explainable, energy-measured reference models for communes.")
data_app = _group("Public data: list, fetch, check.")
bundle_app = _group("Bundles: verify, inspect, predict.")
app.add_typer(data_app, name="data")
app.add_typer(bundle_app, name="bundle")

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


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the use cases and their tasks."""
    from usecases import discover

    rows = [
        {"usecase": name, "task": task.id, "question": task.question}
        for name, usecase in discover().items()
        for task in usecase.tasks
    ]
    if as_json:
        _json(rows)
        return
    for row in rows:
        typer.echo(f"{row['usecase']:<18} {row['task']:<16} {row['question']}")
    _closing(f"{len(rows)} tâches", "usecases/", "aune run building_energy")


@data_app.command("list")
def data_list(usecase: OneUseCase = None, *, as_json: AsJson = False) -> None:
    """List the data sets, their publishers and licences."""
    sources = [source for case in cases(usecase) for source in case.sources]
    if as_json:
        _json([{"name": s.name, "publisher": s.publisher, "licence": s.licence} for s in sources])
        return
    for source in sources:
        kind = "table préparée" if source.prepared_only else f"{len(source.files)} fichiers"
        typer.echo(f"{source.name:<18} {kind:<16} {source.title}")
        typer.echo(f"{'':<18} {source.publisher}; {source.licence}; {source.period}")
    _closing(f"{len(sources)} jeux de données", "usecases/*/sources.toml", "aune data fetch")


@data_app.command("fetch")
def data_fetch(usecase: OneUseCase = None, *, as_json: AsJson = False) -> None:
    """Fetch the public data, verified; resumes where it stopped."""
    from common.lab.sources import fetch

    found: dict[tuple[str, str], Path] = {}
    for case in cases(usecase):
        found |= fetch([source for source in case.sources if not source.prepared_only])
    if as_json:
        _json([{"source": key[0], "path": key[1], "file": str(found[key])} for key in found])
        return
    _closing(
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
        _json([vars(state) for state in states])
    else:
        for state in wrong:
            typer.echo(f"{state.state:<8} {state.source} {state.path}")
        _closing(
            f"{len(states) - len(wrong)} fichiers intacts sur {len(states)}",
            _data_place(),
            "aune data fetch" if refused else "aune run building_energy",
        )
    if refused:
        raise typer.Exit(3)


@app.command()
def run(
    usecase: UseCaseName,
    task: TaskId = None,
    data: Data = "auto",
    profile: Profile = "quick",
    out: Out = Path("results"),
    seed: Seed = 20220101,
    *,
    as_json: AsJson = False,
) -> None:
    """Fit the ladder, choose, score, measure, export, log and show one task."""
    published = run_one(Order(usecase, task, data, profile, out, seed))
    if as_json:
        typer.echo(published.run.to_json())
        return
    _table([published.run])
    _closing(
        f"{usecase} / {published.run.task} : {published.run.chosen} est retenu",
        str(published.page),
        f"aune bundle inspect {published.bundle}",
    )


@app.command()
def demo(
    data: Data = "auto",
    profile: Profile = "quick",
    out: Out = Path("results"),
    seed: Seed = 20220101,
) -> None:
    """Run the pilots end to end on public data, or on the simulator where none is at hand.

    Tasks run two at a time; one at a time in the full profile, whose energy protocol
    wants the machine to itself.
    """
    from usecases import discover

    tasks = [(name, task) for name, case in discover().items() for task in case.tasks]
    for name, task in tasks:
        typer.echo(f"{name} / {task.id} : {task.question}")
    orders = [
        Order(name, task.id, data, profile, out, seed, prefix=f"{task.id:<16} ")
        for name, task in tasks
    ]
    published = run_all(orders)
    _table([each.run for each in published])
    _closing(
        f"{len(published)} tâches entraînées, mesurées, exportées et journalisées",
        str(out / "index.html"),
        f"./run aune bundle inspect {published[0].bundle} ; ./run aune ui ; ./run test",
    )


@app.command()
def evaluate(
    bundle: BundlePath,
    data: Data = "auto",
    key: TrustedKey = None,
    below: Annotated[
        float | None, typer.Option(help="Exit 5 unless the main metric is below this value.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Score a bundle on other sites, as it is (zero-shot), beside doing without AI."""
    from common.lab import evaluation

    opened = _open(bundle, key)
    case, task = _task_of(opened)
    result = evaluation.evaluate(opened, task, dataset_of(case, task, data, "full"))
    main_score = result.scores[task.metrics[0].name]
    if as_json:
        _json(
            {
                "period": str(result.period),
                "rows": result.n_rows,
                "scores": _plain(result.scores),
                "references": {name: _plain(row) for name, row in result.references.items()},
            }
        )
    else:
        typer.echo("\n".join(evaluation.describe(result, task)))
        _closing(
            f"{main_score.n_units} sites notés, {result.n_rows} lignes, {result.period}",
            data,
            f"aune calibrate {bundle} --data {data}",
        )
    if below is not None and not main_score.value < below:
        raise ThresholdError(
            f"{main_score.metric} {main_score.value:g} {main_score.unit}", expected=f"< {below:g}"
        )


@app.command()
def calibrate(
    bundle: BundlePath,
    data: Data,
    out: Annotated[Path, typer.Option(help="State file to write.")] = Path("calibration.json"),
    key: TrustedKey = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Update the interval offsets of each site beside the bundle, from its latest data."""
    from common.lab import evaluation

    opened = _open(bundle, key)
    case, task = _task_of(opened)
    sites = evaluation.calibrate(opened, task, dataset_of(case, task, data, "full"), out)
    if as_json:
        _json({"sites": sites, "state": str(out), "bundle": opened.digest})
        return
    _closing(
        f"{sites} sites calibrés",
        str(out),
        f"aune bundle predict {bundle} ENTREES.npz --state {out} --site SITE",
    )


@app.command()
def measure(
    bundle: BundlePath,
    key: TrustedKey = None,
    seconds: Annotated[
        float, typer.Option(min=0.01, max=600, help="CPU-seconds per block; 5 is the protocol.")
    ] = 5.0,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure a bundle's predictions by the full energy protocol on this machine."""
    from common.lab import energy, evaluation

    footprints = evaluation.measure(_open(bundle, key), seconds)
    if as_json:
        _json([vars(footprint) for footprint in footprints])
        return
    for footprint in footprints:
        typer.echo(f"{footprint.stage} : {energy.describe_energy(footprint)}")
    _closing("prédictions mesurées", str(bundle), f"aune bundle verify {bundle}")


@bundle_app.command("verify")
def bundle_verify(bundle: BundlePath, key: TrustedKey = None, *, as_json: AsJson = False) -> None:
    """Verify signature, checksums, operators and golden rows."""
    opened = _open(bundle, key)
    manifest = opened.manifest
    if as_json:
        _json({"verified": True, "signer": opened.signer, "digest": opened.digest})
        return
    _closing(
        f"paquet intègre : {manifest.usecase} / {manifest.task} {manifest.version}, "
        f"{manifest.golden_rows} lignes étalons rejouées, clé {opened.signer}",
        str(bundle),
        f"aune bundle inspect {bundle}",
    )


@bundle_app.command("inspect")
def bundle_inspect(bundle: BundlePath, key: TrustedKey = None, *, as_json: AsJson = False) -> None:
    """Say what a bundle takes, gives and rests on."""
    from common.edge.description import describe

    opened = _open(bundle, key)
    if as_json:
        _json(opened.inspect())
        return
    typer.echo(describe(opened))
    _closing("paquet décrit", str(bundle), f"aune bundle predict {bundle} ENTREES.npz")


@bundle_app.command("predict")
def bundle_predict(
    bundle: BundlePath,
    inputs: Annotated[Path, typer.Argument(help="npz file with one array per input.")],
    out: Annotated[Path, typer.Option(help="npz file to write.")] = Path("predictions.npz"),
    key: TrustedKey = None,
    state: Annotated[
        Path | None, typer.Option(help="State file of aune calibrate: each site's offsets.")
    ] = None,
    site: Annotated[
        str | None, typer.Option(help="Site of all rows; else the npz file's array site.")
    ] = None,
) -> None:
    """Predict from arrays of raw inputs, one row each, without the lab's packages."""
    import numpy as np

    opened = _open(bundle, key)
    arrays = _arrays(inputs)
    sites = arrays.pop("site", None)
    if state is not None and arrays:
        rows = len(next(iter(arrays.values())))
        sites = np.full(rows, site) if site is not None else sites
        arrays |= _state_inputs(opened, state, sites, taken=set(arrays))
    outputs = opened.predict(arrays)
    saved: dict[str, Any] = dict(outputs)
    np.savez(out, **saved)
    rows = len(next(iter(outputs.values())))
    _closing(f"{rows} lignes prédites", str(out), f"aune bundle inspect {bundle}")


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
    _closing("MLflow démarre (Ctrl-C pour arrêter)", f"http://127.0.0.1:{port}", f"{out}/")
    sys.stdout.flush()
    command = ui_command(mlflow_store(out), port=port)
    os.execvp(command[0], command)  # noqa: S606 - our own argv, no shell


@app.command()
def doctor(out: Out = Path("results"), *, as_json: AsJson = False) -> None:
    """Say what this machine can do and what is missing."""
    from common.lab.diagnosis import diagnose

    lines = list(diagnose(out, [source for case in cases(None) for source in case.sources]))
    if as_json:
        _json(lines)
        return
    typer.echo("\n".join(lines))
    _closing("machine examinée", str(out), "./run demo")


def main() -> None:
    """Run the command line; errors made on purpose become messages and exit codes."""
    try:
        app()
    except AuneError as error:
        typer.echo(f"aune: {error}", err=True)
        sys.exit(error.exit_code)


def _open(path: Path, key: Path | None) -> "Bundle":
    from common.edge.bundle import Bundle
    from common.edge.signature import trusted_keys

    return Bundle.open(path, [key] if key else trusted_keys())


def _task_of(opened: "Bundle") -> "tuple[UseCase, Task]":
    case = cases(opened.manifest.usecase)[0]
    return case, case.task(opened.manifest.task)


def _arrays(path: Path) -> dict[str, Any]:
    """Read an npz file of inputs."""
    import zipfile

    import numpy as np

    if not path.is_file():
        raise UsageError(f"there is no file {path}", expected="an npz file with one array an input")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise TableError(
            f"{path.name} cannot be read: {error}",
            expected="an npz file of plain arrays, one for each input",
            remedy="write it with numpy.savez",
        ) from error


def _state_inputs(opened: "Bundle", path: Path, sites: Any, *, taken: set[str]) -> dict[str, Any]:
    """Return each row's calibrated inputs."""
    from common.lab.state import read_state

    if sites is None:
        raise UsageError(
            "a state without a site", expected="--site NAME, or an array site in the npz file"
        )
    inputs = read_state(path).inputs(opened, sites)
    doubled = sorted(taken & set(inputs))
    if doubled:
        raise UsageError(
            f"{', '.join(doubled)} both in the npz file and in the state", expected="one of them"
        )
    return inputs


def _data_place() -> str:
    from common.lab.sources import cache_folder

    return os.environ.get("AUNE_MIRROR") or str(cache_folder())


def _table(runs: "list[Run]") -> None:
    from common.lab.pages.terminal import text_table

    typer.echo(text_table(runs))


def _plain(scores: "dict[str, Score] | Any") -> dict[str, Any]:
    return {name: vars(score) for name, score in scores.items()}


def _json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _closing(done: str, where: str, following: str) -> None:
    """End every command the same way: what was done, where it is, what to do next."""
    typer.echo(f"\nfait    : {done}\noù      : {where}\nensuite : {following}")


if __name__ == "__main__":
    main()
