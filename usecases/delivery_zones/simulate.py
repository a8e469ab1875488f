"""Simulate delivery bays, so that everything runs where no data can be had."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset, Split
from usecases.delivery_zones.kerb.events import Place, dataset_of

__all__ = ["KINDS", "Kind", "simulate", "simulate_for"]

TIMEZONE = "Europe/Paris"
FIRST_DAY = date(2025, 1, 6)
"""A Monday; sixteen weeks from it hold the spring night of 30 March 2025."""

MAX_STAY_MINUTES = 30.0
LOADING_MEDIAN_MINUTES, LOADING_SIGMA = 23.0, 0.488
"""Log-normal with the quantiles of the short stays of Dundee (brief 1.1): median 23 min and
90th percentile 43 min, as ln(43 / 23) / 1.2816 = 0.488; 29 % then exceed 30 min, as there."""
OVERSTAY_MEDIAN_MINUTES, OVERSTAY_SIGMA = 110.0, 0.7
"""Vehicles that are parked, not loading: an invented round figure."""
SHORTEST_MINUTES = 1.0

DAY_DISPERSION = 8.0
"""Shape of the gamma factor of a day: the counts of a day vary by more than Poisson's."""
COMPANION_SHARE, COMPANION_MINUTES = 0.15, 6.0
"""Arrivals that bring a second one a few minutes later: rounds meet at the same shops."""
DRIFT_PER_WEEK = 0.008
OUTAGES_PER_WEEK, OUTAGE_HOURS = 0.12, 9.0
WARM_UP_DAYS = 14
"""Days drawn before a task's first day, for what its inputs look back on."""
LATE_OPENING_WEEKS = 4
"""Every twelfth zone opens after so many weeks."""


@dataclass(frozen=True)
class Kind:
    """What a kind of street does with its bays.

    Parameters
    ----------
    n_spaces
        Bays of a zone.
    arrivals_per_day
        Mean arrivals of a full working day, blocked ones included.
    hours
        Local hours about which arrivals gather, and the share of each.
    weekdays
        Share of a full day from Monday to Sunday.
    overstay_share
        Share of vehicles that park for long.
    """

    n_spaces: int
    arrivals_per_day: float
    hours: Mapping[float, float]
    weekdays: tuple[float, float, float, float, float, float, float]
    overstay_share: float


KINDS: Mapping[str, Kind] = {
    "commerces": Kind(
        2, 19.0, {9.0: 0.5, 11.0: 0.3, 15.5: 0.2}, (0.9, 1.0, 1.0, 1.0, 1.1, 0.9, 0.25), 0.08
    ),
    "restaurants": Kind(
        1, 6.0, {8.0: 0.4, 10.5: 0.4, 17.0: 0.2}, (0.6, 1.0, 1.0, 1.0, 1.1, 0.8, 0.2), 0.06
    ),
    "bureaux": Kind(
        3, 26.0, {8.5: 0.3, 10.0: 0.4, 14.5: 0.3}, (1.0, 1.0, 0.9, 1.0, 0.9, 0.15, 0.05), 0.1
    ),
    "mixte": Kind(
        4, 36.0, {9.5: 0.4, 13.0: 0.2, 18.0: 0.4}, (1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.5), 0.12
    ),
}
"""Invented round figures of a plausible order; no measurement stands behind them."""


def simulate_for(split: Split, seed: int, n_zones: int = 8) -> Dataset:
    """Draw invented events over the days of a task's split, with two weeks before them.

    Parameters
    ----------
    split
        Whole weeks are drawn, from a Monday to past the end of the test period.
    seed, n_zones
        See `simulate`.
    """
    first = split.train_start - timedelta(WARM_UP_DAYS + split.train_start.weekday())
    weeks = -(-(split.test.stop - first).days // 7) + 1
    return simulate(seed, n_zones, weeks, first_day=first)


def simulate(
    seed: int, n_zones: int = 12, weeks: int = 16, *, first_day: date = FIRST_DAY
) -> Dataset:
    """Draw the events of invented delivery bays; never a basis for a score.

    Arrivals follow weekday and hour, vary from day to day by more than Poisson's law,
    come in pairs and drift; stays are a mixture of two log-normals, not exponential; an
    arrival that finds every bay taken parks in the traffic lane and is counted, not
    recorded; sensors fail, and what happens meanwhile is not seen. So no rung's own
    assumption, Erlang's least of all, holds by construction.

    Parameters
    ----------
    seed
        Same seed, same data set.
    n_zones
        Number of zones; the four kinds take turns.
    weeks
        How many from ``first_day``.
    first_day
        A Monday.

    Returns
    -------
    Dataset
        As `data.load` gives, ``simulated`` and named ``SIMULATED ...``; also
        ``extras["double_parking"]``: arrivals and blocked arrivals by zone.

    Raises
    ------
    UsageError
        If ``n_zones`` or ``weeks`` is below 1, or ``first_day`` is not a Monday.

    Examples
    --------
    >>> dataset = simulate(seed=1, n_zones=1, weeks=1)
    >>> dataset.name, dataset.extras["zones"]["curb_zone_id"].tolist()
    ('SIMULATED delivery_zones', ['sim-01'])
    """
    if n_zones < 1 or weeks < 1:
        raise UsageError(
            f"simulate {n_zones} zones over {weeks} weeks", expected="at least one of each"
        )
    if first_day.weekday():
        raise UsageError(f"first day {first_day}", expected="a Monday: weekdays are counted")
    rng = np.random.default_rng(seed)
    zones = _zones(n_zones, rng)
    stays, outages, counts = [], [], []
    for number, zone in zones.iterrows():
        opens_week = LATE_OPENING_WEEKS if number % 12 == 11 else 0
        kind = KINDS[zone["area_class"]]
        arrivals = _arrivals(kind, min(opens_week, weeks - 1), weeks, rng)
        parked, blocked = _park(arrivals, _stay_minutes(kind, len(arrivals), rng), kind.n_spaces)
        lost = _outages(kind.n_spaces, weeks, rng)
        seen, unknown = _as_recorded(parked, lost)
        stays.append(seen.assign(curb_zone_id=zone["curb_zone_id"]))
        outages.append(unknown.assign(curb_zone_id=zone["curb_zone_id"]))
        counts.append((zone["curb_zone_id"], len(arrivals), blocked))
    sessions, spells = (_timed(pd.concat(tables), first_day) for tables in (stays, outages))
    opened = sessions.groupby("curb_zone_id")["event_time_start"].min()
    zones["valid_from"] = zones["curb_zone_id"].map(opened)
    blocked_table = pd.DataFrame(counts, columns=["curb_zone_id", "arrivals", "blocked"])
    place = Place(
        name="SIMULATED delivery_zones",
        timezone=TIMEZONE,
        proxy="Données simulées : aires de livraison inventées, sans aucune mesure.",
        simulated=True,
        tables={"double_parking": blocked_table},
    )
    return dataset_of(place, zones, sessions, spells)


def _zones(n_zones: int, rng: np.random.Generator) -> pd.DataFrame:
    kinds = [list(KINDS)[number % len(KINDS)] for number in range(n_zones)]
    names = [f"{number + 1:02d}" for number in range(n_zones)]
    return pd.DataFrame(
        {
            "curb_zone_id": [f"sim-{name}" for name in names],
            "name": [f"Zone simulée {name}" for name in names],
            "use_class": "rapid",
            "timezone": TIMEZONE,
            "lon": np.round(2.0 + 0.02 * rng.random(n_zones), 6),
            "lat": np.round(47.0 + 0.02 * rng.random(n_zones), 6),
            "area_class": kinds,
            "headline": True,
            "max_stay_minutes": MAX_STAY_MINUTES,
            "max_stay_is_hypothesis": True,
            "n_spaces": [KINDS[kind].n_spaces for kind in kinds],
        }
    )


def _arrivals(kind: Kind, opens_week: int, weeks: int, rng: np.random.Generator) -> Array:
    """Return the arrivals in minutes of civil time since the first midnight, sorted."""
    centres, shares = np.array(list(kind.hours)), np.array(list(kind.hours.values()))
    size = rng.lognormal(0.0, 0.25)
    drift = DRIFT_PER_WEEK * rng.normal()
    drawn = []
    for day in range(7 * opens_week, 7 * weeks):
        level = size * kind.weekdays[day % 7] * np.exp(drift * day / 7)
        level *= rng.gamma(DAY_DISPERSION, 1 / DAY_DISPERSION)
        n_arrivals = rng.poisson(kind.arrivals_per_day * level / (1 + COMPANION_SHARE))
        hours = rng.normal(centres[rng.choice(len(centres), n_arrivals, p=shares)], 1.6)
        minutes = 60 * np.clip(hours, 0.0, 23.9)
        followed = minutes[rng.random(n_arrivals) < COMPANION_SHARE]
        companions = followed + rng.exponential(COMPANION_MINUTES, len(followed))
        drawn.append(1440 * day + np.concatenate([minutes, companions]))
    return np.sort(np.concatenate(drawn))


def _stay_minutes(kind: Kind, n_stays: int, rng: np.random.Generator) -> Array:
    """Draw the lengths: loading, and a share of vehicles that park for long."""
    loading = LOADING_MEDIAN_MINUTES * rng.lognormal(0.0, LOADING_SIGMA, n_stays)
    parking = OVERSTAY_MEDIAN_MINUTES * rng.lognormal(0.0, OVERSTAY_SIGMA, n_stays)
    drawn = np.where(rng.random(n_stays) < kind.overstay_share, parking, loading)
    minutes: Array = np.maximum(drawn, SHORTEST_MINUTES)
    return minutes


def _park(arrivals: Array, stay_minutes: Array, n_spaces: int) -> tuple[pd.DataFrame, int]:
    """Give each arrival the first free bay, or none; return the stays and the blocked.

    >>> stays, blocked = _park(np.array([0.0, 5.0, 12.0]), np.array([10.0, 3.0, 4.0]), 1)
    >>> stays["start"].tolist(), blocked
    ([0.0, 12.0], 1)
    """
    free_at = [-np.inf] * n_spaces
    stays = []
    for arrival, minutes in zip(arrivals.tolist(), stay_minutes.tolist(), strict=True):
        bay = next((bay for bay in range(n_spaces) if free_at[bay] <= arrival), None)
        if bay is not None:
            free_at[bay] = arrival + minutes
            stays.append((bay, arrival, arrival + minutes))
    table = pd.DataFrame(stays, columns=["bay", "start", "end"]).astype({"bay": np.int64})
    return table, len(arrivals) - len(stays)


def _outages(n_spaces: int, weeks: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the spells in which a bay's sensor is silent, at most one at a time."""
    spells = []
    for bay in range(n_spaces):
        clock = 0.0
        while (clock := clock + rng.exponential(10_080 / OUTAGES_PER_WEEK)) < 10_080 * weeks:
            length = 60 * rng.exponential(OUTAGE_HOURS)
            spells.append((bay, clock, clock + length))
            clock += length
    return pd.DataFrame(spells, columns=["bay", "start", "end"]).astype({"bay": np.int64})


def _as_recorded(stays: pd.DataFrame, lost: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what the sensors recorded, and from when to when a bay was unknown.

    An arrival in an outage is not seen: the bay stays unknown until that vehicle leaves.
    A departure in an outage is not seen: the stay is cut where the outage begins.
    """
    stays = stays.assign(quality="ok")
    lost = lost.copy()
    hidden = np.zeros(len(stays), dtype=bool)
    for spell in lost.index:
        bay, start, end = lost.loc[spell, ["bay", "start", "end"]]
        here = (stays["bay"] == bay).to_numpy()
        unseen = here & (stays["start"] >= start).to_numpy() & (stays["start"] < end).to_numpy()
        cut = here & ~unseen & stays["end"].between(start, end).to_numpy()
        cut &= (stays["start"] < start).to_numpy()
        stays.loc[cut, "end"] = start
        stays.loc[cut, "quality"] = "cut_by_outage"
        lost.loc[spell, "end"] = max(end, stays.loc[unseen, "end"].max() if unseen.any() else end)
        hidden |= unseen
    hidden |= (stays["end"] - stays["start"] < SHORTEST_MINUTES / 2).to_numpy()
    return stays[~hidden], lost


def _timed(table: pd.DataFrame, first_day: date) -> pd.DataFrame:
    """Turn minutes of civil time into UTC, and bays into ids."""
    midnight = pd.Timestamp(first_day)
    times = {}
    for column in ("start", "end"):
        seconds = (60 * table[column]).round().astype(np.int64)
        wall = pd.DatetimeIndex(midnight + pd.to_timedelta(seconds, unit="s")).as_unit("s")
        aware = wall.tz_localize(
            TIMEZONE, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward"
        )
        times[column] = aware.tz_convert("UTC")
    found = table.reset_index(drop=True)
    found["curb_space_id"] = found["curb_zone_id"] + "-" + (found["bay"] + 1).astype(str)
    if "quality" not in found:
        return found.assign(**times)
    named = {"event_time_start": times["start"], "event_time_end": times["end"]}
    return found.drop(columns=["start", "end"]).assign(**named)
