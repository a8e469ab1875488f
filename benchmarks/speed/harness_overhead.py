"""Measure what the harness costs beside plain training.

``python -m benchmarks.speed.harness_overhead`` carries the electricity ladder (global rungs,
simulated meters) through ``harness.run`` in a fresh folder and prints the process CPU time, each
second counted once, of

* plain work, which a script written by hand does too: examples, features, fits, predictions
  and the metrics on the test period;
* deliberate extras: intervals by bootstrap, choice of the rung, energy repetitions, parity
  gate, export of the graphs, digests of data and code;
* the rest, which is the harness itself (goal: at most 2 % of plain work).

All parts come from one run, so that no two runs are compared across a shared machine's noise.
"""

import importlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common.lab.usecase import Task

__all__ = ["Stopwatch", "main"]

EXTRAS = {
    "common.lab.harness.choose": "choice of the rung",
    "common.lab.scoring.scores": "metrics with intervals",
    "common.lab.scoring.slices": "slices",
    "common.lab.scoring.paired_wins": "paired wins",
    "common.lab.scoring.explanation": "explanation",
    "common.lab.cost.footprints": "energy repetitions",
    "common.lab.candidate._seam_parity": "parity gate",
    "common.lab.graph.assemble": "export of graphs",
    "common.lab.candidate.code_digest": "digest of the code",
    "common.lab.candidate.lock_digest": "digest of the lock",
    "common.lab.harness.environment": "record of the environment",
}
PLAIN = {
    "common.lab.graph.training": "features",
    "common.lab.graph.run": "predictions",
}
GOAL_PERCENT = 2.0


class Stopwatch:
    """Process CPU time by name; a part inside a part counts only for itself."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._running: list[float] = []

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``call`` with its own CPU seconds added under ``name``."""

        def wrapped(*args: Any, **named: Any) -> Any:
            start = time.process_time()
            self._running.append(0.0)
            try:
                return call(*args, **named)
            finally:
                spent = time.process_time() - start
                self.seconds[name] += spent - self._running.pop()
                if self._running:
                    self._running[-1] += spent

        return wrapped


def timed_task(task: Task, watch: Stopwatch) -> Task:
    """Return the task with its global rungs; examples and fits timed."""
    rungs = tuple(
        replace(rung, fit=watch.timed("fits", rung.fit))
        for rung in task.rungs
        if rung.scope == "global"
    )
    examples = watch.timed("examples", task.examples)
    return replace(task, rungs=rungs, examples=examples, tracks=())


def measured(watch: Stopwatch) -> float:
    """Run the harness with its parts timed; return its whole CPU time in seconds."""
    from common.lab import harness
    from usecases import discover

    usecase = discover()["building_energy"]
    dataset = usecase.simulate(usecase.tasks[0], 1)
    task = timed_task(usecase.tasks[0], watch)
    patches = []
    for place, name in {**EXTRAS, **PLAIN}.items():
        module, _, function = place.rpartition(".")
        call = getattr(importlib.import_module(module), function)
        patches.append(patch(place, watch.timed(name, call)))
    with tempfile.TemporaryDirectory() as folder:
        for item in patches:
            item.start()
        start = time.process_time()
        harness.run(usecase, task, dataset, harness.Options(out=Path(folder)))
        whole = time.process_time() - start
        for item in patches:
            item.stop()
    return whole


def main() -> None:
    """Run, time and print."""
    watch = Stopwatch()
    whole = measured(watch)
    extras = {name: watch.seconds[name] for name in EXTRAS.values()}
    plain = {name: s for name, s in watch.seconds.items() if name not in extras}
    rest = whole - sum(extras.values()) - sum(plain.values())
    base = sum(plain.values())
    for title, parts in (("plain work", plain), ("extras", extras), ("harness", {"rest": rest})):
        total = sum(parts.values())
        sys.stdout.write(f"{title:30s} {total:8.2f} s {100 * total / base:7.1f} %\n")
        for name, seconds in sorted(parts.items(), key=lambda part: -part[1]):
            sys.stdout.write(f"  {name:28s} {seconds:8.2f} s {100 * seconds / base:7.1f} %\n")
    sys.stdout.write(f"goal: harness at most {GOAL_PERCENT:.0f} % of plain work\n")


if __name__ == "__main__":
    main()
