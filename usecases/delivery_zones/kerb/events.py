"""Stays and outages as a Dataset of kerb events, and back.

One row is one event, so that what was not known at an instant is cut away by cutting rows:
a stay that has not ended has no end row. The codes follow the event types of the Curb Data
Specification (CDS) 1.0.1, Events API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset, Source

__all__ = [
    "ARRIVED",
    "LEFT",
    "LOST",
    "OTHER",
    "QUALITIES",
    "RESTORED",
    "SESSION_COLUMNS",
    "Place",
    "dataset_of",
    "outages_of",
    "sessions_of",
    "spaces_seen",
    "zones_of",
]

ARRIVED, LEFT, LOST, RESTORED, OTHER = 1.0, -1.0, 2.0, -2.0, 0.0
"""Values of the column ``change``: park_start, park_end, comms_lost, comms_restored, rest."""

ORDER = {LEFT: 0, LOST: 1, RESTORED: 2, OTHER: 3, ARRIVED: 4}
"""At the same instant a bay is left before it is taken, and known before it is taken."""

QUALITIES = ("ok", "truncated_at_next_arrival", "cut_by_outage")
"""Values of the column ``cut`` (0, 1, 2): how the end of a stay is known."""

SESSION_COLUMNS = (
    "event_session_id", "curb_zone_id", "curb_space_id", "event_time_start", "event_time_end",
    "use_class", "quality",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What a data set's rows have in common.

    Parameters
    ----------
    name
        Name of the data set; starts with ``SIMULATED`` where ``simulated``.
    timezone
        IANA name of the civil time.
    proxy
        In French, what the stays stand in for; empty when they are delivery bays.
    sources
        What was read.
    simulated
        True for the simulator's output.
    tables
        Further tables to carry along (``cleaning``, ``reading``), by name.
    """

    name: str
    timezone: str
    proxy: str = ""
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def dataset_of(
    place: Place, zones: pd.DataFrame, sessions: pd.DataFrame, outages: pd.DataFrame | None = None
) -> Dataset:
    """Turn stays and outages into a Dataset of events.

    Parameters
    ----------
    place
        Name, time zone, sources.
    zones
        Table with ``curb_zone_id``, once each; ``n_spaces`` is filled with the bays seen
        where it is absent or unknown.
    sessions
        Columns of `SESSION_COLUMNS` but id and class; an end may be unknown (NaT): the
        stay was still in progress. Stays of one bay do not overlap.
    outages
        ``curb_zone_id``, ``curb_space_id``, ``start``, ``end`` (NaT: not restored);
        spells of one bay that overlap become one.

    Returns
    -------
    Dataset
        Columns ``space`` (index of the bay in its zone, in order of first arrival),
        ``change`` and ``cut``, all float32; ``extras["zones"]`` and ``extras["spaces"]``
        (index, first and last arrival of each bay).

    Raises
    ------
    UsageError
        If a stay's zone is unknown, or if stays of one bay overlap.

    Examples
    --------
    >>> zones = pd.DataFrame({"curb_zone_id": ["z"]})
    >>> stays = pd.DataFrame({
    ...     "curb_zone_id": ["z"], "curb_space_id": ["z-1"],
    ...     "event_time_start": pd.to_datetime(["2025-03-03T08:00Z"]),
    ...     "event_time_end": pd.to_datetime(["2025-03-03T08:20Z"]), "quality": ["ok"]})
    >>> found = dataset_of(Place("own", "Europe/Paris"), zones, stays)
    >>> found.columns["change"].tolist(), found.columns["space"].tolist()
    ([1.0, -1.0], [0.0, 0.0])
    """
    outages = _no_outage() if outages is None else _merged(outages)
    _refuse_unknown_zones(zones, sessions, outages)
    _refuse_overlaps(sessions)
    spaces = _spaces(sessions, outages)
    rows = _event_rows(sessions, outages, spaces)
    names = sorted(zones["curb_zone_id"])
    return Dataset(
        name=place.name,
        columns={name: rows[name].to_numpy(np.float32) for name in ("space", "change", "cut")},
        units={"space": "1", "change": "1", "cut": "1"},
        times=pd.DatetimeIndex(rows["time"]),
        groups=pd.Categorical(rows["zone"], categories=names),
        valid=np.ones(len(rows), dtype=bool),
        timezone=place.timezone,
        sources=place.sources,
        simulated=place.simulated,
        proxy=place.proxy,
        extras={"zones": _zones(zones, spaces), "spaces": spaces, **place.tables},
    )


def zones_of(dataset: Dataset) -> pd.DataFrame:
    """Return the zones: id, ``n_spaces``, position, class, limit, opening."""
    return dataset.extras["zones"]


def sessions_of(dataset: Dataset) -> pd.DataFrame:
    """Rebuild the stays from the events.

    Returns
    -------
    DataFrame
        `SESSION_COLUMNS`, in order of arrival; ``event_time_end`` is NaT for a stay that
        had not ended when the events stop.

    Notes
    -----
    On each bay an arrival is paired with the departure that follows it before the next
    arrival. Rows that are not ``valid`` are as if they did not exist. A departure without
    an arrival (a vehicle already there when recording began) gives no stay.
    """
    rows = _rows(dataset, (ARRIVED, LEFT))
    nearest = rows.shift(-1)
    ended = (
        (rows["zone"] == nearest["zone"])
        & (rows["space"] == nearest["space"])
        & (nearest["change"] == LEFT)
    )
    rows = rows.assign(
        event_time_end=nearest["time"].where(ended), cut=nearest["cut"].where(ended, 0.0)
    )
    rows = rows[rows["change"] == ARRIVED].sort_values(["time", "zone", "space"], kind="stable")
    return _session_table(dataset, rows)


def outages_of(dataset: Dataset) -> pd.DataFrame:
    """Return the spells in which a bay's state is unknown.

    Returns
    -------
    DataFrame
        ``curb_zone_id``, ``space``, ``start``, ``end`` (NaT where not restored yet). What
        precedes a bay's first arrival is unknown too; see ``extras["spaces"]``.
    """
    rows = _rows(dataset, (LOST, RESTORED))
    nearest = rows.shift(-1)
    restored = (
        (rows["zone"] == nearest["zone"])
        & (rows["space"] == nearest["space"])
        & (nearest["change"] == RESTORED)
    )
    rows = rows.assign(end=nearest["time"].where(restored))[rows["change"] == LOST]
    names = {"zone": "curb_zone_id", "time": "start"}
    found = rows.rename(columns=names)[["curb_zone_id", "space", "start", "end"]]
    return found.astype({"space": np.int64}).reset_index(drop=True)


def spaces_seen(dataset: Dataset, start: pd.Timestamp, stop: pd.Timestamp) -> pd.Series:
    """Return the number of bays of each zone that were taken at least once in a window.

    The capacity that a task may use: bays seen in the last 60 days of its training
    period (brief 3.3, rule 4), never bays of the whole file.

    Parameters
    ----------
    start, stop
        Instants, ``start`` included, ``stop`` excluded.

    Returns
    -------
    Series
        Indexed by ``curb_zone_id``, every zone of the data set; 0 where none was taken.
    """
    inside = (dataset.times >= start) & (dataset.times < stop) & dataset.valid
    rows = _rows(dataset.at(np.asarray(inside)), (ARRIVED,))
    counts = rows.groupby("zone")["space"].nunique()
    return counts.reindex(zones_of(dataset)["curb_zone_id"], fill_value=0).rename("n_spaces")


def _no_outage() -> pd.DataFrame:
    never = pd.DatetimeIndex([], dtype="datetime64[s, UTC]")
    empty = pd.Series([], dtype=str)
    return pd.DataFrame(
        {"curb_zone_id": empty, "curb_space_id": empty, "start": never, "end": never}
    )


def _merged(outages: pd.DataFrame) -> pd.DataFrame:
    """Join the spells of a bay that overlap or touch."""
    never = pd.Timestamp("2262-01-01", tz="UTC")
    keys = ["curb_zone_id", "curb_space_id"]
    spells = outages.assign(end=outages["end"].fillna(never)).sort_values([*keys, "start"])
    seconds = spells["end"].dt.as_unit("s").astype(np.int64)
    latest = seconds.groupby([spells[key] for key in keys]).cummax()
    before = latest.groupby([spells[key] for key in keys]).shift()
    starts = spells["start"].dt.as_unit("s").astype(np.int64)
    spells["spell"] = (before.isna() | (starts > before)).cumsum()
    joined = spells.groupby([*keys, "spell"]).agg(start=("start", "min"), end=("end", "max"))
    joined = joined.reset_index().drop(columns="spell")
    return joined.assign(end=joined["end"].mask(joined["end"] >= never))


def _refuse_unknown_zones(
    zones: pd.DataFrame, sessions: pd.DataFrame, outages: pd.DataFrame
) -> None:
    known = set(zones["curb_zone_id"])
    met = set(sessions["curb_zone_id"]) | set(outages["curb_zone_id"])
    if met - known or len(known) != len(zones):
        raise UsageError(
            f"zones {sorted(met - known)[:5]} without a row, {len(zones) - len(known)} twice",
            expected="each zone of the stays and outages once in the table of zones",
        )


def _refuse_overlaps(sessions: pd.DataFrame) -> None:
    ordered = sessions.sort_values(["curb_space_id", "event_time_start"], kind="stable")
    same = ordered["curb_space_id"].eq(ordered["curb_space_id"].shift())
    ends = ordered["event_time_end"].shift()
    early = same & (ends.isna() | (ordered["event_time_start"] < ends))
    if early.any():
        worst = ordered[early].iloc[0]
        raise UsageError(
            f"bay {worst['curb_space_id']}: arrival at {worst['event_time_start']} before the "
            "end of the stay before it",
            expected="one vehicle at a time on a bay",
            remedy="truncate overlaps first (cleaning.truncate_overlaps)",
        )


def _spaces(sessions: pd.DataFrame, outages: pd.DataFrame) -> pd.DataFrame:
    """Return the bays, numbered in each zone by first arrival; those never taken come last."""
    seen = sessions.groupby(["curb_zone_id", "curb_space_id"])["event_time_start"]
    spaces = seen.agg(first_seen="min", last_seen="max").reset_index()
    silent = outages[["curb_zone_id", "curb_space_id"]].drop_duplicates()
    spaces = spaces.merge(silent, how="outer", on=["curb_zone_id", "curb_space_id"])
    spaces = spaces.sort_values(["curb_zone_id", "first_seen", "curb_space_id"], kind="stable")
    spaces["space"] = spaces.groupby("curb_zone_id").cumcount()
    return spaces.reset_index(drop=True)


def _event_rows(
    sessions: pd.DataFrame, outages: pd.DataFrame, spaces: pd.DataFrame
) -> pd.DataFrame:
    """Return the events in order of time, then zone, bay and `ORDER`."""
    cut = sessions["quality"].map({name: code for code, name in enumerate(QUALITIES)})
    pieces = [
        _piece(sessions, "event_time_start", ARRIVED, 0.0),
        _piece(sessions, "event_time_end", LEFT, cut),
        _piece(outages, "start", LOST, 0.0),
        _piece(outages, "end", RESTORED, 0.0),
    ]
    rows = pd.concat([piece for piece in pieces if len(piece)] or pieces[:1], ignore_index=True)
    rows = rows.merge(
        spaces[["curb_zone_id", "curb_space_id", "space"]],
        left_on=["zone", "bay"], right_on=["curb_zone_id", "curb_space_id"],
    )  # fmt: skip
    rows["order"] = rows["change"].map(ORDER)
    return rows.sort_values(["time", "zone", "space", "order"], kind="stable", ignore_index=True)


def _piece(table: pd.DataFrame, time: str, change: float, cut: "float | pd.Series") -> pd.DataFrame:
    known = table[time].notna()
    return pd.DataFrame(
        {
            "time": table[time].dt.as_unit("s"), "zone": table["curb_zone_id"],
            "bay": table["curb_space_id"], "change": change, "cut": cut,
        }
    )[known]  # fmt: skip


def _zones(zones: pd.DataFrame, spaces: pd.DataFrame) -> pd.DataFrame:
    seen = zones["curb_zone_id"].map(spaces["curb_zone_id"].value_counts()).fillna(0)
    asked = zones["n_spaces"] if "n_spaces" in zones else pd.Series(np.nan, zones.index)
    filled = zones.assign(n_spaces=asked.fillna(seen).astype(np.int64))
    return filled.sort_values("curb_zone_id", ignore_index=True)


def _rows(dataset: Dataset, changes: tuple[float, ...]) -> pd.DataFrame:
    """Return the valid events of some kinds, bay by bay in order of time."""
    change = dataset.columns["change"]
    kept = dataset.valid & np.isin(change, changes)
    rows = pd.DataFrame(
        {
            "zone": np.asarray(dataset.groups.categories, dtype=object)[dataset.groups.codes[kept]],
            "space": dataset.columns["space"][kept],
            "time": dataset.times[kept],
            "change": change[kept],
            "cut": _cut(dataset)[kept],
        }
    )
    rows["order"] = rows["change"].map(ORDER)
    return rows.sort_values(["zone", "space", "time", "order"], kind="stable", ignore_index=True)


def _cut(dataset: Dataset) -> Array:
    return dataset.columns.get("cut", np.zeros(len(dataset.times), dtype=np.float32))


def _session_table(dataset: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    zones = zones_of(dataset)
    classes = (
        zones.set_index("curb_zone_id")["use_class"]
        if "use_class" in zones
        else pd.Series(dtype=str)
    )
    spaces = dataset.extras["spaces"].set_index(["curb_zone_id", "space"])["curb_space_id"]
    keys = pd.MultiIndex.from_arrays([rows["zone"], rows["space"].astype(np.int64)])
    return pd.DataFrame(
        {
            "event_session_id": [f"s{number:06d}" for number in range(len(rows))],
            "curb_zone_id": rows["zone"].to_numpy(),
            "curb_space_id": spaces.reindex(keys).to_numpy(),
            "event_time_start": rows["time"].to_numpy(),
            "event_time_end": rows["event_time_end"].to_numpy(),
            "use_class": rows["zone"].map(classes).to_numpy(),
            "quality": np.asarray(QUALITIES)[rows["cut"].to_numpy(np.int64)],
        }
    )
