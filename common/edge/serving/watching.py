"""Watch the requests beside answering them: noted on the event loop, counted in a thread."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt

from common.edge.serving.served import Served

__all__ = ["Watching"]

Array = npt.NDArray[Any]
_Noted = tuple[Served, Mapping[str, Array]]

_QUEUE_ROWS = 1024
"""Rows that may wait to be counted: 1,024 a second tell a month apart as well as a million."""


class Watching:
    """What came in lately, by model, held against what each model learned from.

    `note` only keeps a reference, and only the event loop calls it; every second the queue is
    taken over and counted in a thread. Rows beyond those that the queue holds are dropped, the
    oldest first, and counted as such: a busy server is watched by a sample.

    Parameters
    ----------
    folder
        Where counts and alert files are kept; None keeps them in memory.
    clock
        Gives the time, aware and UTC.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.folder = folder
        self._clock = clock
        self._queue: deque[_Noted] = deque()
        self._waiting_rows = 0
        self._dropped_rows = 0
        self._lock = threading.Lock()

    def follow(self, models: Mapping[str, Served]) -> None:
        """Watch these models from now on."""

    def note(self, served: Served, inputs: Mapping[str, Array], rows: int) -> None:
        """Remember an answered request until it is counted; on the event loop only.

        Parameters
        ----------
        served, inputs
            The model, and the arrays that its graph took; nobody writes to them afterwards.
        rows
            How many they hold.
        """
        if served.bundle.usual is None:
            return
        self._queue.append((served, inputs))
        self._waiting_rows += rows
        while self._waiting_rows > _QUEUE_ROWS and len(self._queue) > 1:
            _, oldest = self._queue.popleft()
            gone = len(next(iter(oldest.values())))
            self._waiting_rows -= gone
            self._dropped_rows += gone

    async def run(self) -> None:
        """Count every second what was noted, until cancelled."""
        while True:
            await asyncio.sleep(1.0)

    def close(self) -> None:
        """Count what waits and save everything."""

    def text(self) -> bytes:
        """Return what is known in Prometheus' text format."""
        return b""
