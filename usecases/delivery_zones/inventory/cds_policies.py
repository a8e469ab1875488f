"""The inventory as CDS 1.0.1 curb zones and policies, and back without loss.

The Curb Data Specification (Open Mobility Foundation, Curbs API) is followed field by field as its
public text says; conformity is not claimed. `COMMON_FIELDS` of the schema `aire-livraison` have a
place there and come back as they went; `NOT_IN_CDS` have none and stay in the inventory.
"""

import json
import math
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pandas as pd

from common.edge.errors import TableError
from usecases.delivery_zones.inventory.areas import TableSchema, points_of
from usecases.delivery_zones.inventory.check import duration_minutes
from usecases.delivery_zones.inventory.opening_hours import (
    ALWAYS,
    canonical,
    from_time_spans,
    time_spans,
)

__all__ = ["COMMON_FIELDS", "NOT_IN_CDS", "from_cds", "iso_duration", "normal_form", "to_cds"]

CDS_VERSION: Final = "1.0.1"
COMMON_FIELDS: Final = {
    "ID": "zones.user_zone_id",
    "EMPRISE_DESIGNATION": "zones.name",
    "EMPRISE_LONGUEUR": "zones.length, centimetres",
    "EMPRISE_LARGEUR": "zones.width, centimetres",
    "GEOM_XY": "zones.geometry, the centre of the polygon",
    "INTERV_JH": "policies.time_spans",
    "INTERV_REGIME": "policies.rules: activities and user_classes",
    "INTERV_DUREE": "policies.rules.max_stay, minutes",
}
"""Field of the schema to its place in CDS."""

NOT_IN_CDS: Final = (
    "COLL_NOM", "COLL_INSEE", "ARR_REF", "ARR_DATE", "ARR_OBJET", "ARR_CONSIDERANT", "ARR_URL",
    "REGL_ARTICLE", "REGL_SOUS_ARTICLE", "VEH_TONNAGE", "INTERV_DISQUE", "EMPRISE_ZONE",
    "EMPRISE_DEBATTEMENT", "STATIONNEMENT_LOCALISATION", "IRVE_PRESENCE", "IRVE_PUISSANCE",
    "GEOM_WKT",
)  # fmt: skip
"""Fields of the schema that CDS 1.0.1 has no field for."""

NAMESPACE: Final = uuid.UUID("6f0f7a5e-2b0d-5d0a-9d3c-3f6b1c4e8a21")
"""Own name space: the same inventory gives the same ids at every export."""
HALF_SIDE_DEGREES: Final = 5e-6
"""Half the side of the square (about 1 m) drawn around a point: CDS wants a polygon."""
COORDINATE_DECIMALS: Final = 6
CENTIMETRES: Final = 100

DELIVERY: Final = ("delivery",)
CASH: Final = ("cash_transport",)
"""CDS lets a city name its own user classes; it has no well-known one for money transports."""


def to_cds(areas: pd.DataFrame, published: datetime) -> dict[str, Any]:
    """Return zones and policies of a schema table.

    Each area is a zone. Its policies, the lowest number first: loading for its users in the
    goods hours, no stopping for others in the same hours (where the regime is known), parking
    for all at other times (regime « Mixte »). Equal policies are one policy, as CDS asks.

    Parameters
    ----------
    areas
        Schema columns as text.
    published
        Time of publication, with time zone; zones are valid from then on.

    Returns
    -------
    dict
        ``version``, ``zones``, ``policies``.

    Raises
    ------
    TableError
        Naming the area whose hours, duration, size or point cannot be said in CDS.
    """
    if published.tzinfo is None:
        raise TableError(f"published {published}", expected="a time with its time zone")
    stamp = int(published.timestamp() * 1000)
    policies: dict[str, dict[str, Any]] = {}
    zones = []
    for row, point in zip(areas.to_dict("records"), points_of(areas), strict=True):
        try:
            own = [_with_id(policy, stamp) for policy in _policies(row)]
            zones.append(
                _zone(row, point.tolist(), stamp, [policy["curb_policy_id"] for policy in own])
            )
        except TableError as error:
            raise TableError(
                f"area {row['ID']}: {error.found}", expected=error.expected, remedy=error.remedy
            ) from error
        policies |= {policy["curb_policy_id"]: policy for policy in own}
    return {"version": CDS_VERSION, "zones": zones, "policies": list(policies.values())}


def from_cds(document: Mapping[str, Any], schema: TableSchema) -> pd.DataFrame:
    """Return the schema table of CDS zones and policies; what CDS cannot say is empty.

    Hours and durations come back in `normal_form`.

    Raises
    ------
    TableError
        Naming the zone that lacks a policy or has one that the schema cannot say.
    """
    policies = {policy["curb_policy_id"]: policy for policy in document["policies"]}
    rows = []
    for zone in document["zones"]:
        try:
            own = [policies[key] for key in zone["curb_policy_ids"]]
        except KeyError as error:
            raise TableError(
                f"zone {zone['curb_zone_id']}: no policy {error}",
                expected="every curb_policy_id of a zone among the policies",
                remedy="export zones and policies together",
            ) from error
        rows.append(_from_zone(zone) | _from_policies(own, zone["curb_zone_id"]))
    return pd.DataFrame(rows, columns=list(schema.columns), dtype=str).fillna("")


def normal_form(areas: pd.DataFrame) -> pd.DataFrame:
    """Return the common fields in the one way in which they come back from CDS.

    Hours as `opening_hours.canonical` (at all times is empty, as the schema has it),
    durations as ``PT30M``, sizes in metres without trailing zeros, coordinates with six
    decimals.
    """
    table = areas[list(COMMON_FIELDS)].copy()
    table["INTERV_JH"] = [_hours_text(canonical(text or ALWAYS)) for text in table["INTERV_JH"]]
    table["INTERV_DUREE"] = [iso_duration(_minutes(text)) for text in table["INTERV_DUREE"]]
    for name in ("EMPRISE_LONGUEUR", "EMPRISE_LARGEUR"):
        table[name] = [_metres_text(_centimetres(name, text)) for text in table[name]]
    table["GEOM_XY"] = [_point_text(*point) for point in points_of(areas)]
    return table


def iso_duration(minutes: int | None) -> str:
    """Return minutes as an ISO 8601 duration, empty for None.

    >>> iso_duration(30), iso_duration(180), iso_duration(None)
    ('PT30M', 'PT3H', '')
    """
    if minutes is None:
        return ""
    hours, rest = divmod(minutes, 60)
    text = (f"{hours}H" if hours else "") + (f"{rest}M" if rest else "")
    return f"PT{text or '0M'}"


def _zone(
    row: Mapping[str, str], point: Sequence[float], stamp: int, policy_ids: list[str]
) -> dict[str, Any]:
    """Return the CDS Curb Zone of an area."""
    zone: dict[str, Any] = {
        "curb_zone_id": str(uuid.uuid5(NAMESPACE, row["ID"])),
        "geometry": _square(*point),
        "curb_policy_ids": policy_ids,
        "published_date": stamp,
        "last_updated_date": stamp,
        "start_date": stamp,
        "user_zone_id": row["ID"],
        "name": row["EMPRISE_DESIGNATION"],
    }
    for name, place in (("EMPRISE_LONGUEUR", "length"), ("EMPRISE_LARGEUR", "width")):
        size = _centimetres(name, row[name])
        if size is not None:
            zone[place] = size
    return zone


def _from_zone(zone: Mapping[str, Any]) -> dict[str, str]:
    ring = zone["geometry"]["coordinates"][0][:-1]
    centre = [sum(corner[axis] for corner in ring) / len(ring) for axis in (0, 1)]
    return {
        "ID": zone.get("user_zone_id", zone["curb_zone_id"]),
        "EMPRISE_DESIGNATION": zone.get("name", ""),
        "EMPRISE_LONGUEUR": _metres_text(zone.get("length")),
        "EMPRISE_LARGEUR": _metres_text(zone.get("width")),
        "GEOM_XY": _point_text(*centre),
    }


def _policies(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the policies of an area, without id and date."""
    spans = time_spans(row["INTERV_JH"] or ALWAYS)
    regime = row["INTERV_REGIME"]
    if regime not in ("", "Livraison", "Mixte", "Transport de fonds"):
        raise TableError(
            f"INTERV_REGIME {regime!r}", expected="Livraison, Mixte, Transport de fonds or empty"
        )
    loading: dict[str, Any] = {
        "activity": "loading",
        "user_classes": list(CASH if regime == "Transport de fonds" else DELIVERY),
    }
    minutes = _minutes(row["INTERV_DUREE"])
    if minutes is not None:
        loading |= {"max_stay": minutes, "max_stay_unit": "minute"}
    policies = [_policy(1, loading, spans)]
    if regime:
        policies.append(_policy(2, {"activity": "no stopping"}, spans))
    if regime == "Mixte":
        policies.append(_policy(3, {"activity": "parking"}, []))
    return policies


def _policy(priority: int, rule: dict[str, Any], spans: list[dict[str, Any]]) -> dict[str, Any]:
    policy: dict[str, Any] = {"priority": priority, "rules": [rule]}
    return policy | ({"time_spans": spans} if spans else {})


def _with_id(policy: dict[str, Any], stamp: int) -> dict[str, Any]:
    """Name a policy by its content: equal ids mean identical policies, as CDS asks."""
    content = json.dumps(policy, sort_keys=True)
    key = str(uuid.uuid5(NAMESPACE, f"{stamp} {content}"))
    return {"curb_policy_id": key, "published_date": stamp, **policy}


def _from_policies(policies: Sequence[Mapping[str, Any]], zone_id: str) -> dict[str, str]:
    """Return hours, regime and duration of a zone's policies."""
    rules = {policy["rules"][0]["activity"]: policy for policy in policies}
    if "loading" not in rules or any(len(policy["rules"]) != 1 for policy in policies):
        raise TableError(
            f"zone {zone_id}: activities {', '.join(sorted(rules)) or 'none'}",
            expected="a loading policy with one rule, then no stopping, then parking",
            remedy="give this zone by hand: the schema knows delivery areas only",
        )
    loading = rules["loading"]
    rule = loading["rules"][0]
    return {
        "INTERV_JH": _hours_text(from_time_spans(loading.get("time_spans", []))),
        "INTERV_REGIME": _regime(rule, rules, zone_id),
        "INTERV_DUREE": iso_duration(_stay_minutes(rule, zone_id)),
    }


def _regime(rule: Mapping[str, Any], rules: Mapping[str, Any], zone_id: str) -> str:
    classes = tuple(rule.get("user_classes", ()))
    if classes not in (DELIVERY, CASH):
        raise TableError(
            f"zone {zone_id}: user_classes {list(classes)}",
            expected=f"{list(DELIVERY)} or {list(CASH)}",
            remedy="give this zone by hand",
        )
    if classes == CASH:
        return "Transport de fonds"
    if "parking" in rules:
        return "Mixte"
    return "Livraison" if "no stopping" in rules else ""


def _stay_minutes(rule: Mapping[str, Any], zone_id: str) -> int | None:
    """Return ``max_stay`` in minutes, whatever its unit."""
    if "max_stay" not in rule:
        return None
    minutes = {"minute": 1, "hour": 60, "day": 24 * 60}
    unit = rule.get("max_stay_unit", "minute")
    if unit not in minutes:
        raise TableError(f"zone {zone_id}: max_stay_unit {unit!r}", expected=", ".join(minutes))
    return int(rule["max_stay"]) * minutes[unit]


def _hours_text(expression: str) -> str:
    """Return hours as the schema has them: at all times is empty."""
    return "" if expression == ALWAYS else expression


def _minutes(text: str) -> int | None:
    minutes = duration_minutes(text) if text else None
    if text and minutes is None:
        raise TableError(f"INTERV_DUREE {text!r}", expected="ISO 8601, as PT30M or P0DT3H")
    return minutes


def _centimetres(name: str, text: str) -> int | None:
    """Return metres as whole centimetres, None where empty."""
    if not text:
        return None
    try:
        size = float(text) * CENTIMETRES
    except ValueError as error:
        raise TableError(f"{name} {text!r}", expected="metres, as 9.5") from error
    return round(size)


def _metres_text(centimetres: int | None) -> str:
    return "" if centimetres is None else f"{centimetres / CENTIMETRES:g}"


def _square(longitude: float, latitude: float) -> dict[str, Any]:
    """Return a closed square of about 1 m around a point, counter-clockwise (RFC 7946)."""
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise TableError("GEOM_XY is no point", expected="longitude,latitude in degrees")
    half = HALF_SIDE_DEGREES
    corners = [(-half, -half), (half, -half), (half, half), (-half, half), (-half, -half)]
    ring = [[round(longitude + dx, 7), round(latitude + dy, 7)] for dx, dy in corners]
    return {"type": "Polygon", "coordinates": [ring]}


def _point_text(longitude: float, latitude: float) -> str:
    """Return ``lon,lat``; adding 0 turns a minus zero into zero."""
    east, north = (round(degrees, COORDINATE_DECIMALS) + 0.0 for degrees in (longitude, latitude))
    return f"{east:.{COORDINATE_DECIMALS}f},{north:.{COORDINATE_DECIMALS}f}"
