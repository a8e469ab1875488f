"""Examples of the question of faults: windows of daily levels, real ones and ones with a fault in.

One row is one container on one day, asked about just after 06:00. Real rows carry the system's own
alert as their label: weak, its nature (jam, door, sensor) is not published. Rows of injected
episodes carry 1. Days on which no container said anything are left out: that is the network.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.waste_collection.faults.injection import (
    EPISODES_PER_KIND,
    Episode,
    Shown,
    altered,
    draw_episodes,
    inject,
)
from usecases.waste_collection.fill.cleaning import is_reset
from usecases.waste_collection.fill.readings import containers_of

__all__ = ["REAL", "SEED", "WINDOW_DAYS", "Fleet", "examples_of", "fleet_of", "kind_of"]

WINDOW_DAYS = 56
"""Days that a row looks back on, today included."""
SEED = 20_260
REAL = "réel"
"""Kind of the rows that nothing was put into."""
FRESH_HOURS = 1.0
"""A reading that carries a stamp is up to an hour old at 06:00 where nothing is wrong."""
MIN_READINGS = 7
ASKED_SHARE = 0.5
"""Share of an episode's days that must be rows: over an outage of the network there is no clean
stretch to put a fault into (brief 3.2)."""
CONTAINER_DAYS_PER_EPISODE = 100
"""Few containers or days bear few episodes: 200 of each kind need 20,000 container-days."""


@dataclass(frozen=True)
class Fleet:
    """Daily levels of all containers; arrays of shape (n_containers, n_days).

    Parameters
    ----------
    level_percent
        NaN where nothing came.
    alert
        1 where the system raised one, NaN where nothing came.
    reported
        Share of the containers that said something, shape (n_days,).
    ids
        Names, shape (n_containers,).
    spots
        Spot of each container, shape (n_containers,).
    days
        Local civil days, datetime64[D], shape (n_days,).
    read_s
        Seconds since the epoch of 06:00 local, shape (n_days,).
    """

    level_percent: Array
    alert: Array
    reported: Array
    ids: Array
    spots: Array
    days: Array
    read_s: Array


@dataclass(frozen=True)
class _Rows:
    """Some days of one container, as it is shown with or without a fault."""

    kind: str
    container: int
    days: Array
    shown: Shown
    target: Array


def fleet_of(dataset: Dataset, *, every_bin: bool = False) -> Fleet:
    """Return the levels of the containers with a position, or of all.

    The reference figures of faults (brief 4.4) hold the bin that is always in alert, which
    the forecast's headline leaves out.

    Raises
    ------
    DataError
        If there is no container, or no day.
    """
    containers = containers_of(dataset)
    if not every_bin and containers["lat"].notna().any():
        containers = containers[containers["lat"].notna()]
    present = set(dataset.groups.categories)
    ids = np.array(sorted(name for name in containers["container_id"] if name in present), str)
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None)
    day_of_row = local.to_numpy().astype("datetime64[D]")
    if not len(ids) or not len(day_of_row):
        raise DataError(f"{dataset.name}: no container or no day", expected="daily levels")
    days = np.arange(day_of_row.min(), day_of_row.max() + np.timedelta64(1, "D"))
    column = (day_of_row - days[0]).astype(np.int64)
    line = np.searchsorted(ids, np.asarray(dataset.groups.astype(str)))
    line = np.minimum(line, len(ids) - 1)
    mine = ids[line] == np.asarray(dataset.groups.astype(str))
    level, alert = (np.full((len(ids), len(days)), np.nan) for _ in range(2))
    read = mine & np.asarray(dataset.valid)
    level[line[read], column[read]] = dataset.columns["level_percent"][read]
    alert[line[read], column[read]] = dataset.columns["alert"][read]
    seconds = np.full(len(days), -1, dtype=np.int64)
    seconds[column] = dataset.times.as_unit("s").asi8
    spots = containers.set_index("container_id")["pair_id"].reindex(ids).to_numpy(str)
    reported = np.isfinite(level).mean(axis=0)
    return Fleet(level, alert, reported, ids, spots, days, seconds)


def examples_of(
    dataset: Dataset,
    period: Period,
    *,
    every_bin: bool = False,
    per_kind: int = EPISODES_PER_KIND,
) -> Examples:
    """Return the container-days of the period, real ones first, then those with a fault in.

    Parameters
    ----------
    dataset
        Daily levels.
    period
        Local days.
    every_bin
        See `fleet_of`.
    per_kind
        Episodes of each kind over the whole data set, at most one for 100 container-days;
        those that fall into the period, on days whose window holds no alert, are rows.

    Raises
    ------
    DataError
        If there is no row.

    Notes
    -----
    The issue time is one second after the reading that the row is about. Units are
    containers; those of injected rows are called ``container kind number``. Blocks are
    7-day blocks counted from the epoch.
    """
    fleet = fleet_of(dataset, every_bin=every_bin)
    lively = fleet.reported > 0
    asked = (fleet.days >= np.datetime64(period.start)) & (fleet.days < np.datetime64(period.stop))
    rows = [piece for piece in _pieces(fleet, asked & lively, per_kind) if len(piece.days)]
    if not rows:
        raise DataError(f"{dataset.name}: no day over {period}", expected="containers that report")
    names, containers, days, target = (
        np.concatenate([np.broadcast_to(values, piece.days.shape) for values, piece in column])
        for column in (
            [(piece.kind, piece) for piece in rows],
            [(piece.container, piece) for piece in rows],
            [(piece.days, piece) for piece in rows],
            [(piece.target, piece) for piece in rows],
        )
    )
    ids = fleet.ids[containers]
    units = np.where(names == REAL, ids, np.char.add(np.char.add(ids, " "), names))
    return Examples(
        inputs=_inputs(fleet, rows),
        target=target[:, None].astype(np.float64),
        slots=np.zeros((len(days), 1), dtype=np.int64),
        units=units,
        blocks=fleet.days[days].astype(np.int64) // 7,
        issued=(fleet.read_s[days] + 1).astype("datetime64[s]"),
        days=fleet.days[days],
    )


def kind_of(examples: Examples) -> Array:
    """Return the kind of each row: `REAL`, or the name of the fault that was put in."""
    kinds: Array = np.array(
        [unit.split(" ")[1] if " " in unit else REAL for unit in examples.units.tolist()]
    )
    return kinds


def _pieces(fleet: Fleet, asked: Array, per_kind: int) -> Iterator[_Rows]:
    stamps = np.full(len(fleet.days), np.nan)
    for container in range(len(fleet.ids)):
        level = fleet.level_percent[container]
        days = np.flatnonzero(asked & (_seen_before(level) >= MIN_READINGS))
        label = fleet.alert[container, days]
        yield _Rows(
            REAL, container, days, Shown(level, stamps), np.where(label > 0.5, 1.0, 0.0 * label)
        )
    most = -(-fleet.level_percent.size // CONTAINER_DAYS_PER_EPISODE)
    episodes = draw_episodes(len(fleet.ids), len(fleet.days), SEED, min(per_kind, most))
    for number, episode in enumerate(episodes):
        fresh = FRESH_HOURS * np.random.default_rng(episode.seed + 1).random(len(fleet.days))
        true = Shown(fleet.level_percent[episode.container], fresh)
        shown = inject(true, fleet.level_percent[episode.partner], episode)
        days = _days_of(fleet, episode, asked, altered(true, shown))
        kind = f"{episode.kind} {number}"
        yield _Rows(kind, episode.container, days, shown, np.ones(len(days)))


def _days_of(fleet: Fleet, episode: Episode, asked: Array, altered: Array) -> Array:
    """Return the days of an episode that are rows: from its first altered reading on.

    Before it, the window is that of a real day, and nobody can tell. No day where fewer than
    half of them are clean, asked about and heard of.
    """
    clean = _clean_window(fleet, episode.container) & asked
    if episode.kind == "swapped":
        clean &= _clean_window(fleet, episode.partner)
    during = np.arange(episode.start, episode.stop)
    mine = during[clean[during]]
    if len(mine) < ASKED_SHARE * len(during):
        return mine[:0]
    seen = altered[: episode.stop].cumsum() > 0
    return mine[seen[mine]]


def _seen_before(level: Array) -> Array:
    """Count the readings of each day's window."""
    seen = np.concatenate([np.zeros(WINDOW_DAYS), np.isfinite(level).cumsum()])
    counts: Array = seen[WINDOW_DAYS:] - seen[:-WINDOW_DAYS]
    return counts


def _clean_window(fleet: Fleet, container: int) -> Array:
    """Tell the days whose window holds no alert, and that has readings enough."""
    alert = np.nan_to_num(fleet.alert[container]).cumsum()
    before = np.concatenate([np.zeros(WINDOW_DAYS), alert])[:-WINDOW_DAYS]
    enough = _seen_before(fleet.level_percent[container]) >= MIN_READINGS
    clean: Array = (alert - before == 0) & enough
    return clean


def _inputs(fleet: Fleet, rows: list[_Rows]) -> dict[str, Array]:
    """Return the windows that end with each row's day."""
    reported = _windows(fleet.reported)
    level = [_windows(piece.shown.level_percent)[piece.days] for piece in rows]
    age = [_windows(piece.shown.age_hours)[piece.days] for piece in rows]
    others = [reported[piece.days] for piece in rows]
    gains = _windows(_mean_gain(fleet.level_percent))
    gained = [gains[piece.days] for piece in rows]
    return {
        "level_percent": np.concatenate(level).astype(np.float32),
        "age_hours": np.concatenate(age).astype(np.float32),
        "fleet_gain_points": np.concatenate(gained).astype(np.float32),
        "reported_share": np.nan_to_num(np.concatenate(others)).astype(np.float32),
    }


def _mean_gain(level: Array) -> Array:
    """Return what all containers gained on average from the day before, NaN where unknown.

    A collection's day counts what is in the container after it.
    """
    before, after = level[:, :-1], level[:, 1:]
    gain = np.where(is_reset(before, after), after, np.maximum(after - before, 0.0))
    known = np.isfinite(before) & np.isfinite(after)
    count = known.sum(axis=0)
    mean = np.full(level.shape[1], np.nan)
    total = np.where(known, gain, 0.0).sum(axis=0)
    np.divide(total, count, out=mean[1:], where=count > 0)
    return mean


def _windows(values: Array) -> Array:
    """Return the last `WINDOW_DAYS` values of each day, NaN before the first."""
    padded = np.concatenate([np.full(WINDOW_DAYS - 1, np.nan), values])
    windows: Array = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_DAYS)
    return windows
