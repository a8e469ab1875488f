"""Rolling counts of what comes in and of how often the interval held: all that is kept."""

import copy
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.drift.judging import judged
from common.edge.drift.report import DriftReport, Seen, Thresholds, Truths, Window
from common.edge.errors import DataError, UsageError
from common.edge.journal.chain import write_atomically
from common.edge.training.histogram import Histogram, count_values, stuck_rows
from common.edge.training.usual import Usual

__all__ = ["Drift"]

Array = npt.NDArray[Any]
_SCHEMA = 2
_WEEK_DAYS = 7


@dataclass
class _Day:
    """Counts of one day: all that is kept of it."""

    rows: int = 0
    inputs: dict[str, Seen] = field(default_factory=dict)
    truths: Truths = field(default_factory=Truths)


class Drift:
    """Rolling counts over the last days, safe to share between threads.

    Only counts are kept, at most one set a day and input: 28 days of 10 inputs with 20
    bins are 45 kB, whatever the traffic.

    Parameters
    ----------
    usual
        What the training inputs looked like, from the bundle.
    thresholds
        When to look.
    window_days
        Days that count, today included; 28 holds whole weeks.
    """

    def __init__(
        self, usual: Usual, thresholds: Thresholds | None = None, *, window_days: int = 28
    ) -> None:
        if not 1 <= window_days <= 366:
            raise UsageError(f"a window of {window_days} days", expected="1 to 366")
        self.usual = usual
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
        counted = {
            name: _seen(histogram, inputs[name])
            for name, histogram in self.usual.histograms.items()
        }
        rows = len(next(iter(inputs.values()), ()))
        with self._lock:
            today = self._day(day)
            today.rows += rows
            for name, seen in counted.items():
                former = today.inputs.get(name)
                today.inputs[name] = seen if former is None else former + seen

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
        found = Truths(
            covered=int((known & ~below & ~above).sum()),
            below=int(below.sum()),
            above=int(above.sum()),
            rows=int(known.reshape(len(known), -1).any(axis=1).sum()),
        )
        with self._lock:
            today = self._day(day)
            today.truths = today.truths + found

    def report(self) -> DriftReport:
        """Return what the window says."""
        with self._lock:
            days = sorted(self._days)
            truths = sum((day.truths for day in self._days.values()), Truths())
            last_week = [day for day in days if (days[-1] - day).days < _WEEK_DAYS]
            windows = self._window(days), self._window(last_week)
        return judged(self.usual, self.thresholds, windows, truths)

    def _window(self, days: Sequence[date]) -> Window:
        months: Counter[int] = Counter()
        for day in days:
            months[day.month] += self._days[day].rows
        seen = {
            name: sum(
                (self._days[day].inputs[name] for day in days if name in self._days[day].inputs),
                Seen(np.zeros(len(histogram.edges) - 1, dtype=np.int64)),
            )
            for name, histogram in self.usual.histograms.items()
        }
        return Window(
            first=str(days[0]) if days else "",
            last=str(days[-1]) if days else "",
            days=sum(self._days[day].rows > 0 for day in days),
            months={month: rows for month, rows in months.items() if rows},
            seen=seen,
        )

    def save(self, path: Path) -> None:
        """Write the counts, so that a restart does not forget the window."""
        with self._lock:
            days = {str(day): _day_json(counts) for day, counts in sorted(self._days.items())}
        raw = {"schema": _SCHEMA, "edges": self._edges(), "days": days}
        write_atomically(path, json.dumps(raw, separators=(",", ":")).encode() + b"\n")

    def load(self, path: Path) -> bool:
        """Take up saved counts; False where there are none or they are of other histograms."""
        try:
            raw = json.loads(path.read_bytes())
            if raw["schema"] != _SCHEMA or raw["edges"] != self._edges():
                return False
            days = {date.fromisoformat(day): _day_from(item) for day, item in raw["days"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False
        with self._lock:
            self._days = days
        return True

    def take_over(self, former: "Drift") -> bool:
        """Take up the counts of another version; False where its histograms are others."""
        if former._edges() != self._edges():
            return False
        with former._lock:
            days = copy.deepcopy(former._days)
        with self._lock:
            self._days = days
        return True

    def _edges(self) -> dict[str, list[Any]]:
        """Return what counts depend on: counts of other bins cannot be added to."""
        return {
            name: [list(item.edges), item.newest, item.run]
            for name, item in sorted(self.usual.histograms.items())
        }

    def _day(self, day: date) -> _Day:
        newest = max([day, *self._days])
        for old in [item for item in self._days if (newest - item).days >= self.window_days]:
            del self._days[old]
        if newest - day >= timedelta(days=self.window_days):
            return _Day()  # too old to count: written nowhere
        return self._days.setdefault(day, _Day())


def _seen(histogram: Histogram, values: Array) -> Seen:
    recent = histogram.recent(values)
    bins, missing, outside = count_values(histogram.edges, recent)
    stuck = stuck_rows(recent, histogram.run) if histogram.run else 0
    return Seen(bins, missing, outside, stuck, len(values))


def _day_json(day: _Day) -> dict[str, Any]:
    inputs = {
        name: [seen.bins.tolist(), seen.missing, seen.outside, seen.stuck, seen.rows]
        for name, seen in sorted(day.inputs.items())
    }
    truths = day.truths
    return {
        "rows": day.rows,
        "inputs": inputs,
        "truth": [truths.covered, truths.below, truths.above, truths.rows],
    }


def _day_from(raw: Mapping[str, Any]) -> _Day:
    inputs = {
        name: Seen(np.array(bins, dtype=np.int64), *(int(count) for count in rest))
        for name, (bins, *rest) in raw["inputs"].items()
    }
    return _Day(int(raw["rows"]), inputs, Truths(*(int(count) for count in raw["truth"])))
