"""Replay a policy day by day: it sees past readings alone, the world keeps the true levels."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.replay.driving import ITERATIONS, Driver, Order
from usecases.waste_collection.replay.history import History, as_read
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.routing.day import DayPlan

__all__ = ["WARM_UP_CADENCE_DAYS", "Chooser", "Morning", "Policy", "Sensing", "replay"]

WARM_UP_CADENCE_DAYS = 3
"""Before any policy decides, every container is emptied every third day: the own round."""

Floats = npt.NDArray[np.float64]
Sensing = Callable[[int, Floats], Floats]
"""(day, true levels) to readings of a morning: NaN where none comes; may be faulty."""


@dataclass(frozen=True, eq=False)
class Morning:
    """What a policy is given at 06:00.

    Parameters
    ----------
    day
        Days since the policy took over, from 0.
    history
        Readings, emptyings and what crews saw, warm-up included.
    driven
        The trips of the day before; None on the first day.
    """

    day: int
    history: History
    driven: DayPlan | None = None


class Chooser(Protocol):
    """A policy at work on one site."""

    def choose(self, morning: Morning) -> Order:
        """Return what to empty today; an order without stops is a day without rounds."""


class Policy(Protocol):
    """A way to choose rounds."""

    @property
    def family(self) -> str:
        """Name of the curve it is a point of."""

    @property
    def parameter(self) -> float:
        """Where on the curve it is."""

    def begin(self, site: Site) -> Chooser:
        """Return the policy at work on a site."""


def replay(
    policy: Policy, site: Site, *, sensing: Sensing | None = None, iterations: int = ITERATIONS
) -> Outcome:
    """Drive a policy over the days of a site.

    Each morning levels are read and the policy orders, then the ordered containers are
    emptied, then the day's inflow arrives: a container over 100 % in the evening is an
    overflow-day, which no plan of that day could see.

    Parameters
    ----------
    policy
        The policy.
    site
        Roads, trucks, inflow.
    sensing
        How readings come; every container read to the nearest 20 % unless given.
    iterations
        Search steps per day.
    """
    log = _Log(site, sensing or _every_container)
    for day in range(site.warm_up_days):
        everything = np.arange(site.n_containers)
        log.live(day, everything if day % WARM_UP_CADENCE_DAYS == 0 else everything[:0])
    chooser = policy.begin(site)
    driver = Driver(site, iterations)
    for day in range(site.warm_up_days, site.warm_up_days + site.evaluated_days):
        started = time.process_time()
        plan, emptied = _day(chooser, driver, log, day)
        log.plan_cpu_s += time.process_time() - started
        log.count(plan, emptied)
        log.live(day, emptied)
        log.overflows(day)
    return log.outcome(policy)


def _every_container(_day: int, level_percent: Floats) -> Floats:
    return as_read(level_percent)


def _day(
    chooser: Chooser, driver: Driver, log: "_Log", day: int
) -> tuple[DayPlan, npt.NDArray[np.int64]]:
    """Return the day's trips and the containers emptied."""
    history = log.history(day)
    driven = log.plans[-1] if log.plans else None
    order = chooser.choose(Morning(day - log.site.warm_up_days, history, driven))
    if not len(order.stops):
        return DayPlan(()), order.stops
    plan = driver.drive(order, log.reckoned())
    return plan, driver.numbers(plan)


@dataclass
class _Log:
    """True levels, what was seen of them, and what is counted."""

    site: Site
    sensing: Sensing
    plan_cpu_s: float = 0.0
    plans: list[DayPlan] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    overloaded: int = 0
    litres_over_percent: float = 0.0

    def __post_init__(self) -> None:
        days, n = self.site.inflow_percent.shape
        self.level = np.zeros(n)
        self.readings = np.full((days + 1, n), np.nan)
        self.emptied = np.zeros((days, n), dtype=bool)
        self.seen = np.full((days, n), np.nan)
        self.over = np.zeros((days, n), dtype=bool)
        self.readings[0] = self.sensing(0, self.level)

    def history(self, day: int) -> History:
        """Return what is known on the morning of ``day``."""
        return History(
            self.readings[: day + 1],
            self.emptied[:day],
            self.seen[:day],
            (self.site.first_weekday + day) % 7,
        )

    def reckoned(self) -> Floats:
        """Return the levels that loads are planned with: true to the step, as the crew finds.

        Loads are not what the bench compares, and a truck that fills early drives to the tip
        anyway: every policy plans its tip trips with the levels as read without fault.
        """
        return np.maximum(as_read(self.level), self.level)

    def live(self, day: int, emptied: npt.NDArray[np.int64]) -> None:
        """Empty containers, let the day's inflow come, read the next morning."""
        self.emptied[day, emptied] = True
        self.seen[day, emptied] = as_read(self.level[emptied])
        self.level[emptied] = 0.0
        self.level = self.level + self.site.inflow_percent[day]
        self.readings[day + 1] = self.sensing(day + 1, self.level)

    def count(self, plan: DayPlan, emptied: npt.NDArray[np.int64]) -> None:
        """Note the trips of a day, before it is lived."""
        self.plans.append(plan)
        self.fills.extend(self.level[emptied].tolist())

    def overflows(self, day: int) -> None:
        """Note which containers are over 100 % in the evening."""
        self.over[day] = self.level > 100 + 1e-9
        self.litres_over_percent += float(np.maximum(self.level - 100, 0).sum())

    def outcome(self, policy: Policy) -> Outcome:
        """Return what the policy did."""
        first = self.site.warm_up_days
        return Outcome(
            scenario=self.site.name,
            family=policy.family,
            parameter=policy.parameter,
            days=self.site.evaluated_days,
            km=sum(plan.distance_m for plan in self.plans) / 1000,
            truck_hours=sum(plan.truck_hours for plan in self.plans),
            rounds=sum(bool(plan.trips) for plan in self.plans),
            trips=sum(len(plan.trips) for plan in self.plans),
            not_served=sum(
                one.reason != "not_worth" for plan in self.plans for one in plan.not_served
            ),
            fill_percent=tuple(self.fills),
            overflow_days=tuple(int(one) for one in self.over[first:].sum(axis=0)),
            over_percent_days=self.litres_over_percent,
            waits_days=_waits(self.emptied, first),
            districts=self.site.districts,
            last_level_percent=float(self.level.mean()),
            plan_cpu_s=self.plan_cpu_s,
        )


def _waits(emptied: npt.NDArray[np.bool_], first: int) -> tuple[float, ...]:
    """Return the mean days between emptyings of each container, over the days that count.

    A container never emptied waited all of them.
    """
    days = len(emptied) - first
    counts = emptied[first:].sum(axis=0)
    return tuple((days / np.maximum(counts, 1)).tolist())
