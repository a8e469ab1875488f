"""Examples of the day-ahead forecast: what is known at noon, and what came.

Track F1 of ``briefs/building_energy.md`` 3.1: issue day D at 12:00 local, loads through D 00:00,
the 24 clock hours of D+1. F2 (``lead_days=0``): origin D 00:00, the next 24 hours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from common.lab.windows import Windows
from usecases.building_energy.civil_calendar import calendar, country_of
from usecases.building_energy.data import ClockGrid, clock_grid

__all__ = ["FORECAST_SEED", "Horizon", "closures", "examples_of"]

Temperature = Literal["none", "forecast", "observed"]

FORECAST_SEED = 20220101
"""Seed of the temperature-forecast error; published, so that anybody draws the same."""
ERROR_CELSIUS = 1.5
ERROR_MEMORY = 0.9
"""Stationary AR(1) error per hour of track T1 (``briefs/building_energy.md`` 3.1)."""
DAYS_AFTER = 3
"""Days after the target whose closures are known."""


@dataclass(frozen=True)
class Horizon:
    """How far back inputs reach and what is known of the weather.

    Parameters
    ----------
    history_days
        Known days given to the graph.
    lead_days
        Whole days between the last known day and the target: 1 operational (F1), 0 academic
        (F2).
    temperature
        Track T0 ``none``, T1 ``forecast`` (official), T2 ``observed``.
    """

    history_days: int
    lead_days: int = 1
    temperature: Temperature = "forecast"


def examples_of(dataset: Dataset, period: Period, horizon: Horizon) -> Examples:
    """Return one row per meter and target day of the period, with the truth beside it.

    Parameters
    ----------
    dataset
        Hourly loads; weather in ``extras["weather"]``.
    period
        Target days.
    horizon
        What the rows hold.

    Raises
    ------
    DataError
        If no meter has a target day in the period.

    Notes
    -----
    Inputs are ``load_kwh`` (n, H, 24), ``temperature_celsius`` (n, H + lead + 1, 24) from the
    first day of the history to the target, ``closed`` (n, H + lead + 4) to three days after
    it, ``weekday`` and ``day_of_year`` (n,) of the target; targets stand on 25 slots. Days
    without any known load before them are left out.
    """
    grid = clock_grid(dataset)
    start, stop = np.datetime64(period.start, "D"), np.datetime64(period.stop, "D")
    target_days = np.arange(start, stop)
    inside = (target_days > grid.days[0] + horizon.lead_days) & (target_days <= grid.days[-1])
    places = (target_days[inside] - grid.days[0]).astype(np.int64)
    if not len(places):
        raise DataError(
            f"{dataset.name} spans {grid.days[0]} to {grid.days[-1]}",
            expected=f"target days within {period}",
        )
    meter, place = (
        axis.ravel() for axis in np.meshgrid(np.arange(len(grid.meters)), places, indexing="ij")
    )
    stops = place - horizon.lead_days
    some = _known_before(grid, meter, stops, horizon.history_days)
    meter, place, stops = meter[some], place[some], stops[some]
    days = grid.days[place]
    return Examples(
        inputs=_inputs(dataset, grid, horizon, meter, place),
        target=grid.slot_values[meter, place].astype(np.float64),
        slots=grid.slots[place],
        units=grid.meters[meter],
        blocks=(days.astype(np.int64) + 3) // 7,
        issued=_issued(days, horizon.lead_days, dataset.timezone),
        days=days,
    )


def closures(days: Array, dataset: Dataset) -> Array:
    """Return 1 for public holidays and the days from Christmas Eve to New Year's Day, else 0.

    Public buildings close then; a commune adds its own closures in ``extras["closures"]``.
    """
    kind = calendar(days, country_of(dataset))
    month_day = np.array([text[5:] for text in np.datetime_as_string(days, unit="D").tolist()])
    closed: Array = kind["is_holiday"] | (month_day >= "12-24") | (month_day == "01-01")
    own = dataset.extras.get("closures")
    if own is not None:
        closed |= np.isin(days, own["day"].to_numpy().astype("datetime64[D]"))
    return closed.astype(np.int64)


def _inputs(
    dataset: Dataset, grid: ClockGrid, horizon: Horizon, meter: Array, place: Array
) -> dict[str, Array]:
    """Return the graph's inputs; long histories stay indices until they are read."""
    reach = horizon.history_days + horizon.lead_days
    around = grid.days[0] - reach + np.arange(len(grid.days) + reach + DAYS_AFTER)
    closed = closures(around, dataset)
    n_days = np.full(len(place), reach + 1)
    windows = {
        "load_kwh": Windows(grid.load_kwh, meter, place - horizon.lead_days, horizon.history_days),
        "temperature_celsius": Windows(_air(grid, horizon), place, n_days, reach + 1),
    }
    return {
        **windows,  # type: ignore[dict-item]  # they behave as arrays
        "weekday": (grid.days[place].astype(np.int64) + 3) % 7,
        "closed": closed[place[:, None] + np.arange(reach + 1 + DAYS_AFTER)],
        "day_of_year": _day_of_year(grid.days[place]),
    }


def _air(grid: ClockGrid, horizon: Horizon) -> Array:
    """Return, for each target day, temperatures from the first day of the history to it.

    Shape (d, H + lead + 1, 24), float32. What lies after the issue time (noon of the day
    before, or midnight for F2) is forecast or unknown.
    """
    n_days, reach = len(grid.days), horizon.history_days + horizon.lead_days
    before = np.full((reach, 24), np.nan, dtype=np.float32)
    padded = np.concatenate([before, grid.temperature_celsius])
    air = padded[np.arange(n_days)[:, None] + np.arange(reach + 1)].reshape(n_days, -1)
    hours_ahead = 36 if horizon.lead_days else 24
    if horizon.temperature == "none":
        air[:, -hours_ahead:] = np.nan
    elif horizon.temperature == "forecast":
        air[:, -hours_ahead:] += _forecast_errors(grid.days, hours_ahead)
    by_day: Array = air.reshape(n_days, reach + 1, 24)
    return by_day


def _forecast_errors(days: Array, hours: int) -> Array:
    """Return one error path per day, in K: stationary AR(1), the same whatever the period."""
    first = int(days[0].astype(np.int64))
    rng = np.random.default_rng([FORECAST_SEED, abs(first)])
    shocks = rng.standard_normal((len(days), hours))
    errors = np.empty_like(shocks)
    errors[:, 0] = shocks[:, 0]
    for hour in range(1, hours):
        kept = ERROR_MEMORY * errors[:, hour - 1]
        errors[:, hour] = kept + np.sqrt(1 - ERROR_MEMORY**2) * shocks[:, hour]
    return (ERROR_CELSIUS * errors).astype(np.float32)


def _known_before(grid: ClockGrid, meter: Array, stops: Array, length: int) -> Array:
    """Tell which rows have at least one known day in their history."""
    known: Array = np.any(np.isfinite(grid.load_kwh), axis=2)
    total = np.concatenate([np.zeros((len(known), 1), int), np.cumsum(known, axis=1)], axis=1)
    some: Array = total[meter, stops] > total[meter, np.maximum(stops - length, 0)]
    return some


def _issued(days: Array, lead_days: int, timezone: str) -> Array:
    """Return issue times in UTC: the day before at 12:00 local, or midnight for F2."""
    import pandas as pd

    at = "12h" if lead_days else "0h"
    unique, rows = np.unique(days, return_inverse=True)
    local = pd.DatetimeIndex(unique - np.timedelta64(lead_days, "D")) + pd.Timedelta(at)
    utc = local.tz_localize(timezone).tz_convert("UTC").tz_localize(None)
    issued: Array = utc.to_numpy().astype("datetime64[s]")[rows]
    return issued


def _day_of_year(days: Array) -> Array:
    day_of_year: Array = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    return day_of_year
