"""A bundle is written whole or not at all, the same bytes each time, checkable by stock tools."""

import dataclasses
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.edge.bundle import Bundle
from common.edge.errors import ManifestError, OperatorError, TableError, UsageError
from common.edge.manifest import Manifest, Tolerance
from common.edge.signature import fingerprint, load_public_key, trusted_keys
from common.lab import export
from common.lab.export import bundle_name, golden_rows, write_bundle
from common.lab.keys import default_key_path, ensure_key, public_path, sign, trust

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed here"
)
needs_sha256sum = pytest.mark.skipif(
    shutil.which("sha256sum") is None, reason="sha256sum (coreutils) is not installed here"
)


def files_below(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


# -- what is written ---------------------------------------------------------------------------


def test_a_bundle_holds_these_files_and_no_other(sealed_folder):
    assert files_below(sealed_folder) == [
        *("SHA256SUMS", "SHA256SUMS.sig", "arrays/index.npy", "card.html"),
        *("examples.npz", "manifest.json", "model.onnx", "run.json"),
    ]


def test_a_zip_holds_the_same_bytes_as_the_folder(sealed_zip, sealed_folder):
    with zipfile.ZipFile(sealed_zip) as archive:
        assert archive.namelist() == files_below(sealed_folder)
        for name in archive.namelist():
            assert archive.read(name) == (sealed_folder / name).read_bytes(), name


def test_the_same_content_and_key_give_the_same_zip(bundle_content, signing_key, tmp_path):
    """Undated entries and RFC 6979 signatures: two runs can be compared with cmp."""
    first = write_bundle(tmp_path / "a.zip", bundle_content, signing_key[0]).read_bytes()
    later = time.time() + 3600 * 24 * 400
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        second = write_bundle(tmp_path / "b.zip", bundle_content, signing_key[0]).read_bytes()
    assert first == second


def test_golden_outputs_are_those_of_the_graph(sealed_folder, bundle_content):
    """Baseline is the constant 2 and the half-width is the offset that went in."""
    with np.load(sealed_folder / "examples.npz", allow_pickle=False) as archive:
        assert len(archive["out_forecast"]) == 64
        np.testing.assert_array_equal(archive["out_baseline"], np.full((64, 1), 2.0))
        width = archive["out_upper"] - archive["out_forecast"]
        np.testing.assert_allclose(
            width, np.repeat(archive["in_offset_kwh"][:, None], 24, axis=1), atol=1e-4
        )
        np.testing.assert_array_equal(archive["in_load_kwh"], bundle_content.golden["load_kwh"])


def test_the_manifest_says_what_the_graph_uses(sealed_folder):
    onnx = pytest.importorskip("onnx")
    manifest = json.loads((sealed_folder / "manifest.json").read_text(encoding="utf-8"))
    model = onnx.load(sealed_folder / "model.onnx")
    used = sorted({(node.domain or "ai.onnx", node.op_type) for node in model.graph.node})
    assert [tuple(pair) for pair in manifest["operators"]] == used
    assert manifest["opsets"] == {(o.domain or "ai.onnx"): o.version for o in model.opset_import}
    assert manifest["inputs"][0] == {
        "name": "load_kwh", "dtype": "float32", "shape": ["n", 28, 24], "unit": "kWh",
        "meaning": "Consommation de 28 jours.", "low": 0, "high": 5000, "missing": True,
        "default": None,
    }  # fmt: skip


def test_the_manifest_round_trips(sealed_folder):
    text = (sealed_folder / "manifest.json").read_bytes()
    manifest = Manifest.from_json(text)
    assert manifest.to_json().encode() == text
    assert Manifest.from_json(manifest.to_json().encode()) == manifest


def test_a_default_may_hold_missing_values(bundle_content, signing_key, tmp_path):
    """NaN has no JSON; it is written as null and comes back as NaN."""
    first, *others = bundle_content.inputs
    default = np.full((28, 24), np.nan)
    default[27] = 1.0
    content = dataclasses.replace(
        bundle_content, inputs=(dataclasses.replace(first, default=default), *others)
    )
    path = write_bundle(tmp_path / "bundle.zip", content, signing_key[0])
    opened = Bundle.open(path, [signing_key[1]])
    outputs = opened.predict({"weekday": [0]})
    # Yesterday 1, last week missing (0), 12 degrees: 2 + 0.5 * 1 + 0 + 0.125 * 3 = 2.875.
    np.testing.assert_array_equal(outputs["forecast"], np.full((1, 24), 2.875))


def test_tolerances_given_are_kept_and_the_others_are_the_default(
    bundle_content, signing_key, tmp_path
):
    content = dataclasses.replace(bundle_content, tolerances={"forecast": Tolerance(1e-3, 0)})
    path = write_bundle(tmp_path / "bundle.zip", content, signing_key[0])
    tolerances = Bundle.open(path, [signing_key[1]]).manifest.tolerances
    assert tolerances["forecast"] == Tolerance(1e-3, 0)
    assert tolerances["lower"] == Tolerance(1e-5, 1e-5)


def test_a_simulated_bundle_says_so_in_its_name(bundle_content):
    assert bundle_name(bundle_content) == "building_energy-day_ahead-1.2.3-SIMULATED.zip"
    measured = dataclasses.replace(bundle_content, simulated=False)
    assert bundle_name(measured) == "building_energy-day_ahead-1.2.3.zip"


def test_golden_rows_of_a_short_table_are_repeated():
    """3 rows for 64: indices round(2 i / 63), so 0 sixteen times, 1 thirty-two, 2 sixteen."""
    drawn = golden_rows({"x": np.array([5, 6, 7])})["x"]
    assert np.bincount(drawn).tolist()[5:] == [16, 32, 16]


def test_golden_rows_of_an_empty_table_are_a_usage_error():
    for inputs in ({}, {"x": np.zeros(0)}):
        with pytest.raises(UsageError, match="no row"):
            golden_rows(inputs)


# -- stock tools -------------------------------------------------------------------------------


@needs_sha256sum
def test_sha256sum_checks_the_unpacked_folder(sealed_zip, tmp_path):
    with zipfile.ZipFile(sealed_zip) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == 6
    (tmp_path / "card.html").write_text("changed")
    again = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True)
    assert again.returncode == 1


@needs_openssl
def test_openssl_verifies_the_signature(sealed_folder, signing_key, tmp_path):
    command = ["openssl", "dgst", "-sha256", "-verify", str(signing_key[1]), "-signature"]
    good = subprocess.run(
        [*command, "SHA256SUMS.sig", "SHA256SUMS"], cwd=sealed_folder, capture_output=True
    )
    assert (good.returncode, good.stdout) == (0, b"Verified OK\n")
    bad = subprocess.run(
        [*command, "SHA256SUMS.sig", "card.html"], cwd=sealed_folder, capture_output=True
    )
    assert bad.returncode == 1


@needs_openssl
def test_openssl_gives_the_same_fingerprint(signing_key):
    """First 16 bytes of the sha256 of the DER SubjectPublicKeyInfo."""
    command = ["openssl", "pkey", "-pubin", "-in", str(signing_key[1]), "-outform", "DER"]
    der = subprocess.run(command, capture_output=True, check=True).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-r"], input=der, capture_output=True, check=True
    ).stdout.decode()
    pairs = [digest[i : i + 2].upper() for i in range(0, 32, 2)]
    assert fingerprint(load_public_key(signing_key[1])) == ":".join(pairs)


@needs_openssl
def test_a_bundle_signed_with_openssl_opens(sealed_folder, tmp_path):
    """A metropolis may keep its key outside Python altogether."""
    folder = Path(shutil.copytree(sealed_folder, tmp_path / "bundle"))
    key, public = tmp_path / "k.pem", tmp_path / "k.pub.pem"
    for command in (
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)],
        ["openssl", "ec", "-in", str(key), "-pubout", "-out", str(public)],
        ["openssl", "dgst", "-sha256", "-sign", str(key), "-out", str(folder / "SHA256SUMS.sig"),
         str(folder / "SHA256SUMS")],
    ):  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
    assert Bundle.open(folder, [public]).signer == fingerprint(load_public_key(public))


# -- whole or not at all -----------------------------------------------------------------------

KILLED = """
import sys, time
from pathlib import Path
from common.lab import export
from common.lab.keys import ensure_key
sys.path.insert(0, sys.argv[3])
import conftest

write = export._write

def slow_write(path, data):
    if path.name == sys.argv[4]:
        with path.open("wb") as handle:
            handle.write(data[: len(data) // 2])
            handle.flush()
            print("half written", flush=True)
            time.sleep(60)
    write(path, data)

export._write = slow_write
content = conftest.make_content(Path(sys.argv[5]).read_bytes())
export.write_bundle(Path(sys.argv[1]), content, ensure_key(Path(sys.argv[2])))
"""


@pytest.mark.parametrize(("target", "stop_at"), [("b.zip", "bundle"), ("folder", "model.onnx")])
def test_a_killed_export_leaves_nothing_and_the_next_one_works(
    tmp_path, bundle_content, target, stop_at
):
    """SIGKILL in the middle of a file: no handler runs, only the order of operations helps."""
    key_path = tmp_path / "key.pem"
    key = ensure_key(key_path)
    place = tmp_path / "out" / target
    conftest = Path(__file__).parents[1]
    model = tmp_path / "model.onnx"
    model.write_bytes(bundle_content.model)
    arguments = [place, key_path, conftest, stop_at, model]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *map(str, arguments)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout.readline() == b"half written\n"
        assert list((tmp_path / "out").glob(".*staging-*")), "the half-written file is staged"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    assert not place.exists()
    write_bundle(place, bundle_content, key)
    assert Bundle.open(place, [public_path(key_path)]).manifest.version == "1.2.3"


def test_a_failed_export_leaves_the_former_zip_and_no_staging(
    bundle_content, signing_key, tmp_path, monkeypatch
):
    place = write_bundle(tmp_path / "b.zip", bundle_content, signing_key[0])
    before = place.read_bytes()

    def full_disk(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_write_zip", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(place, bundle_content, signing_key[0])
    assert place.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b.zip"]


def test_a_bundle_that_would_be_refused_is_never_put_in_place(
    bundle_content, signing_key, tmp_path, monkeypatch
):
    """Verification comes before the move, with the eyes of a commune."""
    monkeypatch.setattr(export, "sign", lambda data, key: sign(data + b"x", key))
    with pytest.raises(Exception, match="not signed by a trusted key"):
        write_bundle(tmp_path / "b.zip", bundle_content, signing_key[0])
    assert [path.name for path in tmp_path.iterdir()] == []


def test_an_older_zip_is_replaced_and_a_folder_never(bundle_content, signing_key, tmp_path):
    """A folder that holds files cannot be replaced in one step, so it is refused."""
    newer = dataclasses.replace(bundle_content, version="1.2.4")
    for content in (bundle_content, newer):
        write_bundle(tmp_path / "b.zip", content, signing_key[0])
    assert Bundle.open(tmp_path / "b.zip", [signing_key[1]]).manifest.version == "1.2.4"
    write_bundle(tmp_path / "folder", bundle_content, signing_key[0])
    with pytest.raises(UsageError, match="exists"):
        write_bundle(tmp_path / "folder", newer, signing_key[0])


# -- what is refused at export -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "what"),
    [
        ({"version": "1.2"}, ManifestError, "version"),
        ({"usecase": "Énergie"}, ManifestError, "use case"),
        ({"model": b"not a model"}, OperatorError, "malformed"),
        ({"terms": ()}, ManifestError, "for 0 terms"),
        ({"run_json": "not json"}, ManifestError, "run.json"),
    ],
)
def test_a_content_that_would_not_open_is_refused(
    bundle_content, signing_key, tmp_path, changes, error, what
):
    content = dataclasses.replace(bundle_content, **changes)
    with pytest.raises(error, match=what):
        write_bundle(tmp_path / "b.zip", content, signing_key[0])
    assert [path.name for path in tmp_path.iterdir()] == []


def test_golden_inputs_out_of_range_are_refused(bundle_content, signing_key, tmp_path):
    golden = dict(bundle_content.golden)
    golden["weekday"] = np.full(64, 7)
    with pytest.raises(TableError, match="weekday, row 0: 7 is out of range"):
        write_bundle(
            tmp_path / "b.zip", dataclasses.replace(bundle_content, golden=golden), signing_key[0]
        )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"golden": {"load_kwh": np.zeros((63, 28, 24))}}, "63 rows"),
        ({"hashes": {"data": "a"}}, "hashes"),
        ({"arrays": {"../evil": np.zeros(1)}}, "array name"),
    ],
)
def test_content_is_validated_when_it_is_made(bundle_content, changes, what):
    with pytest.raises(UsageError, match=what):
        dataclasses.replace(bundle_content, **changes)


# -- keys --------------------------------------------------------------------------------------


def test_a_key_is_made_once_private_and_never_overwritten(tmp_path):
    path = tmp_path / "deep" / "signing_key.pem"
    first = ensure_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_path(path) == tmp_path / "deep" / "signing_key.pub.pem"
    before = path.read_bytes(), public_path(path).read_bytes()
    second = ensure_key(path)
    assert (path.read_bytes(), public_path(path).read_bytes()) == before
    assert fingerprint(first.public_key()) == fingerprint(second.public_key())
    assert fingerprint(first.public_key()) == fingerprint(load_public_key(public_path(path)))
    assert len(list(path.parent.iterdir())) == 2


def test_a_lost_public_key_is_written_again(tmp_path):
    key = ensure_key(tmp_path / "k.pem")
    public_path(tmp_path / "k.pem").unlink()
    ensure_key(tmp_path / "k.pem")
    assert load_public_key(public_path(tmp_path / "k.pem")) == key.public_key()


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_a_key_that_others_can_read_is_refused(tmp_path):
    ensure_key(tmp_path / "k.pem")
    (tmp_path / "k.pem").chmod(0o644)
    with pytest.raises(UsageError, match="mode 0644"):
        ensure_key(tmp_path / "k.pem")


@needs_openssl
def test_a_key_on_another_curve_is_refused(tmp_path):
    path = tmp_path / "k.pem"
    command = ["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="another kind of key"):
        ensure_key(path)


def test_a_damaged_key_is_refused_not_replaced(tmp_path):
    (tmp_path / "k.pem").write_text("no key")
    (tmp_path / "k.pem").chmod(0o600)
    with pytest.raises(UsageError, match="not a signing key"):
        ensure_key(tmp_path / "k.pem")
    assert (tmp_path / "k.pem").read_text() == "no key"


def test_the_default_key_is_in_the_working_directory_unless_told(tmp_path, monkeypatch):
    monkeypatch.delenv("AUNE_SIGNING_KEY", raising=False)
    assert default_key_path() == Path(".aune/signing_key.pem")
    monkeypatch.setenv("AUNE_SIGNING_KEY", str(tmp_path / "elsewhere.pem"))
    ensure_key()
    assert (tmp_path / "elsewhere.pem").exists()


def test_a_trusted_key_is_found_under_its_fingerprint(tmp_path):
    key = ensure_key(tmp_path / "k.pem")
    path = trust(key.public_key(), tmp_path / "trusted")
    assert trusted_keys(tmp_path / "trusted") == (path,)
    assert path.stem == fingerprint(key.public_key()).replace(":", "").lower()
    assert trust(key.public_key(), tmp_path / "trusted") == path
