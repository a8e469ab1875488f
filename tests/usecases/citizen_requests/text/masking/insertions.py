"""Personal data inserted into texts, by a grammar written before the rules that must find it.

`planted(text, kind, rng)` gives a text and the characters that no reader should see afterwards.
"""

import unicodedata

import numpy as np

from .inserted_names import NAMES

Rng = np.random.Generator
STRUCTURED = (
    "phone", "email", "address", "iban", "nir", "plate", "file_number", "birth_date", "url",
)  # fmt: skip
STREETS = (
    "rue des Lilas", "avenue du Général de Gaulle", "boulevard Voltaire", "allée des Roses",
    "chemin du Moulin", "place de la République", "impasse Jean Jaurès", "quai de Seine",
    "rue de l'Église", "route de Lyon", "square Paul-Langevin", "cours Mirabeau",
    "passage du Chemin-Vert", "rue du 8 mai 1945", "villa Saint-Charles", "rue Ste Anne",
    "sentier des Écoliers", "faubourg Saint-Honoré", "résidence du Parc", "ruelle aux Loups",
)  # fmt: skip
SHORT = (("avenue", "av."), ("boulevard", "bd"), ("place", "pl."), ("allée", "all."))
TOWNS = ("75012 Paris", "93100 Montreuil", "69003 LYON", "59000 Lille", "35 000 Rennes")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip
WORDS_BEFORE = ("", "Bonjour. ", "Suite à mon appel, ", "Pour information : ")


def _pick(rng: Rng, options):
    return options[int(rng.integers(len(options)))]


def _digits(rng: Rng, n: int) -> str:
    return "".join(str(d) for d in rng.integers(0, 10, n))


def _phone(rng: Rng) -> tuple[str, str]:
    prefix = _pick(rng, ("19900", "26191", "35301", "46571", "53649", "63998"))
    number = prefix + _digits(rng, 4)
    pairs = ["0" + number[0], number[1:3], number[3:5], number[5:7], number[7:9]]
    international = [number[0], *pairs[1:]]
    value = _pick(
        rng,
        (
            " ".join(pairs), ".".join(pairs), "".join(pairs), "-".join(pairs), "/".join(pairs),
            "\u00a0".join(pairs), "+33 " + " ".join(international), "+33" + number,
            "0033" + number, "+33 (0)" + " ".join(international), "+33(0)" + number,
            "0" + number[0] + " " + number[1:5] + " " + number[5:],
            "0" + number[:3] + " " + number[3:6] + " " + number[6:], ". ".join(pairs),
        ),
    )  # fmt: skip
    return value, _pick(rng, ("{} ", "Tél. : {}. ", "joignable au {}, ", "mon numéro {} ", "({}) "))


def _ascii(word: str) -> str:
    folded = unicodedata.normalize("NFD", word.lower())
    return "".join(c for c in folded if c.isascii() and c.isalpha())


def _email(rng: Rng) -> tuple[str, str]:
    first, last = _pick(rng, NAMES)
    first, last = _ascii(first) or "a", _ascii(last) or "b"
    local = _pick(
        rng,
        (f"{first}.{last}", f"{first}{_digits(rng, 2)}", f"{first[0]}-{last}", f"{last}_{first}",
         f"{first}.{last}+mairie", f"{last.upper()}.{first.upper()}"),
    )  # fmt: skip
    domain = _pick(
        rng,
        ("example.org", "example.com", "courriel.example", "mail.ville.example", "gmail.example"),
    )
    value = _pick(
        rng,
        (f"{local}@{domain}", f"{local}@{domain}", f"<{local}@{domain}>", f"{local} @ {domain}",
         f"{local}(at){domain}", f"{local} arobase {domain}", f"mailto:{local}@{domain}"),
    )  # fmt: skip
    return value, _pick(rng, ("{} ", "écrire à {} svp. ", "mail : {}\n", "mon adresse est {}, "))


def _address(rng: Rng) -> tuple[str, str]:
    street, number = _pick(rng, STREETS), int(rng.integers(1, 240))
    for long, short in SHORT:
        if street.startswith(long) and rng.random() < 0.4:
            street = street.replace(long, short, 1)
    if rng.random() < 0.15:
        street = street.upper()
    elif rng.random() < 0.2:
        street = street.lower()
    town = _pick(rng, TOWNS)
    value = _pick(
        rng,
        (f"{number} {street}", f"{number}, {street}", f"{number} bis {street}",
         f"{number} {street}, {town}", f"{number}, {street} {town}", f"{number}ter, {street}",
         f"n° {number} {street}", f"{number} B {street}", f"{number}-{number + 2} {street}",
         f"{street}, n° {number}", f"{number} de la {street}" if street.startswith("rue") else
         f"{number} {street}", f"{number} {street}\n{town}"),
    )  # fmt: skip
    return value, _pick(
        rng, ("J'habite {}. ", "devant le {}, ", "domicilié au {} ", "Adresse : {}\n", "au {}, ")
    )


def _iban(rng: Rng) -> tuple[str, str]:
    country, length = _pick(rng, (("FR", 27), ("FR", 27), ("FR", 27), ("BE", 16), ("DE", 22),
                                  ("PT", 25), ("LU", 20)))  # fmt: skip
    body = _digits(rng, length - 4)
    as_number = int("".join(str(int(c, 36)) for c in body + country + "00"))
    iban = f"{country}{98 - as_number % 97:02d}{body}"
    grouped = " ".join(iban[i : i + 4] for i in range(0, length, 4))
    value = _pick(rng, (iban, grouped, grouped, iban.lower(), grouped.replace(" ", "\u00a0")))
    return value, _pick(rng, ("IBAN : {}\n", "mon compte {} ", "RIB {}, ", "{} "))


def _nir(rng: Rng) -> tuple[str, str]:
    department = _pick(rng, ("75", "93", "13", "59", "99", "2A", "2B"))
    body = (
        f"{_pick(rng, '12')}{rng.integers(20, 100)}{rng.integers(1, 13):02d}{department}"
        f"{rng.integers(1, 400):03d}{rng.integers(1, 1000):03d}"
    )
    number = int(body.replace("2A", "19").replace("2B", "18"))
    key = f"{97 - number % 97:02d}"
    parts = [body[0], body[1:3], body[3:5], body[5:7], body[7:10], body[10:]]
    value = _pick(
        rng,
        (" ".join(parts) + " " + key, body + key, body + " " + key, ".".join(parts) + "." + key,
         " ".join(parts) + " / " + key),
    )  # fmt: skip
    return value, _pick(rng, ("n° de sécurité sociale {} ", "NIR : {}\n", "mon numéro {}, ", "{} "))


def _plate(rng: Rng) -> tuple[str, str]:
    letters = "ABCDEFGHJKLMNPQRSTVWXYZ"
    two = lambda: _pick(rng, letters) + _pick(rng, letters)  # noqa: E731 - drawn three times
    left, right, middle = two(), two(), _digits(rng, 3)
    old = f"{rng.integers(10, 9999)} {two()} {_pick(rng, ('75', '93', '13', '2A', '69'))}"
    value = _pick(
        rng,
        (f"{left}-{middle}-{right}", f"{left}-{middle}-{right}", f"{left} {middle} {right}",
         f"{left}{middle}{right}", f"{left.lower()}-{middle}-{right.lower()}", old),
    )  # fmt: skip
    return value, _pick(
        rng,
        ("véhicule immatriculé {} ", "une Clio grise {}, ", "plaque {}. ", "la voiture {} gêne, "),
    )


def _file_number(rng: Rng) -> tuple[str, str]:
    seven, thirteen = _digits(rng, 7), "30" + _digits(rng, 11)
    spaced = f"{thirteen[:2]} {thirteen[2:4]} {thirteen[4:7]} {thirteen[7:10]} {thirteen[10:]}"
    value, before = _pick(
        rng,
        ((seven, "numéro allocataire "), (seven + " K", "n° allocataire : "),
         (seven, "allocataire CAF n° "), (spaced, "numéro fiscal "), (thirteen, "n° fiscal : "),
         (thirteen, "SPI "), (f"2025-{_digits(rng, 5)}", "dossier n° "),
         (f"DP 093 {_digits(rng, 3)} 25 {_digits(rng, 5)}", "dossier "),
         (f"REF{_digits(rng, 8)}", "référence : "), (_digits(rng, 10), "numéro de facture "),
         (f"A{_digits(rng, 9)}", "sous le numéro "), (_digits(rng, 8), "mon n° client est le ")),
    )  # fmt: skip
    return value, before + "{}, "


def _birth_date(rng: Rng) -> tuple[str, str]:
    day, month, year = (
        int(rng.integers(1, 29)),
        int(rng.integers(1, 13)),
        int(rng.integers(1930, 2024)),
    )
    names = MONTHS
    value = _pick(
        rng,
        (f"{day:02d}/{month:02d}/{year}", f"{day} {names[month - 1]} {year}",
         f"{day:02d}.{month:02d}.{year}", f"{day:02d}-{month:02d}-{year}",
         f"{day}/{month}/{year % 100:02d}", f"{day} {names[month - 1][:4]}. {year}",
         f"{day:02d} {month:02d} {year}"),
    )  # fmt: skip
    return value, _pick(
        rng,
        ("né le {}, ", "née le {} à Lille, ", "Date de naissance : {}\n", "née un {}, ",
         "ma fille, née le {}, ", "né(e) le {} "),
    )  # fmt: skip


def _url(rng: Rng) -> tuple[str, str]:
    token = "".join(_pick(rng, "abcdefgh0123456789") for _ in range(10))
    value = _pick(
        rng,
        (f"https://demarches.example/suivi?id={_digits(rng, 6)}", f"www.ville.example/d/{token}",
         f"http://rdv.example/c?token={token}&lang=fr", f"https://cloud.example/s/{token}"),
    )  # fmt: skip
    return value, _pick(rng, ("voir {} ", "le lien {} ne marche pas, ", "({}) ", "photo : {}\n"))


STRUCTURED_MAKERS = {
    "phone": _phone, "email": _email, "address": _address, "iban": _iban, "nir": _nir,
    "plate": _plate, "file_number": _file_number, "birth_date": _birth_date, "url": _url,
}  # fmt: skip

NAME_FORMS = (
    "Je m'appelle {F} {L}. ", "je suis {F} {L}, ", "Mme {L} ", "M. {L} ", "Monsieur {F} {L} ",
    "Madame {L} {F}, ", "mon fils {F} ", "ma fille {F}, 6 ans, ", "mon mari {F} {L} ",
    "de la part de {F} {L} : ", "mon voisin M. {L} ", "j'ai vu {F} {L} au guichet, ",
    "mes enfants {F} et {F2} ", "Nom : {L}\nPrénom : {F}\n", "Dr {L} ", "Mlle {F} {L} ",
    "la famille {L} ", "Mr {L} ", "madame {l} ", "je m'appelle {f} {l}, ", "M. {LU} ",
    "{F} {LU} demande : ", "mon épouse, {F}, ", "Me {L}, notaire, ", "ma mère {F} {L} ",
    "suite à l'échange avec {F} {L}, ", "le dossier de {F} {L} : ", "Mme {F} {L}-{L2} ",
)  # fmt: skip
SIGNATURES = (
    "\nCordialement,\n{F} {L}", "\nMerci\n{F}", "\n{LU} {F}", "\nCordialement, {F} {L}.",
    "\n\n{F} {L}\nPrésidente de l'amicale", "\nSigné : {F} {L}", "\nM. et Mme {L}",
)  # fmt: skip


def _person(text: str, rng: Rng) -> tuple[str, tuple[str, ...]]:
    first, last = _pick(rng, NAMES)
    first2, last2 = _pick(rng, NAMES)
    parts = {
        "F": first, "L": last, "F2": first2, "L2": last2, "f": first.lower(), "l": last.lower(),
        "LU": last.upper(),
    }  # fmt: skip
    at_end = rng.random() < 0.3
    form = _pick(rng, SIGNATURES if at_end else NAME_FORMS)
    planted = tuple(value for key, value in parts.items() if "{" + key + "}" in form)
    filled = form.format(**parts)
    if at_end:
        return text + filled, planted
    return _pick(rng, WORDS_BEFORE) + filled + text, planted


def planted(text: str, kind: str, rng: Rng) -> tuple[str, tuple[str, ...]]:
    """Return the text with something personal in it, and what must disappear."""
    if kind == "person":
        return _person(text, rng)
    value, form = STRUCTURED_MAKERS[kind](rng)
    return _pick(rng, WORDS_BEFORE) + form.format(value) + text, (value,)
