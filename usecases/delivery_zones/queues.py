"""Queues over the next hour: how many bays will be taken, from who is there and who comes.

Two of them. The birth-death queue M/M/c/c forgets how long vehicles have been there. The
semi-Markov queue knows: each stay in progress has its own chance of ending, given its age.
Both advance by steps of five minutes: stays end, then at most one vehicle arrives where a bay
is free. Array code, for numpy and for tracing.
"""

from math import comb
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul, rows_of
from usecases.delivery_zones.kernels import HORIZON_MINUTES, MAX_BAYS

__all__ = [
    "N_STEPS",
    "STEP_MINUTES",
    "binomial",
    "constant",
    "full_share",
    "gather",
    "markov_queue",
    "semi_markov_queue",
]

STEP_MINUTES = 5
N_STEPS = HORIZON_MINUTES[-1] // STEP_MINUTES
READ_AFTER = tuple(minutes // STEP_MINUTES for minutes in HORIZON_MINUTES)
SIZE = MAX_BAYS + 1

_BEFORE, _AFTER = (axis.ravel() for axis in np.meshgrid(range(SIZE), range(SIZE), indexing="ij"))
_GONE = np.maximum(_BEFORE - _AFTER, 0)
_WAYS = np.array([comb(n, k) for n, k in zip(_BEFORE, _AFTER, strict=True)], dtype=np.float32)
_TOTAL = np.add.outer(np.arange(SIZE), np.arange(SIZE))
_BY_TOTAL = (_TOTAL.reshape(-1, 1) == np.arange(SIZE)).astype(np.float32)
_ONE_MORE = np.eye(SIZE, k=1, dtype=np.float32)


def constant(xp: Any, values: Any) -> Any:
    """Return values as float32."""
    return xp.asarray(np.asarray(values, dtype=np.float32))


def gather(xp: Any, values: Any, places: Any) -> Any:
    """Take along the last axis, (n, k) at integer places (n, m).

    >>> gather(np, np.array([[5.0, 6.0]]), np.array([[1, 1, 0]])).tolist()
    [[6.0, 6.0, 5.0]]
    """
    if xp is np:
        return np.take_along_axis(values, places, axis=1)
    import spox.opset.ai.onnx.v21 as op

    return xp.asarray(op.gather_elements(values.unwrap_spox(), places.unwrap_spox(), axis=1))


def semi_markov_queue(
    xp: Any, occupied: Any, bays: Any, old_stay: Any, new_stay: Any, arrivals: Any
) -> Any:
    """Return the distribution of the occupied bays after 15, 30 and 60 min.

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    occupied
        Occupied bays now, integers (n,), at most ``bays``.
    bays
        Bays, integers (n,), 1 to 6.
    old_stay
        Mean chance, over the vehicles there now and still there, to stay one step more,
        (n, 12). A mean field: they share it, bay by bay they may differ.
    new_stay
        The same for those who arrived since, (n, 12).
    arrivals
        Chance of an arrival within each step, (n, 12).

    Returns
    -------
    array
        (n, 3, 7): probability of 0 to 6 occupied bays.
    """
    old, new = _thinning(xp, old_stay), _thinning(xp, new_stay)
    blocked = constant(xp, _TOTAL) >= xp.astype(xp.reshape(bays, (-1, 1, 1)), xp.float32)
    open_ = xp.where(blocked, constant(xp, 0), constant(xp, 1))
    first = np.zeros((SIZE, SIZE, SIZE), dtype=np.float32)
    first[np.arange(SIZE), np.arange(SIZE), 0] = 1
    state = rows_of(xp, xp.asarray(first), occupied)
    found = []
    for step in range(N_STEPS):
        state = matmul(xp, xp.permute_dims(old[:, step, :, :], (0, 2, 1)), state)
        if step:
            state = matmul(xp, state, new[:, step, :, :])
        arrive = state * open_ * arrivals[:, step : step + 1, None]
        state = state - arrive + matmul(xp, arrive, xp.asarray(_ONE_MORE))
        if step + 1 in READ_AFTER:
            flat = xp.reshape(state, (-1, 1, SIZE * SIZE))
            found.append(matmul(xp, flat, xp.asarray(_BY_TOTAL)))
    return xp.concat(found, axis=1)


def markov_queue(xp: Any, occupied: Any, bays: Any, stay: Any, arrivals: Any) -> Any:
    """Return the distribution of the occupied bays of M/M/c/c, (n, 3, 7).

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    occupied, bays
        Integers (n,).
    stay
        Chance of any vehicle to stay one step more, (n, 12).
    arrivals
        Chance of an arrival within each step, (n, 12).
    """
    kept = _thinning(xp, stay)
    places = constant(xp, np.arange(SIZE))
    is_full = places >= xp.astype(xp.reshape(bays, (-1, 1, 1)), xp.float32)
    open_ = xp.where(is_full, constant(xp, 0), constant(xp, 1))
    state = rows_of(xp, xp.asarray(np.eye(SIZE, dtype=np.float32)[:, None, :]), occupied)
    found = []
    for step in range(N_STEPS):
        state = matmul(xp, state, kept[:, step, :, :])
        arrive = state * open_ * arrivals[:, step : step + 1, None]
        state = state - arrive + matmul(xp, arrive, xp.asarray(_ONE_MORE))
        if step + 1 in READ_AFTER:
            found.append(state)
    return xp.concat(found, axis=1)


def full_share(xp: Any, distribution: Any, bays: Any) -> Any:
    """Return the probability that every bay is taken, (n, steps) of (n, steps, 7)."""
    at = constant(xp, np.arange(SIZE)) == xp.astype(xp.reshape(bays, (-1, 1, 1)), xp.float32)
    return xp.sum(xp.where(at, distribution, constant(xp, 0)), axis=2)


def binomial(xp: Any, share: Any, bays: Any) -> Any:
    """Return the distribution of occupied bays if each were taken alone, (n, steps, 7).

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    share
        Chance of each bay to be taken, (n, steps).
    bays
        Integers (n,).
    """
    taken = _within_one(xp, xp.expand_dims(share, axis=2))
    kept, gone = _powers(xp, taken), _powers(xp, constant(xp, 1) - taken)
    left = np.maximum(np.arange(SIZE)[:, None] - np.arange(SIZE), 0)
    ways = [[comb(n, k) for k in range(SIZE)] for n in range(SIZE)]
    ways = xp.expand_dims(rows_of(xp, constant(xp, ways), bays), axis=1)
    places = xp.expand_dims(rows_of(xp, xp.asarray(left.astype(np.int64)), bays), axis=1)
    chosen = xp.zeros_like(gone)
    for power in range(SIZE):
        here = xp.where(places == power, constant(xp, 1), constant(xp, 0))
        chosen = chosen + here * gone[:, :, power : power + 1]
    return kept * chosen * ways


def _within_one(xp: Any, share: Any) -> Any:
    return xp.minimum(xp.maximum(share, constant(xp, 0)), constant(xp, 1))


def _thinning(xp: Any, stay: Any) -> Any:
    """Return binomial transitions: row i, column j is P(j of i stay), (n, 12, 7, 7)."""
    stay = xp.reshape(stay, (-1, N_STEPS, 1))
    leave = constant(xp, 1) - stay
    kept, gone = _powers(xp, stay), _powers(xp, leave)
    kept = xp.take(kept, xp.asarray(_AFTER.astype(np.int64)), axis=2)
    gone = xp.take(gone, xp.asarray(_GONE.astype(np.int64)), axis=2)
    return xp.reshape(kept * gone * xp.asarray(_WAYS), (-1, N_STEPS, SIZE, SIZE))


def _powers(xp: Any, base: Any) -> Any:
    """Return the powers 0 to 6 of (n, 12, 1), (n, 12, 7)."""
    powers = [xp.zeros_like(base) + constant(xp, 1)]
    for _ in range(MAX_BAYS):
        powers.append(powers[-1] * base)
    return xp.concat(powers, axis=2)
