"""A linear head with coefficients of its own for each horizon."""

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.lab.graph.parity import check_head
from usecases.delivery_zones.availability.step_head import StepHead

HEAD = StepHead(
    ("minutes", "x"), (22.5, 45.0), ((1.0,), (2.0,), (3.0,)), ((0.0,),) * 3, (0.0, 0.5, 1.0)
)
ROWS = np.array([[15.0, 1.0], [30.0, 1.0], [60.0, 1.0], [22.5, 1.0]], dtype=np.float32)


def test_each_horizon_has_its_own_line():
    """0 + 1, 0.5 + 2, 1 + 3; an edge belongs to the step below it."""
    raw, contributions = HEAD(np, ROWS, {})
    assert raw.tolist() == [1.0, 2.5, 4.0, 1.0]
    assert HEAD.baseline + contributions.sum(axis=1) == pytest.approx(raw)


def test_the_graph_gives_what_the_formula_gives():
    """Also on the edges, where a wrong comparison would take another line."""
    report = check_head(HEAD, HEAD.predict, ROWS)
    assert report.passed


def test_tables_of_other_shapes_are_refused():
    """Two steps of coefficients for three horizons."""
    with pytest.raises(UsageError):
        StepHead(("minutes", "x"), (22.5, 45.0), ((1.0,), (2.0,)), ((0.0,),) * 3, (0.0,) * 3)
