"""Scenarios: which columns, depot and days a replay is driven on, kept as ids in a file."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from common.edge.errors import DataError

__all__ = [
    "EVALUATED_DAYS",
    "SCENARIOS",
    "WARM_UP_DAYS",
    "Kind",
    "Scenario",
    "Stock",
    "draw",
    "read_scenarios",
    "shipped_draws",
    "write_scenarios",
]

WARM_UP_DAYS = 60
"""Days driven on the own three-day round before any policy decides (brief 3.3.1)."""
EVALUATED_DAYS = 56
"""Days that count: eight weeks (brief 4.5)."""
SCENARIOS = Path(__file__).with_name("scenarios.csv")
"""The draws that are shipped: 30 for the figures, 8 others for tuning."""

Kind = Literal["tuning", "test"]
COLUMNS = ("scenario", "kind", "seed", "first_day", "depot", "tip", "points")


@dataclass(frozen=True)
class Stock:
    """What scenarios are drawn from: ids alone.

    Parameters
    ----------
    point_ids
        Drop-off points that can hold a container, in the order of their file.
    n_containers
        Containers to place.
    n_days
        Days of inflow at hand.
    """

    point_ids: tuple[str, ...]
    n_containers: int
    n_days: int


@dataclass(frozen=True)
class Scenario:
    """One draw.

    Parameters
    ----------
    name
        Unique in a file.
    kind
        ``tuning`` or ``test``: parameters are chosen on the first, figures come from the
        second.
    seed
        Seed of the draw.
    first_day
        Row of the inflow where the warm-up begins, 0 or more.
    depot, tip
        Ids of the points that stand for them; equal where trucks are emptied at the depot.
    points
        Id of the point of each container, in the order of the inflow's columns.
    """

    name: str
    kind: Kind
    seed: int
    first_day: int
    depot: str
    tip: str
    points: tuple[str, ...]

    def __post_init__(self) -> None:
        distinct = len({*self.points, self.depot}) == len(self.points) + 1
        if self.kind not in get_args(Kind) or self.first_day < 0 or not distinct:
            raise DataError(
                f"scenario {self.name!r}: kind {self.kind!r}, first day {self.first_day}",
                expected="kind tuning or test, a day of 0 or more, points and depot all distinct",
            )
        if self.tip in self.points:
            raise DataError(
                f"scenario {self.name!r}: the tip is a container", expected="a point of its own"
            )


def draw(name: str, kind: Kind, seed: int, stock: Stock) -> Scenario:
    """Draw points, depot, tip and first day.

    The tip is at the depot for even seeds, elsewhere for odd ones: no public file says where
    a depot or a tip of Nantes is, so both kinds are replayed.

    Raises
    ------
    DataError
        If the stock is too small.
    """
    days = WARM_UP_DAYS + EVALUATED_DAYS
    if len(stock.point_ids) < stock.n_containers + 2 or stock.n_days < days:
        raise DataError(
            f"{len(stock.point_ids)} points and {stock.n_days} days",
            expected=f"at least {stock.n_containers + 2} points and {days} days",
        )
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(stock.point_ids), stock.n_containers + 2, replace=False)
    depot, tip, *points = (stock.point_ids[row] for row in rows)
    first_day = int(rng.integers(stock.n_days - days + 1))
    tip = depot if seed % 2 == 0 else tip
    return Scenario(name, kind, seed, first_day, depot, tip, tuple(points))


def read_scenarios(path: Path = SCENARIOS) -> tuple[Scenario, ...]:
    """Read a file of scenarios.

    Raises
    ------
    DataError
        Naming the line that cannot be read, or a name that is met twice.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for line, row in enumerate(rows, start=2):
        try:
            found.append(_scenario(row))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path.name} line {line}: {error!r}", expected="columns " + ", ".join(COLUMNS)
            ) from error
    if len({one.name for one in found}) != len(found):
        raise DataError(f"{path.name}: a scenario is named twice", expected="unique names")
    return tuple(found)


def write_scenarios(path: Path, scenarios: Sequence[Scenario]) -> None:
    """Write scenarios, one a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in scenarios:
            points = " ".join(one.points)
            writer.writerow(
                (one.name, one.kind, one.seed, one.first_day, one.depot, one.tip, points)
            )


def _scenario(row: dict[str, str]) -> Scenario:
    return Scenario(
        name=row["scenario"],
        kind="tuning" if row["kind"] == "tuning" else _test(row["kind"]),
        seed=int(row["seed"]),
        first_day=int(row["first_day"]),
        depot=row["depot"],
        tip=row["tip"],
        points=tuple(row["points"].split()),
    )


def _test(kind: str) -> Literal["test"]:
    if kind != "test":
        raise ValueError(kind)
    return "test"


def shipped_draws(stock: Stock) -> tuple[Scenario, ...]:
    """Draw the scenarios that are shipped: 30 of kind test, 8 of kind tuning, other seeds."""
    tests = [draw(f"test-{seed:02d}", "test", seed, stock) for seed in range(1, 31)]
    tuning = [draw(f"reglage-{seed - 1000}", "tuning", seed, stock) for seed in range(1001, 1009)]
    return (*tests, *tuning)
