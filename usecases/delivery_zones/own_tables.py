"""The CSV tables of a commune's folder: zones, stays, outages, with their French names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from common.lab.french_columns import (
    bounded_numbers,
    folder_timezone,
    note_columns,
    note_strangers,
    places_of,
    texts,
    unique_ids,
    utc_seconds,
)
from common.lab.french_csv import Problems, Table, column_index, read_table
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
NAME_THEM = "name the columns as in the folder's description"
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
    columns = places_of(table, {"curb_zone_id": ZONE, "timezone": TIMEZONE}, NAME_THEM, problems)
    if columns is None:
        return None
    ids = unique_ids(table, columns["curb_zone_id"], "zone", problems)
    timezone = folder_timezone(table, columns["timezone"], problems)
    found = pd.DataFrame({"curb_zone_id": ids, "timezone": texts(table, columns["timezone"])})
    for name, (synonyms, low, high) in ZONE_NUMBERS.items():
        found[name] = bounded_numbers(table, synonyms, (low, high), problems)
    for name, synonyms in ZONE_TEXTS.items():
        index = column_index(table.header, synonyms)
        if index is not None:
            found[name] = texts(table, index)
    if not len(found):
        problems.add(f"{path.name}", "no zone", "one line per zone", "export the zones again")
    return None if problems.items else Zones(found, timezone)


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
    columns = places_of(
        table, {"curb_zone_id": ZONE, "debut": START, "fin": END}, NAME_THEM, problems
    )
    if columns is None:
        return None
    ids = texts(table, columns["curb_zone_id"])
    known = set(zones.table["curb_zone_id"])
    note_strangers(table, ids, known, ("zone", "zones.csv"), problems)
    start, end = _spell(table, (columns["debut"], columns["fin"]), zones.timezone, problems)
    space = column_index(table.header, SPACE)
    bays = [""] * len(ids) if space is None else texts(table, space)
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
    columns = places_of(table, {"start": START, "end": END}, NAME_THEM, problems)
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
            "curb_zone_id": empty if zone is None else texts(table, zone),
            "curb_space_id": empty if space is None else texts(table, space),
            "start": _utc(start), "end": _utc(end), "line": table.lines,
        }
    )  # fmt: skip


def _refuse_header(table: Table, problems: Problems) -> bool:
    """Refuse columns that name a person or a vehicle, and those of a booking."""
    personal = note_columns(
        table, PERSONAL, "no column that identifies a vehicle or a person",
        "remove the column before it enters this tool: occupancy does not need it", problems,
    )  # fmt: skip
    booking = note_columns(
        table, BOOKING, "stays observed by sensors or cameras",
        "bookings, payments and check-ins are not occupancy (89 % of the vehicles found on "
        "booked zones had no booking): give the sensors' export", problems,
    )  # fmt: skip
    return personal or booking


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
    seconds, unknown = utc_seconds(
        table, (cells, alone), timezone, problems, may_be_empty=may_be_empty
    )
    ahead = seconds > datetime.now(UTC).timestamp() + SECONDS_AHEAD
    problems.add_lines(
        table, ahead, cells, "a time that is past", "correct the date (day and month swapped?)"
    )
    out: Array = np.where(unknown, np.nan, seconds.astype(np.float64))
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
