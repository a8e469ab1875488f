"""Read the daily levels of Wyndham's bins (Australia): 33 bins, alerts kept, doubles counted."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import SourceError
from common.lab.cleaning import CleaningReport
from common.lab.usecase import Source
from usecases.waste_collection.fill.cleaning import one_reading_a_day, pair_ids, run_lengths
from usecases.waste_collection.fill.readings import Place

__all__ = ["ALWAYS_IN_ALERT", "TIMEZONE", "read_wyndham"]

TIMEZONE = "Australia/Melbourne"
ALWAYS_IN_ALERT = "1511202"
"""The bin that is in alert on each of its 181 days: no level of it can be believed."""

LEVELS, POSITIONS = "Data_Australian.csv", "wyndham_werribee_containers.csv"
COLUMNS = ("Bin ID", "Fullness", "fullnessThreshold", "timestamp", "reason")
REASONS = ("NOT_READY", "FULLNESS", "ALERT")
PERCENT_PER_TENTH = 10.0
FROZEN_DAYS = 3


def read_wyndham(
    paths: Mapping[str, Path], sources: tuple[Source, ...]
) -> tuple[Place, pd.DataFrame, pd.DataFrame]:
    """Read levels and positions.

    Parameters
    ----------
    paths
        File name to file: `LEVELS` and `POSITIONS`.
    sources
        What the rows are read from.

    Returns
    -------
    place, containers, readings
        For `readings.daily_dataset`; ``place.tables`` holds ``cleaning``. All 33 bins are
        there; ``headline`` is true for the 22 of the reference figures: those with a
        position, without `ALWAYS_IN_ALERT`.

    Raises
    ------
    SourceError
        If a column is missing, a day is unreadable, or a level or reason is not one of
        the file's.
    """
    rows = _levels(paths[LEVELS])
    readings, n_doubles = one_reading_a_day(rows)
    steps = (
        (LEVELS, "lignes lues", len(rows)),
        (LEVELS, "corbeilles", rows["container_id"].nunique()),
        (LEVELS, "jours présents", rows["day"].nunique()),
        (LEVELS, "jours absents pour tous, laissés manquants", _missing_days(rows["day"])),
        (LEVELS, "doublons d'un même jour, le plus plein gardé : écartés", n_doubles),
        (LEVELS, "relevés sous alerte : gardés et signalés", int(readings["alert"].sum())),
        (LEVELS, f"dont niveau figé depuis {FROZEN_DAYS} relevés ou plus", _frozen(readings)),
        (LEVELS, "relevés gardés", len(readings)),
    )
    place = Place(
        name="wyndham",
        timezone=TIMEZONE,
        proxy=sources[0].proxy,
        sources=sources,
        tables={"cleaning": CleaningReport(steps).table()},
    )
    return place, _containers(paths[POSITIONS], sorted(set(rows["container_id"]))), readings


def _levels(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, usecols=list(COLUMNS), dtype=str, keep_default_na=False)
        levels = table[["Fullness", "fullnessThreshold"]].astype(np.float64)
        days = pd.to_datetime(table["timestamp"], format="%d-%m-%Y").dt.as_unit("s")
    except ValueError as error:
        raise SourceError(
            f"{path.name}: {error}", expected="the columns " + ", ".join(COLUMNS)
        ) from error
    strange = ~levels["Fullness"].between(0, 10) | ~table["reason"].isin(REASONS)
    if strange.any():
        first = table[strange].iloc[0]
        raise SourceError(
            f"{path.name}: Fullness {first['Fullness']!r}, reason {first['reason']!r}",
            expected="tenths from 0 to 10, and one of " + ", ".join(REASONS),
        )
    return pd.DataFrame(
        {
            "container_id": table["Bin ID"],
            "day": days,
            "level_percent": PERCENT_PER_TENTH * levels["Fullness"],
            "alert": table["reason"] == "ALERT",
            "threshold_percent": PERCENT_PER_TENTH * levels["fullnessThreshold"],
        }
    )


def _missing_days(days: pd.Series) -> int:
    span = (days.max() - days.min()).days + 1
    return int(span - days.nunique())


def _frozen(readings: pd.DataFrame) -> int:
    """Count the readings under alert whose level has not moved for three readings."""
    runs = readings.groupby("container_id")["level_percent"].transform(
        lambda levels: run_lengths(levels.to_numpy())
    )
    return int((readings["alert"] & (runs >= FROZEN_DAYS)).sum())


def _containers(path: Path, ids: list[str]) -> pd.DataFrame:
    """Return all bins; those that the table of positions lacks have no place and no stream."""
    known = pd.read_csv(path, dtype={"serial": str}).set_index("serial").reindex(ids)
    containers = pd.DataFrame(
        {
            "container_id": ids,
            "name": known["description"].fillna("Corbeille sans description").to_numpy(),
            "lat": known["latitude"].to_numpy(np.float64),
            "lon": known["longitude"].to_numpy(np.float64),
            "stream": known["stream"].fillna("unknown").to_numpy(),
            "capacity_l": np.nan,
            "district": known["suburb"].fillna("").to_numpy(),
            "headline": known["latitude"].notna().to_numpy() & (np.array(ids) != ALWAYS_IN_ALERT),
        }
    )
    return containers.assign(pair_id=pair_ids(containers))
