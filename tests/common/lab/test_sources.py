"""Pinned files are fetched, verified, kept and refused the same way from any place."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from common.edge.errors import SourceError, UsageError
from common.lab import sources as module
from common.lab.sources import cache_folder, check, fetch, load_sources
from common.lab.usecase import Source

GOOD = {"a b/1.csv": b"hour,kwh\n0,1.5\n", "é.csv": b"x" * 200_000}
PREFIX = "owner/repo/c0ffee"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source(files: dict[str, bytes], **changes: object) -> Source:
    fields: dict[str, object] = {
        "name": "meters", "title": "t", "publisher": "p", "licence": "l",
        "origin": "github:owner/repo@c0ffee", "period": "2022", "personal_data": "aucune",
        "files": {path: digest(content) for path, content in files.items()},
    }  # fmt: skip
    return Source(**{**fields, **changes})  # type: ignore[arg-type]


class Shelf(ThreadingHTTPServer):
    """A web server whose answers the test writes down: path to (status, body, announced)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers: dict[str, tuple[int, bytes, int]] = {}
        self.asked: list[str] = []

    def put(
        self, path: str, body: bytes, *, status: int = 200, announced: int | None = None
    ) -> None:
        size = len(body) if announced is None else announced
        self.answers[f"/{quote(f'{PREFIX}/{path}')}"] = (status, body, size)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, body, announced = self.server.answers.get(self.path, (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of one's own, no mirror, no waiting between attempts."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUNE_MIRROR", raising=False)
    monkeypatch.delenv("AUNE_OFFLINE", raising=False)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    server = Shelf()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AUNE_MIRROR", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mirror"
    for path, content in GOOD.items():
        place = folder / PREFIX / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    monkeypatch.setenv("AUNE_MIRROR", str(folder))
    return folder


def test_a_mirror_folder_is_used_in_place_without_a_copy(mirror: Path) -> None:
    """Twice the disk for the same bytes would be waste."""
    found = fetch([source(GOOD)])
    assert found["meters", "a b/1.csv"] == mirror / PREFIX / "a b/1.csv"
    assert not (cache_folder() / "files").exists()


def test_a_server_gives_the_same_bytes_as_a_folder(shelf: Shelf) -> None:
    """Paths with spaces and accents are quoted in the address, not in the cache."""
    for path, content in GOOD.items():
        shelf.put(path, content)
    found = fetch([source(GOOD)])
    assert {path: place.read_bytes() for (_, path), place in found.items()} == GOOD
    assert f"/{PREFIX}/a%20b/1.csv" in shelf.asked


def test_without_a_mirror_the_public_address_is_asked(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of the code is the network's own; only the host differs in this test."""
    monkeypatch.delenv("AUNE_MIRROR")
    monkeypatch.setattr(module, "GITHUB_RAW", shelf.url)
    shelf.put("é.csv", GOOD["é.csv"])
    assert fetch([source({"é.csv": GOOD["é.csv"]})])["meters", "é.csv"].stat().st_size == 200_000


def test_a_second_fetch_asks_and_hashes_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warm demo must not wait for hundreds of hashes."""
    for path, content in GOOD.items():
        shelf.put(path, content)
    fetch([source(GOOD)])
    shelf.asked.clear()
    monkeypatch.setattr(module, "sha256_of", lambda path: pytest.fail(f"hashed {path} again"))
    fetch([source(GOOD)])
    assert shelf.asked == []


def test_a_fetch_that_was_cut_resumes_with_the_missing_files_only(shelf: Shelf) -> None:
    """What was verified before the cut is not downloaded twice."""
    shelf.put("a b/1.csv", GOOD["a b/1.csv"])
    with pytest.raises(SourceError, match=r"é\.csv could not be downloaded"):
        fetch([source(GOOD)], workers=1)
    shelf.asked.clear()
    shelf.put("é.csv", GOOD["é.csv"])
    fetch([source(GOOD)], workers=1)
    assert shelf.asked == [f"/{PREFIX}/%C3%A9.csv"]


def test_a_corrupted_download_is_refused_and_deleted(shelf: Shelf, tmp_path: Path) -> None:
    """The error names the file, both digests and what to do."""
    shelf.put("é.csv", b"other bytes")
    with pytest.raises(SourceError) as refusal:
        fetch([source({"é.csv": GOOD["é.csv"]})])
    assert digest(b"other bytes") in refusal.value.found
    assert digest(GOOD["é.csv"]) in refusal.value.expected
    assert refusal.value.remedy
    assert [place for place in (tmp_path / "cache").rglob("*") if place.is_file()] == []
    assert len(shelf.asked) == 1  # the same bytes would come again


def test_a_truncated_download_is_tried_three_times_then_refused(
    shelf: Shelf, tmp_path: Path
) -> None:
    """A cut connection is a passing fault; three of them are not."""
    shelf.put("é.csv", GOOD["é.csv"][:1000], announced=200_000)
    with pytest.raises(SourceError, match=r"tried 3 time"):
        fetch([source({"é.csv": GOOD["é.csv"]})])
    assert len(shelf.asked) == 3
    assert [place for place in (tmp_path / "cache").rglob("*") if place.is_file()] == []


def test_a_missing_page_is_asked_once(shelf: Shelf) -> None:
    """404 is an answer: asking again is rude and slow."""
    with pytest.raises(SourceError, match="404"):
        fetch([source({"é.csv": GOOD["é.csv"]})])
    assert len(shelf.asked) == 1


def test_a_server_in_trouble_is_asked_again(shelf: Shelf) -> None:
    """503 passes: the bounded retry is for it."""
    shelf.put("é.csv", b"", status=503)
    with pytest.raises(SourceError, match="503"):
        fetch([source({"é.csv": GOOD["é.csv"]})])
    assert len(shelf.asked) == 3


def test_a_file_larger_than_the_bound_is_stopped(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An announced size beyond the bound is refused before the disk fills."""
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 100_000)
    shelf.put("é.csv", GOOD["é.csv"])
    with pytest.raises(SourceError, match="exceeds 100000 bytes"):
        fetch([source({"é.csv": GOOD["é.csv"]})])


def test_a_changed_mirror_file_is_refused_and_left_alone(mirror: Path) -> None:
    """The mirror is not ours to delete from."""
    place = mirror / PREFIX / "é.csv"
    place.write_bytes(b"changed")
    with pytest.raises(SourceError, match="has sha256"):
        fetch([source(GOOD)])
    assert place.read_bytes() == b"changed"


def test_a_file_changed_after_its_verification_is_noticed(mirror: Path) -> None:
    """The stamp holds size and time of change, so an edit voids it."""
    fetch([source(GOOD)])
    (mirror / PREFIX / "é.csv").write_bytes(b"changed")
    with pytest.raises(SourceError):
        fetch([source(GOOD)])


def test_a_damaged_cached_file_is_downloaded_again(shelf: Shelf) -> None:
    """The cache is ours: it heals."""
    shelf.put("é.csv", GOOD["é.csv"])
    only = source({"é.csv": GOOD["é.csv"]})
    place = fetch([only])["meters", "é.csv"]
    place.write_bytes(b"rust")
    assert fetch([only])["meters", "é.csv"].read_bytes() == GOOD["é.csv"]


def test_offline_forbids_the_network_but_not_the_cache(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUNE_OFFLINE=1 promises that no socket is opened."""
    only = source({"é.csv": GOOD["é.csv"]})
    shelf.put("é.csv", GOOD["é.csv"])
    monkeypatch.setenv("AUNE_OFFLINE", "1")
    with pytest.raises(SourceError, match="forbids the network"):
        fetch([only])
    assert shelf.asked == []
    monkeypatch.delenv("AUNE_OFFLINE")
    fetch([only])
    monkeypatch.setenv("AUNE_OFFLINE", "1")
    assert fetch([only])["meters", "é.csv"].is_file()


def test_check_tells_present_missing_and_changed_and_hashes_anew(mirror: Path) -> None:
    """An edit that keeps size and time of change fools the stamp, not the check."""
    import os

    fetch([source(GOOD)])
    place = mirror / PREFIX / "é.csv"
    times = place.stat()
    place.write_bytes(b"y" * 200_000)
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    states = check([source({**GOOD, "none.csv": b""})])
    assert [state.state for state in states] == ["present", "changed", "missing"]
    assert states[1].found == digest(b"y" * 200_000)


def test_a_prepared_table_is_taken_beside_the_mirror_or_left_out(mirror: Path) -> None:
    """It has no public address; only asking for it by name makes its absence an error."""
    table = source({"sets/t.csv": b"1"}, name="tariffs", prepared_only=True)
    assert fetch([table]) == {}
    with pytest.raises(SourceError, match="no public address"):
        fetch([table], only=["tariffs"])
    place = mirror.parent / "data" / "sets" / "t.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1")
    assert fetch([table]) == {("tariffs", "sets/t.csv"): place}


@pytest.mark.parametrize(
    ("origin", "text"),
    [("ftp://host/x", "origin that begins with github:"), ("github:repo", "github:owner/repo@")],
)
def test_an_unknown_kind_of_origin_is_named(origin: str, text: str) -> None:
    """The reader of sources.toml sees which kinds there are."""
    with pytest.raises(SourceError, match=text):
        fetch([source(GOOD, origin=origin)])


def test_only_must_name_known_sources(mirror: Path) -> None:
    """A typo must not fetch nothing in silence."""
    with pytest.raises(UsageError, match="no source called gas"):
        fetch([source(GOOD)], only=["gas"])


def test_a_mirror_that_is_no_folder_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Falling back to the network without a word would break the promise of a mirror."""
    monkeypatch.setenv("AUNE_MIRROR", "/no/such/folder")
    with pytest.raises(UsageError, match="not a folder"):
        fetch([source(GOOD)])


def test_load_sources_reads_what_the_table_says(tmp_path: Path) -> None:
    """One table per source, files below it."""
    path = tmp_path / "sources.toml"
    path.write_text(
        '[m]\ntitle="t"\npublisher="p"\nlicence="l"\norigin="github:o/r@c"\nperiod="x"\n'
        f'personal_data="aucune"\n[m.files]\n"a.csv"="{digest(b"")}"\n'
    )
    (only,) = load_sources(path)
    assert (only.name, dict(only.files)) == ("m", {"a.csv": digest(b"")})


@pytest.mark.parametrize(
    "text",
    ["= 1", "m = 3", '[m]\ntitle="t"', '[m]\ncolour="red"',
     '[m]\ntitle="t"\npublisher="p"\nlicence="l"\norigin="o"\nperiod="x"\npersonal_data=""\n'
     f'[m.files]\n"../a"="{"0" * 64}"',
     '[m]\ntitle="t"\npublisher="p"\nlicence="l"\norigin="o"\nperiod="x"\npersonal_data=""\n'
     '[m.files]\n"a"="12"'],
    ids=["syntax", "no table", "field missing", "field unknown", "path leaves", "short digest"],
)  # fmt: skip
def test_a_faulty_list_of_sources_is_refused(tmp_path: Path, text: str) -> None:
    """A pin that is not one must stop at reading, not at fetching."""
    path = tmp_path / "sources.toml"
    path.write_text(text)
    with pytest.raises(UsageError):
        load_sources(path)


def test_the_cache_falls_back_to_the_project_where_the_home_is_read_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container often has no writable home."""
    blocked = tmp_path / "home"
    blocked.write_text("a file where the home should be")
    monkeypatch.delenv("AUNE_CACHE")
    monkeypatch.setenv("HOME", str(blocked))
    monkeypatch.chdir(tmp_path)
    assert cache_folder() == tmp_path / ".aune" / "cache"
