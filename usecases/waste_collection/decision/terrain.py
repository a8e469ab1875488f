"""Where the rounds are driven and with what: depot, tip, roads, trucks, what a container weighs."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.edge.errors import DataError, UsageError
from common.lab.pages.french import quantity
from usecases.waste_collection.decision.streams import stream_name
from usecases.waste_collection.replay.site import read_assumptions
from usecases.waste_collection.routing.fleet import Truck, read_fleet
from usecases.waste_collection.routing.network import Place, Roads

__all__ = ["DEPOT_ID", "TIP_ID", "Supposed", "Terrain", "read_supposed", "terrain_of"]

DEPOT_ID, TIP_ID = "depot", "tip"
"""Ids of the two ends in plans and in a road matrix."""
ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")
POSITION = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*")
AWAY_DEGREES = 0.01
"""About a kilometre: how far off the containers' middle a depot is supposed."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Supposed:
    """What ``assumptions.toml`` supposes.

    Parameters
    ----------
    capacity_l
        Of a container without a stated one.
    density_kg_per_l
        By stream, ``other`` for those not named.
    density_source
        French words on where densities are from.
    detour, speed_kmh, tip_s
        Of roads and tip.
    overflow_km, cadence_days
        Of the choice: see `choice`.
    """

    capacity_l: float
    density_kg_per_l: Mapping[str, float]
    density_source: str
    detour: float
    speed_kmh: float
    tip_s: int
    overflow_km: float
    cadence_days: int

    def density(self, stream: str) -> float:
        """Return kilograms per litre of a stream."""
        return self.density_kg_per_l.get(stream, self.density_kg_per_l["other"])


def read_supposed(path: Path = ASSUMPTIONS) -> Supposed:
    """Read the assumptions.

    Raises
    ------
    DataError
        If a figure is missing.
    """
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    density = dict(table.get("density_kg_per_l", {}))
    try:
        source = str(density.pop("source"))
        return Supposed(
            capacity_l=float(table["containers"]["capacity_l"]),
            density_kg_per_l={name: float(value) for name, value in density.items()},
            density_source=source,
            detour=float(table["roads"]["detour"]),
            speed_kmh=float(table["roads"]["speed_kmh"]),
            tip_s=round(60 * float(table["roads"]["tip_minutes"])),
            overflow_km=float(table["choice"]["overflow_km"]),
            cadence_days=int(table["choice"]["cadence_days"]),
        )
    except KeyError as error:
        raise DataError(
            f"{path.name} lacks {error}", expected="the figures it shipped with"
        ) from error


@dataclass(frozen=True, eq=False)
class Terrain:
    """Where and with what.

    Parameters
    ----------
    roads
        Depot, tip, then the containers that can be driven to.
    places
        Position of depot, tip and each of them.
    trucks
        Fleet of the day.
    supposed
        The assumptions.
    hypotheses
        French sentences: what of it nobody stated.
    """

    roads: Roads
    places: Mapping[str, Place]
    trucks: tuple[Truck, ...]
    supposed: Supposed
    hypotheses: tuple[str, ...]

    @property
    def stop_m(self) -> float:
        """Metres that a truck would drive in the time of a stop.

        Without it containers beside the way are emptied however empty they are. On eight tuning
        draws of the replay bench, at 2.5 overflow-days per 1,000: 2,948 km, 199 truck-hours and
        750 stops with it, 2,964 km, 207 hours and 834 stops without.
        """
        stop_s = sum(truck.service_s_default for truck in self.trucks) / len(self.trucks)
        return stop_s * self.supposed.speed_kmh / 3.6

    @property
    def roads_with_stops(self) -> Roads:
        """The roads, the time of a stop added as metres to each way to a container."""
        metres = self.roads.distance_m.copy()
        metres[:, 2:] += round(self.stop_m)
        np.fill_diagonal(metres, 0)
        return Roads(self.roads.ids, metres, self.roads.duration_s, self.roads.source)


def terrain_of(
    containers: pd.DataFrame,
    *,
    fleet: Path | None = None,
    roads: Path | None = None,
    depot: str = "",
    tip: str = "",
) -> Terrain:
    """Lay out roads and trucks; what is not given is supposed, and said.

    Parameters
    ----------
    containers
        ``container_id, lat, lon``; those without a position are left out.
    fleet
        ``vehicles.csv``.
    roads
        Matrix in long form, whose depot and tip are called ``depot`` and ``tip``.
    depot, tip
        ``LAT,LON`` in degrees; beside the containers' middle unless given.

    Raises
    ------
    UsageError
        If a position is unreadable.
    TableError
        If a file is refused, or a container is not in the matrix.
    DataError
        If no container has a position.
    """
    placed = containers[containers[["lat", "lon"]].notna().all(axis=1)]
    if placed.empty:
        raise DataError(
            "no container has a position", expected="lat and lon in containers.csv",
            remedy="add the columns lat and lon, in degrees",
        )  # fmt: skip
    supposed = read_supposed()
    hypotheses: list[str] = []
    ends = [
        _end(DEPOT_ID, "dépôt", depot, placed, hypotheses),
        _end(TIP_ID, "exutoire (quai de vidage)", tip, placed, hypotheses),
    ]
    rows = zip(placed["container_id"], placed["lat"], placed["lon"], strict=True)
    places = {place.id: place for place in (*ends, *(Place(*row) for row in rows))}
    network = _roads(places, roads, supposed)
    if roads is None:
        hypotheses.append(
            f"Distances : {network.source}. Aucune route, aucun sens interdit, aucun côté de rue "
            "n'est connu : ne lisez pas ces kilomètres comme des kilomètres de route."
        )
    trucks = tuple(
        replace(truck, streams=tuple(stream_name(one) for one in truck.streams))
        for truck in (read_fleet(fleet) if fleet else read_assumptions().fleet())
    )
    if fleet is None:
        hypotheses.append(
            f"Camions supposés : {len(trucks)}, de {quantity(trucks[0].capacity_kg, 'kg', 0)}, "
            f"{quantity(trucks[0].shift_s / 3600, 'h', 0)} de service."
        )
    if containers["capacity_l"].isna().any():
        hypotheses.append(
            f"Capacité supposée de {quantity(supposed.capacity_l, 'l', 0)} là où elle n'est pas "
            "donnée."
        )
    hypotheses.append(f"Charges en kilogrammes : {supposed.density_source}.")
    return Terrain(network, places, trucks, supposed, tuple(hypotheses))


def loads_l(containers: pd.DataFrame, percent: Floats, supposed: Supposed) -> Floats:
    """Return the litres that containers hold at a level, (n,); an overfull one holds its all."""
    capacity = containers["capacity_l"].fillna(supposed.capacity_l).to_numpy(np.float64)
    return np.asarray(capacity * np.clip(percent, 0, None) / 100)


def _end(name: str, french: str, text: str, placed: pd.DataFrame, hypotheses: list[str]) -> Place:
    """Read a position, or suppose one a kilometre off the middle of the containers."""
    if text:
        match = POSITION.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--{name} {text}", expected="LAT,LON in degrees, such as 47.2184,-1.5536"
            )
        return Place(name, float(match[1]), float(match[2]))
    hypotheses.append(
        f"Position du {french} supposée, à un kilomètre environ du milieu des conteneurs."
        if name == DEPOT_ID
        else f"Position de l'{french} supposée, à un kilomètre environ du milieu des conteneurs."
    )
    side = -1 if name == DEPOT_ID else 1
    middle = placed[["lat", "lon"]].mean()
    return Place(
        name,
        round(float(middle["lat"]) + side * AWAY_DEGREES, 6),
        round(float(middle["lon"]) + side * AWAY_DEGREES, 6),
    )


def _roads(places: Mapping[str, Place], path: Path | None, supposed: Supposed) -> Roads:
    if path is None:
        return Roads.as_the_crow_flies(
            places.values(), detour=supposed.detour, speed_kmh=supposed.speed_kmh
        )
    matrix = Roads.read_csv(path, depot=DEPOT_ID, tip=TIP_ID)
    containers: Sequence[str] = [name for name in places if name not in (DEPOT_ID, TIP_ID)]
    missing = [name for name in containers if name not in matrix]
    if missing:
        raise DataError(
            f"{path.name}: no container {missing[0]!r} ({len(missing)} missing)",
            expected="every container with a position, and places depot and tip",
            remedy="ask the router for a matrix with all of them",
        )
    return matrix.subset(containers)
