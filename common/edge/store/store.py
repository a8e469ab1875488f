"""Installed bundles: verify, compare, switch atomically, roll back; a kill leaves one that works.

The layout on disk is that of `common.edge.store.shelves`.
"""

import errno
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from common.edge.archive import Limits, read_files
from common.edge.bundle import Bundle
from common.edge.durable import (
    copy_file,
    empty_folder,
    exclusive,
    explained,
    make_folder,
    move_file,
    remove_folder,
    sync_folder,
    write_file,
)
from common.edge.errors import (
    AuneError,
    ManifestError,
    SignatureError,
    UsageError,
    VersionError,
)
from common.edge.inputfile import read_inputs
from common.edge.manifest import SCHEMA, Manifest, version_tuple
from common.edge.signature import fingerprint, load_public_key
from common.edge.store.receipt import Choices, Installed, Receipt
from common.edge.store.shadow import Shadow, shadow_run
from common.edge.store.shelf import Entry, Shelf
from common.edge.store.shelves import Shelves

__all__ = ["STEPS", "Store"]

STEPS = (
    *("locked", "swept", "copied", "verified", "compared", "trusted"),
    *("placed", "drafted", "switched", "logged", "collected"),
)
"""What an install goes through, in order; a rollback leaves some out."""

_SPARE_BYTES = 2**20


def _silent(_step: str) -> None:
    """Watch no step."""


@dataclass(frozen=True)
class Store(Shelves):
    """Shelves that can be written to, by one process at a time.

    Parameters
    ----------
    root, trusted, limits
        As in `Shelves`.
    lock_seconds
        How long to wait for another install.
    steps
        Called with the name of each of `STEPS` once it is done.
    """

    lock_seconds: float = 30.0
    steps: Callable[[str], None] = field(default=_silent, compare=False)

    def install(self, bundle: Path | str, choices: Choices | None = None) -> Receipt:
        """Verify a bundle, compare it with the current version if asked, and put it into use.

        What is verified is the store's own copy, so nobody can change it in between. Whatever
        is raised before the switch leaves the current version in use.

        Parameters
        ----------
        bundle
            The zip.
        choices
            What is done only on demand.

        Raises
        ------
        UsageError
            There is no such file; `VersionError` for an older version or schema without the
            choice, or a version number that is kept with another content.
        TableError
            The recent inputs are refused.
        IntegrityError
            The bundle is refused, as in `Bundle.open`.
        ThresholdError
            The shadow run found a larger gap than was allowed.
        StoreError
            Disk full, no right to write, another install running.
        """
        bundle, choices = Path(bundle), choices or Choices()
        if not bundle.is_file():
            raise UsageError(f"no bundle at {bundle}", expected="the zip that was published")
        with self._writing() as staging:
            staged = self._copied(bundle, staging)
            new = self._verified(staged)
            name = new.manifest.usecase, new.manifest.task
            before = self._settled(*name)
            _check_schema(staged, self.limits, choices)
            _check_version(new, before, choices)
            self.steps("verified")
            shadow = self._compared(new, before, choices)
            key_added = self._keep_key(new.signer, staging)
            self._place(staged, new.manifest)
            entry = Entry(
                new.manifest.version, new.digest, new.signer, _now(), new.manifest.simulated
            )
            after = before.install(entry) if before else Shelf((entry,))
            replaced = before.current.version if before else ""
            item = Installed(*name, after)
            return self._switched(
                "install", Receipt(item, replaced, new.manifest.golden_rows, shadow, key_added)
            )

    def rollback(self, usecase: str, task: str, version: str | None = None) -> Receipt:
        """Put the version before into use again, or any kept one, once it is verified.

        Raises
        ------
        UsageError
            Nothing is installed, there is no earlier version, or it is not kept.
        IntegrityError
            That version is no longer what was installed; the current one stays in use.
        StoreError
            As in `install`.
        """
        self.get(usecase, task)
        with self._writing():
            self._settled(usecase, task)
            before = self.get(usecase, task).shelf
            after = before.back(version)
            opened = self._opened(usecase, task, after.current)
            self.steps("verified")
            item = Installed(usecase, task, after)
            receipt = Receipt(item, before.current.version, opened.manifest.golden_rows)
            return self._switched("rollback", receipt)

    def gc(self) -> tuple[str, ...]:
        """Remove what an interrupted install left, and versions that are no longer kept.

        Where a task's record and its log are lost, its versions stay for somebody to look at.

        Returns
        -------
        tuple
            ``usecase/task X.Y.Z`` of each removed version.
        """
        with self._writing():
            folders = sorted(path for path in self._versions.glob("*/*") if path.is_dir())
            names = [(path.parent.name, path.name) for path in folders]
            kept = [Installed(*name, shelf) for name in names if (shelf := self._read(*name))]
            return tuple(
                f"{item.name} {version}" for item in kept for version in self._collected(item)
            )

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """Hold the lock and give an empty staging folder; what a kill left there is swept."""
        staging = self.root / "staging"
        with explained(self.root):
            make_folder(self.root)
            with exclusive(self.root / "lock", self.lock_seconds):
                self.steps("locked")
                empty_folder(staging)
                self.steps("swept")
                try:
                    yield staging
                finally:
                    with suppress(OSError):
                        empty_folder(staging)

    def _settled(self, usecase: str, task: str) -> Shelf | None:
        """Return the shelf, once the log has the switch that a kill kept from it."""
        shelf = self._read(usecase, task)
        if shelf is not None and self._log.last(usecase, task) != shelf:
            self._log.append("found", Installed(usecase, task, shelf))
        return shelf

    def _copied(self, bundle: Path, staging: Path) -> Path:
        needed = bundle.stat().st_size + _SPARE_BYTES
        if shutil.disk_usage(self.root).free < needed:
            raise OSError(errno.ENOSPC, f"less than {needed} bytes free", str(self.root))
        staged = staging / "bundle.zip"
        copy_file(bundle, staged, limit_bytes=self.limits.total_bytes)
        self.steps("copied")
        return staged

    def _verified(self, staged: Path) -> Bundle:
        try:
            return Bundle.open(staged, self.keys(), limits=self.limits)
        except SignatureError as error:
            raise SignatureError(
                error.found,
                expected=error.expected,
                remedy="compare the fingerprint with the publisher's printed one, then install "
                "with --key KEY.pub.pem; if that key is trusted already, the bundle was altered",
            ) from error

    def _compared(self, new: Bundle, before: Shelf | None, choices: Choices) -> Shadow | None:
        shadow = None
        if choices.recent is not None:
            inputs = read_inputs(choices.recent, new.manifest.inputs, self.limits)
            current, why_not = None, ""
            if before is not None:
                try:
                    current = self._opened(new.manifest.usecase, new.manifest.task, before.current)
                except AuneError as error:  # installing is how a broken version is mended
                    why_not = f"{before.current.version} cannot be opened: {error.found}"
            shadow = shadow_run(current, new, inputs)
            shadow = replace(shadow, why_not=why_not) if why_not else shadow
            if before is not None:
                choices.check(shadow)
        self.steps("compared")
        return shadow

    def _keep_key(self, signer: str, staging: Path) -> bool:
        """Copy the signer's public key into the store, where the server looks for it."""
        known = {fingerprint(load_public_key(path)): path for path in self.keys()}
        path = known[signer]
        is_new = path.parent != self._trusted
        if is_new:
            target = self._trusted / f"{signer.replace(':', '').lower()}.pem"
            make_folder(self._trusted)
            write_file(staging / target.name, path.read_bytes())
            move_file(staging / target.name, target)
        self.steps("trusted")
        return is_new

    def _place(self, staged: Path, manifest: Manifest) -> None:
        target = self._file(manifest.usecase, manifest.task, manifest.version)
        make_folder(target.parent)
        move_file(staged, target)
        self.steps("placed")

    def _switched(self, event: str, receipt: Receipt) -> Receipt:
        """Put the receipt's shelf into force; from the rename on, only warnings."""
        item = receipt.installed
        draft = self.root / "staging" / "current.json"
        write_file(draft, (json.dumps(item.shelf.to_object(), indent=1) + "\n").encode())
        self.steps("drafted")
        folder = self._folder(item.usecase, item.task)
        draft.replace(folder / "current.json")
        self.steps("switched")
        removed: tuple[str, ...] = ()
        warnings: list[str] = []
        try:
            sync_folder(folder)
        except OSError as error:
            warnings.append(f"the switch may not survive a power cut: {error}")
        try:
            self._log.append(event, item, replaced=receipt.replaced, shadow=receipt.shadow)
        except OSError as error:
            warnings.append(f"the switch is not in installs.jsonl yet: {error}")
        self.steps("logged")
        try:
            removed = self._collected(item)
        except OSError as error:
            warnings.append(f"an older version could not be removed: {error}")
        self.steps("collected")
        return replace(receipt, removed=removed, warnings=tuple(warnings))

    def _collected(self, item: Installed) -> tuple[str, ...]:
        """Remove the versions that the shelf does not name; other folders are not ours."""
        folder = self._folder(item.usecase, item.task)
        unkept = sorted(
            path.name
            for path in folder.iterdir()
            if path.is_dir() and path.name not in item.shelf.versions and _is_version(path.name)
        )
        for version in unkept:
            remove_folder(folder / version)
        return tuple(unkept)


def _check_schema(path: Path, limits: Limits, choices: Choices) -> None:
    schema = json.loads(read_files(path, limits)["manifest.json"])["schema"]
    if schema < SCHEMA and not choices.allow_old_schema:
        raise VersionError(
            f"a bundle of schema {schema}",
            expected=f"schema {SCHEMA}, which this Aune writes",
            remedy="ask for the bundle of the current version; or choose --allow-old-schema, "
            "knowing that it was checked by the rules of its time",
        )


def _check_version(new: Bundle, before: Shelf | None, choices: Choices) -> None:
    if before is None:
        return
    version, current = new.manifest.version, before.current.version
    same = before.find(version)
    if same is not None and same.digest != new.digest:
        raise VersionError(
            f"version {version} with other content than the one that is kept here",
            expected=f"digest {same.digest}, found {new.digest}",
            remedy="ask the publisher which is right: a changed bundle needs a new version",
        )
    if version_tuple(version) < version_tuple(current) and not choices.allow_downgrade:
        raise VersionError(
            f"version {version} is older than {current}, which is in use",
            expected=f"a version above {current}",
            remedy="aune rollback goes back to the version before; or choose --allow-downgrade",
        )


def _is_version(name: str) -> bool:
    try:
        version_tuple(name)
    except ManifestError:
        return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
