"""Chances and levels held against what was seen, with the weights that collections call for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from common.lab import probability_metrics
from common.lab.metrics import Metric
from common.lab.probabilities import Probabilities
from common.lab.usecase import Array, Examples
from usecases.waste_collection.overflow.examples import SLOTS
from usecases.waste_collection.overflow.levels.kernels import HORIZON_DAYS

__all__ = ["LEVEL_DAYS", "METRICS", "Held", "Levels", "held_of", "ipcw_losses"]

CHOOSING_DAY = 2
"""The dispatcher's horizon (``briefs/waste_collection.md`` 3.1, F2)."""
SMALLEST_PROBABILITY = 1e-3
N_BINS = 10
DRAWS_AT_ONCE = 100
"""Draws of the bootstrap that are ranked together: bounds memory."""
LEVEL_DAYS = 3
"""Beyond three days the containers still not emptied are mostly slow ones (brief 0.2)."""


@dataclass(frozen=True)
class Held:
    """Chances of overflow against what was seen; every array is per value unless said.

    Parameters
    ----------
    units, blocks
        Names of the containers and of the weeks, sorted.
    unit, block
        Index of each value's container and week.
    day
        Horizon, 1 to 7.
    actual, predicted
        Event and chance.
    weight
        Censoring weight over the mean of its horizon: every horizon counts the same.
    levels
        The same for levels, see `Levels`.
    """

    units: Array
    blocks: Array
    unit: Array
    block: Array
    day: Array
    actual: Array
    predicted: Array
    weight: Array
    levels: "Levels"

    def __len__(self) -> int:
        return len(self.actual)

    def by_unit(self, values: Array) -> Array:
        """Return each container's weighted mean, NaN where it has no value."""
        size = len(self.units)
        return _ratio(
            np.bincount(self.unit, values * self.weight, size),
            np.bincount(self.unit, self.weight, size),
        )

    def by_draw(self, values: Array, counts: Array) -> Array:
        """Return the weighted mean over all values, each week taken ``counts`` times."""
        size = len(self.blocks)
        total = np.bincount(self.block, values * self.weight, size)
        return _ratio(counts @ total, counts @ np.bincount(self.block, self.weight, size))

    def on_day(self, day: int) -> "Held":
        """Return the values of one horizon."""
        kept = self.day == day
        names = ("unit", "block", "day", "actual", "predicted", "weight")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    @property
    def plain(self) -> Probabilities:
        """The values without weights, for rankings."""
        return Probabilities.from_columns(
            self.units[self.unit], self.actual, self.predicted, blocks=self.blocks[self.block]
        )


@dataclass(frozen=True)
class Levels:
    """Quantiles of the level against the level seen; per value.

    Parameters
    ----------
    unit, block
        As in `Held`.
    day
        Horizon, 1 to 7.
    left
        Level while nobody had collected since the forecast, NaN otherwise.
    seen
        The same, and after a collection from 80 % or more the level it was collected at.
    quantiles
        q10, q50, q90, shape (n_values, 3).
    bounds
        Of the 80 % interval, shape (n_values, 2).
    """

    unit: Array
    block: Array
    day: Array
    left: Array
    seen: Array
    quantiles: Array
    bounds: Array

    @property
    def inside(self) -> Array:
        """Whether each level seen lies in its interval."""
        inside: Array = (self.bounds[:, 0] <= self.seen) & (self.seen <= self.bounds[:, 1])
        return inside


def held_of(examples: Examples, outputs: Mapping[str, Array]) -> Held:
    """Hold a graph's outputs against the examples' truth."""
    units, unit = np.unique(examples.units, return_inverse=True)
    blocks, block = np.unique(examples.blocks, return_inverse=True)
    actual = examples.target[:, SLOTS.reached]
    days = np.broadcast_to(np.arange(1, HORIZON_DAYS + 1), actual.shape)
    known = np.isfinite(actual)
    row, column = np.nonzero(known)
    weight = examples.target[:, SLOTS.weight][known]
    mean = np.bincount(column, weight, HORIZON_DAYS) / np.maximum(
        np.bincount(column, minlength=HORIZON_DAYS), 1
    )
    return Held(
        units,
        blocks,
        unit[row],
        block[row],
        days[known],
        actual[known],
        outputs["p_ge80"].astype(np.float64)[known],
        weight / mean[column],
        _levels(examples, outputs, (unit, block)),
    )


def ipcw_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return container, week and loss of each row.

    The loss is the mean over the horizons of the squared error times its weight, zero where
    a collection hid the event (Graf et al. 1999); horizons whose readings are missing are
    left out.

    Examples
    --------
    One horizon known with weight 1.25, one hidden: (1.25 * 0.4 ** 2 + 0) / 2 = 0.1.

    >>> target = np.full((1, 28), np.nan)
    >>> target[0, 0], target[0, 7:9] = 1.0, (1.25, 1.25)
    >>> rows = Examples({}, target, None, np.array(["a"]), np.array([0]), None, None)
    >>> ipcw_losses(rows, {"p_ge80": np.full((1, 7), 0.6)})[2].round(3).tolist()
    [0.1]
    """
    actual, weight = examples.target[:, SLOTS.reached], examples.target[:, SLOTS.weight]
    error = np.nan_to_num((outputs["p_ge80"] - actual) ** 2)
    counted = np.isfinite(weight)
    loss = _ratio(np.where(counted, error * np.nan_to_num(weight), 0).sum(axis=1),
                  counted.sum(axis=1))  # fmt: skip
    return examples.units, examples.blocks, loss


def _levels(examples: Examples, outputs: Mapping[str, Array], codes: tuple[Array, Array]) -> Levels:
    left, seen = (examples.target[:, part] for part in (SLOTS.level, SLOTS.seen))
    known = np.isfinite(seen)
    row, column = np.nonzero(known)
    quantiles, bounds = (
        np.stack([outputs[name][known] for name in names], axis=1)
        for names in (("q10", "q50", "q90"), ("low_80", "high_80"))
    )
    unit, block = codes[0][row], codes[1][row]
    return Levels(unit, block, column + 1, left[known], seen[known], quantiles, bounds)


def _squares(held: Held) -> Array:
    squares: Array = (held.predicted - held.actual) ** 2
    return squares


def _surprise(held: Held) -> Array:
    given = np.where(held.actual > 0.5, held.predicted, 1 - held.predicted)
    surprise: Array = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1))
    return surprise


def _weighted(
    name: str, title: str, values: Callable[[Held], Array], day: int | None = None
) -> Metric:
    """Return a weighted mean over all values, or over one horizon; intervals draw weeks."""

    def part(held: Held) -> Held:
        return held if day is None else held.on_day(day)

    return Metric(
        name,
        title,
        "1",
        "lower",
        lambda held: part(held).by_unit(values(part(held))),
        pooled=lambda held, counts: part(held).by_draw(values(part(held)), counts),
        resampled="blocks",
    )


def _ece(held: Held) -> Array:
    """Return each container's calibration error over ten bins, weighted."""
    return np.array(
        [_ece_of(held, held.unit == unit) for unit in range(len(held.units))], dtype=np.float64
    )


def _ece_of(held: Held, rows: Array) -> float:
    total = held.weight[rows].sum()
    if not total:
        return float("nan")
    gap = (held.predicted - held.actual) * held.weight
    return float(np.abs(np.bincount(_bin(held)[rows], gap[rows], N_BINS)).sum() / total)


def _pooled_ece(held: Held, counts: Array) -> Array:
    place, size = held.block * N_BINS + _bin(held), len(held.blocks)
    gap = (held.predicted - held.actual) * held.weight
    gaps = np.bincount(place, gap, size * N_BINS).reshape(size, N_BINS)
    total = counts @ np.bincount(held.block, held.weight, size)
    return _ratio(np.abs(counts @ gaps).sum(axis=1), total)


def _bin(held: Held) -> Array:
    return np.minimum((held.predicted * N_BINS).astype(np.int64), N_BINS - 1)


def _average_precision(held: Held) -> float:
    """Return the area under precision and recall: mean precision at each event."""
    order = np.argsort(-held.predicted, kind="stable")
    actual = held.actual[order]
    if not actual.sum():
        return float("nan")
    precision = np.cumsum(actual) / np.arange(1, len(actual) + 1)
    return float((precision * actual).sum() / actual.sum())


def _pooled_precision(held: Held, counts: Array) -> Array:
    """Return the average precision of all values of the choosing day, weeks drawn."""
    part = held.on_day(CHOOSING_DAY)
    order = np.argsort(-part.predicted, kind="stable")
    block, actual = part.block[order], part.actual[order]
    starts = range(0, len(counts), DRAWS_AT_ONCE)
    pieces = [_drawn_precision(counts[s : s + DRAWS_AT_ONCE, block], actual) for s in starts]
    return np.concatenate(pieces)


def _drawn_precision(times: Array, actual: Array) -> Array:
    """Return each draw's average precision; values stand from the likeliest down."""
    hits = times * actual
    precision = np.cumsum(hits, axis=1) / np.maximum(np.cumsum(times, axis=1), 1)
    return _ratio((precision * hits).sum(axis=1), hits.sum(axis=1))


def _precision_by_unit(held: Held) -> Array:
    part = held.on_day(CHOOSING_DAY)
    return np.array(
        [_average_precision(_only(part, part.unit == unit)) for unit in range(len(held.units))]
    )


def _only(held: Held, rows: Array) -> Held:
    return replace(held, predicted=held.predicted[rows], actual=held.actual[rows])


def _auroc_by_unit(held: Held) -> Array:
    plain = held.on_day(CHOOSING_DAY).plain
    found = np.full(len(held.units), np.nan)
    found[np.searchsorted(held.units, plain.units)] = probability_metrics.AUROC.compute(plain)
    return found


def _pooled_auroc(held: Held, counts: Array) -> Array:
    plain = held.on_day(CHOOSING_DAY).plain
    present = np.searchsorted(held.blocks, plain.blocks)
    assert probability_metrics.AUROC.pooled is not None
    return probability_metrics.AUROC.pooled(plain, counts[:, present])


def _of_levels(
    values: Callable[[Levels], Array], rows: Callable[[Levels], Array]
) -> tuple[Callable[[Held], Array], Callable[[Held, Array], Array]]:
    """Return the mean of a figure of levels, by container and by draw of weeks."""

    def compute(held: Held) -> Array:
        kept, size = rows(held.levels), len(held.units)
        unit = held.levels.unit[kept]
        return _ratio(
            np.bincount(unit, values(held.levels)[kept], size), np.bincount(unit, minlength=size)
        )

    def pooled(held: Held, counts: Array) -> Array:
        kept, size = rows(held.levels), len(held.blocks)
        block = held.levels.block[kept]
        total = np.bincount(block, values(held.levels)[kept], size)
        return _ratio(counts @ total, counts @ np.bincount(block, minlength=size))

    return compute, pooled


def _error(levels: Levels) -> Array:
    error: Array = np.abs(levels.quantiles[:, 1] - levels.left)
    return error


def _inside(levels: Levels) -> Array:
    return 100.0 * levels.inside


def _pinball(levels: Levels) -> Array:
    gap = levels.seen[:, None] - levels.quantiles
    at = np.array([0.1, 0.5, 0.9])
    pinball: Array = np.maximum(at * gap, (at - 1) * gap).mean(axis=1)
    return pinball


def _mae(day: int) -> Metric:
    compute, pooled = _of_levels(
        _error, lambda levels: (levels.day == day) & np.isfinite(levels.left)
    )
    return Metric(
        f"mae_{day}", f"Erreur absolue du niveau, à {day} jour{'s' if day > 1 else ''}", "points",
        "lower", compute, pooled=pooled, resampled="blocks",
    )  # fmt: skip


def _level_metric(
    name: str, title: str, values: Callable[[Levels], Array], *, target: float | None = None
) -> Metric:
    compute, pooled = _of_levels(values, lambda levels: levels.day <= LEVEL_DAYS)
    return Metric(
        name,
        title,
        "points" if target is None else "%",
        "lower" if target is None else "target",
        compute,
        target=target,
        pooled=pooled,
        resampled="blocks",
    )


def _ratio(numerator: Array, denominator: Array) -> Array:
    out = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


METRICS = (
    _weighted("ipcw_brier", "Score de Brier pondéré, moyenne de 1 à 7 jours", _squares),
    _weighted("log_loss", "Perte logarithmique pondérée", _surprise),
    *(
        _weighted(f"ipcw_brier_{day}", f"Score de Brier pondéré, à {day} jour{'s' * (day > 1)}",
                  _squares, day)
        for day in (1, 2, 3, 7)
    ),
    Metric("ece", "Erreur de calibration (dix classes)", "1", "lower", _ece, pooled=_pooled_ece,
           resampled="blocks"),
    Metric("auroc_2", "Capacité à classer à 2 jours (AUROC)", "1", "higher", _auroc_by_unit,
           pooled=_pooled_auroc, resampled="blocks"),
    Metric("precision_2", "Précision moyenne à 2 jours", "1", "higher", _precision_by_unit,
           pooled=_pooled_precision, resampled="blocks"),
    _mae(1),
    _mae(3),
    _level_metric("coverage_80", "Couverture de l'intervalle à 80 %, de 1 à 3 jours", _inside,
                  target=80.0),
    _level_metric("pinball", "Perte des quantiles 10, 50 et 90 %, de 1 à 3 jours", _pinball),
)  # fmt: skip
"""The headline first (``briefs/waste_collection.md`` 3.1); no error of levels beyond 3 days."""
