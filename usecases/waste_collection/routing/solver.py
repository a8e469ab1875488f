"""Plan a day's rounds: which stops, which truck, in which order, with how many trips.

The search is PyVRP's (Wouda, Lan, Kool 2024, INFORMS Journal on Computing 36(4),
doi:10.1287/ijoc.2023.0055), version 0.14.1, from the optional extra ``rounds``.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.edge.errors import MissingExtraError, UsageError
from usecases.waste_collection.routing.day import DayPlan, DayProblem, Stop
from usecases.waste_collection.routing.insertion import Rounds, complete
from usecases.waste_collection.routing.network import DEPOT, TIP
from usecases.waste_collection.routing.schedule import Sequences, plan_of
from usecases.waste_collection.routing.screening import hopeless
from usecases.waste_collection.routing.translation import Translation

if TYPE_CHECKING:
    from pyvrp import Solution


__all__ = ["DEFAULT_ITERATIONS", "plan_day", "require_pyvrp"]

DEFAULT_ITERATIONS = 2_000
PATIENCE = 0.5
"""Share of the budget for serving all that must be served, before some are left out."""
MAX_PENALTY = 1e6
"""Cost of a second too late or a tenth too heavy at most: dearer than what a stop is worth."""
INFEASIBLE_COST = 2**63 - 1
"""What PyVRP tells a stopping criterion while nothing feasible was found (INT64_MAX)."""


@dataclass
class _Budget:
    """What is left of the search: iterations, seconds, or both (whichever ends first).

    Handed to PyVRP as its stopping criterion; a second search goes on with the rest.
    """

    seed: int
    iterations: int | None
    seconds: float | None
    patience: float = 1.0
    """Share of the budget after which a search that has nothing feasible gives up."""
    _done: int = 0
    _started_s: float | None = None

    def __call__(self, best_cost: int) -> bool:
        """Tell PyVRP, before each iteration, whether to stop."""
        now_s = time.perf_counter()
        self._started_s = now_s if self._started_s is None else self._started_s
        spent = [0.0]
        if self.iterations is not None:
            spent.append(self._done / self.iterations if self.iterations else 1.0)
        if self.seconds is not None:
            spent.append((now_s - self._started_s) / self.seconds if self.seconds else 1.0)
        limit = self.patience if best_cost >= INFEASIBLE_COST else 1.0
        if max(spent) >= limit:
            return True
        self._done += 1
        return False


def plan_day(
    problem: DayProblem,
    *,
    seed: int = 0,
    iterations: int | None = None,
    seconds: float | None = None,
    start: DayPlan | None = None,
) -> DayPlan:
    """Choose the stops and the rounds of a day together.

    The plan keeps every rule of the problem, whatever the budget. Stops that must be
    served and are not, because they do not fit, are named with the reason, as are the
    optional ones that are not worth their detour.

    Parameters
    ----------
    problem
        The day.
    seed
        Same seed, iterations and start: same plan.
    iterations, seconds
        Budget of the search, whichever ends first; 2,000 iterations where neither is
        given. Seconds do not repeat: tests and replays give iterations.
    start
        A former plan to begin with, for planning again after a change: what no longer
        fits is taken out and the rest is searched from there.

    Raises
    ------
    UsageError
        If the budget is not positive.
    MissingExtraError
        If PyVRP is not installed.
    """
    if min(seconds or 0.0, iterations or 0) < 0:
        raise UsageError(
            f"{iterations} iterations, {seconds} seconds", expected="a budget of 0 or more"
        )
    require_pyvrp()
    if iterations is None and seconds is None:
        iterations = DEFAULT_ITERATIONS
    out = {one.container_id: one for one in hopeless(problem)}
    stops = [stop for stop in problem.stops if stop.container_id not in out]
    former = None if start is None else _sequences_of(start)
    budget = _Budget(seed, iterations, seconds)
    rounds = Rounds(problem, _searched(problem, stops, former, budget))
    out |= {one.container_id: one for one in complete(rounds, stops)}
    left = [out[stop.container_id] for stop in problem.stops if stop.container_id in out]
    return plan_of(problem, rounds.sequences, left)


def require_pyvrp() -> None:
    """Raise a MissingExtraError that names the extra if PyVRP is not installed."""
    try:
        import pyvrp  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "planning rounds needs PyVRP, which is not installed",
            expected="the extra `rounds`",
            remedy="pip install 'aune[rounds]', from the wheels at hand where there is no network",
        ) from error


def _searched(
    problem: DayProblem, stops: Sequence[Stop], start: Sequences | None, budget: _Budget
) -> Sequences:
    """Return the best rounds found; with a ransom where not all that must be served fits."""
    if not stops:
        return {}
    before = None
    if start is not None:
        before = Rounds(problem, start)
        complete(before, stops)
    budget.patience = PATIENCE if any(problem.must_serve(stop) for stop in stops) else 1.0
    required = Translation(problem, stops)
    best = _best(required, before, budget)
    if best.is_feasible():
        return required.sequences(best)
    budget.patience = 1.0
    before = before or Rounds(problem, required.sequences(best))
    complete(before, stops)
    ransomed = Translation(problem, stops, ransom_m=_ransom_m(problem, stops))
    return ransomed.sequences(_best(ransomed, before, budget))


def _best(translation: Translation, before: Rounds | None, budget: _Budget) -> "Solution":
    import pyvrp
    from pyvrp.exceptions import PenaltyBoundWarning

    start = None if before is None else translation.solution(before.sequences)
    with warnings.catch_warnings():
        # Said where nothing feasible is in sight; the next search and the reasons deal with it.
        warnings.simplefilter("ignore", PenaltyBoundWarning)
        result = pyvrp.solve(
            translation.data,
            budget,
            seed=budget.seed,
            collect_stats=False,
            initial_solution=start,
            params=pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=MAX_PENALTY)),
        )
    return result.best


def _ransom_m(problem: DayProblem, stops: Sequence[Stop]) -> float:
    """Return more metres than serving one more stop can cost: twice a truck of its own."""
    rows = [problem.roads.index(stop.container_id) for stop in stops]
    roads, hours = problem.roads, problem.metres_per_hour / 3600
    way = [
        int(matrix[DEPOT, rows].max() + matrix[rows, TIP].max() + matrix[TIP, DEPOT])
        for matrix in (roads.distance_m, roads.duration_s)
    ]
    longest_s = max(truck.shift_s for truck in problem.trucks)
    alone_m = way[0] + hours * max(way[1], longest_s) + problem.metres_per_truck
    return 2 * alone_m + max(stop.prize_m or 0.0 for stop in stops)


def _sequences_of(plan: DayPlan) -> dict[str, list[tuple[str, ...]]]:
    return {truck: [trip.sequence for trip in trips] for truck, trips in plan.by_truck()}
