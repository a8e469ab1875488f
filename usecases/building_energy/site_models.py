"""Regressions fitted per meter: time of week and temperature, harmonics, plus the last week.

They are the linear bar of the field: a vendor who does not beat them adds nothing. Their
coefficients are an input of the graph, fitted every quarter on the 365 days known then.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul
from common.lab.usecase import Array, Dataset, Examples, Field
from usecases.building_energy.data import ClockGrid, clock_grid
from usecases.building_energy.features import CLOSED
from usecases.building_energy.forecast import closures

__all__ = ["HARMONIC", "TOWT", "SiteModel", "coefficients_field", "fit_sites"]

RECENT_DAYS = 7
"""Days whose mean residual corrects the level (``briefs/building_energy.md`` 4.1)."""
FIT_DAYS = 365
KNOTS_CELSIUS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 35.0)
"""Ends of the pieces of temperature: six, as in Mathieu et al. 2011 (IEEE Trans. Smart Grid)."""
N_HARMONICS = 6
HEATING_BELOW_CELSIUS, COOLING_ABOVE_CELSIUS = 15.0, 18.0
OCCUPIED_HOURS = (7, 19)


@dataclass(frozen=True)
class SiteModel:
    """A per-site linear model as a head of the graph.

    Parameters
    ----------
    name
        Name of the graph input that holds the coefficients.
    width
        Number of coefficients of a site.
    profile
        ``profile(xp, coefficients, kind, temperature_celsius)`` gives the pattern and the
        temperature part, both (n, days, 24) in kWh, from (n, width), (n, days) and
        (n, days, 24).
    fit
        ``fit(load_kwh, kind, temperature_celsius)``: coefficients (width,) from known days.
    """

    name: str
    width: int
    profile: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    fit: Callable[[Array, Array, Array], Array]
    reads: tuple[str, ...] = ()
    terms: tuple[str, ...] = ("usual_week", "temperature", "last_week_gap")
    baseline: float = 0.0
    additive: bool = False

    @property
    def n_parameters(self) -> int:
        """Coefficients of one site."""
        return self.width

    def thresholds(self) -> tuple[Array, ...]:
        """Return nothing: the head reads no column of the matrix."""
        return ()

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, 3), relative to the level."""
        kind, temperature = _around_target(xp, inputs)
        pattern, weather = self.profile(xp, inputs[self.name], kind, temperature)
        load_kwh = inputs["load_kwh"][:, -RECENT_DAYS:, :]
        unknown = xp.isnan(load_kwh)
        gap = load_kwh - pattern[:, :RECENT_DAYS, :] - weather[:, :RECENT_DAYS, :]
        known = xp.astype(~unknown, xp.float32)
        zero = xp.asarray(np.float32(0))
        recent = xp.sum(xp.where(unknown, zero, gap), axis=1, keepdims=True) / xp.maximum(
            xp.sum(known, axis=1, keepdims=True), xp.asarray(np.float32(1))
        )
        parts = xp.concat([pattern[:, -1:, :], weather[:, -1:, :], recent], axis=1)
        level = xp.expand_dims(inputs["context_level"], axis=2)
        contributions = xp.reshape(xp.permute_dims(parts / level, (0, 2, 1)), (-1, 3))
        return xp.sum(contributions, axis=1), contributions


def coefficients_field(model: SiteModel) -> Field:
    """Return the graph input that holds a site's coefficients."""
    return Field(
        name=model.name,
        dtype="float32",
        shape=("n", model.width),
        unit="kWh",
        meaning="Coefficients du site, ajustés sur ses 365 derniers jours connus.",
    )


def fit_sites(model: SiteModel, dataset: Dataset, examples: Examples) -> dict[str, Array]:
    """Fit each meter at the start of each quarter on the 365 days known by then.

    Parameters
    ----------
    model
        What is fitted.
    dataset
        Where the history is read.
    examples
        Rows that need coefficients.

    Returns
    -------
    dict
        The model's input, (n, width) float32.
    """
    grid = clock_grid(dataset)
    kind = np.where(closures(grid.days, dataset) > 0, CLOSED, (grid.days.astype(int) + 3) % 7)
    quarters = examples.days.astype("datetime64[M]").astype(int) // 3
    meters = {name: place for place, name in enumerate(grid.meters)}
    coefficients = np.zeros((len(examples), model.width), dtype=np.float32)
    keys, rows = np.unique(
        np.stack([[meters[unit] for unit in examples.units], quarters]), axis=1, return_inverse=True
    )
    for place, (meter, quarter) in enumerate(keys.T):
        first = np.datetime64(int(quarter) * 3, "M").astype("datetime64[D]")
        # The quarter's first target is forecast the day before with data up to two days before.
        stop = int((first - grid.days[0]).astype(int)) - 1
        span = slice(max(stop - FIT_DAYS, 0), max(stop, 0))
        coefficients[rows == place] = model.fit(
            grid.load_kwh[meter, span], kind[span], _filled(grid, span)
        )
    return {model.name: coefficients}


def _filled(grid: ClockGrid, span: slice) -> Array:
    """Return temperatures with holes filled by the span's mean: a regressor, not a target."""
    temperature = grid.temperature_celsius[span]
    if not np.isfinite(temperature).any():
        return np.full_like(temperature, COOLING_ABOVE_CELSIUS)
    return np.where(np.isnan(temperature), np.nanmean(temperature), temperature)


def _around_target(xp: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return kind (n, 8) and temperature (n, 8, 24) of the last known days and the target."""
    temperature, closed = inputs["temperature_celsius"], inputs["closed"]
    last = int(inputs["load_kwh"].shape[1])
    at, first = int(temperature.shape[1]) - 1, last - RECENT_DAYS
    offsets = np.array([*range(first, last), at], dtype=np.int64) - at
    weekday = (xp.expand_dims(inputs["weekday"], axis=1) + xp.asarray(offsets + 14)) % 7
    shut = xp.concat([closed[:, first:last], closed[:, at : at + 1]], axis=1)
    kind = xp.where(shut > 0, CLOSED, weekday)
    past, target = temperature[:, first:last, :], temperature[:, at:, :]
    past = xp.where(xp.isnan(past), xp.asarray(np.float32(COOLING_ABOVE_CELSIUS)), past)
    target = xp.where(xp.isnan(target), past[:, -1:, :], target)
    return kind, xp.concat([past, target], axis=1)


def _pieces(xp: Any, temperature: Any) -> list[Any]:
    """Return how far the temperature reaches into each piece, in K."""
    return [
        xp.maximum(
            xp.minimum(temperature, xp.asarray(np.float32(high))) - np.float32(low),
            xp.asarray(np.float32(0)),
        )
        for low, high in pairwise(KNOTS_CELSIUS)
    ]


def _gathered(xp: Any, table: Any, kind: Any) -> Any:
    """Return rows (n, days, 24) of a table (n, 7, 24); closed days read Sunday."""
    day = xp.where(kind == CLOSED, 6, kind)
    index = xp.expand_dims(day, axis=2) + xp.asarray(np.zeros((1, 1, 24), dtype=np.int64))
    return xp.take_along_axis(table, index, axis=1)


def _towt_profile(xp: Any, coefficients: Any, kind: Any, temperature: Any) -> tuple[Any, Any]:
    pattern = _gathered(xp, xp.reshape(coefficients[:, :168], (-1, 7, 24)), kind)
    weather = sum(
        piece * xp.reshape(coefficients[:, 168 + place : 169 + place], (-1, 1, 1))
        for place, piece in enumerate(_pieces(xp, temperature))
    )
    return pattern, weather


def _towt_fit(load_kwh: Array, kind: Array, temperature: Array) -> Array:
    """Regress on 168 hours of the week and six pieces of temperature.

    The hour effects are partialled out first (Frisch and Waugh 1933), which gives the same
    coefficients as the full design of 174 columns at a hundredth of the cost.
    """
    day = np.where(kind == CLOSED, 6, kind)
    hour = (day[:, None] * 24 + np.arange(24)).ravel()
    y = load_kwh.astype(np.float64).ravel()
    X = np.stack([piece.ravel() for piece in _pieces(np, temperature)], axis=1).astype(np.float64)
    known = np.isfinite(y)
    if known.sum() < 2 * 168:
        return np.zeros(174)
    hour, y, X = hour[known], y[known], X[known]
    count = np.maximum(np.bincount(hour, minlength=168), 1)
    means = np.stack([np.bincount(hour, column, 168) / count for column in X.T], axis=1)
    load_means = np.bincount(hour, y, 168) / count
    slopes = _least_squares(y - load_means[hour], X - means[hour])
    effects = load_means - means @ slopes
    empty = np.bincount(hour, minlength=168) == 0
    effects[empty] = np.mean(effects[~empty])
    return np.concatenate([effects, slopes])


def _least_squares(y: Array, X: Array) -> Array:
    """Return the coefficients of ordinary least squares.

    The pseudo-inverse (statsmodels' default) gives a regressor that never moved, such as
    cooling in a cold year, a coefficient of zero; its warning is then no news.
    """
    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*rank-deficient")
        return np.asarray(sm.OLS(y, X).fit().params)


def _waves() -> Array:
    """Return 1, cosines and sines of the day, (24, 1 + 2 * N_HARMONICS - 1)."""
    angle = 2 * np.pi * np.arange(24) / 24
    cosines = [np.cos(k * angle) for k in range(1, N_HARMONICS + 1)]
    sines = [np.sin(k * angle) for k in range(1, N_HARMONICS)]
    return np.stack([np.ones(24), *cosines, *sines], axis=1).astype(np.float32)


WAVES = _waves()
N_WAVES = WAVES.shape[1]
DAY_TYPES = np.array([0, 0, 0, 0, 0, 1, 2, 2])
"""Working day, Saturday, Sunday or closed, by kind of day."""
N_WEEKDAYS = 4
"""Tuesday to Friday differ from Monday by a constant; other days have their own shape."""
HARMONIC_WIDTH = 3 * N_WAVES + N_WEEKDAYS + 4


def _occupied(xp: Any) -> Any:
    start, stop = OCCUPIED_HOURS
    hours = np.arange(24)
    return xp.asarray(((hours >= start) & (hours < stop)).astype(np.float32))


def _degree_hours(xp: Any, kind: Any, temperature: Any) -> list[Any]:
    """Return heating and cooling degrees, and both in occupied hours of working days."""
    zero = xp.asarray(np.float32(0))
    heating = xp.maximum(np.float32(HEATING_BELOW_CELSIUS) - temperature, zero)
    cooling = xp.maximum(temperature - np.float32(COOLING_ABOVE_CELSIUS), zero)
    working = xp.expand_dims(xp.astype(kind < 5, xp.float32), axis=-1) * _occupied(xp)
    return [heating, cooling, heating * working, cooling * working]


def _harmonic_profile(xp: Any, coefficients: Any, kind: Any, temperature: Any) -> tuple[Any, Any]:
    waves = xp.reshape(coefficients[:, : 3 * N_WAVES], (-1, 3, N_WAVES))
    shapes = matmul(xp, waves, xp.asarray(np.ascontiguousarray(WAVES.T)))
    place = np.zeros((8, 3), dtype=np.float32)
    place[np.arange(8), DAY_TYPES] = 1
    kinds = xp.asarray(np.arange(8, dtype=np.int64))
    one_hot = xp.astype(xp.expand_dims(kind, axis=2) == kinds, xp.float32)
    pattern = matmul(xp, matmul(xp, one_hot, xp.asarray(place)), shapes)
    weekday = coefficients[:, 3 * N_WAVES : 3 * N_WAVES + N_WEEKDAYS]
    weekday = xp.reshape(weekday, (-1, N_WEEKDAYS, 1))
    pattern = pattern + matmul(xp, one_hot[:, :, 1 : 1 + N_WEEKDAYS], weekday)
    weather = sum(
        part
        * xp.reshape(coefficients[:, HARMONIC_WIDTH - 4 + k : HARMONIC_WIDTH - 3 + k], (-1, 1, 1))
        for k, part in enumerate(_degree_hours(xp, kind, temperature))
    )
    return pattern, weather


def _harmonic_fit(load_kwh: Array, kind: Array, temperature: Array) -> Array:
    """Regress on day shapes by type of day, weekday levels and degree hours."""
    n_days = len(load_kwh)
    design = np.zeros((n_days, 24, HARMONIC_WIDTH))
    for day_type in range(3):
        rows = DAY_TYPES[kind] == day_type
        design[rows, :, day_type * N_WAVES : (day_type + 1) * N_WAVES] = WAVES
    for k in range(N_WEEKDAYS):
        design[kind == k + 1, :, 3 * N_WAVES + k] = 1
    for k, part in enumerate(_degree_hours(np, kind, temperature)):
        design[:, :, HARMONIC_WIDTH - 4 + k] = part
    y = load_kwh.astype(np.float64).ravel()
    known = np.isfinite(y)
    if known.sum() < 2 * HARMONIC_WIDTH:
        return np.zeros(HARMONIC_WIDTH)
    return _least_squares(y[known], design.reshape(-1, HARMONIC_WIDTH)[known])


TOWT = SiteModel("towt_kwh", 174, _towt_profile, _towt_fit)
"""Time of week and temperature (Mathieu et al. 2011), with the last week's residual."""

HARMONIC = SiteModel("harmonic_kwh", HARMONIC_WIDTH, _harmonic_profile, _harmonic_fit)
"""Day shapes as harmonics, degree hours, with the last week's residual."""
