"""A generalised additive model of B-splines, as step functions that the graph can look up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from common.lab.graph.additive import compile_ebm
from common.lab.graph.heads import AdditiveHead
from common.lab.usecase import Array, Fitted, Training

__all__ = ["gam"]

MAX_LINES = 12_000
"""Lines that each step's curves are fitted on: ten numbers per curve need no more."""
N_STEPS_OF_CURVE = 32
BASIS = 6
SMOOTHING = 1.0
SMALLEST_CHANCE = 1e-9


@dataclass(frozen=True)
class _Stairs:
    """Bins of one column and the value that stands for each: the curve is fitted on these.

    ``edges[b - 1] <= x < edges[b]``, as an explainable boosting machine bins.
    """

    edges: Array
    centres: Array

    @classmethod
    def of(cls, values: Array) -> "_Stairs":
        shares = np.linspace(0, 1, N_STEPS_OF_CURVE + 1)[1:-1]
        edges = np.unique(np.quantile(values, shares).astype(np.float32))
        edges = edges[edges > values.min()]
        place = np.searchsorted(edges, values, side="right")
        count = np.bincount(place, minlength=len(edges) + 1)
        total = np.bincount(place, values.astype(np.float64), minlength=len(edges) + 1)
        return cls(edges, total / np.maximum(count, 1))

    def __call__(self, values: Array) -> Array:
        centres: Array = self.centres[np.searchsorted(self.edges, values, side="right")]
        return centres


@dataclass(frozen=True)
class _Curves:
    """The curves of one step: the library's result on the stairs' centres."""

    result: Any
    smoother: Any

    def log_odds(self, centres: Array) -> Array:
        """Return the library's prediction, shape (lines,)."""
        chance = self.result.predict(exog=np.ones((len(centres), 1)), exog_smooth=centres)
        bounded = np.clip(np.asarray(chance), SMALLEST_CHANCE, 1 - SMALLEST_CHANCE)
        log_odds: Array = np.log(bounded / (1 - bounded))
        return log_odds

    def effects(self, column: int, centres: Array) -> Array:
        """Return one curve at its stairs' centres."""
        before = 1 + sum(part.dim_basis for part in self.smoother.smoothers[:column])
        part = self.smoother.smoothers[column]
        basis = np.asarray(part.transform(centres))
        effects: Array = basis @ np.asarray(self.result.params)[before : before + basis.shape[1]]
        return effects


@dataclass(frozen=True)
class _Tables:
    """What `compile_ebm` reads of an explainable boosting machine."""

    bins_: list[list[Array]]
    term_features_: list[tuple[int, ...]]
    term_scores_: list[Array]
    intercept_: Array


def gam(names: Sequence[str], X: Array, training: Training, edges: Sequence[float]) -> Fitted:
    """Fit curves for each step and look them up by bins.

    Every column is first replaced by the mean of its bin, so that the curve and the table of
    its values at the bins are the same function.

    Parameters
    ----------
    names, X
        Columns; the first tells the step where there are ``edges``.
    training
        Target and weight.
    edges
        Values of the first column between the steps; none for one step.

    Notes
    -----
    statsmodels' GLMGam: penalised B-splines, binomial family (Wood 2017, chapter 4).
    """
    first = 1 if len(edges) else 0
    stairs = {place: _Stairs.of(X[:, place]) for place in range(first, X.shape[1])}
    used = [place for place, column in stairs.items() if len(column.centres) > BASIS + 2]
    step = np.searchsorted(edges, X[:, 0], side="right") if first else np.zeros(len(X), int)
    centres = np.stack([stairs[place](X[:, place]) for place in used], axis=1)
    fits = [_fit(centres, training, step == number) for number in range(len(edges) + 1)]
    tables = _tables(fits, stairs, used, X.shape[1], edges)
    head = AdditiveHead(compile_ebm(tables, X), tuple(names))
    return Fitted(head, reference=partial(_predict, fits, stairs, used, tuple(edges)))


def _fit(centres: Array, training: Training, rows: Array) -> _Curves:
    from statsmodels.gam.api import BSplines, GLMGam
    from statsmodels.genmod.families import Binomial

    place = np.flatnonzero(rows)
    place = place[:: max(len(place) // MAX_LINES, 1)]
    n_columns = centres.shape[1]
    smoother = BSplines(centres, df=[BASIS] * n_columns, degree=[3] * n_columns)
    model = GLMGam(
        training.target[place],
        exog=np.ones((len(place), 1)),
        smoother=BSplines(
            centres[place],
            df=[BASIS] * n_columns,
            degree=[3] * n_columns,
            knot_kwds=[_knots(part) for part in smoother.smoothers],
        ),
        alpha=[SMOOTHING] * n_columns,
        family=Binomial(),
    )
    return _Curves(model.fit(), model.smoother)


def _knots(part: Any) -> dict[str, Any]:
    """Return the bounds of all lines: a step's own lines may not reach as far."""
    return {"lower_bound": float(part.x.min()), "upper_bound": float(part.x.max())}


def _tables(
    fits: list[_Curves],
    stairs: dict[int, _Stairs],
    used: list[int],
    n_columns: int,
    edges: Sequence[float],
) -> _Tables:
    """Return the curves as tables: of one column, or of the step and a column."""
    bins = [[stairs[place].edges] if place in stairs else [np.array(edges)]
            for place in range(n_columns)]  # fmt: skip
    intercepts = np.array([float(np.asarray(fit.result.params)[0]) for fit in fits])
    features: list[tuple[int, ...]] = []
    scores = []
    if len(edges):
        features.append((0,))
        scores.append(_padded(intercepts - intercepts.mean()))
    for number, place in enumerate(used):
        values = np.stack([fit.effects(number, stairs[place].centres) for fit in fits])
        features.append((0, place) if len(edges) else (place,))
        scores.append(_padded(values if len(edges) else values[0]))
    return _Tables(bins, features, scores, np.array([intercepts.mean()]))


def _padded(values: Array) -> Array:
    """Add the bins of missing and of unseen values, which never occur."""
    return np.pad(values, 1)


def _predict(
    fits: list[_Curves],
    stairs: dict[int, _Stairs],
    used: list[int],
    edges: tuple[float, ...],
    X: Array,
) -> Array:
    """Return the library's own prediction of each line, by its step's curves."""
    X = np.asarray(X, dtype=np.float32)
    centres = np.stack([stairs[place](X[:, place]) for place in used], axis=1)
    step = np.searchsorted(edges, X[:, 0], side="right") if edges else np.zeros(len(X), int)
    answer = np.empty(len(X))
    for number, fit in enumerate(fits):
        rows = step == number
        if rows.any():
            answer[rows] = fit.log_odds(centres[rows])
    return answer
