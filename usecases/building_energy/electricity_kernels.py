"""How much a past day tells about tomorrow's electricity: constants of the features."""

import numpy as np
import numpy.typing as npt

__all__ = [
    "AGES",
    "CLOSED",
    "FIRST_IDLE",
    "HISTORY_DAYS",
    "KINDS",
    "LONG_DAYS",
    "N_KINDS",
    "SHORT_DAYS",
    "TOWARDS_TARGET",
    "TOWARDS_TARGET_FADING",
    "WEATHER_DAYS",
    "fading",
    "last",
]

Floats32 = npt.NDArray[np.float32]

HISTORY_DAYS = 56
"""Known days before the issue day: eight weeks."""
N_KINDS = 8
"""Kinds of day: Monday to Sunday, then closed (public holiday or declared closure)."""
CLOSED = 7
FIRST_IDLE = 5
"""First kind of day without work: Saturday, Sunday, closed."""

AGES = np.arange(HISTORY_DAYS - 1, -1, -1, dtype=np.float32)
"""Age in days of each day of the history; 0 is the last known day."""


def _similarity() -> Floats32:
    """Return how much a day of one kind tells about a day of another, (kinds, kinds).

    Chosen on 2021 (docs/decisions/forecast-model.md): working days resemble each other,
    Friday less; Sundays resemble closed days.
    """
    table = np.full((N_KINDS, N_KINDS), 1e-4, dtype=np.float32)
    table[:5, :5] = 0.3
    table[4, :4] = table[:4, 4] = 0.15
    table[5:, 5:] = 0.3
    table[5, 6] = table[6, 5] = 0.1
    np.fill_diagonal(table, 1.0)
    return table


SIMILARITY = _similarity()
SHORT_DAYS, LONG_DAYS, WEATHER_DAYS = 10.0, 28.0, 40.0
"""Memories of the profiles by kind of day and of the days of similar weather."""


def fading(memory_days: float, last_days: int = HISTORY_DAYS) -> Floats32:
    """Return exponential weights of the last days, (H,), 0 before them."""
    weights: Floats32 = np.where(last_days > AGES, np.exp(-AGES / memory_days), 0.0).astype(
        np.float32
    )
    return weights


def last(days: int) -> Floats32:
    """Return weights of 1 on the last days, (H,)."""
    return (days > AGES).astype(np.float32)


def _towards_target() -> Floats32:
    """Return how much a past day counts by its kind and the target's, (kinds * kinds, 2).

    For the gap of days of the same group (working or not; 0.05 across), and for the profile
    of similar weather.
    """
    idle = np.arange(N_KINDS) >= FIRST_IDLE
    group = np.where(idle[:, None] == idle, 1.0, 0.05)
    return np.stack([group.ravel(), SIMILARITY.ravel()], axis=1).astype(np.float32)


KINDS = np.concatenate([np.eye(N_KINDS, dtype=np.float32), SIMILARITY], axis=1)
"""Per kind of day: one-hot, then how much it tells about each kind."""
TOWARDS_TARGET = _towards_target()
TOWARDS_TARGET_FADING = np.stack([fading(5.0, 28), fading(WEATHER_DAYS)], axis=1)
