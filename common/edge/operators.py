"""Which ONNX operators a bundle may use, and the check made before any session."""

from collections.abc import Iterable, Mapping

from common.edge.errors import OperatorError
from common.edge.onnxfile import OnnxSummary

__all__ = ["OPERATORS", "OPSET_CEILINGS", "check_operators"]

# What ndonnx 0.23 traces is opset 21 and ai.onnx.ml 4; skl2onnx writes up to 22; TreeEnsemble
# came with ai.onnx.ml 5. All run on the onnxruntime that the edge requires (1.32).
OPSET_CEILINGS: Mapping[str, int] = {"ai.onnx": 22, "ai.onnx.ml": 5}

# Arithmetic on numbers whose cost is a fixed multiple of the input's size. Left out on purpose:
# loops (Loop, Scan: unbounded time), functions of one's own (their names are not here), strings,
# random numbers (a golden row must replay), quantised kernels, and shapes that depend on values
# (NonZero, Unique, Compress).
# In, though they look like the above: If, because ndonnx guards min, max, any, all and matmul
# against empty arrays with it; both branches are held to this list and at most one runs, once.
# ScatterND, because ndonnx assigns and repeats with it; its indices are checked by onnxruntime.
# ConstantOfShape, Expand, Range and Tile can ask for memory without end; they stay because array
# code needs them and the signature vouches for the graph, while the row limit bounds the inputs.
_ARITHMETIC = """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot
    BitwiseOr BitwiseXor Cast CastLike Ceil Clip Concat Constant ConstantOfShape Cos Cosh CumSum
    Div Einsum Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gemm Greater
    GreaterOrEqual Identity If IsInf IsNaN Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mod
    Mul Neg Not OneHot Or Pad Pow Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round ScatterND Shape
    Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tan Tanh Tile TopK
    Transpose Trilu Unsqueeze Where Xor
"""
_TREES = "TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor"

OPERATORS: frozenset[tuple[str, str]] = frozenset(
    [("ai.onnx", name) for name in _ARITHMETIC.split()]
    + [("ai.onnx.ml", name) for name in _TREES.split()]
)


def check_operators(
    summary: OnnxSummary,
    operators: Iterable[tuple[str, str]],
    opsets: Mapping[str, int],
) -> None:
    """Refuse a graph that asks more than the list, or other than its manifest says.

    Parameters
    ----------
    summary
        What the graph uses.
    operators, opsets
        What the manifest declares.

    Raises
    ------
    OperatorError
        External data, an unknown domain, an opset above its ceiling, an operator outside
        the list, or a difference from the manifest.
    """
    if summary.external_data:
        raise OperatorError(
            "model.onnx keeps tensors in other files",
            expected="every tensor inside model.onnx",
            remedy="export the graph without external data",
        )
    for domain, version in sorted(summary.opsets.items()):
        ceiling = OPSET_CEILINGS.get(domain)
        if ceiling is None or not 1 <= version <= ceiling:
            raise OperatorError(
                f"opset {domain} {version}",
                expected=" or ".join(f"{name} 1 to {top}" for name, top in OPSET_CEILINGS.items()),
                remedy="export with an older opset, or update Aune on this machine",
            )
    forbidden = summary.operators - OPERATORS
    if forbidden:
        raise OperatorError(
            f"operators outside the list: {_names(forbidden)}",
            expected="only those of common/edge/operators.py",
            remedy="write the features without them, or propose them with a reason",
        )
    _check_declared(summary, frozenset(operators), opsets)


def _check_declared(
    summary: OnnxSummary, operators: frozenset[tuple[str, str]], opsets: Mapping[str, int]
) -> None:
    difference = summary.operators ^ operators
    if difference:
        raise OperatorError(
            f"operators in the graph or in the manifest, but not in both: {_names(difference)}",
            expected=f"exactly the manifest's: {_names(operators)}",
            remedy="export the bundle again",
        )
    if dict(summary.opsets) != dict(opsets):
        raise OperatorError(
            f"opsets in the graph: {dict(summary.opsets)}",
            expected=f"exactly the manifest's: {dict(opsets)}",
            remedy="export the bundle again",
        )


def _names(operators: Iterable[tuple[str, str]]) -> str:
    names = [f"{domain}:{name}" for domain, name in sorted(operators)]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
