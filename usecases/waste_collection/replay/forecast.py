"""Forecasters of the bench: how likely each container overflows within 1 to 7 days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle
from common.edge.errors import UsageError
from usecases.waste_collection.replay.history import (
    STEP_PERCENT,
    TOP,
    History,
    increments,
    step_of,
)

__all__ = [
    "HORIZONS",
    "BundleForecaster",
    "Chances",
    "Forecaster",
    "MeanRate",
    "Predictor",
    "StepCounts",
    "belief",
    "moves",
    "overflow_days",
]

HORIZONS = 7
"""Days ahead that are forecast (brief 3.1)."""
LONGEST_SILENCE_DAYS = 30
N_STATES = TOP + 2
OVERFLOWING = TOP + 1
BUSIEST_SHARE = 0.9
QUIETEST_SHARE = 0.02

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chances:
    """What is ahead of n containers that nobody empties.

    Parameters
    ----------
    p_full
        (n, 7): probability of being over 100 % by the evening of day 1..7.
    overflow_days
        (n, 7): expected days spent over 100 % up to then.
    """

    p_full: Floats
    overflow_days: Floats


class Forecaster(Protocol):
    """Anything that reads a history and tells chances."""

    def chances(self, history: History) -> Chances:
        """Return the chances of every container from this morning on."""


@dataclass(frozen=True)
class MeanRate:
    """Mean daily inflow with a normal error: the floor of brief 4.5.

    Parameters
    ----------
    window_days
        Days that the mean and the deviation are taken over, at least 7.
    """

    window_days: int = 60

    def __post_init__(self) -> None:
        if self.window_days < 7:
            raise UsageError(f"a window of {self.window_days} days", expected="7 or more")

    def chances(self, history: History) -> Chances:
        """Return the chances of a normal sum of days: mean h m, variance h s^2."""
        from scipy.special import ndtr

        found = increments(history)[-self.window_days :]
        mean = _mean(found)
        deviation = np.sqrt(_mean((found - mean) ** 2)).clip(1.0)
        level = STEP_PERCENT * step_of(history.reading_percent[-1])
        days = np.arange(1, HORIZONS + 1)
        spare = 100.0 - level[:, None] - mean[:, None] * days
        p_full: Floats = 1 - ndtr(spare / (deviation[:, None] * np.sqrt(days)))
        p_full = np.maximum.accumulate(p_full, axis=1)
        return Chances(p_full, np.cumsum(p_full, axis=1))


@dataclass(frozen=True)
class StepCounts:
    """Counted daily steps of each container, drawn towards those of all of them.

    A container's inflow of a day is 0 to 5 steps of 20 points. Their shares are counted with
    weights that halve every ``half_life_days``, then mixed with ``prior_days`` days of a
    prior: the container's own share of days with inflow, and the sizes that all containers
    show on such days. Days ahead are convolved, as if independent.

    No feature looks at the last days alone: the logged inflow is close to 0 once the bin of
    the log stood at 80 %, so that a forecaster of yesterday's steps would learn when
    Wyndham's crews came, not how waste arrives (``docs/decisions/rounds.md``).

    Parameters
    ----------
    prior_days, half_life_days
        Above 0; chosen on the tuning scenarios.
    """

    prior_days: float = 20.0
    half_life_days: float = 60.0

    def __post_init__(self) -> None:
        if min(self.prior_days, self.half_life_days) <= 0:
            raise UsageError(
                f"prior of {self.prior_days} days, half-life of {self.half_life_days}",
                expected="both above 0",
            )

    def steps(self, history: History) -> Floats:
        """Return the shares of days with 0 to 5 steps, (n, 6), each row summing to 1."""
        counts = self._counts(history)
        total = counts.sum(axis=1, keepdims=True)
        sizes = counts[:, 1:].sum(axis=0) + 1e-9
        sizes /= sizes.sum()
        largest = np.arange(1, TOP + 1)
        rate = counts @ np.arange(TOP + 1) / total.ravel().clip(1e-9)
        busy = np.clip(rate / (sizes @ largest), QUIETEST_SHARE, BUSIEST_SHARE)[:, None]
        prior = np.concatenate([1 - busy, busy * sizes], axis=1)
        return np.asarray((counts + self.prior_days * prior) / (total + self.prior_days))

    def chances(self, history: History) -> Chances:
        """Return the chances from what is believed of the level this morning."""
        steps = self.steps(history)
        return chances_from(belief(history, steps), steps)

    def _counts(self, history: History) -> Floats:
        found = increments(history)
        age = np.arange(len(found))[::-1]
        weight = np.where(np.isnan(found), 0.0, 0.5 ** (age / self.half_life_days)[:, None])
        number = step_of(found)
        counted = np.stack([(weight * (number == k)).sum(axis=0) for k in range(TOP + 1)], axis=1)
        unseen = weight.sum(axis=0) == 0
        if unseen.any():
            counted[unseen] = _counts_of_crews(history, counted, unseen)
        return np.asarray(counted)


class Predictor(Protocol):
    """What is needed of a bundle: `common.edge.bundle.Bundle.predict`."""

    def predict(self, inputs: Mapping[str, npt.ArrayLike]) -> Mapping[str, npt.NDArray[np.generic]]:
        """Return outputs by name."""


@dataclass(frozen=True)
class BundleForecaster:
    """The shipped overflow model, as `Bundle.open` gives it.

    Its ``p_full`` is the chance of *reading 100 %*, the highest level of the sensor, where the
    bench counts what is over it: with this forecaster a policy is on the careful side. A
    bundle trained on Wyndham's log to March 2020 has seen two of the three blocks that the
    inflow is made of: a replay of it is no test but on the third.

    Parameters
    ----------
    predictor
        The bundle.
    history_days
        Mornings that its graph reads.
    """

    predictor: Predictor
    history_days: int

    @classmethod
    def of(cls, bundle: Bundle) -> "BundleForecaster":
        """Take a bundle's own window.

        Raises
        ------
        UsageError
            If the bundle does not read levels day by day.
        """
        shapes = {field.name: field.shape for field in bundle.manifest.inputs}
        window = shapes.get("level_percent", ())[1:]
        if len(window) != 1 or not isinstance(window[0], int):
            raise UsageError(
                f"a bundle with inputs {', '.join(shapes)}",
                expected="level_percent of shape (n, days): a bundle of the task overflow",
            )
        return cls(bundle, window[0])

    def chances(self, history: History) -> Chances:
        """Return the bundle's chances; mornings before the first are not known."""
        n = history.n_containers
        level = np.full((n, self.history_days), np.nan, dtype=np.float32)
        past = history.reading_percent[-self.history_days :].T
        level[:, -past.shape[1] :] = past
        outputs = self.predictor.predict(
            {
                "level_percent": level,
                "alert": np.zeros_like(level),
                "weekday": np.full(n, history.weekday, dtype=np.int64),
            }
        )
        p_full = np.asarray(outputs["p_full"], dtype=np.float64)[:, :HORIZONS]
        return Chances(p_full, np.cumsum(p_full, axis=1))


def moves(steps: Floats) -> Floats:
    """Return one-day transitions between level numbers 0..5 and overflowing (6), (n, 7, 7)."""
    found = np.zeros((len(steps), N_STATES, N_STATES))
    for start in range(N_STATES):
        for size in range(TOP + 1):
            found[:, start, min(start + size, OVERFLOWING)] += steps[:, size]
    return found


def belief(history: History, steps: Floats) -> Floats:
    """Return the probability of each level number this morning, (n, 7).

    A reading settles it, but for 100 %, which a full and an overflowing container both show
    (half each). Without one, the last reading, or the last emptying, is carried forward by
    the shares ``steps``; a container never read nor emptied in 30 days is taken as full.
    """
    anchor, silent_days = _anchors(history)
    state = np.eye(N_STATES)[anchor]
    state[anchor == TOP, TOP:] = 0.5
    onward = moves(steps)
    for passed in range(1, LONGEST_SILENCE_DAYS + 1):
        still = silent_days >= passed
        if not still.any():
            break
        state[still] = np.einsum("na,nab->nb", state[still], onward[still])
    return np.asarray(state)


def overflow_days(steps: Floats, days: int) -> Floats:
    """Return the expected days over 100 % within ``days``, by level number, (n, 7)."""
    onward = moves(steps)
    total = np.zeros(onward.shape[:2])
    ahead = np.broadcast_to(np.eye(N_STATES), onward.shape)
    for _ in range(days):
        ahead = ahead @ onward
        total = total + ahead[:, :, OVERFLOWING]
    return total


def chances_from(state: Floats, steps: Floats) -> Chances:
    """Roll a belief about levels forward for seven days."""
    onward = moves(steps)
    found = []
    for _ in range(HORIZONS):
        state = np.einsum("na,nab->nb", state, onward)
        found.append(state[:, OVERFLOWING])
    p_full = np.stack(found, axis=1)
    return Chances(p_full, np.cumsum(p_full, axis=1))


def _anchors(history: History) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the last known level number of each container and the days since."""
    mornings = history.reading_percent[-1 - LONGEST_SILENCE_DAYS :]
    emptied = history.emptied[-LONGEST_SILENCE_DAYS:]
    read = ~np.isnan(mornings)
    n_back = len(mornings) - 1
    since_read = np.where(read.any(axis=0), np.argmax(read[::-1], axis=0), n_back + 1)
    since_emptied = np.where(emptied.any(axis=0), np.argmax(emptied[::-1], axis=0) + 1, n_back + 1)
    by_reading = since_read < since_emptied
    last = np.take_along_axis(mornings, (n_back - since_read).clip(0)[None], axis=0)[0]
    anchor = np.where(by_reading, step_of(last), 0)
    days = np.minimum(since_read, since_emptied)
    lost = days > n_back
    return np.where(lost, TOP, anchor), np.where(lost, 0, days)


def _counts_of_crews(history: History, counted: Floats, unseen: npt.NDArray[np.bool_]) -> Floats:
    """Return counts for containers without sensor: the fleet's shape at the rate crews saw.

    The rate is what was seen at emptyings over the days between the first and the last.
    """
    seen = np.nan_to_num(history.seen_percent[:, unseen])
    taken = ~np.isnan(history.seen_percent[:, unseen])
    first = np.argmax(taken, axis=0)
    last = len(taken) - 1 - np.argmax(taken[::-1], axis=0)
    days = np.maximum(last - first, 1)
    after_first = seen.sum(axis=0) - seen[first, np.arange(seen.shape[1])]
    known = counted[~unseen].sum(axis=0) if (~unseen).any() else np.array([6.0, 2, 1, 1, 0, 0])
    sizes = known[1:] / known[1:].sum()
    mean_size = STEP_PERCENT * (sizes @ np.arange(1, TOP + 1))
    busy = np.clip(after_first / days / mean_size, QUIETEST_SHARE, BUSIEST_SHARE)
    shares = np.concatenate([1 - busy[:, None], busy[:, None] * sizes], axis=1)
    return np.asarray(shares * np.minimum(days, LONGEST_SILENCE_DAYS)[:, None])


def _mean(values: Floats) -> Floats:
    """Return means over days of what is known; 0 where nothing is."""
    known = ~np.isnan(values)
    return np.asarray(np.nan_to_num(values).sum(axis=0) / known.sum(axis=0).clip(1))
