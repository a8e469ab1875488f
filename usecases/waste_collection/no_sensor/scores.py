"""Fills held against what was found: points of error, chance of a full container, intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from common.lab import probability_metrics as chances
from common.lab.forecasts import Forecasts
from common.lab.metrics import Metric
from common.lab.probabilities import Probabilities
from common.lab.usecase import Array, Examples

__all__ = ["FULL_PERCENT", "HEADLINE", "Fills", "residual_quantiles", "scored"]

FULL_PERCENT = 100.0
"""The ceiling: what is found there may have been more (``briefs/waste_collection.md`` 3.1)."""


@dataclass(frozen=True)
class Fills:
    """Forecasts of the fill, and chances that it was at the ceiling, of the same rows."""

    forecasts: Forecasts
    full: Probabilities

    @property
    def units(self) -> Array:
        """Names of the sites."""
        return self.forecasts.units

    @property
    def blocks(self) -> Array:
        """Days that intervals draw from."""
        return self.full.blocks

    def __len__(self) -> int:
        return len(self.forecasts)


def scored(examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]) -> Fills:
    """Hold forecasts and chances against what was found."""
    del scale
    found = examples.target
    full = np.where(np.isfinite(found), (found >= FULL_PERCENT).astype(np.float64), np.nan)
    rows = replace(examples, target=full)
    return Fills(
        Forecasts.from_examples(examples, outputs),
        Probabilities.from_examples(rows, outputs["p_full"]),
    )


def residual_quantiles(residuals: Array, censored: Array, levels: Array) -> Array:
    """Return quantiles of residuals of which some are only known to be at least so large.

    The Kaplan-Meier estimate (1958): the share above a value falls at each residual seen, by
    one over the number still at risk. A level beyond what was seen takes the largest value.

    Parameters
    ----------
    residuals
        Shape (n,).
    censored
        True where the residual is a lower bound.
    levels
        In (0, 1), rising.

    Examples
    --------
    Of 1, 2, 3+, 4: the share above falls to 3/4, 1/2, then at 4 to 0.

    >>> residual_quantiles(
    ...     np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, False]),
    ...     np.array([0.25, 0.5, 0.6]),
    ... ).tolist()
    [1.0, 2.0, 4.0]
    """
    order = np.lexsort((censored, residuals))
    values, seen = residuals[order], ~censored[order]
    at_risk = np.arange(len(values), 0, -1)
    below = 1 - np.cumprod(np.where(seen, 1 - 1 / at_risk, 1.0))
    place = np.searchsorted(below, np.asarray(levels) - 1e-9)
    quantiles: Array = values[np.minimum(place, len(values) - 1)]
    return quantiles


def _errors(fills: Fills) -> Array:
    errors: Array = np.abs(fills.forecasts.predicted - fills.forecasts.actual)
    return errors


def _pooled(values: Callable[[Forecasts], Array]) -> Callable[[Fills, Array], Array]:
    """Return the mean over all rows, each site taken ``counts`` times."""

    def pooled(fills: Fills, counts: Array) -> Array:
        rows = counts @ fills.forecasts.counts
        means: Array = counts @ fills.forecasts.sums(values(fills.forecasts)) / rows
        return means

    return pooled


def _mae(fills: Fills) -> Array:
    """Average the absolute error of each site.

    >>> forecasts = Forecasts.from_columns(["a", "a", "b"], [50, 70, 90], [60, 70, 100])
    >>> _mae(Fills(forecasts, None)).tolist()  # a: (10 + 0) / 2, b: 10
    [5.0, 10.0]
    """
    return fills.forecasts.means(_errors(fills))


def _rmse(fills: Fills) -> Array:
    roots: Array = np.sqrt(fills.forecasts.means(_errors(fills) ** 2))
    return roots


def _pooled_rmse(fills: Fills, counts: Array) -> Array:
    squares = _pooled(lambda forecasts: (forecasts.predicted - forecasts.actual) ** 2)
    roots: Array = np.sqrt(squares(fills, counts))
    return roots


def _inside(forecasts: Forecasts) -> Array:
    """Return 1 where the truth lies between the 10 % and 90 % quantiles."""
    low, high = forecasts.level(0.1), forecasts.level(0.9)
    return ((low <= forecasts.actual) & (forecasts.actual <= high)).astype(np.float64)


def _of_full(metric: Metric) -> Metric:
    """Return a metric of probabilities, computed on the chance of a full container."""
    pooled = metric.pooled
    return replace(
        metric,
        name=f"{metric.name}_full",
        title=f"{metric.title}, bac plein",
        compute=lambda fills: metric.compute(fills.full),
        pooled=None if pooled is None else lambda fills, counts: pooled(fills.full, counts),
    )


MAE = Metric(
    "mae_points",
    "Erreur absolue moyenne",
    "points",
    "lower",
    _mae,
    pooled=_pooled(lambda forecasts: np.abs(forecasts.predicted - forecasts.actual)),
)
RMSE = Metric(
    "rmse_points", "Erreur quadratique moyenne", "points", "lower", _rmse, pooled=_pooled_rmse
)
COVERAGE = Metric(
    "coverage_80",
    "Couverture de l'intervalle à 80 %",
    "%",
    "target",
    lambda fills: 100 * fills.forecasts.means(_inside(fills.forecasts)),
    target=80.0,
    pooled=_pooled(lambda forecasts: 100 * _inside(forecasts)),
)
WIDTH = Metric(
    "width_80",
    "Largeur de l'intervalle à 80 %",
    "points",
    "lower",
    lambda fills: fills.forecasts.means(fills.forecasts.level(0.9) - fills.forecasts.level(0.1)),
    pooled=_pooled(lambda forecasts: forecasts.level(0.9) - forecasts.level(0.1)),
)
HEADLINE = (
    MAE,
    RMSE,
    _of_full(chances.BRIER),
    _of_full(chances.AUROC),
    _of_full(chances.ECE),
    COVERAGE,
    WIDTH,
)
"""The mean absolute error is the main metric (brief 4.2)."""
