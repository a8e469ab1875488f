"""Thirds by writing must separate those who write easily from those who do not."""

import numpy as np

from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.text.noise import noisy
from usecases.citizen_requests.text.writing_level import (
    LENGTHS,
    LEVELS,
    length_slices,
    terciles,
    writing_of,
)

REQUESTS = frozen_requests()


def rate(registers: set[str]) -> float:
    """Return the mean out-of-dictionary rate of some registers."""
    return float(
        np.mean([writing_of(r.text).out_of_dictionary for r in REQUESTS if r.register in registers])
    )


def test_hesitant_registers_use_more_unknown_words() -> None:
    """Short messages and mistakes must stand apart from formal letters, or slices say nothing."""
    assert rate({"sms", "fautes"}) > 2 * rate({"soutenu", "courant"})


def test_typos_move_texts_towards_the_last_third() -> None:
    """The same texts with and without typos, ranked together."""
    plain_texts = [request.text for request in REQUESTS if request.register == "courant"]
    thirds = terciles(plain_texts + noisy(plain_texts, "typo20"))
    n = len(plain_texts)
    assert np.mean(thirds[n:] == LEVELS[2]) > 0.5 > np.mean(thirds[:n] == LEVELS[2])


def test_thirds_hold_the_same_number_of_texts() -> None:
    """A tercile with two texts would have no interval: 213 = 3 * 71."""
    thirds = terciles([request.text for request in REQUESTS])
    assert [int((thirds == level).sum()) for level in LEVELS] == [71, 71, 71]


def test_second_language_markers_find_most_and_accuse_few() -> None:
    """A rough rule: enough to compare groups, never to label a person."""
    found = [writing_of(r.text).second_language for r in REQUESTS if r.register == "allophone"]
    others = [writing_of(r.text).second_language for r in REQUESTS if r.register == "courant"]
    assert np.mean(found) >= 0.6
    assert np.mean(others) <= 0.05


def test_a_letter_without_words_is_placed_too() -> None:
    """Whatever comes in needs a place in the table."""
    assert writing_of("???").readability == 0
    assert length_slices(["???", "a" * 100, "b " * 200]).tolist() == list(LENGTHS)
