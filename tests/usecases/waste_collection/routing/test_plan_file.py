"""A plan goes to a file and back; a file that breaks a rule is refused by its line."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from common.edge.errors import TableError, UsageError
from usecases.waste_collection.routing.day import DayProblem, PauseRule
from usecases.waste_collection.routing.network import Place
from usecases.waste_collection.routing.plan_file import Load, PlanContext, check_plan, write_plan
from usecases.waste_collection.routing.schedule import plan_of

PLACES = {
    name: Place(name, 47.0 + 0.009 * km, -1.5)
    for name, km in (("depot", 0), ("a", 1), ("b", 2), ("c", 3), ("tip", 4))
}
CONTEXT = PlanContext("p1", date(2026, 7, 1), "Europe/Paris", PLACES, {"a": 60.0})


@pytest.fixture
def file(tmp_path: Path, straight: DayProblem) -> Path:
    """Lines 2..9: depot, a, b, tip (trip 1), c, tip, depot (trip 2)."""
    path = tmp_path / "plans.csv"
    write_plan(path, plan_of(straight, {"B1": [["a", "b"], ["c"]]}), CONTEXT)
    return path


def _edit(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().splitlines()
    assert old in lines[line - 1], lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines) + "\n")


def test_a_plan_written_reads_back_the_same(file: Path, straight: DayProblem) -> None:
    """Loads, legs and times; the order of trips; a row per visit."""
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 7
    assert lines[2] == (
        "p1,2026-07-01,B1,1,2,container,a,47.009000,-1.500000,"
        "2026-07-01T06:01:40+02:00,2026-07-01T06:05:00+02:00,1000,100,100.0,60.0"
    )
    plan = check_plan(file, straight, {}, CONTEXT)
    assert plan == plan_of(straight, {"B1": [["a", "b"], ["c"]]})


def test_a_pause_survives_the_file(tmp_path: Path, straight: DayProblem) -> None:
    """Taken at b, where the truck stands; no container, no leg."""
    problem = replace(straight, pause=PauseRule(after_s=2000, length_s=300))
    plan = plan_of(problem, {"B1": [["a", "b"], ["c"]]})
    path = tmp_path / "plans.csv"
    write_plan(path, plan, CONTEXT)
    assert ",pause,," in path.read_text()
    assert check_plan(path, problem, {}, CONTEXT) == plan


def test_the_real_fill_decides_whether_the_load_fits(file: Path, straight: DayProblem) -> None:
    """200 kg were assumed for a and b in a truck of 250 kg; b really held 160: line 4."""
    full = {"b": Load(160, 500)}
    with pytest.raises(TableError, match=r"line 4: capacity: 260\.0 kg") as error:
        check_plan(file, straight, full, CONTEXT)
    assert "at most 250.0 kg" in str(error.value)
    assert check_plan(file, straight, {"b": Load(150, 500)}, CONTEXT).trips[0].load_kg == 250


def test_legs_are_ours_whatever_the_file_claims(file: Path, straight: DayProblem) -> None:
    """Twice as slow a road makes 1,400 s more of driving: the shift of 2,900 s is passed."""
    truck = replace(straight.trucks[0], shift_end_s=6 * 3600 + 2_900)
    assert check_plan(file, replace(straight, trucks=(truck,)), {}, CONTEXT).trips
    roads = replace(straight.roads, duration_s=2 * straight.roads.duration_s)
    slow = replace(straight, roads=roads, trucks=(truck,))
    with pytest.raises(TableError, match="line 8: shift"):
        check_plan(file, slow, {}, CONTEXT)


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (3, ",a,", ",z,", "line 3: container 'z'"),
        (4, ",b,", ",a,", "line 4: container 'a' again"),
        (4, ",1,3,container", ",1,4,container", "line 4: seq 4"),
        (6, ",2,5,", ",3,5,", "line 6: trip 3"),
        (3, "B1", "B7", "line 3: vehicle 'B7'"),
        (3, "47.009000", "47.010000", "line 3: position 111 m from a"),
        (3, "47.009000", "147.0", "line 3: '147.0'"),
        (3, "06:01:40+02:00", "06:01:40", "line 3: eta"),
        (3, "2026-07-01,", "2026-07-02,", "line 3: date"),
        (5, ",tip,", ",gare,", "line 5: stop_type 'gare'"),
        (4, "p1", "p2", "line 4: plan 'p2' after 'p1'"),
        (3, ",1000,", ",-1000,", "line 3: '-1000'"),
    ],
)
def test_each_line_that_is_off_is_refused_by_its_number(
    file: Path, straight: DayProblem, line: int, old: str, new: str, message: str
) -> None:
    """Brief 3.5: reject with line numbers, never repair."""
    _edit(file, line, old, new)
    with pytest.raises(TableError) as error:
        check_plan(file, straight, {}, CONTEXT)
    assert message in str(error.value)


def test_a_truck_that_does_not_end_empty_is_refused(file: Path, straight: DayProblem) -> None:
    """The last tip line is taken out and the depot renumbered: c stays on board."""
    lines = file.read_text().splitlines()
    lines = [*lines[:6], lines[7].replace(",2,7,depot", ",2,6,depot")]
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(TableError, match="ends empty"):
        check_plan(file, straight, {}, CONTEXT)


def test_streams_bans_and_locks_hold_for_files_too(file: Path, straight: DayProblem) -> None:
    """The rules are those of the checker, with the line of the stop."""
    banned = replace(straight, forbidden={"b": "marché"})
    with pytest.raises(TableError, match="line 4: forbidden"):
        check_plan(file, banned, {}, CONTEXT)
    glass = replace(straight, trucks=(replace(straight.trucks[0], streams=("glass",)),))
    with pytest.raises(TableError, match="line 3: stream"):
        check_plan(file, glass, {}, CONTEXT)


def test_a_file_without_a_column_or_places_without_a_position_are_refused(
    file: Path, straight: DayProblem
) -> None:
    """The first is the vendor's to mend, the second ours."""
    _edit(file, 1, "leg_m", "metres")
    with pytest.raises(TableError, match="no column leg_m"):
        check_plan(file, straight, {}, CONTEXT)
    blind = replace(CONTEXT, places={"depot": PLACES["depot"]})
    with pytest.raises(UsageError, match="no position for 4 places"):
        check_plan(file, straight, {}, blind)
