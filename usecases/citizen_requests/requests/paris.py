"""Paris participatory budget: titles of winning projects, and the directorate in charge."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

import pandas as pd

from common.edge.errors import SourceError
from common.lab.sources import fetch, load_sources
from usecases.citizen_requests.requests.nearness import near_earlier

__all__ = [
    "DIRECTORATES",
    "OTHER",
    "SERVICES",
    "TRAIN_UNTIL",
    "TUNE_EDITION",
    "paris",
    "read_projects",
]

SOURCES = Path(__file__).parents[1] / "sources.toml"
FILE = "Partie_2_Chatbot_Citoyen/bp_projects.db"

DIRECTORATES = (
    "Direction de la Voirie et des Déplacements",
    "Direction des Espaces Verts et de l’Environnement",
    "Direction des Affaires Scolaires",
    "Direction de la Jeunesse et des Sports",
    "Direction des Affaires Culturelles",
    "Direction de l’Attractivité et de l’Emploi",
    "Direction des Solidarités",
    "Direction de la Démocratie, des Citoyens et des Territoires",
    "Direction Constructions Publiques et Architecture",
    "Direction de la Propreté et de l’Eau",
)
"""The ten with more than ten projects up to 2019, most frequent first (brief 4.1)."""

OTHER = "Autre direction"
"""The others: at most nine projects each up to 2019."""

SERVICES = (*DIRECTORATES, OTHER)

TRAIN_UNTIL, TUNE_EDITION = 2018, 2019
"""Train up to 2018, tune on 2019, test on what follows (brief 3.A)."""

NO_TITLE = "NON REGISTRÉ"
"""What the portal says of a project whose title was not recorded."""

NEAR = 0.8
"""Jaccard index of character 5-grams from which two titles are one project (brief 3.A)."""

QUERY = """
SELECT identifiant_projet_gagnant AS project_id, edition, titre_projet_gagnant AS text,
       direction_pilote_projet AS directorate, thematique AS theme,
       arrondissement_projet_gagnant AS district, echelle_bp AS scale
FROM projects ORDER BY edition, rowid
"""


@cache
def paris() -> pd.DataFrame:
    """Return the pinned projects of all editions (see `read_projects`).

    Raises
    ------
    SourceError
        If the database cannot be had or is not the pinned one.
    """
    source = next(one for one in load_sources(SOURCES) if one.name == "paris_projects")
    return read_projects(fetch([source], progress=False)[source.name, FILE])


def read_projects(database: Path) -> pd.DataFrame:
    """Return the projects of a database, with what they are used for.

    Parameters
    ----------
    database
        SQLite file with the table ``projects`` of the portal's columns.

    Returns
    -------
    DataFrame
        project_id, edition, text, directorate (as published), service (one of
        `DIRECTORATES`, else `OTHER`), theme, district (0 for the whole city), scale,
        near_earlier (True where a title of an earlier split is the same or has a
        5-gram Jaccard index of 0.8 or more with it), split (``train``, ``tune``,
        ``test``; ``dropped`` where ``near_earlier`` or without a title). In order of
        edition.

    Raises
    ------
    SourceError
        If the file is no such database or holds a project without title, edition or
        directorate.
    """
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as link:
            projects = pd.read_sql_query(QUERY, link)
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        raise SourceError(
            f"{database.name}: {error}", expected="an SQLite table `projects` of Paris's columns"
        ) from error
    lacking = projects[["edition", "text", "directorate"]].isna().any(axis=1)
    if lacking.any():
        raise SourceError(
            f"{database.name}: {int(lacking.sum())} projects without edition, title or directorate",
            expected="all three in each project",
        )
    known = projects["directorate"].isin(DIRECTORATES)
    era = projects["edition"].map(_split)
    near = near_earlier(projects["text"].tolist(), _ranks(era), NEAR)
    return projects.assign(
        service=projects["directorate"].where(known, OTHER),
        near_earlier=near,
        split=era.mask(near | (projects["text"] == NO_TITLE), "dropped"),
    )


def _split(edition: int) -> str:
    if edition <= TRAIN_UNTIL:
        return "train"
    return "tune" if edition == TUNE_EDITION else "test"


def _ranks(era: "pd.Series[str]") -> Sequence[int]:
    return [("train", "tune", "test").index(each) for each in era]
