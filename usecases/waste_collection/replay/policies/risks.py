"""Selections by level or by risk: every container over a threshold, whatever the way there."""

from dataclasses import dataclass, field

import numpy as np

from common.edge.errors import UsageError
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import HORIZONS, Forecaster, StepCounts
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Chooser, Morning

__all__ = ["LevelThreshold", "RiskThreshold"]


@dataclass(frozen=True)
class LevelThreshold:
    """Every ``cadence_days``, what reads ``parameter`` percent or more: most dashboards.

    Containers without a reading this morning are taken, as nobody knows.
    """

    parameter: float
    cadence_days: int = 1
    name: str = ""

    @property
    def family(self) -> str:
        """Name of the curve."""
        return self.name or f"threshold_{self.cadence_days}d"

    def begin(self, site: Site) -> Chooser:  # noqa: ARG002 - the protocol gives it
        """Return the policy at work."""
        return _Level(self)


@dataclass(frozen=True)
class _Level:
    policy: LevelThreshold

    def choose(self, morning: Morning) -> Order:
        if morning.day % self.policy.cadence_days:
            return Order.all_of([])
        reading = morning.history.reading_percent[-1]
        return Order.all_of(np.flatnonzero(~(reading < self.policy.parameter)))


@dataclass(frozen=True)
class RiskThreshold:
    """Every ``cadence_days``, what overflows before the next round with more than some risk.

    Parameters
    ----------
    parameter
        Probability above which a container is emptied, within 0..1.
    cadence_days
        Days between rounds, 1..7.
    forecaster
        Where the probability is from.
    """

    parameter: float
    cadence_days: int = 1
    forecaster: Forecaster = field(default_factory=StepCounts)

    def __post_init__(self) -> None:
        if not (0 <= self.parameter <= 1 and 1 <= self.cadence_days <= HORIZONS):
            raise UsageError(
                f"risk {self.parameter} every {self.cadence_days} days",
                expected="a probability within 0..1, a cadence within 1..7",
            )

    @property
    def family(self) -> str:
        """Name of the curve."""
        return f"risk_{self.cadence_days}d"

    def begin(self, site: Site) -> Chooser:  # noqa: ARG002 - the protocol gives it
        """Return the policy at work."""
        return _Risk(self)


@dataclass(frozen=True)
class _Risk:
    policy: RiskThreshold

    def choose(self, morning: Morning) -> Order:
        if morning.day % self.policy.cadence_days:
            return Order.all_of([])
        chances = self.policy.forecaster.chances(morning.history)
        risk = chances.p_full[:, self.policy.cadence_days - 1]
        return Order.all_of(np.flatnonzero(risk > self.policy.parameter))
