"""The command line from end to end, on a small simulated run that the session shares."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from common.edge.signature import SIGNATURE, SUMS, sums_text
from common.lab import energy
from common.lab.keys import ensure_key, public_path, sign
from common.lab.record import Run
from usecases.building_energy.simulate import simulate

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("command line")  # the shared run is made once


def _unpacked(bundle, folder):
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


def _sealed_again(folder, key):
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    files = {name: (folder / name).read_bytes() for name in names if not name.startswith(SUMS)}
    sums = sums_text(files).encode()
    (folder / SUMS).write_bytes(sums)
    (folder / SIGNATURE).write_bytes(sign(sums, key))
    return folder


def _golden(bundle):
    with zipfile.ZipFile(bundle) as archive, archive.open("examples.npz") as member:
        arrays = np.load(member)
        return {name: arrays[name] for name in arrays.files}


def test_a_run_says_what_it_found_as_json_and_leaves_its_folder(place):
    run = Run.from_json((place / "said.json").read_text(encoding="utf-8"))
    folder = place / "results" / "building_energy" / "forecast" / run.id
    assert Run.read(folder / "run.json") == run
    assert (folder / "index.html").is_file()
    assert (place / "results" / "mlflow.db").is_file()
    assert "SIMULATED" in next(folder.glob("*.zip")).name


def test_help_comes_fast_and_names_every_command():
    """0.3 s on the reference machine; CPU time of the best of three bears a busy one."""
    command = [sys.executable, "-m", "usecases.cli", "--help"]
    spent = []
    for _ in range(3):
        before = os.times()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        after = os.times()
        spent.append(after.children_user + after.children_system
                     - before.children_user - before.children_system)  # fmt: skip
    assert min(spent) < 0.3
    wanted = "list run demo evaluate calibrate measure ui doctor data bundle"
    assert set(wanted.split()) <= set(re.findall(r"^  (\w+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("words", [["list"], ["data", "list"], ["data", "list", "building_energy"],
                                   ["doctor"]], ids=" ".join)  # fmt: skip
def test_what_only_tells_ends_with_three_lines_and_speaks_json(aune, words, ends_well):
    code, out, _ = aune(*words)
    assert code == 0
    assert ends_well(out)
    code, out, _ = aune(*words, "--json")
    assert code == 0
    assert json.loads(out)


def test_doctor_tells_the_run_and_the_key(aune):
    _, out, _ = aune("doctor")
    for word in ("onnxruntime", "RAPL", "OMP_NUM_THREADS", "SIMULATED", "empreinte", "disque"):
        assert word in out


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "no_such_case"],
        ["run", "building_energy", "--task", "no_such_task"],
        ["run", "building_energy", "--profile", "thorough"],
        ["data", "list", "no_such_case"],
        ["bundle", "verify", "no_such_file.zip"],
        ["ui", "--out", "nowhere"],
    ],
    ids=" ".join,
)
def test_a_call_that_is_off_exits_with_2(aune, words):
    code, _, err = aune(*words)
    assert code == 2
    assert err


def test_public_data_that_are_nowhere_are_refused_when_asked_for_by_name(
    aune, monkeypatch, tmp_path
):
    """An empty mirror: ``open`` refuses, ``data check`` counts, both exit with 3."""
    monkeypatch.setenv("AUNE_MIRROR", str(tmp_path))
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    code, _, err = aune("run", "building_energy", "--data", "open")
    assert code == 3
    assert "missing from the mirror" in err
    code, out, _ = aune("data", "check")
    assert code == 3
    assert out.count("missing") > 300
    code, _, _ = aune("data", "fetch")
    assert code == 3


def test_a_bundle_is_verified_and_described(aune, bundle, ends_well):
    code, out, _ = aune("bundle", "verify", bundle)
    assert code == 0
    assert "64 lignes étalons" in out
    assert ends_well(out)
    code, out, _ = aune("bundle", "inspect", bundle)
    assert code == 0
    assert "load_kwh" in out
    assert ends_well(out)
    code, out, _ = aune("bundle", "verify", bundle, "--json")
    assert json.loads(out)["verified"] is True


def test_a_changed_byte_exits_with_4(aune, bundle, tmp_path):
    folder = _unpacked(bundle, tmp_path / "tampered")
    card = folder / "card.html"
    card.write_bytes(card.read_bytes() + b" ")
    code, _, err = aune("bundle", "verify", folder)
    assert code == 4
    assert "card.html" in err


def test_another_key_exits_with_4(aune, bundle, tmp_path):
    other = tmp_path / "other.pem"
    ensure_key(other)
    code, _, err = aune("bundle", "verify", bundle, "--key", public_path(other))
    assert code == 4
    assert "not signed by a trusted key" in err


def test_a_well_signed_graph_of_a_later_opset_exits_with_4(aune, bundle, tmp_path):
    """What a lab with the right key and too new an exporter would hand over."""
    onnx = pytest.importorskip("onnx")
    folder = _unpacked(bundle, tmp_path / "later")
    model = onnx.load(folder / "model.onnx")
    next(each for each in model.opset_import if each.domain in ("", "ai.onnx")).version = 99
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    key = ensure_key(tmp_path / "key.pem")
    assert isinstance(key.curve, ec.SECP256R1)
    trusted = public_path(tmp_path / "key.pem")
    code, _, err = aune("bundle", "verify", _sealed_again(folder, key), "--key", trusted)
    assert code == 4
    assert "opset" in err


def test_predictions_of_the_golden_rows_are_the_recorded_ones(aune, bundle, tmp_path):
    golden = _golden(bundle)
    inputs = {name[3:]: values for name, values in golden.items() if name.startswith("in_")}
    np.savez(tmp_path / "inputs.npz", **inputs)
    code, out, _ = aune("bundle", "predict", bundle, tmp_path / "inputs.npz",
                        "--out", tmp_path / "found.npz")  # fmt: skip
    assert code == 0
    assert "64 lignes prédites" in out
    with np.load(tmp_path / "found.npz") as found:
        np.testing.assert_allclose(found["forecast"], golden["out_forecast"], rtol=1e-5, atol=1e-3)


def test_inputs_that_are_no_npz_file_exit_with_3(aune, bundle, tmp_path):
    (tmp_path / "inputs.npz").write_text("compteur;date\n", encoding="utf-8")
    code, _, err = aune("bundle", "predict", bundle, tmp_path / "inputs.npz")
    assert code == 3
    assert "inputs.npz" in err


def test_calibrated_offsets_of_a_site_widen_or_narrow_its_interval(aune, bundle, tmp_path):
    """Same forecast, other bounds: state moves the interval only."""
    state = tmp_path / "state.json"
    code, out, _ = aune("calibrate", bundle, "--data", "simulated", "--out", state)
    assert code == 0
    assert "3 sites calibrés" in out
    golden = _golden(bundle)
    inputs = {name[3:]: values for name, values in golden.items() if name.startswith("in_")}
    del inputs["interval_offsets"]
    np.savez(tmp_path / "inputs.npz", **inputs)
    npz = tmp_path / "inputs.npz"
    aune("bundle", "predict", bundle, npz, "--out", tmp_path / "plain.npz")
    words = ["bundle", "predict", bundle, npz, "--state", state]
    code, _, err = aune(*words, "--site", "ecole_01", "--out", tmp_path / "site.npz")
    assert code == 0, err
    with np.load(tmp_path / "plain.npz") as plain, np.load(tmp_path / "site.npz") as site:
        np.testing.assert_array_equal(plain["forecast"], site["forecast"])
        assert not np.allclose(plain["upper"], site["upper"])
    np.savez(tmp_path / "sited.npz", site=np.full(64, "ecole_01"), **inputs)
    words[3] = tmp_path / "sited.npz"
    assert aune(*words, "--out", tmp_path / "sited_out.npz")[0] == 0
    with np.load(tmp_path / "sited_out.npz") as sited, np.load(tmp_path / "site.npz") as site:
        np.testing.assert_array_equal(sited["upper"], site["upper"])
    words[3] = npz
    assert aune(*words)[0] == 2
    code, _, err = aune(*words, "--site", "piscine")
    assert code == 3
    assert "gymnase_03" in err


def test_evaluation_shows_the_bundle_beside_last_week_and_keeps_a_threshold(
    aune, bundle, ends_well
):
    words = ["evaluate", bundle, "--data", "simulated"]
    code, out, _ = aune(*words)
    assert code == 0
    assert "sans IA, La semaine dernière" in out
    assert ends_well(out)
    code, out, err = aune(*words, "--json", "--below", "0.001")
    assert code == 5
    found = json.loads(out)
    assert (
        found["scores"]["nrmse"]["value"]
        < (found["references"]["week_persistence"]["nrmse"]["value"])
    )
    assert "nrmse" in err


def test_a_bundle_is_measured_one_row_and_a_thousand_at_a_time(aune, bundle, monkeypatch):
    short = replace(energy.FULL, calibration_units=0, codecarbon=False)
    monkeypatch.setattr(energy, "FULL", short)
    code, out, _ = aune("measure", bundle, "--seconds", "0.02", "--json")
    assert code == 0
    one, thousand = json.loads(out)
    assert (one["predictions"], thousand["predictions"]) == (1, 1000)
    # A thousand rows cost less than a thousand calls of one row.
    assert thousand["cpu_seconds"] < 1000 * one["cpu_seconds"]
    assert one["tier"] in ("B_counter", "C_model")


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory):
    """A commune's export: three meters, one year, semicolons and decimal commas, local time."""
    folder = tmp_path_factory.mktemp("export_commune")
    dataset = simulate("electricity", 5, n_meters=3, years=(2023,))
    local = dataset.times.tz_convert("Europe/Paris")
    stamps = local.strftime("%d/%m/%Y %H:%M")
    values = [f"{value:.1f}".replace(".", ",").replace("nan", "")
              for value in dataset.columns["load_kwh"]]  # fmt: skip
    rows = zip(dataset.groups.astype(str), stamps, values, strict=True)
    lines = ["compteur;horodate;load_kwh", *(";".join(row) for row in rows)]
    (folder / "courbes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    weather = dataset.extras["weather"]
    hours = weather.index.strftime("%Y-%m-%dT%H:%M:%SZ")
    degrees = weather["temperature_celsius"].map(lambda value: f"{value:.1f}".replace(".", ","))
    lines = [
        "timestamp;temperature_celsius",
        *(f"{hour};{degree}" for hour, degree in zip(hours, degrees, strict=True)),
    ]
    (folder / "temperature.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.mark.slow
def test_a_commune_runs_its_own_csv_files_and_the_split_follows_them(
    own_folder, place, tmp_path, ends_well, program
):
    done = program(tmp_path, "run", "building_energy", "--data", own_folder)
    assert done.returncode == 0, done.stderr
    # 365 days: test from day int(0.75 * 365) = 273, 1 October 2023, to the end of the year.
    assert "test 2023-10-01..2024-01-01" in done.stderr
    assert ends_well(done.stdout)
    run = Run.read(next(tmp_path.glob("results/*/*/*/run.json")))
    assert not run.dataset["simulated"]
    assert run.dataset["n_units"] == 3
    assert run.split["test"] == "2023-10-01..2024-01-01"


def test_own_files_with_a_wrong_cell_are_refused_with_their_line(aune, own_folder, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(own_folder, folder)
    lines = (folder / "courbes.csv").read_text(encoding="utf-8").splitlines()
    lines[41] = lines[41].rsplit(";", 1)[0] + ";beaucoup"
    (folder / "courbes.csv").write_text("\n".join(lines), encoding="utf-8")
    code, _, err = aune("run", "building_energy", "--data", folder)
    assert code == 3
    assert "courbes.csv line 42" in err


def test_four_months_are_too_short_to_run_on(aune, own_folder, tmp_path):
    """Hundred days of each meter, 24 rows a day: below the 120 that a split needs."""
    folder = tmp_path / "export"
    folder.mkdir()
    lines = (own_folder / "courbes.csv").read_text(encoding="utf-8").splitlines()
    (folder / "courbes.csv").write_text("\n".join(lines[: 1 + 2400]), encoding="utf-8")
    code, _, err = aune("run", "building_energy", "--data", folder)
    assert code == 3
    assert "at least 120 days" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment", ["similar_days: ", "mesure de l'énergie", "export, signature", "journal MLflow"]
)
def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_resumes(
    tmp_path, moment, program
):
    """SIGKILL gives no chance to clean up: what is there must be whole."""
    words = ["run", "building_energy", "--data", "simulated"]
    killed = program(tmp_path, "--kill-at", moment, *words)
    assert killed.returncode == -9
    for folder in tmp_path.glob("results/building_energy/*/*"):
        assert Run.read(folder / "run.json").id == folder.name
        bundle = next(folder.glob("*.zip"))
        assert program(tmp_path, "bundle", "verify", bundle).returncode == 0
    again = program(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert "repris de" in again.stderr
    assert not list(tmp_path.glob("results/.staging-*"))
    whole = [path for path in tmp_path.glob("results/*/*/*") if path.parts[-3] == "building_energy"]
    # Killed while logging, the first run's folder is already whole.
    assert len(whole) == (2 if moment == "journal MLflow" else 1)
    assert (tmp_path / "results" / "index.html").is_file()
