"""A small simulated specimen of a task: what the conformance checks look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.errors import ConformanceError
from common.lab import graph
from common.lab.candidate import Bench
from common.lab.usecase import (
    Array,
    Dataset,
    Examples,
    Field,
    Fitted,
    Period,
    Rung,
    Task,
    Training,
    UseCase,
)

__all__ = [
    "Specimen",
    "Trial",
    "adversaries",
    "between",
    "few_units",
    "legal_values",
    "same_bits",
]

Trial = tuple[str, dict[str, Array], dict[str, Array]]
"""Family of adversarial inputs, the inputs, what the graph gave."""

HUGE = 1e6
"""Stands for an unbounded range."""


@dataclass(frozen=True)
class Specimen:
    """A task on a few simulated units and weeks; everything is made once, when asked for.

    Parameters
    ----------
    usecase, task
        What is looked at.
    n_units
        Units of the simulated data set that are kept.
    fit_days, score_days
        Last days before the test period that rungs are fitted on, first days of the test
        period that they predict.
    history_days, spare_days
        Days of data kept before the fit and after the score.
    seed
        Of the simulator and of the fits.
    """

    usecase: UseCase
    task: Task
    n_units: int = 3
    fit_days: int = 150
    score_days: int = 21
    history_days: int = 220
    spare_days: int = 7
    seed: int = 7
    _fitted: dict[str, Fitted] = field(default_factory=dict, repr=False, compare=False)
    _models: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)
    _inputs: dict[str, dict[str, Array]] = field(default_factory=dict, repr=False, compare=False)
    _tried: dict[str, list[Trial]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def simulated(self) -> Dataset:
        """The simulator's whole data set."""
        return self.usecase.simulate(self.task, self.seed)

    @cached_property
    def dataset(self) -> Dataset:
        """A few units of it, over the days that matter."""
        first = self.fit_period.start - timedelta(self.history_days)
        last = self.score_period.stop + timedelta(self.spare_days)
        return between(few_units(self.simulated, self.n_units), first, last)

    @property
    def fit_period(self) -> Period:
        """The last days before the test period."""
        stop = self.task.split.test.start
        return Period(stop - timedelta(self.fit_days), stop)

    @property
    def score_period(self) -> Period:
        """The first days of the test period."""
        test = self.task.split.test
        return Period(test.start, min(test.stop, test.start + timedelta(self.score_days)))

    @cached_property
    def training(self) -> Training:
        """Lines of the fit period."""
        return graph.training(
            self.task, self.task.examples(self.dataset, self.fit_period), self.seed
        )

    @cached_property
    def examples(self) -> Examples:
        """Rows of the score period."""
        return self.task.examples(self.dataset, self.score_period)

    @cached_property
    def feature_session(self) -> Any:
        """The traced features, open in onnxruntime."""
        return graph.session(graph.trace(self.task))

    def fitted(self, rung: Rung) -> Fitted:
        """Return the rung fitted on the fit period."""
        if rung.name not in self._fitted:
            self._fitted[rung.name] = rung.fit(self.training)
        return self._fitted[rung.name]

    def model(self, rung: Rung) -> bytes:
        """Return the rung's deployable graph."""
        if rung.name not in self._models:
            model = graph.assemble(self.task, rung, self.fitted(rung))
            self._models[rung.name] = model.SerializeToString()
        return self._models[rung.name]

    def inputs(self, rung: Rung) -> dict[str, Array]:
        """Return the rung's inputs of the score period, per-site state and defaults included."""
        if rung.name not in self._inputs:
            bench = Bench(self.usecase.name, self.task, self.dataset, Path())
            self._inputs[rung.name] = bench.inputs(rung, self.examples)
        return self._inputs[rung.name]

    def outputs(self, rung: Rung, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run the rung's graph."""
        return graph.run(self.model(rung), inputs)

    def tried(self, rung: Rung) -> list[Trial]:
        """Return adversarial families of inputs with what the rung's graph gives for them."""
        if rung.name not in self._tried:
            families = adversaries(self.task, self.inputs(rung), self.seed)
            opened = graph.session(self.model(rung))
            self._tried[rung.name] = [
                (family, values, graph.run(opened, values)) for family, values in families
            ]
        return self._tried[rung.name]

    def one_of_each_kind(self) -> list[Rung]:
        """Return the first rung of each kind, those that any site can use before others."""
        chosen: dict[str, Rung] = {}
        for rung in sorted(self.task.rungs, key=lambda rung: rung.scope != "global"):
            chosen.setdefault(rung.kind, rung)
        return list(chosen.values())


def few_units(dataset: Dataset, n_units: int) -> Dataset:
    """Keep the rows of the first units of a data set."""
    return dataset.at(np.asarray(dataset.groups.codes) < n_units)


def between(dataset: Dataset, first: date, last: date) -> Dataset:
    """Keep the rows, and the extras with times, from ``first`` to before ``last`` (UTC days)."""
    import pandas as pd

    start, stop = pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC")
    rows = np.asarray((dataset.times >= start) & (dataset.times < stop))
    extras = {
        name: table[(table.index >= start) & (table.index < stop)]
        if isinstance(table.index, pd.DatetimeIndex)
        else table
        for name, table in dataset.extras.items()
    }
    return replace(dataset, extras=extras).at(rows)


def same_bits(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Raise ConformanceError unless the arrays agree bit by bit, NaN included."""
    for name, values in expected.items():
        if not np.array_equal(_bits(found[name]), _bits(values)):
            raise ConformanceError(f"{what}: {name}", expected="the same bits")


def _bits(values: Any) -> Array:
    array = np.ascontiguousarray(values)
    bits: Array = array.view(np.uint8) if array.dtype.kind == "f" and array.ndim else array
    return bits


def legal_values(declared: Field, n_rows: int, rng: np.random.Generator) -> Array:
    """Draw values anywhere in a field's legal range, some unknown where that is allowed.

    A third of the rows spans the range evenly, a third stays near its bounds' logarithmic
    middle and a third holds one value throughout.

    Parameters
    ----------
    declared
        The field.
    n_rows
        Rows to draw.
    rng
        Source of randomness.

    Examples
    --------
    >>> declared = Field("weekday", "int64", ("n",), "1", "Jour.", 0, 6)
    >>> drawn = legal_values(declared, 100, np.random.default_rng(0))
    >>> int(drawn.min()), int(drawn.max()), drawn.dtype.name
    (0, 6, 'int64')
    """
    shape = (n_rows, *(int(size) for size in declared.shape[1:]))
    if declared.dtype == "bool":
        return rng.random(shape) < 0.5
    low, high = _range(declared)
    if declared.dtype == "int64":
        return rng.integers(int(low), int(high) + 1, size=shape)
    values = rng.uniform(low, high, shape)
    values[1::3] = np.clip(rng.lognormal(0, 3, values[1::3].shape), low, high)
    values[2::3] = rng.uniform(low, high, (len(values[2::3]), *[1] * (len(shape) - 1)))
    if declared.missing:
        values[rng.random(shape) < 0.1] = np.nan
    return np.clip(values, low, high).astype(np.float32)


def adversaries(task: Task, inputs: Mapping[str, Array], seed: int) -> Iterator[tuple[str, Any]]:
    """Yield families of legal inputs that real data hardly hold, 12 rows each.

    Parameters
    ----------
    task
        Its fields say what is legal.
    inputs
        Ordinary rows; fields with a default (calibrated state) keep their values.
    seed
        Start of the randomness.
    """
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, len(next(iter(inputs.values()))) - 1, 12).astype(np.int64)
    ordinary = {name: np.array(values[rows]) for name, values in inputs.items()}
    yield "ordinary", ordinary
    numbers = [item for item in task.inputs if item.dtype == "float32" and item.default is None]
    drawn = {
        item.name: legal_values(_sized(item, ordinary[item.name]), 12, rng)
        for item in task.inputs
        if item.default is None
    }
    yield "anything legal", ordinary | drawn
    for declared in numbers:
        name, (low, high) = declared.name, _range(declared)
        values = ordinary[name]
        for family, value in (("lowest", low), ("highest", high), ("zero", max(low, 0.0))):
            yield f"{name} {family}", ordinary | {name: np.full_like(values, value)}
        first = np.nan_to_num(values.reshape(12, -1)[:, :1], nan=max(low, 0.0))
        constant = np.broadcast_to(first.reshape(12, *[1] * (values.ndim - 1)), values.shape)
        yield f"{name} constant", ordinary | {name: np.ascontiguousarray(constant)}
        if declared.missing:
            yield f"{name} unknown", ordinary | {name: np.full_like(values, np.nan)}
            if values.ndim > 1:
                last = values.copy()
                last[:, -1] = np.nan
                yield f"{name} unknown at its end", ordinary | {name: last}
    unknown = {item.name: np.full_like(ordinary[item.name], np.nan) for item in numbers
               if item.missing}  # fmt: skip
    yield "nothing known", ordinary | unknown


def _sized(declared: Field, values: Array) -> Field:
    """Return the field with its free axes as long as those of ordinary values."""
    return replace(declared, shape=("n", *values.shape[1:]))


def _range(declared: Field) -> tuple[float, float]:
    low = -HUGE if declared.low is None else float(declared.low)
    high = HUGE if declared.high is None else float(declared.high)
    return low, high
