"""Settings of boosted trees: additive where pairs are declared, deterministic everywhere."""

import numpy as np

from common.lab.boosting import Trees
from common.lab.usecase import Training

NAMES = ("a", "b", "c")


def training(seed=3):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3)).astype(np.float32)
    target = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(np.float64)
    return X, Training(X, target, np.ones(400), np.full(400, "u"), np.zeros(400, "M8[D]"), (), seed)


def test_declared_pairs_become_constraints_by_place():
    """Each feature alone, then each pair: a path never mixes three."""
    settings = Trees(5, leaves=4, pairs=(("a", "c"),)).parameters(NAMES, seed=1)
    assert settings["interaction_constraints"] == [[0], [1], [2], [0, 2]]
    assert "interaction_constraints" not in Trees(5, leaves=4).parameters(NAMES, seed=1)


def test_every_path_stays_within_its_pair():
    X, lines = training()
    trees = Trees(10, leaves=4, min_rows=20, pairs=(("a", "b"),), objective="binary")
    for tree in trees.fit(NAMES, X, lines).dump_model()["tree_info"]:
        used = set(_features(tree["tree_structure"]))
        assert used <= {0, 1} or used <= {2}, used


def test_same_seed_gives_the_same_model():
    X, lines = training()
    trees = Trees(5, leaves=4, min_rows=20)
    first, second = (trees.fit(NAMES, X, lines).model_to_string() for _ in range(2))
    assert first == second


def _features(node):
    if "split_feature" in node:
        yield node["split_feature"]
        yield from _features(node["left_child"])
        yield from _features(node["right_child"])
