"""The frozen records of a contest: what is asked, what is sealed, what is handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from common.edge.errors import UsageError
from common.lab.statistics import Losses
from common.lab.usecase import Array, Dataset, Period

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Column",
    "Contest",
    "Finding",
    "Labels",
    "Output",
    "Paper",
    "Questions",
    "Submission",
]


@dataclass(frozen=True)
class Column:
    """A column of the file that a vendor hands in.

    Parameters
    ----------
    name
        Header, with its unit where it has one.
    kind
        ``text`` and ``time`` columns are the keys of a row (times are UTC with an offset);
        ``number`` columns are its answers.
    unit
        ``kWh``, ``1`` for none, empty for keys.
    meaning, english
        One sentence each.
    low, high
        Legal range of an answer; None for unbounded.
    required
        False for an answer that a vendor may leave out (a point forecast has no quantiles).
    """

    name: str
    kind: Literal["text", "time", "number"]
    unit: str
    meaning: str
    english: str
    low: float | None = None
    high: float | None = None
    required: bool = True

    def __post_init__(self) -> None:
        if self.kind != "number" and (self.low, self.high) != (None, None):
            raise UsageError(f"column {self.name}: {self.kind} with a range", expected="no range")


@dataclass(frozen=True)
class Output:
    """Where a graph's outputs hold an answer: ``outputs[name][example, step, place]``.

    Parameters
    ----------
    name
        Of the graph's output.
    place
        Index on the last axis where there is one (a quantile), else None.
    """

    name: str
    place: int | None = None


@dataclass(frozen=True)
class Questions:
    """What is asked, row by row, without any label: everybody may see it.

    A row is one answer to give (one meter, one issue time, one hour); n rows in a fixed order.

    Parameters
    ----------
    keys
        Key column to values, each of shape (n,): text, or datetime64[s] in UTC.
    units, blocks
        Statistical unit (text) and dependence block (int) of each row, shape (n,).
    example, step
        Row of ``inputs``, and step of the graph's outputs, that answer each row, shape (n,).
    inputs
        The graph's raw inputs, leading axis n_examples; nothing in them is a label.
    scale
        Denominator of each row's loss, known from the history, shape (n,).
    level
        Usual size of the target of each row's unit, from the history, shape (n,): what a
        thousandfold unit error is seen against.
    later
        French name to measurements that the vendor may see but that lie after the issue
        time (the same hour of the next day), shape (n,), NaN where unknown. Nobody may
        answer with them: the audit looks.
    slices
        French name to each row's class, shape (n,), for equity.
    """

    keys: Mapping[str, Array]
    units: Array
    blocks: Array
    example: Array
    step: Array
    inputs: Mapping[str, Array]
    scale: Array
    level: Array
    later: Mapping[str, Array] = field(default_factory=dict)
    slices: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_rows = len(self.units)
        for name, values in (*self.keys.items(), *self.later.items(), *self.slices.items()):
            if len(values) != n_rows:
                raise UsageError(
                    f"questions: {name} has {len(values)} rows", expected=f"{n_rows} rows"
                )

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True)
class Labels:
    """The sealed truth of each row.

    Parameters
    ----------
    truth
        Name to values of shape (n,), NaN where the truth is unknown.
    """

    truth: Mapping[str, Array]


@dataclass(frozen=True)
class Paper:
    """A question paper with its labels, before they are sealed.

    Parameters
    ----------
    questions, labels
        The same n rows.
    tables
        File name (``history.csv``) to what the vendor receives; sealed values are empty.
    about
        French and English sentences on each table, by file name.
    """

    questions: Questions
    labels: Labels
    tables: Mapping[str, "pd.DataFrame"]
    about: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Finding:
    """Something seen in a submission.

    Parameters
    ----------
    rule
        Short identifier: ``quantile-order``.
    severity
        ``refused``: the file is not scored; ``review``: scored, and a person must look
        before anything is concluded; ``note``: said on the report.
    message
        French sentence: what was found, what was expected, what to do.
    count
        How many rows are concerned.
    rows
        Line numbers in the file of the first of them (the header is line 1); empty where
        the whole file is concerned.
    """

    rule: str
    severity: Literal["refused", "review", "note"]
    message: str
    count: int = 0
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class Submission:
    """Answers brought to the order of the questions.

    Parameters
    ----------
    answers
        Column to values of shape (n,), NaN where the vendor gave none. Columns that the
        vendor left out altogether are absent.
    line
        Line of the file that holds each row, shape (n,); 0 where missing.
    n_lines
        Data lines of the file.
    sha256
        Of the file as received.
    findings
        What parsing saw; a ``refused`` one means that ``answers`` must not be scored.
    """

    answers: Mapping[str, Array]
    line: Array
    n_lines: int
    sha256: str
    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether any finding forbids scoring."""
        return any(finding.severity == "refused" for finding in self.findings)

    @property
    def missing(self) -> Array:
        """Rows without a line in the file, shape (n,)."""
        absent: Array = self.line == 0
        return absent


@dataclass(frozen=True, eq=False)
class Contest:
    """How a task meets vendors: the benchmark knows nothing else of it.

    Parameters
    ----------
    columns
        Of the file handed in, keys first.
    outputs
        Answer column to the place in the graph's outputs: how a rung, a bundle or a
        vendor's ONNX model hands in the same columns.
    ask
        ``ask(dataset, window) -> Paper``.
    parse
        ``parse(file, questions) -> Submission``: bounded in memory and time; format errors
        are findings with line numbers, never exceptions.
    check
        ``check(submission, questions) -> findings``, without labels.
    audit
        ``audit(submission, questions, labels, others) -> findings`` once the labels are
        open; ``others`` are the opponents and the other candidates, by id.
    unit_losses
        ``unit_losses(submission, questions, labels) -> (unit, block, loss)``, NaN where the
        truth is unknown.
    scored
        ``scored(submission, questions, labels)``: what the task's metrics are computed on.
    stress
        French title to ``damage(inputs) -> inputs``: what robustness means here, for
        candidates that we can run ourselves.
    sealed_share
        In French: which part of the window is asked, and why.
    units
        French plural of the statistical units, of which the report says how many each
        solution wins; empty where all answers count together.
    """

    columns: tuple[Column, ...]
    outputs: Mapping[str, Output]
    ask: Callable[[Dataset, Period], Paper]
    parse: Callable[[Path, Questions], Submission]
    check: Callable[[Submission, Questions], tuple[Finding, ...]]
    audit: Callable[[Submission, Questions, Labels, Mapping[str, Submission]], tuple[Finding, ...]]
    unit_losses: Callable[[Submission, Questions, Labels], Losses]
    scored: Callable[[Submission, Questions, Labels], Any]
    stress: Mapping[str, Callable[[Mapping[str, Array]], Mapping[str, Array]]] = field(
        default_factory=dict
    )
    sealed_share: str = ""
    units: str = "sites"

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the key columns."""
        return tuple(column.name for column in self.columns if column.kind != "number")

    @property
    def answers(self) -> tuple[Column, ...]:
        """The answer columns."""
        return tuple(column for column in self.columns if column.kind == "number")
