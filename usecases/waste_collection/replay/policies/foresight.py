"""Perfect foresight: what knowing the inflow ahead would buy; a reference, never a policy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.visits import detours_km, solo_km
from usecases.waste_collection.replay.world import Chooser, Morning

__all__ = ["ForesightInPassing", "LastMoment"]

FAR_DAYS = 28
MUST_KM = 1000.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LastMoment:
    """Every ``parameter`` days, what would overflow before the next round, known beforehand."""

    parameter: float
    family: str = "last_moment"

    def begin(self, site: Site) -> Chooser:
        """Return the reference at work."""
        return _LastMoment(int(self.parameter), _Ahead(site))


@dataclass(frozen=True)
class ForesightInPassing:
    """As `LastMoment`, and in passing what has used up its life: prizes of known worth.

    A container whose life until overflow is known to be ``a`` rounds now and ``b`` rounds
    when emptied is worth ``parameter`` x (1 - a / b) of its usual detour.

    Parameters
    ----------
    parameter
        Factor on the detour, above 0.
    cadence_days
        Days between rounds.
    """

    parameter: float
    cadence_days: int = 2

    @property
    def family(self) -> str:
        """Name of the curve."""
        return f"foresight_{self.cadence_days}d"

    def begin(self, site: Site) -> Chooser:
        """Return the reference at work."""
        return _InPassing(self, site, _Ahead(site))


@dataclass
class _Ahead:
    """The true levels and inflow: followed day by day beside the replay."""

    site: Site

    def __post_init__(self) -> None:
        self.level = np.zeros(self.site.n_containers)
        self.lived = 0

    def lives_days(self, morning: Morning) -> tuple[Floats, Floats]:
        """Return days until overflow as it stands, and if emptied today, (n,) each."""
        inflow = self.site.inflow_percent
        today = self.site.warm_up_days + morning.day
        emptied = morning.history.emptied
        for day in range(self.lived, today):
            self.level = np.where(emptied[day], 0.0, self.level) + inflow[day]
        self.lived = today
        mean = inflow.mean(axis=0, keepdims=True)
        coming = np.concatenate([inflow[today:], np.repeat(mean, FAR_DAYS, axis=0)])[:FAR_DAYS]
        total = coming.cumsum(axis=0)
        return (self.level + total <= 100).sum(axis=0), (total <= 100).sum(axis=0)


@dataclass(frozen=True)
class _LastMoment:
    cadence_days: int
    ahead: _Ahead

    def choose(self, morning: Morning) -> Order:
        life, _ = self.ahead.lives_days(morning)
        due = life < self.cadence_days
        round_today = morning.day % self.cadence_days == 0
        return Order.all_of(np.flatnonzero(due & round_today))


class _InPassing:
    def __init__(self, policy: ForesightInPassing, site: Site, ahead: _Ahead) -> None:
        self.policy, self.site, self.ahead = policy, site, ahead
        self.detour = np.minimum(solo_km(site.roads), _nearest_km(site))
        self.rounds = 1

    def choose(self, morning: Morning) -> Order:
        if morning.driven is not None and morning.driven.trips:
            self.rounds += 1
            new = detours_km(self.site.roads, morning.driven)
            self.detour = self.detour + (new - self.detour) / self.rounds
        life, fresh = self.ahead.lives_days(morning)
        if morning.day % self.policy.cadence_days:
            return Order.all_of([])
        cadence = self.policy.cadence_days
        used = 1 - (life // cadence) / np.maximum(fresh // cadence, 1)
        worth = self.policy.parameter * self.detour * used.clip(0, 1)
        worth = np.where(life < cadence, MUST_KM, worth)
        stops = np.flatnonzero(worth > 0)
        return Order(stops, 1000 * worth[stops])


def _nearest_km(site: Site) -> npt.NDArray[np.float64]:
    """Return twice the way to the nearest other container, (n,)."""
    between = site.roads.distance_m[2:, 2:].astype(np.float64)
    np.fill_diagonal(between, np.inf)
    return np.asarray(2 * between.min(axis=1) / 1000)
