"""One graph: what is traced is what was written, chunked or not, and only what is read."""

from dataclasses import replace

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.lab import graph
from common.lab.checks.specimen import Specimen
from common.lab.graph import assembly
from common.lab.graph.heads import LinearHead
from common.lab.usecase import Fitted


@pytest.fixture(scope="module")
def specimen(toy):
    return Specimen(toy, toy.tasks[0], fit_days=60)


def test_the_traced_matrix_is_the_features_rounded_to_their_grids(specimen):
    """Column j of the matrix is term j, on multiples of its grid; daily columns fill all steps."""
    task, examples = specimen.task, specimen.examples
    matrix = graph.run(specimen.feature_session, examples.inputs)["matrix"]
    columns = task.features(np, examples.inputs).columns
    assert matrix.shape == (len(examples), 2, 3)
    assert matrix.dtype == np.float32
    for place, term in enumerate(task.terms):
        assert np.abs(matrix[..., place] - columns[term.name][:, 0, :]).max() <= term.grid / 2
        assert not (matrix[..., place] % np.float32(term.grid)).any()


def test_rows_in_chunks_are_the_rows_at_once(specimen, monkeypatch):
    inputs = specimen.examples.inputs
    whole = graph.run(specimen.feature_session, inputs)
    monkeypatch.setattr(assembly, "CHUNK_ROWS", 5)
    pieces = graph.run(specimen.feature_session, inputs, ("matrix",))
    assert list(pieces) == ["matrix"]
    assert np.array_equal(pieces["matrix"], whole["matrix"])


def test_training_lines_have_a_target_and_keep_their_unit_and_day(specimen):
    """Lines without truth are dropped, never filled: 3 libraries, 60 days, 2 half-days."""
    task, training = specimen.task, specimen.training
    examples = task.examples(specimen.dataset, specimen.fit_period)
    n_unknown = int(np.isnan(examples.target).sum())
    assert len(training.target) == 3 * 60 * 2 - n_unknown
    assert training.matrix.shape == (len(training.target), 3)
    assert np.isfinite(training.target).all()
    assert set(training.units) == set(examples.units)
    assert training.days.min() == examples.days.min()


def test_a_rung_without_ai_carries_only_what_it_reads(specimen):
    """Last week alone needs no weekday: the graph is smaller and still takes all inputs."""
    plain, _, linear = specimen.task.rungs
    assert len(specimen.model(plain)) < len(specimen.model(linear))


def test_the_assembled_copy_of_last_week_is_last_week(specimen):
    """Contribution 1 of 1, baseline 0: the value seven days before, but for the grid."""
    rung, examples = specimen.task.rungs[0], specimen.examples
    outputs = specimen.outputs(rung, specimen.inputs(rung))
    level = np.nanmean(examples.inputs["visits"], axis=(1, 2))[:, None]
    last_week = np.nan_to_num(examples.inputs["visits"][:, 7])
    assert (np.abs(outputs["forecast"] - last_week) <= level * 2.0**-10).all()
    assert np.array_equal(outputs["contributions"][..., 0], outputs["forecast"])
    assert not outputs["baseline"].any()


def test_a_head_that_reads_unknown_terms_is_refused(specimen):
    head = LinearHead(("moon",), (1.0,), 0.0, (0.0,))
    with pytest.raises(UsageError, match="terms of the task"):
        graph.assemble(specimen.task, specimen.task.rungs[0], Fitted(head))


def test_a_finish_that_forgets_an_output_is_refused(toy, specimen):
    def short(xp, inputs, features, answer):
        outputs = toy.tasks[0].finish(xp, inputs, features, answer)
        return {name: values for name, values in outputs.items() if name != "upper"}

    task = replace(specimen.task, finish=short)
    rung = task.rungs[0]
    with pytest.raises(UsageError, match="the declared outputs"):
        graph.assemble(task, rung, specimen.fitted(rung))


def test_operators_of_subgraphs_are_listed():
    """The edge's list of allowed operators must see inside an If."""
    from onnx import TensorProto, helper

    branches = [
        helper.make_graph(
            [helper.make_node(name, ["x"], ["z"])],
            name,
            [],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])],
        )
        for name in ("Neg", "Abs")
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    assert graph.operators(model) == [("", "Abs"), ("", "If"), ("", "Neg")]
