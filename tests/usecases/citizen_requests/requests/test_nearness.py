"""Texts that an earlier split holds in nearly the same words are found, all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from usecases.citizen_requests.requests.nearness import grams, jaccard, near_earlier, normalised

WORDS = st.sampled_from(["arbres", "arbre", "rue", "école", "des", "lilas", "banc", "sur", "œuf"])
TEXTS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=12)


@given(TEXTS, st.integers(0, 2**12 - 1), st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_the_short_cut_finds_what_comparing_all_pairs_finds(
    texts: list[str], bits: int, threshold: float
) -> None:
    """The prefix filter leaves no pair out (Chaudhuri, Ganti and Kaushik 2006)."""
    ranks = [(bits >> at) & 1 for at in range(len(texts))]
    sets = [grams(text) for text in texts]
    wanted = [
        any(
            ranks[other] < ranks[at] and jaccard(sets[at], sets[other]) >= threshold
            for other in range(len(texts))
        )
        for at in range(len(texts))
    ]
    assert near_earlier(texts, ranks, threshold).tolist() == wanted


def test_only_an_earlier_rank_counts() -> None:
    """Two of one edition may repeat each other; a later one may not repeat them."""
    same = "Des arbres dans la cour de l'école"
    found = near_earlier([same, same, same.upper()], [1, 1, 2], 0.8)
    np.testing.assert_array_equal(found, [False, False, True])


def test_accents_case_and_punctuation_do_not_hide_a_repeat() -> None:
    """« Œ » is two letters, a curly quote a blank."""
    assert normalised("ŒUVRE d’été…") == "oeuvre d ete"
    assert grams("Été") == {"ete"}
