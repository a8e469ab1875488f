"""A rung fitted on a period: its graph, its parity, its footprint, remembered on disk."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.errors import DataError
from common.lab import energy, graph
from common.lab.graph import parity
from common.lab.provenance import code_digest, lock_digest
from common.lab.record import Footprint
from common.lab.usecase import Array, Dataset, Examples, Fitted, Period, Rung, Task, Training

__all__ = ["Bench", "Candidate", "model_without_ai"]

PARITY_LINES = 10_000
KEPT_STATES = 8
LAST_DAYS = (1, 7, 28)
"""Days looked back for the rows whose sites a per-site rung is fitted on."""


@dataclass(frozen=True)
class Candidate:
    """A rung that has been fitted and exported.

    Parameters
    ----------
    rung
        Its name.
    model
        The serialised graph.
    terms
        Names of the contributions that the graph gives.
    baseline
        The point head's answer before any term.
    additive
        True where contributions are exact Shapley values of the training background.
    n_parameters
        How many numbers were learnt.
    parity
        Figures of the parity gate at the feature seam.
    train
        What the fit consumed.
    """

    rung: str
    model: bytes
    terms: tuple[str, ...]
    baseline: float
    additive: bool
    n_parameters: int
    parity: Mapping[str, float]
    train: Footprint


@dataclass
class Bench:
    """Fits and runs the rungs of one task on one data set; a killed run resumes here.

    Parameters
    ----------
    usecase
        Folder name, for the digest of the code.
    task, dataset
        What is fitted.
    work
        Folder that remembers fitted rungs; entries are written atomically.
    seed
        Start of every randomness.
    report
        Called with one line of progress.
    """

    usecase: str
    task: Task
    dataset: Dataset
    work: Path
    seed: int = 0
    report: Callable[[str], None] = lambda _line: None
    _trainings: dict[str, Training] = field(default_factory=dict)
    _examples: dict[str, Examples] = field(default_factory=dict)
    _states: dict[str, Mapping[str, Array]] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """The digest of everything a fitted rung depends on."""
        parts = (
            f"{self.usecase} {self.task.id} {self.task.version} {self.seed}",
            self.dataset.digest,
            code_digest(self.usecase),
            lock_digest(),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def examples(self, period: Period) -> Examples:
        """Return the task's examples over ``period``; the last few are kept."""
        name = str(period)
        if name not in self._examples:
            self._examples[name] = self.task.examples(self.dataset, period)
        return self._examples[name]

    def training(self, period: Period) -> Training:
        """Return the training lines over ``period``; only the last one is kept."""
        name = str(period)
        if name not in self._trainings:
            examples = self._examples.pop(name, None) or self.task.examples(self.dataset, period)
            self._trainings.clear()
            self._trainings[name] = graph.training(self.task, examples, self.seed)
        return self._trainings[name]

    def candidate(self, rung: Rung, period: Period) -> Candidate:
        """Fit and export ``rung`` on ``period``, or take up what a killed run left."""
        stem = self.work / self.key / f"{period}-{rung.name}".replace("..", "_")
        remembered = _recall(stem)
        if remembered is not None:
            self.report(f"{rung.name}: repris de {period}")
            return remembered
        fit = self.fitting(rung, period)
        with energy.metered("train") as meter:
            fitted = fit()
        candidate = Candidate(
            rung=rung.name,
            model=graph.assemble(self.task, rung, fitted).SerializeToString(),
            terms=fitted.point.terms,
            baseline=float(fitted.point.baseline),
            additive=fitted.point.additive,
            n_parameters=_parameters(fitted),
            parity=_seam_parity(fitted, self.training(period)),
            train=meter.footprint,
        )
        _remember(stem, candidate)
        self.report(f"{rung.name}: {candidate.train.cpu_seconds:.1f} s CPU, {period}")
        return candidate

    def fitting(self, rung: Rung, period: Period) -> Callable[[], Fitted]:
        """Return the work of one training: the rung, and for per-site rungs every site once."""
        training = self.training(period)
        if rung.state is None:
            return partial(rung.fit, training)
        state, examples = rung.state, self._last_examples(period)

        def fit() -> Fitted:
            state(self.dataset, examples)
            return rung.fit(training)

        return fit

    def _last_examples(self, period: Period) -> Examples:
        """Return the examples of the last day of ``period``, or of as many days as it takes.

        A day may have none: every sensor silent, or every container full already.

        Raises
        ------
        DataError
            The last four weeks hold none either.
        """
        for days in LAST_DAYS:
            last = Period(max(period.start, period.stop - timedelta(days)), period.stop)
            try:
                return self.task.examples(self.dataset, last)
            except DataError as error:
                none = error
        raise none

    def inputs(self, rung: Rung, examples: Examples) -> dict[str, Array]:
        """Return all inputs of the rung's graph: given ones, defaults, per-site state."""
        inputs = dict(examples.inputs)
        for declared in self.task.inputs:
            if declared.name not in inputs and declared.default is not None:
                shape = (len(examples), *declared.default.shape)
                inputs[declared.name] = np.broadcast_to(declared.default, shape)
        return {**inputs, **self._state(rung, examples)}

    def outputs(
        self,
        rung: Rung,
        candidate: Candidate,
        examples: Examples,
        names: tuple[str, ...] | None = None,
    ) -> dict[str, Array]:
        """Run a candidate's graph on examples, for all outputs or those named."""
        return graph.run(candidate.model, self.inputs(rung, examples), names)

    def _state(self, rung: Rung, examples: Examples) -> Mapping[str, Array]:
        """Fit a per-site rung for these rows; the last few fits are kept."""
        if rung.state is None:
            return {}
        rows = hashlib.sha256(examples.days.tobytes() + "".join(examples.units).encode())
        name = f"{rung.name} {rows.hexdigest()}"
        if name not in self._states:
            while len(self._states) >= KEPT_STATES:
                self._states.pop(next(iter(self._states)))
            self._states[name] = rung.state(self.dataset, examples)
        return self._states[name]


def model_without_ai(task: Task, rung: Rung, past: Examples | None = None) -> bytes:
    """Return the graph of a rung that learns nothing: it needs no training line.

    Parameters
    ----------
    task
        Whose ladder the rung is on.
    rung
        Of kind ``no_ai``.
    past
        What a rung that `Rung.counts` counts; without it every answer is as frequent.
    """
    if rung.counts and past is not None:
        counted = rung.fit(graph.training(task, past, 0))
        return bytes(graph.assemble(task, rung, counted).SerializeToString())
    nothing = Training(
        matrix=np.empty((0, len(task.terms)), np.float32),
        target=np.empty(0),
        weight=np.empty(0),
        units=np.empty(0, str),
        days=np.empty(0, "datetime64[D]"),
        terms=task.terms,
        seed=0,
    )
    model: bytes = graph.assemble(task, rung, rung.fit(nothing)).SerializeToString()
    return model


def _parameters(fitted: Fitted) -> int:
    spread = 0 if fitted.spread is None else fitted.spread.n_parameters
    return fitted.point.n_parameters + spread


def _seam_parity(fitted: Fitted, training: Training) -> dict[str, float]:
    """Hold the point head's graph against the library that fitted it, on hostile rows.

    Half of the values are the training's, half lie on thresholds, one float32 step beside
    them or far outside. Features are never NaN, so NaN is not among them.

    Raises
    ------
    ThresholdError
        If a row is routed differently or an error exceeds 1e-5 of the output's spread.
    """
    if fitted.reference is None:
        return {}
    rng = np.random.default_rng(training.seed)
    columns = [term.name in fitted.point.reads for term in training.terms]
    lines = rng.integers(0, len(training.target), PARITY_LINES)
    usual = training.matrix[lines][:, columns]
    hostile = parity.adversarial_matrix(fitted.point.thresholds(), rng, PARITY_LINES)
    taken = np.isfinite(hostile) & (rng.random(hostile.shape) < 0.5)
    report = parity.check_head(fitted.point, fitted.reference, np.where(taken, hostile, usual))
    report.require("the exported graph")
    return {name: float(value) for name, value in asdict(report).items()}


def _remember(stem: Path, candidate: Candidate) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    facts = asdict(candidate)
    model = facts.pop("model")
    _write(stem.with_name(stem.name + ".onnx"), model)
    _write(stem.with_name(stem.name + ".json"), json.dumps(facts).encode())


def _recall(stem: Path) -> Candidate | None:
    facts_path, model_path = (stem.with_name(stem.name + end) for end in (".json", ".onnx"))
    if not (facts_path.exists() and model_path.exists()):
        return None
    facts: dict[str, Any] = json.loads(facts_path.read_text(encoding="utf-8"))
    train = facts.pop("train")
    for name in ("co2_use_g", "co2_embodied_g"):
        train[name] = tuple(train[name])
    facts["terms"] = tuple(facts["terms"])
    return Candidate(model=model_path.read_bytes(), train=Footprint(**train), **facts)


def _write(path: Path, content: bytes) -> None:
    """Write through a temporary name: a reader never sees half a file."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)
