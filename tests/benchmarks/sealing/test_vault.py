"""Keys and the seal: owner only, bounded, whole or in two shares, never half open."""

import os

import pytest

from benchmarks.sealing.vault import Vault, read_bounded, read_key, read_salt_secret, write_key
from common.edge.errors import IntegrityError, UsageError


def test_what_was_sealed_opens_with_the_key_and_the_words_it_was_bound_to(tmp_path):
    """And with nothing else: another key, another protocol, any flipped byte."""
    vault = Vault.new()
    sealed = vault.encrypt(b"labels", b"protocol")
    (path,) = write_key(vault, tmp_path / "key")
    assert read_key([path]).decrypt(sealed, b"protocol") == b"labels"
    with pytest.raises(IntegrityError, match="do not open"):
        Vault.new().decrypt(sealed, b"protocol")
    with pytest.raises(IntegrityError, match="do not open"):
        vault.decrypt(sealed, b"another")
    for place in range(len(sealed)):
        bad = bytearray(sealed)
        bad[place] ^= 1
        with pytest.raises(IntegrityError, match="do not open"):
            vault.decrypt(bytes(bad), b"protocol")
    for length in range(len(sealed)):
        with pytest.raises(IntegrityError, match="do not open"):
            vault.decrypt(sealed[:length], b"protocol")


def test_the_key_is_in_neither_share_nor_in_the_salts(tmp_path):
    """Publishing the salts, or losing one share, opens nothing."""
    vault = Vault(bytes(range(32)))
    shares = write_key(vault, tmp_path / "key", shares=True)
    assert [path.name for path in shares] == ["key.1", "key.2"]
    assert all(vault.key.hex().encode() not in path.read_bytes() for path in shares)
    assert read_key(shares) == read_key(shares[::-1]) == vault
    assert vault.salt_secret != vault.key
    assert "hidden" in repr(vault)
    for wrong in (shares[:1], (shares[0], shares[0]), ()):
        with pytest.raises(UsageError, match="share-1 and share-2"):
            read_key(wrong)


def test_a_key_file_is_never_overwritten_and_must_be_its_owner_s(tmp_path):
    """An overwritten key would seal labels for ever."""
    (path,) = write_key(Vault.new(), tmp_path / "key")
    with pytest.raises(UsageError, match="there already"):
        write_key(Vault.new(), path)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="0640"):
        read_key([path])


@pytest.mark.parametrize("content", [b"", b"x" * 300, b"aune-seal-key-1 whole 00\n", b"\xff\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path, content):
    """Empty, too long, too short, not text."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(UsageError):
        read_key([path])
    with pytest.raises((UsageError, IntegrityError)):
        read_salt_secret(path)


def test_reading_is_bounded_and_takes_plain_files_only(tmp_path):
    """A pipe would wait, a link would leave the folder, a device would never end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "five").write_bytes(b"12345")
    assert read_bounded(tmp_path / "five", 5) == b"12345"
    with pytest.raises(UsageError, match="over 4 bytes"):
        read_bounded(tmp_path / "five", 4)
    for name in ("pipe", "link", "none"):
        with pytest.raises(UsageError):
            read_bounded(tmp_path / name, 5)
