"""A fixed kernel that says how much work a CPU-second of this machine is.

``reference CPU-seconds = CPU-seconds x k`` makes a laptop, a virtual machine and a Pi comparable in
work; joules stay per machine (``briefs/frugality.md`` 2.5.2). The kernel does what the reference
models do: walk decision trees and multiply a sparse matrix.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import MeterError, UsageError
from common.lab.energy.meters import Clock, ProcessClock

__all__ = [
    "MAX_DRIFT",
    "REFERENCE_SECONDS_PER_UNIT",
    "Calibration",
    "calibration_index",
    "drift",
]

REFERENCE_SECONDS_PER_UNIT = 0.1
"""CPU-seconds of one unit of the kernel on the reference machine, by definition of the index.

Close to what the AMD EPYC (Zen 4) virtual machine of the briefs takes, so its k is near 1.
"""

MAX_DRIFT = 0.10
"""Noise gate: a campaign whose calibrations differ by more is not compared (2.5.2)."""

KERNEL = "trees-and-sparse-1"
_ROWS, _FEATURES, _TREES, _DEPTH = 2000, 16, 40, 6
_SPARSE_ENTRIES, _SPARSE_ROWS, _MATVECS = 60_000, 4000, 8
_ROUNDS = 12
_CHECKSUM = 12 * 5_990_127

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """One run of the kernel.

    Parameters
    ----------
    cpu_seconds
        CPU time of one unit, median over the units run.
    units
        How many units were run.
    k
        ``REFERENCE_SECONDS_PER_UNIT / cpu_seconds``: above 1 on a faster machine.
    kernel
        Version of the kernel; indices of two versions are not comparable.
    """

    cpu_seconds: float
    units: int
    k: float
    kernel: str = KERNEL

    def __post_init__(self) -> None:
        if not (self.cpu_seconds > 0 and self.k > 0):
            raise UsageError(f"calibration k = {self.k}", expected="positive CPU-seconds and k")


def calibration_index(units: int = 10, clock: Clock | None = None) -> Calibration:
    """Run the kernel and return the machine's index.

    Parameters
    ----------
    units
        About 0.1 CPU-second each on the reference machine: 10 is a second, 100 the ten seconds
        of the brief.
    clock
        Source of CPU time.

    Raises
    ------
    UsageError
        ``units`` below 1.
    MeterError
        The kernel gave another result than the pinned one: the work was not the same.
    """
    if units < 1:
        raise UsageError(f"{units} units", expected="1 or more")
    clock = clock or ProcessClock()
    kernel = _Kernel()
    kernel.run()
    seconds = []
    for _ in range(units):
        start = clock.cpu_seconds()
        checksum = kernel.run()
        seconds.append(clock.cpu_seconds() - start)
        if checksum != _CHECKSUM:
            raise MeterError(f"calibration kernel gave {checksum}", expected=str(_CHECKSUM))
    cpu_seconds = float(np.median(seconds))
    return Calibration(cpu_seconds, units, REFERENCE_SECONDS_PER_UNIT / cpu_seconds)


def drift(before: Calibration, after: Calibration) -> float:
    """Return by how much two calibrations of one campaign differ, relative to the faster.

    Raises
    ------
    UsageError
        Two versions of the kernel.

    Examples
    --------
    >>> round(drift(Calibration(0.10, 5, 1.0), Calibration(0.12, 5, 1 / 1.2)), 2)
    0.2
    """
    if before.kernel != after.kernel:
        raise UsageError(f"kernels {before.kernel} and {after.kernel}", expected="the same one")
    slow, fast = sorted((before.cpu_seconds, after.cpu_seconds), reverse=True)
    return slow / fast - 1


class _Kernel:
    """Integer-only work: the result is the same to the last bit on every machine."""

    def __init__(self) -> None:
        inner = 2**_DEPTH - 1
        self._rows = _sequence(_ROWS * _FEATURES, 1000, seed=1).reshape(_ROWS, _FEATURES)
        self._features = _sequence(_TREES * inner, _FEATURES, seed=2).reshape(_TREES, inner)
        self._thresholds = _sequence(_TREES * inner, 1000, seed=3).reshape(_TREES, inner)
        self._leaves = _sequence(_TREES * 2**_DEPTH, 100, seed=4).reshape(_TREES, 2**_DEPTH)
        self._columns = _sequence(_SPARSE_ENTRIES, _SPARSE_ROWS, seed=5)
        self._values = _sequence(_SPARSE_ENTRIES, 10, seed=6)
        entries_a_row = _SPARSE_ENTRIES // _SPARSE_ROWS
        self._starts = np.arange(0, _SPARSE_ENTRIES, entries_a_row)

    def run(self) -> int:
        """Do one unit of work and return its checksum."""
        return sum(self._walk_trees() + self._multiply() for _ in range(_ROUNDS))

    def _walk_trees(self) -> int:
        lines = np.arange(_ROWS)
        total = 0
        for features, thresholds, leaves in zip(
            self._features, self._thresholds, self._leaves, strict=True
        ):
            node = np.zeros(_ROWS, dtype=np.int64)
            for _ in range(_DEPTH):
                right = self._rows[lines, features[node]] > thresholds[node]
                node = 2 * node + 1 + right
            total += int(leaves[node - (2**_DEPTH - 1)].sum())
        return total

    def _multiply(self) -> int:
        vector = np.arange(_SPARSE_ROWS, dtype=np.int64) % 7
        for _ in range(_MATVECS):
            vector = np.add.reduceat(self._values * vector[self._columns], self._starts) % 1009
        return int(vector.sum())


def _sequence(count: int, below: int, seed: int) -> IntArray:
    """Return pseudo-random integers of a 64-bit linear congruence (Knuth's MMIX constants).

    Not numpy's generators: their streams may change between versions.
    """
    state = seed
    numbers = np.empty(count, dtype=np.int64)
    for index in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        numbers[index] = (state >> 33) % below
    return numbers
