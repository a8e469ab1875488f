"""The verdict of the bench: each family at equal overflows, and who pays for a gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from usecases.waste_collection.replay.scoring.curves import (
    RATES,
    Curve,
    Gain,
    Reading,
    curves_of,
    gain_at,
    gain_over_curve,
    read_at,
)
from usecases.waste_collection.replay.scoring.outcome import Outcome

__all__ = [
    "CHOSEN",
    "FORESIGHT",
    "OWN_CADENCE_DAYS",
    "REFERENCE",
    "Comparison",
    "Fairness",
    "Row",
    "compare",
]

OWN_CADENCE_DAYS = 3.0
"""The own round that gains are told against (issue 5)."""
REFERENCE = "fixed"
"""Every gain is told against this family's three-day round."""
FORESIGHT = ("last_moment", "foresight_2d")
"""References that know the inflow ahead: no policy can be held to them."""
CHOSEN = "fair_2d"
"""The family whose figure is the verdict: named on tuning draws, before the test scenarios."""

Fairness = Literal["held", "refused", "open"]
BORNE = ("worst_decile", "worst_district")


@dataclass(frozen=True, eq=False)
class Row:
    """One family against the own round.

    Parameters
    ----------
    family
        Name of the curve.
    km, truck_hours
        Change at the overflows of the own round.
    readings
        km at 1, 2 and 5 overflow-days per 1,000.
    over_fixed
        Change of km against the curve of fixed cadences at these rates.
    borne
        Change of the worst decile of containers, and of the worst district, at equal
        overflows.
    fairness
        ``refused`` where the worst decile or the worst district is shown to bear more (the
        interval is above 0): such a gain does not count. ``held`` where neither can be more
        than 25 % worse, ``open`` otherwise.
    """

    family: str
    km: Gain
    truck_hours: Gain
    readings: tuple[Reading, ...]
    over_fixed: tuple[Gain, ...]
    borne: Mapping[str, Gain]
    fairness: Fairness


@dataclass(frozen=True, eq=False)
class Comparison:
    """All families, and the curves behind them.

    Parameters
    ----------
    rows
        By change of km, the largest gain first; families that do not come to the own
        round's overflows last.
    curves
        By family.
    """

    rows: tuple[Row, ...]
    curves: Mapping[str, Curve]

    def row(self, family: str) -> Row | None:
        """Return the row of a family, None where it was not driven."""
        return next((row for row in self.rows if row.family == family), None)


TOLERATED = 0.25


def compare(outcomes: Sequence[Outcome]) -> Comparison:
    """Compare every family with the own three-day round at that round's overflows.

    Raises
    ------
    UsageError
        If the three-day round was not driven.
    """
    curves = {curve.family: curve for curve in curves_of(outcomes)}
    reference = curves[REFERENCE]
    rows = [_row(curve, reference) for name, curve in curves.items() if name != REFERENCE]
    rows.sort(key=lambda row: row.km.ratio if row.km.ratio == row.km.ratio else 9.0)
    return Comparison(tuple(rows), curves)


def _row(curve: Curve, reference: Curve) -> Row:
    borne = {name: gain_at(curve, reference, OWN_CADENCE_DAYS, name) for name in BORNE}
    return Row(
        family=curve.family,
        km=gain_at(curve, reference, OWN_CADENCE_DAYS),
        truck_hours=gain_at(curve, reference, OWN_CADENCE_DAYS, "truck_hours"),
        readings=tuple(read_at(curve, rate) for rate in RATES),
        over_fixed=tuple(gain_over_curve(curve, reference, rate) for rate in RATES),
        borne=borne,
        fairness="open" if curve.family in FORESIGHT else _fairness(tuple(borne.values())),
    )


def _fairness(borne: Sequence[Gain]) -> Fairness:
    if any(gain.low > 0 for gain in borne):
        return "refused"
    if all(gain.high <= TOLERATED for gain in borne):
        return "held"
    return "open"
