"""Energy counters of the processor packages (RAPL), read from the powercap files of Linux."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.edge.errors import MeterError
from common.lab.energy.meters import Reading, Span
from common.lab.record import Tier

__all__ = ["RaplMeter"]


@dataclass(frozen=True)
class _Domain:
    name: str
    counter: Path
    range_uj: int


class RaplMeter:
    """Energy counters of the processor packages, read below ``/sys/class/powercap``.

    Packages are summed. ``core`` and ``uncore`` lie inside a package and ``psys`` around it: they
    are left out. ``dram`` is a line of its own, never added (codecarbon issue 1268). A package
    shown twice (``intel-rapl-mmio``, one mirror a die: codecarbon issue 1274) counts once.

    Parameters
    ----------
    root
        Folder of the powercap class.

    Attributes
    ----------
    unavailable
        Why it cannot be used, empty if it can.
    """

    name = "rapl"
    tier: Tier = "B_counter"

    MAX_PACKAGE_WATTS = 600.0
    """No package draws more (the largest TDP sold is 500 W): a larger step is no wrap-around."""

    MIRROR_TOLERANCE_UJ = 1_000_000
    """Two reads of one counter differ by what it gained in between: 1 J, as codecarbon takes it."""

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        self._before: dict[_Domain, int] = {}
        self.unavailable = ""
        self._packages: list[_Domain] = []
        self._dram: list[_Domain] = []
        try:
            domains = _rapl_domains(root)
            self._packages = [domain for domain in domains if domain.name.startswith("package")]
            self._dram = [domain for domain in domains if domain.name == "dram"]
            for domain in self._packages:
                _microjoules(domain)
        except MeterError as error:
            self.unavailable = error.found
        if not self._packages and not self.unavailable:
            self.unavailable = f"no package counter below {root}"

    def start(self) -> None:
        """Read the counters; raise `MeterError` where they cannot be read."""
        if self.unavailable:
            raise MeterError(
                f"RAPL: {self.unavailable}",
                expected="readable energy_uj files of a bare-metal machine",
                remedy="let this user read energy_uj, or rely on tier C",
            )
        self._before = {domain: _microjoules(domain) for domain in self._packages + self._dram}

    def stop(self, span: Span) -> Reading:
        """Return the energy of the window.

        Raises
        ------
        MeterError
            The counter is gone, moved backwards, did not move, moved faster than a package can,
            or the window is so long that it may have wrapped twice.
        """
        if not self._before:
            raise MeterError("RAPL: stopped without a start", expected="start() before stop()")
        before, self._before = self._before, {}
        gained = {
            domain: _gain(domain, first, _microjoules(domain), span.wall_seconds)
            for domain, first in before.items()
        }
        packages = self._distinct(before, gained)
        joules = sum(gained[domain] for domain in packages) / 1e6
        if joules <= 0:
            raise MeterError(
                f"RAPL: the counters did not move in {span.wall_seconds:.3f} s",
                expected="counters that increase (in a virtual machine they often do not)",
            )
        dram = sum(gained[domain] for domain in self._dram) / 1e6
        names = [domain.name for domain in packages]
        mirrors = len(self._packages) - len(packages)
        return Reading(joules, {"packages": names, "mirrors_dropped": mirrors, "dram_j": dram})

    def _distinct(
        self, before: Mapping[_Domain, int], gained: Mapping[_Domain, int]
    ) -> list[_Domain]:
        """Keep one of the packages whose counters stand and move alike: mirrors of one counter."""
        kept: list[_Domain] = []
        for domain in self._packages:
            mirrored = any(
                abs(before[domain] - before[other]) <= self.MIRROR_TOLERANCE_UJ
                and abs(gained[domain] - gained[other]) <= self.MIRROR_TOLERANCE_UJ
                for other in kept
            )
            if not mirrored:
                kept.append(domain)
        return kept


def _rapl_domains(root: Path) -> list[_Domain]:
    """List every domain once: symbolic links resolved, the MMIO view of a package left out."""
    domains: dict[Path, _Domain] = {}
    seen_packages: set[str] = set()
    for folder in sorted(root.glob("*rapl*:*"), key=lambda path: ("mmio" in path.name, path.name)):
        counter = (folder / "energy_uj").resolve()
        try:
            name = (folder / "name").read_text(encoding="ascii").strip()
            range_uj = int((folder / "max_energy_range_uj").read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise MeterError(f"{folder.name} cannot be read ({type(error).__name__})") from error
        if counter in domains or (name.startswith("package") and name in seen_packages):
            continue
        if "mmio" in folder.name and not name.startswith("package"):
            continue
        seen_packages.add(name)
        domains[counter] = _Domain(name, counter, range_uj)
    return list(domains.values())


def _microjoules(domain: _Domain) -> int:
    try:
        return int(domain.counter.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise MeterError(
            f"counter of {domain.name} cannot be read ({type(error).__name__})",
            expected="a readable energy_uj (root only since CVE-2020-8694)",
        ) from error


def _gain(domain: _Domain, first: int, last: int, wall_seconds: float) -> int:
    """Return the increase in uJ over a window, once around the counter's range at most.

    Examples
    --------
    A counter of range 1,000 uJ read 990 then 15 went round once: 1,000 - 990 + 15 = 25 uJ.

    >>> _gain(_Domain("package-0", Path("x"), 1000), 990, 15, 1.0)
    25
    """
    longest_seconds = domain.range_uj / 1e6 / RaplMeter.MAX_PACKAGE_WATTS
    if wall_seconds > max(1.0, longest_seconds):
        raise MeterError(
            f"RAPL: in {wall_seconds:.0f} s {domain.name} may have gone round more than once",
            expected=f"a window of {longest_seconds:.0f} s at most",
            remedy="measure in shorter blocks, or rely on tier C",
        )
    gain = last - first if last >= first else domain.range_uj - first + last
    ceiling_uj = (RaplMeter.MAX_PACKAGE_WATTS * wall_seconds + 1.0) * 1e6
    if not 0 <= gain <= ceiling_uj:
        raise MeterError(
            f"RAPL: {domain.name} went from {first} to {last} uJ in {wall_seconds:.3f} s",
            expected=f"an increase below {RaplMeter.MAX_PACKAGE_WATTS:g} W",
            remedy="the counter was reset or moves backwards: measure again, or rely on tier C",
        )
    return gain
