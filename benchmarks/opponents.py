"""Our own side of a contest: the rungs without AI and the reference, run as vendors' models are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks import doors
from benchmarks.comparing.power import Design, minimum_detectable
from benchmarks.energy.evidence import measured
from benchmarks.records import Entry, Evidence, Role
from benchmarks.sealing.entries import Entered
from benchmarks.sealing.protocol import contest_of
from common.edge.bundle import Bundle
from common.edge.errors import DataError, UsageError
from common.lab import graph
from common.lab.candidate import model_without_ai
from common.lab.contest import Contest, Labels, Paper, Questions, Submission
from common.lab.record import Run
from common.lab.statistics import Losses, per_unit_loss
from common.lab.usecase import Array, Dataset, Period, Task

__all__ = ["Opponents", "answers_of"]

ONE_DAY = timedelta(days=1)
NOTHING_LEARNT = Evidence(4, 0.0, 0.0, 0.0, "train", "rien n'est appris")


@dataclass(frozen=True)
class Opponents:
    """The models that every candidate meets.

    Parameters
    ----------
    task
        What they answer.
    models
        Graph of each rung without AI, by name.
    bundle_path, bundle
        The reference.
    run
        The run that made it.
    trusted
        Public keys that may have signed it.
    """

    task: Task
    models: Mapping[str, bytes]
    bundle_path: Path
    bundle: Bundle
    run: Run
    trusted: tuple[Path, ...]

    @classmethod
    def of(
        cls,
        task: Task,
        reference: Path,
        window: Period,
        trusted: tuple[Path, ...],
        dataset: Dataset,
    ) -> "Opponents":
        """Assemble the rungs without AI and open the reference.

        Of the data set only what lies before the window is read, and only by a rung that
        counts past answers (`Rung.counts`).

        Raises
        ------
        UsageError
            The reference answers another task, or was fitted on days of the window.
        """
        bundle = Bundle.open(reference, trusted)
        manifest = bundle.manifest
        run = Run.from_json(_text(bundle.run))
        if manifest.task != task.id:
            raise UsageError(
                f"the reference answers {manifest.usecase}/{manifest.task}", expected=task.id
            )
        last = date.fromisoformat(run.split["train"].split("..")[1])
        if last > window.start:
            raise UsageError(
                f"the reference was fitted up to {last}",
                expected=f"a fit that ends before the window, {window}",
                remedy="train it again on earlier days, or seal later ones",
            )
        without_ai = [one for one in task.rungs if one.kind == "no_ai" and one.name != run.chosen]
        before = Period(min(task.split.train_start, window.start - ONE_DAY), window.start)
        counting = any(rung.counts for rung in without_ai)
        past = task.examples(dataset, before) if counting else None
        models = {rung.name: model_without_ai(task, rung, past) for rung in without_ai}
        return cls(task, models, reference, bundle, run, trusted)

    @property
    def reference_id(self) -> str:
        """Id of the reference: the name of the rung that shipped."""
        return self.run.chosen

    @property
    def training(self) -> str:
        """Period that the reference was fitted on."""
        return self.run.split["train"]

    def answer(self, questions: Questions) -> dict[str, Entered]:
        """Run and measure everyone through the vendors' model door."""
        titles = {rung.name: rung.title for rung in self.task.rungs}
        settings = doors.Settings(trusted=self.trusted)
        entered = {}
        with TemporaryDirectory(prefix="aune-opponents-") as folder:
            for name, model in self.models.items():
                path = Path(folder) / f"{name}.onnx"
                path.write_bytes(model)
                answered = doors.from_model(self.task, questions, path, None, settings)
                entered[name] = _entered(name, titles[name], "no_ai", answered, NOTHING_LEARNT)
        answered = doors.from_model(self.task, questions, self.bundle_path, None, settings)
        trained = self.run.row(self.run.chosen).footprints.get("train")
        energy = measured(trained) if trained else answered.train
        name = self.reference_id
        entered[name] = _entered(name, titles[name], "reference", answered, energy)
        return entered

    def past(self, dataset: Dataset, window: Period, questions: Questions) -> tuple[str, float]:
        """Return the best rung without AI and the detectable difference, from the past.

        The same days of the year before are asked in the same way or, where the data do not
        reach back that far, the whole weeks just before the window. The reference may have
        been fitted on them: only how its losses scatter against the others' counts here.

        Raises
        ------
        DataError
            The data do not reach back that far.
        """
        contest = contest_of(self.task)
        paper = _asked_before(contest, dataset, window)
        losses = {
            name: self._losses(model, paper.questions, paper.labels)
            for name, model in self.models.items()
        }
        own = self._losses(self.bundle.session, paper.questions, paper.labels)
        means = {
            name: float(per_unit_loss(each, self.task.transform)[1].mean())
            for name, each in losses.items()
        }
        design = Design.of(questions.units, questions.blocks)
        pairs = [(own, each) for each in losses.values()]
        return min(means, key=means.__getitem__), minimum_detectable(self.task, pairs, design)

    def _losses(self, model: Any, questions: Questions, labels: Labels) -> Losses:
        outputs = graph.run(model, _with_defaults(self.bundle, questions))
        answers = answers_of(self.task, questions, outputs)
        n_rows = len(questions)
        submission = Submission(answers, np.arange(2, n_rows + 2), n_rows, "")
        return contest_of(self.task).unit_losses(submission, questions, labels)


def answers_of(task: Task, questions: Questions, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Bring a graph's outputs to the answer columns, in the questions' order."""
    answers = {}
    for column, output in contest_of(task).outputs.items():
        if output.name in outputs:
            values = outputs[output.name][questions.example, questions.step]
            answers[column] = np.asarray(
                values if output.place is None else values[..., output.place], dtype=np.float64
            )
    return answers


def _with_defaults(bundle: Bundle, questions: Questions) -> dict[str, Array]:
    n_rows = len(next(iter(questions.inputs.values())))
    defaults = {
        spec.name: np.broadcast_to(np.asarray(spec.default), (n_rows, *np.shape(spec.default)))
        for spec in bundle.manifest.inputs
        if spec.default is not None
    }
    return {**defaults, **questions.inputs}


def _entered(
    name: str, title: str, role: Role, answered: doors.Answered, train: Evidence
) -> Entered:
    submission = answered.submission
    entry = Entry(
        id=name,
        title=title,
        role=role,
        door="own",
        sha256="",
        n_missing=int(submission.missing.sum()),
        n_asked=len(submission.line),
        predict=answered.predict,
        train=train,
        findings=(*answered.findings, *submission.findings),
        latency=answered.latency,
        model_bytes=answered.model_bytes,
        explains=answered.explains,
    )
    return Entered(entry, submission, answered.stress)


def _asked_before(contest: Contest, dataset: Dataset, window: Period) -> Paper:
    """Ask the same days a year earlier, else the whole weeks just before the window."""
    weeks = timedelta(weeks=-(-(window.stop - window.start).days // 7))
    year = Period(_year_before(window.start), _year_before(window.stop))
    just = Period(window.start - weeks, window.stop - weeks)
    for earlier in (year, just):
        try:
            return contest.ask(dataset, earlier)
        except (DataError, ValueError) as error:
            reason = error
    raise DataError(
        f"nothing can be asked of {year} nor of {just}: {reason}",
        expected=f"data of the weeks before {window}, and history before those",
    ) from reason


def _year_before(day: date) -> date:
    """Return the same day of the year before; 29 February becomes 28.

    >>> _year_before(date(2024, 2, 29))
    datetime.date(2023, 2, 28)
    """
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def _text(record: Mapping[str, Any]) -> str:
    import json

    return json.dumps(dict(record))
