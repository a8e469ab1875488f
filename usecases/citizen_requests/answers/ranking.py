"""Ranks, what is counted of them, and intervals that draw whole sheets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError

__all__ = [
    "MEASURES",
    "NOT_FOUND",
    "Interval",
    "clustered",
    "difference",
    "rank_in_list",
    "rank_of",
    "summary",
]

Array = npt.NDArray[np.float64]

NOT_FOUND = np.inf
"""Rank of what was not ranked at all."""
DEPTH = 10
N_DRAWS = 2_000


def _within(k: int) -> Callable[[Array], Array]:
    return lambda ranks: (ranks <= k).astype(np.float64)


def _reciprocal(ranks: Array) -> Array:
    return np.where(ranks <= DEPTH, 1 / ranks, 0.0)


def _gain(ranks: Array) -> Array:
    """Return nDCG@10 of one right document: 1 / log2(1 + rank) (Järvelin and Kekäläinen, 2002)."""
    return np.where(ranks <= DEPTH, 1 / np.log2(1 + ranks), 0.0)


MEASURES: Mapping[str, Callable[[Array], Array]] = {
    **{f"R@{k}": _within(k) for k in (1, 3, 5, 10, 20)},
    "MRR@10": _reciprocal,
    "nDCG@10": _gain,
}
"""Name to what each question's rank is worth; all are means over questions."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    value: float
    low: float
    high: float


def rank_of(scores: Array, right: Sequence[int]) -> float:
    """Return the rank of the best right document; ties count against the system.

    Parameters
    ----------
    scores
        Of every document, shape (n_documents,); 0 for one that was not found.
    right
        Numbers of the right documents (two rows may bear one id).

    Examples
    --------
    Three documents share the highest score: the right one is third.

    >>> rank_of(np.array([0.5, 0.5, 0.5, 0.1]), [0])
    3.0
    """
    best = max(float(scores[place]) for place in right)
    if not best > 0:
        return NOT_FOUND
    others = np.delete(scores, list(right))
    return float(1 + (others >= best).sum())


def rank_in_list(ranked: Sequence[str], right: str) -> float:
    """Return the place of an id in a ranked list, `NOT_FOUND` where it is absent.

    >>> rank_in_list(["67", "501"], "501"), rank_in_list(["67"], "501")
    (2.0, inf)
    """
    return float(ranked.index(right) + 1) if right in ranked else NOT_FOUND


def clustered(values: Array, clusters: Sequence[str], seed: int = 0) -> Interval:
    """Return the mean over questions and its bootstrap interval over clusters.

    All questions of one sheet are drawn together: their wordings fail together.

    Raises
    ------
    UsageError
        There is no question.
    """
    if not len(values):
        raise UsageError("no question to average over", expected="at least one")
    _, place = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=N_DRAWS)
    means = (drawn @ sums) / (drawn @ counts)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))


def summary(ranks: Sequence[float], clusters: Sequence[str], seed: int = 0) -> dict[str, Interval]:
    """Return every measure of one system, with its interval."""
    held = np.asarray(ranks, dtype=np.float64)
    return {name: clustered(worth(held), clusters, seed) for name, worth in MEASURES.items()}


def difference(
    ours: Sequence[float], theirs: Sequence[float], clusters: Sequence[str], seed: int = 0
) -> dict[str, Interval]:
    """Return ours minus theirs for every measure, question by question, drawn by sheet.

    Raises
    ------
    UsageError
        The two do not answer the same questions.
    """
    first, second = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if first.shape != second.shape or len(first) != len(clusters):
        raise UsageError(
            f"{len(first)}, {len(second)} ranks and {len(clusters)} clusters",
            expected="one of each per question",
        )
    return {
        name: clustered(worth(first) - worth(second), clusters, seed)
        for name, worth in MEASURES.items()
    }
