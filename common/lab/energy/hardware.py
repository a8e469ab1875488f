"""The machine that measures: who it is, what a core draws, and how busy it was meanwhile.

Everything is read below an injectable ``root`` (``/proc``, ``/sys``), so that a test describes a
machine with a few small files. What a system does not tell is ``None``, never a guess.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.edge.errors import UsageError

__all__ = [
    "BUSY_LOAD_PER_CORE",
    "CONTENDED_RATIO",
    "Activity",
    "Machine",
    "activity",
    "circumstances",
    "identify",
    "watts_per_core",
]

ROOT = Path("/")

CONTENDED_RATIO = 0.9
"""CPU over wall time below which a one-thread job was held up (``briefs/frugality.md`` 2.5.0)."""

BUSY_LOAD_PER_CORE = 0.3
"""Load per core of *other* work above which no counter of the whole machine is trusted (2.5.0)."""

SHORTEST_JUDGED_WINDOW_SECONDS = 0.05  # five ticks of /proc/stat: below, a ratio means nothing

# TDP in W: vendors' data sheets, as collected in codecarbon 3.3.2 data/hardware/cpu_power.csv
# (the Pi 5 value: codecarbon 3.3.2 for a Cortex-A76). Physical cores: vendors' data sheets.
_NAMED_TDP_WATTS_AND_CORES: Mapping[str, tuple[float, int]] = {
    "AMD EPYC 7763": (280.0, 64),
    "AMD EPYC 9174F": (320.0, 16),
    "AMD EPYC 9354P": (280.0, 32),
    "AMD EPYC 9654": (360.0, 96),
    "AMD Ryzen 7 5800X": (105.0, 8),
    "Cortex-A76": (12.0, 4),
    "Intel Core i5-1135G7": (28.0, 4),
    "Intel Core i5-8365U": (15.0, 4),
    "Intel N100": (6.0, 4),
    "Intel Xeon E5-2680 v4": (120.0, 14),
    "Intel Xeon Platinum 8480+": (350.0, 56),
    "Intel Xeon Silver 4314": (135.0, 16),
}
_UNKNOWN_WATTS, _UNKNOWN_SPREAD = 10.0, 2.5
_NAMED_SPREAD = 2.0  # one boosted core against an all-core load; an SMT thread is half a core


@dataclass(frozen=True)
class Machine:
    """Identity of a machine and the power of one of its busy cores.

    Parameters
    ----------
    cpu_model
        As the system names it.
    logical_cpus, memory_gib
        What this system sees, not what the host may own.
    virtual
        Whether a hypervisor announces itself: counters are then not the machine's.
    watts_per_core
        Power of one busy core as [low, central, high], W.
    watts_source
        Where it comes from, in words.
    """

    cpu_model: str
    logical_cpus: int
    memory_gib: float
    virtual: bool
    watts_per_core: tuple[float, float, float]
    watts_source: str

    def __post_init__(self) -> None:
        low, central, high = self.watts_per_core
        if not 0 < low <= central <= high:
            raise UsageError(
                f"watts per core {self.watts_per_core}", expected="0 < low <= central <= high"
            )
        if self.logical_cpus < 1:
            raise UsageError(f"{self.logical_cpus} logical CPUs", expected="1 or more")

    @property
    def label(self) -> str:
        """Return the identity printed beside every joule, ``AMD EPYC, 2 vCPU``."""
        return f"{self.cpu_model}, {self.logical_cpus} {'vCPU' if self.virtual else 'CPU'}"


@dataclass(frozen=True)
class Activity:
    """CPU time of the whole machine since boot, in seconds summed over its CPUs."""

    busy_seconds: float
    steal_seconds: float
    total_seconds: float


def watts_per_core(cpu_model: str) -> tuple[tuple[float, float, float], str]:
    """Return the power of one busy core as [low, central, high] in W, and its source.

    A named processor gives its TDP over its physical cores, halved and doubled; any other gives
    10 W divided and multiplied by 2.5, which spans real server parts: 3.75 W for an EPYC 9654,
    20 W for a 9174F (``briefs/frugality.md`` 2.1 and 2.5.3).

    Examples
    --------
    >>> watts_per_core("AMD EPYC 9654 96-Core Processor")[0]  # 360 W / 96 cores
    (1.875, 3.75, 7.5)
    >>> watts_per_core("AMD EPYC")[0]
    (4.0, 10.0, 25.0)
    """
    spoken = re.sub(r"\((r|tm)\)|\bcpu\b|@.*", " ", cpu_model, flags=re.IGNORECASE).split()
    for name, (watts, cores) in _NAMED_TDP_WATTS_AND_CORES.items():
        if set(name.lower().split()) <= {word.lower() for word in spoken}:
            central = watts / cores
            interval = (central / _NAMED_SPREAD, central, central * _NAMED_SPREAD)
            return interval, f"TDP {watts:g} W / {cores} cores of {name}, x/÷ {_NAMED_SPREAD:g}"
    interval = (_UNKNOWN_WATTS / _UNKNOWN_SPREAD, _UNKNOWN_WATTS, _UNKNOWN_WATTS * _UNKNOWN_SPREAD)
    return interval, f"unknown processor: {_UNKNOWN_WATTS:g} W, x/÷ {_UNKNOWN_SPREAD:g}"


def identify(root: Path = ROOT) -> Machine:
    """Identify the machine from ``/proc/cpuinfo`` and ``/proc/meminfo``."""
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    model = _first(r"^model name\s*:\s*(.+)$", cpuinfo) or _first(r"^Model\s*:\s*(.+)$", cpuinfo)
    memory_kib = _first(r"^MemTotal:\s*(\d+) kB$", _text(root / "proc/meminfo") or "")
    cpu_model = model or "processeur inconnu"
    watts, source = watts_per_core(cpu_model)
    return Machine(
        cpu_model=cpu_model,
        logical_cpus=len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE)) or _cpu_count(),
        memory_gib=round(int(memory_kib) / 2**20, 1) if memory_kib else 0.0,
        virtual=bool(re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE)),
        watts_per_core=watts,
        watts_source=source,
    )


def activity(root: Path = ROOT) -> Activity | None:
    """Read the machine's CPU time so far; None where there is no ``/proc/stat``.

    Idle and I/O wait are not busy; guest time is already inside user time (proc(5)).
    """
    line = _first(r"^cpu\s+(.+)$", _text(root / "proc/stat") or "")
    if line is None:
        return None
    ticks_per_second = os.sysconf("SC_CLK_TCK")
    seconds = [int(field) / ticks_per_second for field in line.split()[:8]]
    user, nice, system, idle, iowait, irq, softirq, steal = seconds + [0.0] * (8 - len(seconds))
    busy = user + nice + system + irq + softirq
    return Activity(busy, steal, busy + idle + iowait + steal)


def circumstances(
    machine: Machine,
    spans: list[tuple[Activity | None, Activity | None]],
    cpu_seconds: float,
    wall_seconds: float,
    root: Path = ROOT,
) -> dict[str, Any]:
    """Return the preconditions of ``briefs/frugality.md`` 2.5.0 and the flags they raise.

    Parameters
    ----------
    spans
        The machine's activity before and after each timed pass.
    cpu_seconds, wall_seconds
        What the measured work took over all these passes together.

    Returns
    -------
    dict
        Plain JSON. ``flags`` may hold ``contended`` (a one-thread job got less than 0.9 of a CPU),
        ``busy_machine`` (others used more than 0.3 of each core), ``threads`` (more than one
        thread, or an unset ``OMP_NUM_THREADS``) and ``battery``.
    """
    ratio = cpu_seconds / wall_seconds if wall_seconds > 0 else 1.0
    outside, steal = _neighbours(machine, spans, cpu_seconds, wall_seconds)
    threads = os.environ.get("OMP_NUM_THREADS")
    judged = wall_seconds >= SHORTEST_JUDGED_WINDOW_SECONDS
    several = threads != "1" or (judged and ratio > 1.2)
    on_battery = _on_battery(root)
    raised = {
        "contended": judged and ratio < CONTENDED_RATIO,
        "busy_machine": judged and outside is not None and outside > BUSY_LOAD_PER_CORE,
        "threads": several,
        "battery": on_battery is True,
    }
    load = _first(r"^(\S+)", _text(root / "proc/loadavg") or "")
    return {
        "load_1min_per_core": round(float(load) / machine.logical_cpus, 3) if load else None,
        "outside_load_per_core": outside,
        "steal_share": steal,
        "cpu_wall_ratio": round(ratio, 4),
        "omp_num_threads": threads,
        "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "temperature_c": _temperature(root),
        "on_battery": on_battery,
        "flags": sorted(name for name, is_raised in raised.items() if is_raised),
    }


def _neighbours(
    machine: Machine,
    spans: list[tuple[Activity | None, Activity | None]],
    cpu_seconds: float,
    wall_seconds: float,
) -> tuple[float | None, float | None]:
    """Return the load per core of everybody else, and the share of time the host stole."""
    known = [(before, after) for before, after in spans if before and after]
    if len(known) < len(spans) or not known or wall_seconds <= 0:
        return None, None
    busy = sum(after.busy_seconds - before.busy_seconds for before, after in known)
    steal = sum(after.steal_seconds - before.steal_seconds for before, after in known)
    total = sum(after.total_seconds - before.total_seconds for before, after in known)
    outside = max(0.0, busy - cpu_seconds) / (wall_seconds * machine.logical_cpus)
    return round(outside, 4), round(steal / total, 4) if total > 0 else None


def _on_battery(root: Path) -> bool | None:
    supplies = sorted((root / "sys/class/power_supply").glob("*/online"))
    states = [_text(supply) for supply in supplies]
    return all(state == "0" for state in states) if states else None


def _temperature(root: Path) -> float | None:
    text = _text(root / "sys/class/thermal/thermal_zone0/temp")
    return int(text) / 1000 if text and text.lstrip("-").isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else None


def _cpu_count() -> int:
    return os.cpu_count() or 1
