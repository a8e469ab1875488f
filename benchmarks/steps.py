"""The steps of a contest, as the command line and the notebooks take them.

pack -> (vendors) -> check -> submit -> score -> reveal -> verify.
"""

import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import doors
from benchmarks.comparing.aiverify import ai_verify_results
from benchmarks.comparing.compare import compare
from benchmarks.comparing.comparison import body_hash, to_json
from benchmarks.declaration import declaration_of, read_declaration
from benchmarks.energy.service_year import Service, cost_eur_per_year, service_of, service_year
from benchmarks.opponents import Opponents
from benchmarks.records import Comparison, Entry, Standing
from benchmarks.report import comparison_page
from benchmarks.sealing.entries import DECLARATION, Entered
from benchmarks.sealing.log import Line
from benchmarks.sealing.pack import Pack
from benchmarks.sealing.packing import write_pack
from benchmarks.sealing.protocol import Protocol, contest_of
from benchmarks.verify import verify_report
from common.edge.errors import DataError, UsageError
from common.lab.contest import Finding, Questions
from common.lab.harness import describe
from common.lab.provenance import code_commit
from common.lab.usecase import Dataset, Period, Task, UseCase

__all__ = ["Order", "Report", "check", "keep", "pack", "rescore", "score", "submit", "verify"]

RESULTS = "results"
DAYS_PER_YEAR = 365.25
Say = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a buyer asks to have sealed.

    Parameters
    ----------
    window
        Civil days; None for the task's test period.
    reference
        Signed bundle of the reference.
    trusted
        Public keys that may have signed it.
    public
        True where the data are public: the seal is then a demonstration.
    lot, two_keys
        See `benchmarks.sealing.protocol.Protocol`.
    say
        Called with one French line of progress.
    """

    reference: Path
    window: Period | None = None
    trusted: tuple[Path, ...] = ()
    public: bool = False
    lot: str = "1"
    two_keys: bool = False
    say: Say = field(default=lambda _line: None)


@dataclass(frozen=True)
class Report:
    """A scored contest on disk."""

    folder: Path
    comparison: Comparison
    body_hash: str

    @property
    def page(self) -> Path:
        """The French page."""
        return self.folder / "comparaison.html"


def pack(usecase: UseCase, task: Task, dataset: Dataset, order: Order, out: Path) -> Pack:
    """Seal a contest: ask, let our own models answer, commit to the labels, write the pack.

    Parameters
    ----------
    usecase, task
        What is asked; the task offers a contest.
    dataset
        With a year before the window, and the same window a year earlier: the rung that fills
        gaps and the smallest difference that can be detected come from there.
    order
        What the buyer decided.
    out
        New folder.

    Raises
    ------
    UsageError
        The task offers no contest, the reference answers another task or was fitted on the
        window, ``out`` is not empty.
    DataError
        The data do not reach far enough back.
    """
    window = order.window or task.split.test
    order.say(f"questions du {window}")
    paper = contest_of(task).ask(dataset, window)
    opponents = Opponents.of(task, order.reference, window, order.trusted, dataset)
    order.say("nos modèles répondent et sont mesurés")
    entered = opponents.answer(paper.questions)
    order.say("puissance de l'épreuve, sur la même période un an plus tôt, sinon juste avant")
    no_ai, detectable = opponents.past(dataset, window, paper.questions)
    protocol = Protocol(
        usecase=usecase.name,
        window=window,
        data=describe(dataset),
        code_commit=code_commit(),
        no_ai=no_ai,
        reference=opponents.reference_id,
        minimum_detectable=detectable,
        reference_bundle=order.reference,
        reference_training=opponents.training,
        demonstration=order.public or dataset.simulated,
        lot=order.lot,
        two_keys=order.two_keys,
    )
    return write_pack(task, paper, protocol, entered, out)


def check(sealed: Pack, task: Task, folder: Path) -> tuple[Finding, ...]:
    """Look at a candidate's folder as `submit` would, without labels and without a trace."""
    return _entered(sealed.questions(), task, folder, None).entry.findings


def submit(
    sealed: Pack,
    task: Task,
    folder: Path,
    settings: doors.Settings | None = None,
    *,
    record_refusal: bool = False,
) -> tuple[Entered, Line | None]:
    """Take a candidate through its door, check its answers, keep and log them.

    Parameters
    ----------
    sealed, task
        The contest.
    folder
        ``declaration.toml`` and one way in, see `benchmarks.doors.answer`.
    settings
        Bounds of what a candidate may take.
    record_refusal
        True to log a refused submission too: it uses one up and stands as refused on the
        report.

    Returns
    -------
    entered, receipt
        The receipt is the log's line; None where it was refused and not recorded.
    """
    _require_task(sealed, task)
    entered = _entered(sealed.questions(), task, folder, settings)
    refused = any(finding.severity == "refused" for finding in entered.entry.findings)
    if refused and not record_refusal:
        return entered, None
    return entered, sealed.submit(entered)


def score(
    sealed: Pack, task: Task, *, keys: Sequence[Path] = (), say: Say = lambda _line: None
) -> Report:
    """Say what can be detected, open the labels, compare, and write the report.

    Parameters
    ----------
    sealed, task
        The contest, with its submissions.
    keys
        Key files where they are not in ``buyer/``.
    say
        Called with French lines; the first is the smallest detectable difference, before the
        labels are opened.

    Raises
    ------
    UsageError
        The task is not the pack's, or nothing was submitted.
    """
    _require_task(sealed, task)
    if not sealed.submitted():
        raise UsageError("no submission to score", expected="`aune benchmark submit` first")
    say(_detectable(sealed))
    started, clock = datetime.now(UTC), time.perf_counter()
    sealed.record("opened", {})
    head = sealed.log.head
    comparison = rescore(sealed.at(head), task, keys)
    digest = body_hash(comparison)
    about = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock, 1),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    folder = sealed.folder / RESULTS / digest[:12]
    if folder.exists():
        return Report(folder, comparison, digest)
    folder.mkdir(parents=True)
    (folder / "comparison.json").write_text(to_json(comparison, about), encoding="utf-8")
    page = comparison_page(
        comparison,
        titles={metric.name: metric.title for metric in task.metrics},
        body_hash=digest,
        created=str(about["started"]),
        units=contest_of(task).units,
    )
    (folder / "comparaison.html").write_text(page, encoding="utf-8")
    shape = ai_verify_results(comparison, about, artifacts=["comparaison.html", "comparison.json"])
    text = json.dumps(shape, ensure_ascii=False, indent=1)
    (folder / "aiverify.json").write_text(text, encoding="utf-8")
    sealed.record_report(folder)
    return Report(folder, comparison, digest)


def keep(report: Report, out: Path) -> Path:
    """Copy a report beside those of other contests; what is there is never overwritten.

    Parameters
    ----------
    report
        As `score` returned it.
    out
        Folder of results; the copy goes to ``<use case>/<task>/<version>/<hash>``.
    """
    protocol = report.comparison.protocol
    parts = (protocol["usecase"], protocol["task"], protocol["task_version"])
    place = out.joinpath(*map(str, parts), report.folder.name)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(report.folder, place)
    return place


def rescore(sealed: Pack, task: Task, keys: Sequence[Path] = ()) -> Comparison:
    """Compute the comparison from the pack's files as they were at its head."""
    questions = sealed.questions()
    labels = sealed.labels(keys)
    entries = [*sealed.opponents().values(), *sealed.submissions().values()]
    comparison = compare(task, questions, labels, entries, sealed.protocol)
    per_year = _predictions_per_year(questions)
    return replace(
        comparison,
        standings=tuple(_with_year(standing, per_year) for standing in comparison.standings),
        submissions_root=sealed.head or sealed.log.head,
    )


def verify(report: Path, task: Task, keys: Sequence[Path] = ()) -> tuple[Finding, ...]:
    """Check every hash of a report and its pack, and score again."""
    return verify_report(report, lambda sealed: rescore(sealed, task, keys), keys)


def _require_task(sealed: Pack, task: Task) -> None:
    asked = (sealed.protocol["task"], sealed.protocol["task_version"], sealed.protocol["margin"])
    if asked != (task.id, task.version, task.margin):
        raise UsageError(
            f"task {task.id} version {task.version}, margin {task.margin}",
            expected=f"{asked[0]} version {asked[1]}, margin {asked[2]}, as sealed",
            remedy="use the program that sealed the pack",
        )


def _entered(
    questions: Questions, task: Task, folder: Path, settings: doors.Settings | None
) -> Entered:
    """Answer through the door that the folder opens; check without labels."""
    contest = contest_of(task)
    declaration = read_declaration(folder, tuple(column.name for column in contest.answers))
    answered = doors.answer(task, questions, folder, declaration, settings)
    submission = answered.submission
    if len(submission.answers) == 0 and not submission.refused:
        raise DataError(f"{folder.name} answers nothing", expected="one answer column at least")
    found = [*answered.findings, *submission.findings]
    if submission.answers:
        found += contest.check(submission, questions)
    entry = Entry(
        id=declaration.id,
        title=declaration.title,
        role="candidate",
        door=answered.door,
        sha256="",
        n_missing=int(submission.missing.sum()),
        n_asked=len(questions),
        predict=answered.predict,
        train=answered.train,
        findings=tuple(found),
        latency=answered.latency,
        model_bytes=answered.model_bytes,
        declaration=declaration.raw,
        explains=answered.explains,
    )
    text = (folder / DECLARATION).read_bytes()
    return Entered(entry, submission, answered.stress, text)


def _detectable(sealed: Pack) -> str:
    smallest = 100 * float(sealed.protocol["minimum_detectable"])
    return (
        f"avant l'ouverture des réponses : un écart d'erreur de {smallest:.1f} % ou plus sera "
        f"reconnu quatre fois sur cinq ; {len(sealed.submitted())} remise(s)"
    ).replace(".", ",", 1)


def _predictions_per_year(questions: Questions) -> float:
    """Return how many examples a year of daily service asks: one per unit and day."""
    return len(set(questions.units.tolist())) * DAYS_PER_YEAR


def _with_year(standing: Standing, predictions: float) -> Standing:
    """Add the service-year lines, in Wh: as declared, or our own as a scheduled batch.

    Our own models are trained again once a year and keep no machine of their own switched on.
    """
    entry = standing.entry
    declared = declaration_of(entry.declaration) if entry.role == "candidate" else None
    service = service_of(declared, predictions) if declared else Service(predictions, trainings=1)
    year = {
        name: (1000 * low, 1000 * high)
        for name, (low, high) in service_year(service, entry.predict, entry.train).items()
    }
    if declared and math.isfinite((cost := cost_eur_per_year(declared))[1]):
        year["coût"] = cost
    return replace(standing, service_year=year)
