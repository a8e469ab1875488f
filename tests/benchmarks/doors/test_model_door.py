"""A model is run by us: isolated, bounded, fed by name, measured like our own."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.doors import answer, from_model, isolation
from common.edge.errors import DataError, OperatorError, UsageError

from .conftest import PLAIN, declared, write_graph

HEAD = '<ir_version: 9, opset_import: ["" : 21]>'


def toy(taken, given, body):
    """A graph of one input and one output."""
    return f"{HEAD} g ({taken}) => ({given}) {{ {body} }}"


def run_text(task, questions, settings, folder, graph, declaration=PLAIN):
    path = write_graph(folder / "model.onnx", graph)
    return from_model(task, questions, path, declared(folder, declaration), settings)


def test_a_model_answers_every_row_through_the_contest_s_outputs(
    task, questions, toy_model, settings
):
    found = answer(task, questions, toy_model.parent, declared(toy_model.parent), settings)
    assert not found.submission.refused, found.submission.findings
    # half the visits plus the default offset of 1.5, in the order of the questions
    expected = questions.inputs["visits"].ravel() / 2 + 1.5
    np.testing.assert_allclose(found.submission.answers["q50"], expected)
    np.testing.assert_allclose(found.submission.answers["q10"], expected / 2)
    np.testing.assert_allclose(found.submission.answers["q90"], expected + 4)
    assert not found.submission.missing.any()
    assert found.model_bytes == toy_model.stat().st_size


def test_a_model_is_measured_here_with_cpu_time_interval_and_latency(
    task, questions, toy_model, settings
):
    found = answer(task, questions, toy_model.parent, declared(toy_model.parent), settings)
    assert found.predict.level == 4
    assert 0 < found.predict.low < found.predict.central < found.predict.high
    assert found.predict.cpu_seconds > 0
    assert "appels de 1000 prédictions" in found.predict.words
    assert 0 < found.latency.p50 <= found.latency.p95 <= found.latency.p99
    assert found.latency.rows_per_call == 1
    assert found.train.level == 0


def test_stress_answers_are_those_of_the_damaged_inputs(task, questions, toy_model, settings):
    found = answer(task, questions, toy_model.parent, declared(toy_model.parent), settings)
    # visits are 0 under the damage: only the offset of 1.5 is left
    np.testing.assert_allclose(found.stress["capteurs muets"]["q50"], 1.5)


def test_reasons_that_add_up_are_an_explanation(task, questions, toy_model, settings):
    assert from_model(task, questions, toy_model, None, settings).explains == "contributions"


def test_reasons_that_do_not_add_up_are_shown_to_a_person(task, questions, tmp_path, settings):
    graph = f"""{HEAD}
    g (float[n,2] visits) => (float[n,2] forecast, float[n,2] baseline, float[n,2,1] contributions)
    <int64[1] last = {{2}}> {{
        forecast = Identity (visits)
        baseline = Identity (visits)
        contributions = Unsqueeze (visits, last)
    }}"""
    found = run_text(task, questions, settings, tmp_path, graph)
    assert found.explains == "none"
    assert [f.severity for f in found.findings if f.rule == "contributions"] == ["review"]


def test_isolation_is_said_and_the_network_is_cut_where_the_kernel_allows(
    task, questions, toy_model, settings
):
    (note,) = from_model(task, questions, toy_model, None, settings).findings
    assert note.rule == "isolation"
    assert "processus séparé" in note.message


def test_no_address_is_reached_from_within_the_isolation():
    """Even this machine's own: the namespace has no interface up."""
    script = f"""
import runpy, socket
server = socket.create_server(("127.0.0.1", 0))
isolate = runpy.run_path({str(isolation.__file__)!r})["isolate"]
said = isolate({{"memory_bytes": 2**32, "cpu_seconds": 10, "file_bytes": 2**20}})
try:
    socket.create_connection(server.getsockname(), timeout=2)
    print("reached", said)
except OSError:
    print("cut", said)
"""
    found = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert found.startswith("cut") == ("réseau coupé par le noyau" in found)


def test_a_subset_of_the_inputs_and_a_declared_mapping_are_enough(
    task, questions, tmp_path, settings
):
    graph = toy("float[n,2] visits", "float[n,2] y", "y = Identity (visits)")
    text = PLAIN + '[model.outputs]\nq50 = "y"\n'
    found = run_text(task, questions, settings, tmp_path, graph, text)
    np.testing.assert_allclose(found.submission.answers["q50"], questions.inputs["visits"].ravel())
    assert set(found.submission.answers) == {"q50"}


def test_a_graph_of_fixed_batch_is_run_and_measured_in_its_own_batch(
    task, questions, tmp_path, settings
):
    graph = toy("float[4,2] visits", "float[4,2] forecast", "forecast = Identity (visits)")
    found = run_text(task, questions, settings, tmp_path, graph)
    # six examples in batches of four: the last one is padded, and the padding is thrown away
    np.testing.assert_allclose(found.submission.answers["q50"], questions.inputs["visits"].ravel())
    assert "appels de 4 prédictions" in found.predict.words
    assert found.latency.rows_per_call == 4


@pytest.mark.parametrize(
    ("graph", "error", "named"),
    [
        (
            toy("float[n,2] ventes", "float[n,2] forecast", "forecast = Identity (ventes)"),
            DataError,
            "« ventes » n'est pas remise",
        ),
        (
            toy("int64[n,2] visits", "int64[n,2] forecast", "forecast = Identity (visits)"),
            DataError,
            "visits est tensor(int64) pour float32",
        ),
        (
            toy("float[n,3] visits", "float[n,3] forecast", "forecast = Identity (visits)"),
            DataError,
            "visits est de forme",
        ),
        (
            toy("float[n,2] visits", "float[n,2] y", "y = Identity (visits)"),
            DataError,
            "q50 dans forecast",
        ),
        (
            toy("float[n,2] visits", "float[2,n] forecast", "forecast = Transpose (visits)"),
            DataError,
            "sortie forecast",
        ),
        (
            '<ir_version: 9, opset_import: ["" : 21, "com.microsoft" : 1]> g (float[n,2] visits)'
            " => (float[n,2] forecast) { forecast = com.microsoft.Gelu (visits) }",
            OperatorError,
            "com.microsoft",
        ),
    ],
)
def test_a_wrong_interface_or_a_foreign_operator_is_named(
    task, questions, tmp_path, settings, graph, error, named
):
    with pytest.raises(error) as caught:
        run_text(task, questions, settings, tmp_path, graph)
    assert named in caught.value.found


def test_tensors_kept_in_other_files_are_refused(task, questions, tmp_path, settings):
    import onnx

    graph = f"""{HEAD} g (float[n,2] visits) => (float[n,2] forecast)
    <float[2] w = {{1.0, 2.0}}> {{ forecast = Mul (visits, w) }}"""
    model = onnx.parser.parse_model(graph)
    weight = model.graph.initializer[0]
    weight.ClearField("float_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(OperatorError, match="autres fichiers"):
        from_model(task, questions, path, None, settings)


def test_what_is_not_a_model_or_is_too_large_or_a_link_is_refused(
    task, questions, tmp_path, settings, toy_model
):
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"\xff" * 100)
    with pytest.raises(OperatorError):
        from_model(task, questions, garbage, None, settings)
    with pytest.raises(DataError, match="octets au plus"):
        from_model(task, questions, toy_model, None, replace(settings, model_bytes=10))
    link = tmp_path / "link.onnx"
    link.symlink_to(toy_model)
    with pytest.raises(DataError, match="lien"):
        from_model(task, questions, link, None, settings)
    with pytest.raises(UsageError, match="absent"):
        from_model(task, questions, tmp_path / "nothing.onnx", None, settings)


ENDLESS = f"""{HEAD} g (float[n,2] visits) => (float[n,2] forecast)
<int64 trips = {{9223372036854775807}}, bool go = {{1}}> {{
    forecast = Loop (trips, go, visits)
        <body = b (int64 i, bool c, float[n,2] x) => (bool d, float[n,2] y)
            {{ d = Identity (c) y = Sin (x) }}>
}}"""
GREEDY = f"""{HEAD} g (float[n,2] visits) => (float[n,2] forecast, float[m] huge)
<int64[1] size = {{4000000000}}> {{
    forecast = Identity (visits)
    huge = ConstantOfShape (size)
}}"""


@pytest.mark.slow
def test_a_graph_that_never_ends_is_stopped_by_its_cpu_time(task, questions, tmp_path, settings):
    with pytest.raises(DataError, match="épuisé ses 3 s"):
        run_text(task, questions, replace(settings, cpu_seconds=3), tmp_path, ENDLESS)


def test_a_graph_that_never_ends_is_stopped_by_the_wall_clock(task, questions, tmp_path, settings):
    with pytest.raises(DataError, match="n'a pas fini en 2 s"):
        run_text(task, questions, replace(settings, wall_seconds=2), tmp_path, ENDLESS)


def test_a_graph_that_asks_for_too_much_memory_is_refused(task, questions, tmp_path, settings):
    """16 GB of float32 against 2 GiB."""
    with pytest.raises(DataError, match="échoue"):
        run_text(task, questions, replace(settings, memory_mib=2048), tmp_path, GREEDY)


def test_not_a_number_goes_to_the_same_rules_as_a_file_s(task, questions, tmp_path, settings):
    body = "x = Sub (visits, visits) forecast = Div (x, x)"
    graph = toy("float[n,2] visits", "float[n,2] forecast", body)
    found = run_text(task, questions, settings, tmp_path, graph)
    assert found.submission.refused


def test_the_child_is_never_given_a_label(task, questions, toy_model, settings, monkeypatch):
    """The job names inputs, outputs and bounds, nothing of levels, scales or later values."""
    from benchmarks.doors import model

    seen = {}

    def remember(folder, given):
        seen["job"] = json.loads((folder / "job.json").read_text())
        seen["files"] = sorted(path.name for path in folder.iterdir())
        return run(folder, given)

    run = model._run_child
    monkeypatch.setattr(model, "_run_child", remember)
    from_model(task, questions, toy_model, None, settings)
    assert set(seen["job"]["inputs"]) == {"visits", "offset"}
    assert seen["files"] == ["in0.npy", "in1.npy", "job.json", "s0-0.npy"]
    assert Path(seen["job"]["candidate"]) == toy_model.resolve()
