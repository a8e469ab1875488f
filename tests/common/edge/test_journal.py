"""The journal loses no acknowledged line, and names every line that somebody touched."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.edge.errors import JournalError, UsageError
from common.edge.journal import chain
from common.edge.journal.chain import HEAD, PENDING, PURGED, segments
from common.edge.journal.check import verify
from common.edge.journal.entries import Batch, Decision, Settings
from common.edge.journal.log import Journal
from common.edge.journal.reading import decisions_on, export, find_entry, kept_inputs

FIRST_DAY = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=FIRST_DAY):
        self.now = now

    def __call__(self):
        return self.now


def batch(rows=1, start=0, *, textual=False):
    values = np.arange(start, start + rows, dtype=np.float32)
    return Batch(
        task="toy/visits",
        version="1.0.0",
        digest="d" * 64,
        rows=tuple(f"site-{start + row}" for row in range(rows)),
        inputs={"x_kwh": values[:, None] + np.array([0.1, np.nan], dtype=np.float32)},
        outputs={"forecast": values, "lower": values - 1, "upper": values + np.float32(0.1)},
        reasons=((("météo", 1.5), ("=passé", -2.0)),) * rows,
        textual=textual,
    )


@pytest.fixture
def folder(tmp_path):
    """Nine predictions over three days, one segment each, then closed."""
    clock = Clock()
    with Journal(tmp_path / "journal", clock=clock) as journal:
        for day in range(3):
            clock.now = FIRST_DAY + timedelta(days=day)
            journal.append(batch(3, start=3 * day))
    return tmp_path / "journal"


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def rewrite(path, lines):
    path.write_bytes(b"".join(lines))


def found(folder, **options):
    return [(item.kind, item.first, item.last) for item in verify(folder, **options).findings]


# -- an honest journal -------------------------------------------------------------------------


def test_an_untouched_journal_verifies_and_counts(folder):
    """3 days of 3 lines; their inputs are kept, since none is of free length."""
    state = verify(folder, inputs=True)
    assert state.intact
    assert (state.lines, state.purged, state.last, state.kept) == (9, 0, 9, 9)
    assert len(segments(folder)) == 3
    assert not state.notes


def test_what_is_read_back_is_what_was_written_to_the_last_bit(folder):
    """float32 0.1 + 4 has no short decimal form: 9 digits give it back exactly."""
    entry = find_entry(folder, 5)
    assert entry.row == "site-4"
    assert entry.outputs["upper"].astype(np.float32) == np.float32(4) + np.float32(0.1)
    inputs = kept_inputs(folder, entry)
    expected = np.array([[np.float32(4) + np.float32(0.1), np.nan]], dtype=np.float32)
    np.testing.assert_array_equal(inputs["x_kwh"], expected)


def test_what_cannot_be_a_number_in_json_is_written_all_the_same(tmp_path):
    """NaN and infinities come back; contributions and three axes are left out."""
    odd = {
        "forecast": np.array([[np.nan, np.inf, -np.inf, 0.1]], dtype=np.float32),
        "class": np.array([3]),
        "contributions": np.zeros((1, 2)),
        "quantiles": np.zeros((1, 4, 7)),
    }
    with Journal(tmp_path / "j") as journal:
        journal.append(replace(batch(), outputs=odd))
    outputs = find_entry(tmp_path / "j", 1).outputs
    assert set(outputs) == {"forecast", "class"}
    np.testing.assert_array_equal(outputs["forecast"].astype(np.float32), odd["forecast"][0])
    assert outputs["class"].tolist() == [3]


def test_texts_are_never_kept_by_default(tmp_path):
    """A free axis means a text: only its hash is written, unless keep is all."""
    for keep, kept in (("numbers", 0), ("hash", 0), ("all", 1)):
        with Journal(tmp_path / keep, Settings(keep=keep)) as journal:
            journal.append(batch(textual=True))
        assert verify(tmp_path / keep, inputs=True).kept == kept


def test_an_agents_words_are_left_out_but_the_decision_is_there(folder):
    """A motive may name a person; that one was given is written all the same."""
    with Journal(folder) as journal:
        journal.decide(2, Decision("modified", "agent-12", (3.5,), reason="Mme Durand a appelé"))
    (decision,) = decisions_on(folder, 2)
    assert decision["action"] == "modified"
    assert decision["reason_given"] is True
    assert b"Durand" not in b"".join(item.path.read_bytes() for item in segments(folder))


@pytest.mark.parametrize("row", ["jean.dupont@ville.fr", "Jean Dupont", "Élodie", "", "x" * 65])
def test_an_identifier_that_may_be_a_person_is_refused(row):
    with pytest.raises(UsageError, match="row identifier"):
        Batch(
            "t/t", "1.0.0", "d" * 64, (row,), {"x": np.zeros(1)}, {"y": np.zeros(1)}, ((),), False
        )


def test_a_decision_on_a_line_that_was_never_written_is_refused(folder):
    with Journal(folder) as journal, pytest.raises(UsageError, match="no line 10"):
        journal.decide(10, Decision("accepted"))


# -- what somebody may do to it ----------------------------------------------------------------


@pytest.mark.parametrize("number", range(1, 10))
def test_a_changed_line_is_named(folder, number):
    """One digit of an output, in each line in turn: its successor, or the head, tells."""
    path = segments(folder)[(number - 1) // 3].path
    lines = lines_of(path)
    index = (number - 1) % 3
    changed = lines[index].replace(b'"reasons":[["m', b'"reasons":[["n')
    assert changed != lines[index]
    rewrite(path, [*lines[:index], changed, *lines[index + 1 :]])
    assert found(folder) == [("changed", number, number)]


@pytest.mark.parametrize("number", range(1, 10))
def test_a_removed_line_is_named(folder, number):
    path = segments(folder)[(number - 1) // 3].path
    lines = lines_of(path)
    del lines[(number - 1) % 3]
    rewrite(path, lines)
    assert found(folder) == [("removed", number, number)]


@pytest.mark.parametrize("place", range(4))
def test_an_inserted_copy_is_named(folder, place):
    """A line copied elsewhere keeps its number, which is then there twice."""
    path = segments(folder)[1].path
    lines = lines_of(path)
    rewrite(path, [*lines[:place], lines_of(segments(folder)[0].path)[1], *lines[place:]])
    assert found(folder) == [("inserted", 2, 2)]


def test_a_forged_line_with_the_right_hash_of_the_one_before_is_found(folder):
    """The forger takes number 5 and chains it to 4; the true 5 is then there twice."""
    path = segments(folder)[1].path
    lines = lines_of(path)
    forged = lines[1].replace(b"site-4", b"site-9")
    rewrite(path, [lines[0], forged, *lines[1:]])
    kinds = found(folder)
    assert ("inserted", 5, 5) in kinds


@pytest.mark.parametrize("first", [0, 1])
def test_two_swapped_lines_are_found(folder, first):
    """Lines 4, 5, 6 of the second segment; the swapped pair's lower number is the moved one."""
    path = segments(folder)[1].path
    lines = lines_of(path)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    rewrite(path, lines)
    assert ("moved", 4 + first, 4 + first) in found(folder)


def test_a_removed_segment_is_named_by_its_lines(folder):
    segments(folder)[1].path.unlink()
    assert found(folder) == [("removed", 4, 6)]


def test_cutting_the_end_off_is_found_by_the_head(folder):
    """The chain of what is left is perfect: only the head knows that there was more."""
    segments(folder)[2].path.unlink()
    assert found(folder) == [("removed", 7, 9)]


def test_a_lost_end_is_written_into_the_chain_at_the_next_opening(folder):
    """Numbers are not used twice, and later writing does not cover the loss."""
    segments(folder)[2].path.unlink()
    with Journal(folder) as journal:
        # line 10 holds the repair, so the next prediction is line 11
        assert journal.append(batch()) == range(11, 12)
    assert found(folder) == [("removed", 7, 9)]


def test_a_rewritten_journal_is_found_by_whoever_noted_a_line_elsewhere(folder, tmp_path):
    """All lines and the head made anew with one change: a chain without a secret is fooled."""
    noted = verify(folder)
    clock = Clock()
    with Journal(tmp_path / "forged", clock=clock) as journal:
        for day in range(3):
            clock.now = FIRST_DAY + timedelta(days=day)
            journal.append(batch(3, start=3 * day + 1))
    assert verify(tmp_path / "forged").intact
    assert found(tmp_path / "forged", noted=(noted.last, noted.sha256)) == [("changed", 9, 9)]
    assert verify(folder, noted=(noted.last, noted.sha256)).intact


def test_a_noted_line_that_was_purged_is_not_called_changed(folder):
    """Of a purged segment only the last line's hash is left; of line 1 there is nothing."""
    third = find_entry(folder, 3).sha256
    with Journal(folder) as journal:
        journal.purge(date(2026, 1, 6))
    assert verify(folder, noted=(3, third)).intact
    assert not verify(folder, noted=(3, "0" * 64)).intact
    state = verify(folder, noted=(1, "0" * 64))
    assert state.intact
    assert state.notes == ("Ligne 1 : purgée, elle ne peut plus être comparée.",)


def test_a_missing_or_edited_head_is_found(folder):
    head = folder / HEAD
    whole = head.read_bytes()
    head.write_bytes(whole.replace(b'"number":9', b'"number":8'))
    assert found(folder) == [("head", 0, 0)]
    head.unlink()
    assert found(folder) == [("head", 0, 0)]


def test_changed_kept_inputs_are_found(folder):
    path = segments(folder)[0].inputs
    rewrite(path, [line.replace(b'"z":"W', b'"z":"X') for line in lines_of(path)])
    assert found(folder) == []
    assert len(found(folder, inputs=True)) == 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_changed_byte_anywhere_is_found(folder, data):
    """Lowest bit of any byte of any segment; the newline ends of lines are bytes too."""
    path = data.draw(st.sampled_from([item.path for item in segments(folder)]))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] ^= 1
    path.write_bytes(damaged)
    try:
        assert not verify(folder).intact
    finally:
        path.write_bytes(whole)


# -- purge -------------------------------------------------------------------------------------


def test_a_purge_leaves_a_chain_that_verifies_and_counts_what_went(folder):
    with Journal(folder) as journal:
        stones = journal.purge(date(2026, 1, 7))
    assert [(stone.first, stone.last, dict(stone.lines)) for stone in stones] == [
        (1, 3, {"prediction": 3}),
        (4, 6, {"prediction": 3}),
    ]
    state = verify(folder)
    # 3 predictions left and the line of the purge itself
    assert (state.intact, state.lines, state.purged, state.last) == (True, 4, 6, 10)
    with pytest.raises(UsageError, match="was purged"):
        find_entry(folder, 5)
    assert not list(folder.glob("000001*"))


def test_purges_follow_each_other(folder):
    clock = Clock(FIRST_DAY + timedelta(days=4))
    with Journal(folder, clock=clock) as journal:
        journal.purge(date(2026, 1, 6))
        journal.append(batch())
        journal.purge(date(2026, 1, 8))
    state = verify(folder)
    assert (state.intact, state.purged) == (True, 9)


def test_the_segment_in_use_is_never_purged(folder):
    """The last day's segment holds the head; a purge of everything keeps it."""
    with Journal(folder, clock=Clock(FIRST_DAY + timedelta(days=2))) as journal:
        assert len(journal.purge(date(2030, 1, 1))) == 2
    assert verify(folder).intact


def test_edited_or_missing_tombstones_are_found(folder):
    with Journal(folder) as journal:
        journal.purge(date(2026, 1, 7))
    path = folder / PURGED
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"prediction": 3', b'"prediction": 2'))
    assert ("tombstones", 1, 6) in found(folder)
    path.unlink()
    assert ("tombstones", 0, 0) in found(folder)


def test_a_journal_that_does_not_verify_is_not_purged_unless_told_to(folder):
    """A purge would remove the evidence; told to, it writes how many findings there were."""
    path = segments(folder)[0].path
    rewrite(path, [line.replace(b"site-1", b"site-7") for line in lines_of(path)])
    with Journal(folder) as journal:
        with pytest.raises(JournalError, match="does not verify"):
            journal.purge(date(2026, 1, 7))
        assert journal.purge(date(2026, 1, 7), despite_findings=True)
    body = json.loads(lines_of(segments(folder)[-1].path)[-1])
    assert (body["kind"], body["findings"]) == ("purge", 1)


@pytest.mark.parametrize("step", ["pending written", "line written", "renamed", "one gone"])
def test_a_purge_killed_at_any_step_is_finished_or_forgotten(folder, monkeypatch, step):
    """Each step in turn is the last one that is done; the next opening puts things right."""

    class KilledError(Exception):
        pass

    def killed(*_args, **_options):
        raise KilledError

    journal = Journal(folder, clock=Clock(FIRST_DAY + timedelta(days=2)))
    journal.head()  # opens the segment before anything is patched
    with monkeypatch.context() as patch:
        if step == "pending written":
            patch.setattr(Journal, "_extend", killed)
        elif step == "line written":
            patch.setattr(Journal, "_finish_purge", killed)
        else:
            from pathlib import Path

            real, seen = Path.unlink, []

            def unlink(path, missing_ok=False):
                seen.append(path)
                if len(seen) > (2 if step == "one gone" else 0):
                    raise KilledError
                real(path, missing_ok=missing_ok)

            patch.setattr(Path, "unlink", unlink)
        with pytest.raises(KilledError):
            journal.purge(date(2026, 1, 7))
    journal.close()
    assert verify(folder).intact or step in ("renamed", "one gone")
    with Journal(folder, clock=Clock(FIRST_DAY + timedelta(days=2))) as journal:
        journal.append(batch())
    state = verify(folder)
    assert state.intact, state.findings
    assert state.purged == (0 if step == "pending written" else 6)
    assert not (folder / PENDING).exists()


def test_kept_inputs_can_go_before_the_lines(folder):
    """Their hash stays in the chain: a shorter retention for inputs costs no proof."""
    with Journal(folder) as journal:
        assert journal.drop_inputs(date(2026, 1, 7)) == 2
    state = verify(folder, inputs=True)
    assert (state.intact, state.lines, state.kept) == (True, 9, 3)
    assert kept_inputs(folder, find_entry(folder, 1)) is None


# -- crashes -----------------------------------------------------------------------------------


def test_a_torn_last_line_is_cut_and_noted(folder):
    """A half-written line was never acknowledged."""
    with segments(folder)[-1].path.open("ab") as handle:
        handle.write(b'{"n":10,"prev":"ab')
    assert verify(folder).intact
    assert verify(folder).notes
    with Journal(folder) as journal:
        assert journal.append(batch()) == range(11, 12)  # line 10 notes the repair
    state = verify(folder)
    assert state.intact
    assert "18 octets" in state.notes[0]


def test_lines_written_before_a_crash_of_the_head_are_taken_up(folder):
    """Killed between the lines and the head: the head is behind, the lines are good."""
    head = (folder / HEAD).read_bytes()
    with Journal(folder) as journal:
        journal.append(batch())
    (folder / HEAD).write_bytes(head)
    assert verify(folder).intact
    with Journal(folder) as journal:
        assert journal.append(batch()) == range(11, 12)
    assert verify(folder).intact


def test_a_full_disk_leaves_the_journal_as_it_was(folder, monkeypatch):
    """The first write of the lines is cut short, the second fails."""
    real, calls = os.write, []

    def full(descriptor, data):
        calls.append(descriptor)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real(descriptor, bytes(data)[:50])

    with Journal(
        folder, Settings(keep="hash"), clock=Clock(FIRST_DAY + timedelta(days=2))
    ) as journal:
        journal.head()
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(JournalError, match="No space left") as caught:
            journal.append(batch())
        assert caught.value.remedy
        monkeypatch.undo()
        assert verify(folder).lines == 9
        assert journal.append(batch()) == range(10, 11)
    assert verify(folder).intact


# The child builds its batch itself: importing this file would take it two seconds.
WRITER = """
import numpy as np
from common.edge.journal.log import Journal
from common.edge.journal.entries import Batch, Settings
values = np.arange(7, dtype=np.float32)
rows = tuple(f"site-{row}" for row in range(7))
batch = Batch("toy/visits", "1.0.0", "d" * 64, rows, {"x_kwh": values}, {"forecast": values},
              ((),) * 7, False)
journal = Journal(FOLDER, Settings(segment_bytes=20000, sync="never"))
print("ready", flush=True)
while True:
    print(journal.append(batch)[-1], flush=True)
"""


def start_writer(folder):
    code = WRITER.replace("FOLDER", repr(str(folder)))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_no_acknowledged_line_is_lost_to_a_kill(tmp_path, rounds):
    """SIGKILL at a random moment, over and over; what was printed must be there."""
    folder, rng, acknowledged = tmp_path / "journal", np.random.default_rng(7), 0
    for _ in range(rounds):
        child = start_writer(folder)
        assert child.stdout.readline() == "ready\n"
        time.sleep(float(rng.uniform(0.02, 0.15)))
        child.send_signal(signal.SIGKILL)
        printed = child.communicate()[0].split("\n")[:-1]
        state = verify(folder, inputs=False)
        assert state.intact, state.findings[:3]
        if printed:
            assert state.last >= int(printed[-1])
            acknowledged += len(printed)
    assert acknowledged  # the children did get to write
    with Journal(folder) as journal:
        journal.append(batch())
    assert verify(folder, inputs=True).intact


def test_many_threads_and_two_processes_write_one_chain(tmp_path):
    """8 threads of 25 calls of 2 rows beside another process: 400 lines of ours, none twice."""
    folder = tmp_path / "journal"
    child = start_writer(folder)
    child.stdout.readline()
    got = []
    with Journal(folder, Settings(sync="never")) as journal:

        def work():
            for _ in range(25):
                got.extend(journal.append(batch(2)))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    child.kill()
    child.communicate()
    assert len(set(got)) == 400
    assert verify(folder, inputs=True).intact
    assert find_entry(folder, got[0]).row in ("site-0", "site-1")


# -- export ------------------------------------------------------------------------------------


def test_the_csv_is_french_and_runs_no_formula(folder):
    """Semicolons, decimal commas; a group called =passé is text within its cell."""
    with Journal(folder, Settings(keep="all")) as journal:
        journal.decide(1, Decision("rejected", reason='=HYPERLINK("http://x")'))
        journal.decide(1, Decision("modified", values=(-1.5,), reason="-2+3"))
    handle = io.StringIO()
    assert export(folder, handle) == 11
    rows = list(csv.DictReader(io.StringIO(handle.getvalue()), delimiter=";"))
    assert rows[1]["sorties"].startswith("forecast : 1 / lower : 0 / upper : 1,1000000")
    assert rows[0]["raisons"] == "météo : 1,5 / =passé : -2"
    assert [row["motif"] for row in rows[-2:]] == ['\'=HYPERLINK("http://x")', "'-2+3"]
    assert rows[-1]["valeurs_decidees"] == "-1,5"
    assert not any(cell[:1] in "=+@\t" for row in rows for cell in row.values() if cell)


@pytest.mark.slow
def test_batches_pass_twenty_thousand_lines_a_second(tmp_path):
    """In CPU time, which colleagues on the same cores do not disturb; 1,000 rows a batch."""
    with Journal(tmp_path / "journal", Settings(keep="hash")) as journal:
        many = batch(1000)
        journal.append(many)
        start = time.process_time()
        for _ in range(20):
            journal.append(many)
        assert 20_000 / (time.process_time() - start) >= 20_000


@given(
    parts=st.lists(st.sampled_from([b"\n", b"{}", b'{"n":3,"prev":"x"}', b"\xff", b"torn"])),
    block=st.integers(1, 9),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_read_from_the_end_are_those_read_from_the_beginning(
    tmp_path, monkeypatch, parts, block
):
    """Whatever the blocks cut through."""
    monkeypatch.setattr(chain, "_BLOCK_BYTES", block)
    path = tmp_path / "lines"
    path.write_bytes(b"".join(parts))
    assert list(chain.read_lines_back(path)) == list(chain.read_lines(path))[::-1]


def test_the_end_of_a_full_segment_is_found_without_reading_it_whole(tmp_path):
    """Twenty megabytes of lines: less than one of memory, where all of it was read before."""
    segment = chain.Segment(1, date(2026, 1, 1), tmp_path)
    line = chain.seal(7, chain.GENESIS, '{"kind":"prediction"}')[0]
    segment.path.write_bytes(line * (20_000_000 // len(line)) + b"torn")
    tracemalloc.start()
    try:
        assert chain.last_line(tmp_path).number == 7
        assert chain.cut_torn(segment.path) == 4
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
