"""Invented people and places. Telephone numbers are of the ranges that ARCEP keeps for fiction."""

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["PERSONAL", "Person", "draw_person", "draw_place"]

FIRST_NAMES = (
    "Aïcha", "Antoine", "Awa", "Bernadette", "Camille", "Chloé", "Daniela", "Diego", "Elif",
    "Étienne", "Fatoumata", "Gaëlle", "Hassan", "Ingrid", "Jean-Marc", "Kadiatou", "Laurent",
    "Linh", "Magali", "Mehdi", "Nadège", "Olena", "Paulo", "Rachid", "Solange", "Thierry",
    "Ximena", "Yannick", "Zineb",
)  # fmt: skip
LAST_NAMES = (
    "Abadie", "Benslimane", "Bertin", "Carvalho", "Castagnet", "Diarra", "Delmas", "Etcheverry",
    "Ferrand", "Gauthier", "Haddad", "Hoang", "Jacquemin", "Kone", "Kowalczyk", "Lacaze",
    "Le Goff", "Marchal", "Nguessan", "Oliveira", "Pelletier", "Quesnel", "Rajaonarison",
    "Soulier", "Traoré", "Urbain", "Vasseur", "Weber", "Yilmaz",
)  # fmt: skip
STREETS = (
    "allée des Tilleuls", "avenue Aristide-Briand", "avenue de la Gare", "boulevard Pasteur",
    "chemin des Vignes", "cité des Peupliers", "cours Gambetta", "impasse du Moulin",
    "passage du Lavoir", "place du Marché", "place Jean-Jaurès", "quai des Tanneurs",
    "résidence Beauséjour", "route de la Plaine", "rue de l'Abreuvoir", "rue de l'Église",
    "rue de la Fontaine", "rue de la Paix", "rue de Verdun", "rue des Acacias",
    "rue des Carrières", "rue des Écoles", "rue des Lilas", "rue du 8-Mai", "rue du Four",
    "rue du Pressoir", "rue Georges-Sand", "rue Jules-Ferry", "rue Louise-Michel",
    "rue Marcel-Pagnol", "rue Marie-Curie", "rue Pablo-Neruda", "rue Rosa-Parks",
    "rue Simone-Veil", "sente des Jardins", "square Nelson-Mandela",
)  # fmt: skip
LANDMARKS = ("l'école", "la gare", "la poste", "la pharmacie", "le marché", "le square", "l'arrêt")
FICTION_PREFIXES = ("01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49", "06 39 98")
"""Numbers that ARCEP's numbering plan keeps for audiovisual works (decision 2018-0881)."""

DOMAINS = ("example.com", "example.net", "example.org")
"""Reserved by RFC 2606."""


@dataclass(frozen=True)
class Person:
    """Who writes.

    Parameters
    ----------
    first, last, phone, email
        Invented.
    female
        For « M. » or « Mme ».
    """

    first: str
    last: str
    phone: str
    email: str
    female: bool

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def title(self) -> str:
        """« Mme » or « M. »."""
        return "Mme" if self.female else "M."


def draw_person(rng: np.random.Generator) -> Person:
    """Return an invented person."""
    first, last = str(rng.choice(FIRST_NAMES)), str(rng.choice(LAST_NAMES))
    letters = [c for c in f"{first}.{last}".lower() if c in string.ascii_lowercase + "."]
    email = f"{''.join(letters)}{rng.integers(10, 99)}@{rng.choice(DOMAINS)}"
    return Person(first, last, _phone(rng), email, bool(rng.random() < 0.5))


def draw_place(rng: np.random.Generator) -> tuple[str, str]:
    """Return (words before the place, the place): a number and street, a street, a landmark.

    The place is what a pseudonymiser must find; it never ends the words before it.
    """
    street = str(rng.choice(STREETS))
    kind = rng.random()
    if kind < 0.5:
        where = f"{rng.integers(1, 120)}{rng.choice(['', '', '', ' bis'])} {street}"
        return str(rng.choice(["au ", "devant le ", "à hauteur du ", "face au "])), where
    if kind < 0.8:
        return str(rng.choice(["", "côté pair, ", "en bas, ", "vers la fin, "])), street
    return f"près de {rng.choice(LANDMARKS)}, ".replace("de le ", "du "), street


def _phone(rng: np.random.Generator) -> str:
    digits = rng.integers(0, 100, 2)
    return f"{rng.choice(FICTION_PREFIXES)} {digits[0]:02d} {digits[1]:02d}"


def _plate(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(list("ABCDEFGHJKLMNPQRSTVWXYZ"), 4))
    return f"{letters[:2]}-{rng.integers(1, 1000):03d}-{letters[2:]}"


def _file_number(rng: np.random.Generator) -> str:
    return f"{rng.integers(1_000_000, 9_999_999)}{rng.choice(list('ABCDEFG'))}"


def _birth(rng: np.random.Generator) -> str:
    return f"{rng.integers(1, 29):02d}/{rng.integers(1, 13):02d}/{rng.integers(1935, 2006)}"


PERSONAL: Mapping[str, tuple[str, Callable[[np.random.Generator], str]]] = {
    "plate": ("immatriculée ", _plate),
    "file_number": ("numéro d'allocataire ", _file_number),
    "birth_date": ("né(e) le ", _birth),
}
"""Kind of identifier to the words before it and what draws it."""
