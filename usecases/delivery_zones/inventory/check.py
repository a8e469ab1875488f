"""Check an inventory of delivery areas: the schema's own rules, then those of the street.

The first set is read from the schema file (types, enumerations, required, patterns, bounds,
uniqueness), so that a new version of the schema is checked by its own word; the second is
`inventory_rules`. A finding says in French what was met and what to do.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from common.lab.usecase import Array
from usecases.delivery_zones.inventory.areas import (
    HAUTS_DE_SEINE_COLUMNS,
    TableSchema,
    from_hauts_de_seine,
)
from usecases.delivery_zones.inventory.findings import LEVELS, Finding, Report, found
from usecases.delivery_zones.inventory.rules import street_findings

__all__ = ["check", "duration_minutes"]

NOT_COMMUNICATED: Final = "NC"
"""The schema's text for "the by-law does not say", in fields whose description names it."""
DURATION: Final = re.compile(
    r"^P(?=.)(?:(?P<days>\d+)D)?(?:(?:T|DT)?(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?$"
)
BY_LAW_ADVICE: Final = (
    "sans référence d'arrêté, la page ne peut pas citer la règle et aucun dépassement n'est "
    "opposable ; reprendre l'arrêté, ou écrire NC s'il ne le dit pas"
)


def check(inventory: pd.DataFrame, schema: TableSchema) -> Report:
    """Check an inventory in either layout.

    Parameters
    ----------
    inventory
        As from `inventory.read_inventory`. The Hauts-de-Seine layout is brought to the schema
        first; its street rules see the original cells.
    schema
        The Table Schema to keep.

    Returns
    -------
    Report
        Errors first, then warnings, then information; the most frequent first.
    """
    raw = set(HAUTS_DE_SEINE_COLUMNS) <= set(inventory)
    whole = inventory if raw else inventory.reindex(columns=[*schema.columns], fill_value="")
    areas = from_hauts_de_seine(inventory, schema) if raw else whole
    unknown = [] if raw else _header(inventory, schema)
    findings = [*unknown, *_fields(areas, schema), *street_findings(whole)]
    findings.sort(key=lambda finding: (LEVELS.index(finding.level), -finding.count, finding.rule))
    return Report(tuple(findings), len(inventory))


def duration_minutes(text: str) -> int | None:
    """Return the minutes of an ISO 8601 duration in days, hours and minutes; None if it is none.

    The schema's own example, ``P0DT3H``, is one; years and months have no length in minutes.

    >>> duration_minutes("PT30M"), duration_minutes("P0DT3H"), duration_minutes("30 min")
    (30, 180, None)
    """
    found_parts = DURATION.match(text)
    if found_parts is None or not any(found_parts.groupdict().values()):
        return None
    days, hours, minutes = (
        int(part or 0) for part in found_parts.group("days", "hours", "minutes")
    )
    return (24 * days + hours) * 60 + minutes


def _header(areas: pd.DataFrame, schema: TableSchema) -> list[Finding]:
    """Report columns that the schema does not know; absent ones show as empty fields."""
    unknown = [str(name) for name in areas if name not in schema.columns]
    if not unknown:
        return []
    return [
        Finding(
            "schema.colonnes", "avertissement", (), (),
            f"Colonnes inconnues du schéma : {', '.join(unknown)} ; elles ne seront pas publiées.",
        )
    ]  # fmt: skip


def _fields(areas: pd.DataFrame, schema: TableSchema) -> list[Finding]:
    """Check every field of the schema by its own descriptor."""
    ids = areas[schema.primary_key].to_numpy()
    findings: list[Finding] = []
    for field in schema.fields:
        name = str(field["name"])
        cells = areas[name] if name in areas else pd.Series("", index=areas.index)
        missing = cells.isin(schema.missing).to_numpy()
        findings += _required(field, missing, ids)
        findings += _values(field, cells, ~missing & ~_not_communicated(field, cells), ids)
    return findings


def _not_communicated(field: dict[str, Any], cells: pd.Series) -> Array:
    """Tell which cells say NC where the description of the field allows it."""
    allowed = f"`{NOT_COMMUNICATED}`" in field.get("description", "")
    said: Array = (cells == NOT_COMMUNICATED).to_numpy() & allowed
    return said


def _required(field: dict[str, Any], missing: Array, ids: Array) -> list[Finding]:
    """Report empty cells of a required field."""
    name = field["name"]
    if not field.get("constraints", {}).get("required"):
        return []
    advice = BY_LAW_ADVICE if name.startswith("ARR_") else "renseigner ce champ obligatoire"
    return found(
        f"schema.obligatoire.{name}", "erreur", missing, ids,
        f"{name} ({field.get('title', name)}) est vide ; {advice}.",
    )  # fmt: skip


def _values(field: dict[str, Any], cells: pd.Series, known: Array, ids: Array) -> list[Finding]:
    """Check type, then constraints, of the known cells of a field."""
    name, kind = field["name"], field.get("type", "string")
    typed = _TYPES.get(kind, _text)(field, cells).to_numpy()
    findings = found(
        f"schema.type.{name}", "erreur", known & ~typed, ids,
        f"{name} n'est pas du type « {kind} » (exemple du schéma : {field.get('example', '—')}).",
    )  # fmt: skip
    for rule, bound in field.get("constraints", {}).items():
        if rule in _CONSTRAINTS:
            kept, words = _CONSTRAINTS[rule]
            broken = known & typed & ~kept(cells, bound).to_numpy()
            findings += found(
                f"schema.{rule}.{name}", "erreur", broken, ids, f"{name} {words} {_said(bound)}."
            )
    return findings


def _said(bound: Any) -> str:
    """Return a bound of the schema as text."""
    if isinstance(bound, list):
        return ", ".join(f"« {value} »" for value in bound)
    return "" if bound is True else str(bound)


def _text(_field: dict[str, Any], cells: pd.Series) -> pd.Series:
    return pd.Series(data=True, index=cells.index)


def _number(_field: dict[str, Any], cells: pd.Series) -> pd.Series:
    return np.isfinite(_value(cells))


def _value(cells: pd.Series) -> pd.Series:
    """Return cells as numbers, NaN where they are none."""
    return pd.to_numeric(cells, errors="coerce").astype(float)


def _date(field: dict[str, Any], cells: pd.Series) -> pd.Series:
    form = field.get("format", "%Y-%m-%d")
    return cells.map(lambda text: _is_date(text, form))


def _is_date(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - a civil day
    except ValueError:
        return False
    return True


def _boolean(field: dict[str, Any], cells: pd.Series) -> pd.Series:
    words = [*field.get("trueValues", ["true"]), *field.get("falseValues", ["false"])]
    return cells.isin(words)


def _duration(_field: dict[str, Any], cells: pd.Series) -> pd.Series:
    return cells.map(lambda text: duration_minutes(text) is not None)


def _geopoint(_field: dict[str, Any], cells: pd.Series) -> pd.Series:
    """Frictionless geopoint, default format: ``lon,lat`` in degrees."""
    parts = cells.str.split(",", expand=True)
    if parts.shape[1] != 2:
        return pd.Series(data=False, index=cells.index)
    longitude, latitude = (pd.to_numeric(parts[i].str.strip(), errors="coerce") for i in (0, 1))
    return longitude.between(-180, 180) & latitude.between(-90, 90)


Typed = Callable[[dict[str, Any], pd.Series], pd.Series]
Kept = Callable[[pd.Series, Any], pd.Series]

_TYPES: Final[dict[str, Typed]] = {
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "duration": _duration,
    "geopoint": _geopoint,
}
_CONSTRAINTS: Final[dict[str, tuple[Kept, str]]] = {
    "enum": (lambda cells, values: cells.isin(values), "n'est pas une des valeurs admises :"),
    "pattern": (lambda cells, form: cells.str.fullmatch(form), "ne suit pas le motif du schéma :"),
    "minLength": (lambda cells, size: cells.str.len() >= size, "est plus court que"),
    "maxLength": (lambda cells, size: cells.str.len() <= size, "est plus long que"),
    "minimum": (lambda cells, low: _value(cells) >= low, "est inférieur au minimum"),
    "maximum": (lambda cells, high: _value(cells) <= high, "dépasse le maximum"),
    "unique": (lambda cells, _: ~cells.duplicated(keep=False), "n'est pas unique"),
}
