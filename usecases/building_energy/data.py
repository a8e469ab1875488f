"""Read the public meter and weather files into a Dataset with its validity mask."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from common.edge.errors import SourceError, UsageError
from common.lab.sources import cache_folder, fetch, load_sources
from common.lab.usecase import Array, Dataset, Source

__all__ = ["QUICK_METERS", "SLOTS_PER_DAY", "ClockGrid", "Energy", "clock_grid", "load"]

Energy = Literal["electricity", "gas"]
Profile = Literal["quick", "full"]

SOURCES = Path(__file__).with_name("sources.toml")
PARSER_VERSION = 1
"""Part of the key of the cached table: raise it when a rule below changes."""

TIMEZONE = "Europe/London"
FIRST_HOUR, STOP_HOUR = "2019-01-01", "2023-01-01"
SLOTS_PER_DAY = 25
"""Hours of the longest civil day."""

STUCK_REPEATS = 12
"""Electricity: repeats of one value in a row that betray a stuck meter (PROVENANCE 2)."""
GAS_OFF_HOURS = 48
"""Gas: zeros in a row that cannot be a heating pause in cold weather (PROVENANCE 2)."""
HEATING_BELOW_CELSIUS = 12.0
MEAN_TEMPERATURE_HOURS = 24

QUICK_METERS: Mapping[Energy, tuple[str, ...]] = {
    "electricity": tuple(
        f"ucam_b{number}" for number in (106, 80, 63, 119, 84, 86, 82, 101, 71, 31, 27, 105)
    ),
    "gas": tuple(
        f"ucam_b{number}" for number in (30, 20, 118, 61, 0, 25, 109, 111, 40, 114, 68, 79)
    ),
}
"""Twelve meters at even ranks (first and last included) of the mean load of 2019-2021:
from the smallest to the largest, chosen before the test year and frozen here."""

WEATHER_COLUMNS = {
    "air_temperature [degC]": "temperature_celsius",
    "rltv_hum [%]": "relative_humidity_percent",
    "glbl_irad_amt [W/m2]": "irradiance_w_per_m2",
}


@dataclass(frozen=True)
class ClockGrid:
    """The meters' hours arranged by civil day.

    Parameters
    ----------
    meters
        Meter ids, shape (m,), text.
    days
        Local civil days without a hole, shape (d,), datetime64[D].
    load_kwh
        By clock hour, shape (m, d, 24), float32; NaN where missing, refused or where the
        hour does not exist (spring); the hour that occurs twice (autumn) holds the mean
        of its known values. For history.
    slots
        Clock hour of each hour of the day in elapsed order, shape (d, 25), int64; -1
        after the last: 0..23 then -1 on an ordinary day, 23 hours in spring, 25 in
        autumn with one hour twice.
    slot_values
        kWh in the order of ``slots``, shape (m, d, 25), float32; NaN where unknown. For
        scoring: days of 23 and 25 hours are scored in full.
    temperature_celsius
        By clock hour, shape (d, 24), float32; NaN where unknown.
    timezone
        IANA name of the civil time.
    """

    meters: Array
    days: Array
    load_kwh: Array
    slots: Array
    slot_values: Array
    temperature_celsius: Array
    timezone: str


def load(energy: Energy, profile: Profile = "full") -> Dataset:
    """Read the Cambridge estate's meters of one energy, with Bedford's weather.

    Values are the publisher's, untouched; nothing is imputed. ``valid`` follows
    PROVENANCE.md of the reference tables and reproduces their mask bit for bit.

    Parameters
    ----------
    energy
        ``electricity`` (46 meters) or ``gas`` (44).
    profile
        ``quick`` keeps the 12 meters of `QUICK_METERS`, and fetches only their files.

    Returns
    -------
    Dataset
        Column ``load_kwh`` on the full UTC hourly grid of 2019-2022 for each meter;
        ``extras["weather"]`` by UTC hour.

    Raises
    ------
    SourceError
        If a file cannot be had, is not the pinned one or is not laid out as expected.
    UsageError
        If ``energy`` or ``profile`` is unknown.
    """
    sources = _needed(energy, profile)
    paths = fetch(sources)
    meters, weather_source = sources
    hours = pd.date_range(FIRST_HOUR, STOP_HOUR, freq="h", inclusive="left", tz="UTC", unit="s")
    weather = _series([paths[weather_source.name, file] for file in weather_source.files], hours)
    weather = weather.rename(columns=WEATHER_COLUMNS)[list(WEATHER_COLUMNS.values())]
    by_meter = _files_by_meter(meters, paths)
    table = _cached(_key(sources), by_meter, energy, weather)
    names = sorted(by_meter)
    return Dataset(
        name=f"ucam_{energy}_{profile}",
        columns={"load_kwh": table["load_kwh"].to_numpy()},
        units={"load_kwh": "kWh"},
        times=_tile(hours, len(names)),
        groups=pd.Categorical.from_codes(
            np.repeat(np.arange(len(names)), len(hours)), categories=names
        ),
        valid=table["valid"].to_numpy(),
        timezone=TIMEZONE,
        sources=sources,
        proxy=meters.proxy,
        extras={"weather": weather, "place": pd.DataFrame({"country": ["GB"]})},
    )


def clock_grid(dataset: Dataset) -> ClockGrid:
    """Arrange a Dataset's ``load_kwh`` by civil day and clock hour, in any time zone.

    Parameters
    ----------
    dataset
        Hourly rows, in any order, with holes or not; at most one per meter and hour.

    Raises
    ------
    UsageError
        If there is no row, if times are not whole hours apart or if a civil day has
        more than 25 hours.

    Notes
    -----
    An hour belongs to the civil day and clock hour in which it begins.
    """
    seconds = dataset.times.as_unit("s").asi8
    hours, positions = _hour_axis(seconds)
    meters = np.asarray(dataset.groups.categories, dtype=str)
    values = np.full((len(meters), len(hours)), np.nan, dtype=np.float32)
    load_kwh = np.where(dataset.valid, dataset.columns["load_kwh"], np.nan)
    values[dataset.groups.codes, positions] = load_kwh
    day, clock, slot, days = _civil(hours, dataset.timezone)
    slots = np.full((len(days), SLOTS_PER_DAY), -1, dtype=np.int64)
    slots[day, slot] = clock
    slot_values = np.full((len(meters), len(days), SLOTS_PER_DAY), np.nan, dtype=np.float32)
    slot_values[:, day, slot] = values
    temperature = _temperature(dataset, hours)
    return ClockGrid(
        meters=meters,
        days=days,
        load_kwh=_by_clock(values, day, clock, len(days)),
        slots=slots,
        slot_values=slot_values,
        temperature_celsius=_by_clock(temperature[None], day, clock, len(days))[0],
        timezone=dataset.timezone,
    )


def _needed(energy: Energy, profile: Profile) -> tuple[Source, Source]:
    """Return the meters' source, narrowed to the profile, and the weather's."""
    if energy not in QUICK_METERS or profile not in ("quick", "full"):
        raise UsageError(
            f"energy {energy!r}, profile {profile!r}",
            expected="electricity or gas; quick or full",
        )
    by_name = {source.name: source for source in load_sources(SOURCES)}
    meters = by_name[f"ucam_{energy}"]
    if profile == "quick":
        kept = set(QUICK_METERS[energy])
        files = {path: sha for path, sha in meters.files.items() if _meter(path) in kept}
        meters = replace(meters, files=files)
    return meters, by_name["bedford_weather"]


def _meter(path: str) -> str:
    """Return the meter id of a file.

    >>> _meter("building_data/processed_data/UCam_Building_b101/gas/2019.csv")
    'ucam_b101'
    """
    return "ucam_" + path.split("/")[-3].rpartition("_")[2]


def _files_by_meter(source: Source, paths: Mapping[tuple[str, str], Path]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path in source.files:
        files.setdefault(_meter(path), []).append(paths[source.name, path])
    return files


def _series(files: Sequence[Path], hours: pd.DatetimeIndex) -> pd.DataFrame:
    """Read yearly files of hourly values onto ``hours``; NaN where an hour is absent."""
    parts = []
    for file in files:
        try:
            part = pd.read_csv(file)
            part.index = pd.to_datetime(part.pop("datetime"), utc=True, format="%Y-%m-%d %H:%M:%S")
        except (KeyError, ValueError) as error:
            raise SourceError(
                f"{file}: {error}", expected="a column datetime and one column per quantity"
            ) from error
        parts.append(part)
    table = pd.concat(parts)
    if not table.index.is_unique:
        raise SourceError(
            f"{files[0].parent}: {table.index[table.index.duplicated()][0]} occurs twice",
            expected="each hour once",
        )
    table.index = table.index.as_unit("s")
    return table.reindex(hours).rename_axis("time_utc")


def _key(sources: Iterable[Source]) -> str:
    """Return what the parsed table depends on, as 16 hexadecimal digits."""
    digests = sorted(digest for source in sources for digest in source.files.values())
    return hashlib.sha256(f"{PARSER_VERSION} {digests}".encode()).hexdigest()[:16]


def _cached(
    key: str, files: Mapping[str, list[Path]], energy: Energy, weather: pd.DataFrame
) -> pd.DataFrame:
    """Return the parsed table, from the cache if it holds the same sources and rules."""
    target = cache_folder() / "parsed" / f"building_energy_{energy}_{key}.parquet"
    if target.is_file():
        try:
            return pd.read_parquet(target)
        except (OSError, ValueError):
            target.unlink()
    table = _parse(files, energy, weather)
    target.parent.mkdir(exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    table.to_parquet(draft, index=False, compression="zstd")
    draft.replace(target)
    return table


def _parse(files: Mapping[str, list[Path]], energy: Energy, weather: pd.DataFrame) -> pd.DataFrame:
    """Read the meters one after another, in the order of their names."""
    loads, masks = [], []
    cold = _cold_hours(weather["temperature_celsius"])
    for meter in sorted(files):
        load_kwh = _series(files[meter], weather.index).iloc[:, 0].to_numpy(np.float64)
        loads.append(load_kwh)
        masks.append(
            _valid_electricity(load_kwh) if energy == "electricity" else _valid_gas(load_kwh, cold)
        )
    return pd.DataFrame({"load_kwh": np.concatenate(loads), "valid": np.concatenate(masks)})


def _cold_hours(temperature_celsius: pd.Series) -> Array:
    """Tell where the centred 24-h mean temperature calls for heating."""
    mean = temperature_celsius.rolling(MEAN_TEMPERATURE_HOURS, center=True, min_periods=1).mean()
    cold: Array = mean.to_numpy() < HEATING_BELOW_CELSIUS
    return cold


def _valid_electricity(load_kwh: Array) -> Array:
    """Refuse absent hours, zeros, and hours that only repeat the one before, 12 times on.

    The first hour of such a run is a measurement and stays, as in the reference table:
    PROVENANCE's "runs of 12 identical hours" are 12 repeats in a row.

    >>> stuck = np.array([5.0] + [7.0] * 13 + [0.0, 6.0])
    >>> _valid_electricity(stuck).astype(int).tolist()
    [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    """
    repeats = np.concatenate([[False], load_kwh[1:] == load_kwh[:-1]])
    stuck = repeats & (_run_lengths(repeats) >= STUCK_REPEATS)
    valid: Array = ~(np.isnan(load_kwh) | (load_kwh == 0) | stuck)
    return valid


def _valid_gas(load_kwh: Array, cold: Array) -> Array:
    """Refuse absent hours and the cold hours of zero runs of 48 h or more."""
    zero = load_kwh == 0
    off = zero & (_run_lengths(zero) >= GAS_OFF_HOURS)
    valid: Array = ~(np.isnan(load_kwh) | (off & cold))
    return valid


def _run_lengths(flags: Array) -> Array:
    """Return, for each element, the length of the run of equal flags it lies in.

    >>> _run_lengths(np.array([True, True, False, True])).tolist()
    [2, 2, 1, 1]
    """
    starts = np.flatnonzero(np.concatenate([[True], flags[1:] != flags[:-1]]))
    lengths = np.diff(np.append(starts, len(flags)))
    return np.repeat(lengths, lengths)


def _tile(hours: pd.DatetimeIndex, times: int) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(np.tile(hours.tz_localize(None).to_numpy(), times)).tz_localize("UTC")


def _hour_axis(seconds: Array) -> tuple[pd.DatetimeIndex, Array]:
    """Return the hours spanned, without a hole, and each row's position among them."""
    if not len(seconds):
        raise UsageError("a data set without rows", expected="at least one hourly row")
    first = int(seconds.min())
    positions, rest = np.divmod(seconds - first, 3600)
    if rest.any():
        raise UsageError("times that are not whole hours apart", expected="hourly rows")
    stamps = first + 3600 * np.arange(int(positions.max()) + 1)
    return pd.DatetimeIndex(stamps.astype("datetime64[s]")).tz_localize("UTC"), positions


def _civil(hours: pd.DatetimeIndex, timezone: str) -> tuple[Array, Array, Array, Array]:
    """Return for each hour its day index, clock hour and rank in the day; and the days."""
    local = hours.tz_convert(timezone).tz_localize(None).to_numpy().astype("datetime64[s]")
    dates = local.astype("datetime64[D]")
    clock = ((local - dates) // np.timedelta64(3600, "s")).astype(np.int64)
    day = (dates - dates[0]).astype(np.int64)
    days = dates[0] + np.arange(int(day[-1]) + 1)
    # The first day may be cut: its hours keep the rank they have in the whole day.
    midnight = pd.Timestamp(dates[0]).tz_localize(timezone, nonexistent="shift_forward")
    rank_of_first = int((hours[0] - midnight) // pd.Timedelta(hours=1))
    starts = np.searchsorted(day, day, side="left")
    slot = np.arange(len(day)) - starts + np.where(day == 0, rank_of_first, 0)
    if slot.max() >= SLOTS_PER_DAY:
        raise UsageError(
            f"a day of more than {SLOTS_PER_DAY} hours in {timezone}",
            expected="a time zone that shifts by at most one hour",
        )
    return day, clock, slot, days


def _by_clock(values: Array, day: Array, clock: Array, n_days: int) -> Array:
    """Average the known values of each clock hour: (m, hours) to (m, d, 24), float32."""
    cell = day * 24 + clock
    grid = np.full((len(values), n_days * 24), np.nan, dtype=np.float32)
    again = np.concatenate([[False], cell[1:] == cell[:-1]])
    grid[:, cell[~again]] = values[:, ~again]
    # One hour a year occurs twice, right after itself.
    first, second = grid[:, cell[again]], values[:, again]
    both = (first + second) / 2
    grid[:, cell[again]] = np.where(np.isnan(both), np.where(np.isnan(first), second, first), both)
    return grid.reshape(len(values), n_days, 24)


def _temperature(dataset: Dataset, hours: pd.DatetimeIndex) -> Array:
    """Return the outdoor temperature at each hour, NaN where there is none."""
    weather = dataset.extras.get("weather")
    if weather is None or not len(weather):
        return np.full(len(hours), np.nan, dtype=np.float32)
    series = weather["temperature_celsius"].sort_index()
    aligned = series.reindex(hours, method="ffill", tolerance=pd.Timedelta(minutes=59))
    temperature_celsius: Array = aligned.to_numpy(np.float32)
    return temperature_celsius
