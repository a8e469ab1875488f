"""A head whose many contributions are added up into few parts that people can follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.arrays import matmul
from common.lab.graph.heads import Head

__all__ = ["GroupedHead"]


@dataclass(frozen=True)
class GroupedHead:
    """The same answer, with contributions added up by group.

    Parameters
    ----------
    head
        What answers.
    groups
        Term of ``head`` to the name of its part; parts stand in the order of the first
        term of each.

    Examples
    --------
    >>> from common.lab.graph.heads import LinearHead
    >>> head = LinearHead(("a", "b"), (1.0, 1.0), baseline=0.0, means=(0.0, 0.0))
    >>> grouped = GroupedHead(head, {"a": "both", "b": "both"})
    >>> raw, parts = grouped(np, np.array([[1.0, 2.0]], dtype="float32"), {})
    >>> raw.tolist(), parts.tolist()
    ([3.0], [[3.0]])
    """

    head: Head
    groups: Mapping[str, str]

    def __post_init__(self) -> None:
        alone = [name for name in self.head.terms if name not in self.groups]
        if alone:
            raise UsageError(f"terms {alone} in no group", expected="a group for each term")

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the head."""
        return self.head.reads

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the parts."""
        return tuple(dict.fromkeys(self.groups[name] for name in self.head.terms))

    @property
    def baseline(self) -> float:
        """The head's."""
        return self.head.baseline

    @property
    def additive(self) -> bool:
        """Shapley values of terms add up to those of parts where the model is additive."""
        return self.head.additive

    @property
    def n_parameters(self) -> int:
        """The head's."""
        return self.head.n_parameters

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the head's."""
        return self.head.thresholds()

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_parts)."""
        raw, contributions = self.head(xp, matrix, inputs)
        place = {name: column for column, name in enumerate(self.terms)}
        members = np.zeros((len(self.head.terms), len(place)), dtype=np.float32)
        for row, name in enumerate(self.head.terms):
            members[row, place[self.groups[name]]] = 1
        return raw, matmul(xp, contributions, xp.asarray(members))
