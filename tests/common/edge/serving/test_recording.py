"""Lines of requests that come together are written together, and no answer precedes its line."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from common.edge.bundle import Bundle
from common.edge.errors import JournalError
from common.edge.journal.check import verify
from common.edge.journal.entries import Batch
from common.edge.journal.log import Journal
from common.edge.serving.recording import Recorder


class Counting:
    """A journal that notes how many calls each group held, and refuses on demand."""

    def __init__(self, journal, *, refuses=False):
        self.journal, self.refuses, self.groups = journal, refuses, []

    def append_all(self, batches):
        self.groups.append(len(batches))
        if self.refuses:
            raise JournalError("the disk is full", expected="room", remedy="make some")
        return self.journal.append_all(batches)


@pytest.fixture
def batch(sealed_zip, signing_key):
    bundle = Bundle.open(sealed_zip, [signing_key[1]])
    inputs, outputs = bundle.golden
    return Batch.of(bundle, inputs, outputs)


def record_all(journal, batch, count):
    """Record ``count`` batches at once; return what each promise gave."""

    async def work():
        with ThreadPoolExecutor(1) as pool:
            recorder = Recorder(journal, pool)
            promises = [recorder.record(batch) for _ in range(count)]
            return await asyncio.gather(*promises, return_exceptions=True)

    return asyncio.run(work())


def test_whoever_comes_during_a_sync_is_written_in_the_next_one(tmp_path: Path, batch):
    """The first alone, then the nineteen that came meanwhile: two syncs for twenty calls."""
    with Journal(tmp_path / "journal") as kept:
        journal = Counting(kept)
        numbers = record_all(journal, batch, 20)
    assert journal.groups == [1, 19]
    rows = len(batch.rows)
    assert [list(found) for found in numbers] == [
        list(range(1 + rows * call, 1 + rows * (call + 1))) for call in range(20)
    ]
    checked = verify(tmp_path / "journal")
    assert not checked.findings
    assert checked.lines == 20 * rows


def test_a_refusing_disk_breaks_every_promise(tmp_path: Path, batch):
    """Nobody gets an answer whose line is not there."""
    with Journal(tmp_path / "journal") as kept:
        found = record_all(Counting(kept, refuses=True), batch, 3)
    assert [type(item) for item in found] == [JournalError] * 3


def test_a_caller_that_went_away_holds_nobody_up(tmp_path: Path, batch):
    """Its line is written all the same: it was predicted."""

    async def work(journal):
        with ThreadPoolExecutor(1) as pool:
            recorder = Recorder(journal, pool)
            first, gone, last = (recorder.record(batch) for _ in range(3))
            gone.cancel()
            return await first, await last

    with Journal(tmp_path / "journal") as journal:
        first, last = asyncio.run(work(journal))
    rows = len(batch.rows)
    assert (first.start, last.start) == (1, 1 + 2 * rows)
