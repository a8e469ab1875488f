"""The use cases: one sibling folder each, all with the same file names."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.lab.usecase import UseCase

__all__ = ["discover", "names"]


def names() -> list[str]:
    """Return the folder names that hold a use case, sorted."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/usecase.py"))


def discover() -> dict[str, "UseCase"]:
    """Import every use case's ``usecase.py`` and return its ``USECASE`` by name."""
    return {name: import_module(f"usecases.{name}.usecase").USECASE for name in names()}
