"""Settings of LightGBM, the same bytes for the same seed; additive where pairs are declared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from common.lab.usecase import Array, Training

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["Trees"]


@dataclass(frozen=True)
class Trees:
    """Settings of a boosted rung.

    Parameters
    ----------
    rounds, leaves, learning_rate, max_bin, min_rows, l2
        As LightGBM names them.
    pairs
        Declared pairs: trees then use one feature or one pair per path (GA2M); None leaves
        them free.
    objective
        ``regression``, or ``binary`` for log-odds.
    """

    rounds: int
    leaves: int
    learning_rate: float = 0.05
    max_bin: int = 31
    min_rows: int = 200
    pairs: tuple[tuple[str, str], ...] | None = None
    l2: float = 1.0
    objective: Literal["regression", "binary"] = "regression"

    def parameters(self, names: Sequence[str], seed: int) -> dict[str, Any]:
        """Return LightGBM's parameters for columns of these names; one thread."""
        settings: dict[str, Any] = {
            "objective": self.objective,
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "max_bin": self.max_bin,
            "min_data_in_leaf": self.min_rows,
            "lambda_l2": self.l2,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed % 2**31,
            "verbose": -1,
        }
        if self.pairs is not None:
            place = {name: index for index, name in enumerate(names)}
            alone = [[index] for index in range(len(names))]
            settings["interaction_constraints"] = alone + [
                [place[first], place[second]] for first, second in self.pairs
            ]
        return settings

    def fit(self, names: Sequence[str], X: Array, training: Training) -> "Booster":
        """Fit on the training's target and weight, of which ``X`` holds some columns."""
        import lightgbm

        data = lightgbm.Dataset(X, training.target, weight=training.weight)
        return lightgbm.train(self.parameters(names, training.seed), data, self.rounds)
