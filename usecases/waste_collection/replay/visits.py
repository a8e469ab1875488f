"""What emptying a container today is worth in kilometres: overflows avoided, life kept."""

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.replay.forecast import moves, overflow_days
from usecases.waste_collection.routing.day import DayPlan
from usecases.waste_collection.routing.network import DEPOT, TIP, Roads

__all__ = ["detours_km", "solo_km", "worth_km"]

SWEEPS = 120
Floats = npt.NDArray[np.float64]


def worth_km(
    steps: Floats, detours: Floats, overflow_km: Floats | float, cadence_days: int
) -> tuple[Floats, Floats]:
    """Return what a visit is worth by level, and what lies ahead of an emptied container.

    Each container alone is a small decision problem. Every ``cadence_days`` a truck comes by
    at a detour drawn from ``detours``; it stops or not. Not stopping costs ``overflow_km`` for
    each expected day over 100 % until the next round; stopping costs the detour and sets the
    level to 0. Relative value iteration (White 1963, J. Math. Anal. Appl. 6:373-376) gives the
    cost ahead of each level; the worth of a visit is the cost ahead without it less the cost
    ahead after it. The detour that is paid today is left to the router, which alone knows it:
    worths are the prizes of a prize-collecting round. Such a split of one problem into one
    per container, tied by prices, is the Lagrangian relaxation of restless bandits (Whittle
    1988, J. Appl. Probab. 25A:287-298).

    Parameters
    ----------
    steps
        (n, 6) shares of days with 0 to 5 steps of 20 points.
    detours
        (n, m) equally likely detours in km.
    overflow_km
        What one overflow-day is worth, in km driven: one figure, or one per container (n,).
    cadence_days
        Days between rounds, 1 or more.

    Returns
    -------
    (n, 7), (n, 7)
        Worth of a visit in km, by level number (0 for an empty container); and that part of
        it that is not overflow before the next round.

    Examples
    --------
    A container that gains 20 points a day and detours of 4 km: nothing is gained by emptying
    it when empty, and the worth grows with the level.

    >>> daily = np.array([[0.0, 1, 0, 0, 0, 0]])
    >>> worth, _ = worth_km(daily, np.array([[4.0]]), overflow_km=100.0, cadence_days=1)
    >>> bool(worth[0, 0] == 0 and (np.diff(worth[0]) >= 0).all() and worth[0, 5] > 50)
    True
    """
    over = np.reshape(overflow_km, (-1, 1)) * overflow_days(steps, cadence_days)
    onward = np.linalg.matrix_power(moves(steps), cadence_days)
    ahead = np.zeros(over.shape)
    for _ in range(SWEEPS):
        skipped = over + np.einsum("nab,nb->na", onward, ahead)
        emptied = detours[:, None, :] + skipped[:, :1, None]
        met = np.minimum(emptied, skipped[:, :, None]).mean(axis=2)
        ahead = met - met[:, :1]
    later = np.einsum("nab,nb->na", onward, ahead)
    skipped = over + later
    return skipped - skipped[:, :1], later - later[:, :1]


def solo_km(roads: Roads) -> Floats:
    """Return the way to each container alone: depot, container, tip, depot, (n,)."""
    metres = roads.distance_m
    alone = metres[DEPOT, 2:] + metres[2:, TIP] + metres[TIP, DEPOT]
    return np.asarray(alone / 1000)


def detours_km(roads: Roads, plan: DayPlan) -> Floats:
    """Return what each container adds to the rounds of a day, (n,), in km.

    For one that was emptied, the way saved without it; for another, its cheapest insertion.
    Without rounds, the way to it alone.
    """
    best = solo_km(roads)
    metres = roads.distance_m
    emptied: dict[int, float] = {}
    for trip in plan.trips:
        path = [roads.index(visit.place_id) for visit in trip.visits if visit.stop_type != "pause"]
        start, stop = np.array(path[:-1]), np.array(path[1:])
        added = metres[start][:, 2:].T + metres[2:, stop] - metres[start, stop]
        best = np.minimum(best, added.min(axis=1) / 1000)
        for before, here, after in zip(path, path[1:], path[2:], strict=False):
            if here > TIP:
                saved = metres[before, here] + metres[here, after] - metres[before, after]
                emptied[here - 2] = float(saved) / 1000
    best[list(emptied)] = list(emptied.values())
    return np.maximum(best, 0.0)
