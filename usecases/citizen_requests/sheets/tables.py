"""From publications to three flat tables: sheets, their sections, the texts that name them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from common.edge.errors import SourceError
from usecases.citizen_requests.sheets.counters import counters_of
from usecases.citizen_requests.sheets.nodes import (
    Node,
    attribute,
    child,
    children,
    descendants,
    named,
    text_of,
)
from usecases.citizen_requests.sheets.package import AUDIENCES, Publication
from usecases.citizen_requests.sheets.sections import Section, sections_of

__all__ = ["INDEXED", "SheetTables", "tables_of"]

INDEXED = ("particuliers", "associations")
"""Audiences whose sheets answer a citizen; the other one's links are kept as synonyms."""

KINDS = ("question", "situation", "link", "see_also", "menu")
"""Kinds of anchors, the most telling first: a question, a link's words in a sentence, a menu."""

LINKS = {
    "QuestionReponse": "question",
    "LienInterne": "link",
    "CommentFaireSi": "situation",
    "Fiche": "menu",
    "Dossier": "menu",
}
"""Element to the kind of anchor; below ``VoirAussi`` a menu entry is a ``see_also``."""


@dataclass(frozen=True)
class SheetTables:
    """What is read from the sheets.

    Parameters
    ----------
    sheets
        One row per sheet with a text: sheet_id (two ids serve two audiences), audience,
        type, title, theme, dossier_id, dossier, date (of the last change, ISO),
        important_date (of the last important change; empty before « vosdroits » 3.4), url,
        counters (groups joined by ``|``, see `counters_of`), lead.
    sections
        One row per section: sheet_row (position in ``sheets``), position, heading, text.
        Inner sections come before the text of what holds them.
    anchors
        One row per way in which another page names a sheet: sheet_id, text, kind
        (question, link, menu, see_also, situation), from_sheet, from_audience,
        from_title. Each (sheet_id, text) once, under the most telling kind and where
        first met; texts equal to the sheet's title are left out.
    """

    sheets: pd.DataFrame
    sections: pd.DataFrame
    anchors: pd.DataFrame


@dataclass(frozen=True)
class _Page:
    """What is kept of a publication; its tree is not."""

    order: tuple[int, str]
    record: dict[str, str]
    sections: list[Section]
    links: list[tuple[str, str, str]]


def tables_of(publications: Iterable[Publication]) -> SheetTables:
    """Return the tables of publications, by audience then by id as text.

    A publication without any text (a menu, a search form) is no sheet.

    Raises
    ------
    SourceError
        If no publication has a text.
    """
    pages = sorted((_page(each) for each in publications), key=lambda page: page.order)
    kept = [page for page in pages if page.sections]
    if not kept:
        raise SourceError("no sheet has a text", expected="sheets of " + ", ".join(INDEXED))
    sections = [
        {"sheet_row": row, "position": at, "heading": each.heading, "text": each.text}
        for row, page in enumerate(kept)
        for at, each in enumerate(page.sections)
    ]
    sheets = pd.DataFrame([{**page.record, "lead": _lead(page.sections)} for page in kept])
    return SheetTables(sheets, pd.DataFrame(sections), _anchors(pages, sheets))


def _page(page: Publication) -> _Page:
    return _Page(
        order=(AUDIENCES.index(page.audience), page.sheet_id),
        record=_record(page),
        sections=sections_of(page.node) if page.audience in INDEXED else [],
        links=list(_links(page.node, in_see_also=False)),
    )


def _lead(sections: list[Section]) -> str:
    """Return the first text without a heading, else the first text."""
    return next((each.text for each in sections if not each.heading), sections[0].text)


def _record(page: Publication) -> dict[str, str]:
    node = page.node
    codes = [text_of(each) for each in descendants(node) if each["name"] == "PivotLocal"]
    return {
        "sheet_id": page.sheet_id,
        "audience": page.audience,
        "type": attribute(node, "type"),
        "title": text_of(child(node, "dc:title")),
        "theme": text_of(child(node, "Theme", "Titre")),
        "dossier_id": attribute(child(node, "DossierPere"), "ID"),
        "dossier": text_of(child(node, "DossierPere", "Titre")),
        "date": text_of(child(node, "dc:date")).removeprefix("modified "),
        "important_date": attribute(node, "dateDerniereModificationImportante")[:10],
        "url": attribute(node, "spUrl"),
        "counters": "|".join(counters_of(codes)),
    }


def _anchors(pages: list[_Page], sheets: pd.DataFrame) -> pd.DataFrame:
    """Return the links to known sheets, each text once under its most telling kind."""
    titles = sheets.groupby("sheet_id")["title"].agg(set).to_dict()
    rows = [
        (target, text, kind, page.record["sheet_id"], page.record["audience"],
         page.record["title"])
        for page in pages
        for target, text, kind in page.links
        if text and text not in titles.get(target, {text})
    ]  # fmt: skip
    columns = ["sheet_id", "text", "kind", "from_sheet", "from_audience", "from_title"]
    found = pd.DataFrame(rows, columns=columns)
    rank = found["kind"].map({kind: at for at, kind in enumerate(KINDS)})
    first = rank.sort_values(kind="stable").index
    kept = found.loc[first].drop_duplicates(["sheet_id", "text"])
    return kept.sort_index().reset_index(drop=True)


def _links(node: Node, *, in_see_also: bool) -> Iterator[tuple[str, str, str]]:
    """Yield (sheet, text, kind) of every link below a node, in document order."""
    for below in children(node):
        name = below.get("name")
        if name is None:
            continue
        kind = LINKS.get(name)
        if kind is not None:
            target = attribute(below, "LienPublication" if name == "LienInterne" else "ID")
            title = named(below, "Titre")
            text = text_of(title[0] if title else below)
            yield target, text, "see_also" if in_see_also and kind == "menu" else kind
        yield from _links(below, in_see_also=in_see_also or name == "VoirAussi")
