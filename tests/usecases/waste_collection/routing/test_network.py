"""Distances are what a map says, in both directions, or the file is refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from common.edge.errors import TableError, UsageError
from common.lab.sources import fetch, load_sources
from usecases.waste_collection.routing.network import Place, Roads


def test_a_degree_of_latitude_is_111_km_of_crow_and_150_km_of_road() -> None:
    """2 pi 6371.0088 km / 360 = 111.195 km; times 1.35 = 150.113 km; at 22 km/h 24564 s."""
    roads = Roads.as_the_crow_flies([Place("depot", 46, 1), Place("tip", 47, 1)])
    assert roads.distance_m.tolist() == [[0, 150_113], [150_113, 0]]
    assert roads.duration_s[0, 1] == round(150_113.3 / (22 / 3.6))
    assert "à vol d'oiseau × 1,35" in roads.source


def test_a_position_off_the_globe_is_refused() -> None:
    """Latitude and longitude swapped is the usual slip; it shows beyond 90 degrees."""
    with pytest.raises(UsageError, match="latitude"):
        Roads.as_the_crow_flies([("depot", 46, 1), ("tip", 146, 1)])


def test_a_subset_keeps_depot_and_tip_first() -> None:
    """The solver and the checker count on their indexes."""
    places = [(name, 46 + 0.01 * row, 1.0) for row, name in enumerate(("d", "t", "x", "y", "z"))]
    roads = Roads.as_the_crow_flies(places)
    part = roads.subset(["z", "x"])
    assert part.ids == ("d", "t", "z", "x")
    assert part.distance_m[2, 3] == roads.distance_m[4, 2]
    assert part.index("z") == 2
    assert "y" not in part


def test_a_matrix_in_kilometres_and_hours_becomes_metres_and_seconds(tmp_path: Path) -> None:
    """Roads differ by direction and stay so; the depot need not come first in the file."""
    path = tmp_path / "roads.csv"
    path.write_text("FROM_ID;TO_ID;DURATION_H;DIST_KM\nA;B;0,5;12,3\nB;A;0,25;10\n")
    roads = Roads.read_csv(path, depot="B", tip="A")
    assert roads.ids == ("B", "A")
    assert roads.distance_m.tolist() == [[0, 10_000], [12_300, 0]]
    assert roads.duration_s.tolist() == [[0, 900], [1_800, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("from_id,to_id,distance_m,duration_s\nA,B,1,1\n", "no line from B to A"),
        ("from_id,to_id,distance_m,duration_s\nA,B,1,1\nB,C,1,1\nC,A,1,1\n", "no line from"),
        ("from_id,to_id,distance_m,duration_s\nA,B,1,1\nB,A,1,1\nA,B,2,2\n", "line 4.*met twice"),
        ("from_id,to_id,distance_m,duration_s\nA,B,1,1\nB,A,-1,1\n", "line 3: '-1'"),
        ("from_id,to_id,distance\nA,B,1\n", "line 1"),
    ],
)
def test_a_matrix_with_a_hole_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    """A missing direction is never copied from the way back."""
    path = tmp_path / "roads.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message):
        Roads.read_csv(path, depot="A", tip="B")


@pytest.mark.public_data
@pytest.mark.skipif(not os.environ.get("AUNE_MIRROR"), reason="needs the public files")
def test_the_roads_of_blantyre_differ_by_direction() -> None:
    """56 places, 3,136 lines; 12.71534 km from 1 to 3 and 13.65... km back (the file's lines)."""
    sources = Path("usecases/waste_collection/sources.toml")
    held = fetch(load_sources(sources), only={"blantyre_skips"}, progress=False)
    path = held["blantyre_skips", "data/interm_data/dist_matrix_ID.csv"]
    roads = Roads.read_csv(path, depot="1", tip="2")
    assert len(roads.ids) == 56
    assert roads.distance_m[0, 2] == 12_715
    assert roads.distance_m[2, 0] == 13_651
    assert not np.array_equal(roads.distance_m, roads.distance_m.T)
