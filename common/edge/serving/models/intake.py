"""Take in what is legal at once: the bounds of all inputs side by side, compared in one go.

`common.edge.inputs.prepare` looks at each input by itself and says what is wrong with it. Most
requests have nothing wrong: here one comparison says so, and whatever it does not clear goes
the careful way, which alone refuses.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits
from common.edge.inputs import prepare
from common.edge.manifest import FieldSpec
from common.edge.serving.models.observing import Observation, Reference, nothing_unusual, observe

__all__ = ["Intake"]

Array = npt.NDArray[Any]

_ACCEPTED: dict[str, set[np.dtype[Any]]] = {
    "float32": {np.dtype(np.float32), np.dtype(np.float64)},
    "int64": {np.dtype(np.int64)},
    "bool": {np.dtype(np.bool_)},
}
"""Types of arrays that need no closer look, by the type that the graph takes."""


class Intake:
    """From what callers give to what a graph takes, and what was unusual in it.

    Parameters
    ----------
    fields
        What the graph takes.
    references
        Between what bounds the inputs are usual.
    limits
        ``rows`` and ``values`` bound a call.
    """

    def __init__(
        self, fields: Sequence[FieldSpec], references: Sequence[Reference], limits: Limits
    ) -> None:
        self._fields, self._references, self._limits = fields, references, limits
        self._names = [field.name for field in fields]
        usual = {reference.name: reference for reference in references}
        by_type = [[field for field in fields if field.dtype == dtype] for dtype in _ACCEPTED]
        is_fixed = all(isinstance(size, int) for field in fields for size in field.shape[1:])
        self._lanes = [_Lane(lane, usual) for lane in by_type if lane] if is_fixed else []
        self._most_rows = limits.rows
        if is_fixed:
            widest = max(math.prod(map(int, field.shape[1:])) for field in fields)
            self._most_rows = min(limits.rows, limits.values // widest)

    def __call__(
        self, inputs: Mapping[str, Any], rows: int
    ) -> tuple[dict[str, Array], Observation]:
        """Check inputs of so many rows; the arrays share no memory with the caller's.

        Raises
        ------
        TableError
            As `common.edge.inputs.prepare`.
        """
        prepared, is_usual = self._at_once(inputs, rows)
        if prepared is None:
            prepared = prepare(self._fields, inputs, self._limits)
        if is_usual:
            return prepared, nothing_unusual(rows)
        return prepared, observe(self._references, prepared)

    def _at_once(
        self, inputs: Mapping[str, Any], rows: int
    ) -> tuple[dict[str, Array] | None, bool]:
        """Return the arrays, None where a closer look is needed, and whether all is usual."""
        if not self._lanes or not 1 <= rows <= self._most_rows or not inputs:
            return None, False
        found: dict[str, Array] = {}
        is_usual, given = True, 0
        for lane in self._lanes:
            values, count = lane.gathered(inputs, rows)
            if values is None:
                return None, False
            if not lane.is_usual(values, rows):
                is_usual = False
                if not lane.is_legal(values, rows):
                    return None, False
            lane.lay_out(values, rows, found)
            given += count
        if given < len(inputs):
            return None, False  # a name that is none of the graph's
        return {name: found[name] for name in self._names}, is_usual


class _Lane:
    """The inputs of one type, one behind the other, each with all of its rows.

    Parameters
    ----------
    fields
        Of that type, of fixed sizes.
    usual
        The references by name.
    """

    def __init__(self, fields: Sequence[FieldSpec], usual: Mapping[str, Reference]) -> None:
        self._dtype = np.dtype(fields[0].dtype)
        self._accepted = _ACCEPTED[fields[0].dtype]
        self._shapes = [(field.name, tuple(map(int, field.shape[1:]))) for field in fields]
        self._sizes = [math.prod(shape) for _, shape in self._shapes]
        self._defaults = {
            field.name: np.ravel(field.default) for field in fields if field.default is not None
        }
        self._may_miss = np.array([field.missing for field in fields])
        self._legal = self._bounds([field.range for field in fields])
        apart = [usual.get(field.name) for field in fields]
        seen = self._bounds([(r.low, r.high) if r else (-math.inf, math.inf) for r in apart])
        low, high = np.maximum(self._legal[0], seen[0]), np.minimum(self._legal[1], seen[1])
        self._usual = np.stack([low, high])
        self._usual_row = self._spread(self._usual, 1)

    def _bounds(self, ranges: Sequence[tuple[float, float]]) -> Array:
        """Return bounds of shape (2, inputs), rounded like the values; none is infinite.

        0.1 as float32 is above 0.1 and must stay legal; what float32 cannot hold must not.
        """
        bounds = np.array(ranges, dtype=np.float64).T
        if self._dtype != np.float32:
            return bounds
        most = np.finfo(np.float32).max
        return np.clip(bounds, -most, most).astype(np.float32).astype(np.float64)

    def _spread(self, each: Array, rows: int) -> Array:
        """Repeat what holds for an input for all of its values; one input needs no copies."""
        if len(self._sizes) == 1:
            return each
        return np.repeat(each, np.multiply(self._sizes, rows), axis=-1)

    def gathered(self, inputs: Mapping[str, Any], rows: int) -> tuple[Array | None, int]:
        """Return all values, None where one is of another kind, and how many were given."""
        parts, given = [], 0
        for name, shape in self._shapes:
            if name in inputs:
                values, given = inputs[name], given + 1
                if (
                    type(values) is not np.ndarray
                    or values.dtype not in self._accepted
                    or values.shape != (rows, *shape)
                ):
                    return None, given
                parts.append(values.reshape(-1) if shape else values)
            elif name in self._defaults:
                values = self._defaults[name]
                parts.append(values if rows == 1 else np.tile(values, rows))
            else:
                return None, given
        return parts[0] if len(parts) == 1 else np.concatenate(parts), given

    def is_usual(self, values: Array, rows: int) -> bool:
        """Say whether all values are known, legal and within the references."""
        low, high = self._usual_row if rows == 1 else self._spread(self._usual, rows)
        return bool(((values >= low) & (values <= high)).all())

    def is_legal(self, values: Array, rows: int) -> bool:
        """Say whether all values are within their range, or missing where that is allowed."""
        low, high = self._spread(self._legal, rows)
        missing = (values != values) & self._spread(self._may_miss, rows)
        return bool((missing | (values >= low) & (values <= high)).all())

    def lay_out(self, values: Array, rows: int, found: dict[str, Array]) -> None:
        """Add each input's part, as the graph takes it."""
        cast = values.astype(self._dtype)
        start = 0
        for (name, shape), size in zip(self._shapes, self._sizes, strict=True):
            part = cast[start : (start := start + size * rows)]
            found[name] = part.reshape(rows, *shape) if shape else part
