"""Write a bundle: graph, golden rows, manifest, cards, checksums and signature."""

import io
import os
import re
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.edge.archive import Limits
from common.edge.bundle import Bundle, open_session, run_session
from common.edge.errors import UsageError
from common.edge.inputs import prepare
from common.edge.manifest import FieldSpec, Manifest, TermSpec, Tolerance
from common.edge.onnxfile import read_summary
from common.edge.operators import check_operators
from common.edge.retrieval.settings import RetrievalSettings
from common.edge.signature import SIGNATURE, SUMS, fingerprint, sums_text
from common.edge.training.usual import FILE as USUAL
from common.edge.training.usual import Usual
from common.lab.keys import ensure_key, sign
from common.lab.usecase import Field, Term

__all__ = ["GOLDEN_ROWS", "BundleContent", "bundle_name", "golden_rows", "write_bundle"]

Array = npt.NDArray[Any]

GOLDEN_ROWS = 64
_ONNXRUNTIME_MINIMUM = "1.32.0"
# The oldest date a zip can hold: no clock in the file, so the same inputs give the same bytes.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER_BYTES, _ALIGNED_BYTES = 30, 64
_EXTRA_HEADER, _ALIGNMENT_KIND = struct.Struct("<HH"), 0xD935
_ARRAY_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,90}", re.A)


@dataclass(frozen=True)
class BundleContent:
    """What goes into a bundle.

    Parameters
    ----------
    usecase, task, version, question
        ``version`` is ``X.Y.Z``; ``question`` is the task's, in French.
    model
        Serialised ``onnx.ModelProto``, every tensor inside.
    inputs, outputs, terms
        The graph's interface, state inputs of per-site rungs included; ``terms`` in the
        order of the last axis of ``contributions``.
    golden
        Raw inputs by name, 64 rows (`golden_rows` draws them).
    run_json, card_html
        The run that made the model, and its card in French.
    hashes
        ``data``, ``code`` and ``lock``.
    created
        ISO 8601, UTC.
    simulated, proxy
        As in the data set.
    additive
        False where contributions are path contributions of trees.
    tolerances
        By output; the default of `Tolerance` for those left out.
    arrays
        Arrays for retrieval by name (`common.lab.index.build`).
    retrieval
        How they are searched, and which inputs that fills.
    usual
        What the training inputs looked like; None to say nothing of them.
    """

    usecase: str
    task: str
    version: str
    question: str
    model: bytes = field(repr=False)
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    terms: tuple[Term, ...]
    golden: Mapping[str, Array] = field(repr=False)
    run_json: str = field(repr=False)
    card_html: str = field(repr=False)
    hashes: Mapping[str, str]
    created: str
    simulated: bool
    proxy: str = ""
    additive: bool = True
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict, repr=False)
    retrieval: RetrievalSettings | None = None
    usual: Usual | None = None

    def __post_init__(self) -> None:
        for name, values in self.golden.items():
            if len(values) != GOLDEN_ROWS:
                raise UsageError(
                    f"golden input {name}: {len(values)} rows",
                    expected=f"{GOLDEN_ROWS} rows",
                    remedy="draw them with golden_rows(inputs)",
                )
        if set(self.hashes) != {"data", "code", "lock"}:
            raise UsageError(f"hashes {sorted(self.hashes)}", expected="data, code and lock")
        for name in self.arrays:
            if not _ARRAY_NAME.fullmatch(name):
                raise UsageError(f"array name {name!r}", expected="letters, digits, _ and -")


def golden_rows(inputs: Mapping[str, Array], rows: int = GOLDEN_ROWS) -> dict[str, Array]:
    """Draw rows evenly from first to last; short inputs have rows repeated.

    Raises
    ------
    UsageError
        There is no row.

    Examples
    --------
    >>> golden_rows({"x": np.arange(10)}, rows=4)["x"].tolist()
    [0, 3, 6, 9]
    """
    length = min((len(values) for values in inputs.values()), default=0)
    if not length:
        raise UsageError("no row to draw golden rows from", expected="at least one row")
    index = np.linspace(0, length - 1, rows).round().astype(np.int64)
    return {name: np.asarray(values)[index] for name, values in inputs.items()}


def bundle_name(content: BundleContent) -> str:
    """Return the file name: ``usecase-task-X.Y.Z.zip``, with SIMULATED where it is due."""
    mark = "-SIMULATED" if content.simulated else ""
    return f"{content.usecase}-{content.task}-{content.version}{mark}.zip"


def write_bundle(
    target: Path, content: BundleContent, key: ec.EllipticCurvePrivateKey | None = None
) -> Path:
    """Write, sign, verify and only then put a bundle in its place.

    The files are staged beside the target and verified as a commune would; a process
    killed at any point leaves either the former target or the new one, whole.

    Parameters
    ----------
    target
        A path that ends in ``.zip`` gives a zip (an older one is replaced); any other
        path gives an unpacked folder, which must not exist yet.
    content
        What goes in.
    key
        Signing key; by default that of `common.lab.keys.ensure_key`.

    Returns
    -------
    Path
        ``target``.

    Raises
    ------
    UsageError
        The target folder exists, or the golden inputs are not what the fields say.
    IntegrityError
        What was written would be refused: forbidden operator, wrong interface, ...
    """
    key = key or ensure_key()
    zipped = target.suffix == ".zip"
    if target.exists() and (target.is_dir() or not zipped):
        raise UsageError(
            f"{target} exists",
            expected="a new folder, or a path that ends in .zip",
            remedy="give the bundle another version",
        )
    files = _signed(_files(content, key), key)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _staging(target) as staging:
        public = staging / "key.pub.pem"
        _write(public, _public_pem(key))
        made = staging / "bundle"
        (_write_zip if zipped else _write_folder)(made, files)
        Bundle.open(made, [public])
        made.replace(target)
        _sync(target.parent)
    return target


def _files(content: BundleContent, key: ec.EllipticCurvePrivateKey) -> dict[str, bytes]:
    manifest = _manifest(content, fingerprint(key.public_key()))
    files = {
        "manifest.json": manifest.to_json().encode(),
        "model.onnx": content.model,
        "examples.npz": _examples(content, manifest),
        "card.html": content.card_html.encode(),
        "run.json": content.run_json.encode(),
    }
    if content.usual is not None:
        files[USUAL] = content.usual.to_bytes()
    for name, values in content.arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, values, allow_pickle=False)
        files[f"arrays/{name}.npy"] = buffer.getvalue()
    return files


def _manifest(content: BundleContent, signer: str) -> Manifest:
    summary = read_summary(content.model)
    operators = tuple(sorted(summary.operators))
    check_operators(summary, operators, summary.opsets)
    return Manifest(
        usecase=content.usecase,
        task=content.task,
        version=content.version,
        question=content.question,
        inputs=tuple(_field_spec(item) for item in content.inputs),
        outputs=tuple(_field_spec(item) for item in content.outputs),
        terms=tuple(TermSpec(term.name, term.label, term.group) for term in content.terms),
        additive=content.additive,
        opsets=dict(sorted(summary.opsets.items())),
        operators=operators,
        tolerances={
            item.name: content.tolerances.get(item.name, Tolerance()) for item in content.outputs
        },
        golden_rows=GOLDEN_ROWS,
        hashes=dict(content.hashes),
        created=content.created,
        simulated=content.simulated,
        proxy=content.proxy,
        key_fingerprint=signer,
        onnxruntime_minimum=_ONNXRUNTIME_MINIMUM,
        retrieval=content.retrieval,
    )


def _field_spec(item: Field) -> FieldSpec:
    default = item.default
    return FieldSpec(
        name=item.name,
        dtype=item.dtype,
        shape=item.shape,
        unit=item.unit,
        meaning=item.meaning,
        low=item.low,
        high=item.high,
        missing=item.missing,
        default=None if default is None else np.asarray(default, dtype=item.dtype),
        labels=item.labels,
    )


def _examples(content: BundleContent, manifest: Manifest) -> bytes:
    """Run the graph on the golden inputs and store both, without pickle."""
    inputs = prepare(manifest.inputs, content.golden, Limits())
    session = open_session(content.model, manifest)
    outputs = run_session(session, inputs, [item.name for item in manifest.outputs])
    arrays = {f"in_{name}": values for name, values in inputs.items()}
    arrays |= {f"out_{name}": values for name, values in outputs.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _signed(files: dict[str, bytes], key: ec.EllipticCurvePrivateKey) -> dict[str, bytes]:
    sums = sums_text(files).encode("ascii")
    return files | {SUMS: sums, SIGNATURE: sign(sums, key)}


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """Give a hidden folder beside the target (same file system: the move is atomic)."""
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.staging-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    for name in sorted(files):
        entry = path / name
        entry.parent.mkdir(parents=True, exist_ok=True)
        _write(entry, files[name])


def _padding(position: int) -> bytes:
    r"""Return an extra field of a zip entry after which data begin on a multiple of 64 bytes.

    An extra field is its kind, its length and as many bytes (APPNOTE.TXT 4.5.1); 0xD935 is
    the kind that other tools write for this (Android's ``zipalign``).

    >>> len(_padding(0)), len(_padding(60)), len(_padding(61))
    (64, 4, 67)
    """
    size = -position % _ALIGNED_BYTES
    size += 0 if size >= _EXTRA_HEADER.size else _ALIGNED_BYTES
    filler = size - _EXTRA_HEADER.size
    return _EXTRA_HEADER.pack(_ALIGNMENT_KIND, filler) + bytes(filler)


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write entries sorted, undated and of fixed mode: the same files give the same zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.create_system = 3  # Unix, also when written elsewhere
            entry.external_attr = 0o100644 << 16
            if name.startswith("arrays/"):  # as it is, where a server can map it
                entry.extra = _padding(buffer.tell() + _LOCAL_HEADER_BYTES + len(name))
                archive.writestr(entry, files[name], zipfile.ZIP_STORED)
            else:
                archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED, compresslevel=9)
    _write(path, buffer.getvalue())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def _sync(folder: Path) -> None:
    """Make the move itself durable, where a folder can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
