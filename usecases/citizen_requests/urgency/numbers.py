"""Emergency numbers of France, shown beside a request that may be a matter of life.

Source: service-public.fr, « Quels sont les numéros d'urgence en France ? » (numbers only; to be
checked by the commune). They are shown to people; nothing is ever called.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["EmergencyNumber", "numbers_for"]


@dataclass(frozen=True)
class EmergencyNumber:
    """A number and whom it reaches, in French."""

    number: str
    whom: str


SAMU = EmergencyNumber("15", "SAMU")
POLICE = EmergencyNumber("17", "police ou gendarmerie")
FIRE = EmergencyNumber("18", "pompiers")
EUROPE = EmergencyNumber("112", "toutes urgences")
BY_TEXT = EmergencyNumber("114", "toutes urgences par SMS, pour qui ne peut ni entendre ni parler")
HOUSING = EmergencyNumber("115", "SAMU social")
CHILD = EmergencyNumber("119", "enfance en danger")
MISSING_CHILD = EmergencyNumber("116 000", "enfants disparus")
WOMEN = EmergencyNumber("3919", "violences femmes info")
SUICIDE = EmergencyNumber("3114", "prévention du suicide")
GAS = EmergencyNumber("0 800 47 33 33", "urgence sécurité gaz")

USEFUL = {
    "fire": (FIRE,),
    "gas": (FIRE, GAS),
    "electricity": (FIRE,),
    "falling": (FIRE,),
    "hole": (POLICE,),
    "weapon": (POLICE,),
    "threat_to_life": (POLICE, WOMEN, CHILD),
    "intruder": (POLICE,),
    "suicide": (SAMU, SUICIDE),
    "poison": (SAMU,),
    "over_edge": (FIRE, SUICIDE),
    "medical": (SAMU, FIRE),
    "no_answer": (FIRE, SAMU),
    "child_missing": (POLICE, MISSING_CHILD),
    "homeless": (HOUSING, CHILD),
    "frail": (SAMU, HOUSING),
    "drowning": (FIRE,),
    "hazard": (FIRE,),
    "trapped": (FIRE,),
    "accident": (SAMU, FIRE),
    "help": (),
}
"""Family of cues to the numbers that help first."""


def numbers_for(families: Sequence[str]) -> tuple[EmergencyNumber, ...]:
    """Return the numbers for these families of cues, then those for everything.

    Examples
    --------
    >>> [each.number for each in numbers_for(["suicide"])]
    ['15', '3114', '112', '114']
    >>> numbers_for([])
    ()
    """
    if not families:
        return ()
    found = [number for family in families for number in USEFUL.get(family, ())]
    return tuple(dict.fromkeys([*found, EUROPE, BY_TEXT]))
