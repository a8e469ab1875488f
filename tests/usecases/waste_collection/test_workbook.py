"""The small workbook reader reads what it must and refuses what could hurt."""

import zipfile
from pathlib import Path

import pytest

from common.edge.errors import SourceError
from usecases.waste_collection.fill.workbook import read_sheet

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
PARTS = {
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="http://schemas.openxmlformats.org/officeDocument'
    '/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package'
    '/2006/relationships"><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/sharedStrings.xml": f"<sst {MAIN}><si><t>site</t></si><si><r><t>de</t></r><r><t>ux</t></r>"
    "</si></sst>",
    "xl/worksheets/sheet1.xml": f'<worksheet {MAIN}><sheetData><row r="1"><c r="A1" t="s"><v>0</v>'
    '</c><c r="C1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>42.5</v></c><c r="B2"/></row>'
    "</sheetData></worksheet>",
}


def workbook(tmp_path: Path, **changed: str) -> Path:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (
            PARTS | {key.replace("__", "/"): changed[key] for key in changed}
        ).items():
            archive.writestr(name, text)
    return path


def test_cells_are_found_by_letter_and_empty_ones_left_out(tmp_path: Path) -> None:
    """A shared string may be cut into runs of letters."""
    assert read_sheet(workbook(tmp_path), "A") == [{"A": "site", "C": "deux"}, {"A": "42.5"}]


def test_a_sheet_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"book\.xlsx"):
        read_sheet(workbook(tmp_path), "B")


def test_a_part_that_declares_entities_is_refused(tmp_path: Path) -> None:
    """Entities that name entities unpack without bound: no workbook needs one."""
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><sst><si><t>&c;</t></si></sst>'
    path = workbook(tmp_path, **{"xl__sharedStrings.xml": bomb})
    with pytest.raises(SourceError, match="document type"):
        read_sheet(path, "A")


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_text("site;niveau\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"book\.xlsx"):
        read_sheet(path, "A")
