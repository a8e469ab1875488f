"""What was answered, written down by the caller: the other half of the journal's proof."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["RECORD", "Ledger", "identity", "read_identity", "read_records"]

Array = npt.NDArray[Any]

RECORD = np.dtype([("key", "<u8"), ("line", "<u8"), ("version", "<u2"), ("forecast_kwh", "<f8")])
"""An answer: who asked (`identity` as a number), the journal's line, version and value."""

_PACK = struct.Struct("<QQHd").pack
_EPOCH_BITS = 40


def identity(epoch: int, number: int) -> tuple[int, str]:
    """Return the identifier of a request, as a number and as the server sees it.

    Epochs count the starts of this program: a request that was in flight when it was stopped
    never shares its identifier with a later one.

    >>> identity(1, 5)
    (1099511627781, '1.5')
    """
    return epoch << _EPOCH_BITS | number, f"{epoch}.{number}"


def read_identity(text: str) -> int:
    """Return the number of an identifier; 0 for what no request of ours was called.

    >>> read_identity("1.5") == identity(1, 5)[0], read_identity("other")
    (True, 0)
    """
    epoch, _, number = text.partition(".")
    if not (epoch.isdecimal() and number.isdecimal()):
        return 0
    return identity(int(epoch), int(number))[0]


@dataclass
class Ledger:
    """An append-only file of `RECORD`; half a record that a kill left is cut off.

    Parameters
    ----------
    path
        The file.
    """

    path: Path

    def __post_init__(self) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        self.answered = size // RECORD.itemsize
        """Records so far."""
        self._handle = self.path.open("ab")
        self._handle.truncate(self.answered * RECORD.itemsize)

    def add(self, key: int, line: int, version: int, forecast_kwh: float) -> None:
        """Write one answer; it is on its way to the disk after the next `flush`."""
        self._handle.write(_PACK(key, line, version, forecast_kwh))
        self.answered += 1

    def flush(self) -> None:
        """Hand what was written to the system."""
        if not self._handle.closed:
            self._handle.flush()

    def close(self) -> None:
        """Let the file go."""
        self._handle.close()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_records(path: Path) -> Array:
    """Return all records of a ledger."""
    return np.fromfile(path, RECORD)
