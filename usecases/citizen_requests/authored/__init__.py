"""Fictional requests written by hand before any model: a check of behaviour, never a score."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from common.edge.errors import DataError

__all__ = [
    "CHALLENGE_SHA256",
    "FROZEN_SHA256",
    "AuthoredRequest",
    "ChallengeText",
    "PersonalSpan",
    "challenge_texts",
    "frozen_requests",
]

FROZEN_SHA256 = "c74a6942caef166dbc8830582835c7f1f1a732877c30aa3a88adba9333cb840b"
"""Hash of ``requests.jsonl`` as committed before the cues and weights were written."""

CHALLENGE_SHA256 = "33275b4d0e940f5e4e9bb8f130f96d0e79d0c848e478c34e71616ad3f9254ce3"
"""Hash of ``challenge.jsonl``."""

SHIPPED = Path(__file__).with_name("requests.jsonl")
CHALLENGE = Path(__file__).with_name("challenge.jsonl")
LEVELS = (0, 1, 2)


@dataclass(frozen=True)
class PersonalSpan:
    """Where an authored text holds something personal.

    Parameters
    ----------
    kind
        ``person``, ``phone``, ``email``, ``address``, ``street``, ``iban``, ``nir``,
        ``plate``, ``file_number``, ``birth_date``, ``url`` or ``health``.
    start, end
        Characters of the text, end excluded.
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class AuthoredRequest:
    """One fictional request and what an attentive agent would make of it.

    Parameters
    ----------
    id
        ``F001`` and so on, in order of arrival.
    received
        Local time of arrival (fictional, spring 2026).
    channel
        ``mail``, ``form`` (short messages too) or ``phone`` (a note taken by an agent).
    register
        ``courant``, ``soutenu``, ``sms``, ``allophone``, ``colere``, ``note``, ``agee``,
        ``fautes`` and a few rare ones.
    text
        Everyone and every address in it is invented; numbers are of the ranges that ARCEP
        keeps for fiction or are public specimens.
    service, also_ok
        One of the 21 codes of the development probes, and others that are as good.
    urgency
        0 ordinary, 1 within days, 2 at once.
    life_danger
        True where emergency numbers must be shown.
    action
        ``route``, ``out_of_competence`` or ``human``.
    right_body
        Who is competent where the town hall is not.
    duplicate_of, other_fault_of
        Identifier of the request on the same fault; of one in the same street on another.
    personal
        What a pseudonymiser should find.
    """

    id: str
    received: datetime
    channel: str
    register: str
    text: str
    service: str
    also_ok: tuple[str, ...]
    urgency: int
    life_danger: bool
    action: str
    right_body: str
    duplicate_of: str
    other_fault_of: str
    personal: tuple[PersonalSpan, ...]

    def __post_init__(self) -> None:
        if self.urgency not in LEVELS:
            raise DataError(f"request {self.id}: urgency {self.urgency}", expected="0, 1 or 2")


@dataclass(frozen=True)
class ChallengeText:
    """One harder text for urgency alone, written after the cues it is held against.

    Parameters
    ----------
    id
        ``C001`` and so on.
    part
        ``first``: failures were read and cues added; ``second``: written after that, its
        texts never read by who writes cues. ``third`` and ``fourth``: written together by
        the author of the next cues, before them (danger told indirectly, and the same words
        of ordinary things); failures of the third were read, those of the fourth were not.
    text
        Fictional.
    urgency, life_danger
        As in `AuthoredRequest`.
    """

    id: str
    part: str
    text: str
    urgency: int
    life_danger: bool


def challenge_texts() -> tuple[ChallengeText, ...]:
    """Return the harder texts, part by part.

    Examples
    --------
    >>> from collections import Counter
    >>> dict(Counter(text.part for text in challenge_texts()))
    {'first': 68, 'second': 40, 'third': 50, 'fourth': 36}
    """
    lines = CHALLENGE.read_text(encoding="utf-8").splitlines()
    return tuple(ChallengeText(**json.loads(line)) for line in lines)


def _parse(row: Mapping[str, Any]) -> AuthoredRequest:
    return AuthoredRequest(
        **{
            **row,
            "received": datetime.fromisoformat(row["received"]),
            "also_ok": tuple(row["also_ok"]),
            "personal": tuple(PersonalSpan(**span) for span in row["personal"]),
        }
    )


def frozen_requests() -> tuple[AuthoredRequest, ...]:
    """Return the frozen set, in order of arrival.

    Examples
    --------
    >>> len(frozen_requests())
    213
    """
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(json.loads(line)) for line in lines)
