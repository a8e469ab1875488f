"""What a piece of work consumes, with its evidence tier, interval and hardware."""

from common.lab.energy.bench import FULL, QUICK, Bench, Protocol
from common.lab.energy.boamps import to_boamps
from common.lab.energy.calibration import calibration_index
from common.lab.energy.claims import describe_energy, times_less, times_less_cpu
from common.lab.energy.measure import (
    Metered,
    calibrated,
    declared,
    interleave,
    measure,
    metered,
)
from common.lab.energy.meters import CodeCarbonMeter
from common.lab.energy.rapl import RaplMeter

__all__ = [
    "FULL",
    "QUICK",
    "Bench",
    "CodeCarbonMeter",
    "Metered",
    "Protocol",
    "RaplMeter",
    "calibrated",
    "calibration_index",
    "declared",
    "describe_energy",
    "interleave",
    "measure",
    "metered",
    "times_less",
    "times_less_cpu",
    "to_boamps",
]
