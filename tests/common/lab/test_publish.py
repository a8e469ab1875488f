"""A run's folder: written in one step, in turns, its bundle signed by the folder's key."""

import multiprocessing
import time
from dataclasses import replace

import pytest

from common.edge.bundle import Bundle
from common.edge.signature import trusted_keys
from common.lab import harness, publish, tracking
from common.lab.harness import Options
from common.lab.publish import mlflow_store, write_index
from common.lab.record import Run


@pytest.fixture(scope="module")
def outcome(toy, toy_dataset, tmp_path_factory):
    options = Options(out=tmp_path_factory.mktemp("work"), seed=3)
    return harness.run(toy, toy.tasks[0], toy_dataset, options)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder of its own, with MLflow replaced by a note of what it was given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUNE_SIGNING_KEY", raising=False)
    logged = []
    monkeypatch.setattr(tracking, "log", lambda run, folder, store: logged.append((run, store)))
    return tmp_path, logged


def test_a_run_leaves_record_page_sheet_bundle_and_index(toy, outcome, place):
    folder, logged = place
    out = folder / "results"
    published = publish.publish(toy, toy.tasks[0], outcome, Options(out=out))
    assert published.folder == out / "toy" / "visits" / outcome.run.id
    assert Run.read(published.folder / "run.json").to_json() == outcome.run.to_json()
    names = {path.name for path in published.folder.iterdir()}
    assert {"index.html", "fiche_frugalite.html", "model.onnx", published.bundle.name} <= names
    assert (out / "index.html").is_file()
    assert logged == [(outcome.run, f"sqlite:///{out}/mlflow.db")]


def test_the_bundle_opens_with_the_key_that_was_made(toy, outcome, place):
    published = publish.publish(toy, toy.tasks[0], outcome, Options(out=place[0] / "results"))
    bundle = Bundle.open(published.bundle, trusted_keys())
    assert bundle.manifest.task == "visits"
    assert "SIMULATED" in published.bundle.name
    assert bundle.usual == outcome.usual
    assert bundle.usual.histograms


def test_what_a_killed_process_left_is_swept(toy, outcome, place):
    out = place[0] / "results"
    left = out / ".staging-20260101T000000Z-00000000"
    left.mkdir(parents=True)
    (left / "run.json").write_text("{", encoding="utf-8")
    publish.publish(toy, toy.tasks[0], outcome, Options(out=out))
    assert not list(out.glob(".staging-*"))


def test_a_bundle_that_cannot_be_written_leaves_no_run(toy, outcome, place, monkeypatch):
    """The run's folder appears whole or not at all."""

    def refuse(*_words):
        raise OSError("disk full")

    monkeypatch.setattr(publish, "write_bundle", refuse)
    out = place[0] / "results"
    with pytest.raises(OSError, match="disk full"):
        publish.publish(toy, toy.tasks[0], outcome, Options(out=out))
    assert not list(out.glob("toy/*/*"))
    assert not (out / "index.html").exists()


def test_the_index_shows_the_newest_run_of_each_task(toy, outcome, tmp_path):
    for run_id in ("20260101T000000Z-00000000", "20260102T000000Z-00000000"):
        run = replace(outcome.run, id=run_id)
        folder = tmp_path / run.usecase / run.task / run.id
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(run.to_json(), encoding="utf-8")
    page = write_index(tmp_path, toy).read_text(encoding="utf-8")
    assert "20260102T000000Z-00000000/index.html" in page
    assert "20260101T000000Z-00000000/index.html" not in page


def _hold(out, seconds, times):
    with publish._turn(out):
        times.put(time.monotonic())
        time.sleep(seconds)
        times.put(time.monotonic())


def test_processes_that_share_a_folder_take_turns(tmp_path):
    """Two hold the lock half a second each: whoever comes second enters after the first left."""
    context = multiprocessing.get_context("fork")
    times = context.Queue()
    workers = [context.Process(target=_hold, args=(tmp_path, 0.5, times)) for _ in range(2)]
    for worker in workers:
        worker.start()
    entered, left, entered_next, _ = sorted(times.get(timeout=20) for _ in range(4))
    for worker in workers:
        worker.join()
    assert left - entered >= 0.5
    assert entered_next >= left


def test_the_store_of_a_folder_lies_in_it(tmp_path):
    assert mlflow_store(tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
