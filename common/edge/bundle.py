"""Open a signed bundle, verify it from the outside in, predict and explain with it."""

import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits, read_files, stored_at
from common.edge.errors import (
    ChecksumError,
    DataError,
    GoldenRowError,
    ManifestError,
    OperatorError,
    UsageError,
)
from common.edge.explanation import Explanation, explain_rows
from common.edge.inputs import prepare
from common.edge.manifest import FieldSpec, Manifest, Tolerance, version_tuple
from common.edge.onnxfile import read_summary
from common.edge.operators import check_operators
from common.edge.retrieval.inputs import Index
from common.edge.signature import SUMS, verify_checksums, verify_signature
from common.edge.training.usual import FILE as USUAL
from common.edge.training.usual import Usual

__all__ = ["REQUIRED_FILES", "Bundle", "open_session", "run_session"]

Array = npt.NDArray[Any]

REQUIRED_FILES = ("card.html", "examples.npz", "manifest.json", "model.onnx", "run.json")
_NPY_HEADER_BYTES = 2**16
_TENSOR_TYPES = {"float32": "tensor(float)", "int64": "tensor(int64)", "bool": "tensor(bool)"}


@dataclass(frozen=True)
class Bundle:
    """A verified bundle; made by `Bundle.open`, safe to share between threads.

    Parameters
    ----------
    manifest
        What goes in and comes out, and how it was made.
    signer
        Fingerprint of the trusted key that signed it.
    digest
        sha256 of SHA256SUMS: identifies the bundle, whatever its container.
    sizes
        File name to size in bytes.
    card
        ``card.html``, the model card in French.
    run_text
        ``run.json``: the run that made the bundle; `run` reads it.
    arrays
        Arrays for retrieval by name (``arrays/<name>.npy``), read-only; memory-mapped where
        they lie uncompressed, as in a folder and in the zips that the lab writes.
    golden
        The rows of ``examples.npz``: raw inputs and outputs by tensor name.
    limits
        Bounds of a call.
    session
        The onnxruntime session.
    index
        Searches the arrays; None where the manifest declares no retrieval.
    usual
        ``usual.json``: what the training inputs looked like; None in older bundles.
    """

    manifest: Manifest
    signer: str
    digest: str
    sizes: Mapping[str, int]
    card: str
    run_text: bytes = field(repr=False)
    arrays: Mapping[str, Array]
    golden: tuple[Mapping[str, Array], Mapping[str, Array]]
    limits: Limits
    session: Any = field(repr=False)
    index: Index | None = field(default=None, repr=False)
    usual: Usual | None = field(default=None, repr=False)

    @classmethod
    def open(
        cls, path: Path | str, trusted: Iterable[Path | str], *, limits: Limits | None = None
    ) -> "Bundle":
        """Open a zip or an unpacked folder; each check comes before what it protects.

        Archive hygiene, signature, checksums, manifest, operators, and only then a
        session, whose golden rows must replay.

        Parameters
        ----------
        path
            The bundle.
        trusted
            Public keys in PEM; `common.edge.signature.trusted_keys` lists a folder's.
        limits
            Bounds of the files and of a call.

        Raises
        ------
        ArchiveError, SignatureError, ChecksumError, ManifestError, OperatorError, GoldenRowError
            In this order; all are IntegrityError, exit code 4.
        UsageError
            There is no file at ``path``, or a trusted key is unreadable.
        """
        limits = limits or Limits()
        files = read_files(Path(path), limits)
        signer = verify_signature(files, trusted)
        verify_checksums(files)
        for name in REQUIRED_FILES:
            if name not in files:
                raise ChecksumError(f"no {name} in the bundle", expected=", ".join(REQUIRED_FILES))
        manifest = Manifest.from_json(files["manifest.json"])
        check_operators(read_summary(files["model.onnx"]), manifest.operators, manifest.opsets)
        session = open_session(files["model.onnx"], manifest)
        arrays = _arrays(files, Path(path))
        bundle = cls(
            manifest=manifest,
            signer=signer,
            digest=hashlib.sha256(files[SUMS]).hexdigest(),
            sizes={name: len(data) for name, data in sorted(files.items())},
            card=files["card.html"].decode("utf-8", errors="replace"),
            run_text=_checked_run(files["run.json"]),
            arrays=arrays,
            golden=_golden(files["examples.npz"], manifest),
            limits=limits,
            session=session,
            index=_index(manifest, arrays, files),
            usual=Usual.from_bytes(files[USUAL]) if USUAL in files else None,
        )
        bundle.replay()
        return bundle

    @property
    def run(self) -> dict[str, Any]:
        """The run that made the bundle, read anew: a server asks for little of it, seldom."""
        return dict(json.loads(self.run_text))

    def predict(self, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """Run the graph on checked inputs.

        Parameters
        ----------
        inputs
            Input name to values of shape (n, ...); inputs with a default may be absent. Where
            the bundle carries an index, a text alone is enough: what the index computes from
            it is filled in, unless the caller gives it.

        Returns
        -------
        dict
            Output name to array of shape (n, ...), in the manifest's order.

        Raises
        ------
        TableError
            An input is refused; the text names input, row, value and legal range.
        """
        if self.index is not None:
            inputs = self.index.fill(inputs, self.limits)
        return self._run(prepare(self.manifest.inputs, inputs, self.limits))

    def explain(self, inputs: Mapping[str, npt.ArrayLike]) -> tuple[Explanation, ...]:
        """Return, for each row, the reasons of its prediction, the strongest first.

        Raises
        ------
        UsageError
            The graph has no output ``contributions`` with its ``baseline``.
        TableError
            As in `predict`.
        """
        outputs = self.predict(inputs)
        for name in ("baseline", "contributions"):
            if name not in outputs:
                raise UsageError(
                    f"{self.manifest.task}: the graph has no output {name}",
                    expected="a bundle that explains itself",
                )
        return explain_rows(self.manifest, outputs)

    def inspect(self) -> dict[str, Any]:
        """Return what is known of the bundle, ready for JSON."""
        return {
            "manifest": json.loads(self.manifest.to_json()),
            "signer": self.signer,
            "digest": self.digest,
            "files": dict(self.sizes),
            "golden_rows_replayed": self.manifest.golden_rows,
        }

    def replay(self) -> None:
        """Run the golden rows and compare with what the lab recorded; search golden texts too.

        Raises
        ------
        GoldenRowError
            Names output, row, found and expected.
        """
        inputs, expected = self.golden
        try:
            found = self.predict(inputs)
        except DataError as error:
            raise GoldenRowError(
                f"the golden rows are refused: {error.found}",
                expected=error.expected,
                remedy="export the bundle again",
            ) from error
        for name, values in expected.items():
            _compare(name, found[name], values, self.manifest.tolerances[name])
        if self.index is not None:
            self.index.replay(self.arrays)

    def at_rest(self) -> "Bundle":
        """Return the bundle without its golden rows but the first, which stays as an example.

        For whoever keeps it open: the rows of one model can be 2 MB, and were replayed.
        """
        inputs, outputs = (
            {name: values[:1].copy() for name, values in rows.items()} for rows in self.golden
        )
        return replace(self, golden=(inputs, outputs))

    def _run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        return run_session(self.session, inputs, [output.name for output in self.manifest.outputs])


def open_session(model: bytes, manifest: Manifest) -> Any:
    """Open an onnxruntime session of one thread and hold it against the manifest.

    One thread: a commune's server has two cores, and the workers share them. No arena: what a
    large call took goes back to the system (``docs/decisions/serving-footprint.md``). Every
    optimisation, as in the lab: another level adds in another order, and the last bit of a
    feature on the edge of its grid decides a split.

    Raises
    ------
    ManifestError
        onnxruntime is too old, or inputs or outputs differ from the manifest's.
    OperatorError
        onnxruntime refuses the graph.
    """
    import onnxruntime

    minimum = manifest.onnxruntime_minimum
    if version_tuple(onnxruntime.__version__.split("+")[0]) < version_tuple(minimum):
        raise ManifestError(
            f"onnxruntime {onnxruntime.__version__}",
            expected=f"at least {minimum}",
            remedy="update Aune on this machine",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        session.disable_fallback()
        session._model_bytes = None  # kept for the fallback alone, as large as the graph
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise OperatorError(
            f"onnxruntime refuses model.onnx: {str(error)[:300]}",
            expected="a graph that the CPU provider can run",
            remedy="export the bundle again",
        ) from error
    _check_interface("input", session.get_inputs(), manifest.inputs)
    _check_interface("output", session.get_outputs(), manifest.outputs)
    return session


def run_session(session: Any, inputs: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
    """Run a session and return the outputs by name.

    Raises
    ------
    DataError
        onnxruntime fails on these inputs.
    """
    try:
        values = session.run(names, dict(inputs))
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise DataError(
            f"the graph fails on these inputs: {str(error)[:300]}",
            expected="inputs as the manifest describes them",
        ) from error
    return dict(zip(names, values, strict=True))


def _check_interface(kind: str, tensors: Iterable[Any], fields: tuple[FieldSpec, ...]) -> None:
    found = {tensor.name: (tensor.type, tuple(tensor.shape)) for tensor in tensors}
    names = {item.name for item in fields}
    if set(found) != names:
        raise ManifestError(f"{kind}s of the graph: {sorted(found)}", expected=str(sorted(names)))
    for item in fields:
        tensor_type, shape = found[item.name]
        agrees = len(shape) == len(item.shape) and all(
            size == wanted
            for size, wanted in zip(shape, item.shape, strict=True)
            if isinstance(size, int) and isinstance(wanted, int)
        )
        if tensor_type != _TENSOR_TYPES[item.dtype] or not agrees:
            raise ManifestError(
                f"{kind} {item.name} of the graph: {tensor_type} {shape}",
                expected=f"{_TENSOR_TYPES[item.dtype]} {item.shape}",
                remedy="export the bundle again",
            )


def _golden(data: bytes, manifest: Manifest) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    """Read ``examples.npz``: ``in_<input>`` and ``out_<output>`` for all of them."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except Exception as error:  # numpy raises many kinds on a damaged file
        raise GoldenRowError(f"examples.npz cannot be read: {error}") from error
    inputs = {item.name: f"in_{item.name}" for item in manifest.inputs}
    outputs = {item.name: f"out_{item.name}" for item in manifest.outputs}
    expected = {*inputs.values(), *outputs.values()}
    lengths = {len(values) if values.ndim else 0 for values in arrays.values()}
    if set(arrays) != expected or lengths != {manifest.golden_rows}:
        raise GoldenRowError(
            f"examples.npz holds {sorted(arrays)} of {sorted(lengths)} rows",
            expected=f"{sorted(expected)} of {manifest.golden_rows} rows",
            remedy="export the bundle again",
        )
    return (
        {name: arrays[key] for name, key in inputs.items()},
        {name: arrays[key] for name, key in outputs.items()},
    )


def _compare(name: str, found: Array, expected: Array, tolerance: Tolerance) -> None:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise GoldenRowError(
            f"output {name}: {found.dtype} of shape {found.shape}",
            expected=f"{expected.dtype} of shape {expected.shape}",
        )
    close = np.isclose(
        found, expected, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True
    )
    if close.all():
        return
    index = tuple(int(i) for i in np.argwhere(~close)[0])
    raise GoldenRowError(
        f"output {name}, golden row {index[0]}, position {index[1:]}: {found[index]!r}",
        expected=f"{expected[index]!r} within {tolerance.absolute:g} + "
        f"{tolerance.relative:g} of it",
        remedy="do not use this bundle here: this machine does not compute as the lab's did",
    )


def _arrays(files: Mapping[str, bytes], path: Path) -> dict[str, Array]:
    """Read the arrays; where they lie uncompressed they are mapped: processes share them."""
    arrays: dict[str, Array] = {}
    for name, data in files.items():
        if not name.startswith("arrays/"):
            continue
        place = stored_at(path, name)
        try:
            array = _array(_mapped(data, *place) if place else data)
        except ChecksumError:
            raise
        except Exception as error:  # numpy raises many kinds on a damaged file
            raise ManifestError(f"{name} is not a .npy file: {error}") from error
        arrays[name.removeprefix("arrays/").removesuffix(".npy")] = array
    return arrays


def _mapped(data: bytes, file: Path, start: int) -> memoryview:
    """Return the same bytes from the file where they lie.

    They were verified as they were read. Whoever could write into the file afterwards could as
    well replace it: what is installed belongs to who installs, and is never written again.
    """
    found = np.memmap(file, np.uint8, "r", start, (len(data),))
    if not np.array_equal(found, np.frombuffer(data, np.uint8)):
        raise ChecksumError(f"{file.name} changed while it was opened")
    return found.data


def _array(data: bytes | memoryview) -> Array:
    """Return a read-only view of a ``.npy`` file's bytes: an index of 50 MB is held once."""
    buffer = io.BytesIO(data[:_NPY_HEADER_BYTES])
    version = np.lib.format.read_magic(buffer)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"format {version}")
    shape, by_columns, dtype = readers[version](buffer)
    if dtype.hasobject:
        raise ValueError("it holds objects")
    count = math.prod(shape)
    if len(data) - buffer.tell() != count * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for shape {shape} of {dtype}")
    flat = np.frombuffer(data, dtype=dtype, count=count, offset=buffer.tell())
    return flat.reshape(shape, order="F" if by_columns else "C")


def _index(
    manifest: Manifest, arrays: Mapping[str, Array], files: Mapping[str, bytes]
) -> Index | None:
    """Open the index that the manifest declares, if its arrays are those it names."""
    if manifest.retrieval is None:
        return None
    for name, digest in (manifest.retrieval.arrays or {}).items():
        data = files.get(f"arrays/{name}.npy")
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise ChecksumError(
                f"array {name} is not the one of the manifest's retrieval",
                expected=digest,
                remedy="export the bundle again",
            )
    return Index.open(arrays, manifest.retrieval)


def _checked_run(text: bytes) -> bytes:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"run.json is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ManifestError("run.json is not an object", expected="a run, as aune writes it")
    return text
