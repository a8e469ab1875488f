"""Which bays to add, remove or move under a fixed total: a mixed-integer programme.

Choose one state (`states`) per area so that the weighted metres per day, lost deliveries
included, are least; the sum of bays is fixed. HiGHS solves it by branch and cut on one thread and
proves a bound; a second bound is computed here from the duals of the linear relaxation by plain
arithmetic, so that the proof does not rest on the solver's word.
"""

import time
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from common.edge.errors import UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.decision.accessibility import Network, Walking, worst_communes
from usecases.delivery_zones.decision.states import (
    ALONE,
    States,
    enumerate_states,
    states_today,
)

__all__ = ["MAX_GAP", "Settings", "Solution", "solve"]

MAX_GAP: Final = 0.01
"""Relative gap above which a plan is not called proven (issue 4: 1 %)."""
GAP_ASKED: Final = 1e-4


@dataclass(frozen=True)
class Settings:
    """The rules of a plan; the commune sets them.

    Parameters
    ----------
    walking
        What walking and losing a delivery are worth.
    total_bays
        Bays after the plan; None keeps today's total.
    max_moves
        Bays painted at most, and bays given up at most.
    max_added_per_area
        Bays that one place can gain.
    takeover_metres
        An area may close only for a neighbour within this walk, 50 to 150 m.
    commune_balance
        Bays that a commune may gain or lose on balance: 0 by default, because the by-law and the
        kerb are the commune's; None leaves it free (needed when ``total_bays`` changes).
    protect_worst_areas
        No area of the worst-served quartile may be worse off.
    protect_worst_communes
        No commune of the worst-served quartile may be worse off as a whole.
    time_limit_seconds
        Of the solver.
    """

    walking: Walking = field(default_factory=Walking)
    total_bays: int | None = None
    max_moves: int = 50
    max_added_per_area: int = 1
    takeover_metres: float = 100.0
    commune_balance: int | None = 0
    protect_worst_areas: bool = True
    protect_worst_communes: bool = True
    time_limit_seconds: float = 60.0

    def __post_init__(self) -> None:
        balance = self.commune_balance
        if self.max_moves < 0 or self.time_limit_seconds <= 0 or (balance or 0) < 0:
            raise UsageError(
                f"max_moves={self.max_moves}, time_limit_seconds={self.time_limit_seconds}, "
                f"commune_balance={balance}",
                expected="moves and balance of 0 or more, a time limit above 0",
            )


@dataclass(frozen=True)
class Solution:
    """The chosen states and the proof.

    Parameters
    ----------
    states
        The chosen ones: every area is in exactly one, as host or as guest.
    objective_metres
        Weighted metres per day after the plan.
    bound_metres
        No plan under these rules costs less: the higher of the solver's bound and of ours.
    certified_bound_metres
        Ours alone, by weak duality.
    before_metres
        Weighted metres per day today.
    solve_seconds
        Wall time of states, programme and both bounds.
    """

    states: States
    objective_metres: float
    bound_metres: float
    certified_bound_metres: float
    before_metres: float
    solve_seconds: float

    @property
    def gap(self) -> float:
        """Proven relative gap: (objective - bound) / objective."""
        return _gap(self.objective_metres, self.bound_metres)

    @property
    def certified_gap(self) -> float:
        """The gap by our own bound."""
        return _gap(self.objective_metres, self.certified_bound_metres)

    @property
    def gap_of_gain(self) -> float:
        """Share of the greatest possible gain that the plan may leave: stricter than `gap`."""
        possible = self.before_metres - self.bound_metres
        left = max(0.0, self.objective_metres - self.bound_metres)
        return left / possible if possible > 0 else 0.0

    @property
    def proven(self) -> bool:
        """Whether the gap is proven to be 1 % or less."""
        return self.gap <= MAX_GAP


@dataclass(frozen=True)
class _Programme:
    """min cost x, equal x = right, at_most x <= limit, x binary."""

    cost: Array
    equal: csr_array
    right: Array
    at_most: csr_array
    limit: Array


def solve(network: Network, settings: Settings | None = None) -> Solution:
    """Return the best plan and its proof.

    Parameters
    ----------
    network
        Areas, bays and demand.
    settings
        Rules; the default ones where None.

    Raises
    ------
    UsageError
        If no plan keeps all the rules, or none was found in time.

    Notes
    -----
    Blocked drivers walk to the area that is the next one *today*: the walk is not recomputed
    for areas that close, at most a few tens of metres per lost delivery.
    """
    rules = settings or Settings()
    start = time.perf_counter()
    states = enumerate_states(
        network,
        rules.walking,
        max_added_per_area=rules.max_added_per_area,
        takeover_metres=rules.takeover_metres,
        protect_worst_areas=rules.protect_worst_areas,
    )
    programme = _programme(network, states, rules)
    answer = milp(
        programme.cost,
        integrality=np.ones(len(states)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(programme.equal, programme.right, programme.right),
            LinearConstraint(programme.at_most, -np.inf, programme.limit),
        ],
        options={"time_limit": rules.time_limit_seconds, "mip_rel_gap": GAP_ASKED},
    )
    if answer.x is None:
        raise _no_plan(network, rules, str(answer.message))
    certified = _certified_bound(programme)
    chosen = states.take(np.flatnonzero(answer.x > 0.5))
    return Solution(
        states=chosen,
        objective_metres=float(chosen.metres.sum()),
        bound_metres=max(_solver_bound(answer), certified),
        certified_bound_metres=certified,
        before_metres=float(states_today(network, rules.walking).host_metres.sum()),
        solve_seconds=time.perf_counter() - start,
    )


def _gap(objective: float, bound: float) -> float:
    """Return a relative gap, never below 0: bounds are right up to rounding only."""
    return max(0.0, (objective - bound) / objective) if objective > 0 else 0.0


def _solver_bound(answer: Any) -> float:
    """Return the solver's dual bound; none where presolve left no tree to bound."""
    bound = getattr(answer, "mip_dual_bound", None)
    return float(bound) if bound is not None and np.isfinite(bound) else -np.inf


def _programme(network: Network, states: States, rules: Settings) -> _Programme:
    """Write the rules as matrices over the states."""
    total = int(network.bays.sum()) if rules.total_bays is None else rules.total_bays
    cover = _cover(states, len(network))
    at_most, limit = _at_most(network, states, rules)
    return _Programme(
        cost=states.metres,
        equal=csr_array(vstack([cover, csr_array(states.bays[None, :].astype(float))])),
        right=np.append(np.ones(len(network)), float(total)),
        at_most=at_most,
        limit=limit,
    )


def _cover(states: States, n_areas: int) -> csr_array:
    """Return which states hold each area, shape (n_areas, n_states)."""
    paired = np.flatnonzero(states.guest != ALONE)
    rows = np.concatenate([states.host, states.guest[paired]])
    columns = np.concatenate([np.arange(len(states)), paired])
    return csr_array((np.ones(len(rows)), (rows, columns)), shape=(n_areas, len(states)))


def _at_most(network: Network, states: States, rules: Settings) -> tuple[csr_array, Array]:
    """Return the inequalities: budget of moves, balance and equity by commune."""
    rows = [states.added.astype(float), states.removed.astype(float)]
    limits = [float(rules.max_moves)] * 2
    if rules.commune_balance is not None:
        for commune in network.communes:
            change = _bays_in(commune, network, states)
            today = float(network.bays[network.commune == commune].sum())
            rows += [change, -change]
            limits += [today + rules.commune_balance, rules.commune_balance - today]
    if rules.protect_worst_communes:
        before = states_today(network, rules.walking).host_metres
        for commune in worst_communes(network, rules.walking):
            rows.append(_metres_in(commune, network, states))
            limits.append(float(before[network.commune == commune].sum()))
    return csr_array(np.stack(rows)), np.array(limits)


def _bays_in(commune: str, network: Network, states: States) -> Array:
    """Return the bays that each state has in a commune."""
    inside: Array = np.where(network.commune[states.host] == commune, states.bays, 0).astype(float)
    return inside


def _metres_in(commune: str, network: Network, states: States) -> Array:
    """Return the weighted metres that each state costs deliveries of a commune."""
    host = np.where(network.commune[states.host] == commune, states.host_metres, 0.0)
    theirs = (states.guest != ALONE) & (network.commune[states.guest] == commune)
    metres: Array = host + np.where(theirs, states.guest_metres, 0.0)
    return metres


def _certified_bound(programme: _Programme) -> float:
    """Return a lower bound on every plan's cost, right whatever the solver answered.

    Weak duality: for any y and any z <= 0, each x in [0, 1] that keeps the rules costs at least
    y.right + z.limit + sum(min(0, cost - y.equal - z.at_most)). The duals of the linear
    relaxation make it as high as that relaxation.
    """
    relaxed = linprog(
        programme.cost,
        A_ub=programme.at_most,
        b_ub=programme.limit,
        A_eq=programme.equal,
        b_eq=programme.right,
        bounds=(0, 1),
        method="highs",
    )
    if relaxed.x is None:
        return 0.0  # metres are never negative
    y, z = relaxed.eqlin.marginals, np.minimum(relaxed.ineqlin.marginals, 0.0)
    reduced = programme.cost - programme.equal.T @ y - programme.at_most.T @ z
    bound = y @ programme.right + z @ programme.limit + np.minimum(reduced, 0.0).sum()
    return float(bound)


def _no_plan(network: Network, rules: Settings, message: str) -> UsageError:
    return UsageError(
        f"no plan for {len(network)} areas: {message}",
        expected=f"rules that today's {int(network.bays.sum())} bays can keep: "
        f"total_bays={rules.total_bays}, max_moves={rules.max_moves}, "
        f"commune_balance={rules.commune_balance}",
        remedy="allow more moves, a total nearer to today's, or more time",
    )
