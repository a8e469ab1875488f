"""A server is its whole family of processes: counted together, ended together."""

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.serving.processes import Running, cpu_seconds, family, parse_stat

CHILD = "import time; print('ready', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys; "
    f"subprocess.run([sys.executable, '-c', {CHILD!r}])"
)  # fmt: skip
BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('ready', flush=True)\n"


def wait_for(log, text="ready"):
    limit = time.monotonic() + 20
    while text not in log.read_text() and time.monotonic() < limit:
        time.sleep(0.01)
    assert text in log.read_text()


def test_a_name_with_spaces_and_parentheses_does_not_shift_the_fields():
    ticks = os.sysconf("SC_CLK_TCK")
    # after the name: state, parent 41, ..., fields 14 to 17 are 100, 20, 3 and 2 ticks
    text = "9 (uvicorn (a) b) R 41 9 9 0 -1 0 0 0 0 0 100 20 3 2 20 0 1 0 5 6 7"
    assert parse_stat(text) == (41, 125 / ticks)


def test_a_family_holds_this_process_and_its_child():
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.DEVNULL) as child:
        try:
            found = family(os.getpid())
        finally:
            child.kill()
    assert {os.getpid(), child.pid} <= found.keys()


def test_cpu_of_a_child_that_has_ended_still_counts():
    before = cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", BURN], check=True, capture_output=True)
    # the child worked for 0.3 s; a tick is 0.01 s
    assert cpu_seconds(os.getpid()) - before >= 0.28


def test_leaving_the_context_ends_children_too(tmp_path):
    log = tmp_path / "log"
    with Running([sys.executable, "-c", PARENT], {}, tmp_path, log) as running:
        wait_for(log)
        members = family(running._process.pid)
        memory = running.memory()
        assert not running.ended
    assert len(members) == 2
    assert memory.processes == 2
    # an interpreter is some megabytes; what is shared counts once in PSS, for each in RSS
    assert 2 < memory.pss_mb < memory.rss_mb < 200
    assert running.ended
    limit = time.monotonic() + 5
    while any(map(alive, members)) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not any(map(alive, members))


def alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
