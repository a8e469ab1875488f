"""What several test processes need and only one of them may make, while the others wait."""

import contextlib
import fcntl
from pathlib import Path

__all__ = ["one_at_a_time"]

ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def one_at_a_time(name):
    """Hold back the other test processes that come here with the same name.

    The kernel lets go of the lock when its holder dies, so that a killed run blocks no later one.
    """
    place = ROOT / ".aune"
    place.mkdir(exist_ok=True)
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
