"""MLflow as a view of the runs: complete, idempotent, without network."""

import os
import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.lab import tracking

# The tests look into the store by MLflow's own client, which uses a deprecated SQLAlchemy name.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """One sqlite store for the module: MLflow creates its tables in seconds."""
    place = tmp_path_factory.mktemp("results")
    return f"sqlite:///{place / 'mlflow.db'}"


@pytest.fixture
def folder(tmp_path):
    """A run folder with a page and a graph of two named, multi-dimensional tensors."""
    import onnx
    from onnx import TensorProto, helper

    shape = ["n", 7, 24]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["load_kwh"], ["forecast_kwh"])],
        "negation",
        [helper.make_tensor_value_info("load_kwh", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("forecast_kwh", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (tmp_path / "bundle").mkdir()
    onnx.save(model, tmp_path / "bundle" / "model.onnx")
    (tmp_path / "page.html").write_text("<!doctype html>", encoding="utf-8")
    return tmp_path


def client_of(store):
    from mlflow.tracking import MlflowClient

    return MlflowClient(store)


def runs_of(store, run_id):
    client = client_of(store)
    experiment = client.get_experiment_by_name("building_energy")
    return client.search_runs([experiment.experiment_id], f"tags.`aune.run` = '{run_id}'")


def test_a_run_is_logged_without_a_socket_once_and_quickly(sample_run, folder, store, monkeypatch):
    """No byte leaves the process; logging again returns the same parent, adds nothing."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    first = tracking.log(sample_run, folder, store=store)
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert tracking.log(sample_run, folder, store=store) == first
    runs = runs_of(store, sample_run.id)
    assert len(runs) == 1 + len(sample_run.ladder)  # the parent and a child per rung
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_metric_names_carry_units_and_intervals(sample_run, folder, store):
    """The units are in the names, so that no column of the UI needs a legend."""
    run = replace(sample_run, id="20261122T090000Z-00000001")
    parent = tracking.log(run, folder, store=store)
    metrics = client_of(store).get_run(parent).data.metrics
    assert metrics["nrmse_percent"] == pytest.approx(12.9)
    assert metrics["nrmse_percent_low"] == pytest.approx(12.3)  # 12.9 - 0.6
    assert metrics["nrmse_percent_high"] == pytest.approx(13.5)
    # 21 CPU-s at 10 W = 210 J = 0.0583 Wh, a factor 2.5 either way
    assert metrics["energy.train.wh_central"] == pytest.approx(210 / 3600)
    assert metrics["energy.train.wh_low"] == pytest.approx(210 / 3600 / 2.5)
    assert metrics["cpu_s_per_1000"] == pytest.approx(0.01 + 21 / 300)
    assert metrics["zero_shot.nrmse_percent"] == pytest.approx(15.2)


def test_figures_that_nobody_measured_are_absent(sample_run, folder, store):
    """A NaN in MLflow would plot as a point; the CV of a single pass is no figure."""
    run = replace(sample_run, id="20261122T090000Z-00000002", chosen="week_persistence")
    parent = tracking.log(run, folder, store=store)
    assert "energy.train.cv" not in client_of(store).get_run(parent).data.metrics


def test_tags_tell_data_code_and_evidence_apart(simulated_run, folder, store):
    """Whoever filters the table must be able to leave the simulated runs out."""
    run = replace(simulated_run, id="20261122T090000Z-00000003")
    tags = client_of(store).get_run(tracking.log(run, folder, store=store)).data.tags
    assert tags["simulated"] == "true"
    assert tags["energy.tier"] == "C_model"
    assert tags["dataset.digest"] == run.dataset["digest"]
    assert (tags["code.commit"], tags["lock.sha256"]) == ("edb73e7", "9f86d081884c7d65")


def test_the_chosen_graph_has_its_signature_and_predicts_from_mlflow(sample_run, folder, store):
    """The model logged is the file that ships, with its named tensors and their shapes."""
    run = replace(sample_run, id="20261122T090000Z-00000004")
    parent = tracking.log(run, folder, store=store)
    (output,) = client_of(store).get_run(parent).outputs.model_outputs
    model = client_of(store).get_logged_model(output.model_id)
    assert model.name == "additive"
    import mlflow.onnx
    from mlflow.models import Model

    place = model.artifact_location.removeprefix("file://")
    loaded = mlflow.onnx.load_model(place)
    assert [field.name for field in loaded.graph.output] == ["forecast_kwh"]
    inputs = Model.load(place).signature.inputs.inputs
    assert [(spec.name, spec.shape, spec.type) for spec in inputs] == [
        ("load_kwh", (-1, 7, 24), np.dtype("float32"))
    ]


def test_pages_and_the_record_are_artifacts_beside_the_store(sample_run, folder, store):
    """The artifacts stay plain files that outlive MLflow."""
    run = replace(sample_run, id="20261122T090000Z-00000005")
    parent = tracking.log(run, folder, store=store)
    names = {item.path for item in client_of(store).list_artifacts(parent)}
    assert {"run.json", "page.html"} <= names


def test_a_parent_left_by_a_killed_process_is_rewritten(sample_run, folder, store, monkeypatch):
    """SIGKILL between the children and the files leaves a parent without its tag."""
    run = replace(sample_run, id="20261122T090000Z-00000006")

    class Killed(BaseException):
        """Like SIGKILL, nothing catches it."""

    def kill(*_args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(tracking, "_log_files", kill)
        with pytest.raises(Killed):
            tracking.log(run, folder, store=store)
    assert [found["run"] for found in tracking.search(store) if found["run"] == run.id] == []
    parent = tracking.log(run, folder, store=store)
    runs = runs_of(store, run.id)
    assert len(runs) == 1 + len(run.ladder)
    assert parent in {item.info.run_id for item in runs}


def test_search_finds_complete_parents_by_task(sample_run, folder, store):
    """Children and other tasks stay out."""
    run = replace(sample_run, id="20261122T090000Z-00000007", task="peak_day")
    parent = tracking.log(run, folder, store=store)
    (found,) = tracking.search(store, usecase="building_energy", task="peak_day")
    assert (found["run"], found["mlflow"]) == (run.id, parent)
    assert tracking.search(store, usecase="no_such_case") == []


def test_one_run_costs_little(sample_run, folder, store):
    """Budget of 0.3 s (briefs/mlops.md 5), ten times that here: two cores are shared."""
    tracking.log(replace(sample_run, id="20261122T090000Z-00000008"), folder, store=store)
    began = time.process_time()
    tracking.log(replace(sample_run, id="20261122T090000Z-00000009"), folder, store=store)
    assert time.process_time() - began < 3.0


def test_a_missing_folder_is_refused(sample_run, tmp_path):
    """The caller mistyped; nothing is written."""
    with pytest.raises(UsageError, match="does not exist"):
        tracking.log(sample_run, tmp_path / "nowhere")


def test_the_default_store_stands_at_the_root_of_the_results(tmp_path):
    """One store for all use cases, however deep the run's folder is."""
    deep = tmp_path / "results" / "building_energy" / "day_ahead"
    assert tracking.default_store(deep) == f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}"
    assert tracking.default_store(tmp_path / "run") == f"sqlite:///{tmp_path / 'mlflow.db'}"


def test_the_ui_listens_on_this_machine_only_and_runs_no_jobs():
    """MLflow's job consumers cost 1.9 GB and serve GenAI scorers that Aune has not."""
    command = tracking.ui_command("sqlite:///x.db", port=5001)
    assert "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false" in command
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5001"
