"""Look seven days ahead: who is due on which round, and who goes along with neighbours today."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import HORIZONS, Forecaster, StepCounts
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Chooser, Morning
from usecases.waste_collection.routing.network import DEPOT

__all__ = ["RollingWeek"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RollingWeek:
    """Each container on the last round that its risk allows, unless it is cheaper to go along.

    Every ``cadence_days`` each container is due on the last round of the week whose risk of
    overflow before it stays under ``parameter``. Those due today go. Another one goes along
    if the way from it to those that go today is shorter than the way to those it would go
    with when due, times the share of its wait that is over: what is emptied early has to be
    emptied again sooner.

    Parameters
    ----------
    parameter
        Probability, within 0..1.
    cadence_days
        Days between rounds, 1..3.
    forecaster
        Where the risks are from.
    """

    parameter: float
    cadence_days: int = 2
    forecaster: Forecaster = field(default_factory=StepCounts)

    def __post_init__(self) -> None:
        if not (0 <= self.parameter <= 1 and 1 <= self.cadence_days <= 3):
            raise UsageError(
                f"risk {self.parameter} every {self.cadence_days} days",
                expected="a probability within 0..1, a cadence within 1..3",
            )

    @property
    def family(self) -> str:
        """Name of the curve."""
        return f"week_{self.cadence_days}d"

    def begin(self, site: Site) -> Chooser:
        """Return the policy at work."""
        return _Week(self, site)


class _Week:
    def __init__(self, policy: RollingWeek, site: Site) -> None:
        self.policy = policy
        metres = site.roads.distance_m.astype(np.float64)
        self.between = metres[2:, 2:] + metres[2:, 2:].T
        self.from_depot = metres[DEPOT, 2:] + metres[2:, DEPOT]
        np.fill_diagonal(self.between, np.inf)

    def choose(self, morning: Morning) -> Order:
        cadence = self.policy.cadence_days
        if morning.day % cadence:
            return Order.all_of([])
        due = self._due(morning)
        going = due == 0
        used = self._wait_over(morning, due)
        for number in np.argsort(due, kind="stable"):
            if going[number] or not going.any():
                continue
            later = due == due[number]
            today_m = self._way_m(number, going)
            if today_m < used[number] * self._way_m(number, later):
                going[number] = True
        return Order.all_of(np.flatnonzero(going))

    def _due(self, morning: Morning) -> Numbers:
        """Return on which round from now each container is due: 0 for today, (n,)."""
        p_full = self.policy.forecaster.chances(morning.history).p_full
        cadence = self.policy.cadence_days
        before_round = p_full[:, cadence - 1 :: cadence]
        return np.asarray((before_round <= self.policy.parameter).sum(axis=1), dtype=np.int64)

    def _wait_over(self, morning: Morning, due: Numbers) -> Floats:
        """Return the share of each container's wait that is over: elapsed over elapsed + left."""
        emptied = morning.history.emptied
        since = np.where(
            emptied.any(axis=0), np.argmax(emptied[::-1], axis=0) + 1, HORIZONS
        ).astype(np.float64)
        return np.asarray(since / (since + due * self.policy.cadence_days))

    def _way_m(self, number: np.intp, others: npt.NDArray[np.bool_]) -> float:
        """Return the way there and back to the nearest of the others, or to the depot."""
        near = self.between[number][others].min(initial=np.inf)
        return float(min(near, self.from_depot[number]))
