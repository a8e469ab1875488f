"""A request as it may be shown: what is asked, what was taken away, what was masked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from usecases.citizen_requests.text.cleaning.cleaner import REASONS, Removed, clean
from usecases.citizen_requests.text.masking.masks import mask
from usecases.citizen_requests.text.masking.spans import KINDS, Span

__all__ = ["FAINT", "STRONG", "Piece", "asked", "deciding_words", "pieces_of", "underlined"]

WORD = re.compile(r"\[?[^\W_]+\]?")
FAINT, STRONG = 0.25, 0.6
"""Shares of the strongest word's part from which a word is underlined once, or twice."""
MOST_NAMED: Final = 8


@dataclass(frozen=True)
class Piece:
    """A stretch of a request, without what identifies anyone.

    Parameters
    ----------
    text
        As shown: a masked stretch is its placeholder.
    removed
        Why the cleaner took it away, in French; empty for what is asked.
    masked
        Whether it is a placeholder.
    strength
        0, 1 or 2: how much it weighed in the choice of the service.
    """

    text: str
    removed: str = ""
    masked: bool = False
    strength: int = 0


def pieces_of(text: str) -> tuple[Piece, ...]:
    r"""Return a raw text as pieces; nothing else of it is ever kept.

    Examples
    --------
    >>> pieces = pieces_of("Bonjour,\nLe banc est cassé.\nPaul Martin, 06 39 98 14 22")
    >>> [(piece.text, piece.removed) for piece in pieces if piece.masked]
    [('[NOM]', 'signature'), ('[TÉLÉPHONE]', 'signature')]
    >>> asked(pieces).strip()
    'Le banc est cassé.'
    """
    masked, cleaned = mask(text), clean(text)
    return tuple(_cut(masked.source, masked.found, cleaned.removed))


def asked(pieces: Sequence[Piece]) -> str:
    """Return what the router reads: the pieces that were not taken away, end to end."""
    return "".join(piece.text for piece in pieces if not piece.removed)


def _cut(source: str, found: Sequence[Span], removed: Sequence[Removed]) -> Iterator[Piece]:
    """Yield the pieces; one that is masked goes whole with the stretch it begins in."""
    at = 0
    for span in found:
        yield from _plain(source, at, span.start, removed)
        why = next((part.reason for part in removed if part.start <= span.start < part.end), "")
        yield Piece(f"[{KINDS[span.kind]}]", REASONS[why] if why else "", masked=True)
        at = span.end
    yield from _plain(source, at, len(source), removed)


def _plain(source: str, start: int, end: int, removed: Sequence[Removed]) -> Iterator[Piece]:
    at = start
    for part in removed:
        low, high = max(part.start, at), min(part.end, end)
        if low >= high:
            continue
        if source[at:low]:
            yield Piece(source[at:low])
        yield Piece(source[low:high], REASONS[part.reason])
        at = high
    if source[at:end]:
        yield Piece(source[at:end])


def underlined(
    pieces: Sequence[Piece], parts: npt.NDArray[np.floating]
) -> tuple[tuple[Piece, ...], tuple[tuple[str, int], ...]]:
    """Cut pieces at the words that spoke for the service; name those words, strongest first.

    Parameters
    ----------
    pieces
        As from `pieces_of`.
    parts
        What each character of `asked(pieces)` adds to the score of the likeliest service,
        shape (n_characters,) or longer.

    Returns
    -------
    pieces, words
        Pieces with their ``strength``; each deciding word once, with its strength.

    Examples
    --------
    >>> cut, words = underlined([Piece("banc cassé ici")], np.repeat([1.0, 0.4, 0.0], [5, 6, 3]))
    >>> [(piece.text, piece.strength) for piece in cut if piece.strength], words
    ([('banc', 2), ('cassé', 1)], (('banc', 2), ('cassé', 1)))
    """
    whole = asked(pieces)
    sums = [
        (match.span(), float(parts[match.start() : match.end()].sum()))
        for match in WORD.finditer(whole)
    ]
    best = max((part for _, part in sums), default=0.0)
    strong = {
        span: 2 if part >= STRONG * best else 1
        for span, part in sums
        if best > 0 and part >= FAINT * best
    }
    order = sorted((pair for pair in sums if pair[0] in strong), key=lambda pair: -pair[1])
    named: dict[str, int] = {}
    for (start, end), _ in order:
        named.setdefault(whole[start:end].lower(), strong[start, end])
    return tuple(_marked(pieces, strong)), tuple(named.items())[:MOST_NAMED]


def deciding_words(words: Sequence[tuple[str, int]]) -> str:
    """Return the text alternative of the underlining.

    Examples
    --------
    >>> deciding_words([("lampadaire", 2), ("éteint", 1)])
    'lampadaire (fort), éteint (moyen)'
    """
    said = ", ".join(f"{word} ({'fort' if strength == 2 else 'moyen'})" for word, strength in words)
    return said or "aucun mot n'a pesé nettement : c'est la fréquence des services qui parle"


def _marked(pieces: Sequence[Piece], strong: Mapping[tuple[int, int], int]) -> Iterator[Piece]:
    at = 0
    for piece in pieces:
        if piece.removed:
            yield piece
            continue
        end = at + len(piece.text)
        inside = {
            (low - at, high - at): strong[low, high]
            for low, high in sorted(strong)
            if at <= low and high <= end
        }
        yield from _cut_at(piece, inside)
        at = end


def _cut_at(piece: Piece, inside: Mapping[tuple[int, int], int]) -> Iterator[Piece]:
    done = 0
    for (low, high), strength in inside.items():
        if piece.text[done:low]:
            yield replace(piece, text=piece.text[done:low])
        yield replace(piece, text=piece.text[low:high], strength=strength)
        done = high
    if piece.text[done:]:
        yield replace(piece, text=piece.text[done:])
