"""Error against energy with boxes: who is dominated whatever the truth within the boxes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.comparing.printed import printed
from benchmarks.records import Evidence, Standing

__all__ = ["Box", "dominated_by", "energy_ratio"]

RATIO_DECIMALS = 12
"""A ratio of energies read from files has no rounding errors to hide."""


@dataclass(frozen=True)
class Box:
    """What is known of an entry's error and energy.

    Parameters
    ----------
    error
        95 % interval of the loss relative to the reference's, minus one; the reference is
        (0, 0).
    energy
        Wh per 1,000 predictions; an upper end of infinity where only a lower bound is known,
        (0, infinity) where nothing is.
    settled
        False where a person must still look at the entry: it then dominates nobody.
    """

    error: tuple[float, float]
    energy: tuple[float, float]
    settled: bool = True

    @classmethod
    def of(cls, standing: Standing) -> "Box | None":
        """Return the box of a standing, None where it was not scored."""
        if standing.verdict == "refused":
            return None
        gap = standing.difference
        error = (0.0, 0.0) if gap is None else (gap.relative_low, gap.relative_high)
        findings = (*standing.entry.findings, *standing.findings)
        settled = not any(finding.severity == "review" for finding in findings)
        return cls(error, _energy(standing.entry.predict), settled)

    def behind(self, other: "Box") -> bool:
        """Whether this box's best corner is behind the worst corner of ``other``.

        >>> Box((0.10, 0.20), (5, 9)).behind(Box((-0.02, 0.05), (1, 2)))
        True
        >>> Box((0.04, 0.20), (5, 9)).behind(Box((-0.02, 0.05), (1, 2)))  # 4 % may be better
        False
        """
        return other.settled and other.error[1] < self.error[0] and other.energy[1] < self.energy[0]


def dominated_by(standings: Sequence[Standing]) -> Mapping[str, tuple[str, ...]]:
    """Return, by id, the ids that are better on both axes at their worst (frugality 3.3)."""
    boxes = {standing.entry.id: Box.of(standing) for standing in standings}
    return {
        name: tuple(other for other, rival in boxes.items() if box and rival and box.behind(rival))
        for name, box in boxes.items()
    }


def energy_ratio(own: Evidence, reference: Evidence) -> tuple[float, float] | None:
    """Return the smallest and largest ratio that both intervals allow, None where unknown.

    An amount known as a lower bound only gives a ratio that is one too: its upper end then
    belongs to the parts that were counted.

    >>> from functools import partial
    >>> wh = partial(Evidence, 4, what="predict", words="")
    >>> energy_ratio(wh(low=2.0, central=3.0, high=4.0), wh(low=0.5, central=0.8, high=1.0))
    (2.0, 8.0)
    """
    known = (own.low, own.high, reference.low, reference.high)
    if not all(map(math.isfinite, known)) or reference.low <= 0:
        return None
    return (
        printed(own.low / reference.high, RATIO_DECIMALS),
        printed(own.high / reference.low, RATIO_DECIMALS),
    )


def _energy(evidence: Evidence) -> tuple[float, float]:
    low = evidence.low if math.isfinite(evidence.low) else 0.0
    known = math.isfinite(evidence.high) and not evidence.lower_bound
    return low, evidence.high if known else math.inf
