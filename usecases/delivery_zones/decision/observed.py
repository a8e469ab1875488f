"""What the bays were seen to do over the last weeks: free, full or unknown, every quarter hour.

All decision pages look at the same days of the same bays, so that their figures agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.pages.french import NO_BREAK, date_fr, plural
from common.lab.statistics import bounds, resampled_counts
from common.lab.usecase import Array, Dataset
from usecases.delivery_zones.decision.misuse import Regime
from usecases.delivery_zones.inventory.opening_hours import is_goods_time
from usecases.delivery_zones.kerb.events import outages_of, sessions_of, zones_of
from usecases.delivery_zones.own_data import cadence_minutes

__all__ = ["GOODS_HOURS", "GOODS_WEEKDAYS", "Observed", "goods_regime", "goods_time", "observe"]

PERIOD_DAYS: Final = 84
"""Twelve weeks: each hour of a weekday was seen twelve times, and 56 working days tell drift."""
IN_SERVICE_DAYS: Final = 60
"""A bay counts when it was taken in the last 60 days (``briefs/delivery_zones.md`` 3.3.4)."""
STEP_MINUTES: Final = 15
"""Occupancy tolerates a quarter of an hour (brief 3.3.6)."""
KNOWN_SHARE: Final = 0.8
"""An instant tells when 80 % of the zone's open bays are known (brief 3.3.5)."""
GOODS_HOURS: Final = (7, 20)
GOODS_WEEKDAYS: Final = 6
"""Monday to Saturday from 7 to 20 h: the brief's hours (2.4), a hypothesis without a by-law."""
UNKNOWN, FULL, FREE = -1, 0, 1
DAY: Final = pd.Timedelta(days=1)
CLASSES: Final = {
    "rapid": "rapide", "fast": "accélérée", "slow": "lente", "slow_kerb": "voirie",
}  # fmt: skip


@dataclass(frozen=True)
class Observed:
    """The bays of one city over one period.

    Parameters
    ----------
    dataset
        Where it comes from; says whether it is simulated or stands in for something.
    zones
        The zones, with ``title`` (French, unique) and ``n_spaces`` (bays in service).
    sessions, outages
        Stays and silences of the bays in service (UTC), the period and what came before it; a
        stay in progress ends with the log and has the quality ``cut_by_outage``.
    first_day, end_day
        ISO dates of local days; the end is not included.
    instants
        Local instants every quarter of an hour, shape (n,).
    state
        -1 unknown, 0 full, 1 a bay is free; int8, shape (n_zones, n).
    """

    dataset: Dataset
    zones: pd.DataFrame
    sessions: pd.DataFrame
    outages: pd.DataFrame
    first_day: str
    end_day: str
    instants: pd.DatetimeIndex
    state: Array

    @property
    def timezone(self) -> str:
        """IANA name of the civil time."""
        return self.dataset.timezone

    @cached_property
    def day(self) -> Array:
        """Number of the local day of each instant, from 0."""
        days = self.instants.tz_localize(None).normalize()
        return np.asarray((days - pd.Timestamp(self.first_day)) // DAY)

    @property
    def hours(self) -> list[str]:
        """The by-law's hours of each zone (OSM opening_hours), empty where none is known."""
        if "opening_hours" not in self.zones:
            return [""] * len(self.zones)
        return [str(text) for text in self.zones["opening_hours"].fillna("")]

    @cached_property
    def poll_minutes(self) -> int:
        """Cadence at which the bays were looked at; 0 where arrivals and departures are events."""
        return cadence_minutes(self.sessions)

    @property
    def hours_words(self) -> str:
        """Which hours count as goods hours, in French."""
        supposed = self.hours.count("")
        start, stop = GOODS_HOURS
        words = f"du lundi au samedi de {start}{NO_BREAK}h à {stop}{NO_BREAK}h (HYPOTHÈSE)"
        if not supposed:
            return "celles de l'arrêté"
        return words if supposed == len(self.hours) else f"celles de l'arrêté, sinon {words}"

    @property
    def n_days(self) -> int:
        """Days of the period."""
        return int((pd.Timestamp(self.end_day) - pd.Timestamp(self.first_day)) / DAY)

    @property
    def period(self) -> str:
        """The period in French words."""
        last = pd.Timestamp(self.end_day) - DAY
        return f"du {date_fr(self.first_day)} au {date_fr(last)} ({plural(self.n_days, 'jour')})"

    @cached_property
    def share_full(self) -> pd.DataFrame:
        """Share of goods hours in which all bays of a zone were taken.

        Returns
        -------
        DataFrame
            ``curb_zone_id`` index; ``share``, ``low``, ``high`` (95 %, days resampled whole),
            ``days`` with a known instant. NaN where nothing is known.
        """
        counts = resampled_counts(self.n_days, np.random.default_rng(0))
        local = self.instants.tz_localize(None)
        regimes = {hours: goods_regime(hours)(local) for hours in set(self.hours)}
        rows = []
        for state, hours in zip(self.state, self.hours, strict=True):
            goods = np.flatnonzero(regimes[hours])
            rows.append(_full(state[goods], self.day[goods], counts))
        columns = ["share", "low", "high", "days"]
        return pd.DataFrame(rows, columns=columns, index=self.zones["curb_zone_id"])

    def place(self, zone: str) -> int:
        """Return the row of a zone."""
        return int(np.flatnonzero(self.zones["curb_zone_id"] == zone)[0])

    def title(self, zone: str) -> str:
        """Return the French title of a zone."""
        return str(self.zones["title"].iloc[self.place(zone)])

    def busiest(self, most: int) -> list[str]:
        """Return the zones to look at first, the fullest first.

        Zones with known hours only; those with a limit in force (or supposed) where any has one.
        """
        table = self.zones.set_index("curb_zone_id").join(self.share_full)
        told = table[table["share"].notna()]
        limited = told["max_stay_minutes"] > 0
        told = told[limited] if limited.any() else told
        if "headline" in told:
            told = told[told["headline"].astype(bool)]
        ranked = told.sort_values(["share", "n_spaces"], ascending=False, kind="stable")
        return [str(zone) for zone in ranked.index[:most]]


def goods_time(local: pd.DatetimeIndex) -> Array:
    """Tell which local times are Monday to Saturday, 7 to 20 h (hypothesis without a by-law)."""
    start, stop = GOODS_HOURS
    inside: Array = (local.hour >= start) & (local.hour < stop)
    return np.asarray(inside & (local.day_of_week < GOODS_WEEKDAYS))


def goods_regime(hours: str) -> Regime:
    """Return the rule that tells goods hours, from a by-law or, without one, `goods_time`.

    The answer for one series of times is kept: every zone under a rule asks for the same.

    Parameters
    ----------
    hours
        OSM opening_hours, or empty.
    """
    answers: dict[tuple[int, pd.Timestamp, pd.Timestamp], Array] = {}

    def by_law(local: pd.DatetimeIndex) -> Array:
        key = (len(local), local[0], local[-1])
        if key not in answers:
            answers[key] = is_goods_time(hours, local)
        return answers[key]

    return by_law if hours else goods_time


def observe(dataset: Dataset, period_days: int = PERIOD_DAYS) -> Observed:
    """Read the state of every zone over the last whole days of a log.

    A bay is unknown before its first arrival and while its sensor is silent; a zone is unknown
    while fewer than 80 % of its open bays are known. An outage is never "free".

    Parameters
    ----------
    dataset
        Events, as from `data.load`.
    period_days
        Days looked at, at most; the last day of the log is left out, it is not whole.

    Raises
    ------
    DataError
        The log holds less than one whole day.
    """
    closes = dataset.times.max() if len(dataset.times) else None
    if closes is None or not sessions_of(dataset).shape[0]:
        raise DataError(
            f"{dataset.name}: no stay", expected="stays of one day at least",
            remedy="give a longer log",
        )  # fmt: skip
    end = closes.tz_convert(dataset.timezone).normalize().tz_localize(None)
    opens = dataset.times.min().tz_convert(dataset.timezone).normalize().tz_localize(None)
    first = max(opens, end - period_days * DAY)
    if first >= end:
        raise DataError(
            f"{dataset.name}: a log of less than one whole day",
            expected="one whole day at least",
            remedy="give a longer log",
        )
    spaces = _in_service(dataset, closes)
    zones = _titled(zones_of(dataset), spaces)
    sessions, outages = _of_bays(dataset, spaces, closes)
    local = _instants(first, end, dataset.timezone)
    return Observed(
        dataset=dataset, zones=zones, sessions=sessions, outages=outages,
        first_day=str(first.date()), end_day=str(end.date()), instants=local,
        state=_states(zones, spaces, sessions, outages, local),
    )  # fmt: skip


def _in_service(dataset: Dataset, closes: pd.Timestamp) -> pd.DataFrame:
    spaces = dataset.extras["spaces"]
    recent: pd.DataFrame = spaces[spaces["last_seen"] >= closes - IN_SERVICE_DAYS * DAY]
    return recent


def _titled(zones: pd.DataFrame, spaces: pd.DataFrame) -> pd.DataFrame:
    """Return the zones with a title each and the number of their bays in service."""
    ids = zones["curb_zone_id"]
    names = zones["name"].fillna(ids) if "name" in zones else ids
    twice = names.duplicated(keep=False)
    classes = zones["use_class"].map(CLASSES).fillna("") if "use_class" in zones else ""
    titles = names.where(~twice, names + " · " + classes)
    titles = titles.where(~titles.duplicated(keep=False), ids)
    bays = ids.map(spaces["curb_zone_id"].value_counts()).fillna(0).astype(np.int64)
    optional = {name: zones.get(name, np.nan) for name in ("max_stay_minutes", "lon", "lat")}
    return zones.assign(title=titles, n_spaces=bays, **optional)


def _of_bays(
    dataset: Dataset, spaces: pd.DataFrame, closes: pd.Timestamp
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return stays and outages of the bays in service."""
    stays = sessions_of(dataset)
    stays = stays[stays["curb_space_id"].isin(spaces["curb_space_id"])]
    going_on = stays["event_time_end"].isna()
    stays = stays.assign(
        event_time_end=stays["event_time_end"].fillna(closes),
        quality=stays["quality"].mask(going_on, "cut_by_outage"),
    )
    keys = ["curb_zone_id", "space"]
    outages = outages_of(dataset).merge(spaces[[*keys, "curb_space_id"]], on=keys)
    return stays.reset_index(drop=True), outages


def _instants(first: pd.Timestamp, end: pd.Timestamp, timezone: str) -> pd.DatetimeIndex:
    step = pd.Timedelta(minutes=STEP_MINUTES)
    start, stop = first.tz_localize(timezone), end.tz_localize(timezone)
    return pd.date_range(start, stop, freq=step, inclusive="left")


def _states(
    zones: pd.DataFrame,
    spaces: pd.DataFrame,
    sessions: pd.DataFrame,
    outages: pd.DataFrame,
    instants: pd.DatetimeIndex,
) -> Array:
    """Return the state of each zone at each instant."""
    at = _seconds(instants.to_series())
    place = {zone: row for row, zone in enumerate(zones["curb_zone_id"])}
    shape = (len(zones), len(at))
    open_bays, known, free = (np.zeros(shape, dtype=np.int16) for _ in range(3))
    stays = dict(tuple(sessions.groupby("curb_space_id")))
    silences = dict(tuple(outages.groupby("curb_space_id")))
    for bay in spaces.itertuples():
        row, opened = place[bay.curb_zone_id], at >= bay.first_seen.timestamp()
        mine = stays[bay.curb_space_id]
        taken = _inside(mine["event_time_start"], mine["event_time_end"], at)
        told = opened.copy()
        if (silent := silences.get(bay.curb_space_id)) is not None:
            told &= ~_inside(silent["start"], silent["end"], at)
        open_bays[row] += opened
        known[row] += told
        free[row] += told & ~taken
    tells = (open_bays > 0) & (known >= KNOWN_SHARE * open_bays)
    return np.where(tells, np.where(free > 0, FREE, FULL), UNKNOWN).astype(np.int8)


def _seconds(times: "pd.Series[Any]") -> Array:
    seconds: Array = times.dt.as_unit("s").astype(np.int64).to_numpy()
    return seconds


def _inside(start: "pd.Series[Any]", end: "pd.Series[Any]", at: Array) -> Array:
    """Tell which instants lie in one of some spells [start, end); no end is for ever."""
    forever = np.where(end.isna(), np.iinfo(np.int64).max, _seconds(end.fillna(start)))
    begun = np.searchsorted(np.sort(_seconds(start)), at, side="right")
    inside: Array = begun > np.searchsorted(np.sort(forever), at, side="right")
    return inside


def _full(state: Array, day: Array, counts: Array) -> Sequence[float]:
    """Return share full, its interval and the days that tell, for one zone."""
    n_days = counts.shape[1]
    told = np.bincount(day, state != UNKNOWN, n_days)
    full = np.bincount(day, state == FULL, n_days)
    if not told.sum():
        return np.nan, np.nan, np.nan, 0
    low, high = bounds((counts @ full) / np.maximum(counts @ told, 1))
    return float(full.sum() / told.sum()), low, high, int((told > 0).sum())
