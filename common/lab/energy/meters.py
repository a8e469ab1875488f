"""What reads consumption: process CPU time, peak memory, CodeCarbon.

The only file that imports codecarbon. A meter that cannot be trusted raises `MeterError`, because
each way of being wrong silently (``briefs/frugality.md`` finding 5 and 2.1) would otherwise end up
in a table as a number.
"""

import logging
import os
import resource
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from common.edge.errors import MeterError, MissingExtraError, UsageError
from common.lab.record import Tier

__all__ = [
    "Clock",
    "CodeCarbonMeter",
    "Meter",
    "PeakMemory",
    "ProcessClock",
    "Reading",
    "Span",
]

JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Span:
    """What a window took: CPU time of the process and its children, and wall time, in s."""

    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Reading:
    """What a meter read between its start and its stop.

    Parameters
    ----------
    joules
        Energy of what the meter covers.
    details
        Plain JSON: how it was obtained, and flags.
    """

    joules: float
    details: Mapping[str, Any] = field(default_factory=dict)


class Meter(Protocol):
    """An energy meter; a wattmeter (tier ``A_wall``) is one class with these members."""

    @property
    def name(self) -> str:
        """Key of its readings."""

    @property
    def tier(self) -> Tier:
        """Evidence tier of a figure that it gives."""

    def start(self) -> None:
        """Begin a window; raise `MeterError` when the meter cannot be read."""

    def stop(self, span: Span) -> Reading:
        """End the window that took ``span``; raise `MeterError` on a doubtful reading."""


class Clock(Protocol):
    """Source of time; replaced by a hand-moved one in tests."""

    def cpu_seconds(self) -> float:
        """CPU time of this process and of its ended children."""

    def living_cpu_seconds(self) -> float:
        """CPU time of the children that are still alive; slow (it looks at every process)."""

    def wall_seconds(self) -> float:
        """Wall time from an arbitrary origin."""


class ProcessClock:
    """CPU time from the kernel, children included, in nanoseconds for this process.

    Children that are still alive (worker pools) are in no ``rusage`` yet; they are read from
    ``/proc/<pid>/stat`` with its 10 ms tick, at the edges of a window only.
    """

    def cpu_seconds(self) -> float:
        """Return the CPU time of this process, all threads, and of its ended children."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + ended.ru_utime + ended.ru_stime

    def living_cpu_seconds(self) -> float:
        """Return the CPU time of all living descendants."""
        return _living_children_cpu_seconds()

    def wall_seconds(self) -> float:
        """Return a monotonic time."""
        return time.perf_counter()


def _living_children_cpu_seconds(proc: Path = Path("/proc")) -> float:
    """Sum user and system time (fields 14 to 17 of proc(5) stat) of all living descendants."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in proc.glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = after_name.rpartition(")")[2].split()
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(int(value) for value in fields[11:15])
    family = {os.getpid()}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    total = sum(ticks.get(pid, 0) for pid in family - {os.getpid()})
    return total / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """Highest resident memory of this process, since `reset` where the kernel lets it be reset.

    ``scope`` is ``stage`` after a reset through ``/proc/self/clear_refs`` (proc(5)), and
    ``process`` where only the highest mark since the start of the process can be had.
    """

    def __init__(self, proc: Path = Path("/proc/self")) -> None:
        self._proc = proc
        self.scope = "process"

    def reset(self) -> None:
        """Begin a new peak, if permitted."""
        try:
            (self._proc / "clear_refs").write_text("5", encoding="ascii")
        except OSError:
            self.scope = "process"
        else:
            self.scope = "stage"

    def mib(self) -> float:
        """Return the peak in MiB."""
        try:
            status = (self._proc / "status").read_text(encoding="ascii", errors="replace")
            line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return int(line.split()[1]) / 1024


class CodeCarbonMeter:
    """CodeCarbon, offline, process mode, pinned factor: a fresh tracker for each window.

    One meter among those recorded, never the figure itself: in this mode its CPU energy *is* CPU
    time by a constant power (``briefs/frugality.md`` 2.2), and its memory line is a constant of
    the machine, which is therefore reported apart.

    Parameters
    ----------
    grams_per_kwh
        The pinned emission factor.
    country
        ISO 3166-1 alpha-3; CodeCarbon answers two letters with the world average.
    options
        Overrides of the tracker's own options. What they spoil, the post-conditions refuse.

    Notes
    -----
    The brief proposes ``measure_power_secs=1``; measured here, its process scan costs 0.9 % of a
    core at 1 s and 0.25 % at 15 s, with the same energy: CodeCarbon weighs its own one-second
    load samples by time and samples a last time at ``stop()``. 15 s keeps the overhead below
    0.5 %. Every option is given, so that no ``.codecarbon.config`` or environment variable of the
    machine changes what is measured or sends it anywhere.
    """

    name = "codecarbon"
    tier: Tier = "C_model"

    RELIABLE_CPU_SECONDS = 1.0
    """Below, the reading is flagged: biased, and nothing at all below 50 ms (finding 3)."""

    RATIO_TOLERANCE = 0.15
    """Accepted departure of its CPU energy from CPU-seconds by its own watts (2.5.8)."""

    def __init__(
        self,
        grams_per_kwh: float,
        country: str = "FRA",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if not (len(country) == 3 and country.isalpha() and country.isupper()):
            raise UsageError(
                f"country {country!r}",
                expected="three capital letters (ISO 3166-1 alpha-3), as FRA",
                remedy="two letters or none silently give the world average, 475 g/kWh",
            )
        self._grams_per_kwh = grams_per_kwh
        self._country = country
        self._options = dict(options or {})
        self._tracker: Any = None

    def start(self) -> None:
        """Start a fresh tracker; slow once a process (1 to 4 s), so before anything is timed."""
        self._tracker = None
        tracker = _offline_tracker(self._grams_per_kwh, self._country, self._options)
        tracker.start()
        if getattr(tracker, "_start_time", None) is None:
            raise MeterError(
                "CodeCarbon did not start, and said nothing",
                expected="a running tracker",
                remedy="check its options; a missing output_dir is the usual cause",
            )
        self._tracker = tracker

    def stop(self, span: Span) -> Reading:
        """Stop the tracker and hold its answer against the post-conditions of the brief, 2.5.8.

        Raises
        ------
        MeterError
            No answer, another country, another emission factor, or no energy after 1 CPU-second.
        """
        if self._tracker is None:
            raise MeterError("CodeCarbon: stopped without a start", expected="start() before")
        tracker, self._tracker = self._tracker, None
        watts = _watts_per_cpu(tracker)
        emissions_kg = tracker.stop()
        answer = getattr(tracker, "final_emissions_data", None)
        if emissions_kg is None or answer is None:
            raise MeterError("CodeCarbon returned None", expected="emissions in kg")
        self._check(answer, emissions_kg, span.cpu_seconds)
        joules = answer.cpu_energy * JOULES_PER_KWH
        ratio = joules / (span.cpu_seconds * watts) if watts and span.cpu_seconds > 0 else None
        details = {
            "version": answer.codecarbon_version,
            "tracking_mode": answer.tracking_mode,
            "cpu_kwh": answer.cpu_energy,
            "ram_constant_kwh": answer.ram_energy,
            "gpu_kwh": answer.gpu_energy,
            "total_kwh": answer.energy_consumed,
            "co2_g": 1000 * emissions_kg,
            "country": answer.country_iso_code,
            "watts_per_cpu": watts,
            "ratio_to_cpu_time": ratio,
            "flags": self._flags(span.cpu_seconds, ratio),
        }
        return Reading(joules, details)

    def _check(self, answer: Any, emissions_kg: float, cpu_seconds: float) -> None:
        if answer.country_iso_code != self._country or not answer.country_name:
            raise MeterError(
                f"CodeCarbon answers for country {answer.country_iso_code!r}",
                expected=self._country,
                remedy="give three letters: an unknown country silently is the world average",
            )
        if answer.tracking_mode != "process":
            raise MeterError(
                f"CodeCarbon tracked the {answer.tracking_mode}",
                expected="process: machine mode bills the neighbours",
            )
        if cpu_seconds > self.RELIABLE_CPU_SECONDS and answer.cpu_energy <= 0:
            raise MeterError(
                f"CodeCarbon found no CPU energy after {cpu_seconds:.1f} CPU-seconds",
                expected="more than 0",
            )
        if answer.energy_consumed > 0:
            factor = 1000 * emissions_kg / answer.energy_consumed
            if abs(factor / self._grams_per_kwh - 1) > 1e-3:
                raise MeterError(
                    f"CodeCarbon used {factor:.1f} gCO2e/kWh",
                    expected=f"the pinned {self._grams_per_kwh:g} gCO2e/kWh",
                )

    def _flags(self, cpu_seconds: float, ratio: float | None) -> list[str]:
        if cpu_seconds < self.RELIABLE_CPU_SECONDS:
            return ["shorter_than_1_cpu_second"]
        if ratio is None:
            return ["watts_unknown"]
        return ["departs_from_cpu_time"] if abs(ratio - 1) > self.RATIO_TOLERANCE else []


def _offline_tracker(grams_per_kwh: float, country: str, overrides: Mapping[str, Any]) -> Any:
    """Build CodeCarbon's offline tracker: no file, no socket, no local configuration."""
    try:
        from codecarbon import OfflineEmissionsTracker
    except ImportError as error:
        raise MissingExtraError(
            "codecarbon is not installed", remedy="pip install 'aune[lab]'"
        ) from error
    logging.getLogger("codecarbon").setLevel(logging.ERROR)
    options: dict[str, Any] = {
        "country_iso_code": country,
        "region": None,
        "cloud_provider": None,
        "cloud_region": None,
        "country_2letter_iso_code": None,
        "tracking_mode": "process",
        "output_methods": [],
        "output_handlers": [],
        "output_dir": tempfile.gettempdir(),
        "emissions_endpoint": None,
        "electricitymaps_api_token": None,
        "measure_power_secs": 15,
        "api_call_interval": -1,
        "force_cpu_power": None,
        "force_ram_power": None,
        "force_mode_cpu_load": False,
        "force_carbon_intensity_g_co2e_kwh": grams_per_kwh,
        "pue": 1.0,
        "wue": 0.0,
        "rapl_include_dram": False,
        "allow_multiple_runs": True,
        "log_level": "error",
    }
    return OfflineEmissionsTracker(**{**options, **overrides})


def _watts_per_cpu(tracker: Any) -> float | None:
    """Return the watts that the load model gives each CPU; None where it reads a counter.

    The tracker keeps them to itself (3.3.2: ``_hardware``), hence the care.
    """
    for part in getattr(tracker, "_hardware", []):
        if getattr(part, "_mode", None) == "cpu_load":
            return float(part._tdp) / float(part._cpu_count)
    return None
