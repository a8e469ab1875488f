"""Make and read the key that signs bundles."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.edge.errors import UsageError
from common.edge.signature import TRUSTED_FOLDER, fingerprint

__all__ = ["default_key_path", "ensure_key", "public_path", "sign", "trust"]


def default_key_path() -> Path:
    """Return ``AUNE_SIGNING_KEY`` where it is set, else ``.aune/signing_key.pem``."""
    return Path(os.environ.get("AUNE_SIGNING_KEY") or Path(".aune") / "signing_key.pem")


def public_path(path: Path) -> Path:
    """Return where the public key of a private key lies.

    >>> public_path(Path("signing_key.pem")).name
    'signing_key.pub.pem'
    """
    return path.with_suffix(".pub.pem")


def ensure_key(path: Path | None = None) -> ec.EllipticCurvePrivateKey:
    """Return the P-256 key at ``path``, made on the first call and never overwritten.

    The file has mode 0600; the public key is written beside it.

    Raises
    ------
    UsageError
        The file is readable by others, or is not such a key.
    """
    path = path or default_key_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(path, _private_pem(ec.generate_private_key(ec.SECP256R1())), mode=0o600)
    key = _load_private(path)
    _write_new(public_path(path), _public_pem(key.public_key()), mode=0o644)
    return key


def sign(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the DER signature of ``data``: ECDSA P-256 with SHA-256.

    Deterministic (RFC 6979) where the OpenSSL behind `cryptography` can (3.2 and later),
    so the same run gives the same bundle, byte for byte.
    """
    try:
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        algorithm = ec.ECDSA(hashes.SHA256())
    return key.sign(data, algorithm)


def trust(public: ec.EllipticCurvePublicKey, folder: Path = TRUSTED_FOLDER) -> Path:
    """Put a public key among the trusted ones, under the name of its fingerprint."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{fingerprint(public).replace(':', '').lower()}.pem"
    _write_new(path, _public_pem(public), mode=0o644)
    return path


def _load_private(path: Path) -> ec.EllipticCurvePrivateKey:
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"{path} has mode {mode:04o}", expected="0600", remedy=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{path} is not a signing key: {error}",
            expected="an unencrypted private key in PEM",
            remedy="move the file away to have a new one made",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(
            f"{path} holds another kind of key",
            expected="an ECDSA key on the curve P-256",
            remedy="move the file away to have a new one made",
        )
    return key


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Create a file whole or not at all; leave one that is there alone."""
    if path.exists():
        return
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
        Path(draft).chmod(mode)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
