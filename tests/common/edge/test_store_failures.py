"""What a bad disk, a full one or somebody else's does to the store: an error that teaches."""

import errno
import os
import resource
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.edge.durable import explained
from common.edge.errors import StoreError, UsageError
from common.edge.store.shelves import Shelves
from common.edge.store.store import Store
from common.lab.export import write_bundle

TASK = ("building_energy", "day_ahead")
NOBODY = 65534


@pytest.fixture(scope="module")
def zips(bundle_content, signing_key, tmp_path_factory):
    place = tmp_path_factory.mktemp("zips")
    return {
        version: write_bundle(
            place / f"{version}.zip", replace(bundle_content, version=version), signing_key[0]
        )
        for version in ("1.0.0", "1.1.0")
    }


@pytest.fixture
def one(tmp_path, signing_key, zips):
    """A store with 1.0.0 in use."""
    store = Store(tmp_path / "store", [signing_key[1]])
    store.install(zips["1.0.0"])
    return store


def current(store):
    return Shelves(store.root).open(*TASK).manifest.version


def failing(call, number, code):
    """Let the n-th call fail as the system would."""
    left = [number]

    def sometimes(*words, **options):
        left[0] -= 1
        if left[0] == -1:
            raise OSError(code, os.strerror(code), "the disk")
        return call(*words, **options)

    return sometimes


def refusal(store, path):
    """Return why the install was refused, None where it was not."""
    try:
        store.install(path)
    except StoreError as error:
        return error
    return None


@pytest.mark.parametrize("name", ["fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_call_leaves_a_version_that_works(
    one, zips, monkeypatch, name, code
):
    """Before the switch: refused, the old one stays. After it: a warning, the new one stays."""
    real, refusals = getattr(os, name), []
    for number in range(100):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing(real, number, code))
            refused = refusal(one, zips["1.1.0"])
        assert current(one) == ("1.0.0" if refused else "1.1.0")
        if refused is None:
            break
        refusals.append(refused)
    assert len(refusals) >= 2
    assert all(os.strerror(code) in error.found and error.remedy for error in refusals)
    # The same install again ends well, whatever was left behind.
    assert one.install(zips["1.1.0"]).warnings == ()


def test_a_log_that_cannot_be_written_after_the_switch_is_a_warning_and_mended_later(
    one, zips, monkeypatch
):
    """The switch is what counts; the next install finds it and writes its line."""

    def full(*_words):
        raise OSError(errno.ENOSPC, "No space left on device", "installs.jsonl")

    with monkeypatch.context() as patch:
        patch.setattr("common.edge.store.installlog.append_line", full)
        receipt = one.install(zips["1.1.0"])
    assert "not in installs.jsonl yet" in receipt.warnings[0]
    assert current(one) == "1.1.0"
    one.rollback(*TASK)
    events = [(line["event"], line["replaced"]) for line in one._log.lines()]
    assert events == [("install", ""), ("found", ""), ("rollback", "1.1.0")]


def test_a_disk_without_room_is_refused_before_anything_is_copied(one, zips, monkeypatch):
    usage = shutil.disk_usage(one.root)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(StoreError, match="bytes free") as caught:
        one.install(zips["1.1.0"])
    assert "free some space" in caught.value.remedy
    assert current(one) == "1.0.0"


def test_a_write_that_the_system_cuts_short_is_refused(one, zips):
    """A real limit, not a stand-in: files of this process may not pass 1,000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StoreError, match="File too large") as caught:
            one.install(zips["1.1.0"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "ulimit" in caught.value.remedy
    assert list((one.root / "staging").iterdir()) == []
    assert current(one) == "1.0.0"


@contextmanager
def other_user():
    """Be nobody for a while; who is not root already may not pass a closed folder."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def closed(zips, signing_key):
    """A store that everybody may read and nobody but its owner write, and a bundle beside it."""
    place = Path(tempfile.mkdtemp(prefix="aune-store-"))
    store = Store(place / "store", [signing_key[1]])
    store.install(zips["1.0.0"])
    shutil.copy(zips["1.1.0"], place / "new.zip")
    shutil.copy(signing_key[1], place / "key.pem")
    paths = [place, *place.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in paths:
        path.chmod(0o755)
    shutil.rmtree(place)


def test_who_may_only_read_can_serve_but_not_install(closed):
    """Reading takes no lock; installing says whose store it is, and starts no other one."""
    with other_user():
        assert current(Store(closed / "store")) == "1.0.0"
        for work in (
            lambda store: store.install(closed / "new.zip"),
            lambda store: store.rollback(*TASK),
            lambda store: store.gc(),
        ):
            with pytest.raises(StoreError, match="Permission denied") as caught:
                work(Store(closed / "store", [closed / "key.pem"]))
            assert "AUNE_STORE" in caught.value.remedy
        with pytest.raises(StoreError, match="Permission denied"):
            Store(closed / "nowhere" / "store").install(closed / "new.zip")
    assert current(Store(closed / "store")) == "1.0.0"


def test_a_store_that_may_not_be_looked_into_is_no_empty_store(closed):
    (closed / "store" / "versions").chmod(0o000)
    with other_user(), pytest.raises(StoreError, match="Permission denied"):
        Shelves(closed / "store").open(*TASK)


def test_a_bundle_that_may_not_be_read_is_a_usage_error(closed):
    (closed / "new.zip").chmod(0o000)
    shutil.copytree(closed / "store", closed / "own", copy_function=shutil.copyfile)
    for path in [closed / "own", *(closed / "own").rglob("*")]:
        path.chmod(0o777)
    with other_user(), pytest.raises(UsageError, match="cannot be read"):
        Store(closed / "own", [closed / "key.pem"]).install(closed / "new.zip")


def test_a_file_where_the_store_should_be_is_refused(zips, signing_key, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(StoreError, match="File exists") as caught:
        Store(tmp_path / "file" / "store", [signing_key[1]]).install(zips["1.0.0"])
    assert "set AUNE_STORE to a folder" in caught.value.remedy


@pytest.mark.parametrize(
    ("code", "word"),
    [
        *((errno.ENOSPC, "space"), (errno.EDQUOT, "quota"), (errno.EROFS, "AUNE_STORE")),
        *((errno.EACCES, "owns"), (errno.EIO, "backup"), (errno.ELOOP, "message")),
    ],
)
def test_each_refusal_of_the_system_has_its_remedy(tmp_path, code, word):
    with pytest.raises(StoreError) as caught, explained(tmp_path):
        raise OSError(code, os.strerror(code), "file")
    assert word in caught.value.remedy
    assert caught.value.found.startswith("file: ")


def test_bytes_are_synced_before_a_name_and_names_before_the_next_step(
    tmp_path, signing_key, zips, monkeypatch
):
    """What a power cut takes is what was not synced: the order of the calls is the guarantee."""
    calls = recorded(monkeypatch)
    root = tmp_path / "store"
    Store(root, [signing_key[1]]).install(zips["1.0.0"])
    moves = [index for index, (what, _) in enumerate(calls) if what == "replace"]
    targets = [calls[index][1][1].relative_to(root).as_posix() for index in moves]
    folder = "versions/building_energy/day_ahead"
    assert targets[1:] == [f"{folder}/1.0.0/bundle.zip", f"{folder}/current.json"]
    assert targets[0].startswith("trusted/")
    for index in moves:
        source, target = calls[index][1]
        assert ("fsync", source) in calls[:index], f"{source} was moved before its bytes were safe"
        assert calls[index + 1] == ("fsync", target.parent)
    made = [path for what, path in calls if what == "mkdir"]
    assert root / folder / "1.0.0" in made
    for path in made:
        after = calls[calls.index(("mkdir", path)) + 1]
        assert after == ("fsync", path.parent), f"{path} could vanish"


def recorded(monkeypatch):
    """Note every sync (by the file's path), move and new folder, in order."""
    calls = []
    fsync, move, mkdir = os.fsync, os.replace, os.mkdir

    def noted_fsync(descriptor):
        calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    def noted_move(source, target, **options):
        calls.append(("replace", (Path(source), Path(target))))
        move(source, target, **options)

    def noted_mkdir(path, *words, **options):
        mkdir(path, *words, **options)
        calls.append(("mkdir", Path(path)))

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_move)
    monkeypatch.setattr(os, "mkdir", noted_mkdir)
    return calls
