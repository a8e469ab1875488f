"""Examples of the overflow task: sixteen weeks of a container, and the week that followed."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from common.lab.windows import Windows
from usecases.waste_collection.overflow.levels.history import (
    History,
    city_pace,
    city_steps,
    history_of,
)
from usecases.waste_collection.overflow.levels.kernels import HISTORY_DAYS, HORIZON_DAYS
from usecases.waste_collection.overflow.windows import (
    Outcomes,
    outcomes_of,
    weight_table,
    weights_of,
)

__all__ = ["SLOTS", "Scope", "Slots", "counts_of", "examples_of", "inputs_on"]

LEAST_WEIGHT_DAYS = 60
BLOCK_DAYS = 7


@dataclass(frozen=True)
class Scope:
    """Which containers and days are rows, and what is forgotten of them.

    Parameters
    ----------
    weights_until
        Censoring weights are counted on the days before (the training period), or on all
        days before the period where the data begin later.
    headline
        Only the containers of the reference figures, where the data tell them.
    keep_days
        Days of history that are kept, for the track of new containers; None for all.
    silent_days
        Last days of which nothing is known, for the track of a silent sensor.
    """

    weights_until: date
    headline: bool = True
    keep_days: int | None = None
    silent_days: int = 0


@dataclass(frozen=True)
class Slots:
    """Where each kind of truth stands among the 28 slots of a row's target."""

    reached: slice
    weight: slice
    level: slice
    seen: slice


SLOTS = Slots(*(slice(start, start + HORIZON_DAYS) for start in range(0, 28, HORIZON_DAYS)))


def examples_of(dataset: Dataset, period: Period, scope: Scope) -> Examples:
    """Return one row per container and day with a believed level below 80 %.

    Parameters
    ----------
    dataset
        Daily readings.
    period
        Local civil days of the forecast; what follows is known up to its last day only, so
        that no window of a fit reaches into the period that is scored.
    scope
        Which rows.

    Returns
    -------
    common.lab.usecase.Examples
        Target of 28 slots, see `SLOTS`: whether 80 % was reached within 1 to 7 days (on the
        graph's steps; NaN hidden or not known), the weight of each window (NaN where
        readings are missing), the level while nobody collected, and the level seen.

    Raises
    ------
    DataError
        If no container has a row in the period.

    Notes
    -----
    A forecast knows the reading of its own day, hence the issue time of one second after.
    """
    history = history_of(dataset, headline=scope.headline)
    outcomes = outcomes_of(history)
    first, stop = (history.place(np.datetime64(day)) for day in (period.start, period.stop))
    inside = outcomes.origin.copy()
    inside[:, : max(first, 0)] = False
    inside[:, max(stop, 0) :] = False
    container, day = np.nonzero(inside)
    if not len(container):
        raise DataError(
            f"no row in {period}: readings from {history.days[0]} to {history.days[-1]}",
            expected="a believed level below 80 % on one day at least",
        )
    table = weight_table(outcomes, history, _until(history, first, scope))
    target = _target(outcomes, (container, day), history.believed_percent, table)
    ahead = np.tile(np.arange(1, HORIZON_DAYS + 1), target.shape[1] // HORIZON_DAYS)
    target[(day[:, None] + ahead) >= stop] = np.nan
    days = history.days[day]
    slots = np.full(target.shape, -1)
    slots[:, SLOTS.reached] = np.arange(HORIZON_DAYS)
    inputs = _inputs(history, container, day, scope)
    return Examples(
        inputs=inputs | _for_slices(dataset, history, container, first),
        target=target,
        slots=slots,
        units=history.containers[container],
        blocks=days.astype(np.int64) // BLOCK_DAYS,
        issued=(history.read_at[day] + 1).astype("datetime64[s]"),
        days=days,
    )


def inputs_on(dataset: Dataset, day: date) -> tuple[Array, dict[str, Array]]:
    """Return all containers and the graph's inputs on a morning: what a plan is made from.

    Parameters
    ----------
    dataset
        Daily readings; later ones are not looked at.
    day
        Local civil day whose 06:00 reading is the last one.

    Returns
    -------
    containers
        Names, shape (n,): all of them, also those full, silent or under alert.
    inputs
        As arrays with n rows.

    Raises
    ------
    DataError
        If the day lies outside the data.
    """
    history = history_of(dataset, headline=False)
    place = history.place(np.datetime64(day))
    if not 0 <= place < len(history.days):
        raise DataError(
            f"a plan for {day}: readings from {history.days[0]} to {history.days[-1]}",
            expected="a day with readings",
        )
    container = np.arange(len(history.containers))
    rows = _inputs(history, container, np.full(len(container), place), Scope(weights_until=day))
    return history.containers, {name: np.asarray(values) for name, values in rows.items()}


def counts_of(dataset: Dataset, period: Period, scope: Scope) -> dict[str, int]:
    """Count the windows of a period: known, hidden by a collection, dropped for want of readings.

    Windows that reach beyond the period are not counted.
    """
    target = examples_of(dataset, period, scope).target
    known = int(np.isfinite(target[:, SLOTS.reached]).sum())
    weighted = int(np.isfinite(target[:, SLOTS.weight]).sum())
    history = history_of(dataset, headline=scope.headline)
    outcomes = outcomes_of(history)
    first, stop = (history.place(np.datetime64(day)) for day in (period.start, period.stop))
    dropped = sum(
        int(outcomes.dropped[:, max(first, 0) : max(stop - ahead, 0), ahead - 1].sum())
        for ahead in range(1, HORIZON_DAYS + 1)
    )
    return {"known": known, "hidden": weighted - known, "dropped": dropped}


def _until(history: History, first: int, scope: Scope) -> int:
    """Return the first day that censoring weights may not look at."""
    declared = history.place(np.datetime64(scope.weights_until))
    return declared if declared >= LEAST_WEIGHT_DAYS else max(first, 0)


def _target(
    outcomes: Outcomes, place: tuple[Array, Array], level_percent: Array, table: Array
) -> Array:
    reached, hidden = outcomes.reached[place], outcomes.hidden[place]
    weight = weights_of(table, level_percent[place])
    counted = np.isfinite(reached) | hidden
    return np.concatenate(
        [
            reached,
            np.where(counted, weight, np.nan),
            outcomes.level_percent[place],
            outcomes.seen_percent[place],
        ],
        axis=1,
    )


def _inputs(history: History, container: Array, day: Array, scope: Scope) -> dict[str, Array]:
    weekday = (history.days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    found: dict[str, Array] = {
        "weekday": weekday[day],
        "city_steps": city_steps(history)[day],
        "city_pace": city_pace(history)[day],
    }
    for name, series in (("level_percent", history.level_percent), ("alert", history.alert)):
        windows = Windows(series, container, day + 1, HISTORY_DAYS)
        found[name] = _forgotten(windows, scope)  # type: ignore[assignment]  # behaves as an array
    return found


def _forgotten(windows: Windows, scope: Scope) -> "Windows | Array":
    if scope.keep_days is None and not scope.silent_days:
        return windows
    values = np.array(windows)
    if scope.keep_days is not None:
        values[:, : HISTORY_DAYS - scope.keep_days] = np.nan
    if scope.silent_days:
        values[:, HISTORY_DAYS - scope.silent_days :] = np.nan
    return values


def _for_slices(
    dataset: Dataset, history: History, container: Array, first: int
) -> dict[str, Array]:
    """Return what no graph takes: stream, spot, and how fast containers filled before."""
    table = dataset.extras.get("containers")
    found = {}
    for name in ("stream", "pair_id", "district"):
        values = np.full(len(history.containers), "non renseigné", dtype=object)
        if table is not None and name in table:
            known = table.set_index(table["container_id"].astype(str))[name]
            values = known.reindex(history.containers).fillna("").astype(str).to_numpy()
            values = np.where(values == "", "non renseigné", values)
        found[name] = values.astype(str)[container]
    steps = history.steps
    before = steps.known & (np.arange(len(history.days)) < max(first, 1))
    points = np.where(before, steps.inflow, 0.0).sum(axis=1) / np.maximum(before.sum(axis=1), 1)
    return found | {"points_per_day": points[container]}
