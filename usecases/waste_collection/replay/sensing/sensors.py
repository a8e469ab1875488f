"""Value of sensors: replay with some containers read daily, the others known by their crew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.history import as_read
from usecases.waste_collection.replay.scoring.outcome import Outcome
from usecases.waste_collection.replay.site import Site
from usecases.waste_collection.replay.world import Sensing

__all__ = ["SHARES", "Candidate", "Saved", "equipped", "most_worth", "saved_per_sensor"]

SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Shares of containers with a sensor that the curve is drawn through."""
SPAN_DAYS = 3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """A container and why it should have a sensor, or not.

    Parameters
    ----------
    container_id
        Its id.
    spread_percent
        Standard deviation of what three days bring, in points.
    percent_per_day
        Mean inflow.
    """

    container_id: str
    spread_percent: float
    percent_per_day: float


@dataclass(frozen=True)
class Saved:
    """What a share of equipped containers saves against none at all, per sensor.

    Negative figures are losses. Read both together: fewer km at more overflows save nothing.

    Parameters
    ----------
    share
        Within 0..1.
    km, rate
        Means over scenarios.
    km_per_sensor, overflow_days_per_sensor
        Saved over the days of a replay.
    """

    share: float
    km: float
    rate: float
    km_per_sensor: float
    overflow_days_per_sensor: float


def most_worth(site: Site) -> tuple[Candidate, ...]:
    """Return the containers by what a sensor may tell of them, the most first.

    The yardstick is the spread of what three days bring, over the warm-up: a container that
    fills evenly is known from the calendar, however fast it fills. Without sensors a commune
    has the same figure from the levels that crews note over two months.
    """
    past = site.inflow_percent[: site.warm_up_days]
    spans = np.lib.stride_tricks.sliding_window_view(past, SPAN_DAYS, axis=0).sum(axis=-1)
    spread, rate = spans.std(axis=0), past.mean(axis=0)
    order = np.argsort(-spread, kind="stable").tolist()
    ids = site.container_ids
    return tuple(Candidate(ids[k], float(spread[k]), float(rate[k])) for k in order)


def equipped(share: float) -> Callable[[Site], Sensing]:
    """Return how a site is read when a share of its containers has a sensor, warm-up included.

    The others are known by the levels that crews saw when they emptied them.

    Raises
    ------
    UsageError
        If the share is outside 0..1.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"a share of {share}", expected="within 0..1")

    def sensing_of(site: Site) -> Sensing:
        ids = [one.container_id for one in most_worth(site)]
        chosen = [site.container_ids.index(one) for one in ids[: round(share * len(ids))]]

        def sense(_day: int, level_percent: Floats) -> Floats:
            reading = np.full(len(level_percent), np.nan)
            reading[chosen] = as_read(level_percent[chosen])
            return reading

        return sense

    return sensing_of


def saved_per_sensor(by_share: Mapping[float, Sequence[Outcome]]) -> tuple[Saved, ...]:
    """Return what each share saves; the outcomes of all shares are of the same scenarios.

    Raises
    ------
    UsageError
        If nothing was replayed without sensors.
    """
    if 0.0 not in by_share:
        raise UsageError("no replay without sensors", expected="the share 0")
    km, days = _means(by_share[0.0])
    found = []
    for share in sorted(by_share):
        here_km, here_days = _means(by_share[share])
        count = share * len(by_share[share][0].overflow_days)
        found.append(
            Saved(
                share=share,
                km=here_km,
                rate=float(np.mean([one.rate for one in by_share[share]])),
                km_per_sensor=(km - here_km) / count if count else 0.0,
                overflow_days_per_sensor=(days - here_days) / count if count else 0.0,
            )
        )
    return tuple(found)


def _means(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    km = float(np.mean([one.km for one in outcomes]))
    return km, float(np.mean([sum(one.overflow_days) for one in outcomes]))
