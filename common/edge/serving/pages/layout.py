"""What every page shares: its frame, its policy, the files beside this module."""

from functools import lru_cache
from html import escape
from string import Template

from starlette.responses import Response

__all__ = ["PAGE_POLICY", "asset", "page", "template"]

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(title: str, body: str, status: int = 200) -> Response:
    """Return a page.

    Parameters
    ----------
    title
        Its heading, not escaped yet.
    body
        HTML.
    status
        Of the answer.
    """
    html = template("page.html").substitute(title=escape(title), body=body)
    headers = {"content-security-policy": PAGE_POLICY}
    return Response(html, status, headers, media_type="text/html")


@lru_cache
def template(name: str) -> Template:
    """Return a template of this folder."""
    return Template(asset(name).decode("utf-8"))


def asset(name: str) -> bytes:
    """Return a file of this folder."""
    from importlib.resources import files

    return files("common.edge.serving.pages").joinpath(name).read_bytes()
