"""Rules that clean fill levels, each counted, and what counts as a collection."""

import numpy as np
import pandas as pd

from common.lab.usecase import Array

__all__ = [
    "PAIR_METRES",
    "RESET_FALL_PERCENT",
    "is_reset",
    "one_reading_a_day",
    "pair_ids",
    "run_lengths",
]

RESET_FALL_PERCENT = 40.0
"""A fall of as many points is a collection; a smaller one is settling or noise (brief 3.1)."""

PAIR_METRES = 10.0
"""Containers this near share a spot: in Wyndham the two of a pair stand at most 8.0 m apart, and
pairs at least 18 m from each other."""

EARTH_METRES = 6_371_000.0


def is_reset(before_percent: Array, after_percent: Array) -> Array:
    """Tell which pairs of readings have a collection between them (brief 3.1).

    A fall of at least 40 points, or a fall to 0. False where one of the two is not known.

    >>> is_reset(np.array([80.0, 20.0, 60.0, np.nan]), np.array([40.0, 0.0, 40.0, 0.0])).tolist()
    [True, True, False, False]
    """
    before, after = np.asarray(before_percent), np.asarray(after_percent)
    deep = before - after >= RESET_FALL_PERCENT
    reset: Array = deep | ((after == 0) & (before > 0))
    return reset


def one_reading_a_day(readings: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Keep the fullest reading of each container and day; an alert of any of them counts.

    Several different values stand under 24 January 2019 (thirteen of each bin) and four other
    days of Wyndham; which was read last is not said. The fullest is the one that a round must
    not miss (brief 1).

    Parameters
    ----------
    readings
        ``container_id``, ``day``, ``level_percent``, ``alert``, ``threshold_percent``.

    Returns
    -------
    readings, n_dropped
        In order of container and day; the number of readings dropped.
    """
    grouped = readings.groupby(["container_id", "day"], sort=True)
    kept = grouped.agg(
        level_percent=("level_percent", "max"),
        alert=("alert", "any"),
        threshold_percent=("threshold_percent", "max"),
    ).reset_index()
    return kept, len(readings) - len(kept)


def run_lengths(values: Array) -> Array:
    """Return how many times in a row, up to each reading, the same value was read.

    NaN ends a run and has length 0.

    >>> run_lengths(np.array([5.0, 5.0, np.nan, 5.0, 0.0])).tolist()
    [1, 2, 0, 1, 1]
    """
    lengths = np.zeros(len(values), dtype=np.int64)
    previous, run = np.nan, 0
    for place, value in enumerate(values.tolist()):
        run = 0 if np.isnan(value) else (run + 1 if value == previous else 1)
        lengths[place], previous = run, value
    return lengths


def pair_ids(containers: pd.DataFrame, within_m: float = PAIR_METRES) -> list[str]:
    """Return the spot of each container: the first id of those that stand together.

    Containers that stand on one spot share passers-by: a split must keep them on one side
    (brief 1). One without coordinates is alone.

    Parameters
    ----------
    containers
        ``container_id``, ``lat``, ``lon`` (degrees, NaN where not known).
    within_m
        Greatest distance between two neighbours of a spot.
    """
    lat, lon = (np.radians(containers[name].to_numpy(np.float64)) for name in ("lat", "lon"))
    ids = containers["container_id"].tolist()
    spot = list(range(len(ids)))
    for row in range(len(ids)):
        east = (lon - lon[row]) * np.cos(lat[row])
        near = np.flatnonzero(EARTH_METRES * np.hypot(lat - lat[row], east) <= within_m)
        merged = {spot[other] for other in near} | {spot[row]}
        spot = [min(merged) if place in merged else place for place in spot]
    return [ids[place] for place in spot]
