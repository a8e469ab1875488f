"""From timed passes to a Footprint: statistics, evidence tier, interval, CO2 and quality."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from common.lab.energy.bench import Bench, Pass, Protocol
from common.lab.energy.carbon import RAM_WATTS_PER_GIB
from common.lab.energy.hardware import BUSY_LOAD_PER_CORE, circumstances
from common.lab.energy.meters import JOULES_PER_KWH, Meter, Reading
from common.lab.record import Footprint, Tier

__all__ = ["RESOLUTION_SECONDS", "Subject", "build"]

Interval = tuple[float, float, float]

SHORTEST_COUNTER_SECONDS = 60.0
"""Wall time below which no counter of the whole machine gives the figure (MLPerf Power; 2.5.4)."""

COUNTER_SPREAD = 0.10
"""Half-width given to a counter or wattmeter: the ±10 % aimed at in goal M1."""

RESOLUTION_SECONDS = 2e-6
"""CPU time that reading the clock costs; work below it is reported as *at most* this."""

HIGH_CV, MEDIUM_CV = 0.05, 0.10
_BOUNDARY = "processor only; memory on its own line; no disk, network, screen or power supply"


@dataclass(frozen=True)
class Subject:
    """What was measured, how and where.

    Parameters
    ----------
    stage, predictions
        As in `Footprint`.
    protocol, bench
        As in `common.lab.energy.bench`.
    """

    stage: str
    predictions: int
    protocol: Protocol
    bench: Bench


def build(passes: list[Pass], subject: Subject) -> Footprint:
    """Return the footprint of one call from the passes that timed it."""
    bench = subject.bench
    per_call = [each.span.cpu_seconds / each.calls for each in passes]
    cpu_seconds = statistics.median(per_call)
    conditions = _conditions(passes, subject)
    if cpu_seconds < RESOLUTION_SECONDS:
        cpu_seconds = RESOLUTION_SECONDS
        conditions["flags"] = sorted([*conditions["flags"], "below_resolution"])
    cv = _variation(per_call)
    cpu_low, cpu_high = _bootstrap(per_call)
    cpu = (max(cpu_low, RESOLUTION_SECONDS), cpu_seconds, max(cpu_high, cpu_seconds))
    conditions["cpu_seconds_interval"] = [cpu[0], cpu[2]]
    tier, kwh = _energy(passes, cpu, conditions, bench)
    return Footprint(
        stage=subject.stage,
        cpu_seconds=cpu_seconds,
        wall_seconds=statistics.median(each.span.wall_seconds / each.calls for each in passes),
        peak_rss_mib=max(each.peak_mib for each in passes),
        kwh_low=kwh[0],
        kwh_central=kwh[1],
        kwh_high=kwh[2],
        tier=tier,
        hardware=bench.machine.label,
        repetitions=len(passes),
        cv=cv,
        quality=_quality(len(passes), cv, conditions),
        predictions=subject.predictions,
        factor=bench.factor.record(),
        co2_use_g=bench.factor.grams(kwh),
        co2_embodied_g=bench.embodied.grams(cpu_seconds),
        meters=_meters(passes, bench),
        conditions=conditions,
    )


def _conditions(passes: list[Pass], subject: Subject) -> dict[str, Any]:
    """Return the preconditions, the protocol used and the boundary, as plain JSON."""
    protocol = subject.protocol
    cpu = sum(each.span.cpu_seconds for each in passes)
    wall = sum(each.span.wall_seconds for each in passes)
    bench = subject.bench
    least = 0.0 if subject.stage == "train" else protocol.min_cpu_seconds_per_block
    long_enough = all(each.span.cpu_seconds >= least for each in passes)
    found = circumstances(
        bench.machine, [each.activity for each in passes], cpu, wall, root=bench.root
    )
    return found | {
        "protocol": protocol.name,
        "protocol_is_full": protocol.is_full(subject.stage) and long_enough,
        "min_cpu_seconds_per_block": protocol.min_cpu_seconds_per_block,
        "calls": [each.calls for each in passes],
        "timed_cpu_seconds": cpu,
        "timed_wall_seconds": wall,
        "peak_rss_scope": passes[0].peak_scope,
        "boundary": _BOUNDARY,
        "embodied": bench.embodied.record(),
    }


def _energy(
    passes: list[Pass], cpu: Interval, conditions: dict[str, Any], bench: Bench
) -> tuple[Tier, Interval]:
    """Return tier and kWh of one call: the first counter that may be believed, or tier C."""
    refused: dict[str, str] = {}
    for meter in bench.counters:
        reason = _distrust(meter, passes, conditions, bench)
        if not reason:
            conditions["tier_refused"] = refused
            return meter.tier, _counted(meter, passes, bench)
        refused[meter.name] = reason
    conditions["tier_refused"] = refused
    conditions["watts_per_core"] = list(bench.machine.watts_per_core)
    conditions["watts_source"] = bench.machine.watts_source
    low, central, high = (
        seconds * watts / JOULES_PER_KWH
        for seconds, watts in zip(cpu, bench.machine.watts_per_core, strict=True)
    )
    return "C_model", (low, central, high)


def _distrust(meter: Meter, passes: list[Pass], conditions: Mapping[str, Any], bench: Bench) -> str:
    """Return why a counter of the whole machine does not give the figure, or nothing."""
    if bench.machine.virtual:
        return "a virtual machine: the counter is not its own"
    for each in passes:
        reading = each.readings.get(meter.name, "not read")
        if isinstance(reading, str):
            return reading
    wall_seconds = conditions["timed_wall_seconds"]
    if wall_seconds < SHORTEST_COUNTER_SECONDS:
        return f"{wall_seconds:.1f} s timed, {SHORTEST_COUNTER_SECONDS:.0f} s needed"
    outside = conditions["outside_load_per_core"]
    if outside is None or outside > BUSY_LOAD_PER_CORE:
        return f"load of others per core {outside}, at most {BUSY_LOAD_PER_CORE} allowed"
    return ""


def _counted(meter: Meter, passes: list[Pass], bench: Bench) -> Interval:
    """Return kWh a call from a counter: gross, with ±10 %, down to net of idle if known."""
    joules = [_joules(each, meter.name) / each.calls for each in passes]
    low, high = _bootstrap(joules)
    if bench.idle_watts is not None:
        idle = statistics.mean(bench.idle_watts)
        net = [
            (_joules(each, meter.name) - idle * each.span.wall_seconds) / each.calls
            for each in passes
        ]
        low = min(low, max(0.0, statistics.median(net)))
    central = statistics.median(joules)
    bounds = (low * (1 - COUNTER_SPREAD), central, high * (1 + COUNTER_SPREAD))
    low, central, high = (value / JOULES_PER_KWH for value in bounds)
    return low, central, high


def _joules(each: Pass, name: str) -> float:
    reading = each.readings[name]
    return reading.joules if isinstance(reading, Reading) else math.nan


def _meters(passes: list[Pass], bench: Bench) -> dict[str, Any]:
    """Return what every meter read, per call where it is an energy, with its refusals."""
    wall = statistics.median(each.span.wall_seconds / each.calls for each in passes)
    gib = max(each.peak_mib for each in passes) / 1024
    ram_joules = gib * RAM_WATTS_PER_GIB * wall
    found: dict[str, Any] = {
        "ram_model": {
            "kwh": ram_joules / JOULES_PER_KWH,
            "gib": gib,
            "watts_per_gib": RAM_WATTS_PER_GIB,
        }
    }
    for name in passes[0].readings:
        found[name] = _summary(name, passes)
        if bench.idle_watts is not None and found[name]["joules"] is not None:
            found[name]["idle_joules"] = statistics.mean(bench.idle_watts) * wall
    return found


def _summary(name: str, passes: list[Pass]) -> dict[str, Any]:
    readings = [(each.readings[name], each.calls) for each in passes]
    good = [(read, calls) for read, calls in readings if isinstance(read, Reading)]
    refused = sorted({read for read, _ in readings if isinstance(read, str)})
    return {
        "joules": statistics.median(read.joules / calls for read, calls in good) if good else None,
        "readings": len(good),
        "refused": refused,
        "last": dict(good[-1][0].details) if good else {},
    }


def _quality(
    repetitions: int, cv: float, conditions: Mapping[str, Any]
) -> Literal["high", "medium", "low"]:
    """Grade: low for one pass, a CV over 10 % or contention; high for the full protocol."""
    flags = set(conditions["flags"])
    noisy_threads = flags >= {"threads", "busy_machine"}
    if repetitions < 2 or cv > MEDIUM_CV or "contended" in flags or noisy_threads:
        return "low"
    return "high" if cv <= HIGH_CV and conditions["protocol_is_full"] else "medium"


def _variation(values: list[float]) -> float:
    """Return the coefficient of variation (sample standard deviation over mean), 0 for one value.

    Examples
    --------
    Mean 10, standard deviation 1: 10 %.

    >>> _variation([9.0, 10.0, 11.0])
    0.1
    """
    mean = statistics.fmean(values)
    return statistics.stdev(values) / mean if len(values) > 1 and mean > 0 else 0.0


def _bootstrap(values: list[float], draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the median, over blocks.

    Efron, Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13; seeded.
    """
    sample = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(20_260_101)
    medians = np.median(generator.choice(sample, size=(draws, len(sample))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
