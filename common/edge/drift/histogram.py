"""Histograms of training inputs, as the manifest carries them, and how far data are from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from common.edge.errors import ManifestError

__all__ = ["Histogram", "count_values", "noise_floor", "psi"]

Array = npt.NDArray[Any]
_MOST_BINS = 64


@dataclass(frozen=True)
class Histogram:
    """What an input looked like in training.

    In JSON: ``{"of": "values", "edges": [..], "counts": [..], "missing": 0, "rows": 1000}``,
    under the name of the input.

    Parameters
    ----------
    of
        ``values``: every value of every row; ``length``: of inputs with a free axis, how
        many there are on it (the text itself is not described).
    edges
        Bounds of the bins, increasing, one more than ``counts``; the first and the last
        are the least and the greatest that training saw. A bin holds its lower bound, the
        last one its upper bound too.
    counts
        Training values in each bin.
    missing
        Training values that were missing.
    rows
        Training rows: the values of one row go together, so they tell how sure counts are.
    """

    of: Literal["values", "length"]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    rows: int

    def __post_init__(self) -> None:
        increasing = all(low < high for low, high in zip(self.edges, self.edges[1:], strict=False))
        checks = (
            (self.of in ("values", "length"), f"histogram of {self.of!r}", "values or length"),
            (
                1 <= len(self.counts) <= _MOST_BINS and len(self.edges) == len(self.counts) + 1,
                f"{len(self.counts)} bins, {len(self.edges)} edges",
                f"1 to {_MOST_BINS} bins and one edge more",
            ),
            (
                increasing and all(map(math.isfinite, self.edges)),
                f"edges {self.edges[:4]}",
                "increasing finite edges",
            ),
            (
                min((*self.counts, self.missing)) >= 0 and self.rows >= 1,
                f"counts {self.counts[:4]}, {self.missing} missing, {self.rows} rows",
                "counts of at least 0, at least 1 row",
            ),
        )
        for legal, found, expected in checks:
            if not legal:
                raise ManifestError(found, expected=expected, remedy="export the bundle again")

    @property
    def missing_share(self) -> float:
        """Share of the training values that were missing."""
        total = sum(self.counts) + self.missing
        return self.missing / total if total else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest holds."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Histogram":
        """Read what the manifest holds.

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
                    "counts": tuple(int(count) for count in raw["counts"]),
                }
            )
        except (TypeError, ValueError, KeyError) as error:
            raise ManifestError(
                f"histogram: {error}", expected="of, edges, counts, missing, rows"
            ) from error


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


def psi(expected: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Return the population stability index of two sets of counts over the same bins.

    ``sum((f - e) * ln(f / e))`` over the shares ``e`` and ``f`` of each bin, which is the
    symmetric Kullback-Leibler divergence (Kullback and Leibler 1951; in use under this name
    since Lewis, An Introduction to Credit Scoring, 1994). Half a count is added to each bin
    (Jeffreys' prior), so that an empty bin does not make it infinite.

    Examples
    --------
    >>> psi([50, 50], [50, 50])
    0.0
    >>> # with 0.5 added: e = 1/2, 1/2; f = 0.25, 0.75 (of 24.5 and 74.5 in 99 + 1 halves)
    >>> round(psi([49.5, 49.5], [24.5, 74.5]), 4) == round(0.5 * math.log(3) / 2, 4)
    True
    """
    e, f = (np.asarray(counts, dtype=np.float64) + 0.5 for counts in (expected, found))
    e, f = e / e.sum(), f / f.sum()
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
    degrees = bins - 1
    if degrees < 1 or found_rows < 1:
        return 0.0 if found_rows else math.inf
    spread = 2 / (9 * degrees)
    quantile = degrees * (1 - spread + NormalDist().inv_cdf(level) * math.sqrt(spread)) ** 3
    return quantile * (1 / expected_rows + 1 / found_rows)
