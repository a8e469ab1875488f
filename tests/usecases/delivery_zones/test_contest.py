"""The day-ahead contest: what is asked, that sealed days leave no trace, what is alarmed."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError, UsageError
from common.lab import graph, metrics, probability_metrics
from common.lab.candidate import model_without_ai
from common.lab.contest import Submission
from common.lab.usecase import Period
from usecases.delivery_zones import tasks
from usecases.delivery_zones.availability.examples import Scope
from usecases.delivery_zones.contest import (
    COLUMNS,
    check,
    day_ahead_contest,
    scored,
    unit_losses,
    without_days,
)
from usecases.delivery_zones.kerb.events import (
    Place,
    dataset_of,
    outages_of,
    sessions_of,
    zones_of,
)
from usecases.delivery_zones.simulate import simulate

WINDOW = Period(date(2025, 3, 10), date(2025, 4, 7))  # four weeks from a Monday
SEALED = ("2025-03-10", "2025-03-14", "2025-03-18", "2025-03-22", "2025-03-26", "2025-04-03")
SCOPE = Scope(
    listed=Period(date(2025, 1, 6), date(2025, 3, 10)),
    min_stays=20,
    train_start=date(2025, 1, 13),
)
CONTEST = day_ahead_contest(SCOPE, tasks.day_ahead_task("dundee").slices)


@pytest.fixture(scope="module")
def bays():
    """Four simulated zones of 1 to 4 bays over sixteen weeks."""
    return simulate(seed=3, n_zones=4)


@pytest.fixture(scope="module")
def paper(bays):
    return CONTEST.ask(bays, WINDOW)


@pytest.fixture(scope="module")
def honest(paper):
    """The usual chance of each row, which any vendor can compute, and a smooth departure."""
    clock = paper.questions.step
    wave = 0.05 * np.sin(clock / 7 + paper.questions.example)
    return np.clip(paper.questions.level + wave, 0.01, 0.99)


def handed(paper, p_free, **more):
    n_rows = len(paper.questions)
    return Submission({"p_free": p_free, **more}, np.arange(2, n_rows + 2), n_rows, "")


def score(metric, found):
    return metrics.score(metric, found, np.random.default_rng(0)).value


def rules(findings):
    return {finding.rule: finding for finding in findings}


def spells(timezone="Europe/Paris"):
    for day in SEALED:
        start = pd.Timestamp(day, tz=timezone)
        yield start, start + pd.DateOffset(days=1)


def with_noise(bays, seed):
    """Replace what happened on the sealed days: other stays, other borders, other outages."""
    rng = np.random.default_rng(seed)
    sessions = sessions_of(bays)
    names = bays.extras["spaces"][["curb_zone_id", "curb_space_id", "space"]]
    outages = outages_of(bays).merge(names, on=["curb_zone_id", "space"])
    made = []
    for start, stop in spells():
        begins, ends = sessions["event_time_start"], sessions["event_time_end"]
        inside = (begins >= start) & (ends <= stop)
        sessions = sessions[~inside].copy()
        begins, ends = sessions["event_time_start"], sessions["event_time_end"]
        into = (begins < start) & (ends > start) & (ends <= stop)
        out = (begins >= start) & (begins < stop) & (ends > stop)
        sessions.loc[into, "event_time_end"] = start + pd.Timedelta(minutes=1)
        sessions.loc[out, "event_time_start"] = stop - pd.Timedelta(minutes=1)
        for row in names.itertuples():
            minutes = np.sort(rng.choice(np.arange(5, 1430), 8, replace=False))
            for first, last in minutes.reshape(-1, 2):
                made.append((row.curb_zone_id, row.curb_space_id,
                             start + pd.Timedelta(minutes=int(first)),
                             start + pd.Timedelta(minutes=int(last)), "rapid", "ok"))  # fmt: skip
        made.append(("sim-01", "sim-01-unheard-of", start + pd.Timedelta(hours=9),
                     start + pd.Timedelta(hours=10), "rapid", "ok"))  # fmt: skip
        outages = outages[~((outages["start"] >= start) & (outages["end"] <= stop))]
    columns = ["curb_zone_id", "curb_space_id", "event_time_start", "event_time_end", "use_class",
               "quality"]  # fmt: skip
    noise = pd.DataFrame(made, columns=columns)
    for name in ("event_time_start", "event_time_end"):
        noise[name] = noise[name].dt.tz_convert("UTC").dt.as_unit("s")
    place = Place(bays.name, bays.timezone, bays.proxy, simulated=True)
    changed = pd.concat([sessions, noise], ignore_index=True)
    return dataset_of(place, zones_of(bays), changed, outages)


def test_each_working_day_of_four_weeks_is_asked_once(paper):
    """Every fourth of 28 days is 7 days, one of them a Sunday (30 March): 6 days are asked.

    52 quarters, four zones, six days: 52 * 4 * 6 = 1248 questions.
    """
    assert len(paper.questions) == 1248
    days = np.unique(paper.questions.blocks.astype("datetime64[D]"))
    assert tuple(days.astype(str)) == SEALED
    assert sorted((days.astype(np.int64) + 3) % 7) == [0, 1, 2, 3, 4, 5]


def test_questions_are_civil_quarters_issued_at_18_the_day_before(paper):
    """Paris: 07:00 is 06:00 UTC in winter and 05:00 UTC after 30 March 2025."""
    keys = paper.questions.keys
    assert str(keys["target_time_utc"][0]) == "2025-03-10T06:00:00"
    assert str(keys["issue_time_utc"][0]) == "2025-03-09T17:00:00"
    summer = keys["target_time_utc"] >= np.datetime64("2025-04-03")
    assert str(keys["target_time_utc"][summer].min()) == "2025-04-03T05:00:00"
    assert str(keys["target_time_utc"].max()) == "2025-04-03T17:45:00"
    assert paper.questions.units.dtype.kind == "U"


def test_labels_replaced_by_noise_change_nothing_that_is_handed_out(bays, paper):
    """Stays, borders and outages of the sealed days leave no trace anywhere but in the labels."""
    other = CONTEST.ask(with_noise(bays, seed=1), WINDOW)
    assert not np.array_equal(other.labels.truth["free"], paper.labels.truth["free"])
    mine, theirs = paper.questions, other.questions
    for group in ("keys", "inputs", "later", "slices"):
        for name, values in getattr(mine, group).items():
            assert np.asarray(values).tobytes() == getattr(theirs, group)[name].tobytes(), name
    for name in ("units", "blocks", "example", "step", "scale", "level"):
        assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name
    for name, table in paper.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name])
        assert table.to_csv() == other.tables[name].to_csv()


def test_sealed_days_are_unknown_never_free(paper):
    """NaN in every history: 14 March is 4 days before the issue day, 17 March, of the 18th."""
    questions = paper.questions
    day = questions.blocks.astype("datetime64[D]")
    rows = np.unique(questions.example[day == np.datetime64("2025-03-18")])
    history = questions.inputs["occupied_history"][rows]
    # The window ends with 16 March, so that 14 March stands third from its end.
    assert np.isnan(history[:, -3]).all()
    assert np.isfinite(history[:, -1]).any()
    assert np.isfinite(questions.inputs["occupied_today"][rows]).any()


def test_no_stay_lies_in_a_sealed_day_and_all_bays_are_in_an_outage(paper):
    sessions, outages = paper.tables["sessions.csv"], paper.tables["outages.csv"]
    for start, stop in spells():
        ended = sessions["event_time_end"].fillna(sessions["event_time_start"])
        assert not ((sessions["event_time_start"] < stop) & (ended > start)).any()
        silent = outages[(outages["start"] <= start) & ~(outages["end"] < stop)]
        assert set(silent["curb_space_id"]) == set(sessions["curb_space_id"])


def test_a_stay_across_a_sealed_midnight_is_cut_on_both_sides():
    """Sunday 22:00 to Tuesday 06:00 over a sealed Monday: two parts, neither length is true."""
    times = pd.to_datetime(["2025-03-09T22:00Z", "2025-03-11T06:00Z"]).as_unit("s")
    stay = pd.DataFrame({
        "curb_zone_id": ["z"], "curb_space_id": ["z-1"], "event_time_start": times[:1],
        "event_time_end": times[1:], "quality": ["ok"]})  # fmt: skip
    source = dataset_of(Place("own", "UTC"), pd.DataFrame({"curb_zone_id": ["z"]}), stay)
    hidden = without_days(source, np.array(["2025-03-10"], "M8[D]"), WINDOW)
    found = sessions_of(hidden)
    starts, ends = found["event_time_start"], found["event_time_end"]
    assert starts.dt.strftime("%d %H:%M").tolist() == ["09 22:00", "11 00:00"]
    assert ends.dt.strftime("%d %H:%M").tolist() == ["10 00:00", "11 06:00"]
    assert found["quality"].tolist() == ["cut_by_outage", "cut_by_outage"]
    assert len(outages_of(hidden)) == 1


def test_tables_hold_the_brief_s_columns_and_nothing_after_the_window(paper):
    assert list(paper.tables["zones.csv"].columns[:3]) == ["curb_zone_id", "n_spaces", "timezone"]
    assert list(paper.tables["outages.csv"].columns) == ["curb_space_id", "start", "end"]
    sessions = paper.tables["sessions.csv"]
    stop = pd.Timestamp("2025-04-07", tz="Europe/Paris")
    assert sessions["event_time_start"].max() < stop
    assert not (sessions["event_time_end"] >= stop).any()
    assert set(paper.about) == set(paper.tables)


def test_truth_is_that_of_the_untouched_data(bays, paper):
    """Counted by hand: a zone is full where as many stays as it has bays hold the instant."""
    questions, zone = paper.questions, "sim-02"  # one bay
    sessions = sessions_of(bays).query("curb_zone_id == @zone")
    starts, ends = (
        sessions[name].dt.tz_localize(None).to_numpy()
        for name in ("event_time_start", "event_time_end")
    )
    rows = np.flatnonzero((questions.units == zone) & np.isfinite(paper.labels.truth["free"]))
    at = questions.keys["target_time_utc"][rows][:, None]
    taken = ((starts <= at) & (at < ends)).any(axis=1)
    assert 0 < taken.mean() < 1
    assert (paper.labels.truth["free"][rows] == ~taken).all()


def test_losses_are_squared_errors_by_zone_and_civil_day(paper):
    questions = replace(
        paper.questions, units=np.array(["a", "a"]), blocks=np.array([4, 5]), keys={}, later={},
        slices={},
    )  # fmt: skip
    submission = Submission({"p_free": np.array([0.75, 0.5])}, np.array([2, 3]), 2, "")
    labels = replace(paper.labels, truth={"free": np.array([1.0, np.nan])})
    units, blocks, losses = unit_losses(submission, questions, labels)
    assert units.tolist() == ["a", "a"]
    assert blocks.tolist() == [4, 5]
    assert losses[0] == 0.0625  # 0.25 ** 2
    assert np.isnan(losses[1])


def test_a_file_of_chances_alone_has_its_skill(paper, honest):
    """The reference comes from the questions, not from the file."""
    found = scored(handed(paper, honest), paper.questions, paper.labels)
    assert np.isfinite(score(probability_metrics.BRIER_SKILL, found))


def test_the_reference_is_what_the_graph_calls_usual(paper):
    """The rung that answers with the usual chance has a skill of nought against it."""
    task = tasks.day_ahead_task("dundee")
    rung = next(rung for rung in task.rungs if rung.name == "usual")
    outputs = graph.run(model_without_ai(task, rung), paper.questions.inputs)
    answers = outputs["p_free"][paper.questions.example, paper.questions.step]
    found = scored(handed(paper, answers.astype(float)), paper.questions, paper.labels)
    assert found.reference == pytest.approx(found.predicted, abs=2e-4)  # log-odds on a 2**-12 grid
    assert score(probability_metrics.BRIER_SKILL, found) == pytest.approx(0, abs=0.05)


def test_certain_answers_that_prove_wrong_are_clipped_not_dropped(paper):
    """All rows answered 0 where a bay was free cost -ln(0.001) = 6.908 each."""
    found = scored(handed(paper, np.zeros(len(paper.questions))), paper.questions, paper.labels)
    share = found.actual.mean()
    loss = score(probability_metrics.LOG_LOSS, found)
    assert loss == pytest.approx(6.9078 * share, rel=1e-3)
    assert len(found) == np.isfinite(paper.labels.truth["free"]).sum()


def test_an_honest_file_passes_its_checks_and_its_audit(paper, honest):
    others = {"usual": handed(paper, paper.questions.level)}
    mine = handed(paper, honest)
    assert check(mine, paper.questions) == ()
    assert CONTEST.audit(mine, paper.questions, paper.labels, others) == ()


def test_a_perfect_file_is_alarmed(paper, honest):
    """Brief 5.1, 12: nobody knows tomorrow."""
    truth = np.nan_to_num(paper.labels.truth["free"], nan=0.5)
    others = {"usual": handed(paper, honest)}
    found = rules(CONTEST.audit(handed(paper, truth), paper.questions, paper.labels, others))
    assert found["impossible-perfection"].severity == "review"


def test_a_constant_file_is_alarmed(paper):
    found = rules(check(handed(paper, np.full(len(paper.questions), 0.8)), paper.questions))
    assert found["constant"].severity == "review"
    assert "unit-error" not in found


def test_bookings_passed_as_occupancy_are_alarmed(paper):
    """Bookings see one use in ten: full one tenth as often as the history shows."""
    booked = 1 - (1 - paper.questions.level) / 10
    assert "too-favourable" in rules(check(handed(paper, booked), paper.questions))


def test_more_vehicles_than_bays_are_alarmed(paper, honest):
    """The bays of each zone are known: one more in the first row, line 2 of the file."""
    bays = paper.questions.inputs["bays"][paper.questions.example].astype(float)
    assert "over-capacity" not in rules(
        check(handed(paper, honest, occupied=bays), paper.questions)
    )
    bays[0] += 1
    found = rules(check(handed(paper, honest, occupied=bays), paper.questions))["over-capacity"]
    assert (found.severity, found.count, found.rows) == ("review", 1, (2,))


def test_percentages_are_refused_by_their_range(paper, honest, tmp_path):
    table = pd.DataFrame({name: paper.questions.keys[name] for name in CONTEST.keys})
    for name in ("issue_time_utc", "target_time_utc"):
        table[name] = table[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table.assign(p_free=100 * honest).to_csv(tmp_path / "p.csv", index=False)
    submission = CONTEST.parse(tmp_path / "p.csv", paper.questions)
    assert "out-of-range" in rules(submission.findings)
    assert submission.refused


def test_a_zero_and_a_one_are_legal_answers(paper, honest, tmp_path):
    """Brief 3.1: they are clipped for the log score, never refused or dropped."""
    table = pd.DataFrame({name: paper.questions.keys[name] for name in CONTEST.keys})
    for name in ("issue_time_utc", "target_time_utc"):
        table[name] = table[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table.assign(p_free=np.round(honest)).to_csv(tmp_path / "p.csv", index=False)
    submission = CONTEST.parse(tmp_path / "p.csv", paper.questions)
    assert submission.findings == ()
    assert set(np.unique(submission.answers["p_free"])) <= {0.0, 1.0}


def test_damages_touch_what_their_titles_say(paper):
    silent, forgetful = (damage(paper.questions.inputs) for damage in CONTEST.stress.values())
    assert np.isnan(silent["occupied_today"]).all()
    assert np.isnan(silent["occupied_now"]).all()
    assert np.isfinite(silent["occupied_history"]).any()
    # 56 days of which 14 stay: 42 are forgotten.
    assert np.isnan(forgetful["occupied_history"][:, :42]).all()
    assert np.isfinite(forgetful["occupied_history"][:, 42:]).any()
    assert np.isfinite(paper.questions.inputs["occupied_history"][:, :42]).any()


def test_a_window_that_seals_one_day_is_refused(bays):
    """Four days seal the first only."""
    with pytest.raises(DataError, match="seals 1"):
        CONTEST.ask(bays, Period(date(2025, 3, 10), date(2025, 3, 14)))


def test_the_chance_is_the_main_column():
    assert [column.name for column in COLUMNS if column.required][-1] == "p_free"
    with pytest.raises(UsageError):
        replace(COLUMNS[0], low=0.0)
