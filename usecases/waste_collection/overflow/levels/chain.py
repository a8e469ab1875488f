"""A container's own table of daily steps between levels, and its roll-out over a week."""

from typing import Any

import numpy as np

from common.lab.graph.arrays import matmul
from common.lab.usecase import Array

__all__ = [
    "FULL_STATE",
    "N_STATES",
    "STATE_PERCENT",
    "hazards",
    "one_hot",
    "own_table",
    "rolled",
    "states_of",
    "with_collections",
]

N_STATES = 6
STATE_PERCENT = 20.0
"""States are steps of 20 % (0 to 100), as Wyndham's sensors give them."""
FULL_STATE = 4
"""From this state on the container is at 80 % or more."""
OWN_CASES = 3.0
"""Cases by which the city's table stands beside a container's own: 1 to 30 were tried on the
training and tuning years (1 to 3 alike, 10 and more worse)."""
LOWEST_HAZARD = 1e-4
COLLECTED_SHARES = (0.0, 0.07, 0.09, 0.17, 0.87, 0.87)
"""Share of containers emptied within a day of each level, Wyndham's training period rounded."""


def states_of(xp: Any, level_percent: Any) -> Any:
    """Return the state of each level, int64; levels must be known.

    >>> states_of(np, np.array([0.0, 19.0, 60.0, 79.0, 80.0, 130.0])).tolist()
    [0, 0, 3, 3, 4, 5]
    """
    step = xp.floor(level_percent / np.float32(STATE_PERCENT))
    low, high = xp.zeros_like(step), xp.zeros_like(step) + np.float32(N_STATES - 1)
    return xp.astype(xp.minimum(xp.maximum(step, low), high), xp.int64)


def one_hot(xp: Any, states: Any) -> Any:
    """Return 1 on each state's place and 0 elsewhere, float32, one more axis."""
    places = xp.asarray(np.arange(N_STATES, dtype=np.int64))
    return xp.astype(xp.expand_dims(states, axis=-1) == places, xp.float32)


def own_table(xp: Any, now: Any, then: Any, kept: Any, city: Any) -> Any:
    """Count a container's daily steps, those of the city standing in for what is rare.

    Parameters
    ----------
    now, then
        States of successive days, int64, shape (n, n_days).
    kept
        Which steps count.
    city
        The city's table, shape (n, 6, 6), rows adding up to 1.

    Returns
    -------
    array
        Shape (n, 6, 6): chance of each state a day later.

    Examples
    --------
    Two steps from 0 to 20 %, over a city that never moves: (2 + 0) / (2 + 3).

    >>> states = np.array([[0, 0]]), np.array([[1, 1]])
    >>> table = own_table(np, *states, np.array([[True, True]]), np.eye(6, dtype="float32")[None])
    >>> table[0, 0, :2].tolist()
    [0.6000000238418579, 0.4000000059604645]
    """
    first = one_hot(xp, now) * xp.expand_dims(xp.astype(kept, xp.float32), axis=-1)
    second = one_hot(xp, then)
    counts = matmul(xp, xp.permute_dims(first, (0, 2, 1)), second)
    cases = counts + city * np.float32(OWN_CASES)
    return cases / xp.sum(cases, axis=2, keepdims=True)


def with_collections(xp: Any, city: Any) -> Any:
    """Return the city's table with crews at work: some of each row goes to empty.

    >>> with_collections(np, np.eye(6, dtype="float32")[None])[0, 3].round(2).tolist()
    [0.17000000178813934, 0.0, 0.0, 0.8299999833106995, 0.0, 0.0]
    """
    emptied = np.array(COLLECTED_SHARES, dtype=np.float32)[:, None]
    to_empty = emptied * np.eye(N_STATES, dtype=np.float32)[0]
    return city * xp.asarray(1 - emptied) + xp.asarray(to_empty)


def rolled(xp: Any, start: Any, table: Any, n_days: int) -> list[Any]:
    """Return the chances of each state after 1, 2, ... days, each of shape (n, 6)."""
    chances, days = xp.expand_dims(start, axis=1), []
    for _ in range(n_days):
        chances = matmul(xp, chances, table)
        days.append(chances[:, 0, :])
    return days


def hazards(xp: Any, reached: Any) -> Any:
    """Return log-odds of reaching the level on each day, not having reached it before.

    Parameters
    ----------
    reached
        Chance of having reached it by day 0 (today), 1, ... 7, shape (n, 8).

    Returns
    -------
    array
        Shape (n, 7), float32; a fall of the chance counts as no change.

    >>> hazards(np, np.array([[0.0, 0.5, 0.75]], dtype="float32")).tolist()  # evens, twice
    [[0.0, 0.0]]
    """
    lowest = np.float32(LOWEST_HAZARD)
    left = np.float32(1) - reached[:, :-1]
    left = xp.where(left > lowest, left, xp.zeros_like(left) + lowest)
    chance = (reached[:, 1:] - reached[:, :-1]) / left
    zeros = xp.zeros_like(chance)
    chance = xp.minimum(xp.maximum(chance, zeros + lowest), zeros + (np.float32(1) - lowest))
    return xp.log(chance / (np.float32(1) - chance))


def default_city_table() -> Array:
    """Return Wyndham's table of the training period, rounded: what a new place starts with."""
    return np.array(WYNDHAM_TABLE, dtype=np.float32)


WYNDHAM_TABLE = (
    (0.713, 0.086, 0.087, 0.053, 0.056, 0.005),
    (0.0, 0.468, 0.252, 0.156, 0.108, 0.016),
    (0.0, 0.0, 0.415, 0.33, 0.247, 0.008),
    (0.0, 0.0, 0.0, 0.419, 0.556, 0.025),
    (0.0, 0.0, 0.0, 0.0, 0.891, 0.109),
    (0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
)
"""Shares of the 22 headline bins up to March 2020."""
