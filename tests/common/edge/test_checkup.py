"""A serving machine is looked over without the lab, in French, with an exit code for scripts."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from common.edge.checkup import exit_code, look_over
from common.edge.drift.alerts import Alert, alert_path, counts_path, write_alert
from common.edge.drift.counts import Drift
from common.edge.journal.entries import Batch
from common.edge.journal.log import Journal
from common.edge.serving.gate.keys import KeyRing
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store
from common.edge.training.histogram import Histogram, Levels
from common.edge.training.usual import Usual
from common.lab.export import write_bundle

MODEL = "building_energy.day_ahead"
EDGES = tuple(np.linspace(-30, 54, 21))
START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def machine(tmp_path, bundle_content, signing_key):
    """A store with one model that says what its training looked like."""
    counts, _ = np.histogram(np.random.default_rng(1).normal(12, 6, 50_000), EDGES)
    months = dict.fromkeys(range(1, 13), tuple(counts.tolist()))
    item = Histogram(EDGES, months, 0, 2000, levels=Levels(0.3, 0.2, 5, 20))
    content = replace(bundle_content, usual=Usual({"temperature_c": item}, 0.8))
    path = write_bundle(tmp_path / "b.zip", content, signing_key[0])
    Store(tmp_path / "store", [signing_key[1]]).install(path)
    return tmp_path / "store"


def found(root, topic, **places):
    return [item for item in look_over(root, **places) if item.topic == topic]


def watched(root, shift):
    """Leave what a server would have left after ten days."""
    (root / "watch").mkdir()
    drift = Drift(Shelves(root).open(*MODEL.split(".")).usual)
    rng = np.random.default_rng(2)
    for day in range(10):
        values = {"temperature_c": rng.normal(12 + shift, 6, (4, 24))}
        drift.observe(values, (START + timedelta(day)).date())
    report = drift.report()
    drift.save(counts_path(root / "watch", MODEL))
    write_alert(alert_path(root / "watch", MODEL), Alert.of(report, START, Alert()), report)


def test_an_empty_machine_is_told_what_to_do_and_nothing_is_written(tmp_path):
    root = tmp_path / "store"
    findings = list(look_over(root))
    assert exit_code(findings) == 0
    assert "aune install PAQUET.zip" in findings[1].text
    assert not root.exists()


def test_a_model_is_told_with_its_signature_versions_and_data(machine):
    (model,) = found(machine, "modèle")
    assert "signature vérifiée" in model.text
    assert "64 exemples rejoués" in model.text
    assert "versions précédentes gardées : aucune" in model.text
    assert "SIMULÉES" in model.text
    assert "rien de compté" in found(machine, "données")[0].text


def test_usual_data_are_fine_and_unusual_ones_are_exit_code_five(machine):
    watched(machine, 0.0)
    assert "données habituelles" in found(machine, "données")[0].text
    assert exit_code(list(look_over(machine))) == 0


def test_unusual_data_say_since_when_and_where_the_alert_is(machine):
    watched(machine, 9.0)
    first = found(machine, "données")[0]
    assert first.level == "unusual"
    assert "données inhabituelles" in first.text
    assert "depuis le 5 janvier 2026" in first.text
    assert exit_code(list(look_over(machine))) == 5


def test_a_changed_bundle_is_refused_with_what_to_do(machine):
    (path,) = machine.glob("versions/*/*/*/bundle.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (model,) = found(machine, "modèle")
    assert model.level == "refused"
    assert "REFUSÉ" in model.text
    assert exit_code(list(look_over(machine))) == 4


def test_a_torn_record_or_an_unreadable_ring_is_refused(machine):
    (record,) = machine.glob("versions/*/*/current.json")
    record.write_text("{", encoding="utf-8")
    (machine / "installs.jsonl").write_text("", encoding="utf-8")
    (machine / "keys.json").write_text("{", encoding="utf-8")
    assert found(machine, "modèle")[0].level == "refused"
    assert found(machine, "clés")[0].level == "refused"


def test_keys_are_told_by_name_and_role(machine):
    ring, _ = KeyRing().issued("accueil", "predict")
    ring.save(machine / "keys.json")
    assert "accueil (predict)" in found(machine, "clés")[0].text


def test_the_journal_is_checked_and_a_changed_line_is_named(machine, example_inputs):
    folder = machine / "journal"
    bundle = Shelves(machine).open(*MODEL.split("."))
    inputs = {name: values[:3] for name, values in example_inputs.items()}
    with Journal(folder) as journal:
        journal.append(Batch.of(bundle, inputs, bundle.predict(inputs)))
    assert "3 lignes, chaîne intacte" in found(machine, "journal")[0].text
    (lines,) = folder.glob("*.jsonl")
    lines.write_bytes(lines.read_bytes().replace(b'"row":"1"', b'"row":"9"'))
    broken = found(machine, "journal")[0]
    assert broken.level == "refused"
    assert "chaîne rompue" in broken.text


def test_a_large_journal_is_left_to_its_own_command(machine, monkeypatch):
    monkeypatch.setattr("common.edge.checkup._CHECKED_BYTES", -1)
    with Journal(machine / "journal"):
        pass
    assert "aune journal verify" in found(machine, "journal")[0].text


def test_a_full_disk_is_told(machine, monkeypatch):
    monkeypatch.setattr("common.edge.checkup._LEAST_FREE_BYTES", 10**18)
    assert "libérer de la place" in found(machine, "disque")[0].text


def test_the_command_ends_with_the_code_and_speaks_json(machine, tmp_path):
    """Nothing of the lab is imported where it is not there."""
    watched(machine, 9.0)
    program = (
        "import sys; sys.modules['pandas'] = None\n"
        "from usecases.cli import doctor\n"
        "doctor.find_spec = lambda name: None\n"
        "from usecases.cli import main\n"
        "try: main()\n"
        "finally:\n"
        "    bad = {'pandas', 'sklearn', 'lightgbm', 'mlflow', 'common.lab.diagnosis'}\n"
        "    loaded = {name for name in bad if sys.modules.get(name)}\n"
        "    assert not loaded, loaded\n"
    )
    command = [sys.executable, "-c", program, "doctor", "--store", str(machine)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 5, done.stderr
    assert "regarder les données inhabituelles" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout)["exit"] == 5
