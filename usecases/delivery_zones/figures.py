"""Plots of the availability tasks for the run page: the verdict of each horizon, calibration."""

from collections.abc import Mapping

from common.lab.pages.figures import Figure
from common.lab.usecase import Array, Examples

__all__ = ["availability_figures", "day_ahead_figures"]


def availability_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    del examples, outputs
    return []


def day_ahead_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    del examples, outputs
    return []
