"""Service before any plan: metres per delivery, the worst quarter, the proxy demand."""

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from usecases.delivery_zones.decision.accessibility import (
    Network,
    Walking,
    metres_per_delivery,
    next_area_metres,
    worst_quartile,
)
from usecases.delivery_zones.decision.demand import Proxy, network_of

METRE = 1 / 111_195.0


def network(**changes):
    """Three areas going north, 100 m and 1,000 m apart, one erlang each."""
    chosen = {
        "area_id": np.array(["a", "b", "c"]), "commune": np.array(["A", "A", "B"]),
        "address": np.array(["1", "2", "3"]), "lon": np.full(3, 2.0),
        "lat": 48.9 + METRE * np.array([0.0, 100.0, 1100.0]), "bays": np.array([1, 2, 1]),
        "deliveries_per_day": np.full(3, 20.0), "stay_hours": np.full(3, 0.5),
        "goods_hours_per_day": np.full(3, 10.0), "movable": np.full(3, True),
        "weight": np.ones(3), "demand_is_hypothesis": True,
    } | changes  # fmt: skip
    return Network(**chosen)


def test_metres_per_delivery_can_be_redone_by_hand():
    """Share lost x (500 m + the walk from the next area, 1.3 times the straight line)."""
    walk = next_area_metres(network(), Walking())
    # 100 m x 1.3 = 130 m for both neighbours; 1,000 m x 1.3 is cut at 300 m
    assert walk == pytest.approx([130.0, 130.0, 300.0])
    # 1 erlang: 1 bay loses 1/2, 2 bays 1/5: 630/2, 630/5, 800/2
    assert metres_per_delivery(network(), Walking()) == pytest.approx([315.0, 126.0, 400.0])


def test_an_area_without_bays_is_no_next_area():
    """Nobody walks from a place where no bay is: b's next is then c, cut at 300 m."""
    assert next_area_metres(network(bays=np.array([0, 2, 1])), Walking())[1] == 300.0


def test_areas_on_the_same_point_are_zero_metres_apart():
    """The real inventory has five such pairs; none of them is its own neighbour."""
    lat = 48.9 + METRE * np.array([0.0, 0.0, 1100.0])
    assert next_area_metres(network(lat=lat), Walking())[:2] == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize(("n", "worst"), [(1, 1), (4, 1), (5, 2), (1007, 252)])
def test_the_worst_quarter_is_rounded_up(n, worst):
    """1,007 / 4 = 251.75, so 252; a single area is its own worst quarter."""
    assert worst_quartile(np.zeros(n)).sum() == worst


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stay_hours": np.array([0.5, 0.0, 0.5])}, "area b"),
        ({"bays": np.array([1, 2, -1])}, "area c"),
        ({"weight": np.ones(2)}, "unequal lengths"),
        ({"area_id": np.array(["a", "a", "c"])}, "twice"),
    ],
)
def test_a_network_that_makes_no_sense_is_refused(changes, said):
    """The area is named."""
    with pytest.raises(UsageError, match=said):
        network(**changes)


@pytest.mark.parametrize("changes", [{"detour": 0.9}, {"lost_delivery_metres": -1.0}])
def test_walking_has_legal_ranges(changes):
    """No pavement is shorter than the straight line."""
    with pytest.raises(UsageError, match="detour 1 to 2"):
        Walking(**changes)


def test_the_proxy_gives_more_to_the_dense_the_long_and_the_long_open():
    """Each of the three alone raises an area's share; the total is bays x deliveries per bay."""
    areas = pd.DataFrame({
        "area_id": list("abcdef"), "commune": "A", "address": "", "regime": "Livraison",
        "hours": ["", "", "", "07:00-10:15", "", ""],
        "length_m": [9.0, 9.0, 36.0, 9.0, 9.0, np.nan],
        "lon": 2.0, "lat": 48.9 + METRE * np.array([0, 10, 5e3, 9e3, 13e3, 17e3]),
    })  # fmt: skip
    found = network_of(areas, proxy=Proxy(deliveries_per_bay_day=8.0))
    a, _, long, short_hours, alone, unknown = found.deliveries_per_day
    assert long / alone == pytest.approx(2.0)  # sqrt(36 / 9)
    assert short_hours / alone == pytest.approx(0.5)  # sqrt(3.25 h / 13 h)
    assert a / alone == pytest.approx(np.sqrt(1 + np.exp(-0.5 * (10 / 150) ** 2)), rel=1e-4)
    assert unknown == alone  # a missing length takes the median, 9 m
    assert found.bays.tolist() == [1, 1, 3, 1, 1, 1]
    assert found.deliveries_per_day.sum() == pytest.approx(8.0 * 8)
    assert found.demand_is_hypothesis


def test_areas_of_unknown_regime_or_for_money_are_not_movable():
    """A plan may not touch what it does not understand."""
    areas = pd.DataFrame({
        "area_id": list("abcd"), "commune": "A", "address": "", "hours": "", "length_m": 9.0,
        "regime": ["Livraison", "Mixte", "Transport de fonds", ""], "lon": 2.0,
        "lat": [48.9, 48.91, 48.92, np.nan],
    })  # fmt: skip
    assert network_of(areas).movable.tolist() == [True, True, False]  # the last has no point
