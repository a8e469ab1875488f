"""Heads say the same in numpy and in the graph, and their reasons add up."""

from dataclasses import replace
from typing import Any

import lightgbm
import ndonnx
import numpy as np
import numpy.typing as npt
import pytest

from common.edge.errors import UsageError
from common.lab.graph.additive import compile_lightgbm
from common.lab.graph.heads import (
    WHOLE_MODEL,
    AdditiveHead,
    Head,
    LinearHead,
    SumHead,
    TreeHead,
)
from common.lab.graph.parity import (
    adversarial_matrix,
    check_head,
    head_model,
    open_session,
    run_model,
)

NAMES = ("a", "b", "c", "d")


def data(n_rows: int = 1000) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Return four features with missing values and a target with a three-way interaction."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n_rows, 4)).astype(np.float32)
    y = X[:, 0] * X[:, 1] * (X[:, 2] > 0) + X[:, 3] + rng.normal(0, 0.1, n_rows)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


def train(*, seed: int = 0, **parameters: Any) -> lightgbm.Booster:
    """Train a free booster of 40 trees."""
    options = {
        "num_leaves": 15,
        "verbosity": -1,
        "num_threads": 1,
        "seed": seed,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        **parameters,
    }
    X, y = data()
    return lightgbm.train(options, lightgbm.Dataset(X, y, params=options), 40)


def edges(head: TreeHead) -> list[npt.NDArray[np.float32]]:
    """Return the thresholds of each feature."""
    return [
        np.unique(np.concatenate([t.threshold[t.feature == j] for t in head.trees]))
        for j in range(len(head.names))
    ]


def heads() -> dict[str, Head]:
    """Return one head of every kind that needs no graph input."""
    X, _ = data()
    gam = train(interaction_constraints=[[0], [1], [2], [3], [0, 1]])
    return {
        "linear": LinearHead(NAMES, (1.0, -2.0, 0.5, 0.0), 3.0, (0.1, 0.2, 0.3, 0.4)),
        "additive": AdditiveHead(compile_lightgbm([gam], X), NAMES),
        "tree": TreeHead.of([train(), train(seed=1)], NAMES),
        "tree, not explained": TreeHead.of([train()], NAMES, explain=False),
    }


@pytest.mark.parametrize("kind", ["linear", "additive", "tree", "tree, not explained"])
def test_the_traced_head_equals_the_numpy_head(kind: str) -> None:
    """Prediction and contributions, and the former is the baseline plus the latter."""
    head = heads()[kind]
    X = np.nan_to_num(data(300)[0]) if kind == "linear" else data(300)[0]
    raw, contributions = head(np, X, {})
    found = run_model(head_model(head, 4), {"X": X})
    assert contributions.shape == (300, len(head.terms))
    np.testing.assert_allclose(raw, head.baseline + contributions.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found["raw"], raw, atol=2e-6 * np.abs(raw).max())
    np.testing.assert_allclose(found["contributions"], contributions, atol=5e-6)
    assert head.reads == NAMES
    assert head.n_parameters > 0


@pytest.mark.parametrize("kind", ["linear", "additive", "tree"])
def test_one_line_and_a_batch_give_the_same_bits(kind: str) -> None:
    """A citizen's answer must not depend on who asks at the same time."""
    head = heads()[kind]
    X = data(200)[0]
    session = open_session(head_model(head, 4))
    raw, contributions = session.run(None, {"X": X})
    for start in range(0, 150, 13):
        for width in (1, 5, 24):
            part = slice(start, start + width)
            alone = session.run(None, {"X": X[part].copy()})
            np.testing.assert_array_equal(alone[0], raw[part])
            np.testing.assert_array_equal(alone[1], contributions[part])


@pytest.mark.parametrize("kind", ["additive", "tree, not explained"])
def test_a_free_model_and_a_spread_share_one_graph(kind: str) -> None:
    """ai.onnx.ml 5 deprecates the operator of explained trees: the others go without it."""
    point, spread = heads()["tree"], replace(heads()[kind], compact=False)
    matrix = ndonnx.argument(shape=("lines", 4), dtype=ndonnx.float32)
    outputs = {"point": point(ndonnx, matrix, {})[0], "spread": spread(ndonnx, matrix, {})[0]}
    X = data(100)[0]
    found = run_model(ndonnx.build({"X": matrix}, outputs), {"X": X})
    np.testing.assert_allclose(found["point"], point(np, X, {})[0], atol=5e-6)
    np.testing.assert_allclose(found["spread"], spread(np, X, {})[0], atol=5e-6)


def walk(node: dict[str, Any], row: npt.NDArray[Any]) -> tuple[float, npt.NDArray[np.float64]]:
    """Return root value and path contributions of one row, straight from the dump."""

    def mean(part: dict[str, Any]) -> tuple[float, int]:
        if "leaf_value" in part:
            return part["leaf_value"], part["leaf_count"]
        (a, n), (b, m) = mean(part["left_child"]), mean(part["right_child"])
        return (a * n + b * m) / (n + m), n + m

    shares = np.zeros(len(row))
    root = mean(node)[0]
    while "split_feature" in node:
        x = float(row[node["split_feature"]])
        left = node["default_left"] if np.isnan(x) else x <= node["threshold"]
        child = node["left_child" if left else "right_child"]
        shares[node["split_feature"]] += mean(child)[0] - mean(node)[0]
        node = child
    return root, shares


def test_path_contributions_are_those_of_a_slow_walk() -> None:
    """Row by row, split by split, from LightGBM's own dump."""
    booster = train()
    head = TreeHead.of([booster], NAMES)
    X = data(25)[0]
    _, contributions = head(np, X, {})
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    for row, found in zip(X, contributions, strict=True):
        walks = [walk(tree, row) for tree in trees]
        np.testing.assert_allclose(found, sum(shares for _, shares in walks), atol=1e-12)
        assert head.baseline == pytest.approx(sum(root for root, _ in walks), abs=1e-12)


@pytest.mark.parametrize("explain", [True, False])
def test_no_adversarial_row_is_rerouted_in_free_trees(explain: bool) -> None:
    """Bags averaged; thresholds, their neighbours, NaN, infinities."""
    boosters = [train(), train(seed=1), train(seed=2, boosting="dart")]
    head = TreeHead.of(boosters, NAMES, explain=explain)
    X = adversarial_matrix(edges(head), np.random.default_rng(0), 4000, infinite=True)
    report = check_head(
        head,
        lambda rows: np.mean([booster.predict(rows) for booster in boosters], axis=0),
        X,
        contributions=head(np, X, {})[1],
    )
    assert report.passed, report
    assert head.additive is False


def test_a_large_yardstick_may_export_its_prediction_alone() -> None:
    """One target per leaf instead of one per feature of its path: a smaller file."""
    plain = TreeHead.of([train()], NAMES, explain=False)
    full = TreeHead.of([train()], NAMES)
    sizes = [len(head.to_onnx().SerializeToString()) for head in (plain, full)]
    assert plain.terms == (WHOLE_MODEL,)
    assert sizes[0] < 0.5 * sizes[1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"boosting": "rf"}, "averaged"),
        ({"linear_tree": True}, "linear leaves"),
        ({"zero_as_missing": True, "use_missing": True}, "zero counts as missing"),
    ],
)
def test_free_trees_that_would_be_silently_wrong_are_refused(
    parameters: dict[str, Any], message: str
) -> None:
    """The same reader as for additive models refuses them."""
    booster = train(**parameters)
    with pytest.raises(UsageError, match=message):
        TreeHead.of([booster], NAMES)


def test_week_persistence_is_a_linear_head() -> None:
    """No AI: coefficient 1, mean 0, baseline 0; the prediction is last week's load."""
    head = LinearHead(("load_last_week",), (1.0,), baseline=0.0, means=(0.0,))
    raw, contributions = head(np, np.array([[42.0]], dtype=np.float32), {})
    assert raw.tolist() == [42.0]
    assert contributions.tolist() == [[42.0]]


@pytest.mark.parametrize(
    "build",
    [
        lambda: LinearHead((), (), 0.0, ()),
        lambda: LinearHead(("a",), (1.0, 2.0), 0.0, (0.0,)),
        lambda: LinearHead(("a",), (1.0,), 0.0, (0.0,))(np, np.zeros((2, 3)), {}),
        lambda: TreeHead.of([], NAMES),
        lambda: TreeHead.of([train()], NAMES[:2]),
    ],
)
def test_malformed_heads_are_refused(build: Any) -> None:
    """A head that exists is well formed."""
    with pytest.raises(UsageError, match="expected"):
        build()


def summed(explain: bool = True) -> SumHead:
    """Return a line and trees on the same four columns."""
    line = LinearHead(NAMES, (1.0, -2.0, 0.5, 0.0), 3.0, (0.1, 0.2, 0.3, 0.4))
    return SumHead((line, TreeHead.of([train()], NAMES, explain=explain)))


def test_contributions_of_the_same_name_add_up() -> None:
    """10 + 2 (5 - 3) and 1 - 1 (5 - 4): baseline 11, contribution 4 - 1 = 3, prediction 14."""
    head = SumHead(
        (LinearHead(("x",), (2.0,), 10.0, (3.0,)), LinearHead(("x",), (-1.0,), 1.0, (4.0,)))
    )
    raw, contributions = head(np, np.array([[5.0]], dtype=np.float32), {})
    assert (head.baseline, raw.tolist(), contributions.tolist()) == (11.0, [14.0], [[3.0]])
    assert head.terms == ("x",)
    assert head.n_parameters == 4
    assert np.asarray(head.thresholds()[0]).tolist() == [3.0, 4.0]


def test_other_names_stand_side_by_side() -> None:
    """Trees that do not explain themselves add one term of their own after the line's four."""
    head = summed(explain=False)
    X = np.nan_to_num(data(50)[0])
    raw, contributions = head(np, X, {})
    assert head.terms == (*NAMES, WHOLE_MODEL)
    parts = [part(np, X, {})[1] for part in head.heads]
    np.testing.assert_allclose(contributions, np.hstack(parts), rtol=1e-6)
    np.testing.assert_allclose(raw, head.baseline + contributions.sum(axis=1), atol=1e-5)


@pytest.mark.parametrize("explain", [True, False])
def test_a_traced_sum_equals_the_sum_in_numpy(explain: bool) -> None:
    """Prediction and contributions, in one graph."""
    head, X = summed(explain), np.nan_to_num(data(200)[0])
    raw, contributions = head(np, X, {})
    found = run_model(head_model(head, 4), {"X": X})
    np.testing.assert_allclose(found["raw"], raw, atol=5e-6 * np.abs(raw).max())
    np.testing.assert_allclose(found["contributions"], contributions, atol=1e-5)


def test_a_sum_is_additive_where_all_its_heads_are() -> None:
    """Shapley values add up; path contributions spoil them."""
    line = summed().heads[0]
    assert SumHead((line, line)).additive
    assert not summed().additive


@pytest.mark.parametrize(
    "parts", [(), (LinearHead(("a",), (1.0,), 0, (0.0,)), LinearHead(("b",), (1.0,), 0, (0.0,)))]
)
def test_heads_on_other_columns_are_not_added(parts: tuple[Head, ...]) -> None:
    """Nor is nothing a sum."""
    with pytest.raises(UsageError, match="all on the same matrix"):
        SumHead(parts)
