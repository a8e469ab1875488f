"""A year of service: predictions, the machine that waits for them, retraining, and what it costs.

The kernel alone flatters: a server that idles at 40 W all year takes 350 kWh, whatever the
model on it (``briefs/frugality.md`` 3.3).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.declaration import Declaration
from benchmarks.records import Evidence
from common.edge.errors import UsageError

__all__ = [
    "ALWAYS_ON_WATTS",
    "COST_SPREAD",
    "Range",
    "Service",
    "cost_eur_per_year",
    "crossover_predictions",
    "service_of",
    "service_year",
]

Range = tuple[float, float]

HOURS_PER_YEAR = 8760.0

ALWAYS_ON_WATTS: Mapping[str, Range] = {
    "dedicated_server": (20.0, 80.0),
    "pi_class": (1.5, 6.0),
    "scheduled_batch": (0.0, 0.0),
    "shared_vm": (1.25, 10.0),
    "vendor_api": (0.0, math.nan),
}
"""Power that stays on for the service, W.

``briefs/frugality.md`` 3.3 assumes 40 W for a dedicated server, 3 W for a Pi-class machine and
nothing for a scheduled batch; nobody measured them (6, "Not verified"), hence x/÷ 2. A shared
virtual machine is taken as 2 cores of a server of 8 to 64 that draws 40 W: 40 x 2/64 to
40 x 2/8. What a vendor keeps waiting behind its API is unknown: no upper bound.
"""

COST_SPREAD = 0.30
"""Sensitivity of the cost line: ±30 % (``briefs/frugality.md`` 3.3)."""


@dataclass(frozen=True)
class Service:
    """How a solution would be used for a year.

    Parameters
    ----------
    predictions
        Predictions a year, 0 or more.
    watts
        (low, high) power that stays on for it, NaN where unknown.
    trainings
        Trainings a year; None where nobody said.
    """

    predictions: float
    watts: Range = (0.0, 0.0)
    trainings: float | None = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.predictions < math.inf:
            raise UsageError(f"{self.predictions} predictions a year", expected="0 or more")
        if self.watts[0] < 0 or self.watts[0] > self.watts[1]:
            raise UsageError(f"{self.watts} W", expected="0 or more, low not above high")


def service_of(declaration: Declaration, predictions: float) -> Service:
    """Return a year of ``predictions`` as the vendor hosts it; unknown hosting has no bounds."""
    hosting = declaration.table("hosting")
    watts = hosting.get("always_on_watts")
    if watts is not None:
        bounds = (float(watts), float(watts))
    else:
        bounds = ALWAYS_ON_WATTS.get(str(hosting.get("kind", "vendor_api")), (0.0, math.nan))
    return Service(predictions, bounds, declaration.trainings_per_year)


def service_year(service: Service, predict: Evidence, train: Evidence) -> dict[str, Range]:
    """Return French line name to (low, high) kWh a year; NaN where nobody knows.

    Examples
    --------
    20,000 predictions at 1 to 2 Wh per 1,000, on a machine of 3 W (26.28 kWh a year, as in the
    brief), trained once with 100 Wh: 0.02 + 26.28 + 0.1 and 0.04 + 26.28 + 0.1.

    >>> predict = Evidence(4, 1.0, 1.5, 2.0, "predict", "mesurée")
    >>> train = Evidence(4, 100.0, 100.0, 100.0, "train", "mesurée")
    >>> year = service_year(Service(20_000, (3.0, 3.0), 1), predict, train)
    >>> [round(bound, 2) for bound in year["total"]]
    [26.4, 26.42]
    """
    per_kwh = service.predictions / 1000 / 1000
    lines = {
        "prédictions": _times(per_kwh, (predict.low, predict.high)),
        "machine allumée": _times(HOURS_PER_YEAR / 1000, service.watts),
        "réentraînements": (0.0, math.nan)
        if service.trainings is None
        else _times(service.trainings / 1000, (train.low, train.high)),
    }
    low = sum(bounds[0] for bounds in lines.values() if not math.isnan(bounds[0]))
    return {**lines, "total": (low, sum(bounds[1] for bounds in lines.values()))}


def cost_eur_per_year(
    declaration: Declaration, *, errors: float = 0.0, staff_eur_per_hour: float = 0.0
) -> Range:
    """Return (low, high) EUR a year: what is declared and the minutes that errors take, ±30 %.

    Parameters
    ----------
    declaration
        Its table ``cost``.
    errors, staff_eur_per_hour
        Errors a year and the full cost of an hour of staff, where the buyer knows them.

    Returns
    -------
    tuple
        NaN where no cost at all is declared.
    """
    costs = declaration.table("cost")
    named = [float(value) for key, value in costs.items() if key.endswith("_eur_per_year")]
    if not named:
        return math.nan, math.nan
    minutes = float(costs.get("staff_minutes_per_error", 0.0))
    central = sum(named) + errors * minutes / 60 * staff_eur_per_hour
    return central * (1 - COST_SPREAD), central * (1 + COST_SPREAD)


def crossover_predictions(
    fixed_kwh: tuple[float, float], wh_per_1000: tuple[float, float]
) -> float | None:
    """Return the yearly volume at which two solutions take the same energy.

    Parameters
    ----------
    fixed_kwh
        kWh a year that do not depend on the volume, of one and of the other.
    wh_per_1000
        Wh per 1,000 predictions, of one and of the other.

    Returns
    -------
    float or None
        None where one of them takes less at every volume.

    Examples
    --------
    A Pi-class machine of 26.28 kWh a year against an API at 1,300 Wh per 1,000 requests and
    nothing in between: 26,280 Wh / 1.3 Wh = 20,215 requests (the brief says 20,000).

    >>> round(crossover_predictions((26.28, 0.0), (0.0, 1300.0)))
    20215
    """
    saved_wh = (wh_per_1000[1] - wh_per_1000[0]) / 1000
    extra_wh = (fixed_kwh[0] - fixed_kwh[1]) * 1000
    if saved_wh == 0 or not math.isfinite(saved_wh * extra_wh):
        return None
    volume = extra_wh / saved_wh
    return volume if volume > 0 else None


def _times(factor: float, bounds: Range) -> Range:
    """Scale a range; nothing times an unknown is nothing."""
    return (0.0, 0.0) if factor == 0 else (factor * bounds[0], factor * bounds[1])
