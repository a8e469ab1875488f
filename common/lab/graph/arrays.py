"""Array functions for traced features: what the array API lacks or ndonnx traces with branches.

Every function takes the array namespace first (``numpy`` or ``ndonnx``), ignores NaN where it
says so, and treats each row of the first axis on its own.
"""

from typing import Any

import numpy as np

__all__ = [
    "columns",
    "compact",
    "largest",
    "matmul",
    "nan_mean",
    "nan_sum",
    "narrow",
    "rows_merged",
    "rows_of",
    "rows_split",
    "running_sum",
    "smallest",
    "take_along",
    "weighted_mean",
]

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


def take_along(xp: Any, values: Any, index: Any) -> Any:
    """Gather from each row of a matrix at its own places.

    >>> take_along(np, np.array([[5, 6, 7]]), np.array([[2, 0]])).tolist()
    [[7, 5]]
    """
    if xp is np:
        return np.take_along_axis(values, index, axis=1)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.gather_elements(values.unwrap_spox(), index.unwrap_spox(), axis=1))


def compact(xp: Any, values: Any, kept: Any) -> tuple[Any, Any]:
    """Move the kept integers of each row to its left, zeros behind them.

    Parameters
    ----------
    values, kept
        Shape (n, m), integers and booleans.

    Returns
    -------
    moved, places
        Shape (n, m): the result, and in which column each kept value lies.

    Examples
    --------
    >>> moved, places = compact(np, np.array([[7, 8, 9]]), np.array([[True, False, True]]))
    >>> moved.tolist(), places.tolist()
    ([[7, 9, 0]], [[0, 0, 1]])
    """
    ones = xp.ones_like(values)
    places = running_sum(xp, xp.astype(kept, values.dtype), axis=1) - 1
    last = columns(xp, running_sum(xp, ones, axis=1), -1)
    # What is not kept is written into one column more, which is cut off.
    targets = xp.where(kept, places, last)
    rows = running_sum(xp, ones, axis=0) - 1
    blank = xp.zeros_like(xp.concat([values, last], axis=1))
    if xp is np:
        blank[rows, targets] = np.where(kept, values, 0)
        moved = blank
    else:
        import spox.opset.ai.onnx.v21 as op

        index = xp.stack([rows, targets], axis=2).unwrap_spox()
        written = xp.where(kept, values, xp.zeros_like(values)).unwrap_spox()
        moved = xp.asarray(op.scatter_nd(blank.unwrap_spox(), index, written))
    return columns(xp, moved, 0, -1), xp.where(places < 0, xp.zeros_like(places), places)


def columns(xp: Any, values: Any, start: int, stop: int | None = None) -> Any:
    """Return ``values[:, start:stop]``; written as one Slice, where ndonnx writes a dozen nodes.

    >>> columns(np, np.array([[1, 2, 3]]), 0, -1).tolist()
    [[1, 2]]
    """
    if xp is np:
        return values[:, start:stop]
    import spox.opset.ai.onnx.v21 as op

    end = np.iinfo(np.int64).max if stop is None else stop
    bounds = [op.const(np.array([number], np.int64)) for number in (start, end, 1)]
    return xp.asarray(op.slice(values.unwrap_spox(), *bounds))


def running_sum(xp: Any, values: Any, axis: int) -> Any:
    """Sum from the start along an axis, in the values' own type.

    >>> running_sum(np, np.array([[1, 2, 3]]), axis=1).tolist()
    [[1, 3, 6]]
    """
    if xp is np:
        return np.cumsum(values, axis=axis, dtype=values.dtype)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.cumsum(values.unwrap_spox(), op.const(np.array(axis, dtype=np.int64))))


def narrow(xp: Any, values: Any, used: Any) -> Any:
    """Keep as many columns as the row that uses most of them; no result depends on the rest.

    Parameters
    ----------
    values
        Shape (n, m).
    used
        Columns that each row uses, shape (n, 1), int64.

    >>> narrow(np, np.array([[1, 2, 0, 0], [3, 0, 0, 0]]), np.array([[2], [1]])).tolist()
    [[1, 2], [3, 0]]
    """
    if xp is np:
        return values[:, : int(used.max())]
    import spox.opset.ai.onnx.v21 as op

    stop = op.reshape(
        op.reduce_max(used.unwrap_spox(), keepdims=0), op.const(np.array([1], np.int64))
    )
    start, axis = (op.const(np.array([number], np.int64)) for number in (0, 1))
    return xp.asarray(op.slice(values.unwrap_spox(), start, stop, axis))


def rows_merged(xp: Any, values: Any) -> Any:
    """Flatten all axes behind the first, of whatever length they are.

    >>> rows_merged(np, np.zeros((2, 3, 4))).shape
    (2, 12)
    """
    if xp is np:
        return values.reshape(len(values), -1)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.reshape(values.unwrap_spox(), op.const(np.array([0, -1], np.int64))))


def rows_split(xp: Any, values: Any, size: int) -> Any:
    """Cut each row into groups of ``size``: (n, m) becomes (n, m / size, size).

    >>> rows_split(np, np.arange(6).reshape(1, 6), 2).tolist()
    [[[0, 1], [2, 3], [4, 5]]]
    """
    if xp is np:
        return values.reshape(len(values), -1, size)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.reshape(values.unwrap_spox(), op.const(np.array([0, -1, size], np.int64))))
