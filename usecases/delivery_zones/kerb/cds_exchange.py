"""A data set as CDS 1.0.1 events, sessions and hourly aggregates, and back."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.usecase import Array, Dataset
from usecases.delivery_zones.kerb.cds import CurbEvent, CurbZone, from_json, to_json, uuid_of
from usecases.delivery_zones.kerb.events import (
    ARRIVED,
    LEFT,
    LOST,
    RESTORED,
    outages_of,
    sessions_of,
    zones_of,
)

__all__ = [
    "AGGREGATE_COLUMNS",
    "OFFLINE",
    "SESSION_FIELDS",
    "aggregates",
    "curb_events",
    "curb_zones",
    "events_from_csv",
    "events_to_csv",
    "metric_sessions",
]

OFFLINE = -1.0
"""Value of an aggregate whose sensor was offline for the majority of the hour."""

AGGREGATE_COLUMNS = ("curb_place_type", "curb_place_id", "metric_type", "date", "hour", "value")
SESSION_FIELDS = (
    "session_type", "event_session_id", "event_id_start", "event_id_end",
    "event_location_start_latitude", "event_location_start_longitude",
    "event_location_end_latitude", "event_location_end_longitude",
    "event_time_start", "event_time_end", "curb_zone_id", "curb_area_ids", "curb_space_id",
    "vehicle_length", "vehicle_type",
)  # fmt: skip
TYPES = {ARRIVED: "park_start", LEFT: "park_end", LOST: "comms_lost", RESTORED: "comms_restored"}
HOUR = 3600


def curb_zones(dataset: Dataset) -> list[CurbZone]:
    """Return the zones; ``user_zone_id`` holds the id that they have here."""
    zones = zones_of(dataset)
    first = _milliseconds(dataset.times[:1])[0] if len(dataset.times) else 0
    return [
        CurbZone(
            curb_zone_id=uuid_of(zone["curb_zone_id"]),
            geometry=_point(zone),
            curb_policy_ids=(),
            published_date=first,
            last_updated_date=first,
            start_date=first,
            user_zone_id=zone["curb_zone_id"],
            name=zone.get("name"),
            num_spaces=int(zone["n_spaces"]),
        )
        for zone in zones.to_dict("records")
    ]


def curb_events(dataset: Dataset, source_type: str = "other") -> list[CurbEvent]:
    """Return the valid rows as events, in order of time.

    Parameters
    ----------
    source_type
        Of ``data_source_type``.

    Notes
    -----
    The time of publication is not known; the time of the event stands for it. Codes other
    than arrivals, departures, losses and returns are ``scheduled_report``.
    """
    points = {zone["curb_zone_id"]: _point(zone) for zone in zones_of(dataset).to_dict("records")}
    spaces = dataset.extras["spaces"].set_index(["curb_zone_id", "space"])["curb_space_id"]
    zones = np.asarray(dataset.groups.categories, dtype=object)[dataset.groups.codes]
    stamps = _milliseconds(dataset.times)
    found = []
    for row in np.flatnonzero(dataset.valid):
        bay = str(spaces[zones[row], int(dataset.columns["space"][row])])
        kind = TYPES.get(float(dataset.columns["change"][row]), "scheduled_report")
        found.append(
            CurbEvent(
                event_id=uuid_of(f"{bay} {kind} {stamps[row]}"),
                event_type=kind,
                event_location=points[zones[row]],
                event_time=stamps[row],
                event_publication_time=stamps[row],
                data_source_type=source_type,
                data_source_device_id=uuid_of(f"device {bay}"),
                curb_zone_id=uuid_of(str(zones[row])),
                curb_space_id=uuid_of(bay),
            )
        )
    return found


def events_to_csv(events: Sequence[CurbEvent]) -> str:
    """Return events as CSV: one column per field in use, lists and objects as JSON."""
    rows = [to_json(event) for event in events]
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def events_from_csv(text: str, where: str) -> list[CurbEvent]:
    """Read events from CSV as `events_to_csv` writes them.

    Raises
    ------
    TableError
        Naming file and line.
    """
    reader = csv.DictReader(io.StringIO(text))
    found = []
    for row in reader:
        place = f"{where} line {reader.line_num}"
        if None in row or None in row.values():
            raise TableError(f"{place}: another number of cells", expected="one per column")
        found.append(from_json(CurbEvent, _uncelled(row), place))
    return found


def metric_sessions(dataset: Dataset) -> pd.DataFrame:
    """Return the stays as CDS Metrics sessions, columns `SESSION_FIELDS`.

    Times are milliseconds since 1970 (empty where the stay had not ended, or where an
    outage hides its end); what is not known is empty.
    """
    sessions = sessions_of(dataset)
    zones = zones_of(dataset).set_index("curb_zone_id")
    known = sessions["event_time_end"].notna() & (sessions["quality"] != "cut_by_outage")
    start = sessions["event_time_start"].map(_stamp)
    end = sessions["event_time_end"].map(_stamp, na_action="ignore").where(known)
    bays = sessions["curb_space_id"].astype(str)
    table = pd.DataFrame(None, index=sessions.index, columns=list(SESSION_FIELDS), dtype=object)
    table["session_type"] = "parking"
    table["event_session_id"] = [
        uuid_of(f"session {b} {s}") for b, s in zip(bays, start, strict=True)
    ]
    table["event_id_start"] = [
        uuid_of(f"{b} park_start {s}") for b, s in zip(bays, start, strict=True)
    ]
    table["event_id_end"] = [
        uuid_of(f"{b} park_end {int(e)}") if k else None
        for b, e, k in zip(bays, end.fillna(0), known, strict=True)
    ]
    for side in ("start", "end"):
        for axis, column in (("latitude", "lat"), ("longitude", "lon")):
            places = zones[column] if column in zones else pd.Series(dtype=float)
            table[f"event_location_{side}_{axis}"] = sessions["curb_zone_id"].map(places)
    table["event_time_start"] = start.astype("Int64")
    table["event_time_end"] = end.astype("Int64")
    table["curb_zone_id"] = sessions["curb_zone_id"].map(uuid_of)
    table["curb_space_id"] = bays.map(uuid_of)
    return table


def aggregates(dataset: Dataset) -> pd.DataFrame:
    """Return the four CDS metrics of each zone and local hour, `AGGREGATE_COLUMNS`.

    ``total_sessions`` and ``turnover`` count arrivals (an hour's turnover is per hour, so
    half the count in the autumn hour that occurs twice), ``average_dwell_time`` is the mean
    length in minutes of the stays that began in the hour and whose end was seen (no row if
    there is none), ``occupancy_percent`` the share from 0 to 1 of known bay-time that was
    taken.

    A bay is unknown before its first arrival and during an outage. Where more than half of
    a zone's bay-time is unknown all of its metrics are -1 (`OFFLINE`): never zero, never
    "free".

    Returns
    -------
    DataFrame
        From each zone's first event to the last event of the data set.
    """
    grid = _Hours.of(dataset)
    stays = _known_parts(dataset, sessions_of(dataset), grid.stop)
    unknown = _spells(dataset, grid.stop)
    taken_seconds = grid.seconds(stays)
    unknown_seconds = grid.seconds(unknown)
    sessions = sessions_of(dataset)
    arrivals = grid.counts(sessions)
    lengths = sessions[sessions["event_time_end"].notna() & (sessions["quality"] == "ok")]
    total_minutes = grid.counts(
        lengths, (lengths["event_time_end"] - lengths["event_time_start"]).dt.total_seconds() / 60
    )
    ended = grid.counts(lengths)
    return grid.table(taken_seconds, unknown_seconds, arrivals, total_minutes, ended)


class _Hours:
    """Zones by UTC hours, which are also local hours: offsets are whole hours in Europe."""

    def __init__(self, zones: list[str], n_spaces: Array, first: int, n_hours: int, tz: str):
        self.zones, self.n_spaces, self.first, self.n_hours, self.tz = (
            zones, n_spaces, first, n_hours, tz,
        )  # fmt: skip
        self.stop = pd.Timestamp((first + n_hours) * HOUR, unit="s", tz="UTC")

    @classmethod
    def of(cls, dataset: Dataset) -> "_Hours":
        seconds = dataset.times[dataset.valid].as_unit("s").asi8
        if not len(seconds):
            raise TableError("a data set without events", expected="at least one event")
        zones = zones_of(dataset)
        first = int(seconds[0]) // HOUR
        n_hours = int(seconds[-1]) // HOUR - first + 1
        capacity = zones["n_spaces"].to_numpy(np.float64)
        return cls(list(zones["curb_zone_id"]), capacity, first, n_hours, dataset.timezone)

    def seconds(self, spells: pd.DataFrame) -> Array:
        """Add up the seconds of spells in each zone and hour, shape (zones, hours)."""
        start = spells["start"].dt.as_unit("s").astype(np.int64).to_numpy() - self.first * HOUR
        end = spells["end"].dt.as_unit("s").astype(np.int64).to_numpy() - self.first * HOUR
        start, end = np.maximum(start, 0), np.minimum(end, self.n_hours * HOUR)
        kept = end > start
        start, end = start[kept], end[kept]
        zone = pd.Categorical(spells["curb_zone_id"], categories=self.zones).codes[kept]
        n_hours = (end - 1) // HOUR - start // HOUR + 1
        row = np.repeat(np.arange(len(start)), n_hours)
        step = np.arange(len(row)) - np.repeat(np.cumsum(n_hours) - n_hours, n_hours)
        hour = (start // HOUR)[row] + step
        overlap = np.minimum(end[row], (hour + 1) * HOUR) - np.maximum(start[row], hour * HOUR)
        total = np.zeros((len(self.zones), self.n_hours))
        np.add.at(total, (zone[row], hour), overlap)
        return total

    def counts(self, sessions: pd.DataFrame, weight: pd.Series | None = None) -> Array:
        """Add up stays, or their weights, in the zone and hour in which they began."""
        start = sessions["event_time_start"].dt.as_unit("s").astype(np.int64).to_numpy()
        zone = pd.Categorical(sessions["curb_zone_id"], categories=self.zones).codes
        total = np.zeros((len(self.zones), self.n_hours))
        np.add.at(total, (zone, start // HOUR - self.first), 1.0 if weight is None else weight)
        return total

    def table(
        self, taken: Array, unknown: Array, arrivals: Array, minutes: Array, ended: Array
    ) -> pd.DataFrame:
        """Fold UTC hours into local ones and write one row per metric."""
        hours = pd.DatetimeIndex((self.first + np.arange(self.n_hours)) * HOUR * 10**9, tz="UTC")
        local = hours.tz_convert(self.tz)
        key = pd.MultiIndex.from_arrays([local.strftime("%Y-%m-%d"), local.hour])
        codes, keys = pd.factorize(key)
        fold = np.zeros((self.n_hours, len(keys)))
        fold[np.arange(self.n_hours), codes] = 1.0
        bay_time = np.outer(self.n_spaces, fold.sum(axis=0)) * HOUR
        taken, unknown, arrivals = taken @ fold, unknown @ fold, arrivals @ fold
        minutes, ended = minutes @ fold, ended @ fold
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {
                "total_sessions": arrivals,
                "turnover": arrivals / fold.sum(axis=0),
                "average_dwell_time": np.where(ended > 0, minutes / ended, np.nan),
                "occupancy_percent": taken / (bay_time - unknown),
            }
        offline = unknown > bay_time / 2
        return self._rows({name: np.where(offline, OFFLINE, v) for name, v in values.items()}, keys)

    def _rows(self, values: Mapping[str, Array], keys: pd.MultiIndex) -> pd.DataFrame:
        n_zones, n_keys = len(self.zones), len(keys)
        pieces = [
            pd.DataFrame(
                {
                    "curb_place_type": "zone",
                    "curb_place_id": np.repeat([uuid_of(zone) for zone in self.zones], n_keys),
                    "metric_type": name,
                    "date": np.tile(keys.get_level_values(0), n_zones),
                    "hour": np.tile(keys.get_level_values(1), n_zones),
                    "value": np.round(table.reshape(-1), 4),
                }
            )
            for name, table in values.items()
        ]
        return pd.concat(pieces, ignore_index=True).dropna(subset="value", ignore_index=True)


def _spells(dataset: Dataset, stop: pd.Timestamp) -> pd.DataFrame:
    """Return when each bay is unknown: before it was first seen, and in its outages."""
    lost = outages_of(dataset)
    start = pd.Timestamp(dataset.times[0])
    spaces = dataset.extras["spaces"]
    early = spaces[["curb_zone_id", "space"]].assign(
        start=start, end=spaces["first_seen"].fillna(stop)
    )
    lost = lost.assign(end=lost["end"].fillna(stop))
    merged = pd.concat([early[early["end"] > start], lost], ignore_index=True)
    return merged.merge(spaces[["curb_zone_id", "space", "curb_space_id"]])


def _known_parts(dataset: Dataset, sessions: pd.DataFrame, stop: pd.Timestamp) -> pd.DataFrame:
    """Return the stays without what lies in an outage."""
    names = {"event_time_start": "start", "event_time_end": "end"}
    stays = sessions.rename(columns=names)[["curb_zone_id", "curb_space_id", "start", "end"]]
    stays["end"] = stays["end"].fillna(stop)
    for spell in _spells(dataset, stop).itertuples():
        over = (
            (stays["curb_space_id"] == spell.curb_space_id)
            & (stays["start"] < spell.end)
            & (stays["end"] > spell.start)
        )
        if over.any():
            after = stays[over & (stays["end"] > spell.end)].assign(start=spell.end)
            stays.loc[over, "end"] = stays.loc[over, "start"].clip(lower=spell.start)
            stays = pd.concat([stays, after], ignore_index=True)
    return stays


def _point(zone: Mapping[str, object]) -> dict[str, object] | None:
    lon, lat = zone.get("lon", np.nan), zone.get("lat", np.nan)
    if pd.isna(lon) or pd.isna(lat):
        return None
    return {"type": "Point", "coordinates": [float(str(lon)), float(str(lat))]}


def _milliseconds(times: pd.DatetimeIndex) -> list[int]:
    stamps: list[int] = (times.as_unit("s").asi8 * 1000).tolist()
    return stamps


def _stamp(time: pd.Timestamp) -> int:
    return int(time.timestamp()) * 1000


def _cell(value: object) -> object:
    return json.dumps(value) if isinstance(value, dict | list | bool) or value is None else value


def _uncelled(row: Mapping[str, str]) -> dict[str, object]:
    """Return a line's cells as JSON values; texts stay texts."""
    values: dict[str, object] = {}
    for name, cell in row.items():
        whole = cell.lstrip("-").isdecimal() and name in WHOLE_NUMBERS
        if cell == "":
            continue
        structured = cell[0] in "[{" or cell in ("true", "false", "null")
        try:
            values[name] = json.loads(cell) if whole or structured else cell
        except ValueError:
            values[name] = cell
    return values


WHOLE_NUMBERS = frozenset({"event_time", "event_publication_time", "vehicle_length", "actual_cost"})
