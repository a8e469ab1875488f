"""The Kalman rung: a local level and a weekly season of the inflow, fitted per container."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from common.lab.usecase import Array, Dataset, Examples, Field
from usecases.waste_collection.overflow.levels.chain import hazards
from usecases.waste_collection.overflow.levels.history import History, history_of
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS

if TYPE_CHECKING:
    from statsmodels.tsa.statespace.structural import UnobservedComponents

__all__ = ["KALMAN_FIELD", "KalmanHead", "kalman_state"]

SEASON_DAYS = 7
LEAST_READINGS = 28
REACHED_FROM_PERCENT = 70.0
"""80 % shown by a sensor of 20-point steps, corrected for continuity."""
LONGEST_FIT_DAYS = 560
"""A fit looks at eighteen months at most: older days cost time and change little."""
UNKNOWN_LOG_ODDS = -2.0
MOST_LOG_ODDS = 9.5
FITTED_STEPS = 30

KALMAN_FIELD = Field(
    "kalman_log_odds",
    "float32",
    ("n", HORIZON_DAYS),
    "1",
    "Chances que donne le filtre de Kalman ajusté sur ce conteneur, jour après jour.",
    -MOST_LOG_ODDS,
    MOST_LOG_ODDS,
)


@dataclass(frozen=True)
class KalmanHead:
    """Take the container's filter's answer as it is; nothing is read from the columns."""

    additive: bool = True
    reads: tuple[str, ...] = ()
    terms: tuple[str, ...] = ("expected",)
    baseline: float = 0.0
    n_parameters: int = 3

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return nothing: there is no route."""
        return ()

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, 1)."""
        raw = xp.reshape(inputs[KALMAN_FIELD.name], (-1,))
        return raw, xp.expand_dims(raw, axis=1)


def kalman_state(dataset: Dataset, examples: Examples) -> Mapping[str, Array]:
    """Fit one filter per container before the first row, then follow it day by day.

    Local level, weekly season and noise of the daily inflow (Harvey 1989, as statsmodels'
    ``UnobservedComponents`` writes them); days without news or under alert are missing, the
    day of a collection counts what came in after it. The sum of the next days' inflow is
    normal, its mean and variance the filter's.
    """
    history = history_of(dataset, headline=False)
    inflow = np.where(history.steps.known, history.steps.inflow, np.nan).astype(np.float64)
    place = {name: row for row, name in enumerate(history.containers)}
    day = (examples.days - history.days[0]).astype(np.int64)
    answer = np.full((len(examples), HORIZON_DAYS), UNKNOWN_LOG_ODDS)
    for name in np.unique(examples.units):
        rows = np.flatnonzero(examples.units == name)
        series, first = inflow[place[str(name)]], int(day[rows].min())
        answer[rows] = _log_odds(history, series, (place[str(name)], day[rows]), first)
    return {KALMAN_FIELD.name: answer.astype(np.float32)}


def _log_odds(history: History, series: Array, where: tuple[int, Array], first: int) -> Array:
    """Return daily log-odds of one container's rows, (n, 7)."""
    past = series[max(first - LONGEST_FIT_DAYS, 0) : first]
    if np.isfinite(past).sum() < LEAST_READINGS or np.nanstd(past) == 0:
        return np.full((len(where[1]), HORIZON_DAYS), UNKNOWN_LOG_ODDS)
    mean, variance = _coming(past, series[: int(where[1].max()) + 1])
    level = history.believed_percent[where[0], where[1]].astype(np.float64)
    score = (level[:, None] + mean[where[1]] - REACHED_FROM_PERCENT) / np.sqrt(variance[where[1]])
    reached = np.maximum.accumulate(_normal(score), axis=1)
    reached = np.concatenate([np.zeros((len(reached), 1)), reached], axis=1)
    daily: Array = np.clip(hazards(np, reached), -MOST_LOG_ODDS, MOST_LOG_ODDS)
    return daily


def _coming(past: Array, series: Array) -> tuple[Array, Array]:
    """Return mean and variance of the inflow summed over 1 to 7 days, as known each day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops early is still the fit that is scored
        params = _model(past).fit(disp=False, maxiter=FITTED_STEPS).params
    model = _model(series)
    followed, system = model.filter(params), model.ssm
    state, spread = followed.filtered_state.T, followed.filtered_state_cov.transpose(2, 0, 1)
    shock = system["selection"] @ system["state_cov"] @ system["selection"].T
    noise = float(system["obs_cov"][0, 0])
    return _summed(state, spread, (system["transition"], system["design"][0], shock, noise))


def _summed(
    state: Array, spread: Array, system: tuple[Array, Array, Array, float]
) -> tuple[Array, Array]:
    """Carry state and running sum forward together; the sum is one more state."""
    move, design, shock, noise = system
    size = len(design)
    both = np.zeros((size + 1, size + 1))
    both[:size, :size], both[size, :size], both[size, size] = move, design @ move, 1.0
    drive = np.vstack([np.eye(size), design])
    error = drive @ shock @ drive.T
    error[size, size] += noise
    mean = np.concatenate([state, np.zeros((len(state), 1))], axis=1)
    cover = np.zeros((len(state), size + 1, size + 1))
    cover[:, :size, :size] = spread
    means, variances = [], []
    for _ in range(HORIZON_DAYS):
        mean, cover = mean @ both.T, both @ cover @ both.T + error
        means.append(mean[:, size])
        variances.append(np.maximum(cover[:, size, size], 1.0))
    return np.stack(means, axis=1), np.stack(variances, axis=1)


def _model(series: Array) -> "UnobservedComponents":
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    return UnobservedComponents(series, level="local level", seasonal=SEASON_DAYS)


def _normal(score: Array) -> Array:
    from scipy.special import ndtr

    chance: Array = ndtr(score)
    return chance
