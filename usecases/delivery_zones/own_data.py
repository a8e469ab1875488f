"""Read a commune's own bay data into a Dataset, or refuse them line by line.

A folder holds one of these:

* ``zones.csv`` and ``sessions.csv``, and ``outages.csv`` where sensors failed. Columns of
  the zones: ``curb_zone_id``, ``timezone``, and where known ``n_spaces``, ``name``, ``lon``,
  ``lat``, ``area_class``, ``max_stay_minutes``, ``opening_hours``, ``data_source_type``; of the
  stays: ``curb_zone_id``, ``curb_space_id`` (may be left out), ``event_time_start``,
  ``event_time_end``; of the outages: ``curb_space_id`` or ``curb_zone_id``, ``start``, ``end``.
  French names (``aire;place;debut;fin``), semicolons, decimal commas and local times without
  an offset are understood.
* ``events.json``, what a CDS 1.0.1 Events endpoint answers, with ``zones.json`` or
  ``zones.csv`` where there is one.
* ``events.csv``, the same fields as columns, with ``zones.csv``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_csv import Problems
from common.lab.usecase import Array, Dataset
from usecases.delivery_zones.kerb.cds import CurbEvent, CurbZone, read_payload
from usecases.delivery_zones.kerb.cds_exchange import events_from_csv
from usecases.delivery_zones.kerb.cleaning import truncate_overlaps
from usecases.delivery_zones.kerb.events import Place, dataset_of
from usecases.delivery_zones.own_events import NOT_OCCUPANCY, journal_of
from usecases.delivery_zones.own_tables import Zones, read_outages, read_stays, read_zones

__all__ = ["FREE_SHARE_LIMIT", "cadence_minutes", "free_share", "read"]

FREE_SHARE_LIMIT = 0.99
"""Share of goods hours with a free bay above which stays look like bookings: booked sessions
alone said 99.5 % in Philadelphia where 2 % of the scans found the zone empty (brief 0.2)."""

OBSERVING = ("camera", "above_ground", "in_ground", "meter", "other")
MAX_OVERLAP_SHARE = 0.1
"""Overlapping stays above which an id cannot be that of a bay."""
MIN_STAYS_TO_JUDGE = 20
"""Stays below which the look of the whole proves nothing."""
CADENCES_MINUTES = (60, 30, 15, 10, 5)
MAX_FILE_BYTES = 400 * 2**20


@dataclass(frozen=True)
class _Found:
    """What a folder's files say, before it becomes a Dataset."""

    zones: Zones
    stays: pd.DataFrame
    outages: pd.DataFrame | None
    counts: dict[str, int]


def read(folder: Path) -> Dataset:
    """Read a folder.

    Nothing is imputed and nothing is guessed: an outage is unknown, never free; what cannot
    be read for sure is refused.

    Parameters
    ----------
    folder
        See the module's text.

    Returns
    -------
    Dataset
        As `data.load` gives; ``extras["reading"]`` says how many lines were read,
        truncated or dropped, at which cadence the bays were looked at (0: events), and
        what looks odd.

    Raises
    ------
    TableError
        Naming file, line, what was found, what was expected and what to do, for up to 20
        problems at once.
    """
    if not folder.is_dir():
        raise TableError(
            f"{folder} is not a folder", expected="a folder", remedy="give the folder, not a file"
        )
    files = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
    found = _found(folder, files)
    stays, n_empty = truncate_overlaps(found.stays)
    stays = stays.sort_values("event_time_start", ignore_index=True)
    n_cut = int((stays["quality"] == "truncated_at_next_arrival").sum())
    _refuse_many_overlaps(folder, n_cut + n_empty, len(found.stays))
    zones = _with_capacity(found.zones.table, stays)
    counts = found.counts | {
        "stationnements gardés": len(stays),
        "sans durée, écartés": n_empty,
        "coupés à l'arrivée suivante sur la même place": n_cut,
        "cadence d'observation en minutes (0 : événements)": cadence_minutes(stays),
        "jours sans aucune arrivée (capteurs muets ?)": _silent_days(stays, found.zones.timezone),
    }
    share = free_share(zones, stays, found.zones.timezone)
    if len(stays) >= MIN_STAYS_TO_JUDGE:
        counts |= _booking_alert(folder, zones, share)
    reading = pd.DataFrame({"operation": list(counts), "lignes": list(counts.values())})
    place = Place(
        name=f"own_{folder.name}", timezone=found.zones.timezone, tables={"reading": reading}
    )
    return dataset_of(place, zones, stays, found.outages)


def free_share(zones: pd.DataFrame, stays: pd.DataFrame, timezone: str) -> float:
    """Return the share of goods hours in which a zone has a free bay, all zones together.

    Parameters
    ----------
    zones
        ``curb_zone_id``, ``n_spaces``.
    stays
        Stays of known bays.
    timezone
        IANA name; goods hours are Monday to Saturday from 7 to 20 h (brief 3.2 a), on days
        with at least one arrival somewhere.
    """
    first, last = stays["event_time_start"].min(), stays["event_time_start"].max()
    instants = pd.date_range(first.ceil("15min"), last, freq="15min")
    local = instants.tz_convert(timezone)
    lively = local.normalize().isin(_days(stays, timezone))
    goods = (local.day_of_week < 6) & (local.hour >= 7) & (local.hour < 20)
    instants = instants[goods & lively]
    if not len(instants):
        return float("nan")
    grouped = dict(tuple(stays.groupby("curb_zone_id")))
    shares = [
        np.mean(_taken(grouped[zone], instants) < n_spaces) if zone in grouped else 1.0
        for zone, n_spaces in zip(zones["curb_zone_id"], zones["n_spaces"], strict=True)
    ]
    return float(np.mean(shares))


def cadence_minutes(stays: pd.DataFrame) -> int:
    """Return the step on which all times lie, 0 if they are those of events.

    Stays that were made from polls begin and end on the poll's clock; dwell times need
    events or polls of at most 5 minutes (brief 3.3, rule 6).
    """
    times = pd.concat([stays["event_time_start"], stays["event_time_end"].dropna()])
    seconds = times.dt.as_unit("s").astype(np.int64).to_numpy()
    for minutes in CADENCES_MINUTES:
        if len(seconds) and np.mean(seconds % (60 * minutes) == 0) > 0.995:
            return minutes
    return 0


def _days(stays: pd.DataFrame, timezone: str) -> pd.DatetimeIndex:
    """Return the local midnights of the days with an arrival."""
    local = stays["event_time_start"].dt.tz_convert(timezone)
    return pd.DatetimeIndex(local.dt.normalize().unique())


def _silent_days(stays: pd.DataFrame, timezone: str) -> int:
    days = _days(stays, timezone)
    return len(pd.date_range(days.min(), days.max(), freq="D")) - len(days)


def _found(folder: Path, files: Mapping[str, Path]) -> _Found:
    if "events.json" in files:
        return _from_json(files)
    if "zones.csv" in files and ("events.csv" in files or "sessions.csv" in files):
        problems = Problems()
        zones = read_zones(files["zones.csv"], problems)
        problems.refuse()
        if zones is not None:
            return _from_csv(files, zones)
    raise TableError(
        f"{folder.name}: {', '.join(sorted(files)) or 'no file'}",
        expected="zones.csv with sessions.csv or events.csv, or events.json",
        remedy="give the files these names",
    )


def _from_csv(files: Mapping[str, Path], zones: Zones) -> _Found:
    _refuse_sources(zones.table)
    if "events.csv" in files:
        events = events_from_csv(_text(files["events.csv"]), "events.csv")
        return _from_events(events, zones, "events.csv")
    problems = Problems()
    stays = read_stays(files["sessions.csv"], zones, problems)
    outages = None
    if "outages.csv" in files:
        outages = read_outages(files["outages.csv"], zones, problems)
    problems.refuse()
    if stays is None or not len(stays):
        raise TableError(
            "sessions.csv: no stay", expected="one line per stay", remedy="export the file again"
        )
    stays = _with_spaces(stays.assign(quality="ok"), zones.table)
    _refuse_bays_in_two_zones(stays)
    counts = {"lignes lues": len(stays)}
    return _Found(zones, stays, _placed(outages, stays), counts)


def _from_json(files: Mapping[str, Path]) -> _Found:
    events, timezone = read_payload(CurbEvent, "events", _text(files["events.json"]), "events.json")
    if "zones.csv" in files:
        problems = Problems()
        zones = read_zones(files["zones.csv"], problems)
        problems.refuse()
    elif "zones.json" in files:
        kerbs, _ = read_payload(CurbZone, "zones", _text(files["zones.json"]), "zones.json")
        zones = Zones(pd.DataFrame([_kerb(kerb, timezone) for kerb in kerbs]), timezone)
    else:
        ids = sorted({event.curb_zone_id for event in events if event.curb_zone_id})
        zones = Zones(pd.DataFrame({"curb_zone_id": ids, "timezone": timezone}), timezone)
    if zones is None or not events:
        raise TableError("events.json: no event", expected="at least one arrival")
    return _from_events(events, zones, "events.json")


def _from_events(events: list[CurbEvent], zones: Zones, where: str) -> _Found:
    journal = journal_of(events, where)
    unknown = sorted(set(journal.stays["curb_zone_id"]) - set(zones.table["curb_zone_id"]))
    if unknown or not len(journal.stays):
        raise TableError(
            f"{where}: {len(journal.stays)} stays, zone {unknown[0] if unknown else 'none'}",
            expected="at least one stay, in zones that the table of zones holds",
            remedy="complete the table of zones",
        )
    _refuse_bays_in_two_zones(journal.stays)
    known = journal.outages["curb_zone_id"].isin(zones.table["curb_zone_id"])
    counts = {"événements lus": len(events), **journal.counts}
    return _Found(zones, journal.stays, journal.outages[known], counts)


def _kerb(zone: CurbZone, timezone: str) -> dict[str, object]:
    point = zone.geometry or {}
    lon, lat = point["coordinates"] if point.get("type") == "Point" else (np.nan, np.nan)
    return {
        "curb_zone_id": zone.curb_zone_id, "name": zone.name or zone.user_zone_id or "",
        "n_spaces": np.nan if zone.num_spaces is None else zone.num_spaces,
        "timezone": timezone, "lon": lon, "lat": lat,
    }  # fmt: skip


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise TableError(
            f"{path.name}: more than {MAX_FILE_BYTES} bytes", expected="a smaller file",
            remedy="split the file by month",
        )  # fmt: skip
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path.name}: {error}", expected="text in UTF-8", remedy="export the file in UTF-8"
        ) from error


def _refuse_sources(zones: pd.DataFrame) -> None:
    """Refuse zones whose stated source does not observe the bay."""
    if "data_source_type" not in zones:
        return
    for number, source in enumerate(zones["data_source_type"]):
        if source and source not in OBSERVING:
            booked = source in NOT_OCCUPANCY
            raise TableError(
                f"zones.csv: zone {zones['curb_zone_id'][number]}: data_source_type {source!r}",
                expected="among " + ", ".join(OBSERVING),
                remedy="bookings, payments and check-ins are not occupancy: give the sensors' "
                "export" if booked else "correct the word, it is one of CDS's",
            )  # fmt: skip


def _with_spaces(stays: pd.DataFrame, zones: pd.DataFrame) -> pd.DataFrame:
    """Give each stay of a file without bay ids the first bay free at its arrival."""
    if (stays["curb_space_id"] != "").all():
        return stays
    capacity = zones.set_index("curb_zone_id")["n_spaces"]
    ordered = stays.sort_values("event_time_start", kind="stable", ignore_index=True)
    free_at: dict[str, list[pd.Timestamp]] = {}
    names = []
    for stay in ordered.itertuples():
        ends = free_at.setdefault(stay.curb_zone_id, [])
        bay = next((n for n, end in enumerate(ends) if end <= stay.event_time_start), len(ends))
        if bay == len(ends):
            ends.append(stay.event_time_start)
        if bay >= capacity[stay.curb_zone_id]:
            raise TableError(
                f"sessions.csv line {stay.line}: {bay + 1} vehicles at once in zone "
                f"{stay.curb_zone_id} at {stay.event_time_start}",
                expected=f"at most {capacity[stay.curb_zone_id]:g}, its n_spaces in zones.csv",
                remedy="correct n_spaces, or add the column curb_space_id",
            )
        end = stay.event_time_end
        ends[bay] = pd.Timestamp.max.tz_localize("UTC") if pd.isna(end) else end
        names.append(f"{stay.curb_zone_id}-{bay + 1}")
    return ordered.assign(curb_space_id=names)


def _refuse_bays_in_two_zones(stays: pd.DataFrame) -> None:
    zones = stays.groupby("curb_space_id")["curb_zone_id"].nunique()
    if (zones > 1).any():
        bay = zones[zones > 1].index[0]
        raise TableError(
            f"bay {bay}: in {zones[bay]} zones", expected="each bay in one zone",
            remedy="make the ids of bays unique, for example zone-bay",
        )  # fmt: skip


def _placed(outages: pd.DataFrame | None, stays: pd.DataFrame) -> pd.DataFrame | None:
    """Give each outage its zone and bay; an outage of a zone is one of all its bays."""
    if outages is None:
        return None
    bays = stays[["curb_zone_id", "curb_space_id"]].drop_duplicates()
    rows = []
    for outage in outages.itertuples():
        same = bays["curb_space_id"] == outage.curb_space_id
        here = same if outage.curb_space_id else bays["curb_zone_id"] == outage.curb_zone_id
        if not here.any():
            raise TableError(
                f"outages.csv line {outage.line}: bay {outage.curb_space_id!r}, zone "
                f"{outage.curb_zone_id!r}",
                expected="a bay or a zone of sessions.csv", remedy="correct the id",
            )  # fmt: skip
        rows.append(bays[here].assign(start=outage.start, end=outage.end))
    if not rows:
        return None
    placed = pd.concat(rows, ignore_index=True)
    utc = {name: pd.to_datetime(placed[name], utc=True) for name in ("start", "end")}
    return placed.assign(**utc)


def _with_capacity(zones: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Fill in ``n_spaces`` where it is not said, refuse fewer bays than were seen."""
    seen = stays.groupby("curb_zone_id")["curb_space_id"].nunique()
    seen = zones["curb_zone_id"].map(seen).fillna(0)
    said = zones["n_spaces"] if "n_spaces" in zones else pd.Series(np.nan, zones.index)
    if (said < seen).any():
        row = int(np.flatnonzero(said < seen)[0])
        raise TableError(
            f"zone {zones['curb_zone_id'][row]}: {seen[row]:g} bays in the stays, n_spaces "
            f"{said[row]:g}",
            expected="n_spaces at least the number of bays seen",
            remedy="correct n_spaces in the table of zones, or the ids of the bays",
        )
    opened = stays.groupby("curb_zone_id")["event_time_start"].min()
    unknown = {name: "" for name in ("name", "area_class", "use_class") if name not in zones}
    places = {name: np.nan for name in ("lon", "lat", "max_stay_minutes") if name not in zones}
    return zones.assign(
        n_spaces=said.fillna(seen), valid_from=zones["curb_zone_id"].map(opened),
        headline=True, max_stay_is_hypothesis=False, **unknown, **places,
    )  # fmt: skip


def _refuse_many_overlaps(folder: Path, n_cut: int, n_stays: int) -> None:
    if n_stays >= MIN_STAYS_TO_JUDGE and n_cut > MAX_OVERLAP_SHARE * n_stays:
        raise TableError(
            f"{folder.name}: {n_cut} of {n_stays} stays overlap another on the same bay",
            expected="one vehicle at a time on a bay",
            remedy="check that curb_space_id names a bay, not a zone or a device; bookings do "
            "overlap, and are not occupancy",
        )


def _booking_alert(folder: Path, zones: pd.DataFrame, share: float) -> dict[str, int]:
    """Refuse what looks like bookings, unless the zones' source is said to observe."""
    if not share > FREE_SHARE_LIMIT:
        return {}
    stated = "data_source_type" in zones and zones["data_source_type"].isin(OBSERVING).all()
    if not stated:
        raise TableError(
            f"{folder.name}: a bay is free in {100 * share:.1f} % of goods hours",
            expected=f"at most {100 * FREE_SHARE_LIMIT:g} %: bookings and check-ins look so, "
            "occupancy hardly ever",
            remedy="give the sensors' export; if sensors did measure this, say which in the "
            "column data_source_type of zones.csv (" + ", ".join(OBSERVING) + ")",
        )
    return {"alerte : zones presque toujours libres (millièmes du temps)": round(1000 * share)}


def _taken(stays: pd.DataFrame, instants: pd.DatetimeIndex) -> Array:
    """Return how many bays of one zone are taken at each instant."""
    starts = np.sort(stays["event_time_start"].to_numpy())
    ends = np.sort(stays["event_time_end"].dropna().to_numpy())
    at = instants.to_numpy()
    taken: Array = np.searchsorted(starts, at, "right") - np.searchsorted(ends, at, "right")
    return taken
