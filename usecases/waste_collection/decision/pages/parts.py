"""What every page of the plan is: its parts under its banners, one French file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from common.lab.pages import rendering
from common.lab.pages.french import typeset
from common.lab.pages.rendering import OVER, render
from common.lab.pages.section import Section
from usecases.waste_collection.decision.choice import Proposal

__all__ = ["Page", "page_html", "render_page"]

TEMPLATES = Path(__file__).with_name("templates")
OWN_STYLE = TEMPLATES / "plan.css"
BASE_STYLE = Path(rendering.__file__).with_name("templates") / "style.css"


@dataclass(frozen=True)
class Page:
    """A page before it is printed.

    Parameters
    ----------
    file, title, lead
        File name, title and the sentence under it.
    first
        What to know first; empty for no such block.
    sections
        Its parts.
    files
        Files that stand beside it and what is in them.
    """

    file: str
    title: str
    lead: str
    first: Sequence[str] = ()
    sections: Sequence[Section] = ()
    files: Sequence[tuple[str, str]] = ()


def page_html(page: Page, proposal: Proposal) -> str:
    """Return a page as one HTML file."""
    return render_page("plan_page.html.j2", proposal, title=page.title, page=page)


def render_page(template: str, proposal: Proposal, *, title: str, **view: object) -> str:
    """Fill one of our templates, with the banners that every page of a plan carries."""
    dataset, terrain = proposal.case.situation.dataset, proposal.case.terrain
    sources = " ; ".join(f"{source.publisher} ({source.licence})" for source in dataset.sources)
    base = (BASE_STYLE.read_text(encoding="utf-8"), OWN_STYLE.read_text(encoding="utf-8"))
    return render(
        template,
        TEMPLATES,
        css=Markup("".join(base)),  # noqa: S704 - our own files, no user text
        over=f"{OVER} · collecte des déchets",
        title=title,
        simulated=dataset.simulated,
        dataset={
            "simulated": dataset.simulated,
            "proxy": "" if dataset.simulated else dataset.proxy,
        },
        distances=f"Distances et durées : {terrain.roads.source}.".replace(" × ", "\u00a0×\u00a0"),
        forecast=proposal.case.outlook.source,
        foot=typeset(f"Données : {dataset.name}. {sources}".strip()),
        **view,
    )
