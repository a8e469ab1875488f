"""What simulated requests are about, read from ``facts.toml``."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["FACTS", "Fact"]


@dataclass(frozen=True)
class Fact:
    """Something that people write about.

    Parameters
    ----------
    code
        Unique.
    service, directorate, theme
        Where it belongs: among the 21 municipal services, the Paris directorates and the
        themes of the national sheets; empty where it has no place.
    what, more, ask
        Ways to say the fact, a detail and what is wanted; ``{at}`` stands for a place.
    urgency
        0 ordinary, 1 within days, 2 at once.
    town_hall, body
        Whether it is the town hall's business, else whose.
    also
        Other services that are as good.
    since
        Share of the simulated time that has passed before it first occurs, in [0, 1).
    """

    code: str
    service: str
    what: tuple[str, ...]
    more: tuple[str, ...]
    ask: tuple[str, ...]
    directorate: str = ""
    theme: str = ""
    urgency: int = 0
    town_hall: bool = True
    body: str = ""
    also: tuple[str, ...] = ()
    since: float = 0.0

    @property
    def has_place(self) -> bool:
        """Whether each way of saying it names a place: only then can it be seen twice."""
        return all("{at}" in words for words in self.what)


def _read(path: Path) -> tuple[Fact, ...]:
    rows: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["fact"]
    return tuple(map(_fact, rows))


def _fact(row: dict[str, Any]) -> Fact:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return Fact(**values)


FACTS = _read(Path(__file__).with_suffix(".toml"))
"""Invented, in the order of the file."""
