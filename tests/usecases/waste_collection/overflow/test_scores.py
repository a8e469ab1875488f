"""Chances and levels against what was seen: weights, weeks, rankings."""

import numpy as np
import pytest

from common.lab import metrics
from common.lab.usecase import Examples
from usecases.waste_collection.overflow.scores import METRICS, held_of

BY_NAME = {metric.name: metric for metric in METRICS}


def rows(reached: np.ndarray, weight: np.ndarray, level: np.ndarray) -> Examples:
    """One container, a week per row."""
    n = len(reached)
    return Examples(
        inputs={},
        target=np.concatenate([reached, weight, level, level], axis=1),
        slots=np.zeros((n, 28), int),
        units=np.array(["a"] * n),
        blocks=np.arange(n),
        issued=np.arange(n).astype("M8[s]"),
        days=np.arange(n).astype("M8[D]"),
    )


def outputs(chance: np.ndarray) -> dict[str, np.ndarray]:
    shape = np.ones_like(chance)
    return {"p_ge80": chance, "q10": 20 * shape, "q50": 40 * shape, "q90": 60 * shape,
            "low_80": 20 * shape, "high_80": 60 * shape}  # fmt: skip


def blank(n: int) -> np.ndarray:
    return np.full((n, 7), np.nan)


def test_horizons_count_the_same_however_many_windows_are_hidden() -> None:
    """Day 1: errors 0 and 0; day 7, one window of weight 3: error 1. (0 + 1) / 2, roughly."""
    reached, weight = blank(2), blank(2)
    reached[:, 0], weight[:, 0] = 1.0, 1.0
    reached[0, 6], weight[0, 6] = 1.0, 3.0
    chance = np.ones((2, 7))
    chance[0, 6] = 0.0
    found = held_of(rows(reached, weight, blank(2)), outputs(chance))
    # weights over their horizon's mean: 1, 1 and 1, so (0 + 0 + 1) / 3
    assert metrics.value(BY_NAME["ipcw_brier"], found) == pytest.approx(1 / 3)
    assert metrics.value(BY_NAME["ipcw_brier_7"], found) == 1.0


def test_weights_count_within_a_horizon() -> None:
    """Weights 1 and 3, errors 0 and 1: 3 / 4."""
    reached, weight = blank(2), blank(2)
    reached[:, 0], weight[:, 0] = 1.0, (1.0, 3.0)
    chance = np.ones((2, 7))
    chance[1, 0] = 0.0
    found = held_of(rows(reached, weight, blank(2)), outputs(chance))
    assert metrics.value(BY_NAME["ipcw_brier_1"], found) == 0.75


def test_a_perfect_ranking_at_two_days_has_precision_and_area_one() -> None:
    """Both measures look at the second day only."""
    reached, weight = blank(3), blank(3)
    reached[:, 1], weight[:, 1] = (1.0, 0.0, 0.0), 1.0
    chance = np.full((3, 7), 0.5)
    chance[:, 1] = (0.9, 0.2, 0.1)
    found = held_of(rows(reached, weight, blank(3)), outputs(chance))
    assert metrics.value(BY_NAME["auroc_2"], found) == 1.0
    assert metrics.value(BY_NAME["precision_2"], found) == 1.0


def test_levels_are_scored_up_to_three_days_only() -> None:
    """20, 60 and 80 against [20, 60]: two of three; the fourth day does not count."""
    level = blank(1)
    level[0, :4] = (20.0, 60.0, 80.0, 100.0)
    reached, weight = np.zeros((1, 7)), np.ones((1, 7))
    found = held_of(rows(reached, weight, level), outputs(np.zeros((1, 7))))
    assert metrics.value(BY_NAME["coverage_80"], found) == pytest.approx(200 / 3)
    assert metrics.value(BY_NAME["mae_1"], found) == 20.0
    assert metrics.value(BY_NAME["mae_3"], found) == 40.0
