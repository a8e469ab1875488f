"""The map is small, needs nothing from outside and is readable without colour."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from common.edge.errors import UsageError
from usecases.delivery_zones.decision.map import WIDTH, Mark, area_map

MARKS = [Mark("Inchangée", 5), Mark("Place ajoutée", 0)]


def drawn(n=1007, labels=None, **changes):
    """Areas of 14 communes spread as in Hauts-de-Seine, every tenth one changed."""
    rng = np.random.default_rng(0)
    chosen = {
        "lon_lat": np.column_stack([rng.uniform(2.15, 2.33, n), rng.uniform(48.77, 48.93, n)]),
        "communes": [f"COMMUNE {i % 14}" for i in range(n)],
        "classes": [int(i % 10 == 0) for i in range(n)],
        "marks": MARKS,
        "title": "Carte", "description": "Des aires.", "labels": labels,
    } | changes  # fmt: skip
    return area_map(**chosen)


def test_1007_areas_with_a_text_each_weigh_less_than_150_kib():
    """The page stays light on a modest server (brief of the map)."""
    labels = [f"9201{i:04d} : 2 places, 12,5 livraisons par jour" for i in range(1007)]
    assert len(drawn(labels=labels).encode()) <= 150 * 1024


def test_every_area_is_drawn_once_with_the_symbol_of_its_class():
    """906 unchanged and 101 changed (every tenth of 1,007), and one of each in the legend."""
    svg = drawn()
    uses = re.findall(r'<use href="#(m[0-9a-f]{4}\d)"', svg)
    counts = sorted(uses.count(key) for key in set(uses))
    assert counts == [101 + 1, 906 + 1]
    assert "Place ajoutée (101)" in svg


def test_the_map_is_well_formed_and_asks_for_nothing():
    """No address, no image, no script; title and description for who does not see it."""
    svg = drawn(n=40, labels=["<b>&"] * 40)
    root = ElementTree.fromstring(svg)
    assert root.find("title").text == "Carte"
    assert "pas sa limite administrative" in root.find("desc").text
    assert not re.search(r"https?:|<image|<script|url\(", svg)


def test_classes_differ_by_shape_and_not_by_colour_alone():
    """The definitions of two symbols differ also once every colour is taken away."""
    shapes = re.findall(r"<defs><g[^>]*>(.*?)</g></defs>", drawn(n=40))
    assert len({re.sub(r'fill="[^"]*"', "", shape) for shape in shapes}) == len(MARKS)


def test_north_is_up_and_distances_are_true():
    """1 km east and 1 km north are as many pixels; the northern point lies higher."""
    metre = 1 / 111_195
    east = metre / np.cos(np.radians(48.9))
    places = np.array([[2.0, 48.9], [2.0 + 1000 * east, 48.9], [2.0, 48.9 + 1000 * metre]])
    svg = drawn(lon_lat=places, communes=["A"] * 3, classes=[0, 0, 0])
    x, y = (
        np.array([float(value) for value in re.findall(rf'<use[^>]* {axis}="([^"]*)"', svg)[:3]])
        for axis in "xy"
    )
    assert x[1] - x[0] == pytest.approx(y[0] - y[2], rel=1e-3)
    assert y[2] < y[0]
    assert 0 <= x.min() <= x.max() <= WIDTH


@pytest.mark.parametrize("n", [1, 2], ids=["one area", "two areas"])
def test_a_commune_of_one_or_two_areas_has_no_hull_and_is_drawn(n):
    """A hull needs three corners; small communes exist."""
    assert drawn(n=n).count("<use") == n + len(MARKS)


def test_names_do_not_cover_each_other():
    """Two communes side by side with long names get different lines."""
    places = np.array(
        [[2.0, 48.9], [2.01, 48.91], [2.0, 48.92], [2.005, 48.9], [2.015, 48.91], [2.005, 48.92]]
    )
    svg = drawn(lon_lat=places, communes=["A" * 40] * 3 + ["B" * 40] * 3, classes=[0] * 6)
    names = re.findall(r'y="([\d.]+)" text-anchor="middle"', svg)
    assert abs(float(names[0]) - float(names[1])) >= 16


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": [0, 2]}, "0 to 1"),
        ({"classes": [0]}, "as many of each"),
        ({"marks": [Mark("a", 1), Mark("b", 1)]}, "one symbol per class"),
        ({"lon_lat": np.array([[2.0, np.nan], [2.0, 48.0]])}, "finite"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, said):
    """A class without a mark would vanish silently."""
    with pytest.raises(UsageError, match=said):
        drawn(n=2, **changes)


def test_a_symbol_that_does_not_exist_is_refused():
    """There are six."""
    with pytest.raises(UsageError, match="0 to 5"):
        Mark("x", 6)
