"""Find documents for a text in arrays that a bundle carries: exact, fast, without a model.

Every stored number is an integer and every sum over postings or vectors stays below 2**53, so
that scores are the same to the last bit on every machine, whatever the order of additions.
What is learnt (field weights, inverse document frequencies, saturation) was put into the
impacts when the index was built (`common.lab.index`); here they are only added up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError, UsageError
from common.edge.retrieval.features import features_of, votes_of
from common.edge.retrieval.postings import Looked, Postings, Vectors
from common.edge.retrieval.settings import Channel, RetrievalSettings
from common.edge.retrieval.spelling import Spelling
from common.edge.retrieval.terms import (
    Keys,
    folded,
    letter_keys,
    plain_words,
    stem,
    word_keys,
)

__all__ = ["MOST_FOUND", "MOST_REPAIRED", "Found", "Query", "Retrieval"]

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

MOST_FOUND = 1_000
"""Documents of one answer."""
MOST_REPAIRED = 100
"""Words of one text that are repaired: bounds the time of a text of nothing but noise."""


@dataclass(frozen=True)
class Query:
    """A text as it is looked up.

    Parameters
    ----------
    stems
        Word stems in order, without stop words.
    repaired
        Word to what it is taken for.
    keys
        Channel to the keys that it looks up, each once.
    """

    stems: tuple[str, ...]
    repaired: Mapping[str, str]
    keys: Mapping[str, Keys]


@dataclass(frozen=True)
class Found:
    """The documents of one text, the best first; ties in the order of the documents.

    Parameters
    ----------
    documents
        Their numbers, shape (k,); documents without any score are left out.
    scores
        Shape (k,), in [0, 1]: 1 for a document that is the best of every channel.
    votes
        Share of each label among the first documents, shape (n_labels,), in [0, 1].
    features
        Shape (n_features,), named by `Retrieval.feature_names`.
    """

    documents: Places
    scores: Array
    votes: Array
    features: Array


class Retrieval:
    """An index opened for searching; safe to share between threads.

    Parameters
    ----------
    arrays
        By name, as `common.lab.index.build` returns them; may be memory-mapped.
    settings
        How they are searched.

    Raises
    ------
    ManifestError
        An array is missing, or of another type or shape than the settings say.
    """

    def __init__(
        self, arrays: Mapping[str, npt.NDArray[np.generic]], settings: RetrievalSettings
    ) -> None:
        self.settings = settings
        self._postings = {
            channel.name: Postings.of(arrays, channel.name, settings.documents)
            for channel in settings.channels
            if channel.kind != "meaning"
        }
        words = self._postings[settings.channels[0].name]
        self._vectors = {
            channel.name: Vectors.of(arrays, channel.name, len(words.keys), settings.documents)
            for channel in settings.channels
            if channel.kind == "meaning"
        }
        self._stop_words = frozenset(settings.stop_words)
        self._words = words
        self._spelling = Spelling(arrays) if settings.spelling else None
        self._labels = _labels(arrays, settings)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return self.settings.feature_names

    def query(self, text: str) -> Query:
        """Return what a text is looked up by.

        Raises
        ------
        TableError
            The text is longer than `common.edge.textcodes.LONGEST_TEXT`.
        """
        codes = folded(text)
        words = [word for word in plain_words(codes) if word not in self._stop_words]
        repaired = self._repaired(words)
        stems = [stem(repaired.get(word, word)) for word in words]
        letters = np.concatenate([codes, folded(" ".join(repaired.values()))])
        keys = {
            channel.name: np.unique(_keys(channel, letters, stems))
            for channel in self.settings.channels
            if channel.kind != "meaning"
        }
        return Query(tuple(stems), repaired, keys)

    def _repaired(self, words: list[str]) -> dict[str, str]:
        """Return what the first words that no document holds are taken for."""
        if self._spelling is None or not words:
            return {}
        unique = list(dict.fromkeys(words))
        known = self._words.holds(word_keys([stem(word) for word in unique]))
        strange = [word for word, held in zip(unique, known, strict=True) if not held]
        found = {word: self._spelling.repair(word) for word in strange[:MOST_REPAIRED]}
        return {word: taken for word, taken in found.items() if taken != word}

    def search(self, text: str, k: int = 10, without: Places | None = None) -> Found:
        """Return the best documents of a text.

        Parameters
        ----------
        text
            Any text of at most `common.edge.textcodes.LONGEST_TEXT` characters.
        k
            How many documents are wanted, 1 to `MOST_FOUND`.
        without
            Numbers of documents to act as if they did not exist (of another territory,
            out of date, ...).

        Raises
        ------
        UsageError
            ``k`` is out of range.
        TableError
            The text is too long.
        """
        if not 1 <= k <= MOST_FOUND:
            raise UsageError(f"k is {k}", expected=f"1 to {MOST_FOUND}")
        query = self.query(text)
        looked = self._looked(query)
        if without is not None:
            for one in looked.values():
                one.scores[without] = 0.0
        fused = self.fused({name: one.scores for name, one in looked.items()})
        depth = max(k, self.settings.vote_depth, 10)
        best = _best(fused, depth)
        votes = votes_of(best, self._labels, self.settings.vote_depth)
        features = features_of(self.settings, query.stems, looked, best, fused, votes)
        return Found(best[:k], fused[best[:k]], votes, features)

    def channel_scores(self, text: str) -> dict[str, Array]:
        """Return each channel's scores of all documents, shape (n_documents,)."""
        return {name: one.scores for name, one in self._looked(self.query(text)).items()}

    def fused(self, scores: Mapping[str, Array]) -> Array:
        """Return the weighted mean of the channels, each divided by its best document's score.

        A channel that finds nothing leaves its weight to the others.
        """
        total = np.zeros(self.settings.documents)
        weights = 0.0
        for channel in self.settings.channels:
            highest = float(scores[channel.name].max(initial=0.0))
            if channel.weight and highest > 0:
                total += channel.weight * (scores[channel.name] / highest)
                weights += channel.weight
        return total / weights if weights else total

    def _looked(self, query: Query) -> dict[str, Looked]:
        main = self.settings.channels[0].name
        looked = {
            name: one.look(query.keys[name], told=name == main)
            for name, one in self._postings.items()
        }
        for name, vectors in self._vectors.items():
            looked[name] = vectors.look(looked[main].places)
        return {channel.name: looked[channel.name] for channel in self.settings.channels}


def _keys(channel: Channel, codes: Places, stems: list[str]) -> Keys:
    if channel.kind == "words":
        return word_keys(stems, channel.longest)
    return letter_keys(codes, channel.shortest, channel.longest)


def _best(scores: Array, k: int) -> Places:
    """Return the documents of the k highest scores above 0; ties by document number."""
    found = np.flatnonzero(scores > 0)
    if len(found) > k:
        edge = np.partition(scores[found], len(found) - k)[len(found) - k]
        found = found[scores[found] >= edge]
    order = np.lexsort((found, -scores[found]))
    best: Places = found[order][:k]
    return best


def _labels(
    arrays: Mapping[str, npt.NDArray[np.generic]], settings: RetrievalSettings
) -> npt.NDArray[np.float64]:
    shape = (settings.documents, len(settings.labels))
    if not settings.labels:
        return np.zeros(shape)
    labels = arrays.get("labels")
    if labels is None or labels.shape != shape or labels.dtype != np.float32:
        found = "absent" if labels is None else f"{labels.dtype} of shape {labels.shape}"
        raise ManifestError(f"array labels: {found}", expected=f"float32 of shape {shape}")
    return labels.astype(np.float64)
