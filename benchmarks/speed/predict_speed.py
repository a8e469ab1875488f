"""Time one graph against the usual way: features in numpy, LightGBM, contributions.

``python -m benchmarks.speed.predict_speed`` takes the day-ahead electricity forecast on simulated
meters and prints, for one meter-day (24 values) and for 46 meter-days, the process CPU time of

* the usual way: the same features in numpy, ``predict`` and ``predict(pred_contrib=True)`` of
  an unconstrained LightGBM model of as many trees as the additive model, one thread, without
  an interval;
* our graph in onnxruntime, one thread: features, prediction, interval and contributions.

Process CPU time hardly changes by preemption; of several repetitions the lowest counts.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.speed.explain_speed import cpu_ms
from common.lab.usecase import Array, Period, Task, Training

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["Timing", "main", "measure"]

FIT = Period(date(2020, 1, 1), date(2021, 1, 1))
ASKED = Period(date(2021, 1, 11), date(2021, 1, 21))
ROWS = (1, 46)
N_TREES = 200
"""Rounds of the additive rung (``usecases/building_energy/model.py``)."""


@dataclass(frozen=True)
class Timing:
    """Process CPU time of one call, in milliseconds, by the usual way and by our graph."""

    meter_days: int
    features_ms: float
    predict_ms: float
    contributions_ms: float
    graph_ms: float

    @property
    def usual_ms(self) -> float:
        """The usual way as a whole."""
        return self.features_ms + self.predict_ms + self.contributions_ms

    @property
    def ratio(self) -> float:
        """How many times less our graph takes."""
        return self.usual_ms / self.graph_ms

    def __str__(self) -> str:
        return (
            f"{self.meter_days:10d} {self.features_ms:11.3f} {self.predict_ms:10.3f} "
            f"{self.contributions_ms:16.3f} {self.graph_ms:9.3f} {self.ratio:6.0f}x"
        )


def measure(
    task: Task, booster: "Booster", model: bytes, inputs: Mapping[str, Array], budget_s: float
) -> list[Timing]:
    """Time both ways for each number of meter-days in ``ROWS``.

    Parameters
    ----------
    task, booster
        The features in numpy and the model behind them.
    model
        Our graph.
    inputs
        Raw inputs, at least ``max(ROWS)`` rows.
    budget_s
        CPU-seconds spent on each figure.
    """
    from common.lab import graph

    session = graph.session(model)
    taken = [node.name for node in session.get_inputs()]
    timings = []
    for rows in ROWS:
        part = {name: np.ascontiguousarray(inputs[name][:rows]) for name in taken}
        X = matrix_of(task, part)
        calls = (
            lambda part=part: matrix_of(task, part),
            lambda X=X: booster.predict(X, num_threads=1),
            lambda X=X: booster.predict(X, pred_contrib=True, num_threads=1),
            lambda part=part: session.run(None, part),
        )
        timings.append(Timing(rows, *(cpu_ms(call, budget_s) for call in calls)))
    return timings


def matrix_of(task: Task, inputs: Mapping[str, Array]) -> Array:
    """Return the task's features in numpy, one line per hour."""
    columns = task.features(np, inputs).columns
    n_rows = len(next(iter(inputs.values())))
    shape = (n_rows, 1, int(task.outputs[0].shape[1]))
    hourly = [np.broadcast_to(columns[term.name], shape) for term in task.terms]
    matrix: Array = np.concatenate(hourly, axis=1).transpose(0, 2, 1).reshape(-1, len(hourly))
    return matrix


def prepared() -> tuple[Task, Training, dict[str, Array]]:
    """Return the task, training lines and rows to ask for, all simulated."""
    from common.lab import graph
    from usecases import discover

    usecase = discover()["building_energy"]
    task = usecase.tasks[0]
    dataset = usecase.simulate(task, 1)
    asked = task.examples(dataset, ASKED)
    inputs = dict(asked.inputs)
    for item in task.inputs:
        if item.default is not None:
            inputs[item.name] = np.repeat(item.default[None], len(asked), axis=0)
    return task, graph.training(task, task.examples(dataset, FIT), 0), inputs


def free_booster(training: Training) -> "Booster":
    """Return the usual model: as many trees, of 31 leaves, without constraints."""
    import lightgbm

    settings = {"num_threads": 1, "verbosity": -1, "seed": 1, "learning_rate": 0.08}
    data = lightgbm.Dataset(training.matrix, training.target, weight=training.weight)
    return lightgbm.train(settings, data, N_TREES)


def _additive(task: Task, training: Training) -> bytes:
    from common.lab import graph

    rung = next(rung for rung in task.rungs if rung.name == "additive")
    fitted = rung.fit(training)
    model: bytes = graph.assemble(task, rung, fitted).SerializeToString()
    return model


def main(arguments: list[str] | None = None) -> None:
    """Train, export, time and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=2.0, help="CPU-seconds per figure")
    budget_s: float = parser.parse_args(arguments).budget
    task, training, inputs = prepared()
    model = _additive(task, training)
    booster = free_booster(training)
    sys.stdout.write("SIMULATED meters; process CPU time, one thread, ms\n")
    sys.stdout.write("meter-days    features    predict    contributions     graph   ratio\n")
    for timing in measure(task, booster, model, inputs, budget_s):
        sys.stdout.write(f"{timing}\n")
    text: str = booster.model_to_string()
    sys.stdout.write(
        f"our graph, all in: {len(model) / 1000:.0f} kB; LightGBM's file of {N_TREES} trees, "
        f"without features: {len(text) / 1000:.0f} kB\n"
    )


if __name__ == "__main__":
    main()
