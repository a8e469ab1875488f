"""Keep labels shut: a key file of mode 0600, whole or in two shares, and AES-256-GCM.

The key is 32 random bytes. Two keys are derived from it by HMAC-SHA-256 over a fixed text (the
"expand" step of RFC 5869 with one block): one encrypts, the other salts the commitment. So the
salts can be published without giving away the key.
"""

import hmac
import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.edge.errors import IntegrityError, UsageError

__all__ = [
    "MAX_SEALED_BYTES",
    "Vault",
    "read_bounded",
    "read_key",
    "read_salt_secret",
    "write_key",
]

KEY_BYTES = 32
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits; one encryption per key, so it never repeats
MAX_SEALED_BYTES = 2**31 - 1  # the limit of `cryptography`'s AESGCM
_MAGIC = b"AUNE-SEALED-1\n"
_KEY_FILE = re.compile(rb"aune-seal-key-1 (whole|share-1|share-2) ([0-9a-f]{64})\n")
_MAX_KEY_FILE_BYTES = 200


@dataclass(frozen=True)
class Vault:
    """The keys of one pack.

    Parameters
    ----------
    key
        32 bytes; never printed.
    """

    key: bytes

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise UsageError(f"a key of {len(self.key)} bytes", expected=f"{KEY_BYTES} bytes")

    def __repr__(self) -> str:
        return "Vault(key=hidden)"

    @classmethod
    def new(cls) -> "Vault":
        """Return a vault with a key from the operating system's random source."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @property
    def salt_secret(self) -> bytes:
        """What the salts of the commitment are derived from."""
        return hmac.digest(self.key, b"aune seal 1: salts\x01", "sha256")

    def encrypt(self, data: bytes, about: bytes) -> bytes:
        """Return ``data`` encrypted and authenticated together with ``about``.

        Raises
        ------
        UsageError
            The data are larger than one AES-GCM message of the library.
        """
        if len(data) > MAX_SEALED_BYTES - 1024:
            raise UsageError(f"{len(data)} bytes to seal", expected=f"under {MAX_SEALED_BYTES}")
        nonce = secrets.token_bytes(NONCE_BYTES)
        return _MAGIC + nonce + AESGCM(self._cipher_key).encrypt(nonce, data, about)

    def decrypt(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed.

        Raises
        ------
        IntegrityError
            Another key, another protocol than the one sealed with, or altered bytes:
            AES-GCM cannot tell which.
        """
        start = len(_MAGIC) + NONCE_BYTES
        try:
            if not sealed.startswith(_MAGIC):
                raise InvalidTag
            nonce = sealed[len(_MAGIC) : start]
            return AESGCM(self._cipher_key).decrypt(nonce, sealed[start:], about)
        except (InvalidTag, ValueError) as error:
            raise IntegrityError(
                "the sealed labels do not open",
                expected="the key and the protocol.json they were sealed with, and unchanged bytes",
                remedy="check that the key is this pack's; if it is, the seal or the protocol "
                "was altered",
            ) from error

    @property
    def _cipher_key(self) -> bytes:
        return hmac.digest(self.key, b"aune seal 1: labels\x01", "sha256")


def write_key(vault: Vault, path: Path, *, shares: bool = False) -> tuple[Path, ...]:
    """Write a key file that only its owner reads, or two shares of which one says nothing.

    A share is random, the other is the key XOR that: each alone is independent of the key
    (a one-time pad), so two people must come together to open the labels.

    Returns
    -------
    tuple of Path
        ``path``, or ``path`` with ``.1`` and ``.2`` behind.

    Raises
    ------
    UsageError
        A key file is there already: keys are never overwritten.
    """
    if not shares:
        return (_write_secret(path, b"whole", vault.key),)
    pad = secrets.token_bytes(KEY_BYTES)
    return (
        _write_secret(path.with_name(f"{path.name}.1"), b"share-1", pad),
        _write_secret(path.with_name(f"{path.name}.2"), b"share-2", _xor(pad, vault.key)),
    )


def read_key(paths: Sequence[Path]) -> Vault:
    """Return the vault of a key file, or of its two shares in any order.

    Raises
    ------
    UsageError
        A file is missing, open to others, or not a key; a share is missing or given twice.
    """
    parts: dict[str, bytes] = {}
    for path in paths:
        role, value = _read_secret(path)
        parts[role] = value
    if len(paths) == 1 and "whole" in parts:
        return Vault(parts["whole"])
    if len(paths) == 2 and parts.keys() == {"share-1", "share-2"}:
        return Vault(_xor(parts["share-1"], parts["share-2"]))
    raise UsageError(
        f"{len(paths)} key files that hold {', '.join(sorted(parts)) or 'nothing'}",
        expected="the whole key, or share-1 and share-2",
        remedy="ask the holder of the other share",
    )


def read_salt_secret(path: Path) -> bytes:
    """Return a revealed salt secret: one line of 64 hexadecimal digits.

    Raises
    ------
    IntegrityError
        The file holds anything else.
    """
    data = read_bounded(path, _MAX_KEY_FILE_BYTES)
    if not re.fullmatch(rb"[0-9a-f]{64}\n", data):
        raise IntegrityError(f"{path.name} is not a salt secret", expected="64 hexadecimal digits")
    return bytes.fromhex(data.decode())


def read_bounded(path: Path, limit: int) -> bytes:
    """Return the bytes of a plain file of at most ``limit`` bytes.

    Raises
    ------
    UsageError
        It is missing, not a plain file, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", expected="a plain file") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UsageError(f"{path} is not a plain file", expected="a plain file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UsageError(f"{path} is over {limit} bytes", expected=f"at most {limit} bytes")
    return data


def _write_secret(path: Path, role: bytes, value: bytes) -> Path:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(
            f"{path} is there already", expected="no key yet", remedy="keep it; seal elsewhere"
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"aune-seal-key-1 %b %b\n" % (role, value.hex().encode()))
        file.flush()
        os.fsync(file.fileno())
    return path


def _read_secret(path: Path) -> tuple[str, bytes]:
    data = read_bounded(path, _MAX_KEY_FILE_BYTES)
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"{path} has mode {mode:04o}", expected="0600", remedy=f"chmod 600 {path}")
    match = _KEY_FILE.fullmatch(data)
    if match is None:
        raise UsageError(
            f"{path} is not a key of a sealed pack",
            expected="one line: aune-seal-key-1, whole or share-1 or share-2, 64 digits",
        )
    return match[1].decode(), bytes.fromhex(match[2].decode())


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
