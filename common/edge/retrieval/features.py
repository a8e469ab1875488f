"""What a search says of itself: votes of the first documents, and features of confidence."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from common.edge.retrieval.postings import Looked
from common.edge.retrieval.settings import OF_A_CHANNEL, OF_ALL, RetrievalSettings

__all__ = ["features_of", "votes_of"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

NEAR, FAR = 5, 10
"""Ranks against which the first one's lead is told, and to which lists are compared."""


def votes_of(best: Places, labels: Floats, depth: int) -> Floats:
    """Return each label's share of the votes; the document of rank r has 1/r.

    >>> votes_of(np.array([1, 0]), np.array([[1.0, 0.0], [0.0, 1.0]]), 10).round(3).tolist()
    [0.333, 0.667]
    """
    first = best[:depth]
    if not len(first):
        return np.zeros(labels.shape[1])
    say = 1 / np.arange(1.0, len(first) + 1)
    votes: Floats = (say[:, None] * labels[first]).sum(axis=0) / say.sum()
    return np.minimum(votes, 1.0)


def features_of(
    settings: RetrievalSettings,
    stems: Sequence[str],
    looked: Mapping[str, Looked],
    best: Places,
    fused: Floats,
    votes: Floats,
) -> Floats:
    """Return the features of one search, as ``settings.feature_names``; 0 where nothing is found.

    Parameters
    ----------
    settings, stems, looked
        Of the search.
    best
        Documents, the best first, at least 10 where there are as many.
    fused
        Scores of all documents.
    votes
        Of the labels.
    """
    words = looked[settings.channels[0].name]
    values = [
        *_whole(words, best, fused),
        float(np.log1p(len(stems))),
        float(votes.max(initial=0.0)),
    ]
    for channel in settings.channels:
        values += _of_channel(looked[channel.name], best)
    return np.array(values)


def _whole(words: Looked, best: Places, fused: Floats) -> list[float]:
    if not len(best):
        return [0.0] * (len(OF_ALL) - 2)
    asked = max(words.asked, 1e-9)
    return [
        float(fused[best[0]]),
        *_leads(fused[best]),
        words.known / asked,
        float(words.held[best[0]]) / asked,
        float(words.held[best[:3]].max()) / asked,
        float(np.log1p(words.asked)),
    ]


def _of_channel(looked: Looked, best: Places) -> list[float]:
    scores = looked.scores
    if not len(best) or not scores.max(initial=0.0) > 0:
        return [0.0] * len(OF_A_CHANNEL)
    n_top = min(FAR, len(scores))
    top = np.sort(np.partition(scores, len(scores) - n_top)[len(scores) - n_top :])[::-1]
    edge = top[min(NEAR, n_top) - 1]
    near = best[:NEAR]
    agreement = float(((scores[near] >= edge) & (scores[near] > 0)).mean())
    rank = 1 + int((scores > scores[best[0]]).sum())
    share = float(top[0]) / max(looked.possible, 1e-9)
    return [share, *_leads(top), agreement, 1 / rank]


def _leads(falling: Floats) -> list[float]:
    """Return the lead of the first score over the 2nd, 5th and 10th, relative to the first.

    >>> _leads(np.array([4.0, 3.0, 2.0, 2.0, 1.0]))  # of five documents, the 10th has 0
    [0.25, 0.75, 1.0]
    """
    first = float(falling[0])
    if not first > 0:
        return [0.0, 0.0, 0.0]
    padded = np.zeros(FAR)
    padded[: min(FAR, len(falling))] = falling[:FAR]
    return [float(1 - padded[rank - 1] / first) for rank in (2, NEAR, FAR)]
