"""The manifest of a bundle: what goes in, what comes out, and how it was made."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError
from common.edge.retrieval.settings import RetrievalSettings

__all__ = ["SCHEMA", "FieldSpec", "Manifest", "TermSpec", "Tolerance", "version_tuple"]

SCHEMA = 1
Array = npt.NDArray[Any]
T = TypeVar("T")

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.A)
_TENSOR = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.A)
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.A)


@dataclass(frozen=True)
class FieldSpec:
    """An input or an output of the graph (the edge's view of ``common.lab.usecase.Field``).

    Parameters
    ----------
    name
        Name of the tensor, with its unit.
    dtype
        ``float32``, ``int64`` or ``bool``.
    shape
        Leading ``"n"`` (rows), then sizes; a name is an axis of any length.
    unit
        ``kWh``, ``°C``, ``1`` for none.
    meaning
        One French sentence.
    low, high
        Legal range, bounds included; None for unbounded.
    missing
        Whether NaN is allowed and means "not known".
    default
        Value of every row when the input is left out, shape without the leading axis;
        None where the input is required.
    labels
        In French, what the values along the first axis after the rows are (services, days,
        hours); empty where their place says it.
    """

    name: str
    dtype: Literal["float32", "int64", "bool"]
    shape: tuple[str | int, ...]
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None
    missing: bool = False
    default: Array | None = field(default=None, compare=False)
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(bool(_TENSOR.fullmatch(self.name)), f"field name {self.name!r}", "a plain name")
        what = f"field {self.name}"
        _require(
            self.dtype in ("float32", "int64", "bool"),
            f"{what}: dtype {self.dtype}",
            "float32, int64 or bool",
        )
        _require(
            bool(self.shape) and self.shape[0] == "n" and all(map(_is_axis, self.shape)),
            f"{what}: shape {self.shape}",
            'a leading "n", then sizes of at least 1 or names',
        )
        low, high = self.range
        _require(low <= high, f"{what}: range {low} to {high}", "low not above high")
        _require(
            not self.missing or self.dtype == "float32",
            f"{what}: missing allowed in {self.dtype}",
            "NaN only in float32",
        )
        _require(
            not self.labels or self.shape[1:2] == (len(self.labels),),
            f"{what}: {len(self.labels)} labels for shape {self.shape}",
            "one for each value of the first axis after the rows",
        )
        if self.default is not None:
            self._check_default(self.default)

    def _check_default(self, default: Array) -> None:
        what = f"field {self.name}: default"
        _require(
            default.shape == self.shape[1:],
            f"{what} of shape {default.shape}",
            f"shape {self.shape[1:]}, one row",
        )
        missing = np.isnan(default)
        _require(self.missing or not missing.any(), f"{what} is missing", "a value")
        with np.errstate(over="ignore"):  # a bound above the largest float32 bounds nothing
            low, high = np.array(self.range, dtype=np.float32 if self.dtype == "float32" else None)
        legal = missing | ((default >= low) & (default <= high) & np.isfinite(default))
        _require(bool(legal.all()), f"{what} {str(default.tolist())[:80]}", f"{low:g} to {high:g}")

    @property
    def range(self) -> tuple[float, float]:
        """The legal range with infinities where it is unbounded."""
        low = -math.inf if self.low is None else self.low
        return low, math.inf if self.high is None else self.high


@dataclass(frozen=True)
class TermSpec:
    """A contribution as it is explained to people: name, French label, French group."""

    name: str
    label: str
    group: str


@dataclass(frozen=True)
class Tolerance:
    """Largest accepted error of a replay: ``absolute + relative * |expected|``.

    The default of 1e-5 is that of ``briefs/platform.md`` 2.2: float32 keeps 6e-8 of a
    value, and sums of some hundred terms lose two more digits between processors.
    """

    absolute: float = 1e-5
    relative: float = 1e-5

    def __post_init__(self) -> None:
        for value in (self.absolute, self.relative):
            _require(0 <= value < 1, f"tolerance {value}", "at least 0 and below 1")


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` says; round-trips to JSON.

    Parameters
    ----------
    usecase, task, version, question
        What is asked; ``version`` is ``X.Y.Z``, ``question`` is in French.
    inputs, outputs
        The graph's interface.
    terms
        Columns of the output ``contributions``, in order; empty where there is none.
    additive
        True where baseline and contributions add up to the prediction by construction;
        False where they are path contributions of trees.
    opsets, operators
        Domain to version, and the exact set of (domain, operator) of the graph.
    tolerances
        Output name to the tolerance of its replay.
    golden_rows
        Number of rows of ``examples.npz``.
    hashes
        sha256 (or commit) of ``data``, ``code`` and ``lock``.
    created
        ISO 8601, UTC.
    simulated
        True where the model learnt from simulated data.
    proxy
        In French, what the data stand in for; empty when they are the real thing.
    key_fingerprint
        Of the signing key; for information, the signature decides.
    onnxruntime_minimum
        Oldest onnxruntime on which the bundle may run.
    retrieval
        How the bundle's arrays are searched, and which inputs that fills; None without an
        index.
    """

    usecase: str
    task: str
    version: str
    question: str
    inputs: tuple[FieldSpec, ...]
    outputs: tuple[FieldSpec, ...]
    terms: tuple[TermSpec, ...]
    additive: bool
    opsets: Mapping[str, int]
    operators: tuple[tuple[str, str], ...]
    tolerances: Mapping[str, Tolerance]
    golden_rows: int
    hashes: Mapping[str, str]
    created: str
    simulated: bool
    proxy: str
    key_fingerprint: str
    onnxruntime_minimum: str
    retrieval: RetrievalSettings | None = None

    def __post_init__(self) -> None:
        for what, name in (("use case", self.usecase), ("task", self.task)):
            _require(bool(_SLUG.fullmatch(name)), f"{what} {name!r}", "a-z, 0-9, _ and -")
        version_tuple(self.version)
        version_tuple(self.onnxruntime_minimum)
        for what, items in (
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("terms", self.terms),
        ):
            names = [item.name for item in items]
            _require(len(set(names)) == len(names), f"{what} {names}", "each name once")
        _require(bool(self.inputs and self.outputs), "no input or no output", "at least one")
        _require(
            set(self.tolerances) == {output.name for output in self.outputs},
            f"tolerances for {sorted(self.tolerances)}",
            "one for each output",
        )
        _require(self.golden_rows >= 1, f"{self.golden_rows} golden rows", "at least 1")
        self._check_contributions()
        self._check_retrieval()

    def _check_contributions(self) -> None:
        for output in self.outputs:
            if output.name == "contributions":
                _require(
                    output.shape[-1] == len(self.terms),
                    f"contributions of shape {output.shape} for {len(self.terms)} terms",
                    "a last axis as long as the terms",
                )

    def _check_retrieval(self) -> None:
        if self.retrieval is None:
            return
        fields = {item.name: item for item in self.inputs}
        for name, size in self.retrieval.filled_sizes().items():
            found = fields.get(name)
            _require(
                found is not None and found.dtype == "float32" and found.shape == ("n", size),
                f"retrieval fills {name}, which is {found and (found.dtype, found.shape)}",
                f"an input of float32 and shape (n, {size})",
            )
        text = self.retrieval.text_input
        _require(
            text is None or (text in fields and fields[text].dtype == "int64"),
            f"retrieval reads {text}",
            "an input of int64",
        )

    def to_json(self) -> str:
        """Return the manifest as JSON, keys sorted; NaN in a default is written as null.

        The keys ``retrieval`` and ``labels`` are left out where there are none: such a manifest
        is what it was before there were any.
        """
        raw = {"schema": SCHEMA, **asdict(self)}
        if self.retrieval is None:
            del raw["retrieval"]
        for item in (*raw["inputs"], *raw["outputs"]):
            if not item["labels"]:
                del item["labels"]
            if item["default"] is not None:
                item["default"] = _without_nan(item["default"].tolist())
        return json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Read a manifest.

        Raises
        ------
        ManifestError
            Not JSON, another schema number, a key missing, unknown or of another type, or
            a value outside its legal range.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestError(
                f"manifest.json is not JSON: {error}", remedy="copy the bundle again"
            ) from error
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            number = raw.get("schema") if isinstance(raw, dict) else None
            raise ManifestError(
                f"manifest.json has schema {number!r}",
                expected=f"schema {SCHEMA}",
                remedy="update Aune on this machine, or export the bundle again",
            )
        del raw["schema"]
        try:
            return cls(**_converted(raw))
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise ManifestError(
                f"manifest.json: {error}",
                expected=f"the keys of schema {SCHEMA}",
                remedy="export the bundle again",
            ) from error


def version_tuple(version: str) -> tuple[int, int, int]:
    """Return ``X.Y.Z`` as three numbers that compare in order.

    >>> version_tuple("1.10.0") > version_tuple("1.9.3")
    True
    """
    _require(bool(_VERSION.fullmatch(version)), f"version {version!r}", "X.Y.Z")
    major, minor, patch = map(int, version.split("."))
    return major, minor, patch


def _converted(raw: dict[str, Any]) -> dict[str, Any]:
    """Turn JSON lists and objects into the records; types are checked on the way."""
    for key in ("usecase", "task", "version", "question", "created", "proxy"):
        _typed(raw[key], str, key)
    for key in ("additive", "simulated"):
        _typed(raw[key], bool, key)
    _typed(raw["golden_rows"], int, "golden_rows")
    _typed(raw["key_fingerprint"], str, "key_fingerprint")
    for key, values, kind in (
        ("opsets", raw["opsets"], int),
        ("hashes", raw["hashes"], str),
    ):
        for value in _typed(values, dict, key).values():
            _typed(value, kind, key)
    pairs = [(str(domain), str(name)) for domain, name in raw["operators"]]
    _require(pairs == sorted(set(pairs)), "operators out of order or doubled", "sorted pairs")
    index = raw.get("retrieval")
    return raw | {
        "retrieval": None if index is None else RetrievalSettings.from_object(index),
        "inputs": tuple(_field(item) for item in raw["inputs"]),
        "outputs": tuple(_field(item) for item in raw["outputs"]),
        "terms": tuple(_term(item) for item in raw["terms"]),
        "operators": tuple(pairs),
        "tolerances": {name: Tolerance(**item) for name, item in raw["tolerances"].items()},
    }


def _field(raw: dict[str, Any]) -> FieldSpec:
    for key in ("name", "unit", "meaning"):
        _typed(raw[key], str, key)
    _typed(raw["missing"], bool, "missing")
    for key in ("low", "high"):
        if raw[key] is not None and type(raw[key]) not in (int, float):
            raise ManifestError(f"{raw['name']}: {key} is {raw[key]!r}", expected="a number")
    default = raw["default"]
    if default is not None:
        default = _default(default, raw["dtype"])
    labels = tuple(_typed(label, str, "labels") for label in raw.get("labels", ()))
    return FieldSpec(**raw | {"shape": tuple(raw["shape"]), "default": default, "labels": labels})


def _default(values: Any, dtype: str) -> Array:
    array = np.asarray(_with_nan(values))
    accepted = {"float32": "fi", "int64": "i", "bool": "b"}.get(dtype, "")
    if array.dtype.kind not in accepted:
        raise ManifestError(f"default of type {array.dtype} for {dtype}", expected=dtype)
    with np.errstate(over="ignore"):
        return array.astype(dtype)  # an overflow to infinity is refused with the range


def _term(raw: dict[str, Any]) -> TermSpec:
    for key, value in raw.items():
        _typed(value, str, key)
    return TermSpec(**raw)


def _typed(value: Any, kind: type[T], what: str) -> T:
    if type(value) is not kind:
        raise ManifestError(
            f"{what} is {str(value)[:80]!r}", expected=kind.__name__, remedy="export again"
        )
    return value


def _is_axis(size: object) -> bool:
    if isinstance(size, str):
        return bool(_TENSOR.fullmatch(size))
    return type(size) is int and size >= 1


def _without_nan(values: Any) -> Any:
    if isinstance(values, list):
        return [_without_nan(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values


def _with_nan(values: Any) -> Any:
    if isinstance(values, Sequence) and not isinstance(values, str):
        return [_with_nan(value) for value in values]
    return math.nan if values is None else values


def _require(condition: bool, found: str, expected: str) -> None:  # noqa: FBT001 - reads as assert
    if not condition:
        raise ManifestError(found, expected=expected, remedy="export the bundle again")
