"""A folder opens exactly one door, and a bundle says the state of its signature."""

import numpy as np
import pytest

from benchmarks.doors import answer
from common.edge.errors import ChecksumError, UsageError
from common.edge.signature import SIGNATURE, SUMS
from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.keys import ensure_key, public_path
from common.lab.usecase import Field, Term

from .conftest import PLAIN, declared

CSV = "site,issued,target,q50\n"


def file_of(questions, values):
    lines = [
        f"{site},{issued}Z,{target}Z,{value}\n"
        for site, issued, target, value in zip(
            questions.keys["site"],
            questions.keys["issued"],
            questions.keys["target"],
            values,
            strict=True,
        )
    ]
    return CSV + "".join(lines)


def test_a_file_is_parsed_by_the_task_and_its_energy_is_what_is_declared(task, questions, tmp_path):
    (tmp_path / "predictions.csv").write_text(file_of(questions, range(12)), encoding="utf-8")
    energy = '[energy.predict]\nmethod = "declared"\nwh_per_1000 = 2.0\n'
    text = PLAIN + "[explanation]\noffered = true\n" + energy
    found = answer(task, questions, tmp_path, declared(tmp_path, text))
    assert found.door == "file"
    assert not found.submission.refused, found.submission.findings
    np.testing.assert_allclose(found.submission.answers["q50"], np.arange(12))
    assert (found.predict.level, found.predict.central) == (1, 2.0)
    assert found.latency is None
    assert found.explains == "declared"
    assert not found.stress


def test_a_folder_with_nothing_or_with_two_ways_in_is_refused(task, questions, tmp_path, toy_model):
    declaration = declared(tmp_path)
    (tmp_path / "predictions.csv").write_text(CSV, encoding="utf-8")
    with pytest.raises(UsageError, match=r"predictions.csv, model.onnx"):
        answer(task, questions, tmp_path, declaration)
    (tmp_path / "predictions.csv").unlink()
    toy_model.unlink()
    with pytest.raises(UsageError, match="rien à évaluer"):
        answer(task, questions, tmp_path, declaration)


@pytest.fixture
def bundle(tmp_path, toy_model):
    """The toy graph in a signed bundle, alone in its folder, and the key that signed it."""
    steps = ("n", 2)
    key = tmp_path / "key.pem"
    content = BundleContent(
        usecase="toy",
        task="toy",
        version="1.0.0",
        question="Combien de visites ?",
        model=toy_model.read_bytes(),
        inputs=(
            Field("visits", "float32", steps, "1", "Visites.", 0, 1e6),
            Field("offset", "float32", ("n",), "1", "Décalage.", default=np.array(1.5)),
        ),
        outputs=(
            Field("forecast", "float32", steps, "1", "Visites prévues."),
            Field("quantiles", "float32", (*steps, 2), "1", "Quantiles."),
            Field("baseline", "float32", steps, "1", "Base."),
            Field("contributions", "float32", (*steps, 1), "1", "Parts."),
        ),
        terms=(Term("offset", "décalage", "réglage"),),
        golden=golden_rows({
            "visits": np.arange(128, dtype=np.float32).reshape(64, 2),
            "offset": np.full(64, 1.5, dtype=np.float32),
        }),
        run_json="{}",
        card_html="<!doctype html>",
        hashes={"data": "a" * 64, "code": "b" * 40, "lock": "c" * 64},
        created="2026-01-01T00:00:00Z",
        simulated=True,
    )  # fmt: skip
    folder = tmp_path / "candidate"
    folder.mkdir()
    write_bundle(folder / "toy-1.0.0.zip", content, ensure_key(key))
    return folder, public_path(key)


def test_a_bundle_signed_by_a_trusted_key_says_so(task, questions, bundle, settings):
    from dataclasses import replace

    folder, key = bundle
    settings = replace(settings, trusted=(key,))
    found = answer(task, questions, folder, declared(folder), settings)
    expected = questions.inputs["visits"].ravel() / 2 + 1.5
    np.testing.assert_allclose(found.submission.answers["q50"], expected)
    (note,) = (f for f in found.findings if f.rule == "signature")
    assert "paquet signé, clé" in note.message
    assert found.explains == "contributions"


def test_a_bundle_signed_by_a_stranger_is_run_as_a_bare_model(task, questions, bundle, settings):
    """A vendor's key is not ours; the graph is isolated all the same."""
    folder, _ = bundle
    found = answer(task, questions, folder, declared(folder), settings)
    (note,) = (f for f in found.findings if f.rule == "signature")
    assert "clé inconnue" in note.message


def test_a_damaged_bundle_is_refused(task, questions, bundle, settings):
    import zipfile

    folder, _ = bundle
    (path,) = folder.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert {SUMS, SIGNATURE} <= files.keys()
    files["card.html"] += b" "
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    with pytest.raises(ChecksumError, match=r"card\.html"):
        answer(task, questions, folder, declared(folder), settings)
