"""Read the skips of Blantyre (Malawi): daily volumes, arrivals at the dump, places, roads."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import SourceError

__all__ = ["DEPOT", "TIP", "Blantyre", "read_blantyre"]

DEPOT, TIP = "56", "54"
"""Ids in the matrix of the storage in the city centre and of the Mzedi dump."""

CAPACITY_L = 7_000.0
SPARE_L = 1_000.0
"""A skip of 7 m3 is written down with up to 8 m3: heaped."""


@dataclass(frozen=True, eq=False)
class Blantyre:
    """What is known of Blantyre.

    Parameters
    ----------
    volumes
        ``container_id``, ``day``, ``volume_l``, ``level_percent`` (of 7,000 l; above 100
        where heaped): days that were written down, 16 skips.
    arrivals
        ``start``, ``end`` (UTC), ``container_id`` (name of the skip's place, may be empty).
    places
        ``container_id`` (id in the matrix), ``name``, ``lat``, ``lon``, ``capacity_l``,
        ``kind`` (skip, dump, compost, storage): 56.
    matrix
        The road matrix in long form: ``Roads.read_csv(matrix, depot=DEPOT, tip=TIP)``.
    """

    volumes: pd.DataFrame
    arrivals: pd.DataFrame
    places: pd.DataFrame
    matrix: Path


def read_blantyre(paths: Mapping[str, Path]) -> Blantyre:
    """Read the files, by file name.

    Raises
    ------
    SourceError
        If a file lacks a column, or a volume is beyond what a skip holds.
    """
    try:
        return Blantyre(
            volumes=_volumes(paths["Skip-fullness-blantyre-raw.csv"]),
            arrivals=_arrivals(paths["blantyre_skip_arrivals.csv"]),
            places=_places(paths["skips_indexing.csv"]),
            matrix=paths["dist_matrix_ID.csv"],
        )
    except (ValueError, KeyError) as error:
        raise SourceError(f"Blantyre: {error!r}", expected="the files as pinned") from error


def _volumes(path: Path) -> pd.DataFrame:
    """Return the volumes in long form; a dot or an empty cell is a day not written down."""
    wide = pd.read_csv(path, encoding="utf-8-sig", dtype=str).set_index("date")
    long = wide.rename_axis(columns="container_id").stack().rename("cubic_metres").reset_index()
    cubic_metres = pd.to_numeric(long["cubic_metres"].replace(".", np.nan))
    if (cubic_metres < 0).any() or (1_000 * cubic_metres > CAPACITY_L + SPARE_L).any():
        raise SourceError(f"{path.name}: {cubic_metres.max()} m3", expected="0 to 8 m3 a skip")
    table = pd.DataFrame(
        {
            "container_id": long["container_id"],
            "day": pd.to_datetime(long["date"], format="%d-%b-%y").dt.as_unit("s"),
            "volume_l": 1_000 * cubic_metres,
            "level_percent": 100_000 * cubic_metres / CAPACITY_L,
        }
    )
    known = table.dropna(subset="volume_l")
    return known.sort_values(["container_id", "day"], ignore_index=True)


def _arrivals(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    start, end = (
        pd.to_datetime(table[name], format="ISO8601", utc=True).dt.as_unit("s")
        for name in ("start", "end")
    )
    return pd.DataFrame({"start": start, "end": end, "container_id": table["skip_origin"]})


def _places(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype={"bin_ID": str})
    return pd.DataFrame(
        {
            "container_id": table["bin_ID"],
            "name": table["Name"],
            "lat": table["lat"].astype(np.float64),
            "lon": table["long"].astype(np.float64),
            "capacity_l": table["capacity"].astype(np.float64),
            "kind": table["Type"],
        }
    )
