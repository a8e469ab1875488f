"""The versions of one task that a store keeps, newest first, and which of them is in use."""

import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from common.edge.errors import ManifestError, StoreError, UsageError
from common.edge.manifest import version_tuple

__all__ = ["KEPT_PREVIOUS", "LAYOUT", "Entry", "Shelf"]

LAYOUT = 1
"""Number of the layout on disk; a store of another number is refused."""
KEPT_PREVIOUS = 2
"""Versions kept beside the one in use (issue 7, ``briefs/platform.md`` 2.2)."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.A)


@dataclass(frozen=True)
class Entry:
    """One kept version.

    Parameters
    ----------
    version
        ``X.Y.Z``.
    digest
        sha256 of its SHA256SUMS, 64 hexadecimal digits.
    signer
        Fingerprint of the key that signed it.
    installed
        When it was installed; ISO 8601, UTC.
    simulated
        True where the model learnt from simulated data.
    """

    version: str
    digest: str
    signer: str
    installed: str
    simulated: bool

    def __post_init__(self) -> None:
        texts = (self.version, self.digest, self.signer, self.installed)
        if not all(type(text) is str for text in texts) or type(self.simulated) is not bool:
            raise StoreError(f"entry {self!r}", expected="four texts and a truth value")
        version_tuple(self.version)
        if not _DIGEST.fullmatch(self.digest):
            raise StoreError(f"digest {self.digest!r}", expected="64 hexadecimal digits")


@dataclass(frozen=True)
class Shelf:
    """The kept versions of a task; what is before ``place`` was rolled back from.

    Parameters
    ----------
    entries
        Newest install first, each version once, one to three of them.
    place
        Index of the version in use, 0 to ``len(entries) - 1``.
    """

    entries: tuple[Entry, ...]
    place: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.entries) <= KEPT_PREVIOUS + 1:
            raise StoreError(f"{len(self.entries)} versions", expected=f"1 to {KEPT_PREVIOUS + 1}")
        if type(self.place) is not int or not 0 <= self.place < len(self.entries):
            raise StoreError(f"place {self.place!r}", expected=f"0 to {len(self.entries) - 1}")
        if len(set(self.versions)) < len(self.entries):
            raise StoreError(f"versions {self.versions}", expected="each version once")

    @property
    def current(self) -> Entry:
        """The version in use."""
        return self.entries[self.place]

    @property
    def previous(self) -> tuple[Entry, ...]:
        """What `back` can go to, the latest first."""
        return self.entries[self.place + 1 :]

    @property
    def withdrawn(self) -> tuple[Entry, ...]:
        """What was rolled back from; kept until the next install."""
        return self.entries[: self.place]

    @property
    def versions(self) -> tuple[str, ...]:
        """Every kept version, newest install first."""
        return tuple(entry.version for entry in self.entries)

    def find(self, version: str) -> Entry | None:
        """Return the entry of a version, None where it is not kept."""
        return next((entry for entry in self.entries if entry.version == version), None)

    def install(self, entry: Entry) -> "Shelf":
        """Put a version into use; it keeps its date where it already was in use.

        >>> one, two, four = (
        ...     Entry(version, 64 * "0", "", "", False) for version in ("1.0.0", "2.0.0", "4.0.0")
        ... )
        >>> Shelf((two, one), place=0).install(four).versions
        ('4.0.0', '2.0.0', '1.0.0')
        >>> Shelf((two, one), place=1).install(four).versions  # 2.0.0 had been withdrawn
        ('4.0.0', '1.0.0')
        """
        if (entry.version, entry.digest) == (self.current.version, self.current.digest):
            return self
        others = (self.current, *self.previous)
        kept = tuple(other for other in others if other.version != entry.version)
        return Shelf((entry, *kept)[: KEPT_PREVIOUS + 1])

    def back(self, version: str | None = None) -> "Shelf":
        """Go back to the version before, or to any kept one by its number.

        Raises
        ------
        UsageError
            There is no earlier version, or that version is not kept.
        """
        if version is None and not self.previous:
            raise UsageError(
                f"{self.current.version} has no earlier version",
                expected="a version installed before it",
                remedy="install the bundle you want, with --allow-downgrade if it is older",
            )
        wanted = self.previous[0].version if version is None else version
        if wanted not in self.versions:
            raise UsageError(
                f"version {wanted} is not kept here",
                expected=", ".join(self.versions),
                remedy="install its bundle, with --allow-downgrade if it is older",
            )
        return replace(self, place=self.versions.index(wanted))

    def to_object(self) -> dict[str, Any]:
        """Return what ``current.json`` holds."""
        return {"layout": LAYOUT, "place": self.place, "entries": [asdict(e) for e in self.entries]}

    @classmethod
    def from_json(cls, text: bytes) -> "Shelf | None":
        """Read ``current.json``; None where it is torn.

        Raises
        ------
        StoreError
            It is of another layout.
        """
        try:
            return cls.from_object(json.loads(text))
        except (ValueError, RecursionError):
            return None

    @classmethod
    def from_object(cls, raw: Any) -> "Shelf | None":
        """Read what `to_object` returned; None where a key or a value is off.

        Raises
        ------
        StoreError
            It is of another layout.
        """
        layout = raw.get("layout") if isinstance(raw, dict) else None
        if type(layout) is int and layout != LAYOUT:
            raise StoreError(
                f"a store of layout {layout}",
                expected=f"layout {LAYOUT}",
                remedy="use the version of Aune that wrote it, or set AUNE_STORE to a new folder",
            )
        try:
            return cls(tuple(Entry(**item) for item in raw["entries"]), raw["place"])
        except (TypeError, KeyError, StoreError, ManifestError):
            return None
