"""How a request is written, for equity tables only: no decision may ever rest on it.

Nothing here says who somebody is; it places texts in thirds, so that accuracy, coverage and
abstention can be compared between those who write easily and those who do not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.text.noise_words import SMS_FORMS
from usecases.citizen_requests.text.plain_words import plain, word_set
from usecases.citizen_requests.text.vocabulary import WORD, ordinary_words

__all__ = ["LENGTHS", "LEVELS", "Writing", "length_slices", "terciles", "writing_of"]

Strings = npt.NDArray[np.str_]

LEVELS = ("écriture aisée", "écriture intermédiaire", "écriture peu assurée")
LENGTHS = ("moins de 60 caractères", "de 60 à 200 caractères", "plus de 200 caractères")
LENGTH_BOUNDS = (60, 200)

VOWELS = re.compile(r"[aeiouyàâäéèêëîïôöùûü]+")
SENTENCE = re.compile(r"[.!?…\n]+")
SMS_WORDS = word_set(" ".join(SMS_FORMS.values())) | word_set("koi ke ki pk slt bjr svp stp kelkun")
MIN_SMS_WORDS = 2
DETERMINERS = word_set(
    "le la les l un une des du de d ce cet cette ces mon ma mes notre nos au aux"
)
FEWEST_DETERMINERS = 0.05
LEAST_WORDS = 6
PHRASES = re.compile(
    r"\b(?:moi|je) (?:chercher|vouloir|besoin|comprendre|dormir|pouvoir|avoir|habiter|travail)\b"
    r"|\bmoi (?:je )?(?:pas|veux|ai|suis)\b|\bquel papier\b|\bhello\b|\bplease\b|\bthe\b",
    re.IGNORECASE,
)
"""Bare infinitives and words of another language: signs of writing in a second language."""


@dataclass(frozen=True)
class Writing:
    """How one text is written.

    Parameters
    ----------
    out_of_dictionary
        Share of words that the shipped vocabulary does not know, names set apart, in [0, 1].
    readability
        Reading ease of Kandel and Moles (1958): 207 - 1.015 words per sentence - 73.6
        syllables per word; higher is easier. A rough count of syllables (groups of vowels).
    n_characters
        Of the cleaned text.
    second_language
        Whether it shows signs of writing in a second language (a rough rule).
    short_message
        Whether it is written as a short message.
    """

    out_of_dictionary: float
    readability: float
    n_characters: int
    second_language: bool
    short_message: bool


def writing_of(text: str) -> Writing:
    """Return how a text is written, politeness and threads taken away first.

    Examples
    --------
    >>> writing_of("Le trottoir est cassé.").out_of_dictionary
    0.0
    >>> writing_of("le trotoir é kacé").out_of_dictionary
    0.5
    """
    kept = clean(text).kept
    words = WORD.findall(kept)
    small = [plain(word) for word in words if not word[0].isupper() or word.isupper()]
    unknown = [word for word in small if len(word) > 2 and word not in ordinary_words()]
    n_sms = sum(plain(word) in SMS_WORDS for word in words)
    return Writing(
        out_of_dictionary=len(unknown) / max(len(small), 1),
        readability=_kandel_moles(kept, words),
        n_characters=len(kept),
        second_language=_second_language(kept, words),
        short_message=n_sms >= MIN_SMS_WORDS,
    )


def _kandel_moles(text: str, words: Sequence[str]) -> float:
    if not words:
        return 0.0
    n_sentences = max(sum(bool(WORD.search(part)) for part in SENTENCE.split(text)), 1)
    n_syllables = sum(max(len(VOWELS.findall(word.lower())), 1) for word in words)
    return 207 - 1.015 * len(words) / n_sentences - 73.6 * n_syllables / len(words)


def _second_language(text: str, words: Sequence[str]) -> bool:
    if PHRASES.search(text):
        return True
    n_determiners = sum(plain(word) in DETERMINERS for word in words)
    bare = n_determiners < FEWEST_DETERMINERS * len(words)
    return bare and len(words) >= LEAST_WORDS and text == text.lower()


def terciles(texts: Sequence[str]) -> Strings:
    """Return each text's third by out-of-dictionary rate, ties by readability, in French.

    Thirds are those of the given texts: compare them within one set only.

    Examples
    --------
    >>> texts = ["Le trottoir est cassé.", "Le trotoir est cassé.", "le trotoir é kacé"]
    >>> [str(third).split()[1] for third in terciles(texts)]
    ['aisée', 'intermédiaire', 'peu']
    """
    writings = [writing_of(text) for text in texts]
    rates = np.array([each.out_of_dictionary for each in writings])
    ease = np.array([each.readability for each in writings])
    order = np.lexsort((np.arange(len(texts)), -ease, rates))
    rank = np.empty(len(texts), dtype=np.int64)
    rank[order] = np.arange(len(texts))
    return np.array(LEVELS)[rank * len(LEVELS) // max(len(texts), 1)]


def length_slices(texts: Sequence[str]) -> Strings:
    """Return each text's length class, in French, the text cleaned first."""
    lengths = [len(clean(text).kept) for text in texts]
    return np.array(LENGTHS)[np.digitize(lengths, LENGTH_BOUNDS)]
