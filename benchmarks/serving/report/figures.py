"""Arithmetic of the bench: medians with their spread, ratios within a round, goals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import comb
from statistics import median

from benchmarks.serving.report.record import Run, Window

__all__ = ["GOALS", "Bound", "Goal", "Ratio", "Spread", "Verdict", "doors", "of_windows", "ratio"]

Choice = tuple[str, str]
"""Server and protocol."""

_ONE_SIDE = 0.025


@dataclass(frozen=True)
class Spread:
    """The median of a figure over the rounds, and between what it lies.

    Parameters
    ----------
    median
        Of the rounds.
    low, high
        A 95 % interval of the median: from six rounds on the order statistics of the sign test
        (Conover, *Practical Nonparametric Statistics*, 3.2), below that lowest and highest.
    least
        The lowest round: of a cost, what it was when others disturbed it least.
    """

    median: float
    low: float
    high: float
    least: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Return the spread of at least one value.

        Examples
        --------
        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.0, high=3.0, least=1.0)

        Of 12 rounds the third and the tenth: at most 2 of 12 coins show heads in 1.9 % of
        throws, at most 3 in 7.3 %.

        >>> Spread.of(range(1, 13))
        Spread(median=6.5, low=3, high=10, least=1)
        """
        found = sorted(values)
        outside = _outside(len(found))
        return cls(median(found), found[outside], found[-1 - outside], found[0])


def _outside(rounds: int) -> int:
    """Return how many values lie outside the interval on each side: at most 2.5 % of chance."""
    chance, count = 0.0, 0
    while (chance := chance + comb(rounds, count) / 2**rounds) <= _ONE_SIDE:
        count += 1
    return max(0, count - 1)


class Verdict(StrEnum):
    """What a run says of a goal; where the interval holds the bound, it says nothing."""

    MET = "met"
    MISSED = "**missed**"
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class Ratio:
    """A goal of the issue: so many times the answers per core of a peer.

    Parameters
    ----------
    ours, peer
        Server and protocol of each.
    rows
        Rows of a request.
    at_least
        The goal.
    """

    ours: Choice
    peer: Choice
    rows: int
    at_least: float

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{rows}: {' '.join(self.ours)} / {' '.join(self.peer)}"

    @property
    def goal(self) -> str:
        """The goal in words."""
        return f">= {self.at_least:g}x"

    def found(self, run: Run) -> Spread | None:
        """Return the ratio in each round; None where one of the two was not asked."""
        return ratio(run, self.ours, self.peer, self.rows)

    def verdict(self, found: Spread) -> Verdict:
        """Say whether the goal is reached."""
        if found.low >= self.at_least:
            return Verdict.MET
        return Verdict.MISSED if found.high < self.at_least else Verdict.UNDETERMINED


@dataclass(frozen=True)
class Bound:
    """A goal of the issue: a figure of ours stays below a bound.

    Parameters
    ----------
    name, unit
        What is bounded.
    values
        From a run to the values; none where it was not measured.
    at_most
        The bound.
    """

    name: str
    unit: str
    values: Callable[[Run], list[float]]
    at_most: float

    def __str__(self) -> str:
        return self.name

    @property
    def goal(self) -> str:
        """The goal in words."""
        return f"<= {self.at_most:g} {self.unit}"

    def found(self, run: Run) -> Spread | None:
        """Return the figure's spread; None where it was not measured."""
        values = self.values(run)
        return Spread.of(values) if values else None

    def verdict(self, found: Spread) -> Verdict:
        """Say whether the bound is kept."""
        if found.high <= self.at_most:
            return Verdict.MET
        return Verdict.MISSED if found.low > self.at_most else Verdict.UNDETERMINED


Goal = Ratio | Bound


def doors(run: Run, rows: int) -> list[Choice]:
    """Return who was asked how, in the order in which it first happened."""
    asked = ((w.server, w.protocol) for w in run.windows if w.rows == rows)
    return list(dict.fromkeys(asked))


def of_windows(run: Run, choice: Choice, rows: int) -> list[Window]:
    """Return the windows of one door."""
    return [w for w in run.windows if (w.server, w.protocol) == choice and w.rows == rows]


def ratio(run: Run, ours: Choice, peer: Choice, rows: int) -> Spread | None:
    """Return answers per core over those of a peer, each round against itself.

    What else the machine does differs between rounds more than within one.
    """
    theirs = {w.round: w.per_core for w in of_windows(run, peer, rows)}
    pairs = [w.per_core / theirs[w.round] for w in of_windows(run, ours, rows) if w.round in theirs]
    return Spread.of(pairs) if pairs else None


def _cpu_ms(protocol: str) -> Callable[[Run], list[float]]:
    return lambda run: [w.cpu_ms for w in of_windows(run, ("ours", protocol), 1)]


GOALS: tuple[Goal, ...] = (
    Ratio(("ours", "table"), ("mlflow", "table"), 1, 60),
    Ratio(("ours", "oip"), ("mlserver", "oip"), 1, 3),
    Ratio(("ours", "oip"), ("fastapi", "rows"), 1, 1.2),
    Ratio(("ours", "friendly"), ("fastapi", "rows"), 1, 1.2),
    Ratio(("ours", "table"), ("mlflow", "table"), 100, 14),
    Ratio(("ours", "oip"), ("fastapi", "rows"), 100, 2),
    Ratio(("ours", "friendly"), ("fastapi", "rows"), 100, 2),
    Bound("1 row: ours friendly, CPU of an answer", "ms", _cpu_ms("friendly"), 0.15),
    Bound("1 row: ours oip, CPU of an answer", "ms", _cpu_ms("oip"), 0.15),
    Bound(
        "start to first answer",
        "s",
        lambda run: [s.wall_s for s in run.starts if s.server == "ours"],
        0.8,
    ),
)
"""Of issue 7. Each peer is met in its own protocol, MLflow's and the open one with the very same
bytes. FastAPI has none: it is met where we answer the same numbers (oip), and at the door that
says more (friendly: names, reasons in French, what is unusual). MLflow is met with a table of
named columns, what its own clients send and what the figures of the issue (79 a second) were;
tensors cost it a tenth of that, and the tables of ratios show them as well."""
