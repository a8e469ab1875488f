"""Noise must be the brief's, the same at every run, and leave the request in the text."""

import pytest

from common.edge.errors import UsageError
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.text.noise import TRANSFORMS, UNRELATED_WORDS, noisy
from usecases.citizen_requests.text.noise_words import ENVELOPE, SMS_FORMS

TEXTS = [request.text for request in frozen_requests()]
REQUEST = "Le lampadaire devant l'école ne s'allume plus."


@pytest.mark.parametrize("name", TRANSFORMS)
def test_noise_does_not_depend_on_order_and_neighbours(name: str) -> None:
    """A robustness table could not be recomputed on a part of the texts otherwise."""
    assert noisy(TEXTS, name)[5:8] == noisy(TEXTS[5:8], name)


def test_another_seed_gives_other_typos() -> None:
    """The seed must matter, or intervals over seeds would mean nothing."""
    assert noisy(TEXTS, "typo10", seed=1) != noisy(TEXTS, "typo10", seed=2)


@pytest.mark.parametrize(("name", "chance"), [("typo10", 0.4), ("typo20", 0.8)])
def test_typos_hit_words_over_three_letters_at_the_announced_rate(name: str, chance: float) -> None:
    """An edit may leave a word as it was (same letter), so a little below the chance passes."""
    words = ["quartier", "sur", "demande"] * 2000
    after = noisy([" ".join(words)], name)[0].split()
    hit = [before != word for before, word in zip(words, after, strict=True)]
    short = [changed for changed, word in zip(hit, words, strict=True) if len(word) <= 3]
    long = [changed for changed, word in zip(hit, words, strict=True) if len(word) > 3]
    assert not any(short)
    assert chance - 0.05 < sum(long) / len(long) < chance + 0.02


def test_the_polite_envelope_has_45_words() -> None:
    """Brief 0.5 measured a 45-word envelope; punctuation standing alone is no word."""
    assert len([word for part in ENVELOPE for word in part.split() if word != ":"]) == 45


def test_long_adds_150_words_that_are_not_the_request() -> None:
    """Brief 3.A: 150 unrelated words."""
    long = noisy([REQUEST], "long")[0]
    assert REQUEST in long
    assert len(long.split()) == UNRELATED_WORDS + len(REQUEST.split())


@pytest.mark.parametrize("name", ["greet", "long", "thread"])
def test_what_wraps_a_request_keeps_it_verbatim(name: str) -> None:
    """The cleaner is judged on giving it back."""
    assert all(text in wrapped for text, wrapped in zip(TEXTS, noisy(TEXTS, name), strict=True))


def test_short_messages_shorten_words() -> None:
    """Forms of the dictionary, then sounds: "c'est" c, "quand" qd, "eau" o."""
    assert 40 <= len(SMS_FORMS) <= 50
    assert noisy(["C’est quand la réunion au château ?"], "sms") == ["c qd la reunion o chato"]


def test_an_unknown_transform_is_refused() -> None:
    """A misspelt name must not silently measure clean texts."""
    with pytest.raises(UsageError, match="typo10"):
        noisy(TEXTS, "typo30")
    assert noisy(TEXTS, "clean") == TEXTS
