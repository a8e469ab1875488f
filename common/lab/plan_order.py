"""What a use case is asked to decide on: observations, files and words from the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from common.lab.dataset import Dataset

__all__ = ["PlanOrder"]


@dataclass(frozen=True)
class PlanOrder:
    """What `UseCase.plan` is asked to decide on.

    Parameters
    ----------
    load
        Gives what was observed; called once, when ``dataset`` is first read.
    out
        Folder of the pages and exports.
    files
        Name to file or folder, of those that ``UseCase.plan_files`` names.
    options
        Name to the values given, of those that ``UseCase.plan_options`` names.
    say
        Called with one French line of progress.
    """

    load: Callable[[], Dataset]
    out: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    say: Callable[[str], None] = lambda _line: None

    @cached_property
    def dataset(self) -> Dataset:
        """What was observed."""
        return self.load()
