"""Simulate containers, so that everything runs where no data can be had."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset, Split
from usecases.waste_collection.fill.cleaning import pair_ids
from usecases.waste_collection.fill.edinburgh import collections_dataset
from usecases.waste_collection.fill.readings import READ_AT_HOUR, Place, daily_dataset

__all__ = [
    "KINDS",
    "Kind",
    "levels_if_not_collected",
    "simulate",
    "simulate_collections",
    "simulate_collections_for",
    "simulate_for",
]

TIMEZONE = "Europe/Paris"
FIRST_DAY = date(2025, 1, 6)
PROXY = "Données simulées : conteneurs inventés, sans aucune mesure."
WARM_UP_DAYS = 110
"""Days drawn before a task's first day, for what its inputs look back on."""

LEVEL_STEP_PERCENT = 20.0
"""Step of the sensor, that of Wyndham's."""
SENSOR_NOISE_PERCENT = 3.0
DAY_SHAPE = 6.0
"""Shape of the gamma factor that all containers share on a day."""
OWN_SHAPE = 2.5
"""Shape of each container's own gamma factor."""
BAGS_PER_DAY, BAG_PERCENT = 0.04, (12.0, 35.0)
"""Bags dropped at once, of so many points each."""
PACE_MEMORY, PACE_SHARE = 0.97, 0.25
"""The pace of a container wanders: AR(1) of its logarithm, of this deviation."""
SETTLING_FROM_PERCENT, SETTLING_SHARE = 50.0, 0.06
"""What lies above settles by this share a day."""
LOWEST_SHARE, HOLIDAY_SHARE = 0.05, 0.6
HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))

COLLECT_ABOVE_PERCENT, COLLECT_CHANCE = 80.0, 0.85
"""A crew empties what the sensor shows as full as this on most days."""
ROUND_WEEKDAYS, ROUND_ABOVE_PERCENT = (0, 3), 20.0
"""On two days of the week it also empties whatever shows more than this, often."""
ROUND_CHANCE = 0.7
WHOLE_OUTAGES_PER_YEAR, LOST_READING_SHARE = 6.0, 0.01
STUCK_PER_YEAR, STUCK_LEAST_DAYS, STUCK_MEAN_DAYS, STUCK_FULL_SHARE = 0.7, 2.0, 14.0, 0.6
EMPTIED_FROM_TO = (0.02, 0.4)
"""Share of the day from 06:00 on at which crews empty: 6:30 to 15:30."""
KG_PER_LITRE = 0.07
"""Density that the Edinburgh export applies (weight / volume in every row)."""


@dataclass(frozen=True)
class Kind:
    """What a kind of place does with its containers.

    Parameters
    ----------
    percent_per_day
        Mean inflow of an ordinary day, points of the capacity.
    weekdays
        Share of an ordinary day from Monday to Sunday.
    summer
        Relative excess at midsummer (negative: less).
    market_weekday
        Day of the weekly market, None for none; it brings `market_percent` more.
    market_percent
        Points that a market day adds on average.
    """

    percent_per_day: float
    weekdays: tuple[float, float, float, float, float, float, float]
    summer: float
    market_weekday: int | None = None
    market_percent: float = 0.0


KINDS: Mapping[str, Kind] = {
    "centre": Kind(17.0, (0.9, 0.9, 1.0, 1.0, 1.2, 1.4, 0.8), 0.1),
    "marché": Kind(11.0, (0.9, 0.9, 1.0, 0.9, 1.0, 1.1, 0.9), 0.1, 5, 25.0),
    "habitat": Kind(8.0, (1.1, 0.9, 0.9, 0.9, 0.9, 1.1, 1.3), -0.15),
    "parc": Kind(6.0, (0.7, 0.7, 1.2, 0.7, 0.9, 1.6, 1.6), 0.7),
}
"""Invented round figures of a plausible order; no measurement stands behind them."""


@dataclass(frozen=True)
class _World:
    """What happened, seen or not; arrays of shape (n_containers, n_days).

    Parameters
    ----------
    containers
        One row per container.
    days
        Local civil days.
    level_percent
        True level at 06:00.
    inflow_percent
        What falls in from 06:00 to 06:00.
    collected_share
        Share of the day that had passed when the container was emptied, NaN where it was not.
    shown_percent
        What the sensor showed at 06:00, NaN where nothing came through.
    alert
        The system's own flag.
    """

    containers: pd.DataFrame
    days: pd.DatetimeIndex
    level_percent: Array
    inflow_percent: Array
    collected_share: Array
    shown_percent: Array
    alert: Array


def simulate_for(split: Split, seed: int, n_containers: int = 16) -> Dataset:
    """Draw invented daily levels over a task's split, with the days before that it looks at."""
    first = split.train_start - timedelta(WARM_UP_DAYS)
    days = (split.test.stop - first).days + 8
    return simulate(seed, n_containers, days, first_day=first)


def simulate_collections_for(split: Split, seed: int, n_containers: int = 48) -> Dataset:
    """Draw invented collections over a task's split, with the days before that it looks at."""
    first = split.train_start - timedelta(WARM_UP_DAYS)
    days = (split.test.stop - first).days + 1
    return simulate_collections(seed, n_containers, days, first_day=first)


def simulate(
    seed: int, n_containers: int = 16, n_days: int = 300, *, first_day: date = FIRST_DAY
) -> Dataset:
    """Draw the daily levels of invented containers; never a basis for a score.

    Inflow is a product of a wandering pace, weekday, season, a day that all share and a
    gamma of each container's own, with market days and dropped bags on top; what is in a
    container settles. No rung assumes that. Crews empty what the sensor shows as full, and
    more on two days of the week: what is observed depends on what was decided. The sensor
    shows steps of 20 points, is noisy, falls silent, and gets stuck.

    Parameters
    ----------
    seed
        Same seed, same data set.
    n_containers, n_days
        How many; the kinds of places take turns, two containers stand on each spot.
    first_day
        Local civil day.

    Returns
    -------
    Dataset
        As `data.load("wyndham")` gives, ``simulated`` and named ``SIMULATED ...``; also
        ``extras["truth"]``: ``container_id``, ``day``, ``level_percent`` (true, before any
        sensor), ``inflow_percent``, ``collected``.

    Raises
    ------
    UsageError
        If ``n_containers`` is below 1 or ``n_days`` below 8.

    Examples
    --------
    >>> dataset = simulate(seed=1, n_containers=2, n_days=10)
    >>> dataset.name, len(dataset.times)
    ('SIMULATED waste_collection', 20)
    """
    world = _world(seed, n_containers, n_days, first_day)
    day = np.tile(world.days, n_containers)
    ids = world.containers["container_id"].to_numpy()
    shown = pd.DataFrame(
        {
            "container_id": np.repeat(ids, n_days),
            "day": pd.DatetimeIndex(day),
            "level_percent": world.shown_percent.ravel(),
            "alert": world.alert.ravel(),
            "threshold_percent": COLLECT_ABOVE_PERCENT,
        }
    )
    truth = shown[["container_id", "day"]].assign(
        level_percent=np.round(world.level_percent, 2).ravel(),
        inflow_percent=np.round(world.inflow_percent, 2).ravel(),
        collected=~np.isnan(world.collected_share).ravel(),
    )
    place = Place(
        "SIMULATED waste_collection", TIMEZONE, PROXY, simulated=True, tables={"truth": truth}
    )
    return daily_dataset(place, world.containers, shown.dropna(subset="level_percent"))


def simulate_collections(
    seed: int, n_containers: int = 48, n_days: int = 90, *, first_day: date = FIRST_DAY
) -> Dataset:
    """Draw invented collections, as `data.load("edinburgh")` gives them; see `simulate`."""
    world = _world(seed, n_containers, n_days, first_day)
    container, day = np.nonzero(~np.isnan(world.collected_share))
    share = world.collected_share[container, day]
    found = world.level_percent[container, day] + share * world.inflow_percent[container, day]
    fill = np.minimum(np.round(found), 100.0)
    volume = fill / 100 * world.containers["capacity_l"].to_numpy()[container]
    wall = world.days[day] + pd.to_timedelta(np.round(86_400 * share), unit="s")
    wall = wall + pd.Timedelta(hours=READ_AT_HOUR)
    collections = pd.DataFrame(
        {
            "container_id": world.containers["container_id"].to_numpy()[container],
            "wall": wall,
            "fill_before_percent": fill,
            "volume_l": np.round(volume, 1),
            "weight_kg": np.round(KG_PER_LITRE * volume, 2),
        }
    )
    place = Place("SIMULATED waste_collection collections", TIMEZONE, PROXY, simulated=True)
    return collections_dataset(place, world.containers, collections)


def levels_if_not_collected(dataset: Dataset, horizon_days: int = 7) -> Array:
    """Return the true level that each reading's container would reach, left alone.

    Parameters
    ----------
    dataset
        Of `simulate`.
    horizon_days
        Days ahead, at least 1.

    Returns
    -------
    Array
        Shape (n_rows, horizon_days), in the order of the data set's rows: the true level
        1, 2, ... days after each reading had nobody emptied it; NaN where the simulation
        ends before.
    """
    if "truth" not in dataset.extras:
        raise UsageError(f"{dataset.name} has no truth", expected="a data set of simulate()")
    truth = dataset.extras["truth"]
    n_containers = truth["container_id"].nunique()
    level, inflow = (
        truth[name].to_numpy().reshape(n_containers, -1)
        for name in ("level_percent", "inflow_percent")
    )
    ahead = np.full((*level.shape, horizon_days), np.nan)
    for day in range(level.shape[1]):
        reached = level[:, day]
        for step in range(min(horizon_days, level.shape[1] - day)):
            reached = _settled(reached) + inflow[:, day + step]
            ahead[:, day, step] = reached
    by_row = ahead.transpose(1, 0, 2).reshape(-1, horizon_days)
    rows: Array = by_row[: len(dataset.times)]
    return rows


def _world(seed: int, n_containers: int, n_days: int, first_day: date) -> _World:
    if n_containers < 1 or n_days < 8:
        raise UsageError(
            f"simulate {n_containers} containers over {n_days} days",
            expected="at least one container and 8 days",
        )
    rng = np.random.default_rng(seed)
    days = pd.date_range(first_day, periods=n_days, freq="D", unit="s")
    containers = _containers(n_containers, rng)
    inflow = _inflow(containers, days, rng)
    stuck = _stuck((n_containers, n_days), rng)
    lost = _lost((n_containers, n_days), rng)
    level, shown, collected = _driven(inflow, stuck, lost, days.day_of_week.to_numpy(), rng)
    alert = ~np.isnan(stuck) & ~np.isnan(shown)
    return _World(containers, days, level, inflow, collected, shown, alert)


def _containers(n_containers: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return the containers: two on each spot, 3 m apart, one of glass and one of packaging."""
    number = np.arange(n_containers)
    spot = number // 2
    kinds = list(KINDS)
    lat, lon = (base + 0.03 * rng.random(n_containers // 2 + 1)[spot] for base in (47.0, 2.0))
    table = pd.DataFrame(
        {
            "container_id": [f"sim-{place + 1:03d}" for place in number],
            "name": [f"Conteneur simulé {place + 1:03d}" for place in number],
            "lat": np.round(lat + 0.00003 * (number % 2), 6),
            "lon": np.round(lon, 6),
            "stream": np.where(number % 2, "packaging", "glass"),
            "capacity_l": np.where(number % 2, 4000.0, 3000.0),
            "district": [f"quartier {kinds[place % len(kinds)]}" for place in spot],
            "headline": True,
            "kind": [kinds[place % len(kinds)] for place in spot],
        }
    )
    return table.assign(pair_id=pair_ids(table))


def _inflow(containers: pd.DataFrame, days: pd.DatetimeIndex, rng: np.random.Generator) -> Array:
    """Return points of capacity per container and day, shape (n_containers, n_days)."""
    shape = (len(containers), len(days))
    kinds = [KINDS[kind] for kind in containers["kind"]]
    weekday = days.day_of_week.to_numpy()
    profile = np.array([kind.weekdays for kind in kinds])[:, weekday]
    summer = -np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 20) / 365.25)
    season = 1 + np.array([kind.summer for kind in kinds])[:, None] * summer
    month_day = zip(days.month, days.day, strict=True)
    holiday = np.array([HOLIDAY_SHARE if day in HOLIDAYS else 1.0 for day in month_day])
    rate = np.array([kind.percent_per_day for kind in kinds]) * rng.lognormal(0.0, 0.35, shape[0])
    shared = rng.gamma(DAY_SHAPE, 1 / DAY_SHAPE, shape[1])
    own = rng.gamma(OWN_SHAPE, 1 / OWN_SHAPE, shape)
    share = np.maximum(profile * season * holiday * shared * own, LOWEST_SHARE)
    market = np.array([kind.market_weekday == weekday for kind in kinds])
    market = market * np.array([kind.market_percent for kind in kinds])[:, None]
    bags = rng.poisson(BAGS_PER_DAY, shape) * rng.uniform(*BAG_PERCENT, shape)
    inflow: Array = rate[:, None] * _pace(shape, rng) * share + market * own + bags
    return inflow


def _pace(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return exp of a stationary AR(1) along the days."""
    from scipy.signal import lfilter

    shocks = rng.normal(size=shape)
    shocks[:, 1:] *= np.sqrt(1 - PACE_MEMORY**2)
    series: Array = PACE_SHARE * lfilter([1.0], [1.0, -PACE_MEMORY], shocks, axis=-1)
    return np.exp(series)


def _stuck(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return the value that a stuck sensor shows whatever happens, NaN where it works."""
    value = np.full(shape, np.nan)
    for container in range(shape[0]):
        clock = rng.exponential(365 / STUCK_PER_YEAR)
        while clock < shape[1]:
            length = STUCK_LEAST_DAYS + rng.exponential(STUCK_MEAN_DAYS)
            shows = 100.0 if rng.random() < STUCK_FULL_SHARE else 0.0
            value[container, int(clock) : int(clock + length)] = shows
            clock += length + rng.exponential(365 / STUCK_PER_YEAR)
    return value


def _lost(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return which readings never came: single ones, and days missing for all.

    The first and the last day are read: they say which days the data set spans.
    """
    lost = rng.random(shape) < LOST_READING_SHARE
    starts = np.flatnonzero(rng.random(shape[1]) < WHOLE_OUTAGES_PER_YEAR / 365)
    for start in starts:
        lost[:, start : start + int(rng.geometric(0.3))] = True
    lost[:, [0, -1]] = False
    return lost


def _driven(
    inflow: Array, stuck: Array, lost: Array, weekday: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Run the days: read, decide, empty, fill; return true level, shown level, collection."""
    level, shown, collected = (np.full(inflow.shape, np.nan) for _ in range(3))
    true = 60 * rng.random(len(inflow))
    known = np.zeros(len(inflow))
    for day in range(inflow.shape[1]):
        level[:, day] = true
        read = np.where(np.isnan(stuck[:, day]), _read(true, rng), stuck[:, day])
        shown[:, day] = np.where(lost[:, day], np.nan, read)
        known = np.where(lost[:, day], known, read)
        emptied = _emptied(known, true, int(weekday[day]), rng)
        moment = rng.uniform(*EMPTIED_FROM_TO, len(true))
        collected[emptied, day] = moment[emptied]
        kept = np.where(emptied, 0.0, _settled(true))
        true = kept + inflow[:, day] * np.where(emptied, 1 - moment, 1.0)
        known = np.where(emptied, 0.0, known)
    return level, shown, collected


def _read(true: Array, rng: np.random.Generator) -> Array:
    """Return the level as the sensor shows it: noisy, in steps of 20 points, at most 100."""
    noisy = true + rng.normal(0.0, SENSOR_NOISE_PERCENT, len(true))
    steps = np.floor(np.clip(noisy, 0.0, 100.0) / LEVEL_STEP_PERCENT + 0.25)
    return np.minimum(LEVEL_STEP_PERCENT * steps, 100.0)


def _emptied(shown: Array, true: Array, weekday: int, rng: np.random.Generator) -> Array:
    """Return which containers the crew empties: by what the sensor shows, now and then by eye."""
    chance = np.where(shown >= COLLECT_ABOVE_PERCENT, COLLECT_CHANCE, 0.02)
    if weekday in ROUND_WEEKDAYS:
        chance = np.maximum(chance, np.where(shown > ROUND_ABOVE_PERCENT, ROUND_CHANCE, 0.1))
    chance = np.maximum(chance, np.where(true > 130.0, 0.5, 0.0))
    emptied: Array = rng.random(len(shown)) < chance
    return emptied


def _settled(level: Array) -> Array:
    """Return the level a day later without inflow.

    >>> _settled(np.array([40.0, 100.0])).tolist()  # 100 - 0.06 * (100 - 50)
    [40.0, 97.0]
    """
    return level - SETTLING_SHARE * np.maximum(level - SETTLING_FROM_PERCENT, 0.0)
