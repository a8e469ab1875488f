"""The npm package is read as a stream, within bounds, and only the files that are sheets."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from common.edge.errors import SourceError
from usecases.citizen_requests.sheets import package as module
from usecases.citizen_requests.sheets.library import read_package
from usecases.citizen_requests.sheets.package import publications


def page(sheet_id: str, text: str, title: str = "Un titre") -> bytes:
    """A sheet as xml-js writes it."""
    words = {"type": "text", "text": text}
    paragraph = {"type": "element", "name": "Paragraphe", "children": [words]}
    root = {
        "type": "element", "name": "Publication", "attributes": {"ID": sheet_id, "type": "Fiche"},
        "children": [
            {"type": "element", "name": "dc:title", "children": [{"type": "text", "text": title}]},
            {"type": "element", "name": "Texte", "children": [paragraph]},
        ],
    }  # fmt: skip
    return json.dumps({"id": sheet_id, "children": [root]}).encode()


def packed(folder: Path, files: dict[str, bytes]) -> Path:
    target = folder / "package.tgz"
    with tarfile.open(target, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target


def test_sheets_are_found_by_their_place_and_others_left_alone(tmp_path: Path) -> None:
    """Forms (R), indexes, scripts and paths outside data are not read."""
    archive = packed(tmp_path, {
        "package/index.js": b"while(true);",
        "package/data/particuliers/index.json": b"[]",
        "package/data/particuliers/R1.json": b"{",
        "package/data/particuliers/F2.json": page("F2", "deux"),
        "package/data/associations/F3.json": page("F3", "trois"),
        "package/data/../../F4.json": b"{",
    })  # fmt: skip
    found = [(each.audience, each.sheet_id) for each in publications(archive)]
    assert found == [("particuliers", "F2"), ("associations", "F3")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["package.tgz"]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"children": []}', b'{"children": [{}]}'])
def test_a_sheet_that_is_not_one_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """Truncated, of another shape, or with another root."""
    archive = packed(tmp_path, {"package/data/particuliers/F1.json": content})
    with pytest.raises(SourceError, match=r"F1\.json"):
        list(publications(archive))


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """Cut off in the middle."""
    archive = packed(tmp_path, {"package/data/particuliers/F1.json": page("F1", "x" * 9_000)})
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(SourceError, match=r"package\.tgz"):
        list(publications(archive))


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_MEMBERS", 1), ("MAX_MEMBER_BYTES", 100), ("MAX_TOTAL_BYTES", 500)]
)
def test_an_archive_beyond_a_bound_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """Number of files, bytes of one, bytes of all."""
    files = {f"package/data/particuliers/F{at}.json": page(f"F{at}", "un") for at in range(3)}
    monkeypatch.setattr(module, bound, value)
    with pytest.raises(SourceError, match="expected: at most"):
        list(publications(packed(tmp_path, files)))


def test_tables_are_read_once_and_then_kept_for_that_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the sha256 of the package: another package does not meet them."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    name = "package/data/particuliers/F1.json"
    archive = packed(tmp_path, {name: page("F1", "un")})
    first = read_package(archive, "a" * 64)
    archive.unlink()
    again = read_package(archive, "a" * 64)
    assert again.sections["text"].tolist() == first.sections["text"].tolist() == ["un"]
    other = read_package(packed(tmp_path, {name: page("F1", "deux")}), "b" * 64)
    assert other.sections["text"].tolist() == ["deux"]
    kept = sorted(path.name for path in (tmp_path / "cache" / "citizen_requests").iterdir())
    assert [name.rpartition("-")[0] for name in kept] == [
        "sheets-" + 16 * "a",
        "sheets-" + 16 * "b",
    ]


def test_kept_tables_that_are_damaged_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is to delete the folder."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    archive = packed(tmp_path, {"package/data/particuliers/F1.json": page("F1", "un")})
    read_package(archive, "a" * 64)
    next((tmp_path / "cache").rglob("sections.parquet")).write_bytes(b"?")
    with pytest.raises(SourceError, match="delete that folder"):
        read_package(archive, "a" * 64)
