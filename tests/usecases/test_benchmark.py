"""``aune benchmark`` from sealing to verifying, on a small simulated run."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.comparing.comparison import from_json
from benchmarks.sealing.pack import Pack

DECLARATION = """
schema = 1
licence = "propriétaire"
[candidate]
id = "{name}"
name = "{title}"
version = "1"
[hosting]
country = "FRA"
provider = "essai"
data_leave_eu = false
[data]
destination = "nulle part"
"""

pytestmark = pytest.mark.xdist_group("command line")  # the shared run is made once


@pytest.fixture(scope="module")
def sealed(place, tmp_path_factory, program):
    """A pack sealed by the command, on the reference that the session trained."""
    out = tmp_path_factory.mktemp("contest") / "pack"
    words = ["benchmark", "pack", "forecast", "--data", "simulated", "--out", str(out)]
    done = program(place, *words)
    assert done.returncode == 0, done.stderr
    assert "racine" in done.stdout
    return out


def handed_in(sealed, folder, name, alter=lambda answers: answers):
    """Make a candidate's folder from the example submission, altered."""
    folder = folder / name
    folder.mkdir()
    text = DECLARATION.format(name=name, title=name.capitalize())
    (folder / "declaration.toml").write_text(text, encoding="utf-8")
    example = pd.read_csv(sealed / "vendor" / "example_submission.csv")
    alter(example).to_csv(folder / "predictions.csv", index=False)
    return folder


def scaled(factor):
    def alter(answers):
        quantiles = [name for name in answers.columns if name.startswith("q")]
        return answers.assign(**{name: answers[name] * factor for name in quantiles})

    return alter


def slower(answers):
    """A vendor whose forecasts wander: honest, and worse."""
    rng = np.random.default_rng(5)
    quantiles = [name for name in answers.columns if name.startswith("q")]
    wander = rng.lognormal(0, 0.3, len(answers))
    return answers.assign(**{name: answers[name] * wander for name in quantiles})


@pytest.fixture(scope="module")
def scored(sealed, place, tmp_path_factory, program):
    """The same pack with two submissions, one refused, scored by the command."""
    folder = tmp_path_factory.mktemp("candidates")
    pack = folder / "pack"
    shutil.copytree(sealed, pack)
    candidates = {
        "wandering": slower,
        "biased": lambda answers: scaled(1.08)(slower(answers)),
        "watthours": scaled(1000),
    }
    for name, alter in candidates.items():
        candidate = handed_in(pack, folder, name, alter)
        words = ["benchmark", "submit", str(pack), str(candidate), "--record-refusal"]
        done = program(place, *words)
        assert done.returncode == 0, done.stderr
    done = program(place, "benchmark", "score", str(pack))
    assert done.returncode == 0, done.stderr
    return pack, done


@pytest.mark.slow
def test_vendor_folder_holds_no_label_and_its_smoke_test_accepts_the_example(sealed):
    """A vendor checks its file offline, with nothing but Python."""
    vendor = sealed / "vendor"
    truth = Pack.open(sealed).labels().truth["load_kwh"]
    example = vendor / "example_submission.csv"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(vendor / "check_submission.py"), str(example)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    questions = Pack.open(sealed).questions()
    load = questions.inputs["load_kwh"]
    # Every eighth of the 56 days before the window's last day is sealed: 7 are missing.
    assert np.isnan(load[-1]).all(axis=1).sum() == 7
    history = pd.read_csv(vendor / "data" / "history.csv", parse_dates=["time_utc"])
    meter, when = questions.keys["meter_id"][0], questions.keys["target_time_utc"]
    asked = history.set_index("time_utc").loc[pd.DatetimeIndex(when[:24]).tz_localize("UTC"), meter]
    assert asked.isna().all()
    assert np.isfinite(truth[:24]).any()


@pytest.mark.slow
def test_score_says_first_what_it_can_detect_and_judges_everybody(scored, place, ends_well):
    pack, done = scored
    assert done.stderr.index("avant l'ouverture") >= 0
    assert ends_well(done.stdout)
    folder = next((pack / "results").iterdir())
    comparison = from_json((folder / "comparison.json").read_text(encoding="utf-8"))
    verdicts = {each.entry.id: each.verdict for each in comparison.standings}
    assert verdicts["watthours"] == "refused"
    assert verdicts["wandering"] in ("worse", "undetermined")
    assert comparison.standing("wandering").n_units == 3
    page = (folder / "comparaison.html").read_text(encoding="utf-8")
    assert "SIMULÉ" in page
    assert "SCELLÉ DE DÉMONSTRATION" in page
    assert "Ce que nous n'avons pas pu vérifier" in page
    assert "<script" not in page
    assert len(page.encode()) <= 150 * 1024
    lines = (pack / "submissions.jsonl").read_text(encoding="utf-8").splitlines()
    log = [json.loads(line)["event"] for line in lines]
    kept = place / "results" / "benchmarks" / "building_energy" / "forecast" / "1" / folder.name
    assert (kept / "comparison.json").read_bytes() == (folder / "comparison.json").read_bytes()
    assert log == ["pack", "submission", "submission", "submission", "opened", "scored"]


@pytest.mark.slow
def test_report_is_verified_before_and_after_the_reveal(scored, place, program):
    pack, _ = scored
    report = next((pack / "results").iterdir())
    assert program(place, "benchmark", "verify", str(report)).returncode == 0
    assert program(place, "benchmark", "reveal", str(pack)).returncode == 0
    done = program(place, "benchmark", "verify", str(report))
    assert done.returncode == 0, done.stderr
    proof = subprocess.run(
        [sys.executable, str(pack / "revealed" / "verify_commitment.py")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert proof.returncode == 0, proof.stdout


@pytest.mark.slow
@pytest.mark.parametrize("what", ["prediction", "declaration", "energy"])
def test_tampering_after_the_score_is_named(scored, place, program, tmp_path, what):
    """One changed value anywhere: exit 4."""
    pack = tmp_path / "pack"
    shutil.copytree(scored[0], pack)
    entry = pack / "submissions" / "wandering"
    if what == "prediction":
        table = pd.read_parquet(entry / "predictions.parquet")
        table.loc[3, "q50"] += 0.001
        table.to_parquet(entry / "predictions.parquet")
    elif what == "declaration":
        text = (entry / "declaration.toml").read_text("utf-8").replace("propriétaire", "libre")
        (entry / "declaration.toml").write_text(text, "utf-8")
    else:
        record = json.loads((entry / "entry.json").read_text("utf-8"))
        record["predict"]["words"] = "mesurée ici"
        (entry / "entry.json").write_text(json.dumps(record), "utf-8")
    report = next((pack / "results").iterdir())
    done = program(place, "benchmark", "verify", str(report))
    assert done.returncode == 4
    assert "wandering" in done.stdout + done.stderr


def test_task_without_contest_is_named_with_those_that_have_one(aune):
    code, _, err = aune("benchmark", "pack", "nowhere", "--out", "pack")
    assert code == 2
    assert "building_energy/forecast" in err


def test_window_that_is_no_period_is_refused(aune):
    code, _, err = aune(
        "benchmark", "pack", "forecast", "--data", "simulated", "--out", "p", "--window", "2022"
    )
    assert code == 2
    assert "2025-01-01..2026-01-01" in err


def test_reference_fitted_on_the_window_is_refused(aune):
    """A model scored on the days it was fitted on is no yardstick."""
    code, _, err = aune(
        "benchmark", "pack", "forecast", "--data", "simulated", "--out", "p",
        "--window", "2021-06-01..2021-12-01",
    )  # fmt: skip
    assert code == 2
    assert "fitted up to" in err
