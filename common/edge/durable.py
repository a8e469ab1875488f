"""Files that survive a kill or a power cut: whole or not at all, synced in the right order.

POSIX only. A rename is atomic, but it lasts only once the folder that holds the name is
synced, and the file's bytes must be synced before the rename, or the name may survive a
power cut and the bytes not (``rename(2)``, ``fsync(2)``).
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.edge.errors import StoreError, UsageError

__all__ = [
    "append_line",
    "copy_file",
    "empty_folder",
    "exclusive",
    "explained",
    "make_folder",
    "move_file",
    "remove_folder",
    "sync_folder",
    "write_file",
]

_CHUNK_BYTES = 2**20
_LOCK_POLL_SECONDS = 0.02

_REMEDIES = {
    errno.ENOSPC: "free some space, then run the same command again: nothing was switched",
    errno.EDQUOT: "raise this user's quota or free some space, then run the same command again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), then run the same command again",
    errno.EACCES: "run as the user who owns the store, or set AUNE_STORE to a folder of your own",
    errno.EPERM: "run as the user who owns the store, or set AUNE_STORE to a folder of your own",
    errno.EROFS: "set AUNE_STORE to a folder on a file system that can be written",
    errno.ENOTDIR: "a file stands where a folder should: set AUNE_STORE to a folder",
    errno.EEXIST: "a file stands where a folder should: set AUNE_STORE to a folder",
    errno.EIO: "the disk fails: look at the system's log, and restore the store from its backup",
}


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn the system's refusals into errors that say what to do.

    Raises
    ------
    StoreError
        The disk is full, the place is not ours to write, the disk fails, ...
    """
    try:
        yield
    except OSError as error:
        where = error.filename or place
        raise StoreError(
            f"{where}: {error.strerror or error}",
            expected=f"a store that can be read and written at {place}",
            remedy=_REMEDIES.get(error.errno or 0, "see the system's message above"),
        ) from error


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of a file; the system lets go of it when the process dies, however it dies.

    Parameters
    ----------
    path
        The lock file; it stays, empty.
    seconds
        How long to wait for whoever holds it.

    Raises
    ------
    StoreError
        Somebody else held it all that time.
    """
    deadline = time.monotonic() + seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _locked(descriptor):
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"{path} is held by another aune after {seconds:g} s",
                    expected="one install or rollback at a time",
                    remedy=f"wait until it ends; `fuser {path}` names its process",
                )
            time.sleep(_LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and the missing ones above it, each synced into the one that holds it."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def copy_file(source: Path, target: Path, *, limit_bytes: int) -> None:
    """Copy a file and sync its bytes; the source is read once.

    Raises
    ------
    UsageError
        The source cannot be read, or is larger than ``limit_bytes``.
    """
    try:
        reader = source.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with reader, target.open("xb") as writer:
        for chunk in _chunks(reader.fileno(), source):
            writer.write(chunk)
            if writer.tell() > limit_bytes:
                raise UsageError(
                    f"{source} is larger than {limit_bytes} bytes", expected="a bundle's zip"
                )
        writer.flush()
        os.fsync(writer.fileno())


def write_file(path: Path, data: bytes) -> None:
    """Write a new file and sync its bytes; `move_file` then puts it in its place."""
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def move_file(source: Path, target: Path) -> None:
    """Put a synced file in its place, at once, over whatever is there; sync the folder."""
    source.replace(target)
    sync_folder(target.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line and sync it; half a line that a kill left at the end is cut off first."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "r+b") as handle:
        handle.truncate(_whole_bytes(path))
        handle.seek(0, os.SEEK_END)
        handle.write(line.encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    if is_new:
        sync_folder(path.parent)


def empty_folder(path: Path) -> None:
    """Remove whatever a folder holds; the folder is made where it is missing."""
    make_folder(path)
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def remove_folder(path: Path) -> None:
    """Remove a folder and what it holds, and make that durable."""
    shutil.rmtree(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _chunks(descriptor: int, source: Path) -> Iterator[bytes]:
    """Read a file to its end; a stick that is pulled out is the source's fault, not the store's."""
    while True:
        try:
            chunk = os.read(descriptor, _CHUNK_BYTES)
        except OSError as error:
            raise _unreadable(source, error) from error
        if not chunk:
            return
        yield chunk


def _unreadable(source: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{source} cannot be read: {error.strerror or error}",
        expected="a bundle's zip that this user may read",
        remedy="check the path and the stick, or copy the file again",
    )


def _whole_bytes(path: Path) -> int:
    """Return the length up to and with the last line end."""
    return path.read_bytes().rfind(b"\n") + 1
