"""Describe the training inputs by counts: what the edge compares its own data with.

Beside the counts goes how far usual data are from them: stretches of one site are held
against the rest of training, other sites and other weeks of the same season. Without that,
an index over a month cries wolf each winter and at each commune of one building.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.edge.training.histogram import Histogram, Levels, psi, season
from common.edge.training.usual import Usual
from common.lab.usecase import Array, Examples, Field

__all__ = ["BINS", "INTERVAL_COVERAGE", "usual_inputs"]

# 20 bins fixed at training (briefs/platform.md 2.3).
BINS = 20
INTERVAL_COVERAGE = 0.8
"""What ``lower`` and ``upper`` of every task promise: the 10 to 90 % quantiles."""

_CHUNK = 1024
_VALUES = 20_000_000
"""Values counted of an input at most, in rows taken evenly: half a second of work."""
_SITES = 24
"""Sites that are held against the rest, taken evenly."""
_ROWS, _WEEK_ROWS = 20, 5
"""Fewest rows of a stretch of 28 days, and of one of 7."""
_STRETCHES = 8
"""Fewest stretches that tell what is usual."""
_QUANTILE = 0.99
_RUN_MARGIN, _LEAST_RUN = 2.0, 24
_SLIDE_PAIRS = 100
_DAY, _WEEK = np.timedelta64(1, "D"), np.timedelta64(7, "D")


def usual_inputs(examples: Examples, inputs: Sequence[Field], *, has_interval: bool) -> Usual:
    """Describe the training inputs, numbers only.

    Bins hold about as many values each (quantiles of at most 20,000 rows taken evenly); an
    input of few distinct values gets one bin for each. Texts, inputs with a default (states,
    offsets) and inputs that never vary are left out; the distribution of integers (codes,
    calendars) is described but not judged. All sites are counted together: nothing is said of
    any one, and the 64 golden rows of the same bundle, whole raw rows, say far more.

    Parameters
    ----------
    examples
        Training rows: raw inputs by name, shape (n, ...).
    inputs
        The fields of the graph.
    has_interval
        Whether the graph gives ``lower`` and ``upper``.
    """
    found = {}
    for item in inputs:
        free = any(isinstance(size, str) for size in item.shape[1:])
        if item.name not in examples.inputs or free or item.default is not None:
            continue
        if item.dtype != "bool" and len(examples):
            histogram = _histogram(examples, item)
            if histogram is not None:
                found[item.name] = histogram
    return Usual(found, INTERVAL_COVERAGE if has_interval else None)


@dataclass(frozen=True)
class _Table:
    """Counts of an input by site and week.

    Parameters
    ----------
    bins
        Shape (n_sites, n_weeks, n_bins); the last site is all that are not looked at alone.
    rows, missing, values, stuck
        Shape (n_sites, n_weeks).
    months
        Calendar month of each week.
    """

    bins: Array
    rows: Array
    missing: Array
    values: Array
    stuck: Array
    months: Array

    @property
    def by_month(self) -> dict[int, Array]:
        """Counts of each month, all sites together."""
        weeks = self.bins.sum(axis=0)
        totals = {int(month): weeks[self.months == month].sum(axis=0) for month in range(1, 13)}
        return {month: counts for month, counts in totals.items() if counts.sum()}


def _histogram(examples: Examples, item: Field) -> Histogram | None:
    values = examples.inputs[item.name]
    newest = _newest(values, examples)
    shape = (len(values), abs(newest), *values.shape[2:]) if newest else values.shape
    size = int(np.prod(shape[1:]))
    rows = np.arange(0, len(values), max(1, len(values) * size // _VALUES))
    low, high, sample, runs = _survey(values, rows, newest)
    edges = _edges(sample, low, high)
    if len(edges) < 2:
        return None
    run = 0
    if item.dtype == "float32":
        run = max(_LEAST_RUN, int(np.ceil(_RUN_MARGIN * np.quantile(runs, _QUANTILE))) + 1)
        run = run if run <= size else 0
    shell = Histogram(edges, {}, 0, len(values), newest, run)
    table = _table(examples, item.name, rows, shell)
    return Histogram(
        edges=edges,
        months={month: tuple(counts.tolist()) for month, counts in table.by_month.items()},
        missing=int(table.missing.sum()),
        rows=len(values),
        newest=newest,
        run=run,
        levels=_levels(table, judge=item.dtype == "float32"),
    )


def _recent(values: Array, newest: int) -> Array:
    if newest > 0:
        return values[:, -newest:]
    return values[:, :-newest] if newest else values


def _newest(values: Array, examples: Examples) -> int:
    """Return how many positions of a sliding history make a week, 0 where none slides.

    A row is held against the first one of the same site at least a day later: a history of
    daily steps has moved by one place.
    """
    if values.ndim < 2 or values.shape[1] < 16:
        return 0
    first, later = _pairs(examples)
    if not len(first):
        return 0
    before, after = (np.asarray(values[rows], dtype=np.float64) for rows in (first, later))
    days = np.round((examples.issued[later] - examples.issued[first]) / _DAY).astype(int)
    if np.median(days) != 1:
        return 0
    still = _alike(before, after)
    for step in range(1, min(97, values.shape[1] // 8)):
        for sign in (1, -1):
            ahead, behind = (after, before) if sign > 0 else (before, after)
            if _alike(behind[:, step:], ahead[:, :-step]) >= max(0.9, still + 0.05):
                return sign * 7 * step
    return 0


def _pairs(examples: Examples) -> tuple[Array, Array]:
    """Return rows and, of the same site, the first ones a day later."""
    first, later = [], []
    for site in np.unique(examples.units)[:5]:
        rows = np.flatnonzero(examples.units == site)
        rows = rows[np.argsort(examples.issued[rows], kind="stable")]
        issued = examples.issued[rows]
        place = np.searchsorted(issued, issued + _DAY)
        kept = np.flatnonzero(place < len(rows))
        kept = kept[:: max(1, len(kept) // (_SLIDE_PAIRS // 5))]
        first.append(rows[kept])
        later.append(rows[place[kept]])
    return np.concatenate(first), np.concatenate(later)


def _alike(one: Array, other: Array) -> float:
    return float(np.mean((one == other) | (np.isnan(one) & np.isnan(other))))


def _survey(values: Array, rows: Array, newest: int) -> tuple[float, float, Array, Array]:
    """Return least and greatest value, a sample, and the longest run of equals of each row.

    Read in chunks: windows over a long history are not copied whole.
    """
    low, high, samples, runs = np.inf, -np.inf, [], []
    every = max(1, len(rows) // 20_000)
    for start in range(0, len(rows), _CHUNK):
        part = _recent(np.asarray(values[rows[start : start + _CHUNK]]), newest)
        part = part.astype(np.float64).reshape(len(part), -1)
        known = part[~np.isnan(part)]
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
        sample = part[::every].ravel()
        samples.append(sample[~np.isnan(sample)][:: max(1, part.shape[1] // 50)])
        runs.append(_longest_runs(part))
    return low, high, np.concatenate(samples), np.concatenate(runs)


def _longest_runs(table: Array) -> Array:
    """Return the length of the longest run of equal known values of each row.

    >>> _longest_runs(np.array([[1.0, 5, 5, 5], [1, 2, 3, 4]])).tolist()
    [3, 1]
    """
    same = table[:, 1:] == table[:, :-1]
    if not same.shape[1]:
        return np.ones(len(table), dtype=np.int64)
    places = np.arange(1, same.shape[1] + 1)
    broken = np.maximum.accumulate(np.where(same, 0, places), axis=1)
    longest: Array = (places - broken).max(axis=1) + 1
    return longest


def _edges(sample: Array, low: float, high: float) -> tuple[float, ...]:
    if not low < high:
        return ()
    distinct = np.unique(sample)
    if len(distinct) <= BINS:
        inner = (distinct[1:] + distinct[:-1]) / 2
    else:
        inner = np.quantile(sample, np.arange(1, BINS) / BINS)
    inner = np.unique([float(f"{value:.6g}") for value in inner])
    return (low, *inner[(inner > low) & (inner < high)].tolist(), high)


def _table(examples: Examples, name: str, rows: Array, shell: Histogram) -> _Table:
    """Count by site and week, the rows taken evenly."""
    sites, weeks, months = _places(examples)
    shape = (int(sites.max()) + 1, len(months))
    bins = np.zeros((*shape, len(shell.edges) - 1), dtype=np.int64)
    totals = {what: np.zeros(shape) for what in ("rows", "missing", "values", "stuck")}
    np.add.at(totals["rows"], (sites, weeks), 1.0)
    every = len(sites) / len(rows)
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        part = _recent(np.asarray(examples.inputs[name][chosen]), shell.newest)
        part = part.astype(np.float64).reshape(len(part), -1)
        place = sites[chosen], weeks[chosen]
        np.add.at(bins, place, _row_bins(part, shell.edges))
        np.add.at(totals["missing"], place, np.isnan(part).sum(axis=1))
        np.add.at(totals["values"], place, part.shape[1])
        if shell.run:
            np.add.at(totals["stuck"], place, every * (_longest_runs(part) >= shell.run))
    return _Table(bins, months=months, **totals)


def _row_bins(part: Array, edges: tuple[float, ...]) -> Array:
    """Return the counts of each row, shape (n, n_bins)."""
    n_bins = len(edges) - 1
    index = np.searchsorted(np.array(edges[1:-1]), part, side="right")
    flat = index + n_bins * np.arange(len(part))[:, np.newaxis]
    known = flat[~np.isnan(part)]
    return np.bincount(known, minlength=n_bins * len(part)).reshape(len(part), n_bins)


def _places(examples: Examples) -> tuple[Array, Array, Array]:
    """Return site and week of each row, and the calendar month of each week.

    Where sites have too few rows to be looked at alone, all are one.
    """
    start = examples.issued.min()
    weeks = ((examples.issued - start) // _WEEK).astype(np.int64)
    middles = start + _WEEK * np.arange(int(weeks.max()) + 1) + 3 * _DAY
    months = middles.astype("datetime64[M]").astype(np.int64) % 12 + 1
    names, index = np.unique(examples.units, return_inverse=True)
    per_site = len(index) / len(names) / max(1.0, (len(months) / 4))
    if len(names) == 1 or per_site < _ROWS:
        return np.zeros(len(index), dtype=np.int64), weeks, months
    chosen = np.unique(np.linspace(0, len(names) - 1, _SITES).astype(int))
    site = np.full(len(names), len(chosen))
    site[chosen] = np.arange(len(chosen))
    return site[index], weeks, months


def _levels(table: _Table, *, judge: bool) -> Levels:
    week, month = _indices(table, 1, _WEEK_ROWS), _indices(table, 4, _ROWS)
    missing, stuck = [], []
    for site in range(min(_SITES, len(table.bins))):
        for start in range(0, len(table.months) - 3, 4):
            weeks = slice(start, start + 4)
            if table.rows[site, weeks].sum() >= _ROWS:
                values = table.values[site, weeks].sum()
                missing.append(table.missing[site, weeks].sum() / values if values else 0.0)
                stuck.append(table.stuck[site, weeks].sum() / table.rows[site, weeks].sum())
    judge = judge and min(len(week), len(month)) >= _STRETCHES
    return Levels(
        psi_week=_high([index for index, _ in week]) if judge else None,
        psi_month=_high([index for index, _ in month]) if judge else None,
        rows_week=_least([rows for _, rows in week]) if judge else 0,
        rows_month=_least([rows for _, rows in month]) if judge else 0,
        missing=_high(missing),
        stuck=min(1.0, _high(stuck)),
    )


def _high(found: list[float]) -> float:
    return round(float(np.quantile(found, _QUANTILE)), 4) if found else 0.0


def _least(rows: list[float]) -> int:
    return int(np.quantile(rows, 0.1))


def _indices(table: _Table, n_weeks: int, least_rows: int) -> list[tuple[float, float]]:
    """Return index and rows of stretches of one site against other sites and other weeks.

    Every fourth week begins a stretch, whatever its length, so that short ones cost no more.
    """
    totals = table.by_month
    found = []
    alone = len(table.bins) == 1
    for site in range(min(_SITES, len(table.bins))):
        others = totals if alone else _without(totals, table, site, slice(None))
        for start in range(0, len(table.months) - n_weeks + 1, 4):
            weeks = slice(start, start + n_weeks)
            counts = table.bins[site, weeks].sum(axis=0)
            rows = float(table.rows[site, weeks].sum())
            if rows < least_rows or not counts.sum():
                continue
            rest = _without(others, table, None if alone else site, weeks)
            weights = _weights(table, site, weeks)
            expected = season(rest, weights)
            if expected is not None:
                found.append((psi(expected, counts), rows))
    return found


def _without(
    totals: Mapping[int, Array], table: _Table, site: int | None, weeks: slice
) -> dict[int, Array]:
    """Take a site out of the months; or these weeks out, of every site but this one."""
    counts = table.bins[:, weeks]
    if weeks == slice(None):
        gone = counts[site]
    else:
        gone = counts.sum(axis=0) - (0 if site is None else counts[site])
    left: dict[int, Any] = dict(totals)
    for month, part in zip(table.months[weeks], gone, strict=True):
        if int(month) in left:
            left[int(month)] = left[int(month)] - part
    return {month: part for month, part in left.items() if part.sum() > 0}


def _weights(table: _Table, site: int, weeks: slice) -> dict[int, float]:
    found: dict[int, float] = {}
    for month, rows in zip(table.months[weeks], table.rows[site, weeks], strict=True):
        if rows:
            found[int(month)] = found.get(int(month), 0.0) + float(rows)
    return found
