"""API keys: made once, kept as hashes, compared in constant time."""

import hashlib
import hmac
import json
import logging
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from common.edge.durable import explained, move_file, write_file
from common.edge.errors import AuneError, UsageError

__all__ = ["ROLES", "ApiKey", "KeyFile", "KeyRing", "Role"]

_LOG = logging.getLogger("aune.serving")

Role = Literal["predict", "admin"]
ROLES: tuple[Role, ...] = ("predict", "admin")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.A)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.A)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret.

    Parameters
    ----------
    name
        Of the program or desk that holds it; never a person's.
    role
        ``predict`` asks models; ``admin`` also reads metrics.
    sha256
        Of the secret. A plain hash is enough: the secret is 32 random bytes, which nobody
        can go through, unlike a password (NIST SP 800-63B 5.1.4.2 asks for a slow hash
        below 112 bits only).
    created
        ISO 8601, UTC.
    """

    name: str
    role: Role
    sha256: str
    created: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"key name {self.name!r}", expected="1 to 32 of a-z, 0-9, _ and -")
        if self.role not in ROLES:
            raise UsageError(f"role {self.role!r}", expected=" or ".join(ROLES))
        if not _DIGEST.fullmatch(self.sha256):
            raise UsageError(f"sha256 {self.sha256!r}", expected="64 hexadecimal digits")


@dataclass(frozen=True)
class KeyRing:
    """The keys of a server.

    Examples
    --------
    >>> ring, secret = KeyRing().issued("accueil", "predict")
    >>> ring.find(secret).name, ring.find("aune_other")
    ('accueil', None)
    """

    keys: tuple[ApiKey, ...] = ()

    def issued(self, name: str, role: Role) -> "tuple[KeyRing, str]":
        """Return the ring with one more key, and its secret, which is kept nowhere.

        Raises
        ------
        UsageError
            The name is taken or not legal.
        """
        if any(key.name == name for key in self.keys):
            raise UsageError(f"key {name} exists", expected="another name", remedy="revoke it")
        secret = f"aune_{secrets.token_urlsafe(32)}"
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return KeyRing((*self.keys, ApiKey(name, role, _hash(secret), created))), secret

    def revoked(self, name: str) -> "KeyRing":
        """Return the ring without a key.

        Raises
        ------
        UsageError
            There is no key of that name.
        """
        kept = tuple(key for key in self.keys if key.name != name)
        if len(kept) == len(self.keys):
            known = ", ".join(key.name for key in self.keys) or "none yet"
            raise UsageError(f"no key {name!r}", expected=f"one of {known}")
        return KeyRing(kept)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key of a secret; every key is compared, so that time tells nothing."""
        digest, found = _hash(secret), None
        for key in self.keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def save(self, path: Path) -> None:
        """Write the ring, readable by its owner alone.

        Raises
        ------
        StoreError
            The place cannot be written.
        """
        text = json.dumps([asdict(key) for key in self.keys], indent=1) + "\n"
        with explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f"{path.name}.new")
            aside.unlink(missing_ok=True)
            aside.touch(mode=0o600)
            write_file(aside, text.encode())
            move_file(aside, path)

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read a ring; an absent file is an empty one.

        Raises
        ------
        UsageError
            The file is not what `save` writes.
        """
        with explained(path.parent):
            if not path.exists():
                return cls()
            text = path.read_bytes()
        try:
            return cls(tuple(ApiKey(**item) for item in json.loads(text)))
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"{path}: {error}", expected="the keys that aune key writes"
            ) from error


class KeyFile:
    """A ring that follows its file: a key that is taken away stops to open at the next look.

    Parameters
    ----------
    path
        Of the file.

    Attributes
    ----------
    ring
        The keys as they were last read.

    Raises
    ------
    UsageError
        The file cannot be read when the server starts; later the former keys stay.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._state()
        self.ring = KeyRing.load(path)

    def look(self) -> KeyRing:
        """Return the keys, read again where the file changed.

        A file that is gone is an empty ring: nobody is let in rather than everybody.
        """
        state = self._state()
        if state != self._seen:
            try:
                self.ring = KeyRing.load(self.path)
            except AuneError as error:
                _LOG.warning("the former keys stay in use: %s", error.found)
            self._seen = state
        return self.ring

    def _state(self) -> tuple[int, int, int] | None:
        """Return what changes whenever `KeyRing.save` puts another file in its place."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
