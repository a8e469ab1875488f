"""Make the same texts harder, on purpose and reproducibly: typos, SMS, envelopes, threads.

The transforms of the brief (3.A). Each text is altered from its own seed (a hash of the
seed, the transform and the text), so that neither order nor neighbours matter.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from common.edge.errors import UsageError
from usecases.citizen_requests.text.noise_words import (
    ENVELOPE,
    SMS_FORMS,
    THREADS,
    UNRELATED_SENTENCES,
)

__all__ = ["TRANSFORMS", "noisy"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
TYPO10_CHANCE, TYPO20_CHANCE = 0.4, 0.8
SHORTEST_EDITED_LETTERS = 4
UNRELATED_WORDS = 150
WORD = re.compile(r"[^\W\d_]+")
LONG_FORM = re.compile(r"\b(?:" + "|".join(sorted(SMS_FORMS, key=len, reverse=True)) + r")\b")
SMS_SOUNDS = (
    (re.compile(r"qu"), "k"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"eau|au"), "o"),
    (re.compile(r"([bcdfglmnprst])\1"), r"\1"),
    (re.compile(r"(?<=\w{3})(?:es|ent|e|s|t|x)\b"), ""),
)
"""Sounds after the dictionary: brief 3.A, in this order; a word keeps three letters."""

Rng = np.random.Generator


def _rng(seed: int, name: str, text: str) -> Rng:
    digest = hashlib.sha256(f"{seed}|{name}|{text}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _no_accents(text: str, _rng: Rng) -> str:
    kept = (c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", "".join(kept))


def _lower_no_punctuation(text: str, _rng: Rng) -> str:
    return " ".join(re.sub(r"[^\w\s]|_", " ", text.lower()).split())


def _upper(text: str, _rng: Rng) -> str:
    return text.upper()


def _edited(word: str, rng: Rng) -> str:
    """Substitute, delete, transpose or insert one letter, each as likely."""
    edit, at = int(rng.integers(4)), int(rng.integers(len(word)))
    letter = LETTERS[int(rng.integers(len(LETTERS)))]
    if edit == 0:
        return word[:at] + letter + word[at + 1 :]
    if edit == 1:
        return word[:at] + word[at + 1 :]
    if edit == 2:
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + letter + word[at:]


def _typos(text: str, rng: Rng, chance: float) -> str:
    def edit(match: re.Match[str]) -> str:
        word = match[0]
        hit = len(word) >= SHORTEST_EDITED_LETTERS and rng.random() < chance
        return _edited(word, rng) if hit else word

    return WORD.sub(edit, text)


def _typo10(text: str, rng: Rng) -> str:
    return _typos(text, rng, TYPO10_CHANCE)


def _typo20(text: str, rng: Rng) -> str:
    return _typos(text, rng, TYPO20_CHANCE)


def _sms(text: str, rng: Rng) -> str:
    """Write as in a short message: frequent forms first, then how words sound."""
    words = _lower_no_punctuation(text.replace("’", "'"), rng)
    words = LONG_FORM.sub(lambda match: SMS_FORMS[match[0]], words)
    words = _no_accents(words, rng)
    for pattern, sound in SMS_SOUNDS:
        words = pattern.sub(sound, words)
    return words


def _greet(text: str, _rng: Rng) -> str:
    before, after = ENVELOPE
    return f"{before}\n{text}\n{after}"


def _long(text: str, rng: Rng) -> str:
    """Tell 150 words of something else, before or after the request."""
    order = rng.permutation(len(UNRELATED_SENTENCES))
    words = " ".join(UNRELATED_SENTENCES[int(i)] for i in order).split()[:UNRELATED_WORDS]
    story = " ".join(words)
    return f"{story} {text}" if rng.random() < 0.5 else f"{text} {story}"


def _thread(text: str, rng: Rng) -> str:
    """Add a signature and what was written before, as a mail client quotes it."""
    return f"{text}\n\n{THREADS[int(rng.integers(len(THREADS)))]}"


TRANSFORMS: Mapping[str, Callable[[str, Rng], str]] = MappingProxyType(
    {
        "no_accents": _no_accents,
        "lower": _lower_no_punctuation,
        "upper": _upper,
        "typo10": _typo10,
        "typo20": _typo20,
        "sms": _sms,
        "greet": _greet,
        "long": _long,
        "thread": _thread,
    }
)
"""By the names of the brief; "clean" is the text itself and needs no transform."""


def noisy(texts: Iterable[str], name: str, seed: int = 0) -> list[str]:
    """Return the texts under one transform.

    Parameters
    ----------
    texts
        Any French texts.
    name
        A key of `TRANSFORMS`, or ``clean``.
    seed
        Every draw starts from it and from the text itself.

    Raises
    ------
    UsageError
        When no transform has that name.

    Examples
    --------
    >>> noisy(["Écrire à la mairie"], "no_accents")
    ['Ecrire a la mairie']
    >>> noisy(["Bonjour, pourquoi toujours ce problème ?"], "sms")
    ['bjr pk tjs ce pb']
    """
    if name == "clean":
        return list(texts)
    if name not in TRANSFORMS:
        raise UsageError(
            f"no transform {name!r}", expected="one of " + ", ".join(["clean", *TRANSFORMS])
        )
    transform = TRANSFORMS[name]
    return [transform(text, _rng(seed, name, text)) for text in texts]
