"""Identifiers with a form of their own: numbers that belong to one person, one car, one file.

Sources: numbering plan of ARCEP (ten digits, +33), ISO 13616 (IBAN, mod 97), INSEE (NIR and its
key), décret 2007-240 and the plates before it (AA-123-AA; 1234 AB 75).
"""

import re
from collections.abc import Iterator

from usecases.citizen_requests.text.masking.spans import Span

__all__ = ["identifiers", "valid_iban", "valid_nir"]

_I = re.IGNORECASE
_GAP = r"[ \u00a0\u202f]"

EMAIL = re.compile(
    rf"(?:mailto:)?<?(?<![\w.+-])[\w.+-]{{1,64}}{_GAP}?(?:@|\(at\)|\[at\]|{_GAP}arobase)"
    rf"{_GAP}?"
    rf"[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}>?", _I,
)  # fmt: skip
URL = re.compile(r"(?:https?://|\bwww\.)[^\s<>()\"»]+", _I)
TELLING_PATH = re.compile(r"[?#&=@]|/[^/]*\d[^/]*", _I)
"""A link is personal when its path carries digits, a query or a token."""

PHONE = re.compile(
    r"(?<![\d+])(?:"
    rf"(?:\+|00){_GAP}?33{_GAP}?(?:\(0\)){{0,1}}{_GAP}?[1-9](?:[ \u00a0\u202f.\-/]{{0,2}}\d){{8}}"
    r"|[0Oo][1-9](?P<sep>[ \u00a0\u202f.\-/]{0,2})\d\d(?:(?P=sep)\d\d){3}"
    rf"|0[1-9](?:{_GAP}?\d){{8}}"
    r"|0[1-9]\d{0,2}(?:[ \u00a0.\-]\d{2,4}){2,3}"
    r"|\+(?!33)\d{1,3}(?:[ \u00a0.\-]?\d){7,11})(?!\d)"
)
PHONE_DIGITS = range(9, 16)

COUNTRY_LENGTHS = {
    "FR": 27, "MC": 27, "BE": 16, "DE": 22, "LU": 20, "PT": 25, "ES": 24, "IT": 27, "NL": 18,
    "CH": 21, "GB": 22, "PL": 28, "RO": 24, "TN": 24, "MA": 28, "IE": 22, "AT": 20,
}  # fmt: skip
IBAN = re.compile(rf"\b(?:{'|'.join(COUNTRY_LENGTHS)}){_GAP}?\d\d(?:{_GAP}?[A-Z0-9]){{11,30}}", _I)
IBAN_SAID = re.compile(r"\b(?:iban|rib)\b", _I)

NIR = re.compile(
    r"(?<!\d)[1-478][ .\u00a0]?\d\d[ .\u00a0]?(?:0[1-9]|1[0-2]|[2-9]\d)[ .\u00a0]?"
    r"(?:\d\d|2[ABab])[ .\u00a0]?\d{3}[ .\u00a0]?\d{3}(?P<key>[ .\u00a0/]{0,3}\d\d)?(?!\d)"
)
NIR_SAID = re.compile(r"s[ée]cu|\bnir\b|insee|vitale|immatriculation", _I)

PLATE = re.compile(
    r"(?<![\w-])(?:(?P<dashed>[A-HJ-NP-TV-Z]{2}-\d{3}-[A-HJ-NP-TV-Z]{2})"
    r"|[A-HJ-NP-TV-Z]{2}(?P<gap> ?)\d{3}(?P=gap)[A-HJ-NP-TV-Z]{2}"
    r"|\d{2,4}[ -]?[A-Z]{2,3}[ -]?(?:0[1-9]|[1-8]\d|9[0-5]|2[AB]|97\d))(?![\w-])", _I,
)  # fmt: skip
VEHICLE_SAID = re.compile(
    r"immatricul|plaque|v[ée]hicule|voiture|camion|moto|scooter|remorque|clio|peugeot|renault|"
    r"citro[eë]n|\bauto\b|gar[ée]e?\b|épave|fourri[eè]re",
    _I,
)  # fmt: skip
PLATE_SAID = re.compile(r"immatricul|plaque", _I)
MEASURE = re.compile(r"\d{2,4} ?(?:eur|kwh|km|mm|cm|kg|av|bd|rue|ml|ttc|ht)\b", _I)

FILE_NUMBER = re.compile(
    r"\b(?:allocataires?|caf|fiscale?|spi|dossiers?|r[ée]f(?:[ée]rence|\.)?s?|matricule|factures?|"
    r"clients?|contrat|identifiant|titres?|num[ée]ros?|n°|nº|abonnement|tiers|pi|unique)"
    r"(?=[\W_])(?P<between>[^.\n\d?!]{0,30}?[ :°º#\u00a0-])"
    r"(?P<code>[A-Z]{0,5}[ -]?\d[\dA-Z]*(?:[ /-](?:\d[\dA-Z]*|[A-Z]\d+))*(?:[ -]?[A-Z]{1,2}\b)?)",
    _I,
)
LEAST_FILE_DIGITS = 5

_MONTHS = (
    "janv(?:ier)?|f[ée]vr?(?:ier)?|mars|avri?l?|mai|juin|juil(?:let)?|ao[uû]t|sept(?:embre)?|"
    "octo?(?:bre)?|nove?(?:mbre)?|d[ée]ce?(?:mbre)?"
)
DATE = (
    rf"(?:\d{{1,2}}(?:er)?[ /.\-\u00a0](?:\d{{1,2}}|(?:{_MONTHS})\.?)[ /.\-\u00a0]"
    r"(?:(?:19|20)\d\d|\d\d))(?!\d)"
)
ANY_DATE = re.compile(DATE, _I)
BIRTH = re.compile(
    r"\b(?:n(?:é|ée|és|ées|é\(e\)|ee)|nee? le|naissance|naquit)(?!\w)[^\d\n.!?]{0,30}?"
    rf"(?P<date>{DATE})",
    _I,
)


def identifiers(text: str) -> Iterator[Span]:
    """Yield the spans of structured identifiers, as found: they may overlap.

    Examples
    --------
    >>> [span.kind for span in identifiers("Au 01 99 00 12 34, plaque AB-123-CD.")]
    ['phone', 'plate']
    """
    yield from _all(EMAIL, text, "email")
    yield from _links(text)
    yield from _phones(text)
    yield from _ibans(text)
    yield from _nirs(text)
    yield from _plates(text)
    yield from _file_numbers(text)
    yield from (Span(*m.span("date"), "birth_date") for m in BIRTH.finditer(text))


def _all(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    return (Span(*match.span(), kind) for match in pattern.finditer(text))


def _links(text: str) -> Iterator[Span]:
    for match in URL.finditer(text):
        link = match[0].rstrip(".,;:!?")
        path = re.sub(r"^(?:https?://)?[^/?#]*", "", link, flags=_I)
        if TELLING_PATH.search(path):
            yield Span(match.start(), match.start() + len(link), "url")


def _phones(text: str) -> Iterator[Span]:
    for match in PHONE.finditer(text):
        n_digits = sum(c.isdigit() or c in "Oo" for c in match[0])
        local = not match[0].startswith(("+", "00"))
        if (n_digits == 10) if local else (n_digits in PHONE_DIGITS):
            yield Span(*match.span(), "phone")


def valid_iban(iban: str) -> bool:
    """Return whether the check digits hold (ISO 13616: the number modulo 97 is 1).

    Examples
    --------
    >>> valid_iban("FR1420041010050500013M02606"), valid_iban("FR1520041010050500013M02606")
    (True, False)
    """
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


def _ibans(text: str) -> Iterator[Span]:
    for match in IBAN.finditer(text):
        length = COUNTRY_LENGTHS[match[0][:2].upper()]
        places = [i for i, c in enumerate(match[0]) if c.isalnum()][:length]
        compact = "".join(match[0][i] for i in places).upper()
        said = IBAN_SAID.search(text[max(0, match.start() - 20) : match.start()])
        if len(compact) == length and (valid_iban(compact) or said):
            yield Span(match.start(), match.start() + places[-1] + 1, "iban")


def valid_nir(nir: str) -> bool:
    """Return whether the last two digits are the key: 97 minus the rest modulo 97 (INSEE).

    Corsican departments 2A and 2B count as 19 and 18.

    Examples
    --------
    >>> valid_nir("269054958815780"), valid_nir("269054958815781")
    (True, False)
    """
    number = nir.upper().replace("2A", "19").replace("2B", "18")
    return int(number[-2:]) == 97 - int(number[:-2]) % 97


def _nirs(text: str) -> Iterator[Span]:
    for match in NIR.finditer(text):
        compact = "".join(filter(str.isalnum, match[0]))
        said = NIR_SAID.search(text[max(0, match.start() - 40) : match.start()])
        if said or (match["key"] and valid_nir(compact)):
            yield Span(*match.span(), "nir")


def _plates(text: str) -> Iterator[Span]:
    for match in PLATE.finditer(text):
        around = text[max(0, match.start() - 50) : match.end() + 25]
        capitals = match[0] == match[0].upper() and not text.isupper()
        measured = MEASURE.match(match[0]) and not PLATE_SAID.search(around)
        if measured and not match["dashed"]:
            continue
        if match["dashed"] or VEHICLE_SAID.search(around) or capitals:
            yield Span(*match.span(), "plate")


def _file_numbers(text: str) -> Iterator[Span]:
    for match in FILE_NUMBER.finditer(text):
        code = match["code"].strip()
        if sum(map(str.isdigit, code)) < LEAST_FILE_DIGITS or ANY_DATE.fullmatch(code):
            continue
        start = match.start("code") + len(match["code"]) - len(match["code"].lstrip())
        yield Span(start, start + len(code), "file_number")
