"""The cues of urgency, read from ``cues.toml``: what counts, what only looks like it."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from common.edge.errors import UsageError

__all__ = ["Context", "Cue", "Cues", "Friend", "shipped_cues"]

SHIPPED = Path(__file__).with_name("cues.toml")
LEVELS = (1, 2)


@dataclass(frozen=True)
class Cue:
    """A family of words that make a request urgent.

    Parameters
    ----------
    family, label
        Identifier, and the French words for a page.
    level
        1 within days, 2 at once.
    weight
        On the scale of log-odds before calibration, above 0.
    patterns
        On folded text (`reading.folded`); each further one that is found adds a part of
        the weight.
    life
        Whether it may be a matter of life: emergency numbers are shown.
    """

    family: str
    label: str
    level: int
    weight: float
    patterns: tuple[re.Pattern[str], ...]
    life: bool = False

    def __post_init__(self) -> None:
        if self.level not in LEVELS or self.weight <= 0:
            raise UsageError(
                f"cue {self.family}: level {self.level}, weight {self.weight}",
                expected="level 1 or 2 and a weight above 0: no cue may lower urgency",
            )


@dataclass(frozen=True)
class Friend:
    """A false friend: taken out of the text before cues are read."""

    label: str
    patterns: tuple[re.Pattern[str], ...]


@dataclass(frozen=True)
class Context:
    """What weakens the cues of its sentence: their weight is multiplied by ``factor``."""

    label: str
    factor: float
    patterns: tuple[re.Pattern[str], ...]

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise UsageError(f"context {self.label}: factor {self.factor}", expected="in (0, 1)")


@dataclass(frozen=True)
class Cues:
    """All of them, in the order of the file."""

    cues: tuple[Cue, ...]
    friends: tuple[Friend, ...]
    contexts: tuple[Context, ...]


def _patterns(row: dict[str, Any]) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, row.pop("patterns")))


@cache
def shipped_cues() -> Cues:
    """Return the cues of ``cues.toml``."""
    rows = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    return Cues(
        tuple(Cue(patterns=_patterns(row), **row) for row in rows["cue"]),
        tuple(Friend(patterns=_patterns(row), **row) for row in rows["friend"]),
        tuple(Context(patterns=_patterns(row), **row) for row in rows["context"]),
    )
