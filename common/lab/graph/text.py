"""Read French texts inside a graph: folding, words and letter sequences, hashed into buckets.

Everything takes the array namespace first (``numpy`` or ``ndonnx``) and codes of shape
(n, length) as `common.edge.textcodes.codes_of` gives them; what follows a text never matters.
Only integers are computed here, so every machine and language finds the same buckets.

Operators whose output shape depends on values (NonZero, Unique) and loops are not allowed at
the edge: runs of blanks are collapsed by a running count and one ScatterND, words are hashed by
differences of a running sum.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from common.edge.textfold import BLANK, N_SYMBOLS, NOTHING, TABLE_SIZE, fold_table
from common.lab.graph.arrays import (
    columns,
    compact,
    narrow,
    rows_merged,
    rows_of,
    rows_split,
    running_sum,
    take_along,
)

__all__ = [
    "KINDS",
    "LONGEST_SEQUENCE",
    "N_BUCKETS",
    "Folded",
    "Grams",
    "Kind",
    "Words",
    "fold",
    "grams",
    "per_character",
]

LONGEST_SEQUENCE = 5
"""Letters of the longest sequence; 3 to 5 are what works in French (brief, finding 3)."""
PRIME = 2**31 - 1
"""Mersenne prime: products of two residues stay below 2**62."""
MIXER, LEFT, RIGHT = 1_103_515_245, 69_069, 1_664_525
"""Multipliers of well-known linear congruential generators (Knuth, TAOCP 2, 3.3.4)."""
N_OFFSETS = 48
"""Letters of a word whose place counts; those further on count the same whatever their order."""


@dataclass(frozen=True)
class Kind:
    """A kind of gram and its own range of buckets: words never collide with letters.

    Parameters
    ----------
    name, family
        Identifier; the term under which contributions are added up.
    letters
        Length of a letter sequence with the blanks at its ends; 0 for words.
    words
        1 for words, 2 for pairs of neighbours, 0 for letters.
    start, size
        Range of its buckets.
    """

    name: str
    family: str
    letters: int
    words: int
    start: int
    size: int


KINDS = (
    Kind("word", "words", 0, 1, 0, 2**15),
    Kind("word_pair", "word_pairs", 0, 2, 2**15, 2**15),
    Kind("letters_2", "letters", 2, 0, 2**16, 2**11),
    Kind("letters_3", "letters", 3, 0, 2**16 + 2**11, 2**14),
    Kind("letters_4", "letters", 4, 0, 2**16 + 2**11 + 2**14, 2**15),
    Kind("letters_5", "letters", 5, 0, 2**16 + 2**11 + 2**14 + 2**15, 2**15),
)
N_BUCKETS = KINDS[-1].start + KINDS[-1].size


def _multipliers(seed: int, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return fixed odd numbers below 2**30, by a generator that no library changes.

    >>> _multipliers(1, 1).tolist()  # (1664525 + 1013904223) / 4
    [253892187]
    """
    drawn, state = [], seed
    for _ in range(n):
        state = (state * RIGHT + 1_013_904_223) % 2**32
        drawn.append((state >> 2) | 1)
    return np.array(drawn, dtype=np.int64)


_LETTER_FACTORS = _multipliers(2, LONGEST_SEQUENCE)
_WORD_FACTORS = _multipliers(3, N_OFFSETS)


@dataclass(frozen=True)
class Folded:
    """Folded texts and where the characters' letters went; see `common.edge.textfold`.

    Parameters
    ----------
    symbols
        Shape (n, width): a blank, each word followed by one blank, then zeros.
    letter
        Shape (n, width): True at letters and digits.
    places, origin
        Shape (n, length * N_SYMBOLS): column of each character's symbols, and whether it
        left a letter there at all.
    """

    symbols: Any
    letter: Any
    places: Any
    origin: Any


@dataclass(frozen=True)
class Grams:
    """The grams of one kind.

    Parameters
    ----------
    kind
        Which.
    buckets
        Shape (n, m), int64.
    present
        Shape (n, m): False where a place holds no gram.
    """

    kind: Kind
    buckets: Any
    present: Any


@dataclass(frozen=True)
class Words:
    """Where the words of folded texts lie.

    Parameters
    ----------
    number
        Shape (n, width): which word each position belongs to; a blank to the word behind it.
    lengths
        Shape (n, m): letters of each word.
    present
        Shape (n, m): False behind the last word.
    """

    number: Any
    lengths: Any
    present: Any


def fold(xp: Any, codes: Any) -> Folded:
    """Fold case, accents and œ, drop marks, collapse what is no letter to single blanks.

    The steps of `common.edge.textfold.fold_places`, as array functions.

    Parameters
    ----------
    codes
        Shape (n, length), int64, any value.
    """
    known = xp.where((codes >= 0) & (codes < TABLE_SIZE), codes, _like(xp, codes, BLANK))
    symbols = rows_merged(xp, rows_of(xp, _constant(xp, fold_table()), known))
    dense, first = compact(xp, symbols, symbols != NOTHING)
    edge = _like(xp, columns(xp, dense, 0, 1), BLANK)
    closed = xp.concat(
        [edge, xp.where(dense == NOTHING, _like(xp, dense, BLANK), dense), edge], axis=1
    )
    letter = closed != BLANK
    behind_letter = xp.concat(
        [columns(xp, closed, 0, 1) == BLANK, columns(xp, letter, 0, -1)], axis=1
    )
    folded, second = compact(xp, closed, letter | behind_letter)
    used = xp.sum(xp.astype(folded != NOTHING, xp.int64), axis=1, keepdims=True)
    folded = narrow(xp, folded, used)
    return Folded(
        symbols=folded,
        letter=(folded != NOTHING) & (folded != BLANK),
        places=take_along(xp, second, first + 1),
        origin=(symbols != NOTHING) & (symbols != BLANK),
    )


def grams(xp: Any, folded: Folded) -> tuple[tuple[Grams, ...], Words]:
    """Return the grams of every kind, and where words lie (for `per_character`)."""
    words, hashes = _words(xp, folded)
    found = []
    for place, kind in enumerate(KINDS):
        if kind.words:
            hashed, present = _word_grams(xp, words, hashes, kind.words)
        else:
            hashed, present = _letter_grams(xp, folded, kind.letters)
        mixed = ((hashed + 97 * (place + 1)) % PRIME) * MIXER % PRIME
        found.append(Grams(kind, mixed % kind.size + kind.start, present))
    return tuple(found), words


def per_character(xp: Any, folded: Folded, words: Any, shares: dict[str, Any]) -> Any:
    """Spread what each gram adds equally over its letters, then back to the characters.

    Parameters
    ----------
    folded, words
        As `fold` and `grams` gave them.
    shares
        Kind name to what each gram adds, shape (n, m), float32, 0 where there is none.

    Returns
    -------
    array
        Shape (n, length), float32: its sum over a row is that of the shares.
    """
    total = xp.zeros_like(xp.astype(folded.symbols, xp.float32))
    for kind in KINDS:
        if kind.words:
            total = total + _over_words(xp, words, shares[kind.name], kind.words)
        else:
            total = total + _over_letters(xp, folded, shares[kind.name], kind.letters)
    nothing = xp.zeros_like(total)
    at_letters = xp.where(folded.letter, total, nothing)
    back = take_along(xp, at_letters, _within(xp, folded.places, at_letters))
    back = xp.where(folded.origin, back, xp.zeros_like(back))
    return xp.sum(rows_split(xp, back, N_SYMBOLS), axis=2)


def _within(xp: Any, places: Any, values: Any) -> Any:
    """Point at column 0 what lies beyond the narrowed width: blanks behind the text."""
    width = columns(xp, running_sum(xp, xp.astype(values == values, xp.int64), axis=1), -1)
    return xp.where(places < width, places, xp.zeros_like(places))


def _words(xp: Any, folded: Folded) -> tuple[Words, Any]:
    """Return where words lie and the hash of each, a running sum's difference."""
    symbols, letter = folded.symbols, folded.letter
    blank = symbols == BLANK
    ones = xp.ones_like(symbols)
    position = running_sum(xp, ones, axis=1) - 1
    count = running_sum(xp, xp.astype(blank, xp.int64), axis=1)
    blanks, _ = compact(xp, position, blank)
    number = count - 1
    offset = position - take_along(xp, blanks, number) - 1
    offset = xp.where(letter, offset, xp.zeros_like(offset))
    offset = xp.where(offset < N_OFFSETS, offset, _like(xp, offset, N_OFFSETS - 1))
    weighted = symbols * rows_of(xp, _constant(xp, _WORD_FACTORS), offset)
    running = running_sum(xp, xp.where(letter, weighted, xp.zeros_like(weighted)), axis=1)
    n_blanks = columns(xp, count, -1)
    blanks = narrow(xp, blanks, n_blanks)
    place = running_sum(xp, xp.ones_like(blanks), axis=1)
    at_blank = take_along(xp, running, blanks)
    words = Words(
        number=number,
        lengths=_following(xp, blanks) - blanks - 1,
        present=place < n_blanks,
    )
    return words, _following(xp, at_blank) - at_blank


def _following(xp: Any, values: Any) -> Any:
    """Shift each row by one to the left; its last value is repeated."""
    return xp.concat([columns(xp, values, 1), columns(xp, values, -1)], axis=1)


def _word_grams(xp: Any, words: Words, hashes: Any, n_words: int) -> tuple[Any, Any]:
    hashes = xp.where(words.present, hashes, xp.zeros_like(hashes)) % PRIME
    if n_words == 1:
        return hashes, words.present
    return hashes * LEFT + _following(xp, hashes) * RIGHT, _paired(xp, words)


def _paired(xp: Any, words: Words) -> Any:
    """Return where a word is followed by another."""
    last = columns(xp, words.present, -1)
    return words.present & xp.concat([columns(xp, words.present, 1), last & ~last], axis=1)


def _over_words(xp: Any, words: Words, shares: Any, n_words: int) -> Any:
    """Return the share of each folded position in the words, or pairs, that cover it."""
    lengths = xp.astype(words.lengths, xp.float32)
    zero = xp.zeros_like(columns(xp, lengths, 0, 1))
    one = xp.ones_like(lengths)
    if n_words == 1:
        each = xp.where(words.present, shares / xp.where(words.present, lengths, one), 0 * one)
    else:
        both = lengths + _following(xp, lengths)
        paired = _paired(xp, words)
        half = xp.where(paired, shares / xp.where(paired, both, one), 0 * one)
        each = half + xp.concat([zero, columns(xp, half, 0, -1)], axis=1)
    number = words.number
    return take_along(xp, each, xp.where(number < 0, xp.zeros_like(number), number))


def _windows(xp: Any, values: Any, n: int) -> list[Any]:
    """Return the values at each of ``n`` steps from every column on, zeros behind the end."""
    behind = xp.zeros_like(xp.concat([columns(xp, values, 0, 1)] * (n - 1), axis=1))
    padded = xp.concat([values, behind], axis=1)
    return [columns(xp, padded, step, step + 1 - n or None) for step in range(n)]


def _letter_grams(xp: Any, folded: Folded, n: int) -> tuple[Any, Any]:
    """Hash each sequence of ``n`` symbols of a word and the blanks around it.

    Only its ends may be blanks: a word of n - 2 letters is a sequence of its own.
    """
    windows = _windows(xp, folded.symbols, n)
    letters = _windows(xp, folded.letter, n)
    hashed = windows[0] * int(_LETTER_FACTORS[0])
    for step in range(1, n):
        hashed = hashed + windows[step] * int(_LETTER_FACTORS[step])
    present = windows[-1] != NOTHING
    for step in range(1, n - 1):
        present = present & letters[step]
    return hashed, present


def _over_letters(xp: Any, folded: Folded, shares: Any, n: int) -> Any:
    """Return the share of each folded position in the sequences that cover it."""
    letters = _windows(xp, xp.astype(folded.letter, xp.float32), n)
    covered = letters[0]
    for step in range(1, n):
        covered = covered + letters[step]
    ones = xp.ones_like(covered)
    each = shares / xp.where(covered > 0, covered, ones)
    before = xp.zeros_like(xp.concat([columns(xp, each, 0, 1)] * (n - 1), axis=1))
    padded = xp.concat([before, each], axis=1)
    total = columns(xp, padded, n - 1)
    for step in range(1, n):
        total = total + columns(xp, padded, n - 1 - step, -step)
    return total


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.ascontiguousarray(values))


def _like(xp: Any, values: Any, number: int) -> Any:
    return xp.zeros_like(values) + number
