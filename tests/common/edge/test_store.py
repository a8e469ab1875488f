"""The store: what is installed works, is what was signed, and can be gone back from."""

import json
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import onnx
import pytest

from common.edge.archive import Limits
from common.edge.durable import exclusive
from common.edge.errors import (
    ArchiveError,
    ChecksumError,
    IntegrityError,
    SignatureError,
    StoreError,
    TableError,
    ThresholdError,
    UsageError,
    VersionError,
)
from common.edge.store import shelves as shelves
from common.edge.store import store as store_module
from common.edge.store.receipt import Choices
from common.edge.store.shelves import Shelves, store_root
from common.edge.store.store import STEPS, Store
from common.lab.export import write_bundle
from common.lab.keys import ensure_key, public_path

TASK = ("building_energy", "day_ahead")


def higher(model):
    """The same graph with a baseline of 3 kWh instead of 2: each prediction is 1 kWh higher."""
    proto = onnx.load_from_string(model)
    tensors = [item.t for node in proto.graph.node for item in node.attribute if item.HasField("t")]
    (two,) = (tensor for tensor in tensors if is_two(onnx.numpy_helper.to_array(tensor)))
    two.CopyFrom(onnx.numpy_helper.from_array(np.array(3, dtype=np.float32)))
    return proto.SerializeToString()


def is_two(value):
    return value.dtype == np.float32 and value.shape == () and value == 2


@pytest.fixture(scope="module")
def zips(bundle_content, signing_key, tmp_path_factory):
    """Versions 1.0.0 to 1.3.0 of the same model, and 2.0.0 that predicts 1 kWh more."""
    place = tmp_path_factory.mktemp("zips")
    versions = {f"1.{minor}.0": bundle_content.model for minor in range(4)}
    versions["2.0.0"] = higher(bundle_content.model)
    return {
        version: write_bundle(
            place / f"{version}.zip",
            replace(bundle_content, version=version, model=model),
            signing_key[0],
        )
        for version, model in versions.items()
    }


@pytest.fixture
def store(tmp_path, signing_key):
    return Store(tmp_path / "store", [signing_key[1]], lock_seconds=0.2)


@pytest.fixture
def two(store, zips):
    """A store with 1.1.0 in use and 1.0.0 before it."""
    store.install(zips["1.0.0"])
    store.install(zips["1.1.0"])
    return store


@pytest.fixture
def recent(example_inputs, tmp_path):
    path = tmp_path / "recent.npz"
    np.savez(path, **example_inputs)
    return path


def current(store):
    """The version that a server would serve, opened with the store's own keys only."""
    return Shelves(store.root).open(*TASK).manifest.version


def record(store):
    return store.root / "versions" / "building_energy" / "day_ahead" / "current.json"


def zip_of(store, version):
    return record(store).parent / version / "bundle.zip"


def log_lines(store):
    text = (store.root / "installs.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# -- installing ----------------------------------------------------------------------------------


def test_an_installed_bundle_opens_with_nothing_but_the_store(store, zips, example_inputs):
    """The key that signed it is in the store, so a server in any folder can verify it."""
    receipt = store.install(zips["1.0.0"])
    assert (receipt.replaced, receipt.golden_rows, receipt.warnings) == ("", 64, ())
    opened = Shelves(store.root).open(*TASK)
    assert opened.predict(example_inputs)["forecast"].shape == (5, 24)
    assert [item.name for item in Shelves(store.root).installed()] == ["building_energy/day_ahead"]


def test_two_versions_before_the_current_one_are_kept(two, zips):
    two.install(zips["1.2.0"])
    receipt = two.install(zips["1.3.0"])
    assert receipt.removed == ("1.0.0",)
    assert receipt.installed.shelf.versions == ("1.3.0", "1.2.0", "1.1.0")
    assert not zip_of(two, "1.0.0").exists()
    assert two.open(*TASK, "1.1.0").manifest.version == "1.1.0"


def test_what_is_installed_is_the_file_byte_for_byte(two, zips):
    assert zip_of(two, "1.1.0").read_bytes() == zips["1.1.0"].read_bytes()


def test_an_older_version_is_an_explicit_choice(two, zips):
    with pytest.raises(VersionError, match=r"1\.0\.0 is older than 1\.1\.0") as caught:
        two.install(zips["1.0.0"])
    assert "--allow-downgrade" in caught.value.remedy
    assert current(two) == "1.1.0"
    receipt = two.install(zips["1.0.0"], Choices(allow_downgrade=True))
    assert current(two) == "1.0.0"
    assert receipt.installed.shelf.versions == ("1.0.0", "1.1.0")


def test_a_bundle_of_an_older_schema_is_an_explicit_choice(store, zips, monkeypatch):
    """There is no schema before 1 yet: Aune's own number is raised instead."""
    monkeypatch.setattr(store_module, "SCHEMA", 2)
    with pytest.raises(VersionError, match="a bundle of schema 1") as caught:
        store.install(zips["1.0.0"])
    assert "--allow-old-schema" in caught.value.remedy
    store.install(zips["1.0.0"], Choices(allow_old_schema=True))
    assert current(store) == "1.0.0"


def test_the_same_bundle_again_changes_nothing(two, zips):
    before = record(two).read_bytes()
    receipt = two.install(zips["1.1.0"])
    assert receipt.replaced == "1.1.0"
    assert record(two).read_bytes() == before


def test_the_same_bundle_again_mends_a_damaged_file(two, zips):
    zip_of(two, "1.1.0").write_bytes(zips["1.1.0"].read_bytes()[:-50])
    with pytest.raises(ArchiveError):
        current(two)
    two.install(zips["1.1.0"])
    assert current(two) == "1.1.0"


def test_a_version_number_used_twice_is_refused(two, bundle_content, signing_key, tmp_path):
    other = replace(bundle_content, version="1.1.0", card_html="<title>Autre</title>")
    path = write_bundle(tmp_path / "other.zip", other, signing_key[0])
    with pytest.raises(VersionError, match=r"1\.1\.0 with other content"):
        two.install(path, Choices(allow_downgrade=True))
    assert current(two) == "1.1.0"


def test_tasks_are_kept_apart(two, bundle_content, signing_key, tmp_path):
    other = replace(bundle_content, task="week_ahead", version="0.1.0")
    two.install(write_bundle(tmp_path / "other.zip", other, signing_key[0]))
    names = [(item.name, item.shelf.current.version) for item in two.installed()]
    assert names == [
        ("building_energy/day_ahead", "1.1.0"),
        ("building_energy/week_ahead", "0.1.0"),
    ]


def broken(zips, tmp_path, how):
    data = bytearray(zips["1.2.0"].read_bytes())
    if how == "cut":
        data = data[: len(data) // 2]
    elif how == "changed":
        data[len(data) // 2] ^= 1
    elif how == "empty":
        data = bytearray()
    path = tmp_path / "broken.zip"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("how", ["cut", "changed", "empty"])
def test_a_damaged_bundle_leaves_the_store_as_it_was(two, zips, tmp_path, how):
    before = snapshot(two.root)
    with pytest.raises(IntegrityError):
        two.install(broken(zips, tmp_path, how))
    assert snapshot(two.root) == before


def test_a_bundle_of_an_unknown_key_is_refused_and_the_remedy_is_the_option(
    two, bundle_content, tmp_path
):
    key = ensure_key(tmp_path / "other.pem")
    path = write_bundle(tmp_path / "other.zip", replace(bundle_content, version="9.0.0"), key)
    with pytest.raises(SignatureError) as caught:
        two.install(path)
    assert "--key" in caught.value.remedy
    assert current(two) == "1.1.0"
    replace(two, trusted=(public_path(tmp_path / "other.pem"),)).install(path)
    assert current(two) == "9.0.0"


def test_size_limits_hold_before_the_bundle_is_copied_whole(two, zips):
    small = replace(two, limits=Limits(total_bytes=1000))
    with pytest.raises(UsageError, match="larger than 1000 bytes"):
        small.install(zips["1.2.0"])
    assert list((two.root / "staging").iterdir()) == []


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_file_is_a_usage_error(store, tmp_path, kind):
    """Nothing is made for it, not even the store."""
    path = tmp_path / "bundle"
    if kind == "folder":
        path.mkdir()
    with pytest.raises(UsageError, match="no bundle at"):
        store.install(path)
    assert not store.root.exists()


def test_a_key_taken_out_of_the_store_is_revoked(two):
    """Also for what is installed already: the next start of the server refuses it."""
    for path in (two.root / "trusted").iterdir():
        path.unlink()
    with pytest.raises(SignatureError):
        current(two)


def test_the_steps_come_in_their_order(store, zips):
    seen = []
    replace(store, steps=seen.append).install(zips["1.0.0"])
    assert tuple(seen) == STEPS


# -- going back ----------------------------------------------------------------------------------


def test_rollback_goes_back_step_by_step_and_then_says_there_is_no_more(two, zips):
    """Twice back must not swing to the version that was withdrawn."""
    two.install(zips["1.2.0"])
    assert two.rollback(*TASK).installed.shelf.current.version == "1.1.0"
    assert two.rollback(*TASK).installed.shelf.current.version == "1.0.0"
    with pytest.raises(UsageError, match=r"1\.0\.0 has no earlier version"):
        two.rollback(*TASK)
    assert current(two) == "1.0.0"


def test_rollback_can_go_forward_to_a_kept_version(two):
    two.rollback(*TASK)
    receipt = two.rollback(*TASK, "1.1.0")
    assert (receipt.replaced, current(two)) == ("1.0.0", "1.1.0")
    with pytest.raises(UsageError, match=r"9\.9\.9 is not kept"):
        two.rollback(*TASK, "9.9.9")


def test_an_install_after_a_rollback_drops_what_was_withdrawn(two, zips):
    two.rollback(*TASK)
    receipt = two.install(zips["1.2.0"])
    assert receipt.removed == ("1.1.0",)
    assert receipt.installed.shelf.versions == ("1.2.0", "1.0.0")


def test_rollback_takes_less_than_a_second(two):
    """The goal of issue 7, verification and golden rows included."""
    start = time.process_time()
    two.rollback(*TASK)
    assert time.process_time() - start < 1


def test_rollback_to_a_damaged_version_keeps_the_current_one(two, zips):
    zip_of(two, "1.0.0").write_bytes(b"")
    with pytest.raises(ArchiveError):
        two.rollback(*TASK)
    assert current(two) == "1.1.0"


def test_rollback_works_where_the_current_version_is_gone(two):
    """This is what it is for."""
    zip_of(two, "1.1.0").unlink()
    with pytest.raises(StoreError, match="is gone"):
        current(two)
    two.rollback(*TASK)
    assert current(two) == "1.0.0"


@pytest.mark.parametrize("task", [("nothing", "here"), ("..", "versions"), ("a/b", "")])
def test_what_is_not_installed_is_a_usage_error_that_lists_what_is(two, task):
    with pytest.raises(UsageError, match="is not installed") as caught:
        two.rollback(*task)
    assert caught.value.expected == "building_energy/day_ahead"


# -- what was verified is what is served ---------------------------------------------------------


def test_another_signed_bundle_in_the_place_of_the_installed_one_is_refused(two, zips):
    """Its signature is good; it is an older model all the same."""
    shutil.copy(zips["1.0.0"], zip_of(two, "1.1.0"))
    with pytest.raises(ChecksumError, match="digest"):
        current(two)


def test_reading_writes_nothing(two):
    """A server may see the store through a read-only mount."""
    before = snapshot(two.root)
    current(two)
    Shelves(two.root).installed()
    assert snapshot(two.root) == before


def snapshot(root):
    """Every path below root with its content and time of change, the lock apart."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


# -- the shadow run ------------------------------------------------------------------------------


def test_the_shadow_run_says_how_far_the_new_version_is(two, zips, recent, example_inputs):
    old = two.open(*TASK).predict(example_inputs)
    receipt = two.install(zips["2.0.0"], Choices(recent=recent))
    shadow = receipt.shadow
    assert (shadow.rows, shadow.against, shadow.why_not) == (5, "1.1.0", "")
    gap = shadow.gaps[0]
    assert (gap.output, gap.unit, gap.one_sided) == ("forecast", "kWh", 0)
    # The baseline is 3 kWh instead of 2, so each of 5 x 24 values is 1 kWh higher.
    assert gap.mean == pytest.approx(1, abs=1e-5)
    assert gap.largest == pytest.approx(1, abs=1e-5)
    assert gap.relative == pytest.approx(120 / np.abs(old["forecast"]).sum(), rel=1e-4)
    # 1 kWh more leaves the interval exactly where its half-width is under 1 kWh.
    narrow = np.repeat(example_inputs["offset_kwh"] < 1, 24)
    assert shadow.outside == pytest.approx(narrow.mean(), abs=1e-9)
    assert log_lines(two)[-1]["shadow"]["rows"] == 5


def test_a_gap_above_the_largest_allowed_keeps_the_current_version(two, zips, recent):
    with pytest.raises(ThresholdError, match="shadow run on 5 rows") as caught:
        two.install(zips["2.0.0"], Choices(recent=recent, largest_gap=0.001))
    assert caught.value.exit_code == 5
    assert current(two) == "1.1.0"
    two.install(zips["2.0.0"], Choices(recent=recent, largest_gap=0.5))
    assert current(two) == "2.0.0"


def test_the_first_version_has_nothing_to_be_compared_with(store, zips, recent):
    shadow = store.install(zips["1.0.0"], Choices(recent=recent, largest_gap=0.1)).shadow
    assert (shadow.rows, shadow.gaps, shadow.why_not) == (5, (), "no version is in use")


def test_a_broken_current_version_can_be_replaced_but_not_compared(two, zips, recent):
    zip_of(two, "1.1.0").write_bytes(b"")
    with pytest.raises(ThresholdError, match="cannot be opened"):
        two.install(zips["1.2.0"], Choices(recent=recent, largest_gap=0.1))
    shadow = two.install(zips["1.2.0"], Choices(recent=recent)).shadow
    assert "1.1.0 cannot be opened" in shadow.why_not
    assert current(two) == "1.2.0"


def test_recent_inputs_out_of_range_stop_the_install(two, zips, example_inputs, tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, **example_inputs | {"weekday": np.full(5, 9)})
    with pytest.raises(TableError, match="weekday, row 0"):
        two.install(zips["1.2.0"], Choices(recent=path))
    assert current(two) == "1.1.0"


def test_more_rows_than_a_call_may_have_are_run_in_parts(two, zips, recent):
    """130 rows by 64 are three calls; the limit is on calls, not on a shadow run."""
    narrow = replace(two, limits=Limits(rows=64))
    many = recent.with_name("many.npz")
    with np.load(recent) as arrays:
        np.savez(
            many, **{name: np.tile(a, (26,) + (1,) * (a.ndim - 1)) for name, a in arrays.items()}
        )
    assert narrow.install(zips["1.2.0"], Choices(recent=many)).shadow.rows == 130


@pytest.mark.parametrize("gap", [-0.1, float("nan")])
def test_a_largest_gap_must_be_a_share(recent, gap):
    with pytest.raises(UsageError, match="largest gap"):
        Choices(recent=recent, largest_gap=gap)
    with pytest.raises(UsageError, match="without recent inputs"):
        Choices(largest_gap=0.1)


# -- torn records --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "torn", [b"", b"{", b"[]", b'{"layout": 1, "place": 7, "entries": []}', b"\xff"]
)
def test_a_torn_record_is_read_from_the_log(two, zips, torn):
    record(two).write_bytes(torn)
    assert current(two) == "1.1.0"
    two.install(zips["1.2.0"])
    assert two.get(*TASK).shelf.versions == ("1.2.0", "1.1.0", "1.0.0")


def test_a_lost_record_is_read_from_the_log(two):
    record(two).unlink()
    assert current(two) == "1.1.0"


def test_without_record_and_log_the_bundle_is_installed_again(two, zips):
    """Nothing is guessed: the highest version may be the one that was rolled back from."""
    record(two).write_bytes(b"{")
    (two.root / "installs.jsonl").unlink()
    with pytest.raises(StoreError, match="is torn") as caught:
        current(two)
    assert "install the bundle" in caught.value.remedy
    assert two.gc() == ()
    assert zip_of(two, "1.0.0").exists()
    two.install(zips["1.1.0"])
    assert current(two) == "1.1.0"


def test_half_a_line_at_the_end_of_the_log_is_cut_off(two, zips):
    path = two.root / "installs.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    two.install(zips["1.2.0"])
    # The torn line is the one of 1.1.0; the next install finds its switch and says so.
    events = [(line["event"], line["shelf"]["entries"][0]["version"]) for line in log_lines(two)]
    assert events == [("install", "1.0.0"), ("found", "1.1.0"), ("install", "1.2.0")]


def test_a_store_of_another_layout_is_not_touched(two, zips):
    raw = json.loads(record(two).read_text(encoding="utf-8"))
    record(two).write_text(json.dumps(raw | {"layout": 2}), encoding="utf-8")
    with pytest.raises(StoreError, match="layout 2"):
        current(two)
    with pytest.raises(StoreError, match="layout 2"):
        two.install(zips["1.2.0"])


def test_stale_staging_is_swept_and_foreign_files_are_left(two, zips):
    (two.root / "staging" / "deep").mkdir()
    (two.root / "staging" / "deep" / "bundle.zip").write_bytes(b"half")
    (two.root / "staging" / "link").symlink_to(two.root / "trusted")
    (record(two).parent / "notes").mkdir()
    (record(two).parent / "0.9.0").mkdir()
    assert two.gc() == ("building_energy/day_ahead 0.9.0",)
    assert list((two.root / "staging").iterdir()) == []
    assert (record(two).parent / "notes").is_dir()
    assert list((two.root / "trusted").iterdir())
    assert current(two) == "1.1.0"


# -- several at once -----------------------------------------------------------------------------


def test_an_install_waits_for_the_lock_and_then_says_who_holds_it(two, zips):
    with exclusive(two.root / "lock", 1), pytest.raises(StoreError, match=r"lock is held"):
        two.install(zips["1.2.0"])
    two.install(zips["1.2.0"])
    assert current(two) == "1.2.0"


def test_installs_at_the_same_time_come_one_after_the_other(store, zips):
    """Four at once, in any order: every switch is logged, and the record is the last one's."""
    patient = replace(store, lock_seconds=60)
    choices = Choices(allow_downgrade=True)
    threads = [
        threading.Thread(target=patient.install, args=(zips[f"1.{minor}.0"], choices))
        for minor in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = log_lines(store)
    assert [line["event"] for line in lines] == ["install"] * 4
    assert lines[-1]["shelf"] == json.loads(record(store).read_text(encoding="utf-8"))
    assert len(store.get(*TASK).shelf.versions) == 3
    assert current(store) == lines[-1]["shelf"]["entries"][0]["version"]


def test_a_reader_never_sees_a_store_without_a_version(two, zips):
    """Switching forth and back while another thread opens what is in use."""
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(Shelves(two.root).get(*TASK).shelf.current.version)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        two.rollback(*TASK)
        two.rollback(*TASK, "1.1.0")
    done.set()
    reader.join()
    assert seen <= {"1.0.0", "1.1.0"}
    assert seen


# -- where it is ---------------------------------------------------------------------------------


def test_the_store_is_where_the_settings_say(monkeypatch, tmp_path):
    """AUNE_STORE, then the service's folder, then one's own state folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUNE_STORE", str(tmp_path / "asked"))
    monkeypatch.setattr(shelves, "_SYSTEM_ROOT", tmp_path / "system")
    assert store_root() == tmp_path / "asked"
    monkeypatch.delenv("AUNE_STORE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert store_root() == tmp_path / "state" / "aune"
    # The XDG specification: a relative path in the variable is to be ignored.
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert store_root() == tmp_path / "home" / ".local" / "state" / "aune"
    (tmp_path / "system").mkdir()
    assert store_root() == tmp_path / "system"
