"""What no plan can beat: visits and kilometres that the inflow makes necessary."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import WARM_UP_CADENCE_DAYS

__all__ = ["Bound", "lower_bound", "necessary_visits"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bound:
    """Least figures of any plan without an overflow-day, foresight allowed.

    Parameters
    ----------
    visits
        Emptyings (brief 3.3.5).
    nearest_arc_km
        Sum over visits of the shortest way into the container (brief 3.3.5).
    two_arcs_km
        The same, tightened: a visit has a way in and a way out, from and to two different
        places (depot and tip count as two), and each way serves two places: half the sum of
        the two shortest.
    radial_km
        Twice the load times the way to the depot or tip, over a truck's capacity: what
        carrying the waste home takes (Haimovich and Rinnooy Kan 1985,
        doi:10.1287/moor.10.4.527, one direction each).
    """

    visits: int
    nearest_arc_km: float
    two_arcs_km: float
    radial_km: float

    @property
    def km(self) -> float:
        """The largest of the three."""
        return max(self.nearest_arc_km, self.two_arcs_km, self.radial_km)


def lower_bound(site: Site) -> Bound:
    """Return the bounds of a site over the days that count.

    A policy that lets containers overflow may stay below: read the bound beside the km at
    the fewest overflows.
    """
    visits = necessary_visits(site)
    metres = site.roads.distance_m.astype(np.float64)
    np.fill_diagonal(metres, np.inf)
    into, out = np.sort(metres[:, 2:], axis=0), np.sort(metres[2:, :], axis=1).T
    ways = np.minimum(into[:2], out[:2]) / 1000
    return Bound(
        visits=int(visits.sum()),
        nearest_arc_km=float(visits @ ways[0]),
        two_arcs_km=float(visits @ ways.mean(axis=0)),
        radial_km=_radial_km(site),
    )


def necessary_visits(site: Site) -> npt.NDArray[np.int64]:
    """Return the fewest emptyings of each container without an overflow-day, (n,).

    Emptied at the last moment, which is optimal for one container alone: every earlier
    emptying leaves less room for what comes. The start is the common state after the
    warm-up.

    """
    level = _level_after_warm_up(site)
    visits = np.zeros(site.n_containers, dtype=np.int64)
    for inflow in site.inflow_percent[site.warm_up_days :]:
        due = (level + inflow > 100) & (level > 0)
        visits += due
        level = np.where(due, 0.0, level) + inflow
    return visits


def _level_after_warm_up(site: Site) -> Floats:
    level = np.zeros(site.n_containers)
    for day in range(site.warm_up_days):
        level = np.where(day % WARM_UP_CADENCE_DAYS == 0, 0.0, level) + site.inflow_percent[day]
    return np.asarray(level)


def _radial_km(site: Site) -> float:
    """Return twice load times way over capacity, for the waste that must be carried.

    What may lie in the containers at the end, 100 % of each, need not be.
    """
    inflow = site.inflow_percent[site.warm_up_days :].sum(axis=0)
    carried = np.maximum(_level_after_warm_up(site) + inflow - 100, 0)
    kg = site.assumptions.full_kg * carried / 100
    metres = site.roads.distance_m
    way_km = np.minimum(metres[:2, 2:].min(axis=0), metres[2:, :2].min(axis=1)) / 1000
    return float((2 * way_km * kg).sum() / site.assumptions.truck["capacity_kg"])
