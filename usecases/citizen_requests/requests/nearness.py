"""Find texts that an earlier split already holds, in nearly the same words."""

import re
import unicodedata
from collections import defaultdict
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
    sets = [grams(text) for text in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for at, found in enumerate(sets):
        for gram in found:
            holders[gram].append(at)
    near = np.zeros(len(sets), dtype=np.bool_)
    for at, found in enumerate(sets):
        candidates = {
            other for gram in found for other in holders[gram] if ranks[other] < ranks[at]
        }
        near[at] = any(jaccard(found, sets[other]) >= threshold for other in candidates)
    return near
