"""Heads: what turns a feature matrix into a prediction and its reasons, in numpy or ONNX.

A head is called with ``xp`` being numpy (tests) or ndonnx (tracing into the graph) and
always keeps ``raw == baseline + contributions.sum(axis=1)``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.additive import AdditiveModel
from common.lab.graph.arrays import matmul
from common.lab.graph.tracing import ndonnx
from common.lab.graph.trees import Floats, Tree, read_lightgbm

if TYPE_CHECKING:
    import onnx
    from lightgbm import Booster

__all__ = [
    "WHOLE_MODEL",
    "AdditiveHead",
    "Detailed",
    "Head",
    "LinearHead",
    "SumHead",
    "TreeHead",
]

WHOLE_MODEL = "whole_model"
"""Name of the only term of a TreeHead that does not explain itself."""


class Head(Protocol):
    """From the matrix (lines, n_columns) to the prediction and its contributions."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the matrix's columns, in the order of ``Task.terms``."""
        ...

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the contributions, in order."""
        ...

    @property
    def baseline(self) -> float:
        """What the contributions are added to, on the link scale."""
        ...

    @property
    def additive(self) -> bool:
        """True where contributions are exact interventional Shapley values."""
        ...

    @property
    def n_parameters(self) -> int:
        """Number of fitted numbers in the head (per site where it is per-site)."""
        ...

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Values at which the head changes its route, one array per column read."""
        ...

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        ...


@runtime_checkable
class Detailed(Protocol):
    """A head that explains more than its terms: the share of each character, say."""

    def with_details(
        self, xp: Any, matrix: Any, inputs: Mapping[str, Any]
    ) -> tuple[Any, Any, Mapping[str, Any]]:
        """Return what a Head returns, and arrays by name, rows first."""
        ...


@dataclass(frozen=True)
class LinearHead:
    """A weighted sum of features; contribution j is ``coefficients[j] * (x_j - means[j])``.

    Also the form of the rungs without AI: a coefficient of 1 on one feature, its mean 0.

    Parameters
    ----------
    terms
        Names of the contributions and of the matrix's columns, in the order of
        ``Task.terms``.
    coefficients, means
        One per term. With the training means these are interventional Shapley values.
    baseline
        Prediction at the means.

    Examples
    --------
    10 + 2 * (5 - 3) = 14:

    >>> head = LinearHead(("load",), (2.0,), baseline=10.0, means=(3.0,))
    >>> raw, contributions = head(np, np.array([[5.0]], dtype="float32"), {})
    >>> raw.tolist(), contributions.tolist()
    ([14.0], [[4.0]])
    """

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    baseline: float
    means: tuple[float, ...]
    additive: bool = True

    def __post_init__(self) -> None:
        lengths = {len(self.coefficients), len(self.means)}
        if lengths != {len(self.terms)} or not self.terms:
            raise UsageError(
                f"{len(self.terms)} terms, {len(self.coefficients)} coefficients, "
                f"{len(self.means)} means",
                expected="at least one term; a coefficient and a mean for each",
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The terms."""
        return self.terms

    @property
    def n_parameters(self) -> int:
        """One coefficient per term and the baseline."""
        return len(self.coefficients) + 1

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the means: a line has no route, but its contributions change sign there."""
        return tuple([mean] for mean in self.means)

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        _check_width(matrix, self.reads)
        means = xp.asarray(np.array(self.means, dtype=np.float32))
        slopes = xp.asarray(np.array(self.coefficients, dtype=np.float32))
        contributions = (matrix - means) * slopes
        return _raw(xp, self.baseline, contributions), contributions


@dataclass(frozen=True)
class AdditiveHead:
    """An AdditiveModel under the names of its features.

    Parameters
    ----------
    model
        Its contributions are interventional Shapley values.
    terms
        One name per column of the matrix.
    compact
        False beside an explained TreeHead in one graph; see ``additive_fragment``.
    """

    model: AdditiveModel
    terms: tuple[str, ...]
    compact: bool = True
    additive: bool = True

    def __post_init__(self) -> None:
        _check_names(self.terms, self.model.n_features)

    @property
    def reads(self) -> tuple[str, ...]:
        """The terms."""
        return self.terms

    @property
    def baseline(self) -> float:
        """Mean prediction over the background."""
        return self.model.base

    @property
    def n_parameters(self) -> int:
        """Fitted numbers of the model."""
        return self.model.n_parameters

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the edges of all steps and grids."""
        return self.model.thresholds()

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        if xp is np:
            contributions = self.model.contributions(matrix)
            return _raw(np, self.baseline, contributions), contributions
        return _inlined(self.model.to_onnx(compact=self.compact), matrix)


@dataclass(frozen=True)
class TreeHead:
    """Boosted trees without constraint, explained by the path that a row takes.

    A split moves the expected value (mean of the leaves below, weighted by training
    rows) from that of the node to that of the child taken; the difference is credited to
    the feature of the split (Saabas 2014). These path contributions add up exactly but
    are not Shapley values, and the page must not call them so.

    Parameters
    ----------
    trees
        All trees of all bags.
    names
        One per column of the matrix.
    scale
        Weight of each tree: one over the number of bags.
    explain
        False exports the prediction alone, for a large yardstick: its only term is
        ``WHOLE_MODEL``.
    compact
        False beside an explained TreeHead in one graph; see ``additive_fragment``.
    """

    trees: tuple[Tree, ...]
    names: tuple[str, ...]
    scale: float = 1.0
    explain: bool = True
    compact: bool = True
    additive: bool = False

    @classmethod
    def of(
        cls,
        boosters: Sequence["Booster"],
        names: tuple[str, ...],
        *,
        rows: npt.ArrayLike | None = None,
        explain: bool = True,
    ) -> "TreeHead":
        """Read one or several LightGBM boosters, averaged.

        ``rows`` must keep their routes in float32; see ``read_lightgbm`` for this and for
        the kinds of model that are refused.
        """
        if not boosters:
            raise UsageError("no booster", expected="at least one")
        for booster in boosters:
            _check_names(names, booster.num_feature())
        trees = tuple(tree for booster in boosters for tree in read_lightgbm(booster, rows))
        return cls(trees, names, 1.0 / len(boosters), explain)

    @property
    def reads(self) -> tuple[str, ...]:
        """The features."""
        return self.names

    @property
    def terms(self) -> tuple[str, ...]:
        """The features, or the model as a whole where it does not explain itself."""
        return self.names if self.explain else (WHOLE_MODEL,)

    @cached_property
    def baseline(self) -> float:
        """Mean prediction over the training rows: the sum of the roots' values."""
        return self.scale * float(sum(tree.value[0] for tree in self.trees))

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values."""
        return sum(len(tree.feature) for tree in self.trees)

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the thresholds of all trees, by column."""
        feature = np.concatenate([tree.feature for tree in self.trees])
        threshold = np.concatenate([tree.threshold for tree in self.trees])
        return tuple(np.unique(threshold[feature == j]) for j in range(len(self.names)))

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        if xp is np:
            contributions = self._walk(np.asarray(matrix, dtype=np.float32))
            return _raw(np, self.baseline, contributions), contributions
        return _inlined(self.to_onnx(), matrix)

    def to_onnx(self) -> "onnx.ModelProto":
        """Return the fragment from ``X`` (lines, d) to ``raw`` and ``contributions``."""
        from common.lab.graph.fragments import Planted, tree_fragment

        planted = [Planted(tree, self._weights(tree)) for tree in self.trees]
        shape = len(self.names), len(self.terms)
        return tree_fragment(planted, self.baseline, shape, compact=self.compact)

    def _weights(self, tree: Tree) -> list[tuple[int, int, float]]:
        """Return what each leaf adds to each term: (node, term, weight)."""
        weights = []
        for leaf in tree.leaves():
            path = leaf.path if self.explain else {0: leaf.value - tree.value[0]}
            shares = [(leaf.node, term, self.scale * float(v)) for term, v in path.items()]
            weights += shares or [(leaf.node, 0, 0.0)]
        return weights

    def _walk(self, X: npt.NDArray[np.float32]) -> Floats:
        """Return the contributions by walking the trees split by split."""
        contributions = np.zeros((len(X), len(self.terms)))
        lines = np.arange(len(X))
        for tree in self.trees:
            node = np.zeros(len(X), dtype=np.int64)
            while (tree.feature[node] >= 0).any():
                child = tree.step(node, X)
                term = np.maximum(tree.feature[node], 0) if self.explain else 0
                contributions[lines, term] += self.scale * (tree.value[child] - tree.value[node])
                node = child
        return contributions


@dataclass(frozen=True)
class SumHead:
    """Heads on the same matrix, added: a linear first stage and trees on its residual.

    Contributions of the same name add up; other names stand side by side.

    Parameters
    ----------
    heads
        At least one.
    """

    heads: tuple[Head, ...]

    def __post_init__(self) -> None:
        if len({head.reads for head in self.heads}) != 1:
            raise UsageError(
                f"heads that read {[head.reads for head in self.heads]}",
                expected="at least one head, all on the same matrix",
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the matrix's columns, the same for all heads."""
        return self.heads[0].reads

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of all heads, each once, in order of appearance."""
        return tuple(dict.fromkeys(name for head in self.heads for name in head.terms))

    @property
    def baseline(self) -> float:
        """Sum of the baselines."""
        return float(sum(head.baseline for head in self.heads))

    @property
    def additive(self) -> bool:
        """Shapley values add up: true where it is true of every head."""
        return all(head.additive for head in self.heads)

    @property
    def n_parameters(self) -> int:
        """Sum over the heads."""
        return sum(head.n_parameters for head in self.heads)

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the thresholds of all heads, by column."""
        each = [head.thresholds() for head in self.heads]
        return tuple(np.concatenate(column) for column in zip(*each, strict=True))

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        place = {name: column for column, name in enumerate(self.terms)}
        raw, contributions = 0.0, 0.0
        for head in self.heads:
            part, shares = head(xp, matrix, inputs)
            target = np.zeros((len(head.terms), len(place)), dtype=np.float32)
            target[np.arange(len(head.terms)), [place[name] for name in head.terms]] = 1
            raw = raw + part
            contributions = contributions + matmul(xp, shares, xp.asarray(target))
        return raw, contributions


def _raw(xp: Any, baseline: float, contributions: Any) -> Any:
    """Return the prediction, summed so that a line's bits do not depend on the others."""
    if xp is np:
        return baseline + contributions.sum(axis=1)
    ones = xp.asarray(np.ones((int(contributions.shape[1]), 1), dtype=np.float32))
    return xp.squeeze(matmul(xp, contributions, ones), axis=1) + np.float32(baseline)


def _inlined(model: "onnx.ModelProto", matrix: Any) -> tuple[Any, Any]:
    """Put the fragment behind a traced matrix."""
    from spox import inline

    ndx = ndonnx()
    outputs = inline(model)(X=matrix.unwrap_spox())
    return ndx.asarray(outputs["raw"]), ndx.asarray(outputs["contributions"])


def _check_width(matrix: Any, reads: tuple[str, ...]) -> None:
    if matrix.shape[1] != len(reads):
        raise UsageError(
            f"matrix of {matrix.shape[1]} columns", expected=f"the columns {', '.join(reads)}"
        )


def _check_names(names: tuple[str, ...], n_features: int) -> None:
    if len(names) != n_features:
        raise UsageError(
            f"{len(names)} names for {n_features} features", expected="one name per feature"
        )
