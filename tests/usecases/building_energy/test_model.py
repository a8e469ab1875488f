"""The learnt rungs: what they learn, that their reasons add up, that a seed decides all."""

from dataclasses import replace

import numpy as np
import pytest

from common.lab import graph
from common.lab.usecase import Array, Fitted, Training
from usecases.building_energy.model import (
    ELECTRICITY_DESIGN,
    ELECTRICITY_RUNGS,
    PAIRS,
    Trees,
    additive,
    boosted,
    linear,
)
from usecases.building_energy.tasks import ELECTRICITY

GA2M = Trees(rounds=40, leaves=8, max_bin=31, min_rows=100, pairs=PAIRS, bags=2)
FREE = Trees(rounds=30, leaves=15, min_rows=100)
PLACE = {term.name: place for place, term in enumerate(ELECTRICITY.terms)}


def read_by(fitted: Fitted, training: Training) -> Array:
    """Return the columns that the point head reads."""
    return training.matrix[:, [PLACE[name] for name in fitted.point.reads]]


def on_even_days(training: Training) -> Array:
    """Tell which lines belong to the days that models are fitted on."""
    return training.days.astype(np.int64) % 2 == 0


def as_bytes(rung_name: str, fitted: Fitted) -> bytes:
    """Return the exported graph."""
    rung = next(rung for rung in ELECTRICITY_RUNGS if rung.name == rung_name)
    return graph.assemble(ELECTRICITY, rung, fitted).SerializeToString()


@pytest.fixture(scope="module")
def line(training: Training) -> Fitted:
    return linear(ELECTRICITY_DESIGN, training)


@pytest.fixture(scope="module")
def ga2m(training: Training) -> Fitted:
    return additive(ELECTRICITY_DESIGN, GA2M, training)


@pytest.fixture(scope="module")
def free(training: Training) -> Fitted:
    return boosted(ELECTRICITY_DESIGN, FREE, training)


@pytest.fixture(params=["line", "ga2m", "free"])
def fitted(request: pytest.FixtureRequest) -> Fitted:
    return request.getfixturevalue(request.param)


def test_contributions_add_up_to_what_the_library_predicts(
    fitted: Fitted, training: Training
) -> None:
    """Baseline plus contributions is the prediction, and that of sklearn and LightGBM."""
    X = read_by(fitted, training)[::7]
    raw, contributions = fitted.point(np, X, {})
    assert contributions.shape == (len(X), len(fitted.point.terms))
    np.testing.assert_allclose(raw, fitted.point.baseline + contributions.sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(raw, fitted.reference(X), atol=1e-5)


def test_spread_is_a_positive_sum_of_instabilities(fitted: Fitted, training: Training) -> None:
    """Every coefficient is at least 0 and some spread is left at every line."""
    spread = fitted.spread
    assert set(spread.reads) == {"instability", "hour_instability", "expected"}
    assert min(spread.coefficients) >= 0
    assert spread.baseline >= 0
    columns = training.matrix[:, [PLACE[name] for name in spread.reads]]
    found, _ = spread(np, columns, {})
    assert (found[columns.min(axis=1) >= 0] > 0).all()


def test_no_factor_would_bring_the_spread_nearer_to_the_error(
    fitted: Fitted, training: Training
) -> None:
    """Least squares on the days that models were not fitted on: sum of w s (|e| - s) is 0.

    Any positive combination obeys it, as scaling it up or down is one of its freedoms.
    """
    rows = ~on_even_days(training)
    columns = training.matrix[:, [PLACE[name] for name in fitted.spread.reads]][rows]
    spread, _ = fitted.spread(np, columns.astype(np.float64), {})
    error = np.abs(training.target[rows] - fitted.reference(read_by(fitted, training)[rows]))
    weighted = training.weight[rows] * spread
    assert (weighted @ error) / (weighted @ spread) == pytest.approx(1, abs=1e-4)


def test_linear_contributions_are_centred(line: Fitted, training: Training) -> None:
    """Over the lines that it was fitted on every term gives and takes alike."""
    rows = on_even_days(training)
    _, contributions = line.point(np, read_by(line, training)[rows].astype(np.float64), {})
    np.testing.assert_allclose(contributions.mean(axis=0), 0, atol=1e-6)


def test_linear_keeps_the_anchor_and_finds_what_strays_from_it(training: Training) -> None:
    """Expected day plus 0.5 of the last day's gap plus 0.1, no noise, hardly any ridge."""
    expected, gap = (training.matrix[:, PLACE[name]] for name in ("expected", "last_day_gap"))
    drawn = replace(training, target=(expected + 0.5 * gap + 0.1).astype(np.float64))
    head = linear(replace(ELECTRICITY_DESIGN, ridge=1e-9), drawn).point
    found = dict(zip(head.terms, head.coefficients, strict=True))
    assert found.pop("expected") == 1
    assert found.pop("last_day_gap") == pytest.approx(0.5, abs=1e-3)
    np.testing.assert_allclose(list(found.values()), 0, atol=2e-3)
    at_zero = head.baseline - np.dot(head.coefficients, head.means)
    assert at_zero == pytest.approx(0.1, abs=1e-3)


def test_models_look_at_every_second_day(training: Training) -> None:
    """Absurd targets on odd days leave the line as it was; on even days they do not."""
    heads = []
    for rows in (np.zeros(len(training.target), bool), ~on_even_days(training)):
        poisoned = np.where(rows, 1e6, training.target)
        heads.append(linear(ELECTRICITY_DESIGN, replace(training, target=poisoned)).point)
    assert heads[0] == heads[1]
    poisoned = np.where(on_even_days(training), 1e6, training.target)
    assert linear(ELECTRICITY_DESIGN, replace(training, target=poisoned)).point != heads[0]


@pytest.mark.parametrize(("phase", "read"), [(0, True), (1, False), (2, True), (3, False)])
def test_bags_take_the_even_days_in_turn(phase: int, read: bool, training: Training) -> None:
    """Targets of every fourth day move by 0.5 where two bags share the even days.

    Days 0 of 4 are the first bag's, days 2 the second's; odd days are nobody's.
    """
    settings = replace(GA2M, rounds=3)
    moved = training.days.astype(np.int64) % 4 == phase
    target = np.where(moved, training.target + 0.5, training.target)
    heads = [
        additive(ELECTRICITY_DESIGN, settings, data).point
        for data in (training, replace(training, target=target))
    ]
    X = training.matrix[::50, [PLACE[name] for name in heads[0].reads]]
    found = [head(np, X, {})[0] for head in heads]
    assert np.array_equal(*found) != read


def test_trees_learn_something_that_the_line_does_not(
    line: Fitted, ga2m: Fitted, free: Fitted, training: Training
) -> None:
    """On the lines they were fitted on, pairs err less than the line, free trees as well."""
    losses = []
    for fitted in (line, ga2m, free):
        error = training.target - fitted.point(np, read_by(fitted, training), {})[0]
        losses.append(np.average(error**2, weights=training.weight))
    assert max(losses[1:]) < 0.97 * losses[0]


def test_only_the_additive_rungs_are_called_additive(
    line: Fitted, ga2m: Fitted, free: Fitted
) -> None:
    """Path contributions of free trees are not Shapley values, and say so."""
    assert [fitted.point.additive for fitted in (line, ga2m, free)] == [True, True, False]


@pytest.mark.parametrize("name", ["linear", "additive", "boosted_small"])
def test_the_same_seed_gives_the_same_bytes(name: str, training: Training) -> None:
    """A bundle can be made again from its record."""
    fits = {
        "linear": lambda: linear(ELECTRICITY_DESIGN, training),
        "additive": lambda: additive(ELECTRICITY_DESIGN, replace(GA2M, rounds=5), training),
        "boosted_small": lambda: boosted(ELECTRICITY_DESIGN, replace(FREE, rounds=5), training),
    }
    assert as_bytes(name, fits[name]()) == as_bytes(name, fits[name]())


def test_only_declared_pairs_share_a_path(training: Training) -> None:
    """Each feature alone, then the twelve pairs, by their place in the matrix."""
    terms = ("clock_hour", "kind_of_day", "expected")
    settings = replace(GA2M, pairs=(("clock_hour", "expected"),)).parameters(terms, seed=3)
    assert settings["interaction_constraints"] == [[0], [1], [2], [0, 2]]
    assert "interaction_constraints" not in FREE.parameters(terms, seed=3)


@pytest.mark.parametrize("rung", [rung.name for rung in ELECTRICITY_RUNGS[:3]])
def test_rungs_without_ai_copy_a_column(rung: str, training: Training) -> None:
    """Coefficient 1, baseline 0: what the citizen is told is what is done."""
    column = {"week_persistence": "week_before", "four_weeks": "four_weeks"}.get(rung, "expected")
    fitted = next(found for found in ELECTRICITY_RUNGS if found.name == rung).fit(training)
    values = training.matrix[:20, [PLACE[column]]]
    assert fitted.point.reads == (column,)
    np.testing.assert_array_equal(fitted.point(np, values, {})[0], values[:, 0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")  # shap's colours
def test_contributions_are_interventional_shapley_values(training: Training) -> None:
    """shap's permutations, exact for pairs, on the same background of 100 lines.

    Forward and backward passes cancel what depends on the order wherever no more than two
    features act together; `reference` is LightGBM's own prediction, our compiler is not asked.
    """
    import shap

    some = np.linspace(0, len(training.target) - 1, 100).astype(int)
    small = replace(
        training,
        matrix=training.matrix[some],
        target=training.target[some],
        weight=training.weight[some],
        units=training.units[some],
        days=training.days[some],
    )
    settings = replace(GA2M, rounds=20, min_rows=5)
    fitted = additive(ELECTRICITY_DESIGN, settings, small)
    background, X = read_by(fitted, small), read_by(fitted, training)[5::3001]
    explain = shap.explainers.Permutation(
        fitted.reference, shap.maskers.Independent(background, max_samples=100), seed=0
    )
    expected = explain(X, max_evals=2 * X.shape[1] + 1, silent=True)
    _, contributions = fitted.point(np, X, {})
    spread = np.std(fitted.reference(read_by(fitted, training)))
    np.testing.assert_allclose(contributions, expected.values, atol=1e-4 * spread)
    np.testing.assert_allclose(fitted.point.baseline, expected.base_values, atol=1e-4 * spread)
