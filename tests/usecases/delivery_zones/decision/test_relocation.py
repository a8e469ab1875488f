"""The plan is the best one, its proof holds, and no rule is bent."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import UsageError
from usecases.delivery_zones.decision.accessibility import (
    Network,
    Walking,
    metres_per_delivery,
    worst_communes,
    worst_quartile,
)
from usecases.delivery_zones.decision.plan import HYPOTHESIS, plan_relocation
from usecases.delivery_zones.decision.relocation import Settings, solve
from usecases.delivery_zones.decision.states import ALONE, enumerate_states

METRE = 1 / 111_195.0
"""Degrees of latitude per metre."""


def street(bays, deliveries, *, gaps_m=80.0, communes=None, movable=None, weight=None):
    """Areas on one street going north, ``gaps_m`` apart; stays of 30 min over 10 h a day."""
    n = len(bays)
    return Network(
        area_id=np.array([f"area{i}" for i in range(n)], dtype=object),
        commune=np.array(communes or ["A"] * n, dtype=object),
        address=np.array([f"{i} rue" for i in range(n)], dtype=object),
        lon=np.full(n, 2.0), lat=48.9 + METRE * gaps_m * np.arange(n),
        bays=np.array(bays), deliveries_per_day=np.array(deliveries, dtype=float),
        stay_hours=np.full(n, 0.5), goods_hours_per_day=np.full(n, 10.0),
        movable=np.full(n, True) if movable is None else np.array(movable),
        weight=np.ones(n) if weight is None else np.array(weight, dtype=float),
        demand_is_hypothesis=True,
    )  # fmt: skip


FREE = Settings(
    commune_balance=None, protect_worst_areas=False, protect_worst_communes=False,
    takeover_metres=110.0,
)  # fmt: skip


def brute_force(network, rules):
    """Cost of the best plan by trying every set of states that covers each area once."""
    states = enumerate_states(
        network, rules.walking, max_added_per_area=rules.max_added_per_area,
        takeover_metres=rules.takeover_metres, protect_worst_areas=rules.protect_worst_areas,
    )  # fmt: skip
    total = int(network.bays.sum()) if rules.total_bays is None else rules.total_bays
    best = np.inf
    for size in range(1, len(network) + 1):
        for chosen in itertools.combinations(range(len(states)), size):
            plan = states.take(np.array(chosen))
            covered = sorted([*plan.host, *plan.guest[plan.guest != ALONE]])
            if covered != list(range(len(network))) or plan.bays.sum() != total:
                continue
            if max(plan.added.sum(), plan.removed.sum()) <= rules.max_moves:
                best = min(best, plan.metres.sum())
    return best


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("protect", [False, True], ids=["free", "protected"])
def test_the_plan_costs_what_trying_every_plan_finds(seed, protect):
    """Four areas 80 m apart have some hundred plans; the programme must find the cheapest."""
    rng = np.random.default_rng(seed)
    network = street(rng.integers(1, 3, 4), rng.uniform(1, 25, 4), weight=rng.uniform(0.5, 2, 4))
    rules = replace(FREE, max_moves=2, protect_worst_areas=protect)
    solution = solve(network, rules)
    assert solution.objective_metres == pytest.approx(brute_force(network, rules), rel=1e-9)


def test_the_figures_of_a_move_can_be_redone_by_hand():
    """Two far areas, 3 and 1 bays, loads 0.1 and 1 erlang: one bay goes to the busy area."""
    plan = plan_relocation(street([3, 1], [2.0, 20.0], gaps_m=5000.0), FREE)
    # Erlang B at 1 erlang: 1 bay 1/2, 2 bays 1/5: 20 x 0.5 = 10 then 20 x 0.2 = 4 lost a day
    busy = plan.areas.iloc[1]
    assert (busy.lost_before, busy.lost_after) == pytest.approx((10.0, 4.0))
    # a lost one is worth 500 m + the walk from the next area, cut at 300 m: 10 x 800
    assert busy.metres_before == pytest.approx(8000.0)
    assert plan.areas["action"].tolist() == ["retrait", "ajout"]
    assert "+1 place pour 20,0\u00a0livraisons par jour" in busy.reason


def test_a_closed_area_is_taken_over_by_a_neighbour_and_its_deliveries_walk():
    """One of two neighbours with hardly any deliveries closes; its bay goes to the busy one."""
    network = street([1, 1, 1], [0.5, 0.5, 25.0], gaps_m=40.0)
    network = replace(network, lat=np.array([48.9, 48.9 + 40 * METRE, 48.92]))
    plan = plan_relocation(network, FREE)
    closed = plan.areas[plan.areas["action"] == "fermeture"]
    assert len(closed) == 1
    assert closed["served_by"].item() in {"area0", "area1"}
    assert plan.areas["bays_after"].iloc[2] == 2
    # 40 m as the crow flies x 1.3
    assert "à 52\u00a0m à pied" in closed["reason"].item()


def test_no_area_closes_without_a_neighbour_within_the_takeover_walk():
    """80 m x 1.3 is a walk of 104 m: beyond 100 m no area may close, within 110 m one may."""
    network = street([1, 1], [0.1, 20.0], gaps_m=80.0)
    assert (solve(network, replace(FREE, takeover_metres=100.0)).states.guest == ALONE).all()
    assert (solve(network, FREE).states.guest != ALONE).any()


def test_the_protection_of_the_worst_served_quartile_binds():
    """The worst-served area has few deliveries: a free plan closes it, a fair one may not."""
    network = street([1, 1, 1, 1], [6.0, 2.0, 2.0, 14.0], gaps_m=50.0)
    network = replace(
        network,
        lat=np.array([48.9, 48.9 + 60 * METRE, 48.95, 49.0]),
        stay_hours=np.array([4.0, 0.2, 0.2, 0.5]),
        weight=np.array([0.1, 1.0, 1.0, 10.0]),
    )
    badness = metres_per_delivery(network, Walking())
    worst = int(np.flatnonzero(worst_quartile(badness))[0])
    free = plan_relocation(network, FREE)
    fair = plan_relocation(network, replace(FREE, protect_worst_areas=True))
    assert worst == 0
    assert free.areas["metres_after"][worst] > free.areas["metres_before"][worst]
    assert fair.areas["metres_after"][worst] <= fair.areas["metres_before"][worst]
    assert free.solution.objective_metres < fair.solution.objective_metres


def test_the_protection_of_the_worst_served_commune_binds():
    """Commune A is the worst served; a free plan takes its bay for B, a fair one may not."""
    network = street(
        [2, 1, 2, 1], [30.0, 0.1, 20.0, 9.0], gaps_m=5000.0, communes=["A", "A", "B", "B"],
        weight=[0.01, 0.01, 5.0, 5.0],
    )  # fmt: skip
    fair_rules = replace(FREE, protect_worst_communes=True)
    free, fair = plan_relocation(network, FREE), plan_relocation(network, fair_rules)
    assert worst_communes(network, Walking()) == ["A"]
    verdict = dict(zip(free.communes["commune"], free.communes["verdict"], strict=True))
    assert verdict["A"] == "perd"
    assert fair.communes.set_index("commune")["verdict"]["A"] != "perd"
    assert free.solution.objective_metres < fair.solution.objective_metres


def test_areas_that_are_not_movable_keep_their_bays():
    """A money transport's area is for no one else, however quiet."""
    network = street([2, 1], [0.1, 25.0], gaps_m=50.0, movable=[False, True])
    assert plan_relocation(network, FREE).areas["bays_after"].tolist() == [2, 1]


def test_a_candidate_place_opens_only_where_it_pays():
    """A place without bays today has the deliveries it would serve; one more bay goes there."""
    network = street([0, 1], [20.0, 1.0], gaps_m=5000.0)
    plan = plan_relocation(network, replace(FREE, total_bays=2))
    assert plan.areas["bays_after"].tolist() == [1, 1]
    # without a bay all 20 are lost; with one at 1 erlang, 20 x 1/2 = 10
    assert plan.areas["lost_before"][0] == pytest.approx(20.0)
    assert plan.areas["lost_after"][0] == pytest.approx(10.0)


@given(
    bays=st.lists(st.integers(1, 3), min_size=5, max_size=12),
    seed=st.integers(0, 10**6),
    moves=st.integers(0, 4),
    balance=st.sampled_from([None, 0, 1]),
)
@settings(max_examples=25, deadline=None)
def test_every_rule_holds_in_every_plan(bays, seed, moves, balance):
    """Total, budget, balance, minimum, takeover and equity, whatever the street."""
    rng = np.random.default_rng(seed)
    n = len(bays)
    network = street(
        bays, rng.uniform(0, 25, n), gaps_m=60.0, communes=list(rng.choice(["A", "B", "C"], n)),
        movable=rng.random(n) < 0.9, weight=rng.uniform(0.5, 2, n),
    )  # fmt: skip
    rules = Settings(max_moves=moves, commune_balance=balance)
    plan = plan_relocation(network, rules)
    areas, states = plan.areas, plan.solution.states
    assert areas["bays_after"].sum() == sum(bays)
    assert max(states.added.sum(), states.removed.sum()) <= moves
    change = (areas["bays_after"] - areas["bays_before"]).groupby(areas["commune"]).sum()
    assert balance is None or change.abs().max() <= balance
    closed = areas[areas["bays_after"] == 0]
    hosts = areas.set_index("area_id").loc[closed["served_by"]]
    assert (hosts["bays_after"] > 0).all()
    assert (states.walk <= rules.takeover_metres + 1e-6).all()
    worst = worst_quartile(metres_per_delivery(network, rules.walking))
    assert (areas["metres_after"] <= areas["metres_before"] + 1e-6)[worst].all()
    assert (plan.communes["verdict"] != "perd")[plan.communes["worst_served"]].all()
    assert areas["metres_after"].sum() == pytest.approx(plan.solution.objective_metres)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_no_plan_is_below_the_certified_bound(seed):
    """The bound is arithmetic on duals: today's plan and the best one both lie above it."""
    rng = np.random.default_rng(seed)
    solution = solve(street(rng.integers(1, 3, 8), rng.uniform(1, 25, 8)), FREE)
    assert solution.certified_bound_metres <= solution.objective_metres * (1 + 1e-9)
    assert solution.objective_metres <= solution.before_metres * (1 + 1e-9)
    assert solution.proven
    assert 0 <= solution.gap <= solution.certified_gap + 1e-12


def test_moving_nothing_changes_nothing():
    """With no move allowed the plan is today's."""
    plan = plan_relocation(street([1, 2, 1], [9.0, 3.0, 12.0]), Settings(max_moves=0))
    assert plan.changed.empty
    assert plan.totals()["metres_after"] == pytest.approx(plan.totals()["metres_before"])


def test_rules_that_no_plan_can_keep_are_named():
    """Five bays more with two moves cannot be; the error says which rules were asked."""
    with pytest.raises(UsageError, match="total_bays=7, max_moves=2"):
        solve(street([1, 1], [1.0, 1.0]), replace(FREE, total_bays=7, max_moves=2))


@pytest.mark.parametrize("walk", [49.0, 151.0])
def test_a_takeover_walk_outside_50_to_150_m_is_refused(walk):
    """Farther than a handcart goes, an area is not taken over."""
    with pytest.raises(UsageError, match="50 to 150 m"):
        solve(street([1, 1], [1.0, 1.0]), replace(FREE, takeover_metres=walk))


def test_the_exports_say_that_the_demand_is_a_hypothesis(tmp_path):
    """A proxy never leaves the tool as if it were measured."""
    plan = plan_relocation(street([3, 1], [2.0, 20.0], gaps_m=5000.0), FREE)
    plan.write_csv(tmp_path / "plan.csv")
    plan.write_geojson(tmp_path / "plan.geojson")
    features = json.loads((tmp_path / "plan.geojson").read_text(encoding="utf-8"))["features"]
    lines = (tmp_path / "plan.csv").read_text(encoding="utf-8-sig").splitlines()
    assert plan.demand_is_hypothesis
    assert HYPOTHESIS.startswith("HYPOTHÈSE")
    assert all(line.endswith("HYPOTHÈSE") for line in lines[1:])
    assert len(lines) == 3
    assert {feature["properties"]["demande"] for feature in features} == {"HYPOTHÈSE"}
    assert features[1]["geometry"]["coordinates"] == [2.0, 48.944966]  # 5,000 m north of 48.9
