"""From energy to CO2: one pinned emission factor, and the machine's embodied share.

Energy is compared first; CO2 is recomputed with one sourced factor, because one kWh in France has
at least four values in the tool chain (``briefs/frugality.md`` finding 6).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from common.edge.errors import UsageError

__all__ = ["FRANCE_2023", "RAM_WATTS_PER_GIB", "SMALL_SERVER", "Embodied", "Factor"]

Interval = tuple[float, float, float]

RAM_WATTS_PER_GIB = 0.38
"""Power of one allocated GiB, W: a constant of the Green Algorithms type.

Lannelongue, Grealey, Inouye, *Green Algorithms: Quantifying the Carbon Footprint of Computation*,
Advanced Science 2021, use 0.3725 W per GB; ``briefs/frugality.md`` 2.5.3 rounds it to 0.38.
"""

_SENSITIVITY: Mapping[str, float] = MappingProxyType(
    {
        "RTE 2024, production": 21.7,
        "EcoLogits 0.11.3": 41.4,
        "CodeCarbon 3.3.2, 2023": 56.0,
        "BoaviztAPI 2.5.0, 2019": 98.0,
    }
)


@dataclass(frozen=True)
class Factor:
    """Emission factor of electricity and where it comes from.

    Parameters
    ----------
    value, unit
        Grams of CO2e per kWh.
    publisher, year, scope, source, sha256
        Who says so, for which year, location-based production or consumption, in which file.
    country
        ISO 3166-1 alpha-3.
    sensitivity
        Other published values for the same kWh, by source.
    """

    value: float
    publisher: str
    year: int
    scope: str
    source: str
    sha256: str = ""
    country: str = "FRA"
    unit: str = "gCO2e/kWh"
    sensitivity: Mapping[str, float] = field(default_factory=lambda: dict(_SENSITIVITY))

    def __post_init__(self) -> None:
        if not 0 < self.value <= 2000:
            raise UsageError(f"emission factor {self.value}", expected="0 < gCO2e/kWh <= 2000")

    def grams(self, kwh: Interval) -> Interval:
        """Return the CO2e of an energy interval, in g.

        Examples
        --------
        >>> FRANCE_2023.grams((0.0, 1.0, 2.0))
        (0.0, 56.039, 112.078)
        """
        low, central, high = kwh
        return low * self.value, central * self.value, high * self.value

    def record(self) -> dict[str, Any]:
        """Return the factor as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Embodied:
    """Manufacture of a machine, shared out over its core-hours.

    Parameters
    ----------
    machine
        What the figures are of.
    kg_co2e
        Manufacture, transport and end of life as [low, central, high], kg CO2e.
    lifetime_hours, cores
        Over which the manufacture is spread.
    utilisation
        Share of the core-hours really used; what idles is borne by what runs.
    source
        Where the figures come from.
    """

    machine: str
    kg_co2e: Interval
    lifetime_hours: float
    cores: int
    utilisation: float
    source: str

    def __post_init__(self) -> None:
        if not 0 < self.utilisation <= 1:
            raise UsageError(f"utilisation {self.utilisation}", expected="0 < utilisation <= 1")
        if self.lifetime_hours <= 0 or self.cores < 1:
            raise UsageError(
                f"{self.lifetime_hours} h on {self.cores} cores", expected="both positive"
            )

    def grams(self, cpu_seconds: float) -> Interval:
        """Return the embodied CO2e of some CPU time, in g as [low, central, high].

        Examples
        --------
        380 kg over 35,040 h and 8 cores is 1.36 g a core-hour (0.83 to 1.89):

        >>> [round(grams, 2) for grams in SMALL_SERVER.grams(3600)]
        [0.83, 1.36, 1.89]
        """
        usable_hours = self.lifetime_hours * self.cores * self.utilisation
        low, central, high = (1000 * kg * cpu_seconds / 3600 / usable_hours for kg in self.kg_co2e)
        return low, central, high

    def record(self) -> dict[str, Any]:
        """Return the object as plain JSON (lists, no tuples)."""
        return {**asdict(self), "kg_co2e": list(self.kg_co2e)}


FRANCE_2023 = Factor(
    value=56.039,
    publisher="Our World in Data",
    year=2023,
    scope="production, location-based",
    source="codecarbon 3.3.2, data/private_infra/global_energy_mix.json",
    sha256="8f1053800210aa07cc6019cc422b0d34f47dd092f6351dd873445c2b8199a107",
)
"""The pinned factor: the one that CodeCarbon 3.3.2 ships for France, so both meters agree."""

SMALL_SERVER = Embodied(
    machine="small server",
    kg_co2e=(234.0, 380.0, 529.0),
    lifetime_hours=35_040.0,
    cores=8,
    utilisation=1.0,
    source="BoaviztAPI 2.5.0, briefs/frugality.md 2.5.7; fully used, four years",
)
"""Default machine: 1.36 gCO2e per core-hour (0.84 to 1.89, finding 7)."""
