"""What was read, repaired and dropped of raw files, to be counted on a page."""

from dataclasses import dataclass

import pandas as pd

__all__ = ["CleaningReport"]


@dataclass(frozen=True)
class CleaningReport:
    """What was read, repaired and dropped.

    Parameters
    ----------
    steps
        (file or set, French sentence, rows), in the order in which things were done.
    """

    steps: tuple[tuple[str, str, int], ...]

    def table(self) -> pd.DataFrame:
        """Return the steps for a page: ``perimetre``, ``operation``, ``lignes``."""
        return pd.DataFrame(list(self.steps), columns=["perimetre", "operation", "lignes"])

    def rows(self, operation: str) -> int:
        """Return the rows of all steps whose sentence begins with ``operation``.

        >>> CleaningReport((("a", "lues", 3), ("b", "lues", 4))).rows("lues")
        7
        """
        return sum(rows for _, sentence, rows in self.steps if sentence.startswith(operation))
