"""How long vehicles stay: median, 85th percentile and share past the limit, as observed.

A stay that an outage or a closing log cuts lasted *at least* so long: it enters a Kaplan-Meier
curve as censored, neither dropped (long stays are cut more often) nor taken as finished. Stays read
from slow polls are refused: at 15 minutes one stay in ten is never seen and the mean grows by three
minutes (`poll_bias`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MAX_POLL_MINUTES",
    "MIN_STAYS",
    "Dwell",
    "PollBias",
    "Stays",
    "between_polls",
    "dwell",
    "dwell_by_hour",
    "dwell_by_zone",
    "poll_bias",
    "polled",
    "refuse_slow_polls",
    "stays_of",
    "thinned",
]

MAX_POLL_MINUTES = 5.0
"""Slowest cadence from which a stay may be told (``briefs/delivery_zones.md`` 3.3.6)."""

MIN_STAYS = 10
"""Fewer stays are not shown: too few to tell, and few enough to point at a person."""

DRAWS = 400
LEVEL = 0.95


@dataclass(frozen=True)
class Stays:
    """Stays with what is needed to describe them.

    Parameters
    ----------
    minutes
        Length seen of each stay, shape (n,), finite, not negative.
    ended
        Whether the end was seen (False: cut by an outage, an end of file, a closing log), (n,).
    day
        Local day of arrival, any integer, shape (n,): days are resampled whole.
    poll_minutes
        Cadence of the source; 0 = events, as they happen.
    """

    minutes: Array
    ended: Array
    day: Array
    poll_minutes: float = 0.0

    def __post_init__(self) -> None:
        if not (len(self.minutes) == len(self.ended) == len(self.day)):
            raise UsageError(
                f"{len(self.minutes)} lengths, {len(self.ended)} ends, {len(self.day)} days",
                expected="one of each per stay",
                remedy="build the stays with stays_of()",
            )
        if not np.all(np.isfinite(self.minutes) & (self.minutes >= 0)):
            raise DataError(
                "a stay without a length, or of less than 0 minutes",
                expected="lengths of 0 minutes or more",
                remedy="give a cut stay the minutes seen until it was cut, and ended = False",
            )
        refuse_slow_polls(self.poll_minutes)


@dataclass(frozen=True)
class Dwell:
    """A description of stays; intervals at 95 %, days resampled whole.

    ``median`` and ``p85`` in minutes (NaN when more than half, or 15 %, of the stays are cut
    before they tell), ``share_over`` the share past ``limit_minutes``; ``n`` stays of which ``cut``
    had no end seen.
    """

    n: int
    cut: int
    poll_minutes: float
    limit_minutes: float
    median: float
    median_low: float
    median_high: float
    p85: float
    p85_low: float
    p85_high: float
    share_over: float
    share_over_low: float
    share_over_high: float


@dataclass(frozen=True)
class PollBias:
    """What polling makes of stays: the share ever seen and the mean length told, in minutes."""

    poll_minutes: float
    share_seen: float
    mean_minutes: float
    true_mean_minutes: float


def refuse_slow_polls(poll_minutes: float) -> None:
    """Refuse stays told from polls slower than `MAX_POLL_MINUTES`.

    Raises
    ------
    DataError
        The cadence is too slow; the message says what it does to the figures.
    """
    if not 0 <= poll_minutes <= MAX_POLL_MINUTES:
        raise DataError(
            f"stays read every {poll_minutes:g} minutes",
            expected="events, or polls at least every 5 minutes",
            remedy="ask the supplier for arrivals and departures. On short-stay bays polls of "
            "15 minutes miss 1 stay in 10 and lengthen the mean from 25 to 28 minutes, hourly "
            "ones miss 6 in 10 (61 minutes). Occupancy may still be read from these polls",
        )


def stays_of(
    sessions: "pd.DataFrame",
    timezone: str,
    outages: "pd.DataFrame | None" = None,
    *,
    poll_minutes: float = 0.0,
) -> Stays:
    """Return the stays of a session table; those an outage or the next arrival cut are censored.

    Parameters
    ----------
    sessions
        CDS sessions; ``event_time_end`` and ``quality`` tell which ends were seen. A session
        without an end is refused: cut it at the end of the log first.
    timezone
        Of the local days.
    outages
        ``curb_space_id``, ``start``, ``end`` (UTC, NaT = still going on): a stay is cut where an
        outage of its bay begins; what was reported after it is not believed. None: none known.
    poll_minutes
        Cadence of the source, 0 for events; lengths told by polls are spread (`between_polls`).
    """
    import pandas as pd

    start, end = sessions["event_time_start"], sessions["event_time_end"]
    seen = sessions["quality"].eq("ok").to_numpy() & end.notna().to_numpy()
    minutes = ((end - start) / pd.Timedelta(minutes=1)).to_numpy(dtype=np.float64)
    if outages is not None and len(outages):
        until = _minutes_until_outage(sessions, outages)
        seen = seen & ~(until < minutes)
        minutes = np.fmin(minutes, until)
    if poll_minutes > 0:
        minutes = between_polls(minutes, poll_minutes)
    local = start.dt.tz_convert(timezone).dt.tz_localize(None)
    day = local.dt.normalize().dt.as_unit("s").astype("int64").to_numpy() // 86_400
    return Stays(minutes, seen, day, poll_minutes)


def _minutes_until_outage(sessions: "pd.DataFrame", outages: "pd.DataFrame") -> Array:
    """Return the minutes from each arrival to the next outage of its bay; 0 if one is going on."""
    start = sessions["event_time_start"].dt.as_unit("s").astype("int64").to_numpy() / 60
    spaces = sessions["curb_space_id"].to_numpy()
    until = np.full(len(sessions), np.inf)
    for space, rows in outages.groupby("curb_space_id"):
        here = np.flatnonzero(spaces == space)
        begins = rows["start"].dt.as_unit("s").astype("int64").to_numpy() / 60
        known = rows["end"].notna().to_numpy()
        stops = np.where(known, rows["end"].dt.as_unit("s").astype("int64") / 60, np.inf)
        ahead = np.where(stops > start[here, None], begins - start[here, None], np.inf)
        until[here] = np.maximum(ahead.min(axis=1), 0.0)
    return until


def dwell(stays: Stays, limit_minutes: float, *, draws: int = DRAWS, seed: int = 0) -> Dwell:
    """Describe stays by their Kaplan-Meier curve.

    Parameters
    ----------
    stays
        At least `MIN_STAYS`.
    limit_minutes
        The limit in force, above 0.
    draws, seed
        Of the bootstrap over days: stays of one day resemble each other.

    Raises
    ------
    DataError
        There are fewer than `MIN_STAYS`.

    Examples
    --------
    Ten stays of 1 to 10 minutes, all ended: half of them last 5 or less, 3 of 10 more than 7.

    >>> ten = Stays(np.arange(1.0, 11.0), np.ones(10, dtype=bool), np.arange(10))
    >>> found = dwell(ten, 7.0)
    >>> found.median, found.p85, round(found.share_over, 6)
    (5.0, 9.0, 0.3)
    """
    if len(stays.minutes) < MIN_STAYS:
        raise DataError(
            f"{len(stays.minutes)} stays",
            expected=f"at least {MIN_STAYS}",
            remedy="take a longer period or more bays: fewer stays are not shown",
        )
    found = _described(stays.minutes, stays.ended, np.ones(len(stays.minutes)), limit_minutes)
    drawn = np.array(_resampled(stays, limit_minutes, draws, seed))
    low, high = np.full(3, np.nan), np.full(3, np.nan)
    for column in np.flatnonzero(np.isfinite(drawn).any(axis=0)):
        known = drawn[np.isfinite(drawn[:, column]), column]
        low[column], high[column] = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    figures = [float(x) for three in zip(found, low, high, strict=True) for x in three]
    cut = int((~stays.ended).sum())
    return Dwell(len(stays.minutes), cut, stays.poll_minutes, limit_minutes, *figures)


def _resampled(
    stays: Stays, limit_minutes: float, draws: int, seed: int
) -> list[tuple[float, float, float]]:
    _, day = np.unique(stays.day, return_inverse=True)
    n_days = int(day.max()) + 1
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n_days, np.full(n_days, 1 / n_days), size=draws)
    return [_described(stays.minutes, stays.ended, w[day], limit_minutes) for w in counts]


def _described(
    minutes: Array, ended: Array, weights: Array, limit_minutes: float
) -> tuple[float, float, float]:
    """Return median, 85th percentile and share past the limit of a weighted Kaplan-Meier curve.

    Same curve as ``statsmodels.duration.survfunc.SurvfuncRight`` (the tests hold one against the
    other), written as a cumulative product so that hundreds of resamples stay cheap.
    """
    times, place = np.unique(minutes, return_inverse=True)
    ends = np.bincount(place, weights * ended, len(times))
    leaving = np.bincount(place, weights, len(times))
    at_risk = leaving[::-1].cumsum()[::-1]
    surviving = np.cumprod(1 - ends / np.maximum(at_risk, 1e-12))
    last = np.searchsorted(times, limit_minutes, side="right") - 1
    over = 1.0 if last < 0 else float(surviving[last])
    return _quantile(times, surviving, 0.5), _quantile(times, surviving, 0.85), over


def _quantile(times: Array, surviving: Array, level: float) -> float:
    reached = np.flatnonzero(surviving <= 1 - level + 1e-12)
    return float(times[reached[0]]) if reached.size else float("nan")


def dwell_by_zone(
    sessions: "pd.DataFrame",
    zones: "pd.DataFrame",
    outages: "pd.DataFrame | None" = None,
    *,
    poll_minutes: float = 0.0,
) -> "pd.DataFrame":
    """Return one `Dwell` row per zone that has a limit and `MIN_STAYS` stays, with the zone's id.

    ``zones`` gives ``curb_zone_id``, ``timezone`` and ``max_stay_minutes``.
    """
    rows = []
    for zone in zones.itertuples():
        table = sessions[sessions["curb_zone_id"] == zone.curb_zone_id]
        if len(table) < MIN_STAYS or not zone.max_stay_minutes > 0:
            continue
        stays = stays_of(table, zone.timezone, outages, poll_minutes=poll_minutes)
        rows.append(
            {"curb_zone_id": zone.curb_zone_id, **vars(dwell(stays, zone.max_stay_minutes))}
        )
    return _table(rows)


def dwell_by_hour(
    sessions: "pd.DataFrame",
    timezone: str,
    limit_minutes: float,
    outages: "pd.DataFrame | None" = None,
    *,
    poll_minutes: float = 0.0,
) -> "pd.DataFrame":
    """Return one `Dwell` row per local hour of arrival with at least `MIN_STAYS` stays."""
    hours = sessions["event_time_start"].dt.tz_convert(timezone).dt.hour
    rows = []
    for hour, table in sessions.groupby(hours.to_numpy()):
        if len(table) >= MIN_STAYS:
            stays = stays_of(table, timezone, outages, poll_minutes=poll_minutes)
            rows.append({"hour": hour, **vars(dwell(stays, limit_minutes))})
    return _table(rows)


def _table(rows: Sequence[dict[str, object]]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(rows)


def polled(start_minutes: Array, end_minutes: Array, poll_minutes: float) -> Array:
    """Return how many polls see each stay: those at multiples of the cadence in [start, end).

    >>> polled(np.array([1.0, 4.0]), np.array([4.0, 11.0]), 5.0).tolist()
    [0, 2]
    """
    if not poll_minutes > 0:
        raise UsageError(
            f"a poll every {poll_minutes} minutes",
            expected="a cadence above 0 minutes",
            remedy="5, 10, 15, 30 or 60 are usual",
        )
    seen: Array = np.ceil(end_minutes / poll_minutes) - np.ceil(start_minutes / poll_minutes)
    return seen.astype(np.int64)


def between_polls(minutes: Array, poll_minutes: float) -> Array:
    """Return lengths told by polls, spread over what they may have been.

    k polls tell k times the cadence p of a stay between (k - 1) p and (k + 1) p; if it began
    anywhere between two polls the truth is triangular around the middle. Equal lengths are given
    the quantiles of that triangle, in an order without meaning: left in one heap they would all
    stand on one side of a limit that is itself a multiple of the cadence (30 minutes).

    >>> between_polls(np.array([10.0, 10.0]), 5.0).tolist()
    [8.535533905932738, 11.464466094067262]
    """
    spread = minutes.astype(np.float64)
    rng = np.random.default_rng(0)
    for length in np.unique(minutes):
        same = rng.permutation(np.flatnonzero(minutes == length))
        level = (np.arange(len(same)) + 0.5) / len(same)
        left, right = np.sqrt(2 * level) - 1, 1 - np.sqrt(2 * (1 - level))
        spread[same] += poll_minutes * np.where(level < 0.5, left, right)
    return np.maximum(spread, 0.0)


def poll_bias(start_minutes: Array, end_minutes: Array, poll_minutes: float) -> PollBias:
    """Return what polls make of stays known to the minute.

    A stay seen by k polls is told as k times the cadence; one between two polls is never seen.

    Parameters
    ----------
    start_minutes, end_minutes
        On one clock whose zero is a poll, shape (n,).
    poll_minutes
        The cadence.

    Examples
    --------
    Stays of 3 and 7 minutes polled every 5 minutes: the first is missed, the second reads 10.

    >>> poll_bias(np.array([1.0, 4.0]), np.array([4.0, 11.0]), 5.0)
    PollBias(poll_minutes=5.0, share_seen=0.5, mean_minutes=10.0, true_mean_minutes=5.0)
    """
    seen = polled(start_minutes, end_minutes, poll_minutes)
    told = seen[seen > 0] * poll_minutes
    return PollBias(
        poll_minutes=poll_minutes,
        share_seen=float((seen > 0).mean()),
        mean_minutes=float(told.mean()) if told.size else float("nan"),
        true_mean_minutes=float((end_minutes - start_minutes).mean()),
    )


def thinned(sessions: "pd.DataFrame", poll_minutes: float) -> "pd.DataFrame":
    """Return the sessions that polls would tell; those that no poll sees are gone.

    A session runs from the first poll that sees it to the poll after the last one that does.
    """
    import pandas as pd

    step = pd.Timedelta(minutes=poll_minutes)
    start = sessions["event_time_start"].dt.ceil(step)
    end = sessions["event_time_end"].dt.ceil(step)
    return sessions.assign(event_time_start=start, event_time_end=end)[start < end]
