"""Read the public files of fill levels into a Dataset: cleaned readings, containers, counts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from common.edge.errors import UsageError
from common.lab.sources import fetch, load_sources
from common.lab.usecase import Dataset, Source
from usecases.waste_collection.fill.blantyre import Blantyre, read_blantyre
from usecases.waste_collection.fill.dtu import read_dtu
from usecases.waste_collection.fill.edinburgh import collections_dataset, read_edinburgh
from usecases.waste_collection.fill.nantes import read_nantes
from usecases.waste_collection.fill.readings import containers_of, daily_dataset, readings_of
from usecases.waste_collection.fill.wyndham import read_wyndham

__all__ = [
    "SOURCES",
    "Name",
    "blantyre",
    "containers_of",
    "dtu_messages",
    "load",
    "nantes_points",
    "readings_of",
]

Name = Literal["wyndham", "edinburgh"]
Profile = Literal["quick", "full"]

SOURCES = Path(__file__).with_name("sources.toml")
QUICK_ONE_IN = 3


def load(name: Name, profile: Profile = "full") -> Dataset:
    """Read one of the public logs.

    Parameters
    ----------
    name
        ``wyndham`` (33 bins, daily levels and alerts) or ``edinburgh`` (334 sites, fill
        before each collection).
    profile
        ``quick`` keeps one in three of Wyndham's headline spots, and one in three of
        Edinburgh's headline streets.

    Returns
    -------
    Dataset
        ``wyndham``: see `readings.daily_dataset`. ``edinburgh``: see
        `edinburgh.collections_dataset`. Both hold ``extras["containers"]`` (the column
        ``headline`` tells those of the reference figures) and ``extras["cleaning"]``.

    Raises
    ------
    SourceError
        If a file cannot be had, or is not the pinned one.
    UsageError
        If ``name`` or ``profile`` is unknown.
    """
    if name not in ("wyndham", "edinburgh") or profile not in ("quick", "full"):
        raise UsageError(
            f"{name!r}, profile {profile!r}", expected="wyndham or edinburgh; quick or full"
        )
    return _wyndham(profile) if name == "wyndham" else _edinburgh(profile)


def _wyndham(profile: Profile) -> Dataset:
    sources, paths = _files("wyndham_levels", "wyndham_positions")
    place, containers, readings = read_wyndham(paths, sources)
    if profile == "quick":
        spots = sorted(set(containers.loc[containers["headline"], "pair_id"]))[::QUICK_ONE_IN]
        containers = containers[containers["headline"] & containers["pair_id"].isin(spots)]
        readings = readings[readings["container_id"].isin(containers["container_id"])]
    return daily_dataset(place, containers, readings)


def _edinburgh(profile: Profile) -> Dataset:
    sources, paths = _files("edinburgh_collections")
    place, sites, collections = read_edinburgh(paths["raw_bin_data.xlsx"], sources)
    if profile == "quick":
        streets = sorted(set(sites.loc[sites["headline"], "district"]))[::QUICK_ONE_IN]
        sites = sites[sites["district"].isin(streets)]
        collections = collections[collections["container_id"].isin(sites["container_id"])]
    return collections_dataset(place, sites, collections)


def dtu_messages() -> tuple[pd.DataFrame, int]:
    """Return the raw ultrasonic messages of DTU's four probes; see `dtu.read_dtu`."""
    _, paths = _files("dtu_ultrasonic")
    return read_dtu(paths[name] for name in sorted(paths))


def blantyre() -> Blantyre:
    """Return what is known of Blantyre's skips, with the road matrix."""
    _, paths = _files("blantyre_skips", "blantyre_arrivals")
    return read_blantyre(paths)


def nantes_points() -> pd.DataFrame:
    """Return the drop-off points of Nantes; see `nantes.read_nantes`."""
    _, paths = _files("nantes_pav")
    return read_nantes(paths["nantes_pav.csv"])


def _files(*names: str) -> tuple[tuple[Source, ...], Mapping[str, Path]]:
    """Return the sources of these names, and their files by file name."""
    by_name = {source.name: source for source in load_sources(SOURCES)}
    sources = tuple(by_name[name] for name in names)
    found = fetch(sources, only=names)
    return sources, {Path(path).name: file for (_, path), file in found.items()}
