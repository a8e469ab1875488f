"""From kerb events to what is known of each bay every quarter of an hour of the civil day."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset
from usecases.delivery_zones.kerb.events import outages_of, sessions_of

__all__ = ["KNOWN_SHARE", "QUARTERS", "QUARTER_SECONDS", "Stays", "Timeline", "timeline_of"]

QUARTERS, QUARTER_SECONDS = 96, 900
ACTIVE_DAYS = 60
"""A bay counts while it was taken in the last 60 days (brief 3.3, rule 4)."""
KNOWN_SHARE = 0.8
"""A zone's state is known where 80 % of its bays are (brief 3.3, rule 5)."""
DAY_SECONDS = 86_400
NEVER = np.int64(2**53)


@dataclass(frozen=True)
class Stays:
    """Ended stays of all zones, sorted by zone and end.

    Parameters
    ----------
    zone
        Index of the zone, shape (k,).
    start, end
        Seconds since the epoch, shape (k,).
    start_hour
        Local civil hour of the start, 0 to 23, shape (k,).
    """

    zone: Array
    start: Array
    end: Array
    start_hour: Array


@dataclass(frozen=True)
class Timeline:
    """Bays on a grid of civil quarters of an hour: Z zones, D days, 96 quarters.

    Parameters
    ----------
    zones
        Identifiers, shape (Z,).
    days
        Civil days, datetime64[D], shape (D,).
    seconds
        UTC instant of each quarter, (D, 96); 0 for one that the spring clock skips.
    bays
        Bays taken in the 60 days before each day, (Z, D).
    occupied
        Occupied bays at the instant, events of that second included; float32 (Z, D, 96),
        NaN where not known.
    arrivals
        Arrivals in the quarter that begins there, the same shape.
    elapsed_minutes
        Of stays in progress, longest first, NaN where there is none, (Z, D, 96, width).
    stays
        Ended stays, what survival is learnt from.
    arrived, departed
        Start of every stay by zone, also of those in progress, sorted; and every known end.
    """

    zones: Array
    days: Array
    seconds: Array
    bays: Array
    occupied: Array
    arrivals: Array
    elapsed_minutes: Array
    stays: Stays
    arrived: tuple[Array, ...]
    departed: tuple[Array, ...]

    @property
    def weekday(self) -> Array:
        """Day of the week, Monday 0, shape (D,)."""
        return (self.days.astype(np.int64) + 3) % 7


@dataclass(frozen=True)
class _Clock:
    """All UTC quarters of the span with their place (day, quarter) in civil time."""

    seconds: Array
    day: Array
    quarter: Array
    days: Array
    midnights: Array

    def spread(self, values: Array) -> Array:
        """Put (k, T) values at their civil places, (k, D, 96); NaN where there is none."""
        shape = (len(values), len(self.days), QUARTERS, *values.shape[2:])
        placed = np.full(shape, np.nan, dtype=np.float32)
        placed[:, self.day, self.quarter] = values
        return placed


def timeline_of(dataset: Dataset, zones: Array, width: int) -> Timeline:
    """Lay the events of some zones out in civil time.

    Unknown are the instants before a zone's first arrival, and those at which fewer than
    80 % of its bays are heard of; a bay counts from the day after its first arrival. What
    the events do not say (an end that has not come) is not used.

    Parameters
    ----------
    dataset
        Rows are events.
    zones
        Identifiers, sorted.
    width
        Bays whose elapsed times are kept.

    Raises
    ------
    DataError
        If none of the zones has a stay.
    """
    stays = _stays(dataset, zones)
    if not len(stays):
        raise DataError(f"{dataset.name}: no stay in {len(zones)} zones", expected="some stays")
    clock = _clock(dataset)
    bay_zone = stays.groupby("bay")["zone"].first().to_numpy()
    active = _active(stays, clock, len(bay_zone))
    silent = _silent(dataset, stays, clock, zones)
    usable = active[:, clock.day] & ~silent
    elapsed = np.where(usable, _elapsed(stays, clock.seconds, len(bay_zone)), np.nan)
    n_bays = _by_zone(active.astype(np.float32), bay_zone, len(zones))
    heard = _by_zone(usable.astype(np.float32), bay_zone, len(zones))
    known = (heard >= KNOWN_SHARE * n_bays[:, clock.day]) & (n_bays[:, clock.day] > 0)
    first = stays.groupby("zone")["start"].min().reindex(range(len(zones)), fill_value=NEVER)
    known &= clock.seconds >= first.to_numpy()[:, None]
    occupied = _by_zone(np.isfinite(elapsed).astype(np.float32), bay_zone, len(zones))
    seconds = np.zeros((len(clock.days), QUARTERS), dtype=np.int64)
    seconds[clock.day, clock.quarter] = clock.seconds
    return Timeline(
        zones=zones,
        days=clock.days,
        seconds=seconds,
        bays=n_bays.astype(np.int64),
        occupied=clock.spread(np.where(known, occupied, np.nan)),
        arrivals=clock.spread(np.where(known, _arrivals(stays, clock, active, len(zones)), np.nan)),
        elapsed_minutes=clock.spread(_longest(elapsed, bay_zone, len(zones), width)),
        stays=_ended(stays, dataset.timezone),
        arrived=_times(stays, "start", len(zones)),
        departed=_times(stays[stays["end"] < NEVER], "end", len(zones)),
    )


def _stays(dataset: Dataset, zones: Array) -> pd.DataFrame:
    """Return zone and bay indices, start and end in seconds, in order of bay and start."""
    table = sessions_of(dataset)
    table = table[table["curb_zone_id"].isin(set(zones.tolist()))]
    found = pd.DataFrame(
        {
            "zone": np.searchsorted(zones, table["curb_zone_id"].to_numpy(dtype=str)),
            "space": table["curb_space_id"].to_numpy(),
            "start": _seconds(table["event_time_start"]),
            "end": _seconds(table["event_time_end"]),
            "cut": (table["quality"] == "cut_by_outage").to_numpy(),
        }
    )
    names = pd.MultiIndex.from_frame(found[["zone", "space"]])
    found["bay"] = pd.factorize(names, sort=True)[0]
    return found.sort_values(["bay", "start"], kind="stable", ignore_index=True)


def _seconds(times: pd.Series) -> Array:
    stamps = pd.DatetimeIndex(times).as_unit("s")
    return np.where(stamps.isna(), NEVER, stamps.asi8)


def _clock(dataset: Dataset) -> _Clock:
    local = dataset.times[[0, -1]].tz_convert(dataset.timezone).normalize()
    stop = local[1] + pd.DateOffset(days=1)
    instants = pd.date_range(
        local[0].tz_convert("UTC"), stop.tz_convert("UTC"), freq="15min", inclusive="left"
    )
    civil = instants.tz_convert(dataset.timezone).tz_localize(None)
    days = civil.to_numpy().astype("datetime64[D]")
    minute = civil.hour.to_numpy() * 60 + civil.minute.to_numpy()
    seconds = instants.as_unit("s").asi8
    unique, first, place = np.unique(days, return_index=True, return_inverse=True)
    return _Clock(seconds, place, minute // 15, unique, seconds[first])


def _active(stays: pd.DataFrame, clock: _Clock, n_bays: int) -> Array:
    """Tell which bays count on each day, (n_bays, D): taken in the 60 days before it."""
    change = np.zeros((n_bays, len(clock.days) + 1), dtype=np.int64)
    bay = stays["bay"].to_numpy()
    until = stays["end"].to_numpy() + ACTIVE_DAYS * DAY_SECONDS
    np.add.at(change, (bay, np.searchsorted(clock.midnights, stays["start"], "right")), 1)
    np.add.at(change, (bay, np.searchsorted(clock.midnights, until, "right")), -1)
    counted: Array = np.cumsum(change, axis=1)[:, :-1] > 0
    return counted


def _elapsed(stays: pd.DataFrame, seconds: Array, n_bays: int) -> Array:
    """Return the minutes of the stay in progress on each bay, (n_bays, T); NaN where free."""
    bay, start, end = (stays[name].to_numpy() for name in ("bay", "start", "end"))
    elapsed = np.full((n_bays, len(seconds)), np.nan, dtype=np.float32)
    bounds = np.searchsorted(bay, np.arange(n_bays + 1))
    for number in range(n_bays):
        mine = slice(bounds[number], bounds[number + 1])
        place = np.searchsorted(start[mine], seconds, "right") - 1
        taken = (place >= 0) & (end[mine][place] > seconds)
        elapsed[number, taken] = (seconds[taken] - start[mine][place[taken]]) / 60
    return elapsed


def _silent(dataset: Dataset, stays: pd.DataFrame, clock: _Clock, zones: Array) -> Array:
    """Tell when each bay is in an outage, (n_bays, T)."""
    names = dataset.extras["spaces"].set_index(["curb_zone_id", "space"])["curb_space_id"]
    bay_of = stays.groupby(["zone", "space"])["bay"].first()
    silent = np.zeros((stays["bay"].max() + 1, len(clock.seconds)), dtype=bool)
    outages = outages_of(dataset)
    starts, ends = _seconds(outages["start"]), _seconds(outages["end"])
    place = {zone: index for index, zone in enumerate(zones.tolist())}
    keys = zip(outages["curb_zone_id"], outages["space"], strict=True)
    for (zone, space), start, end in zip(keys, starts, ends, strict=True):
        bay = bay_of.get((place.get(zone), names.get((zone, space))))
        if bay is not None:
            first, stop = np.searchsorted(clock.seconds, [start, end])
            silent[int(bay), first:stop] = True
    return silent


def _by_zone(values: Array, bay_zone: Array, n_zones: int) -> Array:
    """Sum (n_bays, k) over the bays of each zone, (n_zones, k)."""
    total = np.zeros((n_zones, values.shape[1]), dtype=np.float32)
    np.add.at(total, bay_zone, values)
    return total


def _arrivals(stays: pd.DataFrame, clock: _Clock, active: Array, n_zones: int) -> Array:
    """Count the arrivals on bays that count, by zone and quarter, (Z, T)."""
    place = np.searchsorted(clock.seconds, stays["start"].to_numpy(), "right") - 1
    bay = stays["bay"].to_numpy()
    inside = (place >= 0) & active[bay, clock.day[np.maximum(place, 0)]]
    counts = np.zeros((n_zones, len(clock.seconds)), dtype=np.float32)
    np.add.at(counts, (stays["zone"].to_numpy()[inside], place[inside]), 1)
    return counts


def _longest(elapsed: Array, bay_zone: Array, n_zones: int, width: int) -> Array:
    """Return the longest elapsed times of each zone first, (Z, T, width), NaN for none."""
    found = np.full((n_zones, elapsed.shape[1], width), np.nan, dtype=np.float32)
    for zone in range(n_zones):
        ordered = -np.sort(-elapsed[bay_zone == zone], axis=0)[:width]
        found[zone, :, : len(ordered)] = ordered.T
    return found


def _times(stays: pd.DataFrame, column: str, n_zones: int) -> tuple[Array, ...]:
    """Return the sorted instants of a column by zone."""
    zone, seconds = stays["zone"].to_numpy(), stays[column].to_numpy()
    return tuple(np.sort(seconds[zone == number]) for number in range(n_zones))


def _ended(stays: pd.DataFrame, timezone: str) -> Stays:
    """Return the stays whose length is known, by zone and end."""
    whole = stays[(stays["end"] < NEVER) & ~stays["cut"]]
    whole = whole.sort_values(["zone", "end", "start"], kind="stable")
    local = pd.DatetimeIndex(pd.to_datetime(whole["start"], unit="s", utc=True))
    return Stays(
        zone=whole["zone"].to_numpy(),
        start=whole["start"].to_numpy(),
        end=whole["end"].to_numpy(),
        start_hour=local.tz_convert(timezone).hour.to_numpy().astype(np.int64),
    )
