"""Drift is counted in bounded memory, is not cried out by chance, and is explained in French."""

import json
import threading
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from common.edge.drift.counts import Drift, Thresholds, explain
from common.edge.drift.histogram import Histogram, noise_floor, psi
from common.edge.errors import DataError, ManifestError, UsageError
from common.lab.histograms import training_histograms
from common.lab.usecase import Field
from common.lab.windows import Windows

DAY = date(2026, 1, 5)
TEMPERATURE = Field("temperature_c", "float32", ("n", 24), "°C", "Température.", missing=True)
HOLIDAY = Field("holiday", "bool", ("n",), "1", "Jour férié.")
TEXT = Field("text", "int64", ("n", "length"), "1", "Demande.")


def rows(count, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return {
        "temperature_c": (rng.normal(12 + shift, 6, (count, 24))).astype(np.float32),
        "holiday": rng.random(count) < 0.1,
    }


@pytest.fixture(scope="module")
def histograms():
    return training_histograms(SimpleNamespace(inputs=rows(2000, 1)), (TEMPERATURE, HOLIDAY))


def test_every_training_value_is_counted_once(histograms):
    """2,000 rows of 24 hours, in 20 bins of about 5 %; two bins for yes and no."""
    temperature, holiday = histograms["temperature_c"], histograms["holiday"]
    assert sum(temperature.counts) == 2000 * 24
    assert len(temperature.counts) == 20
    assert max(temperature.counts) / (2000 * 24) == pytest.approx(0.05, abs=0.002)
    assert holiday.edges == (0.0, 0.5, 1.0)
    assert sum(holiday.counts) == holiday.rows == 2000


def test_windows_missing_values_and_texts_are_described_too():
    """Days before a series begins are missing; of texts only the length is kept."""
    windows = Windows(np.arange(40.0).reshape(1, 40), np.zeros(3, int), np.array([1, 20, 40]), 10)
    load = Field("load_kwh", "float32", ("n", 10), "kWh", "Charge.", missing=True)
    examples = SimpleNamespace(
        inputs={"load_kwh": windows, "text": np.array([[97, 98, 99]] * 3), "flat": np.ones(3)}
    )
    flat = Field("flat", "float32", ("n",), "1", "Constante.")
    found = training_histograms(examples, (load, TEXT, flat))
    # the first window has one known day of ten: 9 missing of 30
    assert found["load_kwh"].missing == 9
    assert found["load_kwh"].missing_share == pytest.approx(0.3)
    # constant inputs, and texts of one length, have nothing to drift from
    assert set(found) == {"load_kwh"}
    examples.inputs["flat"] = np.array([1.0, 2.0, np.nan])
    assert set(training_histograms(examples, (flat,))) == {"flat"}


def test_a_histogram_survives_json_and_refuses_nonsense(histograms):
    item = histograms["temperature_c"]
    assert Histogram.from_json(json.loads(json.dumps(item.to_json()))) == item
    for change in ({"edges": [2, 1]}, {"counts": [-1] * 20}, {"rows": 0}, {"of": "x"}, {"y": 1}):
        with pytest.raises(ManifestError):
            Histogram.from_json(item.to_json() | change)


def test_psi_is_that_of_a_calculation_by_hand():
    """Shares 1/2 1/2 against 1/4 3/4: -1/4 ln(1/2) + 1/4 ln(3/2) = ln(3) / 4 = 0.2747."""
    assert psi([49.5, 49.5], [24.5, 74.5]) == pytest.approx(np.log(3) / 4)
    assert psi([10, 0], [0, 10]) == pytest.approx(psi([0, 10], [10, 0]))


def test_chance_alone_stays_below_the_floor():
    """Simulated 2,000 times without any change: at most 1 % pass the 99.9 % bound.

    PSI is only about chi-square at these counts, hence 1 % and not 0.1 %; the customary
    0.1 alone would cry out nearly every time at 100 rows and 20 bins.
    """
    rng = np.random.default_rng(3)
    training = rng.multinomial(5000, np.full(20, 0.05), 2000)
    later = rng.multinomial(100, np.full(20, 0.05), 2000)
    values = np.array([psi(a, b) for a, b in zip(training, later, strict=True)])
    assert np.mean(values > noise_floor(20, 5000, 100)) <= 0.01
    assert np.mean(values > 0.1) > 0.9


def test_usual_data_are_usual_and_a_shift_is_an_alert(histograms):
    for shift, state in ((0.0, "usual"), (8.0, "alert")):
        drift = Drift(histograms)
        drift.observe(rows(400, 2, shift), DAY)
        found = {item.name: item.state for item in drift.report().inputs}
        assert found == {"holiday": "usual", "temperature_c": state}


def test_few_rows_give_no_verdict(histograms):
    """29 rows under the 30 that any verdict needs."""
    drift = Drift(histograms)
    drift.observe(rows(29, 2, 30.0), DAY)
    assert {item.state for item in drift.report().inputs} == {"undetermined"}
    assert "sans verdict" in " ".join(explain(drift.report(), {}))


def test_missing_and_never_seen_values_are_told_apart(histograms):
    """A tenth of the values missing; 2 % of the others at 90 °C, which training never saw."""
    inputs = rows(1000, 4)
    inputs["temperature_c"].ravel()[::10] = np.nan
    inputs["temperature_c"].ravel()[1::50] = 90
    drift = Drift(histograms)
    drift.observe(inputs, DAY)
    state = next(item for item in drift.report().inputs if item.name == "temperature_c")
    assert state.missing == pytest.approx(0.1)
    # 480 of 21,600 known values, and the odd one beyond the tails
    assert state.outside == pytest.approx(480 / 21_600, abs=0.001)
    assert state.state == "alert"


def test_only_the_window_counts_and_memory_is_bounded(histograms):
    """A year of calls leaves 28 days of counts, and an old call leaves nothing."""
    drift = Drift(histograms)
    for day in range(365):
        drift.observe(rows(2, day), DAY + timedelta(days=day))
    drift.observe(rows(2, 0), DAY)
    report = drift.report()
    assert report.first == str(DAY + timedelta(days=337))
    assert {item.rows for item in report.inputs} == {56}


def test_threads_lose_no_row(histograms):
    drift = Drift(histograms)
    work = [
        threading.Thread(target=lambda: [drift.observe(rows(5, 1), DAY) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert drift.report().inputs[0].rows == 400


@pytest.mark.parametrize(("share", "state"), [(0.8, "usual"), (0.5, "alert"), (1.0, "usual")])
def test_an_interval_that_holds_too_seldom_is_an_alert(histograms, share, state):
    """200 rows, 80 % promised: 50 % is far below, 100 % is wide but not unsafe."""
    truth = np.where(np.arange(200) < 200 * share, 0.5, 2.0)
    drift = Drift(histograms)
    drift.truth(np.zeros(200), np.ones(200), truth, DAY)
    report = drift.report()
    assert report.coverage_state == state
    assert report.covered == 200 * share
    assert report.above == 200 - 200 * share


def test_the_hours_of_few_days_do_not_pass_for_many_truths(histograms):
    """20 days of 24 hours are 480 values but 20 rows: under 30, no verdict."""
    drift = Drift(histograms)
    drift.truth(np.zeros((20, 24)), np.ones((20, 24)), np.full((20, 24), 2.0), DAY)
    assert drift.report().truths == 480
    assert drift.report().coverage_state == "undetermined"
    with pytest.raises(DataError, match="truth of shape"):
        drift.truth(np.zeros(2), np.ones(2), np.zeros(3), DAY)


def test_counts_survive_a_restart_but_not_another_model(histograms, tmp_path):
    drift = Drift(histograms)
    drift.observe(rows(50, 5), DAY)
    drift.truth(np.zeros(40), np.ones(40), np.full(40, 0.5), DAY)
    drift.save(tmp_path / "drift.json")
    again = Drift(histograms)
    assert again.load(tmp_path / "drift.json")
    assert again.report() == drift.report()
    other = Drift({"holiday": histograms["holiday"]})
    assert not other.load(tmp_path / "drift.json")
    assert not again.load(tmp_path / "nowhere.json")
    (tmp_path / "drift.json").write_text("torn {", encoding="utf-8")
    assert not again.load(tmp_path / "drift.json")


def test_the_alert_file_names_thresholds_and_their_sources(histograms, tmp_path):
    drift = Drift(histograms)
    drift.observe(rows(400, 2, 8.0), DAY)
    drift.report().write(tmp_path / "alert.json")
    raw = json.loads((tmp_path / "alert.json").read_text(encoding="utf-8"))
    assert raw["state"] == "alert"
    assert raw["thresholds"]["psi_alert"] == 0.25
    assert "Siddiqi" in raw["sources"]["psi"]
    assert "sans norme" in raw["sources"]["outside"]


def test_the_sentences_are_french_and_the_worst_comes_first(histograms):
    drift = Drift(histograms)
    assert explain(drift.report(), {}) == ("Dérive : aucune donnée reçue pour l'instant.",)
    drift.observe(rows(400, 2, 8.0), DAY)
    sentences = explain(drift.report(), {"temperature_c": "Température extérieure."})
    assert sentences[0].startswith("«\u00a0Température extérieure\u00a0» : données inhabituelles")
    assert "\u00a0%" in sentences[0]
    drift = Drift(histograms)
    drift.observe(rows(400, 2), DAY)
    drift.truth(np.zeros(100), np.ones(100), np.full(100, 0.5), DAY)
    assert explain(drift.report(), {})[0] == "Dérive : données habituelles."


@pytest.mark.parametrize(
    "change", [{"psi_watch": 0.3}, {"missing": 0}, {"rows": 0}, {"coverage": 1.0}]
)
def test_thresholds_out_of_range_are_refused(change):
    with pytest.raises(UsageError):
        Thresholds(**change)
