"""A bundle opens only if every check passes, and then refuses every bad row by its number."""

import io
import json
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.edge.archive import Limits, read_files
from common.edge.bundle import Bundle
from common.edge.description import describe
from common.edge.errors import (
    ArchiveError,
    ChecksumError,
    GoldenRowError,
    IntegrityError,
    ManifestError,
    OperatorError,
    SignatureError,
    TableError,
    UsageError,
)
from common.edge.manifest import Manifest
from common.edge.signature import (
    fingerprint,
    load_public_key,
    trusted_keys,
    verify_checksums,
    verify_signature,
)
from common.lab.keys import ensure_key, public_path


@pytest.fixture(scope="module")
def bundle(sealed_zip, signing_key):
    return Bundle.open(sealed_zip, [signing_key[1]])


@pytest.fixture
def folder(sealed_folder, tmp_path):
    """A private copy of the unpacked bundle, to be broken."""
    return Path(shutil.copytree(sealed_folder, tmp_path / "bundle"))


def edit_manifest(folder, change):
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def write_zip(path, entries):
    """Write (ZipInfo or name, bytes) pairs as they are, duplicates included."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return path


# -- what is refused before anything is trusted ------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("SHA256SUMS", SignatureError),
        ("SHA256SUMS.sig", SignatureError),
        ("manifest.json", ChecksumError),
        ("model.onnx", ChecksumError),
        ("examples.npz", ChecksumError),
        ("card.html", ChecksumError),
        ("run.json", ChecksumError),
        ("arrays/index.npy", ChecksumError),
    ],
)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_one_changed_byte_in_any_file_is_refused(folder, signing_key, name, error, where):
    """Lowest bit of the first, middle and last byte; exit code 4 is what the CLI gives."""
    data = bytearray((folder / name).read_bytes())
    data[round(where * (len(data) - 1))] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(error) as caught:
        Bundle.open(folder, [signing_key[1]])
    assert type(caught.value) is error
    assert caught.value.exit_code == 4
    assert caught.value.remedy


def test_the_parametrisation_covers_every_file_of_the_bundle(sealed_folder):
    """A file added to bundles must be added to the test above."""
    names = {p.relative_to(sealed_folder).as_posix() for p in sealed_folder.rglob("*.*")}
    assert names | {"SHA256SUMS"} == {
        *("SHA256SUMS", "SHA256SUMS.sig", "manifest.json", "model.onnx"),
        *("examples.npz", "card.html", "run.json", "arrays/index.npy"),
    }


def test_a_bundle_of_another_key_is_refused_with_both_fingerprints(folder, signing_key, tmp_path):
    """The reader compares the two with the publisher's printed one."""
    other = public_path(tmp_path / "other.pem")
    ensure_key(tmp_path / "other.pem")
    with pytest.raises(SignatureError) as caught:
        Bundle.open(folder, [other])
    assert fingerprint(load_public_key(signing_key[1])) in caught.value.found
    assert fingerprint(load_public_key(other)) in caught.value.expected


def test_any_of_several_trusted_keys_will_do(folder, signing_key, tmp_path):
    ensure_key(tmp_path / "other.pem")
    opened = Bundle.open(folder, [public_path(tmp_path / "other.pem"), signing_key[1]])
    assert opened.signer == fingerprint(load_public_key(signing_key[1]))


def test_without_a_trusted_key_nothing_opens(folder, tmp_path):
    assert trusted_keys(tmp_path / "nowhere") == ()
    with pytest.raises(SignatureError, match="none is installed"):
        Bundle.open(folder, trusted_keys(tmp_path / "nowhere"))


def test_a_false_fingerprint_in_an_unsigned_manifest_is_not_repeated(folder, tmp_path):
    """Terminal escapes in an unverified file must not reach the reader's screen."""
    edit_manifest(folder, lambda m: m.update(key_fingerprint="\x1b[2Jtrust me"))
    with pytest.raises(SignatureError, match="says key unknown"):
        Bundle.open(folder, [])


@pytest.mark.parametrize(
    ("name", "error"), [("SHA256SUMS", ChecksumError), ("SHA256SUMS.sig", SignatureError)]
)
def test_sums_and_signature_must_be_there(folder, signing_key, name, error):
    (folder / name).unlink()
    with pytest.raises(error, match=f"no {name} in the bundle"):
        Bundle.open(folder, [signing_key[1]])


def test_a_file_that_is_not_listed_is_refused(folder, signing_key):
    (folder / "arrays" / "extra.npy").write_bytes(b"x")
    with pytest.raises(ChecksumError, match=r"arrays/extra\.npy is there but not listed"):
        Bundle.open(folder, [signing_key[1]])


def test_a_listed_file_that_is_gone_is_refused(folder, signing_key):
    (folder / "card.html").unlink()
    with pytest.raises(ChecksumError, match=r"card\.html is listed but not there"):
        Bundle.open(folder, [signing_key[1]])


def test_a_signed_bundle_without_its_card_is_refused(folder, signing_key, resign):
    (folder / "card.html").unlink()
    with pytest.raises(ChecksumError, match=r"no card\.html"):
        Bundle.open(resign(folder), [signing_key[1]])


def test_a_key_that_is_not_p256_is_a_usage_error(folder, tmp_path):
    (tmp_path / "key.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n")
    with pytest.raises(UsageError, match="not a public key"):
        Bundle.open(folder, [tmp_path / "key.pem"])


# -- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/passwd", "arrays/../../evil", "a/b/c", "C:evil", "arrays\\evil"),
        *(".hidden", "é.json", "new\nline", "a..b", "x" * 101, "-rf"),
    ],
)
def test_a_zip_entry_that_could_leave_the_folder_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "evil.zip", [(name, b"x")])
    with pytest.raises(ArchiveError, match="unsafe entry"):
        read_files(path, Limits())


def test_a_name_cut_by_a_nul_byte_is_refused(tmp_path):
    """Python's zipfile shortens the name at NUL; other readers may not."""
    path = write_zip(tmp_path / "evil.zip", [("card.htmlX..", b"x")])
    path.write_bytes(path.read_bytes().replace(b"card.htmlX..", b"card.html\0.."))
    with pytest.raises(ArchiveError, match="unsafe entry"):
        read_files(path, Limits())


def test_a_symlink_in_a_zip_is_refused(tmp_path):
    entry = zipfile.ZipInfo("card.html")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(ArchiveError, match="a link or a device"):
        read_files(write_zip(tmp_path / "evil.zip", [(entry, b"/etc/passwd")]), Limits())


def test_a_symlink_in_a_folder_is_refused(folder):
    (folder / "card.html").unlink()
    (folder / "card.html").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveError, match="a link"):
        read_files(folder, Limits())


def test_a_folder_reached_through_a_symlink_is_opened(folder, signing_key, tmp_path):
    """The store switches versions with a link to the folder."""
    (tmp_path / "current").symlink_to(folder)
    assert Bundle.open(tmp_path / "current", [signing_key[1]]).manifest.version == "1.2.3"


def test_a_name_given_twice_is_refused_whatever_its_case(tmp_path):
    """On some file systems the second one replaces the first after the check."""
    path = write_zip(tmp_path / "evil.zip", [("card.html", b"a"), ("CARD.html", b"b")])
    with pytest.raises(ArchiveError, match="the same name twice"):
        read_files(path, Limits())


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    """20 MB of zeros in 20 kB: ratio about 1,000, and no signature is needed to say no."""
    path = write_zip(tmp_path / "bomb.zip", [("card.html", bytes(20_000_000))])
    assert path.stat().st_size < 40_000
    with pytest.raises(ArchiveError, match="zip bomb"):
        read_files(path, Limits())


def test_a_zip_that_announces_less_than_it_holds_is_refused(tmp_path):
    """The announced size is cut from 5,000 to 10 in both headers; the CRC then fails."""
    path = write_zip(tmp_path / "liar.zip", [("card.html", bytes(range(250)) * 20)])
    raw = path.read_bytes().replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(raw)
    with pytest.raises(ArchiveError):
        read_files(path, Limits())


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(files=3), "entries"),
        (Limits(file_bytes=1000), "bytes"),
        (Limits(total_bytes=1000), "bytes"),
        (Limits(model_bytes=1000), "model.onnx"),
    ],
)
@pytest.mark.parametrize("container", ["sealed_zip", "sealed_folder"])
def test_each_limit_refuses(request, container, limits, what):
    """The sound bundle is 8 files, 230 kB, a model of 6 kB: each limit is below that."""
    with pytest.raises(ArchiveError, match=what):
        read_files(request.getfixturevalue(container), limits)


def test_a_limit_below_one_is_a_usage_error():
    with pytest.raises(UsageError, match="limit rows is 0"):
        Limits(rows=0)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_a_cut_zip_is_refused(sealed_zip, tmp_path, keep):
    data = sealed_zip.read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: int(keep * len(data)) if keep == 0.5 else keep])
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_files(tmp_path / "cut.zip", Limits())


def test_a_zip_packed_again_with_folder_entries_opens(sealed_folder, signing_key, tmp_path):
    """An agent may unpack a bundle to read the card and pack it again with a desktop tool."""
    packed = shutil.make_archive(str(tmp_path / "again"), "zip", sealed_folder)
    assert Bundle.open(packed, [signing_key[1]]).manifest.task == "day_ahead"


def test_nothing_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no bundle at"):
        Bundle.open(tmp_path / "absent.zip", [])


# -- signed, and still refused ------------------------------------------------------------------


def drop(key):
    return lambda manifest: manifest.pop(key)


def put(**values):
    return lambda manifest: manifest.update(values)


def put_input(position, **values):
    return lambda manifest: manifest["inputs"][position].update(values)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (put(schema=2), "schema 2"),
        (put(schema="1"), "schema '1'"),
        (drop("terms"), "terms"),
        (put(surprise=1), "surprise"),
        (put(usecase="../etc"), "use case"),
        (put(version="1.2"), "version"),
        (put(simulated="no"), "simulated"),
        (put(golden_rows=0), "golden rows"),
        (put(golden_rows=True), "golden_rows"),
        (put(outputs=[]), "no output"),
        (put(terms=[]), "for 0 terms"),
        (put(tolerances={}), "tolerances"),
        (put(opsets={"ai.onnx": "21"}), "opsets"),
        (put(operators=[["ai.onnx", "Sub"], ["ai.onnx", "Add"]]), "out of order"),
        (put(onnxruntime_minimum="99.0.0"), "onnxruntime"),
        (put_input(0, dtype="float64"), "dtype"),
        (put_input(0, shape=[28, 24]), "shape"),
        (put_input(0, low=10, high=1), "range"),
        (put_input(0, low="0"), "low"),
        (put_input(0, name="load kwh"), "field name"),
        (put_input(1, default=[1.0, 2.0]), "default of shape"),
        (put_input(1, default=[51] * 24), "(?s)default.*-40 to 50"),
        (put_input(1, default=[None] * 24), "default is missing"),
        (put_input(4, default=1e300, high=None), "default"),
        (put_input(4, default="1.5"), "default of type"),
        (put_input(2, missing=True), "missing allowed"),
        (put_input(2, dtype="float32"), "weekday"),
        (put_input(0, name="other"), "inputs of the graph"),
        (put_input(0, shape=["n", 7, 24]), "load_kwh"),
    ],
)
def test_a_signed_manifest_that_is_wrong_is_refused(folder, signing_key, resign, change, what):
    edit_manifest(folder, change)
    with pytest.raises(ManifestError, match=what):
        Bundle.open(resign(folder), [signing_key[1]])


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"schema": 1}', "\xff"])
def test_a_manifest_that_is_no_manifest_is_refused(folder, signing_key, resign, text):
    (folder / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError):
        Bundle.open(resign(folder), [signing_key[1]])


@pytest.mark.parametrize(("name", "data"), [("run.json", b"{"), ("run.json", b"[]")])
def test_a_run_that_is_no_json_object_is_refused(folder, signing_key, resign, name, data):
    (folder / name).write_bytes(data)
    with pytest.raises(ManifestError, match=name):
        Bundle.open(resign(folder), [signing_key[1]])


def test_an_array_that_holds_objects_is_refused(folder, signing_key, resign):
    """Object arrays are pickles, and a pickle runs code when it is read."""
    np.save(folder / "arrays" / "index.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ManifestError, match=r"arrays/index\.npy"):
        Bundle.open(resign(folder), [signing_key[1]])


def alter_model(folder, change):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(folder / "model.onnx")
    change(onnx, model)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def raise_opset(onnx, model):
    model.opset_import[0].version = 23


def foreign_domain(onnx, model):
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))


def add_loop(onnx, model):
    model.graph.node.append(onnx.helper.make_node("Loop", ["", ""], ["never_read"]))


def hide_in_branch(onnx, model):
    """The forbidden operator is two subgraphs down."""

    def make_graph(nodes):
        return onnx.helper.make_graph(nodes, "branch", [], [])

    inner = onnx.helper.make_node("Where", [], [], body=make_graph(
        [onnx.helper.make_node("RandomNormal", [], ["noise"])]
    ))  # fmt: skip
    model.graph.node.append(onnx.helper.make_node("Add", [], [], body=make_graph([inner])))


def hide_in_function(onnx, model):
    model.functions.append(
        onnx.helper.make_function(
            "ai.onnx", "Abs", [], [], [onnx.helper.make_node("StringConcat", [], [])],
            [onnx.helper.make_opsetid("", 21)],
        )
    )  # fmt: skip


def call_own_function(onnx, model):
    model.graph.node.append(onnx.helper.make_node("Mine", [], [], domain="ai.onnx.ml"))


def external_data(onnx, model):
    tensor = onnx.helper.make_tensor("outside", 1, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model.graph.initializer.append(tensor)


def external_data_in_attribute(onnx, model):
    tensor = onnx.helper.make_tensor("outside", 1, [1], [0.0])
    tensor.external_data.add(key="location", value="secret")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=tensor))


def undeclared_operator(onnx, model):
    model.graph.node.append(onnx.helper.make_node("Atan", ["load_kwh"], ["unused"]))


def broken_graph(onnx, model):
    model.graph.node.append(onnx.helper.make_node("Add", ["nowhere", "nothing"], ["sum"]))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (raise_opset, "opset ai.onnx 23"),
        (foreign_domain, "opset com.microsoft 1"),
        (add_loop, "ai.onnx:Loop"),
        (hide_in_branch, "ai.onnx:RandomNormal"),
        (hide_in_function, "ai.onnx:StringConcat"),
        (call_own_function, "ai.onnx.ml:Mine"),
        (external_data, "other files"),
        (external_data_in_attribute, "other files"),
        (undeclared_operator, "ai.onnx:Atan"),
        (broken_graph, "onnxruntime refuses"),
    ],
)
def test_a_signed_graph_that_asks_too_much_is_refused(folder, signing_key, resign, change, what):
    alter_model(folder, change)
    with pytest.raises(OperatorError, match=what) as caught:
        Bundle.open(resign(folder), [signing_key[1]])
    assert caught.value.exit_code == 4


def test_a_forbidden_graph_never_reaches_onnxruntime(folder, signing_key, resign, monkeypatch):
    """The operator check must come before the C++ parser sees the file."""
    import onnxruntime

    alter_model(folder, add_loop)
    calls = []
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *a, **k: calls.append(a))
    with pytest.raises(OperatorError):
        Bundle.open(resign(folder), [signing_key[1]])
    assert calls == []


def alter_examples(folder, change):
    with np.load(folder / "examples.npz") as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(folder / "examples.npz", **arrays)


def shift_one_value(arrays):
    arrays["out_forecast"][17, 5] += 0.01


def lose_one_value(arrays):
    arrays["out_forecast"][17, 5] = np.nan


@pytest.mark.parametrize("change", [shift_one_value, lose_one_value])
def test_a_golden_row_that_differs_names_output_row_and_both_values(
    folder, signing_key, resign, change
):
    alter_examples(folder, change)
    with pytest.raises(GoldenRowError, match=r"output forecast, golden row 17, position \(5,\)"):
        Bundle.open(resign(folder), [signing_key[1]])


def test_a_bundle_at_rest_keeps_one_golden_row_and_answers_as_before(folder, signing_key, resign):
    """A server keeps bundles open for months, and replays their rows once."""
    resign(folder)
    opened = Bundle.open(folder, [signing_key[1]])
    resting = opened.at_rest()
    assert {len(values) for part in resting.golden for values in part.values()} == {1}
    assert all(values.base is None for part in resting.golden for values in part.values())
    np.testing.assert_array_equal(
        resting.predict(resting.golden[0])["forecast"], opened.golden[1]["forecast"][:1]
    )


def test_a_golden_row_within_the_tolerance_passes(folder, signing_key, resign):
    """1e-5 absolute plus 1e-5 of the value: 0.9e-5 is inside whatever the value."""

    def change(arrays):
        arrays["out_baseline"][3, 0] += np.float32(0.9e-5)

    alter_examples(folder, change)
    Bundle.open(resign(folder), [signing_key[1]])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda arrays: arrays.pop("out_upper"), "holds"),
        (lambda arrays: arrays.update(in_more=np.zeros(64)), "holds"),
        (lambda arrays: arrays.update(in_weekday=np.zeros(63, np.int64)), "63"),
        (lambda arrays: arrays.update(in_weekday=np.full(64, 9)), "weekday, row 0"),
        (lambda arrays: arrays.update(out_upper=np.zeros((64, 23), np.float32)), "upper"),
        (lambda arrays: arrays.update(out_upper=np.array([{}] * 64, object)), "cannot be read"),
    ],
)
def test_golden_rows_of_another_form_are_refused(folder, signing_key, resign, change, what):
    alter_examples(folder, change)
    with pytest.raises(GoldenRowError, match=what):
        Bundle.open(resign(folder), [signing_key[1]])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value, path=()):
    """Every key and index of a JSON document, as a path."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items if isinstance(value, dict | list) else ():
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_value_anywhere_in_a_manifest_is_read_or_refused(sealed_folder_text, data):
    """A manifest of another hand must give ManifestError, never a TypeError in the server."""
    manifest = json.loads(sealed_folder_text)
    every = list(places(manifest))
    *parents, last = every[data.draw(st.integers(0, len(every) - 1))]
    inner = manifest
    for key in parents:
        inner = inner[key]
    inner[last] = data.draw(JSON_VALUES)
    try:
        read = Manifest.from_json(json.dumps(manifest).encode())
    except ManifestError:
        return
    assert Manifest.from_json(read.to_json().encode()) == read


@pytest.fixture(scope="module")
def sealed_folder_text(sealed_folder):
    return (sealed_folder / "manifest.json").read_text(encoding="utf-8")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255), tail=st.booleans())
def test_a_zip_with_a_changed_byte_is_refused_or_is_still_the_same_bundle(
    sealed_zip, signing_key, tmp_path, position, mask, tail
):
    """A date in a header carries nothing; anything else must be an IntegrityError.

    Half of the changes go to the last 2 kB, where the directory of the zip is.
    """
    data = bytearray(sealed_zip.read_bytes())
    start = len(data) - 2000 if tail else 0
    data[start + int(position * (len(data) - start))] ^= mask
    (tmp_path / "changed.zip").write_bytes(data)
    try:
        files = read_files(tmp_path / "changed.zip", Limits())
        verify_signature(files, [signing_key[1]])
        verify_checksums(files)
    except IntegrityError:
        return
    assert files == read_files(sealed_zip, Limits())


# -- predict ------------------------------------------------------------------------------------


def test_predict_gives_what_the_formula_says(bundle):
    """One row, worked by hand.

    Yesterday 40, last week 20, Sunday (halves last week), 7 degrees (8 below 15):
    2 + 0.5 * 40 + 0.25 * 20 * 0.5 + 0.125 * 8 = 2 + 20 + 2.5 + 1 = 25.5; offset 1.5.
    """
    load = np.zeros((1, 28, 24))
    load[:, 27], load[:, 21] = 40, 20
    given = {"load_kwh": load, "weekday": [6], "temperature_c": np.full((1, 24), 7.0)}
    outputs = bundle.predict(given)
    assert list(outputs) == ["forecast", "lower", "upper", "contributions", "baseline"]
    np.testing.assert_array_equal(outputs["forecast"], np.full((1, 24), 25.5))
    np.testing.assert_array_equal(outputs["lower"], np.full((1, 24), 24.0))
    np.testing.assert_array_equal(outputs["upper"], np.full((1, 24), 27.0))


def test_defaults_are_spread_over_all_rows(bundle, example_inputs):
    short = {name: example_inputs[name] for name in ("load_kwh", "weekday")}
    full = short | {
        "temperature_c": np.full((5, 24), 12.0),
        "holiday": np.zeros(5, bool),
        "offset_kwh": np.full(5, 1.5),
    }
    np.testing.assert_equal(bundle.predict(short), bundle.predict(full))


def test_rows_do_not_depend_on_their_neighbours(bundle, example_inputs):
    whole = bundle.predict(example_inputs)["forecast"]
    for row in range(5):
        alone = {name: values[row : row + 1] for name, values in example_inputs.items()}
        np.testing.assert_allclose(bundle.predict(alone)["forecast"][0], whole[row], rtol=1e-6)


def test_a_json_null_is_a_missing_value(bundle, example_inputs):
    nulls = example_inputs["load_kwh"].astype(object)
    nulls[np.isnan(example_inputs["load_kwh"])] = None
    np.testing.assert_array_equal(
        bundle.predict(example_inputs | {"load_kwh": nulls.tolist()})["forecast"],
        bundle.predict(example_inputs)["forecast"],
    )


def at(values, index, value, dtype=None):
    changed = np.array(values, dtype=dtype)
    changed[index] = value
    return changed


BAD_VALUES = [
    ("load_kwh", lambda v: at(v, (3, 5, 2), -1), r"row 3, position \(5, 2\): -1.0 is out of range"),
    ("load_kwh", lambda v: at(v, (3, 5, 2), 5000.5), "row 3"),
    ("load_kwh", lambda v: at(v, (4, 0, 0), np.inf), r"row 4, position \(0, 0\): inf is not fin"),
    ("load_kwh", lambda v: at(v, (4, 0, 0), -np.inf), "row 4"),
    ("load_kwh", lambda v: at(v, (1, 0, 0), 1e300, np.float64), "row 1.* not finite in float32"),
    ("load_kwh", lambda v: at(v, (2, 0, 0), "much", object), "row 2: values of type"),
    ("load_kwh", lambda v: at(v, (2, 0, 0), {}, object), "row 2: values of type object"),
    ("load_kwh", lambda v: [*v.tolist()[:3], [1.0]], "row 3: not of the same shape"),
    ("load_kwh", lambda v: v[:4], "rows 0 to 4|rows 0 to 3"),
    ("load_kwh", lambda v: v[:, :, :23], r"rows 0 to 4: shape \(5, 28, 23\)"),
    ("load_kwh", lambda v: v[:0], "no row: shape"),
    ("load_kwh", lambda v: v[0], "rows 0 to 27.*"),
    ("load_kwh", lambda v: 3.0, "no row: shape"),
    ("load_kwh", lambda v: v.astype(complex), "row 0: values of type complex"),
    ("temperature_c", lambda v: at(v, (2, 7), np.nan), r"row 2, position \(7,\): nan is missing"),
    ("temperature_c", lambda v: at(v, (2, 7), 50.1), "row 2"),
    ("temperature_c", lambda v: at(v, (2, 7), 2**24 + 1, np.int64), "row 2.* not exact"),
    ("weekday", lambda v: at(v, 1, 7), "row 1: 7 is out of range"),
    ("weekday", lambda v: at(v, 1, 2**63, np.uint64), "row 1: 9223372036854775808 is too large"),
    ("weekday", lambda v: v.astype(float), "row 0: values of type float64"),
    ("weekday", lambda v: [0, 1, None, 3, 4], "row 2: values of type object"),
    ("holiday", lambda v: v.astype(int), "row 0: values of type int64"),
    ("holiday", lambda v: [True, False, "non", True, True], "row 2: values"),
    ("offset_kwh", lambda v: at(v, 4, -0.1), "row 4: -0.1"),
]


@pytest.mark.parametrize(("name", "spoil", "what"), BAD_VALUES)
def test_every_bad_value_is_refused_by_input_and_row(bundle, example_inputs, name, spoil, what):
    with pytest.raises(TableError, match=what) as caught:
        bundle.predict(example_inputs | {name: spoil(example_inputs[name])})
    assert "input " in caught.value.found
    assert caught.value.expected
    assert caught.value.exit_code == 3


def test_a_value_out_of_range_comes_with_the_range_and_the_unit(bundle, example_inputs):
    with pytest.raises(TableError) as caught:
        bundle.predict(example_inputs | {"load_kwh": at(example_inputs["load_kwh"], (3, 5, 2), -1)})
    assert caught.value.expected == "0 to 5000 kWh or NaN"


def test_bounds_are_legal_values(bundle, example_inputs):
    inputs = example_inputs | {"temperature_c": at(example_inputs["temperature_c"], (0, 0), -40.0)}
    bundle.predict(inputs | {"weekday": np.array([0, 6, 0, 6, 0], np.uint8)})


def test_unknown_and_absent_inputs_are_named(bundle, example_inputs):
    with pytest.raises(TableError, match="unknown input 'typo'"):
        bundle.predict(example_inputs | {"typo": np.zeros(5)})
    with pytest.raises(TableError, match="input load_kwh is absent"):
        bundle.predict({"weekday": example_inputs["weekday"]})


@pytest.mark.parametrize("limits", [Limits(rows=64), Limits(values=64 * 28 * 24)])
def test_a_call_of_too_many_rows_is_refused(sealed_zip, signing_key, limits, example_inputs):
    """65 rows where 64 are allowed, said as rows or as values of load_kwh."""
    opened = Bundle.open(sealed_zip, [signing_key[1]], limits=limits)
    many = {name: np.repeat(values, 13, axis=0) for name, values in example_inputs.items()}
    with pytest.raises(TableError, match="load_kwh, rows 0 to 64"):
        opened.predict(many)


# -- explain, inspect, describe ---------------------------------------------------------------


def test_reasons_come_by_group_the_strongest_first(bundle):
    """Worked by hand: yesterday 40 and last week 20 on a Monday, 7 degrees.

    Recent past: 24 * (0.5 * 40 + 0.25 * 20) = 24 * 25 = 600; weather: 24 * 0.125 * 8 = 24.
    """
    load = np.zeros((1, 28, 24))
    load[:, 27], load[:, 21] = 40, 20
    (reasons,) = bundle.explain(
        {"load_kwh": load, "weekday": [0], "temperature_c": np.full((1, 24), 7.0)}
    )
    assert [(group.label, group.total) for group in reasons.groups] == [
        ("passé récent", 600.0),
        ("météo", 24.0),
    ]
    assert [term.label for term in reasons.groups[0].terms] == [
        "consommation d'hier",
        "consommation d'il y a une semaine",
    ]
    assert reasons.baseline.sum() == 48.0  # 24 hours of 2
    assert reasons.additive


def test_baseline_and_reasons_add_up_to_the_prediction(bundle, example_inputs):
    forecast = bundle.predict(example_inputs)["forecast"]
    for row, reasons in enumerate(bundle.explain(example_inputs)):
        total = reasons.baseline + sum(group.values for group in reasons.groups)
        np.testing.assert_allclose(total, forecast[row], rtol=1e-6)
        strengths = [group.strength for group in reasons.groups]
        assert strengths == sorted(strengths, reverse=True)


def test_inspect_is_ready_for_json(bundle, signing_key):
    page = json.loads(json.dumps(bundle.inspect()))
    assert page["signer"] == fingerprint(load_public_key(signing_key[1]))
    assert page["manifest"]["schema"] == 1
    assert page["files"]["model.onnx"] == bundle.sizes["model.onnx"]


def test_the_same_content_has_one_digest_zipped_or_not(bundle, sealed_folder, signing_key):
    assert bundle.digest == Bundle.open(sealed_folder, [signing_key[1]]).digest


def test_retrieval_arrays_are_there_and_read_only(bundle):
    np.testing.assert_array_equal(bundle.arrays["index"], [[0, 1, 2], [3, 4, 5]])
    with pytest.raises(ValueError, match="read-only"):
        bundle.arrays["index"][0, 0] = 9


def test_the_description_is_french_and_says_simulated_and_proxy_first(bundle):
    text = describe(bundle)
    assert "SIMULATED" in text.split("Entrées")[0]
    assert "Un campus écossais" in text.split("Entrées")[0]
    assert "de 0 à 5\u202f000" in text
    assert "de −40 à 50" in text
    assert "consommation d'hier" in text
    assert bundle.signer in text


# -- the edge alone ----------------------------------------------------------------------------


def test_the_edge_loads_nothing_of_the_lab(sealed_zip, signing_key):
    """Open, predict and describe in a fresh interpreter, then look at what was imported."""
    script = f"""
import sys
from common.edge.bundle import Bundle
from common.edge.description import describe
bundle = Bundle.open({str(sealed_zip)!r}, [{str(signing_key[1])!r}])
describe(bundle)
bundle.explain(bundle.golden[0])
lab = {{"pandas", "sklearn", "lightgbm", "mlflow", "onnx", "ndonnx", "spox", "scipy"}}
print(sorted(lab & set(sys.modules)), [m for m in sys.modules if m.startswith("common.lab")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] []"


def test_every_refusal_has_exit_code_four():
    for error in (ArchiveError, SignatureError, ChecksumError, ManifestError, OperatorError):
        assert issubclass(error, IntegrityError)
        assert error.exit_code == 4


def test_a_damaged_npz_is_a_golden_row_error(folder, signing_key, resign):
    buffer = io.BytesIO()
    np.savez(buffer, x=np.zeros(3))
    (folder / "examples.npz").write_bytes(buffer.getvalue()[:-30])
    with pytest.raises(GoldenRowError, match="cannot be read"):
        Bundle.open(resign(folder), [signing_key[1]])
