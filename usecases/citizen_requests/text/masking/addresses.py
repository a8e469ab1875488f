"""Addresses and streets: masked where they say where somebody lives, kept apart for the agent."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from usecases.citizen_requests.text.masking.spans import Span
from usecases.citizen_requests.text.plain_words import plain
from usecases.citizen_requests.text.vocabulary import ordinary_words

__all__ = ["Location", "locations"]

STREET_TYPES = (
    r"rue|r\.|avenue|aven\.|av\.?|ave\.?|boulevard|bou?lv?d\.?|bd\.?|bld\.?|allée|allee|all\.|"
    r"chemin|che?m?\.|place|pl\.|impasse|imp\.|quai|route|rte\.?|square|sq\.|cours|passage|pass\.|"
    r"villa|sentier|sente|faubourg|fbg\.?|fg\.?|résidence|residence|rés\.|ruelle|venelle|"
    r"esplanade|promenade|rond-point|lotissement|lot\.|hameau|lieu-?dit|cité|clos|traverse|montée|"
    r"parvis|domaine|mail|cour|voie"
)
SURE_TYPES = r"rues?|ru|avenue|av\.|boulevard|bd\.?|bld\.?|allée|impasse|ruelle"
"""Types that name a street even in lower case: a "place" may be one in a nursery."""

_B = r"[ \t\u00a0]"
_PARTICLE = (
    rf"(?:(?:de{_B}la|de|du|des|la|le|les|aux?|en|sur|sous|à{_B}la){_B}|(?:de{_B})?l[’']|d[’' ])"
)
_MONTH = r"(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
_CAPITAL = rf"(?:(?-i:\b[A-ZÀ-ÖØ-Þ])[\w’'-]*+\.?|\d{{1,2}}(?:er)?(?={_B}{_MONTH}))"
_HONOUR = (
    r"(?:g[ée]n[ée]ral|gal|gén|mar[ée]chal|mal|docteur|dr|saints?|st|sainte|ste|commandant|"
    r"colonel|capitaine|abb[ée]|pr[ée]sident|professeur|pasteur|jean|victor|paul|jules|pierre|"
    r"marie|georges|charles|louis|henri|chemin|petite?s?|grande?s?|vieux|vieille|fr[èe]res|\d{1,2})"
)
_DAY = rf"(?:{_B}{_MONTH})?(?:{_B}(?:19|20)\d\d(?!\d))?"
_CAPITALS = rf"{_CAPITAL}(?:{_B}{_PARTICLE}{{0,2}}{_CAPITAL}){{0,6}}"
NAME = (
    rf"{_PARTICLE}{{0,2}}(?:{_CAPITALS}{_DAY}|(?:{_HONOUR}[ .-]+){{0,3}}{_PARTICLE}{{0,2}}"
    rf"[\w’'-]++{_DAY}(?:{_B}{_PARTICLE}?{_CAPITAL}){{0,6}})"
)
_NUMBER = (
    rf"(?:n°?{_B}?)?\b\d{{1,4}}(?:{_B}?(?:bis|ter|quater|[A-F](?![\w’'])))?"
    rf"(?:{_B}?[-/]{_B}?\d{{1,4}})?"
)
_TOWN = (
    rf"\d{{2}}{_B}?\d{{3}}{_B}+[a-zà-ÿ][\w’'-]*+(?:{_B}(?-i:[A-ZÀ-Þ])[\w’'-]*+"
    rf"|{_B}(?:la|le|les|sur|sous|en|de|du)(?={_B})){{0,6}}"
)
_INSIDE = (
    r"(?:(?:appt?\.?|appartement|apt\.?|bât\.?|bâtiment|bat\.?|esc\.?|escalier|porte|étage)"
    rf"{_B}?(?:n°{_B}?)?\w{{1,4}},?{_B}+)*"
)
ADDRESS = re.compile(
    rf"{_INSIDE}(?P<number>{_NUMBER}){_B}?,?{_B}*(?:de{_B}la{_B}|de{_B}l[’']|du{_B}|des{_B}|d[’'])?"
    rf"(?P<street>\b(?:{STREET_TYPES}){_B}+{NAME})"
    rf"(?:[, \t\u00a0\n-]+(?P<town>{_TOWN}))?", re.IGNORECASE,
)  # fmt: skip
TURNED = re.compile(
    rf"(?P<street>\b(?:{STREET_TYPES}){_B}+{NAME}),?{_B}+(?:au{_B}|le{_B})?n°{_B}?"
    r"(?P<number>\d{1,4})",
    re.IGNORECASE,
)
BOX = re.compile(rf"\bBP{_B}?\d{{2,6}}(?:[, ]+{_TOWN})?")
SURE_TOWN = re.compile(rf"(?<!n°)(?<!n° )\b(?=\d{{2}}{_B}?\d{{3}}{_B}+[A-ZÀ-Þ])(?P<town>{_TOWN})")
STREET = re.compile(
    rf"(?P<street>\b(?:(?:{STREET_TYPES}|rues){_B}+{_PARTICLE}{{0,2}}{_CAPITALS}"
    rf"(?:{_B}et{_B}{_CAPITAL})?"
    rf"|(?:{SURE_TYPES}){_B}+{_PARTICLE}(?:{_HONOUR}[ .-]+){{0,2}}[\w’'-]++))",
    re.IGNORECASE,
)  # fmt: skip


BARE = re.compile(
    rf"(?P<street>\b(?:{SURE_TYPES}){_B}+(?P<name>[\w’'-]{{3,40}}+)(?:{_B}[\w’'-]{{3,40}}+)?)",
    re.IGNORECASE,
)
"""A street in small letters: it counts where its first word is no ordinary one."""


@dataclass(frozen=True)
class Location:
    """Where a request points to, apart from its masked text: for the agent, never for training.

    Parameters
    ----------
    start, end
        Characters of the source.
    number, street, town
        As written; empty where not said. ``town`` begins with the postcode.
    """

    start: int
    end: int
    number: str
    street: str
    town: str

    @property
    def span(self) -> Span:
        """Return it as ``address`` where it has a number, else as ``street``."""
        return Span(self.start, self.end, "address" if self.number or self.town else "street")


def locations(text: str) -> Iterator[Location]:
    """Yield the places named in a text, in order, without overlap.

    Examples
    --------
    >>> [(place.number, place.street) for place in locations("Au 3 bis rue Hoche, puis rue Foch.")]
    [('3 bis', 'rue Hoche'), ('', 'rue Foch')]
    """
    shouted = _lowered_if_shouted(text)
    found: list[Location] = []
    for pattern in (TURNED, ADDRESS, BOX, SURE_TOWN, STREET, BARE):
        for match in pattern.finditer(shouted):
            if pattern is BARE and plain(match["name"]) in ordinary_words():
                continue
            place = _location(text, match)
            if all(place.end <= other.start or other.end <= place.start for other in found):
                found.append(place)
    return iter(sorted(found, key=lambda place: place.start))


def _location(text: str, match: re.Match[str]) -> Location:
    groups = match.re.groupindex

    def part(name: str) -> str:
        found = text[slice(*match.span(name))] if name in groups and match[name] else ""
        return found.rstrip(" .,")

    start, end = match.span()
    end -= len(match[0]) - len(match[0].rstrip(" \t\n\u00a0,."))
    return Location(start, end, part("number") or text[start:end] * ("BP" in match[0][:2]),
                    part("street"), part("town"))  # fmt: skip


def _lowered_if_shouted(text: str) -> str:
    """Lower a text in capitals where that moves no character: capitals say nothing there."""
    letters = [c for c in text if c.isalpha()]
    shouting = letters and sum(c.isupper() for c in letters) > 0.8 * len(letters)
    lowered = text.lower()
    return lowered if shouting and len(lowered) == len(text) else text
