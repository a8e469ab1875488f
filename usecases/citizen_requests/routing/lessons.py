"""What a routing rung learns from: texts, right services and votes, request by request."""

from dataclasses import dataclass, replace

import numpy as np

from common.lab.textmodel import counted
from common.lab.usecase import Array, Training

__all__ = ["CATALOGUE_UNIT", "Lessons"]

CATALOGUE_UNIT = "catalogue"
"""Statistical unit of the rows that are phrases of the service catalogue, not requests."""
HELD_SHARE = 0.2
"""Share of the requests, the latest ones, that scores are calibrated on."""


@dataclass(frozen=True)
class Lessons:
    """Requests beside their services, and phrases of the catalogue among them.

    Parameters
    ----------
    counts
        Grams of each text, ``common.lab.textmodel.counted``.
    classes
        A right service of each, shape (n,).
    votes
        The votes' column, shape (n, K).
    weight
        Weight of each row, shape (n,).
    days
        Day of each row.
    described
        True for phrases of the catalogue.
    """

    counts: Array
    classes: Array
    votes: Array
    weight: Array
    days: Array
    described: Array

    @classmethod
    def of(cls, training: Training, n_services: int) -> "Lessons":
        """Fold the training lines, one per request and service, back to requests."""
        rows = np.empty(0, np.int64) if training.rows is None else training.rows[::n_services]
        codes = training.inputs.get("codes", np.zeros((0, 1), np.int64))
        return cls(
            counts=counted(codes[rows]),
            classes=training.target.reshape(-1, n_services).argmax(axis=1),
            votes=training.matrix.reshape(-1, n_services, training.matrix.shape[1])[:, :, 0],
            weight=training.weight.reshape(-1, n_services)[:, 0],
            days=training.days.reshape(-1, n_services)[:, 0],
            described=training.units.reshape(-1, n_services)[:, 0] == CATALOGUE_UNIT,
        )

    def __len__(self) -> int:
        return len(self.classes)

    def at(self, rows: Array) -> "Lessons":
        """Return some rows (mask or indices)."""
        return replace(
            self,
            counts=self.counts[rows],
            classes=self.classes[rows],
            votes=self.votes[rows],
            weight=self.weight[rows],
            days=self.days[rows],
            described=self.described[rows],
        )

    def requests(self) -> "Lessons":
        """Return the requests without the catalogue."""
        return self.at(~self.described)

    def held_out(self) -> tuple["Lessons", "Lessons"]:
        """Return earlier rows, the catalogue among them, and the latest fifth of the requests.

        Whole days stay together: for titles split by dossier a day is a dossier.
        """
        days = np.sort(self.days[~self.described])
        if not len(days):
            return self, self.at(np.zeros(len(self), dtype=bool))
        start = days[int((1 - HELD_SHARE) * (len(days) - 1))]
        late = ~self.described & (self.days > start)
        return self.at(~late), self.at(late)
