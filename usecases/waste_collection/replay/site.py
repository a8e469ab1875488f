"""The site of a replay: roads, trucks, containers, districts and what flows in each day."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.edge.errors import DataError
from usecases.waste_collection.replay.ground.inflow import Inflow
from usecases.waste_collection.replay.ground.scenarios import EVALUATED_DAYS, WARM_UP_DAYS, Scenario
from usecases.waste_collection.routing.fleet import Truck
from usecases.waste_collection.routing.network import Roads

__all__ = ["Assumptions", "Site", "read_assumptions", "site_of", "site_on_roads"]

ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")
ANY_VOLUME_L = 1e9
MORNING_S = 6 * 3600


@dataclass(frozen=True)
class Assumptions:
    """What no public file says: see ``assumptions.toml``.

    Parameters
    ----------
    full_kg
        Load of a container at 100 %.
    truck
        ``count``, ``capacity_kg``, ``shift_hours``, ``service_minutes``, ``tip_minutes``,
        ``speed_kmh``.
    detour
        Road metres per metre of great circle.
    co2_kg_per_km, co2_source
        Emission factor of a truck and where it is from.
    """

    full_kg: float
    truck: Mapping[str, float]
    detour: float
    co2_kg_per_km: float
    co2_source: str

    def fleet(self) -> tuple[Truck, ...]:
        """Return the trucks, equal ones, which start at 06:00."""
        end_s = MORNING_S + round(3600 * self.truck["shift_hours"])
        return tuple(
            Truck(
                f"B{number + 1}",
                capacity_kg=self.truck["capacity_kg"],
                capacity_l=ANY_VOLUME_L,
                shift_start_s=MORNING_S,
                shift_end_s=end_s,
                service_s_default=round(60 * self.truck["service_minutes"]),
            )
            for number in range(int(self.truck["count"]))
        )


def read_assumptions(path: Path = ASSUMPTIONS) -> Assumptions:
    """Read the assumptions.

    Raises
    ------
    DataError
        If a figure is missing.
    """
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return Assumptions(
            full_kg=float(table["container"]["full_kg"]),
            truck={name: float(value) for name, value in table["truck"].items()},
            detour=float(table["roads"]["detour"]),
            co2_kg_per_km=float(table["co2"]["kg_per_km"]),
            co2_source=str(table["co2"]["source"]),
        )
    except KeyError as error:
        raise DataError(
            f"{path.name} lacks {error}", expected="the figures it shipped with"
        ) from error


@dataclass(frozen=True, eq=False)
class Site:
    """Where and on what a policy is replayed.

    Parameters
    ----------
    name
        Of the scenario.
    roads
        Depot, tip, then the n containers in the order of the columns of ``inflow_percent``.
    inflow_percent
        (days, n): warm-up days, then those that count.
    districts
        Postcode of each container.
    assumptions
        Trucks and loads.
    first_weekday
        Of the first day, Monday 0.
    warm_up_days
        Days before any policy decides.
    """

    name: str
    roads: Roads
    inflow_percent: npt.NDArray[np.float64]
    districts: tuple[str, ...]
    assumptions: Assumptions
    first_weekday: int = 0
    warm_up_days: int = WARM_UP_DAYS

    def __post_init__(self) -> None:
        n_days, n = self.inflow_percent.shape
        if len(self.roads.ids) != n + 2 or len(self.districts) != n:
            raise DataError(
                f"site {self.name}: {len(self.roads.ids)} places and {len(self.districts)} "
                f"districts for {n} containers",
                expected="depot, tip and each container; one district each",
            )
        if not 0 < self.warm_up_days < n_days:
            raise DataError(
                f"site {self.name}: {self.warm_up_days} days of warm-up in {n_days}",
                expected="at least 1, and fewer than all",
            )

    @property
    def n_containers(self) -> int:
        """How many containers there are."""
        return int(self.inflow_percent.shape[1])

    @property
    def container_ids(self) -> tuple[str, ...]:
        """Ids of the containers in the roads."""
        return self.roads.ids[2:]

    @property
    def evaluated_days(self) -> int:
        """Days that count."""
        return len(self.inflow_percent) - self.warm_up_days

    def cut(self, evaluated_days: int) -> "Site":
        """Return the same site with fewer days that count."""
        days = self.warm_up_days + evaluated_days
        return Site(
            self.name, self.roads, self.inflow_percent[:days], self.districts,
            self.assumptions, self.first_weekday, self.warm_up_days,
        )  # fmt: skip


def site_of(
    scenario: Scenario, inflow: Inflow, points: pd.DataFrame, assumptions: Assumptions
) -> Site:
    """Place the containers of a scenario.

    Parameters
    ----------
    scenario
        The draw.
    inflow
        One column per container, as many as the scenario has points.
    points
        ``container_id``, ``lat``, ``lon``, ``district`` of every drop-off point.
    assumptions
        Trucks and loads.

    Raises
    ------
    DataError
        If a point of the scenario is unknown, or the inflow has other columns or days.
    """
    table = points.set_index("container_id")
    wanted = [scenario.depot, scenario.tip, *scenario.points]
    unknown = [one for one in wanted if one not in table.index]
    if unknown:
        raise DataError(
            f"scenario {scenario.name}: point {unknown[0]}", expected="a point of the file"
        )
    days = slice(scenario.first_day, scenario.first_day + WARM_UP_DAYS + EVALUATED_DAYS)
    found = table.loc[wanted]
    places = zip(["depot", "tip", *scenario.points], found["lat"], found["lon"], strict=True)
    return Site(
        name=scenario.name,
        roads=Roads.as_the_crow_flies(
            places, detour=assumptions.detour, speed_kmh=assumptions.truck["speed_kmh"]
        ),
        inflow_percent=inflow.percent[days],
        districts=tuple(table.loc[list(scenario.points), "district"]),
        assumptions=assumptions,
        first_weekday=(inflow.first_weekday + scenario.first_day) % 7,
    )


def site_on_roads(
    name: str, roads: Roads, inflow: Inflow, first_day: int, assumptions: Assumptions
) -> Site:
    """Put inflows on a real road matrix: one container per place that is not depot or tip."""
    n = len(roads.ids) - 2
    days = slice(first_day, first_day + WARM_UP_DAYS + EVALUATED_DAYS)
    return Site(
        name=name,
        roads=roads,
        inflow_percent=inflow.percent[days, :n],
        districts=("",) * n,
        assumptions=assumptions,
        first_weekday=(inflow.first_weekday + first_day) % 7,
    )
