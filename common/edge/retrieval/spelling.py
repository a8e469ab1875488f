"""Repair words that no document holds: the commonest word one slip away, or that sounds alike.

Two words one slip apart (a letter replaced, dropped, added, or two neighbours swapped) share a
form once a letter is struck from one or both; the index keeps these forms by key (symmetric
deletion: Garbe, "1000x faster spelling correction", 2012), so that no word has to be compared
with the whole vocabulary. Words written as they sound ("fotokopi", "ordinater") share a key made
of their sounds.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError
from common.edge.retrieval.passages import Strings
from common.edge.retrieval.terms import Keys, word_keys

__all__ = ["LONGEST", "SHORTEST", "Spelling", "forms_of", "heard", "one_slip", "sound", "struck"]

SHORTEST, LONGEST = 4, 24
"""Letters of a word that is repaired: below, too many words are one slip away."""

_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("e?au", "o"),
        ("ph", "f"),
        ("qu|q|ck|c(?![eihy])", "k"),
        ("(?<!c)h", ""),
        ("y", "i"),
        (r"(.)\1", r"\1"),
        ("(?<=..)(?:ent|es|[estx])$", ""),
    )
)
"""What a writer by ear does: one letter for a sound, no doubled letter, no mute ending."""


class Spelling:
    """The vocabulary of an index.

    Parameters
    ----------
    arrays
        ``spelling_bytes`` and ``spelling_starts``: the words, the commonest first;
        ``spelling_keys``: sorted keys of their struck forms; ``spelling_words``: which word
        each form is of.

    Raises
    ------
    ManifestError
        An array is missing or does not fit the others.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        keys, words = arrays.get("spelling_keys"), arrays.get("spelling_words")
        starts = arrays.get("spelling_starts")
        count = 0 if starts is None else len(starts) - 1
        good = (
            keys is not None
            and words is not None
            and keys.dtype == np.uint64
            and words.dtype == np.int32
            and keys.shape == words.shape
            and keys.ndim == 1
            and bool((keys[1:] >= keys[:-1]).all())
            and (len(words) == 0 or (int(words.min()) >= 0 and int(words.max()) < count))
        )
        if not good or keys is None or words is None:
            raise ManifestError(
                "arrays spelling_keys and spelling_words do not fit",
                expected="sorted uint64 beside int32 places of words",
                remedy="export the bundle again",
            )
        self._keys: Keys = keys
        self._words = words
        self._strings = Strings.of(arrays, "spelling", count)

    def repair(self, word: str) -> str:
        """Return the commonest word one slip away, the word itself where there is none.

        Parameters
        ----------
        word
            Folded, and held by no document.
        """
        if not SHORTEST <= len(word) <= LONGEST or word.isdigit():
            return word
        for candidate in self._candidates(sorted(struck(word))):
            if one_slip(word, candidate):
                return candidate
        return next(iter(self._candidates([heard(word)])), word)

    def _candidates(self, forms: list[str]) -> Iterator[str]:
        """Yield the words that share one of the forms, the commonest first."""
        keys = np.unique(word_keys(forms))
        begin = np.searchsorted(self._keys, keys)
        stop = np.searchsorted(self._keys, keys, side="right")
        ranges = [self._words[low:high] for low, high in zip(begin, stop, strict=True)]
        for place in np.unique(np.concatenate(ranges)).tolist():
            yield self._strings[place]


def forms_of(word: str) -> list[str]:
    """Return the forms under which an index keeps a word."""
    return sorted({*struck(word), heard(word)})


def sound(word: str) -> str:
    """Return the letters of a word as one writes them by ear.

    >>> sound("photocopie"), sound("fotokopi"), sound("bureaux"), sound("quittance")
    ('fotokopi', 'fotokopi', 'buro', 'kitanc')
    """
    for pattern, short in _SOUNDS:
        word = pattern.sub(short, word)
    return word.rstrip("e")


def heard(word: str) -> str:
    """Return the sound as a form that no written word has.

    >>> heard("bureaux")
    '~buro'
    """
    return f"~{sound(word)}"


def struck(word: str) -> set[str]:
    """Return a word and what is left of it without any one letter.

    >>> sorted(struck("oui"))
    ['oi', 'ou', 'oui', 'ui']
    """
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def one_slip(one: str, other: str) -> bool:
    """Return whether two different words are one slip apart (Damerau, CACM 7(3), 1964).

    >>> one_slip("mairie", "maire"), one_slip("marie", "mairie"), one_slip("amirie", "mairie")
    (True, True, True)
    >>> one_slip("mairie", "marier")  # a letter dropped, another one added
    False
    """
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    at = next(
        (i for i, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]),
        len(short),
    )
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = long[:at] + long[at : at + 2][::-1] + long[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or short == swapped
