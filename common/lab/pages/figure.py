"""Figure and Table: a plot with its text alternative and its data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.pages import french
from common.lab.record import Score

__all__ = ["MAX_POINTS", "WIDTH", "Figure", "Table", "ends", "in_unit", "score_table", "thin"]

MAX_POINTS = 400
"""Points per series (``briefs/platform.md`` 3.3): a page stays below 150 KiB."""

WIDTH = 560.0
"""Width of every drawing, in pixels of its viewBox: 13 px letters stay legible on a phone."""


@dataclass(frozen=True)
class Table:
    """The data of a figure, as text cells; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise UsageError(
                    f"table row {row} has {len(row)} cells", expected=f"{len(self.header)} cells"
                )


@dataclass(frozen=True)
class Figure:
    """A plot with its text alternative.

    Parameters
    ----------
    title
        What the plot shows, in French.
    svg
        One ``<svg>`` element with ``role="img"``, ``<title>``, ``<desc>`` and ``viewBox``.
    description
        What there is to see, in one or two French sentences.
    table
        The plotted data.
    """

    title: str
    svg: str
    description: str
    table: Table

    def __post_init__(self) -> None:
        for part in ('role="img"', "<title", "<desc", "viewBox"):
            if not self.svg.startswith("<svg") or part not in self.svg:
                raise UsageError(
                    f"figure {self.title!r}: its SVG lacks {part}",
                    expected='an <svg> with role="img", <title>, <desc> and viewBox',
                )
        for part in ("<script", "href=", "url(", "<image", "<foreignObject"):
            if part in self.svg:
                raise UsageError(
                    f"figure {self.title!r}: its SVG has {part}",
                    expected="no script and no reference to anything outside",
                )


def score_table(first: str, labels: Sequence[str], rows: Sequence[tuple[object, Score]]) -> Table:
    """Return the table of some scores: label, value, 95 % interval."""
    return Table(
        (first, "Valeur", "Intervalle à 95 %"),
        tuple(
            (
                label,
                french.quantity(score.value, score.unit),
                french.bounds(score.low, score.high, score.unit),
            )
            for label, (_, score) in zip(labels, rows, strict=True)
        ),
    )


def ends(score: Score) -> tuple[float, float, float]:
    """Return the value and the bounds of a score."""
    return score.value, score.low, score.high


def in_unit(unit: str) -> str:
    """Return « , en kWh », or nothing where there is no unit."""
    return f", en {unit}" if unit not in ("", "1") else ""


def thin(count: int) -> npt.NDArray[np.intp]:
    """Return at most MAX_POINTS indices, evenly spread, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, MAX_POINTS)).round().astype(np.intp))
