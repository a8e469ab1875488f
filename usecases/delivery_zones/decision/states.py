"""Every state that an area, or a pair of areas, may end in: the columns of the programme.

An area keeps between one and all of its bays, or gains some (alone), or it closes and a
neighbour takes its deliveries over (pair). A state's cost is exact, Erlang B included: nothing is
linearised, and the programme only has to choose one state per area.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.spatial import cKDTree

from common.edge.errors import UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.decision.accessibility import (
    Network,
    Walking,
    blocking,
    next_area_metres,
    worst_quartile,
)

__all__ = ["ALONE", "States", "enumerate_states", "states_today"]

ALONE: Final = -1
"""`States.guest` of an area that takes nobody over."""
ROUNDING_METRES: Final = 1e-9


@dataclass(frozen=True)
class States:
    """Candidate states; arrays of shape (n_states,).

    Parameters
    ----------
    host
        The area whose bays are meant.
    guest
        The area that closes and whose deliveries go to the host, or `ALONE`.
    bays
        Bays of the host in this state.
    added, removed
        Bays painted and bays given up, host and guest together.
    host_metres, guest_metres
        Weighted metres per day of the host's and of the guest's own deliveries: lost ones at
        their worth, and the walk of those who go to another area.
    host_lost, guest_lost
        Lost deliveries per day.
    walk
        Metres from the host to the closed guest (0 alone).
    """

    host: Array
    guest: Array
    bays: Array
    added: Array
    removed: Array
    host_metres: Array
    guest_metres: Array
    host_lost: Array
    guest_lost: Array
    walk: Array

    def __len__(self) -> int:
        return len(self.host)

    @property
    def metres(self) -> Array:
        """Weighted metres per day of host and guest together: the cost of the state."""
        return self.host_metres + self.guest_metres

    def take(self, rows: Array) -> "States":
        """Return some of the states."""
        return States(**{name: values[rows] for name, values in vars(self).items()})


def enumerate_states(
    network: Network,
    walking: Walking,
    *,
    max_added_per_area: int = 1,
    takeover_metres: float = 100.0,
    protect_worst_areas: bool = True,
) -> States:
    """Return the states that every rule on single areas allows.

    Parameters
    ----------
    max_added_per_area
        Bays that one place can gain.
    takeover_metres
        An area may close only for a neighbour within this walk, 50 to 150 m.
    protect_worst_areas
        Leave out states in which an area of the worst-served quartile is worse off than today.
        As exactly one state holds each area, leaving them out is the constraint, and it weakens
        no bound.

    Raises
    ------
    UsageError
        If the takeover walk is outside 50 to 150 m or bays per area are below 0.
    """
    if not 50 <= takeover_metres <= 150 or max_added_per_area < 0:
        raise UsageError(
            f"takeover_metres={takeover_metres}, max_added_per_area={max_added_per_area}",
            expected="50 to 150 m (a courier's handcart) and 0 bays or more",
        )
    alone = _alone(network, max_added_per_area)
    pairs = _pairs(network, takeover_metres / walking.detour, max_added_per_area)
    host, guest, bays = (np.concatenate(parts) for parts in zip(alone, pairs, strict=True))
    states = _costed(network, walking, host, guest, bays)
    return states.take(_allowed(states, network, walking)) if protect_worst_areas else states


def states_today(network: Network, walking: Walking) -> States:
    """Return the state of each area as it is, in the order of the areas."""
    rows = np.arange(len(network))
    return _costed(network, walking, rows, np.full(len(rows), ALONE), network.bays)


def _alone(network: Network, max_added: int) -> tuple[Array, Array, Array]:
    """Return (host, guest, bays) of areas that take nobody over."""
    rows, bays = [], []
    for area, (count, movable) in enumerate(zip(network.bays, network.movable, strict=True)):
        options = range(min(1, count), count + max_added + 1) if movable else [count]
        rows += [area] * len(options)
        bays += list(options)
    return np.array(rows), np.full(len(rows), ALONE), np.array(bays)


def _pairs(network: Network, radius: float, max_added: int) -> tuple[Array, Array, Array]:
    """Return (host, guest, bays) of movable neighbours, each way round."""
    near = cKDTree(network.metres).query_pairs(radius, output_type="ndarray")
    both = np.concatenate([near, near[:, ::-1]]) if len(near) else np.empty((0, 2), dtype=int)
    both = both[network.movable[both].all(axis=1)]
    highest = network.bays[both[:, 0]] + max_added
    host, guest = np.repeat(both[:, 0], highest), np.repeat(both[:, 1], highest)
    bays = np.concatenate([np.arange(1, top + 1) for top in highest] or [np.empty(0, dtype=int)])
    return host, guest, bays


def _costed(network: Network, walking: Walking, host: Array, guest: Array, bays: Array) -> States:
    """Return the states with what each costs."""
    paired = guest != ALONE
    own, other = network.deliveries_per_day[host], _of_guest(network.deliveries_per_day, guest)
    busy = network.busy_hours_per_day[host] + _of_guest(network.busy_hours_per_day, guest)
    share = blocking(bays, busy / network.goods_hours_per_day[host])
    worth = walking.lost_delivery_metres + next_area_metres(network, walking)[host]
    metres = network.metres
    walk = np.where(paired, np.hypot(*(metres[host] - metres[guest]).T) * walking.detour, 0.0)
    before = network.bays[host]
    return States(
        host=host,
        guest=guest,
        bays=bays,
        added=np.maximum(bays - before, 0),
        removed=np.maximum(before - bays, 0) + _of_guest(network.bays, guest),
        host_metres=network.weight[host] * own * share * worth,
        guest_metres=_of_guest(network.weight, guest) * other * (share * worth + walk),
        host_lost=own * share,
        guest_lost=other * share,
        walk=walk,
    )


def _of_guest(values: Array, guest: Array) -> Array:
    """Return a value of each state's guest, 0 where there is none."""
    taken: Array = np.where(guest != ALONE, values[guest], 0)
    return taken


def _allowed(states: States, network: Network, walking: Walking) -> Array:
    """Return the rows in which no area of the worst-served quartile is worse off."""
    before = states_today(network, walking).host_metres
    per_delivery = np.divide(
        before,
        network.weight * network.deliveries_per_day,
        out=np.zeros(len(network)),
        where=network.weight * network.deliveries_per_day > 0,
    )
    worst = worst_quartile(per_delivery)
    limit = np.where(worst, before + ROUNDING_METRES, np.inf)
    paired = states.guest != ALONE
    fair = states.host_metres <= limit[states.host]
    fair &= ~paired | (states.guest_metres <= limit[states.guest])
    return np.flatnonzero(fair)
