"""The frozen records that everything else in the lab takes: what a use case declares."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from common.lab.figures import Figure
    from common.lab.heads import Head
    from common.lab.metrics import Metric

__all__ = [
    "Answer",
    "Array",
    "Dataset",
    "Examples",
    "Features",
    "Field",
    "Fitted",
    "Period",
    "Rung",
    "Source",
    "Split",
    "Task",
    "Term",
    "Track",
    "Training",
    "UseCase",
]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Source:
    """Where public data come from, and under which terms.

    Parameters
    ----------
    name
        Short name, unique in the use case.
    title
        What it is, in French.
    publisher, licence
        As they must be cited.
    origin
        ``github:owner/repo@commit``, ``npm:name@version`` or a URL prefix.
    files
        Path below the origin to sha256 (64 hex digits).
    period
        What the data span, in words.
    personal_data
        In French: none, or which and how they are protected.
    proxy
        In French, what the data stand in for when they are not the real thing.
    prepared_only
        True where only a prepared table exists and no public original can be fetched.
    """

    name: str
    title: str
    publisher: str
    licence: str
    origin: str
    files: Mapping[str, str]
    period: str
    personal_data: str
    proxy: str = ""
    prepared_only: bool = False

    def __post_init__(self) -> None:
        for path, digest in self.files.items():
            if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
                raise UsageError(
                    f"source {self.name}: sha256 of {path} is {digest!r}",
                    expected="64 lower-case hexadecimal digits",
                )


@dataclass(frozen=True)
class Period:
    """Civil days from ``start`` (included) to ``stop`` (excluded)."""

    start: date
    stop: date

    def __post_init__(self) -> None:
        if self.start >= self.stop:
            raise UsageError(f"period {self.start} to {self.stop}", expected="start before stop")

    def __str__(self) -> str:
        return f"{self.start.isoformat()}..{self.stop.isoformat()}"


@dataclass(frozen=True)
class Split:
    """A time-ordered split: fit, tune on rolling origins, test once.

    Parameters
    ----------
    train_start
        First day used for fitting.
    origins
        Refit dates of the tuning period: a rung is fitted on
        ``[train_start, origin)`` and scored on ``[origin, next origin)``; the last
        one runs to ``test.start``.
    test
        Scored once, by rungs fitted on ``[train_start, test.start)``.
    """

    train_start: date
    origins: tuple[date, ...]
    test: Period

    def __post_init__(self) -> None:
        days = (self.train_start, *self.origins, self.test.start)
        if not self.origins or list(days) != sorted(set(days)):
            raise UsageError(
                f"split dates {[day.isoformat() for day in days]}",
                expected="train_start < each origin < test.start, in order, at least one origin",
            )

    def folds(self) -> list[tuple[Period, Period]]:
        """Return the tuning folds as (fit period, score period)."""
        stops = (*self.origins[1:], self.test.start)
        return [
            (Period(self.train_start, origin), Period(origin, stop))
            for origin, stop in zip(self.origins, stops, strict=True)
        ]

    def final(self) -> tuple[Period, Period]:
        """Return the fold of the test period."""
        return Period(self.train_start, self.test.start), self.test


@dataclass(frozen=True)
class Dataset:
    """A long table of measurements, its mask and where it comes from.

    Parameters
    ----------
    name
        Short name; starts with ``SIMULATED`` where ``simulated``.
    columns
        Column name (with its unit) to array of shape (n_rows,).
    units
        Column name to unit.
    times
        UTC, time-zone aware, shape (n_rows,).
    groups
        The statistical unit of each row (meter, zone, container), shape (n_rows,).
    valid
        False where the measurement is missing or refused; never replaced by zero.
    timezone
        IANA name of the civil time of the place.
    sources
        What the rows were read from.
    simulated
        True for the simulator's output.
    proxy
        In French, what the data stand in for; empty when they are the real thing.
    extras
        Tables that are not per row (weather by hour, sites), by name.
    """

    name: str
    columns: Mapping[str, Array]
    units: Mapping[str, str]
    times: "pd.DatetimeIndex"
    groups: "pd.Categorical"
    valid: Array
    timezone: str
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    proxy: str = ""
    extras: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_rows = len(self.times)
        for name, values in (*self.columns.items(), ("groups", self.groups), ("valid", self.valid)):
            if len(values) != n_rows:
                raise UsageError(
                    f"data set {self.name}: {name} has {len(values)} rows",
                    expected=f"{n_rows} rows, as many as times",
                )
        if self.times.tz is None or str(self.times.tz) != "UTC":
            raise UsageError(
                f"data set {self.name}: times are in {self.times.tz}", expected="UTC, aware"
            )
        if set(self.units) != set(self.columns):
            raise UsageError(
                f"data set {self.name}: units for {sorted(self.units)}",
                expected=f"a unit for each of {sorted(self.columns)}",
            )
        if self.simulated != self.name.startswith("SIMULATED"):
            raise UsageError(
                f"data set {self.name}: simulated={self.simulated}",
                expected="simulated data, and only they, have a name that starts with SIMULATED",
            )

    @cached_property
    def digest(self) -> str:
        """The sha256 of times, groups, columns, mask and extras."""
        hasher = hashlib.sha256()
        hasher.update(self.times.as_unit("s").asi8.tobytes())
        hasher.update("\0".join(map(str, self.groups.categories)).encode())
        hasher.update(np.ascontiguousarray(self.groups.codes, dtype=np.int32).tobytes())
        for name in sorted(self.columns):
            hasher.update(name.encode())
            hasher.update(np.ascontiguousarray(self.columns[name]).tobytes())
        hasher.update(np.packbits(self.valid).tobytes())
        for name in sorted(self.extras):
            hasher.update(name.encode())
            hasher.update(self.extras[name].to_csv().encode())
        return hasher.hexdigest()


@dataclass(frozen=True)
class Field:
    """An input or output of the graph, as the manifest describes it.

    Parameters
    ----------
    name
        Name of the tensor, with its unit (``load_kwh``).
    dtype
        ``float32``, ``int64`` or ``bool``.
    shape
        Leading ``"n"`` (rows), then fixed sizes.
    unit
        ``kWh``, ``°C``, ``1`` for none.
    meaning
        One French sentence.
    low, high
        Legal range of the values; ``None`` for unbounded.
    missing
        True where NaN is allowed and means "not known".
    default
        The value of each row when the caller leaves the input out (shape without the
        leading axis), or None when the input is required.
    """

    name: str
    dtype: Literal["float32", "int64", "bool"]
    shape: tuple[str | int, ...]
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    missing: bool = False
    default: Array | None = None

    def __post_init__(self) -> None:
        if not self.shape or self.shape[0] != "n":
            raise UsageError(
                f"field {self.name}: shape {self.shape}", expected='a leading "n" for the rows'
            )


@dataclass(frozen=True)
class Term:
    """A column of the feature matrix, as it is explained to people.

    Parameters
    ----------
    name
        Identifier, with its unit where it has one.
    label
        French words for a city officer: "température extérieure demain".
    group
        French name of the family under which the page adds contributions up.
    grid
        Step to which the feature is rounded in the graph before any split, so that a
        last bit lost between CPUs cannot change a route.
    """

    name: str
    label: str
    group: str
    grid: float = 2.0**-10


@dataclass(frozen=True)
class Features:
    """What ``Task.features`` returns, traced or in numpy.

    Parameters
    ----------
    columns
        Term name to array of shape (n, 1, n_steps), or (n, 1, 1) where all steps share
        the value. A rung's graph computes only the columns that its heads read.
    context
        Named arrays that ``Task.finish`` needs (the level that scales the output).
    """

    columns: Mapping[str, Any]
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the heads give to ``Task.finish``, on the scale they predict.

    Parameters
    ----------
    raw
        Shape (n, n_steps): ``baseline`` plus the sum of ``contributions``.
    contributions
        Shape (n, n_steps, n_head_terms).
    baseline
        The head's answer before any term, a number.
    spread
        Shape (n, n_steps), or None where the rung has no spread head.
    """

    raw: Any
    contributions: Any
    baseline: float
    spread: Any | None


@dataclass(frozen=True)
class Examples:
    """Rows of the graph's raw inputs with the truth beside them.

    Parameters
    ----------
    inputs
        Graph input name to array with leading axis n.
    target
        Shape (n, n_slots); NaN where the truth is unknown.
    slots
        Shape (n, n_slots): which of the graph's ``n_steps`` outputs each target is held
        against (the hour that occurs twice in autumn uses one output twice); -1 none.
    units
        Statistical unit of each row, shape (n,), text.
    blocks
        Dependence block of each row (ISO weeks counted from the epoch), shape (n,).
    issued
        Issue time in UTC, datetime64[s], shape (n,).
    days
        Target day, datetime64[D], shape (n,).
    """

    inputs: Mapping[str, Array]
    target: Array
    slots: Array
    units: Array
    blocks: Array
    issued: Array
    days: Array

    def __len__(self) -> int:
        return len(self.units)

    def take(self, rows: Array) -> "Examples":
        """Return the examples at ``rows`` (indices, slice or mask)."""
        return replace(
            self,
            inputs={name: values[rows] for name, values in self.inputs.items()},
            target=self.target[rows],
            slots=self.slots[rows],
            units=self.units[rows],
            blocks=self.blocks[rows],
            issued=self.issued[rows],
            days=self.days[rows],
        )

    def on_slots(self, values: Array) -> Array:
        """Bring outputs of shape (n, n_steps, ...) to the targets' (n, n_slots, ...)."""
        index = np.maximum(self.slots, 0)
        index = index.reshape(index.shape + (1,) * (values.ndim - 2))
        return np.take_along_axis(values, index, axis=1)


@dataclass(frozen=True)
class Training:
    """What a rung is fitted on: the traced graph's own output beside the target.

    Parameters
    ----------
    matrix
        Shape (n_lines, n_terms), float32, only lines with a known target.
    target
        Shape (n_lines,), on the scale that the heads predict.
    weight
        Shape (n_lines,).
    units, days
        Statistical unit and target day of each line, shape (n_lines,).
    terms
        The matrix's columns.
    seed
        Every source of randomness starts from it.
    """

    matrix: Array
    target: Array
    weight: Array
    units: Array
    days: Array
    terms: tuple[Term, ...]
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A fitted rung.

    Parameters
    ----------
    point
        Head of the central forecast.
    spread
        Head of the half-width unit that the calibrated offsets multiply; None where the
        task has no interval.
    reference
        The library's own prediction on the columns that ``point`` reads, (lines, d) to
        (lines,): what the parity gate holds the graph against.
    """

    point: "Head"
    spread: "Head | None" = None
    reference: Callable[[Array], Array] | None = None


class StateOf(Protocol):
    """Compute per-site state known at each row's issue time (coefficients, offsets)."""

    def __call__(self, dataset: Dataset, examples: Examples) -> Mapping[str, Array]: ...


@dataclass(frozen=True)
class Rung:
    """One step of the frugality ladder.

    Parameters
    ----------
    name
        Identifier, for example ``week_persistence``.
    title
        French name on the page.
    kind
        ``no_ai`` rungs come first; ``boosted`` is the only non-additive kind.
    scope
        ``global``: usable on a site never seen; ``per_site``: needs a fit where it runs.
    fit
        From a Training to the heads.
    state
        For ``per_site`` rungs: the graph inputs fitted per site.
    state_fields
        The graph inputs that ``state`` fills.
    note
        One French sentence: what the rung does.
    """

    name: str
    title: str
    kind: Literal["no_ai", "linear", "additive", "boosted"]
    scope: Literal["global", "per_site"]
    fit: Callable[[Training], Fitted]
    state: StateOf | None = None
    state_fields: tuple[Field, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if (self.scope == "per_site") != (self.state is not None):
            raise UsageError(
                f"rung {self.name}: scope {self.scope}, state {self.state}",
                expected="a state function for per_site rungs, and for them only",
            )


@dataclass(frozen=True)
class Track:
    """A side question put to the rung that ships, in the full profile.

    Parameters
    ----------
    name, title
        Identifier and French title.
    examples
        From a data set and a period to altered examples (less history, faults, other
        weather); None takes the task's own.
    task
        Another task whose ladder's rung of the same name is fitted and scored instead.
    unseen_units
        True to fit on one half of the units and score the other, both ways.
    """

    name: str
    title: str
    examples: Callable[[Dataset, Period], Examples] | None = None
    task: "Task | None" = None
    unseen_units: bool = False


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked of a model and how the answer is scored.

    Parameters
    ----------
    id, version
        ``version`` is bumped when anything that is hashed changes.
    question
        The question in French, as on the page.
    inputs, outputs
        The graph's interface (state inputs of per-site rungs come from the rung).
    terms
        Columns of the feature matrix.
    split
        Time-ordered periods.
    metrics
        The main metric first, then the guards.
    slices
        For equity: French name to a function giving each example's class.
    margin
        Relative loss increase under which a smaller rung counts as not worse.
    examples
        From a data set and a period to rows of raw inputs with the truth.
    features
        ``features(xp, inputs)`` against the array API; pure, row by row.
    finish
        ``finish(xp, inputs, features, answer) -> outputs``: from the heads' scale to
        the graph's outputs, in their units.
    train_on
        ``train_on(examples, context) -> (target, weight)``, both (n, n_slots): the scale
        that heads predict and the weight of each value.
    unit_losses
        ``unit_losses(examples, outputs) -> (unit, block, loss)``: what the statistics and
        the benchmark see.
    transform
        Applied to each unit's mean loss before units are averaged (a square root, say).
    scored
        ``scored(examples, outputs, scale)``: what the metrics are computed on.
    scale
        ``scale(fit examples)``: per-unit denominators that metrics take from the past.
    rungs
        The ladder, no-AI rungs first, by rising cost.
    calibrate
        ``calibrate(examples, outputs, default) -> state inputs``, rolling, from what is
        known at each issue time; None where nothing is calibrated.
    default_state
        ``default_state(examples, outputs) -> state inputs of one row``: what a new site
        starts with, from the tuning period; becomes the fields' default in the manifest.
    tracks
        Side questions of the full profile.
    figures
        Use-case plots for the run page, from test examples and outputs.
    """

    id: str
    version: int
    question: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    terms: tuple[Term, ...]
    split: Split
    metrics: tuple["Metric", ...]
    slices: Mapping[str, Callable[[Examples], Array]]
    examples: Callable[[Dataset, Period], Examples]
    features: Callable[[Any, Mapping[str, Any]], Features]
    finish: Callable[[Any, Mapping[str, Any], Features, Answer], Mapping[str, Any]]
    train_on: Callable[[Examples, Mapping[str, Array]], tuple[Array, Array]]
    unit_losses: Callable[[Examples, Mapping[str, Array]], tuple[Array, Array, Array]]
    transform: Callable[[Array], Array]
    scored: Callable[[Examples, Mapping[str, Array], Mapping[str, float]], Any]
    scale: Callable[[Examples], Mapping[str, float]]
    rungs: tuple[Rung, ...]
    margin: float = 0.02
    calibrate: (
        Callable[[Examples, Mapping[str, Array], Mapping[str, Array]], Mapping[str, Array]] | None
    ) = None
    default_state: Callable[[Examples, Mapping[str, Array]], Mapping[str, Array]] | None = None
    tracks: tuple[Track, ...] = ()
    figures: Callable[[Examples, Mapping[str, Array]], list["Figure"]] | None = None

    def __post_init__(self) -> None:
        if self.rungs and self.rungs[0].kind != "no_ai":
            raise UsageError(
                f"task {self.id}: the ladder begins with {self.rungs[0].name}",
                expected="a rung without AI first",
            )
        if not 0 < self.margin <= 0.5:
            raise UsageError(f"task {self.id}: margin {self.margin}", expected="in (0, 0.5]")


@dataclass(frozen=True)
class UseCase:
    """A use case: its card, its data, its tasks.

    Parameters
    ----------
    name
        Folder name.
    title, summary
        In French, for the index page.
    sources
        What ``aune data`` fetches.
    load
        ``load(task, profile, fetch) -> Dataset`` from the public data.
    read
        ``read(folder, task) -> Dataset`` from a commune's own files.
    simulate
        ``simulate(task, seed) -> Dataset``: no data needed, labelled SIMULATED.
    tasks
        By id; the first is the headline.
    limits
        French sentences that every page carries.
    """

    name: str
    title: str
    summary: str
    sources: tuple[Source, ...]
    load: Callable[[Task, str], Dataset]
    read: Callable[[Path, Task], Dataset]
    simulate: Callable[[Task, int], Dataset]
    tasks: tuple[Task, ...]
    limits: tuple[str, ...]

    def task(self, task_id: str | None) -> Task:
        """Return the task called ``task_id``, or the first one."""
        if task_id is None:
            return self.tasks[0]
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise UsageError(
            f"{self.name} has no task {task_id!r}",
            expected="one of " + ", ".join(task.id for task in self.tasks),
        )
