"""MLflow as a view of comparisons: a run per entry, once."""

import pytest

from benchmarks.comparing.compare import compare
from benchmarks.comparing.logged import log_comparison

# The tests look into the store by MLflow's own client, which uses a deprecated SQLAlchemy name.
pytestmark = [
    pytest.mark.slow,  # MLflow creates its tables in twenty seconds
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),
]


def test_a_comparison_is_logged_once_with_a_child_per_entry(
    contest_task, toy_paper, opponents, candidates, kit, tmp_path
):
    """Asked twice, written once; verdicts are tags, so that candidates can be filtered."""
    from mlflow.tracking import MlflowClient

    found = compare(contest_task, *toy_paper, (*opponents, *candidates), kit.protocol)
    page = tmp_path / "comparaison.html"
    page.write_text("<!doctype html>", encoding="utf-8")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    parent = log_comparison(found, store, [page])
    assert log_comparison(found, store, [page]) == parent
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name("toy").experiment_id
    runs = client.search_runs([experiment])
    assert len(runs) == 1 + 6
    children = {run.info.run_name: run for run in runs if run.info.run_id != parent}
    assert children["better"].data.tags["verdict"] == "better"
    assert children["better"].data.tags["simulated"] == "true"
    assert children["better"].data.tags["mlflow.parentRunId"] == parent
    gap = found.standing("worse").difference.relative
    assert children["worse"].data.metrics["relative_difference"] == pytest.approx(gap)
    assert [item.path for item in client.list_artifacts(parent)] == ["comparaison.html"]
