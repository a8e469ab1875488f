"""The untuned prize of brief 4.5: so many kilometres per expected overflow, every day."""

from dataclasses import dataclass, field

import numpy as np

from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import Forecaster, MeanRate
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Chooser, Morning

__all__ = ["PlainPrize"]

LEAST_M = 50.0


@dataclass(frozen=True)
class PlainPrize:
    """Prize-collecting every day: ``parameter`` km for each overflow-day expected by tomorrow.

    It forgets that a container emptied today need not be visited later: the prize holds
    neither the life used up nor the detour of another day. Kept as the floor that brief 4.5
    measured.
    """

    parameter: float
    forecaster: Forecaster = field(default_factory=MeanRate)
    family: str = "plain_prize"

    def begin(self, site: Site) -> Chooser:  # noqa: ARG002 - the protocol gives it
        """Return the policy at work."""
        return _Plain(self)


@dataclass(frozen=True)
class _Plain:
    policy: PlainPrize

    def choose(self, morning: Morning) -> Order:
        chances = self.policy.forecaster.chances(morning.history)
        prize_m = 1000 * self.policy.parameter * chances.overflow_days[:, 1]
        stops = np.flatnonzero(prize_m > LEAST_M)
        return Order(stops, prize_m[stops])
