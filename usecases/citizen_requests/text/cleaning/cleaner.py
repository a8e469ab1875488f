"""Keep what a request asks; take away salutations, formulas, signatures, threads, disclaimers.

What is taken away is returned with its place and its reason, so that a page can show it. Nothing
is ever emptied: a message of politeness alone stays as it is. The step is optional in front of a
bundle, which names the `VERSION` it was measured with.
"""

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from usecases.citizen_requests.text.cleaning import polite_words, threads
from usecases.citizen_requests.text.cleaning.sentences import UNIT_END, WORD, is_polite
from usecases.citizen_requests.text.cleaning.signatures import signature_length
from usecases.citizen_requests.text.plain_words import plain

__all__ = ["REASONS", "VERSION", "Cleaned", "Reason", "Removed", "clean", "repaired"]

VERSION = "1.1"
"""Bumped whenever the same text may be cleaned differently."""

Reason = Literal["salutation", "opening", "closing", "signature", "thread", "header", "device",
                 "disclaimer"]  # fmt: skip

REASONS = MappingProxyType(
    {
        "salutation": "formule d'appel",
        "opening": "phrase de politesse au début",
        "closing": "formule de fin",
        "signature": "signature",
        "thread": "message précédent cité",
        "header": "en-tête de message",
        "device": "mention de l'appareil",
        "disclaimer": "avertissement automatique",
    }
)
"""French label of each reason, for pages."""

LONG_BLANKS = re.compile(r"([ \t\u00a0\u202f\n])\1{2,}")

POLITE_TAIL = re.compile(
    r"[\s,.;]*\b(?:(?:svp|stp)[\s,]*)?(?:merci|mrc)(?: (?:beaucoup|bcp|infiniment|d[’']avance|"
    r"par avance|bien|à vous|de votre aide))*[\s.!]*$",
    re.IGNORECASE,
)
LINKING_WORDS = frozenset(("le", "la", "les", "de", "du", "a", "et", "l", "d"))
MOST_PEELS = 60
TAIL_CHARACTERS = 2_000
"""What is looked at from the end: no formula is longer, and long texts stay quick."""
SIGNATURE_MARK = re.compile(r"^[ \t]*--[ \t]*$", re.MULTILINE)
SUBJECT_LINE = re.compile(r"^\s*(?:objet|sujet)[ \u00a0]?:[ ]*(?P<subject>[^\n]*)\n", re.IGNORECASE)


@dataclass(frozen=True)
class Removed:
    """A stretch of ``Cleaned.source`` that was taken away: characters [start, end), and why."""

    start: int
    end: int
    reason: Reason


@dataclass(frozen=True)
class Cleaned:
    """A request without what surrounds it.

    Parameters
    ----------
    source
        The whole text, its encoding repaired; spans refer to it.
    kept
        What is left, never empty unless the source is blank.
    removed
        In order, never overlapping.
    """

    source: str
    kept: str
    removed: tuple[Removed, ...]


@dataclass
class _Peeling:
    """A text being peeled from both ends."""

    text: str
    start: int = 0
    end: int = 0
    removed: list[Removed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = len(self.text)

    @property
    def rest(self) -> str:
        return self.text[self.start : self.end]

    def drop_head(self, n_characters: int, reason: Reason) -> None:
        self.removed.append(Removed(self.start, self.start + n_characters, reason))
        self.start += n_characters

    def drop_tail(self, n_characters: int, reason: Reason) -> None:
        self.removed.append(Removed(self.end - n_characters, self.end, reason))
        self.end -= n_characters

    def kept(self) -> str:
        """Return what no removed span covers, trimmed."""
        pieces, at = [], 0
        for span in sorted(self.removed, key=lambda removed: removed.start):
            pieces.append(self.text[at : span.start])
            at = span.end
        return "".join([*pieces, self.text[at:]]).strip(" \t\n\r\u00a0,;")


def repaired(text: str) -> str:
    """Return the text in NFC, its encoding mistakes undone, line ends as line feeds.

    Mojibake is undone by ftfy; quotation marks and ligatures stay as they were typed; of a run
    of the same blank two remain.

    Examples
    --------
    >>> repaired("La rue est barrÃ©e")
    'La rue est barrée'
    """
    from ftfy import TextFixerConfig, fix_text

    config = TextFixerConfig(
        uncurl_quotes=False, fix_latin_ligatures=False, unescape_html="auto", normalization="NFC"
    )
    return LONG_BLANKS.sub(lambda run: run[0][:2], fix_text(text, config))


def clean(text: str) -> Cleaned:
    r"""Return what the request asks, and what was taken away around it.

    Examples
    --------
    >>> cleaned = clean("Bonjour,\nLe banc est cassé.\nCordialement,\nPaul Martin")
    >>> cleaned.kept
    'Le banc est cassé.'
    >>> [span.reason for span in cleaned.removed]
    ['salutation', 'closing', 'signature']
    >>> clean("Merci beaucoup !").kept
    'Merci beaucoup !'
    """
    source = repaired(text)
    peeling = _Peeling(source)
    for step in (_drop_forwarded, _drop_thread, _peel_head, _peel_tail):
        step(peeling)
    kept = peeling.kept()
    if not WORD.search(kept):
        return _with_less_removed(source)
    return Cleaned(source, kept, tuple(sorted(peeling.removed, key=lambda span: span.start)))


def _with_less_removed(source: str) -> Cleaned:
    """Take away other people's messages only, or nothing where that too leaves no word."""
    peeling = _Peeling(source)
    _drop_thread(peeling)
    if WORD.search(peeling.kept()):
        return Cleaned(source, peeling.kept(), tuple(peeling.removed))
    return Cleaned(source, source.strip(), ())


def _drop_forwarded(peeling: _Peeling) -> None:
    """Open a forwarded message that comes first: its headers go, its body is the request."""
    forward = threads.FORWARD.search(peeling.rest)
    if forward is None or len(WORD.findall(peeling.rest[: forward.start()])) > 0:
        return
    headers = threads.HEADER_LINES.search(peeling.rest, forward.end())
    follows = headers is not None and not peeling.rest[forward.end() : headers.start()].strip()
    end = headers.end() if headers is not None and follows else forward.end()
    peeling.drop_head(end, "header")


def _drop_thread(peeling: _Peeling) -> None:
    """Cut at the first line that opens an earlier message; drop lines quoted before it."""
    rest = peeling.rest
    starts = [m.start() for m in (threads.THREAD.search(rest), threads.FORWARD.search(rest)) if m]
    cuts = [start for start in starts if WORD.search(rest[:start])]
    if cuts:
        peeling.drop_tail(len(rest) - min(cuts), "thread")
    offset = peeling.start
    for quoted in threads.QUOTED_LINES.finditer(peeling.rest):
        peeling.removed.append(Removed(offset + quoted.start(), offset + quoted.end(), "thread"))


def _peel_head(peeling: _Peeling) -> None:
    """Take salutations and polite first sentences away until a sentence asks something."""
    for _ in range(MOST_PEELS):
        subject = SUBJECT_LINE.match(peeling.rest)
        if subject and is_polite(subject["subject"], polite_words.POLITE_WORDS):
            peeling.drop_head(subject.end(), "header")
            continue
        length = _salutation_length(peeling.rest)
        if length:
            peeling.drop_head(length, "salutation")
            continue
        length = _first_unit_length(peeling.rest)
        if not is_polite(peeling.rest[:length], polite_words.OPENERS):
            return
        peeling.drop_head(length, "opening")


def _first_unit_length(text: str) -> int:
    blanks = len(text) - len(text.lstrip())
    end = UNIT_END.search(text, blanks)
    return end.end() if end else len(text)


def _salutation_length(text: str) -> int:
    """Return how many characters of the text greet somebody; 0 where it starts otherwise."""
    words = list(WORD.finditer(text[:200]))
    end, greeted = len(text) - len(text.lstrip()), 0
    for word in words:
        lower = plain(word[0])
        if re.search(r"[.!?]|,\s*[^\sMmC]" if greeted else r"[\n,.!?]", text[end : word.start()]):
            break
        if "\n" in text[end : word.start()] and greeted:
            break
        if lower not in polite_words.GREETINGS and lower not in polite_words.ADDRESSEES:
            break
        end, greeted = word.end(), greeted + 1
    if not greeted:
        return 0
    return _closed_salutation(text, [word for word in words if word.end() <= end])


def _closed_salutation(text: str, words: list[re.Match[str]]) -> int:
    """Return where the salutation of these first words ends, by its comma or line break."""
    closing = re.compile(r"[ \t\u00a0]*(?:[,!.;:]+|\n|$|[^\w\s,.!?;:'’()\"«»-]+)[^\w(«\"]*")
    greeting = plain(words[0][0]) in polite_words.GREETINGS
    for word in reversed(words):
        closed = closing.match(text, word.end())
        if (
            closed
            and plain(word[0]) not in LINKING_WORDS
            and (greeting or "," in closed[0] or "\n" in closed[0])
        ):
            return closed.end()
    alone = greeting and not re.match(r"[-’']\w", text[words[0].end() :])
    return words[0].end() if alone else 0


def _peel_tail(peeling: _Peeling) -> None:
    """Take devices, disclaimers, signatures and closing formulas away from the end."""
    mark = SIGNATURE_MARK.search(peeling.rest)
    if mark and WORD.search(peeling.rest[: mark.start()]):
        peeling.drop_tail(len(peeling.rest) - mark.start(), "signature")
    signature = signature_length(peeling.rest[-TAIL_CHARACTERS:])
    if signature:
        peeling.drop_tail(signature, "signature")
    for _ in range(MOST_PEELS):
        length, reason = _last_unit(peeling.rest[-TAIL_CHARACTERS:])
        if reason is None or length >= len(peeling.rest):
            break
        peeling.drop_tail(length, reason)
        signature = signature_length(peeling.rest[-TAIL_CHARACTERS:]) if reason != "closing" else 0
        if signature:
            peeling.drop_tail(signature, "signature")
    end = peeling.rest[-TAIL_CHARACTERS:]
    tail = POLITE_TAIL.search(end)
    if tail and tail.start() > 0:
        peeling.drop_tail(len(end) - tail.start(), "closing")


def _last_unit(text: str) -> tuple[int, Reason | None]:
    """Return the length of the last line or sentence and why it may go, or None."""
    trimmed = text.rstrip()
    ends = [match.end() for match in UNIT_END.finditer(trimmed)]
    start = ends[-1] if ends else 0
    unit = trimmed[start:]
    length = len(text) - start
    if not WORD.search(unit) and "\n" in trimmed:
        return length, "closing"
    if threads.DEVICE.search(unit):
        return length, "device"
    if threads.DISCLAIMER.search(unit):
        return length, "disclaimer"
    if is_polite(unit, polite_words.CLOSERS):
        return length, "closing"
    return length, None
