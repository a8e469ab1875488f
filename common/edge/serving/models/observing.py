"""What of a request is missing or unusual, counted against what the bundle says of its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle

__all__ = [
    "UNUSUAL_SHARE",
    "Observation",
    "Reference",
    "nothing_unusual",
    "observe",
    "references",
]

Array = npt.NDArray[Any]

UNUSUAL_SHARE = 0.01
"""Share of a row's values out of the reference from which its data are called unusual; the
same as ``common.edge.drift.counts.Thresholds.outside``, a choice of Aune."""
_MARGIN = 0.5


@dataclass(frozen=True, slots=True)
class Reference:
    """Between what bounds an input is usual.

    Parameters
    ----------
    name
        Of the input.
    low, high
        Least and greatest that training saw, where the bundle says so; else those of the golden
        rows, set apart by half of their distance on either side: 64 rows do not show the
        extremes.
    values
        How many it has in a row.
    """

    name: str
    low: float
    high: float
    values: int = 1


@dataclass(slots=True)
class Observation:
    """Counts of one request.

    Parameters
    ----------
    missing, outside
        By input, in the order of the references; empty where there is nothing to count.
    row_missing, row_outside
        Share of each row's values, 0 to 1.
    """

    missing: Sequence[int]
    outside: Sequence[int]
    row_missing: Sequence[float]
    row_outside: Sequence[float]


def references(bundle: Bundle) -> tuple[Reference, ...]:
    """Return the references of a bundle's numeric inputs, from its training or golden rows.

    Inputs that hold one known value only, or code points of texts, have none.
    """
    found = []
    learned = bundle.usual.histograms if bundle.usual is not None else {}
    for field in bundle.manifest.inputs:
        values = bundle.golden[0][field.name]
        free = any(isinstance(size, str) for size in field.shape[1:])
        if field.dtype == "bool" or free:
            continue
        if field.name in learned:
            edges = learned[field.name].edges
            found.append(Reference(field.name, edges[0], edges[-1], values[0].size))
            continue
        known = values[~np.isnan(values)] if field.dtype == "float32" else values
        if not known.size:
            continue
        low, high = float(known.min()), float(known.max())
        if low == high:
            continue
        apart = _MARGIN * (high - low)
        found.append(Reference(field.name, low - apart, high + apart, values[0].size))
    return tuple(found)


def nothing_unusual(rows: int) -> Observation:
    """Return what is observed where every value is known and within its reference."""
    none = (0.0,) * rows
    return Observation((), (), none, none)


def observe(references: Sequence[Reference], inputs: Mapping[str, Array]) -> Observation:
    """Count what is missing and what is out of the references.

    Parameters
    ----------
    references
        Of `references`.
    inputs
        As the graph takes them, shape (n, ...).
    """
    rows = len(next(iter(inputs.values())))
    missing, outside = [0] * len(references), [0] * len(references)
    row_missing, row_outside = np.zeros(rows), np.zeros(rows)
    for index, reference in enumerate(references):
        values = inputs[reference.name]
        low, high = values.min(), values.max()
        # A NaN makes both bounds NaN, and the comparison false.
        if low >= reference.low and high <= reference.high:
            continue
        table = values.reshape(rows, -1)
        unknown = (table != table).sum(axis=1)
        beyond = ((table < reference.low) | (table > reference.high)).sum(axis=1)
        missing[index], outside[index] = int(unknown.sum()), int(beyond.sum())
        row_missing += unknown
        row_outside += beyond
    if not any(missing) and not any(outside):
        return nothing_unusual(rows)
    width = sum(reference.values for reference in references)
    return Observation(
        missing, outside, (row_missing / width).tolist(), (row_outside / width).tolist()
    )
