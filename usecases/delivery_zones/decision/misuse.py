"""Minutes lost to long stays, by hour of the day: an aggregate, never a vehicle nor a person.

A stay may hold a bay for ``limit_minutes`` *of goods hours*; what it stays beyond, while the goods
regime holds, is misuse. Minutes outside goods hours are free (a car at 22 h on a shared area is
legal), so that one parked overnight starts its allowance when goods hours begin. Nothing is known
of vehicles: an unauthorised car that leaves within the limit is not seen, and the figure is a lower
bound of misuse. Hours with fewer than `MIN_STAYS` stays are blank.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.statistics import bounds, resampled_counts
from common.lab.usecase import Array
from usecases.delivery_zones.demand.dwell import MIN_STAYS, refuse_slow_polls

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Misuse", "Policy", "Regime", "misuse", "patrol_hours"]

Regime = Callable[["pd.DatetimeIndex"], Array]
"""``regime(local_times)`` tells at which civil times (no time zone) goods have the bay, (n,)."""

HOURS = 24
REGIME_STEP_MINUTES = 5
KNOWN_SHARE = 0.8
"""An hour counts when at least this share of its bay-minutes is known (brief 3.3.5)."""

DRAWS = 1000


@dataclass(frozen=True)
class Policy:
    """The rule of a zone and the days looked at.

    Parameters
    ----------
    limit_minutes
        Longest stay allowed in goods hours, above 0.
    regime
        When goods have the bay, from the by-law's hours.
    timezone
        IANA name.
    first_day, end_day
        ISO dates of local days; the end is not included.
    """

    limit_minutes: float
    regime: Regime
    timezone: str
    first_day: str
    end_day: str

    def __post_init__(self) -> None:
        if not (self.limit_minutes > 0 and self.first_day < self.end_day):
            raise UsageError(
                f"limit {self.limit_minutes} min, days {self.first_day} to {self.end_day}",
                expected="a limit above 0 and ISO dates, the first before the end",
                remedy="read the limit from the by-law (INTERV_DUREE)",
            )


@dataclass(frozen=True)
class Misuse:
    """Misuse of a zone over a period; intervals at 95 %, days resampled whole.

    Parameters
    ----------
    minutes_per_bay_hour, low, high
        Minutes of misuse in one hour of one bay in goods hours; NaN when hidden.
    bay_hours
        Goods hours of known bays that were looked at.
    n_stays
        Stays that touched goods hours.
    by_hour
        ``hour``, ``n_stays``, ``bay_hours``, ``minutes_per_bay_hour``, ``low``, ``high``.
    """

    minutes_per_bay_hour: float
    low: float
    high: float
    bay_hours: float
    n_stays: int
    by_hour: "pd.DataFrame"


@dataclass(frozen=True)
class _Clock:
    """Every minute of the period: goods or not, which local day and hour."""

    origin: int
    goods: Array
    day: Array
    hour: Array

    @property
    def cell(self) -> Array:
        return self.day * HOURS + self.hour

    @property
    def n_days(self) -> int:
        return int(self.day.max()) + 1


def misuse(
    sessions: "pd.DataFrame",
    policy: Policy,
    outages: "pd.DataFrame | None" = None,
    *,
    poll_minutes: float = 0.0,
) -> Misuse:
    """Return the minutes of misuse per bay-hour of one zone (or of zones under one rule).

    Parameters
    ----------
    sessions
        CDS sessions of the zone's bays (UTC), also those before the period: a bay counts from its
        first stay on, because what was not open yet was not well used.
    policy
        Limit, goods hours, period.
    outages
        ``curb_space_id``, ``start``, ``end`` (UTC, NaT = still going on): these minutes are
        unknown; a stay is believed until its bay's sensor falls silent.
    poll_minutes
        Cadence of the source, 0 for events; refused when slower than 5 minutes.

    Raises
    ------
    DataError
        Polls are too slow, or the rule leaves no known goods hour in the period.
    """
    refuse_slow_polls(poll_minutes)
    clock = _clock(policy)
    spaces = sessions["curb_space_id"].unique()
    if outages is not None:
        outages = outages[outages["curb_space_id"].isin(spaces)]
    opened = _opened(sessions, clock)
    known = opened - _silent(outages, clock)
    start, end = _on_clock(sessions, outages, clock)
    lost = _overstaying(start, end, policy.limit_minutes, clock)
    n_cells = clock.n_days * HOURS
    shape = (clock.n_days, HOURS)
    minutes = np.bincount(clock.cell, lost, n_cells).reshape(shape)
    known_minutes = np.bincount(clock.cell, known * clock.goods, n_cells).reshape(shape)
    all_minutes = np.bincount(clock.cell, opened * clock.goods, n_cells).reshape(shape)
    told = (all_minutes > 0) & (known_minutes >= KNOWN_SHARE * all_minutes)
    minutes, bay_hours = np.where(told, minutes, 0.0), np.where(told, known_minutes / 60, 0.0)
    if not bay_hours.sum():
        raise DataError(
            f"no known goods hour from {policy.first_day} to {policy.end_day}",
            expected="at least one hour with 80 % of its bays known",
            remedy="check the hours of the by-law and the outages",
        )
    n_stays, by_hour = _present(start, end, clock)
    return _summary(minutes, bay_hours, n_stays, by_hour)


def _clock(policy: Policy) -> _Clock:
    import pandas as pd

    first = pd.Timestamp(policy.first_day, tz=policy.timezone)
    end = pd.Timestamp(policy.end_day, tz=policy.timezone)
    step = pd.Timedelta(minutes=REGIME_STEP_MINUTES)
    local = pd.date_range(first, end, freq=step, inclusive="left").tz_localize(None)
    goods = np.asarray(policy.regime(local), dtype=np.bool_)
    days = local.normalize()
    return _Clock(
        origin=int(first.timestamp()) // 60,
        goods=np.repeat(goods, REGIME_STEP_MINUTES),
        day=np.repeat((days - days[0]).days.to_numpy(), REGIME_STEP_MINUTES),
        hour=np.repeat(local.hour.to_numpy(), REGIME_STEP_MINUTES),
    )


def _minute(times: "pd.Series[Any]", clock: _Clock) -> Array:
    """Return minutes since the clock's origin, kept inside it; unknown times are its end."""
    length = len(clock.goods)
    seconds = times.dt.as_unit("s").astype("int64").to_numpy()
    minutes = np.where(times.isna().to_numpy(), length, seconds // 60 - clock.origin)
    inside: Array = np.clip(minutes, 0, length).astype(np.int64)
    return inside


def _opened(sessions: "pd.DataFrame", clock: _Clock) -> Array:
    """Return the number of bays that had their first stay, minute by minute."""
    first = sessions.groupby("curb_space_id")["event_time_start"].min()
    start = _minute(first, clock)
    return _running(start, np.full(len(start), len(clock.goods)), clock)


def _silent(outages: "pd.DataFrame | None", clock: _Clock) -> Array:
    """Return the number of bays whose sensor says nothing, minute by minute."""
    if outages is None:
        return np.zeros(len(clock.goods))
    return _running(_minute(outages["start"], clock), _minute(outages["end"], clock), clock)


def _running(start: Array, end: Array, clock: _Clock) -> Array:
    """Return how many spells are going on, minute by minute."""
    steps = np.bincount(start, minlength=len(clock.goods) + 1).astype(np.float64)
    steps -= np.bincount(end, minlength=len(clock.goods) + 1)
    running: Array = steps.cumsum()[:-1]
    return running


def _on_clock(
    stays: "pd.DataFrame", outages: "pd.DataFrame | None", clock: _Clock
) -> tuple[Array, Array]:
    """Return first and last minute of each stay inside the period, cut where the sensor fell."""
    start = _minute(stays["event_time_start"], clock)
    end = _minute(stays["event_time_end"], clock)
    if outages is not None:
        spaces = stays["curb_space_id"].to_numpy()
        begins, stops = _minute(outages["start"], clock), _minute(outages["end"], clock)
        for space, begin, stop in zip(outages["curb_space_id"], begins, stops, strict=True):
            cut = (spaces == space) & (end > begin) & (start < stop)
            end = np.where(cut, np.maximum(begin, start), end)
    return start, end


def _overstaying(start: Array, end: Array, limit_minutes: float, clock: _Clock) -> Array:
    """Return the number of bays held past the limit in goods hours, minute by minute."""
    used = np.concatenate([[0], clock.goods.cumsum()])
    over = np.searchsorted(used, used[start] + limit_minutes, side="left")
    over = np.minimum(over, end)
    held: Array = _running(over, end, clock) * clock.goods
    return held


def _present(start: Array, end: Array, clock: _Clock) -> tuple[int, Array]:
    """Return the stays that touch goods hours: in all, and by hour of the day, shape (24,)."""
    used = np.concatenate([[0], clock.goods.cumsum()])
    touching = used[end] > used[start]
    counts = np.zeros(HOURS, dtype=np.int64)
    for hour in range(HOURS):
        goods = np.concatenate([[0], (clock.goods & (clock.hour == hour)).cumsum()])
        counts[hour] = (goods[end] > goods[start]).sum()
    return int(touching.sum()), counts


def _summary(minutes: Array, bay_hours: Array, n_stays: int, by_hour: Array) -> Misuse:
    import pandas as pd

    rng = np.random.default_rng(0)
    days = resampled_counts(len(minutes), rng, DRAWS)
    hours = [
        _rate(minutes[:, hour], bay_hours[:, hour], days, int(by_hour[hour]))
        for hour in range(HOURS)
    ]
    table = pd.DataFrame(hours, columns=["minutes_per_bay_hour", "low", "high"])
    table.insert(0, "hour", np.arange(HOURS))
    table.insert(1, "n_stays", by_hour)
    table.insert(2, "bay_hours", bay_hours.sum(axis=0))
    table.loc[table["n_stays"] < MIN_STAYS, "n_stays"] = 0
    whole = _rate(minutes.sum(axis=1), bay_hours.sum(axis=1), days, n_stays)
    kept = table[table["bay_hours"] > 0].reset_index(drop=True)
    return Misuse(*whole, float(bay_hours.sum()), n_stays, kept)


def _rate(
    minutes: Array, bay_hours: Array, days: Array, n_stays: int
) -> tuple[float, float, float]:
    """Return minutes over bay-hours with its interval, or blanks when too few stays made it."""
    if n_stays < MIN_STAYS or not bay_hours.sum():
        return float("nan"), float("nan"), float("nan")
    drawn = (days @ minutes) / np.maximum(days @ bay_hours, 1e-9)
    low, high = bounds(drawn)
    return float(minutes.sum() / bay_hours.sum()), low, high


def patrol_hours(found: Misuse, most: int = 3) -> list[int]:
    """Return the hours whose misuse is above the zone's mean with 95 % certainty, worst first.

    An aid to plan rounds of a street, from what was observed; no vehicle is foretold.
    """
    table = found.by_hour
    worse = table[table["low"] > found.minutes_per_bay_hour]
    ranked = worse.sort_values("minutes_per_bay_hour", ascending=False)["hour"]
    return [int(hour) for hour in ranked.head(most)]
