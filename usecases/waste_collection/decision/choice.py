"""Choose the containers and the rounds of a day together, or no round; check; name the next day.

Prizes are those of the replay bench (`replay.policies.worth.WorthOfVisit`): what a visit is worth
in kilometres, expected overflow now minus later. The router picks those that are worth their
detour. Whether to drive at all follows from the same prizes: where the best round collects less
than it drives, waiting is cheaper.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.decision.outlook import Outlook
from usecases.waste_collection.decision.situation import Situation
from usecases.waste_collection.decision.terrain import Terrain, loads_l
from usecases.waste_collection.replay.driving import Order
from usecases.waste_collection.replay.forecast import HORIZONS
from usecases.waste_collection.replay.history import History, increments
from usecases.waste_collection.replay.policies.worth import WorthOfVisit
from usecases.waste_collection.replay.site import Site, read_assumptions
from usecases.waste_collection.replay.world import Morning
from usecases.waste_collection.routing.check import Violation, violations
from usecases.waste_collection.routing.day import DayPlan, DayProblem, NotServed, Stop, cost_m
from usecases.waste_collection.routing.solver import plan_day

__all__ = ["Case", "Proposal", "Wishes", "propose"]

SEED = 1
ITERATIONS, AGAIN_ITERATIONS, LOOK_ITERATIONS = 4_000, 1_000, 100
"""Search steps of a plan, of a plan made again from a former one, and of a look ahead.

With 1,000 containers and 10 trucks a step takes about 2 ms; 50, 800 and 2,500 steps found plans
that cost 931, 875 and 817 km."""
SECONDS, AGAIN_SECONDS, LOOK_SECONDS = 35.0, 4.0, 3.0
"""A bound on each, for slow machines; a plan that meets it may differ from run to run."""
TAKEN_OUT = "retiré par la personne qui planifie"

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Wishes:
    """What the dispatcher asks of the plan.

    Parameters
    ----------
    locked
        Container to the truck that has to empty it, or "" for any truck.
    added, removed
        Containers that must be visited, and must not.
    former
        Trips of the plan to begin with; None for a new one.
    cadence_days
        Days between rounds; None for that of the bench.
    """

    locked: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    former: DayPlan | None = None
    cadence_days: int | None = None

    @property
    def needed(self) -> frozenset[str]:
        """Containers that must be visited."""
        return frozenset((*self.locked, *self.added))

    def __post_init__(self) -> None:
        both = self.needed & set(self.removed)
        if both:
            raise UsageError(
                f"{min(both)!r} both asked for and taken out", expected="one of the two"
            )
        if self.cadence_days is not None and not 1 <= self.cadence_days <= HORIZONS:
            raise UsageError(
                f"a cadence of {self.cadence_days} days", expected=f"1 to {HORIZONS} days"
            )


@dataclass(frozen=True, eq=False)
class Case:
    """A morning, what is ahead, and the terrain: everything a plan rests on."""

    situation: Situation
    outlook: Outlook
    terrain: Terrain

    @property
    def rows(self) -> Numbers:
        """Rows of the containers that can be driven to, in the order of the roads."""
        place = {name: row for row, name in enumerate(self.situation.ids)}
        return np.array([place[name] for name in self.terrain.roads.ids[2:]], dtype=np.int64)

    def left_alone(self, days: int) -> "Case":
        """Return the case as it is expected after so many days in which nobody comes."""
        past, n = self.situation.history, len(self.situation.ids)
        history = History(
            np.concatenate([past.reading_percent, np.full((days, n), np.nan)]),
            np.concatenate([past.emptied, np.zeros((days, n), dtype=bool)]),
            np.concatenate([past.seen_percent, np.full((days, n), np.nan)]),
            (past.weekday + days) % 7,
        )
        situation = replace(self.situation, history=history)
        return Case(situation, self.outlook.after(days), self.terrain)


@dataclass(frozen=True, eq=False)
class Proposal:
    """The plan of a day and why it is so.

    Parameters
    ----------
    case, wishes
        What it was made from.
    problem, plan
        The day as the router took it, and the trips (none on a day without rounds).
    worth_km
        Container to what a visit today is worth, in km.
    wait_days
        Days that waiting would have meant: what prizes compare today with.
    next_day
        Day of the next round proposed, if no container surprises.
    since_days
        Days since some container was last emptied; None where that was not seen.
    broken
        What the independent checker found; empty for a plan that can be driven.
    seconds
        Wall time of choice, search and check.
    """

    case: Case
    wishes: Wishes
    problem: DayProblem
    plan: DayPlan
    worth_km: Mapping[str, float]
    wait_days: int
    next_day: date
    since_days: int | None
    broken: tuple[Violation, ...]
    seconds: float


def propose(case: Case, wishes: Wishes | None = None, *, iterations: int | None = None) -> Proposal:
    """Choose containers and rounds of the day, or none, and check the plan.

    Parameters
    ----------
    case
        Morning, outlook, terrain.
    wishes
        Locks, additions, removals, the former plan.
    iterations
        Search steps; `ITERATIONS`, or `AGAIN_ITERATIONS` from a former plan, unless given.

    Raises
    ------
    UsageError
        If a wish names an unknown container or truck.
    """
    began = time.perf_counter()
    wishes = wishes or Wishes()
    _refuse_strangers(case, wishes)
    cadence = wishes.cadence_days or case.terrain.supposed.cadence_days
    since = _days_since_round(case.situation.history)
    wait = _wait_days(cadence, since)
    order = _order(case, wait)
    problem = _problem(case, wishes, order)
    plan = _searched(problem, wishes, iterations)
    worth = {case.terrain.roads.ids[row + 2]: float(prize) / 1000
             for row, prize in zip(order.stops, order.prize_m, strict=True)}  # fmt: skip
    ahead = cadence if plan.trips else _next_round(case, wishes, cadence, since)
    return Proposal(
        case=case,
        wishes=wishes,
        problem=problem,
        plan=plan,
        worth_km=worth,
        wait_days=wait,
        next_day=case.situation.day + timedelta(days=ahead),
        since_days=since,
        broken=tuple(violations(problem, plan)),
        seconds=time.perf_counter() - began,
    )


def _refuse_strangers(case: Case, wishes: Wishes) -> None:
    known = case.terrain.roads.ids[2:]
    trucks = {truck.id for truck in case.terrain.trucks} | {""}
    strange = [one for one in (*wishes.needed, *wishes.removed) if one not in known]
    strange += [truck for truck in wishes.locked.values() if truck not in trucks]
    if strange:
        raise UsageError(
            f"{sorted(strange)[0]!r}",
            expected="a container of the readings that has a position; for --lock ID@TRUCK a "
            "truck of the fleet",
        )


def _days_since_round(history: History) -> int | None:
    """Return the days since some container was last emptied; None if none was seen."""
    days = np.flatnonzero(history.emptied.any(axis=1))
    return None if not len(days) else len(history.emptied) - int(days[-1])


def _order(case: Case, wait_days: int) -> Order:
    """Return prizes against waiting so many days; containers are numbered as in the roads.

    The time of a stop is paid for as `Terrain.stop_m`, today and on every later visit.
    """
    supposed, rows = case.terrain.supposed, case.rows
    policy = WorthOfVisit(
        supposed.overflow_km,
        wait_days,
        forecaster=case.outlook.of(rows) if case.outlook.ai else None,
    )
    past = case.situation.history
    history = History(
        past.reading_percent[:, rows], past.emptied[:, rows], past.seen_percent[:, rows],
        past.weekday,
    )  # fmt: skip
    order = policy.begin(_site(case, history)).choose(Morning(0, history))
    prize_m = order.prize_m - case.terrain.stop_m
    worth = prize_m > 0
    return Order(order.stops[worth], prize_m[worth])


def _site(case: Case, history: History) -> Site:
    """Return the terrain as policies take it, with the inflow that the readings tell."""
    inflow = np.nan_to_num(increments(history))
    districts = case.situation.containers["district"].to_numpy()[case.rows]
    return Site(
        name=case.situation.dataset.name,
        roads=case.terrain.roads_with_stops,
        inflow_percent=inflow,
        districts=tuple(str(one) for one in districts),
        assumptions=read_assumptions(),
        warm_up_days=len(inflow) - 1,
    )


def _problem(case: Case, wishes: Wishes, order: Order) -> DayProblem:
    prizes: dict[str, float | None] = {
        case.terrain.roads.ids[row + 2]: float(prize)
        for row, prize in zip(order.stops, np.rint(order.prize_m), strict=True)
    }
    prizes |= dict.fromkeys(sorted(wishes.needed))
    for name in wishes.removed:
        prizes.setdefault(name, 0.0)
    situation, supposed = case.situation, case.terrain.supposed
    litres = dict(
        zip(
            situation.ids,
            loads_l(situation.containers, case.outlook.now_percent, supposed),
            strict=True,
        )
    )
    streams = dict(zip(situation.ids, situation.containers["stream"], strict=True))
    stops = tuple(
        Stop(
            name,
            load_kg=float(np.ceil(litres[name] * supposed.density(streams[name]))),
            load_l=float(np.ceil(litres[name])),
            prize_m=prizes[name],
            stream=streams[name],
        )
        for name in case.terrain.roads.ids[2:]
        if name in prizes
    )
    return DayProblem(
        roads=case.terrain.roads,
        trucks=case.terrain.trucks,
        stops=stops,
        tip_s=supposed.tip_s,
        locked={name: truck for name, truck in wishes.locked.items() if truck},
        forbidden=dict.fromkeys(wishes.removed, TAKEN_OUT),
    )


def _searched(problem: DayProblem, wishes: Wishes, iterations: int | None) -> DayPlan:
    if not problem.stops:
        return DayPlan(())
    again = wishes.former is not None
    plan = plan_day(
        problem,
        seed=SEED,
        iterations=iterations or (AGAIN_ITERATIONS if again else ITERATIONS),
        seconds=AGAIN_SECONDS if again else SECONDS,
        start=wishes.former,
    )
    return plan if _is_worth(problem, plan) else _without_trips(problem, plan)


def _is_worth(problem: DayProblem, plan: DayPlan) -> bool:
    """Tell whether a plan costs less than leaving every container that may be left."""
    if any(problem.must_serve(stop) for stop in problem.stops):
        return True
    return cost_m(problem, plan) < sum(stop.prize_m or 0.0 for stop in problem.stops)


def _without_trips(problem: DayProblem, plan: DayPlan) -> DayPlan:
    """Return the day without rounds: what the search left out keeps its reason."""
    named = {one.container_id: one for one in plan.not_served}
    left = (named.get(one.container_id, NotServed(one.container_id, "not_worth"))
            for one in problem.stops)  # fmt: skip
    return DayPlan((), tuple(left))


def _next_round(case: Case, wishes: Wishes, cadence: int, since: int | None) -> int:
    """Return in how many days a round is first worth its way if nobody comes, a week at most."""
    free = replace(wishes, locked={}, added=(), former=None)
    for days in range(1, HORIZONS):
        later = case.left_alone(days)
        wait = _wait_days(cadence, None if since is None else since + days)
        problem = _problem(later, free, _order(later, wait))
        if problem.stops:
            plan = plan_day(problem, seed=SEED, iterations=LOOK_ITERATIONS, seconds=LOOK_SECONDS)
            if plan.trips and _is_worth(problem, plan):
                return days
    return HORIZONS


def _wait_days(cadence: int, since: int | None) -> int:
    """Return the wait that a round today is held against: until the next day of the cadence.

    >>> _wait_days(2, 1), _wait_days(2, 2), _wait_days(2, 5), _wait_days(3, None)
    (1, 2, 2, 3)
    """
    return cadence - since if since is not None and since < cadence else cadence
