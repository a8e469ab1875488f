"""Read Edinburgh's litter bins: how full each was when it was emptied."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import SourceError
from common.lab.cleaning import CleaningReport
from common.lab.usecase import Dataset, Source
from usecases.waste_collection.fill.readings import CONTAINER_COLUMNS, Place
from usecases.waste_collection.fill.workbook import read_sheet

__all__ = ["CEILING_PERCENT", "TIMEZONE", "collections_dataset", "read_edinburgh", "street_of"]

TIMEZONE = "Europe/London"
CEILING_PERCENT = 100.0
"""No fill above is recorded: "100 % is actually a bin that's 80 % full" (column title)."""

EXPORT_CAP_ROWS = 10_000
HEADER_ROW = 2
SHEET = "Enevo ONe API v3"
COLUMNS = {
    "A": "ID",
    "B": "Site",
    "C": "Site name",
    "D": "Address",
    "I": "Date & Time of bin collection (Europe/London)",
    "K": "Fill level before collection (%)",
    "M": "Volume (litres3)",
    "N": "Weight (kg)",
}
"""Letter and beginning of the title of the columns that are read, of 24."""

FIRST_SHEET_DAY = pd.Timestamp("1899-12-30")
"""Day 0 of a workbook's dates."""
HEADLINE_FILE = Path(__file__).with_name("edinburgh_headline.txt")
HALF_PERCENT = 50.0


def street_of(address: str) -> str:
    """Return the street of an address: no number, no case.

    >>> street_of("271 Canongate"), street_of("Rose Street")
    ('canongate', 'rose street')
    """
    return re.sub(r"^\d+\w?\s+", "", address.strip().lower())


def read_edinburgh(
    path: Path, sources: tuple[Source, ...]
) -> tuple[Place, pd.DataFrame, pd.DataFrame]:
    """Read the workbook.

    Parameters
    ----------
    path
        ``raw_bin_data.xlsx``.
    sources
        What the rows are read from.

    Returns
    -------
    place, containers, collections
        For `collections_dataset`; ``place.tables`` holds ``cleaning``. All 334 sites are
        there; ``headline`` is true for the 285 of the reference figures, those of the 57
        streets of ``edinburgh_headline.txt``. There are no coordinates.

    Raises
    ------
    SourceError
        If a column is not where it was, or a cell is no number.
    """
    rows = read_sheet(path, SHEET)
    _refuse_columns(rows[HEADER_ROW], path.name)
    rows = [row for row in rows[HEADER_ROW + 1 :] if "A" in row]
    table = pd.DataFrame(rows)[list(COLUMNS)]
    try:
        numbers = table[["I", "K", "M", "N"]].astype(np.float64)
    except ValueError as error:
        raise SourceError(f"{path.name}: {error}", expected="numbers in I, K, M, N") from error
    street = table["D"].map(street_of)
    collections = pd.DataFrame(
        {
            "container_id": table["B"],
            "wall": _wall(numbers["I"]),
            "fill_before_percent": numbers["K"],
            "volume_l": numbers["M"],
            "weight_kg": numbers["N"],
        }
    )
    containers = _containers(table.assign(street=street), collections)
    place = Place(
        name="edinburgh",
        timezone=TIMEZONE,
        proxy=sources[0].proxy,
        sources=sources,
        tables={"cleaning": _report(collections, containers).table()},
    )
    return place, containers, collections


def collections_dataset(
    place: Place, containers: pd.DataFrame, collections: pd.DataFrame
) -> Dataset:
    """Return collections as a Dataset: one row per collection, in order of time.

    Parameters
    ----------
    place
        Name, time zone, sources.
    containers
        `readings.CONTAINER_COLUMNS`, one row per container or site.
    collections
        ``container_id``, ``wall`` (local time without zone), ``fill_before_percent``,
        ``volume_l``, ``weight_kg``; NaN where not known.

    Returns
    -------
    Dataset
        Columns ``fill_before_percent`` (at most 100: the ceiling, censored), ``volume_l``,
        ``weight_kg``; ``valid`` False where the fill is not known.
    """
    ordered = collections.sort_values(["wall", "container_id"], kind="stable", ignore_index=True)
    wall = pd.DatetimeIndex(ordered["wall"])
    summer = np.ones(len(wall), dtype=bool)
    local = wall.tz_localize(place.timezone, ambiguous=summer, nonexistent="shift_forward")
    columns = ("fill_before_percent", "volume_l", "weight_kg")
    arrays = {name: ordered[name].to_numpy(np.float32) for name in columns}
    return Dataset(
        name=place.name,
        columns=arrays,
        units={"fill_before_percent": "%", "volume_l": "l", "weight_kg": "kg"},
        times=local.tz_convert("UTC").as_unit("s"),
        groups=pd.Categorical(
            ordered["container_id"], categories=sorted(containers["container_id"])
        ),
        valid=~np.isnan(arrays["fill_before_percent"]),
        timezone=place.timezone,
        sources=place.sources,
        simulated=place.simulated,
        proxy=place.proxy,
        extras={
            "containers": containers.sort_values("container_id", ignore_index=True)[
                list(CONTAINER_COLUMNS)
            ],
            **place.tables,
        },
    )


def _refuse_columns(header: dict[str, str], name: str) -> None:
    moved = [
        letter for letter, title in COLUMNS.items() if not header.get(letter, "").startswith(title)
    ]
    if moved:
        raise SourceError(
            f"{name}: column {moved[0]} is headed {header.get(moved[0])!r}",
            expected=f"{COLUMNS[moved[0]]!r}, as in the pinned workbook",
        )


def _wall(days: pd.Series) -> pd.DatetimeIndex:
    """Return local times from the workbook's days since 1899-12-30, to the second."""
    seconds = (86_400 * days).round().astype(np.int64)
    return pd.DatetimeIndex(FIRST_SHEET_DAY + pd.to_timedelta(seconds, unit="s")).as_unit("s")


def _containers(table: pd.DataFrame, collections: pd.DataFrame) -> pd.DataFrame:
    """Return the sites; the capacity is what their volumes and fills agree on."""
    lines = HEADLINE_FILE.read_text(encoding="utf-8").splitlines()
    headline = {line for line in lines if line and not line.startswith("#")}
    capacity = 100 * collections["volume_l"] / collections["fill_before_percent"]
    capacity = capacity.where(collections["fill_before_percent"] > 0)
    sites = table.groupby("B").agg(name=("C", "first"), district=("street", "first")).reset_index()
    return sites.rename(columns={"B": "container_id"}).assign(
        lat=np.nan,
        lon=np.nan,
        stream="general",
        capacity_l=sites["B"].map(capacity.groupby(table["B"]).median().round()),
        pair_id=sites["B"],
        headline=sites["district"].isin(headline),
    )


def _report(collections: pd.DataFrame, containers: pd.DataFrame) -> CleaningReport:
    fill = collections["fill_before_percent"]
    ids = containers.loc[containers["headline"], "container_id"]
    where = "raw_bin_data.xlsx"
    return CleaningReport(
        (
            (where, "lignes lues (export plafonné à 10 000)", len(collections)),
            (where, "sites", len(containers)),
            (where, "au plafond de 100 %, niveau vrai inconnu au-delà : gardées, censurées",
             int((fill >= CEILING_PERCENT).sum())),
            (where, "sous 50 % : vidages de peu d'utilité, gardés",
             int((fill < HALF_PERCENT).sum())),
            (where, "collectes des sites des chiffres de référence",
             int(collections["container_id"].isin(ids).sum())),
        )
    )  # fmt: skip
