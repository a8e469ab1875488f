"""Turn the outcome of a run into its folder: record, page, signed bundle, MLflow, index."""

import fcntl
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.edge.archive import Limits
from common.edge.bundle import Bundle
from common.edge.manifest import Tolerance
from common.edge.retrieval.inputs import Index
from common.edge.retrieval.settings import RetrievalSettings
from common.edge.signature import trusted_keys
from common.lab import tracking
from common.lab.export import BundleContent, bundle_name, golden_rows, write_bundle
from common.lab.harness import Options, Outcome
from common.lab.keys import ensure_key, trust
from common.lab.pages import cards, figures
from common.lab.record import Run
from common.lab.usecase import Array, Field, Task, Term, UseCase

__all__ = ["Published", "mlflow_store", "publish", "write_index"]

STAGING = ".staging-"
HISTORY_TRACK = re.compile(r"history_(\d+)_days")
"""Name of a track that leaves a new site only some days of history."""
LOCK = ".publish.lock"
N_CANDIDATE_ROWS = 512
"""Test rows among which the golden rows are drawn."""


@dataclass(frozen=True)
class Published:
    """Where a run's results lie.

    Parameters
    ----------
    run
        The record.
    folder, bundle, page
        Its folder, its signed bundle and its page.
    """

    run: Run
    folder: Path
    bundle: Path
    page: Path


def publish(usecase: UseCase, task: Task, outcome: Outcome, options: Options) -> Published:
    """Write the run's folder in one step, then log it and renew the index.

    Everything is written beside its place and moved there at the end: a killed process
    leaves no half-written run, and the next one sweeps what it left. Processes that share
    a folder of results take turns.

    Parameters
    ----------
    usecase, task, outcome
        What was done.
    options
        Where results go.
    """
    with _turn(options.out):
        return _publish(usecase, task, outcome, options)


def mlflow_store(out: Path) -> str:
    """Return the MLflow store of a folder of results, a sqlite file in it."""
    return f"sqlite:///{out.resolve() / 'mlflow.db'}"


def write_index(out: Path, usecase: UseCase) -> Path:
    """Write ``index.html`` over the newest run of each task found below ``out``.

    Parameters
    ----------
    out
        Folder of results.
    usecase
        Gives its title; others show their folder name.
    """
    newest: dict[tuple[str, str], tuple[Run, Path]] = {}
    for path in sorted(out.glob("*/*/*/run.json")):
        run = Run.read(path)
        newest[run.usecase, run.task] = (run, path.parent)
    runs = [run for run, _ in newest.values()]
    links = {
        run.id: str((folder / "index.html").relative_to(out)) for run, folder in newest.values()
    }
    page = out / "index.html"
    draft = out / ".index.html.part"
    draft.write_text(cards.index_page(runs, (usecase,), links), encoding="utf-8")
    draft.replace(page)
    return page


@contextmanager
def _turn(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases that of a killed process."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _publish(usecase: UseCase, task: Task, outcome: Outcome, options: Options) -> Published:
    run = outcome.run
    _sweep(options.out)
    staging = options.out / f"{STAGING}{run.id}"
    staging.mkdir(parents=True)
    run_figures = _figures(task, outcome)
    (staging / "run.json").write_text(run.to_json(), encoding="utf-8")
    (staging / "index.html").write_text(cards.run_page(run, run_figures, usecase), encoding="utf-8")
    (staging / "fiche_frugalite.html").write_text(
        cards.frugality_sheet(run, usecase), encoding="utf-8"
    )
    (staging / "model.onnx").write_bytes(outcome.candidate.model)
    options.report("export, signature et rejeu des lignes étalons")
    bundle = _bundle(usecase, task, outcome, staging)
    folder = options.out / run.usecase / run.task / run.id
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(folder)
    options.report("journal MLflow")
    tracking.log(run, folder, store=mlflow_store(options.out))
    write_index(options.out, usecase)
    return Published(run, folder, folder / bundle.name, folder / "index.html")


def _sweep(out: Path) -> None:
    for left in out.glob(f"{STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)


def _bundle(usecase: UseCase, task: Task, outcome: Outcome, folder: Path) -> Path:
    run = outcome.run
    # An index holds official texts: a model that learnt from invented ones does not carry it.
    carried = None if run.dataset["simulated"] else task.index
    arrays, retrieval = ({}, None) if carried is None else carried()
    inputs = (*_with_state(task.inputs, outcome.state), *outcome.rung.state_fields)
    content = BundleContent(
        usecase=run.usecase,
        task=run.task,
        version=_version(run),
        question=run.question,
        model=outcome.candidate.model,
        inputs=inputs,
        outputs=_sized(task.outputs, len(outcome.candidate.terms)),
        terms=_terms(task, outcome.candidate.terms),
        golden=_filled(_golden(inputs, outcome), arrays, retrieval),
        run_json=run.to_json(),
        card_html=cards.model_card(run, usecase),
        hashes={
            "data": str(run.dataset["sha256"]),
            "code": str(run.environment["code_sha256"]),
            "lock": str(run.environment["lock_sha256"]),
        },
        created=run.created,
        simulated=bool(run.dataset["simulated"]),
        proxy=str(run.dataset["proxy"]),
        additive=outcome.candidate.additive,
        tolerances=_tolerances(task, outcome.outputs),
        arrays=arrays,
        retrieval=retrieval,
        usual=outcome.usual,
    )
    key = ensure_key()
    trust(key.public_key())
    path = write_bundle(folder / bundle_name(content), content, key)
    Bundle.open(path, trusted_keys())
    return path


def _version(run: Run) -> str:
    """Return task version, day and time of the run: a later run is a higher version."""
    day, clock = run.id.split("Z")[0].split("T")
    return f"{run.task_version}.{int(day)}.{int(clock)}"


def _with_state(fields: tuple[Field, ...], state: Mapping[str, Array]) -> tuple[Field, ...]:
    """Give calibrated inputs the default that the tuning period taught."""
    return tuple(
        replace(field, default=np.asarray(state[field.name])) if field.name in state else field
        for field in fields
    )


def _sized(fields: tuple[Field, ...], n_terms: int) -> tuple[Field, ...]:
    """Put the number of terms where an output's shape says ``terms``."""
    return tuple(
        replace(field, shape=tuple(n_terms if size == "terms" else size for size in field.shape))
        for field in fields
    )


def _terms(task: Task, names: tuple[str, ...]) -> tuple[Term, ...]:
    known = task.labels
    return tuple(known.get(name, Term(name, name.replace("_", " "), "modèle")) for name in names)


def _golden(inputs: tuple[Field, ...], outcome: Outcome) -> dict[str, Array]:
    """Draw golden rows over the test period, all inputs written out."""
    places = np.linspace(0, len(outcome.examples) - 1, N_CANDIDATE_ROWS).round().astype(int)
    rows = outcome.examples.take(np.unique(places))
    values: dict[str, Array] = {}
    for field in inputs:
        if field.name in rows.inputs:
            values[field.name] = np.asarray(rows.inputs[field.name])
        elif field.default is not None:
            values[field.name] = np.broadcast_to(field.default, (len(rows), *field.default.shape))
    return golden_rows(values)


def _filled(
    golden: Mapping[str, Array], arrays: Mapping[str, Array], retrieval: RetrievalSettings | None
) -> Mapping[str, Array]:
    """Let the bundle's own index fill what it fills: the lab may have hidden what was asked.

    A graph that takes no text keeps its golden rows: there is nothing to search again.
    """
    if retrieval is None or retrieval.text_input is None:
        return golden
    given = {name: values for name, values in golden.items() if name not in retrieval.fills}
    filled = Index.open(arrays, retrieval).fill(given, Limits())
    return {name: np.asarray(filled[name], dtype=values.dtype) for name, values in golden.items()}


def _tolerances(task: Task, outputs: Mapping[str, Array]) -> dict[str, Tolerance]:
    """Return 1e-5 of each output's spread, the parity that DESIGN asks for."""
    spread = float(np.nanstd(outputs[task.outputs[0].name]))
    return {
        field.name: Tolerance(absolute=1e-5 * max(spread, 1e-3), relative=1e-5)
        for field in task.outputs
    }


def _figures(task: Task, outcome: Outcome) -> list[figures.Figure]:
    run = outcome.run
    drawn = [
        figures.ladder_intervals(run),
        figures.error_against_energy(run),
        figures.drivers(run.explanation, task.outputs[0].unit),
    ]
    if task.figures is not None:
        drawn += task.figures(outcome.examples, outcome.outputs)
    return drawn + _cold_start(run)


def _cold_start(run: Run) -> list[figures.Figure]:
    """Return the error against days of history, where the tracks asked for it."""
    metric = figures.main_metric(run)
    found = {
        int(match.group(1)): scores[metric]
        for name, scores in run.tracks.items()
        if (match := HISTORY_TRACK.fullmatch(name))
    }
    if len(found) < 2:
        return []
    days = sorted(found)
    reference = run.row(run.chosen).scores[metric]
    return [figures.cold_start_curve(days, [found[day] for day in days], reference)]
