"""Find the cues of urgency in a text: false friends out, context weighed, each family once."""

import re
from dataclasses import dataclass, replace
from itertools import islice

from usecases.citizen_requests.text.noise_words import SMS_FORMS
from usecases.citizen_requests.text.plain_words import plain
from usecases.citizen_requests.text.vocabulary import ordinary_words
from usecases.citizen_requests.urgency.cues import Cue, Cues, shipped_cues
from usecases.citizen_requests.urgency.spelling import towards_cues

__all__ = ["Hit", "Reading", "folded", "read"]

SENTENCE_END = re.compile(r"[.!?\n]+")
SOUNDS = {
    "vien": "vient", "ve": "veut", "ya": "y a", "pa": "pas", "pu": "plus", "fai": "fait",
    "fe": "fait", "sen": "sent", "dedan": "dedans", "elektrik": "electrique", "gaze": "gaz",
    "viteee": "vite", "vitee": "vite", "kelke": "quelque", "dla": "de la", "degou": "d egout",
    "egou": "egout", "egous": "egouts", "secour": "secours", "qqn": "quelqu un",
    "qqun": "quelqu un", "pri": "pris", "respir": "respire", "devien": "devient",
    "bb": "bebe", "jsui": "je suis", "jsuis": "je suis", "chui": "je suis", "tjr": "toujours",
    "jpeu": "je peux", "jpeux": "je peux", "tonbe": "tombe",
}  # fmt: skip
"""Words that cues read, as they sound."""
SPOKEN = {
    short: plain(long)
    for long, short in SMS_FORMS.items()
    if len(short) > 1 and plain(short) not in ordinary_words()
} | SOUNDS
"""Short and spoken forms of words that cues read: those of short messages the other way round,
but for letters alone and forms that are words themselves, and words as they sound."""
HALF_SENTENCE, MOST_MATCHES = 300, 20
"""Bounds that no ordinary text meets; a hostile one costs no more than they allow."""
MORE_SHARE, MOST_MORE = 0.6, 2
"""What a second and third pattern of the same family add of their own strength."""
WORDS = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Hit:
    """A cue that was found.

    Parameters
    ----------
    cue
        Which.
    words
        The folded words that say it.
    strength
        Its weight times the factors of its context.
    because
        French labels of the contexts that weaken it.
    """

    cue: Cue
    words: str
    strength: float
    because: tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What a text says of urgency: the strongest hit of each family, and false friends seen."""

    hits: tuple[Hit, ...]
    friends: tuple[str, ...]

    def score(self, level: int) -> float:
        """Return the sum of strengths of the cues of at least this level."""
        return sum(hit.strength for hit in self.hits if hit.cue.level >= level)


def folded(text: str) -> str:
    """Return a text without case and accents, words apart, marks of sentences kept.

    Examples
    --------
    >>> folded("Y’a l'FEU, vien vite !!")
    'y a l feu, vient vite !!'
    """
    bare = plain(text.replace("œ", "oe").replace("Œ", "oe"))
    bare = re.sub(r"[’'`´\-_/()«»\"]+", " ", bare)
    bare = WORDS.sub(lambda word: SPOKEN.get(word[0], word[0]), bare)
    return re.sub(r"[^\S\n]+", " ", bare).strip()


def read(text: str, cues: Cues | None = None) -> Reading:
    """Return the cues of a text, as it is written and with words near to cues repaired.

    Parameters
    ----------
    text
        The request, cleaned (`text.cleaning.cleaner.clean`) and, better, masked.
    cues
        None for the shipped ones.

    Examples
    --------
    >>> [hit.cue.family for hit in read("Odeur de gaz dans l'escalier").hits]
    ['gas']
    >>> read("C'est mortel comme c'est beau, la salle était en feu pour son retour").hits
    ()
    """
    known = cues or shipped_cues()
    written, friends = _without_friends(folded(text), known)
    spellings = dict.fromkeys([written, _without_friends(towards_cues(folded(text)), known)[0]])
    found = []
    for cue in known.cues:
        hits = [hit for whole in spellings if (hit := _family(cue, whole, known)) is not None]
        if hits:
            found.append(max(hits, key=lambda hit: hit.strength))
    return Reading(tuple(found), friends)


def _without_friends(whole: str, cues: Cues) -> tuple[str, tuple[str, ...]]:
    """Take false friends out of a folded text; return what is left and what they were."""
    seen = []
    for friend in cues.friends:
        for pattern in friend.patterns:
            whole, n_found = pattern.subn(" _ ", whole)
            seen += [friend.label] * n_found
    return whole, tuple(dict.fromkeys(seen))


def _family(cue: Cue, whole: str, cues: Cues) -> Hit | None:
    """Return the strongest hit of a family; each further pattern that hits adds a part."""
    hits = []
    for pattern in cue.patterns:
        weighed = [
            _weighed(cue, match, whole, cues)
            for match in islice(pattern.finditer(whole), MOST_MATCHES)
        ]
        if weighed:
            hits.append(max(weighed, key=lambda hit: hit.strength))
    if not hits:
        return None
    hits.sort(key=lambda hit: -hit.strength)
    more = sum(hit.strength for hit in hits[1 : 1 + MOST_MORE])
    words = ", ".join(dict.fromkeys(hit.words for hit in hits))
    return replace(hits[0], words=words, strength=hits[0].strength + MORE_SHARE * more)


def _weighed(cue: Cue, match: re.Match[str], whole: str, cues: Cues) -> Hit:
    sentence = _sentence(whole, match.start())
    strength, because = cue.weight, []
    for context in cues.contexts:
        if any(pattern.search(sentence) for pattern in context.patterns):
            strength *= context.factor
            because.append(context.label)
    return Hit(cue, match[0].strip(), strength, tuple(because))


def _sentence(text: str, at: int) -> str:
    """Return the sentence around a character, its closing mark included, at most 600 long."""
    start, stop = max(0, at - HALF_SENTENCE), min(len(text), at + HALF_SENTENCE)
    before = max((match.end() for match in SENTENCE_END.finditer(text, start, at)), default=start)
    after = SENTENCE_END.search(text, at, stop)
    return text[before : after.end() if after else stop]
