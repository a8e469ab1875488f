"""A linear head with its own coefficients for each step that is asked, 15, 30 or 60 min ahead."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.arrays import matmul
from common.lab.usecase import Array

__all__ = ["StepHead"]


@dataclass(frozen=True)
class StepHead:
    """One weighted sum per step: the step is the question, not something that varies.

    Contribution j is ``coefficients[s, j] * (x_j - means[s, j])`` for the step s that the
    first column says: within a step the interventional Shapley values. The first column's
    own contribution is what the step's mean answer differs from the baseline by.

    Parameters
    ----------
    terms
        Names of the columns; the first tells the step.
    edges
        Values of the first column between the steps, rising, shape (n_steps - 1,).
    coefficients, means
        Shape (n_steps, n_terms - 1).
    intercepts
        Mean answer of each step, shape (n_steps,).

    Examples
    --------
    Step 1 (beyond 20): 0.5 + 3 * (2 - 1) = 3.5, 0.5 being a baseline of 0 plus 0.5:

    >>> head = StepHead(("minutes", "x"), (20.0,), ((2.0,), (3.0,)), ((0.0,), (1.0,)), (-0.5, 0.5))
    >>> raw, contributions = head(np, np.array([[30.0, 2.0]], dtype="float32"), {})
    >>> raw.tolist(), contributions.tolist()
    ([3.5], [[0.5, 3.0]])
    """

    terms: tuple[str, ...]
    edges: tuple[float, ...]
    coefficients: tuple[tuple[float, ...], ...]
    means: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    additive: bool = True

    def __post_init__(self) -> None:
        n_steps = len(self.edges) + 1
        shape = (n_steps, len(self.terms) - 1)
        found = (np.shape(self.coefficients), np.shape(self.means), len(self.intercepts))
        if found != (shape, shape, n_steps):
            raise UsageError(
                f"coefficients, means, intercepts of shape {found}",
                expected=f"{shape}, {shape}, {n_steps}",
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The terms."""
        return self.terms

    @property
    def baseline(self) -> float:
        """Mean answer over the steps."""
        return float(np.mean(self.intercepts))

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return len(self.intercepts) * len(self.terms)

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return the edges between steps, and the means, where contributions change sign."""
        return (self.edges, *np.transpose(self.means))

    def predict(self, X: Array) -> Array:
        """Return the answer in float64, shape (lines,): what the graph is held against."""
        step = np.searchsorted(self.edges, X[:, 0], side="left")
        slopes, means = np.array(self.coefficients)[step], np.array(self.means)[step]
        answer: Array = np.array(self.intercepts)[step] + ((X[:, 1:] - means) * slopes).sum(axis=1)
        return answer

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:  # noqa: ARG002 - the Head protocol
        """Return ``raw`` (lines,) and ``contributions`` (lines, n_terms)."""
        lows = xp.asarray(np.array([-np.inf, *self.edges], dtype=np.float32))
        highs = xp.asarray(np.array([*self.edges, np.inf], dtype=np.float32))
        step = matrix[:, :1]
        chosen = xp.astype((step > lows) & (step <= highs), xp.float32)

        def of_step(values: Any) -> Any:
            return matmul(xp, chosen, xp.asarray(np.array(values, dtype=np.float32)))

        shares = (matrix[:, 1:] - of_step(self.means)) * of_step(self.coefficients)
        own = of_step([[value - self.baseline] for value in self.intercepts])
        contributions = xp.concat([own, shares], axis=1)
        ones = xp.asarray(np.ones((len(self.terms), 1), dtype=np.float32))
        return matmul(xp, contributions, ones)[:, 0] + np.float32(self.baseline), contributions
