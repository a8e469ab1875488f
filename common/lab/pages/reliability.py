"""Plot of promises kept: the chance that was announced against what happened."""

import math
from collections.abc import Sequence

from common.edge.errors import UsageError
from common.lab.pages import french
from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.svg import ACCENT, MUTED, RUST, Canvas, Scale, axes, whisker

__all__ = ["FEWEST", "Bin", "reliability", "wilson"]

Bin = tuple[float, float, int]
"""Mean chance announced, share that happened, number of cases."""

FEWEST = 30
"""A class with fewer cases is drawn hollow: its share says little."""
Z_95 = 1.959964


def reliability(title: str, bins: Sequence[Bin], noun: str = "cas") -> Figure:
    """Plot the share that happened over the chance announced, a mark per class of chance.

    Parameters
    ----------
    title
        What is announced, in French.
    bins
        See `common.lab.probability_metrics.calibration_bins`.
    noun
        What a case is called in the table, in the plural.
    """
    if not bins:
        raise UsageError(f"figure {title!r} has nothing to draw", expected="one case at least")
    kept = sum(count for mean, share, count in bins if _holds(mean, share, count))
    total = sum(count for *_, count in bins)
    description = (
        f"Sur la diagonale, la promesse est tenue. {french.percent(kept / total, 0)} des {noun} "
        "sont dans une classe dont l'intervalle à 95 % touche la diagonale. "
        f"Cercle creux : moins de {FEWEST} {noun}."
    )
    header = ("Chance annoncée", "Part observée", "Intervalle à 95 %", noun.capitalize())
    table = Table(header, tuple(_row(*values) for values in bins))
    return Figure(title, _canvas(bins).render(title, description), description, table)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), cases taken as independent.

    >>> [round(bound, 3) for bound in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    shrink = 1 + Z_95**2 / count
    centre = (share + Z_95**2 / (2 * count)) / shrink
    half = Z_95 * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2)) / shrink
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _holds(mean: float, share: float, count: int) -> bool:
    low, high = wilson(share, count)
    return low <= mean <= high


def _row(mean: float, share: float, count: int) -> tuple[str, str, str, str]:
    low, high = wilson(share, count)
    return (
        french.percent(mean, 0),
        french.percent(share, 0),
        f"{french.percent(low, 0)} à {french.percent(high, 0)}",
        french.number(count, 0),
    )


def _canvas(bins: Sequence[Bin]) -> Canvas:
    canvas = Canvas(WIDTH, 330)
    up, across = Scale(0, 100, 270, 16), Scale(0, 100, 56, WIDTH - 16)
    axes(canvas, across, up, "%")
    canvas.line((across(0), up(0)), (across(100), up(100)), RUST, 1.6, dashed=True)
    for mean, share, count in bins:
        low, high = wilson(share, count)
        x = across(100 * mean)
        whisker(canvas, (x, up(100 * low)), (x, up(100 * high)), ACCENT)
        canvas.mark((x, up(100 * share)), hollow=count < FEWEST)
    canvas.text(
        (across(0), 312), "chance annoncée, en %, et part observée (vertical)", colour=MUTED
    )
    return canvas
