"""Where a request ends and its signature begins: short last lines that say who, and ask nothing."""

import re

from usecases.citizen_requests.text.cleaning import polite_words, threads
from usecases.citizen_requests.text.cleaning.sentences import UNIT_END, WORD, is_polite
from usecases.citizen_requests.text.first_names import FIRST_NAMES
from usecases.citizen_requests.text.plain_words import plain

__all__ = ["signature_length"]

LONGEST_SIGNATURE_WORDS, LONGEST_SIGNATURE_LINES = 8, 8
CONTACT = re.compile(
    r"\S+@\S+|\bwww\.\S+|https?:\S+|\b(?:tél|tel|port|fax|mob)\b[ .:]*|"
    r"(?:\+33[ .]?|\b0)[1-9](?:[ .-]?\d\d){4}\b",
    re.IGNORECASE,
)
NAME_LINE = re.compile(
    r"^[ \t]*(?:(?:M\.|Mme|Mlle|Mr|Dr|Monsieur|Madame)[ ])?(?:(?:de|du|des|le|la|d[’']|et)[ ]?)*"
    r"[A-ZÀ-ÖØ-Þ][\w’'-]*(?:[ ](?:[A-ZÀ-ÖØ-Þ][\w’'.-]*|de|du|des|le|la|et|née?)){0,4}"
    r"[ \t]*[.,]?[ \t]*$"
)
SAYS = re.compile(
    r"(?<![\w-])(?:est|suis|sont|[ée]tait|[ée]taient|sera|seront|ont|avons|avait|avaient|faut|peut|"
    r"peuvent|pouvez|pourriez|veut|voudrais|reste|restent|marche|fait|manque|ne|pas|plus|rien|"
    r"jamais|je|il|ils|elle|elles|on|[çc]a|qui|depuis|toujours|encore)(?![\w-])"
    r"|\b[jncJNC][’'](?=\w)"
)
"""A subject, an auxiliary, a negation: a visiting card holds none, a sentence hardly does without.
A closed list of function words, in small letters: « quartier Est » says nothing."""


def signature_length(text: str) -> int:
    r"""Return how many last characters sign: short lines under a closing formula, or a name.

    A line that says something is the request's, whatever is above it and whatever number is
    below; and nothing signs that stands under politeness alone, as the request is then there.

    Examples
    --------
    >>> signature_length("Le banc est cassé. Merci\nPaul Martin") == len("Paul Martin")
    True
    >>> signature_length("Merci\nLe banc est cassé\n01 99 00 12 34") == len("01 99 00 12 34")
    True
    """
    lines = text.rstrip().split("\n")
    signed = 0
    for line in reversed(lines[1:]):
        if not _may_sign(line) or signed >= LONGEST_SIGNATURE_LINES:
            break
        signed += 1
    for n_lines in range(signed, 0, -1):
        above, last = lines[:-n_lines], lines[-n_lines:]
        under_formula = _closes(above[-1]) and _asks("\n".join(above))
        if under_formula or _is_card(last, after_blank=not above[-1].strip()):
            return len(text) - sum(len(line) + 1 for line in above)
    return 0


def _is_card(lines: list[str], *, after_blank: bool) -> bool:
    """Return whether short last lines are a visiting card: names and numbers, maybe a post."""
    bare = [CONTACT.sub("", line).strip(" \t\u00a0.,;:/|()-") for line in lines]
    if all(not line or NAME_LINE.match(line) for line in bare):
        words = WORD.findall(" ".join(bare))
        return len(words) != 1 or plain(words[0]) in FIRST_NAMES
    named = after_blank and NAME_LINE.match(lines[0]) and " " in lines[0].strip()
    return bool(named) and (len(lines) > 1 or len(WORD.findall(lines[0])) > 1)


def _may_sign(line: str) -> bool:
    if threads.DEVICE.search(line) or "?" in line or SAYS.search(line):
        return False
    short = len(WORD.findall(line)) <= LONGEST_SIGNATURE_WORDS
    return short and not is_polite(line, polite_words.CLOSERS)


def _asks(text: str) -> bool:
    """Return whether a sentence is more than politeness."""
    polite = polite_words.CLOSERS | polite_words.OPENERS | polite_words.GREETINGS
    return any(WORD.search(unit) and not is_polite(unit, polite) for unit in UNIT_END.split(text))


def _closes(line: str) -> bool:
    if line.strip() and not WORD.search(line):
        return True
    units = UNIT_END.split(line.rstrip())
    return any(is_polite(unit, polite_words.CLOSERS) for unit in units if unit)
