"""Keep a question paper on disk and read it back bit for bit, without pickle."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from common.edge.errors import IntegrityError, UsageError
from common.lab.contest import Labels, Questions
from common.lab.usecase import Array

__all__ = [
    "labels_bytes",
    "read_arrays",
    "read_labels",
    "read_questions",
    "write_arrays",
    "write_questions",
]

MAX_UNPACKED_BYTES = 8 * 2**30
"""Above it an ``.npz`` is refused before anything is unpacked."""

_ROWS = ("units", "blocks", "example", "step", "scale", "level")
_GROUPS = ("keys", "inputs", "later", "slices")
_NAMES = "names"
# What zipfile and numpy let through from a damaged file (NotImplementedError is a RuntimeError).
_UNREADABLE = (
    *(OSError, EOFError, KeyError, ValueError, RuntimeError, OverflowError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)


def write_arrays(target: Path | BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Write arrays as a compressed ``.npz``: the same arrays give the same bytes.

    Raises
    ------
    UsageError
        An array holds Python objects: only a pickle could carry them.
    """
    for name, values in arrays.items():
        if np.asarray(values).dtype.hasobject:
            raise UsageError(
                f"{name} holds Python objects", expected="numbers, datetime64 or fixed-width text"
            )
    np.savez_compressed(target, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})


def read_arrays(source: Path | BinaryIO, *, limit: int = MAX_UNPACKED_BYTES) -> dict[str, Array]:
    """Return the arrays of an ``.npz``.

    Raises
    ------
    IntegrityError
        It cannot be read, or unpacks to more than ``limit`` bytes.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > limit:
            raise IntegrityError(f"arrays of {size} bytes unpacked", expected=f"at most {limit}")
        if not isinstance(source, Path):
            source.seek(0)
        with np.load(source, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except _UNREADABLE as error:
        raise IntegrityError(
            f"arrays cannot be read: {error}", expected="an .npz written by `aune benchmark pack`"
        ) from error


def write_questions(path: Path, questions: Questions) -> None:
    """Write all of the questions, inputs included."""
    groups: dict[str, Mapping[str, Array]] = {name: getattr(questions, name) for name in _GROUPS}
    arrays = {name: getattr(questions, name) for name in _ROWS}
    for group, members in groups.items():
        arrays |= {f"{group}.{place}": values for place, values in enumerate(members.values())}
    names = {group: list(members) for group, members in groups.items()}
    write_arrays(path, {_NAMES: np.array(json.dumps(names)), **arrays})


def read_questions(path: Path) -> Questions:
    """Read questions back; every array has the dtype and the bits it had.

    Raises
    ------
    IntegrityError
        The file is not what `write_questions` wrote.
    """
    arrays = read_arrays(path)
    try:
        names: dict[str, list[str]] = json.loads(str(arrays[_NAMES]))
        parts: dict[str, Any] = {name: arrays[name] for name in _ROWS}
        for group in _GROUPS:
            parts[group] = {
                name: arrays[f"{group}.{place}"] for place, name in enumerate(names[group])
            }
    except (KeyError, ValueError) as error:
        raise IntegrityError(
            f"{path.name} lacks {error}", expected="questions written by `aune benchmark pack`"
        ) from error
    return Questions(**parts)


def labels_bytes(labels: Labels) -> bytes:
    """Return labels as the bytes that are sealed."""
    names = list(labels.truth)
    arrays = {f"truth.{place}": labels.truth[name] for place, name in enumerate(names)}
    file = io.BytesIO()
    write_arrays(file, {_NAMES: np.array(json.dumps(names)), **arrays})
    return file.getvalue()


def read_labels(data: bytes) -> Labels:
    """Read labels back from what `labels_bytes` gave, bit for bit."""
    arrays = read_arrays(io.BytesIO(data))
    names = json.loads(str(arrays[_NAMES]))
    return Labels({name: arrays[f"truth.{place}"] for place, name in enumerate(names)})
