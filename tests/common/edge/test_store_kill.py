"""SIGKILL at every step, and before every call that touches the disk: a version always works."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from common.edge.store.store import STEPS, Store
from common.lab.export import write_bundle

PROGRAM = Path(__file__).with_name("store_killer.py")
ROOT = Path(__file__).parents[3]
VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")


@pytest.fixture(scope="module")
def zips(bundle_content, signing_key, tmp_path_factory):
    place = tmp_path_factory.mktemp("zips")
    return {
        version: write_bundle(
            place / f"{version}.zip", replace(bundle_content, version=version), signing_key[0]
        )
        for version in VERSIONS
    }


@pytest.fixture(scope="module")
def full_store(zips, signing_key, tmp_path_factory):
    """A store with three versions: the next install has one to remove."""
    store = Store(tmp_path_factory.mktemp("full") / "store", [signing_key[1]])
    for version in VERSIONS[:3]:
        store.install(zips[version])
    return store.root


@pytest.fixture
def kill(zips, signing_key, tmp_path):
    """Run the program on an order; returns a line for each case."""

    def run(store, version, came_from, *, every_call):
        order = {
            "store": store and str(store),
            "zip": version and str(zips[version]),
            "key": str(signing_key[1]),
            "from": came_from,
            "place": str(tmp_path),
            "every_call": every_call,
        }
        done = subprocess.run(
            [sys.executable, str(PROGRAM), json.dumps(order)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert not [line for line in lines if "error" in line]
        return lines

    return run


def switched(line, *, every_call):
    """Say whether the kill came after the switch; by step this is known beforehand."""
    return None if every_call else STEPS.index(line["case"]) >= STEPS.index("switched")


@pytest.mark.parametrize("every_call", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_install_killed_anywhere_leaves_the_old_version_or_the_new(kill, full_store, every_call):
    """And the same install, repeated, ends as if nothing had happened."""
    lines = kill(full_store, "1.3.0", "1.2.0", every_call=every_call)
    for line in lines:
        late = switched(line, every_call=every_call)
        allowed = {None: ("1.2.0", "1.3.0"), False: ("1.2.0",), True: ("1.3.0",)}[late]
        assert line["before"] in (allowed if line["killed"] else ("1.3.0",)), line
        assert line["after"] == "1.3.0", line
        assert line["versions"] == line["folders"] == ["1.1.0", "1.2.0", "1.3.0"], line
        assert line["logged"], line
        assert line["staging"] == [], line
    assert {line["before"] for line in lines} == {"1.2.0", "1.3.0"}
    if every_call:
        # Four files (lock, bundle, record, log) made, three synced, two moved with their two
        # folders, one folder made and synced, two reads of the zip, the oldest version's file
        # and folder removed and synced: 4 + 3 + 4 + 2 + 2 + 3 = 18.
        assert sum(line["killed"] for line in lines) >= 18
        assert not lines[-1]["killed"]
        assert any(line["left"] for line in lines)
    else:
        assert [line["case"] for line in lines if line["killed"]] == list(STEPS)


@pytest.mark.parametrize("every_call", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_first_install_killed_anywhere_leaves_nothing_or_the_new_version(kill, every_call):
    lines = kill(None, "1.0.0", None, every_call=every_call)
    for line in lines:
        late = switched(line, every_call=every_call)
        allowed = {None: (None, "1.0.0"), False: (None,), True: ("1.0.0",)}[late]
        assert line["before"] in allowed, line
        assert line["versions"] == line["folders"] == ["1.0.0"], line
        assert line["logged"], line
    assert {line["before"] for line in lines} == {None, "1.0.0"}


@pytest.mark.parametrize("every_call", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_rollback_killed_anywhere_leaves_either_version(kill, full_store, every_call):
    lines = kill(full_store, None, "1.2.0", every_call=every_call)
    for line in lines:
        assert line["before"] in ("1.1.0", "1.2.0"), line
        assert line["after"] == "1.1.0", line
        assert line["versions"] == line["folders"] == ["1.0.0", "1.1.0", "1.2.0"], line
    assert {line["before"] for line in lines} == {"1.1.0", "1.2.0"}
    assert sum(line["killed"] for line in lines) >= 5


def test_what_a_killed_install_placed_is_replaced_by_a_bundle_of_the_same_version(
    zips, signing_key, bundle_content, tmp_path
):
    """The version number was never in use, so it is not taken."""
    store = Store(tmp_path / "store", [signing_key[1]])
    leftover = store.root / "versions" / "building_energy" / "day_ahead" / "1.1.0"
    store.install(zips["1.0.0"])
    leftover.mkdir()
    shutil.copy(zips["1.2.0"], leftover / "bundle.zip")
    store.install(zips["1.1.0"])
    assert store.open("building_energy", "day_ahead").manifest.version == "1.1.0"
