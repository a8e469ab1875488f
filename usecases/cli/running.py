"""``aune run``, ``demo``, ``evaluate``, ``calibrate``, ``measure``: the lab's own commands."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.edge.errors import ThresholdError
from usecases.cli.orders import Order, dataset_of, run_all, run_one, suited
from usecases.cli.shared import (
    AsJson,
    BundlePath,
    Data,
    Out,
    Profile,
    Seed,
    TaskId,
    TrustedKey,
    UseCaseName,
    closing,
    open_bundle,
    print_json,
    task_of,
)

if TYPE_CHECKING:
    from common.lab.record import Run, Score

__all__ = ["calibrate", "demo", "evaluate", "measure", "run"]


def run(
    usecase: UseCaseName,
    task: TaskId = None,
    data: Data = "auto",
    profile: Profile = "quick",
    out: Out = Path("results"),
    seed: Seed = 20220101,
    resume: Annotated[
        Path | None,
        typer.Option(help="Folder of cases that agents corrected, to learn from as well."),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Fit the ladder, choose, score, measure, export, log and show one task."""
    published = run_one(Order(usecase, task, data, profile, out, seed, resume=resume))
    if as_json:
        typer.echo(published.run.to_json())
        return
    table([published.run])
    closing(
        f"{usecase} / {published.run.task} : {published.run.chosen} est retenu",
        str(published.page),
        f"aune bundle inspect {published.bundle}",
    )


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
    table([each.run for each in published])
    closing(
        f"{len(published)} tâches entraînées, mesurées, exportées et journalisées",
        str(out / "index.html"),
        f"./run aune bundle inspect {published[0].bundle} ; "
        "./run aune benchmark demo --out contest ; ./run aune ui",
    )


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
    from common.lab.pages.french import plural

    opened = open_bundle(bundle, key)
    case, declared = task_of(opened)
    task, dataset = suited(case, declared, dataset_of(case, declared, data, "full"), opened)
    result = evaluation.evaluate(opened, task, dataset)
    main_score = result.scores[task.metrics[0].name]
    if as_json:
        print_json(
            {
                "period": str(result.period),
                "rows": result.n_rows,
                "scores": _plain(result.scores),
                "references": {name: _plain(row) for name, row in result.references.items()},
            }
        )
    else:
        typer.echo("\n".join(evaluation.describe(result, task)))
        closing(
            f"{plural(main_score.n_units, 'unité notée', 'unités notées')}, "
            f"{plural(result.n_rows, 'ligne')}, {result.period}",
            data,
            f"aune calibrate {bundle} --data {data}",
        )
    if below is not None and not main_score.value < below:
        raise ThresholdError(
            f"{main_score.metric} {main_score.value:g} {main_score.unit}", expected=f"< {below:g}"
        )


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

    opened = open_bundle(bundle, key)
    case, declared = task_of(opened)
    task, dataset = suited(case, declared, dataset_of(case, declared, data, "full"), opened)
    sites = evaluation.calibrate(opened, task, dataset, out)
    if as_json:
        print_json({"sites": sites, "state": str(out), "bundle": opened.digest})
        return
    closing(
        f"{sites} sites calibrés",
        str(out),
        f"aune bundle predict {bundle} ENTREES.npz --state {out} --site SITE",
    )


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

    footprints = evaluation.measure(open_bundle(bundle, key), seconds)
    if as_json:
        print_json([vars(footprint) for footprint in footprints])
        return
    for footprint in footprints:
        typer.echo(f"{footprint.stage} : {energy.describe_energy(footprint)}")
    closing("prédictions mesurées", str(bundle), f"aune bundle verify {bundle}")


def table(runs: "list[Run]") -> None:
    from common.lab.pages.terminal import text_table

    typer.echo(text_table(runs))


def _plain(scores: "dict[str, Score] | Any") -> dict[str, Any]:
    return {name: vars(score) for name, score in scores.items()}
