"""Choose containers and rounds jointly: prizes are what a visit is worth, the router picks."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import (
    HORIZONS,
    Forecaster,
    StepCounts,
    belief,
)
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.visits import detours_km, worth_km
from usecases.waste_collection.replay.world import Chooser, Morning

__all__ = ["WorthOfVisit"]

LEAST_WORTH_KM = 0.05
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
NEIGHBOURS = 3
FIRST_SPREAD = (0.25, 0.5, 1.0, 2.0, 4.0)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WorthOfVisit:
    """Every ``cadence_days``, a prize-collecting round whose prizes are worths of visits.

    The detour that each container will cost some other day is learned from the policy's own
    rounds: the last ``memory_rounds`` of them give its five quantiles. Containers on the way
    to those that fill fast so become cheap, and are emptied in passing; remote ones wait
    until they are worth the way. Before there is a memory, the mean distance to the three
    nearest neighbours stands in.

    Parameters
    ----------
    parameter
        Kilometres that one overflow-day is worth on average, above 0: the parameter of the
        curve.
    cadence_days
        Days between rounds, 1..7. A round without a container worth its way is not driven.
    evenness
        How an overflow's worth follows the container's usual detour, as its power, within
        0..1. With 0 an overflow counts the same everywhere, and containers far from the others
        are left to overflow: on the tuning scenarios the remotest third 4 times as often as
        the nearest. With 1 it is the nearest third, 3 times as often as the remotest; with
        0.5 all thirds about equally (brief 3.3.6: fair by construction).
    memory_rounds
        Rounds that detours are learned from.
    counts
        Forecaster of daily steps.
    forecaster
        Where the risk until the next round is from; ``counts`` unless given.
    name
        Of the curve; made from the cadence unless given.
    """

    parameter: float
    cadence_days: int = 2
    evenness: float = 0.5
    memory_rounds: int = 16
    counts: StepCounts = field(default_factory=StepCounts)
    forecaster: Forecaster | None = None
    name: str = ""

    def __post_init__(self) -> None:
        legal = 1 <= self.cadence_days <= HORIZONS and self.memory_rounds >= 1
        legal = legal and 0 <= self.evenness <= 1
        if not (self.parameter > 0 and legal):
            raise UsageError(
                f"{self.parameter} km per overflow-day every {self.cadence_days} days, "
                f"memory of {self.memory_rounds} rounds, evenness {self.evenness}",
                expected="above 0 km, a cadence within 1..7, a memory of 1 or more, evenness "
                "within 0..1",
            )

    @property
    def family(self) -> str:
        """Name of the curve."""
        kind = "fair" if self.evenness else "worth"
        return self.name or f"{kind}_{self.cadence_days}d"

    def begin(self, site: Site) -> Chooser:
        """Return the policy at work."""
        return _Worth(self, site)


class _Worth:
    def __init__(self, policy: WorthOfVisit, site: Site) -> None:
        self.policy = policy
        self.site = site
        self.first = _first_guess(site)
        self.learned: deque[Floats] = deque(maxlen=policy.memory_rounds)

    def choose(self, morning: Morning) -> Order:
        if morning.driven is not None and morning.driven.trips:
            self.learned.append(detours_km(self.site.roads, morning.driven))
        if morning.day % self.policy.cadence_days:
            return Order.all_of([])
        worth = self._worth(morning)
        stops = np.flatnonzero(worth > LEAST_WORTH_KM)
        return Order(stops, 1000 * worth[stops])

    def _worth(self, morning: Morning) -> Floats:
        """Return the worth of each container in km, (n,)."""
        policy, history = self.policy, morning.history
        steps = policy.counts.steps(history)
        detours = self._detours()
        overflow_km = policy.parameter * _usual(detours) ** policy.evenness
        worth, later = worth_km(steps, detours, overflow_km, policy.cadence_days)
        state = belief(history, steps)
        if policy.forecaster is None:
            return np.asarray((state * worth).sum(axis=1))
        chances = policy.forecaster.chances(history)
        risk = chances.overflow_days[:, policy.cadence_days - 1]
        return np.asarray(overflow_km * risk + (state * later).sum(axis=1))

    def _detours(self) -> Floats:
        """Return five equally likely detours per container, in km: learned as they come."""
        share = min(1.0, 2 * len(self.learned) / self.policy.memory_rounds)
        if not self.learned:
            return self.first
        quantiles = np.quantile(np.stack(self.learned), QUANTILES, axis=0).T
        return np.asarray(share * quantiles + (1 - share) * self.first)


def _usual(detours: Floats) -> Floats:
    """Return each container's mean detour over the mean of all, (n,)."""
    own = detours.mean(axis=1)
    return np.asarray(own / own.mean())


def _first_guess(site: Site) -> Floats:
    """Return detours from the three nearest neighbours, shrunk half-way to the mean."""
    between = site.roads.distance_m[2:, 2:] / 1000
    np.fill_diagonal(between, np.inf)
    count = min(NEIGHBOURS, len(between) - 1)
    near = np.sort(between, axis=1)[:, :count].mean(axis=1) if count else np.ones(len(between))
    return np.asarray(((near + near.mean()) / 2)[:, None] * FIRST_SPREAD)
