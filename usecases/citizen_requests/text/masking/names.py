"""Names of persons: after a title, in a phrase that gives one, in a signature, or well known.

A list of first names alone finds too little (rare names) and too much (streets, schools), so that
titles and contexts come first, and what stands behind a place word is left alone.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from usecases.citizen_requests.text.cleaning.cleaner import Cleaned
from usecases.citizen_requests.text.first_names import AMBIGUOUS, FAMILY_NAMES, FIRST_NAMES
from usecases.citizen_requests.text.masking.name_words import (
    NOT_NAMES,
    PARTICLES,
    PLACE_WORDS,
    ROLES,
    SMALL_WORDS,
)
from usecases.citizen_requests.text.masking.spans import Span
from usecases.citizen_requests.text.plain_words import plain
from usecases.citizen_requests.text.vocabulary import ordinary_words

__all__ = ["names", "signature_names"]

_I = re.IGNORECASE
TOKEN = re.compile(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*")
GAP = re.compile(r"[ \t\u00a0]{1,2}(?:\([^()\n]{0,3}\))?")
LONGEST_NAME = 5
FOREIGN = re.compile(r"[^a-zàâäçéèêëîïôöùûüÿœæ’'-]")
"""A letter that French does not write: such a word is not taken for the French one like it."""

TITLE = re.compile(
    r"(?<![\w’'-])(?:(?-i:MM?\.|M(?= [A-ZÀ-Þ])|Me(?= [A-ZÀ-Þ])|Pr\.?)|Mr\.?|"
    r"Mme\.?|Mmes|Mlle\.?|Mle|Monsieur|Madame|Messieurs|"
    r"Mesdames|Mademoiselle|Dr\.?|Docteur|Docteure|Ma[iî]tre|Professeure?|Famille|"
    r"[ÉEée]poux|[ÉEée]pouse|Veuve)(?:[ \u00a0]+(?:et|veuve|née)[ \u00a0]+(?:Mme|Madame|M\.)?)?"
    r"[ \u00a0]+", _I,
)  # fmt: skip
RELATIVES = (
    r"fils|filles?|mari|femme|m[eè]re|p[eè]re|fr[eè]res?|s[oœ]e?urs?|voisine?s?|[eé]poux|[eé]pouse|"
    r"enfants?|jumeaux|jumelles|b[eé]b[eé]|compagn?on|compagne|conjointe?|amie?s?|coll[eè]gue|"
    r"propri[eé]taire|locataire|gardien(?:ne)?|petit|petite|ptite|tante|oncle|ni[eè]ce|neveu|"
    r"grand-m[eè]re|grand-p[eè]re|belle-m[eè]re|beau-p[eè]re|cousine?|garçon|ex"
)
GIVEN = re.compile(
    r"(?<![\w’'-])(?:(?:je|j|elle|il|qui|on) (?:m|s)[’' ]appell?en?t?|je me (?:nomme|pr[eé]nomme)|"
    r"(?:pr[eé])?nomm[eé]e?s?|pr[eé]noms?\s?:|noms?\s?:|de la part d[eu]|"
    r"nom de (?:famille|naissance|jeune fille)\s?:)\s?[,:]?[ \u00a0\n]+", _I,
)  # fmt: skip
"""What gives a name outright: any word behind it is one, a capital or not."""
KIN = re.compile(
    rf"(?<![\w’'-])(?:mon|ma|mes|son|sa|ses|notre|nos|leurs?)[ ](?:{RELATIVES})(?:[ ]ain[eé]e?)?"
    r"\s?[,:]?[ \u00a0\n]+", _I,
)  # fmt: skip
"""What people say before a name of the family: any capitalised word behind it is one."""
MET = re.compile(
    r"(?<![\w’'-])(?:sign[eé]e?\s?:?|au nom de|dossier de|[eé]change avec|rendez-vous avec|"
    r"rencontr[eé]e?|(?:ai|avons) vue?|parl[eé] (?:à|avec)|re[çc]ue? par|contact\s?:|cdlt|"
    r"cordialement|(?:le|la|l[’'])[ ]?(?:voisine?|locataire|propri[eé]taire|gardien(?:ne)?))"
    r"\s?[,:]?[ \u00a0\n]+", _I,
)  # fmt: skip
"""What may stand before a name: the words behind must not be ordinary ones."""
SELF = re.compile(r"(?<![\w’'-])(?:je suis|ici|c[’']est)[ \u00a0]+", _I)


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    plain: str
    capital: bool
    foreign: bool

    @property
    def parts(self) -> list[str]:
        return re.split(r"[’'-]", self.plain)


class _Reader:
    """The tokens of one text, and what each may be."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            _Token(
                match.start(),
                match.end(),
                plain(match[0]),
                match[0][0].isupper(),
                bool(FOREIGN.search(match[0].lower())),
            )
            for match in TOKEN.finditer(text)
        ]
        letters = [c for c in text if c.isalpha()]
        n_upper = sum(c.isupper() for c in letters)
        self.cased = bool(letters) and n_upper < 0.8 * len(letters)

    def from_place(self, position: int) -> int:
        """Return the index of the first token at or behind a character."""
        return bisect_left(self.tokens, position, key=lambda token: token.start)

    def joined(self, i: int) -> bool:
        """Return whether token i stands right behind token i - 1, a blank between them."""
        between = self.text[self.tokens[i - 1].end : self.tokens[i].start]
        return bool(GAP.fullmatch(between)) or between in (". ", "/", "")

    def begins_sentence(self, i: int) -> bool:
        before = self.text[: self.tokens[i].start].rstrip(' \u00a0«"(')
        return not before or before[-1] in ".!?:\n…-"

    def ordinary(self, i: int) -> bool:
        token = self.tokens[i]
        if token.foreign:
            return False
        return token.plain in NOT_NAMES or all(
            part in ordinary_words() or len(part) == 1 for part in token.parts
        )

    def known_first(self, i: int) -> bool:
        return all(part in FIRST_NAMES for part in self.tokens[i].parts)

    def sure_first(self, i: int) -> bool:
        token = self.tokens[i]
        composed = len(token.parts) > 1 and "-" in self.text[token.start : token.end]
        return self.known_first(i) and (composed or token.plain not in AMBIGUOUS)

    def looks_like_name(self, i: int) -> bool:
        """Return whether the token could be part of a name, context aside."""
        token = self.tokens[i]
        if token.foreign:
            return True
        if token.plain in NOT_NAMES or token.plain in ROLES:
            return False
        if self.cased and token.capital:
            return True
        return self.known_first(i) or token.plain in FAMILY_NAMES or not self.ordinary(i)

    def trusted(self, i: int) -> bool:
        """Return whether a capital alone makes the token a name where one is announced."""
        token = self.tokens[i]
        small = token.plain in SMALL_WORDS and not token.foreign
        return self.cased and token.capital and token.plain not in ROLES and not small

    def sequence(self, i: int, *, capitals_only: bool, announced: bool = False) -> int:
        """Return the index behind the name that starts at token i; i where none does."""
        end, at = i, i
        while at < len(self.tokens) and at - i < LONGEST_NAME:
            if at > i and not self.joined(at):
                break
            token = self.tokens[at]
            named = self.looks_like_name(at) and (token.capital or not capitals_only)
            behind_name = end == at > i or (announced and at == i)
            if named or (behind_name and self.trusted(at)):
                end = at + 1
            elif token.plain not in PARTICLES:
                break
            at += 1
        return end

    def span(self, start: int, end: int) -> Iterator[Span]:
        if end > start:
            yield Span(self.tokens[start].start, self.tokens[end - 1].end, "person")

    def at_place(self, i: int) -> bool:
        """Return whether a place word stands here or up to four words before, nothing between."""
        if self.is_place(i):
            return True
        for at in range(i - 1, max(i - 5, -1), -1):
            between = self.text[self.tokens[at].end : self.tokens[at + 1].start]
            if re.search(r"[.,;:!?\n()]", between):
                return False
            if self.is_place(at):
                return True
            if not self.tokens[at].capital and self.tokens[at].plain not in PARTICLES:
                return False
        return False

    def is_place(self, i: int) -> bool:
        """Return whether the token is a place word, an article before it or not (l'école)."""
        parts = self.tokens[i].parts
        return parts[0] in PLACE_WORDS or (len(parts[0]) == 1 and parts[-1] in PLACE_WORDS)


def names(text: str) -> Iterator[Span]:
    """Yield the spans of persons' names, as found: they may overlap.

    Examples
    --------
    >>> text = "Mme Diallo et mon fils Noé, 12 rue Victor Hugo"
    >>> sorted({text[span.start:span.end] for span in names(text)})
    ['Diallo', 'Noé']
    """
    reader = _Reader(text)
    yield from _titled(reader)
    yield from _in_context(reader)
    yield from _well_known(reader)


def _titled(reader: _Reader) -> Iterator[Span]:
    for match in TITLE.finditer(reader.text):
        i = reader.from_place(match.end())
        if i == len(reader.tokens) or reader.tokens[i].start != match.end():
            continue
        if reader.tokens[i].plain in SMALL_WORDS and not _capital_pair(reader, i):
            continue
        strict = reader.cased and reader.tokens[i].capital
        yield from reader.span(i, reader.sequence(i, capitals_only=strict, announced=True))


def _capital_pair(reader: _Reader, i: int) -> bool:
    """Return whether token i and the next both have capitals, as in "Le Roux"."""
    pair = reader.tokens[i : i + 2]
    named = reader.cased and len(pair) == 2 and all(token.capital for token in pair)
    return named and reader.joined(i + 1) and reader.trusted(i + 1)


def _in_context(reader: _Reader) -> Iterator[Span]:
    for pattern in (GIVEN, KIN, MET, SELF):
        for match in pattern.finditer(reader.text):
            i = reader.from_place(match.end())
            if i == len(reader.tokens) or reader.tokens[i].start != match.end():
                continue
            end = _context_end(reader, i, pattern)
            yield from reader.span(i, end)
            if end > i:
                yield from _second(reader, end)


def _context_end(reader: _Reader, i: int, pattern: re.Pattern[str]) -> int:
    """Return the index behind the name that a context announces at token i, or i."""
    announced = pattern in (GIVEN, KIN)
    strict = reader.cased and reader.tokens[i].capital
    end = reader.sequence(i, capitals_only=strict, announced=announced)
    known = any(reader.known_first(k) for k in range(i, end))
    pair = end - i > 1 and strict and not reader.ordinary(i)
    if reader.at_place(i) or (pattern is SELF and not known and not pair):
        return i
    if pattern is KIN and not strict and not reader.sure_first(i):
        return i
    if (announced and strict) or not reader.ordinary(i):
        return end
    return end if reader.sure_first(i) or (strict and known) else i


def _second(reader: _Reader, end: int) -> Iterator[Span]:
    """Yield the other child of "Inès et Noé"."""
    other = end + 1
    if other >= len(reader.tokens) or reader.tokens[end].plain != "et":
        return
    if reader.known_first(other) or (reader.tokens[other].capital and reader.cased):
        yield from reader.span(other, reader.sequence(other, capitals_only=True))


def _well_known(reader: _Reader) -> Iterator[Span]:
    i = 0
    while i < len(reader.tokens):
        end = _known_name_end(reader, i)
        if end > i and not reader.at_place(i):
            yield from reader.span(i, end)
        i = max(end, i + 1)


def _known_name_end(reader: _Reader, i: int) -> int:
    """Return the index behind a name that needs no context, or i."""
    token = reader.tokens[i]
    if reader.cased and not token.capital:
        return i + 1 if reader.sure_first(i) and not reader.ordinary(i) else i
    end = reader.sequence(i, capitals_only=True) if reader.cased else _uncased_end(reader, i)
    first = [k for k in range(i, end) if reader.known_first(k)]
    if not first:
        return _unknown_pair_end(reader, i, end)
    if end - i == 1:
        return end if reader.sure_first(i) and not reader.ordinary(i) else i
    return end


def _uncased_end(reader: _Reader, i: int) -> int:
    """In a text without capitals: a sure first name, and a family name that is no word."""
    if not reader.sure_first(i) or reader.ordinary(i):
        return i
    behind = i + 1
    follows = behind < len(reader.tokens) and reader.joined(behind) and not reader.ordinary(behind)
    return behind + 1 if follows else behind


def _unknown_pair_end(reader: _Reader, i: int, end: int) -> int:
    """Two capitalised words that French does not know are taken for a name in mid-sentence."""
    if end - i < 2 or not reader.cased:
        return i
    strange = [k for k in range(i, end) if not reader.ordinary(k)]
    whole = (
        len(strange) == end - i
        and "/" not in reader.text[reader.tokens[i].start : reader.tokens[end - 1].end]
    )
    return end if whole else i


def signature_names(cleaned: Cleaned) -> Iterator[Span]:
    """Yield the names in what the cleaner took for a signature: every line of capitals there."""
    for removed in cleaned.removed:
        if removed.reason != "signature":
            continue
        reader = _Reader(cleaned.source[removed.start : removed.end])
        i = 0
        while i < len(reader.tokens):
            end = reader.sequence(i, capitals_only=reader.cased, announced=True)
            known = [
                k
                for k in range(i, end)
                if not reader.ordinary(k) or reader.known_first(k) or reader.trusted(k)
            ]
            if known:
                for span in reader.span(i, end):
                    yield Span(span.start + removed.start, span.end + removed.start, "person")
            i = max(end, i + 1)
