"""Check SHA256SUMS: signed by a trusted key, true of every file, and naming every file.

The format is that of stock tools, so nobody has to trust this module::

    openssl dgst -sha256 -verify key.pub.pem -signature SHA256SUMS.sig SHA256SUMS
    sha256sum -c SHA256SUMS

The signature is ECDSA over P-256 with SHA-256 (FIPS 186-5), DER encoded.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.edge.errors import ChecksumError, SignatureError, UsageError

__all__ = [
    "SIGNATURE",
    "SUMS",
    "TRUSTED_FOLDER",
    "fingerprint",
    "load_public_key",
    "sums_text",
    "trusted_keys",
    "verify_checksums",
    "verify_signature",
]

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
TRUSTED_FOLDER = Path(".aune") / "trusted"

_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)", re.A)
_FINGERPRINT = re.compile(r"([0-9A-F]{2}:){15}[0-9A-F]{2}", re.A)
_COPY_AGAIN = "copy the bundle again from where it was published; do not repair it by hand"


def fingerprint(public: ec.EllipticCurvePublicKey) -> str:
    """Return the first 16 bytes of the SHA-256 of the key's DER SubjectPublicKeyInfo.

    The same as ``openssl pkey -pubin -in key.pub.pem -outform DER | sha256sum``, cut to
    32 digits, in pairs; short enough to be read out from a printed page.
    """
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).digest()[:16].hex(":").upper()


def load_public_key(path: Path | str) -> ec.EllipticCurvePublicKey:
    """Read a P-256 public key in PEM.

    Raises
    ------
    UsageError
        The file is missing, is not PEM or holds another kind of key.
    """
    path = Path(path)
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{path} is not a public key: {error}",
            expected="a PEM file that begins with BEGIN PUBLIC KEY",
            remedy="openssl ec -in signing_key.pem -pubout -out signing_key.pub.pem",
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(
            f"{path} holds another kind of key",
            expected="an ECDSA key on the curve P-256 (prime256v1)",
            remedy="ask the publisher for the bundle key",
        )
    return key


def trusted_keys(folder: Path = TRUSTED_FOLDER) -> tuple[Path, ...]:
    """Return the public keys (``.pem``) of a folder, sorted; none where it does not exist."""
    return tuple(sorted(folder.glob("*.pem")))


def verify_signature(files: Mapping[str, bytes], trusted: Iterable[Path | str]) -> str:
    """Return the fingerprint of the trusted key that signed SHA256SUMS.

    Parameters
    ----------
    files
        The bundle's files by name.
    trusted
        Paths of public keys in PEM.

    Raises
    ------
    ChecksumError
        There is no SHA256SUMS.
    SignatureError
        There is no signature, or none of the trusted keys made it.
    """
    if SUMS not in files:
        raise ChecksumError(f"no {SUMS} in the bundle", expected=SUMS, remedy=_COPY_AGAIN)
    if SIGNATURE not in files:
        raise SignatureError(
            f"no {SIGNATURE} in the bundle", expected="a signed bundle", remedy=_COPY_AGAIN
        )
    known: list[str] = []
    for path in trusted:
        public = load_public_key(path)
        try:
            public.verify(files[SIGNATURE], files[SUMS], ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            known.append(f"{fingerprint(public)} ({Path(path).name})")
        else:
            return fingerprint(public)
    raise SignatureError(
        f"{SUMS} is not signed by a trusted key; the bundle says key {_claimed(files)}",
        expected="the signature of " + (", ".join(known) or "a trusted key, but none is installed"),
        remedy="compare the fingerprint with the publisher's printed one, then put that public "
        f"key into {TRUSTED_FOLDER.as_posix()}/; if it is already there, the bundle was altered",
    )


def verify_checksums(files: Mapping[str, bytes]) -> None:
    """Check every file against SHA256SUMS, and that it lists every file.

    Raises
    ------
    ChecksumError
        A line is unreadable or doubled, or a file differs, is missing or is not listed.
    """
    expected = _parse(files[SUMS])
    found = set(files) - {SUMS, SIGNATURE}
    for name in sorted(expected.keys() ^ found):
        where = "listed but not there" if name in expected else "there but not listed"
        raise ChecksumError(
            f"{name} is {where}", expected=f"exactly the files of {SUMS}", remedy=_COPY_AGAIN
        )
    for name, digest in expected.items():
        actual = hashlib.sha256(files[name]).hexdigest()
        if actual != digest:
            raise ChecksumError(f"{name} has sha256 {actual}", expected=digest, remedy=_COPY_AGAIN)


def sums_text(files: Mapping[str, bytes]) -> str:
    r"""Return SHA256SUMS for files, in the format of coreutils ``sha256sum``.

    >>> sums_text({"empty": b""})
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty\n'
    """
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def _parse(sums: bytes) -> dict[str, str]:
    digests: dict[str, str] = {}
    for number, line in enumerate(sums.decode("ascii", errors="replace").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in digests:
            raise ChecksumError(
                f"{SUMS} line {number}: {line[:120]!r}",
                expected="64 hexadecimal digits, two spaces, a name not yet listed",
                remedy=_COPY_AGAIN,
            )
        digests[match[2]] = match[1]
    return digests


def _claimed(files: Mapping[str, bytes]) -> str:
    """Return the fingerprint that the unverified manifest claims, for information only."""
    try:
        claim = str(json.loads(files.get("manifest.json", b""))["key_fingerprint"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "unknown"
    return claim if _FINGERPRINT.fullmatch(claim) else "unknown"
