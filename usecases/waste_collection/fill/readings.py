"""Daily fill levels as a Dataset: one row per container and day, missing days included."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, Source

__all__ = [
    "CONTAINER_COLUMNS",
    "READING_COLUMNS",
    "READ_AT_HOUR",
    "Place",
    "containers_of",
    "daily_dataset",
    "readings_of",
]

READ_AT_HOUR = 6
"""Local hour of the reading that a day stands for: rounds are planned at 06:00 (brief 3.1)."""

READING_COLUMNS = ("container_id", "day", "level_percent", "alert", "threshold_percent")
CONTAINER_COLUMNS = (
    "container_id", "name", "lat", "lon", "stream", "capacity_l", "district", "pair_id", "headline",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """What a Dataset says beside its rows; the fields are Dataset's."""

    name: str
    timezone: str
    proxy: str = ""
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def daily_dataset(place: Place, containers: pd.DataFrame, readings: pd.DataFrame) -> Dataset:
    """Lay readings out on every day from the first to the last, for every container.

    Parameters
    ----------
    place
        Name, time zone, sources.
    containers
        `CONTAINER_COLUMNS`, one row per container.
    readings
        `READING_COLUMNS`; at most one row per container and day, of known containers.

    Returns
    -------
    Dataset
        Rows in order of time, then of container; columns ``level_percent`` and ``alert``
        (float32, NaN where nothing was read); ``valid`` False where nothing was read. A
        reading under alert is valid, as it was read: its column says so.

    Raises
    ------
    UsageError
        If a reading is given twice, or is of an unknown container.
    """
    _refuse_doubles(place.name, containers, readings)
    days = pd.date_range(readings["day"].min(), readings["day"].max(), freq="D", unit="s")
    ids = sorted(containers["container_id"])
    grid = pd.MultiIndex.from_product([days, ids], names=["day", "container_id"])
    stamped = readings.assign(day=readings["day"].dt.as_unit("s"))
    table = stamped.set_index(["day", "container_id"])[["level_percent", "alert"]]
    table = table.astype(np.float32).reindex(grid)
    thresholds = readings.groupby("container_id")["threshold_percent"].max()
    level = table["level_percent"].to_numpy(np.float32)
    return Dataset(
        name=place.name,
        columns={"level_percent": level, "alert": table["alert"].to_numpy(np.float32)},
        units={"level_percent": "%", "alert": "1"},
        times=_instants(days, place.timezone).repeat(len(ids)),
        groups=pd.Categorical.from_codes(np.tile(np.arange(len(ids)), len(days)), categories=ids),
        valid=~np.isnan(level),
        timezone=place.timezone,
        sources=place.sources,
        simulated=place.simulated,
        proxy=place.proxy,
        extras={
            "containers": containers.sort_values("container_id", ignore_index=True)[
                list(CONTAINER_COLUMNS)
            ].assign(threshold_percent=lambda table: table["container_id"].map(thresholds)),
            **place.tables,
        },
    )


def readings_of(dataset: Dataset) -> pd.DataFrame:
    """Return the readings that were taken: `READING_COLUMNS`, by container and day.

    Days are local civil days, without time zone; days without a reading are left out.

    Raises
    ------
    UsageError
        If the data set holds no daily levels.
    """
    if "level_percent" not in dataset.columns:
        raise UsageError(
            f"{dataset.name} has the columns {sorted(dataset.columns)}",
            expected="level_percent: daily readings of containers",
            remedy="load wyndham, a folder of one's own with readings.csv, or the simulator",
        )
    containers = containers_of(dataset).set_index("container_id")
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None).normalize()
    table = pd.DataFrame(
        {
            "container_id": np.asarray(dataset.groups.astype(str)),
            "day": local,
            "level_percent": dataset.columns["level_percent"].astype(np.float64),
            "alert": dataset.columns["alert"] > 0.5,
        }
    )
    table["threshold_percent"] = table["container_id"].map(containers["threshold_percent"])
    read = table[np.asarray(dataset.valid)]
    return read.sort_values(["container_id", "day"], ignore_index=True)


def containers_of(dataset: Dataset) -> pd.DataFrame:
    """Return the containers: `CONTAINER_COLUMNS`, and ``threshold_percent`` where levels are."""
    return dataset.extras["containers"]


def _instants(days: pd.DatetimeIndex, timezone: str) -> pd.DatetimeIndex:
    """Return 06:00 local of each day in UTC (no clock change happens at that hour)."""
    local = (days + pd.Timedelta(hours=READ_AT_HOUR)).tz_localize(timezone)
    return local.tz_convert("UTC").as_unit("s")


def _refuse_doubles(name: str, containers: pd.DataFrame, readings: pd.DataFrame) -> None:
    unknown = sorted(set(readings["container_id"]) - set(containers["container_id"]))
    twice = readings[readings.duplicated(["container_id", "day"])]
    if unknown or len(twice) or not len(readings):
        raise UsageError(
            f"{name}: {len(readings)} readings, {len(twice)} twice, containers not known: "
            f"{unknown[:5]}",
            expected="readings of known containers, one a day each",
            remedy="clean them first (fill.cleaning.one_reading_a_day)",
        )
