"""A text with the letters that decided underlined, not by colour alone."""

from html import escape
from itertools import groupby
from typing import Any

import numpy.typing as npt

__all__ = ["underlined"]

_STRONG, _WEAK = 0.5, 0.2
"""Shares of the strongest letter from which a letter is shown as strong or weak."""


def underlined(codes: npt.NDArray[Any], weights: npt.NDArray[Any]) -> str:
    """Return the text with what spoke for the answer underlined, and a list of its words.

    Parameters
    ----------
    codes
        Unicode code points, 0 for padding, shape (length,).
    weights
        What each letter added, same shape; only what speaks for the answer is underlined.

    Examples
    --------
    >>> import numpy as np
    >>> underlined(np.array([97, 32, 98]), np.array([0.0, 0.0, 1.0])).split("</p>")[0]
    '<p class="said">a <u class="strong">b</u>'
    """
    letters = [
        (chr(code), weight)
        for code, weight in zip(codes.tolist(), weights.tolist(), strict=True)
        if code
    ]
    top = max((weight for _, weight in letters), default=0.0)
    if top <= 0:
        return f'<p class="said">{escape("".join(letter for letter, _ in letters))}</p>'
    parts, words = [], []
    for level, run in groupby(letters, key=lambda item: _level(item[1] / top)):
        text = "".join(letter for letter, _ in run)
        if level and text.strip():
            words.append(text.strip())
            parts.append(f'<u class="{level}">{escape(text)}</u>')
        else:
            parts.append(escape(text))
    listed = ", ".join(escape(word) for word in dict.fromkeys(words))
    return f'<p class="said">{"".join(parts)}</p><p class="muted">Souligné : {listed}.</p>'


def _level(share: float) -> str:
    if share >= _STRONG:
        return "strong"
    return "weak" if share >= _WEAK else ""
