"""Read a commune's own containers and readings into a Dataset, or refuse them line by line.

A folder holds ``containers.csv`` and one or both of:

* ``readings.csv``, what sensors said: ``container_id``, ``time``, ``level_percent``, and where
  known ``alert`` (0 or 1). Hourly or denser readings become the last one at 06:00; a day
  without time stands for its 06:00.
* ``collections.csv``, what was emptied: ``container_id``, ``time``, and ``fill_before_percent``
  (seen by the crew or a sensor), ``volume_l`` or ``weight_kg`` (the weighing ticket). Without a
  fill, volume over ``capacity_l`` or weight over ``full_weight_kg`` of the table of containers
  is taken.

Columns of the containers: ``container_id``, ``timezone``, and where known ``name``, ``lat``,
``lon``, ``stream``, ``capacity_l``, ``full_weight_kg``, ``district``. French names
(``conteneur;horodate;taux_remplissage``), semicolons, decimal commas and local times without an
offset are understood. Columns that name a person or a vehicle are refused: no worker is scored.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.cleaning import CleaningReport
from common.lab.french_columns import (
    bounded_numbers,
    folder_timezone,
    note_columns,
    note_strangers,
    places_of,
    required_table,
    texts,
    unique_ids,
    utc_seconds,
)
from common.lab.french_csv import Problems, Table, column_index
from common.lab.usecase import Dataset
from usecases.waste_collection.fill.cleaning import pair_ids
from usecases.waste_collection.fill.edinburgh import CEILING_PERCENT, collections_dataset
from usecases.waste_collection.fill.readings import READ_AT_HOUR, Place, daily_dataset

__all__ = ["read"]

What = Literal["readings", "collections"]

CONTAINER = ("container_id", "conteneur", "id_conteneur", "bac", "pav", "id_pav", "identifiant")
TIME = (
    "time", "ts", "horodate", "date_heure", "date", "jour", "heure", "date_releve",
    "date_collecte",
)  # fmt: skip
LEVEL = ("level_percent", "niveau", "taux_remplissage", "remplissage", "niveau_pourcent")
ALERT = ("alert", "alerte", "defaut")
TIMEZONE = ("timezone", "time_zone", "fuseau", "fuseau_horaire")
TEXTS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "nom", "libelle", "adresse"),
    "stream": ("stream", "flux", "matiere", "type_dechet"),
    "district": ("district", "quartier", "secteur", "commune", "code_postal"),
}
NUMBERS: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "lat": (("lat", "latitude", "y"), -90, 90),
    "lon": (("lon", "longitude", "x"), -180, 180),
    "capacity_l": (("capacity_l", "capacite", "capacite_l", "volume_utile_l"), 10, 60_000),
    "full_weight_kg": (("full_weight_kg", "poids_plein", "poids_plein_kg"), 1, 20_000),
    "threshold_percent": (("threshold_percent", "seuil", "seuil_pourcent"), 1, 100),
}
MEASURES: Mapping[str, tuple[tuple[str, ...], float, float]] = {
    "fill_before_percent": (
        ("fill_before_percent", "remplissage_avant", "taux_remplissage", "niveau_vu"), 0, 150,
    ),
    "volume_l": (("volume_l", "volume"), 0, 60_000),
    "weight_kg": (("weight_kg", "poids", "poids_kg", "tonnage_kg"), 0, 20_000),
}  # fmt: skip
FULL_PERCENT = 80.0
"""Threshold where none is given: the one of the forecast's question (brief 3.1)."""
PERSONAL = re.compile(
    r"conducteur|chauffeur|ripeur|agent|equipage|driver|crew|immatriculation|plaque|plate"
    r"|telephone|usager|user|badge"
)
DAY_SECONDS = 86_400


def read(folder: Path, what: What = "readings") -> Dataset:
    """Read a folder.

    Nothing is imputed: a day without a reading stays unknown.

    Parameters
    ----------
    folder
        See the module's text.
    what
        ``readings`` (daily levels) or ``collections`` (fill before each collection).

    Returns
    -------
    Dataset
        As `data.load` gives for ``wyndham`` or ``edinburgh``; ``extras["cleaning"]`` says how
        many lines were read and left out.

    Raises
    ------
    TableError
        Naming file, line, what was found, what was expected and what to do, for up to 20
        problems at once.
    """
    files = _files(folder, what)
    problems = Problems()
    containers, timezone = _containers(files["containers.csv"], problems)
    problems.refuse()
    if what == "readings":
        readings, report = _readings(files["readings.csv"], containers, timezone, problems)
        place = Place(f"own_{folder.name}", timezone, tables={"cleaning": report.table()})
        return daily_dataset(place, containers, readings)
    table, report = _collections(files["collections.csv"], containers, timezone, problems)
    place = Place(f"own_{folder.name}", timezone, tables={"cleaning": report.table()})
    return collections_dataset(place, containers, table)


def _files(folder: Path, what: What) -> dict[str, Path]:
    if not folder.is_dir():
        raise TableError(
            f"{folder} is not a folder", expected="a folder", remedy="give the folder, not a file"
        )
    files = {path.name.lower(): path for path in folder.iterdir() if path.is_file()}
    missing = [name for name in ("containers.csv", f"{what}.csv") if name not in files]
    if missing:
        raise TableError(
            f"{folder.name}: no {missing[0]} among {', '.join(sorted(files)) or 'no file'}",
            expected=f"containers.csv and {what}.csv",
            remedy="give the files these names",
        )
    return files


def _containers(path: Path, problems: Problems) -> tuple[pd.DataFrame, str]:
    table = _table(path, problems)
    ids = unique_ids(table, _place(table, "container_id", CONTAINER, problems), "container",
                     problems)  # fmt: skip
    timezone = folder_timezone(table, _place(table, "timezone", TIMEZONE, problems), problems)
    found = pd.DataFrame({"container_id": ids})
    for name, synonyms in TEXTS.items():
        index = column_index(table.header, synonyms)
        found[name] = "" if index is None else texts(table, index)
    for name, (synonyms, low, high) in NUMBERS.items():
        found[name] = bounded_numbers(table, synonyms, (low, high), problems)
    found["threshold_percent"] = found["threshold_percent"].fillna(FULL_PERCENT)
    found["stream"] = found["stream"].where(found["stream"] != "", "unknown")
    found["headline"] = True
    if not ids:
        problems.add(path.name, "no container", "one line per container", "export them again")
    return found.assign(pair_id=pair_ids(found)), timezone


def _readings(
    path: Path, containers: pd.DataFrame, timezone: str, problems: Problems
) -> tuple[pd.DataFrame, CleaningReport]:
    """Return one reading per container and day: the last of the 24 hours before 06:00."""
    table = _table(path, problems)
    index = _place(table, "level_percent", LEVEL, problems)
    rows = _timed(table, containers, timezone, problems)
    problems.refuse()
    rows["level_percent"] = bounded_numbers(table, LEVEL, (0, 150), problems)
    empty = rows["level_percent"].isna().to_numpy()
    rows["alert"] = np.nan_to_num(bounded_numbers(table, ALERT, (0, 1), problems)) > 0
    problems.refuse()
    local = pd.DatetimeIndex(rows["seconds"].to_numpy().astype("datetime64[s]"), tz="UTC")
    wall = local.tz_convert(timezone).tz_localize(None)
    rows["day"] = (wall - pd.Timedelta(hours=READ_AT_HOUR, seconds=-DAY_SECONDS + 1)).normalize()
    date_only = np.array([len(cell.strip()) <= 10 for cell in table.cells[_time(table)]])
    rows["day"] = rows["day"].where(~date_only, wall.normalize())
    ordered = rows[~empty].sort_values("seconds", kind="stable")
    kept = ordered.drop_duplicates(["container_id", "day"], keep="last")
    if not len(kept):
        raise TableError(f"{path.name}: no reading", expected="levels from 0 to 150 %",
                         remedy=f"fill in the column {table.header[index]!r}")  # fmt: skip
    thresholds = containers.set_index("container_id")["threshold_percent"]
    report = CleaningReport(
        (
            (path.name, "lignes lues", len(rows)),
            (path.name, "sans niveau : écartées", int(empty.sum())),
            (path.name, "avant la dernière avant 6 h : écartées", len(ordered) - len(kept)),
            (path.name, "relevés gardés", len(kept)),
        )
    )
    columns = ["container_id", "day", "level_percent", "alert"]
    return kept[columns].assign(threshold_percent=kept["container_id"].map(thresholds)), report


def _collections(
    path: Path, containers: pd.DataFrame, timezone: str, problems: Problems
) -> tuple[pd.DataFrame, CleaningReport]:
    table = _table(path, problems)
    rows = _timed(table, containers, timezone, problems)
    problems.refuse()
    for name, (synonyms, low, high) in MEASURES.items():
        rows[name] = bounded_numbers(table, synonyms, (low, high), problems)
    problems.refuse()
    known = containers.set_index("container_id")
    by_volume = 100 * rows["volume_l"] / rows["container_id"].map(known["capacity_l"])
    by_weight = 100 * rows["weight_kg"] / rows["container_id"].map(known["full_weight_kg"])
    seen = rows["fill_before_percent"].notna()
    fill = rows["fill_before_percent"].fillna(by_volume).fillna(by_weight)
    rows["fill_before_percent"] = fill.clip(upper=CEILING_PERCENT)
    utc = pd.DatetimeIndex(rows["seconds"].to_numpy().astype("datetime64[s]"), tz="UTC")
    rows["wall"] = utc.tz_convert(timezone).tz_localize(None)
    kept = rows.drop_duplicates(["container_id", "seconds"])
    n_deduced = int((~seen & fill.notna()).sum())
    report = CleaningReport(
        (
            (path.name, "lignes lues", len(rows)),
            (path.name, "doublons : écartés", len(rows) - len(kept)),
            (path.name, "remplissage déduit du volume ou du poids", n_deduced),
            (path.name, "remplissage inconnu : gardées, non prévues", int(fill.isna().sum())),
        )
    )
    if not fill.notna().any():
        raise TableError(
            f"{path.name}: no fill can be told",
            expected="fill_before_percent, or volume_l with capacity_l, or weight_kg with "
            "full_weight_kg in containers.csv",
            remedy="add one of them",
        )
    return kept[["container_id", "wall", *MEASURES]], report


def _table(path: Path, problems: Problems) -> Table:
    """Read a file and refuse columns that name a person or a vehicle."""
    table = required_table(path, problems)
    note_columns(
        table, PERSONAL, "no column that identifies a person or a vehicle",
        "remove the column before it enters this tool: levels do not need it", problems,
    )  # fmt: skip
    return table


def _place(table: Table, name: str, synonyms: tuple[str, ...], problems: Problems) -> int:
    found = places_of(
        table, {name: synonyms}, "name the columns as in the folder's description", problems
    )
    problems.refuse()
    if found is None:
        raise AssertionError("unreachable: a missing column is a problem")
    return found[name]


def _time(table: Table) -> int:
    return column_index(table.header, TIME) or 0


def _timed(
    table: Table, containers: pd.DataFrame, timezone: str, problems: Problems
) -> pd.DataFrame:
    """Return container and UTC second of each line; unknown containers and times are noted."""
    ids = texts(table, _place(table, "container_id", CONTAINER, problems))
    cells = table.cells[_place(table, "time", TIME, problems)]
    known = set(containers["container_id"])
    note_strangers(table, ids, known, ("container", "containers.csv"), problems)
    seconds, _ = utc_seconds(table, (cells, ids), timezone, problems)
    return pd.DataFrame({"container_id": ids, "seconds": seconds})
