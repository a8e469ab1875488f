"""Calendars without forecast: every k days, or each container at its own frequency."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import StepCounts, overflow_days
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Chooser, Morning

__all__ = ["FixedCadence", "OwnFrequencies"]

CYCLES = (1, 2, 3, 4, 6)
"""Multiples of the base cadence that a container may have: those that divide 12 nest."""


@dataclass(frozen=True)
class FixedCadence:
    """Every container every ``parameter`` days: what most contracts say.

    Parameters
    ----------
    parameter
        Whole days, 1 or more.
    """

    parameter: float
    family: str = "fixed"

    def __post_init__(self) -> None:
        if self.parameter < 1 or self.parameter != int(self.parameter):
            raise UsageError(f"a cadence of {self.parameter} days", expected="1, 2, 3...")

    def begin(self, site: Site) -> Chooser:
        """Return the calendar on a site."""
        return _Every(int(self.parameter), np.arange(site.n_containers))


@dataclass(frozen=True)
class _Every:
    cadence_days: int
    everything: npt.NDArray[np.int64]

    def choose(self, morning: Morning) -> Order:
        due = morning.day % self.cadence_days == 0
        return Order.all_of(self.everything if due else self.everything[:0])


@dataclass(frozen=True)
class OwnFrequencies:
    """The best fixed calendar: each container every 1, 2, 3, 4 or 6 base rounds, for good.

    The cycle is the longest that keeps the container's expected overflow-days per day under
    ``parameter``, by the counts of the warm-up. It is drawn up once, on the first day.

    Parameters
    ----------
    parameter
        Overflow-days per 1,000 container-days that a cycle may bring.
    cadence_days
        Days between base rounds.
    """

    parameter: float
    cadence_days: int = 3
    family: str = "calendar"

    def begin(self, site: Site) -> Chooser:  # noqa: ARG002 - the protocol gives it
        """Return the calendar on a site, not drawn up yet."""
        return _Frequencies(self)


class _Frequencies:
    def __init__(self, policy: OwnFrequencies) -> None:
        self.policy = policy
        self.cycle_rounds: npt.NDArray[np.int64] | None = None

    def choose(self, morning: Morning) -> Order:
        if self.cycle_rounds is None:
            self.cycle_rounds = self._drawn_up(morning)
        if morning.day % self.policy.cadence_days:
            return Order.all_of([])
        number = morning.day // self.policy.cadence_days
        return Order.all_of(np.flatnonzero(number % self.cycle_rounds == 0))

    def _drawn_up(self, morning: Morning) -> npt.NDArray[np.int64]:
        steps = StepCounts().steps(morning.history)
        best = np.ones(len(steps), dtype=np.int64)
        for rounds in CYCLES:
            days = rounds * self.policy.cadence_days
            per_day = overflow_days(steps, days)[:, 0] / days
            best[1000 * per_day <= self.policy.parameter] = rounds
        return best
