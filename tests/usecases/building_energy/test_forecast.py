"""What a row of the forecast knows, and when: every load says the hour it was read at."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.building_energy.forecast import Horizon, closures, examples_of

H = 14
F1, F2 = Horizon(H), Horizon(H, lead_days=0)
OBSERVED = replace(F1, temperature="observed"), replace(F2, temperature="observed")
FIRST, STOP = "2021-01-01", "2023-01-01"


def stamp(day: Array, hour: Array) -> Array:
    """Return 100 times the day since 2021-01-01 plus the clock hour; below 2**24, exact."""
    return 100.0 * (day - np.datetime64(FIRST, "D")).astype(np.int64) + hour


def stamped(celsius: float | None = None) -> Dataset:
    """Return one meter in Paris whose loads and temperatures are their own hours."""
    local = pd.date_range(FIRST, STOP, freq="h", inclusive="left", tz="Europe/Paris", unit="s")
    naive = local.tz_localize(None).to_numpy()
    load_kwh = stamp(naive.astype("datetime64[D]"), local.hour.to_numpy())
    weather = pd.DataFrame({"temperature_celsius": load_kwh}, index=local.tz_convert("UTC"))
    if celsius is not None:
        weather["temperature_celsius"] = celsius
    return Dataset(
        name="SIMULATED stamps",
        columns={"load_kwh": load_kwh},
        units={"load_kwh": "kWh"},
        times=local.tz_convert("UTC"),
        groups=pd.Categorical(["meter"] * len(local)),
        valid=np.ones(len(local), dtype=bool),
        timezone="Europe/Paris",
        simulated=True,
        extras={"weather": weather},
    )


@pytest.fixture(scope="module")
def stamps() -> Dataset:
    return stamped()


def on(dataset: Dataset, day: str, horizon: Horizon = F1) -> Examples:
    """Return the row of one target day."""
    start = date.fromisoformat(day)
    return examples_of(dataset, Period(start, start + timedelta(1)), horizon)


def days_of(values: Array) -> Array:
    """Return the day that each day of stamps says it is."""
    return np.datetime64(FIRST, "D") + (values[:, 12] // 100).astype(np.int64)


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        ("2022-01-12", "2022-01-11T11:00:00"),
        ("2022-07-13", "2022-07-12T10:00:00"),
        ("2022-03-28", "2022-03-27T10:00:00"),
        ("2022-10-31", "2022-10-30T11:00:00"),
    ],
)
def test_a_forecast_is_issued_at_noon_of_the_day_before(
    stamps: Dataset, day: str, utc: str
) -> None:
    """Noon in Paris is 11 h UTC in winter and 10 h in summer, on clock-change days too."""
    assert on(stamps, day).issued.tolist() == [np.datetime64(utc, "s").item()]


def test_the_academic_track_is_issued_at_midnight(stamps: Dataset) -> None:
    """F2: 0 h of the target day in Paris is 22 h UTC of the day before in summer."""
    found = on(stamps, "2022-07-13", F2).issued
    assert found.tolist() == [np.datetime64("2022-07-12T22:00:00", "s").item()]


@pytest.mark.parametrize(("horizon", "lag_days"), [(F1, 2), (F2, 1)])
def test_the_history_ends_a_lead_before_the_target(
    stamps: Dataset, horizon: Horizon, lag_days: int
) -> None:
    """Target T: loads of T-15 to T-2 for F1 (issued on D = T-1), of T-14 to T-1 for F2."""
    found = on(stamps, "2022-06-15", horizon)
    target = np.datetime64("2022-06-15")
    history = np.asarray(found.inputs["load_kwh"])[0]
    last = target - lag_days
    np.testing.assert_array_equal(days_of(history), last - np.arange(H - 1, -1, -1))
    np.testing.assert_array_equal(history % 100, np.tile(np.arange(24), (H, 1)))
    # The same hour lies 48 h before the target at the least for F1, 24 h for F2.
    lag_hours = (found.target[0, :24] - history[-1]) / 100 * 24
    assert lag_hours.tolist() == [24 * lag_days] * 24


@pytest.mark.parametrize("horizon", OBSERVED)
def test_temperatures_run_from_the_first_day_of_the_history_to_the_target(
    stamps: Dataset, horizon: Horizon
) -> None:
    """16 days for F1 (14 known, the issue day, the target), 15 for F2."""
    found = on(stamps, "2022-06-15", horizon)
    celsius = np.asarray(found.inputs["temperature_celsius"])[0]
    assert len(celsius) == H + horizon.lead_days + 1
    target = np.datetime64("2022-06-15")
    np.testing.assert_array_equal(days_of(celsius), target - np.arange(len(celsius) - 1, -1, -1))
    np.testing.assert_array_equal(
        celsius[:H], np.asarray(found.inputs["load_kwh"])[0], "the same days as the loads"
    )


@pytest.mark.parametrize("horizon", [F1, F2])
def test_closures_run_from_the_first_day_of_the_history_to_three_days_after(
    stamps: Dataset, horizon: Horizon
) -> None:
    """Target Sunday 10 July 2022: the 14th, four days on, is out of reach; next day it is in."""
    reach = H + horizon.lead_days
    before = on(stamps, "2022-07-10", horizon).inputs["closed"][0]
    assert len(before) == reach + 4
    assert before.sum() == 0
    for ahead, day in enumerate(("2022-07-14", "2022-07-13", "2022-07-12", "2022-07-11")):
        closed = on(stamps, day, horizon).inputs["closed"][0]
        assert np.flatnonzero(closed).tolist() == [reach + ahead]


@pytest.mark.parametrize("horizon", [F1, F2])
def test_the_calendar_is_that_of_the_target_day(stamps: Dataset, horizon: Horizon) -> None:
    """15 June 2022 was a Wednesday, the 166th day: 31 + 28 + 31 + 30 + 31 + 15."""
    found = on(stamps, "2022-06-15", horizon)
    assert found.inputs["weekday"].tolist() == [2]
    assert found.inputs["day_of_year"].tolist() == [166]
    assert found.days.tolist() == [date(2022, 6, 15)]


def test_the_target_is_the_day_itself(stamps: Dataset) -> None:
    """24 hours of the target day, then nothing on the 25th slot."""
    found = on(stamps, "2022-06-15")
    day = np.datetime64("2022-06-15")
    np.testing.assert_array_equal(found.target[0, :24], stamp(day, np.arange(24)))
    assert np.isnan(found.target[0, 24])
    assert found.slots[0].tolist() == [*range(24), -1]


def test_days_of_23_and_25_hours_are_scored_in_full(stamps: Dataset) -> None:
    """Spring has no 2 h; autumn has it twice, each with its own truth."""
    spring, autumn = on(stamps, "2022-03-27"), on(stamps, "2022-10-30")
    assert np.isfinite(spring.target).sum() == 23
    assert spring.slots[0].tolist() == [0, 1, *range(3, 24), -1, -1]
    assert np.isfinite(autumn.target).sum() == 25
    assert autumn.slots[0].tolist() == [0, 1, 2, 2, *range(3, 24)]


def test_the_hour_that_spring_skips_is_unknown_in_the_history(stamps: Dataset) -> None:
    """29 March 2022: the last known day is the 27th, which had no 2 h."""
    history = np.asarray(on(stamps, "2022-03-29").inputs["load_kwh"])[0]
    assert np.argwhere(np.isnan(history)).tolist() == [[H - 1, 2]]


CALM = date(2021, 4, 13)
"""330 days from here no window holds the hour that spring skips."""


@pytest.fixture(scope="module")
def errors() -> Array:
    """The forecast error of 330 target days, (330, 36) K: the air was 10 °C throughout."""
    period = Period(CALM, CALM + timedelta(330))
    celsius = np.asarray(examples_of(stamped(10.0), period, F1).inputs["temperature_celsius"])
    flat = celsius.reshape(330, -1)
    np.testing.assert_array_equal(flat[:, :-36], 10)
    return flat[:, -36:].astype(np.float64) - 10


def test_the_forecast_errs_by_a_kelvin_and_a_half_from_noon_on(errors: Array) -> None:
    """Stationary: 1.5 K RMS at every hour of the 36; 330 paths of 36 hours tell to 5 %."""
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(1.5, rel=0.05)
    np.testing.assert_allclose(np.sqrt(np.square(errors).mean(axis=0)), 1.5, rtol=0.15)
    assert errors.mean() == pytest.approx(0, abs=0.2)


def test_an_error_lasts_nine_tenths_of_an_hour_on(errors: Array) -> None:
    """Correlation 0.9 between hours next to each other, none between days."""
    before, after = errors[:, :-1].ravel(), errors[:, 1:].ravel()
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(0.9, abs=0.01)
    assert np.corrcoef(errors[:-1, 0], errors[1:, 0])[0, 1] == pytest.approx(0, abs=0.15)


def test_a_days_error_is_the_same_whatever_the_period(errors: Array) -> None:
    """One week asked alone draws what it draws among 330 days."""
    start = CALM + timedelta(200)
    week = examples_of(stamped(10.0), Period(start, start + timedelta(7)), F1)
    found = np.asarray(week.inputs["temperature_celsius"]).reshape(7, -1)[:, -36:] - 10
    np.testing.assert_allclose(found, errors[200:207], atol=1e-5)


@pytest.mark.parametrize(("lead_days", "hours"), [(1, 36), (0, 24)])
def test_without_a_weather_forecast_nothing_is_known_after_the_issue(
    stamps: Dataset, lead_days: int, hours: int
) -> None:
    """T0: unknown from noon of the issue day (F1), or from midnight (F2); all known before."""
    horizon = Horizon(H, lead_days, temperature="none")
    celsius = np.asarray(on(stamps, "2022-06-15", horizon).inputs["temperature_celsius"]).ravel()
    assert np.isnan(celsius[-hours:]).all()
    assert np.isfinite(celsius[:-hours]).all()


def test_observed_temperatures_are_those_that_came(stamps: Dataset) -> None:
    """T2: the target day as it was measured, out of competition."""
    celsius = np.asarray(on(stamps, "2022-06-15", OBSERVED[0]).inputs["temperature_celsius"])
    day = np.datetime64("2022-06-15")
    np.testing.assert_array_equal(celsius[0, -1], stamp(day, np.arange(24)))


@pytest.mark.parametrize(
    ("day", "shut"),
    [
        ("2022-07-14", 1), ("2022-07-15", 0), ("2022-12-23", 0), ("2022-12-24", 1),
        ("2022-12-28", 1), ("2022-12-31", 1), ("2022-01-01", 1), ("2022-01-02", 0),
    ],
)  # fmt: skip
def test_public_holidays_and_the_days_after_christmas_are_closed(
    stamps: Dataset, day: str, shut: int
) -> None:
    """From Christmas Eve to New Year's Day public buildings stand empty."""
    assert closures(np.array([day], "datetime64[D]"), stamps).tolist() == [shut]


def test_a_commune_adds_its_own_closures(stamps: Dataset) -> None:
    """A school closed for works on 15 June."""
    own = pd.DataFrame({"day": pd.to_datetime(["2022-06-15"])})
    closed = replace(stamps, extras={**stamps.extras, "closures": own})
    days = np.array(["2022-06-14", "2022-06-15"], "datetime64[D]")
    assert closures(days, closed).tolist() == [0, 1]


def test_days_without_any_load_before_them_are_left_out(stamps: Dataset) -> None:
    """A meter read from 1 June 2022: the first target that knows a day is 3 June."""
    local = stamps.times.tz_convert("Europe/Paris").tz_localize(None).to_numpy()
    late = replace(stamps, valid=local >= np.datetime64("2022-06-01"))
    found = examples_of(late, Period(date(2022, 5, 1), date(2022, 6, 11)), F1)
    # 3 to 10 June.
    assert found.days.tolist() == [date(2022, 6, day) for day in range(3, 11)]


def test_a_period_out_of_the_data_is_refused(stamps: Dataset) -> None:
    """The message says what the data span and what was asked."""
    with pytest.raises(DataError, match=r"2021-01-01 to 2022-12-31[\s\S]*2030-01-01"):
        on(stamps, "2030-01-01")
