"""Probabilities are held against the truth value by value, by unit, step and block of time."""

import numpy as np
import pytest

from common.edge.errors import DataError
from common.lab.probabilities import EVERYTHING, Probabilities, squared_losses
from common.lab.usecase import Examples


def examples_of(target, slots=None):
    """Two rows of zone b, one of zone a, on two days; two steps each."""
    target = np.array(target, dtype=float)
    days = np.array(["2025-03-03", "2025-03-04", "2025-03-04"], dtype="datetime64[D]")
    return Examples(
        inputs={},
        target=target,
        slots=np.tile([0, 1], (3, 1)) if slots is None else np.array(slots),
        units=np.array(["b", "b", "a"]),
        blocks=days.astype(np.int64),
        issued=days.astype("datetime64[s]"),
        days=days,
    )


PROBABILITY = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])


def test_values_are_sorted_by_unit_and_those_without_truth_go() -> None:
    """Five of six are known; zone a comes first with its two values."""
    found = Probabilities.from_examples(examples_of([[0, np.nan], [1, 0], [0, 1]]), PROBABILITY)
    assert found.units.tolist() == ["a", "b"]
    assert found.predicted.tolist() == [0.5, 0.6, 0.1, 0.3, 0.4]
    assert found.actual.tolist() == [0, 1, 0, 1, 0]
    assert found.step.tolist() == [0, 1, 0, 0, 1]
    assert found.counts.tolist() == [2, 3]
    # 2025-03-03 is day 20150; the row of zone b on that day has one known value.
    assert found.blocks.tolist() == [20150, 20151]
    assert found.block_sums(np.ones(5)).tolist() == [1, 4]


def test_one_step_keeps_the_blocks_and_drops_units_without_a_value() -> None:
    """Zone a has no truth at step 1; the day that it alone had stays a block."""
    found = Probabilities.from_examples(
        examples_of([[0, 1], [1, np.nan], [0, np.nan]]), PROBABILITY
    )
    later = found.at_step(1)
    assert later.units.tolist() == ["b"]
    assert later.predicted.tolist() == [0.2]
    assert later.blocks.tolist() == found.blocks.tolist()
    assert later.block_sums(np.ones(1)).tolist() == [1, 0]


def test_a_pooled_mean_weighs_values_and_is_undefined_without_any() -> None:
    """Block 0 holds 1 and 3, block 1 holds 8: (1 + 3 + 2 * 8) / 4, and 4 / 2 alone."""
    found = Probabilities.from_columns(["z"] * 3, [0, 1, 0], [0.1] * 3, blocks=[0, 0, 1])
    values = np.array([1.0, 3.0, 8.0])
    drawn = found.pooled_means(values, np.array([[1.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))
    assert drawn[:2].tolist() == [5.0, 2.0]
    assert np.isnan(drawn[2])


@pytest.mark.parametrize("wrong", [np.nan, -0.01, 1.01])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    """A model that leaves out its hard cases would be flattered."""
    with pytest.raises(DataError, match=r"1 of 2 values to score have no probability in \[0, 1\]"):
        Probabilities.from_columns(["z", "z"], [0, 1], [0.5, wrong])


def test_a_truth_that_is_a_share_is_refused() -> None:
    with pytest.raises(DataError, match="neither 0 nor 1"):
        Probabilities.from_columns(["z"], [0.5], [0.5])


def test_a_missing_probability_does_not_matter_where_nobody_knows_the_truth() -> None:
    found = Probabilities.from_columns(["z", "z"], [0, np.nan], [0.5, np.nan])
    assert len(found) == 1


def test_the_loss_of_a_row_is_the_mean_over_its_known_steps() -> None:
    """0.1 ** 2 alone; (0.7 ** 2 + 0.4 ** 2) / 2; nothing known."""
    examples = examples_of([[0, np.nan], [1, 0], [np.nan, np.nan]])
    unit, block, loss = squared_losses(examples, PROBABILITY, pooled=False)
    assert unit.tolist() == ["b", "b", "a"]
    assert block.tolist() == [20150, 20151, 20151]
    np.testing.assert_allclose(loss, [0.01, 0.325, np.nan])


def test_pooled_losses_are_of_one_unit() -> None:
    """Then every row counts the same, and blocks alone are resampled."""
    unit, _, _ = squared_losses(examples_of(np.zeros((3, 2))), PROBABILITY, pooled=True)
    assert unit.tolist() == [EVERYTHING] * 3


def test_slots_say_which_step_a_target_is_held_against() -> None:
    """The first target of each row is of step 1, the second is of none."""
    examples = examples_of([[1, 0], [0, 0], [0, 0]], slots=[[1, -1]] * 3)
    found = Probabilities.from_examples(examples, PROBABILITY)
    assert found.predicted.tolist() == [0.6, 0.2, 0.4]
    assert found.step.tolist() == [1, 1, 1]
    _, _, loss = squared_losses(examples, PROBABILITY, pooled=True)
    # Squares of 1 - 0.2, of 0.4 and of 0.6.
    np.testing.assert_allclose(loss, [0.64, 0.16, 0.36])
