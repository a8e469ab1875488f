"""Value of sensors: replay with some containers read daily and the others known by their crew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.history import as_read
from usecases.waste_collection.replay.outcome import Outcome, per_thousand
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Policy, Sensing, replay

__all__ = ["SHARES", "Equipped", "ranked", "saved_per_sensor", "sensing_some", "with_sensors"]

SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Shares of containers with a sensor that the curve is drawn through."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Equipped:
    """One replay with a share of containers equipped.

    Parameters
    ----------
    share
        Within 0..1.
    equipped
        Ids of the containers with a sensor, the most worth one first.
    outcome
        What the policy did.
    """

    share: float
    equipped: tuple[str, ...]
    outcome: Outcome


def ranked(site: Site) -> npt.NDArray[np.int64]:
    """Return the containers by what a sensor may tell of them, the most first, (n,).

    The yardstick is the standard deviation of what three days bring, in the warm-up: a
    container that fills evenly is known from the calendar, however fast it fills. A commune
    has the same figure from the levels that crews note over two months.
    """
    past = site.inflow_percent[: site.warm_up_days]
    three = np.lib.stride_tricks.sliding_window_view(past, 3, axis=0).sum(axis=-1)
    return np.argsort(-three.std(axis=0), kind="stable")


def sensing_some(equipped: npt.NDArray[np.int64], warm_up_days: int) -> Sensing:
    """Return how readings come when only some containers have a sensor.

    Nobody has one in the warm-up but those that are equipped: the others are known by the
    levels that crews saw when they emptied them.
    """
    del warm_up_days

    def sense(_day: int, level_percent: Floats) -> Floats:
        reading = np.full(len(level_percent), np.nan)
        reading[equipped] = as_read(level_percent[equipped])
        return reading

    return sense


def with_sensors(
    policy: Policy, site: Site, shares: Sequence[float] = SHARES, *, iterations: int
) -> tuple[Equipped, ...]:
    """Replay a policy with growing shares of containers equipped.

    Raises
    ------
    UsageError
        If a share is outside 0..1.
    """
    if not all(0 <= share <= 1 for share in shares):
        raise UsageError(f"shares {shares}", expected="within 0..1")
    order = ranked(site)
    found = []
    for share in shares:
        chosen = order[: round(share * len(order))]
        sensing = sensing_some(chosen, site.warm_up_days)
        outcome = replay(policy, site, sensing=sensing, iterations=iterations)
        ids = tuple(site.container_ids[number] for number in chosen)
        found.append(Equipped(share, ids, outcome))
    return tuple(found)


def saved_per_sensor(found: Sequence[Equipped]) -> tuple[tuple[float, float, float], ...]:
    """Return (share, km saved, overflow-days saved) per sensor, against none at all.

    Overflow-days are counted per sensor over the replay; a negative figure is a loss. The
    two must be read together: fewer km at more overflows are no saving.
    """
    none = next(one.outcome for one in found if not one.equipped)
    rows = []
    for one in found:
        if one.equipped:
            count = len(one.equipped)
            km = (none.km - one.outcome.km) / count
            days = (sum(none.overflow_days) - sum(one.outcome.overflow_days)) / count
            rows.append((one.share, km, days))
    return tuple(rows)


def rate_of(found: Sequence[Outcome]) -> float:
    """Return overflow-days per 1,000 container-days over several outcomes."""
    days = sum(one.days * len(one.overflow_days) for one in found)
    return per_thousand(sum(sum(one.overflow_days) for one in found), days)
