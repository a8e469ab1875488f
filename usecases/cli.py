"""``aune``: the one composition root. Heavy imports live inside the commands."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.edge.errors import AuneError, UsageError

if TYPE_CHECKING:
    from common.lab.usecase import Dataset, Task, UseCase

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

Out = Annotated[Path, typer.Option(help="Folder of results.")]
Data = Annotated[
    str, typer.Option(help="auto, open, simulated, or a folder with CSV files of your own.")
]
Profile = Annotated[str, typer.Option(help="quick (minutes) or full (all meters, all tracks).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]
BundlePath = Annotated[Path, typer.Argument(help="A bundle: a zip file or its folder.")]
TaskId = Annotated[str | None, typer.Option(help="Task id; the first task by default.")]
Seed = Annotated[int, typer.Option(help="Start of every randomness.")]
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
def data_list(usecase: str | None = None, *, as_json: AsJson = False) -> None:
    """List the data sets, their publishers and licences."""
    sources = [source for case in _cases(usecase) for source in case.sources]
    if as_json:
        _json([{"name": s.name, "publisher": s.publisher, "licence": s.licence} for s in sources])
        return
    for source in sources:
        kind = "table préparée" if source.prepared_only else f"{len(source.files)} fichiers"
        typer.echo(f"{source.name:<18} {kind:<16} {source.title}")
        typer.echo(f"{'':<18} {source.publisher}; {source.licence}; {source.period}")
    _closing(f"{len(sources)} jeux de données", "usecases/*/sources.toml", "aune data fetch")


@data_app.command("fetch")
def data_fetch(usecase: str | None = None) -> None:
    """Fetch the public data, verified; resumes where it stopped."""
    from common.lab.sources import cache_folder, fetch

    found = {}
    for case in _cases(usecase):
        found |= fetch([source for source in case.sources if not source.prepared_only])
    where = os.environ.get("AUNE_MIRROR") or str(cache_folder())
    _closing(f"{len(found)} fichiers vérifiés", where, "aune run building_energy --data open")


@data_app.command("check")
def data_check(usecase: str | None = None) -> None:
    """Hash every public file again and say which is missing or changed."""
    from common.lab.sources import check

    states = [state for case in _cases(usecase) for state in check(case.sources)]
    wrong = [state for state in states if state.state != "present"]
    for state in wrong:
        typer.echo(f"{state.state:<8} {state.source} {state.path}")
    _closing(
        f"{len(states) - len(wrong)} fichiers intacts sur {len(states)}",
        os.environ.get("AUNE_MIRROR", "cache"),
        "aune data fetch" if wrong else "aune run building_energy",
    )
    if wrong:
        raise typer.Exit(3)


@app.command()
def run(
    usecase: Annotated[str, typer.Argument(help="Use case, see aune list.")],
    task: TaskId = None,
    data: Data = "auto",
    profile: Profile = "quick",
    out: Out = Path("results"),
    seed: Seed = 20220101,
    *,
    as_json: AsJson = False,
) -> None:
    """Fit the ladder, choose, score, measure, export, log and show one task."""
    published = _run(usecase, task, data, profile, out, seed)
    if as_json:
        typer.echo(published.run.to_json())
        return
    _table([published.run])
    _closing(
        f"{usecase} / {published.run.task} : {published.run.chosen} est retenu",
        str(published.folder),
        f"aune bundle inspect {published.bundle}",
    )


@app.command()
def demo(
    data: Data = "auto",
    profile: Profile = "quick",
    out: Out = Path("results"),
    seed: Seed = 20220101,
) -> None:
    """Run the pilots end to end on public data, or on the simulator where none is at hand."""
    from usecases import discover

    runs = []
    for name, case in discover().items():
        for each in case.tasks:
            typer.echo(f"\n{name} / {each.id} : {each.question}")
            runs.append(_run(name, each.id, data, profile, out, seed))
    _table([published.run for published in runs])
    _closing(
        f"{len(runs)} tâches entraînées, mesurées, exportées et journalisées",
        str(out / "index.html"),
        f"./run aune bundle inspect {runs[0].bundle} ; ./run aune ui ; ./run test",
    )


@app.command()
def evaluate(
    bundle: BundlePath,
    data: Data,
    key: TrustedKey = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Score a bundle on other sites, as it is (zero-shot)."""
    from common.lab.evaluation import evaluate as score_bundle

    opened = _open(bundle, key)
    case, task = _task_of(opened)
    scores = score_bundle(opened, task, _dataset(case, task, data, "full"))
    if as_json:
        _json({name: vars(score) for name, score in scores.items()})
        return
    from common.lab.pages.french import interval, number

    for metric in task.metrics:
        score = scores[metric.name]
        typer.echo(
            f"{metric.title:<48} {number(score.value, 2)} {score.unit} "
            f"{interval(score.low, score.high, 2)}"
        )
    sites = next(iter(scores.values())).n_units
    _closing(f"{sites} sites notés", data, f"aune calibrate {bundle} --data {data}")


@app.command()
def calibrate(
    bundle: BundlePath,
    data: Data,
    out: Annotated[Path, typer.Option(help="State file to write.")] = Path("calibration.json"),
    key: TrustedKey = None,
) -> None:
    """Update the interval offsets of each site beside the bundle, from its latest data."""
    from common.lab.evaluation import calibrate as offsets

    opened = _open(bundle, key)
    case, task = _task_of(opened)
    sites = offsets(opened, task, _dataset(case, task, data, "full"), out)
    _closing(f"{sites} sites calibrés", str(out), f"aune bundle predict {bundle} --state {out} ...")


@app.command()
def measure(
    bundle: BundlePath,
    key: TrustedKey = None,
    seconds: Annotated[float, typer.Option(help="CPU-seconds per block.")] = 5.0,
) -> None:
    """Measure a bundle's predictions by the full energy protocol on this machine."""
    from common.lab.evaluation import measure as measure_bundle

    from common.lab import energy

    for footprint in measure_bundle(_open(bundle, key), seconds):
        typer.echo(energy.describe_energy(footprint))
    _closing("prédictions mesurées", str(bundle), "aune bundle verify " + str(bundle))


@bundle_app.command("verify")
def bundle_verify(bundle: BundlePath, key: TrustedKey = None) -> None:
    """Verify signature, checksums, operators and golden rows."""
    opened = _open(bundle, key)
    manifest = opened.manifest
    _closing(
        f"paquet intègre : {manifest.usecase} / {manifest.task} {manifest.version}",
        str(bundle),
        f"aune bundle inspect {bundle}",
    )


@bundle_app.command("inspect")
def bundle_inspect(bundle: BundlePath, key: TrustedKey = None, *, as_json: AsJson = False) -> None:
    """Say what a bundle takes, gives and rests on."""
    from common.edge.bundle import describe

    opened = _open(bundle, key)
    if as_json:
        _json(opened.inspect())
        return
    typer.echo(describe(opened))
    _closing("paquet décrit", str(bundle), f"aune bundle predict {bundle} INPUTS.npz")


@bundle_app.command("predict")
def bundle_predict(
    bundle: BundlePath,
    inputs: Annotated[Path, typer.Argument(help="npz file with one array per input.")],
    out: Annotated[Path, typer.Option(help="npz file to write.")] = Path("predictions.npz"),
    key: TrustedKey = None,
) -> None:
    """Predict from arrays of raw inputs, one row each, without the lab."""
    import numpy as np

    opened = _open(bundle, key)
    with np.load(inputs, allow_pickle=False) as arrays:
        outputs = opened.predict({name: arrays[name] for name in arrays.files})
    np.savez(out, **outputs)  # type: ignore[arg-type]  # numpy stubs: values are arrays
    rows = len(next(iter(outputs.values())))
    _closing(f"{rows} lignes prédites", str(out), f"aune bundle inspect {bundle}")


@app.command()
def ui(out: Out = Path("results"), port: int = 5000) -> None:
    """Open MLflow's pages on the logged runs, on this machine only."""
    from common.lab.tracking import ui_command

    command = ui_command(out, port=port)
    typer.echo("http://127.0.0.1:" + str(port))
    os.execvp(command[0], command)  # noqa: S606 - our own argv, no shell


@app.command()
def doctor(out: Out = Path("results")) -> None:
    """Say what this machine can do and what is missing."""
    from common.lab.diagnosis import diagnose

    for line in diagnose(out):
        typer.echo(line)
    _closing("machine examinée", str(out), "./run demo")


def main() -> None:
    """Run the command line; errors made on purpose become messages and exit codes."""
    try:
        app()
    except AuneError as error:
        typer.echo(f"aune: {error}", err=True)
        sys.exit(error.exit_code)


def _cases(usecase: str | None) -> "list[UseCase]":
    from usecases import discover

    cases = discover()
    if usecase is None:
        return list(cases.values())
    if usecase not in cases:
        raise UsageError(f"no use case {usecase!r}", expected="one of " + ", ".join(cases))
    return [cases[usecase]]


def _dataset(case: "UseCase", task: "Task", data: str, profile: str) -> "Dataset":
    """Return the data asked for; ``auto`` falls back on the simulator, loudly."""
    from common.edge.errors import SourceError

    if data == "simulated":
        return case.simulate(task, 0)
    if data not in ("auto", "open"):
        return case.read(Path(data), task)
    try:
        return case.load(task, profile)
    except SourceError as error:
        if data == "open":
            raise
        typer.echo(f"données publiques indisponibles ({error.found}) : données SIMULÉES", err=True)
        return case.simulate(task, 0)


def _run(usecase: str, task_id: str | None, data: str, profile: str, out: Path, seed: int) -> Any:
    from common.lab import harness
    from common.lab.publish import publish

    if profile not in ("quick", "full"):
        raise UsageError(f"profile {profile!r}", expected="quick or full")
    case = _cases(usecase)[0]
    task = case.task(task_id)
    options = harness.Options(profile=profile, out=out, seed=seed, report=_progress)  # type: ignore[arg-type]  # checked above
    dataset = _dataset(case, task, data, profile)
    return publish(case, task, harness.run(case, task, dataset, options), options)


def _open(path: Path, key: Path | None) -> Any:
    from common.edge.bundle import Bundle
    from common.edge.signature import trusted_keys

    return Bundle.open(path, [key] if key else trusted_keys(Path(".aune/trusted")))


def _task_of(opened: Any) -> "tuple[UseCase, Task]":
    case = _cases(opened.manifest.usecase)[0]
    return case, case.task(opened.manifest.task)


def _table(runs: list[Any]) -> None:
    from common.lab.pages.terminal import text_table

    typer.echo(text_table(runs))


def _progress(line: str) -> None:
    typer.echo(f"  · {line}", err=True)


def _json(value: Any) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _closing(done: str, where: str, following: str) -> None:
    """End every command the same way: what was done, where it is, what to do next."""
    typer.echo(f"\nfait    : {done}\noù      : {where}\nensuite : {following}")


if __name__ == "__main__":
    main()
