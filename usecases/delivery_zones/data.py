"""Read the public logs of kerb bays into a Dataset: cleaned stays, zones, outages."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from common.edge.errors import SourceError, UsageError
from common.lab.cleaning import CleaningReport
from common.lab.sources import fetch, load_sources
from common.lab.usecase import Dataset, Source
from usecases.delivery_zones.kerb.cleaning import (
    MAX_STAY_HOURS,
    civil_days,
    coverage_gaps,
    truncate_overlaps,
)
from usecases.delivery_zones.kerb.events import Place, dataset_of, sessions_of, zones_of
from usecases.delivery_zones.kerb.projection import lonlat_of_laea

__all__ = ["HAMBURG_HEADLINE", "City", "load", "sessions_of", "zones_of"]

City = Literal["dundee", "hamburg"]
Profile = Literal["quick", "full"]

SOURCES = Path(__file__).with_name("sources.toml")
HEADLINE_FILE = Path(__file__).with_name("hamburg_headline.txt")

DUNDEE_TIMEZONE, HAMBURG_TIMEZONE = "Europe/London", "Europe/Berlin"
DUNDEE_COLUMNS = (
    "CP ID", "Connector", "Start Date", "Start Time", "End Date", "End Time", "Site", "Model",
)  # fmt: skip
"""All that is read: the user identifier of the summer file is not."""

HAMBURG_COLUMNS = ("charger_id", "start_time", "end_time", "location_id")
SITE_COLUMNS = (
    "population", "business_area_share", "consumption_poi_num_200m", "work_poi_num_200m",
    "leisure_poi_num_200m",
)  # fmt: skip

MAX_STAY_MINUTES: Mapping[str, float] = {"rapid": 30.0, "slow_kerb": 180.0}
"""Limits under which overstay is studied (brief 4 b). No sign says so: the column
``max_stay_is_hypothesis`` is true wherever one of them is filled in."""

QUICK_ONE_IN = 5


def _headline() -> frozenset[int]:
    """Return the Hamburg locations of the reference table (see the file's first lines)."""
    lines = HEADLINE_FILE.read_text(encoding="utf-8").splitlines()
    numbers = " ".join(line for line in lines if not line.startswith("#")).split()
    return frozenset(int(number) for number in numbers)


HAMBURG_HEADLINE = _headline()
"""The 307 locations (of 399) on which the reference figures were computed."""


def load(city: City, profile: Profile = "full") -> Dataset:
    """Read the public log of one city.

    Nothing is imputed. Rows without a site, of the test site, without an end, of no length
    or of more than 48 h are dropped and counted in ``extras["cleaning"]``; overlaps on one
    bay are truncated at the next arrival and flagged. Times in which nothing was recorded
    are outages of every bay: unknown, never free. What precedes a bay's first arrival is
    unknown too (``extras["spaces"]``): the site may not have been open.

    Parameters
    ----------
    city
        ``dundee`` (36 zones, of which the ``rapid`` class has short stays) or
        ``hamburg`` (399 kerb locations; column ``headline`` tells the 307 of the
        reference table).
    profile
        ``quick`` keeps the rapid zones of Dundee, and one in five of Hamburg's headline
        locations in the order of their numbers.

    Returns
    -------
    Dataset
        Rows are events (see `events.dataset_of`); ``extras``: ``zones``, ``spaces``,
        ``cleaning``.

    Raises
    ------
    SourceError
        If a file cannot be had, is not the pinned one or fails a proof of its repair.
    UsageError
        If ``city`` or ``profile`` is unknown.
    """
    if city not in ("dundee", "hamburg") or profile not in ("quick", "full"):
        raise UsageError(
            f"city {city!r}, profile {profile!r}", expected="dundee or hamburg; quick or full"
        )
    by_name = {source.name: source for source in load_sources(SOURCES)}
    source = by_name[f"{city}_bays"]
    paths = {path: file for (_, path), file in fetch([source]).items()}
    return _dundee(source, paths, profile) if city == "dundee" else _hamburg(source, paths, profile)


def _dundee(source: Source, paths: Mapping[str, Path], profile: Profile) -> Dataset:
    files = sorted(paths)
    steps: list[tuple[str, str, int]] = []
    tables = [_dundee_file(paths[file], steps) for file in files]
    tables.sort(key=lambda table: table["event_time_start"].min())
    spans = [_span(table) for table in tables]
    rows = _dropped(pd.concat(tables, ignore_index=True), steps)
    sessions = _truncated(_dundee_names(rows), steps)
    if profile == "quick":
        sessions = sessions[sessions["use_class"] == "rapid"]
    zones = _dundee_zones(sessions)
    place = Place(
        name=f"dundee_{profile}",
        timezone=DUNDEE_TIMEZONE,
        proxy=source.proxy,
        sources=(source,),
        tables={"cleaning": CleaningReport(tuple(steps)).table()},
    )
    return dataset_of(place, zones, sessions, _gap_outages(sessions, coverage_gaps(spans)))


def _dundee_file(path: Path, steps: list[tuple[str, str, int]]) -> pd.DataFrame:
    """Return a file's rows with their start and end in UTC, and as the wall clock said."""
    table = _read(path, DUNDEE_COLUMNS)
    days, n_swapped = civil_days(table, path.name)
    steps.append((path.name, "lignes lues", len(table)))
    steps.append((path.name, "jour et mois rétablis (preuve par l'ordre du fichier)", n_swapped))
    found = table[["CP ID", "Connector", "Site", "Model"]].copy()
    for name, column in (("Start", "event_time_start"), ("End", "event_time_end")):
        clock = table[f"{name} Time"].where(table[f"{name} Time"] != "")
        wall = days[f"{name} Date"] + pd.to_timedelta(clock + ":00").dt.as_unit("s")
        found[f"{name} wall"] = wall
        found[column] = _utc(wall, DUNDEE_TIMEZONE)
    return found


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        return pd.read_csv(path, usecols=list(columns), dtype=str, keep_default_na=False)
    except ValueError as error:
        raise SourceError(
            f"{path.name}: {error}", expected="the columns " + ", ".join(columns)
        ) from error


def _utc(wall: pd.Series, timezone: str) -> pd.Series:
    """Return UTC of wall-clock times.

    The logs do not say which of the two autumn hours is meant: the first (summer time) is
    taken. A time that the spring clock skipped is moved to the first that exists.
    """
    summer = np.ones(len(wall), dtype=bool)
    aware = wall.dt.tz_localize(timezone, ambiguous=summer, nonexistent="shift_forward")
    return aware.dt.tz_convert("UTC")


def _span(table: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    return table["event_time_start"].min(), table["event_time_start"].max()


def _dropped(rows: pd.DataFrame, steps: list[tuple[str, str, int]]) -> pd.DataFrame:
    """Drop what is no stay at a known place, and count it.

    Lengths are those of the wall clock, as in the reference table: a stay of 47 h 39 min
    over the autumn night is kept though 48 h 39 min went by.
    """
    length = rows["End wall"] - rows["Start wall"]
    reasons = (
        ("sans nom de site : écartées", rows["Site"] == ""),
        ("site d'essai : écartées", rows["Site"].str.contains("TEST SITE", regex=False)),
        ("sans heure de fin : écartées", length.isna()),
        ("durée nulle ou négative : écartées", length <= pd.Timedelta(0)),
        (f"plus de {MAX_STAY_HOURS} h : écartées", length > pd.Timedelta(hours=MAX_STAY_HOURS)),
    )
    out = pd.Series(data=False, index=rows.index)
    for sentence, wrong in reasons:
        steps.append(("Dundee", sentence, int((wrong & ~out).sum())))
        out |= wrong
    return rows[~out]


def _dundee_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Return zone (site and class), bay, class and quality of each stay.

    A rapid charge point serves one bay whichever of its connectors is used; the others
    serve one bay by connector (PROVENANCE 4).
    """
    site = rows["Site"].str.replace(r",\s*Dundee$", "", regex=True)
    use_class = np.select(
        [rows["Model"].str.contains("Rapid|50kW"), rows["Model"].str.contains("22kW")],
        ["rapid", "fast"],
        "slow",
    )
    slug = site.map(_slug)
    connector = ("-" + rows["Connector"]).where(use_class != "rapid", "")
    return pd.DataFrame(
        {
            "curb_zone_id": "du-" + slug + "-" + use_class,
            "curb_space_id": "du-" + slug + "-" + rows["CP ID"] + connector,
            "event_time_start": rows["event_time_start"],
            "event_time_end": rows["event_time_end"],
            "use_class": use_class,
            "quality": "ok",
            "name": site,
        }
    )


def _slug(name: str) -> str:
    """Return a name as part of an id.

    >>> _slug("Public Works Dept, Clepington Rd. Dundee")
    'public-works-dept-clepington-rd-dundee'
    """
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))


def _truncated(sessions: pd.DataFrame, steps: list[tuple[str, str, int]]) -> pd.DataFrame:
    sessions, n_empty = truncate_overlaps(sessions)
    n_cut = int((sessions["quality"] != "ok").sum())
    where = sessions["curb_zone_id"].iloc[0][:2]
    scope = {"du": "Dundee", "hh": "Hambourg"}[where]
    steps.append((scope, "sans durée une fois coupées à l'arrivée suivante : écartées", n_empty))
    steps.append((scope, "coupées à l'arrivée suivante sur la même place et signalées", n_cut))
    steps.append((scope, "stationnements gardés", len(sessions)))
    return sessions


def _dundee_zones(sessions: pd.DataFrame) -> pd.DataFrame:
    zones = sessions.groupby("curb_zone_id").agg(
        name=("name", "first"),
        use_class=("use_class", "first"),
        valid_from=("event_time_start", "min"),
    )
    return _with_limits(
        zones.reset_index().assign(
            timezone=DUNDEE_TIMEZONE, lon=np.nan, lat=np.nan, area_class="", headline=True
        )
    )


def _with_limits(zones: pd.DataFrame) -> pd.DataFrame:
    limits = zones["use_class"].map(MAX_STAY_MINUTES)
    return zones.assign(max_stay_minutes=limits, max_stay_is_hypothesis=limits.notna())


def _gap_outages(
    sessions: pd.DataFrame, gaps: list[tuple[pd.Timestamp, pd.Timestamp]]
) -> pd.DataFrame:
    """Return one outage for each gap and each bay that had been seen before it."""
    keys = ["curb_zone_id", "curb_space_id"]
    opened = sessions.groupby(keys)["event_time_start"].min().reset_index()
    pieces = [
        opened.loc[opened["event_time_start"] <= start, keys].assign(start=start, end=end)
        for start, end in gaps
    ]
    return pd.concat(pieces, ignore_index=True)


def _hamburg(source: Source, paths: Mapping[str, Path], profile: Profile) -> Dataset:
    rows = _read(paths["charging_processes.csv"], HAMBURG_COLUMNS)
    steps = [("charging_processes.csv", "lignes lues", len(rows))]
    zones = _hamburg_zones(paths["charging_sites.geojson"])
    zone = "hh-" + rows["location_id"]
    sessions = pd.DataFrame(
        {
            "curb_zone_id": zone,
            "curb_space_id": zone + "-" + rows["charger_id"],
            "use_class": "slow_kerb",
            "quality": "ok",
        }
    )
    for column, name in (("event_time_start", "start_time"), ("event_time_end", "end_time")):
        wall = pd.to_datetime(rows[name], format="%Y-%m-%d %H:%M:%S").dt.as_unit("s")
        sessions[column] = _utc(wall, HAMBURG_TIMEZONE)
    sessions = _truncated(sessions, steps)
    opened = sessions.groupby("curb_zone_id")["event_time_start"].min()
    zones["valid_from"] = zones["curb_zone_id"].map(opened)
    if profile == "quick":
        kept = sorted(HAMBURG_HEADLINE)[::QUICK_ONE_IN]
        zones = zones[zones["curb_zone_id"].isin({f"hh-{number}" for number in kept})]
        sessions = sessions[sessions["curb_zone_id"].isin(zones["curb_zone_id"])]
    place = Place(
        name=f"hamburg_{profile}",
        timezone=HAMBURG_TIMEZONE,
        proxy=source.proxy,
        sources=(source,),
        tables={"cleaning": CleaningReport(tuple(steps)).table()},
    )
    return dataset_of(place, zones.reset_index(drop=True), sessions)


def _hamburg_zones(path: Path) -> pd.DataFrame:
    """Return the sites with their position, surroundings and the authors' area class."""
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        sites = pd.DataFrame([feature["properties"] for feature in features])
        grid = np.array([feature["geometry"]["coordinates"] for feature in features])
    except (ValueError, KeyError) as error:
        raise SourceError(
            f"{path.name}: {error}", expected="GeoJSON points of EPSG:3035"
        ) from error
    lon, lat = lonlat_of_laea(grid[:, 0], grid[:, 1])
    zones = pd.DataFrame(
        {
            "curb_zone_id": "hh-" + sites["location_id"].astype(str),
            "name": "Site " + sites["location_id"].astype(str),
            "use_class": "slow_kerb",
            "timezone": HAMBURG_TIMEZONE,
            "lon": np.round(lon, 6),
            "lat": np.round(lat, 6),
            "area_class": sites["class_short_label"],
            "headline": sites["location_id"].isin(HAMBURG_HEADLINE),
        }
    )
    return _with_limits(zones.join(sites[list(SITE_COLUMNS)]))
