"""How well each area serves its deliveries, before any plan: blocking and walking.

An area is a loss queue (Erlang B, `queueing`): the share of its deliveries that find every bay
taken is lost to it. Such a driver double-parks, or walks from the next area. Both are said in
metres, so that they add up: a lost delivery is worth ``lost_delivery_metres`` of walking.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from common.edge.errors import UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.demand.queueing import erlang_b
from usecases.delivery_zones.inventory.geometry import local_metres

__all__ = [
    "Network",
    "Walking",
    "blocking",
    "metres_per_delivery",
    "next_area_metres",
    "worst_communes",
    "worst_quartile",
]

QUARTILE: Final = 4


@dataclass(frozen=True)
class Walking:
    """What walking and losing a delivery are worth; every figure is the commune's to set.

    Parameters
    ----------
    detour
        Metres on the pavement per metre as the crow flies, 1 to 2.
    lost_delivery_metres
        Metres of walking that one lost delivery is worth, 0 or more.
    cap_metres
        A driver who finds an area full walks at most this far from the next one.
    """

    detour: float = 1.3
    lost_delivery_metres: float = 500.0
    cap_metres: float = 300.0

    def __post_init__(self) -> None:
        if not (1 <= self.detour <= 2) or self.lost_delivery_metres < 0 or self.cap_metres < 0:
            raise UsageError(
                f"{self}", expected="detour 1 to 2, lost_delivery_metres and cap_metres >= 0"
            )


@dataclass(frozen=True)
class Network:
    """Areas with their bays and their demand; arrays of shape (n,).

    Parameters
    ----------
    area_id, commune, address
        Text.
    lon, lat
        Degrees.
    bays
        Bays today, 0 for a candidate place that has none yet.
    deliveries_per_day, stay_hours, goods_hours_per_day
        Demand, mean stay and the hours over which a day's deliveries spread.
    movable
        Whether a plan may touch the area (money transports and unknown regimes are not).
    demand_is_hypothesis
        True where the demand is a proxy, not the commune's own count.
    weight
        Importance of a delivery here, 1 by default.
    """

    area_id: Array
    commune: Array
    address: Array
    lon: Array
    lat: Array
    bays: Array
    deliveries_per_day: Array
    stay_hours: Array
    goods_hours_per_day: Array
    movable: Array
    weight: Array
    demand_is_hypothesis: bool

    def __post_init__(self) -> None:
        arrays = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        if len({len(array) for array in arrays}) != 1 or not len(self.bays):
            raise UsageError("areas of unequal lengths", expected="one entry per area, 1 or more")
        if len(set(self.area_id)) != len(self.area_id):
            raise UsageError("the same area twice", expected="each area_id once")
        legal = (self.bays >= 0) & (self.deliveries_per_day >= 0) & (self.weight >= 0)
        legal &= (self.stay_hours > 0) & (self.goods_hours_per_day > 0)
        if not legal.all():
            raise UsageError(
                f"area {self.area_id[int(np.argmin(legal))]}",
                expected="bays, deliveries, weight >= 0; stay and goods hours > 0",
            )

    def __len__(self) -> int:
        return len(self.bays)

    @property
    def busy_hours_per_day(self) -> Array:
        """Hours of stay that a day's deliveries ask for."""
        busy: Array = self.deliveries_per_day * self.stay_hours
        return busy

    @property
    def metres(self) -> Array:
        """Metres east and north, shape (n, 2)."""
        return local_metres(self.lon, self.lat)

    @property
    def communes(self) -> list[str]:
        """Names of the communes, sorted."""
        return sorted(set(self.commune))


def blocking(bays: Array, load_erlang: Array) -> Array:
    """Return the share of deliveries lost, for each area's bays and offered load.

    >>> blocking(np.array([1, 2]), np.array([1.0, 1.0])).tolist()  # 1/2 and 1/5
    [0.5, 0.2]
    """
    share = np.empty(np.broadcast(bays, load_erlang).shape)
    for count in np.unique(bays):
        rows = bays == count
        share[rows] = erlang_b(int(count), load_erlang[rows])
    return share


def next_area_metres(network: Network, walking: Walking) -> Array:
    """Return the walk from each area to the next one that has a bay, at most the cap."""
    metres = network.metres
    open_rows = np.flatnonzero(network.bays > 0)
    if len(open_rows) < 2:
        return np.full(len(network), walking.cap_metres)
    gap, near = cKDTree(metres[open_rows]).query(metres, k=2)
    own = open_rows[near[:, 0]] == np.arange(len(network))
    straight = np.where(own, gap[:, 1], gap[:, 0])
    walk: Array = np.minimum(straight * walking.detour, walking.cap_metres)
    return walk


def metres_per_delivery(network: Network, walking: Walking) -> Array:
    """Return how badly each area is served today: expected metres per delivery.

    The share lost times (what a lost delivery is worth + the walk from the next area). The
    higher, the worse served.
    """
    load = network.busy_hours_per_day / network.goods_hours_per_day
    worth = walking.lost_delivery_metres + next_area_metres(network, walking)
    served: Array = blocking(network.bays, load) * worth
    return served


def worst_quartile(badness: Array) -> Array:
    """Tell which areas are the worst-served quarter, rounded up; ties go to the first.

    >>> worst_quartile(np.array([3.0, 9.0, 1.0, 9.0, 2.0])).tolist()  # 5 / 4, rounded up: 2
    [False, True, False, True, False]
    """
    count = -(-len(badness) // QUARTILE)
    worst = np.zeros(len(badness), dtype=bool)
    worst[np.argsort(-badness, kind="stable")[:count]] = True
    return worst


def worst_communes(network: Network, walking: Walking) -> list[str]:
    """Return the worst-served quarter of the communes, by metres per delivery, rounded up."""
    table = pd.DataFrame({
        "commune": network.commune,
        "deliveries": network.deliveries_per_day,
        "metres": network.deliveries_per_day * metres_per_delivery(network, walking),
    })  # fmt: skip
    totals = table.groupby("commune")[["deliveries", "metres"]].sum()
    mean = (totals["metres"] / totals["deliveries"].where(totals["deliveries"] > 0)).fillna(0.0)
    return sorted(mean.index[worst_quartile(mean.to_numpy())])
