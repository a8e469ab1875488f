"""Above which chance to act without asking: fixed on the tuning period, then only used."""

from collections.abc import Mapping

import numpy as np

from common.lab.choices import Choices
from common.lab.usecase import Array, Examples
from usecases.citizen_requests.features import THRESHOLDS

__all__ = ["NEVER", "WANTED_PRECISION", "constant_state", "least_sure", "thresholds_of"]

WANTED_PRECISION = 0.90
"""Of what is acted on (goal of the brief, 6.1)."""
NEVER = 2.0
"""A threshold that no probability reaches."""
FEWEST = 20
"""Validation requests under which a threshold rests on nothing."""


def thresholds_of(examples: Examples, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the thresholds of a new site, from the tuning period's predictions.

    The first: chance of the best service from which nine in ten are right. The second: chance
    of the two best together from which nine in ten hold the right one.
    """
    scored = Choices.of(examples, outputs["p_service"])
    best_two = np.argsort(-scored.p, axis=1, kind="stable")[:, :2]
    hits = np.take_along_axis(scored.right, best_two, axis=1)
    either = np.logical_or(hits[:, 0], hits[:, 1])
    both = np.take_along_axis(scored.p, best_two, axis=1).sum(axis=1)
    found = [least_sure(scored.confidence, scored.hit), least_sure(both, either)]
    return {THRESHOLDS: np.array(found, dtype=np.float32)}


def least_sure(confidence: Array, right: Array, wanted: float = WANTED_PRECISION) -> float:
    """Return the least confidence from which a share ``wanted`` of the answers is right.

    Counted with one wrong answer more than was seen, so that a threshold does not rest on a
    lucky few; `NEVER` where there is none.

    >>> least_sure(np.array([0.9] * 30 + [0.5] * 30), np.array([1] * 30 + [0] * 30))
    0.9
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    taken = np.arange(1, len(order) + 1)
    sorted_confidence = confidence[order]
    # Rows of one confidence are acted on together: only the last of them may set a threshold.
    last = np.append(sorted_confidence[1:] < sorted_confidence[:-1], True)
    good = last & (hits / (taken + 1) >= wanted) & (taken >= FEWEST)
    if not good.any():
        return NEVER
    return float(sorted_confidence[np.flatnonzero(good).max()])


def constant_state(
    examples: Examples, outputs: Mapping[str, Array], default: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the same thresholds for every request: they are not changed while in use."""
    del outputs
    thresholds = np.asarray(default[THRESHOLDS])
    return {THRESHOLDS: np.broadcast_to(thresholds, (len(examples), *thresholds.shape)).copy()}
