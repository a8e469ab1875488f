"""Kilometres that no rounds can go below: stated beside each kilometre that is claimed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.routing.network import DEPOT, TIP, Roads

__all__ = ["LowerBound", "lower_bound", "nearest_arc_m", "radial_m"]


@dataclass(frozen=True)
class LowerBound:
    """Two lower bounds of the metres driven, each valid alone.

    Parameters
    ----------
    visits_m
        Visits times the shortest leg that leads to each container.
    radial_m
        Loads carried from where they lie to the tip in full trucks.
    """

    visits_m: float
    radial_m: float

    @property
    def km(self) -> float:
        """The larger of the two, in kilometres."""
        return max(self.visits_m, self.radial_m) / 1000


def lower_bound(
    roads: Roads,
    visits: Mapping[str, float],
    loads: Mapping[str, float],
    capacity: float,
) -> LowerBound:
    """Return the bounds of brief 3.3.5 for rounds that visit and carry at least this much.

    ``sum N_i x nearest arc_i``: each visit is reached by some leg, and no leg to i is
    shorter than its nearest. ``sum 2 d_i q_i / Q``: a trip that carries at most Q is at
    least as long as the way through its farthest container, hence as the mean of the ways
    through its containers weighted by q_i / Q (Haimovich and Rinnooy Kan 1985,
    doi:10.1287/moor.10.4.527). With a tip that is not the depot, and roads that differ by
    direction, 2 d_i is the way from the nearer of depot and tip to i and on to the tip.
    Both hold where roads keep the triangle inequality.

    Parameters
    ----------
    roads
        Depot, tip and containers.
    visits
        Least number of visits by container, over any number of days.
    loads
        Quantity carried away by container over these days, in the unit of ``capacity``.
    capacity
        Of the largest truck, above 0.

    Raises
    ------
    UsageError
        If the capacity is not above 0 or a container is unknown.
    """
    if not capacity > 0:
        raise UsageError(f"a capacity of {capacity}", expected="above 0")
    arcs, ways = nearest_arc_m(roads), radial_m(roads)
    return LowerBound(
        visits_m=float(sum(n * arcs[roads.index(one)] for one, n in visits.items())),
        radial_m=float(sum(q / capacity * ways[roads.index(one)] for one, q in loads.items())),
    )


def nearest_arc_m(roads: Roads) -> npt.NDArray[np.int64]:
    """Return, for each place, the shortest leg that leads there from another place, (n,)."""
    legs = roads.distance_m.copy()
    np.fill_diagonal(legs, np.iinfo(np.int64).max)
    shortest: npt.NDArray[np.int64] = legs.min(axis=0)
    return shortest


def radial_m(roads: Roads) -> npt.NDArray[np.int64]:
    """Return, for each place, the way from the nearer of depot and tip to it and to the tip."""
    outward = np.minimum(roads.distance_m[DEPOT], roads.distance_m[TIP])
    way: npt.NDArray[np.int64] = outward + roads.distance_m[:, TIP]
    return way
