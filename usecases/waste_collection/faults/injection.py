"""Faults put into clean stretches of daily levels, of known kind and place, from a fixed seed.

The kinds are those of ``briefs/waste_collection.md`` 3.2. Where a fault is put is drawn from the
calendar alone, never from the data, so that what comes later cannot move it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array

__all__ = [
    "EPISODES_PER_KIND",
    "KINDS",
    "Episode",
    "Kind",
    "Shown",
    "altered",
    "draw_episodes",
    "inject",
]

EPISODES_PER_KIND = 200
LASTING_DAYS, PASSING_DAYS = (28, 56), (7, 14)
"""A defect lasts until somebody repairs it: the real alerts of Wyndham that are longer than two
days last 34 days in the median. What comes and goes is put in for one or two weeks."""
STEP_PERCENT = 20.0
"""Step of Wyndham's sensors, to which altered levels are brought back."""
DRIFT_POINTS_PER_DAY, OFFSET_POINTS, NOISE_POINTS = 1.0, 20.0, 15.0
SPIKE_CHANCE, LATE_CHANCE = 0.35, 0.5
DAY_HOURS = 24.0
CLOCK_HOURS = (2.0, 12.0)
"""A clock is off by so much, either way."""


@dataclass(frozen=True)
class Shown:
    """What a planner sees of one container, by day.

    Parameters
    ----------
    level_percent
        NaN where nothing came.
    age_hours
        Age of the reading at 06:00 by its own stamp, NaN where it carries none.
    """

    level_percent: Array
    age_hours: Array


Alter = Callable[[Shown, Array, np.random.Generator], Shown]
"""From what is shown in the episode's days, and what the partner shows, to what a fault shows."""


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Parameters
    ----------
    title
        French name.
    days
        Shortest and longest episode.
    alter
        What it does.
    """

    title: str
    days: tuple[int, int]
    alter: Alter


@dataclass(frozen=True)
class Episode:
    """One fault: where, when, which.

    Parameters
    ----------
    kind
        Name in `KINDS`.
    container, partner
        Index of the container, and of the one that it may be swapped with.
    start, stop
        Index of its first day, and of the day after its last.
    seed
        Of its own randomness.
    """

    kind: str
    container: int
    partner: int
    start: int
    stop: int
    seed: int


def draw_episodes(
    n_containers: int, n_days: int, seed: int, per_kind: int = EPISODES_PER_KIND
) -> list[Episode]:
    """Draw where the faults are put, evenly over containers and days.

    Parameters
    ----------
    n_containers, n_days
        Of the data set, at least 1 and 90.
    seed
        Same seed, same episodes.
    per_kind
        Episodes of each kind.
    """
    if n_containers < 1 or n_days < 90:
        raise UsageError(
            f"{n_containers} containers over {n_days} days", expected="at least 1 over 90 days"
        )
    episodes = []
    for number, (name, kind) in enumerate(KINDS.items()):
        rng = np.random.default_rng([seed, number])
        for _ in range(per_kind):
            container = int(rng.integers(n_containers))
            partner = int((container + rng.integers(1, max(n_containers, 2))) % n_containers)
            start = int(rng.integers(60, n_days - kind.days[1]))
            length = int(rng.integers(kind.days[0], kind.days[1] + 1))
            own = int(rng.integers(2**31))
            episodes.append(Episode(name, container, partner, start, start + length, own))
    return episodes


def inject(shown: Shown, partner_percent: Array, episode: Episode) -> Shown:
    """Return what the container shows with the fault in it.

    Parameters
    ----------
    shown
        Of the whole container, shape (n_days,).
    partner_percent
        Levels of the partner, shape (n_days,).
    episode
        Where and which.
    """
    before, during = max(episode.start - 1, 0), slice(episode.start, episode.stop)
    part = Shown(
        np.concatenate([shown.level_percent[[before]], shown.level_percent[during]]),
        np.concatenate([shown.age_hours[[before]], shown.age_hours[during]]),
    )
    rng = np.random.default_rng(episode.seed)
    partner = np.concatenate([partner_percent[[before]], partner_percent[during]])
    altered = KINDS[episode.kind].alter(part, partner, rng)
    level, age = shown.level_percent.copy(), shown.age_hours.copy()
    level[during], age[during] = altered.level_percent[1:], altered.age_hours[1:]
    return Shown(level, age)


def altered(true: Shown, shown: Shown) -> Array:
    """Tell the days on which a fault shows another level, or another stamp, than the true one.

    >>> right = Shown(np.array([20.0, np.nan, 40.0]), np.zeros(3))
    >>> altered(right, Shown(np.array([20.0, np.nan, 60.0]), np.zeros(3))).tolist()
    [False, False, True]
    """
    same = [
        (one == other) | (np.isnan(one) & np.isnan(other))
        for one, other in (
            (true.level_percent, shown.level_percent),
            (true.age_hours, shown.age_hours),
        )
    ]
    changed: Array = ~(same[0] & same[1])
    return changed


def _stepped(percent: Array) -> Array:
    """Bring levels back to the sensor's steps and range.

    >>> _stepped(np.array([-5.0, 31.0, 118.0])).tolist()
    [0.0, 40.0, 100.0]
    """
    steps: Array = STEP_PERCENT * np.round(np.clip(percent, 0.0, 100.0) / STEP_PERCENT)
    return steps


def _stuck(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show the level of the day before, whatever happens."""
    del partner, rng
    return Shown(np.full_like(shown.level_percent, shown.level_percent[0]), shown.age_hours)


def _dropout(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show nothing."""
    del partner, rng
    return Shown(np.full_like(shown.level_percent, np.nan), np.full_like(shown.age_hours, np.nan))


def _spikes(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show the far end of the scale on some days, the first and the third of them at least."""
    del partner
    level = shown.level_percent
    hit = rng.random(len(level)) < SPIKE_CHANCE
    hit[[1, 3]] = True
    far = np.where(level >= 50.0, 0.0, 100.0)
    return Shown(np.where(hit & ~np.isnan(level), far, level), shown.age_hours)


def _drift(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show a point more each day."""
    del partner, rng
    more = DRIFT_POINTS_PER_DAY * np.arange(len(shown.level_percent))
    return Shown(_stepped(shown.level_percent + more), shown.age_hours)


def _offset(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show 20 points too many."""
    del partner, rng
    return Shown(_stepped(shown.level_percent + OFFSET_POINTS), shown.age_hours)


def _noise(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show a normal error of 15 points on top."""
    del partner
    error = NOISE_POINTS * rng.normal(size=len(shown.level_percent))
    return Shown(_stepped(shown.level_percent + error), shown.age_hours)


def _late(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show yesterday's message on some days: late, sent twice or out of order."""
    del partner
    level, age = shown.level_percent.copy(), shown.age_hours.copy()
    hit = rng.random(len(level)) < LATE_CHANCE
    hit[0], hit[1] = False, True
    level[hit] = shown.level_percent[np.flatnonzero(hit) - 1]
    age[hit] = shown.age_hours[np.flatnonzero(hit) - 1] + DAY_HOURS
    return Shown(level, age)


def _clock(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Stamp readings some hours off, either way; the level at 06:00 is the right one."""
    del partner
    hours = rng.uniform(*CLOCK_HOURS) * rng.choice([-1.0, 1.0])
    return Shown(shown.level_percent, shown.age_hours + hours)


def _swapped(shown: Shown, partner: Array, rng: np.random.Generator) -> Shown:
    """Show another container's level."""
    del rng
    return Shown(partner, shown.age_hours)


KINDS: Mapping[str, Kind] = {
    "stuck": Kind("valeur figée", LASTING_DAYS, _stuck),
    "dropout": Kind("capteur muet", PASSING_DAYS, _dropout),
    "spikes": Kind("valeurs aberrantes isolées", PASSING_DAYS, _spikes),
    "drift": Kind("dérive de 1 point par jour", LASTING_DAYS, _drift),
    "offset": Kind("décalage de 20 points", LASTING_DAYS, _offset),
    "noise": Kind("bruit d'écart-type 15 points", LASTING_DAYS, _noise),
    "late": Kind("message en retard, en double ou dans le désordre", PASSING_DAYS, _late),
    "clock": Kind("horloge décalée", PASSING_DAYS, _clock),
    "swapped": Kind("deux capteurs échangés", LASTING_DAYS, _swapped),
}
