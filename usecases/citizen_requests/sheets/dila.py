"""Read today's sheets: the XML that the DILA publishes every day, « vosdroits » 3.3 and later.

The package of 2020 is for measuring. In production the sheets come from the DILA's own archives,
one per audience, which the operator downloads (``part``, ``asso``; Licence Ouverte 2.0, to be
cited with the file's name and date). Two versions of the flow live side by side and an old one is
withdrawn after six months: 3.3 went in May 2026, 3.5 was current in August 2026. Within a version
elements may be added and are not removed, so unknown ones inside the text are read for their
words.

What is known of the format, and relied on here: one file per page, named after its id; a root
``Publication`` with ``ID``, ``type``, ``spUrl`` and, from 3.4 on,
``dateDerniereModificationImportante``; Dublin Core elements; the same bodies as in 2020. The
schemas themselves were not at hand: tested on sheets of 2020 turned back into XML, and on an
authored sample of 3.5. A page that does not fit is refused by name.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

from common.edge.errors import SourceError
from usecases.citizen_requests.sheets.nodes import Node, attribute, child, text_of
from usecases.citizen_requests.sheets.package import (
    AUDIENCES,
    MAX_MEMBER_BYTES,
    MAX_MEMBERS,
    MAX_TOTAL_BYTES,
    Publication,
)
from usecases.citizen_requests.sheets.tables import SheetTables, tables_of

__all__ = ["archives_in", "read_dila", "read_page"]

PAGE = re.compile(r"([FN]\d{1,6})\.xml")
"""Sheets and dossiers; resources (R) and the indexes (``menu.xml``...) are not read."""

SCHEMA = re.compile(r"[Ss]chemas?[/_](\d+)\.(\d+)")
OLDEST, FIRST_UNKNOWN = (3, 0), (4, 0)
"""The flow of 2020, then 3.3, still held pages that named 3.0."""
DATE = re.compile(r"(modified )?\d{4}-\d{2}-\d{2}")
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
DECLARED = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
SHOWN = 5


def read_dila(archives: Mapping[str, Path]) -> SheetTables:
    """Return the tables of the DILA's archives.

    Parameters
    ----------
    archives
        Audience (``particuliers``, ``associations``, ``professionnels``) to a zip file,
        whatever its name ends with, or to a folder of its files.

    Raises
    ------
    SourceError
        If an audience is unknown, an archive is unreadable or too large, or a page cannot
        be read; names up to five of them, with the reason.
    """
    pages, refused = [], []
    for audience, place in archives.items():
        if audience not in AUDIENCES:
            raise SourceError(f"audience {audience!r}", expected="one of " + ", ".join(AUDIENCES))
        for name, content in _files(place):
            try:
                pages.append(read_page(name, content, audience))
            except SourceError as error:
                refused.append(error.found)
    if refused:
        more = f", and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        raise SourceError(
            f"{len(refused)} pages refused: {'; '.join(refused[:SHOWN])}{more}",
            expected="pages of « vosdroits » 3.3 to 3.x",
            remedy="download the archive again; if the flow's version changed, see "
            "usecases/citizen_requests/sheets/dila.py",
        )
    return tables_of(pages)


def archives_in(folder: Path) -> dict[str, Path]:
    """Return the archives of a folder by audience, for `read_dila`.

    Parameters
    ----------
    folder
        Holds ``particuliers.zip`` and, where there are, ``associations.zip`` and
        ``professionnels.zip`` (the archives as downloaded, renamed), or folders of these
        names.

    Raises
    ------
    SourceError
        If it holds none of them.
    """
    places = {
        audience: place
        for audience in AUDIENCES
        for place in (folder / f"{audience}.zip", folder / audience)
        if place.exists()
    }
    if not places:
        raise SourceError(
            f"{folder} holds no sheets",
            expected=" or ".join(f"{audience}.zip" for audience in AUDIENCES),
            remedy="download the archives « vosdroits » of the DILA and name them so",
        )
    return places


def read_page(name: str, content: bytes, audience: str) -> Publication:
    """Read one page.

    Parameters
    ----------
    name
        File name, ``F123.xml``.
    content
        UTF-8 XML without document type declaration (entities could expand without end).
    audience
        As in `Publication`.

    Raises
    ------
    SourceError
        If it is no such page, is of an unknown version, bears another id than its file,
        or lacks its title or date.
    """
    node = _node(_root(name, content))
    found = attribute(node, "ID")
    if f"{found}.xml" != name:
        raise SourceError(f"{name}: ID {found!r}", expected="the id in the file's name")
    _check_version(name, attribute(node, "xsi:noNamespaceSchemaLocation"))
    if not text_of(child(node, "dc:title")):
        raise SourceError(f"{name}: no dc:title", expected="a title")
    if not DATE.fullmatch(day := text_of(child(node, "dc:date"))):
        raise SourceError(f"{name}: dc:date {day!r}", expected="modified YYYY-MM-DD")
    return Publication(audience, found, node)


def _root(name: str, content: bytes) -> ElementTree.Element:
    try:
        text = content.decode("utf-8-sig")
        if DECLARED.search(text):
            raise SourceError(f"{name}: a document type declaration", expected="none")
        root = ElementTree.fromstring(text)  # noqa: S314 - entities were refused just above
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise SourceError(f"{name}: {error}", expected="well-formed XML in UTF-8") from error
    if root.tag != "Publication":
        raise SourceError(f"{name}: root {root.tag!r}", expected="Publication")
    return root


def _node(element: ElementTree.Element) -> Node:
    """Return an element in the form of `nodes`."""
    below: list[Node] = [{"type": "text", "text": element.text}] if element.text else []
    for each in element:
        below.append(_node(each))
        if each.tail:
            below.append({"type": "text", "text": each.tail})
    attributes = {_name(name): value for name, value in element.attrib.items()}
    return {"name": _name(element.tag), "attributes": attributes, "children": below}


def _name(tag: str) -> str:
    """Return a name with the prefix that the package of 2020 keeps.

    >>> _name("{http://purl.org/dc/elements/1.1/}title")
    'dc:title'
    """
    if tag.startswith(DUBLIN_CORE):
        return "dc:" + tag.removeprefix(DUBLIN_CORE)
    space, _, local = tag.rpartition("}")
    return f"xsi:{local}" if space.endswith("XMLSchema-instance") else local


def _check_version(name: str, location: str) -> None:
    """Refuse a version outside 3.x; a page that names none is taken at its structure."""
    stated = SCHEMA.search(location)
    version = (int(stated[1]), int(stated[2])) if stated else OLDEST
    if not OLDEST <= version < FIRST_UNKNOWN:
        raise SourceError(f"{name}: schema {location!r}", expected="3.0 or later, below 4")


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the pages of a zip or folder, in order of name, within bounds."""
    members = _folder(place) if place.is_dir() else _zip(place)
    n_bytes = 0
    for count, (name, content) in enumerate(members, 1):
        n_bytes += len(content)
        if len(content) > MAX_MEMBER_BYTES or n_bytes > MAX_TOTAL_BYTES or count > MAX_MEMBERS:
            raise SourceError(
                f"{place.name}: {count} pages and {n_bytes} bytes at {name}",
                expected=f"at most {MAX_MEMBERS} pages, {MAX_MEMBER_BYTES} bytes each, "
                f"{MAX_TOTAL_BYTES} in all",
            )
        yield name, content


def _folder(place: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(place.iterdir()):
        if PAGE.fullmatch(file.name) and file.is_file():
            with file.open("rb") as stream:
                yield file.name, stream.read(MAX_MEMBER_BYTES + 1)


def _zip(place: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(place) as archive:
            names = {Path(each).name: each for each in archive.namelist()}
            for name in sorted(filter(PAGE.fullmatch, names)):
                with archive.open(names[name]) as stream:
                    yield name, stream.read(MAX_MEMBER_BYTES + 1)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise SourceError(
            f"{place.name}: {error}", expected="a zip archive of XML pages, or a folder of them"
        ) from error
