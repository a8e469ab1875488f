"""What a search says of its own success, as columns of the graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.edge.retrieval.settings import RetrievalSettings
from common.lab.usecase import Features, Term
from usecases.citizen_requests.answers.documents import LABELS
from usecases.citizen_requests.answers.plan import plan

__all__ = ["ABSTENTION_TERMS", "ALL_FEATURES", "FEATURES", "abstention_features"]

LOWEST_SHARE, HIGHEST_SHARE = 0.02, 0.98

_SCORE, _LEAD = "Score de la recherche", "Avance de la première fiche"
_WORDS, _AGREEMENT = "Mots de la question", "Accord des recherches"

FEATURES: Mapping[str, tuple[str, str]] = {
    "words_share": ("part du score possible sur les mots", _SCORE),
    "pairs_share": ("part du score possible sur les couples de mots", _SCORE),
    "letters_share": ("part du score possible sur les lettres", _SCORE),
    "meaning_share": ("proximité de sens de la meilleure fiche", _SCORE),
    "first_score": ("score de la première fiche", _SCORE),
    "lead_second": ("avance sur la deuxième", _LEAD),
    "lead_near": ("avance sur la cinquième", _LEAD),
    "lead_far": ("avance sur la dixième", _LEAD),
    "words_lead_second": ("avance sur la deuxième, par les mots", _LEAD),
    "letters_lead_second": ("avance sur la deuxième, par les lettres", _LEAD),
    "known_share": ("part des mots connus des fiches", _WORDS),
    "held_share": ("part des mots présents dans la première fiche", _WORDS),
    "n_words": ("nombre de mots", _WORDS),
    "words_agreement": ("accord avec la recherche par mots", _AGREEMENT),
    "letters_agreement": ("accord avec la recherche par lettres", _AGREEMENT),
    "strongest_vote": ("accord des fiches sur le thème", _AGREEMENT),
}
"""Feature to its French label and group: those that a reader can check."""


def _all_features() -> tuple[str, ...]:
    channels = tuple(part.channel for part in plan(LABELS).channels)
    return RetrievalSettings(None, (), 1, 0, channels).feature_names


ALL_FEATURES = _all_features()
"""The last axis of the input ``retrieval_features``, as the operator fills it."""

RAW = "words_share_odds"
ABSTENTION_TERMS = (
    Term(RAW, "part du score possible sur les mots, en rapport de chances", _SCORE),
    *(Term(name, label, group) for name, (label, group) in FEATURES.items()),
)


def abstention_features(xp: Any, inputs: Mapping[str, Any]) -> Features:
    """Take the named features apart, each of shape (n, 1, 1); the raw score as log-odds too."""
    given = inputs["retrieval_features"]
    columns = {
        name: xp.reshape(given[:, ALL_FEATURES.index(name)], (-1, 1, 1)) for name in FEATURES
    }
    share = xp.minimum(
        xp.maximum(columns["words_share"], _constant(xp, LOWEST_SHARE)),
        _constant(xp, HIGHEST_SHARE),
    )
    columns[RAW] = xp.log(share / (_constant(xp, 1.0) - share))
    return Features(columns, {})


def _constant(xp: Any, value: float) -> Any:
    return xp.asarray(np.asarray(value, dtype=np.float32))
