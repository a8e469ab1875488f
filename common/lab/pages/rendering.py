"""Fill a page template: one static file, own CSS, no script, no request, French typography."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.lab.pages import french

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["OVER", "render"]

OVER = "Aune · modèles de référence pour les communes"
"""Printed above the title of every page."""

_TEMPLATES = Path(__file__).parent / "templates"
_TEXT_NODE = re.compile(r"(?<=>)[^<>]+(?=<)")


def render(template: str, folder: Path | None = None, **view: Any) -> str:
    """Fill a template, then keep French punctuation on its line in every text node.

    Parameters
    ----------
    template
        File name.
    folder
        Where the template is when it is not one of ours; it may still extend
        ``base.html.j2`` and import ``_parts.html.j2``.
    **view
        What the template prints; a name that it reads and that is not given is an error.
    """
    page = _templates(folder).get_template(template).render(**view)
    return _TEXT_NODE.sub(lambda found: french.typeset(found[0]), page)


@cache
def _templates(folder: Path | None) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES] if folder is None else [folder, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    environment.globals["css"] = Markup(css)  # noqa: S704 - our own file, no user text
    return environment
