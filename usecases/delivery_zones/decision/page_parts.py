"""What a decision page is: its parts, banners and drawings, filled into one French page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.edge.errors import UsageError
from common.lab.pages.figure import Table
from common.lab.pages.french import NO_BREAK, typeset
from common.lab.pages.rendering import OVER, render
from common.lab.pages.section import Section
from common.lab.usecase import Dataset

__all__ = [
    "Drawing",
    "Page",
    "at_hour",
    "in_parentheses",
    "page_html",
    "render_decision",
    "write_text",
]

TEMPLATES: Final = Path(__file__).parent / "templates"


def at_hour(hour: int) -> str:
    r"""Return an hour that no line break cuts.

    >>> at_hour(7).replace("\u00a0", "~")
    '7~h'
    """
    return f"{hour}{NO_BREAK}h"


def in_parentheses(low_to_high: str) -> str:
    r"""Return an interval after its value, on one line.

    >>> in_parentheses("25 à 28").replace("\u00a0", "~")
    '(25~à~28)'
    """
    return f"({low_to_high})".replace(" ", NO_BREAK)


@dataclass(frozen=True)
class Drawing:
    """A map with its text alternative and data.

    `Figure` refuses every ``href``; a map of a thousand points is light because it places one
    symbol many times with ``<use href="#...">``, which asks nothing of the outside.
    """

    title: str
    svg: str
    description: str
    table: Table

    def __post_init__(self) -> None:
        outside = self.svg.replace('href="#', "")
        for part in ("<script", "href=", "url(", "<image", "<foreignObject"):
            if not self.svg.startswith("<svg") or part in outside:
                raise UsageError(
                    f"drawing {self.title!r}: no <svg>, or one with {part}",
                    expected="an <svg> that refers to nothing but its own symbols",
                )


@dataclass(frozen=True)
class Page:
    """A decision page before it is printed.

    Parameters
    ----------
    file, title, lead
        File name, title and the sentence under it (also the index's).
    sections
        Its parts.
    first
        What to do first; the index repeats the first sentence.
    hypothesis
        What is supposed, under a banner; empty where everything was measured.
    exports
        Files written beside it and what is in them.
    observed
        Whether stays stand behind it: then it carries the banners of the data set.
    skipped
        Why there is no such page; empty where there is.
    foot
        Where its data come from, if not from the stays.
    """

    file: str
    title: str
    lead: str
    sections: Sequence[Section] = ()
    first: Sequence[str] = ()
    hypothesis: str = ""
    exports: Sequence[tuple[str, str]] = ()
    observed: bool = True
    skipped: str = ""
    foot: str = ""


def page_html(page: Page, dataset: Dataset, foot: str) -> str:
    """Return a page as one HTML file, with the banners of its data set."""
    return render_decision(
        "decision.html.j2",
        dataset,
        page.foot or foot,
        title=page.title,
        page=page,
        observed=page.observed,
    )


def render_decision(
    template: str, dataset: Dataset, foot: str, *, observed: bool, **view: object
) -> str:
    """Fill one of our templates; pages without stays say only whether those are simulated."""
    return render(
        template,
        TEMPLATES,
        over=f"{OVER} · aires de livraison",
        simulated=dataset.simulated and observed,
        dataset={
            "simulated": dataset.simulated and observed,
            "proxy": dataset.proxy if observed and not dataset.simulated else "",
        },
        foot=typeset(foot),
        **view,
    )


def write_text(path: Path, parts: Iterable[str]) -> None:
    """Write a file all at once: a reader meets the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
    draft.replace(path)
