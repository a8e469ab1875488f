"""Texts as numbers: the client step in front of a graph or an index that reads French.

A text is the code points of its canonical composition (NFC, Unicode Standard Annex 15). That is
all a client does; case, accents and punctuation are folded behind it (`common.edge.textfold`).
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.edge.errors import TableError

__all__ = ["LONGEST_TEXT", "codes_of", "text_of"]

LONGEST_TEXT = 20_000
"""Characters of a text after NFC; a longer one is refused, as what is cut off is not read."""

Codes = npt.NDArray[np.int64]


def codes_of(texts: Sequence[str], length: int | None = None) -> Codes:
    r"""Return the NFC code points of texts, each padded with 0 on the right.

    The same line in JavaScript, for one text:
    ``Array.from(text.normalize("NFC"), c => c.codePointAt(0))``.

    Parameters
    ----------
    texts
        Any number of texts, empty ones too.
    length
        Width of the result; by default that of the longest text, at least 1. What follows a
        text never changes what a graph or an index makes of it.

    Returns
    -------
    numpy.ndarray
        Shape (n, length), int64.

    Raises
    ------
    TableError
        A text is longer than `LONGEST_TEXT` or than ``length``; names the row.

    Examples
    --------
    An e with a combining accent is the same text as é (233):

    >>> codes_of(["e\u0301t\u00e9", "a"]).tolist()
    [[233, 116, 233], [97, 0, 0]]
    """
    rows = [[ord(letter) for letter in unicodedata.normalize("NFC", text)] for text in texts]
    longest = max((len(row) for row in rows), default=0)
    width = max(longest, 1) if length is None else length
    allowed = min(width, LONGEST_TEXT)
    if longest > allowed:
        row = next(place for place, row in enumerate(rows) if len(row) > allowed)
        raise TableError(
            f"text {row} has {len(rows[row])} characters",
            expected=f"at most {allowed}",
            remedy="remove quoted messages and attachments pasted into the text",
        )
    codes = np.zeros((len(rows), width), dtype=np.int64)
    for place, points in enumerate(rows):
        codes[place, : len(points)] = points
    return codes


def text_of(codes: Codes) -> str:
    """Return the text of one row of codes, without its padding.

    >>> text_of(codes_of(["école"], length=9)[0])
    'école'
    """
    return "".join(chr(code) for code in codes.tolist()).rstrip("\0")
