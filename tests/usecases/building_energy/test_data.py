"""The public files become the reference tables, and civil days keep all their hours."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import SourceError, UsageError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset
from usecases.building_energy import data
from usecases.building_energy.civil_calendar import calendar, country_of
from usecases.building_energy.data import QUICK_METERS, clock_grid, load


def dataset(start: str, stop: str, timezone: str, *, weather: bool = True) -> Dataset:
    """Two meters; meter a's load counts the UTC hours from 0, meter b's is 1000 more."""
    hours = pd.date_range(start, stop, freq="h", inclusive="left", tz=timezone).tz_convert("UTC")
    n = len(hours)
    load_kwh = np.concatenate([np.arange(n), 1000 + np.arange(n)]).astype(float)
    table = pd.DataFrame({"temperature_celsius": np.arange(n) / 10}, index=hours)
    return Dataset(
        name="test", columns={"load_kwh": load_kwh}, units={"load_kwh": "kWh"},
        times=hours.append(hours), groups=pd.Categorical(["a"] * n + ["b"] * n),
        valid=np.ones(2 * n, dtype=bool), timezone=timezone,
        extras={"weather": table} if weather else {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("timezone", "skipped"), [("Europe/London", 1), ("Europe/Paris", 2)], ids=["London", "Paris"]
)
def test_the_spring_day_has_23_slots_and_one_unknown_clock_hour(
    timezone: str, skipped: int
) -> None:
    """On 27 March 2022 the clock skipped 1 h in London and 2 h in Paris."""
    grid = clock_grid(dataset("2022-03-26", "2022-03-29", timezone))
    assert grid.days.astype(str).tolist() == ["2022-03-26", "2022-03-27", "2022-03-28"]
    expected = [hour for hour in range(24) if hour != skipped] + [-1, -1]
    assert grid.slots[1].tolist() == expected
    # The first day holds hours 0..23, the second the next 23: 24..46.
    assert grid.slot_values[0, 1, :23].tolist() == list(range(24, 47))
    assert np.isnan(grid.slot_values[0, 1, 23:]).all()
    assert np.flatnonzero(np.isnan(grid.load_kwh[0, 1])).tolist() == [skipped]
    assert grid.load_kwh[1, 2].tolist() == list(range(1047, 1071))  # 1000 + 24 + 23 = 1047
    assert np.isnan(grid.temperature_celsius[1, skipped])


@pytest.mark.parametrize(
    ("timezone", "twice"), [("Europe/London", 1), ("Europe/Paris", 2)], ids=["London", "Paris"]
)
def test_the_autumn_day_has_25_slots_and_the_mean_of_the_hour_that_comes_twice(
    timezone: str, twice: int
) -> None:
    """On 30 October 2022 the clock showed 1 h twice in London and 2 h twice in Paris."""
    grid = clock_grid(dataset("2022-10-29", "2022-11-01", timezone))
    assert grid.slots[1].tolist() == sorted([*range(24), twice])
    # Elapsed hours 24..48; the doubled one is at twice and twice + 1.
    assert grid.slot_values[0, 1].tolist() == list(range(24, 49))
    assert grid.load_kwh[0, 1, twice] == 24 + twice + 0.5
    assert grid.load_kwh[0, 1, twice + 1] == 24 + twice + 2
    # Temperature is a tenth of the elapsed hour.
    assert grid.temperature_celsius[1, twice] == pytest.approx((24 + twice + 0.5) / 10)


def test_an_ordinary_day_ends_with_an_empty_slot() -> None:
    """Slots are 0..23 and then -1."""
    grid = clock_grid(dataset("2022-06-01", "2022-06-02", "Europe/London"))
    assert grid.slots.tolist() == [[*range(24), -1]]


def test_half_of_a_doubled_hour_counts_alone() -> None:
    """One lost half must not hide the other: the mean is over known values."""
    whole = dataset("2022-10-30", "2022-10-31", "Europe/Paris")
    valid = whole.valid.copy()
    valid[2] = False  # the first of meter a's two 2 h
    grid = clock_grid(Dataset(**{**vars(whole), "valid": valid}))
    assert grid.load_kwh[0, 0, 2] == 3
    assert np.isnan(grid.slot_values[0, 0, 2])


def test_refused_and_absent_rows_are_nan_in_any_order_of_rows() -> None:
    """Missing is never zero, and nothing rests on the table's order."""
    whole = dataset("2022-06-01", "2022-06-03", "Europe/London", weather=False)
    order = np.random.default_rng(0).permutation(np.flatnonzero(np.arange(96) != 5))
    shuffled = Dataset(
        name="test", columns={"load_kwh": whole.columns["load_kwh"][order]},
        units=whole.units, times=whole.times[order], groups=whole.groups[order],
        valid=order != 7, timezone=whole.timezone,
    )  # fmt: skip
    grid = clock_grid(shuffled)
    assert np.argwhere(np.isnan(grid.load_kwh)).tolist() == [[0, 0, 5], [0, 0, 7]]
    assert np.isnan(grid.temperature_celsius).all()


def test_days_that_are_cut_keep_their_hours_in_place() -> None:
    """UTC midnight is 1 h in Paris: the first day has no hour 0, the last only hour 0."""
    whole = dataset("2022-01-01", "2022-01-03", "UTC", weather=False)
    grid = clock_grid(Dataset(**{**vars(whole), "timezone": "Europe/Paris"}))
    assert len(grid.days) == 3
    assert np.isnan(grid.load_kwh[0, 0, 0])
    assert grid.load_kwh[0, 0, 1] == 0
    assert grid.slot_values[0, 0, 1] == 0
    assert grid.load_kwh[0, 2, 0] == 47
    assert np.isnan(grid.load_kwh[0, 2, 1:]).all()


@pytest.mark.parametrize("timezone", ["Asia/Kathmandu", "America/St_Johns", "Pacific/Apia"])
def test_zones_off_the_whole_hour_work_too(timezone: str) -> None:
    """Local days begin at :15 or :30 of UTC there."""
    grid = clock_grid(dataset("2022-06-01", "2022-06-04", timezone))
    assert grid.load_kwh[0].reshape(-1).tolist() == list(range(72))
    assert grid.temperature_celsius.reshape(-1) == pytest.approx(np.arange(72) / 10)


def test_rows_that_are_not_hourly_are_refused() -> None:
    """Half hours would overwrite one another."""
    whole = dataset("2022-06-01", "2022-06-02", "UTC")
    times = whole.times + pd.to_timedelta(np.arange(48) * 30, unit="min")
    with pytest.raises(UsageError, match="whole hours"):
        clock_grid(Dataset(**{**vars(whole), "times": times}))


def test_a_grid_of_1_6_million_rows_takes_less_than_a_second() -> None:
    """The harness builds it for every fold."""
    hours = pd.date_range("2019-01-01", "2023-01-01", freq="h", inclusive="left", tz="UTC")
    n = len(hours)
    big = Dataset(
        name="big", columns={"load_kwh": np.ones(46 * n)}, units={"load_kwh": "kWh"},
        times=pd.DatetimeIndex(np.tile(hours.tz_localize(None), 46)).tz_localize("UTC"),
        groups=pd.Categorical.from_codes(np.repeat(np.arange(46), n), range(46)),
        valid=np.ones(46 * n, dtype=bool), timezone="Europe/London",
    )  # fmt: skip
    start = time.process_time()
    grid = clock_grid(big)
    assert time.process_time() - start < 1.0
    assert (grid.slots >= 0).sum() == n  # no hour is lost


def test_gas_zeros_are_refused_only_in_long_cold_runs() -> None:
    """PROVENANCE 2: runs of 48 h or more, and of those the hours under 12 °C only."""
    load_kwh = np.concatenate([[1.0], np.zeros(47), [1.0], np.zeros(48), [np.nan]])
    cold = np.ones(98, dtype=bool)
    cold[60] = False
    valid = data._valid_gas(load_kwh, cold)
    # 1 + 47 + 1 = 49 leading hours stay, hour 60 is mild; 47 hours and the absent one go.
    assert np.flatnonzero(valid).tolist() == [*range(49), 60]


def test_twelve_repeats_are_stuck_and_eleven_are_not() -> None:
    """The first hour of a run is a measurement; its repeats are not."""
    eleven = np.array([1.0] + [2.0] * 12 + [3.0])
    assert data._valid_electricity(eleven).all()
    twelve = np.array([1.0] + [2.0] * 13 + [3.0])
    assert np.flatnonzero(~data._valid_electricity(twelve)).tolist() == list(range(2, 14))


def test_the_parsed_table_is_kept_and_a_damaged_one_is_parsed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache saves time; it must never cost a run."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path))
    hours = pd.date_range("2022-01-01", periods=3, freq="h", tz="UTC", unit="s")
    weather = pd.DataFrame({"temperature_celsius": [1.0, 2.0, 3.0]}, index=hours)
    file = tmp_path / "2022.csv"
    file.write_text("datetime,kWh\n2022-01-01 00:00:00,5\n2022-01-01 02:00:00,7\n")
    first = data._cached("k", {"m": [file]}, "electricity", weather)
    assert first["valid"].tolist() == [True, False, True]  # 01:00 is absent
    file.unlink()
    assert data._cached("k", {"m": [file]}, "electricity", weather).equals(first)
    (parsed,) = (tmp_path / "parsed").iterdir()
    parsed.write_bytes(b"rust")
    with pytest.raises(FileNotFoundError):  # it went back to the (removed) original
        data._cached("k", {"m": [file]}, "electricity", weather)


@pytest.mark.parametrize("text", ["date,kWh\n2022-01-01,5\n", "datetime,kWh\nhier,5\n"])
def test_a_file_laid_out_otherwise_is_a_source_error(tmp_path: Path, text: str) -> None:
    """A new commit of the archive might rename a column."""
    file = tmp_path / "2022.csv"
    file.write_text(text)
    hours = pd.date_range("2022-01-01", periods=3, freq="h", tz="UTC", unit="s")
    with pytest.raises(SourceError, match=re.escape(str(file))):
        data._series([file], hours)


def test_an_unknown_energy_or_profile_is_refused() -> None:
    """The message lists what there is."""
    with pytest.raises(UsageError, match="heat"):
        load("heat")  # type: ignore[arg-type]


def test_the_sources_are_the_ones_of_the_brief() -> None:
    """46 and 44 meters of four years; every source says licence and personal data."""
    sources = {source.name: source for source in load_sources(data.SOURCES)}
    assert len(sources["ucam_electricity"].files) == 46 * 4
    assert len(sources["ucam_gas"].files) == 44 * 4
    assert all(source.personal_data.startswith("aucune : ") for source in sources.values())
    assert sources["fr_tariffs"].prepared_only


def test_the_calendar_knows_england_and_france() -> None:
    """Boxing Day is English, 14 July French; 19 December 2022 was a school holiday in Paris."""
    days = np.array(["2022-12-26", "2022-07-14", "2022-12-19", "2020-12-31"], "datetime64[D]")
    england, france = calendar(days, "GB"), calendar(days, "FR")
    assert england["weekday"].tolist() == [0, 3, 0, 3]
    assert france["day_of_year"].tolist() == [360, 195, 353, 366]
    assert england["is_holiday"].tolist() == [True, False, False, False]
    assert france["is_holiday"].tolist() == [False, True, False, False]
    assert france["is_school_holiday"].tolist() == [True, True, True, True]
    assert not england["is_school_holiday"].any()


def test_the_calendar_refuses_what_it_does_not_know() -> None:
    """A year without a school calendar is not a year without holidays."""
    with pytest.raises(UsageError, match="no French school calendar for 2150"):
        calendar(np.array(["2150-01-01"], "datetime64[D]"), "FR")
    with pytest.raises(UsageError, match="no public holidays"):
        calendar(np.array(["2022-01-01"], "datetime64[D]"), "XX")


def test_the_country_follows_from_the_place_or_the_zone() -> None:
    """Own data say it in meta.toml; otherwise the zone does, or nobody."""
    paris = dataset("2022-06-01", "2022-06-02", "Europe/Paris")
    assert country_of(paris) == "FR"
    place = {"place": pd.DataFrame({"country": ["BE"]})}
    assert country_of(Dataset(**{**vars(paris), "extras": place})) == "BE"
    with pytest.raises(UsageError, match="no country"):
        country_of(Dataset(**{**vars(paris), "timezone": "Asia/Tokyo"}))


@pytest.fixture(scope="module")
def reference() -> Path:
    """The prepared tables beside the mirror, or a skip that says why."""
    mirror = os.environ.get("AUNE_MIRROR", "")
    folder = Path(mirror).parent / "data" / "building_energy"
    if not mirror or not folder.is_dir():
        pytest.skip("no reference tables: AUNE_MIRROR does not name a mirror folder beside data/")
    return folder


@pytest.mark.public_data
@pytest.mark.parametrize(("energy", "n_meters"), [("electricity", 46), ("gas", 44)])
def test_values_and_mask_equal_the_reference_table(
    reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    energy: data.Energy, n_meters: int,
) -> None:  # fmt: skip
    """Every hour of every meter, parsed afresh: 46 and 44 times 35,064."""
    monkeypatch.setenv("AUNE_CACHE", str(tmp_path))
    found = load(energy, "full")
    table = pd.read_parquet(reference / f"ucam_{energy}_hourly_2019_2022.parquet")
    table = table.astype({"meter_id": str}).sort_values(["meter_id", "timestamp_utc"])
    assert len(found.groups.categories) == n_meters
    assert len(table) == n_meters * 35_064
    assert np.array_equal(np.asarray(found.groups, dtype=str), table["meter_id"].to_numpy(str))
    naive = found.times.tz_localize(None).to_numpy()
    assert np.array_equal(naive, table["timestamp_utc"].to_numpy())
    # The table holds float32.
    load_kwh = found.columns["load_kwh"].astype(np.float32)
    assert np.array_equal(load_kwh, table["kwh"].to_numpy())
    assert np.array_equal(found.valid, table["valid"].to_numpy())


@pytest.mark.public_data
def test_the_weather_equals_the_reference_table(reference: Path) -> None:
    """Temperature, humidity and irradiance of 35,064 hours."""
    weather = load("gas", "quick").extras["weather"]
    table = pd.read_parquet(reference / "uk_weather_carbon_price_hourly_2019_2022.parquet")
    for ours, theirs in zip(weather.columns, ["temp_c", "rh_pct", "ghi_w_m2"], strict=True):
        assert np.array_equal(weather[ours].to_numpy(np.float32), table[theirs].to_numpy())


@pytest.mark.public_data
@pytest.mark.parametrize("energy", ["electricity", "gas"])
def test_the_quick_meters_are_at_even_ranks_of_size(reference: Path, energy: data.Energy) -> None:
    """The documented choice, recomputed: ranks 0, 4.1, 8.2... of 2019-2021's mean load."""
    table = pd.read_parquet(reference / f"ucam_{energy}_hourly_2019_2022.parquet")
    past = table[table["timestamp_utc"] < "2022-01-01"].astype({"kwh": float})
    means = past.groupby("meter_id", observed=True)["kwh"].mean().sort_values()
    ranks = np.linspace(0, len(means) - 1, 12).round().astype(int)
    assert QUICK_METERS[energy] == tuple(means.index[ranks])
    assert set(load(energy, "quick").groups.categories) == set(QUICK_METERS[energy])
