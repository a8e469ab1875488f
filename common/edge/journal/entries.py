"""Predictions, decisions and kept inputs, as the bodies of the journal's lines."""

import base64
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle
from common.edge.errors import JournalError, UsageError
from common.edge.explanation import Reasons
from common.edge.inputs import prepare
from common.edge.journal.chain import dumps

__all__ = [
    "ACTIONS",
    "Batch",
    "Decision",
    "Keep",
    "Settings",
    "canonical_rows",
    "pack_inputs",
    "unpack_inputs",
]

Array = npt.NDArray[Any]

Keep = Literal["hash", "numbers", "all"]
ACTIONS = ("accepted", "modified", "rejected")
# No space, no @, no accent: an identifier that could be a name or an address is refused.
_ROW = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.A)
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", re.A)
_REASONS = 3
_AXES_LEFT_OUT = 3
# 9 significant digits tell every float32 from its neighbours (IEEE 754, 24 bits).
_DIGITS = "%.9g"
# Under this, zlib takes 30 microseconds to save a few bytes.
_COMPRESSED_FROM = 512
_LARGEST_INPUTS = 64 * 2**20


@dataclass(frozen=True)
class Settings:
    """How the journal is kept.

    Parameters
    ----------
    keep
        Which inputs are kept beside the chain, which itself only holds their hash:
        ``hash`` none; ``numbers`` (default) those of tasks without any input of free length;
        ``all`` texts too, and the words of agents. The default is what an explanation sheet
        needs to be computed again, and leaves out what people wrote. Numbers can be personal
        data as well (the load curve of a dwelling): choose ``hash`` there.
    segment_bytes
        A segment that reached this size is closed; each UTC day opens a new one.
    sync
        ``batch``: a call returns when its lines are on the disk (survives a power cut);
        ``never``: when the operating system has them (survives a killed process).
    """

    keep: Keep = "numbers"
    segment_bytes: int = 64 * 2**20
    sync: Literal["batch", "never"] = "batch"

    def __post_init__(self) -> None:
        if self.keep not in ("hash", "numbers", "all"):
            raise UsageError(f"keep {self.keep!r}", expected="hash, numbers or all")
        if self.sync not in ("batch", "never"):
            raise UsageError(f"sync {self.sync!r}", expected="batch or never")
        if self.segment_bytes < 1024:
            raise UsageError(f"{self.segment_bytes} bytes", expected="segments of at least 1,024")


@dataclass(frozen=True)
class Batch:
    """Predictions made in one call.

    Parameters
    ----------
    task
        ``usecase/task``.
    version, digest
        Of the bundle (``Bundle.digest``).
    rows
        The caller's identifier of each row; letters, digits and ``._:/-`` only.
    inputs
        What the graph saw, defaults filled in: name to shape (n, ...), in the manifest's order.
    outputs
        What it gave; ``contributions`` and what has several values a step (three axes or
        more) are not written: inputs and bundle give them again.
    reasons
        For each row its strongest reasons: (French group, total).
    textual
        Whether an input has a free axis, as texts have.
    """

    task: str
    version: str
    digest: str
    rows: tuple[str, ...]
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    reasons: tuple[tuple[tuple[str, float], ...], ...]
    textual: bool

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (*self.inputs.values(), *self.outputs.values())}
        if lengths != {len(self.rows)} or len(self.reasons) != len(self.rows):
            raise UsageError(
                f"{len(self.rows)} rows, {len(self.reasons)} reasons, arrays of {sorted(lengths)}",
                expected="one of each for every row",
            )
        for row in self.rows:
            if not _ROW.fullmatch(row):
                raise UsageError(
                    f"row identifier {row[:64]!r}",
                    expected="1 to 64 letters, digits and ._:/- , the first a letter or digit",
                    remedy="send the number of the file or of the meter, never a name or address",
                )

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        inputs: Mapping[str, npt.ArrayLike],
        outputs: Mapping[str, Array],
        rows: Sequence[str] | None = None,
    ) -> "Batch":
        """Describe what a bundle answered.

        Parameters
        ----------
        bundle
            That answered.
        inputs
            As given to ``Bundle.predict``.
        outputs
            As it returned them.
        rows
            Identifiers; counted from 0 by default.

        Raises
        ------
        TableError
            An input is refused, as in ``Bundle.predict``.
        UsageError
            An identifier is not acceptable.
        """
        manifest = bundle.manifest
        prepared = prepare(manifest.inputs, inputs, bundle.limits)
        return cls.answered(bundle, prepared, outputs, Reasons(manifest), rows)

    @classmethod
    def answered(
        cls,
        bundle: Bundle,
        prepared: Mapping[str, Array],
        outputs: Mapping[str, Array],
        reasons: Reasons,
        rows: Sequence[str] | None = None,
    ) -> "Batch":
        """Describe what a bundle answered, as `of`, its inputs checked already.

        Parameters
        ----------
        bundle, outputs, rows
            As for `of`.
        prepared
            What the graph saw.
        reasons
            Those of the bundle's manifest.

        Raises
        ------
        UsageError
            An identifier is not acceptable.
        """
        manifest = bundle.manifest
        count = len(next(iter(outputs.values())))
        strongest: Sequence[Sequence[tuple[str, float]]] = ((),) * count
        if "contributions" in outputs and manifest.terms:
            strongest = reasons.strongest(outputs["contributions"], _REASONS)
        return cls(
            task=f"{manifest.usecase}/{manifest.task}",
            version=manifest.version,
            digest=bundle.digest,
            rows=tuple(map(str, range(count))) if rows is None else tuple(rows),
            inputs=prepared,
            outputs=outputs,
            reasons=tuple(map(tuple, strongest)),
            textual=any(
                isinstance(size, str) for item in manifest.inputs for size in item.shape[1:]
            ),
        )

    def lines(self, at: str, keep: Keep) -> tuple[list[str], list[str]]:
        """Return the JSON body of each row's line, and the lines of the inputs that are kept.

        Parameters
        ----------
        at
            Time, ISO 8601 UTC.
        keep
            As in `Settings`.
        """
        header, rows = canonical_rows(self.inputs)
        base = hashlib.sha256(header)
        hashes = []
        for row in rows:
            digest = base.copy()
            digest.update(row)
            hashes.append(digest.hexdigest())
        kept: list[str] = []
        if keep == "all" or (keep == "numbers" and not self.textual):
            kept = [
                f'{{"sha256":"{digest}","z":"{pack_inputs(header, row)}"}}\n'
                for digest, row in zip(hashes, rows, strict=True)
            ]
        return self._bodies(at, hashes), kept

    def _bodies(self, at: str, hashes: Sequence[str]) -> list[str]:
        shared = dumps(
            {"kind": "prediction", "at": at, "task": self.task, "version": self.version}
            | {"bundle": self.digest}
        )[:-1]
        outputs = _output_texts(self.outputs, len(self.rows))
        return [
            f'{shared},"row":"{row}","inputs":"{digest}","outputs":{{{text}}},'
            f'"reasons":{_reasons_text(reasons)}}}'
            for row, digest, text, reasons in zip(
                self.rows, hashes, outputs, self.reasons, strict=True
            )
        ]


@dataclass(frozen=True)
class Decision:
    """What an agent did with a prediction.

    Parameters
    ----------
    action
        ``accepted``, ``modified`` or ``rejected``.
    agent
        Pseudonym or role (``agent-12``, ``accueil``), never a name; may be empty.
    values
        What was decided instead, where modified.
    reason
        In the agent's words; written only where the journal keeps texts.
    """

    action: Literal["accepted", "modified", "rejected"]
    agent: str = ""
    values: tuple[float, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise UsageError(f"action {self.action!r}", expected="one of " + ", ".join(ACTIONS))
        if self.agent and not _AGENT.fullmatch(self.agent):
            raise UsageError(
                f"agent {self.agent[:40]!r}",
                expected="1 to 32 letters, digits, _ and -",
                remedy="give a role or a pseudonym, never a name",
            )
        if len(self.reason) > 500 or len(self.values) > 1000:
            raise UsageError(
                f"a reason of {len(self.reason)} characters, {len(self.values)} values",
                expected="at most 500 characters and 1,000 values",
            )
        if not all(np.isfinite(self.values)):
            raise UsageError("a decided value that is not finite", expected="finite numbers")

    def body(self, number: int, at: str, *, texts: bool) -> str:
        """Return the JSON body of the decision on line ``number``."""
        fields: dict[str, Any] = {"kind": "decision", "at": at, "of": number, "action": self.action}
        fields |= {"agent": self.agent, "values": list(self.values)}
        fields |= {"reason": self.reason} if texts else {"reason_given": bool(self.reason)}
        return dumps(fields)


def canonical_rows(inputs: Mapping[str, Array]) -> tuple[bytes, list[bytes]]:
    r"""Return what is hashed: a header common to the rows, and the bytes of each row.

    The header is JSON, name, type and shape of each input in order, and a newline; a row
    is its values one after the other, little-endian, with one bit pattern for NaN. The hash
    of a row is sha256(header + row).

    Examples
    --------
    >>> header, rows = canonical_rows({"x": np.array([1.0, np.nan], dtype=np.float32)})
    >>> header
    b'[["x","<f4",[]]]\n'
    >>> [row.hex() for row in rows]
    ['0000803f', '0000c07f']
    """
    names, parts = [], []
    for name, values in inputs.items():
        array = np.asarray(values)
        array = array.astype(array.dtype.newbyteorder("<"))  # copies: the caller's stays as it is
        if array.dtype.kind == "f":
            array[np.isnan(array)] = np.nan
        names.append([name, array.dtype.str, list(array.shape[1:])])
        parts.append(np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8))
    whole = np.concatenate(parts, axis=1)
    header = json.dumps(names, separators=(",", ":")).encode() + b"\n"
    width, data = whole.shape[1], whole.tobytes()
    return header, [data[start : start + width] for start in range(0, len(data), width)]


def pack_inputs(header: bytes, row: bytes) -> str:
    """Return a row's canonical bytes in base64, compressed where that pays."""
    data = header + row
    if len(data) >= _COMPRESSED_FROM:
        data = zlib.compress(data, 1)
    return base64.b64encode(data).decode("ascii")


def unpack_inputs(packed: str, digest: str) -> dict[str, Array]:
    """Return the inputs of one row, shape (1, ...), if they are those of ``digest``.

    Raises
    ------
    JournalError
        They are damaged or not those that were hashed.
    """
    try:
        data = base64.b64decode(packed, validate=True)
        if not data.startswith(b"["):  # the header's first byte; zlib's is 0x78
            data = zlib.decompressobj().decompress(data, _LARGEST_INPUTS)
    except (ValueError, zlib.error) as error:
        raise _altered(digest) from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise _altered(digest)
    head, _, rest = data.partition(b"\n")
    inputs, start = {}, 0
    for name, kind, shape in json.loads(head):
        dtype, size = np.dtype(kind), int(np.prod(shape, dtype=np.int64))
        stop = start + size * dtype.itemsize
        inputs[name] = np.frombuffer(rest[start:stop], dtype=dtype).reshape(1, *shape)
        start = stop
    return inputs


def _output_texts(outputs: Mapping[str, Array], rows: int) -> list[str]:
    """Return each row's outputs as the inside of a JSON object, values in row-major order."""
    written = {
        name: np.asarray(values) for name, values in outputs.items() if _is_written(name, values)
    }
    flat = {name: values.reshape(rows, -1) for name, values in written.items()}
    if flat and all(v.dtype.kind == "f" and np.isfinite(v).all() for v in flat.values()):
        return _fast(flat)
    columns = [
        [f'"{name}":{_careful(row)}' for row in values.tolist()] for name, values in flat.items()
    ]
    return [",".join(texts) for texts in zip(*columns, strict=True)] or [""] * rows


def _is_written(name: str, values: Array) -> bool:
    """Leave out contributions, and several values for each step, as quantiles are.

    Inputs and bundle give them again; of the building forecast they are two thirds.
    """
    return name != "contributions" and np.ndim(values) < _AXES_LEFT_OUT


def _fast(flat: Mapping[str, Array]) -> list[str]:
    """Format a whole row in one operation: four times as fast as value by value."""
    template = ",".join(
        f'"{name}":[{",".join([_DIGITS] * values.shape[1])}]' for name, values in flat.items()
    )
    return [template % tuple(row) for row in np.concatenate([*flat.values()], axis=1).tolist()]


def _careful(row: list[Any]) -> str:
    """Write NaN as null and infinities as text: JSON has no numbers for them."""
    return "[" + ",".join(_value(value) for value in row) + "]"


def _value(value: Any) -> str:
    if not isinstance(value, float):
        return json.dumps(value)
    if math.isfinite(value):
        return _DIGITS % value
    return "null" if math.isnan(value) else f'"{value}"'


def _reasons_text(reasons: Sequence[tuple[str, float]]) -> str:
    items = [f"[{_quoted(name)},{_value(total)}]" for name, total in reasons]
    return "[" + ",".join(items) + "]"


@lru_cache(maxsize=1024)
def _quoted(name: str) -> str:
    """Return a JSON string; the groups of a bundle are few and come back in every line."""
    return json.dumps(name, ensure_ascii=False)


def _altered(digest: str) -> JournalError:
    return JournalError(
        f"the kept inputs {digest[:12]} are not those that were hashed",
        expected=f"bytes of sha256 {digest}",
        remedy="take the .inputs file back from a backup",
    )
