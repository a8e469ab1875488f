"""What a text is looked up by: hashed word stems, pairs of stems, and runs of letters."""

import hashlib
from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from common.edge.textcodes import codes_of
from common.edge.textfold import BLANK, NOTHING, fold

__all__ = ["Keys", "folded", "letter_keys", "plain_words", "stem", "word_keys", "words_of"]

Keys = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int64]

_SHORTEST_STEM = 3
_ENDINGS = (
    ("issements", "iss"), ("issement", "iss"), ("atrices", "at"), ("atrice", "at"),
    ("ateurs", "at"), ("ateur", "at"), ("ations", "at"), ("ation", "at"), ("itions", "it"),
    ("ition", "it"), ("ements", "e"), ("ement", "e"), ("ments", ""), ("ment", ""),
    ("iques", "iqu"), ("ique", "iqu"), ("ives", "if"), ("ive", "if"), ("ifs", "if"),
    ("trices", "teu"), ("trice", "teu"), ("euses", "eu"), ("euse", "eu"), ("eux", "eu"),
    ("eurs", "eu"), ("eur", "eu"), ("ances", "anc"), ("ance", "anc"), ("ences", "enc"),
    ("ence", "enc"), ("ites", "it"), ("ite", "it"), ("ables", "abl"), ("able", "abl"),
    ("elles", "el"), ("elle", "el"), ("els", "el"), ("aux", "al"), ("ales", "al"), ("ale", "al"),
    ("als", "al"), ("ieres", "ier"), ("iere", "ier"), ("iers", "ier"), ("ees", "e"), ("ee", "e"),
    ("es", "e"), ("er", "e"), ("ez", "e"), ("ent", "e"), ("antes", "e"), ("ante", "e"),
    ("ants", "e"), ("ant", "e"), ("ir", "i"), ("is", "i"), ("it", "i"), ("ies", "i"),
    ("ie", "i"), ("s", ""), ("x", ""),
)  # fmt: skip
"""Folded endings and what is left of them, the first that fits: plurals, feminines, and the
endings of derived words, in the manner of Savoy's light stemmer ("A stemming procedure and
stopword list for general French corpora", JASIS 50(10), 1999)."""

_PRIME, _SPREAD = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
"""FNV's prime and the golden ratio's 64 bits: a polynomial over symbols, then spread."""


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Return what a folded word shares with its plural, feminine and derived forms.

    >>> [stem(word) for word in ("declaration", "declarer", "declarees", "impots", "12", "loi")]
    ['declarat', 'declar', 'declar', 'impot', '12', 'loi']
    """
    if len(word) <= _SHORTEST_STEM or word.isdigit():
        return word
    for ending, rest in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)] + rest
            break
    if len(word) > _SHORTEST_STEM and word[-1] == "e":
        word = word[:-1]
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word


def folded(text: str) -> Codes:
    """Return the folded codes of one text, shape (width,): blank, word, blank, ..., word, blank.

    Raises
    ------
    TableError
        The text is too long.
    """
    row = fold(codes_of([text]))[0]
    written: Codes = row[row != NOTHING]
    return written


def plain_words(codes: Codes) -> list[str]:
    """Return the words of a folded text, in its order."""
    return codes.astype("<u4").tobytes().decode("utf-32-le").split()


def words_of(codes: Codes, stop_words: Collection[str] = ()) -> list[str]:
    """Return the stems of a folded text in its order, without stop words.

    >>> words_of(folded("Déclarer ses impôts"), {"ses"})
    ['declar', 'impot']
    """
    return [stem(word) for word in plain_words(codes) if word not in stop_words]


def word_keys(stems: Sequence[str], run: int = 1) -> Keys:
    """Return the 64-bit keys of runs of ``run`` stems, in the text's order.

    BLAKE2b (RFC 7693) of the stems joined by a blank: 400,000 keys meet by chance once in
    200 million such indexes.
    """
    joined = [" ".join(stems[place : place + run]) for place in range(len(stems) - run + 1)]
    return np.array([_digest(text) for text in joined], dtype=np.uint64)


@lru_cache(maxsize=65_536)
def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def letter_keys(codes: Codes, shortest: int, longest: int) -> Keys:
    """Return the 64-bit keys of all runs of letters inside words, blanks around them included.

    Parameters
    ----------
    codes
        A folded text.
    shortest, longest
        Letters of a run; a blank may be its first or last one only.

    Examples
    --------
    ``' a'``, ``'a '`` and ``' a '``: a blank counts as a letter of the run.

    >>> len(letter_keys(folded("à"), 2, 3))
    3
    """
    found = [_runs(codes, length) for length in range(shortest, longest + 1)]
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def _runs(codes: Codes, length: int) -> Keys:
    if len(codes) < length:
        return np.empty(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(codes, length)
    inside = (windows[:, 1:-1] != BLANK).all(axis=1)
    kept = windows[inside].astype(np.uint64)
    keys = np.full(len(kept), length, dtype=np.uint64)
    for column in kept.T:
        keys = keys * _PRIME + column
    keys = keys * _SPREAD
    spread: Keys = keys ^ (keys >> np.uint64(32))
    return spread
