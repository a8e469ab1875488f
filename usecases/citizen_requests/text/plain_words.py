"""Words without case and accents: how word lists are written and compared here."""

import unicodedata

__all__ = ["plain", "word_set"]


def plain(word: str) -> str:
    """Return a word in lower case without accents.

    >>> plain("Chère")
    'chere'
    """
    apart = unicodedata.normalize("NFD", word.lower())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def word_set(text: str) -> frozenset[str]:
    """Return the plain words of a text written as a list with blanks.

    >>> sorted(word_set("Rue allée"))
    ['allee', 'rue']
    """
    return frozenset(plain(text).split())
