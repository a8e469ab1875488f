"""What rungs share once a library has fitted them: its columns, and its own prediction.

The parity gate holds the graph against the library's prediction (`common.lab.usecase.Fitted`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from common.lab.usecase import Array, Training

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["boosted_score", "columns_of", "straight_line"]


def columns_of(training: Training, wanted: Sequence[str]) -> tuple[tuple[str, ...], Array]:
    """Return the names wanted, in the order of the task's terms, and their columns."""
    names = [term.name for term in training.terms]
    kept = [place for place, name in enumerate(names) if name in set(wanted)]
    return tuple(names[place] for place in kept), training.matrix[:, kept]


def straight_line(slopes: Array, means: Array, baseline: float, X: Array) -> Array:
    """Return a linear prediction, shape (lines,).

    >>> straight_line(np.array([2.0]), np.array([3.0]), 10.0, np.array([[5.0]]))
    array([14.])
    """
    answer: Array = baseline + (X - means) @ slopes
    return answer


def boosted_score(booster: "Booster", X: Array) -> Array:
    """Return LightGBM's own prediction on the scale that it boosts, shape (lines,)."""
    answer: Array = np.asarray(booster.predict(X, raw_score=True, num_threads=1))
    return answer
