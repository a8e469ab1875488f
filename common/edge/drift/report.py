"""What is counted over a window and what it says: the records and the alert file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt

from common.edge.errors import UsageError
from common.edge.journal.chain import write_atomically

__all__ = [
    "STATES",
    "Cause",
    "DriftReport",
    "InputState",
    "Seen",
    "State",
    "Thresholds",
    "Truths",
    "Window",
]

Array = npt.NDArray[Any]
State = Literal["usual", "watch", "alert", "undetermined"]
Cause = Literal["psi", "missing", "outside", "stuck"]
STATES: tuple[State, ...] = ("usual", "undetermined", "watch", "alert")
"""From the least to the most serious."""
_SOURCES = {
    "psi": "0,1 et 0,25 : usage du crédit (Lewis 1994 ; Siddiqi 2006) ; pas une loi statistique, "
    "d'où le plancher de hasard (Yurdakul et Naranjo 2020) et ce que des périodes de "
    "l'apprentissage montrent entre elles, à la même saison (mesuré à l'export)",
    "missing": "écart de part manquante retenu par Aune, sans norme ; pas moins que ce que "
    "l'apprentissage a montré",
    "outside": "part hors des valeurs d'apprentissage retenue par Aune, sans norme",
    "stuck": "part de lignes à valeur figée retenue par Aune, sans norme ; pas moins que ce que "
    "l'apprentissage a montré",
    "coverage": "intervalle de Wilson (1927) à 99 % tout entier sous la couverture annoncée",
}


@dataclass(frozen=True)
class Thresholds:
    """From when on something is worth a look; sources are written into each alert.

    Parameters
    ----------
    psi_watch, psi_alert
        Customary bounds of credit scoring: 0.1 and 0.25 (Lewis, An Introduction to Credit
        Scoring, 1994; Siddiqi, Credit Risk Scorecards, 2006). No bound below what chance
        gives at these counts (`common.edge.training.histogram.noise_floor`), nor below what
        usual data show (`common.edge.training.histogram.Levels`).
    margin
        How far above that level an alert begins; a choice of Aune: with 2, five simulated
        years of five towns raised one false alarm of one day on a temperature, and sensors
        8 degrees off were found after 9 to 26 days (``tests/usecases/test_usual_data.py``).
    missing
        Increase of the missing share over training's; a choice of Aune.
    outside
        Share of values beyond the least and greatest that training saw; a choice of Aune.
    stuck
        Share of rows whose values stopped moving; a choice of Aune.
    rows, days
        Fewest rows in the window for any verdict (one site asked once a day has 28), and
        fewest days with data for one on the distribution: choices of Aune; 7 days hold each
        day of the week.
    week_days
        Fewest days with data among the last seven for these to be judged by themselves, so
        that a change need not fill the window to be seen; 5 are a working week.
    """

    psi_watch: float = 0.1
    psi_alert: float = 0.25
    margin: float = 2.0
    missing: float = 0.05
    outside: float = 0.01
    stuck: float = 0.02
    rows: int = 20
    days: int = 7
    week_days: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.psi_watch < self.psi_alert:
            raise UsageError(
                f"PSI thresholds {self.psi_watch} and {self.psi_alert}",
                expected="above 0, the first below the second",
            )
        for name in ("missing", "outside", "stuck"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}", expected="between 0 and 1")
        for name in ("margin", "rows", "days", "week_days"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}", expected="at least 1")


@dataclass(frozen=True)
class Seen:
    """What one input did.

    Parameters
    ----------
    bins
        Counts by bin, shape (n_bins,).
    missing, outside
        Values that were missing, and known ones that training never reached.
    stuck
        Rows with a long run of equal values.
    rows
        All rows.
    """

    bins: Array
    missing: int = 0
    outside: int = 0
    stuck: int = 0
    rows: int = 0

    def __add__(self, other: "Seen") -> "Seen":
        """Add counts over the same bins."""
        return Seen(
            self.bins + other.bins,
            self.missing + other.missing,
            self.outside + other.outside,
            self.stuck + other.stuck,
            self.rows + other.rows,
        )


@dataclass(frozen=True)
class Truths:
    """Truths sent back: in the interval, below it, above it; and the rows they belong to."""

    covered: int = 0
    below: int = 0
    above: int = 0
    rows: int = 0

    def __add__(self, other: "Truths") -> "Truths":
        """Add counts."""
        return Truths(
            self.covered + other.covered,
            self.below + other.below,
            self.above + other.above,
            self.rows + other.rows,
        )


@dataclass(frozen=True)
class Window:
    """Counts over some days.

    Parameters
    ----------
    first, last
        Days that hold anything, ISO 8601; empty for none.
    days
        How many of them have rows.
    months
        Rows by calendar month, 1 to 12.
    seen
        What came in, by input.
    """

    first: str
    last: str
    days: int
    months: Mapping[int, int]
    seen: Mapping[str, Seen]


@dataclass(frozen=True)
class InputState:
    """How an input compares with training over the window.

    Parameters
    ----------
    name
        Of the input.
    state
        ``usual``, ``watch``, ``alert``, or ``undetermined`` for want of rows or days.
    causes
        What calls for it.
    rows
        Rows in the window.
    psi, psi_usual
        The index against the same season of training, and what usual data stay below; None
        where not judged. Of the window or of its last week, whichever is further from it.
    missing, missing_training
        Missing shares.
    outside
        Share of the known values that training never reached.
    stuck
        Share of the rows whose values stopped moving.
    nearest_month
        The month of training that the window is most like, 1 to 12; 0 where none is closer
        than its own season.
    """

    name: str
    state: State
    causes: tuple[Cause, ...]
    rows: int
    psi: float
    psi_usual: float | None
    missing: float
    missing_training: float
    outside: float
    stuck: float
    nearest_month: int = 0


@dataclass(frozen=True)
class DriftReport:
    """The window in figures.

    Parameters
    ----------
    first, last, days
        Days of the window that hold anything, ISO 8601 (empty for none), and how many.
    inputs
        One state for each input that has a histogram.
    season_learned
        False where training saw nothing of this time of the year.
    truths
        What was sent back.
    coverage
        What the interval promises; None where the model has none.
    coverage_low, coverage_high
        Wilson interval at 99 % of the coverage, counted in rows: the hours of one day
        are not independent of each other.
    coverage_state
        As for an input; ``alert`` only where the interval holds too seldom.
    thresholds
        What was applied.
    """

    first: str
    last: str
    days: int
    inputs: tuple[InputState, ...]
    season_learned: bool
    truths: Truths
    coverage: float | None
    coverage_low: float
    coverage_high: float
    coverage_state: State
    thresholds: Thresholds

    @property
    def rows(self) -> int:
        """Rows in the window."""
        return max((item.rows for item in self.inputs), default=0)

    @property
    def share(self) -> float | None:
        """Share of the truths that the interval held; None without any."""
        total = self.truths.covered + self.truths.below + self.truths.above
        return self.truths.covered / total if total else None

    @property
    def state(self) -> State:
        """The most serious state of all."""
        states = [item.state for item in self.inputs]
        if self.coverage_state == "alert" or not states:
            states.append(self.coverage_state)
        return max(states, key=STATES.index)

    def to_json(self) -> dict[str, Any]:
        """Return the report with the sources of its thresholds, ready for JSON."""
        return asdict(self) | {"schema": 2, "state": self.state, "sources": dict(_SOURCES)}

    def write(self, path: Path, **beside: Any) -> None:
        """Write the report as the alert file, whole or not at all, with more keys beside."""
        raw = self.to_json() | beside
        text = json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(path, text.encode() + b"\n")
