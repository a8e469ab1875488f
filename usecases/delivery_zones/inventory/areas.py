"""The inventory of delivery areas: read it, bring it to the Cerema schema, write it out.

Two layouts are read: the one of the Hauts-de-Seine open data (16 columns, `;`) and the
TableSchema `aire-livraison` v0.1.0 of the Cerema (25 columns). Everything is text until
`areas_of`: a validator must see what was written, not what a reader made of it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from common.edge.errors import TableError

__all__ = [
    "HAUTS_DE_SEINE_COLUMNS",
    "MAPPING",
    "NOT_IN_SCHEMA",
    "REGIMES",
    "TableSchema",
    "areas_of",
    "from_hauts_de_seine",
    "points_of",
    "read_inventory",
    "read_schema",
    "to_geojson",
    "write_geojson",
    "write_inventory",
]

HAUTS_DE_SEINE_COLUMNS: Final = (
    "id", "type", "loc_num", "adresse", "cp", "commune", "code_insee", "longueur", "largeur",
    "lim_vitesse", "sens", "h_debut", "h_fin", "tonnage", "geo_shape", "geo_point_2d",
)  # fmt: skip
REGIMES: Final = {"LIVRAISON": "Livraison", "FONDS": "Transport de fonds"}
"""``type`` of the Hauts-de-Seine to INTERV_REGIME; any other type becomes empty."""

MAPPING: Final = {
    "ID": "id",
    "COLL_NOM": "commune",
    "COLL_INSEE": "code_insee",
    "VEH_TONNAGE": "tonnage, vide si 0 (0 veut dire non renseigné)",
    "INTERV_JH": "h_debut-h_fin ; vide si les deux sont égales : livraison à toute heure",
    "INTERV_REGIME": "type : LIVRAISON, FONDS ; vide pour un type inconnu",
    "EMPRISE_DESIGNATION": "adresse, précédée de « En face du » si loc_num = FACE",
    "EMPRISE_LONGUEUR": "longueur en m, vide si 0",
    "EMPRISE_LARGEUR": "largeur en m, vide si 0",
    "GEOM_XY": "geo_point_2d, remis dans l'ordre longitude,latitude à 6 décimales (0,1 m)",
}
"""Field of the schema to where it comes from in the Hauts-de-Seine layout."""

NOT_IN_SCHEMA: Final = ("cp", "lim_vitesse", "sens")
"""Hauts-de-Seine columns that the schema has no field for: they stay in the original file."""

COORDINATE_DECIMALS: Final = 6
BESIDE: Final = {"FACE": "En face du ", "ANGLE": "À l'angle du "}


@dataclass(frozen=True)
class TableSchema:
    """A Frictionless Table Schema as its JSON file says it.

    Parameters
    ----------
    name, version
        From the file.
    fields
        Field descriptors, in the order of the columns.
    missing
        Cell texts that mean missing.
    primary_key
        The column that names a row.
    """

    name: str
    version: str
    fields: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    primary_key: str

    def __post_init__(self) -> None:
        if not self.fields or self.primary_key not in self.columns:
            raise TableError(
                f"schema {self.name!r}: {len(self.fields)} fields, key {self.primary_key!r}",
                expected="at least one field, the primary key among them",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns in their order."""
        return tuple(str(field["name"]) for field in self.fields)


def read_schema(path: Path) -> TableSchema:
    """Read a Table Schema from its JSON file.

    Raises
    ------
    TableError
        If it is no JSON object with ``fields``.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return TableSchema(
            name=raw["name"],
            version=raw.get("version", ""),
            fields=tuple(raw["fields"]),
            missing=tuple(raw.get("missingValues", [""])),
            primary_key=raw["primaryKey"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path.name}: {error!r}",
            expected="a Frictionless Table Schema with name, fields and primaryKey",
            remedy="take the schema.json of aire-livraison from its publisher",
        ) from error


def read_inventory(path: Path) -> pd.DataFrame:
    """Read a delimited file of delivery areas, every cell as the text it is.

    The delimiter is whichever of `;`, tab and `,` the header holds most. UTF-8, with or
    without BOM.

    Raises
    ------
    TableError
        If the file cannot be read or is neither layout.
    """
    try:
        header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
        delimiter = max(";\t,", key=header.count)
        frame = pd.read_csv(
            path, sep=delimiter, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    except (OSError, ValueError) as error:
        raise TableError(
            f"{path.name}: {error}",
            expected="a CSV file in UTF-8, as many cells in each row as in the header",
            remedy="export the inventory again as CSV UTF-8",
        ) from error
    if not {"ID", "GEOM_XY"} <= set(frame) and not set(HAUTS_DE_SEINE_COLUMNS) <= set(frame):
        raise TableError(
            f"{path.name}: columns {', '.join(map(str, frame.columns[:6]))}...",
            expected="the columns of aire-livraison v0.1.0 (ID ... GEOM_XY) or of Hauts-de-Seine",
            remedy="name the columns as the schema does",
        )
    return frame


def from_hauts_de_seine(raw: pd.DataFrame, schema: TableSchema) -> pd.DataFrame:
    """Bring the Hauts-de-Seine layout to the schema's columns, as text; see `MAPPING`.

    Nothing is invented: the by-law fields, the regime « Mixte », disc, duration and
    electric charging are not in the original and stay empty. A 0 that means "not filled in"
    becomes empty, because missing is never zero.

    Parameters
    ----------
    raw
        As from `read_inventory`.
    schema
        Gives the columns and their order.

    Returns
    -------
    DataFrame
        One row per area, all columns of the schema.
    """
    absent = sorted(set(HAUTS_DE_SEINE_COLUMNS) - set(raw))
    if absent:
        raise TableError(
            f"columns absent: {', '.join(absent)}", expected=", ".join(HAUTS_DE_SEINE_COLUMNS)
        )
    areas = pd.DataFrame("", index=raw.index, columns=list(schema.columns), dtype=str)
    areas["ID"] = raw["id"]
    areas["COLL_NOM"] = raw["commune"]
    areas["COLL_INSEE"] = raw["code_insee"]
    areas["VEH_TONNAGE"] = _without_zero(raw["tonnage"])
    hours = raw["h_debut"] + "-" + raw["h_fin"]
    areas["INTERV_JH"] = hours.where(raw["h_debut"] != raw["h_fin"], "")
    areas["INTERV_REGIME"] = raw["type"].map(REGIMES).fillna("")
    areas["EMPRISE_DESIGNATION"] = raw["loc_num"].map(BESIDE).fillna("") + raw["adresse"]
    areas["EMPRISE_LONGUEUR"] = _without_zero(raw["longueur"])
    areas["EMPRISE_LARGEUR"] = _without_zero(raw["largeur"])
    areas["GEOM_XY"] = [_swapped(text) for text in raw["geo_point_2d"]]
    return areas


def points_of(areas: pd.DataFrame) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return longitude and latitude of each area of a schema table.

    Returns
    -------
    array of shape (n, 2)
        Degrees; NaN where GEOM_XY is not two numbers.
    """
    parts = areas["GEOM_XY"].str.split(",", n=1, expand=True).reindex(columns=[0, 1])
    numbers = parts.apply(lambda part: pd.to_numeric(part.str.strip(), errors="coerce"))
    points: np.ndarray[tuple[int, int], np.dtype[np.float64]] = numbers.to_numpy(dtype=float)
    return points


def areas_of(areas: pd.DataFrame) -> pd.DataFrame:
    """Return the typed columns that a decision needs, one row per area.

    Returns
    -------
    DataFrame
        ``area_id``, ``commune``, ``insee``, ``address``, ``regime``, ``hours`` (OSM, empty is
        at all times), ``length_m`` (NaN where unknown or 0), ``lon``, ``lat`` in degrees.
    """
    points = points_of(areas)
    length = pd.to_numeric(areas["EMPRISE_LONGUEUR"], errors="coerce")
    return pd.DataFrame({
        "area_id": areas["ID"].to_numpy(),
        "commune": areas["COLL_NOM"].to_numpy(),
        "insee": areas["COLL_INSEE"].to_numpy(),
        "address": areas["EMPRISE_DESIGNATION"].to_numpy(),
        "regime": areas["INTERV_REGIME"].to_numpy(),
        "hours": areas["INTERV_JH"].to_numpy(),
        "length_m": length.where(length > 0).to_numpy(),
        "lon": points[:, 0],
        "lat": points[:, 1],
    })  # fmt: skip


def write_inventory(areas: pd.DataFrame, path: Path) -> None:
    """Write a schema table as the schema wants it: UTF-8, commas, quotes where needed."""
    areas.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")


def to_geojson(areas: pd.DataFrame) -> dict[str, Any]:
    """Return a GeoJSON FeatureCollection (RFC 7946); the known fields are the properties.

    An area whose point is not known has a null geometry, as the RFC has it.
    """
    features = [
        {
            "type": "Feature",
            "geometry": None
            if np.isnan(point).any()
            else {"type": "Point", "coordinates": point.tolist()},
            "properties": {name: text for name, text in row.items() if text != ""},
        }
        for row, point in zip(areas.to_dict("records"), points_of(areas), strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def write_geojson(areas: pd.DataFrame, path: Path) -> None:
    """Write the areas as GeoJSON."""
    text = json.dumps(to_geojson(areas), ensure_ascii=False, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


def _without_zero(texts: pd.Series) -> pd.Series:
    """Return numbers as short text, empty where they are 0 or no number at all.

    A text that is no number is kept: the validator must see it.
    """
    numbers = pd.to_numeric(texts, errors="coerce").round(2)
    short = numbers.map(lambda value: f"{value:g}")
    return short.where(numbers.notna(), texts).where(numbers != 0, "")


def _swapped(latitude_longitude: str) -> str:
    """Return ``lon,lat`` from ``lat,lon``; as is where they are not two numbers."""
    try:
        latitude, longitude = (float(part) for part in latitude_longitude.split(","))
    except ValueError:
        return latitude_longitude
    return f"{longitude:.{COORDINATE_DECIMALS}f},{latitude:.{COORDINATE_DECIMALS}f}"
