"""Route by retrieval: which services the most similar earlier requests went to."""

from typing import TYPE_CHECKING

import numpy as np

from common.edge.textcodes import codes_of
from common.lab.graph.text import KINDS
from common.lab.textmodel import counted
from common.lab.usecase import Array, Dataset
from usecases.citizen_requests.requests.collection import requests_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["N_NEAREST", "votes_of_earlier"]

N_NEAREST = 10
"""Neighbours that vote, each with one over its rank (brief 4.2)."""
LEAST_ALIKE = 0.05
"""Cosine under which a text is no neighbour at all."""
COMPARED = ("word", "letters_4", "letters_5")
ROWS_AT_ONCE = 256

_KEPT: dict[str, Array] = {}
MOST_KEPT = 4


def votes_of_earlier(dataset: Dataset) -> Array:
    """Return the votes of the requests that were closed before each one arrived.

    Cosine of gram counts (words and sequences of 4 and 5 letters), 1 + ln(count); no weight is
    learnt from the texts, so that a later text changes nothing. What the service catalogue says
    votes too, as it is known from the start.

    Parameters
    ----------
    dataset
        Rows in order of time.

    Returns
    -------
    numpy.ndarray
        Shape (n_rows, n_services), float32: shares that add up to 1, or zeros where nothing
        is alike.
    """
    if dataset.digest not in _KEPT:
        while len(_KEPT) >= MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[dataset.digest] = _votes(dataset)
    return _KEPT[dataset.digest]


def _votes(dataset: Dataset) -> Array:
    n_services = len(dataset.extras["services"])
    phrases = dataset.extras.get("catalogue")
    texts = requests_of(dataset)["text"].fillna("").tolist()
    described = [] if phrases is None else phrases["text"].tolist()
    grams = _directions(codes_of([*described, *texts]))
    n_phrases = len(described)
    given = dataset.columns["service_code"]
    known = dataset.valid & (given >= 0) & (given < n_services)
    labels = np.where(known, given, -1).astype(np.int64)
    if phrases is not None:
        labels = np.concatenate([phrases["service_code"].to_numpy(dtype=np.int64), labels])
    stamps = dataset.times.as_unit("s").asi8
    # Rows are in order of time: what came before is a prefix, up to the same second.
    before = n_phrases + np.searchsorted(stamps, stamps, side="left")
    votes = np.zeros((len(texts), n_services), dtype=np.float32)
    for start in range(0, len(texts), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(texts)))
        alike = (grams[n_phrases + rows] @ grams.T).toarray()
        alike[np.arange(grams.shape[0]) >= before[rows][:, None]] = 0
        alike[:, labels < 0] = 0
        votes[rows] = _ballot(alike, labels, n_services)
    return votes


def _directions(codes: Array) -> "csr_array":
    """Return gram counts damped and brought to length 1."""
    from scipy.sparse import diags_array

    kept = np.concatenate(
        [np.arange(k.start, k.start + k.size) for k in KINDS if k.name in COMPARED]
    )
    counts = counted(codes)[:, kept]
    counts.data = 1 + np.log(counts.data)
    length = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    return (diags_array(1 / np.where(length > 0, length, 1)) @ counts).tocsr()


def _ballot(alike: Array, labels: Array, n_services: int) -> Array:
    """Let the most similar vote with one over their rank; ties go to the earlier.

    >>> _ballot(np.array([[0.9, 0.3, 0.0]]), np.array([1, 0, 1]), 2).round(3).tolist()
    ... # 1 and 1/2, over 3/2
    [[0.333, 0.667]]
    """
    order = np.argsort(-alike, axis=1, kind="stable")[:, :N_NEAREST]
    near = np.take_along_axis(alike, order, axis=1)
    weight = np.where(near > LEAST_ALIKE, 1 / np.arange(1, order.shape[1] + 1), 0.0)
    votes = np.zeros((len(alike), n_services))
    np.add.at(votes, (np.arange(len(alike))[:, None], np.maximum(labels[order], 0)), weight)
    total = votes.sum(axis=1, keepdims=True)
    shares: Array = votes / np.where(total > 0, total, 1)
    return shares
