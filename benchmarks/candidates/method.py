"""What a forecasting method is here: something trained on a vendor's folder that then answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.edge.errors import MissingExtraError, UsageError
from common.lab.usecase import Array

if TYPE_CHECKING:
    from benchmarks.candidates.vendor import VendorFolder

__all__ = ["CENTRAL", "FULL_EFFORT", "Answers", "Effort", "Method", "Trained", "missing"]

Answers = Mapping[str, Array]
"""Answer column to kWh of shape (n,), in the order of the questions."""

CENTRAL = "q50"
"""Answer column of the central forecast."""


@dataclass(frozen=True)
class Effort:
    """How much training a candidate gets.

    Parameters
    ----------
    windows
        Training days drawn, each of one meter: 24 rows.
    trees
        Of the unconstrained boosted model.
    members, member_trees
        Of the wasteful ensemble.
    seed
        Of every draw.
    """

    windows: int = 1500
    trees: int = 4000
    members: int = 20
    member_trees: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.windows, self.trees, self.members, self.member_trees) < 1:
            raise UsageError(f"{self}", expected="1 or more windows, trees and members")


FULL_EFFORT = Effort()
"""36,000 training rows: enough for a fair candidate, minutes on one core."""


@dataclass(frozen=True)
class Trained:
    """A method after its training.

    Parameters
    ----------
    answer
        Answers every question.
    to_onnx
        Returns ``model.onnx``; None where the method cannot be exported.
    """

    answer: Callable[[], Answers]
    to_onnx: Callable[[], bytes] | None = None


@dataclass(frozen=True)
class Method:
    """A way to forecast.

    Parameters
    ----------
    id, name
        Identifier, and French name that says what it is.
    licence
        Of the program that trains it.
    train
        ``train(folder, effort) -> Trained``.
    """

    id: str
    name: str
    licence: str
    train: Callable[["VendorFolder", Effort], Trained]


def missing(package: str, error: ImportError) -> MissingExtraError:
    """Return what to say where a library of the ``dev`` extra is not installed."""
    return MissingExtraError(
        f"{package} is not installed ({error})",
        expected=f"{package}, which this candidate is made with",
        remedy="pip install 'aune[dev]', or leave the candidate out with --only",
    )
