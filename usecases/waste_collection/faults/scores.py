"""Alarms held against faults: rows found, episodes found, false alarms, at a fixed budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from common.lab.metrics import Metric
from common.lab.probabilities import EVERYTHING
from common.lab.usecase import Array, Examples
from usecases.waste_collection.faults.examples import REAL, kind_of

__all__ = [
    "BUDGET_DAYS",
    "HEADLINE",
    "MONTH_DAYS",
    "Alarms",
    "average_precision",
    "row_weights",
    "scored",
    "threshold_at",
]

BUDGET_DAYS = 0.5
"""False-alarm days that a bin may have a month (``briefs/waste_collection.md`` 3.2)."""
MONTH_DAYS = 30.0
INJECTED_SHARE = 0.02
"""Weight of all rows of one kind of injected fault, relative to the real rows: rare, as faults
are, and no kind more than another."""


@dataclass(frozen=True)
class Alarms:
    """Rows with a label; arrays of shape (n_rows,), all of one unit.

    Parameters
    ----------
    fault
        1 for an alert or an injected fault, else 0.
    probability
        Chance of a fault.
    alarm
        1 where an alarm is raised.
    emptied
        1 where the level says that the container was emptied since the day before.
    real
        True where nothing was put in.
    weight
        See `row_weights`.
    block, blocks
        Index of each row's 7-day block, and the blocks.
    episode, n_episodes
        Number of each injected row's episode (-1 for real rows), and how many there are.
    """

    fault: Array
    probability: Array
    alarm: Array
    emptied: Array
    real: Array
    weight: Array
    block: Array
    blocks: Array
    episode: Array
    n_episodes: int

    @property
    def units(self) -> Array:
        """One unit: episodes and bins are too few to resample."""
        return np.array([EVERYTHING])

    def __len__(self) -> int:
        return len(self.fault)


def scored(examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]) -> Alarms:
    """Hold alarms against labels; rows without a label are left out."""
    del scale
    known = np.isfinite(examples.target[:, 0])
    real = kind_of(examples)[known] == REAL
    names = np.where(real, "", examples.units[known])
    found, episode = np.unique(names, return_inverse=True)
    shift = int("" in found)
    blocks, block = np.unique(examples.blocks[known], return_inverse=True)
    return Alarms(
        fault=examples.target[known, 0],
        probability=outputs["p_fault"][known, 0].astype(np.float64),
        alarm=outputs["alarm"][known, 0].astype(np.float64),
        emptied=outputs["emptied_today"][known, 0].astype(np.float64),
        real=real,
        weight=row_weights(examples)[known],
        block=block,
        blocks=blocks,
        episode=np.where(real, -1, episode - shift),
        n_episodes=len(found) - shift,
    )


def row_weights(examples: Examples) -> Array:
    """Return 1 for real rows; each kind of injected fault weighs 2 % of them in all."""
    kinds = kind_of(examples)
    weight = np.ones(len(kinds))
    n_real = max(int((kinds == REAL).sum()), 1)
    for kind in np.unique(kinds[kinds != REAL]):
        mine = kinds == kind
        weight[mine] = INJECTED_SHARE * n_real / mine.sum()
    return weight


def threshold_at(score: Array, budget_days: float = BUDGET_DAYS) -> float:
    """Return the score that clean days exceed on so many days a bin-month.

    >>> threshold_at(np.arange(61.0))  # one day of 60 exceeds 59
    59.0
    """
    return float(np.quantile(score, 1 - budget_days / MONTH_DAYS, method="higher"))


def average_precision(fault: Array, score: Array, weight: Array) -> float:
    """Return the weighted mean precision at each fault found, from the highest score on.

    Ties are given their mean, as scikit-learn does.

    >>> average_precision(np.array([1.0, 0.0, 1.0]), np.array([3.0, 2.0, 1.0]), np.ones(3))
    0.8333333333333333
    """
    order = np.argsort(-score, kind="stable")
    positive, total = np.cumsum((fault * weight)[order]), np.cumsum(weight[order])
    last = np.append(np.diff(score[order]) != 0, True)
    gained = np.diff(positive[last], prepend=0.0)
    if not positive[-1] > 0:
        return float("nan")
    precision = positive[last] / np.maximum(total[last], 1e-12)
    return float((gained * precision).sum() / positive[-1])


Pooled = Callable[[Alarms, Array], Array]
"""From alarms and how often each block was drawn (n_draws, n_blocks) to (n_draws,) figures."""


def _metric(
    name: str, title: str, unit: str, pooled: Pooled, better: Literal["higher", "lower"]
) -> Metric:
    """Return a metric over all rows, whose interval draws 7-day blocks."""
    return Metric(
        name,
        title,
        unit,
        better,
        lambda alarms: pooled(alarms, np.ones((1, len(alarms.blocks)))),
        pooled=pooled,
        resampled="blocks",
    )


def _mean(alarms: Alarms, counts: Array, values: Array, weight: Array) -> Array:
    """Return weighted means of the rows of the blocks drawn, NaN where nothing weighs."""
    n_blocks = len(alarms.blocks)
    above, below = (
        counts @ np.bincount(alarms.block, part, n_blocks) for part in (weight * values, weight)
    )
    means = np.full(len(counts), np.nan)
    np.divide(above, below, out=means, where=below > 0)
    return means


def _brier(alarms: Alarms, counts: Array) -> Array:
    error = (alarms.probability - alarms.fault) ** 2
    return _mean(alarms, counts, error, alarms.weight)


def _precision(alarms: Alarms, counts: Array) -> Array:
    order = np.argsort(-alarms.probability, kind="stable")
    fault, score = alarms.fault[order], alarms.probability[order]
    weight, block = alarms.weight[order], alarms.block[order]
    return np.array([average_precision(fault, score, weight * count[block]) for count in counts])


def _episodes_found(alarms: Alarms, counts: Array) -> Array:
    """Share of injected episodes with an alarm on one of their days, in %.

    An episode is drawn with the block of its first day, whole: half of one is found less.
    """
    mine = np.flatnonzero(~alarms.real)
    episodes, first = np.unique(alarms.episode[mine], return_index=True)
    found = np.bincount(alarms.episode[mine], alarms.alarm[mine], alarms.n_episodes) > 0
    n_blocks, block = len(alarms.blocks), alarms.block[mine[first]]
    above, below = (
        counts @ np.bincount(block, part, n_blocks)
        for part in (found[episodes].astype(np.float64), np.ones(len(episodes)))
    )
    share = np.full(len(counts), np.nan)
    np.divide(100 * above, below, out=share, where=below > 0)
    return share


def _false_days(alarms: Alarms, counts: Array) -> Array:
    """False-alarm days a bin-month, on real days without alert."""
    clean = (alarms.real & (alarms.fault < 0.5)).astype(np.float64)
    return MONTH_DAYS * _mean(alarms, counts, alarms.alarm, clean)


def _false_on_emptied(alarms: Alarms, counts: Array) -> Array:
    """Share of the days of a collection with an alarm, in %."""
    clean = alarms.real & (alarms.fault < 0.5) & (alarms.emptied > 0.5)
    return 100 * _mean(alarms, counts, alarms.alarm, clean.astype(np.float64))


HEADLINE = (
    _metric("brier", "Score de Brier (défauts pesés)", "1", _brier, "lower"),
    _metric("average_precision", "Précision moyenne", "1", _precision, "higher"),
    _metric("episodes_found", "Défauts injectés trouvés", "%", _episodes_found, "higher"),
    _metric(
        "false_alarm_days", "Fausses alertes par capteur et par mois", "jours", _false_days, "lower"
    ),
    _metric("false_alarm_resets", "Vidages pris pour un défaut", "%", _false_on_emptied, "lower"),
)
