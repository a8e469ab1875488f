"""Numbers as they are printed: rounded once, so that every machine writes the same report.

Two machines give the same figure up to its last bits: 1e-13 of it for means and differences,
1e-11 for interval ends, whose shrinkage takes a slope by finite differences (measured with other
BLAS kernels). Rounded to five digits, such an end prints differently only if it lies within 1e-11
of a rounding boundary, and boundaries are 1e-5 apart at the finest: two chances in a million for
each end, below one in a thousand for a report of twenty entries. Figures that are zero but for
rounding errors (the bias of an unbiased model) agree in no digit, so nothing is printed below
1e-6. What is decided (verdicts, alerts, the worst unit) is decided on the rounded figures, so
that a reader with the printed page decides the same.
"""

import math
from dataclasses import replace
from typing import Any

from common.lab.record import Score
from common.lab.statistics import PairedDifference

__all__ = ["DECIMALS", "DIGITS", "printed", "printed_difference", "printed_score"]

DIGITS = 5
"""Significant digits."""
DECIMALS = 6
"""Decimals beyond which a computed figure may be nothing but rounding errors."""

_DIFFERENCE = tuple(
    name
    for name, kind in PairedDifference.__annotations__.items()
    if kind is float or kind == "float"
)


def printed(value: float, decimals: int = DECIMALS) -> float:
    """Round to five significant digits and at most ``decimals`` decimals; NaN stays NaN.

    >>> printed(12.345649), printed(0.1 + 0.2), printed(-3e-17), printed(123456.7)
    (12.346, 0.3, 0.0, 123460.0)
    """
    if not math.isfinite(value) or value == 0:
        return value if not math.isfinite(value) else 0.0
    wanted = DIGITS - 1 - math.floor(math.log10(abs(value)))
    return round(value, min(decimals, wanted)) + 0.0


def printed_difference(difference: PairedDifference) -> PairedDifference:
    """Round every figure of a difference; verdicts are drawn from the result."""
    rounded: dict[str, Any] = {name: printed(getattr(difference, name)) for name in _DIFFERENCE}
    return replace(difference, **rounded)


def printed_score(score: Score) -> Score:
    """Round a score and its interval."""
    return replace(
        score, value=printed(score.value), low=printed(score.low), high=printed(score.high)
    )
