"""The frozen records that everything else in the lab takes: what a use case declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from common.edge.errors import UsageError
from common.lab.dataset import Array, Dataset, Examples, Period, Source, Split
from common.lab.plan_order import PlanOrder

if TYPE_CHECKING:
    from common.edge.retrieval.settings import RetrievalSettings
    from common.lab.contest import Contest
    from common.lab.graph.heads import Head
    from common.lab.metrics import Metric
    from common.lab.pages.figures import Figure

__all__ = [
    "Answer",
    "Array",
    "Dataset",
    "Examples",
    "Features",
    "Field",
    "Fitted",
    "Period",
    "PlanOrder",
    "Rung",
    "Source",
    "Split",
    "Task",
    "Term",
    "Track",
    "Training",
    "UseCase",
]


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
    labels
        In French, what the values along the first axis after the rows are; may be empty.
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
    labels: tuple[str, ...] = ()

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
    details
        What the point head gives beside its terms, by name (the share of each character
        of a text); empty for most.
    """

    raw: Any
    contributions: Any
    baseline: float
    spread: Any | None
    details: Mapping[str, Any] = field(default_factory=dict)


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
    inputs, rows
        Where an input of the task has an axis of any length (a text): the raw inputs of the
        examples, and the example of each line, shape (n_lines,); else empty and None.
    """

    matrix: Array
    target: Array
    weight: Array
    units: Array
    days: Array
    terms: tuple[Term, ...]
    seed: int
    inputs: Mapping[str, Array] = field(default_factory=dict)
    rows: Array | None = None


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
    counts
        True for a rung without AI that counts past answers: the past is handed to it.
    """

    name: str
    title: str
    kind: Literal["no_ai", "linear", "additive", "boosted"]
    scope: Literal["global", "per_site"]
    fit: Callable[[Training], Fitted]
    state: StateOf | None = None
    state_fields: tuple[Field, ...] = ()
    note: str = ""
    counts: bool = False

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
    functional_unit
        In French: what one prediction delivers, for the frugality sheet.
    contest
        How vendors are held against this task; None where no contest is offered.
    reasons
        Terms of heads that read no column of the matrix (the words of a text), for their
        French labels.
    index
        Makes what the bundle searches to fill its graph's ``votes`` from a text alone:
        arrays by name and how they are searched; None where nothing is searched.
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
    functional_unit: str = ""
    contest: "Contest | None" = None
    reasons: tuple[Term, ...] = ()
    index: "Callable[[], tuple[Mapping[str, Array], RetrievalSettings]] | None" = None

    def __post_init__(self) -> None:
        if self.rungs and self.rungs[0].kind != "no_ai":
            raise UsageError(
                f"task {self.id}: the ladder begins with {self.rungs[0].name}",
                expected="a rung without AI first",
            )
        if not 0 < self.margin <= 0.5:
            raise UsageError(f"task {self.id}: margin {self.margin}", expected="in (0, 0.5]")

    @property
    def labels(self) -> Mapping[str, Term]:
        """Every term that a contribution may be of, by name."""
        return {term.name: term for term in (*self.terms, *self.reasons)}


@dataclass(frozen=True)
class UseCase:
    """A use case: its card, its data, its tasks.

    Parameters
    ----------
    name
        Folder name.
    title, summary, sources
        In French, for the index page; what ``aune data`` fetches.
    load
        ``load(task, profile, fetch) -> Dataset`` from the public data.
    read
        ``read(folder, task) -> Dataset`` from a commune's own files.
    simulate
        ``simulate(task, seed) -> Dataset``: no data needed, labelled SIMULATED.
    tasks
        By id; the first is the headline.
    limits, unverified
        French sentences that every page carries; what nobody has checked yet.
    plan
        ``plan(order) -> page``: from observations to proposals, for people; None where the
        use case decides nothing yet.
    plan_files, plan_options
        Name to French help of the files or folders that ``plan`` can take, and of the words,
        each as often as needed.
    resume
        ``resume(task, dataset, folder) -> Dataset``: with what agents corrected, to learn
        from as well; None where nothing can be corrected.
    suit
        ``suit(task, dataset, answers) -> (task, dataset)`` where answers are a site's own (the
        services of a town hall): both with the data's answers, or with a bundle's if given.
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
    unverified: tuple[str, ...] = ()
    plan: Callable[[PlanOrder], Path] | None = None
    plan_files: Mapping[str, str] = field(default_factory=dict)
    plan_options: Mapping[str, str] = field(default_factory=dict)
    resume: Callable[[Task, Dataset, Path], Dataset] | None = None
    suit: Callable[[Task, Dataset, tuple[str, ...]], tuple[Task, Dataset]] | None = None

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
