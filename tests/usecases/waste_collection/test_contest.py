"""The contest of overflow chances: sealed weeks leave no trace, and losses are the task's own."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError
from common.lab import metrics
from common.lab.contest import Labels, Submission
from common.lab.usecase import Period
from usecases.waste_collection.contest import COLUMNS, audit, check, scored, unit_losses
from usecases.waste_collection.overflow.examples import SLOTS, Scope, examples_of
from usecases.waste_collection.overflow.scores import METRICS, ipcw_losses
from usecases.waste_collection.simulate import simulate
from usecases.waste_collection.tasks import OVERFLOW_TASK

WINDOW = Period(date(2024, 9, 2), date(2025, 2, 3))  # 154 days from a Monday
ISSUES = tuple((np.datetime64("2024-09-02") + np.arange(0, 150, 15)).astype(str))
CONTEST = OVERFLOW_TASK.contest
SCOPE = Scope(weights_until=WINDOW.start)


@pytest.fixture(scope="module")
def bins():
    """Eight simulated containers from January 2024 to February 2025."""
    return simulate(seed=3, n_containers=8, n_days=420, first_day=date(2024, 1, 1))


@pytest.fixture(scope="module")
def paper(bins):
    return CONTEST.ask(bins, WINDOW)


@pytest.fixture(scope="module")
def honest(paper):
    """The usual share of each row, rising with the horizon, moved a little by container."""
    wave = 0.03 * np.sin(1.0 + paper.questions.example)
    return np.clip(paper.questions.level + wave, 0.01, 0.99)


def handed(paper, p_ge80, **more):
    n_rows = len(paper.questions)
    return Submission({"p_ge80": p_ge80, **more}, np.arange(2, n_rows + 2), n_rows, "")


def rules(findings):
    return {finding.rule: finding for finding in findings}


def sealed_rows(dataset):
    """Tell the readings of the seven days after each issue day."""
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None)
    day = local.to_numpy().astype("M8[D]")
    issues = np.array(ISSUES, "M8[D]")
    ahead = day[:, None] - issues
    return ((ahead >= np.timedelta64(1, "D")) & (ahead <= np.timedelta64(7, "D"))).any(axis=1)


def with_noise(dataset, seed):
    """Replace the sealed weeks: other levels, other alerts, other silences."""
    rng = np.random.default_rng(seed)
    sealed = sealed_rows(dataset)
    drawn = {
        "level_percent": rng.choice([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], len(sealed)),
        "alert": rng.choice([0.0, 1.0], len(sealed), p=[0.9, 0.1]),
    }
    columns = {
        name: np.where(sealed, drawn[name], values).astype(np.float32)
        for name, values in dataset.columns.items()
    }
    valid = np.where(sealed, rng.random(len(sealed)) < 0.9, dataset.valid)
    return replace(dataset, columns=columns, valid=valid)


def table_of(paper, **answers):
    table = pd.DataFrame({name: paper.questions.keys[name] for name in CONTEST.keys})
    table["issued_at"] = table["issued_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return table.assign(**answers)


def test_a_week_is_asked_after_every_fifteenth_day(paper):
    """154 days: issue days 0, 15, ... 135; from day 150 on, no seven days are left of 154."""
    days = np.unique(paper.questions.blocks.astype("datetime64[D]"))
    assert tuple(days.astype(str)) == ISSUES
    horizons, counts = np.unique(paper.questions.keys["horizon_d"], return_counts=True)
    assert horizons.tolist() == ["1", "2", "3", "4", "5", "6", "7"]
    assert set(counts) == {len(paper.questions) // 7}


def test_the_weekday_of_issue_turns():
    """Seven issue days in a row fall on seven weekdays: 15 and 7 share no factor."""
    assert len({(15 * place) % 7 for place in range(7)}) == 7


def test_forecasts_are_issued_at_6_local_time(paper):
    """Paris is two hours ahead of UTC in September, one in January."""
    issued = np.unique(paper.questions.keys["issued_at"]).astype(str)
    assert (issued[0], issued[-1]) == ("2024-09-02T04:00:00", "2025-01-15T05:00:00")


def test_a_sealed_week_replaced_by_noise_changes_nothing_that_is_handed_out(bins, paper):
    """Levels, alerts, silences and collections show nowhere but in the labels."""
    other = CONTEST.ask(with_noise(bins, seed=1), WINDOW)
    assert not np.array_equal(
        other.labels.truth["reached"], paper.labels.truth["reached"], equal_nan=True
    )
    mine, theirs = paper.questions, other.questions
    for group in ("keys", "inputs", "later", "slices"):
        for name, values in getattr(mine, group).items():
            assert np.asarray(values).tobytes() == getattr(theirs, group)[name].tobytes(), name
    for name in ("units", "blocks", "example", "step", "scale", "level"):
        assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name
    for name, table in paper.tables.items():
        assert table.to_csv() == other.tables[name].to_csv(), name


def test_nothing_after_the_window_is_handed_out(bins, paper):
    """The data run to 23 February; the window ends with 2 February."""
    assert bins.times.max() > pd.Timestamp("2025-02-20", tz="UTC")
    assert paper.tables["readings.csv"]["read_at"].max() < pd.Timestamp("2025-02-03", tz="UTC")


def test_no_reading_of_a_sealed_day_is_handed_out(paper):
    read = paper.tables["readings.csv"]["read_at"].dt.tz_convert("Europe/Paris")
    days = read.dt.tz_localize(None).to_numpy().astype("M8[D]")
    for issue in np.array(ISSUES, "M8[D]"):
        assert not np.isin(days, issue + np.arange(1, 8)).any()
        assert (days == issue).any()
    assert np.isin(np.array(ISSUES, "M8[D]") + 8, days).mean() >= 0.5  # some days are lost


def test_a_container_is_asked_whatever_followed(bins, paper):
    """Hidden by a collection, silent or known: the list of questions tells nothing."""
    truth = paper.labels.truth["reached"]
    assert np.isnan(truth).any()
    whole = examples_of(bins, WINDOW, SCOPE)
    asked = {
        (unit, str(day)) for unit, day in zip(whole.units, whole.days, strict=True)
        if str(day) in ISSUES
    }  # fmt: skip
    days = paper.questions.blocks.astype("datetime64[D]").astype(str)
    assert asked == set(zip(paper.questions.units, days, strict=True))


def test_losses_are_those_of_the_task(bins, paper, honest):
    """The same rows through the task's own function, on the untouched data."""
    units, blocks, losses = unit_losses(handed(paper, honest), paper.questions, paper.labels)
    whole = examples_of(bins, WINDOW, SCOPE)
    whole = whole.take(np.isin(whole.days, np.array(ISSUES, "M8[D]")))
    expected = ipcw_losses(whole, {"p_ge80": honest.reshape(-1, 7)})
    assert units.tolist() == expected[0].tolist()
    assert losses == pytest.approx(expected[2], nan_ok=True)
    assert blocks.tolist() == whole.days.astype(np.int64).tolist()


def test_a_collection_costs_nothing_and_missing_readings_are_left_out(paper):
    """Days 1 and 2 counted, the second hidden: (2 * 0.5 ** 2 + 0) / 2 = 0.25."""
    rows = np.arange(7)
    questions = replace(
        paper.questions, units=paper.questions.units[rows], blocks=paper.questions.blocks[rows],
        example=np.zeros(7, int), step=rows, keys={}, later={}, slices={},
    )  # fmt: skip
    nan = np.full(5, np.nan)
    truth = {
        "reached": np.array([1.0, np.nan, *nan]),
        "weight": np.array([2.0, 2.0, *nan]),
        "level_percent": np.full(7, np.nan),
        "seen_percent": np.full(7, np.nan),
    }
    submission = Submission({"p_ge80": np.full(7, 0.5)}, rows + 2, 7, "")
    assert unit_losses(submission, questions, Labels(truth))[2].tolist() == [0.25]


def test_chances_alone_are_scored_and_levels_are_then_not(paper, honest):
    found = scored(handed(paper, honest), paper.questions, paper.labels)
    assert 0 < metrics.score(METRICS[0], found, np.random.default_rng(0)).value < 0.35
    assert not len(found.levels.seen)


def test_the_interval_is_q10_to_q90_unless_another_is_given(paper, honest):
    """0 to 100 holds every level; 0 to 0 those of empty containers only."""
    low, high = np.zeros(len(honest)), np.full(len(honest), 100.0)
    levels = {"q10": low, "q50": low, "q90": high}
    wide = scored(handed(paper, honest, **levels), paper.questions, paper.labels)
    assert wide.levels.inside.all()
    told = handed(paper, honest, **levels, low_80=low, high_80=low)
    narrow = scored(told, paper.questions, paper.labels)
    assert narrow.levels.inside.mean() == pytest.approx((narrow.levels.seen == 0).mean())
    assert 0 < narrow.levels.inside.mean() < 1


def test_an_honest_file_passes_its_checks_and_its_audit(paper, honest):
    mine = handed(paper, honest)
    assert check(mine, paper.questions) == ()
    others = {"usual": handed(paper, paper.questions.level)}
    audited = rules(CONTEST.audit(mine, paper.questions, paper.labels, others))
    assert not set(audited) & {"impossible-perfection", "exact-truth", "future-copied"}


def test_a_chance_that_falls_with_the_horizon_is_refused_with_its_lines(paper, honest):
    """Row 2 (day 3 of the first forecast) is line 4 of the file."""
    falling = honest.copy()
    falling[2] = falling[1] - 0.01
    finding = rules(check(handed(paper, falling), paper.questions))["falling-chance"]
    assert (finding.severity, finding.count, finding.rows) == ("refused", 1, (4,))


def test_an_answer_left_out_breaks_no_order(paper, honest):
    """Day 2 missing: day 3 is held against day 1."""
    holed = honest.copy()
    holed[1] = np.nan
    assert "falling-chance" not in rules(check(handed(paper, holed), paper.questions))


def test_full_above_80_percent_asks_for_a_person(paper, honest):
    found = rules(check(handed(paper, honest, p_full=np.ones(len(honest))), paper.questions))
    assert found["full-before-80"].severity == "review"


def test_crossing_bounds_are_refused(paper, honest):
    """By the reader for quantiles, by the check for the interval."""
    low, high = np.full(len(honest), 90.0), np.full(len(honest), 20.0)
    found = rules(check(handed(paper, honest, low_80=low, high_80=high), paper.questions))
    assert found["interval-order"].severity == "refused"


def test_a_file_of_the_brief_s_names_is_read(paper, honest, tmp_path):
    """``run_id`` stands beside, unread; crossing quantiles are refused, never sorted."""
    level = np.full(len(honest), 50.0)
    table = table_of(paper, run_id="r1", q10=level, q50=level + 10, q90=level + 20, p_ge80=honest)
    table.to_csv(tmp_path / "forecasts.csv", index=False)
    submission = CONTEST.parse(tmp_path / "forecasts.csv", paper.questions)
    assert not submission.refused
    assert set(rules(submission.findings)) == {"extra-columns"}
    assert submission.answers["p_ge80"] == pytest.approx(honest)
    table.assign(q50=level - 1).to_csv(tmp_path / "crossed.csv", index=False)
    crossed = CONTEST.parse(tmp_path / "crossed.csv", paper.questions)
    assert "quantile-order" in rules(crossed.findings)
    assert crossed.refused


@pytest.mark.parametrize(("column", "factor"), [("p_ge80", 100.0), ("q90", 4.0)])
def test_values_out_of_range_are_refused(paper, honest, tmp_path, column, factor):
    """A chance as a percentage; a level above 150."""
    level = np.full(len(honest), 50.0)
    table = table_of(paper, q10=level, q50=level, q90=level, p_ge80=honest)
    table[column] *= factor
    table.to_csv(tmp_path / "p.csv", index=False)
    assert "out-of-range" in rules(CONTEST.parse(tmp_path / "p.csv", paper.questions).findings)


def test_a_perfect_file_is_alarmed(paper, honest):
    truth = np.nan_to_num(paper.labels.truth["reached"], nan=0.5)
    others = {"usual": handed(paper, honest)}
    found = rules(CONTEST.audit(handed(paper, truth), paper.questions, paper.labels, others))
    assert found["impossible-perfection"].severity == "review"


def test_a_constant_file_is_alarmed(paper):
    assert "constant" in rules(check(handed(paper, np.full(len(paper.questions), 0.5)),
                                     paper.questions))  # fmt: skip


def test_the_reopened_day_mixed_into_the_answers_is_alarmed(paper, honest):
    """Half of each answer is whether 80 % shows on the eighth day, after the sealed week."""
    seen = np.nan_to_num(paper.questions.later["80 % le premier jour rouvert"], nan=0.2)
    others = {"usual": handed(paper, paper.questions.level), "honest": handed(paper, honest)}
    copied = handed(paper, 0.5 * honest + 0.5 * seen)
    assert "future-copied" in rules(audit(copied, paper.questions, paper.labels, others))


def test_the_same_answer_for_all_containers_copies_nobody(paper, honest):
    """One chance per horizon correlates with whatever the opponents know; it leaks nothing."""
    others = {"usual": handed(paper, paper.questions.level), "honest": handed(paper, honest)}
    for slope in (0.02, 0.05, 0.1, 0.12):
        same = handed(paper, 0.05 + slope * (1 + paper.questions.step))
        found = audit(same, paper.questions, paper.labels, others)
        assert "future-copied" not in rules(found)


def test_damages_touch_what_their_titles_say(paper):
    """112 days of which 14 stay: 98 are forgotten; or the last three."""
    silent, forgetful = (damage(paper.questions.inputs) for damage in CONTEST.stress.values())
    assert np.isnan(silent["level_percent"][:, -3:]).all()
    assert np.isfinite(silent["level_percent"][:, -4]).any()
    assert np.isnan(forgetful["alert"][:, :98]).all()
    assert np.isfinite(forgetful["level_percent"][:, 98:]).any()
    assert np.isfinite(paper.questions.inputs["level_percent"][:, -1]).all()


def test_a_window_that_seals_one_week_is_refused(bins):
    """22 days seal one week: the second would end with the 23rd."""
    with pytest.raises(DataError, match="seals 1"):
        CONTEST.ask(bins, Period(date(2024, 12, 2), date(2024, 12, 24)))


def test_truth_is_sealed_for_each_of_the_task_s_four_kinds(paper):
    assert set(paper.labels.truth) == {"reached", "weight", "level_percent", "seen_percent"}
    assert SLOTS.reached == slice(0, 7)
    assert [column.name for column in COLUMNS if column.required][3:] == ["p_ge80"]
