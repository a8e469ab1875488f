"""The electricity features do what their labels say, on days that can be checked by hand."""

from dataclasses import replace
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.lab import graph
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.building_energy.features import (
    ELECTRICITY_TERMS,
    HISTORY_DAYS,
    electricity_features,
)
from usecases.building_energy.tasks import ELECTRICITY

H = HISTORY_DAYS
MONDAY, WEDNESDAY, SATURDAY, SUNDAY = 0, 2, 5, 6
GRID = np.array([term.grid for term in ELECTRICITY_TERMS])


def weekdays(target: int) -> Array:
    """Return the weekday of each day of the history; the target is two days after the last."""
    return (target - 1 - np.arange(H, 0, -1)) % 7


def row(
    load_kwh: Array,
    celsius: Array | float = 10.0,
    weekday: int = WEDNESDAY,
    closed: tuple[int, ...] = (),
) -> dict[str, Array]:
    """Return the inputs of one row from days (56,) or hours (56, 24).

    ``celsius`` is one number, days (58,) or hours (58, 24); ``closed`` counts days from the
    target.
    """
    load_kwh = np.asarray(load_kwh, dtype=np.float32)
    hours = load_kwh[:, None] if load_kwh.ndim == 1 else load_kwh
    air = np.asarray(celsius, dtype=np.float32)
    air = air[:, None] if air.ndim == 1 else air
    shut = np.zeros((1, H + 5), dtype=np.int64)
    shut[0, [H + 1 + day for day in closed]] = 1
    return {
        "load_kwh": np.broadcast_to(hours, (H, 24))[None].copy(),
        "temperature_celsius": np.broadcast_to(air, (H + 2, 24))[None].copy(),
        "weekday": np.array([weekday]),
        "closed": shut,
    }


def columns(inputs: dict[str, Array]) -> dict[str, Array]:
    """Return every column of one row over the 24 hours, and the level in kWh."""
    features = electricity_features(np, inputs)
    steps = {name: np.broadcast_to(c, (1, 1, 24))[0, 0] for name, c in features.columns.items()}
    return steps | {"level": features.context["level"][0]}


def as_matrix(inputs: dict[str, Array]) -> Array:
    """Return the columns in numpy, rounded to their grids, (n, 24, terms)."""
    found = electricity_features(np, inputs).columns
    n = len(inputs["weekday"])
    steps = [np.broadcast_to(found[term.name], (n, 1, 24)) for term in ELECTRICITY_TERMS]
    return np.round(np.concatenate(steps, axis=1).transpose(0, 2, 1) / GRID) * GRID


def drawn(seed: int, n: int = 3) -> dict[str, Array]:
    """Return plausible rows: a day shape, a size, noise, holes, weather."""
    rng = np.random.default_rng(seed)
    shape = 1 + np.where((np.arange(24) >= 7) & (np.arange(24) < 19), 2.0, 0.0)
    load = shape * rng.uniform(0.5, 100, (n, 1, 1)) * rng.lognormal(0, 0.2, (n, H, 24))
    load[rng.random(load.shape) < 0.05] = np.nan
    return {
        "load_kwh": load.astype(np.float32),
        "temperature_celsius": rng.normal(12, 6, (n, H + 2, 24)).astype(np.float32),
        "weekday": rng.integers(0, 7, n),
        "closed": (rng.random((n, H + 5)) < 0.05).astype(np.int64),
    }


GAPS = (
    "short_memory", "scaled_profile", "group_gap", "last_day_gap", "last_week_gap",
    "one_week_gap", "lasting_day_gap", "lasting_week_gap", "slope_by_hour", "slope_by_day",
    "similar_weather_gap", "similar_weather", "day_temperature_change", "instability",
    "hour_instability",
)  # fmt: skip


@pytest.mark.parametrize("weekday", range(7))
def test_a_constant_load_is_expected_to_stay_and_strays_from_nothing(weekday: int) -> None:
    """40 kWh at every hour: the level is 40, tomorrow is 1.0 of it, and all gaps are 0."""
    found = columns(row(np.full(H, 40.0), weekday=weekday))
    assert found["level"] == pytest.approx(40)
    for name in ("expected", "week_before", "four_weeks"):
        np.testing.assert_allclose(found[name], 1, atol=1e-5)
    for name in GAPS:
        np.testing.assert_allclose(found[name], 0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("weekday", range(7))
def test_last_week_and_four_weeks_repeat_a_weekly_pattern_exactly(weekday: int) -> None:
    """Seven different days of 24 different hours come back as they were."""
    pattern = 5 + np.arange(7)[:, None] * 3 + np.arange(24) / 4
    found = columns(row(pattern[weekdays(weekday)], weekday=weekday))
    for name in ("week_before", "four_weeks"):
        np.testing.assert_allclose(found[name] * found["level"], pattern[weekday], rtol=1e-5)


@pytest.mark.parametrize(("weekday", "kwh"), [(MONDAY, 10), (WEDNESDAY, 10), (SUNDAY, 2)])
def test_the_expected_day_follows_working_week_and_week_end(weekday: int, kwh: float) -> None:
    """Working days take 10 kWh an hour, others 2; days of another sort weigh 1e-4 of their own."""
    load = np.where(weekdays(weekday) < 5, 10.0, 2.0)
    found = columns(row(load, weekday=weekday))
    np.testing.assert_allclose(found["expected"] * found["level"], kwh, atol=0.01)


def test_the_expected_day_of_two_known_days_is_worked_out_by_hand() -> None:
    """Monday, the last known day, took 30; the Wednesday five days before it took 10."""
    load = np.full(H, np.nan)
    load[-1], load[-6] = 30, 10
    assert weekdays(WEDNESDAY)[[-1, -6]].tolist() == [MONDAY, WEDNESDAY]
    # Level (30 + 10) / 2 = 20; relative 1.5 and 0.5. Working days weigh 0.3, age fades over 28 d.
    old = exp(-5 / 28)  # 0.8365
    wednesday = (0.5 * old + 0.3 * 1.5) / (old + 0.3)  # 0.7640
    monday = (1.5 + 0.3 * old * 0.5) / (1 + 0.3 * old)  # 1.2994
    # What strayed, recent days first (3 d): (0.2006 - 0.1889 * 0.2640) / 1.1889 = 0.1268.
    fade = exp(-5 / 3)
    strayed = ((1.5 - monday) + fade * (0.5 - wednesday)) / (1 + fade)
    assert wednesday + strayed == pytest.approx(0.8908, abs=1e-4)
    found = columns(row(load))
    assert found["level"] == pytest.approx(20)
    np.testing.assert_allclose(found["expected"], wednesday + strayed, rtol=1e-5)


def test_a_doubled_last_week_scales_the_profile_of_the_week_end() -> None:
    """Adding the working days' surplus to a Saturday would be too much; a factor is not."""
    usual = np.where(weekdays(SATURDAY) < 5, 10.0, 2.0)
    doubled = usual * np.where(np.arange(H) >= H - 7, 2.0, 1.0)
    before, after = (columns(row(load, weekday=SATURDAY)) for load in (usual, doubled))
    np.testing.assert_allclose(before["scaled_profile"], 0, atol=1e-3)
    scaled = (after["expected"] + after["scaled_profile"]) * after["level"]
    assert (after["scaled_profile"] * after["level"] < -3).all()
    # The Saturday profile lies between 2 and 4 kWh and the factor between 1 and 2.
    assert ((scaled > 2) & (scaled < 8)).all()
    assert (after["expected"] * after["level"] > scaled).all()


def test_week_before_and_four_weeks_of_a_doubled_last_week() -> None:
    """Level (21 + 7 * 2) / 28 = 1.25: last week 2 / 1.25, four weeks (2 + 3) / 4 / 1.25 = 1."""
    load = np.where(np.arange(H) >= H - 7, 2.0, 1.0)
    found = columns(row(load))
    np.testing.assert_allclose(found["week_before"], 1.6, rtol=1e-5)
    np.testing.assert_allclose(found["four_weeks"], 1.0, rtol=1e-5)


def test_a_week_before_that_is_unknown_falls_back_on_the_weeks_before() -> None:
    """The Wednesday seven days before the target lies six days from the history's end."""
    load = np.full(H, 8.0)
    load[-6] = np.nan
    load[-13] = 16.0
    found = columns(row(load))
    # Known Wednesdays: 16, 8, 8: their mean is 32 / 3.
    np.testing.assert_allclose(found["week_before"] * found["level"], 32 / 3, rtol=1e-5)


@pytest.mark.parametrize(("tomorrow", "kwh"), [(0.0, 20.0), (20.0, 10.0)])
def test_days_of_similar_weather_say_what_tomorrow_takes(tomorrow: float, kwh: float) -> None:
    """Cold days (0 °C) took 20 kWh an hour, mild ones (20 °C) 10; three days in turn.

    A day 20 K away weighs exp(-12.5) + 0.02 = 0.02 where one alike weighs 1.02.
    """
    cold = np.arange(H) // 3 % 2 == 0
    celsius = np.append(np.where(cold, 0.0, 20.0), [10.0, tomorrow])
    found = columns(row(np.where(cold, 20.0, 10.0), celsius))
    other = columns(row(np.where(cold, 20.0, 10.0), np.append(celsius[:-1], 10.0)))
    moved = (found["similar_weather"] - other["similar_weather"]) * found["level"]
    assert (np.sign(moved) == np.sign(kwh - 15)).all()
    assert (np.abs(moved) > 3).all()
    assert (np.sign(found["slope_by_day"] - other["slope_by_day"]) == np.sign(kwh - 15)).all()
    assert (np.sign(found["similar_weather_gap"]) == np.sign(kwh - 15)).all()


def test_the_temperature_change_is_tomorrow_minus_the_recent_days() -> None:
    """All days at 10 °C, tomorrow at 16: +6 K, and the week's mean stays 10."""
    celsius = np.full(H + 2, 10.0)
    celsius[-1] = 16
    found = columns(row(np.full(H, 5.0), celsius))
    np.testing.assert_allclose(found["day_temperature_change"], 6, rtol=1e-5)
    np.testing.assert_allclose(found["week_temperature_celsius"], 10, rtol=1e-5)


def test_without_a_forecast_this_morning_tells_seven_tenths_of_the_change() -> None:
    """Days at 10 °C, this morning 14 °C until 11 h, then unknown: 0.7 * 4 = 2.8 K warmer."""
    celsius = np.full((H + 2, 24), 10.0)
    celsius[-2, :12] = 14
    celsius[-2, 12:] = celsius[-1] = np.nan
    found = columns(row(np.full(H, 5.0), celsius))
    np.testing.assert_allclose(found["day_temperature_change"], 2.8, rtol=1e-4)


def test_a_closed_day_looks_like_the_week_end() -> None:
    """A public holiday on a Wednesday: 2 kWh an hour as on Saturdays and Sundays, not 10."""
    load = np.where(weekdays(WEDNESDAY) < 5, 10.0, 2.0)
    shut, open_ = columns(row(load, closed=(0,))), columns(row(load))
    np.testing.assert_allclose(shut["expected"] * shut["level"], 2, atol=0.05)
    np.testing.assert_allclose(open_["expected"] * open_["level"], 10, atol=0.05)
    assert shut["kind_of_day"].tolist() == [7.0] * 24
    assert open_["kind_of_day"].tolist() == [2.0] * 24


def test_a_closed_day_follows_the_closed_days_of_the_past() -> None:
    """Two holidays at 1 kWh among week-ends at 2: weights 1 and 0.3 pull below the week-end."""
    load = np.where(weekdays(WEDNESDAY) < 5, 10.0, 2.0)
    load[[-8, -15]] = 1.0
    found = columns(row(load, closed=(0, -9, -16)))
    assert weekdays(WEDNESDAY)[[-8, -15]].tolist() == [MONDAY, MONDAY]
    assert (found["expected"] * found["level"] < 1.9).all()


@pytest.mark.parametrize(
    ("closed", "bridges"),
    [((), 0), ((1,), 1), ((1, 2), 2), ((-3, 0, 3), 1), ((-4,), 0), ((-2, -1, 0, 1, 2), 5)],
)
def test_bridges_count_the_working_days_closed_around_the_target(
    closed: tuple[int, ...], bridges: int
) -> None:
    """Around a Wednesday, -3 and +3 are Sunday and Saturday; -4 is out of reach."""
    found = columns(row(np.full(H, 5.0), closed=closed))["bridge_days"]
    assert found.tolist() == [bridges] * 24


@pytest.mark.parametrize("unknown", ["loads", "weather", "both"])
def test_what_is_not_known_never_makes_a_nan(unknown: str) -> None:
    """A meter just installed, a dead weather station: every column is a number."""
    inputs = drawn(0)
    if unknown != "weather":
        inputs["load_kwh"][:] = np.nan
    if unknown != "loads":
        inputs["temperature_celsius"][:] = np.nan
    found = electricity_features(np, inputs)
    assert all(np.isfinite(values).all() for values in found.columns.values())
    assert all(np.isfinite(values).all() for values in found.context.values())
    assert (found.context["level"] > 0).all()


def test_an_outage_written_as_zeros_is_an_outage() -> None:
    """Three days of zeros give what three unknown days give, bit for bit."""
    inputs = drawn(3, n=1)
    zeros, unknown = inputs["load_kwh"].copy(), inputs["load_kwh"].copy()
    zeros[:, -9:-6], unknown[:, -9:-6] = 0.0, np.nan
    as_zeros = columns(inputs | {"load_kwh": zeros})
    as_unknown = columns(inputs | {"load_kwh": unknown})
    assert all(np.array_equal(as_zeros[name], as_unknown[name]) for name in as_zeros)


@pytest.fixture(scope="module")
def session():
    """The traced features, open in onnxruntime."""
    return graph.session(graph.trace(ELECTRICITY))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), one=st.integers(0, 6))
def test_a_row_alone_gives_what_it_gives_in_a_batch(session, seed: int, one: int) -> None:
    """A building's answer does not depend on who asks at the same time.

    Matrix products of another height are summed in another order: the last bit of the context
    may differ (1 in 2**24), and one cell in a thousand may fall on the next step of its grid.
    """
    batch = drawn(seed, n=7)
    alone = {name: values[one : one + 1] for name, values in batch.items()}
    whole, single = graph.run(session, batch), graph.run(session, alone)
    steps = np.abs(single.pop("matrix")[0] - whole["matrix"][one]) / GRID
    assert steps.max() < 1.5
    assert (steps > 0.5).mean() < 0.005
    for name, values in single.items():
        np.testing.assert_allclose(values[0], whole[name][one], rtol=1e-6, err_msg=name)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_numpy_and_the_graph_agree_to_a_step_of_the_grid(session, seed: int) -> None:
    """Summed in another order, a value on the edge may fall on the next step, seldom."""
    inputs = drawn(seed)
    steps = np.abs(graph.run(session, inputs, ("matrix",))["matrix"] - as_matrix(inputs)) / GRID
    assert steps.max() < 1.5
    assert (steps > 0.5).mean() < 0.02


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31), factor=st.sampled_from([2.0**-4, 2.0**6]))
def test_columns_are_the_same_for_a_building_of_another_size(seed: int, factor: float) -> None:
    """All loads are relative to the meter's own level."""
    inputs = drawn(seed)
    larger = {**inputs, "load_kwh": inputs["load_kwh"] * np.float32(factor)}
    np.testing.assert_allclose(as_matrix(larger), as_matrix(inputs), atol=1e-6)


def test_columns_come_from_loads_before_the_issue_day(
    session, meters: Dataset, examples: Examples
) -> None:
    """Forget every load from the day of issue on: the same matrix, bit for bit."""
    day = examples.days[-1].item()
    period = Period(day, type(day).fromordinal(day.toordinal() + 1))
    local = meters.times.tz_convert(meters.timezone).tz_localize(None).to_numpy()
    forgotten = replace(meters, valid=meters.valid & (local < np.datetime64(day, "D") - 1))
    assert forgotten.valid.sum() < meters.valid.sum()
    found = [
        graph.run(session, ELECTRICITY.examples(data, period).inputs)["matrix"]
        for data in (meters, forgotten)
    ]
    np.testing.assert_array_equal(*found)
