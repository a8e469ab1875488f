"""Run the graph without any server: what is left of a request when all else costs nothing.

``python -m benchmarks.serving.alone FOLDER ROWS SECONDS`` prints the number of calls, their wall
time and their CPU-seconds as JSON. In a run of the bench it is also the yardstick of the machine:
where it takes twice as long as on a quiet one, so does everything else.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.model import INPUT, Built
from benchmarks.serving.stands import Truth

__all__ = ["ALONE", "calls"]

ALONE = ("graph", "alone")
"""What stands for server and protocol in the record."""


def calls(built: Built, rows: int, seconds: float) -> tuple[int, float, float]:
    """Call onnxruntime for some seconds; return calls, wall seconds and CPU-seconds."""
    truth = Truth.of(built)
    asked = [truth.asked(number, rows) for number in range(truth.count(rows))]
    run, count = truth.session.run, 0
    run(None, {INPUT: asked[0]})
    start, start_cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        run(None, {INPUT: asked[count % len(asked)]})
        count += 1
    return count, time.perf_counter() - start, time.process_time() - start_cpu


def main(words: Sequence[str]) -> None:
    """Call and print."""
    folder, rows, seconds = words
    sys.stdout.write(json.dumps(calls(Built(Path(folder)), int(rows), float(seconds))))


if __name__ == "__main__":
    main(sys.argv[1:])
