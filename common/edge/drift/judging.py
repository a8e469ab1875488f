"""Hold a window against training, input by input, and an interval against the truth."""

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from common.edge.drift.report import (
    Cause,
    DriftReport,
    InputState,
    Seen,
    State,
    Thresholds,
    Truths,
    Window,
)
from common.edge.training.histogram import Histogram, noise_floor, psi, season
from common.edge.training.usual import Usual

__all__ = ["judged", "wilson"]

Array = npt.NDArray[Any]


def judged(
    usual: Usual, thresholds: Thresholds, windows: tuple[Window, Window], truths: Truths
) -> DriftReport:
    """Judge a window.

    Parameters
    ----------
    usual, thresholds
        What is expected, and from when on it is worth a look.
    windows
        The whole window, and its last seven days.
    truths
        What was sent back.
    """
    whole = windows[0]
    inputs = tuple(
        _judged_input(name, usual.histograms[name], windows, thresholds)
        for name in sorted(usual.histograms)
    )
    total = truths.covered + truths.below + truths.above
    low, high = wilson(truths.covered / total * truths.rows if total else 0, truths.rows)
    state: State = "undetermined"
    if usual.coverage is not None and truths.rows >= thresholds.rows:
        state = "alert" if high < usual.coverage else "usual"
    learned = all(
        season(histogram.months, whole.months) is not None
        for histogram in usual.histograms.values()
    )
    return DriftReport(
        first=whole.first,
        last=whole.last,
        days=whole.days,
        inputs=inputs,
        season_learned=learned or not whole.months,
        truths=truths,
        coverage=usual.coverage,
        coverage_low=low,
        coverage_high=high,
        coverage_state=state,
        thresholds=thresholds,
    )


@dataclass(frozen=True)
class _Distance:
    """How far a window's distribution is: the index, its usual level, where alerts begin."""

    index: float
    level: float
    bound: float

    @property
    def ratio(self) -> float:
        return self.index / self.bound


def _distance(
    histogram: Histogram, window: Window, name: str, limits: Thresholds
) -> _Distance | None:
    """Hold a window against its season; None where that is not judged."""
    seen = window.seen[name]
    found = histogram.levels.psi(window.days)
    expected = season(histogram.months, window.months) if window.months else None
    if found is None or expected is None or not seen.bins.sum():
        return None
    level, rows = found
    if seen.rows < rows:
        level = max(level, noise_floor(len(seen.bins), histogram.rows, seen.rows))
        return _Distance(psi(expected, seen.bins), level, max(limits.psi_alert, level))
    return _Distance(psi(expected, seen.bins), level, max(limits.psi_alert, limits.margin * level))


def _judged_input(
    name: str, histogram: Histogram, windows: tuple[Window, Window], limits: Thresholds
) -> InputState:
    whole, week = windows
    seen = whole.seen[name]
    shares, causes = _shares(histogram, seen, limits)
    enough = (whole.days >= limits.days, week.days >= limits.week_days)
    distances = [
        found
        for window, judge in zip(windows, enough, strict=True)
        if judge and (found := _distance(histogram, window, name, limits)) is not None
    ]
    furthest = max(distances, key=lambda item: item.ratio, default=None)
    state: State = "alert" if causes else "usual"
    nearest = 0
    if furthest is not None and furthest.index > max(limits.psi_watch, furthest.level):
        state = "alert" if causes or furthest.ratio > 1 else "watch"
        causes = (*causes, "psi")
        nearest = _nearest(histogram, (week if enough[1] else whole).seen[name].bins)
    if seen.rows < limits.rows:
        state, causes = "undetermined", ()
    elif state == "usual" and not enough[0] and histogram.levels.psi(whole.days) is not None:
        state = "undetermined"  # what can be said of a day is, but not that all is usual
    return InputState(
        name=name,
        state=state,
        causes=causes,
        rows=seen.rows,
        psi=0.0 if furthest is None else furthest.index,
        psi_usual=None if furthest is None else furthest.level,
        missing=shares["missing"],
        missing_training=histogram.missing_share,
        outside=shares["outside"],
        stuck=shares["stuck"],
        nearest_month=nearest if nearest not in whole.months else 0,
    )


def _shares(
    histogram: Histogram, seen: Seen, limits: Thresholds
) -> tuple[dict[Cause, float], tuple[Cause, ...]]:
    """Return what is missing, outside and stuck, and what of it is too much."""
    known = int(seen.bins.sum())
    shares: dict[Cause, float] = {
        "outside": seen.outside / max(1, known),
        "stuck": seen.stuck / max(1, seen.rows),
        "missing": seen.missing / max(1, known + seen.missing),
    }
    levels = histogram.levels
    bounds: dict[Cause, float] = {
        "outside": limits.outside,
        "stuck": max(limits.stuck, limits.margin * levels.stuck),
        "missing": max(histogram.missing_share + limits.missing, limits.margin * levels.missing),
    }
    return shares, tuple(cause for cause, share in shares.items() if share > bounds[cause])


def _nearest(histogram: Histogram, bins: Array) -> int:
    """Return the month of training whose season comes closest; 0 for none."""
    found = []
    for month in histogram.months:
        expected = season(histogram.months, {month: 1})
        if expected is not None and bins.sum():
            found.append((psi(expected, bins), month))
    return min(found, default=(0.0, 0))[1]


def wilson(successes: float, trials: int, level: float = 0.99) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); 0 to 1 without any trial.

    Examples
    --------
    >>> # z = 1.96: centre (8 + 1.92) / (10 + 3.84) = 0.717, half 1.96 sqrt(1.6 + 0.96) / 13.84
    >>> [round(bound, 2) for bound in wilson(8, 10, level=0.95)]
    [0.49, 0.94]
    """
    if not trials:
        return 0.0, 1.0
    from statistics import NormalDist  # 10 ms of a server's start, and seldom needed

    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (successes + z * z / 2) / (trials + z * z)
    spread = successes * (trials - successes) / trials + z * z / 4
    half = z * math.sqrt(spread) / (trials + z * z)
    return max(0.0, centre - half), min(1.0, centre + half)
