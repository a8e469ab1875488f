"""Candidates work from the vendor's folder alone, and are honest about what they are."""

import json
import shutil
from dataclasses import replace
from datetime import date
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from benchmarks import doors
from benchmarks.candidates import CANDIDATES, METHODS, Effort, VendorFolder, make
from benchmarks.candidates.__main__ import main
from benchmarks.declaration import read_declaration
from benchmarks.sealing import handout
from benchmarks.sealing.protocol import Protocol
from common.edge.errors import MissingExtraError, UsageError
from common.lab.contest.checks import check_rows
from common.lab.energy import Protocol as Measuring
from common.lab.usecase import Period
from usecases.building_energy.contest import COLUMNS
from usecases.building_energy.simulate import simulate
from usecases.building_energy.usecase import USECASE

TASK = USECASE.task("forecast")
WINDOW = Period(date(2022, 2, 1), date(2022, 4, 20))  # ten sealed days, over the clock change
SMALL = Effort(windows=60, trees=30, members=2, member_trees=10)
FLAWED = {"wrong_unit", "sloppy_3", "disorder"}
LIBRARIES = {"statsforecast_ses": "statsforecast"}
QUICK = doors.Settings(stress=False, protocol=Measuring(codecarbon=False))


@pytest.fixture(scope="module")
def dataset():
    """Three invented buildings; the year 2021 before the window."""
    return simulate("electricity", seed=3, n_meters=3, years=(2020, 2021, 2022))


@pytest.fixture(scope="module")
def paper(dataset):
    return TASK.contest.ask(dataset, WINDOW)


def with_told_times(paper):
    """Write times without a zone as text: what the vendor reads is text anyway."""
    for table in paper.tables.values():
        for name in table.columns:
            if table[name].dtype.kind == "M" and getattr(table[name].dt, "tz", None) is None:
                style = "%Y-%m-%d" if name == "day" else "%Y-%m-%dT%H:%M:%SZ"
                table[name] = table[name].dt.strftime(style)
    return paper


@pytest.fixture(scope="module")
def vendor(paper, tmp_path_factory):
    """The vendor's part of a pack."""
    folder = tmp_path_factory.mktemp("pack") / "vendor"
    folder.mkdir()
    protocol = Protocol(
        usecase="building_energy", window=WINDOW, data={"sha256": "0" * 64, "simulated": True},
        code_commit="", no_ai="similar_days", reference="additive", minimum_detectable=0.1,
    ).to_json(TASK, n_rows=len(paper.questions), root="0" * 64, title="Référence")  # fmt: skip
    (folder / "protocol.json").write_text(json.dumps(protocol), encoding="utf-8")
    example = {"q50": np.ones(len(paper.questions))}
    handout.write_handout(folder, TASK.contest, with_told_times(paper), example, protocol)
    return folder


@pytest.fixture(scope="module")
def folder(vendor):
    return VendorFolder.open(vendor)


@pytest.fixture(scope="module")
def made(vendor, tmp_path_factory):
    """Every candidate whose library is here, by id; EBM apart, for its time."""
    out = tmp_path_factory.mktemp("candidates")
    here = [c.id for c in CANDIDATES if find_spec(LIBRARIES.get(c.id, "numpy")) and c.id != "ebm"]
    return {place.name: place for place in make(vendor, out, here, SMALL)}


def answered(place, questions, settings=QUICK):
    declaration = read_declaration(place, tuple(column.name for column in TASK.contest.answers))
    return doors.answer(TASK, questions, place, declaration, settings)


def findings(place, questions):
    submission = answered(place, questions).submission
    if submission.refused:
        return submission.findings
    return (*submission.findings, *check_rows(submission, questions, COLUMNS))


def test_every_candidate_has_its_own_id_and_a_method_of_the_list():
    ids = [candidate.id for candidate in CANDIDATES]
    assert len(set(ids)) == len(ids)
    assert {candidate.method for candidate in CANDIDATES} == set(METHODS)


def test_honest_candidates_pass_every_check_and_declare_without_a_mistake(made, paper):
    """`read_declaration` refuses any mistake; no company is behind any, so none is named."""
    honest = set(made) - FLAWED - {"sloppy_1", "lightgbm_4000_onnx"}
    assert {"lag_168", "four_weeks", "lightgbm_4000", "wasteful_ensemble", "biased"} <= honest
    for name in sorted(honest):
        seen = findings(made[name], paper.questions)
        assert [f for f in seen if f.severity != "note"] == [], name
        assert "vendor" not in read_declaration(made[name]).raw["candidate"]


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        # Wh for kWh: as a range where a load passes 1,000 kWh, as a unit elsewhere.
        ("wrong_unit", {"unit", "out-of-range"}),
        ("sloppy_3", {"missing-rows"}),
        ("disorder", {"quantile-order"}),
    ],
)
def test_a_flaw_that_forbids_scoring_is_refused_by_its_own_rule(made, paper, name, rules):
    refused = {f.rule for f in findings(made[name], paper.questions) if f.severity == "refused"}
    assert refused
    assert all(any(rule.startswith(known) for known in rules) for rule in refused), refused


def test_one_percent_of_missing_rows_is_counted_and_not_refused(made, paper):
    submission = answered(made["sloppy_1"], paper.questions).submission
    assert not submission.refused
    assert submission.missing.sum() == round(0.01 * len(paper.questions))


def test_the_biased_candidate_is_eight_percent_above_its_honest_twin(made):
    """108 over 100, to the third decimal that both files are rounded to."""
    honest, biased = (
        pd.read_csv(made[name] / "predictions.csv")["q50"] for name in ("four_weeks", "biased")
    )
    assert np.allclose(biased, 1.08 * honest, atol=0.001)


def test_the_graph_answers_as_the_file_of_the_same_training(made, paper):
    """Rounding may send a row down another branch; it must stay rare."""
    graph = answered(made["lightgbm_4000_onnx"], paper.questions)
    file = answered(made["lightgbm_4000"], paper.questions)
    found, expected = (each.submission.answers["q50"] for each in (graph, file))
    close = np.isclose(found, expected, rtol=1e-4, atol=0.002)
    assert close.mean() > 0.99
    assert (graph.door, graph.predict.level) == ("model", 4)


def test_energy_without_a_meter_of_joules_is_declared_as_an_estimate(made):
    """CPU time times watts per core is no measurement; a real meter makes it a measured log."""
    for name in ("lightgbm_4000", "wasteful_ensemble"):
        declaration = read_declaration(made[name])
        log = pd.read_csv(made[name] / "journal_train.csv")
        metered = log["tier"][0] in ("A_wall", "B_counter")
        assert declaration.train.method == ("measured_log" if metered else "estimated")
        assert declaration.train.wh == pytest.approx(log["energy_wh"][0])


def test_the_wasteful_ensemble_trains_more_than_one_of_its_members_would(vendor, tmp_path):
    """Four members of 40 trees against one."""
    wh = []
    for members in (1, 4):
        effort = replace(SMALL, members=members, member_trees=40)
        (place,) = make(vendor, tmp_path / str(members), ["wasteful_ensemble"], effort)
        wh.append(pd.read_csv(place / "journal_train.csv")["cpu_seconds"][0])
    assert wh[1] > wh[0]


def test_lags_are_read_from_the_history_and_never_after_midnight_of_the_issue_day(folder):
    """A day before the target lies after that midnight: 24 h is never known, 168 h always."""
    assert np.isnan(folder.lag(24)).all()
    meter, target = folder.meters[5], folder.target[5]
    week_before = pd.Timestamp(target) - pd.Timedelta(hours=168)
    assert folder.lag(168)[5] == folder.history.loc[week_before, meter]


def test_the_clock_of_the_folder_is_the_buildings(folder, dataset):
    """The folder names no zone here: noon of every issue tells it, across the clock change."""
    assert folder.timezone == dataset.timezone


def test_nothing_after_midnight_of_the_issue_day_changes_an_answer(vendor, folder, tmp_path):
    """Blank the history from the last issue's midnight on: the last answers stay the same."""
    blind = tmp_path / "vendor"
    shutil.copytree(vendor, blind)
    history = pd.read_csv(blind / "data" / "history.csv")
    last = folder.known_until.max()
    times = pd.to_datetime(history["time_utc"], utc=True).dt.tz_localize(None)
    history.loc[times >= last, history.columns[1:]] = np.nan
    history.to_csv(blind / "data" / "history.csv", index=False)
    names = ("four_weeks", "lag_168", "lightgbm_4000")
    for name in names:
        files = []
        for number, source in enumerate((vendor, blind)):
            (place,) = make(source, tmp_path / str(number), [name], SMALL)
            rows = pd.read_csv(place / "predictions.csv")
            files.append(rows[folder.known_until == last])
        pd.testing.assert_frame_equal(*files)


def test_training_stops_before_the_contest_begins(folder):
    assert folder.past().index.max() < pd.Timestamp(folder.known_until.min())


def test_an_unknown_name_and_an_existing_folder_are_refused(vendor, tmp_path):
    with pytest.raises(UsageError, match="no candidate 'prophet'"):
        list(make(vendor, tmp_path, ["prophet"]))
    list(make(vendor, tmp_path, ["lag_168"]))
    with pytest.raises(UsageError, match="is there already"):
        list(make(vendor, tmp_path, ["lag_168"]))


@pytest.mark.parametrize("name", sorted(LIBRARIES))
def test_without_its_library_a_candidate_says_what_to_install(vendor, tmp_path, name):
    if find_spec(LIBRARIES[name]):
        pytest.skip("the library is installed")
    with pytest.raises(MissingExtraError, match=LIBRARIES[name]) as refusal:
        list(make(vendor, tmp_path, [name], SMALL))
    assert "aune[dev]" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_the_command_makes_what_is_asked_and_says_where(vendor, tmp_path, capsys):
    assert main([str(vendor), "--out", str(tmp_path / "c"), "--only", "lag_168"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'c' / 'lag_168'}\n"
    assert main([str(tmp_path), "--out", str(tmp_path / "d")]) == UsageError.exit_code
    assert "protocol.json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_ebm_answers_and_passes_every_check(vendor, paper, tmp_path):
    pytest.importorskip("interpret")
    (place,) = make(vendor, tmp_path, ["ebm"], SMALL)
    assert [f for f in findings(place, paper.questions) if f.severity != "note"] == []
