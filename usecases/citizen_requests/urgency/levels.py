"""From cues to a level with its chance; what an agent said is a floor that nothing lowers."""

import math
from dataclasses import dataclass

from common.edge.errors import UsageError
from usecases.citizen_requests.urgency.numbers import EmergencyNumber, numbers_for
from usecases.citizen_requests.urgency.reading import Hit, read

__all__ = ["LEVELS", "Scale", "Urgency", "urgency_of"]

LEVELS = ("ordinaire", "à traiter dans les jours", "à traiter immédiatement")
"""French names, by level."""


@dataclass(frozen=True)
class Scale:
    """Slope and intercept of the chance of a level, and the chance from which it is given."""

    slope: float
    intercept: float
    threshold: float

    def chance(self, score: float) -> float:
        """Return the logistic function of the scaled score.

        Examples
        --------
        >>> Scale(2.0, -4.0, 0.5).chance(2.0)
        0.5
        """
        return 1 / (1 + math.exp(-(self.slope * score + self.intercept)))


RAISED = Scale(slope=2.0, intercept=-3.0, threshold=0.5)
"""Chance of level 1 or 2."""
AT_ONCE = Scale(slope=2.0, intercept=-4.6, threshold=0.5)
"""Chance of level 2."""


@dataclass(frozen=True)
class Urgency:
    """How urgent a request is and why.

    Parameters
    ----------
    level
        0, 1 or 2: the higher of what the text says and what an agent said.
    p_raised, p_at_once
        Chance of level 1 at least, and of level 2.
    hits
        Cues found, strongest first.
    life_danger
        Whether emergency numbers must be shown.
    numbers
        Which, most useful first.
    """

    level: int
    p_raised: float
    p_at_once: float
    hits: tuple[Hit, ...]
    life_danger: bool
    numbers: tuple[EmergencyNumber, ...]

    @property
    def needs_human(self) -> bool:
        """Whether a person must read it at once, whatever the routing decides."""
        return self.level == 2 or self.life_danger


def urgency_of(text: str, agent_level: int = 0) -> Urgency:
    """Return the urgency of a request.

    Parameters
    ----------
    text
        The request; cleaning it first spares formulas from being read.
    agent_level
        What an agent or a form already said: the result is never below it.

    Raises
    ------
    UsageError
        If ``agent_level`` is not 0, 1 or 2.

    Examples
    --------
    >>> urgency_of("Il y a le feu dans la cave !").level
    2
    >>> urgency_of("À quelle heure est le feu d'artifice ?", agent_level=1).level
    1
    """
    if agent_level not in range(len(LEVELS)):
        raise UsageError(f"agent_level {agent_level}", expected="0, 1 or 2")
    hits = tuple(sorted(read(text).hits, key=lambda hit: -hit.strength))
    at_once = AT_ONCE.chance(sum(hit.strength for hit in hits if hit.cue.level == 2))
    raised = max(at_once, RAISED.chance(sum(hit.strength for hit in hits)))
    own = 2 if at_once >= AT_ONCE.threshold else int(raised >= RAISED.threshold)
    life = own == 2 and any(hit.cue.life for hit in hits)
    families = [hit.cue.family for hit in hits if hit.cue.life] if life else []
    return Urgency(max(own, agent_level), raised, at_once, hits, life, numbers_for(families))
