"""What came of an attack."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """One attack.

    Parameters
    ----------
    group
        What it is aimed at.
    attack
        What was tried.
    happened
        What came of it, with figures.
    expected
        What must come of it.
    ok
        Whether it did.
    peer
        What came of the same attack on plain uvicorn and Starlette; empty where it was not
        tried there.
    """

    group: str
    attack: str
    happened: str
    expected: str
    ok: bool
    peer: str = ""

    def to_object(self) -> dict[str, Any]:
        """Return what the result file holds."""
        return asdict(self)
