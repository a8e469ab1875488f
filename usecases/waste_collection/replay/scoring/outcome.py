"""What a policy did on a scenario: kilometres, hours, overflows, and who bore them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from common.edge.errors import DataError

__all__ = ["WORST_SHARE", "Outcome", "gini", "per_thousand"]

WORST_SHARE = 0.1
"""The worst decile of containers (brief 3.3.6)."""


@dataclass(frozen=True)
class Outcome:
    """Counts of one replay; the days of warm-up are not in them.

    Parameters
    ----------
    scenario, family, parameter
        What was replayed.
    days
        Days that count.
    km, truck_hours
        Driven, from depot to depot, pauses in the hours.
    rounds, trips
        Days with a truck out; loads brought to the tip.
    not_served
        Stops that had to be served and found no room in the trucks.
    fill_percent
        True level at each emptying.
    overflow_days
        Days over 100 % of each container.
    over_percent_days
        Percent above 100, summed over containers and days.
    waits_days
        Mean days between emptyings of each container.
    districts
        Postcode of each container.
    last_level_percent
        Mean level when the replay ends: waste that a policy left to others.
    plan_cpu_s
        Processor seconds spent choosing and routing.
    """

    scenario: str
    family: str
    parameter: float
    days: int
    km: float
    truck_hours: float
    rounds: int
    trips: int
    not_served: int
    fill_percent: tuple[float, ...]
    overflow_days: tuple[int, ...]
    over_percent_days: float
    waits_days: tuple[float, ...]
    districts: tuple[str, ...]
    last_level_percent: float
    plan_cpu_s: float

    def __post_init__(self) -> None:
        if not len(self.overflow_days) == len(self.waits_days) == len(self.districts):
            raise DataError(
                f"outcome of {self.family} on {self.scenario}: figures of "
                f"{len(self.overflow_days)}, {len(self.waits_days)} and {len(self.districts)} "
                "containers",
                expected="the same containers in each",
            )

    @property
    def stops(self) -> int:
        """Emptyings."""
        return len(self.fill_percent)

    @property
    def rate(self) -> float:
        """Overflow-days per 1,000 container-days."""
        return per_thousand(sum(self.overflow_days), self.days * len(self.overflow_days))

    @property
    def worst_decile(self) -> float:
        """Overflow-days per 1,000 container-days of the tenth of containers that bore most."""
        count = max(1, round(WORST_SHARE * len(self.overflow_days)))
        worst = sorted(self.overflow_days)[-count:]
        return per_thousand(sum(worst), self.days * count)

    @property
    def worst_district(self) -> float:
        """Overflow-days per 1,000 container-days of the district that bore most."""
        return max(self.by_district().values())

    @property
    def worst_container_ratio(self) -> float:
        """Worst decile over mean (brief 3.3.6 allows 3); NaN without overflow."""
        return self.worst_decile / self.rate if self.rate else float("nan")

    @property
    def gini_waits(self) -> float:
        """Inequality of the waits between emptyings."""
        return gini(self.waits_days)

    @property
    def fill_mean_percent(self) -> float:
        """Mean level at emptying; NaN without one."""
        return float(np.mean(self.fill_percent)) if self.fill_percent else float("nan")

    def by_district(self) -> Mapping[str, float]:
        """Return overflow-days per 1,000 container-days of each district."""
        found: dict[str, list[int]] = {}
        for district, days in zip(self.districts, self.overflow_days, strict=True):
            found.setdefault(district, []).append(days)
        return {
            name: per_thousand(sum(days), self.days * len(days))
            for name, days in sorted(found.items())
        }

    def to_json(self) -> str:
        """Return the outcome as JSON; fills are rounded to a tenth of a point."""
        table = asdict(self)
        table["fill_percent"] = [round(value, 1) for value in self.fill_percent]
        return json.dumps(table, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Outcome":
        """Read an outcome back.

        Raises
        ------
        DataError
            If a field is missing or unknown.
        """
        table: dict[str, Any] = json.loads(text)
        listed = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
        try:
            return cls(**(table | listed))
        except TypeError as error:
            raise DataError(f"outcome: {error}", expected="the fields of an Outcome") from error


def per_thousand(count: float, container_days: float) -> float:
    """Return a count per 1,000 container-days.

    >>> per_thousand(4, 66 * 56)  # 1000 x 4 / 3696
    1.0822510822510822
    """
    return 1000 * count / container_days


def gini(values: tuple[float, ...]) -> float:
    """Return the Gini coefficient of values of 0 or more: 0 equal, towards 1 unequal.

    Mean absolute difference over twice the mean (C. Gini 1912).

    >>> gini((1.0, 1.0, 1.0))
    0.0
    >>> gini((0.0, 1.0))  # |0 - 1| counted twice over 2 x 2 pairs = 0.5; over 2 x 0.5
    0.5
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not len(numbers) or numbers.mean() == 0:
        return 0.0
    apart = np.abs(numbers[:, None] - numbers).mean()
    return float(apart / (2 * numbers.mean()))
