"""Read LightGBM trees exactly, or refuse them.

Converters of LightGBM to ONNX were found silently wrong on nine kinds of model
(``briefs/mlops.md`` 2.1, 2.2). Those that this reader cannot carry over exactly are
refused by name; the others are carried over so that no float32 row changes its route:
LightGBM tests ``x <= t`` with a float64 ``t``, which for a float32 ``x`` is the same
test as ``x <= floor32(t)``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import DataError, UsageError

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = [
    "Box",
    "Leaf",
    "Tree",
    "balanced",
    "floor32",
    "read_lightgbm",
]

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_ZERO = np.float32(1e-35)
"""LightGBM's kZeroThreshold (``meta.h``)."""


def floor32(values: npt.ArrayLike) -> Floats32:
    """Return the largest float32 that is not above each value.

    Source: ``briefs/mlops.md`` 2.2; rounding to nearest sent 27 % of the rows that lie
    on a threshold down the other branch.

    Examples
    --------
    0.1 in float64 lies below the nearest float32, 0.3 above it:

    >>> [float(x) <= t for x, t in zip(floor32([0.1, 0.3]), [0.1, 0.3])]
    [True, True]
    >>> float(np.float32(0.1)) <= 0.1
    False
    """
    exact = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)


@dataclass(frozen=True)
class Box:
    """Values of one feature that reach a leaf: ``low < x <= high``, and NaN if ``missing``."""

    low: np.float32
    high: np.float32
    missing: bool

    def below(self, threshold: np.float32, *, missing: bool) -> "Box":
        """Return the part with ``x <= threshold``."""
        return Box(self.low, min(self.high, threshold), self.missing and missing)

    def above(self, threshold: np.float32, *, missing: bool) -> "Box":
        """Return the part with ``x > threshold``."""
        return Box(max(self.low, threshold), self.high, self.missing and missing)


EVERYTHING = Box(np.float32(-np.inf), np.float32(np.inf), missing=True)


@dataclass(frozen=True)
class Leaf:
    """A leaf with the way to it.

    Parameters
    ----------
    node
        Index of the leaf in the tree.
    value
        What the leaf adds to the prediction.
    boxes
        Feature index to the values of it that come here.
    path
        Feature index to what the splits on it changed in the expected value between
        root and leaf; the root's value plus these is ``value``.
    """

    node: int
    value: float
    boxes: Mapping[int, Box]
    path: Mapping[int, float]


@dataclass(frozen=True)
class Tree:
    """A binary tree over float32 rows, nodes in preorder, the root first.

    Parameters
    ----------
    feature
        Feature that each node splits on; -1 in a leaf.
    threshold
        ``x <= threshold`` goes left; float32.
    left, right
        Children; 0 in a leaf.
    missing_left
        Whether NaN goes left.
    value
        A leaf's output; elsewhere the mean output below, weighted by training rows.
    """

    feature: Ints
    threshold: Floats32
    left: Ints
    right: Ints
    missing_left: npt.NDArray[np.bool_]
    value: Floats

    def step(self, node: Ints, X: Floats32) -> Ints:
        """Return the child of each row's ``node``; a leaf is its own child."""
        feature = self.feature[node]
        x = X[np.arange(len(X)), np.maximum(feature, 0)]
        goes_left = np.where(np.isnan(x), self.missing_left[node], x <= self.threshold[node])
        child = np.where(goes_left, self.left[node], self.right[node])
        return np.where(feature < 0, node, child)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the leaves from left to right."""
        yield from self._below(0, {}, {})

    def _below(self, node: int, boxes: dict[int, Box], path: dict[int, float]) -> Iterator[Leaf]:
        feature = int(self.feature[node])
        if feature < 0:
            yield Leaf(node, float(self.value[node]), boxes, path)
            return
        threshold, box = self.threshold[node], boxes.get(feature, EVERYTHING)
        missing_left = bool(self.missing_left[node])
        parts = (
            (int(self.left[node]), box.below(threshold, missing=missing_left)),
            (int(self.right[node]), box.above(threshold, missing=not missing_left)),
        )
        for child, part in parts:
            change = path.get(feature, 0.0) + float(self.value[child] - self.value[node])
            yield from self._below(child, {**boxes, feature: part}, {**path, feature: change})


class _Grower:
    """Append nodes in preorder, then freeze them into a Tree."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []

    def add(self, feature: int, threshold: float, value: float, *, missing_left: bool) -> int:
        self.rows.append([feature, threshold, 0, 0, missing_left, value])
        return len(self.rows) - 1

    def leaf(self, value: float) -> int:
        return self.add(-1, 0.0, value, missing_left=False)

    def join(self, node: int, left: int, right: int) -> None:
        self.rows[node][2:4] = left, right

    def tree(self) -> Tree:
        feature, threshold, left, right, missing_left, value = zip(*self.rows, strict=True)
        return Tree(
            feature=np.array(feature, dtype=np.int64),
            threshold=np.array(threshold, dtype=np.float32),
            left=np.array(left, dtype=np.int64),
            right=np.array(right, dtype=np.int64),
            missing_left=np.array(missing_left, dtype=bool),
            value=np.array(value, dtype=np.float64),
        )


def balanced(feature: int, thresholds: npt.ArrayLike, values: npt.ArrayLike) -> Tree:
    """Return a balanced tree for a step function of one feature.

    Parameters
    ----------
    feature
        Index of the feature.
    thresholds
        Shape (k,), float32, increasing; bin b holds ``thresholds[b-1] < x <= thresholds[b]``.
    values
        Shape (k + 2,): one per bin, then that of NaN.

    Notes
    -----
    NaN fails every ``<=``, so a last threshold of +inf separates it from all numbers:
    no node needs a rule for missing values, and the runtime keeps its fastest loop.
    """
    edges = np.append(np.asarray(thresholds, dtype=np.float32), np.float32(np.inf))
    outputs = np.asarray(values, dtype=np.float64)
    differs = np.diff(outputs.astype(np.float32)) != 0
    edges, outputs = edges[differs], outputs[np.append(differs, True)]
    grower = _Grower()

    def grow(first: int, last: int) -> int:
        if first == last:
            return grower.leaf(float(outputs[first]))
        middle = (first + last) // 2
        node = grower.add(feature, float(edges[middle]), 0.0, missing_left=False)
        grower.join(node, grow(first, middle), grow(middle + 1, last))
        return node

    grow(0, len(outputs) - 1)
    return grower.tree()


def read_lightgbm(booster: "Booster", rows: npt.ArrayLike | None = None) -> tuple[Tree, ...]:
    """Return the booster's trees (up to its best iteration) with float32 thresholds.

    Parameters
    ----------
    booster
        One output per row, numerical splits, constant leaves.
    rows
        Shape (n, d): rows that must keep their routes, usually the training rows. Rows
        representable in float32 always do. Others may lie between a threshold and its
        float32, or between two thresholds that share one float32.

    Raises
    ------
    UsageError
        For a kind of model that would not be carried over exactly.
    DataError
        When one of ``rows`` changes its route once it is cast to float32.
    """
    dump = booster.dump_model()
    if dump["num_tree_per_iteration"] != 1:
        raise UsageError(
            f"LightGBM model with {dump['num_tree_per_iteration']} outputs per row",
            expected="one output per row",
            remedy="train one booster per class and compile each",
        )
    if dump.get("average_output"):
        raise UsageError(
            "LightGBM model with boosting='rf', whose trees are averaged",
            expected="boosting='gbdt' or 'dart'",
            remedy="pass several gbdt boosters as bags instead",
        )
    reader = _Reader()
    trees = tuple(
        reader.read(info["tree_index"], info["tree_structure"]) for info in dump["tree_info"]
    )
    if rows is not None:
        _check_routes(reader.thresholds, np.asarray(rows))
    return trees


class _Reader:
    """Turn the nested dump of a LightGBM model into Trees."""

    def __init__(self) -> None:
        self.thresholds: dict[int, set[float]] = {}

    def read(self, index: int, structure: dict[str, Any]) -> Tree:
        grower = _Grower()
        self._grow(grower, index, structure)
        return grower.tree()

    def _grow(self, grower: _Grower, index: int, node: dict[str, Any]) -> tuple[int, float]:
        """Grow the node and what is below; return its index and its training rows."""
        if "split_feature" not in node:
            if node.get("leaf_coeff"):
                raise UsageError(
                    f"tree {index} has linear leaves (linear_tree=True)",
                    expected="constant leaves",
                    remedy="train with linear_tree=False; AdditiveModel.add_linear adds a slope",
                )
            return grower.leaf(float(node["leaf_value"])), float(node.get("leaf_count", 1))
        missing_left = _missing_left(index, node)
        feature, threshold = int(node["split_feature"]), _as_predicted(float(node["threshold"]))
        self.thresholds.setdefault(feature, set()).add(threshold)
        here = grower.add(feature, float(floor32(threshold)), 0.0, missing_left=missing_left)
        left, left_rows = self._grow(grower, index, node["left_child"])
        right, right_rows = self._grow(grower, index, node["right_child"])
        grower.join(here, left, right)
        total = left_rows + right_rows
        share = left_rows / total if total else 0.5
        grower.rows[here][5] = share * grower.rows[left][5] + (1 - share) * grower.rows[right][5]
        return here, total


def _as_predicted(threshold: float) -> float:
    """Return the threshold that LightGBM's prediction in effect uses.

    It reads every ``|x| <= 1e-35`` as 0 (``c_api.cpp``, rows are taken as sparse), also
    where the threshold is -1e-35, its usual border of a bin of zeros: there -1e-35 goes
    right although it is not above the threshold.
    """
    if -_ZERO <= threshold < 0.0:
        return float(np.nextafter(-_ZERO, np.float32(-np.inf)))
    return float(_ZERO) if 0.0 <= threshold < _ZERO else threshold


def _missing_left(index: int, node: dict[str, Any]) -> bool:
    """Return whether NaN goes left, or refuse the split.

    Without a missing type LightGBM reads NaN as 0 (``tree.h``, NumericalDecision).
    """
    where = f"tree {index}, split on feature {node['split_feature']}"
    if node["decision_type"] != "<=":
        raise UsageError(
            f"{where}: categorical split",
            expected="numerical splits",
            remedy="pass an ordered encoding or one 0/1 feature per category",
        )
    if node["missing_type"] == "Zero":
        raise UsageError(
            f"{where}: zero counts as missing (zero_as_missing=True)",
            expected="missing_type None or NaN",
            remedy="train with zero_as_missing=False and NaN where a value is not known",
        )
    if node["missing_type"] == "NaN":
        return bool(node["default_left"])
    return float(node["threshold"]) >= 0.0


def _check_routes(thresholds: Mapping[int, set[float]], rows: npt.NDArray[Any]) -> None:
    if rows.dtype == np.float32:
        return
    for feature, values in thresholds.items():
        exact, x = np.sort(list(values)), rows[:, feature].astype(np.float64)
        with np.errstate(over="ignore"):
            cast = np.searchsorted(floor32(exact), x.astype(np.float32))
        moved = np.flatnonzero(cast != np.searchsorted(exact, x))
        if len(moved):
            raise DataError(
                f"feature {feature}: {len(moved)} rows change their route in float32, "
                f"first row {moved[0]} with {x[moved[0]]!r}",
                expected="training rows that float32 holds exactly",
                remedy="train on matrix.astype('float32'); no raw epochs or ids",
            )
