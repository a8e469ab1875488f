"""French texts as citizens type them, and worse: what text graphs are held against."""

import unicodedata
from functools import cache

import numpy as np

from common.lab.graph.text import N_BUCKETS
from common.lab.graph.text_head import TextHead, TextTable
from common.lab.graph.tracing import ndonnx

__all__ = ["N_CLASSES", "fuzzed", "graph_of", "head"]

N_CLASSES = 7
WORDS = [
    "lampadaire",
    "école",
    "l'Œuvre",
    "d’été",
    "cœur",
    "aujourd'hui",
    "RUE",
    "n°",
    "12",
    "bis",
    "3ᵉ",
    "jardin",
    "voirie",
    "déchèterie",
    "SVP",
    "pb",
    "stationnement…",
    "à",
    "où",
    "çà",
    "naïve",
    "Noël",
    "ÎLE",
    "poubelle(s)",
    "éclairage-public",
    "qu'il",
    "s’arrête",
    "admi\xadnistration",
    "a",
    "y",
    "2",
    "€",
    "100%",
    "https://exemple.fr/a?b=c",
    "jean@example.org",
    "ñandú",
    "Łódź",
    "Straße",
    "ﬁche",
    "½",
    "Ⅷ",
    "مرحبا",
    "привет",
    "日本",
    "😀",
    "👩\u200d👧",
    "❤️",
    "!!",
    "???",
    "---",
    "\t",
    "\n",
]
ALPHABET = list(
    "abcdefghijklmnopqrstuvwxyzàâçéèêëîïôùûœæ '’-.,0123456789\u0301\u200d\u00a0\u202f\0"
)
ODD = (
    "",
    " ",
    "\0",
    "a",
    "œ",
    "😀",
    "\u0301",
    "e\u0301",
    "  deux   blancs  ",
    "x" * 300,
    "l'été " * 3000,
    "mot" * 6000,
)


def fuzzed(n: int, seed: int = 0) -> list[str]:
    """Return ``n`` texts: odd ones first, then drawn words and letters, a third of them NFD."""
    rng = np.random.default_rng(seed)
    texts = list(ODD[:n])
    while len(texts) < n:
        words = [str(word) for word in rng.choice(WORDS, rng.integers(1, 14))]
        letters = "".join(rng.choice(ALPHABET, rng.integers(0, 12)))
        words.insert(int(rng.integers(0, len(words) + 1)), letters)
        text = str(rng.choice([" ", "  ", "", "\n"])).join(words)
        texts.append(unicodedata.normalize("NFD", text) if len(texts) % 3 == 0 else text)
    return texts


@cache
def head(normalised: bool = True) -> TextHead:
    """Return a head that knows a third of all buckets, with weights drawn at random."""
    rng = np.random.default_rng(5)
    known = np.sort(rng.choice(N_BUCKETS, N_BUCKETS // 3, replace=False))
    weights = rng.normal(size=(len(known), N_CLASSES))
    table = TextTable.of(known, weights, rng.uniform(1, 8, len(known)))
    return TextHead(table, tuple(rng.normal(size=N_CLASSES).tolist()), normalised=normalised)


@cache
def graph_of(normalised: bool = True) -> bytes:
    """Return the head's graph: ``codes`` to ``raw``, ``contributions`` and ``characters``."""
    ndx = ndonnx()

    codes = ndx.argument(shape=("n", "length"), dtype=ndx.int64)
    raw, contributions, details = head(normalised).with_details(ndx, None, {"codes": codes})
    outputs = {
        "raw": ndx.reshape(raw, (-1, N_CLASSES)),
        "contributions": ndx.reshape(contributions, (-1, N_CLASSES, 4)),
        "characters": details["character_contributions"],
    }
    model: bytes = ndx.build({"codes": codes}, outputs).SerializeToString()
    return model
