"""Metres on the ground from degrees, for distances of a few kilometres."""

import math
from typing import Final

import numpy as np

from common.edge.errors import UsageError

__all__ = ["local_metres"]

METRES_PER_DEGREE: Final = 111_195.0
"""Of a great circle: 2 pi x 6,371,008.8 m / 360 (mean radius, IUGG 1980)."""

Metres = np.ndarray[tuple[int, int], np.dtype[np.float64]]


def local_metres(longitude: Metres | np.ndarray, latitude: Metres | np.ndarray) -> Metres:
    """Project degrees to metres east and north of the points' mean (equirectangular).

    Over 30 km at French latitudes distances are right within 0.3 %.

    Parameters
    ----------
    longitude, latitude
        Degrees, shape (n,), all finite.

    Returns
    -------
    array of shape (n, 2)

    Raises
    ------
    UsageError
        If a coordinate is not finite or no latitude.

    Examples
    --------
    >>> east, north = local_metres(np.array([2.0, 2.0]), np.array([48.0, 48.01])).T
    >>> round(float(north[1] - north[0]))  # 0.01 x 111,195 m
    1112
    """
    longitude, latitude = np.asarray(longitude, float), np.asarray(latitude, float)
    if not (np.isfinite(longitude).all() and (np.abs(latitude) <= 90).all()):
        raise UsageError("coordinates that are no degrees", expected="finite, latitude in ±90")
    if not len(latitude):
        return np.empty((0, 2))
    middle = math.cos(math.radians(float(latitude.mean())))
    east = (longitude - longitude.mean()) * METRES_PER_DEGREE * middle
    north = (latitude - latitude.mean()) * METRES_PER_DEGREE
    return np.column_stack([east, north])
