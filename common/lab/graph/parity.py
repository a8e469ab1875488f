"""Parity: hold an exported graph against the model that it was made from.

Converters err on thresholds, missing values and extremes, which random rows hardly
meet; the rows made here meet little else (``briefs/mlops.md`` 2).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from common.edge.errors import ThresholdError, UsageError
from common.lab.graph.tracing import ndonnx

if TYPE_CHECKING:
    import onnx
    import onnxruntime

    from common.lab.graph.heads import Head

__all__ = [
    "MAX_ERROR_OVER_SPREAD",
    "ROUNDING_ULPS",
    "ParityReport",
    "adversarial_matrix",
    "check_head",
    "compare",
    "head_model",
    "open_session",
    "run_model",
]

MAX_ERROR_OVER_SPREAD = 1e-5
"""Largest error that passes, as a share of the output's standard deviation."""

ROUNDING_ULPS = 32
"""Float32 roundings that a sum of terms may lose before an error counts as a reroute."""

Matrix = npt.NDArray[np.float32]


class Exportable(Protocol):
    """An AdditiveModel or a TreeHead: anything with a fragment of its own."""

    def to_onnx(self) -> "onnx.ModelProto":
        """Return the fragment from ``X`` to ``raw`` and ``contributions``."""
        ...


@dataclass(frozen=True)
class ParityReport:
    """What the comparison of graph and reference found.

    Parameters
    ----------
    n_rows
        Rows compared.
    n_rerouted
        Rows whose error is larger than float32 rounding explains: another leaf was met.
    worst_error
        In units of the raw output.
    worst_error_over_spread
        The same over the standard deviation of the reference.
    contributions_error
        Worst error of a contribution over that spread: against the reference
        contributions where given, else of ``baseline + contributions.sum() - raw``.
    """

    n_rows: int
    n_rerouted: int
    worst_error: float
    worst_error_over_spread: float
    contributions_error: float

    @property
    def passed(self) -> bool:
        """No row rerouted, both errors within ``MAX_ERROR_OVER_SPREAD``."""
        worst = max(self.worst_error_over_spread, self.contributions_error)
        return self.n_rerouted == 0 and worst <= MAX_ERROR_OVER_SPREAD

    def require(self, what: str) -> None:
        """Raise ThresholdError unless the report passes; ``what`` names the model."""
        if not self.passed:
            raise ThresholdError(
                f"{what}: {self.n_rerouted} of {self.n_rows} rows rerouted, worst error "
                f"{self.worst_error_over_spread:.1e} of the spread, contributions "
                f"{self.contributions_error:.1e}",
                expected=f"0 rerouted, errors <= {MAX_ERROR_OVER_SPREAD:.0e} of the spread",
                remedy="do not ship; report the training parameters, the exporter is at fault",
            )


def adversarial_matrix(
    thresholds: Sequence[npt.ArrayLike],
    rng: np.random.Generator,
    n_rows: int,
    *,
    infinite: bool = False,
) -> Matrix:
    """Return rows where a wrong exporter errs, shape (n_rows, len(thresholds)).

    Every value is a threshold, one float32 step below or above one, NaN, a zero of either
    sign, an ordinary value between thresholds or one of 1e6 times their range; with
    ``infinite`` also +inf or -inf.

    Parameters
    ----------
    thresholds
        For each feature its thresholds, float32; none for a feature not split on.
    rng
        Source of randomness.
    n_rows
        Rows to make.
    infinite
        Whether the features may legally be infinite.
    """
    columns = [_adversarial_column(edges, rng, n_rows, infinite) for edges in thresholds]
    return np.column_stack(columns)


def _adversarial_column(
    thresholds: npt.ArrayLike,
    rng: np.random.Generator,
    n_rows: int,
    infinite: bool,  # noqa: FBT001 - passed on
) -> Matrix:
    edges = np.asarray(thresholds, dtype=np.float32).ravel()
    edges = edges[np.isfinite(edges) & (np.abs(edges) < 1e30)]
    if not len(edges):
        edges = np.zeros(1, dtype=np.float32)
    span = max(float(np.ptp(edges)), 1.0)
    at = rng.choice(edges, n_rows)
    kinds = [
        at,
        np.nextafter(at, np.float32(-np.inf)),
        np.nextafter(at, np.float32(np.inf)),
        np.full(n_rows, np.nan, dtype=np.float32),
        np.where(rng.random(n_rows) < 0.5, np.float32(0.0), np.float32(-0.0)),
        (at + rng.normal(0.0, span, n_rows)).astype(np.float32),
        rng.normal(0.0, 1e6 * span, n_rows).astype(np.float32),
    ]
    shares = [0.3, 0.15, 0.15, 0.1, 0.05, 0.2, 0.05]
    if infinite:
        kinds.append(np.where(rng.random(n_rows) < 0.5, np.inf, -np.inf).astype(np.float32))
        shares = [*(0.95 * share for share in shares), 0.05]
    pick = rng.choice(len(kinds), n_rows, p=shares)
    column: Matrix = np.stack(kinds)[pick, np.arange(n_rows)]
    return column


def head_model(head: "Head", n_features: int) -> "onnx.ModelProto":
    """Trace a head without graph inputs of its own into an ONNX model.

    Parameters
    ----------
    head
        Called with ndonnx and no inputs.
    n_features
        Columns of the matrix ``X``.
    """
    ndx = ndonnx()
    matrix = ndx.argument(shape=("lines", n_features), dtype=ndx.float32)
    raw, contributions = head(ndx, matrix, {})
    model: onnx.ModelProto = ndx.build({"X": matrix}, {"raw": raw, "contributions": contributions})
    return model


def open_session(model: "onnx.ModelProto") -> "onnxruntime.InferenceSession":
    """Return an onnxruntime session on one thread, as the edge opens it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_model(
    model: "onnx.ModelProto", inputs: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Run a model once on one thread; return its outputs by name."""
    session = open_session(model)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def check_head(
    head: "Head | Exportable",
    reference: Callable[[Matrix], npt.ArrayLike],
    X: Matrix,
    *,
    contributions: npt.ArrayLike | None = None,
) -> ParityReport:
    """Compare a head's graph, run in onnxruntime, with the model that it came from.

    Parameters
    ----------
    head
        A Head without graph inputs, or anything with ``to_onnx`` (an AdditiveModel).
    reference
        From the matrix to the raw prediction, in float64: ``booster.predict``.
    X
        Shape (n, d), float32; see ``adversarial_matrix``.
    contributions
        Shape (n, n_terms): reference contributions, where there are any.

    Notes
    -----
    Rounding explains ``ROUNDING_ULPS`` float32 steps of
    ``|prediction| + sum |contributions|`` (and of the largest prediction, for trees whose
    partial sums exceed the result). A larger error means another leaf. Reroutes between
    leaves that differ by less than this cannot be seen, nor do they matter.
    """
    to_onnx = getattr(head, "to_onnx", None)
    model = to_onnx() if to_onnx is not None else head_model(head, X.shape[1])  # type: ignore[arg-type]  # a Head
    found = run_model(model, {"X": X})
    expected = np.asarray(reference(X), dtype=np.float64)
    raw, shares = found["raw"].astype(np.float64), found["contributions"].astype(np.float64)
    error = _distance(raw, expected)
    magnitude = np.abs(expected) + np.abs(shares).sum(axis=1) + np.abs(expected).max()
    rounding = ROUNDING_ULPS * 2.0**-24 * magnitude
    spread = _spread(expected)
    if contributions is None:
        baseline = getattr(head, "baseline", getattr(head, "base", 0.0))
        gap = _distance(baseline + shares.sum(axis=1), raw)
    else:
        gap = _distance(shares, np.asarray(contributions, dtype=np.float64))
    return ParityReport(
        n_rows=len(X),
        n_rerouted=int(np.count_nonzero(~(error <= rounding))),
        worst_error=float(error.max()),
        worst_error_over_spread=float(error.max() / spread),
        contributions_error=float(gap.max() / spread),
    )


def compare(
    found: Mapping[str, npt.NDArray[Any]],
    expected: Mapping[str, npt.NDArray[Any]],
    spread: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the worst error of each output over its spread.

    Parameters
    ----------
    found, expected
        Outputs by name, of the same shapes. NaN equals NaN, and an infinity itself;
        either against anything else is an infinite error.
    spread
        By name; the standard deviation of the finite expected values where left out.

    Examples
    --------
    0.5 over a standard deviation of 1 (values -1 and 1):

    >>> compare({"load": np.array([-1.0, 1.5])}, {"load": np.array([-1.0, 1.0])})
    {'load': 0.5}
    """
    if set(found) != set(expected):
        raise UsageError(f"outputs {sorted(found)}", expected=f"outputs {sorted(expected)}")
    worst = {}
    for name, values in expected.items():
        truth, other = np.asarray(values, np.float64), np.asarray(found[name], np.float64)
        if truth.shape != other.shape:
            raise UsageError(f"{name}: shape {other.shape}", expected=f"shape {truth.shape}")
        scale = spread[name] if spread and name in spread else _spread(truth)
        worst[name] = float(_distance(other, truth).max(initial=0.0) / scale)
    return worst


def _distance(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return |a - b|, 0 where both are the same NaN or infinity, else inf if not finite."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(a - b)
    distance[np.isnan(distance)] = np.inf
    distance[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return distance


def _spread(values: npt.NDArray[np.float64]) -> float:
    """Return the standard deviation of the finite values, 1 where they do not vary."""
    finite = values[np.isfinite(values)]
    return float(finite.std()) or 1.0 if len(finite) else 1.0
