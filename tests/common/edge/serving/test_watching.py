"""Unusual data are noticed beside answering, kept across restarts, shown and exposed."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from common.edge.serving.app import create_app
from common.edge.serving.settings import ServerSettings
from common.edge.serving.watch.watching import Watching
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store
from common.edge.training.histogram import Histogram, Levels
from common.edge.training.usual import Usual
from common.lab.export import write_bundle

MODEL = "building_energy.day_ahead"
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
EDGES = tuple(np.linspace(-30, 45, 21))


def usual_temperatures():
    """12 degrees, give or take 6, in every month; weeks and months stay below 0.3."""
    counts, _ = np.histogram(np.random.default_rng(1).normal(12, 6, 50_000), EDGES)
    months = dict.fromkeys(range(1, 13), tuple(counts.tolist()))
    levels = Levels(0.3, 0.2, rows_week=5, rows_month=20)
    return Usual({"temperature_c": Histogram(EDGES, months, 0, 2000, levels=levels)}, 0.8)


@pytest.fixture(scope="module")
def watched_store(tmp_path_factory, bundle_content, signing_key):
    """A store whose bundle says what its training inputs looked like."""
    folder = tmp_path_factory.mktemp("watched")
    content = replace(bundle_content, usual=usual_temperatures())
    path = write_bundle(folder / "watched.zip", content, signing_key[0])
    Store(folder / "store", [signing_key[1]]).install(path)
    return folder / "store"


class Clock:
    """Noon of a day that moves."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Watched:
    """A server in memory, whose days go by when they are told to."""

    def __init__(self, root, caller, folder=None, **settings):
        self.clock = Clock()
        self.call = caller(root, watch=folder, **settings)
        self.app = self.call.app
        self.app.watching = Watching(folder, clock=self.clock)
        self.app.watching.follow(self.app.fleet.models)

    def days(self, row, count, shift=0.0, per_day=4):
        rng = np.random.default_rng(2)
        for _ in range(count):
            rows = [
                row | {"temperature_c": rng.normal(12 + shift, 6, 24).round(2).tolist()}
                for _ in range(per_day)
            ]
            assert self.call("POST", f"/models/{MODEL}/predict", {"rows": rows}).status == 200
            self.app.watching.flush()
            self.clock.now += timedelta(days=1)

    def metrics(self):
        lines = self.call("GET", "/metrics").body.decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in lines if not line.startswith("#")}  # fmt: skip


@pytest.fixture
def watched(watched_store, caller):
    def make(folder=None, **settings):
        return Watched(watched_store, caller, folder, **settings)

    return make


def test_a_bundle_carries_what_its_training_looked_like(watched_store, serving_store):
    """And one that was written before there was such a file opens as before."""
    assert Shelves(watched_store).open(*MODEL.split(".")).usual == usual_temperatures()
    assert Shelves(serving_store).open(*MODEL.split(".")).usual is None


def test_one_answer_says_which_values_training_never_reached(watched, one_row):
    """47 degrees are above the 45 of training, and below the 50 that the input may hold."""
    server = watched()
    references = server.app.fleet.models[MODEL].references
    found = {item.name: (item.low, item.high) for item in references}
    assert found["temperature_c"] == (-30, 45)
    assert found["load_kwh"][1] != 45
    hot = one_row | {"temperature_c": [47.0] * 24}
    answer = server.call("POST", f"/models/{MODEL}/predict", {"rows": [hot]}).json()
    assert answer["rows"][0]["data"]["out_of_range_share"] > 0


def test_usual_days_are_called_usual_on_the_page_and_in_the_metrics(watched, one_row):
    server = watched()
    assert "Données pas encore jugées" in server.call("GET", f"/modeles/{MODEL}").body.decode()
    server.days(one_row, 10)
    page = server.call("GET", f"/modeles/{MODEL}").body.decode()
    assert "Données habituelles depuis le 11 janvier 2026." in page
    metrics = server.metrics()
    labels = f'{{model="{MODEL}",input="temperature_c"}}'
    assert metrics[f"aune_drift_state{labels}"] == 0
    assert metrics[f"aune_drift_psi{labels}"] < 0.3
    # 10 days of 4 rows
    assert metrics[f'aune_drift_rows{{model="{MODEL}"}}'] == 40


def test_a_sensor_eight_degrees_off_raises_the_alert_within_a_week(watched, one_row, tmp_path):
    """After 21 usual days, 7 days are enough; the page names the input and the day."""
    server = watched(tmp_path / "watch")
    server.days(one_row, 21)
    path = tmp_path / "watch" / f"{MODEL}.alerte.json"
    assert json.loads(path.read_text(encoding="utf-8"))["state"] == "usual"
    server.days(one_row, 7, shift=8.0)
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["state"] == "alert"
    assert raw["concerned"] == ["temperature_c"]
    assert raw["since"] > "2026-01-26"
    assert raw["version"] == "1.2.3"
    assert "données inhabituelles" in raw["sentences"][0]
    page = server.call("GET", f"/modeles/{MODEL}").body.decode()
    assert "Données inhabituelles depuis le" in page
    assert server.metrics()[f'aune_drift_state{{model="{MODEL}",input="temperature_c"}}'] == 3


def test_counts_and_alerts_survive_a_restart(watched, one_row, tmp_path):
    first = watched(tmp_path)
    first.days(one_row, 10, shift=8.0)
    first.app.watching.close()
    again = watched(tmp_path)
    assert again.app.watching.report(MODEL) == first.app.watching.report(MODEL)
    assert again.app.watching.line(MODEL) == first.app.watching.line(MODEL)


def test_a_folder_that_cannot_be_written_stops_nothing(watched, one_row, tmp_path):
    """A file stands where the folder should be: counts stay in memory."""
    (tmp_path / "watch").write_text("", encoding="utf-8")
    server = watched(tmp_path / "watch")
    server.days(one_row, 10)
    server.app.watching.close()
    assert server.app.watching.report(MODEL).state == "usual"


def test_what_the_queue_cannot_hold_is_dropped_and_counted(watched, one_row, monkeypatch):
    """Room for 10 rows of 24 values: of 4 requests of 4 rows the oldest two go."""
    monkeypatch.setattr("common.edge.serving.watch.watching._QUEUE_VALUES", 240)
    server = watched()
    for _ in range(4):
        server.call("POST", f"/models/{MODEL}/predict", {"rows": [one_row] * 4})
    server.app.watching.flush()
    assert server.app.watching.report(MODEL).rows == 8
    assert server.metrics()["aune_drift_dropped_rows_total"] == 8


def test_of_a_request_larger_than_the_queue_a_sample_is_counted(watched, one_row, monkeypatch):
    """40 rows of 24 values for room of 240: every fourth row, ten of them."""
    monkeypatch.setattr("common.edge.serving.watch.watching._QUEUE_VALUES", 240)
    server = watched()
    server.call("POST", f"/models/{MODEL}/predict", {"rows": [one_row] * 40})
    server.app.watching.flush()
    assert server.app.watching.report(MODEL).rows == 10
    assert server.metrics()["aune_drift_dropped_rows_total"] == 30


def test_a_model_without_description_is_served_and_not_watched(call, one_row):
    assert call("POST", f"/models/{MODEL}/predict", {"rows": [one_row]}).status == 200
    assert call.app.watching.line(MODEL) == ""
    assert call.app.watching.sentences(MODEL) == ()
    assert call.app.watching.report(MODEL) is None


def test_a_running_server_counts_by_itself_and_saves_when_it_stops(
    watched_store, one_row, tmp_path, live, ask, monkeypatch
):
    monkeypatch.setattr("common.edge.serving.watch.watching._COUNT_SECONDS", 0.05)
    body = json.dumps({"rows": [one_row] * 3})
    with live(watched_store, watch=tmp_path / "watch") as port:
        headers = {"Content-Type": "application/json"}
        for _ in range(10):
            assert ask(port, "POST", f"/models/{MODEL}/predict", body, headers).status == 200
    kept = json.loads((tmp_path / "watch" / f"{MODEL}.compte.json").read_bytes())
    (day,) = kept["days"].values()
    assert day["rows"] == 30


@pytest.fixture
def newer_version(watched_store, tmp_path, bundle_content, signing_key, caller):
    """Give a newer version of the watched bundle, with histograms of its own or the same."""

    def make(usual):
        content = replace(bundle_content, version="1.3.0", usual=usual)
        path = write_bundle(tmp_path / "newer.zip", content, signing_key[0])
        Store(tmp_path / "newer", [signing_key[1]]).install(path)
        return caller(tmp_path / "newer").app.fleet.models

    return make


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_newer_version_of_the_same_histograms_goes_on_counting(
    watched, one_row, tmp_path, newer_version, on_disk
):
    """What was counted a moment ago is there, saved or not; so is the age of the state."""
    server = watched(tmp_path / "watch" if on_disk else None)
    server.days(one_row, 8)
    since = server.app.watching.line(MODEL)
    server.app.watching.follow(newer_version(usual_temperatures()))
    assert server.app.watching.report(MODEL).rows == 32
    assert server.app.watching.line(MODEL) == since


def test_a_newer_version_of_other_histograms_begins_anew(watched, one_row, newer_version, tmp_path):
    """And takes back the alert of the former one, which nothing supports any more."""
    server = watched(tmp_path / "watch")
    server.days(one_row, 10, shift=8.0)
    path = tmp_path / "watch" / f"{MODEL}.alerte.json"
    assert json.loads(path.read_bytes())["state"] == "alert"
    other = usual_temperatures()
    item = replace(other.histograms["temperature_c"], run=12)
    server.app.watching.follow(newer_version(Usual({"temperature_c": item}, 0.8)))
    assert server.app.watching.report(MODEL).rows == 0
    assert json.loads(path.read_bytes())["state"] == "undetermined"


def test_a_model_that_is_gone_is_watched_no_more(watched, one_row):
    server = watched()
    server.days(one_row, 1)
    server.app.watching.follow({})
    assert server.app.watching.report(MODEL) is None


def test_counting_fails_alone(watched_store, one_row, monkeypatch):
    """A fault of the watch is logged; the next round counts again."""
    monkeypatch.setattr("common.edge.serving.watch.watching._COUNT_SECONDS", 0.01)
    app = create_app(Shelves(watched_store), ServerSettings())
    asyncio.run(app.refresh())
    calls = []

    def count(noted):
        calls.append(noted)
        if len(calls) == 1:
            raise ValueError("first")

    monkeypatch.setattr(app.watching, "count", count)

    async def some_rounds():
        task = asyncio.create_task(app.watching.run())
        while len(calls) < 2:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(some_rounds(), 10))
    assert len(calls) >= 2
