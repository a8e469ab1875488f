"""Simulate municipal meters, so that everything runs where no data can be had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset
from usecases.building_energy.civil_calendar import calendar
from usecases.building_energy.data import Energy

__all__ = ["BUILDINGS", "Building", "simulate"]

TIMEZONE = "Europe/Paris"
MEAN_CELSIUS, SEASON_CELSIUS, DAILY_CELSIUS = 12.5, 8.0, 3.0
"""Mean of Orly 2015-2019 (PROVENANCE.md) and round half-amplitudes about it."""
WEATHER_MEMORY, WEATHER_CELSIUS = 0.985, 3.5
"""Hourly AR(1) coefficient and standard deviation of what season and hour leave."""
HEATING_BELOW_CELSIUS = 16.0
HEATING_STOPS_ABOVE_CELSIUS = 15.0
"""Mean of the last 72 h above which the boiler is off."""
NOISE_MEMORY, NOISE_SHARE = 0.7, 0.06
DRIFT_SHARE_PER_YEAR = 0.02
OUTAGES_PER_YEAR, OUTAGE_HOURS = 3.0, 18.0
ROUNDING_KWH = 0.1


@dataclass(frozen=True)
class Building:
    """What a kind of municipal building does with its day.

    Parameters
    ----------
    opens, closes
        Clock hours between which it is occupied.
    weekdays
        Share of full occupancy from Monday to Sunday.
    school_holidays
        Share of ordinary occupancy during school holidays.
    base_kw, occupied_kw
        Electric power when empty and, on top of it, when full.
    convectors_kw_per_kelvin
        Electric heating when occupied.
    boiler_kw_per_kelvin
        Gas heating when occupied; half of it at night (setback).
    hot_water_kw
        Gas for hot water when full.
    """

    opens: float
    closes: float
    weekdays: tuple[float, float, float, float, float, float, float]
    school_holidays: float
    base_kw: float
    occupied_kw: float
    convectors_kw_per_kelvin: float
    boiler_kw_per_kelvin: float
    hot_water_kw: float


_SCHOOL_WEEK = (1.0, 1.0, 0.4, 1.0, 1.0, 0.0, 0.0)
_OFFICE_WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.0)
BUILDINGS: Mapping[str, Building] = {
    "ecole": Building(7.0, 17.5, _SCHOOL_WEEK, 0.15, 4.0, 16.0, 0.3, 5.0, 2.0),
    "mairie": Building(8.0, 18.0, _OFFICE_WEEK, 0.8, 9.0, 30.0, 0.6, 6.0, 0.5),
    "gymnase": Building(
        8.0, 22.0, (1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.6), 0.5, 5.0, 22.0, 0.1, 4.0, 8.0
    ),
    "bibliotheque": Building(
        10.0, 19.0, (0.1, 1.0, 1.0, 0.8, 1.0, 1.0, 0.0), 0.9, 3.0, 14.0, 0.4, 2.5, 0.2
    ),
    "creche": Building(
        7.0, 18.5, (1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0), 0.6, 2.5, 9.0, 0.3, 2.0, 2.0
    ),
}
"""Invented round figures of a plausible order; no measurement stands behind them."""


def simulate(
    energy: Energy,
    seed: int,
    n_meters: int = 12,
    years: Sequence[int] = (2019, 2020, 2021, 2022),
) -> Dataset:
    """Draw hourly meters of invented municipal buildings; never a basis for a score.

    Occupancy follows opening hours, public and school holidays; heating follows a
    seasonal temperature with AR(1) weather; each meter has its size, noise, slow drift
    and outages (``valid`` False, NaN).

    Parameters
    ----------
    energy
        ``electricity`` or ``gas``.
    seed
        Same seed, same data set.
    n_meters
        Number of meters; the five kinds of building take turns.
    years
        Civil years covered, from the least to the greatest.

    Returns
    -------
    Dataset
        ``simulated`` and named ``SIMULATED ...``; column ``load_kwh``.

    Raises
    ------
    UsageError
        If ``energy`` is unknown, or ``n_meters`` or ``years`` is empty.

    Examples
    --------
    >>> dataset = simulate("gas", seed=1, n_meters=2, years=(2022,))
    >>> dataset.name, len(dataset.times)
    ('SIMULATED building_energy gas', 17520)
    """
    if energy not in ("electricity", "gas") or n_meters < 1 or not years:
        raise UsageError(
            f"simulate {energy!r}, {n_meters} meters, years {list(years)}",
            expected="electricity or gas, at least one meter and one year",
        )
    rng = np.random.default_rng([seed, energy == "gas"])
    local = pd.date_range(
        f"{min(years)}-01-01", f"{max(years) + 1}-01-01",
        freq="h", inclusive="left", tz=TIMEZONE, unit="s",
    )  # fmt: skip
    temperature_celsius = _temperature(local, np.random.default_rng(seed))
    kinds = list(BUILDINGS)
    meters = [f"{kinds[i % len(kinds)]}_{i + 1:02d}" for i in range(n_meters)]
    load_kwh = np.stack(
        [_meter(BUILDINGS[kinds[i % len(kinds)]], energy, local, temperature_celsius, rng)
         for i in range(n_meters)]
    )  # fmt: skip
    load_kwh[_outages(load_kwh.shape, rng)] = np.nan
    utc = local.tz_convert("UTC")
    values = load_kwh.reshape(-1)
    return Dataset(
        name=f"SIMULATED building_energy {energy}",
        columns={"load_kwh": values},
        units={"load_kwh": "kWh"},
        times=pd.DatetimeIndex(np.tile(utc.tz_localize(None).to_numpy(), n_meters), tz="UTC"),
        groups=pd.Categorical.from_codes(
            np.repeat(np.argsort(np.argsort(meters)), len(utc)), categories=sorted(meters)
        ),
        valid=~np.isnan(values),
        timezone=TIMEZONE,
        simulated=True,
        proxy="Données simulées : bâtiments municipaux inventés, sans aucune mesure.",
        extras={
            "weather": pd.DataFrame({"temperature_celsius": temperature_celsius}, index=utc),
            "place": pd.DataFrame({"country": ["FR"]}),
        },
    )


def _ar1(
    shape: tuple[int, ...], memory: float, deviation: float, rng: np.random.Generator
) -> Array:
    """Return a stationary AR(1) series along the last axis, of the given deviation."""
    from scipy.signal import lfilter

    shocks = rng.normal(size=shape)
    shocks[..., 1:] *= np.sqrt(1 - memory**2)
    series: Array = deviation * lfilter([1.0], [1.0, -memory], shocks, axis=-1)
    return series


def _temperature(local: pd.DatetimeIndex, rng: np.random.Generator) -> Array:
    """Return the outdoor temperature: coldest about 20 January, warmest about 15 h."""
    season = -np.cos(2 * np.pi * (local.day_of_year.to_numpy() - 20) / 365.25)
    day = np.cos(2 * np.pi * (local.hour.to_numpy() - 15) / 24)
    weather = _ar1((len(local),), WEATHER_MEMORY, WEATHER_CELSIUS, rng)
    celsius: Array = MEAN_CELSIUS + SEASON_CELSIUS * season + DAILY_CELSIUS * day + weather
    return np.round(celsius, 1)


def _meter(
    building: Building,
    energy: Energy,
    local: pd.DatetimeIndex,
    temperature_celsius: Array,
    rng: np.random.Generator,
) -> Array:
    """Return one meter's kWh per hour: its kind's load, its own size, drift and noise."""
    occupancy = _occupancy(building, local, rng)
    cold = np.maximum(0.0, HEATING_BELOW_CELSIUS - temperature_celsius)
    if energy == "electricity":
        load = building.base_kw + building.occupied_kw * occupancy
        load = load + building.convectors_kw_per_kelvin * cold * occupancy
    else:
        mean = pd.Series(temperature_celsius).rolling(72, min_periods=1).mean().to_numpy()
        heating = building.boiler_kw_per_kelvin * cold * (0.5 + 0.5 * occupancy)
        load = heating * (mean < HEATING_STOPS_ABOVE_CELSIUS) + building.hot_water_kw * occupancy
    size = rng.lognormal(0.0, 0.5)
    elapsed_years = np.arange(len(local)) / 8766
    drift = 1 + DRIFT_SHARE_PER_YEAR * rng.normal() * elapsed_years
    noise = np.exp(_ar1((len(local),), NOISE_MEMORY, NOISE_SHARE, rng))
    return np.round(size * load * drift * noise / ROUNDING_KWH) * ROUNDING_KWH


def _occupancy(building: Building, local: pd.DatetimeIndex, rng: np.random.Generator) -> Array:
    """Return the share of full occupancy at each hour, with ramps of an hour or so."""
    days = local.tz_localize(None).to_numpy().astype("datetime64[D]")
    first_of_day, day = np.unique(days, return_inverse=True)
    kind = calendar(first_of_day, "FR")
    share = np.asarray(building.weekdays)[kind["weekday"]]
    share = share * np.where(kind["is_school_holiday"], building.school_holidays, 1.0)
    share = share * ~kind["is_holiday"] * rng.uniform(0.85, 1.15, size=len(share))
    early = rng.normal(0.0, 0.5)
    middle = local.hour.to_numpy() + 0.5
    opening = np.clip(middle - (building.opens + early) + 0.5, 0, 1)
    closing = np.clip(building.closes - middle + 0.5, 0, 1)
    occupancy: Array = share[day] * opening * closing
    return occupancy


def _outages(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Tell which hours were lost: a few spells a year and meter, of geometric length."""
    n_meters, n_hours = shape
    lost = np.zeros(shape, dtype=bool)
    for meter in range(n_meters):
        n_spells = rng.poisson(OUTAGES_PER_YEAR * n_hours / 8766)
        starts = rng.integers(0, n_hours, size=n_spells)
        lengths = rng.geometric(1 / OUTAGE_HOURS, size=n_spells)
        for start, length in zip(starts, lengths, strict=True):
            lost[meter, start : start + length] = True
    return lost
