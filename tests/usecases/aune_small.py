"""``aune`` on three simulated meters and a short ladder: what the tests of the command line run.

Run as a program it takes the command's words after an optional ``--kill-at LINE``: the process
then kills itself, without any chance to clean up, when a line of progress begins so.
"""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import usecases
from usecases.building_energy.simulate import simulate
from usecases.building_energy.tasks import ENERGY_OF
from usecases.building_energy.usecase import USECASE

RUNGS = ("week_persistence", "similar_days", "linear")
N_METERS = 3
ROOT = Path(__file__).parents[2]


def small_usecase():
    tasks = tuple(
        replace(task, rungs=tuple(rung for rung in task.rungs if rung.name in RUNGS))
        for task in USECASE.tasks[:1]
    )
    return replace(
        USECASE,
        tasks=tasks,
        simulate=lambda task, seed: simulate(ENERGY_OF[task.id], seed, n_meters=N_METERS),
    )


def small_discover():
    return {USECASE.name: small_usecase()}


def program(folder, *words):
    """Run ``aune`` on the small use case in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "AUNE_SIGNING_KEY"}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, __file__, *map(str, words)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def _kill_at(beginning):
    from usecases.cli import orders

    say = orders._say

    def watched(line):
        say(line)
        if line.removeprefix("  · ").startswith(beginning):
            os.kill(os.getpid(), signal.SIGKILL)

    orders._say = watched


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "--kill-at":
        _kill_at(words[1])
        words = words[2:]
    usecases.discover = small_discover
    sys.argv = ["aune", *words]
    from usecases.cli import main

    main()
