"""The shadow run: how far a new version's predictions are from the current one's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle
from common.edge.errors import DataError

__all__ = ["Gap", "Shadow", "shadow_run"]

Array = npt.NDArray[Any]

# Reasons may be cut otherwise in a new version; what is compared is what people act upon.
_REASONS = ("baseline", "contributions")


@dataclass(frozen=True)
class Gap:
    """How far one output of the new version is from the current one's.

    Parameters
    ----------
    output, unit
        What is compared.
    mean, p95, largest
        Of the absolute differences, in ``unit``.
    worst_row
        Row of the largest one, counted from 0.
    relative
        Sum of absolute differences over the sum of the current version's absolute values
        (a WAPE with the current version for truth); None where that sum is 0.
    one_sided
        Number of values that only one of the two versions gives (NaN or infinite in the other).
    """

    output: str
    unit: str
    mean: float
    p95: float
    largest: float
    worst_row: int
    relative: float | None
    one_sided: int

    @classmethod
    def between(cls, output: str, unit: str, current: Array, new: Array) -> "Gap":
        """Compare two arrays of shape (n, ...).

        >>> Gap.between("forecast", "kWh", np.array([[10.0, 30]]), np.array([[11.0, 27]]))
        ... # doctest: +NORMALIZE_WHITESPACE
        Gap(output='forecast', unit='kWh', mean=2.0, p95=2.9, largest=3.0, worst_row=0,
            relative=0.1, one_sided=0)
        """
        current, new = current.astype(np.float64), new.astype(np.float64)
        one_sided = int((np.isfinite(current) != np.isfinite(new)).sum())
        both = np.isfinite(current) & np.isfinite(new)
        apart = np.abs(np.where(both, new, 0.0) - np.where(both, current, 0.0))
        known = apart[both]
        scale = float(np.abs(current[both]).sum())
        return cls(
            output=output,
            unit=unit,
            mean=float(known.mean()) if known.size else 0.0,
            p95=float(np.quantile(known, 0.95)) if known.size else 0.0,
            largest=float(apart.max(initial=0.0)),
            worst_row=int(apart.reshape(len(apart), -1).max(axis=1, initial=0.0).argmax()),
            relative=float(known.sum()) / scale if scale else None,
            one_sided=one_sided,
        )


@dataclass(frozen=True)
class Shadow:
    """What a shadow run found.

    Parameters
    ----------
    rows
        Rows that the new version predicted.
    against
        The current version, empty where there is none.
    gaps
        One for each output that both versions have; the first is the prediction's.
    outside
        Share of the new predictions outside the current version's interval, 0 to 1; None
        where it has none.
    why_not
        Why nothing could be compared; empty where it could.
    """

    rows: int
    against: str
    gaps: tuple[Gap, ...] = ()
    outside: float | None = None
    why_not: str = ""


def shadow_run(current: Bundle | None, new: Bundle, inputs: Mapping[str, Array]) -> Shadow:
    """Predict recent inputs with both versions; nobody sees the new one's answers.

    Parameters
    ----------
    current
        The version in use, None where there is none.
    new
        The version to install.
    inputs
        Input name to array of shape (n, ...); any number of rows.

    Raises
    ------
    TableError
        The new version refuses the inputs. Where the current one does, the run says so.
    """
    rows = len(next(iter(inputs.values())))
    found = _predict(new, inputs)
    if current is None:
        return Shadow(rows, "", why_not="no version is in use")
    against = current.manifest.version
    try:
        expected = _predict(current, inputs)
    except DataError as error:
        return Shadow(rows, against, why_not=f"{against} refuses these inputs: {error.found}")
    gaps = tuple(
        Gap.between(output.name, output.unit, expected[output.name], found[output.name])
        for output in new.manifest.outputs
        if output.name not in _REASONS
        and output.name in expected
        and expected[output.name].shape == found[output.name].shape
    )
    why_not = "" if gaps else f"{against} has no output in common with the new version"
    outside = _outside(expected, found[new.manifest.outputs[0].name])
    return Shadow(rows, against, gaps, outside, why_not)


def _predict(bundle: Bundle, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Predict any number of rows, as many at a time as a call may have."""
    rows, step = len(next(iter(inputs.values()))), bundle.limits.rows
    parts = [
        bundle.predict({name: values[start : start + step] for name, values in inputs.items()})
        for start in range(0, rows, step)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _outside(expected: Mapping[str, Array], prediction: Array) -> float | None:
    """Return the share of known predictions that the current interval does not hold."""
    if not {"lower", "upper"} <= set(expected) or expected["lower"].shape != prediction.shape:
        return None
    known = ~np.isnan(prediction)
    out = (prediction < expected["lower"]) | (prediction > expected["upper"])
    return float(out[known].mean()) if known.any() else None
