"""The CSV tables of a commune's folder: zones, stays, outages, with their French names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from common.lab.french_csv import (
    Problems,
    Table,
    column_index,
    numbers,
    plain,
    read_table,
    to_utc,
)
from common.lab.usecase import Array

__all__ = ["Zones", "read_outages", "read_stays", "read_zones"]

ZONE = (
    "curb_zone_id", "zone", "aire", "id_aire", "identifiant_aire", "aire_de_livraison", "id_zone",
)  # fmt: skip
SPACE = (
    "curb_space_id", "place", "id_place", "emplacement", "numero_place", "capteur", "id_capteur",
)  # fmt: skip
START = (
    "event_time_start", "start", "debut", "arrivee", "heure_arrivee", "date_arrivee", "date_debut",
    "horodate_debut", "horodate_arrivee",
)  # fmt: skip
END = (
    "event_time_end", "end", "fin", "depart", "heure_depart", "date_depart", "date_fin",
    "horodate_fin", "horodate_depart",
)  # fmt: skip
ZONE_NUMBERS: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "n_spaces": (("n_spaces", "num_spaces", "places", "nb_places", "nombre_places"), 1, 200),
    "lon": (("lon", "longitude", "x"), -180, 180),
    "lat": (("lat", "latitude", "y"), -90, 90),
    "max_stay_minutes": (
        ("max_stay_minutes", "max_stay_min", "duree_max_minutes", "duree_max", "duree"), 1, 1440,
    ),
}  # fmt: skip
ZONE_TEXTS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "nom", "libelle", "adresse"),
    "area_class": ("area_class", "classe", "quartier", "secteur", "commune"),
    "use_class": ("use_class", "usage", "regime"),
    "opening_hours": ("opening_hours", "horaires", "interv_jh"),
    "data_source_type": ("data_source_type", "type_source", "source"),
    "valid_to": ("valid_to", "fermeture"),
}
TIMEZONE = ("timezone", "time_zone", "fuseau", "fuseau_horaire")
PERSONAL = re.compile(
    r"plaque|plate|immatriculation|badge|user|usager|client|telephone|permit|vehicle_id|conducteur"
)
BOOKING = re.compile(r"reservation|booking|check_?in|ticket|paiement|payment")
OFFSET = re.compile(r"([Zz]|[+-]\d{2}(:?\d{2})?)\s*$")
MAX_STAY_DAYS = 7
SECONDS_AHEAD = 86_400


@dataclass(frozen=True)
class Zones:
    """The table of zones and their common time zone."""

    table: pd.DataFrame
    timezone: str


def read_zones(path: Path, problems: Problems) -> Zones | None:
    """Read ``zones.csv``: one line per zone.

    Returns
    -------
    Zones or None
        None where the table cannot be used; ``problems`` says why, line by line.
    """
    table = read_table(path, problems)
    if table is None:
        return None
    columns = _columns(table, {"curb_zone_id": ZONE, "timezone": TIMEZONE}, problems)
    if columns is None:
        return None
    ids = _texts(table, columns["curb_zone_id"])
    repeated = pd.Series(ids, dtype=str).duplicated().to_numpy()
    repeated = repeated | np.array([not text for text in ids], dtype=bool)
    problems.add_lines(table, repeated, ids, "an id, once per zone", "correct or merge the lines")
    zone_names = _texts(table, columns["timezone"])
    _refuse_zones_of_time(table, zone_names, problems)
    found = pd.DataFrame({"curb_zone_id": ids, "timezone": zone_names})
    for name, (synonyms, low, high) in ZONE_NUMBERS.items():
        found[name] = _bounded(table, synonyms, (low, high), problems)
    for name, texts in ZONE_TEXTS.items():
        index = column_index(table.header, texts)
        if index is not None:
            found[name] = _texts(table, index)
    if not len(found):
        problems.add(f"{path.name}", "no zone", "one line per zone", "export the zones again")
    return None if problems.items else Zones(found, zone_names[0])


def read_stays(path: Path, zones: Zones, problems: Problems) -> pd.DataFrame | None:
    """Read ``sessions.csv``: one line per stay, in UTC, with offsets or in local time.

    An empty end means that the vehicle had not left. In the autumn hour that occurs twice
    a local time is taken as summer time, unless the stay would then end before it began.

    Returns
    -------
    DataFrame or None
        ``curb_zone_id``, ``curb_space_id`` (empty where the file has none),
        ``event_time_start``, ``event_time_end``, ``line``.
    """
    table = read_table(path, problems)
    if table is None or _refuse_header(table, problems):
        return None
    columns = _columns(table, {"curb_zone_id": ZONE, "debut": START, "fin": END}, problems)
    if columns is None:
        return None
    ids = _known(table, columns["curb_zone_id"], set(zones.table["curb_zone_id"]), problems)
    start, end = _spell(table, (columns["debut"], columns["fin"]), zones.timezone, problems)
    space = column_index(table.header, SPACE)
    bays = [""] * len(ids) if space is None else _texts(table, space)
    nameless = np.array([space is not None and not bay for bay in bays], dtype=bool)
    problems.add_lines(table, nameless, bays, "the id of a bay", "fill it in on every line, or "
                       "remove the column: bays are then told apart by their times")  # fmt: skip
    long = (end - start) > MAX_STAY_DAYS * 86_400
    problems.add_lines(
        table, np.asarray(long), table.cells[columns["fin"]],
        f"a stay of at most {MAX_STAY_DAYS} days",
        "correct the end; if the sensor was stuck, empty it and add the spell to outages.csv",
    )  # fmt: skip
    return pd.DataFrame(
        {
            "curb_zone_id": ids, "curb_space_id": bays, "event_time_start": _utc(start),
            "event_time_end": _utc(end), "line": table.lines,
        }
    )  # fmt: skip


def read_outages(path: Path, zones: Zones, problems: Problems) -> pd.DataFrame | None:
    """Read ``outages.csv``: when a bay (or a zone) could not be seen.

    Returns
    -------
    DataFrame or None
        ``curb_zone_id`` and ``curb_space_id`` (either may be empty), ``start``, ``end``.
    """
    table = read_table(path, problems)
    if table is None:
        return None
    columns = _columns(table, {"start": START, "end": END}, problems)
    zone, space = column_index(table.header, ZONE), column_index(table.header, SPACE)
    if columns is None or (zone is None and space is None):
        problems.add(
            f"{path.name} line 1", f"columns {', '.join(table.header)!r}",
            "curb_space_id or curb_zone_id, start and end", "name the columns so",
        )  # fmt: skip
        return None
    start, end = _spell(table, (columns["start"], columns["end"]), zones.timezone, problems)
    empty = [""] * len(table.lines)
    return pd.DataFrame(
        {
            "curb_zone_id": empty if zone is None else _texts(table, zone),
            "curb_space_id": empty if space is None else _texts(table, space),
            "start": _utc(start), "end": _utc(end), "line": table.lines,
        }
    )  # fmt: skip


def _columns(
    table: Table, wanted: Mapping[str, Sequence[str]], problems: Problems
) -> dict[str, int] | None:
    found = {name: column_index(table.header, synonyms) for name, synonyms in wanted.items()}
    absent = [name for name, index in found.items() if index is None]
    if absent:
        problems.add(
            f"{table.path.name} line 1", f"columns {', '.join(table.header)!r}",
            f"also a column for {', '.join(absent)}",
            "name the columns as in the folder's description",
        )  # fmt: skip
        return None
    return {name: index for name, index in found.items() if index is not None}


def _texts(table: Table, index: int) -> list[str]:
    return [cell.strip() for cell in table.cells[index]]


def _refuse_zones_of_time(table: Table, names: list[str], problems: Problems) -> None:
    unknown = np.array([not _is_timezone(name) for name in names], dtype=bool)
    problems.add_lines(
        table, unknown, names, "an IANA name such as Europe/Paris", "fill in the time zone"
    )
    other = np.array([name != names[0] for name in names], dtype=bool) & ~unknown
    problems.add_lines(
        table, other, names, f"{names[0] if names else ''}, as on the first line",
        "one folder holds one time zone: split it",
    )  # fmt: skip


def _is_timezone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return bool(name)


def _bounded(
    table: Table, synonyms: Sequence[str], bounds: tuple[float, float], problems: Problems
) -> Array:
    """Return a column of numbers, NaN where it is absent or empty."""
    index = column_index(table.header, synonyms)
    if index is None:
        return np.full(len(table.lines), np.nan)
    values, wrong = numbers(table.cells[index])
    low, high = bounds
    wrong = wrong | (values < low) | (values > high)
    problems.add_lines(
        table, wrong, table.cells[index], f"a number from {low:g} to {high:g}, or an empty cell",
        "correct this cell",
    )  # fmt: skip
    return values


def _refuse_header(table: Table, problems: Problems) -> bool:
    """Refuse columns that name a person or a vehicle, and those of a booking."""
    personal = [name for name in table.header if PERSONAL.search(plain(name))]
    if personal:
        problems.add(
            f"{table.path.name} line 1", f"column {personal[0]!r}",
            "no column that identifies a vehicle or a person",
            "remove the column before it enters this tool: occupancy does not need it",
        )  # fmt: skip
    booking = [name for name in table.header if BOOKING.search(plain(name))]
    if booking:
        problems.add(
            f"{table.path.name} line 1", f"column {booking[0]!r}",
            "stays observed by sensors or cameras",
            "bookings, payments and check-ins are not occupancy (89 % of the vehicles found on "
            "booked zones had no booking): give the sensors' export",
        )  # fmt: skip
    return bool(personal or booking)


def _known(table: Table, index: int, known: set[str], problems: Problems) -> list[str]:
    ids = _texts(table, index)
    unknown = np.array([name not in known for name in ids], dtype=bool)
    problems.add_lines(
        table, unknown, ids, "a zone of zones.csv", "add the zone to zones.csv, or correct the id"
    )
    return ids


def _spell(
    table: Table, columns: tuple[int, int], timezone: str, problems: Problems
) -> tuple[Array, Array]:
    """Return start and end in UTC seconds, float64, NaN for an empty end."""
    start = _seconds(table, columns[0], timezone, problems)
    end = _seconds(table, columns[1], timezone, problems, may_be_empty=True)
    later = (end < start) & _twice(table.cells[columns[1]], end, timezone)
    end = np.where(later, end + 3600, end)
    problems.add_lines(
        table, end < start, table.cells[columns[1]], "an end after the start",
        "correct the line (day and month swapped? start and end swapped?)",
    )  # fmt: skip
    return start, end


def _seconds(
    table: Table, column: int, timezone: str, problems: Problems, *, may_be_empty: bool = False
) -> Array:
    """Return UTC seconds; what cannot be a time is noted as a problem."""
    cells = table.cells[column]
    alone = [str(number) for number in range(len(cells))]
    seconds, unreadable, nonexistent = to_utc(cells, alone, timezone)
    empty = np.array([may_be_empty and not cell.strip() for cell in cells], dtype=bool)
    problems.add_lines(
        table, unreadable & ~empty, cells, "a time such as 2025-03-30T14:05 or 30/03/2025 14:05",
        "correct this line; write day/month/year or ISO 8601",
    )  # fmt: skip
    problems.add_lines(
        table, nonexistent, cells, f"a local time that exists in {timezone}",
        "the clock skipped this hour: write times with their offset",
    )  # fmt: skip
    ahead = seconds > datetime.now(UTC).timestamp() + SECONDS_AHEAD
    problems.add_lines(
        table, ahead, cells, "a time that is past", "correct the date (day and month swapped?)"
    )
    out: Array = np.where(unreadable | nonexistent, np.nan, seconds.astype(np.float64))
    return out


def _twice(cells: Sequence[str], seconds: Array, timezone: str) -> Array:
    """Tell which times, written without an offset, fall in the hour that occurs twice."""
    known = ~np.isnan(seconds)
    local = np.array([not OFFSET.search(cell) for cell in cells], dtype=bool)
    stamps = np.where(known, seconds, 0).astype(np.int64)
    walls = [
        pd.DatetimeIndex((stamps + shift).astype("datetime64[s]"), tz="UTC")
        .tz_convert(timezone)
        .tz_localize(None)
        for shift in (0, 3600)
    ]
    twice: Array = known & local & np.asarray(walls[0] == walls[1])
    return twice


def _utc(seconds: Array) -> pd.DatetimeIndex:
    stamps = np.where(np.isnan(seconds), np.iinfo(np.int64).min, seconds)
    return pd.DatetimeIndex(stamps.astype(np.int64).astype("datetime64[s]"), tz="UTC")
