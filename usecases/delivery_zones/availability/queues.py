"""Queues over the next hour: how many bays will be taken, from who is there and who comes.

Two of them. The birth-death queue M/M/c/c forgets how long vehicles have been there. The
semi-Markov queue knows: each stay in progress has its own chance of ending, given its age.
Both advance by steps of five minutes: stays end, then at most one vehicle arrives where a bay
is free. Array code, for numpy and for tracing.
"""

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul, rows_of
from usecases.delivery_zones.availability.kernels import HORIZON_MINUTES, MAX_BAYS

__all__ = [
    "N_STEPS",
    "STEP_MINUTES",
    "binomial",
    "constant",
    "full_share",
    "gather",
    "markov_queue",
    "parts_of",
    "semi_markov_queue",
]

STEP_MINUTES = 5
N_STEPS = HORIZON_MINUTES[-1] // STEP_MINUTES
READ_AFTER = tuple(minutes // STEP_MINUTES for minutes in HORIZON_MINUTES)
SIZE = MAX_BAYS + 1

_BEFORE, _AFTER = (axis.ravel() for axis in np.meshgrid(range(SIZE), range(SIZE), indexing="ij"))
_KEPT = (np.arange(SIZE)[:, None] == _AFTER).astype(np.float32)
"""Which power of « stays » each of the 49 transitions takes."""
_LEFT = (np.arange(SIZE)[:, None] == _BEFORE - _AFTER) * np.array(
    [comb(n, k) for n, k in zip(_BEFORE, _AFTER, strict=True)], dtype=np.float32
)
"""Which power of « leaves », times the number of ways."""
_TOTAL = np.add.outer(np.arange(SIZE), np.arange(SIZE))
_BY_TOTAL = (_TOTAL.reshape(-1, 1) == np.arange(SIZE)).astype(np.float32)
_ONE_MORE = np.eye(SIZE, k=1, dtype=np.float32)


def constant(xp: Any, values: Any) -> Any:
    """Return values as float32; in a graph the same values are one node."""
    array = np.ascontiguousarray(values, dtype=np.float32)
    return array if xp is np else _shared(array.tobytes(), np.shape(values))


@lru_cache(maxsize=512)
def _shared(content: bytes, shape: tuple[int, ...]) -> Any:
    import ndonnx

    return ndonnx.asarray(np.frombuffer(content, dtype=np.float32).reshape(shape))


def parts_of(xp: Any, values: Any, count: int) -> list[Any]:
    """Cut an array along its second axis into ``count`` arrays of length 1 there.

    >>> [part.tolist() for part in parts_of(np, np.array([[1, 2]]), 2)]
    [[[1]], [[2]]]
    """
    if xp is np:
        return list(np.split(values, count, axis=1))
    import spox.opset.ai.onnx.v21 as op

    return [xp.asarray(part) for part in op.split(values.unwrap_spox(), axis=1, num_outputs=count)]


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
    old = parts_of(xp, xp.permute_dims(_thinning(xp, old_stay), (0, 1, 3, 2)), N_STEPS)
    new = parts_of(xp, _thinning(xp, new_stay), N_STEPS)
    arrivals = parts_of(xp, xp.reshape(arrivals, (-1, N_STEPS, 1, 1)), N_STEPS)
    blocked = constant(xp, _TOTAL) >= xp.astype(xp.reshape(bays, (-1, 1, 1, 1)), xp.float32)
    open_ = xp.where(blocked, constant(xp, 0), constant(xp, 1))
    first = np.zeros((SIZE, SIZE, SIZE), dtype=np.float32)
    first[np.arange(SIZE), np.arange(SIZE), 0] = 1
    state = rows_of(xp, constant(xp, first[:, None]), occupied)
    found = []
    for step in range(N_STEPS):
        state = matmul(xp, old[step], state)
        if step:
            state = matmul(xp, state, new[step])
        arrive = state * open_ * arrivals[step]
        state = state - arrive + matmul(xp, arrive, constant(xp, _ONE_MORE))
        if step + 1 in READ_AFTER:
            found.append(state)
    flat = xp.reshape(xp.concat(found, axis=1), (-1, len(READ_AFTER), SIZE * SIZE))
    return matmul(xp, flat, constant(xp, _BY_TOTAL))


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
    kept = parts_of(xp, _thinning(xp, stay), N_STEPS)
    arrivals = parts_of(xp, xp.reshape(arrivals, (-1, N_STEPS, 1, 1)), N_STEPS)
    is_full = constant(xp, np.arange(SIZE)) >= xp.astype(
        xp.reshape(bays, (-1, 1, 1, 1)), xp.float32
    )
    open_ = xp.where(is_full, constant(xp, 0), constant(xp, 1))
    state = rows_of(xp, constant(xp, np.eye(SIZE)[:, None, None]), occupied)
    found = []
    for step in range(N_STEPS):
        state = matmul(xp, state, kept[step])
        arrive = state * open_ * arrivals[step]
        state = state - arrive + matmul(xp, arrive, constant(xp, _ONE_MORE))
        if step + 1 in READ_AFTER:
            found.append(state)
    return xp.reshape(xp.concat(found, axis=1), (-1, len(READ_AFTER), SIZE))


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
        Chance of each bay to be taken, (n, 1, steps).
    bays
        Integers (n,).
    """
    taken = xp.permute_dims(_within_one(xp, share), (0, 2, 1))
    places = constant(xp, np.arange(SIZE))
    left = xp.astype(xp.reshape(bays, (-1, 1, 1)), xp.float32) - places
    logs = places * xp.log(taken) + left * xp.log(constant(xp, 1) - taken)
    ways = [[comb(n, k) for k in range(SIZE)] for n in range(SIZE)]
    number = xp.expand_dims(rows_of(xp, constant(xp, ways), bays), axis=1)
    # Beyond the bays there is no way: a finite power of a finite number, times zero.
    return number * xp.exp(logs)


def _within_one(xp: Any, share: Any) -> Any:
    low, high = constant(xp, 1e-4), constant(xp, 1 - 1e-4)
    return xp.minimum(xp.maximum(share, low), high)


def _thinning(xp: Any, stay: Any) -> Any:
    """Return binomial transitions: row i, column j is P(j of i stay), (n, 12, 7, 7)."""
    stay = xp.reshape(stay, (-1, N_STEPS, 1))
    kept, gone = _powers(xp, stay), _powers(xp, constant(xp, 1) - stay)
    chosen = matmul(xp, kept, constant(xp, _KEPT)) * matmul(xp, gone, constant(xp, _LEFT))
    return xp.reshape(chosen, (-1, N_STEPS, SIZE, SIZE))


def _powers(xp: Any, base: Any) -> Any:
    """Return the powers 0 to 6 of (n, k, 1), (n, k, 7)."""
    powers = [xp.zeros_like(base) + constant(xp, 1), base]
    for _ in range(MAX_BAYS - 1):
        powers.append(powers[-1] * base)
    return xp.concat(powers, axis=2)
