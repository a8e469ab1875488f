"""Read the rows of one sheet of an .xlsx workbook, within bounds, with the standard library."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from common.edge.errors import SourceError

__all__ = ["read_sheet"]

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"
MAX_PART_BYTES = 64 * 2**20
MAX_ROWS = 200_000
COLUMN = re.compile(r"[A-Z]{1,3}")


def read_sheet(path: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of a sheet as text by column letter; empty cells are left out.

    Numbers are given as they are written (a date is a count of days since 1899-12-30).

    Parameters
    ----------
    path
        Workbook of the ECMA-376 form (``.xlsx``).
    name
        Name of the sheet.

    Raises
    ------
    SourceError
        If it is no such workbook, has no such sheet, declares entities, or if a part
        unpacks to more than 64 MiB or holds more than 200,000 rows.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_large(archive, path)
            shared = _shared_strings(archive)
            return _rows(archive, _part_of(archive, name), shared)
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, ValueError, IndexError) as error:
        raise SourceError(
            f"{path.name}: {error}", expected=f"an .xlsx workbook with the sheet {name!r}"
        ) from error


def _refuse_large(archive: zipfile.ZipFile, path: Path) -> None:
    for part in archive.infolist():
        if part.file_size > MAX_PART_BYTES:
            raise SourceError(
                f"{path.name}: {part.filename} unpacks to {part.file_size} bytes",
                expected=f"at most {MAX_PART_BYTES}",
            )


def _elements(archive: zipfile.ZipFile, part: str) -> Iterator[ElementTree.Element]:
    """Yield the elements of a part as they end."""
    with archive.open(part) as file:
        _refuse_declarations(file, part)
    with archive.open(part) as file:
        for _, element in ElementTree.iterparse(file):  # noqa: S314 - no declaration is left
            yield element


def _refuse_declarations(file: IO[bytes], part: str) -> None:
    """Refuse a part with a document type: no workbook has one, and bombs need one.

    A part in another encoding than UTF-8 (a null byte says so) is refused too: the search
    would not see its declaration.
    """
    overlap = b""
    while block := file.read(2**20):
        if b"<!DOCTYPE" in overlap + block or b"<!ENTITY" in overlap + block or b"\0" in block:
            raise SourceError(
                f"{part} declares a document type or is not UTF-8", expected="plain UTF-8 cells"
            )
        overlap = block[-16:]


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [
        "".join(text.text or "" for text in element.iter(f"{MAIN}t"))
        for element in _elements(archive, "xl/sharedStrings.xml")
        if element.tag == f"{MAIN}si"
    ]


def _part_of(archive: zipfile.ZipFile, name: str) -> str:
    """Return the archive's path of the sheet called ``name``."""
    sheets = {
        element.get("name"): element.get(LINK)
        for element in _elements(archive, "xl/workbook.xml")
        if element.tag == f"{MAIN}sheet"
    }
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in _elements(archive, "xl/_rels/workbook.xml.rels")
        if element.tag == f"{PACKAGE}Relationship"
    }
    target = targets[sheets[name]]
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _rows(archive: zipfile.ZipFile, part: str, shared: list[str]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for element in _elements(archive, part):
        if element.tag != f"{MAIN}row":
            continue
        rows.append(dict(_cells(element, shared)))
        element.clear()
        if len(rows) > MAX_ROWS:
            raise SourceError(f"{part}: more than {MAX_ROWS} rows", expected=f"at most {MAX_ROWS}")
    return rows


def _cells(row: ElementTree.Element, shared: list[str]) -> Iterator[tuple[str, str]]:
    for cell in row:
        value = cell.find(f"{MAIN}v")
        letters = COLUMN.match(cell.get("r", ""))
        if value is not None and value.text is not None and letters:
            text = shared[int(value.text)] if cell.get("t") == "s" else value.text
            yield letters.group(), text
