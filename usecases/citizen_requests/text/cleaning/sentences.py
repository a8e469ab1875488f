"""Where a line or a sentence of a request ends, and whether it is politeness and nothing else."""

import re

from usecases.citizen_requests.text.cleaning.polite_words import POLITE_WORDS
from usecases.citizen_requests.text.plain_words import plain

__all__ = ["UNIT_END", "WORD", "is_polite"]

WORD = re.compile(r"[^\W\d_]+")
UNIT_END = re.compile(
    r"\n+|(?<=[.!?…;:])(?<!\bM\.)(?<!\bDr\.)(?<!\bMme\.)[ \u00a0]+(?=\S)"
    r"|(?<=[^.!?…;:,\s])[ ](?=(?:Je vous (?:remercie|prie)|En vous remerciant|Dans l[’']attente|"
    r"Merci|Cordialement|Bien cordialement|Veuillez)\b)"
)
"""Where a line or a sentence ends, or where a formula begins without a full stop before it."""
POLITE_SHARE = 0.85


def is_polite(sentence: str, triggers: frozenset[str]) -> bool:
    """Return whether a sentence is politeness: a trigger, and hardly a word besides.

    Examples
    --------
    >>> triggers = frozenset(["merci"])
    >>> is_polite("Merci pour votre aide", triggers), is_polite("Merci de vider le bac", triggers)
    (True, False)
    """
    words = [plain(word) for word in WORD.findall(sentence)]
    if not words or "?" in sentence or not triggers.intersection(words):
        return False
    polite = sum(word in POLITE_WORDS for word in words)
    return polite >= POLITE_SHARE * len(words)
