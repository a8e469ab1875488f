"""Fit linear models on the grams of texts, and put their weights into the table of a graph.

The grams are those of `common.lab.graph.text`, run in numpy: what is learnt on is what the graph
reads, to the bucket.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.text import KINDS, N_BUCKETS, fold, grams
from common.lab.graph.text_head import BLOCKS, TextTable

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Weighing", "counted", "linear_fit", "softmax"]

ROWS_AT_ONCE = 64
UNSEEN = -8.0
"""Prior of a class that no text was seen of: a chance of about 1 in 3,000."""
Array = npt.NDArray[Any]


def counted(codes: npt.NDArray[np.int64]) -> "csr_array":
    """Count the grams of each text, shape (n, N_BUCKETS), float64.

    Parameters
    ----------
    codes
        Shape (n, length); rows are read a few at a time, cut to their longest text.
    """
    from scipy.sparse import coo_array

    rows, buckets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    used = (codes != 0).any(axis=0)
    width = int(np.flatnonzero(used).max(initial=0)) + 1
    for start in range(0, len(codes), ROWS_AT_ONCE):
        for gram in grams(np, fold(np, codes[start : start + ROWS_AT_ONCE, :width]))[0]:
            row, _ = np.nonzero(gram.present)
            rows.append(row + start)
            buckets.append(gram.buckets[gram.present])
    place = (np.concatenate(rows), np.concatenate(buckets))
    table = coo_array((np.ones(len(place[0])), place), shape=(len(codes), N_BUCKETS)).tocsr()
    table.sum_duplicates()
    return table


@dataclass(frozen=True)
class Weighing:
    """Which grams are known and how much each matters in the norm of its text.

    Parameters
    ----------
    buckets
        The known grams, sorted, shape (n_known,).
    importance
        Inverse document frequency of each, ``1 + ln((1 + n) / (1 + n_texts_with_it))``.
    """

    buckets: npt.NDArray[np.int64]
    importance: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, counts: "csr_array", *, at_least: int = 1, families: Sequence[str] = tuple(BLOCKS)
    ) -> "Weighing":
        """Know the grams of these texts that occur in ``at_least`` of them.

        Parameters
        ----------
        counts
            As `counted` gives them.
        families
            Blocks that are used: ``words``, ``letters`` or both.
        """
        wanted = [kind for block in families for kind in BLOCKS[block]]
        allowed = np.zeros(N_BUCKETS, dtype=bool)
        for kind in KINDS:
            allowed[kind.start : kind.start + kind.size] = kind.name in wanted
        texts = np.bincount(counts.indices, minlength=N_BUCKETS)
        known = np.flatnonzero(allowed & (texts >= at_least))
        return cls(known, 1 + np.log((1 + counts.shape[0]) / (1 + texts[known])))

    def features(self, counts: "csr_array") -> "csr_array":
        """Return importance times count over the norm of its block, shape (n, n_known).

        The norm is that of `TextHead`: the square root of the sum of squared importances over
        all occurrences.
        """
        from scipy.sparse import diags_array

        known = counts[:, self.buckets]
        blocks = self._blocks()
        weighed = known @ diags_array(self.importance)
        inverse = []
        for block in range(len(BLOCKS)):
            squares = known @ np.where(blocks == block, self.importance**2, 0.0)
            inverse.append(np.where(squares > 0, 1 / np.sqrt(np.where(squares > 0, squares, 1)), 0))
        scaled = sum(
            diags_array(factor) @ weighed @ diags_array((blocks == block) * 1.0)
            for block, factor in enumerate(inverse)
        )
        return scaled.tocsr()

    def table(self, coefficients: Array) -> TextTable:
        """Return the graph's table of a linear model on `features`, shape (n_known, K)."""
        return TextTable.of(self.buckets, coefficients * self.importance[:, None], self.importance)

    def _blocks(self) -> Array:
        """Return the index of each known gram's block."""
        block_of = {kind: i for i, kinds in enumerate(BLOCKS.values()) for kind in kinds}
        starts = np.array([kind.start for kind in KINDS])
        order = np.array([block_of[kind.name] for kind in KINDS])
        blocks: Array = order[np.searchsorted(starts, self.buckets, side="right") - 1]
        return blocks


def linear_fit(
    features: "csr_array", classes: Array, n_classes: int, *, strength: float, weight: Array
) -> tuple[Array, Array]:
    """Fit a multinomial ridge regression; classes never seen get weight 0 and a low prior.

    Parameters
    ----------
    features
        Shape (n, d).
    classes
        Class of each text, in [0, n_classes).
    strength
        Inverse strength ``C`` of the ridge.
    weight
        Weight of each text.

    Returns
    -------
    coefficients, intercepts
        Shape (d, n_classes) and (n_classes,), centred over the classes.
    """
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(classes)
    if not len(seen):
        raise UsageError("no text to learn from", expected="at least one")
    coefficients = np.zeros((features.shape[1], n_classes))
    intercepts = np.full(n_classes, UNSEEN)
    if len(seen) == 1:
        intercepts[seen] = 0.0
        return coefficients, intercepts
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(features, classes, sample_weight=weight)
    found, base = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn gives the second class's log-odds only
        found, base = np.vstack([-found[0], found[0]]) / 2, np.array([-base[0], base[0]]) / 2
    coefficients[:, seen] = found.T
    intercepts[seen] = base
    return coefficients, intercepts


def softmax(scores: Array) -> Array:
    """Return probabilities of scores of shape (n, K).

    >>> softmax(np.array([[0.0, np.log(3)]])).round(6).tolist()
    [[0.25, 0.75]]
    """
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Array = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities
