"""The public texts that stand in for requests: titles of Paris projects and of national sheets."""

from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Source
from usecases.citizen_requests.requests.collection import Collection, dataset_of, requests_of
from usecases.citizen_requests.requests.paris import SERVICES, paris
from usecases.citizen_requests.sheets.library import (
    THEMES,
    VINTAGE,
    questions,
    sheet_tables,
    titles,
)

__all__ = [
    "SYNTHETIC_DAYS",
    "VINTAGE",
    "Name",
    "anchors",
    "load",
    "paris",
    "questions",
    "requests_of",
    "sections",
    "sheets",
    "titles",
]

Name = Literal["paris", "themes", "answers"]
Profile = Literal["quick", "full"]

SOURCES = Path(__file__).with_name("sources.toml")

SYNTHETIC_DAYS = {
    "train": date(2001, 1, 1),
    "development": date(2001, 1, 1),
    "validation": date(2002, 1, 1),
    "held_out": date(2003, 1, 1),
}
"""First day given to each split of the sheets, which has no time of its own: a split by dossier
is said in the harness's terms, the periods have no other meaning. Dossiers follow each other day
by day (at most 132 of them), so that a day is one dossier."""


def load(name: Name, profile: Profile = "full") -> Dataset:
    """Return public texts as a Dataset (columns and extras: see `collection.dataset_of`).

    Parameters
    ----------
    name
        ``paris``: titles of projects and their directorate; units are edition and
        directorate; the portal gives the edition's year only, so titles are spread over
        its days in the order of their numbers; titles near one of an earlier split, and
        those that say « NON REGISTRÉ », are left out.
        ``themes``: titles of sheets, their theme, whose business it is (``town_hall``);
        units are dossiers, times are `SYNTHETIC_DAYS`.
        ``answers``: questions and the sheet that answers (``sheet_id``, ``kind``, ``split``
        in the extras); units are sheets, the service is the theme, times as above.
    profile
        Both profiles take all rows: the largest set has 2,908.

    Raises
    ------
    SourceError
        If a file cannot be had or is not the pinned one.
    UsageError
        If ``name`` or ``profile`` is unknown.
    """
    makers = {"paris": _paris, "themes": _themes, "answers": _answers}
    if name not in makers or profile not in ("quick", "full"):
        raise UsageError(
            f"{name!r}, profile {profile!r}",
            expected="one of " + ", ".join(makers) + "; quick or full",
        )
    return makers[name]()


def sheets() -> pd.DataFrame:
    """Return the 3,159 sheets (see `SheetTables`); shared by all callers, copy to change."""
    return sheet_tables().sheets


def sections() -> pd.DataFrame:
    """Return the sheets' sections (see `SheetTables`)."""
    return sheet_tables().sections


def anchors() -> pd.DataFrame:
    """Return the texts by which other pages name a sheet (see `SheetTables`)."""
    return sheet_tables().anchors


def _source(name: str) -> Source:
    return next(source for source in load_sources(SOURCES) if source.name == name)


def _paris() -> Dataset:
    projects = paris()
    kept = projects[projects["split"] != "dropped"].sort_values(["edition", "project_id"])
    edition = kept["edition"]
    rank = kept.groupby("edition").cumcount()
    share = rank / edition.map(edition.value_counts())
    year = pd.to_datetime(edition.astype(str) + "-01-01", utc=True)
    source = _source("paris_projects")
    requests = pd.DataFrame(
        {
            "request_id": "P" + kept["project_id"].astype(str),
            "received": year + pd.to_timedelta((share * 364).astype(int), unit="D"),
            "text": kept["text"],
            "service": kept["service"],
            "unit": edition.astype(str) + " · " + kept["service"],
            "channel": "form",
            "edition": edition,
            "theme": kept["theme"],
            "district": kept["district"],
        }
    )
    services = {service: service for service in SERVICES}
    return dataset_of(requests, Collection("paris_projects", services, source.proxy, (source,)))


def _themes() -> Dataset:
    table = titles()
    source = _source("service_public_sheets")
    requests = pd.DataFrame(
        {
            "request_id": table["sheet_id"],
            "received": _days(table["split"], table["dossier_id"]),
            "text": table["text"],
            "service": table["theme"],
            "unit": table["dossier_id"],
            "town_hall": table["town_hall"].astype(float),
            "counters": table["counters"],
            "is_question": table["is_question"],
            "split": table["split"],
        }
    )
    return dataset_of(requests, _of_sheets("service_public_titles", source))


def _answers() -> Dataset:
    table = questions()
    source = _source("service_public_sheets")
    requests = pd.DataFrame(
        {
            "request_id": table["question_id"],
            "received": _days(table["split"], table["sheet_id"]),
            "text": table["text"],
            "service": table["theme"].where(table["theme"].isin(THEMES), ""),
            "unit": table["sheet_id"],
            "sheet_id": table["sheet_id"],
            "kind": table["kind"],
            "context": table["context"],
            "split": table["split"],
        }
    )
    return dataset_of(requests, _of_sheets("service_public_questions", source))


def _of_sheets(name: str, source: Source) -> Collection:
    return Collection(name, {theme: theme for theme in THEMES}, source.proxy, (source,))


def _days(split: "pd.Series[str]", unit: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """Return a day for each unit of a split, in the order in which units first appear.

    Days wrap after a year, so that no unit leaves its split's period.
    """
    rank = unit.groupby(split).transform(lambda units: pd.factorize(units)[0])
    first = pd.to_datetime(split.map(SYNTHETIC_DAYS), utc=True)
    return first + pd.to_timedelta(np.asarray(rank, dtype=np.int64) % 365, unit="D")
