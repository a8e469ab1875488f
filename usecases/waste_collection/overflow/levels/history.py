"""Daily levels of all containers, side by side, and what the place as a whole does."""

from dataclasses import dataclass

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset
from usecases.waste_collection.overflow.levels.chain import N_STATES, states_of
from usecases.waste_collection.overflow.levels.kernels import (
    CITY_PACES_DAYS,
    CITY_USUAL_DAYS,
    PACE_RANGE,
    PRIOR_DAYS,
    USUAL_POINTS_PER_DAY,
)
from usecases.waste_collection.overflow.levels.steps import DailySteps, steps_of

__all__ = ["History", "city_pace", "city_steps", "history_of"]


@dataclass(frozen=True)
class History:
    """Levels by container and local civil day.

    Parameters
    ----------
    containers
        Names, shape (n_containers,).
    days
        datetime64[D], every day from the first to the last, shape (n_days,).
    level_percent, alert
        As read, NaN where nothing was, shape (n_containers, n_days).
    read_at
        Seconds since the epoch (UTC) of each day's reading, shape (n_days,).
    """

    containers: Array
    days: Array
    level_percent: Array
    alert: Array
    read_at: Array

    @property
    def believed_percent(self) -> Array:
        """Levels, NaN under alert: what the system itself doubts is not known."""
        doubted = np.nan_to_num(self.alert) > 0.5
        return np.where(doubted, np.float32(np.nan), self.level_percent)

    @property
    def steps(self) -> DailySteps:
        """The daily steps of the believed levels."""
        return steps_of(np, self.believed_percent)

    def place(self, day: np.datetime64) -> int:
        """Return the index of a day, which may lie outside."""
        return int((day.astype("M8[D]") - self.days[0]).astype(np.int64))


def history_of(dataset: Dataset, *, headline: bool = True) -> History:
    """Lay a data set's readings out by container and day.

    Parameters
    ----------
    dataset
        With the columns ``level_percent`` and ``alert``.
    headline
        Only the containers of the reference figures, where the data tell them.

    Raises
    ------
    UsageError
        If the data set holds no daily levels.
    """
    if "level_percent" not in dataset.columns:
        raise UsageError(
            f"{dataset.name} has the columns {sorted(dataset.columns)}",
            expected="level_percent and alert, one reading a day",
        )
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None)
    day = local.to_numpy().astype("M8[D]")
    names = np.asarray(dataset.groups.categories, dtype=str)
    first = day.min()
    days = np.arange(first, day.max() + 1)
    place = np.asarray(dataset.groups.codes), (day - first).astype(np.int64)
    series = {}
    for name in ("level_percent", "alert"):
        values = np.full((len(names), len(days)), np.nan, dtype=np.float32)
        values[place] = np.where(dataset.valid, dataset.columns[name], np.float32(np.nan))
        series[name] = values
    read_at = np.zeros(len(days), dtype=np.int64)
    read_at[place[1]] = dataset.times.as_unit("s").asi8
    kept = _headline(dataset, names) if headline else np.ones(len(names), dtype=bool)
    return History(names[kept], days, series["level_percent"][kept], series["alert"][kept], read_at)


def city_steps(history: History) -> Array:
    """Return how levels moved in a day in all containers, as known the day before.

    Returns
    -------
    numpy.ndarray
        Shape (n_days, 6, 6), float32: chance of each state the next day given today's, had
        nobody collected; counted since the first day. Half a case stands on each state that
        can follow, and half a case more on staying.
    """
    steps = history.steps
    kept = steps.known & ~steps.collected
    now, then = (states_of(np, np.nan_to_num(values)) for values in (steps.before, steps.level))
    then = np.maximum(now, then)
    container, day = np.nonzero(kept)
    counts = np.zeros((len(history.days) + 1, N_STATES, N_STATES))
    np.add.at(counts, (day + 1, now[container, day], then[container, day]), 1.0)
    before = np.cumsum(counts, axis=0)[:-1]
    before += 0.5 * np.triu(np.ones((N_STATES, N_STATES))) + 0.5 * np.eye(N_STATES)
    shares: Array = (before / before.sum(axis=2, keepdims=True)).astype(np.float32)
    return shares


def city_pace(history: History) -> Array:
    """Return recent inflow of all containers over the usual, as known the day before.

    Returns
    -------
    numpy.ndarray
        Shape (n_days, 2), float32: mean inflow with half-lives of 4 and 15 days, each over
        that of 180 days.
    """
    steps = history.steps
    total = np.where(steps.known, steps.inflow, 0).sum(axis=0, dtype=np.float64)
    count = steps.known.sum(axis=0)
    usual = _fading(total, count, CITY_USUAL_DAYS)
    recent = [_fading(total, count, days) / usual for days in CITY_PACES_DAYS]
    pace = np.clip(np.stack(recent, axis=1), *PACE_RANGE)
    late: Array = np.concatenate([np.ones((1, pace.shape[1])), pace[:-1]]).astype(np.float32)
    return late


def _headline(dataset: Dataset, names: Array) -> Array:
    """Tell which containers are on the list; all of them where there is no list."""
    table = dataset.extras.get("containers")
    if table is None or "headline" not in table:
        return np.ones(len(names), dtype=bool)
    listed = set(table.loc[table["headline"].astype(bool), "container_id"].astype(str))
    kept: Array = np.isin(names, sorted(listed))
    return kept if kept.any() else np.ones(len(names), dtype=bool)


def _fading(total: Array, count: Array, half_life_days: float) -> Array:
    """Return the mean of the days so far, a day's weight halving every so many days."""
    fade = 0.5 ** (1 / half_life_days)
    sums, counts, means = 0.0, 0.0, np.empty(len(total))
    for day, (inflow, readings) in enumerate(zip(total, count, strict=True)):
        sums, counts = sums * fade + inflow, counts * fade + readings
        means[day] = (sums + PRIOR_DAYS * USUAL_POINTS_PER_DAY) / (counts + PRIOR_DAYS)
    return means
