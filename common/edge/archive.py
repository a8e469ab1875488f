"""Read a bundle, zip or folder, into memory without trusting anything in it."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from common.edge.errors import ArchiveError, UsageError

__all__ = ["Limits", "read_files", "stored_at"]

# One folder level, plain ASCII: shuts out absolute paths, "..", backslashes, drive letters,
# NUL bytes and names that two file systems would read differently.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?", re.A)
_ENCRYPTED = 0x1
_LOCAL_HEADER = struct.Struct("<26xHH")  # ends with the lengths of the name and of what follows it
# What zipfile lets through from a damaged file (NotImplementedError is a RuntimeError).
_UNREADABLE = (
    *(OSError, EOFError, ValueError, RuntimeError, OverflowError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)


@dataclass(frozen=True)
class Limits:
    """How much a bundle and a call may take; every figure is a refusal above it.

    Parameters
    ----------
    files
        Number of files.
    file_bytes, total_bytes
        Size of one file and of all files together, unpacked.
    model_bytes
        Size of ``model.onnx``; a reference model is under 100 kB, and 5 MB is the bound
        of ``briefs/mlops.md`` 6.3.
    ratio
        Unpacked over packed size of the whole archive. Deflate cannot pass 1,032 (its
        longest match of 258 bytes costs at least 2 bits); measurements compress 2 to 10 times.
    rows
        Rows of one call (``briefs/mlops.md`` 6.3).
    values
        Values of one input in one call: bounds free axes such as the length of a text.
    """

    files: int = 64
    file_bytes: int = 256 * 2**20
    total_bytes: int = 512 * 2**20
    model_bytes: int = 5_000_000
    ratio: int = 100
    rows: int = 10_000
    values: int = 20_000_000

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value < 1:
                raise UsageError(f"limit {item.name} is {value}", expected="at least 1")


def read_files(path: Path, limits: Limits) -> dict[str, bytes]:
    """Return the bytes of every file of a bundle by its name inside it.

    Everything is read once, so what is verified is what is used.

    Raises
    ------
    UsageError
        There is nothing at ``path``.
    ArchiveError
        A name that leaves the bundle, a link, a device, an encrypted or doubled entry, too
        many or too large files, a compression ratio that only a zip bomb has, or a
        damaged zip.
    """
    if not path.exists():
        raise UsageError(f"no bundle at {path}", expected="a bundle's zip or its unpacked folder")
    try:
        files = _read_folder(path, limits) if path.is_dir() else _read_zip(path, limits)
    except _UNREADABLE as error:
        raise ArchiveError(
            f"{path.name} cannot be read: {error}",
            expected="a whole zip, as `aune run` writes it",
            remedy="copy the file again from where it was published",
        ) from error
    model_bytes = len(files.get("model.onnx", b""))
    _bounded("model.onnx", model_bytes, limits.model_bytes, "bytes")
    return files


def stored_at(path: Path, name: str) -> tuple[Path, int] | None:
    """Return the file and the position in it where a bundle's file lies as it is.

    None where it is compressed. What is there may have changed since `read_files`: compare.

    Raises
    ------
    ArchiveError
        The zip is damaged, or the file is no longer in it.
    """
    if path.is_dir():
        return path / name, 0
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as raw:
            entry = archive.getinfo(name)
            if entry.compress_type != zipfile.ZIP_STORED:
                return None
            raw.seek(entry.header_offset)
            name_bytes, extra_bytes = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
    except (*_UNREADABLE, KeyError) as error:
        raise ArchiveError(f"{path.name} changed while it was opened: {error}") from error
    return path, entry.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes


def _read_folder(path: Path, limits: Limits) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for entry in _walk(path, limits):
        name = _safe_name(entry.relative_to(path).as_posix())
        with entry.open("rb") as handle:
            files[name] = handle.read(limits.file_bytes + 1)
        total += len(files[name])
        _bounded(name, len(files[name]), limits.file_bytes, "bytes")
        _bounded("the folder", total, limits.total_bytes, "bytes")
        _bounded("the folder", len(files), limits.files, "files")
    return files


def _walk(folder: Path, limits: Limits, *, depth: int = 0) -> Iterator[Path]:
    for count, entry in enumerate(sorted(folder.iterdir()), start=1):
        _bounded(folder.name, count, limits.files, "entries")
        mode = entry.lstat().st_mode
        if stat.S_ISDIR(mode) and depth == 0:
            yield from _walk(entry, limits, depth=depth + 1)
        elif stat.S_ISREG(mode):
            yield entry
        else:
            raise _unsafe(entry.name, "a link, a device or a folder too deep")


def _read_zip(path: Path, limits: Limits) -> dict[str, bytes]:
    packed = path.stat().st_size
    _bounded(path.name, packed, limits.total_bytes, "bytes")
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _bounded(path.name, len(entries), limits.files, "entries")
        entries = [entry for entry in entries if _is_file(entry)]
        total = sum(entry.file_size for entry in entries)
        _bounded(path.name, total, limits.total_bytes, "bytes unpacked")
        _bounded(path.name, total, packed * limits.ratio, f"bytes from {packed} (zip bomb)")
        if len({entry.filename.lower() for entry in entries}) < len(entries):
            raise _unsafe(path.name, "the same name twice")
        return {entry.filename: _unpack(archive, entry, limits) for entry in entries}


def _is_file(entry: zipfile.ZipInfo) -> bool:
    """Refuse an entry that is neither a plain file nor a folder of a safe name."""
    _safe_name(entry.orig_filename.removesuffix("/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(entry.filename, "a link or a device")
    if entry.flag_bits & _ENCRYPTED:
        raise _unsafe(entry.filename, "encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _unsafe(entry.filename, f"compression method {entry.compress_type}")
    return not entry.is_dir()


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> bytes:
    """Return an entry's bytes; the announced size is a bound, never a promise."""
    _bounded(entry.filename, entry.file_size, limits.file_bytes, "bytes")
    with archive.open(entry) as handle:
        data = handle.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise _unsafe(entry.filename, f"{len(data)} bytes for {entry.file_size} announced")
    return data


def _safe_name(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise _unsafe(repr(name), "this name")
    return name


def _bounded(what: str, value: int, bound: int, unit: str) -> None:
    if value > bound:
        raise ArchiveError(
            f"{what}: {value} {unit}",
            expected=f"at most {bound}",
            remedy="refuse this bundle, or raise the limit if you know why it is so large",
        )


def _unsafe(name: str, what: str) -> ArchiveError:
    return ArchiveError(
        f"unsafe entry {name}: {what}",
        expected="plain files, letters, digits and _.- in their names, one folder level at most",
        remedy="do not unpack this file; ask its sender for the signed bundle",
    )
