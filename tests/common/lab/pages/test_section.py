"""Sections: what every use case's pages of proposals are made of."""

import pytest

from common.edge.errors import UsageError
from common.lab.pages.figure import Figure, Table
from common.lab.pages.rendering import render
from common.lab.pages.section import Listing, Section

SVG = (
    '<svg role="img" viewBox="0 0 10 10"><title>Titre</title><desc>Description</desc>'
    "<circle r='1'/></svg>"
)


@pytest.fixture
def folder(tmp_path):
    """A template that prints sections and nothing else."""
    lines = "{% import '_parts.html.j2' as parts %}\n{{ parts.sections(found) }}"
    (tmp_path / "only.html.j2").write_text(lines, encoding="utf-8")
    return tmp_path


def test_a_listing_refuses_a_row_of_another_width():
    """A cell too few would put every later figure under the wrong heading."""
    with pytest.raises(UsageError, match=r"has 1 cells") as refusal:
        Listing("Les places", ("Aire", "Places"), [("A1", "3"), ("A2",)])
    assert "2 cells, as in its header" in str(refusal.value)


def test_a_section_is_printed_in_the_order_of_its_fields(folder):
    """Words, bullets, figures, tables, notes: a page reads the same in every use case."""
    section = Section(
        "Les places",
        words=("un-mot",),
        bullets=("un-point",),
        figures=(Figure("une-figure", SVG, "on-voit", Table(("a",), (("1",),))),),
        listings=(Listing("une-table", ("Aire", "Places"), [("A1", "une-cellule")]),),
        notes=("une-note",),
    )
    page = render("only.html.j2", folder, found=[section])
    order = ["Les places", "un-mot", "un-point", "une-figure", "une-table", "une-cellule",
             "une-note"]  # fmt: skip
    places = [page.index(words) for words in order]
    assert places == sorted(places)


def test_an_empty_section_prints_only_its_title(folder):
    """No empty list, which a screen reader would announce."""
    page = render("only.html.j2", folder, found=[Section("Seule")])
    assert "".join(page.split()) == "<h2>Seule</h2>"


def test_text_is_escaped(folder):
    """Cells come from a commune's files."""
    listing = Listing("L", ("a",), [("<script>",)])
    page = render("only.html.j2", folder, found=[Section("S", listings=(listing,))])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
