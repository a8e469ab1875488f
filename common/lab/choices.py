"""One answer out of several, held against what was right: rows ready to be scored.

The counterpart of `common.lab.probabilities` for tasks whose answer is a choice: the service that
a request goes to. A request may have several right answers (any of them counts).
"""

from dataclasses import dataclass

import numpy as np

from common.edge.errors import DataError
from common.lab.probabilities import EVERYTHING
from common.lab.usecase import Array, Examples

__all__ = ["Choices", "brier_losses", "shared_truth"]


@dataclass(frozen=True)
class Choices:
    """Probabilities of each class beside the classes that are right.

    Parameters
    ----------
    p
        Probabilities, each row adding up to 1, shape (n, K).
    right
        True for every right class, shape (n, K), at least one a row.
    blocks
        What intervals draw from: requests, or the dossiers they belong to, sorted,
        shape (n_blocks,).
    block
        Index of each row's block, shape (n,).
    taken
        True where the model acts without asking (its threshold was fixed before), shape (n,).
    """

    p: Array
    right: Array
    blocks: Array
    block: Array
    taken: Array

    def __post_init__(self) -> None:
        if not np.isfinite(self.p).all() or np.abs(self.p.sum(axis=1) - 1).max(initial=0) > 1e-3:
            raise DataError("rows of probabilities that do not add up to 1", expected="each does")
        if not self.right.any(axis=1).all():
            raise DataError("a row without a right class", expected="at least one each")

    def __len__(self) -> int:
        return len(self.p)

    @property
    def units(self) -> Array:
        """The one unit: every request counts the same."""
        return np.array([EVERYTHING])

    @classmethod
    def of(cls, examples: Examples, p: Array, taken: Array | None = None) -> "Choices":
        """Hold outputs against examples whose target is 1 at right classes, NaN if unknown."""
        known = np.isfinite(examples.target).all(axis=1)
        blocks, block = np.unique(examples.blocks[known], return_inverse=True)
        chosen = np.zeros(len(examples), dtype=bool) if taken is None else taken
        return cls(
            p=np.asarray(p, dtype=np.float64)[known],
            right=examples.target[known] > 0.5,
            blocks=blocks,
            block=block,
            taken=chosen[known],
        )

    @property
    def chosen(self) -> Array:
        """The class given the most, shape (n,)."""
        best: Array = self.p.argmax(axis=1)
        return best

    @property
    def confidence(self) -> Array:
        """The probability of the chosen class, shape (n,)."""
        highest: Array = self.p.max(axis=1)
        return highest

    @property
    def hit(self) -> Array:
        """Whether the chosen class is right, shape (n,)."""
        return self.right[np.arange(len(self)), self.chosen]

    @property
    def truth(self) -> Array:
        """The right class; where there are several, the chosen one if it is among them."""
        return np.where(self.hit, self.chosen, self.right.argmax(axis=1))

    def weights(self, counts: Array) -> Array:
        """Return how often each row is drawn, shape (n_draws, n), from blocks' counts."""
        drawn: Array = counts[:, self.block]
        return drawn


def shared_truth(right: Array, p: Array) -> Array:
    """Return the truth of each row, adding up to 1: several right classes share it as ``p`` does.

    Evenly where ``p`` gives nothing to any of them: no way of choosing among right answers
    costs anything.

    Parameters
    ----------
    right, p
        Whether each class is right, and its chance, shape (n, K).

    Examples
    --------
    >>> shared_truth(np.array([[True, True, False]]), np.array([[0.6, 0.2, 0.2]])).round(2).tolist()
    ... # 0.6 / 0.8 and 0.2 / 0.8
    [[0.75, 0.25, 0.0]]
    """
    share = np.where(right, np.asarray(p, dtype=np.float64), 0.0)
    total = share.sum(axis=1, keepdims=True)
    even = right / np.maximum(right.sum(axis=1, keepdims=True), 1)
    truth: Array = np.where(total > 0, share / np.where(total > 0, total, 1), even)
    return truth


def brier_losses(examples: Examples, p: Array) -> tuple[Array, Array, Array]:
    """Return the unit, block and loss of each row, as ``Task.unit_losses`` does.

    The loss is the multi-class Brier score of the row: the sum over classes of the squared
    difference of probability and truth (`shared_truth`), in [0, 2] (Brier 1950).

    Parameters
    ----------
    examples
        Rows with targets of shape (n, K): 1 for right classes; NaN where unknown.
    p
        Probabilities, shape (n, K).
    """
    loss = ((p - shared_truth(examples.target > 0.5, p)) ** 2).sum(axis=1)
    loss = np.where(np.isfinite(examples.target).all(axis=1), loss, np.nan)
    return np.full(len(examples), EVERYTHING), examples.blocks, loss
