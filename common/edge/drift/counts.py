"""Watch what comes in and how often the interval holds; say when data are unusual."""

import json
import math
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.edge.drift.histogram import Histogram, count_values, noise_floor, psi
from common.edge.errors import DataError, UsageError
from common.edge.journal.chain import write_atomically

__all__ = ["Drift", "DriftReport", "InputState", "Thresholds", "explain", "wilson"]

Array = npt.NDArray[Any]
State = Literal["usual", "watch", "alert", "undetermined"]
_ORDER: tuple[State, ...] = ("usual", "undetermined", "watch", "alert")
_SOURCES = {
    "psi": "0,1 et 0,25 : usage du crédit (Lewis 1994 ; Siddiqi 2006) ; pas une loi statistique, "
    "d'où le plancher de hasard (Yurdakul et Naranjo 2020)",
    "missing": "écart de part manquante retenu par Aune, sans norme",
    "outside": "part hors des valeurs d'apprentissage retenue par Aune, sans norme",
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
        gives at these counts (`common.edge.drift.histogram.noise_floor`).
    missing
        Increase of the missing share over training's; a choice of Aune.
    outside
        Share of values beyond the least and greatest that training saw; a choice of Aune.
    rows
        Fewest rows in the window for any verdict; a choice of Aune.
    coverage
        What the interval promises: 0.8 is the 10 to 90 % band of the reference tasks.
    """

    psi_watch: float = 0.1
    psi_alert: float = 0.25
    missing: float = 0.05
    outside: float = 0.01
    rows: int = 30
    coverage: float = 0.8

    def __post_init__(self) -> None:
        if not 0 < self.psi_watch < self.psi_alert:
            raise UsageError(
                f"PSI thresholds {self.psi_watch} and {self.psi_alert}",
                expected="above 0, the first below the second",
            )
        for name in ("missing", "outside", "coverage"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name} {getattr(self, name)}", expected="between 0 and 1")
        if self.rows < 1:
            raise UsageError(f"{self.rows} rows", expected="at least 1")


@dataclass(frozen=True)
class InputState:
    """How an input compares with training over the window.

    Parameters
    ----------
    name
        Of the input.
    state
        ``usual``, ``watch``, ``alert``, or ``undetermined`` for want of rows.
    rows
        Rows in the window.
    psi, psi_floor
        The index, and what chance alone may give.
    missing, missing_training
        Missing shares.
    outside
        Share of the known values that training never reached.
    """

    name: str
    state: State
    rows: int
    psi: float
    psi_floor: float
    missing: float
    missing_training: float
    outside: float


@dataclass(frozen=True)
class DriftReport:
    """The window in figures.

    Parameters
    ----------
    first, last
        Days of the window that hold anything, ISO 8601; empty for none.
    inputs
        One state for each input that has a histogram.
    truths, covered, above
        Truths sent back, how many were in the interval, how many above it.
    truth_rows
        Rows that they belong to.
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
    inputs: tuple[InputState, ...]
    truths: int
    covered: int
    above: int
    truth_rows: int
    coverage_low: float
    coverage_high: float
    coverage_state: State
    thresholds: Thresholds

    @property
    def state(self) -> State:
        """The most serious state of all."""
        states = [item.state for item in self.inputs] + [self.coverage_state]
        return max(states, key=_ORDER.index)

    def to_json(self) -> dict[str, Any]:
        """Return the report with the sources of its thresholds, ready for JSON."""
        return asdict(self) | {"schema": 1, "state": self.state, "sources": dict(_SOURCES)}

    def write(self, path: Path) -> None:
        """Write the report as the alert file, whole or not at all."""
        text = json.dumps(self.to_json(), indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(path, text.encode() + b"\n")


@dataclass
class _Counts:
    """What one input did on one day."""

    bins: Array
    missing: int = 0
    outside: int = 0


@dataclass
class _Day:
    """Counts of one day: all that is kept of it."""

    rows: int = 0
    inputs: dict[str, _Counts] = field(default_factory=dict)
    covered: int = 0
    below: int = 0
    above: int = 0
    truth_rows: int = 0


class Drift:
    """Rolling counts over the last days, safe to share between threads.

    Only counts are kept, at most one set a day and input: 28 days of 10 inputs with 20
    bins are 45 kB, whatever the traffic.

    Parameters
    ----------
    histograms
        Of the training inputs, by name, from the manifest.
    thresholds
        When to look.
    window_days
        Days that count, today included; 28 holds whole weeks.
    """

    def __init__(
        self,
        histograms: Mapping[str, Histogram],
        thresholds: Thresholds | None = None,
        *,
        window_days: int = 28,
    ) -> None:
        if not 1 <= window_days <= 366:
            raise UsageError(f"a window of {window_days} days", expected="1 to 366")
        self.histograms = dict(histograms)
        self.thresholds = thresholds or Thresholds()
        self.window_days = window_days
        self._days: dict[date, _Day] = {}
        self._lock = threading.Lock()

    def observe(self, inputs: Mapping[str, Array], day: date) -> None:
        """Count the inputs of one call.

        Parameters
        ----------
        inputs
            As the graph takes them, shape (n, ...).
        day
            UTC day of the call; days out of the window are forgotten.
        """
        counted = {}
        for name, histogram in self.histograms.items():
            values = inputs[name]
            if histogram.of == "length":
                values = np.full(len(values), values.shape[1])
            counted[name] = _Counts(*count_values(histogram.edges, values))
        rows = len(next(iter(inputs.values()), ()))
        with self._lock:
            today = self._day(day)
            today.rows += rows
            for name, counts in counted.items():
                _add(today, name, counts)

    def truth(self, lower: Array, upper: Array, truth: Array, day: date) -> None:
        """Count how often the interval held the truth that was sent back.

        Parameters
        ----------
        lower, upper, truth
            Of the same shape; NaN counts nowhere.
        day
            UTC day on which the truth came.

        Raises
        ------
        DataError
            The shapes differ.
        """
        low, high, real = (np.asarray(values, dtype=np.float64) for values in (lower, upper, truth))
        if not low.shape == high.shape == real.shape:
            raise DataError(
                f"bounds of shape {low.shape} and {high.shape}, truth of shape {real.shape}",
                expected="the same shape",
            )
        known = ~(np.isnan(low) | np.isnan(high) | np.isnan(real))
        below, above = known & (real < low), known & (real > high)
        with self._lock:
            today = self._day(day)
            today.below += int(below.sum())
            today.above += int(above.sum())
            today.covered += int((known & ~below & ~above).sum())
            today.truth_rows += int(known.reshape(len(known), -1).any(axis=1).sum())

    def report(self) -> DriftReport:
        """Return what the window says."""
        with self._lock:
            days = sorted(self._days)
            inputs = tuple(self._state(name) for name in sorted(self.histograms))
            covered, above = self._total("covered"), self._total("above")
            truths = covered + above + self._total("below")
            rows = self._total("truth_rows")
        low, high = wilson(covered / truths * rows if truths else 0, rows)
        limits = self.thresholds
        state: State = "alert" if high < limits.coverage else "usual"
        return DriftReport(
            first=str(days[0]) if days else "",
            last=str(days[-1]) if days else "",
            inputs=inputs,
            truths=truths,
            covered=covered,
            above=above,
            coverage_low=low,
            coverage_high=high,
            truth_rows=rows,
            coverage_state=state if rows >= limits.rows else "undetermined",
            thresholds=limits,
        )

    def save(self, path: Path) -> None:
        """Write the counts, so that a restart does not forget the window."""
        with self._lock:
            days = {str(day): _day_json(counts) for day, counts in sorted(self._days.items())}
        edges = {name: list(item.edges) for name, item in sorted(self.histograms.items())}
        write_atomically(path, json.dumps({"schema": 1, "edges": edges, "days": days}).encode())

    def load(self, path: Path) -> bool:
        """Take up saved counts; False where there are none or they are of other histograms."""
        try:
            raw = json.loads(path.read_bytes())
            edges = {name: list(item.edges) for name, item in self.histograms.items()}
            if raw["schema"] != 1 or raw["edges"] != edges:
                return False
            days = {date.fromisoformat(day): _day_from(item) for day, item in raw["days"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return False
        with self._lock:
            self._days = days
        return True

    def _day(self, day: date) -> _Day:
        newest = max([day, *self._days])
        for old in [item for item in self._days if (newest - item).days >= self.window_days]:
            del self._days[old]
        if newest - day >= timedelta(days=self.window_days):
            return _Day()  # too old to count: written nowhere
        return self._days.setdefault(day, _Day())

    def _total(self, name: str) -> int:
        return sum(getattr(day, name) for day in self._days.values())

    def _state(self, name: str) -> InputState:
        histogram, limits = self.histograms[name], self.thresholds
        parts = [day.inputs[name] for day in self._days.values() if name in day.inputs]
        bins = sum((part.bins for part in parts), np.zeros(len(histogram.counts), dtype=np.int64))
        known, missing = int(bins.sum()), sum(part.missing for part in parts)
        outside = sum(part.outside for part in parts) / known if known else 0.0
        rows = self._total("rows")
        share = missing / (known + missing) if known + missing else 0.0
        index = psi(histogram.counts, bins) if known else 0.0
        floor = noise_floor(len(bins), histogram.rows, rows)
        increase = share - histogram.missing_share
        state: State = "usual"
        if index > max(limits.psi_watch, floor) or increase > limits.missing:
            state = "watch"
        if index > max(limits.psi_alert, floor) or outside > limits.outside:
            state = "alert"
        if rows < limits.rows:
            state = "undetermined"
        return InputState(
            *(name, state, rows, index, floor if math.isfinite(floor) else 0.0),
            *(share, histogram.missing_share, outside),
        )


def wilson(successes: float, trials: int, level: float = 0.99) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); 0 to 1 without any trial.

    Examples
    --------
    >>> # z = 1.96: centre (8 + 1.92) / (10 + 3.84) = 0.717, half 1.96 sqrt(1.6 + 0.96) / 13.84
    >>> [round(bound, 2) for bound in wilson(8, 10, level=0.95)]
    [0.49, 0.94]
    """
    from statistics import NormalDist

    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (successes + z * z / 2) / (trials + z * z)
    half = z * math.sqrt(successes * (trials - successes) / trials + z * z / 4) / (trials + z * z)
    return max(0.0, centre - half), min(1.0, centre + half)


def explain(report: DriftReport, meanings: Mapping[str, str]) -> tuple[str, ...]:
    """Return French sentences for ``aune doctor``, the most serious first.

    Parameters
    ----------
    report
        What the window says.
    meanings
        French meaning of each input, from the manifest.
    """
    from common.edge.description import french_number

    def percent(share: float) -> str:
        return f"{french_number(round(100 * share, 1))}\u00a0%"

    if not report.first:
        return ("Dérive : aucune donnée reçue pour l'instant.",)
    sentences = []
    ordered = sorted(report.inputs, key=lambda item: -_ORDER.index(item.state))
    for item in ordered:
        label = meanings.get(item.name, item.name).rstrip(".")
        if item.state in ("usual", "undetermined"):
            continue
        what = "inhabituelles" if item.state == "alert" else "à surveiller"
        sentences.append(
            f"«\u00a0{label}\u00a0» : données {what} (indice de stabilité "
            f"{french_number(round(item.psi, 2))}, hasard jusqu'à "
            f"{french_number(round(item.psi_floor, 2))} ; {percent(item.outside)} hors de ce que "
            f"le modèle a appris ; {percent(item.missing)} de valeurs manquantes, "
            f"{percent(item.missing_training)} à l'apprentissage). Ce peut être la saison, un "
            "capteur, une unité, ou un vrai changement : vérifier dans cet ordre."
        )
    sentences.append(_coverage_sentence(report, percent))
    waiting = sum(item.state == "undetermined" for item in report.inputs)
    if waiting:
        sentences.append(
            f"{waiting} entrée(s) sans verdict : moins de {report.thresholds.rows} lignes reçues."
        )
    if report.state == "usual":
        sentences.insert(0, "Dérive : données habituelles.")
    return tuple(sentences)


def _coverage_sentence(report: DriftReport, percent: Any) -> str:
    if report.coverage_state == "undetermined":
        return (
            f"Intervalle : valeurs réelles renvoyées pour {report.truth_rows} ligne(s), il en "
            f"faut {report.thresholds.rows} pour juger."
        )
    share = percent(report.covered / report.truths)
    between = f"entre {percent(report.coverage_low)} et {percent(report.coverage_high)}"
    promised = percent(report.thresholds.coverage)
    if report.coverage_state == "alert":
        return (
            f"Intervalle : il ne contient la valeur réelle que {share} du temps ({between}), "
            f"{promised} annoncés. Recaler avec aune calibrate ; ne pas s'y fier d'ici là."
        )
    return (
        f"Intervalle : il contient la valeur réelle {share} du temps ({between}), "
        f"{promised} annoncés."
    )


def _add(day: _Day, name: str, counts: _Counts) -> None:
    former = day.inputs.get(name)
    if former is None:
        day.inputs[name] = counts
        return
    former.bins = former.bins + counts.bins
    former.missing += counts.missing
    former.outside += counts.outside


def _day_json(day: _Day) -> dict[str, Any]:
    inputs = {
        name: [counts.bins.tolist(), counts.missing, counts.outside]
        for name, counts in sorted(day.inputs.items())
    }
    return {
        "rows": day.rows,
        "inputs": inputs,
        "truth": [day.covered, day.below, day.above, day.truth_rows],
    }


def _day_from(raw: Mapping[str, Any]) -> _Day:
    inputs = {
        name: _Counts(np.array(bins, dtype=np.int64), missing, outside)
        for name, (bins, missing, outside) in raw["inputs"].items()
    }
    return _Day(raw["rows"], inputs, *raw["truth"])
