"""Write and read containers as FIWARE WasteContainer entities (Smart Data Models, 0.3.0).

Field by field after the published model (github.com/smart-data-models/dataModel.WasteManagement,
WasteContainer/schema.json and its specification 0.3.0), normalized NGSI-LD. No broker was at
hand: what is written has not been checked against one, and conformity is not claimed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.edge.errors import TableError, UsageError

__all__ = ["CATEGORIES", "STATUSES", "WASTE_KINDS", "WasteContainer", "from_ngsi_ld", "to_ngsi_ld"]

CONTEXT = "https://raw.githubusercontent.com/smart-data-models/dataModel.WasteManagement/master/context.jsonld"
TYPE = "WasteContainer"
CATEGORIES = ("fixed", "ground", "other", "portable", "underground")
WASTE_KINDS = (
    "organic", "inorganic", "glass", "oil", "plastic", "metal", "paper", "batteries",
    "electronics", "hazardous", "other",
)  # fmt: skip
STATUSES = ("ok", "lidOpen", "dropped", "moved", "vandalized", "burning", "unknown")

NUMBERS: Mapping[str, tuple[str, str]] = {
    "filling_level": ("fillingLevel", ""),
    "cargo_weight_kg": ("cargoWeight", "KGM"),
    "temperature_celsius": ("temperature", "CEL"),
    "methane_concentration": ("methaneConcentration", ""),
    "capacity_l": ("binCapacity", "LTR"),
    "threshold_percent": ("binFullnessThreshold", ""),
}
"""Field to (attribute, UN/CEFACT unit code); the model leaves units open, so each is said."""

TEXTS: Mapping[str, str] = {
    "serial_number": "serialNumber",
    "rfid": "RFID",
    "waste_kind": "storedWasteKind",
    "status": "status",
    "actuation_hours": "actuationHours",
}
TIMES: Mapping[str, str] = {
    "read_at": "binLoggedTime",
    "emptied_at": "dateLastEmptying",
    "to_empty_before": "nextActuationDeadline",
}


@dataclass(frozen=True)
class WasteContainer:
    """A container and what is known of it now; None or empty for what is not known.

    Parameters
    ----------
    id
        URN of the entity, ``urn:ngsi-ld:WasteContainer:...``.
    lon, lat
        Degrees, WGS 84; the model requires a position.
    filling_level
        0 to 1, as the model bounds it: an overfull container is written as 1.
    category
        Among `CATEGORIES`.
    waste_kind, status
        Among `WASTE_KINDS` and `STATUSES`.
    threshold_percent
        Percent, where the model says so while the filling level is a share.
    read_at, emptied_at, to_empty_before
        Aware times.
    actuation_hours
        When it may be emptied, as opening hours.
    """

    id: str
    lon: float
    lat: float
    filling_level: float | None = None
    category: tuple[str, ...] = ()
    cargo_weight_kg: float | None = None
    temperature_celsius: float | None = None
    methane_concentration: float | None = None
    capacity_l: float | None = None
    threshold_percent: float | None = None
    serial_number: str = ""
    rfid: str = ""
    waste_kind: str = ""
    status: str = ""
    district: str = ""
    actuation_hours: str = ""
    read_at: datetime | None = None
    emptied_at: datetime | None = None
    to_empty_before: datetime | None = None

    def __post_init__(self) -> None:
        self._check("filling_level", 0.0, 1.0)
        self._check("threshold_percent", 0.0, 100.0)
        self._check("lon", -180.0, 180.0)
        self._check("lat", -90.0, 90.0)
        for name in ("cargo_weight_kg", "methane_concentration", "capacity_l"):
            self._check(name, 0.0, float("inf"))
        for name, words in (("waste_kind", WASTE_KINDS), ("status", STATUSES)):
            if getattr(self, name) not in ("", *words):
                raise UsageError(f"{name} {getattr(self, name)!r}", expected=", ".join(words))
        if set(self.category) - set(CATEGORIES):
            raise UsageError(f"category {self.category}", expected=", ".join(CATEGORIES))
        for name in TIMES:
            if getattr(self, name) is not None and getattr(self, name).tzinfo is None:
                raise UsageError(f"{name} {getattr(self, name)}", expected="a time with its offset")

    def _check(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if value is not None and not low <= value <= high:
            raise UsageError(f"{name} {value}", expected=f"{low:g} to {high:g}")


def to_ngsi_ld(container: WasteContainer) -> dict[str, Any]:
    """Return the entity, normalized, with its context.

    Examples
    --------
    >>> bin_ = WasteContainer("urn:ngsi-ld:WasteContainer:7", -1.55, 47.21, filling_level=0.4)
    >>> to_ngsi_ld(bin_)["fillingLevel"]
    {'type': 'Property', 'value': 0.4}
    """
    point = {"type": "Point", "coordinates": [container.lon, container.lat]}
    entity: dict[str, Any] = {
        "id": container.id,
        "type": TYPE,
        "location": {"type": "GeoProperty", "value": point},
    }
    read = {} if container.read_at is None else {"observedAt": container.read_at.isoformat()}
    for name, (attribute, unit) in NUMBERS.items():
        value = getattr(container, name)
        if value is not None:
            observed = read if name == "filling_level" else {}
            entity[attribute] = _property(value) | ({"unitCode": unit} if unit else {}) | observed
    for name, attribute in TEXTS.items():
        if getattr(container, name):
            entity[attribute] = _property(getattr(container, name))
    for name, attribute in TIMES.items():
        if getattr(container, name) is not None:
            moment = {"@type": "DateTime", "@value": getattr(container, name).isoformat()}
            entity[attribute] = _property(moment)
    if container.category:
        entity["category"] = _property(list(container.category))
    if container.district:
        entity["address"] = _property({"district": container.district})
    return entity | {"@context": [CONTEXT]}


def from_ngsi_ld(entity: Mapping[str, Any], where: str = "entity") -> WasteContainer:
    """Read an entity, normalized or in key-values form.

    Attributes that are not understood are left aside.

    Parameters
    ----------
    entity
        The JSON object.
    where
        What to call it in an error.

    Raises
    ------
    TableError
        If it is no WasteContainer, has no point, or if a value is out of the model's range.
    """
    kind = entity.get("type")
    if kind != TYPE:
        raise TableError(f"{where}: type {kind!r}", expected=f"{TYPE!r}")
    try:
        lon, lat = _value(entity, "location")["coordinates"][:2]
        fields: dict[str, Any] = {
            name: None if _value(entity, attribute) is None else float(_value(entity, attribute))
            for name, (attribute, _) in NUMBERS.items()
        }
        fields |= {name: str(_value(entity, TEXTS[name]) or "") for name in TEXTS}
        fields |= {name: _time(_value(entity, TIMES[name])) for name in TIMES}
        fields["category"] = tuple(_value(entity, "category") or ())
        fields["district"] = str((_value(entity, "address") or {}).get("district", ""))
        return WasteContainer(str(entity["id"]), float(lon), float(lat), **fields)
    except UsageError as error:
        raise TableError(f"{where}: {error.found}", expected=error.expected) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TableError(
            f"{where}: {error!r}",
            expected="an id, a location of type Point, numbers and ISO 8601 times",
        ) from error


def _property(value: object) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _value(entity: Mapping[str, Any], attribute: str) -> Any:
    """Return an attribute's value, in either form; None where it is absent."""
    found = entity.get(attribute)
    if isinstance(found, Mapping) and "value" in found:
        return found["value"]
    return found


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    text = value["@value"] if isinstance(value, Mapping) else value
    return datetime.fromisoformat(text)
