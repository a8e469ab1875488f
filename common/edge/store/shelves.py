"""The bundles that are installed on this machine, as a server reads them.

On disk, all of it plain files::

    <root>/lock                                           held while something is written
    <root>/trusted/<fingerprint>.pem                      public keys that may sign
    <root>/staging/                                       what is being written; swept
    <root>/installs.jsonl                                 one line for each switch
    <root>/versions/<usecase>/<task>/current.json         which version is in use
    <root>/versions/<usecase>/<task>/<X.Y.Z>/bundle.zip   the signed file, as it came

``current.json`` is the one thing that a switch changes, by one rename: before it the old
version is in use, after it the new one. Readers take no lock and need no right to write.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from common.edge.archive import Limits
from common.edge.bundle import Bundle
from common.edge.durable import explained
from common.edge.errors import AuneError, ChecksumError, StoreError, UsageError
from common.edge.signature import trusted_keys
from common.edge.store.installlog import InstallLog
from common.edge.store.receipt import Installed
from common.edge.store.shelf import Entry, Shelf

__all__ = ["Shelves", "store_root"]

_SYSTEM_ROOT = Path("/var/lib/aune")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.A)


def store_root() -> Path:
    """Return where this machine keeps its bundles.

    ``AUNE_STORE`` if set; else ``/var/lib/aune`` where that folder exists (the setup of the
    service makes it, so that whoever installs and whoever serves mean the same store); else
    the user's own ``$XDG_STATE_HOME/aune``, by default ``~/.local/state/aune`` (XDG Base
    Directory Specification 0.8). Never chosen by who may write: a store that is not ours to
    write is an error to see, not a reason to start another one.

    Raises
    ------
    StoreError
        None of them is set and the user has no home.
    """
    asked = os.environ.get("AUNE_STORE")
    if asked:
        return Path(asked)
    if _SYSTEM_ROOT.is_dir():
        return _SYSTEM_ROOT
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if state.is_absolute():
        return state / "aune"
    try:
        return Path.home() / ".local" / "state" / "aune"
    except RuntimeError as error:
        raise StoreError(
            "this user has no home folder", expected="a store", remedy="set AUNE_STORE to a folder"
        ) from error


@dataclass(frozen=True)
class Shelves:
    """The installed bundles; reading takes no lock and needs no right to write.

    Parameters
    ----------
    root
        The store's folder, see `store_root`.
    trusted
        Public keys in PEM that may sign, beside those in ``<root>/trusted/``. The key of an
        installed bundle is copied there, so that a server can verify at each start; whoever
        takes it out of there revokes it.
    limits
        Bounds of bundles and calls.
    """

    root: Path
    trusted: Iterable[Path] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))
        object.__setattr__(self, "trusted", tuple(map(Path, self.trusted)))

    def installed(self) -> tuple[Installed, ...]:
        """Return the tasks that have a version in use, sorted by name.

        Raises
        ------
        StoreError
            The store cannot be read, or a record is torn and the log cannot replace it.
        """
        with explained(self.root):
            folders = sorted(path for path in self._versions.glob("*/*") if path.is_dir())
        names = [(path.parent.name, path.name) for path in folders]
        return tuple(
            Installed(*name, shelf) for name in names if (shelf := self._shelf(*name)) is not None
        )

    def get(self, usecase: str, task: str) -> Installed:
        """Return one task's kept versions.

        Raises
        ------
        UsageError
            No version of it is installed.
        """
        shelf = self._shelf(usecase, task)
        if shelf is None:
            known = ", ".join(item.name for item in self.installed()) or "nothing yet"
            raise UsageError(
                f"{usecase}/{task} is not installed in {self.root}",
                expected=known,
                remedy="aune install its bundle first",
            )
        return Installed(usecase, task, shelf)

    def open(self, usecase: str, task: str, version: str | None = None) -> Bundle:
        """Open and verify the version in use, or another kept one.

        Raises
        ------
        UsageError
            It is not installed.
        IntegrityError
            The file is no longer what was installed, or its key no longer trusted.
        StoreError
            The file is gone, or cannot be read.
        """
        item = self.get(usecase, task)
        entry = item.shelf.current if version is None else item.shelf.find(version)
        if entry is None:
            raise UsageError(
                f"version {version} is not kept here", expected=", ".join(item.shelf.versions)
            )
        try:
            return self._opened(usecase, task, entry)
        except AuneError:
            # Two switches since the record was read, and the version is no longer kept.
            if self._shelf(usecase, task) in (item.shelf, None):
                raise
        return self.open(usecase, task, version)

    def keys(self) -> tuple[Path, ...]:
        """Return the public keys that may sign."""
        with explained(self.root):
            return (*self.trusted, *trusted_keys(self._trusted))

    def _read(self, usecase: str, task: str) -> Shelf | None:
        """Return the shelf; from the log where its file is torn; None where neither is there."""
        if not _are_names(usecase, task):
            return None
        folder = self._folder(usecase, task)
        with explained(self.root):
            if not folder.is_dir():
                return None
            with suppress(FileNotFoundError):
                shelf = Shelf.from_json((folder / "current.json").read_bytes())
                if shelf is not None:
                    return shelf
            logged = self._log.last(usecase, task)
            if logged is None or not self._file(usecase, task, logged.current.version).is_file():
                return None
            return logged

    def _shelf(self, usecase: str, task: str) -> Shelf | None:
        shelf = self._read(usecase, task)
        if shelf is None and self._is_torn(usecase, task):
            raise StoreError(
                f"{self._folder(usecase, task) / 'current.json'} is torn, and so is the log",
                expected="the JSON that aune install writes",
                remedy="install the bundle of the version you want again",
            )
        return shelf

    def _is_torn(self, usecase: str, task: str) -> bool:
        """Say whether there is a record although it cannot be read."""
        return (
            _are_names(usecase, task)
            and (self._folder(usecase, task) / "current.json").exists()
            and self._read(usecase, task) is None
        )

    def _opened(self, usecase: str, task: str, entry: Entry) -> Bundle:
        path = self._file(usecase, task, entry.version)
        with explained(self.root):
            if not path.is_file():
                raise StoreError(
                    f"{path} is gone",
                    expected=f"the bundle {usecase}/{task} {entry.version}",
                    remedy="aune rollback, or install the bundle again",
                )
            opened = Bundle.open(path, self.keys(), limits=self.limits)
        if opened.digest != entry.digest:
            raise ChecksumError(
                f"{path} has digest {opened.digest}",
                expected=f"{entry.digest}, as it was installed",
                remedy="aune rollback, or install the bundle again; find out who changed the file",
            )
        return opened

    @property
    def _versions(self) -> Path:
        return self.root / "versions"

    @property
    def _trusted(self) -> Path:
        return self.root / "trusted"

    @property
    def _log(self) -> InstallLog:
        return InstallLog(self.root / "installs.jsonl")

    def _folder(self, usecase: str, task: str) -> Path:
        return self._versions / usecase / task

    def _file(self, usecase: str, task: str, version: str) -> Path:
        return self._folder(usecase, task) / version / "bundle.zip"


def _are_names(usecase: str, task: str) -> bool:
    return bool(_SLUG.fullmatch(usecase) and _SLUG.fullmatch(task))
