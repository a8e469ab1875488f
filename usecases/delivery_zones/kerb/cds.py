"""The objects of the Curb Data Specification (CDS) 1.0.1, field by field.

Names, required fields and enumerations are those of the Open Mobility Foundation's public
text (curbs/README.md, events/README.md, release 1.0.1 of 2024-12-09). Its schema files were
not at hand: this follows the text and claims no conformity. Fields that identify a vehicle
(``vehicle_id``, ``vehicle_license_plate``, ``vehicle_permit_number``) have no place here: they
are neither read nor written.
"""

import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import UUID, uuid5

from common.edge.errors import TableError

__all__ = [
    "DATA_SOURCE_TYPES",
    "EVENT_TYPES",
    "VERSION",
    "CurbEvent",
    "CurbPolicy",
    "CurbZone",
    "Rule",
    "TimeSpan",
    "from_json",
    "payload",
    "read_payload",
    "to_json",
    "uuid_of",
]

VERSION = "1.0.1"
NAMESPACE = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""The URL name space of RFC 4122: ids that are no UUID become UUIDs of version 5 under it."""

EVENT_TYPES = (
    "comms_lost", "comms_restored", "decommissioned", "park_start", "park_end",
    "scheduled_report", "enter_area", "exit_area",
)  # fmt: skip
DATA_SOURCE_TYPES = (
    "data_feed", "camera", "above_ground", "in_ground", "meter", "payment", "in_person", "other",
)  # fmt: skip
DAYS_OF_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ACTIVITIES = (
    "parking", "no parking", "loading", "no loading", "unloading", "no unloading", "stopping",
    "no stopping", "travel", "no travel",
)  # fmt: skip
UNITS_OF_TIME = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")

T = TypeVar("T")


@dataclass(frozen=True)
class TimeSpan:
    """When a policy applies, in local time; fields left out do not restrict it."""

    start_date: int | None = None
    end_date: int | None = None
    days_of_week: tuple[str, ...] | None = None
    days_of_month: tuple[int, ...] | None = None
    months: tuple[int, ...] | None = None
    time_of_day_start: str | None = None
    time_of_day_end: str | None = None
    designated_period: str | None = None
    designated_period_except: bool | None = None

    def __post_init__(self) -> None:
        _among("days_of_week", self.days_of_week or (), DAYS_OF_WEEK)
        _among("months", self.months or (), range(1, 13))
        _among("days_of_month", self.days_of_month or (), range(1, 32))
        for name in ("time_of_day_start", "time_of_day_end"):
            _refuse_bad_clock(name, getattr(self, name))


@dataclass(frozen=True)
class Rule:
    """Who may do what, and for how long."""

    activity: str
    max_stay: int | None = None
    max_stay_unit: str | None = None
    no_return: int | None = None
    no_return_unit: str | None = None
    user_classes: tuple[str, ...] | None = None
    rate: tuple[Mapping[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        _among("activity", (self.activity,), ACTIVITIES)
        units = (unit for unit in (self.max_stay_unit, self.no_return_unit) if unit is not None)
        _among("max_stay_unit, no_return_unit", tuple(units), UNITS_OF_TIME)
        if self.max_stay is not None and self.max_stay < 0:
            raise TableError(f"max_stay = {self.max_stay}", expected="a whole number from 0")


@dataclass(frozen=True)
class CurbPolicy:
    """A regulation: its rules and the time spans in which they hold."""

    curb_policy_id: str
    published_date: int
    priority: int
    rules: tuple[Rule, ...]
    time_spans: tuple[TimeSpan, ...] | None = None
    data_source_operator_id: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.rules:
            raise TableError(f"policy {self.curb_policy_id}: no rule", expected="at least one rule")


@dataclass(frozen=True)
class CurbZone:
    """A stretch of kerb under one regulation.

    ``geometry`` is GeoJSON. The specification asks for a polygon; where only a point is
    known a point is given, and that is a departure from it.
    """

    curb_zone_id: str
    geometry: Mapping[str, Any] | None
    curb_policy_ids: tuple[str, ...]
    published_date: int
    last_updated_date: int
    start_date: int
    prev_policies: tuple[Mapping[str, Any], ...] | None = None
    prev_curb_zone_ids: tuple[str, ...] | None = None
    end_date: int | None = None
    location_references: tuple[Mapping[str, Any], ...] | None = None
    name: str | None = None
    user_zone_id: str | None = None
    street_name: str | None = None
    cross_street_start_name: str | None = None
    cross_street_end_name: str | None = None
    length: int | None = None
    available_space_lengths: tuple[int, ...] | None = None
    availability_time: int | None = None
    width: int | None = None
    parking_angle: str | None = None
    num_spaces: int | None = None
    street_side: str | None = None
    median: bool | None = None
    entire_roadway: bool | None = None
    curb_area_ids: tuple[str, ...] | None = None
    curb_space_ids: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.parking_angle is not None:
            _among("parking_angle", (self.parking_angle,), ("parallel", "perpendicular", "angled"))
        if self.num_spaces is not None and self.num_spaces < 0:
            raise TableError(f"num_spaces = {self.num_spaces}", expected="a whole number from 0")


@dataclass(frozen=True)
class CurbEvent:
    """Something that happened at the kerb, or to the sensor that watches it."""

    event_id: str
    event_type: str
    event_location: Mapping[str, Any] | None
    event_time: int
    event_publication_time: int
    data_source_type: str
    data_source_device_id: str
    event_purpose: str | None = None
    event_session_id: str | None = None
    curb_zone_id: str | None = None
    curb_area_ids: tuple[str, ...] | None = None
    curb_space_id: str | None = None
    data_source_operator_id: str | None = None
    data_source_operator_name: str | None = None
    data_source_manufacturer: str | None = None
    data_source_model: str | None = None
    sensor_status_is_commissioned: bool | None = None
    sensor_status_is_online: bool | None = None
    vehicle_length: int | None = None
    vehicle_type: str | None = None
    vehicle_propulsion_types: tuple[str, ...] | None = None
    vehicle_blocked_lane_types: tuple[str, ...] | None = None
    curb_occupants: tuple[Mapping[str, Any], ...] | None = None
    actual_cost: int | None = None

    def __post_init__(self) -> None:
        _among("event_type", (self.event_type,), EVENT_TYPES)
        _among("data_source_type", (self.data_source_type,), DATA_SOURCE_TYPES)


MAY_BE_NULL = frozenset({"geometry", "event_location"})
"""Required by the specification, null where the place is not known."""


def uuid_of(text: str) -> str:
    """Return a UUID for any id: itself if it is one, else its version 5.

    >>> uuid_of("D3C862B1-5404-4635-A90B-056537C50E81")
    'd3c862b1-5404-4635-a90b-056537c50e81'
    >>> uuid_of("du-nethergate-fast") == uuid_of("du-nethergate-fast")
    True
    """
    try:
        return str(UUID(text))
    except ValueError:
        return str(uuid5(NAMESPACE, text))


def to_json(record: object) -> dict[str, Any]:
    """Return a record's fields under their CDS names; those that are None are left out.

    >>> to_json(Rule("loading", max_stay=30))
    {'activity': 'loading', 'max_stay': 30}
    """
    found = {}
    for item in fields(record):  # type: ignore[arg-type]  # a dataclass of this module
        value = getattr(record, item.name)
        if value is not None or item.name in MAY_BE_NULL:
            found[item.name] = _plain(value)
    return found


def from_json(kind: type[T], raw: object, where: str) -> T:
    """Build a record from a JSON object; fields it does not know are passed over.

    Parameters
    ----------
    kind
        One of this module's records.
    raw
        The parsed JSON.
    where
        File and place, for the message.

    Raises
    ------
    TableError
        If ``raw`` is no object, lacks a required field, or a value has the wrong type or is
        outside its enumeration.
    """
    if not isinstance(raw, Mapping):
        raise TableError(f"{where}: {raw!r}", expected=f"an object {kind.__name__}")
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    values = {}
    for item in fields(kind):  # type: ignore[arg-type]  # a dataclass of this module
        if raw.get(item.name) is not None:
            place = f"{where}.{item.name}"
            values[item.name] = _typed(hints[item.name], raw[item.name], place)
        elif item.name in MAY_BE_NULL:
            values[item.name] = None
        elif item.default is not None:
            raise TableError(
                f"{where}: no {item.name}",
                expected=f"{item.name}, which CDS {VERSION} requires of a {kind.__name__}",
                remedy="ask the data's operator to fill it in",
            )
    try:
        return kind(**values)
    except TableError as error:
        raise TableError(
            f"{where}: {error.found}", expected=error.expected, remedy=error.remedy
        ) from error


def payload(name: str, records: Sequence[object], timezone: str, updated_ms: int) -> dict[str, Any]:
    """Return what a CDS endpoint answers: ``data`` with one array, and its heading.

    Parameters
    ----------
    name
        ``zones``, ``policies`` or ``events``.
    records
        Records of this module.
    timezone
        IANA name.
    updated_ms
        ``last_updated``, milliseconds since 1970.
    """
    return {
        "version": VERSION,
        "time_zone": timezone,
        "last_updated": updated_ms,
        "data": {name: [to_json(record) for record in records]},
    }


def read_payload(kind: type[T], name: str, text: str, where: str) -> tuple[list[T], str]:
    """Read what a CDS endpoint answers.

    Returns
    -------
    records, timezone
        The array ``data.<name>`` and ``time_zone``.

    Raises
    ------
    TableError
        If it is not JSON, or not laid out so.
    """
    try:
        raw = json.loads(text)
        items, timezone = raw["data"][name], raw["time_zone"]
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{where}: {type(error).__name__} {error}",
            expected=f'a CDS answer: {{"version", "time_zone", "last_updated", "data": {{"{name}": '
            "[...]}}",
            remedy="save the endpoint's answer as it is",
        ) from error
    if not isinstance(items, list):
        raise TableError(f"{where}: data.{name} is {type(items).__name__}", expected="an array")
    records = [
        from_json(kind, item, f"{where}: data.{name}[{number}]")
        for number, item in enumerate(items)
    ]
    return records, str(timezone)


@lru_cache(maxsize=16)
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return to_json(value)
    return value


def _typed(hint: Any, value: object, where: str) -> Any:
    """Return a JSON value as the type that a field declares."""
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise TableError(f"{where}: {value!r}", expected="an array")
        inner = typing.get_args(hint)[0]
        return tuple(_typed(inner, item, f"{where}[{n}]") for n, item in enumerate(value))
    if hasattr(hint, "__dataclass_fields__"):
        return from_json(cast("type[object]", hint), value, where)
    expected = Mapping if typing.get_origin(hint) is not None else hint
    wrong = not isinstance(value, expected) or (expected is int and isinstance(value, bool))
    if wrong:
        raise TableError(
            f"{where}: {value!r}", expected=f"a value of type {getattr(expected, '__name__', '')}"
        )
    return value


def _among(name: str, values: Sequence[object], legal: Sequence[object]) -> None:
    wrong = [value for value in values if value not in legal]
    if wrong:
        raise TableError(f"{name} = {wrong[0]!r}", expected="among " + ", ".join(map(str, legal)))


def _refuse_bad_clock(name: str, text: str | None) -> None:
    if text is None:
        return
    hours, _, minutes = text.partition(":")
    legal = len(text) == 5 and hours.isdecimal() and minutes.isdecimal()
    if not legal or int(hours) > 24 or int(minutes) > 59:
        raise TableError(f"{name} = {text!r}", expected="HH:MM, from 00:00 to 24:00")
