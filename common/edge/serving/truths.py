"""``POST /models/{m}/truth``: what really happened, so that the interval's promise is checked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.routing import Route

if TYPE_CHECKING:
    from common.edge.serving.app import Server

__all__ = ["truth_routes"]


def truth_routes(server: "Server") -> Sequence[Route]:
    """Return the route by which observed values come back."""
    del server
    return ()
