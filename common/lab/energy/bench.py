"""Where and how something is timed: the protocol, the bench and one timed window."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.edge.errors import AuneError, MeterError, UsageError
from common.lab.energy.carbon import FRANCE_2023, SMALL_SERVER, Embodied, Factor
from common.lab.energy.hardware import ROOT, Activity, Machine, activity, identify
from common.lab.energy.meters import (
    Clock,
    CodeCarbonMeter,
    Meter,
    PeakMemory,
    ProcessClock,
    Reading,
    Span,
)
from common.lab.energy.rapl import RaplMeter

__all__ = ["FULL", "QUICK", "Bench", "Pass", "Protocol", "Window"]


@dataclass(frozen=True)
class Protocol:
    """How often and how long something is measured.

    Parameters
    ----------
    name
        Printed with the figures.
    warm_up_calls, blocks, min_cpu_seconds_per_block
        Inference and explanation: calls before the first block, number of blocks, and the CPU time
        for which each loops.
    repetitions, long_repetitions
        Training: repetitions, and those of a training over five minutes.
    codecarbon
        Whether CodeCarbon reads along.
    calibration_units
        Units of the calibration kernel before and after; 0 for none.
    """

    name: str = "custom"
    warm_up_calls: int = 0
    blocks: int = 1
    min_cpu_seconds_per_block: float = 0.0
    repetitions: int = 1
    long_repetitions: int = 1
    codecarbon: bool = True
    calibration_units: int = 0

    def __post_init__(self) -> None:
        if min(self.blocks, self.repetitions, self.long_repetitions) < 1:
            raise UsageError(f"protocol {self.name}", expected="1 or more blocks and repetitions")
        if min(self.warm_up_calls, self.min_cpu_seconds_per_block, self.calibration_units) < 0:
            raise UsageError(f"protocol {self.name}", expected="no negative count or duration")

    def is_full(self, stage: str) -> bool:
        """Tell whether it is the whole protocol of the brief (2.5.4) for this stage."""
        if stage == "train":
            return self.repetitions >= 5 and self.long_repetitions >= 3
        return (
            self.warm_up_calls >= 5 and self.blocks >= 7 and self.min_cpu_seconds_per_block >= 5.0
        )


QUICK = Protocol("quick", warm_up_calls=1, min_cpu_seconds_per_block=0.2)
"""One pass: ``quality: low``, no comparison drawn."""

FULL = Protocol(
    "full",
    warm_up_calls=5,
    blocks=7,
    min_cpu_seconds_per_block=5.0,
    repetitions=5,
    long_repetitions=3,
    calibration_units=30,
)
"""The whole protocol in tier C; shorten with ``dataclasses.replace(FULL, ...)``: never `high`."""


@dataclass(frozen=True)
class Bench:
    """Where things are measured: machine, clock, meters and the constants of CO2.

    Parameters
    ----------
    machine, clock
        Identity of the machine and source of time.
    counters
        Wattmeters and counters, best first; the first that passes all checks gives the figure.
    codecarbon
        The meter that reads along.
    factor, embodied
        Emission factor and embodied share.
    idle_watts
        Measured idle power before and after, W; the net energy is then kept beside the gross one.
    root
        Root of ``/proc`` and ``/sys``.
    """

    machine: Machine
    clock: Clock = field(default_factory=ProcessClock)
    counters: tuple[Meter, ...] = ()
    codecarbon: Meter | None = None
    factor: Factor = FRANCE_2023
    embodied: Embodied = SMALL_SERVER
    idle_watts: tuple[float, float] | None = None
    root: Path = ROOT

    def __post_init__(self) -> None:
        if self.idle_watts is None:
            return
        before, after = self.idle_watts
        if min(before, after) <= 0 or abs(after / before - 1) > 0.05:
            raise MeterError(
                f"idle power {before:g} W before, {after:g} W after",
                expected="positive, at most 5 % apart (briefs/frugality.md 2.5.3)",
                remedy="let the machine rest and measure idle again for 60 s or more",
            )

    @classmethod
    def here(cls) -> "Bench":
        """Return the bench of this machine: RAPL on bare metal, CodeCarbon beside."""
        machine = identify()
        rapl = RaplMeter()
        counters: tuple[Meter, ...] = () if machine.virtual or rapl.unavailable else (rapl,)
        return cls(machine, counters=counters, codecarbon=CodeCarbonMeter(FRANCE_2023.value))


@dataclass(frozen=True)
class Pass:
    """One timed window.

    Parameters
    ----------
    span, calls
        Time in total, and over how many calls of the work.
    peak_mib, peak_scope
        Highest resident memory, of the ``stage`` or of the whole ``process`` so far.
    activity
        CPU time of the whole machine before and after.
    readings
        By meter: what it read, or why not.
    """

    span: Span
    calls: int
    peak_mib: float
    peak_scope: str
    activity: tuple[Activity | None, Activity | None]
    readings: Mapping[str, Reading | str]


class Window:
    """Start all meters, then the clock; stop the clock, then all meters."""

    def __init__(self, bench: Bench, protocol: Protocol) -> None:
        self._bench = bench
        beside = (bench.codecarbon,) if protocol.codecarbon and bench.codecarbon else ()
        self._meters: tuple[Meter, ...] = (*beside, *bench.counters)
        self._refusals: dict[str, str] = {}
        self._memory = PeakMemory()

    def __enter__(self) -> "Window":
        for meter in self._meters:
            try:
                meter.start()
            except AuneError as error:
                self._refusals[meter.name] = error.found
        self._memory.reset()
        self._activity = activity(self._bench.root)
        clock = self._bench.clock
        self._wall = clock.wall_seconds()
        self._cpu = clock.living_cpu_seconds()  # costs CPU itself, so it stays out of the window
        self._cpu += clock.cpu_seconds()
        return self

    def __exit__(self, *exception: object) -> None:
        clock = self._bench.clock
        cpu, wall = clock.cpu_seconds(), clock.wall_seconds()
        cpu += clock.living_cpu_seconds()
        self.span = Span(max(cpu - self._cpu, 0.0), max(wall - self._wall, 0.0))
        self._activity_after = activity(self._bench.root)
        self._readings: dict[str, Reading | str] = dict(self._refusals)
        for meter in self._meters:
            if meter.name in self._refusals:
                continue
            try:
                self._readings[meter.name] = meter.stop(self.span)
            except AuneError as error:
                self._readings[meter.name] = error.found

    def result(self, calls: int) -> Pass:
        """Return what was read over ``calls`` calls."""
        span = (self._activity, self._activity_after)
        return Pass(self.span, calls, self._memory.mib(), self._memory.scope, span, self._readings)
