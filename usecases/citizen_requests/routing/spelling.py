"""Bring the misspelt words of a request back to words that the router has learnt from.

A client's step, like the cleaner: the graph reads what it is given. Only words that neither the
learnt texts nor the shipped vocabulary hold are changed, to the commonest learnt word one slip away
or, failing that, one that sounds alike (`common.edge.retrieval.spelling`). Nothing else of a text
moves, and what a page underlines stays what was typed (`Repaired.back`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from common.edge.retrieval.spelling import (
    LONGEST,
    SHORTEST,
    forms_of,
    heard,
    one_slip,
    struck,
)
from common.lab.usecase import Array
from usecases.citizen_requests.text.plain_words import plain
from usecases.citizen_requests.text.vocabulary import WORD, ordinary_words

__all__ = ["Repaired", "Spelling"]


@dataclass(frozen=True)
class Repaired:
    """A text with words repaired.

    Parameters
    ----------
    text
        As the router reads it.
    pieces
        Lengths of each stretch as typed and as read, in order; equal where nothing changed.
    """

    text: str
    pieces: tuple[tuple[int, int], ...]

    def back(self, parts: Array) -> Array:
        """Return what each character typed adds, from what each character read adds.

        A repaired word's part is spread evenly over the letters that were typed: sums are kept.

        Parameters
        ----------
        parts
            Shape (n_read,) or longer, as texts are padded.

        Examples
        --------
        >>> Repaired("trottoir", ((7, 8),)).back(np.full(8, 0.7)).round(3).tolist()
        [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
        """
        found, at = [], 0
        for n_typed, n_read in self.pieces:
            read = np.asarray(parts[at : at + n_read], dtype=np.float64)
            found.append(read if n_typed == n_read else np.full(n_typed, read.sum() / n_typed))
            at += n_read
        return np.concatenate(found) if found else np.empty(0)


@dataclass(frozen=True)
class Spelling:
    """Words that a router knows, found again by what is left of them when misspelt.

    Parameters
    ----------
    words
        Of the learnt texts, the commonest first: what a word may be repaired to.
    known
        Words that are left as they are.
    """

    words: tuple[str, ...]
    known: frozenset[str]
    forms: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)
    """Place of each word under each of its forms, `common.edge.retrieval.spelling.forms_of`."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Spelling":
        """Learn the words of texts.

        Examples
        --------
        >>> spelling = Spelling.of(["le trottoir est cassé", "réparer le trottoir"])
        >>> spelling.repaired("un Trotoir kassé devant Zanzibar").text
        'un trottoir casse devant Zanzibar'
        """
        counts = Counter(plain(word) for text in texts for word in WORD.findall(text))
        common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        words = tuple(word for word, _ in common if SHORTEST <= len(word) <= LONGEST)
        forms: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            for form in forms_of(word):
                forms.setdefault(form, []).append(place)
        return cls(
            words,
            frozenset(counts) | ordinary_words(),
            {form: tuple(places) for form, places in forms.items()},
        )

    def repaired(self, text: str) -> Repaired:
        """Return a text with its misspelt words repaired, without accents where they were."""
        said, pieces, at = [], [], 0
        for match in WORD.finditer(text):
            word = self._repair(plain(match[0]))
            if word is None:
                continue
            before = match.start() - at
            pieces += [(before, before), (len(match[0]), len(word))]
            said += [text[at : match.start()], word]
            at = match.end()
        rest = len(text) - at
        return Repaired("".join([*said, text[at:]]), (*pieces, (rest, rest)))

    def _repair(self, word: str) -> str | None:
        """Return the word meant, or None where the word is known or nothing is like it."""
        if word in self.known or not SHORTEST <= len(word) <= LONGEST:
            return None
        near = {place for form in struck(word) for place in self.forms.get(form, ())}
        slips = [place for place in near if one_slip(word, self.words[place])]
        alike = slips or self.forms.get(heard(word), ())
        return self.words[min(alike)] if alike else None
