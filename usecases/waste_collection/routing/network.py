"""Roads: distance and duration between depot, tip and containers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.french_csv import Problems, Table, column_index, numbers, read_table

__all__ = ["DEPOT", "EARTH_RADIUS_M", "TIP", "IntArray", "Place", "Roads", "great_circle_m"]

DEPOT = 0
"""Index of the depot in every matrix."""
TIP = 1
"""Index of the tip (where trucks are emptied) in every matrix."""
EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth, IUGG 1980."""

IntArray = npt.NDArray[np.int64]

FROM_NAMES = ("from_id", "from", "de", "origine")
TO_NAMES = ("to_id", "to", "a", "vers", "destination")
METRES = {"distance_m": 1.0, "dist_m": 1.0, "distance_km": 1000.0, "dist_km": 1000.0}
SECONDS = {
    "duration_s": 1.0,
    "duree_s": 1.0,
    "duration_min": 60.0,
    "duree_min": 60.0,
    "duration_h": 3600.0,
    "duree_h": 3600.0,
}


class Place(NamedTuple):
    """A point on the map: its id and its position in degrees (WGS 84)."""

    id: str
    lat: float
    lon: float


@dataclass(frozen=True, eq=False)
class Roads:
    """Road distances and durations between all pairs of places; they may be asymmetric.

    The side of the street that a container stands on (recommendation R437 of the CNAM: no
    reversing, no collection from both sides) is known to the matrix alone: a matrix made by
    a router that stops on the right side holds the detour, a great circle does not.

    Parameters
    ----------
    ids
        Names of the n places: the depot, the tip, then the containers.
    distance_m, duration_s
        int64, (n, n), from row to column; zero on the diagonal.
    source
        Where the figures come from, in French, for every table that quotes them.

    Raises
    ------
    UsageError
        If the ids are not unique, a matrix is not (n, n), negative or not zero on its
        diagonal.
    """

    ids: tuple[str, ...]
    distance_m: IntArray
    duration_s: IntArray
    source: str

    def __post_init__(self) -> None:
        n_places = len(self.ids)
        if n_places < 2 or len(set(self.ids)) != n_places:
            raise UsageError(
                f"{n_places} places, {len(set(self.ids))} of them distinct",
                expected="at least a depot and a tip, and ids that occur once",
            )
        for name in ("distance_m", "duration_s"):
            matrix = np.asarray(getattr(self, name), dtype=np.int64)
            if matrix.shape != (n_places, n_places):
                raise UsageError(f"{name} is {matrix.shape}", expected=f"({n_places}, {n_places})")
            if (matrix < 0).any() or np.diagonal(matrix).any():
                raise UsageError(
                    f"{name} has negative values or a place at some distance from itself",
                    expected="values of 0 or more, 0 on the diagonal",
                )
            object.__setattr__(self, name, matrix)

    @classmethod
    def as_the_crow_flies(
        cls,
        places: Iterable[tuple[str, float, float]],
        *,
        detour: float = 1.35,
        speed_kmh: float = 22.0,
    ) -> "Roads":
        """Stand in for a road matrix: great circle times a detour factor, one speed.

        Parameters
        ----------
        places
            `Place` or (id, lat, lon): the depot, the tip, then the containers.
        detour
            Road metres per metre of great circle (brief 3.3: 1.35).
        speed_kmh
            Mean speed between stops (brief 3.3: 22 km/h).

        Raises
        ------
        UsageError
            If a factor is not positive, or a position is not on Earth.
        """
        if not (detour >= 1 and speed_kmh > 0):
            raise UsageError(
                f"detour {detour}, speed {speed_kmh} km/h",
                expected="a detour of 1 or more and a speed above 0",
            )
        points = [Place(*place) for place in places]
        metres = detour * great_circle_m(points)
        seconds = metres / (speed_kmh / 3.6)
        return cls(
            ids=tuple(point.id for point in points),
            distance_m=np.rint(metres).astype(np.int64),
            duration_s=np.rint(seconds).astype(np.int64),
            source=f"à vol d'oiseau × {detour:g}, {speed_kmh:g} km/h".replace(".", ","),
        )

    @classmethod
    def read_csv(cls, path: Path, *, depot: str, tip: str) -> "Roads":
        """Read a matrix in long form, one line per ordered pair.

        Columns ``from_id``, ``to_id``, a distance (``distance_m``, ``dist_km``...) and a
        duration (``duration_s``, ``duration_min``, ``duration_h``...): the form of the
        Blantyre matrix, and of what a router's table service is written to. A pair of a
        place with itself may be left out.

        Raises
        ------
        TableError
            Naming the lines that cannot be read, pairs met twice and pairs missing.
        UsageError
            If depot or tip are not among the places.
        """
        problems = Problems()
        table = read_table(path, problems)
        problems.refuse()
        if table is None:
            raise AssertionError("unreachable: an unread table is a problem")
        pairs = _pairs(table, problems)
        problems.refuse()
        ids = list(dict.fromkeys([*pairs.origins, *pairs.destinations]))
        for name, place in (("depot", depot), ("tip", tip)):
            if place not in ids:
                raise UsageError(
                    f"{path.name}: the {name} {place!r} is not among its {len(ids)} places",
                    expected="an id of the file",
                )
        ordered = [depot, tip, *(place for place in ids if place not in (depot, tip))]
        matrices = _filled(pairs, ordered, table, problems)
        problems.refuse()
        return cls(tuple(ordered), *matrices, source=f"matrice routière {path.name}")

    def index(self, place_id: str) -> int:
        """Return the row of a place.

        Raises
        ------
        UsageError
            If the place is unknown.
        """
        try:
            return self._rows[place_id]
        except KeyError:
            raise UsageError(
                f"no place {place_id!r} in the road matrix",
                expected=f"one of its {len(self.ids)} ids",
            ) from None

    def __contains__(self, place_id: object) -> bool:
        return place_id in self._rows

    def subset(self, ids: Sequence[str]) -> "Roads":
        """Return the roads between depot, tip and the containers ``ids``, in that order."""
        rows = [DEPOT, TIP, *(self.index(place) for place in ids)]
        grid = np.ix_(rows, rows)
        names = tuple(self.ids[row] for row in rows)
        return Roads(names, self.distance_m[grid], self.duration_s[grid], self.source)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {place: row for row, place in enumerate(self.ids)}


def great_circle_m(places: Sequence[Place]) -> npt.NDArray[np.float64]:
    """Return great-circle distances in metres between all pairs (haversine), (n, n).

    >>> nantes, rennes = Place("n", 47.218, -1.554), Place("r", 48.117, -1.678)
    >>> round(great_circle_m([nantes, rennes])[0, 1] / 1000)
    100

    Raises
    ------
    UsageError
        If a latitude is not within -90..90 or a longitude within -180..180.
    """
    degrees = np.array([(place.lat, place.lon) for place in places], dtype=np.float64)
    wrong = ~(np.abs(degrees) <= (90.0, 180.0)).all(axis=1)
    if wrong.any():
        raise UsageError(
            f"place {places[int(np.argmax(wrong))]}",
            expected="a latitude within -90..90 and a longitude within -180..180",
        )
    lat, lon = np.radians(degrees).T
    half_lat = np.sin((lat[:, None] - lat) / 2) ** 2
    half_lon = np.sin((lon[:, None] - lon) / 2) ** 2
    chord = half_lat + np.cos(lat[:, None]) * np.cos(lat) * half_lon
    distances: npt.NDArray[np.float64] = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(chord))
    return distances


class _Pairs(NamedTuple):
    """The lines of a matrix in long form."""

    origins: list[str]
    destinations: list[str]
    metres: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]


def _pairs(table: Table, problems: Problems) -> _Pairs:
    columns = [column_index(table.header, names) for names in (FROM_NAMES, TO_NAMES)]
    units = [_unit(table, factors) for factors in (METRES, SECONDS)]
    if None in columns or None in units:
        problems.add(
            f"{table.path.name} line 1",
            f"columns {', '.join(table.header)}",
            f"from_id, to_id, one of {', '.join(METRES)} and one of {', '.join(SECONDS)}",
            "name the columns so",
        )
        return _Pairs([], [], np.zeros(0), np.zeros(0))
    origins, destinations = (
        [cell.strip() for cell in table.cells[column]] for column in columns if column is not None
    )
    values = []
    for unit in units:
        if unit is None:
            raise AssertionError("unreachable: refused above")
        column, factor = unit
        read, wrong = numbers(table.cells[column])
        off = wrong | ~(read >= 0)
        problems.add_lines(
            table, off, table.cells[column], "a number of 0 or more", "correct this cell"
        )
        values.append(read * factor)
    return _Pairs(origins, destinations, *values)


def _unit(table: Table, factors: dict[str, float]) -> tuple[int, float] | None:
    for name, factor in factors.items():
        column = column_index(table.header, (name,))
        if column is not None:
            return column, factor
    return None


def _filled(
    pairs: _Pairs, ids: list[str], table: Table, problems: Problems
) -> tuple[IntArray, IntArray]:
    """Lay the pairs out as matrices; note repeated and missing ones."""
    rows = {place: row for row, place in enumerate(ids)}
    metres = np.full((len(ids), len(ids)), -1, dtype=np.int64)
    np.fill_diagonal(metres, 0)
    seconds = metres.copy()
    seen: set[tuple[str, str]] = set()
    for line, pair in enumerate(zip(pairs.origins, pairs.destinations, strict=True)):
        if pair in seen:
            problems.add(
                table.place(line),
                f"the pair {pair[0]} to {pair[1]} met twice",
                "each ordered pair of places once",
                "correct this line",
            )
            continue
        seen.add(pair)
        if pair[0] != pair[1]:
            cell = rows[pair[0]], rows[pair[1]]
            metres[cell] = round(pairs.metres[line])
            seconds[cell] = round(pairs.seconds[line])
    for row, column in np.argwhere(metres < 0)[:5]:
        problems.add(
            table.path.name,
            f"no line from {ids[row]} to {ids[column]}",
            "each ordered pair of places",
            "add the line; roads differ by direction, so it is not copied from the way back",
        )
    return metres, seconds
