"""Replay with faulty sensors: some stick, some fall silent, and the plan has to hold."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.history import History, as_read
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Chooser, Morning, Policy, Sensing

__all__ = ["FAULTY_SHARE", "Distrustful", "believed", "faulty_sensing"]

FAULTY_SHARE = 0.05
"""Share of sensors that are faulty, for good, from some day on (brief 3.2)."""
STUCK_DAYS = 3
EXPECTED_POINTS = 50.0
"""Brief 4.4 took 30 for the alert; a plan pays for every false alarm: 30 cost 13 % more km with
no fault at all, 80 let overflows double (docs/decisions/rounds.md)."""

Floats = npt.NDArray[np.float64]


def faulty_sensing(site: Site, seed: int, share: float = FAULTY_SHARE) -> Sensing:
    """Return readings of which a share of the sensors is faulty from the first day that counts.

    In turn a faulty sensor sticks at what it read, sticks at 0, sticks at 100, or falls
    silent: the faults that a level of six steps shows.

    Raises
    ------
    UsageError
        If the share is outside 0..1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share}", expected="within 0..1")
    rng = np.random.default_rng(seed)
    count = round(share * site.n_containers)
    broken = rng.permutation(site.n_containers)[:count]
    stuck_at = [None, 0.0, 100.0, np.nan]
    frozen: dict[int, float] = {}

    def sense(day: int, level_percent: Floats) -> Floats:
        reading = as_read(level_percent)
        if day < site.warm_up_days:
            return reading
        for turn, number in enumerate(broken.tolist()):
            value = stuck_at[turn % len(stuck_at)]
            frozen.setdefault(number, float(reading[number]) if value is None else value)
            reading[number] = frozen[number]
        return reading

    return sense


def believed(history: History) -> History:
    """Return the history without the readings that a flat line betrays (brief 4.4).

    Two marks. After an emptying a sensor has to fall to what one day can bring: one that
    still reads what it read before, 40 % or more, on the morning after is out of order. A
    line flat at any level for more than 3 days, over which the container's usual inflow would have
    brought 50 points, is out of order too. Readings from the start of the flat
    line on are taken out, so that the planner goes by the calendar there; they count again
    when the line moves.
    """
    reading = history.reading_percent.copy()
    flat = _flat_days(reading)
    rate = _usual_percent_per_day(history)
    due = np.maximum(STUCK_DAYS, np.ceil(EXPECTED_POINTS / np.maximum(rate, 1.0)))
    for number in np.flatnonzero((flat > due) | _unmoved_by_emptying(history)):
        length = int(max(flat[number], 1))
        reading[-length:, number] = np.nan
    return History(reading, history.emptied, history.seen_percent, history.weekday)


@dataclass(frozen=True)
class Distrustful:
    """A policy behind the flat-line rule: it plans on what the rule believes.

    Parameters
    ----------
    policy
        The policy that chooses.
    """

    policy: Policy

    @property
    def family(self) -> str:
        """Name of the curve."""
        return f"{self.policy.family}_checked"

    @property
    def parameter(self) -> float:
        """Parameter of the policy behind."""
        return self.policy.parameter

    def begin(self, site: Site) -> Chooser:
        """Return the policy at work."""
        return _Checked(self.policy.begin(site))


@dataclass(frozen=True)
class _Checked:
    chooser: Chooser

    def choose(self, morning: Morning) -> Order:
        return self.chooser.choose(Morning(morning.day, believed(morning.history), morning.driven))


def _flat_days(reading: Floats) -> npt.NDArray[np.int64]:
    """Return for how many mornings each line has not moved, this one counted, (n,)."""
    same = reading == reading[-1]
    moved = ~same[::-1]
    return np.where(moved.any(axis=0), np.argmax(moved, axis=0), len(reading))


def _usual_percent_per_day(history: History) -> Floats:
    """Return the mean rise per day that the readings of all days but the last week show."""
    before = np.where(history.emptied, 0.0, history.reading_percent[:-1])
    rise = np.maximum(history.reading_percent[1:] - before, 0.0)[:-7]
    known = ~np.isnan(rise)
    return np.asarray(np.nan_to_num(rise).sum(axis=0) / known.sum(axis=0).clip(1))


def _unmoved_by_emptying(history: History) -> npt.NDArray[np.bool_]:
    """Tell which sensors read the same 40 % or more before and after the last emptying."""
    n = history.n_containers
    emptied = history.emptied
    since = np.where(emptied.any(axis=0), np.argmax(emptied[::-1], axis=0), len(emptied))
    day = (len(emptied) - 1 - since).clip(0)
    before = history.reading_percent[day, np.arange(n)]
    line = history.reading_percent[-1]
    flat = _flat_days(history.reading_percent) > since + 1
    return np.asarray((line >= 40) & (before == line) & flat & emptied.any(axis=0))
