"""Ratios are taken within a round, and a goal that was not measured is not claimed."""

import json
from dataclasses import replace

import pytest

from benchmarks.serving.report.figures import (
    GOALS,
    Bound,
    Ratio,
    Spread,
    Verdict,
    of_windows,
    ratio,
)
from benchmarks.serving.report.record import Run, Start, Window
from benchmarks.serving.report.table import markdown
from common.edge.errors import DataError

OURS, PEER = ("ours", "table"), ("mlflow", "table")


def window(number, choice, answers, cpu_s, rows=1):
    return Window(number, *choice, rows, answers, 2.0, cpu_s, 1.0, 2.0)


def run(*windows, starts=()):
    return Run(
        started="2026-01-01T00:00:00+00:00",
        machine="SIMULATED",
        cores=2,
        commit="abc",
        load_before=0.0,
        load_after=0.5,
        connections=8,
        versions={"ours": "here", "mlflow": "3"},
        installed_mb={"ours": 150.0, "mlflow": 700.0},
        starts=starts,
        windows=windows,
    )


# Round 0 was quiet, round 1 took twice the CPU for everything: the ratio is 50 in both.
TWO_ROUNDS = run(
    window(0, OURS, 1000, 0.2),  # 5,000 a CPU-second
    window(0, PEER, 100, 1.0),  # 100
    window(1, PEER, 100, 2.0),  # 50
    window(1, OURS, 1000, 0.4),  # 2,500
)


def test_figures_of_a_window():
    found = window(0, OURS, 1000, 0.2)
    assert found.per_core == 5000  # 1,000 / 0.2
    assert found.cpu_ms == pytest.approx(0.2)  # 1,000 x 0.2 / 1,000


def test_a_ratio_compares_within_a_round():
    assert ratio(TWO_ROUNDS, OURS, PEER, 1) == Spread(50.0, 50.0, 50.0, 50.0)


def test_rounds_in_which_only_one_was_asked_give_no_ratio():
    half = replace(TWO_ROUNDS, windows=TWO_ROUNDS.windows[:3])
    assert ratio(half, OURS, PEER, 1) == Spread(50.0, 50.0, 50.0, 50.0)
    assert ratio(half, OURS, ("bentoml", "rows"), 1) is None
    assert ratio(half, OURS, PEER, 100) is None


@pytest.mark.parametrize(
    ("at_least", "verdict"),
    [(50, Verdict.MET), (51, Verdict.MISSED)],
)
def test_a_ratio_goal_is_met_from_its_bound_on(at_least, verdict):
    goal = Ratio(OURS, PEER, 1, at_least)
    assert goal.verdict(goal.found(TWO_ROUNDS)) is verdict


def test_a_bound_inside_the_interval_is_not_decided():
    ratio_goal = Ratio(OURS, PEER, 1, 60)
    bound = Bound("cpu", "ms", lambda r: [w.cpu_ms for w in of_windows(r, OURS, 1)], 0.3)
    # 0.2 and 0.4 ms
    assert bound.verdict(bound.found(TWO_ROUNDS)) is Verdict.UNDETERMINED
    assert bound.verdict(Spread(0.3, 0.2, 0.3, 0.2)) is Verdict.MET
    assert bound.verdict(Spread(0.4, 0.31, 0.5, 0.31)) is Verdict.MISSED
    assert ratio_goal.verdict(Spread(62.0, 55.0, 70.0, 50.0)) is Verdict.UNDETERMINED


@pytest.mark.parametrize(("rounds", "outside"), [(5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (15, 3)])
def test_the_interval_leaves_out_what_the_sign_test_allows(rounds, outside):
    # at most 1 of 9 coins: 10/512 = 2.0 %; at most 1 of 8: 9/256 = 3.5 %, too much
    found = Spread.of(range(rounds))
    assert (found.low, found.high) == (outside, rounds - 1 - outside)


def test_the_goals_are_those_of_the_issue():
    ratios = {(g.ours[1], g.peer[0], g.rows): g.at_least for g in GOALS if isinstance(g, Ratio)}
    assert ratios == {
        ("table", "mlflow", 1): 60, ("oip", "mlserver", 1): 3,
        ("oip", "fastapi", 1): 1.2, ("friendly", "fastapi", 1): 1.2,
        ("table", "mlflow", 100): 14,
        ("oip", "fastapi", 100): 2, ("friendly", "fastapi", 100): 2,
    }  # fmt: skip
    bounds = {(goal.at_most, goal.unit) for goal in GOALS if isinstance(goal, Bound)}
    assert bounds == {(0.15, "ms"), (0.8, "s")}


def test_the_table_shows_goals_that_were_measured_and_no_others():
    text = markdown(TWO_ROUNDS)
    assert "| 1 row: ours table / mlflow table | >= 60x | 50 | **missed** |" in text
    assert "fastapi" not in text
    assert "first answer" not in text
    assert "| ours table | 3750 (2500 to 5000) | 0.3 (0.2 to 0.4) | 0.2 | 1 | 2 |" in text


def test_the_table_of_starts_names_version_and_size():
    starts = (Start("ours", 0.5, 0.4, 60.0, 70.0, 1), Start("ours", 0.7, 0.4, 60.0, 70.0, 1))
    text = markdown(run(starts=starts))
    assert "| ours (here) | 0.6 (0.5 to 0.7) | 0.4 | 60 | 1 | 150 |" in text
    assert "| start to first answer | <= 0.8 s | 0.6 (0.5 to 0.7) | met |" in text


def test_a_run_comes_back_from_its_file(tmp_path):
    path = tmp_path / "run.json"
    whole = replace(TWO_ROUNDS, starts=(Start("ours", 0.5, 0.25, 60.0, 70.0, 1),))
    path.write_text(whole.to_json())
    assert Run.load(path) == whole


@pytest.mark.parametrize("damage", [{"schema": 2}, {"windows": [{"round": 0}]}, {"more": 1}])
def test_another_file_is_refused(tmp_path, damage):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(TWO_ROUNDS.to_json()) | damage))
    with pytest.raises(DataError, match=r"run\.json"):
        Run.load(path)
