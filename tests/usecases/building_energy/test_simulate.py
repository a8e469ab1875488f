"""The simulator gives data that look like data and never pass for them."""

import time

import numpy as np
import pytest

from common.edge.errors import UsageError
from usecases.building_energy.civil_calendar import calendar
from usecases.building_energy.data import ClockGrid, Energy, clock_grid
from usecases.building_energy.simulate import simulate


def profile(grid: ClockGrid, kind: str, days: np.ndarray) -> np.ndarray:
    """Mean kWh by clock hour of a kind of building over some days."""
    meters = np.char.startswith(grid.meters, kind)
    mean: np.ndarray = np.nanmean(grid.load_kwh[meters][:, days], axis=(0, 1))
    return mean


@pytest.fixture(scope="module")
def electricity() -> ClockGrid:
    return clock_grid(simulate("electricity", seed=1, years=(2021, 2022)))


@pytest.mark.parametrize("energy", ["electricity", "gas"])
def test_a_seed_gives_the_same_data_and_another_seed_others(energy: Energy) -> None:
    """Tests and demonstrations must be repeatable."""
    first, again, other = (simulate(energy, seed, 3, (2022,)) for seed in (7, 7, 8))
    assert first.digest == again.digest != other.digest


def test_it_is_labelled_simulated() -> None:
    """Everything downstream shows the name and the proxy."""
    found = simulate("gas", 1, 2, (2022,))
    assert found.simulated
    assert found.name.startswith("SIMULATED")
    assert "simulées" in found.proxy


def test_civil_years_are_whole() -> None:
    """365 days in Paris time, the 23 and 25 hours included: 8760 hours a meter."""
    found = simulate("electricity", 1, 2, (2022,))
    assert len(found.times) == 2 * 8760
    grid = clock_grid(found)
    assert grid.days.astype(str)[[0, -1]].tolist() == ["2022-01-01", "2022-12-31"]
    assert sorted({int(n) for n in (grid.slots >= 0).sum(axis=1)}) == [23, 24, 25]


def test_outages_are_missing_and_not_zero() -> None:
    """Some hours are lost, few, and they are NaN."""
    found = simulate("electricity", 1)
    load_kwh = found.columns["load_kwh"]
    assert np.array_equal(np.isnan(load_kwh), ~found.valid)
    # 3 outages of 18 h in 8,766 h: 0.6 % expected.
    assert 0.001 < 1 - found.valid.mean() < 0.02
    assert load_kwh[found.valid].min() >= 0


def test_schools_rest_at_night_on_sundays_and_in_holidays(electricity: ClockGrid) -> None:
    """The shapes that every baseline relies on are there."""
    kind = calendar(electricity.days, "FR")
    rest = kind["is_holiday"] | kind["is_school_holiday"]
    school_day = profile(electricity, "ecole", (kind["weekday"] == 1) & ~rest)
    sunday = profile(electricity, "ecole", kind["weekday"] == 6)
    off = profile(electricity, "ecole", (kind["weekday"] == 1) & rest)
    assert school_day[11] > 2 * school_day[3]
    assert school_day[11] > 2 * sunday[11]
    assert school_day[11] > 1.5 * off[11]


def test_gas_follows_the_cold() -> None:
    """The coldest quarter of days burns more than twice the warmest half."""
    grid = clock_grid(simulate("gas", 3, 5, (2022,)))
    daily_kwh = np.nanmean(grid.load_kwh, axis=(0, 2))
    celsius = np.nanmean(grid.temperature_celsius, axis=1)
    cold, warm = np.quantile(celsius, [0.25, 0.5])
    assert daily_kwh[celsius < cold].mean() > 2 * daily_kwh[celsius > warm].mean()
    assert 9 < celsius.mean() < 16  # Orly 2015-2019: 12.5


def test_both_energies_share_their_weather() -> None:
    """Electricity and gas of one seed are of the same place."""
    one, two = (
        simulate(energy, 5, 1, (2022,)).extras["weather"]
        for energy in ("electricity", "gas")  # type: ignore[arg-type]
    )
    assert one.equals(two)


def test_four_years_of_twelve_meters_take_less_than_two_seconds() -> None:
    """The simulator must never be what one waits for."""
    simulate("gas", 0, 1, (2022,))  # imports
    start = time.process_time()
    simulate("electricity", 0)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    "arguments", [("heat", 1), ("gas", 1, 0), ("gas", 1, 2, ())], ids=["energy", "meters", "years"]
)
def test_nonsense_is_refused(arguments: tuple[object, ...]) -> None:
    """The message lists what is possible."""
    with pytest.raises(UsageError, match="simulate"):
        simulate(*arguments)  # type: ignore[arg-type]
