"""Write and read OMA LwM2M object 3435 "Filling level" 2.0 (uCIFI), as resources or SenML.

Resource by resource after the public registry (urn:oma:lwm2m:ext:3435:2.0, github.com/
OpenMobileAlliance/lwm2m-registry, version_history/3435-2_0.xml). No device was at hand: what is
written has not been checked against one, and conformity is not claimed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.edge.errors import TableError, UsageError

__all__ = ["OBJECT", "FillingLevel", "from_resources", "from_senml", "to_resources", "to_senml"]

OBJECT = "3435"
MAX_RECORDS = 100_000

NUMBERS: Mapping[str, str] = {
    "container_height_cm": "1",
    "filling_percent": "2",
    "filling_level_cm": "3",
    "high_threshold_percent": "4",
    "low_threshold_percent": "6",
    "average_filling_speed_percent_per_day": "8",
    "forecast_full_date": "10",
    "forecast_empty_date": "11",
    "container_volume_max_m3": "16",
    "timestamp": "5518",
    "measurement_quality": "6042",
}
BOOLEANS: Mapping[str, str] = {
    "container_full": "5",
    "container_empty": "7",
    "out_of_location": "12",
    "out_of_position": "13",
    "cover_open": "21",
    "temperature_alarm": "22",
    "water_infiltration_alarm": "23",
}
TEXTS: Mapping[str, str] = {
    "installation_type": "15",
    "sensor_position": "17",
    "type_of_materials": "18",
}
INTEGERS = frozenset({"1", "3", "10", "11", "5518", "6042"})
"""Resources of type Integer or Time (seconds since the epoch)."""

HIGHEST: Mapping[str, float] = {
    "filling_percent": 150.0,
    "high_threshold_percent": 100.0,
    "low_threshold_percent": 100.0,
    "measurement_quality": 23.0,
}


@dataclass(frozen=True)
class FillingLevel:
    """One instance of the object; None or empty for what the device does not say.

    Parameters
    ----------
    filling_percent
        Actual filling percentage, mandatory.
    container_full, container_empty
        Beyond the thresholds, mandatory.
    forecast_full_date, forecast_empty_date, timestamp
        Seconds since the epoch.
    measurement_quality
        0 to 23; 1 and 2 are rejected, 3 suspicious, 4 accepted.
    """

    filling_percent: float
    container_full: bool
    container_empty: bool
    container_height_cm: int | None = None
    filling_level_cm: int | None = None
    high_threshold_percent: float | None = None
    low_threshold_percent: float | None = None
    average_filling_speed_percent_per_day: float | None = None
    forecast_full_date: int | None = None
    forecast_empty_date: int | None = None
    container_volume_max_m3: float | None = None
    timestamp: int | None = None
    measurement_quality: int | None = None
    out_of_location: bool | None = None
    out_of_position: bool | None = None
    cover_open: bool | None = None
    temperature_alarm: bool | None = None
    water_infiltration_alarm: bool | None = None
    installation_type: str = ""
    sensor_position: str = ""
    type_of_materials: str = ""

    def __post_init__(self) -> None:
        for name, high in HIGHEST.items():
            value = getattr(self, name)
            if value is not None and not 0 <= value <= high:
                raise UsageError(f"{name} {value}", expected=f"0 to {high:g}")

    @property
    def is_believable(self) -> bool:
        """Whether the device itself does not reject its measurement, and its cover is shut."""
        return self.measurement_quality not in (1, 2) and not self.cover_open


def to_resources(level: FillingLevel) -> dict[str, Any]:
    """Return resource id to value, for what is known.

    Examples
    --------
    >>> to_resources(FillingLevel(62.5, False, False, forecast_full_date=1_767_250_800))
    {'2': 62.5, '10': 1767250800, '5': False, '7': False}
    """
    known = {NUMBERS[name]: getattr(level, name) for name in NUMBERS}
    known |= {BOOLEANS[name]: getattr(level, name) for name in BOOLEANS}
    known |= {TEXTS[name]: getattr(level, name) or None for name in TEXTS}
    return {number: value for number, value in known.items() if value is not None}


def from_resources(resources: Mapping[str, Any], where: str = OBJECT) -> FillingLevel:
    """Read one instance; resources that are not understood are left aside.

    Raises
    ------
    TableError
        If a mandatory resource (2, 5, 7) is missing or a value is of another type.
    """
    missing = [number for number in ("2", "5", "7") if number not in resources]
    if missing:
        raise TableError(f"{where}: no resource {missing[0]}", expected="resources 2, 5 and 7")
    fields: dict[str, Any] = {}
    for name, number in (*NUMBERS.items(), *BOOLEANS.items(), *TEXTS.items()):
        if number in resources:
            fields[name] = _typed(resources[number], name, number, where)
    try:
        return FillingLevel(**fields)
    except UsageError as error:
        raise TableError(f"{where}: {error.found}", expected=error.expected) from error


def to_senml(levels: Sequence[FillingLevel]) -> list[dict[str, Any]]:
    """Return a SenML pack (RFC 8428): one record per resource, the base name on the first."""
    pack: list[dict[str, Any]] = []
    for instance, level in enumerate(levels):
        base: dict[str, Any] = {"bn": f"/{OBJECT}/{instance}/"}
        for number, value in to_resources(level).items():
            pack.append(base | {"n": number, _label(value): value})
            base = {}
    return pack


def from_senml(pack: Sequence[Mapping[str, Any]]) -> list[FillingLevel]:
    """Read the instances of object 3435 in a SenML pack; other objects are left aside.

    Raises
    ------
    TableError
        If the pack is too long, a record names no resource, or an instance is not whole.
    """
    if len(pack) > MAX_RECORDS:
        raise TableError(f"{len(pack)} records", expected=f"at most {MAX_RECORDS}")
    instances: dict[str, dict[str, Any]] = {}
    base = ""
    for place, record in enumerate(pack):
        base = str(record.get("bn", base))
        parts = (base + str(record.get("n", ""))).strip("/").split("/")
        if len(parts) != 3:
            raise TableError(f"record {place}: {'/'.join(parts)!r}", expected="object/instance/id")
        value = next((record[label] for label in ("v", "vb", "vs") if label in record), None)
        if parts[0] == OBJECT and value is not None:
            instances.setdefault(parts[1], {})[parts[2]] = value
    return [from_resources(found, f"/{OBJECT}/{name}") for name, found in instances.items()]


def _label(value: object) -> str:
    if isinstance(value, bool):
        return "vb"
    return "vs" if isinstance(value, str) else "v"


def _typed(value: Any, name: str, number: str, where: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in NUMBERS and is_number:
        return int(value) if number in INTEGERS else float(value)
    if (name in BOOLEANS and isinstance(value, bool)) or (name in TEXTS and isinstance(value, str)):
        return value
    kind = "a number" if name in NUMBERS else "true or false" if name in BOOLEANS else "text"
    raise TableError(f"{where}: resource {number} is {value!r}", expected=kind)
