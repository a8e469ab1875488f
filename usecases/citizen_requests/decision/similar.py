"""Closed requests that resemble a new one: what was done with them helps an agent decide."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from usecases.citizen_requests.decision.router import Closed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["Neighbour", "Neighbours"]

LEAST_ALIKE: Final = 0.2
"""Cosine of letter grams under which a closed request is not shown."""
MOST_SHOWN: Final = 3
EXCERPT: Final = 160


@dataclass(frozen=True)
class Neighbour:
    """A closed request: identifier, French day, service title, masked excerpt, cosine, body."""

    id: str
    day: str
    service: str
    excerpt: str
    alike: float
    body: str


class Neighbours:
    """Closed requests, searchable by words that are nearly the same.

    Parameters
    ----------
    closed
        Masked texts.
    """

    def __init__(self, closed: Closed) -> None:
        self._closed = closed

    @cached_property
    def _fitted(self) -> "tuple[TfidfVectorizer, csr_matrix]":
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, strip_accents="unicode"
        )
        return vectorizer, vectorizer.fit_transform(self._closed.rows["text"])

    def of(self, text: str, request_id: str = "") -> tuple[Neighbour, ...]:
        """Return up to three closed requests, the likest first; never the request itself."""
        vectorizer, known = self._fitted
        alike = (vectorizer.transform([text]) @ known.T).toarray()[0]
        order = np.argsort(-alike, kind="stable")[: MOST_SHOWN + 1]
        found = (self._neighbour(row, alike[row]) for row in order if alike[row] >= LEAST_ALIKE)
        return tuple(each for each in found if each.id != request_id)[:MOST_SHOWN]

    def _neighbour(self, row: int, alike: float) -> Neighbour:
        from common.lab.pages.french import date_fr

        one = self._closed.rows.iloc[row]
        text = " ".join(str(one["text"]).split())
        return Neighbour(
            str(one["request_id"]),
            date_fr(one["received"].to_pydatetime()),
            self._closed.titles[one["service"]],
            text if len(text) <= EXCERPT else text[:EXCERPT].rsplit(" ", 1)[0] + "…",
            float(alike),
            str(one["right_body"]),
        )
