"""Ways of writing the same request: what is said stays, how it is said and to whom changes.

A text is a list of pieces, each with the kind of personal data it is (empty for none), so that
what a style does to words never touches an identifier and its place in the text is known.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from usecases.citizen_requests.simulation.people import PERSONAL, Person

__all__ = ["REGISTERS", "Message", "Piece", "joined", "write"]

Piece = tuple[str, str]
"""Words, and the kind of personal data that they are or an empty text."""

SHORTER = {
    "bonjour": "bjr", "merci": "mrc", "pouvez-vous": "pvez vs", "quand": "qd", "toujours": "tjs",
    "quelqu'un": "qqn", "beaucoup": "bcp", "pour": "pr", "dans": "ds", "avec": "av", "que": "ke",
    "qui": "ki", "quels": "kel", "quelles": "kel", "c'est": "c", "depuis": "dps", "nous": "ns",
    "vous": "vs", "est": "é", "plus": "pu", "tout": "tt", "tous": "ts", "faire": "fer",
}  # fmt: skip
LEFT_OUT = frozenset(
    {"le", "la", "les", "un", "une", "des", "du", "de", "ne", "n'", "l'", "d'", "à", "en", "y"}
)
INFINITIVE = {
    "est": "être", "ai": "avoir", "a": "avoir", "suis": "être", "voudrais": "vouloir",
    "souhaite": "vouloir", "cherche": "chercher", "sont": "être", "marche": "marcher",
    "fait": "faire", "peut": "pouvoir", "dois": "devoir", "veut": "vouloir", "veux": "vouloir",
}  # fmt: skip
ASKED = re.compile(
    r"^(Qu|Comment|Où|À qu|Combien|Sous quel|Jusqu)|à quand|-(t-)?(il|elle|ils|on|je|vous|ce)\b"
)
"""What makes a question of a wish."""
TOKEN = re.compile(r"[cdjlmnstCDJLMNST]['’]|[\w'’-]+|\W+")


@dataclass(frozen=True)
class Message:
    """What is to be said.

    Parameters
    ----------
    what, more, ask
        Pieces: the fact, a detail, what is wanted.
    person
        Who writes.
    date
        Civil day, as it is written in a thread.
    """

    what: Sequence[Piece]
    more: Sequence[Piece]
    ask: Sequence[Piece]
    person: Person
    date: str


def joined(pieces: Sequence[Piece]) -> tuple[str, list[tuple[str, int, int]]]:
    """Return the text and the (kind, start, end) of its personal data.

    >>> joined([("Je suis ", ""), ("Awa", "person"), (".", "")])
    ('Je suis Awa.', [('person', 8, 11)])
    """
    text, spans = "", []
    for words, kind in pieces:
        if kind:
            spans.append((kind, len(text), len(text) + len(words)))
        text += words
    return text, spans


def write(register: str, message: Message, rng: np.random.Generator) -> list[Piece]:
    """Return a message in one of `REGISTERS`."""
    return REGISTERS[register](message, rng)


def _plain(message: Message, rng: np.random.Generator) -> list[Piece]:
    opening = str(rng.choice(["Bonjour, ", "", "Bonjour. ", "Bonsoir, "]))
    pieces = [(opening, ""), *_sentences(message, rng)]
    if rng.random() < 0.3:
        kind = str(rng.choice(list(PERSONAL)))
        before, draw = PERSONAL[kind]
        pieces += [(f" ({before}", ""), (draw(rng), kind), (")", "")]
    return pieces + ([(" Merci.", "")] if rng.random() < 0.4 else [])


def _formal(message: Message, rng: np.random.Generator) -> list[Piece]:
    openings = (
        "Madame, Monsieur,\n\nJe me permets de vous signaler ce qui suit. ",
        "Madame le Maire, Monsieur le Maire,\n\nJ'ai l'honneur d'attirer votre attention. ",
        "Bonjour Madame, bonjour Monsieur,\n\nJe vous écris au sujet suivant. ",
    )
    closings = (
        "\n\nJe vous prie d'agréer, Madame, Monsieur, l'expression de ma considération.\n",
        "\n\nDans l'attente de votre réponse, veuillez recevoir mes salutations distinguées.\n",
        "\n\nVous remerciant par avance, bien cordialement,\n",
    )
    return [
        (str(rng.choice(openings)), ""),
        *_sentences(message, rng),
        (str(rng.choice(closings)), ""),
        *_signature(message.person, rng),
    ]


def _signature(person: Person, rng: np.random.Generator) -> list[Piece]:
    pieces: list[Piece] = [(person.name, "person")]
    if rng.random() < 0.6:
        pieces += [("\n", ""), (person.phone, "phone")]
    if rng.random() < 0.4:
        pieces += [("\n", ""), (person.email, "email")]
    return pieces


def _thread(message: Message, rng: np.random.Generator) -> list[Piece]:
    """Write a reply above what was written before."""
    before = str(rng.choice([
        "Votre message a bien été reçu et sera traité.",
        "Merci de préciser votre demande.",
        "Ceci est un accusé de réception automatique.",
    ]))  # fmt: skip
    return [
        ("Bonjour,\n\nJe reviens vers vous. ", ""),
        *_sentences(message, rng),
        ("\n\nCordialement\n", ""),
        (message.person.name, "person"),
        (f"\n\nEnvoyé de mon téléphone\n\nLe {message.date}, la mairie a écrit :\n> {before}", ""),
    ]


def _sms(message: Message, rng: np.random.Generator) -> list[Piece]:
    opening = str(rng.choice(["slt ", "bjr ", "", "bsr "]))
    return [(opening, ""), *(_changed(piece, _shorten) for piece in _sentences(message, rng))]


def _shorten(words: str) -> str:
    bare = unicodedata.normalize("NFKD", words.lower().replace("œ", "oe"))
    plain = "".join(c for c in bare if not unicodedata.combining(c))
    return "".join(SHORTER.get(token, token) for token in TOKEN.findall(plain)).replace(".", "")


def _note(message: Message, rng: np.random.Generator) -> list[Piece]:
    person = message.person
    return [
        (f"{person.title} ", ""), (person.last, "person"), (", tél. ", ""),
        (person.phone, "phone"), (str(rng.choice([", signale : ", " : ", ", dit que "])), ""),
        *message.what, ("; ", ""), *message.more,
        (str(rng.choice([". À rappeler.", ". Attend un retour.", ". Très ennuyé(e)."])), ""),
    ]  # fmt: skip


def _newcomer(message: Message, rng: np.random.Generator) -> list[Piece]:
    """Use few articles and infinitives, as a writer whose first language is another one."""
    opening = str(rng.choice(["Bonjour moi besoin aide. ", "Bonjour svp ", "Excuse moi, "]))
    changed = [_changed(piece, _simplified) for piece in _sentences(message, rng)]
    return [(opening, ""), *changed, (" merci beaucoup svp", "")]


def _simplified(words: str) -> str:
    kept = [
        INFINITIVE.get(token.lower(), token)
        for token in TOKEN.findall(words)
        if token.lower().replace("’", "'") not in LEFT_OUT
    ]
    return re.sub(r" {2,}", " ", "".join(kept))


def _angry(message: Message, rng: np.random.Generator) -> list[Piece]:
    openings = ("C'est INADMISSIBLE !! ", "Toujours rien de fait !!! ", "J'en ai plus qu'assez. ")
    closings = (" Je paie mes impôts, moi !", " Troisième message sans réponse !!", " HONTEUX.")
    what = [_changed(piece, str.upper) for piece in message.what]
    return [
        (str(rng.choice(openings)), ""), *what, (" !!! ", ""), *_capital(message.more),
        (" ! ", ""), *_capital(message.ask), (" !", ""), (str(rng.choice(closings)), ""),
    ]  # fmt: skip


def _elderly(message: Message, rng: np.random.Generator) -> list[Piece]:
    preamble = str(rng.choice([
        "Je suis une vieille dame de la commune et c'est mon petit-fils qui tape. ",
        "Voilà quarante ans que j'habite ici et je n'ai jamais rien demandé. ",
        "Pardonnez mon écriture, je n'ai pas l'habitude de l'ordinateur. ",
    ]))  # fmt: skip
    return [
        (preamble, ""), *_sentences(message, rng),
        (" Avec mes respects, ", ""), (f"{message.person.title} {message.person.last}", "person"),
    ]  # fmt: skip


def _sentences(message: Message, rng: np.random.Generator) -> list[Piece]:
    """Return the fact, the detail and the wish, in one of two orders."""
    ask = [*_capital(message.ask), (" ?" if ASKED.search(message.ask[0][0]) else ".", "")]
    what, more = _capital(message.what), _capital(message.more)
    if rng.random() < 0.3:
        return [*more, (". ", ""), *what, (". ", ""), *ask]
    return [*what, (". ", ""), *more, (". ", ""), *ask]


def _capital(pieces: Sequence[Piece]) -> list[Piece]:
    words, kind = pieces[0]
    return [(words[:1].upper() + words[1:], kind), *pieces[1:]]


def _changed(piece: Piece, change: Callable[[str], str]) -> Piece:
    words, kind = piece
    return (words, kind) if kind else (change(words), kind)


REGISTERS: Mapping[str, Callable[[Message, np.random.Generator], list[Piece]]] = {
    "courant": _plain,
    "soutenu": _formal,
    "fil": _thread,
    "sms": _sms,
    "note": _note,
    "allophone": _newcomer,
    "colere": _angry,
    "agee": _elderly,
}
"""Code of a register to its writer; the codes are those of the authored requests, and ``fil`` for
a reply in a thread."""
