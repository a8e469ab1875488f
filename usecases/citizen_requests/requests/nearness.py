"""Find texts that an earlier split already holds, in nearly the same words."""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["grams", "jaccard", "near_earlier", "normalised"]

GRAM_LENGTH = 5

OUTSIDE = re.compile(r"[^a-z0-9]+")


def normalised(text: str) -> str:
    """Return a text in lower case without accents, punctuation or ligatures.

    >>> normalised("L’Œuvre  d'Été !")
    'l oeuvre d ete'
    """
    low = text.lower().replace("œ", "oe").replace("æ", "ae")
    bare = "".join(c for c in unicodedata.normalize("NFKD", low) if not unicodedata.combining(c))
    return OUTSIDE.sub(" ", bare).strip()


def grams(text: str) -> frozenset[str]:
    """Return the character 5-grams of a normalised text; a shorter text is its own gram.

    >>> sorted(grams("Arbres"))
    ['arbre', 'rbres']
    """
    bare = normalised(text)
    if len(bare) < GRAM_LENGTH:
        return frozenset({bare})
    return frozenset(bare[at : at + GRAM_LENGTH] for at in range(len(bare) - GRAM_LENGTH + 1))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of grams that two texts have in common (Jaccard 1901).

    >>> jaccard(frozenset("abc"), frozenset("bcd"))  # 2 of 4
    0.5
    """
    return len(one & other) / len(one | other)


def near_earlier(
    texts: Sequence[str], ranks: Sequence[int], threshold: float
) -> npt.NDArray[np.bool_]:
    """Tell which texts are nearly the same as a text of a lower rank.

    Parameters
    ----------
    texts, ranks
        As many; a text is held against those of a strictly lower rank only.
    threshold
        Jaccard index of 5-grams from which two texts count as one, in (0, 1].

    Returns
    -------
    ndarray of bool
        Shape (n_texts,).

    Examples
    --------
    >>> near_earlier(["Des arbres rue Manin", "des arbres, rue Manin !", "Un banc"], [0, 1, 1], 0.8)
    array([False,  True, False])
    """
    rarity = Counter(gram for text in texts for gram in grams(text))
    ordered = [sorted(grams(text), key=lambda gram: (rarity[gram], gram)) for text in texts]
    sets = [frozenset(found) for found in ordered]
    holders: dict[str, list[int]] = defaultdict(list)
    near = np.zeros(len(sets), dtype=np.bool_)
    for at in sorted(range(len(sets)), key=lambda text: ranks[text]):
        head = _rarest(ordered[at], threshold)
        candidates = {other for gram in head for other in holders[gram]}
        near[at] = any(
            ranks[other] < ranks[at] and jaccard(sets[at], sets[other]) >= threshold
            for other in candidates
        )
        for gram in head:
            holders[gram].append(at)
    return near


def _rarest(ordered: Sequence[str], threshold: float) -> Sequence[str]:
    """Return the rarest grams of a text, of which two near texts share at least one.

    Two sets with a Jaccard index of t or more share at least ``ceil(t n)`` of the n grams of
    each, so one of any ``n - ceil(t n) + 1`` of them (prefix filter; Chaudhuri, Ganti and
    Kaushik 2006).
    """
    shared = math.ceil(threshold * len(ordered) - 1e-9)
    return ordered[: len(ordered) - shared + 1]
