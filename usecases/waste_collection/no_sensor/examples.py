"""Examples of the question without sensor: what is known when a container is about to be emptied.

One row is one collection, asked about at the very time of the call; what was found in it is the
truth. Every input is of *earlier* collections: of the site, of others on its street, of others in
the city. The time of the call is known to whoever asks, and allowed; in Edinburgh a sensor decided
it (``briefs/waste_collection.md`` 1), so it tells about the fill what a fixed round would not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.waste_collection.fill.readings import containers_of

__all__ = [
    "N_CITY",
    "N_SITE",
    "N_STREET",
    "USUAL_HOURS",
    "USUAL_PERCENT",
    "Collections",
    "collections_of",
    "examples_of",
]

N_SITE, N_STREET, N_CITY = 16, 12, 24
"""Last earlier collections that are given: of the site, of its street, of the city."""

USUAL_PERCENT, USUAL_HOURS = 75.0, 36.0
"""What a site without past is taken to be found at, after so long: round figures of Edinburgh's
first weeks, that a few collections of one's own outweigh."""
PRIOR_COLLECTIONS = 3.0
LONGEST_HOURS = 720.0
"""Thirty days: what is older is as if thirty days old."""


@dataclass(frozen=True)
class Collections:
    """Collections in order of time; arrays of shape (n,).

    Parameters
    ----------
    site, street
        Codes, 0 and up.
    hours
        Hours since the epoch, UTC.
    fill_percent
        What was found, NaN where not known.
    surprise_points
        What was found less what the site's own past made one expect; NaN where not known.
    capacity_l
        NaN where not known.
    local
        Civil time.
    sites, streets
        Names.
    """

    site: Array
    street: Array
    hours: Array
    fill_percent: Array
    surprise_points: Array
    capacity_l: Array
    local: pd.DatetimeIndex
    sites: Array
    streets: Array


def collections_of(dataset: Dataset, *, every_site: bool = False) -> Collections:
    """Return the collections of the headline sites, or of all.

    Parameters
    ----------
    dataset
        Of ``data.load("edinburgh")``, the simulator or one's own.
    every_site
        False leaves out the sites that the table marks as not ``headline``.

    Raises
    ------
    DataError
        If no collection is left.
    """
    containers = containers_of(dataset)
    kept = containers if every_site else containers[containers["headline"].astype(bool)]
    names = np.asarray(dataset.groups.astype(str))
    rows = np.flatnonzero(np.isin(names, kept["container_id"].to_numpy(str)))
    if not len(rows):
        raise DataError(f"{dataset.name}: no collection", expected="one row per collection")
    rows = rows[np.argsort(dataset.times.as_unit("s").asi8[rows], kind="stable")]
    by_id = containers.set_index("container_id")
    sites, site = np.unique(names[rows], return_inverse=True)
    streets, street_of_site = np.unique(
        by_id["district"].astype(str).reindex(sites).to_numpy(str), return_inverse=True
    )
    fill = np.asarray(dataset.columns["fill_before_percent"], np.float64)[rows]
    fill = np.where(np.asarray(dataset.valid)[rows], fill, np.nan)
    hours = dataset.times.as_unit("s").asi8[rows] / 3600.0
    return Collections(
        site=site,
        street=street_of_site[site],
        hours=hours,
        fill_percent=fill,
        surprise_points=fill - _expected(site, hours, fill),
        capacity_l=by_id["capacity_l"].reindex(sites).to_numpy(np.float64)[site],
        local=dataset.times[rows].tz_convert(dataset.timezone),
        sites=sites,
        streets=streets,
    )


def examples_of(
    dataset: Dataset, period: Period, *, every_site: bool = False, by_street: bool = False
) -> Examples:
    """Return one row per collection of the period whose site had been emptied before.

    Parameters
    ----------
    dataset
        Collections.
    period
        Local days of the call.
    every_site
        See `collections_of`.
    by_street
        True makes the street the statistical unit (to hold whole streets out), else the site.

    Raises
    ------
    DataError
        If there is no such collection.

    Notes
    -----
    The issue time is that of the call: the row's own fill and all later ones are unknown.
    Blocks are local days: the test period holds 21, too few weeks to resample.
    """
    past = collections_of(dataset, every_site=every_site)
    days = past.local.tz_localize(None).to_numpy().astype("datetime64[D]")
    inside = (days >= np.datetime64(period.start)) & (days < np.datetime64(period.stop))
    rows = np.flatnonzero(inside)
    site = _last_before(past, past.site, rows, N_SITE)
    seen = np.isfinite(site["hours_ago"][:, -1])
    rows, site = rows[seen], {name: values[seen] for name, values in site.items()}
    if not len(rows):
        raise DataError(
            f"{dataset.name}: no collection over {period} of a site emptied before",
            expected="at least two collections of a site",
        )
    units = past.streets[past.street[rows]] if by_street else past.sites[past.site[rows]]
    return Examples(
        inputs=_inputs(past, rows, site),
        target=past.fill_percent[rows, None],
        slots=np.zeros((len(rows), 1), dtype=np.int64),
        units=units,
        blocks=days[rows].astype(np.int64),
        issued=np.round(past.hours[rows] * 3600).astype(np.int64).astype("datetime64[s]"),
        days=days[rows],
    )


def _inputs(past: Collections, rows: Array, site: Mapping[str, Array]) -> dict[str, Array]:
    """Return the graph's inputs at the collections ``rows``."""
    street = _last_before(past, past.street, rows, N_STREET, others=True)
    city = _last_before(past, np.zeros(len(past.site), np.int64), rows, N_CITY, others=True)
    local = past.local[rows]
    arrays = {
        "site_fill_percent": site["fill_percent"],
        "site_hours_ago": site["hours_ago"],
        **{f"street_{name}": values for name, values in street.items()},
        **{f"city_{name}": values for name, values in city.items()},
        "capacity_l": past.capacity_l[rows],
    }
    return {
        **{name: values.astype(np.float32) for name, values in arrays.items()},
        "minute": np.asarray(60 * local.hour + local.minute, dtype=np.int64),
        "weekday": np.asarray(local.day_of_week, dtype=np.int64),
    }


def _last_before(
    past: Collections, group: Array, rows: Array, n_last: int, *, others: bool = False
) -> dict[str, Array]:
    """Return the last collections of each row's group before it, the latest last.

    Two collections at the same second do not see each other. ``others`` leaves out those of
    the row's own site.

    Returns
    -------
    dict
        ``fill_percent``, ``hours_ago`` and ``surprise_points``, shape (n_rows, n_last), NaN
        where there is none.
    """
    place = np.full((len(rows), n_last), -1)
    of_rows = group[rows]
    for code in np.unique(of_rows):
        here = np.flatnonzero(group == code)
        for asked in np.flatnonzero(of_rows == code):
            before = here[: np.searchsorted(past.hours[here], past.hours[rows[asked]], "left")]
            if others:
                before = before[-4 * n_last :]
                before = before[past.site[before] != past.site[rows[asked]]]
            found = before[-n_last:]
            place[asked, n_last - len(found) :] = found
    known = place >= 0
    ago = np.minimum(past.hours[rows][:, None] - past.hours[place], LONGEST_HOURS)
    return {
        "fill_percent": np.where(known, past.fill_percent[place], np.nan),
        "hours_ago": np.where(known, ago, np.nan),
        "surprise_points": np.where(known, past.surprise_points[place], np.nan),
    }


def _expected(site: Array, hours: Array, fill: Array) -> Array:
    """Return what each site's past makes one expect: half its mean, half its pace.

    The mean is that of earlier fills, the pace their sum over the time that they took, times
    the time since the last collection, at most 110; both lean on `USUAL_PERCENT` and
    `USUAL_HOURS` as three earlier collections would.

    >>> fill, hours = np.array([50.0, 50.0]), np.array([0.0, 36.0])
    >>> # mean (50 + 3 * 75) / 4 = 68.75, pace (3 * 75) / (3 * 36) * 36 = 75
    >>> _expected(np.array([0, 0]), hours, fill).tolist()
    [75.0, 71.875]
    """
    expected = np.full(len(site), USUAL_PERCENT)
    prior = PRIOR_COLLECTIONS * USUAL_PERCENT, PRIOR_COLLECTIONS * USUAL_HOURS
    for code in np.unique(site):
        here = np.flatnonzero(site == code)
        known = np.isfinite(fill[here])
        points = np.where(known, fill[here], 0.0)
        elapsed = np.diff(hours[here], prepend=np.nan)
        timed = known & np.isfinite(elapsed)
        mean = _before(points + 0.0, prior[0]) / _before(known * 1.0, PRIOR_COLLECTIONS)
        rate = _before(np.where(timed, points, 0.0), prior[0]) / _before(
            np.where(timed, elapsed, 0.0), prior[1]
        )
        pace = np.minimum(rate * np.nan_to_num(elapsed), 110.0)
        expected[here] = np.where(np.isfinite(elapsed), (mean + pace) / 2, USUAL_PERCENT)
    return expected


def _before(values: Array, prior: float) -> Array:
    """Return ``prior`` plus the sum of the values before each one.

    >>> _before(np.array([1.0, 2.0, 3.0]), 10.0).tolist()
    [10.0, 11.0, 13.0]
    """
    return prior + np.cumsum(values) - values
