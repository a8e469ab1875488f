"""What a dispatcher knows at 06:00: levels, their age, the pace of each container, odd sensors."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.edge.errors import DataError
from common.lab.usecase import Dataset
from usecases.waste_collection.decision.streams import stream_name
from usecases.waste_collection.faults.model import FLAT_SLOPES, USUAL_LOG_ODDS
from usecases.waste_collection.fill.readings import containers_of
from usecases.waste_collection.overflow.levels.history import history_of
from usecases.waste_collection.replay.history import History

__all__ = ["Situation", "situation_on"]

HISTORY_DAYS = 112
"""Days looked back on, as the graph does."""
PACE_DAYS = 56
LEAST_DAYS = 7
SILENT_DAYS = 2
FULL_PERCENT = 99.5
SATURDAY = 5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Situation:
    """The n containers on one morning; arrays of shape (n,) in the order of ``containers``.

    Parameters
    ----------
    day
        Local civil day whose 06:00 reading is the last one looked at.
    dataset
        Where the readings are from.
    containers
        Table of the containers, indexed from 0.
    history
        The last weeks, as the policies of the replay read them.
    level_percent
        Last believed level; NaN where there was none.
    age_days
        Days since that reading, 0 for this morning; NaN where there was none.
    workday_points, weekend_points
        Mean inflow of a day in the last eight weeks, points; NaN where none was seen. Days of
        a collection are left out: what came before it that day was not seen.
    flags
        French words on what is odd with each sensor.
    """

    day: date
    dataset: Dataset
    containers: pd.DataFrame
    history: History
    level_percent: Floats
    age_days: Floats
    workday_points: Floats
    weekend_points: Floats
    flags: tuple[tuple[str, ...], ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the containers."""
        return tuple(self.containers["container_id"])

    @property
    def placed(self) -> npt.NDArray[np.bool_]:
        """Whether each container has a position."""
        return np.asarray(self.containers[["lat", "lon"]].notna().all(axis=1))

    def daily_points(self, day: date) -> Floats:
        """Return the mean inflow of days such as ``day`` (workday or weekend)."""
        return self.weekend_points if day.weekday() >= SATURDAY else self.workday_points


def situation_on(dataset: Dataset, day: date | None = None) -> Situation:
    """Read what is known on a morning; later readings are not looked at.

    Parameters
    ----------
    dataset
        Daily readings.
    day
        Local civil day; the last one of the data unless given.

    Raises
    ------
    DataError
        If the day is outside the readings, or has fewer than seven days before it.
    """
    past = history_of(dataset, headline=False)
    last = len(past.days) - 1
    place = last if day is None else past.place(np.datetime64(day))
    if not LEAST_DAYS <= place <= last:
        raise DataError(
            f"a plan for {day}: readings from {past.days[0]} to {past.days[-1]}",
            expected=f"a day with readings and {LEAST_DAYS} days before it",
            remedy="give --date a day of the readings, or readings up to that day",
        )
    window = slice(max(0, place - HISTORY_DAYS), place + 1)
    believed = past.believed_percent[:, window].astype(np.float64)
    emptied = past.steps.collected[:, window][:, 1:]
    seen = np.where(emptied, believed[:, :-1], np.nan)
    today = past.days[place].astype("datetime64[D]").item()
    history = History(believed.T, emptied.T, seen.T, today.weekday())
    level, age = _last_known(believed)
    whole = past.steps.known & ~past.steps.collected
    workday, weekend = _paces(past.steps.inflow[:, window], whole[:, window], today)
    table = containers_of(dataset).set_index("container_id").loc[list(past.containers)]
    table = table.assign(stream=[stream_name(str(text)) for text in table["stream"]])
    alert = np.nan_to_num(past.alert[:, place]) > 0.5
    return Situation(
        day=today,
        dataset=dataset,
        containers=table.reset_index(),
        history=history,
        level_percent=level,
        age_days=age,
        workday_points=workday,
        weekend_points=weekend,
        flags=_flags(believed, age, alert, np.fmax(workday, weekend)),
    )


def _last_known(believed: Floats) -> tuple[Floats, Floats]:
    """Return the last level of each row and its age in days; NaN where there is none."""
    known = ~np.isnan(believed)
    age = np.argmax(known[:, ::-1], axis=1).astype(np.float64)
    age[~known.any(axis=1)] = np.nan
    place = believed.shape[1] - 1 - np.nan_to_num(age).astype(np.int64)
    return believed[np.arange(len(believed)), place], age


def _paces(inflow: Floats, known: npt.NDArray[np.bool_], today: date) -> tuple[Floats, Floats]:
    """Return mean points of a workday and of a weekend day; a step ends on its column's day."""
    count = inflow.shape[1]
    days = np.datetime64(today) + np.arange(-count, 0)  # the day on which each step began
    weekend = (days.astype(np.int64) + 3) % 7 >= SATURDAY  # 1970-01-01 was a Thursday
    recent = np.arange(count) >= count - PACE_DAYS
    return _mean(inflow, known & recent & ~weekend), _mean(inflow, known & recent & weekend)


def _mean(values: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    count = kept.sum(axis=1)
    total = np.where(kept, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _flags(
    believed: Floats, age: Floats, alert: npt.NDArray[np.bool_], pace: Floats
) -> tuple[tuple[str, ...], ...]:
    """Say what is odd; flat lines by the rule of ``faults.model`` (brief 4.4)."""
    full = _run(believed >= FULL_PERCENT)
    empty = _run(believed <= 0)
    per_day, per_point = FLAT_SLOPES
    odd = USUAL_LOG_ODDS + per_day * full + per_point * empty * np.nan_to_num(pace) > 0
    found = []
    for row in range(len(age)):
        words = ["alerte du système"] if alert[row] else []
        if np.isnan(age[row]):
            words.append("aucun relevé fiable depuis seize semaines")
        elif age[row] >= SILENT_DAYS:
            words.append(f"muet depuis {int(age[row])} jours")
        if odd[row]:
            stuck = int(max(full[row], empty[row]))
            words.append(f"niveau figé depuis {stuck} jours, capteur à vérifier")
        found.append(tuple(words))
    return tuple(found)


def _run(holds: npt.NDArray[np.bool_]) -> Floats:
    """Return for how many days up to the last one a condition has held.

    >>> _run(np.array([[True, False, True, True], [True, True, True, False]])).tolist()
    [2.0, 0.0]
    """
    broken = ~holds[:, ::-1]
    first = np.where(broken.any(axis=1), np.argmax(broken, axis=1), holds.shape[1])
    return np.asarray(first, dtype=np.float64)
