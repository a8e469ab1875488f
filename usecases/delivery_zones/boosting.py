"""Settings of the boosted availability rungs, and their fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.lab.usecase import Array, Training

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["Trees"]


@dataclass(frozen=True)
class Trees:
    """Settings of a boosted rung, as LightGBM names them.

    Parameters
    ----------
    rounds, leaves, learning_rate, max_bin, min_rows
        Coarse: what ships must stay below 50 kB.
    pairs
        Declared pairs: trees then use one feature or one pair per path.
    """

    rounds: int
    leaves: int
    learning_rate: float = 0.05
    max_bin: int = 31
    min_rows: int = 200
    pairs: tuple[tuple[str, str], ...] | None = None

    def fit(self, names: Sequence[str], X: Array, training: Training) -> "Booster":
        """Fit on log-odds; one thread, the same bytes for the same seed."""
        import lightgbm

        data = lightgbm.Dataset(X, training.target, weight=training.weight)
        return lightgbm.train(self._parameters(names, training.seed), data, self.rounds)

    def _parameters(self, names: Sequence[str], seed: int) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "objective": "binary",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "max_bin": self.max_bin,
            "min_data_in_leaf": self.min_rows,
            "lambda_l2": 5.0,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed % 2**31,
            "verbose": -1,
        }
        if self.pairs is not None:
            place = {name: index for index, name in enumerate(names)}
            settings["interaction_constraints"] = [[index] for index in range(len(names))] + [
                [place[first], place[second]] for first, second in self.pairs
            ]
        return settings
