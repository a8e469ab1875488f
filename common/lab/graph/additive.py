"""Additive models: step functions and pair grids that explain themselves.

A LightGBM model whose leaf paths use one feature or one pair, bags of such models and
explainable boosting machines are all sums of step functions of one feature and of grids
of two. Merged and centred on the training rows they give exact interventional Shapley
values by table look-up (``briefs/mlops.md`` 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.parts import Axis, Grid, Linear, Steps, check_values
from common.lab.graph.trees import Floats, Floats32, Leaf, floor32, read_lightgbm

if TYPE_CHECKING:
    import onnx
    from lightgbm import Booster

__all__ = ["AdditiveModel", "compile_ebm", "compile_lightgbm"]


@dataclass(frozen=True)
class AdditiveModel:
    """``base + sum of steps(x_j) + sum of grids(x_i, x_j) + linear part``.

    The contribution of feature j is its steps, its linear term and half of every grid
    that it is in; with parts centred on a background these are the exact interventional
    Shapley values (a grid that sums to zero along both margins is shared equally).

    Parameters
    ----------
    n_features
        Columns of the matrix, used or not.
    base
        Prediction of the empty model: the mean over the background.
    steps
        At most one per feature.
    grids
        At most one per pair.
    linear
        Optional first stage.
    """

    n_features: int
    base: float
    steps: tuple[Steps, ...] = ()
    grids: tuple[Grid, ...] = ()
    linear: Linear | None = None

    def __post_init__(self) -> None:
        features = [steps.axis.feature for steps in self.steps]
        pairs = [(grid.rows.feature, grid.columns.feature) for grid in self.grids]
        used = {*features, *(feature for pair in pairs for feature in pair)}
        if len(set(features)) < len(features) or len(set(pairs)) < len(pairs):
            raise UsageError(
                f"steps of features {features}, grids of pairs {pairs}",
                expected="one step function per feature and one grid per pair",
            )
        if not used <= set(range(self.n_features)):
            raise UsageError(
                f"features {sorted(used)}", expected=f"indices from 0 to {self.n_features - 1}"
            )

    @property
    def n_parameters(self) -> int:
        """Number of fitted numbers: thresholds, values, cells, coefficients and the base."""
        steps = sum(2 * len(steps.axis) - 2 for steps in self.steps)
        cells = sum(
            grid.values.size + len(grid.rows) + len(grid.columns) - 4 for grid in self.grids
        )
        slopes = np.count_nonzero(self.linear.coefficients) if self.linear else 0
        return int(steps + cells + slopes) + 1

    def contributions(self, X: npt.ArrayLike) -> Floats:
        """Return the contribution of each feature, shape (lines, n_features)."""
        matrix = self._matrix(X)
        shares = self.linear(matrix) if self.linear else np.zeros(matrix.shape)
        for steps in self.steps:
            shares[:, steps.axis.feature] += steps(matrix[:, steps.axis.feature])
        for grid in self.grids:
            half = 0.5 * grid(matrix)
            shares[:, grid.rows.feature] += half
            shares[:, grid.columns.feature] += half
        return shares

    def predict(self, X: npt.ArrayLike) -> Floats:
        """Return the prediction on the link scale, shape (lines,)."""
        total: Floats = self.base + self.contributions(X).sum(axis=1)
        return total

    def thresholds(self) -> tuple[Floats32, ...]:
        """Return, for each feature, all thresholds met in steps and grids."""
        axes = [steps.axis for steps in self.steps]
        axes += [axis for grid in self.grids for axis in (grid.rows, grid.columns)]
        return tuple(
            _union([axis for axis in axes if axis.feature == j]) for j in range(self.n_features)
        )

    def add_linear(
        self,
        coefficients: npt.ArrayLike,
        means: npt.ArrayLike,
        *,
        intercept: float = 0.0,
        fill: npt.ArrayLike | None = None,
    ) -> "AdditiveModel":
        """Return the model with a linear first stage in front of it.

        Parameters
        ----------
        coefficients, means
            Shape (d,). With the background's means the contributions stay Shapley values.
        intercept
            Value of the linear stage at ``means``.
        fill
            Shape (d,): what NaN is read as; the means where left out.

        Examples
        --------
        2 * (5 - 3) above an intercept of 10:

        >>> model = AdditiveModel(1, base=0.0).add_linear([2.0], [3.0], intercept=10.0)
        >>> model.predict([[5.0], [np.nan]]).tolist()
        [14.0, 10.0]
        """
        if self.linear is not None:
            raise UsageError("a second linear part", expected="at most one; add the coefficients")
        centre = np.asarray(means, dtype=np.float64)
        parts = (
            np.asarray(coefficients, dtype=np.float64),
            centre,
            centre if fill is None else np.asarray(fill, dtype=np.float64),
        )
        for part in parts:
            check_values(part, (self.n_features,))
        return replace(self, base=self.base + intercept, linear=Linear(*parts))

    def to_onnx(self, *, compact: bool = True) -> "onnx.ModelProto":
        """Return the fragment from ``X`` (lines, d) float32 to ``raw`` and ``contributions``.

        ``compact`` is that of ``additive_fragment``.
        """
        from common.lab.graph.fragments import additive_fragment

        return additive_fragment(self, compact=compact)

    def _matrix(self, X: npt.ArrayLike) -> Floats32:
        matrix = np.asarray(X, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features:
            raise UsageError(
                f"matrix of shape {matrix.shape}", expected=f"(lines, {self.n_features})"
            )
        return matrix


def _union(axes: Sequence[Axis]) -> Floats32:
    empty = np.zeros(0, dtype=np.float32)
    return np.unique(np.concatenate([empty, *(axis.thresholds for axis in axes)]))


def _merged(feature: int, parts: Sequence[Steps]) -> Steps:
    """Return the sum of step functions of one feature as one."""
    axis = Axis(feature, _union([part.axis for part in parts]))
    values = np.zeros(len(axis))
    for part in parts:
        values += part(axis.samples())
    return Steps(axis, values)


def compile_lightgbm(boosters: Sequence["Booster"], background: npt.ArrayLike) -> AdditiveModel:
    """Compile additive LightGBM boosters, averaged, into one AdditiveModel.

    Parameters
    ----------
    boosters
        One or several (bags; more of them cost nothing at run time), trained with
        ``interaction_constraints`` so that each leaf path uses one feature or one pair.
    background
        Shape (n, d): the rows that "on average" refers to, usually all training rows.

    Raises
    ------
    UsageError
        For a path over three features (tree and features named), or a kind of model that
        ``read_lightgbm`` refuses.
    DataError
        When a background row changes its route in float32.
    """
    rows = np.asarray(background)
    n_features = {booster.num_feature() for booster in boosters}
    if n_features != {rows.shape[1]} or not len(rows):
        raise UsageError(
            f"boosters with {sorted(n_features)} features, background of shape {rows.shape}",
            expected="at least one booster and row, the same features in all",
        )
    leaves: dict[tuple[int, ...], list[Leaf]] = {}
    for bag, booster in enumerate(boosters):
        for index, tree in enumerate(read_lightgbm(booster, rows)):
            for leaf in tree.leaves():
                leaves.setdefault(_features(leaf, f"booster {bag}, tree {index}"), []).append(leaf)
    weight = 1.0 / len(boosters)
    base = weight * sum(leaf.value for leaf in leaves.pop((), []))
    return _centred(
        AdditiveModel(
            rows.shape[1],
            base,
            tuple(_steps(*key, found, weight) for key, found in leaves.items() if len(key) == 1),
            tuple(_grid(*key, found, weight) for key, found in leaves.items() if len(key) == 2),
        ),
        rows,
    )


def _features(leaf: Leaf, where: str) -> tuple[int, ...]:
    features = tuple(sorted(leaf.boxes))
    if len(features) > 2:
        raise UsageError(
            f"{where}: the path to leaf node {leaf.node} uses features {features}",
            expected="one feature or one pair per path",
            remedy="train with interaction_constraints=[[0], [1], ..., [i, j]], or use TreeHead",
        )
    return features


def _axis(feature: int, leaves: Sequence[Leaf]) -> Axis:
    edges = [
        edge for leaf in leaves for edge in (leaf.boxes[feature].low, leaf.boxes[feature].high)
    ]
    return Axis(
        feature, np.unique(np.array([e for e in edges if np.isfinite(e)], dtype=np.float32))
    )


def _steps(feature: int, leaves: Sequence[Leaf], weight: float) -> Steps:
    axis = _axis(feature, leaves)
    values = np.zeros(len(axis))
    for leaf in leaves:
        for span in axis.spans(leaf.boxes[feature]):
            values[span] += weight * leaf.value
    return Steps(axis, values)


def _grid(first: int, second: int, leaves: Sequence[Leaf], weight: float) -> Grid:
    rows, columns = _axis(first, leaves), _axis(second, leaves)
    values = np.zeros((len(rows), len(columns)))
    for leaf in leaves:
        for span in rows.spans(leaf.boxes[first]):
            for other in columns.spans(leaf.boxes[second]):
                values[span, other] += weight * leaf.value
    return Grid(rows, columns, values)


def compile_ebm(ebm: Any, background: npt.ArrayLike) -> AdditiveModel:
    """Compile an interpret-core EBM (regressor or binary classifier) into an AdditiveModel.

    Parameters
    ----------
    ebm
        Fitted, continuous features, mains and pairs only; predictions stay on the link
        scale.
    background
        Shape (n, d), as for ``compile_lightgbm``.

    Notes
    -----
    interpret 0.7.8 keeps, per feature, ``bins_[j]``: the edges for mains and, where they
    differ, the coarser edges for pairs; ``edge <= x`` goes right. Scores hold the bin of
    missing values first and that of unseen values last.
    """
    rows = np.asarray(background, dtype=np.float32)
    steps, grids = [], []
    for features, scores in zip(ebm.term_features_, ebm.term_scores_, strict=True):
        values = np.asarray(scores, dtype=np.float64)
        if len(features) > 2 or values.ndim != len(features):
            raise UsageError(
                f"EBM term over features {features} with scores of shape {values.shape}",
                expected="one or two features and one output",
            )
        axes = [_ebm_axis(ebm, feature, len(features)) for feature in features]
        for dim in range(values.ndim):
            values = np.roll(np.delete(values, -1, axis=dim), -1, axis=dim)
        if len(features) == 1:
            steps.append(Steps(axes[0], values))
        else:
            grids.append(Grid(axes[0], axes[1], values))
    base = float(np.ravel(ebm.intercept_)[0])
    return _centred(AdditiveModel(rows.shape[1], base, tuple(steps), tuple(grids)), rows)


def _ebm_axis(ebm: Any, feature: int, n_dimensions: int) -> Axis:
    levels = ebm.bins_[feature]
    edges = levels[min(n_dimensions, len(levels)) - 1]
    if isinstance(edges, dict):
        raise UsageError(
            f"EBM feature {feature} is categorical",
            expected="continuous features",
            remedy="pass feature_types='continuous' for an ordered encoding",
        )
    strictly_below = np.nextafter(np.asarray(edges, dtype=np.float64), -np.inf)
    return Axis(feature, np.unique(floor32(strictly_below)))


def _centred(model: AdditiveModel, background: npt.NDArray[Any]) -> AdditiveModel:
    """Return the same function with parts that are interventional Shapley values.

    A main effect loses its mean. A pair F gives its partial means m_i = E F(x_i, X_j) and
    m_j to the mains and keeps F - m_i - m_j + v0, with v0 = E F over the joint rows; the
    mains then get m - v0 and are *not* centred again, for under correlated features their
    mean is not zero (``briefs/mlops.md`` 3.1.4).
    """
    X = background.astype(np.float32)
    base, grids = model.base, []
    parts: dict[int, list[Steps]] = {}
    for steps in model.steps:
        mean = float(steps(X[:, steps.axis.feature]).mean())
        base += mean
        parts.setdefault(steps.axis.feature, []).append(Steps(steps.axis, steps.values - mean))
    for grid in model.grids:
        joint = float(grid(X).mean())
        base += joint
        by_row = grid.values @ _shares(grid.columns, X)
        by_column = _shares(grid.rows, X) @ grid.values
        for axis, means in ((grid.rows, by_row), (grid.columns, by_column)):
            parts.setdefault(axis.feature, []).append(Steps(axis, means - joint))
        rest = grid.values - by_row[:, None] - by_column[None, :] + joint
        grids.append(Grid(grid.rows, grid.columns, rest))
    merged = [_merged(feature, parts[feature]).collapsed() for feature in sorted(parts)]
    kept = tuple(steps for steps in merged if np.any(steps.values))
    return AdditiveModel(model.n_features, base, kept, tuple(grids))


def _shares(axis: Axis, X: Floats32) -> Floats:
    """Return the share of rows in each bin."""
    return np.bincount(axis.bins(X[:, axis.feature]), minlength=len(axis)) / len(X)
