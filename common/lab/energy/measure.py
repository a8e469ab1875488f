"""Measure what a piece of work consumes: CPU time first, then energy with its tier and interval.

The protocol is that of ``briefs/frugality.md`` 2.5. CPU-seconds per 1,000 predictions is the
primary comparable figure; joules come from the best meter that passes its checks, and from CPU
time by a documented interval of watts per core otherwise (tier C, without idle subtraction).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import repeat

from common.edge.errors import UsageError
from common.lab.energy.bench import FULL, QUICK, Bench, Pass, Protocol, Window
from common.lab.energy.calibration import MAX_DRIFT, Calibration, calibration_index, drift
from common.lab.energy.carbon import FRANCE_2023
from common.lab.energy.footprint import Subject, build
from common.lab.energy.meters import Clock
from common.lab.record import Footprint, Tier

__all__ = ["Metered", "calibrated", "declared", "interleave", "measure", "metered"]

Work = Callable[[], object]

LONG_TRAINING_SECONDS = 300.0
"""Above five minutes a training is repeated three times, not five (2.5.4)."""

DECLARED_SPREAD = 1.5  # briefs/frugality.md 3.1, level 3


class Metered:
    """What `metered` hands out: set ``predictions`` inside, read ``footprint`` after."""

    def __init__(self, predictions: int) -> None:
        self.predictions = predictions
        self._footprint: Footprint | None = None

    @property
    def footprint(self) -> Footprint:
        """Return the footprint of the block; raise `UsageError` while it still runs."""
        if self._footprint is None:
            raise UsageError(
                "the measured block has not ended well",
                expected="meter.footprint read after the with block",
            )
        return self._footprint


def measure(
    work: Work,
    *,
    stage: str,
    predictions: int = 0,
    protocol: Protocol = QUICK,
    bench: Bench | None = None,
) -> Footprint:
    """Measure one piece of work; the figures are those of one call.

    Parameters
    ----------
    work
        Called without argument, repeatedly: it must leave nothing behind.
    stage
        ``train``, ``predict_1``, ``predict_1000`` or ``explain``. A training is repeated call by
        call; anything else is looped in blocks.
    predictions
        Rows that one call predicts, 0 for training.
    protocol
        `QUICK`, `FULL` or one of your own.
    bench
        Where; this machine when not given.

    Returns
    -------
    Footprint
        With a positive interval, or flagged ``below_resolution``.

    Raises
    ------
    UsageError
        Negative predictions.
    """
    name = "work"
    works = {name: work}
    return interleave(works, stage=stage, predictions=predictions, protocol=protocol, bench=bench)[
        name
    ]


def interleave(
    works: Mapping[str, Work],
    *,
    stage: str,
    predictions: int = 0,
    protocol: Protocol = FULL,
    bench: Bench | None = None,
) -> dict[str, Footprint]:
    """Measure several pieces of work in turns, A B A B, so that noise hits all alike.

    Parameters and errors are those of `measure`; ``works`` maps names to work.
    """
    if predictions < 0:
        raise UsageError(f"{predictions} predictions", expected="0 or more")
    bench = bench or Bench.here()
    units = protocol.calibration_units
    before = calibration_index(units, bench.clock) if units else None
    passes = (
        _training(works, protocol, bench) if stage == "train" else _loops(works, protocol, bench)
    )
    subject = Subject(stage, predictions, protocol, bench)
    footprints = {name: build(passes[name], subject) for name in works}
    if before is None:
        return footprints
    after = calibration_index(units, bench.clock)
    return {name: calibrated(each, before, after) for name, each in footprints.items()}


@contextmanager
def metered(
    stage: str,
    *,
    predictions: int = 0,
    protocol: Protocol = QUICK,
    bench: Bench | None = None,
) -> Iterator[Metered]:
    """Measure a block that must not run twice, once (``quality: low``).

    Examples
    --------
    >>> with metered("train", protocol=Protocol(codecarbon=False)) as meter:
    ...     total = sum(range(200_000))
    >>> meter.footprint.tier, meter.footprint.quality, meter.footprint.kwh_central > 0
    ('C_model', 'low', True)
    """
    bench = bench or Bench.here()
    handle = Metered(predictions)
    window = Window(bench, protocol)
    with window:
        yield handle
    subject = Subject(stage, handle.predictions, protocol, bench)
    handle._footprint = build([window.result(1)], subject)


def calibrated(footprint: Footprint, before: Calibration, after: Calibration) -> Footprint:
    """Add the calibration index to a footprint, and close the noise gate if it drifted.

    ``ref_cpu_seconds = cpu_seconds x k`` with the mean k of both; over 10 % apart, the footprint
    is flagged ``calibration_drift`` and its quality is ``low``: no comparison (2.5.2).
    """
    apart = drift(before, after)
    k = (before.k + after.k) / 2
    conditions = dict(footprint.conditions) | {
        "calibration_k": k,
        "calibration_drift": apart,
        "calibration_kernel": before.kernel,
        "ref_cpu_seconds": footprint.cpu_seconds * k,
    }
    if apart <= MAX_DRIFT:
        return replace(footprint, conditions=conditions)
    conditions["flags"] = sorted({*conditions.get("flags", ()), "calibration_drift"})
    return replace(footprint, conditions=conditions, quality="low")


def declared(
    kwh: float | None,
    *,
    stage: str,
    method: str = "",
    predictions: int = 0,
    hardware: str = "non renseigné",
) -> Footprint:
    """Return the footprint of a figure that somebody else states, in the tier it deserves.

    With a method: ``D_declared`` and the interval [1, 1.5] of ``briefs/frugality.md`` 3.1. Without:
    ``E_bare``. Nothing at all: ``F_none``, with zeros that no page prints.

    Examples
    --------
    >>> declared(0.002, stage="predict_1000", predictions=1000).tier
    'E_bare'
    """
    if kwh is not None and not (math.isfinite(kwh) and kwh > 0):
        raise UsageError(f"declared energy {kwh} kWh", expected="a positive number, or None")
    tier: Tier = "F_none" if kwh is None else "D_declared" if method else "E_bare"
    value = kwh or 0.0
    interval = (value, value, value * DECLARED_SPREAD)
    return Footprint(
        stage=stage,
        cpu_seconds=0.0,
        wall_seconds=0.0,
        peak_rss_mib=0.0,
        kwh_low=interval[0],
        kwh_central=interval[1],
        kwh_high=interval[2],
        tier=tier,
        hardware=hardware,
        repetitions=0,
        cv=0.0,
        quality="low",
        predictions=predictions,
        factor=FRANCE_2023.record(),
        co2_use_g=FRANCE_2023.grams(interval),
        conditions={"method": method, "flags": ["declared"], "cpu_seconds_known": False},
    )


def _training(works: Mapping[str, Work], protocol: Protocol, bench: Bench) -> dict[str, list[Pass]]:
    """Run each training in turns, whole, as often as its length asks for."""
    passes: dict[str, list[Pass]] = {name: [] for name in works}
    for turn in range(max(protocol.repetitions, protocol.long_repetitions)):
        for name, work in works.items():
            is_long = bool(passes[name]) and (
                passes[name][0].span.wall_seconds >= LONG_TRAINING_SECONDS
            )
            if turn < (protocol.long_repetitions if is_long else protocol.repetitions):
                with Window(bench, protocol) as window:
                    work()
                passes[name].append(window.result(1))
    return passes


def _loops(works: Mapping[str, Work], protocol: Protocol, bench: Bench) -> dict[str, list[Pass]]:
    """Warm every work up, then loop each in turns for one block."""
    for work in works.values():
        for _ in repeat(None, protocol.warm_up_calls):
            work()
    passes: dict[str, list[Pass]] = {name: [] for name in works}
    for _ in range(protocol.blocks):
        for name, work in works.items():
            with Window(bench, protocol) as window:
                calls = _loop(work, protocol.min_cpu_seconds_per_block, bench.clock)
            passes[name].append(window.result(calls))
    return passes


def _loop(work: Work, min_cpu_seconds: float, clock: Clock) -> int:
    """Call ``work`` until it has used that CPU time, reading the clock ever more rarely.

    Work that waits more than it computes ends after ten times that in wall time.
    """
    cpu_start, wall_start = clock.cpu_seconds(), clock.wall_seconds()
    calls, batch = 0, 1
    while True:
        for _ in repeat(None, batch):
            work()
        calls += batch
        used = clock.cpu_seconds() - cpu_start
        waited = clock.wall_seconds() - wall_start
        if used >= min_cpu_seconds or waited >= 10 * min_cpu_seconds:
            return calls
        remaining = math.ceil((min_cpu_seconds - used) * calls / used) if used > 0 else 2 * calls
        batch = max(1, min(calls, remaining))
