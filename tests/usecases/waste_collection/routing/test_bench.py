"""Our own reading, cost and feasibility of public instances agree with what is published."""

import json
import os
from pathlib import Path

import pytest

from common.edge.errors import TableError, UsageError
from usecases.waste_collection.routing.bench.__main__ import main
from usecases.waste_collection.routing.bench.instances import (
    KINDS,
    Instance,
    Kind,
    find,
    is_stated,
    read_best_known,
    read_instance,
)
from usecases.waste_collection.routing.bench.routes import broken_rules, route_cost, total_cost
from usecases.waste_collection.routing.bench.running import Limit, problem_data, run

AT_HAND = pytest.mark.skipif(not os.environ.get("AUNE_MIRROR"), reason="needs the instances")
N_FILES: dict[Kind, int] = {"CVRP": 72, "VRPTW": 6, "PCVRPTW": 4, "HFVRP": 11, "MTVRPTWR": 9}

SMALL = """NAME : small
TYPE : MTVRPTWR
DIMENSION : 4
VEHICLES : 1
CAPACITY : 10
SERVICE_TIME : 5
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 3 4
3 6 8
4 0 2.55
DEMAND_SECTION
1 0
2 6
3 4
4 5
TIME_WINDOW_SECTION
1 0 100
2 0 20
3 0 100
4 50 60
RELEASE_TIME_SECTION
1 0
2 3
3 0
4 0
VEHICLES_RELOAD_DEPOT_SECTION
1 1
DEPOT_SECTION
1
-1
EOF
"""


@pytest.fixture
def small(tmp_path: Path) -> Instance:
    """Two clients on a line at 5 and 10, one at 2.55 due between 50 and 60; tenths."""
    (tmp_path / "MTVRPTWR").mkdir()
    path = tmp_path / "MTVRPTWR" / "small.vrp"
    path.write_text(SMALL)
    return read_instance(path)


@AT_HAND
@pytest.mark.public_data
@pytest.mark.parametrize("kind", KINDS)
def test_every_best_known_solution_is_feasible_at_its_stated_cost(kind: Kind) -> None:
    """102 files, written by others: if our count differs, our count is wrong."""
    paths = find(kind)
    assert len(paths) == N_FILES[kind]
    for name, path in paths.items():
        instance, known = read_instance(path), read_best_known(path)
        cost = total_cost(instance, known.routes)
        assert is_stated(instance, cost, known.stated_cost), (name, cost, known.stated_cost)
        assert broken_rules(instance, known.routes) == [], name


@AT_HAND
@pytest.mark.public_data
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("CVRP", "X-n101-k25"),
        ("CVRP", "X-n303-k21"),
        ("PCVRPTW", "C1_10_1"),
        ("HFVRP", "X115-HVRP"),
        ("MTVRPTWR", "C201R0.5"),
    ],
)
def test_our_reader_gives_pyvrp_the_same_problem_as_its_own(kind: Kind, name: str) -> None:
    """Equal data, hence equal cost at equal seed and iterations: no advantage, no handicap."""
    pyvrp = pytest.importorskip("pyvrp")
    path = find(kind)[name]
    assert problem_data(read_instance(path)) == pyvrp.read(path, KINDS[kind])


@AT_HAND
@pytest.mark.public_data
@pytest.mark.parametrize("name", ["X-n101-k25", "X-n153-k22", "X-n200-k36"])
def test_costs_equal_those_of_pyvrps_own_reader(name: str) -> None:
    """Same seed, 30 iterations: to the unit; and our count of the routes is the solver's."""
    pyvrp = pytest.importorskip("pyvrp")
    from pyvrp.stop import MaxIterations

    path = find("CVRP")[name]
    (ours,) = run(path, (7,), Limit(iterations=30))
    own = pyvrp.solve(pyvrp.read(path, "round"), MaxIterations(30), seed=7, collect_stats=False)
    assert ours.cost == own.cost()
    assert ours.agrees
    assert ours.broken == ()
    assert ours.gap_percent >= 0


@AT_HAND
@pytest.mark.public_data
def test_a_plan_of_prizes_is_never_dearer_than_serving_nobody() -> None:
    """Prizes of C1_10_1 add up to 260,890; PyVRP's own start needs over 20 s to come below."""
    pytest.importorskip("pyvrp")
    path = find("PCVRPTW")["C1_10_1"]
    nobody = total_cost(read_instance(path), [])
    (found,) = run(path, (0,), Limit(iterations=50))
    assert nobody == 260_890
    assert found.cost <= nobody
    assert found.agrees
    assert found.broken == ()


def test_a_route_of_two_trips_is_counted_by_hand(small: Instance) -> None:
    """Client 1 at 5.0 (50 tenths), 2 at 10.0, 3 at 2.55 (25 after cutting)."""
    assert route_cost(small, 0, [1, 2]) == 50 + 50 + 100
    assert route_cost(small, 0, [1, 2, 0, 3]) == 200 + 25 + 25
    assert broken_rules(small, [[1, 2, 0, 3]]) == []


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([[1, 2, 3]], "carries 15 of 10"),
        ([[3, 0, 1, 2]], "late at 1"),
        ([[1, 2]], "client 3 is not visited"),
        ([[1, 2, 0, 3, 1]], "client 1 is visited 2 times"),
        ([[1, 2, 0, 3], []], "2 routes for 1 vehicles"),
    ],
)
def test_each_broken_rule_of_an_instance_is_named(
    small: Instance, routes: list[list[int]], message: str
) -> None:
    """Client 3 opens at 50; whoever waits for it is too late for client 1 (by 20)."""
    assert any(message in told for told in broken_rules(small, routes))


def test_a_release_time_holds_back_the_whole_trip(small: Instance) -> None:
    """Client 1 is released at 3: the trip arrives there at 3 + 5 = 8, in its window."""
    tight = Instance(**{**vars(small), "window": small.window.copy()})
    tight.window[1] = (0, 79)
    assert broken_rules(tight, [[1, 2, 0, 3]]) == ["route 0 is late at 1"]
    tight.window[1] = (0, 80)
    assert broken_rules(tight, [[1, 2, 0, 3]]) == []


def test_the_command_writes_a_table_and_its_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], small: Instance
) -> None:
    """A folder of one's own; the optimum of the small instance is 250 tenths."""
    pytest.importorskip("pyvrp")
    (tmp_path / "MTVRPTWR" / "small.sol").write_text("Route #1: 1 2 0 3\nCost: 250\n")
    out = tmp_path / "runs.json"
    arguments = ["--instances", "small", "--iterations", "20", "--folder", str(tmp_path)]
    assert main([*arguments, "--out", str(out)]) == 0
    table = capsys.readouterr().out
    assert "meilleur connu" in table
    assert "0,00" in table
    (told,) = json.loads(out.read_text())["runs"]
    assert (told["cost"], told["best_known"], told["broken"]) == (250, 250, [])
    assert main([*arguments, "--language", "en"]) == 0
    assert "best known" in capsys.readouterr().out
    assert main(["--instances", "absent", "--iterations", "1", "--folder", str(tmp_path)]) == 2


def test_files_that_are_no_instances_are_refused(tmp_path: Path) -> None:
    """A section that is cut short must not become a smaller problem."""
    path = tmp_path / "cut.vrp"
    path.write_text(SMALL.replace("4 0 2.55\n", ""))
    with pytest.raises(TableError, match="NODE_COORD_SECTION has 3 lines"):
        read_instance(path)
    path.write_text(SMALL.replace("MTVRPTWR", "TSP"))
    with pytest.raises(TableError, match="TSP"):
        read_instance(path)
    with pytest.raises(UsageError, match=r"no \.vrp file"):
        find("HFVRP", tmp_path)
