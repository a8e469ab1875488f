"""Pseudonymise a request: who wrote it disappears, what it asks and where stays.

The result is pseudonymised, never anonymous: what somebody tells can still point to them, and
rules miss some names (see the measured recall in docs/decisions/citizen-texts.md). Health facts
(GDPR art. 9) are flagged, not masked: they are often the request itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from usecases.citizen_requests.text.cleaning.cleaner import Cleaned, clean, repaired
from usecases.citizen_requests.text.masking.addresses import Location, locations
from usecases.citizen_requests.text.masking.identifiers import identifiers
from usecases.citizen_requests.text.masking.names import names, signature_names
from usecases.citizen_requests.text.masking.spans import KINDS, Span, merged

__all__ = ["VERSION", "Location", "Masked", "Span", "mask"]

VERSION = "1.0"
"""Bumped whenever the same text may be masked differently."""

HEALTH = re.compile(
    r"\b(?:allergi\w*|intol[eé]ran\w*|asthm\w*|diab[eé]t\w*|cancers?|chimio\w*|dialys\w*|"
    r"handicap\w*|autis\w*|[eé]pilep\w*|d[eé]press\w*|s[eé]ropositi\w*|alzheimer|parkinson|"
    r"hospitalis\w*|psychiatr\w*|trisomi\w*|dyslexi\w*|dysphasi\w*|invalidit[eé]|fauteuil roulant|"
    r"malvoyante?|malentendante?|non-voyante?|sourde?s?|aveugles?|enceinte|grossesse|h[eé]patite|"
    r"tuberculose|scl[eé]rose|avc|infarctus|cardiaque|suicid\w*|addiction|toxicoman\w*|alcooli\w*|"
    r"traitement m[eé]dical|maladies?|malades?|aah|p\.?a\.?i\.?)\b",
    re.IGNORECASE,
)
"""Words of health (GDPR art. 9 and recital 35): a flag for the agent, not a diagnosis."""


@dataclass(frozen=True)
class Masked:
    """A pseudonymised text and what was found in its source.

    Parameters
    ----------
    text
        With placeholders such as « [TÉLÉPHONE] ».
    source
        The text as masked, its encoding repaired; spans refer to it. Personal: never store it.
    found
        What was replaced, in order.
    flagged
        Health facts, left in place.
    locations
        Addresses and streets for the agent; streets without a number stay in the text.
    """

    text: str
    source: str
    found: tuple[Span, ...]
    flagged: tuple[Span, ...]
    locations: tuple[Location, ...]


def mask(text: str) -> Masked:
    r"""Return the text without what identifies persons.

    Examples
    --------
    >>> masked = mask("Je m'appelle Aïcha Sow, 06 39 98 14 22, 3 rue Hoche.\nFuite rue Foch.")
    >>> masked.text
    "Je m'appelle [NOM], [TÉLÉPHONE], [ADRESSE].\nFuite rue Foch."
    >>> [place.street for place in masked.locations]
    ['rue Hoche', 'rue Foch']
    """
    source = repaired(text)
    places = tuple(locations(source))
    found = merged(_personal(source, places))
    return Masked(
        _replaced(source, found),
        source,
        found,
        tuple(Span(*match.span(), "health") for match in HEALTH.finditer(source)),
        places,
    )


def _personal(source: str, places: tuple[Location, ...]) -> Iterator[Span]:
    yield from identifiers(source)
    yield from (place.span for place in places if place.span.kind == "address")
    cleaned: Cleaned = clean(source)
    in_places = [place.span for place in places]
    for span in (*names(source), *signature_names(cleaned)):
        if not any(place.start <= span.start and span.end <= place.end for place in in_places):
            yield span


def _replaced(source: str, found: tuple[Span, ...]) -> str:
    pieces, at = [], 0
    for span in found:
        pieces += [source[at : span.start], f"[{KINDS[span.kind]}]"]
        at = span.end
    return "".join([*pieces, source[at:]])
