"""Features of the question without sensor: array-API functions, traced into the graph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from common.lab.usecase import Features, Term
from usecases.waste_collection.no_sensor.examples import (
    N_SITE,
    USUAL_HOURS,
    USUAL_PERCENT,
)

__all__ = ["NO_SENSOR_TERMS", "no_sensor_features"]

Inputs = Mapping[str, Any]

FORGETTING = 0.8
"""Weight of a collection relative to the next one of the site."""
PRIOR_WEIGHT = 0.8
"""Weight of the usual pace, in collections."""
SHORTEST_HOURS = 1.0
MOST_PERCENT = 200.0
"""Greatest fill that a pace is taken to announce."""
FULL_PERCENT = 100.0
USUAL_CAPACITY_L = 240.0

_SITE, _PACE = "passé du site", "temps écoulé et rythme"
_STREET, _CITY, _CLOCK = "autres bacs de la rue", "autres bacs de la ville", "heure de l'appel"

NO_SENSOR_TERMS = (
    Term("usual_fill", "remplissage habituel, partout", _SITE, 1.0),
    Term("site_mean", "remplissage moyen du site", _SITE, 2.0**-4),
    Term("site_recent", "remplissage des quatre derniers vidages du site", _SITE, 2.0**-4),
    Term("site_last", "remplissage du dernier vidage du site", _SITE, 2.0**-4),
    Term("site_full_share", "part des vidages du site à plein", _SITE, 2.0**-8),
    Term("site_count", "vidages connus du site", _SITE, 1.0),
    Term("capacity", "contenance du bac", _SITE, 2.0**-6),
    Term("pace_fill", "rythme du site x temps écoulé", _PACE, 2.0**-4),
    Term("pace_recent", "rythme des trois derniers vidages x temps écoulé", _PACE, 2.0**-4),
    Term("elapsed_hours", "temps écoulé depuis le dernier vidage", _PACE, 2.0**-4),
    Term("elapsed_ratio", "temps écoulé rapporté à l'habitude", _PACE, 2.0**-8),
    Term("third_pace", "rythme d'il y a trois vidages", _PACE, 2.0**-8),
    Term("street_surprise", "surprise des cinq derniers vidages de la rue", _STREET, 2.0**-4),
    Term("street_surprise_3h", "surprise de la rue depuis trois heures", _STREET, 2.0**-4),
    Term("street_count_3h", "vidages de la rue depuis trois heures", _STREET, 1.0),
    Term("street_last", "remplissage du dernier vidage de la rue", _STREET, 2.0**-4),
    Term("street_fill_1h", "remplissage trouvé dans la rue depuis une heure", _STREET, 2.0**-4),
    Term("city_surprise", "surprise des cinq derniers vidages de la ville", _CITY, 2.0**-4),
    Term("city_surprise_1h", "surprise de la ville depuis une heure", _CITY, 2.0**-4),
    Term("city_surprise_24h", "surprise de la ville depuis un jour", _CITY, 2.0**-4),
    Term("city_recent", "remplissage des cinq derniers vidages de la ville", _CITY, 2.0**-4),
    Term("city_silence", "temps depuis le dernier vidage de la ville", _CITY, 2.0**-8),
    Term("clock_hour", "heure de l'appel", _CLOCK, 2.0**-6),
    Term("weekday", "jour de la semaine", _CLOCK, 1.0),
)


def no_sensor_features(xp: Any, inputs: Inputs) -> Features:
    """Return the columns of `NO_SENSOR_TERMS`, row by row, each of shape (n, 1, 1).

    Parameters
    ----------
    xp
        ``numpy`` or ``ndonnx``.
    inputs
        As `examples.examples_of` gives: ``site_fill_percent`` and ``site_hours_ago`` (n, 16),
        the latest last, NaN before the first; ``street_...`` (n, 12) and ``city_...``
        (n, 24) with ``fill_percent``, ``hours_ago`` and ``surprise_points``;
        ``capacity_l``, ``minute`` and ``weekday`` (n,).
    """
    columns = {
        **_of_site(xp, inputs),
        **_around(xp, inputs),
        "clock_hour": xp.astype(inputs["minute"], xp.float32) * np.float32(1 / 60),
        "weekday": xp.astype(inputs["weekday"], xp.float32),
    }
    return Features({name: xp.reshape(column, (-1, 1, 1)) for name, column in columns.items()}, {})


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.asarray(values, dtype=np.float32))


def _filled(xp: Any, values: Any, instead: float) -> Any:
    return xp.where(xp.isnan(values), _constant(xp, instead), values)


def _known(xp: Any, *arrays: Any) -> Any:
    """Return 1 where all arrays are known, else 0."""
    known = ~xp.isnan(arrays[0])
    for values in arrays[1:]:
        known = known & ~xp.isnan(values)
    return xp.astype(known, xp.float32)


def _mean_with(xp: Any, values: Any, weights: Any, prior: float, weight: float) -> Any:
    """Average along the last axis with weights, the prior having a weight of its own.

    >>> one = np.ones((1, 2))
    >>> _mean_with(np, 60 * one, one, 30.0, 1.0).tolist()  # (30 + 60 + 60) / 3
    [50.0]
    """
    known = _known(xp, values) * weights
    total = xp.sum(_filled(xp, values, 0.0) * known, axis=1) + _constant(xp, weight * prior)
    return total / (xp.sum(known, axis=1) + _constant(xp, weight))


def _of_site(xp: Any, inputs: Inputs) -> dict[str, Any]:
    """Return what the site's own past says."""
    fill, ago = inputs["site_fill_percent"], inputs["site_hours_ago"]
    elapsed = _filled(xp, ago[:, N_SITE - 1], USUAL_HOURS)
    ones = _constant(xp, np.ones((1, N_SITE)))
    last_four = _constant(xp, (np.arange(N_SITE) >= N_SITE - 4)[None, :])
    full = xp.astype(_filled(xp, fill, 0.0) >= _constant(xp, FULL_PERCENT), xp.float32)
    return {
        "usual_fill": elapsed * _constant(xp, 0.0) + _constant(xp, USUAL_PERCENT),
        "site_mean": _mean_with(xp, fill, ones, USUAL_PERCENT, 3.0),
        "site_recent": _mean_with(xp, fill, last_four, USUAL_PERCENT, 1.0),
        "site_last": _filled(xp, fill[:, N_SITE - 1], USUAL_PERCENT),
        "site_full_share": xp.sum(full, axis=1) / (xp.sum(_known(xp, fill), axis=1) + 1),
        "site_count": xp.sum(_known(xp, ago), axis=1),
        "capacity": xp.log(_filled(xp, inputs["capacity_l"], USUAL_CAPACITY_L)),
        "elapsed_hours": elapsed,
        **_paces(xp, fill, ago, elapsed),
    }


def _paces(xp: Any, fill: Any, ago: Any, elapsed: Any) -> dict[str, Any]:
    """Return the fill that the site's paces announce for the time elapsed.

    A pace is the points found over the hours that they took to gather: sums of both, so that
    short intervals do not rule.
    """
    hours = ago[:, : N_SITE - 1] - ago[:, 1:]
    known = _known(xp, fill[:, 1:], hours)
    points = _filled(xp, fill[:, 1:], 0.0) * known
    taken = xp.maximum(_filled(xp, hours, 0.0), _constant(xp, SHORTEST_HOURS)) * known
    back = np.arange(N_SITE - 1)[::-1]
    fading = _constant(xp, (FORGETTING**back)[None, :])
    three = _constant(xp, (back < 3)[None, :])
    prior = PRIOR_WEIGHT * USUAL_PERCENT, PRIOR_WEIGHT * USUAL_HOURS
    pace = _pace(xp, points * fading, taken * fading, prior)
    recent = _pace(xp, points * three, taken * three, (0.02 * USUAL_PERCENT, 0.02 * USUAL_HOURS))
    interval = (xp.sum(taken, axis=1) + _constant(xp, USUAL_HOURS)) / (
        xp.sum(known, axis=1) + _constant(xp, 1.0)
    )
    third = N_SITE - 4
    most = _constant(xp, MOST_PERCENT)
    return {
        "pace_fill": xp.minimum(pace * elapsed, most),
        "pace_recent": xp.minimum(recent * elapsed, most),
        "elapsed_ratio": xp.log((elapsed + np.float32(1)) / (interval + np.float32(1))),
        "third_pace": (points[:, third] + _constant(xp, prior[0] * 0.1))
        / (taken[:, third] + _constant(xp, prior[1] * 0.1)),
    }


def _pace(xp: Any, points: Any, hours: Any, prior: tuple[float, float]) -> Any:
    """Return points per hour, leaning on a prior of so many points in so many hours."""
    gathered = xp.sum(points, axis=1) + _constant(xp, prior[0])
    return gathered / (xp.sum(hours, axis=1) + _constant(xp, prior[1]))


def _around(xp: Any, inputs: Inputs) -> dict[str, Any]:
    """Return what the collections of the street and of the city just before say."""
    street = {name: inputs[f"street_{name}"] for name in ("fill_percent", "hours_ago")}
    city = {name: inputs[f"city_{name}"] for name in ("fill_percent", "hours_ago")}
    street_surprise, city_surprise = (
        inputs["street_surprise_points"],
        inputs["city_surprise_points"],
    )
    hour, three = (_within(xp, street["hours_ago"], hours) for hours in (1.0, 3.0))
    city_hour, city_day = (_within(xp, city["hours_ago"], hours) for hours in (1.0, 24.0))
    n_street, n_city = int(street_surprise.shape[1]), int(city_surprise.shape[1])
    silence = _filled(xp, city["hours_ago"][:, n_city - 1], USUAL_HOURS)
    return {
        "street_surprise": _mean_with(xp, street_surprise, _last(xp, n_street, 5), 0.0, 0.5),
        "street_surprise_3h": _mean_with(xp, street_surprise, three, 0.0, 1.0),
        "street_count_3h": xp.sum(three, axis=1),
        "street_last": _filled(xp, street["fill_percent"][:, n_street - 1], USUAL_PERCENT),
        "street_fill_1h": _mean_with(xp, street["fill_percent"], hour, USUAL_PERCENT, 0.5),
        "city_surprise": _mean_with(xp, city_surprise, _last(xp, n_city, 5), 0.0, 0.5),
        "city_surprise_1h": _mean_with(xp, city_surprise, city_hour, 0.0, 1.0),
        "city_surprise_24h": _mean_with(xp, city_surprise, city_day, 0.0, 1.0),
        "city_recent": _mean_with(
            xp, city["fill_percent"], _last(xp, n_city, 5), USUAL_PERCENT, 0.5
        ),
        "city_silence": xp.log(silence + np.float32(0.05)),
    }


def _within(xp: Any, hours_ago: Any, hours: float) -> Any:
    """Return 1 for what is at most so old, else 0."""
    return xp.astype(_filled(xp, hours_ago, np.inf) <= _constant(xp, hours), xp.float32)


def _last(xp: Any, n_columns: int, count: int) -> Any:
    return _constant(xp, (np.arange(n_columns) >= n_columns - count)[None, :])
