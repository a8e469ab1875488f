"""Names of streams: one spelling for containers and trucks, French words for people."""

from common.lab.french_csv import plain
from usecases.waste_collection.routing.fleet import ANY_STREAM

__all__ = ["stream_fr", "stream_name"]

STREAMS_FR = {
    "general": "ordures", "recycling": "recyclables", "glass": "verre", "paper": "papier",
    "packaging": "emballages", "organic": "biodéchets", "unknown": "flux non renseigné",
}  # fmt: skip
OTHER_WORDS = {
    "ordures_menageres": "general", "omr": "general", "om": "general", "papiers": "paper",
    "carton": "paper", "emballage": "packaging", "recyclable": "recycling", "tri": "recycling",
    "non_renseigne": "unknown", "": "unknown",
}  # fmt: skip
NAMES = {plain(french): name for name, french in STREAMS_FR.items()} | OTHER_WORDS


def stream_name(text: str) -> str:
    """Return the one name of a stream, whatever its spelling in a file.

    >>> stream_name("Verre"), stream_name("biodéchets"), stream_name("glass"), stream_name("*")
    ('glass', 'organic', 'glass', '*')
    """
    if text == ANY_STREAM:
        return text
    word = plain(text)
    return NAMES.get(word, word)


def stream_fr(stream: str) -> str:
    """Return the French name of a stream.

    >>> stream_fr("glass"), stream_fr("textile")
    ('verre', 'textile')
    """
    return STREAMS_FR.get(stream, stream)
