"""Section: what a page of proposals is made of, paragraphs, lists, figures and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.edge.errors import UsageError
from common.lab.pages.figure import Table

__all__ = ["Listing", "Plot", "Section"]


class Plot(Protocol):
    """What the page's macro draws: a `figure.Figure`, or a drawing of a use case."""

    @property
    def title(self) -> str:
        """What the plot shows."""

    @property
    def svg(self) -> str:
        """One ``<svg>`` element."""

    @property
    def description(self) -> str:
        """What there is to see."""

    @property
    def table(self) -> Table:
        """The plotted data."""


@dataclass(frozen=True)
class Listing:
    """A table in the text: its label, its header and rows of text cells, each as wide."""

    label: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise UsageError(
                    f"{self.label!r}: row {list(row)} has {len(row)} cells",
                    expected=f"{len(self.header)} cells, as in its header",
                )


@dataclass(frozen=True)
class Section:
    """A part of a page, printed in the order of the fields by the macro ``sections``."""

    title: str
    words: Sequence[str] = ()
    bullets: Sequence[str] = ()
    figures: Sequence[Plot] = ()
    listings: Sequence[Listing] = ()
    notes: Sequence[str] = ()
