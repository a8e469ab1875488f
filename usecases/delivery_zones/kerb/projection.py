"""From the European grid EPSG:3035 to longitude and latitude."""

import numpy as np

from common.lab.usecase import Array

__all__ = ["lonlat_of_laea"]

# GRS 1980 ellipsoid and the parameters of ETRS89-extended / LAEA Europe (EPSG:3035).
SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257222101
ORIGIN_LAT, ORIGIN_LON = np.radians(52.0), np.radians(10.0)
FALSE_EASTING_M, FALSE_NORTHING_M = 4_321_000.0, 3_210_000.0
E2 = FLATTENING * (2 - FLATTENING)
E = np.sqrt(E2)


def lonlat_of_laea(easting_m: Array, northing_m: Array) -> tuple[Array, Array]:
    """Return longitude and latitude of points of EPSG:3035.

    The inverse of the ellipsoidal Lambert azimuthal equal-area projection: EPSG Guidance
    Note 7-2, method 9820; Snyder, Map Projections: A Working Manual, 1987, eq. 24-28 and
    3-18. ETRS89 and WGS 84 are within a metre of each other and taken as one.

    Parameters
    ----------
    easting_m, northing_m
        Metres, shape (n,).

    Returns
    -------
    lon, lat
        Degrees, shape (n,).

    Examples
    --------
    The worked example of Guidance Note 7-2: 50 degrees north, 5 degrees east.

    >>> lon, lat = lonlat_of_laea(np.array([3962799.45]), np.array([2999718.85]))
    >>> round(float(lon[0]), 6), round(float(lat[0]), 6)
    (5.0, 50.0)
    """
    q_pole = _q(1.0)
    beta_origin = np.arcsin(_q(np.sin(ORIGIN_LAT)) / q_pole)
    radius = SEMI_MAJOR_M * np.sqrt(q_pole / 2)
    stretch = SEMI_MAJOR_M * np.cos(ORIGIN_LAT) / np.sqrt(1 - E2 * np.sin(ORIGIN_LAT) ** 2)
    stretch /= radius * np.cos(beta_origin)
    x = (easting_m - FALSE_EASTING_M) / stretch
    y = (northing_m - FALSE_NORTHING_M) * stretch
    rho = np.maximum(np.hypot(x, y), 1e-9)
    c = 2 * np.arcsin(rho / (2 * radius))
    beta = np.arcsin(np.cos(c) * np.sin(beta_origin) + y * np.sin(c) * np.cos(beta_origin) / rho)
    across = x * np.sin(c)
    along = rho * np.cos(beta_origin) * np.cos(c) - y * np.sin(beta_origin) * np.sin(c)
    lon = ORIGIN_LON + np.arctan2(across, along)
    lat = (
        beta
        + (E2 / 3 + 31 * E2**2 / 180 + 517 * E2**3 / 5040) * np.sin(2 * beta)
        + (23 * E2**2 / 360 + 251 * E2**3 / 3780) * np.sin(4 * beta)
        + (761 * E2**3 / 45360) * np.sin(6 * beta)
    )
    return np.degrees(lon), np.degrees(lat)


def _q(sine: Array | float) -> Array:
    """Return Snyder's q (eq. 3-12) of the sine of a latitude."""
    ratio = np.log((1 - E * sine) / (1 + E * sine)) / (2 * E)
    return np.asarray((1 - E2) * (sine / (1 - E2 * sine**2) - ratio))
