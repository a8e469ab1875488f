"""AdditiveModel says the same as the model it was compiled from, and so does its graph."""

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import DataError, UsageError
from common.lab.graph.additive import (
    AdditiveModel,
    compile_ebm,
    compile_lightgbm,
)
from common.lab.graph.fragments import IR_VERSION, ML_OPSET, OPSET
from common.lab.graph.parity import (
    MAX_ERROR_OVER_SPREAD,
    adversarial_matrix,
    check_head,
    open_session,
    run_model,
)
from common.lab.graph.parts import Axis, Grid, Linear, Steps
from common.lab.graph.trees import floor32, read_lightgbm

Matrix = npt.NDArray[np.float32]
PAIRS = {
    "gam": [],
    "ga2m": [[0, 1]],
    "overlapping": [[0, 1], [0, 2], [1, 3], [0, 3]],
}


SHAP_IMPORT = pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")


def friedman(n_rows: int = 1500, *, missing: float = 0.0) -> tuple[Matrix, npt.NDArray[Any]]:
    """Friedman's first function of five features, four of them here, with an interaction."""
    rng = np.random.default_rng(7)
    X = rng.random((n_rows, 5)).astype(np.float32)
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3]
    X[rng.random(X.shape) < missing] = np.nan
    return X, y + rng.normal(0.0, 1.0, n_rows)


def train(
    X: npt.NDArray[Any],
    y: npt.NDArray[Any],
    pairs: list[list[int]] | None,
    *,
    n_trees: int = 60,
    **parameters: Any,
) -> lightgbm.Booster:
    """Train LightGBM; ``pairs`` None leaves it free."""
    options = {"num_leaves": 8, "verbosity": -1, "num_threads": 1, "seed": 3, **parameters}
    if pairs is not None:
        options["interaction_constraints"] = [[j] for j in range(X.shape[1])] + pairs
    categories = options.pop("categorical_feature", "auto")
    rows = lightgbm.Dataset(X, y, params=options, categorical_feature=categories)
    return lightgbm.train(options, rows, n_trees)


@SHAP_IMPORT
@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("form", PAIRS)
def test_contributions_are_interventional_shapley_values(form: str, missing: float) -> None:
    """The audit by shap, on the same background of 100 rows (it keeps no more)."""
    import shap

    X, y = friedman(missing=missing)
    booster = train(X, y, PAIRS[form])
    model = compile_lightgbm([booster], X[:100])
    explainer = shap.TreeExplainer(
        booster, data=X[:100], feature_perturbation="interventional", model_output="raw"
    )
    expected = explainer.shap_values(X[:200], check_additivity=False)
    spread = booster.predict(X).std()
    error = np.abs(model.contributions(X[:200]) - expected).max() / spread
    assert error < 1e-6
    assert model.base == pytest.approx(float(np.ravel(explainer.expected_value)[0]), abs=1e-5)


@SHAP_IMPORT
def test_bags_are_explained_by_the_mean_of_their_explanations() -> None:
    """Shapley values are linear in the model, so those of a mean are the mean."""
    import shap

    X, y = friedman()
    bags = [
        train(X, y, PAIRS["ga2m"], seed=seed, bagging_fraction=0.6, bagging_freq=1)
        for seed in (1, 2, 3)
    ]
    model = compile_lightgbm(bags, X[:100])
    each = [
        shap.TreeExplainer(bag, data=X[:100], feature_perturbation="interventional").shap_values(
            X[:100], check_additivity=False
        )
        for bag in bags
    ]
    predicted = np.mean([bag.predict(X) for bag in bags], axis=0)
    assert np.abs(model.predict(X) - predicted).max() < 1e-9
    error = np.abs(model.contributions(X[:100]) - np.mean(each, axis=0)).max()
    assert error / predicted.std() < 1e-6


@pytest.mark.parametrize("missing", [0.0, 0.15])
@pytest.mark.parametrize("form", PAIRS)
@pytest.mark.parametrize("boosting", ["gbdt", "dart"])
def test_no_adversarial_row_is_rerouted(form: str, missing: float, boosting: str) -> None:
    """Rows on thresholds, beside them, NaN, infinite: graph and LightGBM agree."""
    X, y = friedman(missing=missing)
    booster = train(X, y, PAIRS[form], boosting=boosting)
    model = compile_lightgbm([booster], X)
    rows = adversarial_matrix(model.thresholds(), np.random.default_rng(0), 4000, infinite=True)
    report = check_head(model, booster.predict, rows, contributions=model.contributions(rows))
    assert report.n_rerouted == 0
    assert report.worst_error_over_spread <= MAX_ERROR_OVER_SPREAD
    assert report.contributions_error <= MAX_ERROR_OVER_SPREAD


def test_missing_values_unseen_in_training_go_where_lightgbm_sends_them() -> None:
    """Without NaN in training LightGBM reads NaN as 0; thresholds of both signs are met."""
    X, y = friedman()
    X -= np.float32(0.5)
    booster = train(X, y, PAIRS["ga2m"])
    rows = X[:300].copy()
    rows[np.random.default_rng(1).random(rows.shape) < 0.5] = np.nan
    assert check_head(compile_lightgbm([booster], X), booster.predict, rows).passed


def test_one_line_and_a_batch_give_the_same_bits() -> None:
    """Also with a feature in four pairs, whose halves are summed."""
    X, y = friedman(missing=0.1)
    pairs = [[0, 1], [0, 2], [0, 3], [0, 4]]
    model = compile_lightgbm([train(X, y, pairs)], X).add_linear(np.full(5, 0.3), np.full(5, 0.5))
    session = open_session(model.to_onnx())
    raw, contributions = session.run(None, {"X": X})
    for width in (1, 3, 24, 100):
        for start in range(0, 300, 37):
            part = slice(start, start + width)
            alone = session.run(None, {"X": X[part].copy()})
            assert np.array_equal(alone[0], raw[part])
            assert np.array_equal(alone[1], contributions[part])


@pytest.mark.filterwarnings("ignore:Missing values detected")
@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_an_explainable_boosting_machine_compiles(kind: str) -> None:
    """Missing values included; features 0 and 1 are coarser in their pair than alone."""
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    X, y = friedman(600)
    X[::7, 2] = np.nan
    options = {"interactions": [(0, 1)], "outer_bags": 2, "max_rounds": 40, "n_jobs": 1}
    if kind == "regressor":
        ebm = ExplainableBoostingRegressor(**options).fit(X, y)
        reference = ebm.predict
    else:
        ebm = ExplainableBoostingClassifier(**options).fit(X, y > np.median(y))
        reference = ebm.decision_function
    model = compile_ebm(ebm, X)
    rows = adversarial_matrix(model.thresholds(), np.random.default_rng(0), 2000)
    report = check_head(model, reference, rows, contributions=model.contributions(rows))
    assert report.passed, report


def test_an_edge_of_an_ebm_belongs_to_the_bin_above() -> None:
    """EBM sends ``x == edge`` right, where LightGBM sends ``x == threshold`` left."""

    class Ebm:
        term_features_ = ((0,),)
        term_scores_ = (np.array([7.0, 1.0, 2.0, 9.0]),)  # missing, below, above, unseen
        bins_ = ([np.array([0.5])],)
        intercept_ = 10.0

    model = compile_ebm(Ebm(), np.array([[0.0], [1.0]]))
    below = np.nextafter(np.float32(0.5), np.float32(0))
    assert model.predict([[below], [0.5], [np.nan]]).tolist() == [11.0, 12.0, 17.0]
    assert model.base == 11.5  # 10 + (1 + 2) / 2


def test_trees_on_the_residual_of_a_linear_stage_are_one_model() -> None:
    """The ridge's NaN take the fill; the sum is what two models give one after the other."""
    X, y = friedman(missing=0.1)
    means = np.nanmean(X.astype(np.float64), axis=0)
    filled = np.where(np.isnan(X), means, X)
    slopes, *_ = np.linalg.lstsq(filled - means, y - y.mean(), rcond=None)
    slopes[4] = 0.0
    line = y.mean() + (filled - means) @ slopes
    booster = train(X, y - line, PAIRS["ga2m"])
    model = compile_lightgbm([booster], X).add_linear(slopes, means, intercept=float(y.mean()))
    expected = line + booster.predict(X)
    assert np.abs(model.predict(X) - expected).max() < 1e-5  # means - means in float64
    assert check_head(model, lambda _: expected, X, contributions=model.contributions(X)).passed


def test_a_feature_that_is_infinite_is_ignored_by_a_zero_slope() -> None:
    """0 * inf is NaN: the graph must not multiply it."""
    model = AdditiveModel(2, 1.0).add_linear([2.0, 0.0], [0.0, 0.0])
    row = np.array([[3.0, np.inf]], dtype=np.float32)
    assert model.predict(row).tolist() == [7.0]  # 1 + 2 * 3
    assert run_model(model.to_onnx(), {"X": row})["raw"].tolist() == [7.0]


numbers = st.floats(-1e3, 1e3, width=32)


@st.composite
def models(draw: st.DrawFn) -> AdditiveModel:
    """Any small AdditiveModel over three features."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    axes = [
        Axis(j, np.unique(rng.normal(0, 100, draw(st.integers(0, 6))).astype(np.float32)))
        for j in range(3)
    ]
    steps = tuple(Steps(axis, rng.normal(size=len(axis))) for axis in axes if draw(st.booleans()))
    pairs = [(0, 1), (0, 2), (1, 2)]
    grids = tuple(
        Grid(axes[i], axes[j], rng.normal(size=(len(axes[i]), len(axes[j]))))
        for i, j in pairs
        if draw(st.booleans())
    )
    model = AdditiveModel(3, float(rng.normal()), steps, grids)
    return model.add_linear(rng.normal(size=3), np.zeros(3)) if draw(st.booleans()) else model


@settings(max_examples=40, deadline=None)
@given(
    models(),
    st.lists(st.lists(st.one_of(numbers, st.just(np.nan)), min_size=3, max_size=3), min_size=1),
)
def test_base_and_contributions_add_up_to_the_prediction(
    model: AdditiveModel, lines: list[list[float]]
) -> None:
    """In numpy and in the graph, for any parts and any values."""
    X = np.array(lines, dtype=np.float32)
    report = check_head(model, model.predict, X, contributions=model.contributions(X))
    assert report.n_rerouted == 0
    outputs = run_model(model.to_onnx(), {"X": X})
    total = model.base + outputs["contributions"].sum(axis=1, dtype=np.float64)
    scale = 1.0 + np.abs(outputs["contributions"]).sum(axis=1)
    assert np.all(np.abs(outputs["raw"] - total) <= 1e-6 * scale)


def test_a_path_over_three_features_is_refused_by_name() -> None:
    """The message names tree, leaf and features."""
    X, y = friedman()
    booster = train(X, X[:, 0] * X[:, 1] * X[:, 2] + 0 * y, None)
    with pytest.raises(UsageError, match=r"booster 0, tree \d+: the path to leaf node \d+ uses"):
        compile_lightgbm([booster], X)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1}, "averaged"),
        ({"linear_tree": True}, "linear leaves"),
        ({"zero_as_missing": True}, "zero counts as missing"),
        ({"categorical_feature": [0]}, "categorical split"),
        ({"objective": "multiclass", "num_class": 3}, "3 outputs per row"),
    ],
)
def test_what_would_be_silently_wrong_is_refused(parameters: dict[str, Any], message: str) -> None:
    """Kinds of model that converters got wrong (mlops brief 2.1), each with its message."""
    X, y = friedman()
    X[:, 0] = np.floor(4 * X[:, 0])
    X[::3, 1:] = 0.0
    if parameters.get("objective") == "multiclass":
        y = np.digitize(y, np.quantile(y, [0.33, 0.66]))
    booster = train(X, y, [], n_trees=5, **parameters)
    with pytest.raises(UsageError, match=message):
        compile_lightgbm([booster], X)


def test_training_rows_that_float32_moves_over_a_threshold_are_refused() -> None:
    """Raw epochs: float32 steps by 128 s at 1.7e9, so neighbouring rows share a value."""
    rng = np.random.default_rng(0)
    epochs = (1.7e9 + rng.integers(0, 3000, (400, 1))).astype(np.float64)
    booster = train(epochs, np.sin(epochs[:, 0] / 300), [])
    with pytest.raises(DataError, match="change their route in float32"):
        compile_lightgbm([booster], epochs)


def test_values_that_lightgbm_takes_for_zero_go_where_it_sends_them() -> None:
    """LightGBM borders zeros with thresholds at +-1e-35 and predicts -1e-35 as if it were 0.

    The dump says ``x <= -1e-35`` goes left, LightGBM's own prediction goes right.
    """
    rng = np.random.default_rng(0)
    X = np.where(rng.random((500, 1)) < 0.5, 0.0, rng.normal(size=(500, 1))).astype(np.float32)
    booster = train(X, np.where(X[:, 0] == 0, 5.0, X[:, 0]), [])
    tiny = np.float32(1e-35)
    edges = [-2 * tiny, np.nextafter(-tiny, np.float32(-1)), -tiny, -tiny / 2, -0.0, 0.0, tiny]
    rows = np.array([*edges, np.nextafter(tiny, np.float32(1))], dtype=np.float32)[:, None]
    model = compile_lightgbm([booster], X)
    assert np.ptp(booster.predict(rows)) > 1.0
    assert np.abs(model.predict(rows) - booster.predict(rows)).max() < 1e-12
    assert check_head(model, booster.predict, rows).n_rerouted == 0


def test_float64_rows_that_keep_their_routes_are_accepted() -> None:
    """0.1 is no float32, yet no row lies between a threshold and its float32."""
    X = np.arange(300.0).reshape(100, 3) * 0.1
    booster = train(X, X[:, 0] ** 2, [])
    assert len(read_lightgbm(booster, X)) == 60


def test_thresholds_are_floored_not_rounded() -> None:
    """``x <= t`` and ``x <= floor32(t)`` agree for every float32 beside t."""
    t = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-20, 20).repeat(25)
    near = t.astype(np.float32)
    for x in (
        np.nextafter(near, np.float32(-np.inf)),
        near,
        np.nextafter(near, np.float32(np.inf)),
    ):
        assert np.array_equal(x <= floor32(t), x.astype(np.float64) <= t)
    assert floor32(1e300) == np.finfo(np.float32).max
    assert floor32(-1e300) == -np.inf


def test_the_graph_declares_exactly_what_it_uses() -> None:
    """Opset, operators and IR version that onnxruntime 1.20 and later read."""
    X, y = friedman()
    model = compile_lightgbm([train(X, y, PAIRS["ga2m"])], X).to_onnx()
    assert {item.domain: item.version for item in model.opset_import} == {
        "": OPSET,
        "ai.onnx.ml": ML_OPSET,
    }
    assert model.ir_version == IR_VERSION
    assert {node.op_type for node in model.graph.node} == {
        "Add",
        "Cast",
        "Gather",
        "Gemm",
        "MatMul",
        "Squeeze",
        "TreeEnsemble",
    }


def test_a_gam_stays_small() -> None:
    """Equal neighbouring bins and unused features take no room; measured at 6 kB."""
    X, y = friedman()
    gam = compile_lightgbm([train(X, y, [])], X)
    assert len(gam.to_onnx().SerializeToString()) < 30_000
    assert compile_lightgbm([train(X, X[:, 0].copy(), [])], X).thresholds()[4].size == 0


def test_a_step_that_does_not_change_loses_its_threshold() -> None:
    """Values 1, 1, 2 over thresholds 0, 1 need only the threshold 1."""
    steps = Steps(Axis(0, np.array([0, 1], np.float32)), np.array([1.0, 1.0, 2.0, 5.0]))
    assert steps.collapsed().axis.thresholds.tolist() == [1.0]
    assert steps.collapsed().values.tolist() == [1.0, 2.0, 5.0]


@pytest.mark.parametrize(
    "build",
    [
        lambda: Axis(0, np.array([1.0, 1.0], np.float32)),
        lambda: Axis(0, np.array([1.0, 2.0])),
        lambda: Steps(Axis(0, np.zeros(1, np.float32)), np.array([1.0, np.nan, 0.0])),
        lambda: AdditiveModel(1, 0.0, (Steps(Axis(1, np.zeros(0, np.float32)), np.zeros(2)),)),
        lambda: AdditiveModel(1, 0.0, (Steps(Axis(0, np.zeros(0, np.float32)), np.zeros(2)),) * 2),
        lambda: AdditiveModel(2, 0.0).add_linear([1.0], [0.0]),
        lambda: AdditiveModel(1, 0.0, linear=Linear(*np.ones((3, 1)))).add_linear([1.0], [0.0]),
        lambda: AdditiveModel(2, 0.0).predict(np.zeros((4, 3))),
        lambda: compile_lightgbm([], np.zeros((4, 3))),
    ],
)
def test_malformed_parts_are_refused(build: Any) -> None:
    """A model that exists is well formed."""
    with pytest.raises(UsageError, match="expected"):
        build()


def test_parameters_count_every_fitted_number() -> None:
    """1 base + step (1 threshold, 3 values) + grid (1 + 0 thresholds, 3 * 2 cells) + 1 slope."""
    one, none = Axis(0, np.zeros(1, np.float32)), Axis(1, np.zeros(0, np.float32))
    model = AdditiveModel(
        2, 0.0, (Steps(one, np.arange(3.0)),), (Grid(one, none, np.zeros((3, 2))),)
    ).add_linear([0.5, 0.0], [0.0, 0.0])
    assert model.n_parameters == 1 + 4 + 7 + 1
