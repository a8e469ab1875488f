"""The log: it grows, it is chained, it says where it was touched."""

import json
import multiprocessing
from datetime import UTC, datetime

import pytest

from benchmarks.sealing.digests import canonical_json, json_digest, plain
from benchmarks.sealing.log import START, Log
from common.edge.errors import IntegrityError, UsageError

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    log = Log(tmp_path / "submissions.jsonl")
    for number in range(3):
        log.append("submission", {"candidate": f"c{number}", "number": 1}, now=NOON)
    return log


def test_lines_are_chained_from_zeros_to_the_head(log):
    """Each names the hash of the one before."""
    lines = log.lines()
    assert [line.n for line in lines] == [1, 2, 3]
    assert lines[0].previous == START
    assert [line.previous for line in lines[1:]] == [line.hash for line in lines[:-1]]
    assert log.head == lines[-1].hash
    assert lines[0].facts == {"candidate": "c0", "number": "1"}
    assert lines[0].time == "2026-11-23T12:00:00+00:00"


def test_a_hash_is_redone_with_json_alone(log):
    """Anybody can: the line without its hash, as canonical JSON."""
    raw = json.loads(log.path.read_bytes().splitlines()[1])
    claimed = raw.pop("hash")
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    import hashlib

    assert hashlib.sha256(text.encode()).hexdigest() == claimed


def test_every_changed_byte_is_found(log):
    """Exhaustive: each byte of each line, flipped."""
    whole = log.path.read_bytes()
    for place in range(len(whole)):
        bad = bytearray(whole)
        bad[place] ^= 1
        log.path.write_bytes(bad)
        with pytest.raises(IntegrityError):
            log.lines()


@pytest.mark.parametrize(
    "order", [(1, 2), (0, 2), (1, 0, 2), (0, 1, 1, 2), (0, 2, 1), (0, 0)], ids=str
)
def test_lines_removed_moved_or_doubled_are_found(log, order):
    """The chain breaks at the first line that is not in its place."""
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[place] for place in order))
    with pytest.raises(IntegrityError, match="altered, moved or inserted"):
        log.lines()


def test_a_line_rewritten_with_its_own_hash_breaks_the_next(log):
    """A forger has to rewrite everything after it, head included."""
    lines = log.path.read_bytes().splitlines()
    raw = json.loads(lines[1])
    del raw["hash"]
    raw["facts"]["candidate"] = "forged"
    lines[1] = canonical_json({**raw, "hash": json_digest(raw)})
    log.path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(IntegrityError, match="line 3"):
        log.lines()


def test_a_torn_last_line_is_named_and_nothing_is_added_to_it(log):
    """What a crash or a full disk leaves."""
    whole = log.path.read_bytes()
    log.path.write_bytes(whole[:-20])
    with pytest.raises(IntegrityError, match=r"line 3\) is torn"):
        log.append("opened", {})
    assert log.path.read_bytes() == whole[:-20]


def test_unknown_events_and_oversized_lines_are_refused(log):
    """The log is read whole: a line has its bound."""
    head = log.head
    with pytest.raises(UsageError, match="event 'party'"):
        log.append("party", {})
    with pytest.raises(UsageError, match="a log line of"):
        log.append("opened", {"text": "x" * 2**20})
    assert log.head == head
    with pytest.raises(IntegrityError, match="No such file"):
        Log(log.path.with_name("none")).lines()


def _many(path):
    for number in range(10):
        Log(path).append("submission", lambda lines, k=number: {"seen": len(lines), "k": k})


def test_processes_take_turns(tmp_path):
    """Four at once: no line lost, and each saw all those before its own."""
    path = tmp_path / "submissions.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_many, args=(path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert [line.facts["seen"] for line in Log(path).lines()] == [str(n) for n in range(40)]


def test_a_record_holds_plain_values_only():
    """Bytes or objects would have no single text."""
    assert plain({"a": (1, NOON.date(), float("inf"))}) == {"a": [1, "2026-11-23", "inf"]}
    with pytest.raises(UsageError, match="bytes in a record"):
        plain({"a": b"x"})
