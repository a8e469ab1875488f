"""The arrays of one channel: postings by key, or vectors; looked up with whole numbers only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError
from common.edge.retrieval.terms import Keys

__all__ = ["IMPACT_STEP", "LARGEST", "MOST_DIMENSIONS", "Looked", "Postings", "Vectors"]

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

IMPACT_STEP = 2.0**-12
"""What an impact of 1 is worth; 65,535 of them are 16 natural-log units of idf."""
LARGEST = 127
"""Largest whole number of a vector."""
MOST_DIMENSIONS = 1_000
"""1,000 products of at most 127 x 127 stay below 2**24, up to which float32 holds every whole
number (IEEE 754)."""


@dataclass(frozen=True)
class Looked:
    """What a channel found.

    Parameters
    ----------
    scores
        Of every document, shape (n_documents,).
    possible
        The score of a document that would hold every key of the query as well as any
        document does.
    places
        Places of the query's keys that the index knows, shape (n_known,).
    known, asked
        Summed weights of the keys that the index knows, and of all keys; an unknown key
        weighs as much as the rarest.
    held
        Summed weights of the query's keys that each document holds, shape (n_documents,).
    """

    scores: Floats
    possible: float
    places: Places
    known: float
    asked: float
    held: Floats


@dataclass(frozen=True)
class Postings:
    """Which documents hold a key, and how much that says for each.

    Parameters
    ----------
    keys
        Sorted, shape (n_keys,).
    starts
        Where each key's postings begin, shape (n_keys + 1,).
    documents, impacts
        Shape (n_postings,).
    weights
        Inverse document frequency of each key, shape (n_keys,).
    best
        Highest impact of each key, shape (n_keys,).
    n_documents
        Of the index.
    """

    keys: Keys
    starts: Places
    documents: npt.NDArray[Any]
    impacts: npt.NDArray[np.uint16]
    weights: Floats
    best: npt.NDArray[np.uint16]
    n_documents: int

    @classmethod
    def of(cls, arrays: Arrays, name: str, n_documents: int) -> "Postings":
        """Take a channel's arrays, and check that they fit together.

        Raises
        ------
        ManifestError
            An array is missing, of another type or length, or points outside.
        """
        taken = {
            part: _array(arrays, f"{name}_{part}", kind)
            for part, kind in (
                ("keys", "uint64"),
                ("starts", "int32"),
                ("documents", "uint16 int32"),
                ("impacts", "uint16"),
                ("weights", "float32"),
                ("best", "uint16"),
            )
        }
        keys, starts, documents = taken["keys"], taken["starts"], taken["documents"]
        n_keys, n_postings = len(keys), len(documents)
        _require(
            len(starts) == n_keys + 1 and len(taken["impacts"]) == n_postings,
            f"channel {name}: {len(starts)} starts, {len(taken['impacts'])} impacts",
            f"{n_keys + 1} and {n_postings}",
        )
        _require(
            len(taken["weights"]) == n_keys == len(taken["best"]),
            f"channel {name}: {len(taken['weights'])} weights",
            f"{n_keys}",
        )
        rising = bool((np.diff(keys.astype(np.float64)) >= 0).all())
        whole = n_keys == 0 or (int(starts[0]) == 0 and int(starts[-1]) == n_postings)
        _require(
            rising and whole and bool((np.diff(starts) >= 0).all()),
            f"channel {name}: keys or starts out of order",
            "rising ones",
        )
        _require(
            n_postings == 0 or 0 <= int(documents.min()) <= int(documents.max()) < n_documents,
            f"channel {name}: a document outside the index",
            f"0 to {n_documents - 1}",
        )
        return cls(
            keys,
            starts.astype(np.int64),
            documents,
            taken["impacts"],
            taken["weights"].astype(np.float64),
            taken["best"],
            n_documents,
        )

    def holds(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return whether each key is known, shape (n,)."""
        if not len(self.keys):
            return np.zeros(len(keys), dtype=bool)
        inside = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        known: npt.NDArray[np.bool_] = self.keys[inside] == keys
        return known

    def look(self, keys: Keys, *, told: bool = True) -> Looked:
        """Add up the impacts of keys, each of them once.

        Parameters
        ----------
        keys
            Sorted, without repetition.
        told
            Whether ``held`` is wanted; it costs as much as the scores.
        """
        here = self.holds(keys)
        places = np.searchsorted(self.keys, keys[here]).astype(np.int64)
        begin, stop = self.starts[places], self.starts[places + 1]
        index = _ranges(begin, stop)
        documents = self.documents[index]
        weights = np.round(self.weights[places] / IMPACT_STEP)
        held = np.repeat(weights, stop - begin) if told else np.zeros(0)
        known = float(weights.sum()) * IMPACT_STEP
        heaviest = float(self.weights.max(initial=0.0))
        return Looked(
            scores=self._added(documents, self.impacts[index]),
            possible=float(self.best[places].astype(np.float64).sum()) * IMPACT_STEP,
            places=places,
            known=known,
            asked=known + heaviest * int((~here).sum()),
            held=self._added(documents if told else documents[:0], held),
        )

    def _added(self, documents: npt.NDArray[Any], amounts: npt.NDArray[Any]) -> Floats:
        """Add whole numbers up by document: exact below 2**53."""
        total = np.bincount(documents, amounts, minlength=self.n_documents)
        return total.astype(np.float64) * IMPACT_STEP


@dataclass(frozen=True)
class Vectors:
    """Vectors of stems and of documents, whole numbers held in floats.

    Parameters
    ----------
    stems
        Shape (n_keys, n_dimensions), int8.
    documents
        Shape (n_documents, n_dimensions), whole numbers in float32.
    lengths
        Euclidean length of each document's vector, shape (n_documents,).
    """

    stems: npt.NDArray[np.int8]
    documents: npt.NDArray[np.float32]
    lengths: Floats

    @classmethod
    def of(cls, arrays: Arrays, name: str, n_keys: int, n_documents: int) -> "Vectors":
        """Take a channel's arrays, and check their shapes.

        Raises
        ------
        ManifestError
            An array is missing, or of another type or shape.
        """
        stems = _array(arrays, f"{name}_stems", "int8", n_axes=2)
        documents = _array(arrays, f"{name}_documents", "int8", n_axes=2)
        size = stems.shape[1]
        _require(
            stems.shape == (n_keys, size) and documents.shape == (n_documents, size),
            f"channel {name}: vectors of shape {stems.shape} and {documents.shape}",
            f"({n_keys}, d) and ({n_documents}, d)",
        )
        _require(
            1 <= size <= MOST_DIMENSIONS,
            f"channel {name}: {size} dimensions",
            f"1 to {MOST_DIMENSIONS}",
        )
        whole = documents.astype(np.float32)
        return cls(stems, whole, np.sqrt((whole * whole).sum(axis=1, dtype=np.float64)))

    def look(self, places: Places) -> Looked:
        """Return the cosines, none below 0, of documents with the sum of stems at ``places``.

        The sum is brought back to whole numbers of [-127, 127]: float32 then holds every
        partial sum of products, so that the result is the same in any order.
        """
        total = self.stems[places].sum(axis=0, dtype=np.int64).astype(np.float64)
        largest = np.abs(total).max(initial=1.0)
        vector = np.round(total * (LARGEST / largest)) if largest > LARGEST else total
        product = (self.documents @ vector.astype(np.float32)).astype(np.float64)
        lengths = self.lengths * np.sqrt((vector * vector).sum())
        scores = np.zeros(len(product))
        np.divide(product, lengths, out=scores, where=product > 0)
        return Looked(scores, 1.0, places, 0.0, 0.0, np.zeros(len(product)))


def _ranges(begin: Places, stop: Places) -> Places:
    """Return the whole numbers of [begin, stop), one range after the other.

    >>> _ranges(np.array([2, 7]), np.array([4, 8])).tolist()
    [2, 3, 7]
    """
    counts = stop - begin
    total = int(counts.sum())
    shift = np.repeat(begin - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    numbers: Places = np.arange(total, dtype=np.int64) + shift.astype(np.int64)
    return numbers


def _array(arrays: Arrays, name: str, kinds: str, *, n_axes: int = 1) -> npt.NDArray[Any]:
    if name not in arrays:
        raise ManifestError(f"no array {name}", expected=f"an array of {kinds}")
    found = arrays[name]
    _require(
        found.dtype.name in kinds.split() and found.ndim == n_axes,
        f"array {name}: {found.dtype} of {found.ndim} axes",
        f"{kinds} of {n_axes} axes",
    )
    return found


def _require(condition: bool, found: str, expected: str) -> None:  # noqa: FBT001 - reads as assert
    if not condition:
        raise ManifestError(found, expected=expected, remedy="export the bundle again")
