"""What a routing graph takes: the code points of a request and the votes of similar texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.graph.arrays import largest
from common.lab.graph.text_head import PRIOR
from common.lab.usecase import Features, Field, Term

__all__ = [
    "HIGHEST_CODE",
    "REASONS",
    "ROUTING_TERMS",
    "THRESHOLDS",
    "VOTE_SCALE",
    "competence_features",
    "routing_features",
    "routing_inputs",
    "theme_features",
]

VOTE_SCALE = 50.0
"""A vote v counts ln(1 + 50 v): 0 for none, 3.9 for all of them."""
THRESHOLDS = "thresholds"
"""State input: the least probability to act on, and the least of the two best together."""
UNTUNED = (0.9, 0.9)
"""What a threshold is before any has been fixed on a validation set."""

ROUTING_TERMS = (Term("votes", "services des textes les plus proches", "textes proches", 2.0**-12),)
REASONS = (
    Term(PRIOR, "fréquence habituelle du service", "fréquence du service"),
    Term("words", "mots de la demande", "mots"),
    Term("word_pairs", "suites de deux mots", "mots"),
    Term("letters", "fragments de mots", "fragments de mots"),
)
HIGHEST_CODE = 0x10FFFF


def routing_inputs(n_votes: int) -> tuple[Field, ...]:
    """Return the graph's inputs where ``n_votes`` labels are voted for."""
    return (
        Field(
            "codes",
            "int64",
            ("n", "length"),
            "1",
            "Texte de la demande : points de code Unicode (NFC), complétés par des zéros.",
            0,
            HIGHEST_CODE,
        ),
        Field(
            "votes",
            "float32",
            ("n", n_votes),
            "1",
            "Part de chaque étiquette parmi les textes les plus proches, zéro si aucun.",
            0,
            1,
            default=np.zeros(n_votes, dtype=np.float32),
        ),
        Field(
            THRESHOLDS,
            "float32",
            ("n", 2),
            "1",
            "Seuils d'action : un service seul, puis deux services entre lesquels demander.",
            0,
            2,
            default=np.array(UNTUNED, dtype=np.float32),
        ),
    )


def routing_features(xp: Any, inputs: Mapping[str, Any]) -> Features:
    """Return the votes on a logarithmic scale, one value per service.

    Parameters
    ----------
    inputs
        ``votes`` of shape (n, n_services).
    """
    return _features(xp, inputs["votes"])


def theme_features(xp: Any, inputs: Mapping[str, Any]) -> Features:
    """Return the votes of the sheets for each theme; the last label is not a theme."""
    return _features(xp, inputs["votes"][:, :-1])


def competence_features(xp: Any, inputs: Mapping[str, Any]) -> Features:
    """Return the votes for « the town hall's business » and for another body's.

    Without any vote both are zero: no sheet was found, and nothing is known.
    """
    town_hall = inputs["votes"][:, -1:]
    found = xp.expand_dims(largest(xp, inputs["votes"], axis=1), axis=1) > np.float32(0)
    elsewhere = xp.where(found, np.float32(1) - town_hall, xp.zeros_like(town_hall))
    return _features(xp, xp.concat([town_hall, elsewhere], axis=1))


def _features(xp: Any, votes: Any) -> Features:
    scaled = xp.log(votes * np.float32(VOTE_SCALE) + np.float32(1))
    return Features({"votes": xp.expand_dims(scaled, axis=1)}, {})
