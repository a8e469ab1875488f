"""A comparison as JSON of a stable schema, with the hash of everything but when and where.

``comparison.json`` has four members: ``schema`` (a number), ``body`` (all figures, rounded as
printed), ``body_sha256`` and ``about`` (when and where it was computed, how long it took). The
body holds nothing of the machine that scored: energies in it were measured when an entry was
made, and come from its ``entry.json``. The hash is that of the body's canonical JSON
(`benchmarks.sealing.digests`), so that the same pack scored elsewhere gives the same one; why the
last bits of another processor do not change it is told in `benchmarks.comparing.printed`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.comparing.printed import printed
from benchmarks.records import Comparison, Standing
from benchmarks.sealing.digests import json_digest, plain
from benchmarks.sealing.entries import entry_from_json
from common.edge.errors import ChecksumError, ManifestError
from common.lab.contest import Finding
from common.lab.record import Score
from common.lab.statistics import PairedDifference

__all__ = ["SCHEMA", "body", "body_hash", "from_json", "read_about", "to_json"]

SCHEMA = 1
"""Raised whenever a member changes its name, its unit or its meaning."""
MAX_JSON_BYTES = 32 * 2**20
_VERBATIM = ("protocol", "entry")
"""Members that come from files and are kept to the last digit."""


def body(comparison: Comparison) -> dict[str, Any]:
    """Return what is hashed: plain values, every computed number rounded as printed."""
    members: dict[str, Any] = _rounded(plain(asdict(comparison)))
    return members


def body_hash(comparison: Comparison) -> str:
    """Return the sha256 of the body's canonical JSON, 64 hexadecimal digits."""
    return json_digest(body(comparison))


def to_json(comparison: Comparison, about: Mapping[str, Any] | None = None) -> str:
    """Return the text of ``comparison.json``.

    Parameters
    ----------
    comparison
        What to write.
    about
        When, where and how long; outside the hash.
    """
    members = body(comparison)
    document = {
        "schema": SCHEMA,
        "body_sha256": json_digest(members),
        "about": plain(about or {}),
        "body": members,
    }
    return (
        json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    )


def from_json(text: str) -> Comparison:
    """Read a comparison back; its figures are the printed ones.

    Raises
    ------
    ManifestError
        The text is too long, not JSON, of another schema, or lacks a member.
    ChecksumError
        The body is not the one that was hashed.
    """
    document = _document(text)
    members = document["body"]
    found = json_digest(members)
    if found != document["body_sha256"]:
        raise ChecksumError(
            f"a comparison whose body has sha256 {found}",
            expected=str(document["body_sha256"]),
            remedy="score again from the pack's files: aune benchmark verify",
        )
    try:
        return _comparison(members)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError(
            f"a comparison with an unreadable body: {error!r}", expected=f"schema {SCHEMA}"
        ) from error


def read_about(text: str) -> dict[str, Any]:
    """Return when and where a comparison was computed."""
    about: dict[str, Any] = _document(text)["about"]
    return about


def _document(text: str) -> dict[str, Any]:
    if len(text) > MAX_JSON_BYTES:
        raise ManifestError(
            f"a comparison of {len(text)} characters", expected=f"at most {MAX_JSON_BYTES}"
        )
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"a comparison that is not JSON: {error}") from error
    wanted = {"schema", "body", "body_sha256", "about"}
    if not isinstance(document, dict) or set(document) != wanted or document["schema"] != SCHEMA:
        raise ManifestError(
            "a comparison of another schema",
            expected=f"schema {SCHEMA}: {', '.join(sorted(wanted))}",
        )
    return document


def _rounded(value: Any, *, verbatim: bool = False) -> Any:
    """Round what was computed; write 40 for 40.0, so that both have one hash."""
    if isinstance(value, dict):
        return {
            key: _rounded(item, verbatim=verbatim or key in _VERBATIM)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_rounded(item, verbatim=verbatim) for item in value]
    if not isinstance(value, float):
        return value
    number = value if verbatim else printed(value)
    return int(number) if number.is_integer() else number


def _comparison(raw: Mapping[str, Any]) -> Comparison:
    return Comparison(
        **{
            **raw,
            "minimum_detectable": float(raw["minimum_detectable"]),
            "standings": tuple(_standing(row) for row in raw["standings"]),
            "unverified": tuple(raw["unverified"]),
        }
    )


def _standing(raw: Mapping[str, Any]) -> Standing:
    gap, ratio = raw["difference"], raw["energy_ratio"]
    return Standing(
        **{
            **raw,
            "entry": entry_from_json(json.dumps(raw["entry"])),
            "scores": {name: Score(**_floats(score)) for name, score in raw["scores"].items()},
            "difference": None if gap is None else PairedDifference(**_floats(gap)),
            "worst_loss": float(raw["worst_loss"]),
            "slices": {name: _numbers(classes) for name, classes in raw["slices"].items()},
            "alert_slices": tuple(raw["alert_slices"]),
            "stress": _numbers(raw["stress"]),
            "findings": tuple(
                Finding(**{**row, "rows": tuple(row["rows"])}) for row in raw["findings"]
            ),
            "energy_ratio": None if ratio is None else (float(ratio[0]), float(ratio[1])),
            "dominated_by": tuple(raw["dominated_by"]),
            "service_year": {
                name: (float(low), float(high)) for name, (low, high) in raw["service_year"].items()
            },
        }
    )


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in raw.items()}


def _floats(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``nan`` and ``inf`` back where a record has a float."""
    unreadable = ("nan", "inf", "-inf")
    return {name: float(value) if value in unreadable else value for name, value in raw.items()}
