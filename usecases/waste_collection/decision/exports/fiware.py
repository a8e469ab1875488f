"""Levels and forecast as NGSI-LD entities WasteContainer, for a FIWARE platform."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from usecases.waste_collection.decision.choice import Case
from usecases.waste_collection.fill.fiware import WASTE_KINDS, WasteContainer, to_ngsi_ld
from usecases.waste_collection.fill.readings import READ_AT_HOUR

__all__ = ["EVEN_ODDS", "entities"]

EVEN_ODDS = 0.5
"""A container is to be emptied before the day on which overflow becomes more likely than not."""
KIND_OF = {"general": "other", "recycling": "other", "packaging": "plastic"}


def entities(case: Case) -> list[dict[str, Any]]:
    """Return an entity per container that has a position.

    ``fillingLevel`` with the time it was read; ``nextActuationDeadline`` is the 06:00 of the
    first day by which overflow is more likely than not, absent where it is not within a week.
    """
    situation, outlook = case.situation, case.outlook
    zone = ZoneInfo(situation.dataset.timezone)
    morning = datetime.combine(situation.day, time(READ_AT_HOUR), zone)
    found = []
    for row in case.rows:
        table = situation.containers.iloc[int(row)]
        level, age = situation.level_percent[row], situation.age_days[row]
        likely = np.flatnonzero(outlook.p_full[row] > EVEN_ODDS)
        known = not np.isnan(level)
        found.append(
            to_ngsi_ld(
                WasteContainer(
                    id=f"urn:ngsi-ld:WasteContainer:{table['container_id']}",
                    lon=float(table["lon"]),
                    lat=float(table["lat"]),
                    filling_level=min(1.0, float(level) / 100) if known else None,
                    capacity_l=_number(table["capacity_l"]),
                    threshold_percent=_number(table["threshold_percent"]),
                    waste_kind=_kind(str(table["stream"])),
                    district=str(table["district"] or ""),
                    read_at=morning - timedelta(days=int(age)) if known else None,
                    to_empty_before=(
                        morning + timedelta(days=int(likely[0]) + 1) if len(likely) else None
                    ),
                )
            )
        )
    return found


def _number(value: object) -> float | None:
    number = float(value)  # type: ignore[arg-type]  # a cell of a column of numbers
    return None if np.isnan(number) else number


def _kind(stream: str) -> str:
    kind = KIND_OF.get(stream, stream)
    return kind if kind in WASTE_KINDS else ""
