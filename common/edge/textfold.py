"""Fold French text: one table for case, accents, œ and punctuation, shared by graph and index.

What remains of a text are its words in lower-case letters without accents and digits, with
one blank before, between and behind them. `common.lab.graph.text` writes the same steps into a
graph; a test holds both equal.
"""

import unicodedata
from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["BLANK", "NOTHING", "N_SYMBOLS", "TABLE_SIZE", "fold", "fold_places", "fold_table"]

BLANK = 32
"""What separates words."""
NOTHING = 0
"""No symbol: what follows a folded text, and what a dropped character leaves."""
N_SYMBOLS = 2
"""Most symbols that one character becomes: œ is o and e."""
TABLE_SIZE = 0x2200
"""Code points from here on (signs, ideographs, emoji) are blanks."""

Codes = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]

_FROZEN = unicodedata.ucd_3_2_0
"""The one database that no version of Python changes: graph and index must never part."""
_SPELT = {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th",
          "ᵉ": "e", "ᵈ": "d"}  # fmt: skip
"""Letters that do not decompose, and two of ordinals (3ᵉ, 2ᵈ) that are newer than the database."""
_SOFT_HYPHEN = "\u00ad"
"""A dash in that database, an invisible format character since Unicode 4.0."""


@cache
def fold_table() -> Codes:
    """Return what each code point becomes, shape (TABLE_SIZE, N_SYMBOLS), int64.

    A letter or digit becomes its lower-case base letters (compatibility decomposition without
    marks, Unicode Standard Annex 15; ``_SPELT`` where there is none), at most two. A combining
    mark or an invisible format character (soft hyphen) becomes nothing, so that it parts no
    word. All else, apostrophes and the padding 0 included, is a blank.
    """
    table = np.full((TABLE_SIZE, N_SYMBOLS), NOTHING, dtype=np.int64)
    for code in range(TABLE_SIZE):
        symbols = _symbols(chr(code))
        table[code, : len(symbols)] = symbols
    table.setflags(write=False)
    return table


def _symbols(character: str) -> list[int]:
    lower = character.lower()
    spelt = _SPELT.get(lower) or _FROZEN.normalize("NFKD", lower)
    kept = [ord(letter) for letter in spelt if _FROZEN.category(letter)[0] in "LN"]
    if kept:
        return kept[:N_SYMBOLS]
    invisible = character == _SOFT_HYPHEN or _FROZEN.category(character) in ("Mn", "Me", "Cf")
    return [] if invisible else [BLANK]


def fold(codes: Codes) -> Codes:
    """Return folded texts: a blank, then each word followed by one blank, then zeros.

    Parameters
    ----------
    codes
        Shape (n, length); see `common.edge.textcodes.codes_of`.

    Returns
    -------
    numpy.ndarray
        Shape (n, width), as wide as the longest folded text, at least 1. It does not depend
        on the padding of ``codes``.

    Examples
    --------
    >>> from common.edge.textcodes import codes_of, text_of
    >>> text_of(fold(codes_of(["L’ŒUVRE -- de l'État !"]))[0])
    ' l oeuvre de l etat '
    """
    return fold_places(codes)[0]


def fold_places(codes: Codes) -> tuple[Codes, Places]:
    """Return folded texts and where the letters of each character went.

    Returns
    -------
    folded
        As `fold`.
    places
        Shape (n, length, N_SYMBOLS): column of ``folded`` that holds each symbol of each
        character; 0, the leading blank, for a character that left no letter.

    Examples
    --------
    >>> from common.edge.textcodes import codes_of
    >>> fold_places(codes_of(["c'œ"]))[1].tolist()  # ' c oe '
    [[[1, 0], [0, 0], [3, 4]]]
    """
    n_rows, length = codes.shape
    known = np.where((codes >= 0) & (codes < TABLE_SIZE), codes, BLANK)
    symbols = fold_table()[known].reshape(n_rows, N_SYMBOLS * length)
    dense, first = _compact(symbols, symbols != NOTHING)
    edge = np.full((n_rows, 1), BLANK, dtype=np.int64)
    # A blank before and behind: every word is closed on both sides, and none of them shifts.
    closed = np.concatenate([edge, np.where(dense == NOTHING, BLANK, dense), edge], axis=1)
    letter = closed != BLANK
    kept = letter | np.concatenate([~letter[:, :1], letter[:, :-1]], axis=1)
    folded, second = _compact(closed, kept)
    found = np.take_along_axis(second, first + 1, axis=1)
    places = np.where((symbols != NOTHING) & (symbols != BLANK), found, 0)
    width = int((folded != NOTHING).sum(axis=1).max(initial=1))
    return folded[:, :width], places.reshape(n_rows, length, N_SYMBOLS)


def _compact(symbols: Codes, kept: npt.NDArray[np.bool_]) -> tuple[Codes, Places]:
    """Move the kept symbols of each row to its left; return them and where each went.

    >>> rows, places = _compact(np.array([[7, 8, 9]]), np.array([[True, False, True]]))
    >>> rows.tolist(), places.tolist()
    ([[7, 9, 0]], [[0, 0, 1]])
    """
    places = np.maximum(np.cumsum(kept, axis=1) - 1, 0)
    moved = np.zeros_like(symbols)
    rows = np.broadcast_to(np.arange(len(symbols))[:, None], symbols.shape)
    moved[rows[kept], places[kept]] = symbols[kept]
    return moved, places
