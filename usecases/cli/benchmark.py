"""``aune benchmark``: hold a vendor's solution against the reference, fairly."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.edge.errors import ChecksumError, DataError, UsageError
from usecases.cli.orders import cases, dataset_of, suited
from usecases.cli.shared import AsJson, Data, Out, TrustedKey, closing, group, print_json

if TYPE_CHECKING:
    from benchmarks.sealing.pack import Pack
    from common.lab.contest import Finding
    from common.lab.usecase import Period, Task, UseCase

__all__ = ["benchmark_app"]

benchmark_app = group("Vendors' solutions against the reference: seal, check, score, verify.")

PackPath = Annotated[Path, typer.Argument(help="A pack made by aune benchmark pack.")]
Candidate = Annotated[
    Path, typer.Argument(help="Folder of a candidate: declaration.toml and its answers.")
]
Keys = Annotated[
    list[Path] | None, typer.Option("--keyfile", help="Key file kept apart from the pack.")
]
SEVERITY_WORDS = {"refused": "REFUS", "review": "À EXAMINER", "note": "note"}


@benchmark_app.command("pack")
def pack(
    task: Annotated[str, typer.Argument(help="Task id, or usecase/task; see aune list.")],
    out: Annotated[Path, typer.Option(help="New folder of the pack.")],
    reference: Annotated[
        Path | None, typer.Option(help="Bundle of the reference; the newest result by default.")
    ] = None,
    data: Data = "auto",
    window: Annotated[
        str | None,
        typer.Option(help="Civil days to seal, 2025-01-01..2026-01-01; the test period if left."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of results with the reference.")] = Path(
        "results"
    ),
    key: TrustedKey = None,
    lot: Annotated[str, typer.Option(help="Lot of the tender.")] = "1",
    *,
    quick: Annotated[bool, typer.Option(help="Fewer sites of the public data.")] = False,
    two_keys: Annotated[bool, typer.Option(help="Split the key between two people.")] = False,
) -> None:
    """Seal the labels of a window and write what vendors receive."""
    from benchmarks import steps
    from common.edge.bundle import Bundle

    case, declared = _task_named(task)
    held = reference or _newest(results, case, declared)
    opened = Bundle.open(held, _trusted(key))
    read = dataset_of(case, declared, data, "quick" if quick else "full")
    found, dataset = suited(case, declared, read, opened)
    order = steps.Order(
        reference=held,
        window=_window(window),
        trusted=_trusted(key),
        public=bool(dataset.sources) or dataset.simulated,
        lot=lot,
        two_keys=two_keys,
        say=_say,
    )
    sealed = steps.pack(case, found, dataset, order, out)
    closing(
        f"{sealed.protocol['n_rows']} réponses scellées, racine {sealed.root.hex()[:16]}… "
        "à publier avant toute remise",
        f"{out}/vendor (à remettre), {out}/buyer (à garder)",
        f"aune benchmark submit {out} CANDIDAT",
    )


@benchmark_app.command("check")
def check(sealed: PackPath, candidate: Candidate, *, as_json: AsJson = False) -> None:
    """Look at a candidate without labels and without a trace; exit 3 if it is refused."""
    from benchmarks import steps

    opened, task = _opened(sealed)
    findings = steps.check(opened, task, candidate)
    refused = _print_findings(findings, as_json=as_json)
    if not as_json:
        closing(
            "candidat refusé" if refused else "candidat recevable",
            str(candidate),
            f"aune benchmark submit {sealed} {candidate}",
        )
    if refused:
        raise typer.Exit(3)


@benchmark_app.command("submit")
def submit(
    sealed: PackPath,
    candidate: Candidate,
    *,
    record_refusal: Annotated[
        bool, typer.Option(help="Log a refused candidate too; it uses up a submission.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a candidate through its door (file, model or endpoint), check, keep and log it."""
    from benchmarks import steps

    opened, task = _opened(sealed)
    entered, receipt = steps.submit(opened, task, candidate, record_refusal=record_refusal)
    _print_findings(entered.entry.findings, as_json=as_json)
    if receipt is None:
        raise DataError(
            f"{candidate.name} is refused",
            expected="a candidate without any refusal",
            remedy="mend the file; nothing was logged",
        )
    if not as_json:
        closing(
            f"{entered.entry.title} enregistrée, reçu {receipt.hash[:16]}…",
            f"{sealed}/submissions/{entered.entry.id}",
            f"aune benchmark score {sealed}",
        )


@benchmark_app.command("score")
def score(
    sealed: PackPath,
    keyfile: Keys = None,
    out: Out = Path("results"),
    *,
    as_json: AsJson = False,
) -> None:
    """Say what can be detected, open the labels, compare everybody and write the report."""
    from benchmarks import steps
    from benchmarks.comparing.comparison import body
    from benchmarks.comparing.logged import log_comparison
    from benchmarks.report.terminal import text_table
    from common.lab.publish import mlflow_store

    opened, task = _opened(sealed)
    report = steps.score(opened, task, keys=keyfile or (), say=_say)
    out.mkdir(parents=True, exist_ok=True)
    steps.keep(report, out / "benchmarks")
    log_comparison(report.comparison, mlflow_store(out), sorted(report.folder.iterdir()))
    if as_json:
        print_json({"body_sha256": report.body_hash, **body(report.comparison)})
        return
    typer.echo(text_table(report.comparison, task.metrics[0].name))
    closing(
        f"{len(report.comparison.standings)} solutions comparées, corps {report.body_hash[:12]}",
        str(report.page),
        f"aune benchmark verify {report.folder}",
    )


@benchmark_app.command("reveal")
def reveal(sealed: PackPath, keyfile: Keys = None) -> None:
    """Publish labels and salts, so that anybody can check the commitment and the scores."""
    from benchmarks.sealing.reveal import reveal as publish

    opened, _ = _opened(sealed)
    folder = publish(opened, keyfile or ())
    closing(
        "réponses publiées, engagement prouvé",
        str(folder),
        f"python3 {folder}/verify_commitment.py",
    )


@benchmark_app.command("verify")
def verify(
    report: Annotated[Path, typer.Argument(help="A report: PACK/results/HASH.")],
    keyfile: Keys = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check every hash and score again; exit 4 naming what was changed."""
    from benchmarks import steps
    from benchmarks.sealing.pack import Pack
    from benchmarks.verify import pack_of

    task = _task_of_pack(Pack.unverified(pack_of(report)))
    findings = steps.verify(report, task, keyfile or ())
    if _print_findings(findings, as_json=as_json):
        changed = [finding.message for finding in findings if finding.severity == "refused"]
        raise ChecksumError(
            "; ".join(changed[:3]), expected="the files and figures as they were reported"
        )
    if not as_json:
        closing("rapport refait à l'identique, aucune altération", str(report), "aune ui")


DEMONSTRATED = ("lag_168", "biased", "sloppy_1", "wrong_unit", "disorder")
"""Candidates of the demonstration that need no training."""


@benchmark_app.command("demo")
def demo(
    out: Annotated[Path, typer.Option(help="New folder of the demonstration.")],
    data: Data = "auto",
    results: Annotated[Path, typer.Option(help="Folder of results with the reference.")] = Path(
        "results"
    ),
    *,
    every_candidate: Annotated[
        bool, typer.Option("--all", help="Train the boosted, EBM and statsforecast ones too.")
    ] = False,
) -> None:
    """Seal, hand in real candidates, score, reveal and verify, on the day-ahead forecast."""
    from benchmarks.candidates import make

    sealed = out / "pack"
    pack("building_energy/forecast", sealed, data=data, results=results, quick=True)
    wanted = () if every_candidate else DEMONSTRATED
    for folder in make(sealed / "vendor", out / "candidates", wanted):
        submit(sealed, folder, record_refusal=True)
    score(sealed, out=results)
    reveal(sealed)
    verify(next((sealed / "results").iterdir()))


def _task_named(name: str) -> "tuple[UseCase, Task]":
    """Return the task called ``task`` or ``usecase/task``."""
    usecase, _, task = name.rpartition("/")
    found = [
        (case, each)
        for case in cases(usecase or None)
        for each in case.tasks
        if each.id == task and each.contest is not None
    ]
    if len(found) != 1:
        offered = [
            f"{case.name}/{each.id}"
            for case in cases(None)
            for each in case.tasks
            if each.contest is not None
        ]
        raise UsageError(
            f"{len(found)} contests called {name!r}", expected="one of " + ", ".join(offered)
        )
    return found[0]


def _opened(folder: Path) -> "tuple[Pack, Task]":
    from benchmarks.sealing.pack import Pack

    opened = Pack.open(folder)
    return opened, _task_of_pack(opened)


def _task_of_pack(opened: "Pack") -> "Task":
    return cases(str(opened.protocol["usecase"]))[0].task(str(opened.protocol["task"]))


def _newest(results: Path, case: "UseCase", task: "Task") -> Path:
    """Return the newest bundle of the task."""
    found = sorted((results / case.name / task.id).glob("*/*.zip"))
    if not found:
        raise UsageError(
            f"no bundle of {case.name}/{task.id} in {results}",
            expected="a reference to compare with",
            remedy=f"aune run {case.name} --task {task.id}, or --reference BUNDLE.zip",
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def _trusted(key: Path | None) -> tuple[Path, ...]:
    from common.edge.signature import trusted_keys

    return (key,) if key else tuple(trusted_keys())


def _window(text: str | None) -> "Period | None":
    """Read ``2025-01-01..2026-01-01``; the last day is left out."""
    from common.lab.usecase import Period

    if text is None:
        return None
    try:
        start, stop = (date.fromisoformat(part) for part in text.split(".."))
    except ValueError as error:
        raise UsageError(
            f"window {text!r}", expected="two days such as 2025-01-01..2026-01-01"
        ) from error
    return Period(start, stop)


def _print_findings(findings: "tuple[Finding, ...]", *, as_json: bool) -> bool:
    """Print findings, the gravest first; say whether one refuses."""
    order = list(SEVERITY_WORDS)
    ranked = sorted(findings, key=lambda finding: order.index(finding.severity))
    if as_json:
        print_json([vars(finding) for finding in ranked])
    for finding in ranked if not as_json else ():
        lines = ", ".join(map(str, finding.rows))
        where = f" (lignes {lines})" if lines else ""
        typer.echo(
            f"{SEVERITY_WORDS[finding.severity]:<11} {finding.rule}: {finding.message}{where}"
        )
    return any(finding.severity == "refused" for finding in findings)


def _say(line: str) -> None:
    typer.echo(f"  · {line}", err=True)
