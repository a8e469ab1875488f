"""The lines of ``plans.csv`` (brief 3.5): their columns, their reading, what is off in each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np

from common.lab.french_csv import Problems, Table, column_index, numbers
from usecases.waste_collection.routing.day import DayProblem, StopType
from usecases.waste_collection.routing.network import DEPOT, TIP, Place, great_circle_m

__all__ = ["COLUMNS", "FAR_M", "PlanContext", "PlanLine", "note_misfits", "place_of", "read_lines"]

COLUMNS = (
    "plan_id",
    "date",
    "vehicle_id",
    "trip",
    "seq",
    "stop_type",
    "container_id",
    "lat",
    "lon",
    "eta",
    "etd",
    "leg_m",
    "leg_s",
    "load_after_kg",
    "fill_assumed",
)
FAR_M = 50.0
"""Metres by which a position in a plan may miss that of the container (brief 3.5)."""


@dataclass(frozen=True)
class PlanContext:
    """What a plan file says beside the plan.

    Parameters
    ----------
    plan_id, day, timezone
        Name of the plan, its local day and IANA zone. Times are wall clock: a shift that
        spans the change of the clocks is off by that hour.
    places
        Position of every place, depot and tip included.
    fill_percent
        Fill assumed by container.
    """

    plan_id: str
    day: date
    timezone: str
    places: Mapping[str, Place]
    fill_percent: Mapping[str, float]

    def stamp(self, seconds: int) -> str:
        """Return seconds since local midnight as ISO 8601 with offset.

        >>> PlanContext("p", date(2026, 7, 1), "Europe/Paris", {}, {}).stamp(6 * 3600)
        '2026-07-01T06:00:00+02:00'
        """
        naive = datetime.combine(self.day, time()) + timedelta(seconds=seconds)
        return naive.replace(tzinfo=ZoneInfo(self.timezone)).isoformat()

    def seconds(self, stamp: str) -> int | None:
        """Return ISO 8601 with offset as seconds since local midnight; None if it is none."""
        try:
            instant = datetime.fromisoformat(stamp.strip())
        except ValueError:
            return None
        if instant.tzinfo is None:
            return None
        local = instant.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        return round((local - datetime.combine(self.day, time())).total_seconds())


@dataclass(frozen=True)
class PlanLine:
    """One readable line of the file."""

    place: str
    plan: str
    truck: str
    trip: int
    seq: int
    stop_type: StopType
    container: str
    position: tuple[float, float]
    arrive_s: int
    leave_s: int


def read_lines(table: Table, context: PlanContext, problems: Problems) -> list[PlanLine]:
    """Return the lines of the file; what cannot be read is noted, and then nothing returned."""
    return _Reader(table, context, problems).rows()


def note_misfits(
    rows: Sequence[PlanLine], problem: DayProblem, context: PlanContext, problems: Problems
) -> None:
    """Note unknown trucks and containers, containers met twice, wrong numbers and positions."""
    before: dict[str, PlanLine] = {}
    here: dict[str, str] = {}
    seen: set[str] = set()
    for row in rows:
        known = True
        for found, expected in _unknown(row, problem, seen):
            known = False
            problems.add(row.place, found, expected, "correct this line")
        for found, expected in _misnumbered(row, before.get(row.truck)):
            problems.add(row.place, found, expected, "number trips and lines from 1, no holes")
        before[row.truck] = row
        if known:
            here[row.truck] = place_of(row, problem, here.get(row.truck))
            _note_position(row, context.places[here[row.truck]], problems)
            seen |= {row.container} if row.stop_type == "container" else set()


def _unknown(row: PlanLine, problem: DayProblem, seen: set[str]) -> Iterator[tuple[str, str]]:
    if row.truck not in problem.truck:
        yield f"vehicle {row.truck!r}", "one of the fleet"
    if row.stop_type != "container":
        return
    if row.container not in problem.stop:
        yield f"container {row.container!r}", "one of the day"
    elif row.container in seen:
        yield f"container {row.container!r} again", "each container once a day"


def _misnumbered(row: PlanLine, before: PlanLine | None) -> Iterator[tuple[str, str]]:
    seq = before.seq + 1 if before else 1
    trips = (before.trip, before.trip + 1) if before else (1,)
    if row.seq != seq:
        yield f"seq {row.seq}", str(seq)
    if row.trip not in trips:
        yield f"trip {row.trip}", " or ".join(map(str, trips))


def _note_position(row: PlanLine, place: Place, problems: Problems) -> None:
    gap_m = great_circle_m([place, Place("", *row.position)])[0, 1]
    if gap_m > FAR_M:
        problems.add(
            row.place,
            f"position {gap_m:.0f} m from {place.id}",
            f"at most {FAR_M:.0f} m",
            "give the position of the container list",
        )


def place_of(row: PlanLine, problem: DayProblem, here: str | None) -> str:
    """Return the place of a line; a pause is taken where the truck stands."""
    depot, tip = problem.roads.ids[DEPOT], problem.roads.ids[TIP]
    if row.stop_type == "pause":
        return here or depot
    return {"depot": depot, "tip": tip}.get(row.stop_type, row.container)


class _Reader:
    """The cells of the file, read column by column; what is off is noted by line."""

    def __init__(self, table: Table, context: PlanContext, problems: Problems) -> None:
        self.table = table
        self.context = context
        self.problems = problems
        found = {name: column_index(table.header, (name,)) for name in COLUMNS}
        self.cells = {name: table.cells[at] for name, at in found.items() if at is not None}
        missing = [name for name, at in found.items() if at is None]
        if missing:
            problems.add(
                f"{table.path.name} line 1",
                f"no column {', '.join(missing)}",
                ", ".join(COLUMNS),
                "name the columns so",
            )

    def rows(self) -> list[PlanLine]:
        """Return the lines, or nothing where a problem was noted."""
        if self.problems.items:
            return []
        counts = {name: self._numbers(name, least=1, whole=True) for name in ("trip", "seq")}
        for name in ("leg_m", "leg_s", "load_after_kg"):
            self._numbers(name, least=0)
        lat, lon = (
            self._numbers("lat", least=-90, most=90),
            self._numbers("lon", least=-180, most=180),
        )
        arrive_s, leave_s = self._times("eta"), self._times("etd")
        types = self._types()
        self._refuse_other_days()
        if self.problems.items:
            return []
        return [
            PlanLine(
                place=self.table.place(row),
                plan=self.cells["plan_id"][row].strip(),
                truck=self.cells["vehicle_id"][row].strip(),
                trip=int(counts["trip"][row]),
                seq=int(counts["seq"][row]),
                stop_type=types[row],
                container=self.cells["container_id"][row].strip(),
                position=(lat[row], lon[row]),
                arrive_s=arrive_s[row],
                leave_s=leave_s[row],
            )
            for row in range(len(self.table.lines))
        ]

    def _numbers(
        self, name: str, *, least: int, most: float = np.inf, whole: bool = False
    ) -> list[float]:
        values, wrong = numbers(self.cells[name])
        wrong |= ~((values >= least) & (values <= most))
        if whole:
            wrong |= values % 1 != 0
        kind = "a whole number" if whole else "a number"
        self.problems.add_lines(
            self.table,
            wrong,
            self.cells[name],
            f"{name}: {kind} within {least}..{most:g}",
            "correct this cell",
        )
        return [float(value) for value in values]

    def _times(self, name: str) -> list[int]:
        read = [self.context.seconds(cell) for cell in self.cells[name]]
        for row, value in enumerate(read):
            if value is None:
                self._note(row, f"{name} {self.cells[name][row]!r}", "2026-07-01T06:30:00+02:00")
        return [value or 0 for value in read]

    def _types(self) -> list[StopType]:
        legal: tuple[StopType, ...] = get_args(StopType)
        read = [
            next((kind for kind in legal if kind == cell.strip()), None)
            for cell in self.cells["stop_type"]
        ]
        for row, value in enumerate(read):
            if value is None:
                self._note(row, f"stop_type {self.cells['stop_type'][row]!r}", ", ".join(legal))
        return [value or "pause" for value in read]

    def _refuse_other_days(self) -> None:
        today = self.context.day.isoformat()
        for row, cell in enumerate(self.cells["date"]):
            if cell.strip() != today:
                self._note(row, f"date {cell!r}", today)
        plans = [cell.strip() for cell in self.cells["plan_id"]]
        for row, plan in enumerate(plans):
            if plan != plans[0]:
                self._note(row, f"plan {plan!r} after {plans[0]!r}", "one plan per file")

    def _note(self, row: int, found: str, expected: str) -> None:
        self.problems.add(self.table.place(row), found, expected, "correct this cell")
