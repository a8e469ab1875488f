"""The week of a zone, hour by hour: the chance that a bay is free on arrival.

Observed: the share of the quarter hours at which a bay was free, with the number of days behind
it. Forecast: the probabilities of a model. What was not seen stays unknown; never « libre ».
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.decision.observed import FREE, UNKNOWN, Observed

__all__ = [
    "HOURS",
    "MIN_DAYS",
    "WEEKDAYS",
    "WeekGrid",
    "chance_of",
    "chance_short",
    "observed_grid",
]

HOURS: Final = 24
WEEKDAYS: Final = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")
DAY_NAMES: Final = dict(
    zip(
        WEEKDAYS,
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
        strict=True,
    )
)
MIN_DAYS: Final = 2
"""A cell seen on fewer days is as good as unknown: one day is an anecdote."""
SURE: Final = 0.95
"""Above it (and below 1 - it) no round number of chances is said: nothing is certain."""
NOTHING: Final = "—"


@dataclass(frozen=True)
class WeekGrid:
    """The chance of a free bay by zone, day and hour.

    Parameters
    ----------
    zones
        Their ids.
    chance
        In [0, 1], NaN where unknown; shape (n_zones, 7, 24), local hours.
    days
        Days behind each cell, same shape; None for a forecast.
    day_titles
        The seven columns, Monday first unless a forecast says otherwise.
    forecast
        Where the chances come from a model: its French name.
    """

    zones: Sequence[str]
    chance: Array
    days: Array | None = None
    day_titles: Sequence[str] = WEEKDAYS
    forecast: str = ""

    def __post_init__(self) -> None:
        shape = (len(self.zones), len(WEEKDAYS), HOURS)
        if self.chance.shape != shape or len(self.day_titles) != len(WEEKDAYS):
            raise UsageError(
                f"chances of shape {self.chance.shape}, {len(self.day_titles)} days",
                expected=f"shape {shape}: zones, 7 days, 24 hours",
            )
        known = self.chance[np.isfinite(self.chance)]
        if known.size and not (known.min() >= 0 and known.max() <= 1):
            raise UsageError(
                f"chances from {known.min()} to {known.max()}", expected="probabilities in [0, 1]"
            )
        if self.days is not None and self.days.shape != shape:
            raise UsageError(f"days of shape {self.days.shape}", expected=f"shape {shape}")
        if self.days is None and not self.forecast:
            raise UsageError(
                "chances without their number of days",
                expected="days behind each cell, or the name of the model that foretold them",
            )

    def hour_words(self, day: int, hour: int) -> str:
        """Return « mardi à 15 h », or with the forecast's own name of the day."""
        title = self.day_titles[day]
        return f"{DAY_NAMES.get(title, title)} à {hour}\u00a0h"

    def of(self, zone: str) -> tuple[Array, Array | None]:
        """Return the chances (7, 24) of a zone and the days behind them."""
        row = list(self.zones).index(zone)
        return self.chance[row], None if self.days is None else self.days[row]


def observed_grid(seen: Observed) -> WeekGrid:
    """Return the share of the known quarter hours at which a bay was free, by weekday and hour.

    Cells seen on fewer than `MIN_DAYS` days are unknown; their number of days is kept.
    """
    n_cells = seen.n_days * HOURS
    cell = seen.day * HOURS + seen.instants.hour.to_numpy()
    first = np.datetime64(seen.first_day, "D").astype(np.int64)
    weekday = (first + 3 + np.arange(seen.n_days)) % len(WEEKDAYS)  # 1 January 1970: a Thursday
    shape = (len(seen.zones), len(WEEKDAYS), HOURS)
    told, free, days = (np.zeros(shape) for _ in range(3))
    for row, state in enumerate(seen.state):
        known = np.bincount(cell, state != UNKNOWN, n_cells).reshape(-1, HOURS)
        empty = np.bincount(cell, state == FREE, n_cells).reshape(-1, HOURS)
        np.add.at(told[row], weekday, known)
        np.add.at(free[row], weekday, empty)
        np.add.at(days[row], weekday, known > 0)
    chance = np.full(shape, np.nan)
    np.divide(free, told, out=chance, where=days >= MIN_DAYS)
    return WeekGrid(tuple(seen.zones["curb_zone_id"]), chance, days.astype(np.int64))


def chance_of(probability: float) -> str:
    """Return a probability as words that promise nothing.

    Examples
    --------
    >>> chance_of(0.8), chance_of(0.99), chance_of(0.02)
    ('8 chances sur 10', 'plus de 9 chances sur 10', 'moins de 1 chance sur 10')
    >>> chance_of(0.1), chance_of(float("nan"))
    ('1 chance sur 10', 'inconnu')
    """
    if not np.isfinite(probability):
        return "inconnu"
    if probability >= SURE:
        return "plus de 9 chances sur 10"
    if probability < 1 - SURE:
        return "moins de 1 chance sur 10"
    tenths = _tenths(probability)
    return f"{tenths} chance{'s' if tenths > 1 else ''} sur 10"


def chance_short(probability: float) -> str:
    """Return the same for a cell of a grid, out of ten.

    >>> chance_short(0.8), chance_short(0.99), chance_short(0.02), chance_short(float("nan"))
    ('8', '> 9', '< 1', '—')
    """
    if not np.isfinite(probability):
        return NOTHING
    if probability >= SURE:
        return "> 9"
    return "< 1" if probability < 1 - SURE else str(_tenths(probability))


def _tenths(probability: float) -> int:
    """Round half up, so that 0.25 and 0.35 move alike; within 1 to 9."""
    return min(9, max(1, int(10 * probability + 0.5)))
