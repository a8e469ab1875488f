"""Fetch public files that are pinned by commit and sha256, and check those at hand."""

import os
import sys
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import quote

from common.edge.errors import SourceError, UsageError
from common.lab import npm
from common.lab.stamps import Stamps, sha256_of
from common.lab.usecase import Source

__all__ = ["FileState", "cache_folder", "check", "fetch", "load_sources"]

GITHUB_RAW = "https://raw.githubusercontent.com"
TIMEOUT_SECONDS = (10.0, 60.0)
"""Time to connect, and longest silence while reading."""
ATTEMPTS = 3
MAX_FILE_BYTES = 512 * 2**20
CHUNK_BYTES = 2**16
STAMPS = "verified.json"

Key = tuple[str, str]
State = Literal["present", "missing", "changed"]


@dataclass(frozen=True)
class FileState:
    """What is at hand of one pinned file.

    Parameters
    ----------
    source, path
        Name of the source and path below its origin.
    state
        ``present`` (bytes are the pinned ones), ``missing`` or ``changed``.
    location
        Where it was looked at; None where it is missing.
    found
        sha256 of the bytes met, empty where it is missing.
    """

    source: str
    path: str
    state: State
    location: Path | None = None
    found: str = ""


@dataclass(frozen=True)
class _Wanted:
    """One file to have: its pin, its place in a mirror and its public address."""

    source: str
    path: str
    sha256: str
    relative: str
    url: str
    prepared: bool

    @property
    def key(self) -> Key:
        return self.source, self.path


def load_sources(path: Path) -> tuple[Source, ...]:
    """Read a use case's ``sources.toml``: one table per source, its files below it.

    Parameters
    ----------
    path
        TOML file; each top-level table holds the fields of `Source` but its name, and
        ``files`` as a table from path to sha256.

    Raises
    ------
    UsageError
        If the file is not TOML, lacks a field, has an unknown one, or if a path leaves
        its origin.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}", expected="a readable TOML file") from error
    return tuple(_source(path, name, table) for name, table in raw.items())


def cache_folder() -> Path:
    """Return the writable cache folder, made if needed.

    ``AUNE_CACHE`` if set, else ``~/.cache/aune``, else ``.aune/cache`` below the current
    folder where the home is read-only.
    """
    asked = os.environ.get("AUNE_CACHE")
    candidates = [Path(asked)] if asked else [_home_cache(), Path(".aune") / "cache"]
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder.resolve()
    raise UsageError(
        f"no writable cache folder among {[str(folder) for folder in candidates]}",
        expected="a folder that this user may write",
        remedy="set AUNE_CACHE to such a folder",
    )


def fetch(
    sources: Iterable[Source],
    *,
    only: Collection[str] | None = None,
    progress: bool = True,
    workers: int = 4,
) -> dict[Key, Path]:
    """Bring every file of ``sources`` to this machine and verify it.

    A file of a mirror folder (``AUNE_MIRROR``) is used in place. Otherwise it is taken
    from the cache, or downloaded there from the mirror's address or from the public one.
    Files verified earlier and unchanged since (size and time of change) are not hashed
    again; `check` always does.

    Parameters
    ----------
    sources
        What to fetch; prepared-only sources are left out unless named in ``only`` or at
        hand.
    only
        Names of the sources wanted; None for all.
    progress
        Show a progress bar, on a terminal only.
    workers
        Simultaneous files.

    Returns
    -------
    dict
        (source name, path) to the verified file.

    Raises
    ------
    UsageError
        If ``only`` names an unknown source or ``AUNE_MIRROR`` is not usable.
    SourceError
        If a file cannot be had or is not the pinned one.
    """
    chosen = _chosen(tuple(sources), only)
    wanted = [item for source in chosen for item in _wanted(source)]
    if only is None:
        wanted = [item for item in wanted if not item.prepared or _at_hand(item)]
    stamps = Stamps.read(cache_folder() / STAMPS)
    with ThreadPoolExecutor(max_workers=workers) as pool, _bar(len(wanted), progress) as step:
        futures = {pool.submit(_obtain, item, stamps): item.key for item in wanted}
        try:
            found = {}
            for future in as_completed(futures):
                found[futures[future]] = future.result()
                step()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            stamps.write()
    return {item.key: found[item.key] for item in wanted}


def check(sources: Iterable[Source], *, workers: int = 4) -> list[FileState]:
    """Hash again every file at hand, without any network, and say what it is.

    Returns
    -------
    list of FileState
        In the order of the sources and of their files.
    """
    wanted = [item for source in sources for item in _wanted(source)]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(_state, wanted))


def _source(path: Path, name: str, table: Any) -> Source:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: {name} = {table!r}", expected=f"a table [{name}]")
    try:
        source = Source(name=name, **table)
    except (TypeError, AttributeError) as error:
        raise UsageError(
            f"{path}: table [{name}]: {error}",
            expected="the fields of common.lab.usecase.Source, and no other",
        ) from error
    for file in source.files:
        parts = PurePosixPath(file).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in file or ":" in parts[0]:
            raise UsageError(
                f"{path}: table [{name}]: path {file!r}", expected="a path below the origin"
            )
    return source


def _home_cache() -> Path:
    try:
        return Path.home() / ".cache" / "aune"
    except RuntimeError:
        return Path(".aune") / "cache"


def _chosen(sources: tuple[Source, ...], only: Collection[str] | None) -> list[Source]:
    names = [source.name for source in sources]
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise UsageError(
            f"no source called {', '.join(unknown)}", expected="among " + ", ".join(names)
        )
    return [source for source in sources if only is None or source.name in only]


def _wanted(source: Source) -> list[_Wanted]:
    kind, _, rest = source.origin.partition(":")
    if source.prepared_only:
        place: Callable[[str, str], tuple[str, str]] = _prepared
    elif kind in _PLACES:
        place = _PLACES[kind]
    else:
        raise SourceError(
            f"source {source.name}: origin {source.origin!r}",
            expected="an origin that begins with " + ", ".join(f"{key}:" for key in _PLACES),
            remedy="correct sources.toml, or add the kind of origin to common/lab/sources.py",
        )
    return [
        _Wanted(source.name, path, digest, *place(rest, path), source.prepared_only)
        for path, digest in source.files.items()
    ]


def _github(rest: str, path: str) -> tuple[str, str]:
    """Return (place in a mirror, public address) of a file of a repository."""
    repository, _, commit = rest.partition("@")
    if repository.count("/") != 1 or not commit:
        raise SourceError(f"origin github:{rest}", expected="github:owner/repo@commit")
    relative = f"{repository}/{commit}/{path}"
    base = _mirror_url() or GITHUB_RAW
    return relative, f"{base}/{quote(relative)}"


def _prepared(_rest: str, path: str) -> tuple[str, str]:
    """Return the place of a prepared table, which has no public address."""
    return path, ""


_PLACES: dict[str, Callable[[str, str], tuple[str, str]]] = {"github": _github, "npm": npm.place}


def _mirror_url() -> str | None:
    mirror = os.environ.get("AUNE_MIRROR", "")
    return mirror.rstrip("/") if mirror.startswith(("http://", "https://")) else None


def _mirror_folder() -> Path | None:
    mirror = os.environ.get("AUNE_MIRROR", "")
    if not mirror or _mirror_url():
        return None
    folder = Path(mirror)
    if not folder.is_dir():
        raise UsageError(
            f"AUNE_MIRROR is {mirror!r}, which is not a folder",
            expected="a folder or an http(s) address laid out <owner>/<repo>/<commit>/<path>",
            remedy="correct AUNE_MIRROR, or unset it to use the public addresses",
        )
    return folder


def _at_hand(item: _Wanted) -> Path | None:
    """Return where the file lies on this machine: mirror folder first, then cache."""
    mirror = _mirror_folder()
    below = "prepared" if item.prepared else "files"
    places = [cache_folder() / below / item.relative]
    if mirror is not None:
        beside = mirror.parent / "data" if item.prepared else mirror
        places.insert(0, beside / item.relative)
    return next((place for place in places if place.is_file()), None)


def _obtain(item: _Wanted, stamps: Stamps) -> Path:
    place = _at_hand(item)
    cache = cache_folder() / "files"
    if place is not None:
        if stamps.holds(place, item.sha256):
            return place
        found = sha256_of(place)
        if found == item.sha256:
            stamps.add(place, found)
            return place
        if item.prepared or not place.is_relative_to(cache):
            raise _changed(item, str(place), found)
        place.unlink()
    target = _packed(item, cache) if item.url.startswith(npm.ORIGIN) else _download(item, cache)
    stamps.add(target, item.sha256)
    return target


def _state(item: _Wanted) -> FileState:
    place = _at_hand(item)
    if place is None:
        return FileState(*item.key, state="missing")
    found = sha256_of(place)
    state: State = "present" if found == item.sha256 else "changed"
    return FileState(*item.key, state=state, location=place, found=found)


def _download(item: _Wanted, folder: Path) -> Path:
    """Download to a temporary name, verify, move: pooch does the moving."""
    import pooch

    _refuse_without_network(item)
    pooch.get_logger().setLevel("WARNING")
    registry = pooch.create(
        path=folder,
        base_url="",
        registry={item.relative: f"sha256:{item.sha256}"},
        urls={item.relative: item.url},
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return Path(registry.fetch(item.relative, downloader=_Downloader(item)))
        except OSError as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            passing = status is None or status == 429 or status >= 500
            if attempt == ATTEMPTS or not passing:
                raise _unreachable(item, error, attempt) from error
            time.sleep(0.2 * 4**attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _packed(item: _Wanted, folder: Path) -> Path:
    """Have the npm client fetch the file; a mirror folder need not hold packages."""
    _refuse_offline(item)
    target = npm.pack(item.url, folder / item.relative, max_bytes=MAX_FILE_BYTES)
    if (found := sha256_of(target)) != item.sha256:
        target.unlink()
        raise _changed(item, item.url, found)
    return target


def _refuse_without_network(item: _Wanted) -> None:
    if item.prepared:
        raise SourceError(
            f"{item.source}: the prepared table {item.path} is not at hand",
            expected="the file in the folder `data` beside the mirror, or in the cache's "
            "`prepared` folder; it has no public address",
            remedy="copy it there; nothing else needs it",
        )
    mirror = _mirror_folder()
    if mirror is not None:
        raise SourceError(
            f"{item.source}: {item.path} is missing from the mirror",
            expected=f"{mirror / item.relative}",
            remedy="complete the mirror, or unset AUNE_MIRROR to download the file",
        )
    _refuse_offline(item)


def _refuse_offline(item: _Wanted) -> None:
    if os.environ.get("AUNE_OFFLINE") == "1":
        raise SourceError(
            f"{item.source}: {item.path} is not in the cache and AUNE_OFFLINE=1 forbids the "
            "network",
            expected="the file in the cache, or a mirror folder",
            remedy="set AUNE_MIRROR to a folder, unset AUNE_OFFLINE, or use simulated data",
        )


class _Downloader:
    """Downloader for pooch that bounds time and size and names the digest it met.

    pooch's own leaves the connection of a failed answer open and has no bound on size.
    """

    def __init__(self, item: _Wanted) -> None:
        self._item = item

    def __call__(self, url: str, output_file: str, _registry: object) -> None:
        import requests

        target = Path(output_file)
        with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            answer.raise_for_status()
            self._bound(int(answer.headers.get("content-length", 0)))
            with target.open("wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    file.write(chunk)
                    self._bound(file.tell())
        found = sha256_of(target)
        if found != self._item.sha256:
            raise _changed(self._item, url, found)

    def _bound(self, n_bytes: int) -> None:
        if n_bytes > MAX_FILE_BYTES:
            raise SourceError(
                f"{self._item.source}: {self._item.path} exceeds {MAX_FILE_BYTES} bytes",
                expected="a file of the size that was pinned",
                remedy="check the mirror's address; the download was deleted",
            )


def _changed(item: _Wanted, place: str, found: str) -> SourceError:
    return SourceError(
        f"{item.source}: {item.path} at {place} has sha256 {found}",
        expected=f"sha256 {item.sha256}",
        remedy="it is not the pinned file (changed, truncated or damaged): a download was "
        "deleted, a mirror is left as it is; take another mirror or repair this one",
    )


def _unreachable(item: _Wanted, error: Exception, attempts: int) -> SourceError:
    return SourceError(
        f"{item.source}: {item.path} could not be downloaded ({error})",
        expected=f"{item.url} to answer with the file; tried {attempts} time(s)",
        remedy="check the network or the mirror and start again (finished files are kept), "
        "set AUNE_MIRROR to a folder, or use simulated data",
    )


def _bar(n_files: int, progress: bool) -> AbstractContextManager[Callable[[], None]]:  # noqa: FBT001 - passed on
    if not progress or not sys.stderr.isatty():
        return nullcontext(lambda: None)
    return _RichBar(n_files)


class _RichBar:
    """A progress bar on the terminal's error stream, one step per file."""

    def __init__(self, n_files: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("Données publiques", total=n_files)

    def __enter__(self) -> Callable[[], None]:
        self._progress.start()
        return lambda: self._progress.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
