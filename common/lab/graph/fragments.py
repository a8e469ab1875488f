"""Write trees and additive models as ONNX fragments that explain their prediction.

Every fragment takes ``X`` (lines, d) float32 and gives ``raw`` (lines,) and
``contributions`` (lines, n_terms), float32, with ``raw = base + sum of contributions``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, checker, helper, numpy_helper

from common.edge.errors import UsageError
from common.lab.graph.parts import Grid, Linear, Steps
from common.lab.graph.trees import Tree, balanced

__all__ = [
    "IR_VERSION",
    "MANY_TARGET_ML_OPSET",
    "ML_OPSET",
    "OPSET",
    "Additive",
    "Planted",
    "additive_fragment",
    "tree_fragment",
]

OPSET = 21
"""That of ndonnx 0.23, so that inlining converts nothing."""
ML_OPSET = 5
"""TreeEnsemble, half the bytes of what it replaces; onnxruntime 1.20 and later."""
MANY_TARGET_ML_OPSET = 3
"""TreeEnsembleRegressor, for leaves with several targets; version 5 deprecates it."""
IR_VERSION = 10
"""That of opset 21."""

_MAX_CELLS = 2**24
"""Integers up to here are exact in float32, and a sum of leaves indexes the grids."""


class Additive(Protocol):
    """What is written of an AdditiveModel."""

    @property
    def n_features(self) -> int:
        """Columns of the matrix."""
        ...

    @property
    def base(self) -> float:
        """What the contributions are added to."""
        ...

    @property
    def steps(self) -> tuple[Steps, ...]:
        """At most one per feature."""
        ...

    @property
    def grids(self) -> tuple[Grid, ...]:
        """At most one per pair."""
        ...

    @property
    def linear(self) -> Linear | None:
        """The linear part, if any."""
        ...


@dataclass(frozen=True)
class Planted:
    """A tree with what each leaf adds to which outputs: (node, target, weight)."""

    tree: Tree
    weights: Sequence[tuple[int, int, float]]

    @classmethod
    def on(cls, tree: Tree, target: int) -> "Planted":
        """Return the tree with every leaf's value on one target."""
        leaves = np.flatnonzero(tree.feature < 0)
        return cls(tree, [(int(node), target, float(tree.value[node])) for node in leaves])

    @property
    def single_target(self) -> bool:
        """Whether every leaf has exactly one target."""
        leaves = np.flatnonzero(self.tree.feature < 0)
        return sorted(node for node, _, _ in self.weights) == leaves.tolist()


def tree_fragment(
    planted: Sequence[Planted], base: float, shape: tuple[int, int], *, compact: bool = True
) -> ModelProto:
    """Return the fragment of trees whose leaves carry one weight per term.

    ``shape`` is (n_features, n_terms); for ``compact`` see ``additive_fragment``.
    """
    n_features, n_terms = shape
    writer = _Writer(n_features, compact=compact)
    writer.trees(planted, n_terms, "contributions")
    return writer.explained(base, n_terms)


def additive_fragment(model: Additive, *, compact: bool = True) -> ModelProto:
    """Return the fragment of an AdditiveModel.

    Compact fragments use TreeEnsemble of ai.onnx.ml 5, half the bytes. Leaves with several
    targets need TreeEnsembleRegressor, which version 5 deprecates: no graph holds both, so
    beside an explained TreeHead the others must not be compact.

    Mains are one balanced tree per feature; pairs a look-up in one flat table; the linear
    part is arithmetic. Each contribution is thus the sum of very few float32 numbers.

    Raises
    ------
    UsageError
        When the grids have 2**24 cells or more.
    """
    return _AdditiveWriter(model, compact=compact).fragment()


class _Writer:
    """Collect nodes and constants, then close the graph."""

    def __init__(self, n_features: int, *, compact: bool) -> None:
        self.n_features = n_features
        self.compact = compact
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, npt.NDArray[Any]] = {}

    def node(self, kind: str, *inputs: str, output: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """Add a constant and return its name."""
        self.constants[name] = value
        return name

    def trees(self, planted: Sequence[Planted], n_targets: int, output: str) -> None:
        """Add the smallest tree operator that can hold these trees."""
        self.compact = self.compact and all(item.single_target for item in planted)
        build = _one_target_node if self.compact else _many_target_node
        self.nodes.append(build(planted, n_targets, output))

    def explained(self, base: float, n_terms: int) -> ModelProto:
        """Sum ``contributions`` into ``raw`` and return the checked model.

        The sum is a matrix product because ReduceSum rounds by where a line lies in
        memory: a line alone and the same line in a batch must give the same bits.
        """
        ones = self.constant("ones", np.ones((n_terms, 1), dtype=np.float32))
        start = self.constant("base", np.array([base], dtype=np.float32))
        axis = self.constant("axis", np.array([1], dtype=np.int64))
        self.node(
            "Squeeze",
            self.node("Gemm", "contributions", ones, start, output="sum"),
            axis,
            output="raw",
        )
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "head",
            [helper.make_tensor_value_info("X", floats, ["lines", self.n_features])],
            [
                helper.make_tensor_value_info("raw", floats, ["lines"]),
                helper.make_tensor_value_info("contributions", floats, ["lines", n_terms]),
            ],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        ml_opset = ML_OPSET if self.compact else MANY_TARGET_ML_OPSET
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ml_opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        return model


class _AdditiveWriter(_Writer):
    """Write the parts of an AdditiveModel and their sum."""

    def __init__(self, model: Additive, *, compact: bool) -> None:
        super().__init__(model.n_features, compact=compact)
        self.model = model

    def fragment(self) -> ModelProto:
        """Return the whole fragment."""
        parts = [self._pairs()] if self.model.grids else []
        parts += [self._slopes(self.model.linear)] if self.model.linear else []
        self._mains("mains" if parts else "contributions")
        if parts:
            *first, last = ["mains", *parts]
            total = first[0] if len(first) == 1 else self.node("Add", *first, output="curved")
            self.node("Add", total, last, output="contributions")
        return self.explained(self.model.base, self.n_features)

    def _mains(self, output: str) -> None:
        trees = [Planted.on(balanced(0, [], [0.0, 0.0]), 0)]
        if self.model.steps:
            axes = [(steps.axis, steps.values) for steps in self.model.steps]
            trees = [
                Planted.on(balanced(axis.feature, axis.thresholds, values), axis.feature)
                for axis, values in axes
            ]
        self.trees(trees, self.n_features, output)

    def _pairs(self) -> str:
        """Look the grids up in one flat table; trees do the index arithmetic.

        The place of pair q is ``(offset + row_bin * n_columns) + column_bin``: the sum of
        two leaves.
        """
        grids = self.model.grids
        sizes = np.array([grid.values.size for grid in grids])
        if sizes.sum() >= _MAX_CELLS:
            raise UsageError(
                f"{sizes.sum()} grid cells in {len(grids)} pairs",
                expected=f"fewer than {_MAX_CELLS}",
                remedy="train with a smaller max_bin",
            )
        trees = []
        spread = np.zeros((len(grids), self.n_features), dtype=np.float32)
        offsets = np.cumsum(sizes) - sizes
        for q, (grid, offset) in enumerate(zip(grids, offsets, strict=True)):
            sides = ((grid.rows, len(grid.columns), offset), (grid.columns, 1, 0))
            for axis, stride, start in sides:
                places = start + stride * np.arange(len(axis))
                trees.append(Planted.on(balanced(axis.feature, axis.thresholds, places), q))
                spread[q, axis.feature] = 0.5
        table = np.concatenate([grid.values.ravel() for grid in grids]).astype(np.float32)
        self.trees(trees, len(grids), "cells")
        self.node("Cast", "cells", output="places", to=TensorProto.INT64)
        self.node("Gather", self.constant("table", table), "places", output="pairs")
        return self.node("MatMul", "pairs", self.constant("spread", spread), output="halves")

    def _slopes(self, linear: Linear) -> str:
        unused = self.constant("unused", linear.coefficients == 0)
        fill = self.constant("fill", linear.fill.astype(np.float32))
        means = self.constant("means", linear.means.astype(np.float32))
        slopes = self.constant("slopes", linear.coefficients.astype(np.float32))
        self.node("IsNaN", "X", output="missing")
        self.node("Or", "missing", unused, output="ignored")
        self.node("Where", "ignored", fill, "X", output="filled")
        self.node("Sub", "filled", means, output="deviation")
        return self.node("Mul", "deviation", slopes, output="linear")


def _one_target_node(planted: Sequence[Planted], n_targets: int, output: str) -> NodeProto:
    """Return a TreeEnsemble from ``X`` to ``output`` (lines, n_targets), one target a leaf.

    Source: operator TreeEnsemble of ai.onnx.ml, version 5; splits and leaves are numbered
    apart over all trees, and a tree that is one leaf is a split with that leaf twice.
    """
    splits: dict[str, list[Any]] = {name: [] for name in ("feature", "value", "missing")}
    children: dict[str, list[Any]] = {
        name: [] for name in ("true", "true_leaf", "false", "false_leaf")
    }
    roots: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    for item in planted:
        tree, leaf = item.tree, item.tree.feature < 0
        # Where each node of the tree is found among all splits, or among all leaves.
        places = (
            np.where(
                leaf, len(targets) + np.cumsum(leaf), len(splits["feature"]) + np.cumsum(~leaf)
            )
            - 1
        )
        order = np.flatnonzero(~leaf)
        if not len(order):
            order, left, right = np.array([0]), np.array([0]), np.array([0])
        else:
            left, right = tree.left[order], tree.right[order]
        roots.append(len(splits["feature"]))
        splits["feature"] += np.maximum(tree.feature[order], 0).tolist()
        splits["value"] += tree.threshold[order].tolist()
        splits["missing"] += tree.missing_left[order].tolist()
        for side, child in (("true", left), ("false", right)):
            children[side] += places[child].tolist()
            children[f"{side}_leaf"] += leaf[child].astype(int).tolist()
        for _, target, weight in sorted(item.weights):
            targets.append(target)
            weights.append(weight)
    n_splits = len(splits["feature"])
    attributes = {
        "nodes_featureids": splits["feature"],
        "nodes_modes": numpy_helper.from_array(np.zeros(n_splits, dtype=np.uint8)),
        "nodes_splits": numpy_helper.from_array(np.array(splits["value"], dtype=np.float32)),
        "nodes_truenodeids": children["true"],
        "nodes_trueleafs": children["true_leaf"],
        "nodes_falsenodeids": children["false"],
        "nodes_falseleafs": children["false_leaf"],
        "tree_roots": roots,
        "leaf_targetids": targets,
        "leaf_weights": numpy_helper.from_array(np.array(weights, dtype=np.float32)),
    }
    if any(splits["missing"]):
        attributes["nodes_missing_value_tracks_true"] = [int(m) for m in splits["missing"]]
    return helper.make_node(
        "TreeEnsemble", ["X"], [output], domain="ai.onnx.ml", n_targets=n_targets, **attributes
    )


def _many_target_node(planted: Sequence[Planted], n_targets: int, output: str) -> NodeProto:
    """Return a TreeEnsembleRegressor from ``X`` (lines, d) to ``output`` (lines, n_targets).

    Source: operator TreeEnsembleRegressor of ai.onnx.ml, version 3.
    """
    trees = [item.tree for item in planted]
    sizes = [len(tree.feature) for tree in trees]
    weights = [(k, *weight) for k, item in enumerate(planted) for weight in item.weights]
    features = np.concatenate([tree.feature for tree in trees])
    missing = np.concatenate([tree.missing_left for tree in trees])
    attributes: dict[str, Any] = {
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]),
        "nodes_featureids": np.maximum(features, 0),
        "nodes_modes": ["LEAF" if feature < 0 else "BRANCH_LEQ" for feature in features],
        "nodes_values": np.concatenate([tree.threshold for tree in trees]),
        "nodes_truenodeids": np.concatenate([tree.left for tree in trees]),
        "nodes_falsenodeids": np.concatenate([tree.right for tree in trees]),
        "target_treeids": [weight[0] for weight in weights],
        "target_nodeids": [weight[1] for weight in weights],
        "target_ids": [weight[2] for weight in weights],
        "target_weights": np.array([weight[3] for weight in weights], dtype=np.float32),
    }
    if missing.any():
        attributes["nodes_missing_value_tracks_true"] = missing.astype(np.int64)
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in attributes.items()
    }
    return helper.make_node(
        "TreeEnsembleRegressor", ["X"], [output], domain="ai.onnx.ml", n_targets=n_targets, **plain
    )
