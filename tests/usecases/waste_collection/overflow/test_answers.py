"""From seven daily log-odds to a week: chances, exact Shapley values, levels."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.lab.usecase import Answer, Features
from usecases.waste_collection.overflow.answers import (
    CERTAIN,
    finish,
    over_the_week,
    shapley_weights,
)

DAILY = st.floats(-7, 7, width=32)


def answered(daily: np.ndarray, levels: np.ndarray, *, full: bool = False) -> dict[str, np.ndarray]:
    """Finish one row whose head has one part."""
    context = {"levels": levels[None].astype("float32"), "full": np.full((1, 1), float(full), "f4")}
    row = daily[None].astype("float32")
    answer = Answer(row, row[..., None], 0.0, None)
    return finish(np, {}, Features({}, context), answer)


@settings(max_examples=50)
@given(st.lists(DAILY, min_size=7, max_size=7))
def test_the_chance_of_a_week_is_one_less_the_product_of_seven_days(daily: list[float]) -> None:
    """Whatever the days: 1 - prod(1 - p), to float32."""
    _, parts = over_the_week(np, 0.0, np.array(daily, dtype="float32").reshape(1, 7, 1))
    reference, _ = over_the_week(np, 0.0, np.zeros((1, 7, 1), dtype="float32"))
    found = 1 / (1 + np.exp(-(reference + parts[..., 0]).astype(float)))[0]
    each = 1 / (1 + np.exp(-np.array(daily)))
    np.testing.assert_allclose(found, 1 - np.cumprod(1 - each), rtol=2e-4, atol=1e-6)


def test_parts_are_the_mean_over_all_orders_in_which_parts_can_enter() -> None:
    """Three parts, six orders, by the definition (Shapley 1953)."""
    rng = np.random.default_rng(0)
    contributions, baseline = rng.normal(0, 1, (1, 7, 3)), -1.5

    def worth(held: tuple[int, ...]) -> np.ndarray:
        daily = baseline + contributions[0][:, list(held)].sum(axis=1)
        reached = 1 - np.cumprod(1 - 1 / (1 + np.exp(-daily)))
        return np.log(reached / (1 - reached))

    expected = np.zeros((7, 3))
    for order in permutations(range(3)):
        for place, part in enumerate(order):
            expected[:, part] += (worth(order[: place + 1]) - worth(order[:place])) / 6
    _, parts = over_the_week(np, baseline, contributions)
    np.testing.assert_allclose(parts[0], expected, atol=1e-5)


def test_weights_of_a_part_add_up_to_nothing_and_those_with_it_to_one() -> None:
    """A part that changes nothing gets nothing."""
    weights = shapley_weights(4)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.maximum(weights, 0).sum(axis=1), 1)


def test_the_levels_agree_with_the_chance_of_80_percent() -> None:
    """Whatever the table says, the chances of 80 and 100 % add up to the head's."""
    table = np.tile([0.3, 0.2, 0.2, 0.2, 0.08, 0.02], (7, 1))
    found = answered(np.full(7, -1.0), table)
    assert found["level_distribution"][0, :, 4:].sum(axis=1) == pytest.approx(
        found["p_ge80"][0], abs=1e-5
    )
    assert (np.diff(found["p_full"][0]) >= 0).all()
    assert (found["p_full"] <= found["p_ge80"]).all()
    assert (found["low_80"] <= found["high_80"]).all()


def test_a_container_at_80_percent_is_certain_and_says_so_by_its_level() -> None:
    """The first part carries what certainty adds; base plus parts still is the answer."""
    found = answered(np.full(7, -3.0), np.tile([0, 0, 0, 0, 0.9, 0.1], (7, 1)), full=True)
    np.testing.assert_allclose(found["log_odds"], CERTAIN, atol=1e-5)
    total = found["baseline"] + found["contributions"].sum(axis=-1)
    np.testing.assert_allclose(total, CERTAIN, atol=1e-5)
    np.testing.assert_allclose(found["p_full"], 0.1, atol=1e-4)


def test_quantiles_are_steps_of_the_sensor() -> None:
    """0.6 at 40 %, 0.4 at 60 %, log-odds of 80 % as the head's: the first step that holds half."""
    found = answered(np.full(7, -8.0), np.tile([0, 0, 0.6, 0.3997, 0.0003, 0], (7, 1)))
    assert found["q50"][0, 0] == 40
    assert found["q90"][0, 0] == 60
