"""Watch the requests beside answering them: noted on the event loop, counted in a thread."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.drift.alerts import Alert, alert_path, counts_path, read_alert, write_alert
from common.edge.drift.counts import Drift
from common.edge.drift.report import DriftReport
from common.edge.drift.sentences import explain, short
from common.edge.serving.models.served import Served
from common.edge.serving.watch.exposition import watch_text

__all__ = ["Watching"]

Array = npt.NDArray[Any]
_LOG = logging.getLogger("aune.serving")
_QUEUE_VALUES = 1_000_000
"""Numbers that may wait to be counted, 4 MB: they tell a month apart as well as all would."""
_QUEUE_REQUESTS = 2_000
"""Requests that may wait to be counted, whatever their size."""
_COUNT_SECONDS, _SAVE_SECONDS = 5.0, 60.0


@dataclass
class _Watched:
    """A model that is watched, with what is known of it."""

    served: Served
    drift: Drift
    report: DriftReport
    alert: Alert
    width: int
    """Numbers in the inputs of a row."""
    changed: bool = False


_Noted = tuple[_Watched, Mapping[str, Array], int]


class Watching:
    """What came in lately, by model, held against what each model learned from.

    `note` only keeps a reference, and only the event loop calls it; every few seconds the
    queue is taken over and counted in a thread. What the queue cannot hold is dropped, the
    oldest first, and counted as such: a busy server is watched by a sample.

    Parameters
    ----------
    folder
        Where counts and alert files are kept, of this server alone; None keeps them in memory,
        and so does a folder that cannot be written.
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
        self._waiting_values = self._waiting_rows = 0
        self._dropped_rows = 0
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._saved_at = time.monotonic()

    # On the event loop

    def note(self, served: Served, inputs: Mapping[str, Array], rows: int) -> None:
        """Remember an answered request until it is counted.

        Parameters
        ----------
        served, inputs
            The model, and the arrays that its graph took; nobody writes to them afterwards.
        rows
            How many they hold.
        """
        watched = self._watched.get(served.name)
        if watched is None:
            return
        width = watched.width
        if rows * width > _QUEUE_VALUES:
            every = -(-rows * width // _QUEUE_VALUES)
            # A copy, so that the whole request is not held for the sake of a few rows.
            inputs = {name: values[::every].copy() for name, values in inputs.items()}
            kept = -(-rows // every)
            self._dropped_rows += rows - kept
            rows = kept
        self._queue.append((watched, inputs, rows))
        self._waiting_values += rows * width
        while self._waiting_values > _QUEUE_VALUES or len(self._queue) > _QUEUE_REQUESTS:
            oldest, _, gone = self._queue.popleft()
            self._waiting_values -= gone * oldest.width
            self._dropped_rows += gone

    async def run(self) -> None:
        """Count again and again what was noted, until cancelled."""
        while True:
            await asyncio.sleep(_COUNT_SECONDS)
            try:
                await asyncio.to_thread(self.count, self._taken())
            except Exception:  # noqa: BLE001 - whatever it is, the server and the watch go on
                _LOG.exception("the watch on data failed to count")

    def flush(self) -> None:
        """Count at once what waits; on the event loop, for those who ask how things stand."""
        self.count(self._taken())

    def close(self) -> None:
        """Count what waits and save everything."""
        self.flush()
        self._save()

    def _taken(self) -> deque[_Noted]:
        taken, self._queue, self._waiting_values = self._queue, deque(), 0
        return taken

    # In a thread

    def follow(self, models: Mapping[str, Served]) -> None:
        """Watch these models from now on; counts of the same histograms go on."""
        with self._lock:
            watched: dict[str, _Watched] = {}
            for name, served in models.items():
                former = self._watched.get(name)
                if former is None or former.served.bundle.digest != served.bundle.digest:
                    former = self._opened(name, served, former)
                if former is not None:
                    watched[name] = former
            self._watched = watched  # at once: the event loop reads it meanwhile

    def count(self, noted: Iterable[_Noted]) -> None:
        """Count requests and see whether a state changed."""
        today = self._clock().date()
        with self._lock:
            for watched, parts in _by_model(noted):
                inputs = {
                    name: np.concatenate([part[name] for part in parts])
                    for name in watched.drift.usual.histograms
                }
                watched.drift.observe(inputs, today)
                watched.changed = True
                self._judge(watched)
        if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
            self._save()

    def truth(self, served: Served, lower: Array, upper: Array, truth: Array) -> DriftReport | None:
        """Count how often the interval held; None where the model is not watched."""
        with self._lock:
            watched = self._watched.get(served.name)
            if watched is None:
                return None
            watched.drift.truth(lower, upper, truth, self._clock().date())
            watched.changed = True
            self._judge(watched)
            return watched.report

    # What is known

    def line(self, name: str) -> str:
        """Return one French line on a model's data for agents; empty where nothing is known."""
        watched = self._watched.get(name)
        if watched is None:
            return ""
        return short(watched.report, _meanings(watched.served), watched.alert.since)

    def sentences(self, name: str) -> tuple[str, ...]:
        """Return what the window says in French sentences."""
        watched = self._watched.get(name)
        if watched is None:
            return ()
        return explain(watched.report, _meanings(watched.served))

    def report(self, name: str) -> DriftReport | None:
        """Return the last report on a model; None where it is not watched."""
        watched = self._watched.get(name)
        return None if watched is None else watched.report

    def text(self) -> bytes:
        """Return what is known in Prometheus' text format."""
        reports = {name: watched.report for name, watched in self._watched.items()}
        return watch_text(reports, self._dropped_rows)

    # On the disk

    def _opened(self, name: str, served: Served, former: _Watched | None) -> _Watched | None:
        usual = served.bundle.usual
        if usual is None or not (usual.histograms or usual.coverage):
            return None
        golden = served.bundle.golden[0]
        width = max(1, sum(golden[name][0].size for name in usual.histograms))
        drift, alert = Drift(usual), Alert()
        if former is not None:
            drift.take_over(former.drift)
            alert = former.alert
        elif self.folder is not None:
            drift.load(counts_path(self.folder, name))
            alert = read_alert(alert_path(self.folder, name)) or alert
        changed = former is not None
        opened = _Watched(served, drift, drift.report(), alert, width, changed)
        self._judge(opened)  # an alert of histograms that are no longer those is taken back
        return opened

    def _judge(self, watched: _Watched) -> None:
        """Report again; write the alert file where a state changed."""
        watched.report = watched.drift.report()
        former, now = watched.alert, Alert.of(watched.report, self._clock(), watched.alert)
        if now == former:
            return
        watched.alert = now
        name, manifest = watched.served.name, watched.served.manifest
        level = logging.WARNING if now.state == "alert" else logging.INFO
        _LOG.log(level, "%s: data %s %s", name, now.state, ", ".join(now.concerned))
        sentences = list(explain(watched.report, _meanings(watched.served)))

        def write(folder: Path) -> None:
            write_alert(
                alert_path(folder, name), now, watched.report,
                model=name, version=manifest.version, sentences=sentences,
            )  # fmt: skip

        self._keep(write)

    def _save(self) -> None:
        self._saved_at = time.monotonic()
        with self._lock:
            for name, watched in self._watched.items():
                if watched.changed:
                    self._keep(partial(_save_counts, name, watched.drift))
                    watched.changed = False

    def _keep(self, write: Callable[[Path], None]) -> None:
        """Write into the folder; go on without it where that fails: predictions matter more."""
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self.folder)
        except OSError as error:
            _LOG.warning("the watch keeps nothing: %s: %s", self.folder, error)
            self.folder = None


def _by_model(noted: Iterable[_Noted]) -> list[tuple[_Watched, list[Mapping[str, Array]]]]:
    """Put the requests of each model together: one count of many rows costs as one of one."""
    found: dict[int, tuple[_Watched, list[Mapping[str, Array]]]] = {}
    for watched, inputs, _ in noted:
        found.setdefault(id(watched), (watched, []))[1].append(inputs)
    return list(found.values())


def _save_counts(name: str, drift: Drift, folder: Path) -> None:
    drift.save(counts_path(folder, name))


def _meanings(served: Served) -> dict[str, str]:
    return {field.name: field.meaning for field in served.manifest.inputs}
