"""Array functions for traced features: what the array API lacks or ndonnx traces with branches.

Every function takes the array namespace first (``numpy`` or ``ndonnx``), ignores NaN where it
says so, and treats each row of the first axis on its own.
"""

from typing import Any

import numpy as np

__all__ = ["largest", "matmul", "nan_mean", "nan_sum", "rows_of", "smallest", "weighted_mean"]

TINY = 1e-9
"""Smallest denominator: an empty mean is 0, never undefined."""


def nan_sum(xp: Any, values: Any, axis: int | tuple[int, ...]) -> Any:
    """Sum without the NaN values.

    >>> nan_sum(np, np.array([[1.0, np.nan, 2.0]]), axis=1).tolist()
    [3.0]
    """
    return xp.sum(xp.where(xp.isnan(values), xp.zeros_like(values), values), axis=axis)


def nan_mean(xp: Any, values: Any, axis: int | tuple[int, ...]) -> Any:
    """Average without the NaN values; 0 where there is none.

    >>> nan_mean(np, np.array([[1.0, np.nan, 2.0], [np.nan] * 3]), axis=1).tolist()
    [1.5, 0.0]
    """
    known = xp.astype(~xp.isnan(values), values.dtype)
    count = xp.sum(known, axis=axis)
    return nan_sum(xp, values, axis) / xp.where(count > 0, count, xp.ones_like(count))


def weighted_mean(xp: Any, values: Any, weights: Any, axis: int) -> Any:
    """Average with weights, without the NaN values; 0 where no weight is left.

    >>> values, weights = np.array([[1.0, np.nan, 4.0]]), np.array([[1.0, 5.0, 2.0]])
    >>> weighted_mean(np, values, weights, axis=1).tolist()  # (1 + 8) / 3
    [3.0]
    """
    known = xp.astype(~xp.isnan(values), values.dtype) * weights
    total = xp.sum(known, axis=axis)
    filled = xp.where(xp.isnan(values), xp.zeros_like(values), values)
    tiny = xp.zeros_like(total) + TINY
    return xp.sum(filled * known, axis=axis) / xp.where(total > TINY, total, tiny)


def matmul(xp: Any, left: Any, right: Any) -> Any:
    """Multiply matrices (..., a, b) by (..., b, c).

    ``ndonnx.matmul`` wraps the product in an ``If`` for empty arrays; the bundle's operator
    list has no branches, so the ONNX operator is called directly.
    """
    if xp is np:
        return np.matmul(left, right)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.matmul(left.unwrap_spox(), right.unwrap_spox()))


def largest(xp: Any, values: Any, axis: int) -> Any:
    """Return the maximum along an axis; values must not be NaN (see `matmul` for why)."""
    if xp is np:
        return np.max(values, axis=axis)
    import spox.opset.ai.onnx.v21 as op

    axes = op.const(np.array([axis], dtype=np.int64))
    return xp.asarray(op.reduce_max(values.unwrap_spox(), axes, keepdims=0))


def smallest(xp: Any, values: Any, axis: int) -> Any:
    """Return the minimum along an axis; values must not be NaN."""
    return -largest(xp, -values, axis)


def rows_of(xp: Any, table: Any, index: Any) -> Any:
    """Gather rows of a table by an index array of any shape.

    Parameters
    ----------
    table
        Shape (k, ...).
    index
        Integers in [0, k), shape (n, ...).

    >>> rows_of(np, np.array([[1.0], [2.0]]), np.array([[1, 0]])).tolist()
    [[[2.0], [1.0]]]
    """
    if xp is np:
        return table[index]
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.gather(table.unwrap_spox(), index.unwrap_spox(), axis=0))
