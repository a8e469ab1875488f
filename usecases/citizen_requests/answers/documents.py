"""Sheets as documents of an index: what they are found by, what can be cited."""

from collections.abc import Collection

import pandas as pd

from common.lab.index import Document, Section
from usecases.citizen_requests.sheets.counters import TOWN_HALL
from usecases.citizen_requests.sheets.library import THEMES
from usecases.citizen_requests.sheets.tables import SheetTables

__all__ = ["LABELS", "LEAD_CHARACTERS", "cnil_documents", "sheet_documents"]

LEAD_CHARACTERS = 800
FLAT_LEAD_CHARACTERS = 500

LABELS = (*THEMES, TOWN_HALL)
"""What a sheet votes for: its theme, and whether it sends its reader to the town hall."""
_TOWN_HALLS = frozenset({TOWN_HALL, "ccas"})


def sheet_documents(
    tables: SheetTables,
    untitled: Collection[str] = (),
    audiences: Collection[str] = ("particuliers", "associations"),
) -> list[Document]:
    """Return one document per sheet, in the order of the tables.

    Parameters
    ----------
    tables
        As `usecases.citizen_requests.sheets.library.sheet_tables` returns them.
    untitled
        Ids of sheets whose title is not indexed: title-blind evaluation asks titles, and the
        index must not hold what it is asked (``briefs/citizen_requests.md`` 3.B).
    audiences
        Whose sheets are taken.
    """
    sections = {
        row: tuple(Section(one.heading, one.text) for one in found.itertuples())
        for row, found in tables.sections.groupby("sheet_row")
    }
    hidden = frozenset(untitled)
    return [
        _document(sheet, sections.get(row, ()), titled=sheet.sheet_id not in hidden)
        for row, sheet in enumerate(tables.sheets.itertuples())
        if sheet.audience in audiences
    ]


def _document(sheet: "pd.Series[str]", sections: tuple[Section, ...], *, titled: bool) -> Document:
    labels = [sheet.theme] if sheet.theme in THEMES else []
    labels += [TOWN_HALL] if _TOWN_HALLS & set(str(sheet.counters).split("|")) else []
    return Document(
        record={
            "id": sheet.sheet_id,
            "title": sheet.title,
            "date": sheet.date,
            "url": sheet.url,
            "theme": sheet.theme,
            "audience": sheet.audience,
            "counters": sheet.counters,
        },
        fields={
            "title": str(sheet.title) if titled else "",
            "dossier": str(sheet.dossier),
            "headings": " . ".join(one.heading for one in sections if one.heading),
            "lead": str(sheet.lead)[:LEAD_CHARACTERS],
            "body": " ".join(one.text for one in sections),
        },
        sections=sections,
        labels=tuple(labels),
    )


def cnil_documents(sheets: pd.DataFrame) -> list[Document]:
    """Return the CNIL's questions and answers as documents; for measurement only.

    Parameters
    ----------
    sheets
        As `usecases.citizen_requests.requests.measurement.cnil_sheets` returns them.
    """
    return [
        Document(
            record={"id": one.sheet_id, "title": one.title, "date": "", "url": ""},
            fields={
                "title": str(one.title),
                "dossier": str(one.theme),
                "headings": "",
                "lead": str(one.text)[:FLAT_LEAD_CHARACTERS],
                "body": str(one.text),
            },
            sections=(Section("", str(one.text)),),
        )
        for one in sheets.itertuples()
    ]
