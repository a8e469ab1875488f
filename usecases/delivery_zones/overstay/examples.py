"""Examples of the overstay question: what is known when a vehicle arrives, and whether it stays.

One row is one arrival; its two steps are the two instants at which the question is put: on
arrival, and at half the limit for the stays still there (``briefs/delivery_zones.md`` 3.2 b).
Every figure of the past counts stays that had *ended* by the arrival: how long a vehicle that is
still parked will stay is not known (3.3, rules 2 and 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.delivery_zones.kerb.events import sessions_of, zones_of

__all__ = ["N_BINS", "N_RECENT", "N_STEPS", "STEP_TITLES", "Stays", "examples_of", "stays_of"]

STEP_TITLES = ("à l'arrivée", "à mi-limite")
N_STEPS = len(STEP_TITLES)
BIN_HOURS = 3
N_BINS = 24 // BIN_HOURS
"""Three-hour bins of the arrival's local hour (the zone x 3 h rate of the brief, 4 b)."""
N_RECENT = 20
"""Last ended stays of the zone whose lengths are given."""
LONGEST_GAP_MINUTES = 10_080.0
"""A week: a bay left longer ago than this is as if left a week ago."""


@dataclass(frozen=True)
class Stays:
    """Stays of the zones that have a limit, in order of arrival; arrays of shape (n_stays,).

    Parameters
    ----------
    zone, bay
        Codes, 0 and up; a bay belongs to one zone.
    arrival_s, end_s
        Seconds since the epoch, UTC; an end not known yet is infinite.
    local
        Civil time of the arrival.
    limit_minutes
        Limit of the zone.
    over
        1 for a stay longer than its limit, 0, or NaN where nobody knows: not ended, or cut by
        an outage before the limit.
    names
        Zone names, shape (n_zones,).
    """

    zone: Array
    bay: Array
    arrival_s: Array
    end_s: Array
    local: pd.DatetimeIndex
    limit_minutes: Array
    over: Array
    names: Array

    @property
    def minutes(self) -> Array:
        """Length of each stay; infinite where it has not ended."""
        length: Array = (self.end_s - self.arrival_s) / 60
        return length

    @property
    def reached(self) -> Array:
        """1 where a step was reached, shape (n_stays, 2): arrival always, then half the limit."""
        half = self.minutes > self.limit_minutes / 2
        return np.column_stack([np.ones(len(half)), half])

    @property
    def bins(self) -> Array:
        """Three-hour bin of each arrival."""
        return np.asarray(self.local.hour) // BIN_HOURS


def stays_of(dataset: Dataset, *, every_zone: bool = False) -> Stays:
    """Return the stays of the zones that have a limit (``max_stay_minutes``).

    Parameters
    ----------
    dataset
        Events of kerb bays.
    every_zone
        False leaves out the zones that the table marks as not ``headline``, as the reference
        figures do.
    """
    zones = zones_of(dataset)
    asked = zones["max_stay_minutes"].notna()
    if "headline" in zones and not every_zone:
        asked &= zones["headline"].astype(bool)
    limits = zones[asked].set_index("curb_zone_id")["max_stay_minutes"]
    table = sessions_of(dataset)
    table = table[table["curb_zone_id"].isin(limits.index)]
    zone = pd.Categorical(table["curb_zone_id"])
    arrival, end = (_seconds(table[name]) for name in ("event_time_start", "event_time_end"))
    limit = table["curb_zone_id"].map(limits).to_numpy(np.float64)
    over = (end - arrival > 60 * limit).astype(np.float64)
    cut = (table["quality"] == "cut_by_outage").to_numpy()
    over[np.isinf(end) | (cut & (over == 0))] = np.nan
    return Stays(
        zone=np.asarray(zone.codes),
        bay=pd.factorize(table["curb_space_id"])[0],
        arrival_s=arrival,
        end_s=end,
        local=pd.DatetimeIndex(table["event_time_start"]).tz_convert(dataset.timezone),
        limit_minutes=limit,
        over=over,
        names=np.asarray(zone.categories, dtype=str),
    )


def examples_of(dataset: Dataset, period: Period, *, every_zone: bool = False) -> Examples:
    """Return one row per arrival of the period, with what came of it.

    Parameters
    ----------
    dataset
        Events of kerb bays.
    period
        Local days of arrival.
    every_zone
        See `stays_of`.

    Raises
    ------
    DataError
        If no vehicle arrives in the period in a zone with a limit.

    Notes
    -----
    Units are zones; blocks are, like days, the local day of arrival: the test windows hold 6
    and 28 days, too few weeks to resample, and stays hardly reach over a night. What two days
    of a week have in common (a fair, a holiday) is then not in the intervals.

    The issue time is one second after the arrival, which the row is about. Targets (n, 2) are
    1 for a stay beyond its limit; the second is unknown where the vehicle left by half of it.
    """
    stays = stays_of(dataset, every_zone=every_zone)
    days = stays.local.tz_localize(None).to_numpy().astype("datetime64[D]")
    inside = (days >= np.datetime64(period.start)) & (days < np.datetime64(period.stop))
    rows = np.flatnonzero(inside)
    if not len(rows):
        raise DataError(
            f"{dataset.name}: no arrival in a zone with a limit over {period}",
            expected="zones with max_stay_minutes, and stays in them",
        )
    asked = stays.reached[rows] > 0
    return Examples(
        inputs=_inputs(stays, rows),
        target=np.where(asked, stays.over[rows, None], np.nan),
        slots=np.tile(np.arange(N_STEPS), (len(rows), 1)),
        units=stays.names[stays.zone[rows]],
        blocks=days[rows].astype(np.int64),
        issued=(stays.arrival_s[rows].astype(np.int64) + 1).astype("datetime64[s]"),
        days=days[rows],
    )


def _seconds(times: pd.Series) -> Array:
    """Return seconds since the epoch, infinite where the time is not known."""
    seconds = times.dt.as_unit("s").astype(np.int64).to_numpy(np.float64)
    return np.where(times.isna(), np.inf, seconds)


def _inputs(stays: Stays, rows: Array) -> dict[str, Array]:
    """Return the graph's inputs at the arrivals ``rows``."""
    everywhere = np.zeros(len(stays.zone), dtype=np.int64)
    city = _counts_before(stays, everywhere, rows)
    local = stays.local[rows]
    arrays = {
        **_counts_before(stays, stays.zone, rows),
        "city_reached_stays": city["reached_stays"].sum(axis=2),
        "city_over_stays": city["over_stays"].sum(axis=1),
        "recent_stay_minutes": _recent_before(stays, rows),
        "bays_taken": _taken_at(stays, rows),
        "empty_minutes": _empty_before(stays, rows),
        "limit_minutes": stays.limit_minutes[rows],
    }
    return {
        **{name: values.astype(np.float32) for name, values in arrays.items()},
        "arrival_minute": np.asarray(60 * local.hour + local.minute, dtype=np.int64),
        "weekday": np.asarray(local.day_of_week, dtype=np.int64),
    }


def _counts_before(stays: Stays, group: Array, rows: Array) -> Mapping[str, Array]:
    """Count the stays of each row's group that had ended by its arrival, by bin.

    Returns ``reached_stays`` (n, 2, 8), those that had reached each step, and ``over_stays``
    (n, 8), those beyond the limit.
    """
    known = np.isfinite(stays.over)
    in_bin = known[:, None] * (stays.bins[:, None] == np.arange(N_BINS))
    facts = np.concatenate(
        [
            stays.reached[:, :, None] * in_bin[:, None, :],
            (np.nan_to_num(stays.over)[:, None] * in_bin)[:, None, :],
        ],
        axis=1,
    )
    counts = np.zeros((len(rows), N_STEPS + 1, N_BINS))
    for here, asked in _by_group(group, rows):
        ended = here[np.argsort(stays.end_s[here], kind="stable")]
        so_far = np.concatenate([np.zeros((1, N_STEPS + 1, N_BINS)), facts[ended].cumsum(axis=0)])
        place = _n_ended(stays, ended, rows[asked])
        counts[asked] = so_far[place]
    return {"reached_stays": counts[:, :N_STEPS], "over_stays": counts[:, N_STEPS]}


def _recent_before(stays: Stays, rows: Array) -> Array:
    """Return the lengths of the zone's last ended stays, the latest last, NaN before the first."""
    recent = np.full((len(rows), N_RECENT), np.nan)
    back = np.arange(-N_RECENT, 0)
    for here, asked in _by_group(stays.zone, rows):
        ended = here[np.argsort(stays.end_s[here], kind="stable")]
        place = _n_ended(stays, ended, rows[asked])[:, None] + back
        lengths = stays.minutes[ended][np.maximum(place, 0)]
        recent[asked] = np.where(place >= 0, lengths, np.nan)
    return recent


def _taken_at(stays: Stays, rows: Array) -> Array:
    """Count the vehicles in the zone just before each arrival."""
    taken = np.zeros(len(rows))
    for here, asked in _by_group(stays.zone, rows):
        now = stays.arrival_s[rows[asked]]
        came = np.searchsorted(stays.arrival_s[here], now, side="left")
        left = np.searchsorted(np.sort(stays.end_s[here]), now, side="right")
        taken[asked] = np.maximum(came - left, 0)
    return taken


def _empty_before(stays: Stays, rows: Array) -> Array:
    """Return how long the bay had been empty, NaN where it was never left before."""
    empty = np.full(len(rows), np.nan)
    for here, asked in _by_group(stays.bay, rows):
        ends = np.sort(stays.end_s[here])
        now = stays.arrival_s[rows[asked]]
        place = np.searchsorted(ends, now, side="right") - 1
        minutes = (now - ends[np.maximum(place, 0)]) / 60
        empty[asked] = np.where(place >= 0, np.minimum(minutes, LONGEST_GAP_MINUTES), np.nan)
    return empty


def _n_ended(stays: Stays, ended: Array, rows: Array) -> Array:
    """Count, of stays in order of their end, those ended by each row's arrival."""
    return np.searchsorted(stays.end_s[ended], stays.arrival_s[rows], side="right")


def _by_group(group: Array, rows: Array) -> list[tuple[Array, Array]]:
    """Return, for each group with a row, its stays and which of the rows are its own."""
    of_rows = group[rows]
    return [
        (np.flatnonzero(group == code), np.flatnonzero(of_rows == code))
        for code in np.unique(of_rows)
    ]
