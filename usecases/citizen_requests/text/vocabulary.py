"""The ordinary words of administrative French, counted on public texts and shipped as a list.

Words of the service-public sheets (DILA, Licence Ouverte 2.0, vintage 2020-11-12) and of the
Paris project titles up to 2018 (Ville de Paris, ODbL), in lower case in their source: names are
therefore hardly in it. Folded, as people write without accents.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from usecases.citizen_requests.text.cleaning.polite_words import POLITE_WORDS
from usecases.citizen_requests.text.plain_words import plain

__all__ = ["WORD", "counted_words", "ordinary_words"]

WORD = re.compile(r"[^\W\d_]+")
LEAST_IN_SHEETS, LEAST_IN_TITLES = 3, 2
SHIPPED = Path(__file__).with_name("vocabulary.txt")


def counted_words(sheets: Iterable[str], titles: Iterable[str]) -> list[str]:
    """Return, in order, the words seen often enough in lower case (3 times, 2 in titles).

    Examples
    --------
    >>> counted_words(["une rue, la rue de Rome, ma rue", "Rome Rome"], ["un banc", "deux bancs"])
    ['rue']
    """
    counts = [Counter(_lower_words(texts)) for texts in (sheets, titles)]
    leasts = (LEAST_IN_SHEETS, LEAST_IN_TITLES)
    kept = {
        plain(word)
        for count, least in zip(counts, leasts, strict=True)
        for word, n in count.items()
        if n >= least
    }
    return sorted(kept)


def _lower_words(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        yield from (word for word in WORD.findall(text) if word == word.lower())


@cache
def ordinary_words() -> frozenset[str]:
    """Return the shipped words and those of politeness, folded.

    Examples
    --------
    >>> "mairie" in ordinary_words(), "lampadr" in ordinary_words()
    (True, False)
    """
    return frozenset(SHIPPED.read_text(encoding="utf-8").split()) | POLITE_WORDS
