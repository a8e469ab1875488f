"""Loss queues: how often all bays are taken, from arrivals and stays a traffic engineer can check.

A driver who finds no free bay leaves or double-parks: the model is the loss system M/G/c/c, whose
blocking (Erlang B) depends on the stays only through their mean. Three facts of the street need
more than the textbook formula: arrivals change with the hour while stays last (modified offered
load), only accepted arrivals are seen (censoring), and the next quarter of an hour depends on the
bays taken now (transient).

References
----------
.. [1] A. K. Erlang (1917), "Solution of some problems in the theory of probabilities of
   significance in automatic telephone exchanges" - the formula; the recursion and its use for any
   law of stays are in texts on teletraffic (V. B. Iversen, *Teletraffic Engineering Handbook*).
.. [2] D. L. Jagerman (1975), "Nonstationary blocking in telephone traffic", Bell Syst. Tech. J. 54
   - modified offered load.
.. [3] S. G. Eick, W. A. Massey, W. Whitt (1993), "The physics of the M_t/G/infinity queue",
   Operations Research 41(4) - the load of arrivals that change with time.
.. [4] W. A. Massey, W. Whitt (1994), "An analysis of the modified offered-load approximation for
   the nonstationary Erlang loss model", Annals of Applied Probability 4(4).
"""

import math

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array

__all__ = [
    "bays_for_blocking",
    "erlang_b",
    "modified_offered_load",
    "occupancy_transition",
    "offered_from_carried",
    "stay_profile",
]

MAX_BAYS = 1_000
"""More bays than any zone has: a search that reaches it was asked the impossible."""

BISECTIONS = 80
"""Halvings of a bracket: 2**-80 of it is below the rounding of a float."""


def erlang_b(bays: int, offered_load: Array | float) -> Array:
    r"""Return the share of arrivals that find all bays taken.

    Stable recursion :math:`B_0 = 1`, :math:`B_n = a B_{n-1} / (n + a B_{n-1})` ([1]_).

    Parameters
    ----------
    bays
        Number of bays, at least 0.
    offered_load
        Arrivals per hour times mean stay in hours (erlang), any shape, not negative.

    Raises
    ------
    UsageError
        ``bays`` is negative or a load is negative or not a number.

    Examples
    --------
    Two bays and one erlang: :math:`(1/2) / (1 + 1 + 1/2) = 0.2`.

    >>> float(erlang_b(2, 1.0))
    0.2

    Textbook tables: 10 lines and 5 erlang block 1.84 % of the calls.

    >>> round(float(erlang_b(10, 5.0)), 4)
    0.0184
    """
    load = np.asarray(offered_load, dtype=np.float64)
    if bays < 0 or not np.all(load >= 0):
        raise UsageError(
            f"{bays} bays, lowest load {load.min() if load.size else math.nan} erlang",
            expected="at least 0 bays and loads that are numbers not below 0",
            remedy="check the arrivals and the stays the load was made of",
        )
    blocking = np.ones_like(load)
    for n in range(1, bays + 1):
        blocking = load * blocking / (n + load * blocking)
    return blocking


def bays_for_blocking(offered_load: float, level: float) -> int:
    """Return the smallest number of bays whose blocking is at most ``level``.

    Parameters
    ----------
    offered_load
        Load in erlang, not negative.
    level
        Highest accepted share of refused arrivals, in (0, 1].

    Raises
    ------
    UsageError
        The level is out of range or `MAX_BAYS` bays do not do.

    Examples
    --------
    Erlang's table: 5 erlang at 1 % need 11 bays (B(10) = 1.84 %, B(11) = 0.83 %).

    >>> bays_for_blocking(5.0, 0.01)
    11
    >>> bays_for_blocking(0.0, 0.05)
    1
    """
    if not 0 < level <= 1:
        raise UsageError(
            f"blocking level {level}",
            expected="a share in (0, 1], such as 0.05",
            remedy="give the share of drivers who may find no bay",
        )
    for bays in range(1, MAX_BAYS + 1):
        if float(erlang_b(bays, offered_load)) <= level:
            return bays
    raise UsageError(
        f"load {offered_load} erlang",
        expected=f"a load that {MAX_BAYS} bays can serve at {level}",
        remedy="check the unit of the stays: hours, not minutes",
    )


def offered_from_carried(carried_load: float, bays: int) -> float:
    r"""Return the load that was asked for, from the mean number of bays taken.

    Those who found no bay leave no trace, so that the occupancy seen is
    :math:`Y = a (1 - B(c, a))`; solved for :math:`a` by bisection (the carried load grows with the
    offered one, from 0 to :math:`c`).

    Parameters
    ----------
    carried_load
        Mean number of bays taken, in [0, bays).
    bays
        Number of bays, at least 1.

    Raises
    ------
    DataError
        The bays are always taken: the demand is not identified by what is seen.

    Examples
    --------
    One bay taken half of the time: :math:`Y = a / (1 + a)`, hence :math:`a = 0.5 / 0.5 = 1`.

    >>> round(offered_from_carried(0.5, 1), 9)
    1.0

    Two bays and one erlang carry :math:`1 \times (1 - 0.2) = 0.8`.

    >>> round(offered_from_carried(0.8, 2), 9)
    1.0
    """
    if not 0 <= carried_load < bays:
        raise DataError(
            f"{carried_load:.3f} of {bays} bays taken on average",
            expected=f"a mean occupancy in [0, {bays})",
            remedy="bays taken all the time hide the demand: use hours with a free bay, or counts "
            "of double parking",
        )
    low, high = 0.0, 1.0
    while _carried(high, bays) < carried_load:
        high *= 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _carried(middle, bays) < carried_load else (low, middle)
    return (low + high) / 2


def _carried(offered_load: float, bays: int) -> float:
    return offered_load * (1 - float(erlang_b(bays, offered_load)))


def stay_profile(stays: Array, step: float) -> Array:
    r"""Return the mean bay-time that one arrival spends in its own step and in the steps after it.

    The arrival falls uniformly inside step 0, stays are those observed (no law assumed). With
    :math:`H(x) = E \int_0^x \min(S, y) dy`, the mean overlap with step k is
    :math:`H(k+1) - 2 H(k) + H(k-1)` in steps; the sum over all steps is :math:`E[S]` exactly, which
    a plain :math:`P(S > k)` on a coarse grid is not.

    Parameters
    ----------
    stays
        Observed stays, shape (n,), same unit as ``step``, not negative, at least one.
    step
        Length of a step.

    Returns
    -------
    Array
        Bay-steps per arrival, shape (n_lags,).

    Raises
    ------
    DataError
        There is no stay, or one is negative or not finite.

    Examples
    --------
    A stay of half a step that begins uniformly ends in its own step one time in two; a quarter
    of its length falls in the next step on average: 0.5 x 3/4 and 0.5 x 1/4.

    >>> stay_profile(np.array([30.0]), 60.0).tolist()
    [0.375, 0.125]
    """
    lengths = np.asarray(stays, dtype=np.float64) / step
    if lengths.size == 0 or not np.all(np.isfinite(lengths) & (lengths >= 0)):
        raise DataError(
            f"{lengths.size} stays, some missing or negative" if lengths.size else "no stay",
            expected="at least one finished stay, none negative",
            remedy="give a longer period, or drop stays without an end",
        )
    steps = np.arange(math.ceil(lengths.max()) + 2)
    whole = np.array([_second_integral(lengths, float(edge)) for edge in steps])
    before = np.concatenate([[0.0], whole])[:-1]
    return np.diff(whole) - np.diff(before)


def _second_integral(lengths: Array, edge: float) -> float:
    inside = lengths >= edge
    return float(np.where(inside, edge**2 / 2, lengths * edge - lengths**2 / 2).mean())


def modified_offered_load(arrivals: Array, profile: Array, *, periodic: bool = True) -> Array:
    r"""Return the mean number of bays asked for in each step, were there always room.

    :math:`m(t) = \sum_u \lambda(t - u) P(S > u)` ([2]_, [3]_); Erlang B at this load is the
    modified offered load approximation ([4]_). With stays much shorter than a step it is the
    usual :math:`\lambda(t) E[S]`; with long stays it lags and flattens, where the pointwise
    formula is wrong by 0.16 of the arrivals (``briefs/delivery_zones.md`` 4 c).

    Parameters
    ----------
    arrivals
        Arrivals per step, shape (n_steps,).
    profile
        Bay-steps per arrival by lag, from `stay_profile`.
    periodic
        Whether the steps are a cycle (a day, a week) that repeats; otherwise the zone is empty
        before the first step.

    Returns
    -------
    Array
        Load by step (erlang), shape (n_steps,).

    Examples
    --------
    Stays of two steps, one arrival in step 0 of a cycle of four: half of the first step on
    average, the whole second, half of the third.

    >>> modified_offered_load(np.array([1.0, 0, 0, 0]), stay_profile(np.array([2.0]), 1.0)).tolist()
    [0.5, 1.0, 0.5, 0.0]
    """
    per_step = np.asarray(arrivals, dtype=np.float64)
    if not periodic:
        return np.convolve(per_step, profile)[: len(per_step)]
    folded = np.bincount(np.arange(len(profile)) % len(per_step), profile, len(per_step))
    lags = (np.arange(len(per_step))[:, None] - np.arange(len(per_step))) % len(per_step)
    load: Array = folded[lags] @ per_step
    return load


def occupancy_transition(
    arrivals_per_hour: float, departures_per_hour: float, bays: int, hours: float
) -> Array:
    """Return P(occupied then | occupied now) of the birth-death queue M/M/c/c.

    Parameters
    ----------
    arrivals_per_hour
        Rate of arrivals, lost when all bays are taken.
    departures_per_hour
        Rate of departure of one taken bay, the inverse of the mean stay in hours.
    bays
        Number of bays, at least 1.
    hours
        How far ahead.

    Returns
    -------
    Array
        Shape (bays + 1, bays + 1), row = bays taken now, column = bays taken then; rows sum to 1.

    Raises
    ------
    UsageError
        A rate or the horizon is negative, or there is no bay.

    Examples
    --------
    One bay, one arrival and one departure per hour, half an hour ahead: a taken bay is free with
    probability (1 - exp(-2 x 0.5)) / 2 = (1 - 0.3679) / 2 = 0.3161.

    >>> round(float(occupancy_transition(1.0, 1.0, 1, 0.5)[1, 0]), 4)
    0.3161
    """
    if bays < 1 or min(arrivals_per_hour, departures_per_hour, hours) < 0:
        raise UsageError(
            f"{bays} bays, rates {arrivals_per_hour} and {departures_per_hour}, {hours} h",
            expected="at least one bay, rates and horizon not below 0",
            remedy="check the units: rates per hour, horizon in hours",
        )
    from scipy.linalg import expm

    up = np.full(bays, float(arrivals_per_hour))
    down = departures_per_hour * np.arange(1, bays + 1, dtype=np.float64)
    generator = np.diag(up, 1) + np.diag(down, -1)
    generator -= np.diag(generator.sum(axis=1))
    transition: Array = expm(generator * hours)
    return transition
