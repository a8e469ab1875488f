"""What two requests have in common: the fault's words, the street, the service, the delay."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.edge.errors import UsageError
from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.text.cleaning.polite_words import POLITE_WORDS
from usecases.citizen_requests.text.masking.addresses import locations
from usecases.citizen_requests.text.plain_words import plain, word_set
from usecases.citizen_requests.text.vocabulary import WORD

__all__ = ["Rarity", "Received", "Signs", "alike", "grams_of", "prepared", "signs_of"]

GRAM_LETTERS = (3, 4, 5)
"""Character grams inside words: what stands typos best in French (brief, finding 3)."""
STREET_WORDS = word_set(
    "rue rues ru avenue av bd boulevard place pl square allee impasse quai chemin route de du des "
    "d la le les l au aux et n bis ter"
)
LONGEST_DELAY_DAYS = 60
SHORTEST_TOPICAL = 2
SAID_ANYWAY = word_set(
    "est sont etait ont fait faire faut peut depuis devant toujours encore jamais meme deja entre "
    "chez hier matin soir nuit jour jours semaine mois lundi mardi mercredi jeudi vendredi samedi "
    "dimanche rien personne quelqu quelque chose aussi alors quand comment pourquoi niveau hauteur "
    "cote tjr tjs tjrs pas plus moins deux trois fois signale signaler mairie ville quartier"
)
"""Words of any request; not what it is about."""


@dataclass(frozen=True)
class Received:
    """A request as the linker sees it.

    Parameters
    ----------
    id, received
        Identifier, time of arrival.
    services
        Chance of each service by code: 1 for one that is known, those of the router for a
        request that waits; empty where nothing is known.
    grams
        Character grams of what is asked, places left out.
    streets
        Grams of each street that is named.
    numbers
        House numbers that are named.
    """

    id: str
    received: datetime
    services: Mapping[str, float]
    grams: frozenset[str]
    streets: tuple[frozenset[str], ...]
    numbers: frozenset[str]


@dataclass(frozen=True)
class Rarity:
    """How telling each gram is: the inverse document frequency over a pool of requests."""

    weight: Mapping[str, float]
    unseen: float
    masses: dict[frozenset[str], float] = field(default_factory=dict, compare=False, repr=False)
    """Sums of squares that were computed once, by set of grams."""

    @classmethod
    def of(cls, pool: Iterable[frozenset[str]]) -> "Rarity":
        """Count in how many requests each gram occurs.

        Examples
        --------
        >>> rarity = Rarity.of([frozenset({"a", "b"}), frozenset({"a"})])
        >>> rarity.weight["a"] < rarity.weight["b"] < rarity.unseen
        True
        """
        texts = list(pool)
        counts = Counter(gram for grams in texts for gram in grams)
        n = len(texts)
        return cls({gram: math.log((n + 1) / k) for gram, k in counts.items()}, math.log(n + 2))

    def similarity(self, one: frozenset[str], other: frozenset[str]) -> float:
        """Return the cosine of two sets of grams weighed by rarity, in [0, 1]."""
        norm = self._kept(one) * self._kept(other)
        return self._mass(one & other) / math.sqrt(norm) if norm else 0.0

    def _kept(self, grams: frozenset[str]) -> float:
        if grams not in self.masses:
            self.masses[grams] = self._mass(grams)
        return self.masses[grams]

    def _mass(self, grams: Iterable[str]) -> float:
        return sum(self.weight.get(gram, self.unseen) ** 2 for gram in grams)


@dataclass(frozen=True)
class Signs:
    """What speaks for two requests being about one fault.

    Parameters
    ----------
    words
        Similarity of what is asked, in [0, 1].
    street
        Similarity of the closest streets, in [0, 1]; 0 where one names none.
    no_street
        Whether at least one names no street.
    same_number
        Whether both name the same house number.
    service
        How alike the chances of their services are, in [0, 1]: 1 for one and the same.
    days
        Days between them, at least 0.
    """

    words: float
    street: float
    no_street: bool
    same_number: bool
    service: float
    days: float

    @property
    def columns(self) -> tuple[float, ...]:
        """Return them as the numbers that the model weighs."""
        return (
            self.words,
            self.street,
            self.words * self.street,
            self.words * self.service,
            self.street * self.service,
            self.words * float(self.no_street),
            self.street * float(self.same_number),
            math.log1p(self.days),
        )


def grams_of(text: str) -> frozenset[str]:
    """Return the character grams of the words of a text, blanks at their ends.

    Examples
    --------
    >>> sorted(grams_of("Où ?"))
    [' ou', ' ou ', 'ou ']
    """
    words = (f" {plain(word)} " for word in WORD.findall(text))
    return frozenset(
        word[at : at + n] for word in words for n in GRAM_LETTERS for at in range(len(word) - n + 1)
    )


def prepared(request_id: str, received: datetime, text: str, service: str = "") -> Received:
    """Return a request as the linker sees it; the text itself is not kept."""
    kept = clean(text).kept
    places = list(locations(kept))
    asked, at = [], 0
    for place in places:
        asked.append(kept[at : place.start])
        at = place.end
    asked.append(kept[at:])
    topical = [word for word in WORD.findall(" ".join(asked)) if _topical(word)]
    streets = (
        grams_of(" ".join(w for w in WORD.findall(place.street) if plain(w) not in STREET_WORDS))
        for place in places
    )
    return Received(
        request_id,
        received,
        {service: 1.0} if service else {},
        grams_of(" ".join(topical)),
        tuple(grams for grams in streets if grams),
        frozenset(place.number for place in places if place.number),
    )


def _topical(word: str) -> bool:
    """Return whether a word may tell one fault from another."""
    return len(word) > SHORTEST_TOPICAL and plain(word) not in POLITE_WORDS | SAID_ANYWAY


def signs_of(one: Received, other: Received, rarity: Rarity) -> Signs:
    """Return the signs of a pair, in any order.

    Raises
    ------
    UsageError
        If both are the same request.
    """
    if one.id == other.id:
        raise UsageError(f"request {one.id} held against itself", expected="two requests")
    streets = [_overlap(a, b) for a in one.streets for b in other.streets]
    return Signs(
        words=rarity.similarity(one.grams, other.grams),
        street=max(streets, default=0.0),
        no_street=not streets,
        same_number=bool(one.numbers & other.numbers),
        service=alike(one.services, other.services),
        days=abs((one.received - other.received).total_seconds()) / 86_400,
    )


def alike(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return how alike two sets of chances are: the sum of roots of their products.

    Bhattacharyya (1943). Two requests of which a router is unsure in the same way count as
    alike, where the chance that both go to one service would be small.

    Examples
    --------
    >>> alike({"voirie": 0.5, "parcs": 0.5}, {"voirie": 0.5, "sport": 0.5})
    0.5
    >>> alike({"voirie": 1.0}, {})
    0.0
    """
    return sum(math.sqrt(chance * other.get(code, 0.0)) for code, chance in one.items())


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of common grams of the shorter street name: typos cost little."""
    return len(one & other) / min(len(one), len(other))
