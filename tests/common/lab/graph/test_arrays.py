"""The array functions give the same in numpy and in a traced graph, NaN included."""

import ndonnx as ndx
import numpy as np
import pytest

from common.lab import graph
from common.lab.graph import arrays

VALUES = np.array([[1, np.nan, 2, -3], [np.nan] * 4, [0, 0, 5, 1]], dtype=np.float32)
WEIGHTS = np.array([[1, 5, 2, 1]] * 3, dtype=np.float32)


def traced(function):
    """Run a function of (xp, x) through a graph."""
    x = ndx.argument(shape=("n", 4), dtype=ndx.float32)
    return graph.run(ndx.build({"x": x}, {"y": function(ndx, x)}), {"x": VALUES})["y"]


FUNCTIONS = {
    "nan_sum": lambda xp, x: arrays.nan_sum(xp, x, 1),
    "nan_mean": lambda xp, x: arrays.nan_mean(xp, x, 1),
    "weighted_mean": lambda xp, x: arrays.weighted_mean(xp, x, xp.asarray(WEIGHTS[:1]), 1),
    "largest": lambda xp, x: arrays.largest(xp, xp.where(xp.isnan(x), xp.zeros_like(x), x), 1),
    "smallest": lambda xp, x: arrays.smallest(xp, xp.where(xp.isnan(x), xp.zeros_like(x), x), 1),
    "matmul": lambda xp, x: arrays.matmul(
        xp, xp.where(xp.isnan(x), xp.zeros_like(x), x), xp.asarray(WEIGHTS.T.copy())
    ),
    "rows_of": lambda xp, x: arrays.rows_of(
        xp, xp.asarray(WEIGHTS), xp.astype(xp.isnan(x), xp.int64)
    ),
}

EXPECTED = {
    "nan_sum": [0, 0, 6],  # 1 + 2 - 3; nothing; 5 + 1
    "nan_mean": [0, 0, 1.5],  # 0 / 3; nothing known; 6 / 4
    "weighted_mean": [0.5, 0, 11 / 9],  # (1 + 4 - 3) / 4; nothing; (10 + 1) / 9
    "largest": [2, 0, 5],
    "smallest": [-3, 0, 0],
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_and_graph_agree(name):
    """A feature that differs between training and serving would be worse than none."""
    assert np.allclose(traced(FUNCTIONS[name]), FUNCTIONS[name](np, VALUES), rtol=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_missing_values_do_not_count(name):
    assert np.allclose(FUNCTIONS[name](np, VALUES), EXPECTED[name], rtol=1e-6)


def test_no_function_traces_a_branch():
    """A branch per call would double the graph's size; the ONNX operators are used directly."""
    x = ndx.argument(shape=("n", 4), dtype=ndx.float32)
    for name in ("largest", "smallest", "matmul", "rows_of"):
        model = ndx.build({"x": x}, {"y": FUNCTIONS[name](ndx, x)})
        assert ("", "If") not in graph.operators(model), name
