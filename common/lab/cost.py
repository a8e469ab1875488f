"""What each rung of a run costs: its fit, its predictions, one at a time and by thousands."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle, islice

import numpy as np

from common.lab import energy, graph
from common.lab.candidate import Bench
from common.lab.record import Footprint
from common.lab.scoring import Predicted
from common.lab.usecase import Array, Rung

__all__ = ["footprints"]

BATCHES = {"predict_1": 1, "predict_1000": 1000}


def footprints(
    bench: Bench, final: Predicted, chosen: str, *, full: bool
) -> dict[str, dict[str, Footprint]]:
    """Measure every rung once, and the chosen one and its neighbours by the full protocol.

    Parameters
    ----------
    bench, final
        What was fitted and predicted.
    chosen
        The rung that ships.
    full
        Whether to run the repetitions of ``briefs/frugality.md`` 2.5.
    """
    measured = {
        rung.name: {"train": final.candidates[rung.name].train}
        | {
            stage: energy.measure(work, stage=stage, predictions=size)
            for stage, size, work in _predictions(bench, final, rung)
        }
        for rung in bench.task.rungs
    }
    if full:
        for name, stages in _full(bench, final, chosen).items():
            measured[name] |= stages
    return measured


def _full(bench: Bench, final: Predicted, chosen: str) -> dict[str, dict[str, Footprint]]:
    """Run the whole protocol on the chosen rung and its neighbours, interleaved."""
    rungs = _neighbours(bench.task.rungs, chosen)
    period, _ = bench.task.split.final()
    stages: dict[str, dict[str, Footprint]] = {rung.name: {} for rung in rungs}
    for rung in rungs:
        bench.report(f"énergie, protocole complet : {rung.title}")
        stages[rung.name]["train"] = energy.measure(
            bench.fitting(rung, period), stage="train", protocol=energy.FULL
        )
    for stage, size in BATCHES.items():
        works = {rung.name: _work(final, rung, bench, size) for rung in rungs}
        compared = energy.interleave(works, stage=stage, predictions=size, protocol=energy.FULL)
        for name, footprint in compared.items():
            stages[name][stage] = footprint
    return stages


def _neighbours(rungs: tuple[Rung, ...], chosen: str) -> list[Rung]:
    place = [rung.name for rung in rungs].index(chosen)
    return list(rungs[max(place - 1, 0) : place + 2])


def _predictions(
    bench: Bench, final: Predicted, rung: Rung
) -> list[tuple[str, int, Callable[[], object]]]:
    return [(stage, size, _work(final, rung, bench, size)) for stage, size in BATCHES.items()]


def _work(final: Predicted, rung: Rung, bench: Bench, size: int) -> Callable[[], object]:
    """Return a call that predicts ``size`` rows of the test period with its explanation."""
    rows = np.array(list(islice(cycle(range(len(final.examples))), size)))
    examples = final.examples.take(rows)
    inputs = bench.inputs(rung, examples)
    opened = graph.session(final.candidates[rung.name].model)
    taken = [node.name for node in opened.get_inputs()]
    feed: Mapping[str, Array] = {name: np.ascontiguousarray(inputs[name]) for name in taken}
    return partial(opened.run, None, feed)
