"""Bring misspelt words back to the words that cues look for: one edit away, no ordinary word.

Only towards cues: a repair can raise urgency, as all else here, and never lower it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from usecases.citizen_requests.text.vocabulary import ordinary_words
from usecases.citizen_requests.urgency.cues import shipped_cues

__all__ = ["towards_cues"]

LITERAL = re.compile(r"(?<![\\a-z])[a-z]{6,}")
WORD = re.compile(r"\b[a-z]{5,24}\b")
"""Words that may be repaired; nothing longer is one."""
MOST_KEPT = 4_096
SHORTEST_STEM, SHORTEST_PREFIX = 6, 7
"""Letters of a cue word that may be repaired whole, or at the start of a longer word."""


@cache
def _stems() -> Mapping[str, tuple[str, ...]]:
    """Return the literal words and stems of the cues, by each spelling with one letter less."""
    found = defaultdict(set)
    for cue in shipped_cues().cues:
        for pattern in cue.patterns:
            source = re.sub(r"\\[bwsd]", " ", pattern.pattern)
            for stem in LITERAL.findall(source):
                for spelling in _shortened(stem):
                    found[spelling].add(stem)
    return {spelling: tuple(sorted(stems)) for spelling, stems in found.items()}


def _shortened(word: str) -> Iterator[str]:
    """Yield a word, and the word without each of its letters.

    >>> sorted(set(_shortened("gaz")))
    ['az', 'ga', 'gaz', 'gz']
    """
    yield word
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]


@cache
def _all_stems() -> tuple[str, ...]:
    return tuple(sorted({stem for stems in _stems().values() for stem in stems}))


def towards_cues(text: str) -> str:
    """Return a folded text with misspelt words replaced by the cue words that they resemble.

    Examples
    --------
    >>> towards_cues("un incnedie dans la cave")
    'un incendie dans la cave'
    >>> towards_cues("mon fils est au jardin")
    'mon fils est au jardin'
    """
    return WORD.sub(lambda match: _repaired(match[0]), text)


@cache
def _repaired(word: str) -> str:
    if word in ordinary_words() or any(word.startswith(stem) for stem in _all_stems()):
        return word
    for length in range(len(word), SHORTEST_STEM - 2, -1):
        start = word[:length]
        for spelling in _shortened(start):
            for stem in _stems().get(spelling, ()):
                whole = length == len(word) or len(stem) >= SHORTEST_PREFIX
                if whole and stem[0] == word[0] and _one_edit(start, stem):
                    return stem + word[length:]
    return word


def _one_edit(one: str, other: str) -> bool:
    """Return whether one letter added, dropped, changed or swapped with the next parts them.

    >>> _one_edit("feu", "fue"), _one_edit("feu", "feux"), _one_edit("feu", "fxx")
    (True, True, False)
    """
    if one == other:
        return True
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if at is None:
        return abs(len(one) - len(other)) == 1
    rest, other_rest = one[at:], other[at:]
    return (
        rest[1:] == other_rest[1:]
        or rest[1:] == other_rest
        or rest == other_rest[1:]
        or (rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:])
    )
