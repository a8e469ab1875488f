"""Describe the training inputs by histograms: what the edge compares its own data with."""

from collections.abc import Mapping, Sequence

import numpy as np

from common.edge.drift.histogram import Histogram, count_values
from common.lab.usecase import Array, Examples, Field

__all__ = ["BINS", "training_histograms"]

# 20 bins fixed at training (briefs/platform.md 2.3).
BINS = 20
_CHUNK = 4096


def training_histograms(examples: Examples, inputs: Sequence[Field]) -> Mapping[str, Histogram]:
    """Return a histogram of each input over the training rows.

    Bins hold about as many values each (quantiles of at most 20,000 rows taken evenly);
    an input of few distinct values gets one bin for each. Every row is counted. An input
    with a free axis is described by the length on it. An input that is constant, always
    missing or absent has nothing to drift from and gets none.

    Parameters
    ----------
    examples
        Training rows: raw inputs by name, shape (n, ...).
    inputs
        The fields to describe.
    """
    found = {}
    for item in inputs:
        if item.name not in examples.inputs:
            continue
        free = any(isinstance(size, str) for size in item.shape[1:])
        histogram = _histogram(examples.inputs[item.name], free=free)
        if histogram is not None:
            found[item.name] = histogram
    return found


def _histogram(values: Array, *, free: bool) -> Histogram | None:
    rows = len(values)
    if not rows:
        return None
    if free:
        values = np.full(rows, values.shape[1])
    sample = np.asarray(values[:: max(1, rows // 20_000)], dtype=np.float64).ravel()
    low, high = _extremes(values)
    edges = _edges(sample[~np.isnan(sample)], low, high)
    if len(edges) < 2:
        return None
    counts, missing = np.zeros(len(edges) - 1, dtype=np.int64), 0
    for start in range(0, rows, _CHUNK):
        part, absent, _ = count_values(edges, np.asarray(values[start : start + _CHUNK]))
        counts += part
        missing += absent
    return Histogram("length" if free else "values", edges, tuple(counts.tolist()), missing, rows)


def _extremes(values: Array) -> tuple[float, float]:
    """Return the least and greatest value, read in chunks: windows are not copied whole."""
    low, high = np.inf, -np.inf
    for start in range(0, len(values), _CHUNK):
        part = np.asarray(values[start : start + _CHUNK], dtype=np.float64)
        known = part[~np.isnan(part)]
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
    return low, high


def _edges(sample: Array, low: float, high: float) -> tuple[float, ...]:
    if not low < high:
        return ()
    distinct = np.unique(sample)
    if len(distinct) <= BINS:
        inner = (distinct[1:] + distinct[:-1]) / 2
    else:
        inner = np.quantile(sample, np.arange(1, BINS) / BINS)
    inner = np.unique(inner)
    return (low, *inner[(inner > low) & (inner < high)].tolist(), high)
