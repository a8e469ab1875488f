"""A fleet is read as communes write it, and refused line by line."""

from pathlib import Path

import pytest

from common.edge.errors import TableError, UsageError
from usecases.waste_collection.routing.fleet import Truck, read_fleet, write_fleet

HEADER = "vehicle_id;capacity_kg;capacity_l;streams;shift_start;shift_end;max_km;energy\n"


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "vehicles.csv"
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_french_numbers_hours_and_words_are_understood(tmp_path: Path) -> None:
    """9 500 kg, 06h30, « électrique », no range; a night shift ends the next day."""
    path = _file(
        tmp_path,
        "B1;9 500;22 000,5;glass|paper;06h30;13:30;;diesel",
        "B2;4000;9000;tous;21:00;05:00;120;électrique",
    )
    first, night = read_fleet(path)
    assert first == Truck(
        "B1", 9500, 22000.5, ("glass", "paper"), shift_start_s=23_400, shift_end_s=48_600
    )
    assert (night.shift_start_s, night.shift_end_s) == (75_600, 86_400 + 18_000)
    assert night.max_m == 120_000
    assert night.energy == "electric"
    assert night.carries("anything")


def test_a_fleet_written_reads_back_the_same(tmp_path: Path) -> None:
    """A name with a comma must not become two cells."""
    fleet = (Truck("B, le grand", 9500, 22000), Truck("B2", 1, 2, ("glass",), max_km=80.5))
    write_fleet(tmp_path / "vehicles.csv", fleet)
    assert read_fleet(tmp_path / "vehicles.csv") == fleet


def test_every_line_that_is_off_is_named(tmp_path: Path) -> None:
    """Six slips in five lines, one error."""
    path = _file(
        tmp_path,
        "B1;0;9000;glass;06:00;13:00;;diesel",
        "B1;9000;9000;glass;06:00;13:00;;diesel",
        "B3;9000;neuf;glass;06:00;13:00;;charbon",
        "B4;9000;9000;;06:00;13:00;;diesel",
        "B5;9000;9000;glass;6 heures;13:00;-4;diesel",
    )
    with pytest.raises(TableError) as error:
        read_fleet(path)
    told = str(error.value)
    for line, what in (
        (2, "0"),
        (3, "B1"),
        (4, "neuf"),
        (4, "charbon"),
        (5, "''"),
        (6, "6 heures"),
    ):
        assert any(f"line {line}: " in row and what in row for row in told.splitlines()), (
            line,
            what,
        )


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """The range may be left out, the capacity may not."""
    path = tmp_path / "vehicles.csv"
    path.write_text("vehicle_id,capacity_l,streams,shift_start,shift_end,energy\n")
    with pytest.raises(TableError, match="no column capacity_kg"):
        read_fleet(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity_kg": 0},
        {"shift_end_s": 6 * 3600},
        {"streams": ()},
        {"energy": "coal"},
        {"max_km": 0},
    ],
)
def test_a_truck_outside_its_ranges_is_refused(wrong: dict[str, object]) -> None:
    """The message holds the legal range."""
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Truck(**{"id": "B1", "capacity_kg": 1, "capacity_l": 1} | wrong)  # type: ignore[arg-type]
