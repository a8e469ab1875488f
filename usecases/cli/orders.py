"""Carry out what ``aune run`` and ``aune demo`` ask for, one task in a process."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from common.edge.errors import SourceError, UsageError

if TYPE_CHECKING:
    from common.edge.bundle import Bundle
    from common.lab.publish import Published
    from common.lab.usecase import Dataset, Task, UseCase

__all__ = ["Order", "ProfileName", "cases", "dataset_of", "run_all", "run_one", "suited"]

ProfileName = Literal["quick", "full"]

PARALLEL_TASKS = 2
"""Tasks that ``demo`` runs at once: the reference machine has two cores."""


@dataclass(frozen=True)
class Order:
    """What is asked for, as it goes to a worker process.

    Parameters
    ----------
    usecase, task
        Names; None for the first task.
    data
        ``auto``, ``open``, ``simulated`` or a folder of CSV files.
    profile, out, seed
        See `common.lab.harness.Options`.
    prefix
        Begins each line of progress.
    resume
        Folder of corrected cases to learn from as well, or None.
    """

    usecase: str
    task: str | None
    data: str
    profile: ProfileName
    out: Path
    seed: int
    prefix: str = ""
    resume: Path | None = None


def cases(usecase: str | None) -> "list[UseCase]":
    """Return the use case of that name, or all of them."""
    from usecases import discover

    found = discover()
    if usecase is None:
        return list(found.values())
    if usecase not in found:
        raise UsageError(f"no use case {usecase!r}", expected="one of " + ", ".join(found))
    return [found[usecase]]


def dataset_of(case: "UseCase", task: "Task", data: str, profile: str) -> "Dataset":
    """Return the data asked for; ``auto`` falls back on the simulator, loudly."""
    if data == "simulated":
        return case.simulate(task, 0)
    if data not in ("auto", "open"):
        return case.read(Path(data), task)
    try:
        return case.load(task, profile)
    except SourceError as error:
        if data == "open":
            raise
        _say(f"données publiques indisponibles ({error.found}) : données SIMULÉES")
        return case.simulate(task, 0)


def run_one(order: Order) -> "Published":
    """Run and publish one task; the split follows data of one's own."""
    from common.lab import harness
    from common.lab.evaluation import follow
    from common.lab.publish import publish

    report = _reporter(order.prefix)
    case = cases(order.usecase)[0]
    declared = case.task(order.task)
    read = dataset_of(case, declared, order.data, order.profile)
    task, dataset = suited(case, declared, read)
    if order.resume is not None:
        dataset = _resumed(case, task, dataset, order.resume)
    followed = follow(task, dataset)
    if followed is not task:
        fit, test = followed.split.final()
        report(f"découpage d'après les données : apprentissage {fit}, test {test}")
    options = harness.Options(profile=order.profile, out=order.out, seed=order.seed, report=report)
    return publish(case, followed, harness.run(case, followed, dataset, options), options)


def suited(
    case: "UseCase", task: "Task", dataset: "Dataset", bundle: "Bundle | None" = None
) -> "tuple[Task, Dataset]":
    """Return task and data with one list of answers: the bundle's, else the data's own."""
    if case.suit is None:
        return task, dataset
    outputs = bundle.manifest.outputs if bundle is not None else ()
    answers = next((output.labels for output in outputs if output.labels), ())
    return case.suit(task, dataset, answers)


def _resumed(case: "UseCase", task: "Task", dataset: "Dataset", folder: Path) -> "Dataset":
    if case.resume is None:
        raise UsageError(f"{case.name} takes no corrections", expected="a run without --resume")
    return case.resume(task, dataset, folder)


def run_all(orders: Sequence[Order]) -> "list[Published]":
    """Run and publish orders, two at a time in processes of their own.

    One at a time in the full profile: its energy protocol wants the machine to itself.
    Processes are spawned, so that no thread is forked.
    """
    if len(orders) == 1 or any(order.profile == "full" for order in orders):
        return [run_one(order) for order in orders]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(PARALLEL_TASKS, get_context("spawn")) as pool:
        return list(pool.map(run_one, orders))


def _reporter(prefix: str) -> Callable[[str], None]:
    def report(line: str) -> None:
        _say(f"  · {prefix}{line}")

    return report


def _say(line: str) -> None:
    """Report on stderr: stdout belongs to the answer."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
