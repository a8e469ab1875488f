"""Plots of the forecast for the run page: is the interval kept, and three typical weeks."""

from collections.abc import Mapping

import numpy as np

from common.lab.forecasts import Forecasts
from common.lab.metrics import COVERAGE_80, NRMSE
from common.lab.pages.figures import Figure, coverage_by_unit, slices, weeks
from common.lab.usecase import Array, Examples

__all__ = ["coverage_by_part", "forecast_figures"]

QUARTERS = ("nuit (0 h à 6 h)", "matin (6 h à 12 h)", "après-midi (12 h à 18 h)", "soir")
SEASONS = ("hiver", "printemps", "été", "automne")
PROMISE = (
    "Part des heures où la mesure tombe dans l'intervalle annoncé à 80 %, tous compteurs ensemble. "
    "Les heures les plus hautes ne se connaissent qu'après coup : aucun intervalle annoncé la "
    "veille n'y tient 80 %."
)
DAYS_SHOWN = 7
MIN_KNOWN_HOURS = 160
"""Of the 168 hours of a week: a week with a long outage shows nothing."""


def forecast_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return the calibration of each meter, then its best, median and worst week.

    Parameters
    ----------
    examples, outputs
        The test period and the shipped graph's calibrated outputs.
    """
    forecasts = Forecasts.from_examples(examples, outputs)
    coverage = COVERAGE_80.compute(forecasts) / 100
    errors = NRMSE.compute(forecasts)
    median_meter = forecasts.units[np.argsort(errors)[len(errors) // 2]]
    return [
        coverage_by_unit(list(forecasts.units), list(coverage), noun="Compteur"),
        slices(
            "La promesse des 80 %, selon l'heure et la saison",
            coverage_by_part(forecasts),
            description=PROMISE,
        ),
        *_weeks(str(median_meter), examples, outputs),
    ]


def coverage_by_part(forecasts: Forecasts) -> dict[str, float]:
    """Return the coverage of the 80 % band in %, by quarter of day, season and at the peak.

    The last class, the hours that turned out to be each meter's 1 % highest, is chosen after
    the fact: no band that is honest before it can hold 80 % there.
    """
    inside = forecasts.level(0.1) <= forecasts.actual
    inside &= forecasts.actual <= forecasts.level(0.9)
    quarter = np.minimum(forecasts.slot, 23) // 6
    season = (forecasts.day.astype("datetime64[M]").astype(int) + 1) % 12 // 3
    parts = {name: quarter == place for place, name in enumerate(QUARTERS)}
    parts |= {name: season == place for place, name in enumerate(SEASONS)}
    parts["1 % d'heures les plus hautes, constatées après coup"] = _peaks(forecasts)
    return {name: 100 * float(inside[rows].mean()) for name, rows in parts.items() if rows.any()}


def _peaks(forecasts: Forecasts) -> Array:
    """Tell which values are among their unit's 1 % highest."""
    limits = [
        np.quantile(forecasts.actual[start : start + count], 0.99)
        for start, count in zip(forecasts.starts, forecasts.counts, strict=True)
    ]
    peaks: Array = forecasts.actual >= np.repeat(limits, forecasts.counts)
    return peaks


def _weeks(meter: str, examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return three weeks of the meter whose error is the median one."""
    rows = np.flatnonzero(examples.units == meter)
    rows = rows[np.argsort(examples.days[rows])]
    weeks_of = examples.blocks[rows]
    errors = {}
    for block in np.unique(weeks_of):
        week = rows[weeks_of == block]
        part = examples.take(week)
        if len(week) == DAYS_SHOWN and np.isfinite(part.target).sum() >= MIN_KNOWN_HOURS:
            gap = part.on_slots(outputs["forecast"][week]) - part.target
            errors[block] = float(np.sqrt(np.nanmean(gap**2)))
    ranked = sorted(errors, key=errors.__getitem__)
    if not ranked:
        return []
    chosen = {
        "Meilleure semaine": ranked[0],
        "Semaine médiane": ranked[len(ranked) // 2],
        "Pire semaine": ranked[-1],
    }
    return [
        _week(
            f"{name} du compteur {meter}",
            rows[examples.blocks[rows] == block],
            examples,
            outputs,
        )
        for name, block in chosen.items()
    ]


def _week(title: str, rows: Array, examples: Examples, outputs: Mapping[str, Array]) -> Figure:
    """Return one week, hour by hour."""
    part = examples.take(rows)
    known = part.slots >= 0
    series = [
        np.where(known, part.on_slots(outputs[name][rows]), np.nan)[known]
        for name in ("forecast", "lower", "upper")
    ]
    elapsed = np.broadcast_to(np.arange(part.slots.shape[1]), known.shape)[known]
    days = np.broadcast_to(part.days[:, None], known.shape)[known]
    times = days.astype("datetime64[h]") + elapsed.astype("timedelta64[h]")
    return weeks(title, times, part.target[known], *series)
