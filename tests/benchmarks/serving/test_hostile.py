"""The attacks are told apart by their outcome, and none gets through the server as it is."""

import json
import subprocess
import sys

import pytest

from benchmarks.serving.hostile.__main__ import main, table
from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import peak_mb
from benchmarks.serving.hostile.wire import Prober


def test_an_attack_that_got_through_stands_out():
    outcome = Outcome("bodies", "100 MB", "200", "413", ok=False, peer="200")
    assert "| **FAILED** | bodies: 100 MB | 200 | 413 | 200 |" in table([outcome])


def test_health_that_is_not_answered_is_never_a_good_figure():
    prober = Prober(1)
    assert not prober.answers
    prober.seconds = [0.001] * 95 + [float("inf")] * 5
    assert prober.p50_ms == pytest.approx(1)
    assert not prober.answers


def test_memory_that_comes_and_goes_is_seen():
    """Fifty megabytes for half a second: the peak counts, not what is left."""
    work = "import time; block = bytearray(b'x') * 50_000_000; time.sleep(0.5); del block"
    with subprocess.Popen([sys.executable, "-c", work]) as process:
        with peak_mb(process.pid) as grown:
            process.wait()
        assert grown[0] > 40


@pytest.mark.slow
@pytest.mark.parametrize("group", ["shapes", "data", "bodies", "installs"])
def test_no_attack_gets_through(tmp_path, capsys, group):
    """The callers and the half-open ones take a minute: they are for the benchmark."""
    path = tmp_path / "outcomes.json"
    assert main(["--no-peer", "--only", group, "--output", str(path)]) == 0, capsys.readouterr().out
    assert all(one["ok"] for one in json.loads(path.read_text()))
