"""Drift is counted in bounded memory, is not cried out by chance, and is explained in French."""

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from common.edge.drift.alerts import Alert, read_alert, write_alert
from common.edge.drift.counts import Drift
from common.edge.drift.report import Thresholds
from common.edge.drift.sentences import explain, short
from common.edge.errors import DataError, ManifestError, UsageError
from common.edge.training.histogram import Histogram, Levels, noise_floor, psi, season, stuck_rows
from common.edge.training.usual import Usual

DAY = date(2026, 1, 5)
EDGES = tuple(np.linspace(-12, 36, 21))
MEANINGS = {"temperature_c": "Température extérieure."}


def rows(count, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return {"temperature_c": (rng.normal(12 + shift, 5, (count, 24))).astype(np.float32)}


def histogram(**changes):
    """January is 12 degrees, give or take 5; usual weeks and months stay below 0.2 and 0.1."""
    values = np.clip(rows(2000, 1)["temperature_c"], -12, 36)
    counts, _ = np.histogram(values, EDGES)
    levels = Levels(0.2, 0.1, rows_week=7, rows_month=28)
    return replace(Histogram(EDGES, {1: tuple(counts.tolist())}, 0, 2000, levels=levels), **changes)


@pytest.fixture(scope="module")
def usual():
    return Usual({"temperature_c": histogram()}, 0.8)


def watched(usual, shift=0.0, days=28, per_day=10):
    drift = Drift(usual)
    for day in range(days):
        drift.observe(rows(per_day, day, shift), DAY - timedelta(days=27 - day) + timedelta(26))
    return drift


def only(drift):
    (state,) = drift.report().inputs
    return state


def test_a_histogram_survives_json_and_refuses_nonsense():
    item = histogram()
    assert Histogram.from_json(json.loads(json.dumps(item.to_json()))) == item
    for change in (
        {"edges": [2, 1]},
        {"months": {"13": [1] * 20}},
        {"months": {"1": [-1] * 20}},
        {"months": {"1": [1] * 19}},
        {"rows": 0},
        {"levels": {"x": 1}},
        {"y": 1},
    ):
        with pytest.raises(ManifestError):
            Histogram.from_json(item.to_json() | change)


def test_the_file_of_a_bundle_survives_and_is_refused_when_it_is_not_ours(usual):
    assert Usual.from_bytes(usual.to_bytes()) == usual
    for data in (b"", b"[]", b'{"schema":9}', b'{"schema":1,"inputs":{},"coverage":1.5}'):
        with pytest.raises(ManifestError):
            Usual.from_bytes(data)


def test_psi_is_that_of_a_calculation_by_hand():
    """All in one bin of two, against the other: f = 0.995, e = 0.005, twice 0.99 ln(199)."""
    assert psi([10, 0], [0, 10]) == pytest.approx(2 * 0.99 * np.log(0.995 / 0.005))
    # ten times as many values say no more: an empty bin costs the same
    assert psi([10, 0], [0, 100]) == pytest.approx(psi([10, 0], [0, 10]))


def test_a_season_takes_half_of_each_neighbour_and_december_is_one_of_january():
    shares = season({1: [2, 0, 0], 2: [0, 4, 0], 12: [0, 0, 4]}, {1: 5})
    # (2 x 2, 4, 4) / 12
    assert shares.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_stuck_rows_are_those_that_repeat_a_value_and_missing_ones_do_not_count():
    table = np.array([[1, 1, 1, 2], [1, 2, 1, 2], [np.nan] * 4, [3, 1, 1, 1]])
    assert stuck_rows(table, 3) == 2
    assert stuck_rows(table, 4) == 0
    assert stuck_rows(table, 9) == 0


def test_chance_alone_stays_below_the_floor():
    """Simulated 2,000 times without any change: at most 1 % pass the 99.9 % bound.

    PSI is only about chi-square at these counts, hence 1 % and not 0.1 %. The customary 0.1
    alone would cry out half of the time at 200 rows and 20 bins: 19 / 200 = 0.095 on average.
    """
    rng = np.random.default_rng(3)
    training = rng.multinomial(5000, np.full(20, 0.05), 2000)
    later = rng.multinomial(200, np.full(20, 0.05), 2000)
    values = np.array([psi(a, b) for a, b in zip(training, later, strict=True)])
    assert np.mean(values > noise_floor(20, 5000, 200)) <= 0.01
    assert np.mean(values > 0.1) > 0.4


@pytest.mark.parametrize(("shift", "state"), [(0.0, "usual"), (8.0, "alert")])
def test_usual_data_are_usual_and_a_shift_is_an_alert(usual, shift, state):
    found = only(watched(usual, shift))
    assert found.state == state
    assert found.causes == (("psi",) if shift else ())


def test_a_change_of_the_last_week_shows_before_it_fills_the_window(usual):
    """21 usual days then 7 warm ones: diluted by four over the window, plain in the week."""
    drift = Drift(usual)
    for day in range(28):
        drift.observe(rows(10, day, 4.0 if day >= 21 else 0.0), DAY + timedelta(day))
    assert only(drift).state == "alert"


def test_the_distribution_is_not_judged_where_its_season_was_not_learned(usual):
    """July against a training of January: said, and no alarm but for values never seen."""
    drift = Drift(usual)
    for day in range(10):
        drift.observe(rows(10, day, 8.0), date(2026, 7, 1) + timedelta(day))
    assert only(drift).psi_usual is None
    assert "psi" not in only(drift).causes
    assert not drift.report().season_learned
    assert "n'a rien vu de cette période" in " ".join(explain(drift.report(), {}))


def test_a_window_of_another_season_is_named_by_the_month_it_is_like(usual):
    """Training knows a January of 12 degrees and a May of 20; 20 in January is like May."""
    warm, _ = np.histogram(rows(2000, 3, 8.0)["temperature_c"], EDGES)
    item = histogram()
    both = replace(item, months={**item.months, 5: tuple(warm.tolist())})
    found = only(watched(Usual({"temperature_c": both}), 8.0))
    assert found.state == "alert"
    assert found.nearest_month == 5


def test_few_rows_give_no_verdict(usual):
    """19 rows under the 20 that any verdict needs."""
    drift = Drift(usual)
    drift.observe(rows(19, 2, 30.0), DAY)
    assert only(drift).state == "undetermined"
    assert "sans verdict" in " ".join(explain(drift.report(), {}))
    assert short(drift.report(), {}, "").startswith("Données pas encore jugées")


def test_a_single_day_is_not_called_usual_however_many_its_rows(usual):
    """1,000 rows of one day: no fault found, and no verdict on the distribution either."""
    drift = Drift(usual)
    drift.observe(rows(1000, 2), DAY)
    assert only(drift).state == "undetermined"
    line = short(drift.report(), {}, "")
    assert line.endswith("1\u00a0jour(s) ; il faut 20 lignes et 7 jours.")


def test_missing_and_never_seen_values_are_told_apart(usual):
    """A tenth of the values missing; 2 % of the others at 90 °C, which training never saw."""
    inputs = rows(1000, 4)
    inputs["temperature_c"].ravel()[::10] = np.nan
    inputs["temperature_c"].ravel()[1::50] = 90
    drift = Drift(usual)
    drift.observe(inputs, DAY)
    state = only(drift)
    assert state.missing == pytest.approx(0.1)
    # 480 of 21,600 known values, and the odd one beyond the tails
    assert state.outside == pytest.approx(480 / 21_600, abs=0.001)
    assert (state.state, state.causes) == ("alert", ("outside", "missing"))


def test_a_sensor_that_repeats_its_value_is_an_alert(usual):
    """One of ten rows has stopped: 10 % of the rows against 2 %."""
    stuck = Usual({"temperature_c": histogram(run=12)})
    drift = Drift(stuck)
    inputs = rows(100, 5)
    inputs["temperature_c"][::10] = 7.5
    drift.observe(inputs, DAY)
    assert only(drift).stuck == pytest.approx(0.1)
    assert only(drift).causes == ("stuck",)
    assert "répète la même valeur" in explain(drift.report(), MEANINGS)[0]


def test_of_a_sliding_history_only_the_newest_positions_count():
    """The last two of five: what changed long ago was counted when it was new."""
    item = Histogram((0.0, 1.0, 2.0), {1: (5, 5)}, 0, 10, newest=2)
    drift = Drift(Usual({"load": item}))
    drift.observe({"load": np.array([[9.0, 9, 9, 0.5, 1.5]] * 20)}, DAY)
    assert only(drift).outside == 0
    first = replace(item, newest=-2)
    drift = Drift(Usual({"load": first}))
    drift.observe({"load": np.array([[0.5, 1.5, 9.0, 9, 9]] * 20)}, DAY)
    assert only(drift).outside == 0


def test_only_the_window_counts_and_memory_is_bounded(usual):
    """A year of calls leaves 28 days of counts, and an old call leaves nothing."""
    drift = Drift(usual)
    for day in range(365):
        drift.observe(rows(2, day), DAY + timedelta(days=day))
    drift.observe(rows(2, 0), DAY)
    report = drift.report()
    assert report.first == str(DAY + timedelta(days=337))
    assert report.rows == 56
    with pytest.raises(UsageError, match="1 to 366"):
        Drift(usual, window_days=0)


def test_threads_lose_no_row(usual):
    drift = Drift(usual)
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
def test_an_interval_that_holds_too_seldom_is_an_alert(usual, share, state):
    """200 rows, 80 % promised: 50 % is far below, 100 % is wide but not unsafe."""
    truth = np.where(np.arange(200) < 200 * share, 0.5, 2.0)
    drift = Drift(usual)
    drift.truth(np.zeros(200), np.ones(200), truth, DAY)
    report = drift.report()
    assert report.coverage_state == state
    assert report.truths.covered == 200 * share
    assert report.truths.above == 200 - 200 * share


def test_the_hours_of_few_days_do_not_pass_for_many_truths(usual):
    """19 days of 24 hours are 456 values but 19 rows: under 20, no verdict."""
    drift = Drift(usual)
    drift.truth(np.zeros((19, 24)), np.ones((19, 24)), np.full((19, 24), 2.0), DAY)
    assert drift.report().truths.above == 456
    assert drift.report().coverage_state == "undetermined"
    with pytest.raises(DataError, match="truth of shape"):
        drift.truth(np.zeros(2), np.ones(2), np.zeros(3), DAY)


def test_without_any_truth_nothing_is_said_of_the_interval(usual):
    report = watched(usual).report()
    assert report.share is None
    assert (report.coverage_low, report.coverage_high) == (0.0, 1.0)
    assert report.state == "usual"


def test_counts_survive_a_restart_but_not_another_model(usual, tmp_path):
    drift = Drift(usual)
    drift.observe(rows(50, 5), DAY)
    drift.truth(np.zeros(40), np.ones(40), np.full(40, 0.5), DAY)
    drift.save(tmp_path / "drift.json")
    again = Drift(usual)
    assert again.load(tmp_path / "drift.json")
    assert again.report() == drift.report()
    other = Drift(Usual({"temperature_c": histogram(newest=3)}))
    assert not other.load(tmp_path / "drift.json")
    assert not again.load(tmp_path / "nowhere.json")
    (tmp_path / "drift.json").write_text("torn {", encoding="utf-8")
    assert not again.load(tmp_path / "drift.json")


def test_the_alert_file_names_thresholds_and_their_sources(usual, tmp_path):
    path = tmp_path / "alert.json"
    report = watched(usual, 8.0).report()
    alert = Alert.of(report, datetime(2026, 2, 1, tzinfo=UTC), Alert())
    write_alert(path, alert, report, model="a.b")
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["state"] == "alert"
    assert raw["since"] == "2026-02-01"
    assert raw["concerned"] == ["temperature_c"]
    assert raw["thresholds"]["psi_alert"] == 0.25
    assert "Siddiqi" in raw["sources"]["psi"]
    assert "sans norme" in raw["sources"]["outside"]
    assert read_alert(path) == alert
    path.write_text('{"state": "panic"}', encoding="utf-8")
    assert read_alert(path) is None


def test_an_alert_is_as_old_as_its_state(usual):
    report = watched(usual, 8.0).report()
    first = Alert.of(report, datetime(2026, 2, 1, tzinfo=UTC), Alert())
    later = Alert.of(report, datetime(2026, 2, 9, tzinfo=UTC), first)
    assert later == first
    calm = Alert.of(watched(usual).report(), datetime(2026, 3, 1, tzinfo=UTC), later)
    assert (calm.state, calm.since) == ("usual", "2026-03-01")


def test_the_sentences_are_french_and_the_worst_comes_first(usual):
    assert explain(Drift(usual).report(), {}) == ("Dérive : aucune donnée reçue pour l'instant.",)
    report = watched(usual, 8.0).report()
    sentences = explain(report, MEANINGS)
    assert sentences[0].startswith("«\u00a0Température extérieure\u00a0» : données inhabituelles")
    line = short(report, MEANINGS, "2026-02-01")
    assert line == "Données inhabituelles depuis le 1er février 2026 : Température extérieure."
    drift = watched(usual)
    drift.truth(np.zeros(100), np.ones(100), np.full(100, 0.5), DAY + timedelta(20))
    usual_sentences = explain(drift.report(), {})
    assert usual_sentences[0] == "Dérive : données habituelles (28 jour(s) observé(s))."
    assert "80\u00a0% annoncés" in usual_sentences[-1]


def test_an_interval_that_fails_says_to_calibrate_again(usual):
    drift = watched(usual)
    drift.truth(np.zeros(100), np.ones(100), np.full(100, 5.0), DAY + timedelta(20))
    assert "Recaler avec aune calibrate" in " ".join(explain(drift.report(), {}))
    assert short(drift.report(), {}, "") == "L'intervalle annoncé ne tient plus."


@pytest.mark.parametrize("change", [{"psi_watch": 0.3}, {"missing": 0}, {"rows": 0}, {"margin": 0}])
def test_thresholds_out_of_range_are_refused(change):
    with pytest.raises(UsageError):
        Thresholds(**change)
