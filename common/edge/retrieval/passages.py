"""The documents behind an index: their records, and verbatim passages with their places."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError
from common.edge.retrieval.postings import Postings
from common.edge.retrieval.terms import word_keys

__all__ = ["Library", "Passage", "Strings"]

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

KEPT_TEXTS = 64


@dataclass(frozen=True)
class Passage:
    """A part of a document, word for word.

    Parameters
    ----------
    document
        Number of the document.
    heading
        Of the section; empty for one without.
    start, stop
        Characters of the document's text: ``text == whole[start:stop]``.
    text
        What stands there.
    score
        In [0, 1]: how well it fits, 1 for a passage that holds the query's words as well as
        any passage holds them.
    """

    document: int
    heading: str
    start: int
    stop: int
    text: str
    score: float


@dataclass(frozen=True)
class Strings:
    """Texts laid end to end in UTF-8: ``<name>_bytes`` (uint8) and ``<name>_starts`` (int64)."""

    content: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, arrays: Arrays, name: str, count: int) -> "Strings":
        """Take the arrays of one name.

        Raises
        ------
        ManifestError
            They are missing or do not hold ``count`` texts.
        """
        content, starts = arrays.get(f"{name}_bytes"), arrays.get(f"{name}_starts")
        good = (
            content is not None
            and starts is not None
            and content.dtype == np.uint8
            and starts.dtype == np.int64
            and content.ndim == 1
            and starts.shape == (count + 1,)
            and int(starts[0]) == 0
            and int(starts[-1]) == len(content)
            and bool((np.diff(starts) >= 0).all())
        )
        if not good or content is None or starts is None:
            raise ManifestError(
                f"arrays {name}_bytes and {name}_starts do not hold {count} texts",
                expected="uint8 and int64, rising starts up to the end",
                remedy="export the bundle again",
            )
        return cls(content, starts)

    def __getitem__(self, place: int) -> str:
        begin, stop = int(self.starts[place]), int(self.starts[place + 1])
        return self.content[begin:stop].tobytes().decode("utf-8")


class Library:
    """The documents of an index.

    Parameters
    ----------
    arrays
        ``records_*`` (one JSON object per document), ``texts_*``, ``headings_*``,
        ``passage_documents``, ``passage_spans``, and the postings ``passages_*``.
    n_documents, n_passages
        How many there are; 0 passages where the index carries no texts.

    Raises
    ------
    ManifestError
        An array is missing, or does not fit the others.
    """

    def __init__(self, arrays: Arrays, n_documents: int, n_passages: int) -> None:
        self._records = Strings.of(arrays, "records", n_documents)
        self._texts = Strings.of(arrays, "texts", n_documents)
        self._headings = Strings.of(arrays, "headings", n_passages)
        self._postings = Postings.of(arrays, "passages", max(n_passages, 1))
        self._first = _firsts(arrays, n_documents, n_passages)
        self._spans = arrays["passage_spans"]
        self.text = lru_cache(maxsize=KEPT_TEXTS)(self._texts.__getitem__)

    def record(self, document: int) -> dict[str, Any]:
        """Return what is known of a document (id, title, url, date, ...)."""
        found = json.loads(self._records[document])
        if not isinstance(found, dict):
            raise ManifestError(f"record {document} is not an object", expected="a JSON object")
        return found

    def lead(self, document: int) -> Passage | None:
        """Return a document's first passage without a heading, else its first, else None."""
        places = range(int(self._first[document]), int(self._first[document + 1]))
        first = next((place for place in places if not self._headings[place]), None)
        if first is None and not places:
            return None
        return self._passage(places[0] if first is None else first, document, score=0.0)

    def passages(self, stems: Sequence[str], documents: Sequence[int], k: int) -> list[Passage]:
        """Return the passages of some documents that fit best, ties in the documents' order.

        Parameters
        ----------
        stems
            Of the query (`common.edge.retrieval.search.Query`).
        documents
            Numbers of documents, the best first.
        k
            How many are wanted.
        """
        looked = self._postings.look(np.unique(word_keys(stems)))
        places = [
            (place, document)
            for document in documents
            for place in range(int(self._first[document]), int(self._first[document + 1]))
        ]
        if not places or k < 1:
            return []
        scores = looked.scores[[place for place, _ in places]]
        order = np.argsort(-scores, kind="stable")[:k]
        return [
            self._passage(*places[at], score=float(scores[at]) / max(looked.possible, 1e-9))
            for at in order.tolist()
        ]

    def _passage(self, place: int, document: int, *, score: float) -> Passage:
        start, stop = (int(value) for value in self._spans[place])
        return Passage(
            document, self._headings[place], start, stop, self.text(document)[start:stop], score
        )


def _firsts(arrays: Arrays, n_documents: int, n_passages: int) -> Places:
    """Return where each document's passages begin, shape (n_documents + 1,)."""
    owners, spans = arrays.get("passage_documents"), arrays.get("passage_spans")
    good = (
        owners is not None
        and spans is not None
        and owners.dtype == np.int32
        and spans.dtype == np.int32
        and owners.shape == (n_passages,)
        and spans.shape == (n_passages, 2)
        and bool((np.diff(owners) >= 0).all())
        and (n_passages == 0 or (int(owners[0]) >= 0 and int(owners[-1]) < n_documents))
    )
    if not good or owners is None:
        raise ManifestError(
            "arrays passage_documents and passage_spans do not fit",
            expected=f"int32, {n_passages} passages in the order of the documents",
            remedy="export the bundle again",
        )
    firsts: Places = np.searchsorted(owners, np.arange(n_documents + 1))
    return firsts
