"""Examples of the availability tasks: what is known of a zone at an instant, and what came."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from common.lab.windows import Windows
from usecases.delivery_zones.availability.history_tables import (
    CityTables,
    city_tables,
    stays_before,
)
from usecases.delivery_zones.availability.kernels import (
    DAY_QUARTERS,
    FIRST_TARGET,
    HISTORY_DAYS,
    HORIZON_MINUTES,
    ISSUES,
    LAST_TARGET,
    MAX_BAYS,
    N_STAYS,
    TODAY_QUARTERS,
)
from usecases.delivery_zones.availability.occupancy import QUARTERS, Timeline, timeline_of
from usecases.delivery_zones.kerb.events import zones_of

__all__ = ["DAY_ISSUE", "Scope", "day_ahead_examples", "examples_of"]

DAY_ISSUE = 72
"""Quarter of the day before at which the day-ahead forecast is issued: 18:00."""
SUNDAY = 6
LONGEST_AGE_MINUTES = 100_000.0
FIT_SHARE = 0.3
"""A period that begins in the first 30 % of a data set is one that rungs are fitted on."""
SHORT_CLASSES = ("rapid", "slow_kerb")


@dataclass(frozen=True)
class Scope:
    """Which zones and instants are rows.

    Parameters
    ----------
    listed
        A zone counts if it had ``min_stays`` stays in this period (the training window of
        the brief); where the data have none there (a commune's own), only the next holds.
    min_stays
        Also asked before each issue: a zone enters when it has had so many.
    train_start
        First day of the fit period.
    every
        Fit periods keep one issue in so many: neighbouring quarters say much the same.
    headline
        Only the zones of the reference table; False for all of them.
    forget_after_days
        Days of history that are kept, for the tracks; None for all.
    silent_today
        True where nothing of the issue day is known, for the track of that name.
    """

    listed: Period
    min_stays: int
    train_start: date
    every: int = 3
    headline: bool = True
    forget_after_days: int | None = None
    silent_today: bool = False


@dataclass(frozen=True)
class _Rows:
    """Zone, day and quarter of each row's issue (indices of a timeline), and its target day."""

    zone: Array
    day: Array
    quarter: Array
    target_day: Array

    def at(self, kept: Array) -> "_Rows":
        return _Rows(self.zone[kept], self.day[kept], self.quarter[kept], self.target_day[kept])


def examples_of(dataset: Dataset, period: Period, scope: Scope) -> Examples:
    """Return one row per zone and issue instant, with the truth 15, 30 and 60 min later.

    Parameters
    ----------
    dataset
        Rows are kerb events.
    period
        Civil days; Sundays have no row.
    scope
        Which zones and instants.

    Raises
    ------
    DataError
        If no zone has a row in the period.

    Notes
    -----
    Targets stand on six slots: whether a bay is free at the three horizons (1 or 0), then
    the occupied bays there, held against no step (slot -1). A forecast knows the events of
    its own quarter to the second, hence the issue time of one second after it. Blocks are
    civil days: a city gives four weeks of test at most, too few weeks to draw from.
    """
    timeline, city, since = _known(dataset, scope)
    rows = _rows(timeline, period, scope, ISSUES, lead_days=0)
    rows = _thinned(rows, dataset, period, scope)
    ahead = np.array(HORIZON_MINUTES) // 15
    quarters = rows.quarter[:, None] + ahead
    asked = (quarters >= FIRST_TARGET) & (quarters <= LAST_TARGET)
    quarters = np.minimum(quarters, QUARTERS - 1)
    inputs = _inputs(timeline, city, since, rows, scope)
    flat = timeline.occupied.reshape(len(timeline.zones), -1)
    inputs["occupied_today"] = Windows(
        flat, rows.zone, rows.day * QUARTERS + rows.quarter, TODAY_QUARTERS
    )  # type: ignore[assignment]  # behaves as an array
    if scope.silent_today:
        inputs["occupied_today"] = np.full((len(rows.zone), TODAY_QUARTERS), np.nan, np.float32)
    inputs["quarter"] = rows.quarter
    inputs |= _for_slices(dataset, timeline, rows, period)
    return _examples(timeline, rows, inputs, np.where(asked, quarters, -1))


def day_ahead_examples(dataset: Dataset, period: Period, scope: Scope) -> Examples:
    """Return one row per zone and day, issued at 18:00 the day before, for 52 quarters.

    See `examples_of`; the history ends two days before the target day, and what is known
    of the issue day stands in ``occupied_today`` (06:00 to 18:00).
    """
    timeline, city, since = _known(dataset, scope)
    rows = _rows(timeline, period, scope, np.array([DAY_ISSUE]), lead_days=1)
    inputs = _inputs(timeline, city, since, rows, scope)
    for name in ("elapsed_minutes", "minutes_since_departure", "stay_minutes", "stay_start_hour",
                 "city_survival", "pace_since_departure", "pace_after_full"):  # fmt: skip
        del inputs[name]
    today = slice(DAY_QUARTERS.start, DAY_ISSUE)
    inputs["occupied_today"] = timeline.occupied[rows.zone, rows.day, today]
    if scope.silent_today:
        inputs["occupied_today"] = np.full_like(inputs["occupied_today"], np.nan)
    inputs |= _for_slices(dataset, timeline, rows, period)
    quarters = np.tile(np.arange(FIRST_TARGET, LAST_TARGET + 1), (len(rows.zone), 1))
    return _examples(timeline, rows, inputs, quarters)


def _known(dataset: Dataset, scope: Scope) -> tuple[Timeline, CityTables, Array]:
    timeline = timeline_of(dataset, _zones(dataset, scope), MAX_BAYS)
    since = _since_departure(timeline)
    return timeline, city_tables(timeline, since), since


def _zones(dataset: Dataset, scope: Scope) -> Array:
    """Return the zones with short stays or at the kerb; the reference table's if asked."""
    table = zones_of(dataset)
    present = table["curb_zone_id"].isin(set(dataset.groups.categories))
    if "use_class" in table and table["use_class"].isin(SHORT_CLASSES).any():
        present &= table["use_class"].isin(SHORT_CLASSES)
    if scope.headline and "headline" in table:
        present &= table["headline"].astype(bool)
    names: Array = np.sort(table.loc[present, "curb_zone_id"].to_numpy(dtype=str))
    if not len(names):
        raise DataError(f"{dataset.name}: no zone to look at", expected="one at least")
    return names


def _since_departure(timeline: Timeline) -> Array:
    """Return the minutes since each zone's last departure, (Z, D, 96), at most 100,000."""
    stays = timeline.stays
    bounds = stays_before(stays, len(timeline.zones))
    since = np.full(timeline.occupied.shape, LONGEST_AGE_MINUTES, dtype=np.float32)
    for zone in range(len(timeline.zones)):
        ends = stays.end[bounds[zone] : bounds[zone + 1]]
        if len(ends):
            place = np.searchsorted(ends, timeline.seconds, "right") - 1
            minutes = (timeline.seconds - ends[np.maximum(place, 0)]) / 60
            since[zone] = np.where(
                place >= 0, np.minimum(minutes, LONGEST_AGE_MINUTES), since[zone]
            )
    return since


def _rows(
    timeline: Timeline, period: Period, scope: Scope, quarters: Array, lead_days: int
) -> _Rows:
    days = timeline.days
    inside = (days >= np.datetime64(period.start, "D")) & (days < np.datetime64(period.stop, "D"))
    inside &= timeline.weekday != SUNDAY
    inside[:lead_days] = False
    target = np.flatnonzero(inside)
    zone, place, quarter = (
        axis.ravel()
        for axis in np.meshgrid(
            np.flatnonzero(_enough(timeline, scope)), target, quarters, indexing="ij"
        )
    )
    rows = _Rows(zone, place - lead_days, quarter, place)
    n_bays = timeline.bays[rows.zone, rows.day]
    entered = _entered(timeline, scope)[rows.zone]
    kept = (n_bays > 0) & (n_bays <= MAX_BAYS)
    kept &= timeline.seconds[rows.day, rows.quarter] >= entered
    if not kept.any():
        raise DataError(
            f"no row in {period}: {len(timeline.zones)} zones over {days[0]} to {days[-1]}",
            expected=f"zones with {scope.min_stays} stays before, and working days inside",
        )
    return rows.at(kept)


def _enough(timeline: Timeline, scope: Scope) -> Array:
    """Tell which zones are on the list: enough stays in the period of the brief."""
    at = np.searchsorted(timeline.days, np.array([scope.listed.start, scope.listed.stop], "M8[D]"))
    midnights = np.append(timeline.seconds[:, 0], timeline.seconds[-1, 0] + 86_400)[at]
    counts = np.array(
        [np.diff(np.searchsorted(starts, midnights))[0] for starts in timeline.arrived]
    )
    return counts >= scope.min_stays if counts.any() else np.ones(len(counts), bool)


def _entered(timeline: Timeline, scope: Scope) -> Array:
    """Return when each zone's ``min_stays``-th stay began, seconds."""
    never = 2**60
    return np.array(
        [
            starts[scope.min_stays - 1] if len(starts) >= scope.min_stays else never
            for starts in timeline.arrived
        ],
        dtype=np.int64,
    )


def _thinned(rows: _Rows, dataset: Dataset, period: Period, scope: Scope) -> _Rows:
    """Keep one issue in ``scope.every`` of a fit period, another one each day."""
    first, last = dataset.times[0].date(), dataset.times[-1].date()
    early = first + FIT_SHARE * (last - first)
    if period.start > max(early, scope.train_start):
        return rows
    return rows.at((rows.quarter + rows.day + rows.zone) % scope.every == 0)


def _inputs(
    timeline: Timeline, city: CityTables, since: Array, rows: _Rows, scope: Scope
) -> dict[str, Array]:
    """Return the graph's inputs; histories stay indices until they are read."""
    bays = timeline.bays[rows.zone, rows.day]
    seconds = timeline.seconds[rows.day, rows.quarter]
    place = rows.zone, rows.day, rows.quarter
    now = np.minimum(timeline.occupied[place], bays).astype(np.float32)
    inputs = {
        "occupied_now": np.full_like(now, np.nan) if scope.silent_today else now,
        "elapsed_minutes": timeline.elapsed_minutes[place],
        "minutes_since_departure": since[place],
        "bays": bays,
        "weekday": timeline.weekday[rows.target_day],
        "city_shares": city.shares[rows.day],
        "city_survival": city.survival[rows.day],
        "pace_since_departure": city.pace_since_departure[rows.day],
        "pace_after_full": city.pace_after_full[rows.day],
    }
    histories = {
        "occupied_history": timeline.occupied[:, :, DAY_QUARTERS],
        "arrivals_history": timeline.arrivals[:, :, DAY_QUARTERS],
    }
    for name, series in histories.items():
        inputs[name] = _history(series, rows, scope)  # type: ignore[assignment]  # as an array
    return {**inputs, **_ended(timeline, rows, seconds, scope)}


def _for_slices(
    dataset: Dataset, timeline: Timeline, rows: _Rows, period: Period
) -> dict[str, Array]:
    """Return what no graph takes: the area class, and the median stay before the period."""
    table = zones_of(dataset).set_index("curb_zone_id")
    area = np.full(len(timeline.zones), "", dtype=object)
    if "area_class" in table:
        area = table["area_class"].reindex(timeline.zones).fillna("").to_numpy()
    names = np.where(area == "", "non renseigné", area.astype(str))
    stays, medians = timeline.stays, np.full(len(timeline.zones), np.nan)
    first = int(np.searchsorted(timeline.days, np.datetime64(period.start, "D")))
    earlier = stays.end < timeline.seconds[first, 0]
    for zone in np.unique(stays.zone[earlier]):
        rows_of_zone = earlier & (stays.zone == zone)
        medians[zone] = np.median((stays.end - stays.start)[rows_of_zone]) / 60
    return {
        "area_class": names[rows.zone],
        "median_stay_minutes": medians[rows.zone],
    }


def _history(series: Array, rows: _Rows, scope: Scope) -> "Windows | Array":
    """Return the 56 days before the issue day of each row; those to be forgotten unknown."""
    windows = Windows(series, rows.zone, rows.day, HISTORY_DAYS)
    if scope.forget_after_days is None:
        return windows
    values = np.array(windows)
    values[:, : HISTORY_DAYS - scope.forget_after_days] = np.nan
    return values


def _ended(timeline: Timeline, rows: _Rows, seconds: Array, scope: Scope) -> dict[str, Array]:
    """Return the minutes and start hours of each zone's last ended stays."""
    stays = timeline.stays
    bounds = stays_before(stays, len(timeline.zones))
    length = max(int(np.diff(bounds).max(initial=0)), 1)
    minutes = np.full((len(timeline.zones), length), np.nan, dtype=np.float32)
    hours = np.zeros((len(timeline.zones), length), dtype=np.int64)
    order = np.arange(len(stays.zone)) - bounds[stays.zone]
    minutes[stays.zone, order] = (stays.end - stays.start) / 60
    hours[stays.zone, order] = stays.start_hour
    stops = np.empty(len(rows.zone), dtype=np.int64)
    oldest = np.zeros(len(rows.zone), dtype=np.int64)
    for zone in range(len(timeline.zones)):
        mine = rows.zone == zone
        ends = stays.end[bounds[zone] : bounds[zone + 1]]
        stops[mine] = np.searchsorted(ends, seconds[mine], "right")
        if scope.forget_after_days is not None:
            since = seconds[mine] - 86_400 * scope.forget_after_days
            oldest[mine] = np.searchsorted(ends, since, "right")
    found: dict[str, Array] = {
        "stay_minutes": Windows(minutes, rows.zone, stops, N_STAYS),  # type: ignore[dict-item]
        "stay_start_hour": Windows(hours, rows.zone, stops, N_STAYS),  # type: ignore[dict-item]
    }
    if scope.forget_after_days is not None:
        values = np.array(found["stay_minutes"])
        values[np.arange(N_STAYS) + stops[:, None] - N_STAYS < oldest[:, None]] = np.nan
        found["stay_minutes"] = values
    return found


def _examples(
    timeline: Timeline, rows: _Rows, inputs: dict[str, Array], quarters: Array
) -> Examples:
    """Put the truth beside the inputs; ``quarters`` are the targets', -1 where none is asked."""
    at = rows.zone[:, None], rows.target_day[:, None], np.maximum(quarters, 0)
    counts = np.minimum(timeline.occupied[at], inputs["bays"][:, None])
    counts = np.where(quarters >= 0, counts, np.nan).astype(np.float64)
    free = np.where(np.isnan(counts), np.nan, (counts < inputs["bays"][:, None]).astype(float))
    steps = np.broadcast_to(np.arange(quarters.shape[1]), quarters.shape)
    slots = np.where(quarters >= 0, steps, -1)
    days = timeline.days[rows.target_day]
    return Examples(
        inputs=inputs,
        target=np.concatenate([free, counts], axis=1),
        slots=np.concatenate([slots, np.full_like(slots, -1)], axis=1),
        units=timeline.zones[rows.zone],
        blocks=days.astype(np.int64),
        issued=(timeline.seconds[rows.day, rows.quarter] + 1).astype("datetime64[s]"),
        days=days,
    )
