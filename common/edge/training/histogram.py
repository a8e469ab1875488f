"""Histograms of training inputs by month, and how far other data are from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError

__all__ = ["Histogram", "Levels", "count_values", "noise_floor", "psi", "season", "stuck_rows"]

Array = npt.NDArray[Any]
_MOST_BINS = 64
_UNIFORM = 0.01
_WEEK, _WINDOW = 7, 28


@dataclass(frozen=True)
class Levels:
    """How far usual data go from the reference: measured on stretches of the training data.

    Each stretch of one site is held against the rest (another site, at the same season of
    other weeks); a level is what 99 % of them stay below.

    Parameters
    ----------
    psi_week, psi_month
        Index of stretches of 7 and of 28 days; None where training was too short to tell, or
        where the input is a code or a calendar: its distribution is then not judged.
    rows_week, rows_month
        Rows that nine stretches in ten held at least: with fewer, chance does more.
    missing
        Missing share of 28 days.
    stuck
        Share of the rows of 28 days with a run of equal values.
    """

    psi_week: float | None = None
    psi_month: float | None = None
    rows_week: int = 0
    rows_month: int = 0
    missing: float = 0.0
    stuck: float = 0.0

    def psi(self, days: int) -> tuple[float, float] | None:
        """Return the level for a window with data on so many days, and the rows it stands for.

        >>> Levels(0.7, 0.1, 7, 28).psi(14)  # a third of the way from 7 to 28 days
        (0.5, 14.0)
        """
        if self.psi_week is None or self.psi_month is None:
            return None
        way = min(1.0, max(0.0, (days - _WEEK) / (_WINDOW - _WEEK)))
        rows = self.rows_week + (self.rows_month - self.rows_week) * way
        return self.psi_week + (self.psi_month - self.psi_week) * way, rows


@dataclass(frozen=True)
class Histogram:
    """What an input looked like in training: counts only, all sites together.

    Parameters
    ----------
    edges
        Bounds of the bins, increasing; the first and the last are the least and the greatest
        that training saw. A bin holds its lower bound, the last one its upper bound too.
    months
        Counts of each bin by calendar month of the issue time, 1 to 12; months without data
        are left out.
    missing
        Training values that were missing.
    rows
        Training rows: the values of one row go together, so they tell how sure counts are.
    newest
        Positions on the first axis that are counted, from the end: of a history that slides
        from row to row, the last week only, so that a change shows when it comes. Negative
        from the start; 0 for all.
    run
        Equal values in a row from which a row counts as stuck; 0 where that is not judged.
    levels
        How far usual data go.
    """

    edges: tuple[float, ...]
    months: Mapping[int, tuple[int, ...]]
    missing: int
    rows: int
    newest: int = 0
    run: int = 0
    levels: Levels = Levels()

    def __post_init__(self) -> None:
        bins = len(self.edges) - 1
        increasing = all(low < high for low, high in zip(self.edges, self.edges[1:], strict=False))
        counts = [count for part in self.months.values() for count in part]
        checks = (
            (1 <= bins <= _MOST_BINS, f"{bins} bins", f"1 to {_MOST_BINS}"),
            (
                increasing and all(map(math.isfinite, self.edges)),
                f"edges {self.edges[:4]}",
                "increasing finite edges",
            ),
            (
                all(1 <= month <= 12 and len(part) == bins for month, part in self.months.items()),
                f"months {sorted(self.months)}",
                "1 to 12, with a count for each bin",
            ),
            (
                min((*counts, self.missing, self.run)) >= 0 and self.rows >= 1,
                f"{self.missing} missing, {self.rows} rows, run of {self.run}",
                "counts of at least 0, at least 1 row",
            ),
        )
        for legal, found, expected in checks:
            if not legal:
                raise ManifestError(found, expected=expected, remedy="export the bundle again")

    @property
    def counts(self) -> Array:
        """Counts over the whole of training, shape (n_bins,)."""
        none = np.zeros(len(self.edges) - 1, dtype=np.int64)
        return sum((np.array(part) for part in self.months.values()), none)

    @property
    def missing_share(self) -> float:
        """Share of the training values that were missing."""
        total = int(self.counts.sum()) + self.missing
        return self.missing / total if total else 0.0

    def recent(self, values: Array) -> Array:
        """Return the values that are counted, shape (n, ...)."""
        if self.newest > 0:
            return values[:, -self.newest :]
        return values[:, : -self.newest] if self.newest else values

    def to_json(self) -> dict[str, Any]:
        """Return what the bundle holds."""
        months = {str(month): list(counts) for month, counts in sorted(self.months.items())}
        return asdict(self) | {"months": months, "edges": list(self.edges)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Histogram":
        """Read what the bundle holds.

        Raises
        ------
        ManifestError
            A key is missing or unknown, or a value is out of its legal range.
        """
        try:
            return cls(
                **{
                    **raw,
                    "edges": tuple(float(edge) for edge in raw["edges"]),
                    "months": {
                        int(month): tuple(int(count) for count in counts)
                        for month, counts in raw["months"].items()
                    },
                    "levels": Levels(**raw["levels"]),
                }
            )
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise ManifestError(
                f"histogram: {error}", expected="edges, months, missing, rows, levels"
            ) from error


def season(months: Mapping[int, npt.ArrayLike], weights: Mapping[int, float]) -> Array | None:
    """Return the shares that a window of these months should show; None where not learned.

    Each month counts with half of its neighbours: a month of one or two years of training
    holds the weather of those years.

    Parameters
    ----------
    months
        Counts of each bin by month.
    weights
        Rows of the window by month.

    Examples
    --------
    >>> season({1: [4, 0], 2: [0, 4]}, {1: 10}).tolist()  # (2 x 4 + 0, 0 + 4) / 12
    [0.6666666666666666, 0.3333333333333333]
    >>> season({7: [1, 1]}, {1: 10}) is None
    True
    """
    total = sum(weights.values())
    shares = None
    for month, weight in weights.items():
        near = ((month - 2) % 12 + 1, month, month, month % 12 + 1)
        parts = [np.asarray(months[item], dtype=np.float64) for item in near if item in months]
        counts = sum(parts, np.zeros(len(parts[0]))) if parts else None
        if counts is None or not counts.sum():
            return None
        part = counts / counts.sum() * (weight / total)
        shares = part if shares is None else shares + part
    return shares


def count_values(edges: Sequence[float], values: npt.ArrayLike) -> tuple[Array, int, int]:
    """Count values by bin; those outside go to the first or last bin and are counted apart.

    Returns
    -------
    tuple
        Counts of shape (n_bins,); how many were missing; how many were outside the edges.

    Examples
    --------
    >>> counts, missing, outside = count_values([0, 1, 2], [0.5, 1.0, 2.0, 7.0, np.nan])
    >>> counts.tolist(), missing, outside
    ([1, 3], 1, 1)
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    known = flat[~np.isnan(flat)]
    bins = len(edges) - 1
    index = np.searchsorted(np.asarray(edges[1:-1], dtype=np.float64), known, side="right")
    outside = int(((known < edges[0]) | (known > edges[-1])).sum())
    return np.bincount(index, minlength=bins), flat.size - known.size, outside


def stuck_rows(values: Array, run: int) -> int:
    """Count the rows that hold the same known value ``run`` times in a row.

    Examples
    --------
    >>> stuck_rows(np.array([[1.0, 5, 5, 5], [1, 5, 5, 2], [np.nan] * 4]), 3)
    1
    """
    table = values.reshape(len(values), -1)
    if not 2 <= run <= table.shape[1]:
        return 0
    same = np.cumsum(table[:, 1:] == table[:, :-1], axis=1, dtype=np.int32)
    before = np.zeros((len(table), 1), dtype=np.int32)
    padded = np.concatenate([before, same], axis=1)
    return int((padded[:, run - 1 :] - padded[:, : -(run - 1)] == run - 1).any(axis=1).sum())


def psi(expected: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Return the population stability index of two sets of counts or shares over the same bins.

    ``sum((f - e) * ln(f / e))`` over the shares ``e`` and ``f`` of each bin, which is the
    symmetric Kullback-Leibler divergence (Kullback and Leibler 1951; in use under this name
    since Lewis, An Introduction to Credit Scoring, 1994). Both are mixed with 1 % of evenly
    spread counts, so that an empty bin does not make it infinite and the index does not grow
    with the number of values.

    Examples
    --------
    >>> psi([50, 50], [50, 50])
    0.0
    >>> # mixed: e = 1/2, 1/2; f = 0.99 * 0.25 + 0.005 = 0.2525 and 0.7475
    >>> round(psi([50, 50], [25, 75]), 4) == round(0.2475 * math.log(0.7475 / 0.2525), 4)
    True
    """
    e, f = (np.asarray(counts, dtype=np.float64) for counts in (expected, found))
    e, f = ((1 - _UNIFORM) * part / part.sum() + _UNIFORM / part.size for part in (e, f))
    return float(np.sum((f - e) * np.log(f / e)))


def noise_floor(bins: int, expected_rows: int, found_rows: int, level: float = 0.999) -> float:
    """Return the PSI that chance alone stays below with probability ``level``.

    Where nothing changed, PSI is about ``(1/n + 1/m)`` times a chi-square of ``bins - 1``
    degrees of freedom (Yurdakul and Naranjo, Statistical properties of the population
    stability index, Journal of Risk Model Validation 14(4), 2020). Rows, not values, are
    counted: the values of one row are not independent. The chi-square quantile is that of
    Wilson and Hilferty (1931).

    Examples
    --------
    >>> # 95 % quantile of chi-square with 9 degrees: 16.92; (1/100 + 1/100) * 16.92 = 0.338
    >>> round(noise_floor(10, 100, 100, level=0.95), 2)
    0.34
    """
    from statistics import NormalDist  # 10 ms of a server's start, and seldom needed

    degrees = bins - 1
    if degrees < 1 or found_rows < 1:
        return 0.0 if found_rows else math.inf
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + NormalDist().inv_cdf(level) * math.sqrt(spread)) ** 3
    return quantile * (1 / expected_rows + 1 / found_rows)
