"""Time our graph's prediction with reasons against LightGBM's own.

``python -m benchmarks.speed.explain_speed`` trains two models on seeded random data (30
features, 120 trees of 15 leaves: one additive with ten pairs, one free) and prints, for
1 line, one meter-day (24 lines) and 1,000 lines, the process CPU time of

* LightGBM: ``predict`` and then ``predict(pred_contrib=True)``, one thread;
* our graph in onnxruntime, one thread: both in one call;

their ratio, and the sizes of the files. Process CPU time is taken because preemption by
other programs hardly changes it; of several repetitions the least disturbed (the lowest)
counts. LightGBM's contributions are path-dependent Shapley values; ours are
interventional ones for the additive model and path contributions for the free one.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx
    from lightgbm import Booster

__all__ = ["Timing", "main", "measure"]

N_FEATURES, N_ROWS, N_TREES, N_LEAVES, N_PAIRS = 30, 20_000, 120, 15, 10
LINES = (1, 24, 1_000)


@dataclass(frozen=True)
class Timing:
    """Process CPU time of one call, in milliseconds, by both engines."""

    model: str
    lines: int
    lightgbm_ms: float
    graph_ms: float

    @property
    def ratio(self) -> float:
        """How many times less our graph takes."""
        return self.lightgbm_ms / self.graph_ms

    def __str__(self) -> str:
        return (
            f"{self.model:9s} {self.lines:6d} {self.lightgbm_ms:13.3f} {self.graph_ms:10.4f} "
            f"{self.ratio:8.0f}x"
        )


def cpu_ms(call: Callable[[], object], budget_s: float = 0.4) -> float:
    """Return the lowest process CPU time of one call, in ms, over five repetitions."""
    call()
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-6)
    repeats = max(1, int(budget_s / 5 / once))
    times = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(repeats):
            call()
        times.append((time.process_time() - start) / repeats)
    return 1000 * min(times)


def measure(
    name: str, booster: "Booster", model: "onnx.ModelProto", X: npt.NDArray[np.float32]
) -> list[Timing]:
    """Time both engines for each number of lines in ``LINES``."""
    from common.lab.graph.parity import open_session

    session = open_session(model)
    rows = []
    for lines in LINES:
        part = X[:lines].copy()

        def native(part: npt.NDArray[np.float32] = part) -> None:
            booster.predict(part, num_threads=1)
            booster.predict(part, pred_contrib=True, num_threads=1)

        def ours(part: npt.NDArray[np.float32] = part) -> None:
            session.run(None, {"X": part})

        rows.append(Timing(name, lines, cpu_ms(native), cpu_ms(ours)))
    return rows


def _data() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(20261123)
    X = rng.normal(size=(N_ROWS, N_FEATURES)).astype(np.float32)
    signal = np.sin(X).sum(axis=1) + sum(X[:, 2 * k] * X[:, 2 * k + 1] for k in range(N_PAIRS))
    return X, signal + rng.normal(0.0, 0.5, N_ROWS)


def _train(X: npt.NDArray[np.float32], y: npt.NDArray[np.float64], *, additive: bool) -> "Booster":
    import lightgbm

    groups = [[j] for j in range(N_FEATURES)] + [[2 * k, 2 * k + 1] for k in range(N_PAIRS)]
    parameters = {
        "num_leaves": N_LEAVES,
        "max_bin": 63,
        "learning_rate": 0.1,
        "num_threads": 1,
        "verbosity": -1,
        "seed": 1,
        **({"interaction_constraints": groups} if additive else {}),
    }
    return lightgbm.train(parameters, lightgbm.Dataset(X, y), N_TREES)


def main() -> None:
    """Train, export, time and print."""
    from common.lab.graph.additive import compile_lightgbm
    from common.lab.graph.heads import TreeHead

    X, y = _data()
    names = tuple(f"x{j}" for j in range(N_FEATURES))
    additive, free = _train(X, y, additive=True), _train(X, y, additive=False)
    exports = [
        ("additive", additive, compile_lightgbm([additive], X).to_onnx()),
        ("free", free, TreeHead.of([free], names).to_onnx()),
    ]
    sys.stdout.write("model      lines   LightGBM ms   graph ms    ratio\n")
    for name, booster, model in exports:
        for row in measure(name, booster, model, X):
            sys.stdout.write(f"{row}\n")
    plain = TreeHead.of([free], names, explain=False).to_onnx()
    for title, model in [(e[0], e[2]) for e in exports] + [("free, prediction only", plain)]:
        sys.stdout.write(f"{title}: {len(model.SerializeToString()) / 1000:.1f} kB\n")


if __name__ == "__main__":
    main()
