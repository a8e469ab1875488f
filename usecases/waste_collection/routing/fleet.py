"""Trucks: what each may carry, when it works, and the table ``vehicles.csv`` that names them."""

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.edge.errors import UsageError
from common.lab.french_csv import Problems, Table, column_index, numbers, read_table

__all__ = ["ANY_STREAM", "ENERGIES", "Truck", "clock", "read_fleet", "seconds_of", "write_fleet"]

ANY_STREAM = "*"
"""Stands for every stream in `Truck.streams`."""
ENERGIES = ("diesel", "gnv", "electric")
DAY_S = 86_400
DEFAULT_SERVICE_S = 240
"""Four minutes per stop (brief 3.3)."""
COLUMNS = {
    "vehicle_id": ("vehicle_id", "vehicule", "camion", "id"),
    "capacity_kg": ("capacity_kg", "charge_utile_kg", "capacite_kg"),
    "capacity_l": ("capacity_l", "volume_l", "capacite_l"),
    "streams": ("streams", "flux"),
    "shift_start": ("shift_start", "debut"),
    "shift_end": ("shift_end", "fin"),
    "max_km": ("max_km", "km_max", "autonomie_km"),
    "energy": ("energy", "energie"),
    "service_s": ("service_s", "duree_arret_s"),
}
OPTIONAL = ("max_km", "service_s")
CLOCK = re.compile(r"(\d{1,2})[:hH](\d{2})(?::(\d{2}))?")


@dataclass(frozen=True)
class Truck:
    """One truck and one shift.

    Parameters
    ----------
    id
        Name, unique in a fleet.
    capacity_kg, capacity_l
        What it holds between two visits to the tip; litres as they lie in the containers,
        compaction counted. Both above 0.
    streams
        Streams it may collect, one at a time: `ANY_STREAM` for all.
    shift_start_s, shift_end_s
        Seconds since local midnight, within 0..172,800 (a night shift ends the next day).
    max_km
        Longest drive of the day; None for no limit.
    energy
        ``diesel``, ``gnv`` or ``electric``.
    service_s_default
        Seconds per stop where the stop says nothing.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    id: str
    capacity_kg: float
    capacity_l: float
    streams: tuple[str, ...] = (ANY_STREAM,)
    shift_start_s: int = 6 * 3600
    shift_end_s: int = 13 * 3600
    max_km: float | None = None
    energy: str = "diesel"
    service_s_default: int = DEFAULT_SERVICE_S

    def __post_init__(self) -> None:
        ranges = (
            ("id", bool(self.id), "a name"),
            ("capacity_kg", self.capacity_kg > 0, "above 0"),
            ("capacity_l", self.capacity_l > 0, "above 0"),
            ("streams", bool(self.streams), "at least one stream, or *"),
            (
                "shift_end_s",
                0 <= self.shift_start_s < self.shift_end_s <= 2 * DAY_S,
                "after shift_start_s, both within 0..172800",
            ),
            ("max_km", self.max_km is None or self.max_km > 0, "above 0, or None"),
            ("energy", self.energy in ENERGIES, "one of " + ", ".join(ENERGIES)),
            ("service_s_default", self.service_s_default >= 0, "0 or more"),
        )
        for name, right, legal in ranges:
            if not right:
                raise UsageError(
                    f"truck {self.id!r}: {name} is {getattr(self, name)!r}", expected=legal
                )

    @property
    def shift_s(self) -> int:
        """Length of the shift in seconds."""
        return self.shift_end_s - self.shift_start_s

    @property
    def max_m(self) -> int | None:
        """Longest drive in whole metres; None for no limit."""
        return None if self.max_km is None else int(self.max_km * 1000)

    def carries(self, stream: str) -> bool:
        """Tell whether the truck may collect a stream.

        >>> glass = Truck("B1", 9000, 20000, streams=("glass",))
        >>> glass.carries("glass"), glass.carries("paper")
        (True, False)
        """
        return stream in self.streams or ANY_STREAM in self.streams


def clock(seconds: int) -> str:
    """Write seconds since midnight as a time of day, a later day counted in hours.

    >>> clock(6 * 3600 + 90), clock(25 * 3600)
    ('06:01:30', '25:00:00')
    """
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"


def seconds_of(text: str) -> int | None:
    """Read ``6:30``, ``06h30`` or ``06:30:15`` as seconds since midnight; None if it is none.

    Hours run to 47: a night shift ends on the day after it began.

    >>> seconds_of("06h30"), seconds_of("26:00"), seconds_of("6 h")
    (23400, 93600, None)
    """
    match = CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    if hour > 47 or minute > 59 or second > 59:
        return None
    return hour * 3600 + minute * 60 + second


def read_fleet(path: Path) -> tuple[Truck, ...]:
    """Read ``vehicles.csv`` (brief 3.5) and refuse it line by line.

    Columns ``vehicle_id, capacity_kg, capacity_l, streams, shift_start, shift_end, max_km,
    energy``, and ``service_s`` where stops take another time than four minutes; French
    names are understood. Streams are separated by ``|``, ``+`` or a space; ``*`` or
    ``tous`` is all of them. A shift that ends before it starts ends the next day.

    Raises
    ------
    TableError
        Naming file, line, found, expected and what to do, for up to 20 problems at once.
    """
    problems = Problems()
    table = read_table(path, problems)
    problems.refuse()
    if table is None:
        raise AssertionError("unreachable: an unread table is a problem")
    columns = _columns(table, problems)
    problems.refuse()
    fleet = _trucks(table, columns, problems)
    problems.refuse()
    return fleet


def write_fleet(path: Path, trucks: Iterable[Truck]) -> None:
    """Write ``vehicles.csv`` as `read_fleet` reads it."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_cells(truck) for truck in trucks)


def _cells(truck: Truck) -> tuple[str, ...]:
    return (
        truck.id,
        f"{truck.capacity_kg:g}",
        f"{truck.capacity_l:g}",
        "|".join(truck.streams),
        clock(truck.shift_start_s),
        clock(truck.shift_end_s),
        "" if truck.max_km is None else f"{truck.max_km:g}",
        truck.energy,
        str(truck.service_s_default),
    )


def _columns(table: Table, problems: Problems) -> dict[str, list[str]]:
    found = {name: column_index(table.header, names) for name, names in COLUMNS.items()}
    missing = [name for name in COLUMNS if found[name] is None and name not in OPTIONAL]
    if missing:
        problems.add(
            f"{table.path.name} line 1",
            f"no column {', '.join(missing)}",
            ", ".join(COLUMNS),
            "name the columns so",
        )
    return {name: table.cells[at] for name, at in found.items() if at is not None}


def _trucks(table: Table, columns: dict[str, list[str]], problems: Problems) -> tuple[Truck, ...]:
    values: dict[str, list[Any]] = {"id": [cell.strip() for cell in columns["vehicle_id"]]}
    for name in ("capacity_kg", "capacity_l", *(n for n in OPTIONAL if n in columns)):
        read, wrong = numbers(columns[name])
        empty = read != read
        wrong |= (read <= 0) | (empty if name not in OPTIONAL else False)
        problems.add_lines(table, wrong, columns[name], f"{name} above 0", "correct this cell")
        values[name] = [None if blank else value for blank, value in zip(empty, read, strict=True)]
    for name in ("shift_start", "shift_end"):
        values[name] = _read(table, columns[name], seconds_of, f"{name} as 06:30", problems)
    values["streams"] = _read(
        table, columns["streams"], _streams, "streams such as glass|paper, or *", problems
    )
    values["energy"] = _read(table, columns["energy"], _energy, ", ".join(ENERGIES), problems)
    _note_repeated(table, values["id"], problems)
    if problems.items:
        return ()
    return tuple(_truck(values, row) for row in range(len(table.lines)))


def _truck(values: dict[str, list[Any]], row: int) -> Truck:
    start, end = values["shift_start"][row], values["shift_end"][row]
    service = values["service_s"][row] if "service_s" in values else None
    return Truck(
        id=values["id"][row],
        capacity_kg=values["capacity_kg"][row],
        capacity_l=values["capacity_l"][row],
        streams=values["streams"][row],
        shift_start_s=start,
        shift_end_s=end if end > start else end + DAY_S,
        max_km=values["max_km"][row] if "max_km" in values else None,
        energy=values["energy"][row],
        service_s_default=DEFAULT_SERVICE_S if service is None else int(service),
    )


def _read(
    table: Table,
    cells: list[str],
    reader: Callable[[str], Any],
    expected: str,
    problems: Problems,
) -> list[Any]:
    read = [reader(cell) for cell in cells]
    for row, value in enumerate(read):
        if value is None:
            problems.add(table.place(row), repr(cells[row]), expected, "correct this cell")
    return read


def _streams(text: str) -> tuple[str, ...] | None:
    names = tuple(dict.fromkeys(re.findall(r"[^\s|+]+", text.strip().lower())))
    if set(names) & {"tous", "toutes", "all", ANY_STREAM}:
        return (ANY_STREAM,)
    return names or None


def _energy(text: str) -> str | None:
    name = text.strip().lower().replace("é", "e")
    name = {"electrique": "electric", "gazole": "diesel", "gaz": "gnv"}.get(name, name)
    return name if name in ENERGIES else None


def _note_repeated(table: Table, ids: list[str], problems: Problems) -> None:
    seen: set[str] = set()
    for row, name in enumerate(ids):
        if not name or name in seen:
            found = f"vehicle {name!r} met twice" if name else "an empty vehicle_id"
            problems.add(table.place(row), found, "each vehicle once", "correct this line")
        seen.add(name)
