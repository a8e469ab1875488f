"""What one zone was asked for: arrivals, stays, time full, and how it drifts.

Only accepted arrivals leave a trace, zones open late and demand moves from month to month: a sizing
that forgets one of the three is wrong by more than any formula corrects (brief 4 c).
"""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.demand.queueing import modified_offered_load, stay_profile

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DRIFT_SPREAD",
    "HOURS",
    "MAX_SHARE_FULL",
    "Drift",
    "Window",
    "ZoneDemand",
    "demand_of",
    "drift_of",
    "drift_spread",
    "limited",
    "replay",
]

HOURS = 24
"""Hours of a day."""

GRID_MINUTES = 15
"""Instants at which "all bays taken" is read; occupancy tolerates 15 min (brief 3.3.6)."""

MAX_SHARE_FULL = 0.9
"""Beyond it an hour's demand is taken as if full 90 % of the time, and the hour is flagged."""

DRIFT_SPREAD = 0.17
"""Standard deviation of the log of arrivals from 28 days to the next 28, Poisson noise taken off,
measured on the training window of Dundee (0.11 to 0.24 by end date, 0.17 on 2018-08-08)."""

RECENT_DAYS = 28


@dataclass(frozen=True)
class Window:
    """The days that count.

    Parameters
    ----------
    first_day, end_day
        ISO dates of local days; the end is not included.
    timezone
        IANA name of the zone's time zone.
    weekdays
        Days of the week that count, 0 = Monday; Monday to Saturday unless told (brief 3.2 a).
    """

    first_day: str
    end_day: str
    timezone: str
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5)

    def __post_init__(self) -> None:
        if not self.first_day < self.end_day:
            raise UsageError(
                f"window {self.first_day} to {self.end_day}",
                expected="ISO dates, the first before the end",
                remedy="swap them, or give a longer window",
            )
        if not self.weekdays or not set(self.weekdays) <= set(range(7)):
            raise UsageError(
                f"weekdays {self.weekdays}",
                expected="some of 0 (Monday) to 6 (Sunday)",
                remedy="name the days on which the bays serve",
            )


@dataclass(frozen=True)
class ZoneDemand:
    """What a zone was asked for, day by day.

    Parameters
    ----------
    zone, bays
        Name and number of bays while it was seen.
    n_days
        Days of the window that count, from the zone's first stay on: a zone that opened late was
        not empty before, it was not there.
    days_per_week
        How many weekdays count.
    start_minutes, stay_minutes
        Arrival on one clock and length of each stay, sorted by arrival, shape (n,).
    day, hour
        Number of the counted day and local hour of each arrival, shape (n,).
    share_full
        Share of time when all bays were taken, by local hour, shape (24,).
    """

    zone: str
    bays: int
    n_days: int
    days_per_week: int
    start_minutes: Array
    stay_minutes: Array
    day: Array
    hour: Array
    share_full: Array

    @property
    def counts(self) -> Array:
        """Arrivals seen by day and hour, shape (n_days, 24)."""
        flat = np.bincount(self.day * HOURS + self.hour, minlength=self.n_days * HOURS)
        return flat.reshape(self.n_days, HOURS).astype(np.float64)

    @property
    def arrivals_by_hour(self) -> Array:
        """Arrivals asked for by hour of a mean day: those seen over the share of time not full.

        Arrivals see time averages (Wolff 1982, "Poisson arrivals see time averages"), so that the
        share of them refused is the share of time full.
        """
        asked: Array = self.counts.mean(axis=0) / (1 - np.minimum(self.share_full, MAX_SHARE_FULL))
        return asked

    @property
    def hidden_hours(self) -> tuple[int, ...]:
        """Hours so full that their demand is only a lower bound."""
        return tuple(np.flatnonzero(self.share_full > MAX_SHARE_FULL).tolist())

    def load_by_hour(self, limit_minutes: float | None = None) -> Array:
        """Return the load by hour (erlang); with a limit, all stays end there."""
        stays = limited(self.stay_minutes, limit_minutes)
        return modified_offered_load(self.arrivals_by_hour, stay_profile(stays, 60.0))


@dataclass(frozen=True)
class Drift:
    """Arrivals a day of the last 28 days over those before, and whether that is a warning."""

    ratio: float
    z_score: float
    flagged: bool
    reason: str = ""


def limited(stays: Array, limit_minutes: float | None) -> Array:
    """Return stays that end at the limit, if there is one."""
    return stays if limit_minutes is None else np.minimum(stays, limit_minutes)


def demand_of(sessions: "pd.DataFrame", zone: str, bays: int, window: Window) -> ZoneDemand:
    """Return one zone's demand in a window.

    Parameters
    ----------
    sessions
        CDS sessions (``curb_zone_id``, ``event_time_start``, ``event_time_end``; UTC).
    zone
        Which ``curb_zone_id``.
    bays
        Bays of the zone, at least 1 (those seen in the last 60 days of the window, brief 3.3.4).
    window
        The days that count.

    Raises
    ------
    DataError
        The zone has no stay in the window.
    """
    import pandas as pd

    table = sessions[sessions["curb_zone_id"] == zone].sort_values("event_time_start")
    local = table["event_time_start"].dt.tz_convert(window.timezone)
    dates = local.dt.tz_localize(None).dt.normalize()
    inside = (dates >= window.first_day) & (dates < window.end_day)
    if not inside.any():
        raise DataError(
            f"zone {zone}: no stay from {window.first_day} to {window.end_day}",
            expected="at least one stay in the window",
            remedy="give a longer window, or leave the zone out: no data is not no demand",
        )
    first = max(pd.Timestamp(window.first_day), dates.min())
    days = pd.date_range(first, window.end_day, inclusive="left")
    days = days[days.day_of_week.isin(window.weekdays)]
    kept = (inside & dates.isin(days)).to_numpy()
    start = _minutes(table["event_time_start"])
    end = _minutes(table["event_time_end"])
    return ZoneDemand(
        zone=zone,
        bays=bays,
        n_days=len(days),
        days_per_week=len(window.weekdays),
        start_minutes=start[kept],
        stay_minutes=(end - start)[kept],
        day=days.get_indexer(pd.DatetimeIndex(dates[kept])),
        hour=local[kept].dt.hour.to_numpy(),
        share_full=_share_full(start, end, bays, _instants(days, window.timezone)),
    )


def _minutes(times: "pd.Series[pd.Timestamp]") -> Array:
    minutes: Array = times.dt.as_unit("s").astype("int64").to_numpy() / 60
    return minutes


def _instants(days: "pd.DatetimeIndex", timezone: str) -> "pd.DatetimeIndex":
    """Return the instants of the grid on these local days; hours that do not exist are dropped."""
    import pandas as pd

    steps = pd.to_timedelta(np.arange(0, HOURS * 60, GRID_MINUTES), unit="min")
    naive = pd.DatetimeIndex((days.to_numpy()[:, None] + steps.to_numpy()).ravel())
    local = naive.tz_localize(timezone, ambiguous=True, nonexistent="NaT")
    return local[local.notna()]


def _share_full(start: Array, end: Array, bays: int, instants: "pd.DatetimeIndex") -> Array:
    at = instants.as_unit("s").asi8 / 60
    began = np.searchsorted(np.sort(start), at, side="right")
    taken = began - np.searchsorted(np.sort(end), at, side="right")
    hours = instants.hour.to_numpy()
    full = np.bincount(hours, taken >= bays, minlength=HOURS)
    share: Array = full / np.maximum(np.bincount(hours, minlength=HOURS), 1)
    return share


def replay(start_minutes: Array, stay_minutes: Array, bays: int) -> Array:
    """Return which arrivals find no bay when real stays meet another number of bays.

    Parameters
    ----------
    start_minutes
        Arrivals, sorted, shape (n,).
    stay_minutes
        How long each stays if it finds a bay, shape (n,).
    bays
        Bays of the replay, at least 0.

    Returns
    -------
    Array
        True where the arrival is lost, shape (n,). A bay left at a minute is free at that minute.

    Examples
    --------
    One bay, stays of 30 min from 0, 10 and 30 min: the second finds it taken.

    >>> replay(np.array([0.0, 10, 30]), np.array([30.0, 30, 30]), 1).tolist()
    [False, True, False]
    """
    busy: list[float] = []
    lost = np.zeros(len(start_minutes), dtype=np.bool_)
    for i, (start, stay) in enumerate(zip(start_minutes, stay_minutes, strict=True)):
        while busy and busy[0] <= start:
            heapq.heappop(busy)
        if len(busy) < bays:
            heapq.heappush(busy, start + stay)
        else:
            lost[i] = True
    return lost


def drift_of(demand: ZoneDemand, threshold: float = 0.25) -> Drift:
    """Return how the last 28 counted days compare with those before, and whether to warn.

    Flagged when arrivals a day moved by more than ``threshold`` and by more than two standard
    errors (from the days' own spread), or when there are not twice 28 days to tell.
    """
    arrivals = demand.counts.sum(axis=1)
    if len(arrivals) < 2 * RECENT_DAYS:
        reason = f"{len(arrivals)} jours seulement : la dérive ne peut pas être mesurée"
        return Drift(float("nan"), float("nan"), flagged=True, reason=reason)
    before, recent = arrivals[:-RECENT_DAYS], arrivals[-RECENT_DAYS:]
    ratio = float(recent.mean() / before.mean()) if before.sum() else float("inf")
    error = np.sqrt(before.var(ddof=1) / len(before) + recent.var(ddof=1) / RECENT_DAYS)
    z = float((recent.mean() - before.mean()) / error) if error else 0.0
    flagged = abs(ratio - 1) > threshold and abs(z) > 2
    percent = f"{100 * (ratio - 1):+.0f}".replace("-", "−")
    reason = f"arrivées récentes {percent}\u00a0% par rapport à la période précédente"
    return Drift(ratio, z, flagged, reason if flagged else "")


def drift_spread(demands: Iterable[ZoneDemand], *, span_days: int = 24) -> float:
    """Return the spread of the log of arrivals from one span to the next, Poisson noise taken off.

    Pooled over zones and pairs of spans with at least 5 arrivals each; `DRIFT_SPREAD` if none.
    """
    squares: list[float] = []
    for demand in demands:
        arrivals = demand.counts.sum(axis=1)
        ends = np.arange(len(arrivals), 0, -span_days)
        sums = [float(arrivals[end - span_days : end].sum()) for end in ends if end >= span_days]
        for later, earlier in pairwise(sums):
            if min(later, earlier) >= 5:
                squares.append(math.log(later / earlier) ** 2 - 1 / later - 1 / earlier)
    return math.sqrt(max(sum(squares) / len(squares), 0.0)) if squares else DRIFT_SPREAD
