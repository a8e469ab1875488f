"""Misspelt words are read as the words meant; what was typed is what is shown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usecases.citizen_requests.routing.spelling import Spelling
from usecases.citizen_requests.text.noise import noisy
from usecases.citizen_requests.text.plain_words import plain
from usecases.citizen_requests.text.vocabulary import WORD

TEXTS = (
    "Réparer le trottoir devant le gymnase",
    "Le gymnase est fermé, la bibliothèque aussi",
    "Planter des arbres devant la bibliothèque",
)
SPELLING = Spelling.of(TEXTS)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("le trotoir du jymnase", "le trottoir du gymnase"),
        ("la bibliotek", "la bibliotheque"),
        ("LE TROTTOUAR", "LE TROTTOUAR"),
        ("LE TROTTOIIR", "LE trottoir"),
        ("rue Zanzibar, 12 bis", "rue Zanzibar, 12 bis"),
        ("", ""),
    ],
)
def test_a_word_one_slip_away_or_that_sounds_alike_is_repaired(typed: str, read: str) -> None:
    """To a word of the learnt texts and to no other; what is like none of them stays."""
    assert SPELLING.repaired(typed).text == read


@pytest.mark.parametrize("text", [*TEXTS, "Comment obtenir une carte d'identité pour ma fille ?"])
def test_what_is_written_rightly_is_left_alone(text: str) -> None:
    """Words that were learnt, and the ordinary ones of the shipped vocabulary."""
    assert SPELLING.repaired(text).text == text


def test_the_commoner_of_two_words_as_near_is_taken() -> None:
    """Invented words, as the vocabulary holds real ones: « xbana » is a letter from both."""
    spelling = Spelling.of(["un xbansa", "un xbanca", "un xbanca"])
    assert spelling.repaired("un xbana").text == "un xbanca"


@given(st.text(alphabet="trotoisgymnae bé,.\u0301", max_size=60))
def test_parts_come_back_letter_by_letter_and_their_sum_is_kept(text: str) -> None:
    """A page underlines what was typed; the score is that of what was read."""
    repaired = SPELLING.repaired(text)
    parts = np.random.default_rng(0).normal(size=len(repaired.text) + 3)
    back = repaired.back(parts)
    assert len(back) == len(text)
    assert back.sum() == pytest.approx(parts[: len(repaired.text)].sum())


def test_most_slips_of_the_brief_s_noise_are_undone() -> None:
    """One slip in four words of ten: nine words of ten are those meant, once repaired."""
    meant, written, repaired = [], [], []
    for seed in range(10):
        for typed, text in zip(noisy(TEXTS, "typo10", seed), TEXTS, strict=True):
            meant += _words(text)
            written += _words(typed)
            repaired += _words(SPELLING.repaired(typed).text)
    assert _same(written, meant) < 0.8
    assert _same(repaired, meant) > 0.9


def _words(text: str) -> list[str]:
    return [plain(word) for word in WORD.findall(text)]


def _same(words: list[str], meant: list[str]) -> float:
    return float(np.mean([one == other for one, other in zip(words, meant, strict=True)]))
