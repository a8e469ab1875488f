"""Answers that callers have not read yet: what is left of them, and since when."""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["CountedTransport", "Unread", "left_bytes"]


@dataclass(slots=True)
class Unread:
    """A caller that has not read all of its answer.

    Parameters
    ----------
    since
        Monotonic seconds of its last progress.
    left_bytes
        What was left then.
    """

    since: float
    left_bytes: int


class CountedTransport:
    """The transport of a connection whose writes go through its protocol.

    Parameters
    ----------
    transport
        Everything but ``write`` is its own.
    write
        Called in the place of its ``write``.
    """

    def __init__(self, transport: asyncio.Transport, write: Callable[[bytes], None]) -> None:
        self._transport = transport
        self.write = write

    def __getattr__(self, name: str) -> Any:
        """Return what the transport has under that name."""
        return getattr(self._transport, name)


def left_bytes(transport: asyncio.Transport) -> int:
    """Return what a caller has not taken yet, in this process and in the system's buffer.

    The system takes some 4 MB for a caller that reads nothing (``tcp(7)``, ``SIOCOUTQ``): by
    what is left here alone, a slow reader of the last of it would seem to have stopped.
    """
    left: int = transport.get_write_buffer_size()
    try:
        socket = transport.get_extra_info("socket")
        queued = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    except (AttributeError, OSError, ValueError):
        return left
    return left + int(struct.unpack("i", queued)[0])
