"""Public routing instances: CVRP, VRPTW, prize-collecting, mixed-fleet and multi-trip."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from common.edge.errors import TableError, UsageError
from common.lab.sources import fetch, load_sources
from usecases.waste_collection.routing.bench.vrplib_text import (
    Solution,
    VrplibText,
    read_solution_text,
    read_vrplib_text,
)

__all__ = [
    "KINDS",
    "Instance",
    "Kind",
    "Rounding",
    "find",
    "is_stated",
    "read_best_known",
    "read_instance",
]

Kind = Literal["CVRP", "VRPTW", "PCVRPTW", "HFVRP", "MTVRPTWR"]
Rounding = Literal["round", "dimacs", "exact"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KINDS: dict[Kind, Rounding] = {
    "CVRP": "round",
    "VRPTW": "dimacs",
    "PCVRPTW": "dimacs",
    "HFVRP": "exact",
    "MTVRPTWR": "dimacs",
}
"""Kinds and the rounding in which their best known costs are stated."""
SCALES: dict[Rounding, int] = {"round": 1, "dimacs": 10, "exact": 1000}
ENDLESS = 2**62
SOURCES = Path(__file__).parents[2] / "sources.toml"
SOURCE = "routing_instances"


@dataclass(frozen=True, eq=False)
class Instance:
    """One instance in whole numbers, times and distances multiplied by ``scale``.

    Parameters
    ----------
    name, kind, rounding
        Which one, and how numbers became whole: ``round`` to the nearest, ``dimacs`` ten
        times and cut, ``exact`` a thousand times and to the nearest.
    coordinates
        float64, (n, 2); the depot first.
    demand, service, release, prize
        int64, (n,); demand is not scaled. A client without a prize has to be served.
    window
        int64, (n, 2): earliest and latest start of service; the depot's is the day.
    capacity, fixed_cost, unit_cost
        int64, (number of vehicles,).
    reload
        Whether vehicles may come back to the depot and leave again.
    """

    name: str
    kind: Kind
    rounding: Rounding
    coordinates: Floats
    demand: Ints
    window: Ints
    service: Ints
    release: Ints
    prize: Ints
    capacity: Ints
    fixed_cost: Ints
    unit_cost: Ints
    reload: bool

    def legs(self, origins: Ints, destinations: Ints) -> Ints:
        """Return the distances from origins to destinations, which are also durations."""
        apart = self.coordinates[origins] - self.coordinates[destinations]
        return _whole(np.hypot(apart[..., 0], apart[..., 1]), self.rounding)

    @property
    def n_locations(self) -> int:
        """Depot and clients."""
        return len(self.demand)

    @property
    def n_vehicles(self) -> int:
        """Vehicles at hand."""
        return len(self.capacity)

    @property
    def scale(self) -> int:
        """Whole units per unit of the file."""
        return SCALES[self.rounding]


def find(kind: Kind, folder: Path | None = None) -> dict[str, Path]:
    """Return the instance files of a kind by name.

    Parameters
    ----------
    kind
        One of `KINDS`.
    folder
        Folder that holds a folder per kind; None for the pinned, prepared one.

    Raises
    ------
    UsageError
        If the kind is unknown or the folder holds none of it.
    SourceError
        If the prepared folder is not at hand, or a file is not the pinned one.
    """
    if kind not in KINDS:
        raise UsageError(f"kind {kind!r}", expected="one of " + ", ".join(KINDS))
    if folder is None:
        held = fetch(load_sources(SOURCES), only={SOURCE}, progress=False)
        files = [path for path in held.values() if path.parent.name == kind]
    else:
        files = list((folder / kind).glob("*"))
    found = {path.stem: path for path in sorted(files) if path.suffix == ".vrp"}
    if not found:
        raise UsageError(f"no .vrp file of {kind} in {folder}", expected=f"a folder {kind}")
    return found


def read_best_known(path: Path) -> Solution:
    """Return the best known solution that lies beside an instance."""
    return read_solution_text(path.with_suffix(".sol"))


def is_stated(instance: Instance, cost: int, stated: float) -> bool:
    """Tell whether a cost in whole units is the one that a ``.sol`` file states.

    The files state whole units (PCVRPTW, MTVRPTWR, some HFVRP), units of the instance
    (VRPTW: tenths cut off), or for HFVRP units before its costs were taken a hundred times,
    to two decimals.

    >>> from types import SimpleNamespace as Some
    >>> is_stated(Some(kind="HFVRP", scale=1000), 3_517_024_483, 35_170.24)
    True
    """
    units = {1.0, float(instance.scale), 100.0 * instance.scale}
    return any(abs(cost / unit - stated) <= (0.0 if unit == 1 else 0.00501) for unit in units)


def read_instance(path: Path, rounding: Rounding | None = None) -> Instance:
    """Read a VRPLIB file of one of `KINDS`.

    Parameters
    ----------
    path
        The ``.vrp`` file.
    rounding
        None for that of the kind's best known costs.

    Raises
    ------
    TableError
        If the file is of another kind or lacks a section.
    """
    text = read_vrplib_text(path)
    kind = next((kind for kind in KINDS if kind == text.specifications.get("TYPE")), None)
    dimension = text.number("DIMENSION")
    coordinates = None if dimension is None else text.rows("NODE_COORD", int(dimension))
    if kind is None or coordinates is None:
        raise TableError(
            f"{path.name}: TYPE {text.specifications.get('TYPE')}, DIMENSION {dimension}",
            expected="one of " + ", ".join(KINDS) + " with its NODE_COORD_SECTION",
        )
    chosen = rounding or KINDS[kind]
    reader = _Reader(text, chosen, len(coordinates))
    return Instance(
        name=path.stem,
        kind=kind,
        rounding=chosen,
        coordinates=coordinates,
        demand=reader.by_location("DEMAND").astype(np.int64),
        window=reader.window(),
        service=reader.service(),
        release=_whole(reader.by_location("RELEASE_TIME"), chosen),
        prize=_whole(reader.by_location("PRIZE"), chosen),
        capacity=reader.by_vehicle("CAPACITY", missing=ENDLESS),
        fixed_cost=reader.by_vehicle("VEHICLES_FIXED_COST", missing=0) * SCALES[chosen],
        unit_cost=reader.by_vehicle("VEHICLES_UNIT_DISTANCE_COST", missing=1),
        reload="VEHICLES_RELOAD_DEPOT" in text.sections,
    )


@dataclass(frozen=True)
class _Reader:
    """Sections and specifications of one file as arrays."""

    text: VrplibText
    rounding: Rounding
    n_locations: int

    @property
    def n_vehicles(self) -> int:
        return int(self.text.number("VEHICLES") or self.n_locations - 1)

    def by_location(self, name: str) -> Floats:
        rows = self.text.rows(name, self.n_locations)
        return np.zeros(self.n_locations) if rows is None else rows[:, 0]

    def by_vehicle(self, name: str, *, missing: int) -> Ints:
        rows = self.text.rows(name, self.n_vehicles)
        if rows is not None:
            return rows[:, 0].astype(np.int64)
        uniform = self.text.number(name)
        return np.full(self.n_vehicles, missing if uniform is None else int(uniform))

    def window(self) -> Ints:
        rows = self.text.rows("TIME_WINDOW", self.n_locations)
        if rows is None:
            return np.tile(np.array([0, ENDLESS]), (self.n_locations, 1))
        return _whole(rows, self.rounding)

    def service(self) -> Ints:
        uniform = self.text.number("SERVICE_TIME")
        if uniform is None:
            return _whole(self.by_location("SERVICE_TIME"), self.rounding)
        stays = np.full(self.n_locations, uniform)
        stays[0] = 0
        return _whole(stays, self.rounding)


def _whole(values: Floats, rounding: Rounding) -> Ints:
    """Return whole numbers.

    >>> _whole(np.array([1.49, 2.86]), "round"), _whole(np.array([1.49, 2.86]), "dimacs")
    (array([1, 3]), array([14, 28]))
    """
    scaled = values * SCALES[rounding]
    return (np.trunc(scaled) if rounding == "dimacs" else np.round(scaled)).astype(np.int64)
