"""A made-up contest with honest forecasters, to see what the audit flags and what it leaves.

SIMULATED: nothing here was measured. Hourly loads of buildings with a weekly pattern, weather
that all share, spells of their own and noise; every day of the test is asked, a day ahead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from common.lab.contest import Column, Labels, Questions, Submission
from common.lab.usecase import Array

__all__ = ["COLUMNS", "Practice", "practice", "submitted"]

COLUMNS = (
    Column("site", "text", "", "Bâtiment (SIMULÉ).", "Building (SIMULATED)."),
    Column("issue_utc", "time", "", "Heure d'émission.", "Issue time."),
    Column("target_utc", "time", "", "Heure visée.", "Target hour."),
    Column("forecast_kwh", "number", "kWh", "Prévision.", "Forecast.", low=0),
)
"""Of the files of the practice contest."""

_WEEK, _HISTORY_DAYS = 168, 70
_START = np.datetime64("2022-01-03T00:00:00", "s")  # a Monday


@dataclass(frozen=True)
class Practice:
    """Questions, labels and what honest people answer.

    Parameters
    ----------
    questions, labels
        n_units x n_days x 24 rows; ``later`` holds the same hour of the next day.
    opponents
        Forecasts without AI and an honest regression, by id.
    candidates
        Honest forecasts that are none of the opponents, by id.
    """

    questions: Questions
    labels: Labels
    opponents: Mapping[str, Submission]
    candidates: Mapping[str, Submission]


def submitted(answers: Mapping[str, Array]) -> Submission:
    """Return answers as a submission that was read without a fault."""
    n_rows = len(next(iter(answers.values())))
    return Submission(dict(answers), np.arange(2, n_rows + 2), n_rows, "0" * 64)


def practice(seed: int = 0, n_units: int = 40, n_days: int = 45) -> Practice:
    """Simulate a contest; the loads are rounded to 0.1 kWh as meters print them.

    Parameters
    ----------
    seed
        Of everything random.
    n_units, n_days
        Size of the test.
    """
    rng = np.random.default_rng(seed)
    known, pattern = _loads(rng, n_units, _HISTORY_DAYS + n_days + 1)
    past = known[:, : _HISTORY_DAYS * 24]
    level = past.mean(axis=1)
    hour = _HISTORY_DAYS * 24 + np.arange(n_days * 24)
    forecasts = _forecasts(known, hour, level)
    forecasts["pattern_known"] = _pattern_known(known, pattern, hour)
    answers = {
        name: submitted({"forecast_kwh": np.maximum(values, 0).ravel()})
        for name, values in forecasts.items()
    }
    honest = ("pattern_known", "blend", "regression_month", "regression_shrunk")
    return Practice(
        questions=_questions(known, hour, level),
        labels=Labels({"forecast_kwh": known[:, hour].ravel()}),
        opponents={name: entry for name, entry in answers.items() if name not in honest},
        candidates={name: answers[name] for name in honest},
    )


def _loads(rng: np.random.Generator, n_units: int, n_days: int) -> tuple[Array, Array]:
    """Return the loads and their pattern in kWh, both (n_units, n_days * 24).

    The load is the pattern times weather that all share, spells of each unit, and noise.
    """
    n_hours = n_days * 24
    hour = np.arange(n_hours)
    opening = np.exp(-(((hour % 24) - 13) ** 2) / rng.uniform(10, 40, (n_units, 1)))
    working = np.where(hour // 24 % 7 < 5, 1.0, rng.uniform(0.2, 0.8, (n_units, 1)))
    pattern = rng.uniform(0.2, 0.6, (n_units, 1)) + opening * working
    weather = rng.uniform(0, 0.15, (n_units, 1)) * _memory(rng, 1, n_hours, 0.995)
    spells = 0.06 * _memory(rng, n_units, n_hours, 0.98)
    noise = rng.uniform(0.03, 0.08, (n_units, 1)) * _memory(rng, n_units, n_hours, 0.5)
    size = rng.lognormal(3.5, 0.8, (n_units, 1))
    return np.round(size * pattern * np.exp(weather + spells + noise), 1), size * pattern


def _memory(rng: np.random.Generator, n_series: int, n_hours: int, phi: float) -> Array:
    """AR(1) series of variance one, shape (n_series, n_hours)."""
    from scipy.signal import lfilter

    noise = rng.standard_normal((n_series, n_hours + 500))
    series: Array = lfilter([1], [1, -phi], noise, axis=1)[:, 500:] * np.sqrt(1 - phi**2)
    return series


def _forecasts(known: Array, hour: Array, level: Array) -> dict[str, Array]:
    """Honest forecasts in kWh, each of shape (n_units, n_hours): nothing nearer than 48 h."""
    lags = {lag: known[:, hour - lag] for lag in (48, _WEEK, 2 * _WEEK, 3 * _WEEK, 4 * _WEEK)}
    weeks = np.mean([lags[k * _WEEK] for k in (1, 2, 3, 4)], axis=0)
    return {
        "lag_48": lags[48],
        "last_week": lags[_WEEK],
        "four_weeks": weeks,
        "regression": _regression(known, hour, level, n_days=35),
        "blend": 0.5 * lags[48] + 0.5 * weeks,
        "regression_month": _regression(known, hour, level, n_days=28, weeks=1),
        "regression_shrunk": 0.7 * _regression(known, hour, level, n_days=35) + 0.3 * weeks,
    }


def _pattern_known(known: Array, pattern: Array, hour: Array) -> Array:
    """Return what somebody answers who knows every building by heart: nobody honest does better.

    The pattern that made the loads, times half of last day's departure from it.
    """
    total = np.cumsum(np.log(np.maximum(known, 0.05) / pattern), axis=1)
    last = hour - hour % 24 - 25
    departure = (total[:, last] - total[:, last - 24]) / 24
    answers: Array = pattern[:, hour] * np.exp(0.5 * departure)
    return answers


def _regression(known: Array, hour: Array, level: Array, *, n_days: int, weeks: int = 3) -> Array:
    """Least squares over all units on lags and a recent mean, fitted on the last past days."""
    fit = hour[0] - 24 * n_days + np.arange(24 * n_days)
    size = level[:, np.newaxis]
    columns = _lagged(known / size, fit, weeks)
    target = (known[:, fit] / size).ravel()
    weights = np.linalg.lstsq(columns, target, rcond=None)[0]
    answers = _lagged(known / size, hour, weeks) @ weights
    forecast: Array = answers.reshape(len(known), -1) * size
    return forecast


def _lagged(relative: Array, hour: Array, weeks: int) -> Array:
    """Regressors of each unit and hour, all known two days before, shape (rows, weeks + 2)."""
    total = np.cumsum(relative, axis=1)
    last = hour - hour % 24 - 25  # issued at noon; the meters are known up to midnight before
    recent = (total[:, last] - total[:, last - _WEEK]) / _WEEK
    lags = [relative[:, hour - lag] for lag in (48, *(_WEEK * k for k in range(1, weeks + 1)))]
    regressors: Array = np.stack([*lags, recent], axis=-1).reshape(len(relative) * len(hour), -1)
    return regressors


def _questions(known: Array, hour: Array, level: Array) -> Questions:
    n_units, n_hours = len(known), len(hour)
    target = np.tile(_START + (hour * 3600).astype("timedelta64[s]"), n_units)
    issue = target.astype("datetime64[D]").astype("datetime64[s]") - np.timedelta64(12 * 3600, "s")
    names = np.array([f"site-{i:02d}" for i in range(n_units)], dtype=object)
    sites = np.repeat(names, n_hours)
    size = np.repeat(level, n_hours)
    return Questions(
        keys={"site": sites, "issue_utc": issue, "target_utc": target},
        units=sites,
        blocks=np.tile(hour // _WEEK, n_units),
        example=np.arange(n_units * n_hours) // 24,
        step=np.tile(hour % 24, n_units),
        inputs={},
        scale=size,
        level=size,
        later={"même heure, jour suivant": known[:, hour + 24].ravel()},
    )
