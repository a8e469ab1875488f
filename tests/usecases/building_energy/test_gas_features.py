"""The gas formula does what it says, on days that a reader can check by hand."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.lab import graph
from common.lab.usecase import Array, Dataset, Period
from usecases.building_energy import gas_features as gas
from usecases.building_energy.forecast import Horizon, examples_of
from usecases.building_energy.gas_features import GAS_HISTORY_DAYS, GAS_TERMS, gas_features
from usecases.building_energy.tasks import GAS

H = GAS_HISTORY_DAYS
MONDAY = 0


def inputs(
    load_kwh: Array, celsius: Array | None = None, weekday: int = 2, closed: bool = False
) -> dict[str, Array]:
    """Return the inputs of rows with one target weekday; 10 °C throughout unless said."""
    n = len(load_kwh)
    shut = np.zeros((n, H + 5), dtype=np.int64)
    shut[:, H + 1] = closed
    if celsius is None:
        celsius = np.full((n, H + 2, 24), 10.0)
    return {
        "load_kwh": load_kwh.astype(np.float32),
        "temperature_celsius": celsius.astype(np.float32),
        "weekday": np.full(n, weekday),
        "closed": shut,
    }


def weekdays(target: int) -> Array:
    """Return the weekday of each day of the history; the target is two days after the last."""
    return (target - 1 - np.arange(H, 0, -1)) % 7


def heated(seed: int, n: int = 3) -> dict[str, Array]:
    """Return plausible rows: a seasonal temperature and a load that falls with it."""
    rng = np.random.default_rng(seed)
    days = np.arange(H + 2)
    season = 11 - 9 * np.cos(2 * np.pi * days / 365)
    celsius = season[:, None] + rng.normal(0, 3, (n, H + 2, 1)) + rng.normal(0, 1, (n, H + 2, 24))
    occupied = np.where((np.arange(24) >= 6) & (np.arange(24) < 18), 1.0, 0.2)
    load = np.maximum(16 - celsius[:, :H], 0) * occupied * rng.uniform(0.5, 50, (n, 1, 1))
    return inputs(load + rng.exponential(0.05, load.shape), celsius, weekday=seed % 7)


def as_matrix(row: dict[str, Array]) -> Array:
    """Return the columns in numpy, side by side, (n, 24, terms)."""
    features = gas_features(np, row)
    columns = [features.columns[term.name] for term in GAS_TERMS]
    steps = [np.broadcast_to(values, (len(values), 1, 24)) for values in columns]
    return np.concatenate(steps, axis=1).transpose(0, 2, 1)


def test_the_regression_finds_the_slopes_of_exactly_linear_data() -> None:
    """With y = 3 - 0.2 a - 0.1 b, the value at a = b = 0 is 3 and the slopes add up to -0.3.

    a and b are spread over 1000 K, so that the ridge of 1.5 K2 cannot be seen.
    """
    rng = np.random.default_rng(1)
    a, b = rng.uniform(-1000, 1000, (2, 1, 40, 25)).astype(np.float32)
    y = 3 - 0.2 * a - 0.1 * b
    past = gas._Past(relative=y, known=np.ones_like(y), level=np.ones((1, 1, 1)))
    air = gas._Air(celsius=None, smooth=None, slow=a, fast=b)
    weights = rng.uniform(0.1, 1, (1, 3, 40)).astype(np.float32)
    fit = gas._fit(np, past, air, weights)
    np.testing.assert_allclose(fit.value, 3, atol=0.02)
    np.testing.assert_allclose(fit.slope, -0.3, atol=1e-4)


def test_a_load_that_rises_with_warmth_gets_no_slope() -> None:
    """Heating never grows when it gets warmer: the mean of 1, 2 and 3 is kept, which is 2."""
    a = np.array([-1.0, 0.0, 1.0], np.float32).reshape(1, 3, 1) + np.zeros((1, 3, 25), np.float32)
    past = gas._Past(relative=2 + a, known=np.ones_like(a), level=np.ones((1, 1, 1)))
    air = gas._Air(celsius=None, smooth=None, slow=a, fast=a)
    fit = gas._fit(np, past, air, np.ones((1, 3, 3), np.float32))
    np.testing.assert_array_equal(fit.slope, 0)
    np.testing.assert_allclose(fit.value, 2, rtol=1e-6)


def test_a_constant_load_is_forecast_as_itself() -> None:
    """Every analog day of a load of 4 kWh an hour has 4 kWh an hour; the level is 4.02."""
    features = gas_features(np, inputs(np.full((1, H, 24), 4.0)))
    np.testing.assert_allclose(features.context["level"], 4.02, rtol=1e-6)
    np.testing.assert_allclose(features.columns["analog_days"] * 4.02, 4, rtol=1e-5)


def test_colder_weather_means_more_gas() -> None:
    """A load of 20 - T kWh is forecast 15 at 5 °C; the ridge of 1.5 K2 costs a few per cent."""
    rng = np.random.default_rng(2)
    celsius = np.repeat(rng.uniform(0, 15, (1, H + 2, 1)), 24, axis=2)
    celsius[:, H:] = 5.0
    load = 20 - celsius[:, :H]
    features = gas_features(np, inputs(load, celsius))
    noon = (features.columns["analog_days"][0, 0] * features.context["level"][0])[12]
    assert noon == pytest.approx(15, rel=0.03)


def test_a_closed_monday_is_forecast_below_a_working_one() -> None:
    """An office that heats 10 kWh on working days and 1 kWh else.

    Sundays count four times as much as working days, no more: on 2021 heating ran on many
    holidays, and a stricter rule forecast them worse.
    """
    load = np.where(weekdays(MONDAY) < 5, 10.0, 1.0)[None, :, None] + np.zeros((1, H, 24))
    usual, shut = (
        gas_features(np, inputs(load, weekday=MONDAY, closed=closed)) for closed in (False, True)
    )
    assert usual.context["expected"][0, 12] * usual.context["level"][0, 0] > 8.5
    assert shut.context["expected"][0, 12] < 0.7 * usual.context["expected"][0, 12]


def test_a_boiler_off_since_may_is_forecast_off() -> None:
    """Zeros are measurements: after 90 days of zeros in warm weather nothing is forecast."""
    celsius = np.full((1, H + 2, 24), 4.0)
    celsius[:, H - 90 :] = 20.0
    load = np.full((1, H, 24), 30.0)
    load[:, H - 90 :] = 0.0
    features = gas_features(np, inputs(load, celsius))
    forecast = features.context["expected"] * features.context["level"]
    assert np.isfinite(forecast).all()
    assert forecast.max() < 0.3  # 1 % of the winter's 30 kWh


def test_a_meter_that_never_burned_gas_has_a_level_and_a_forecast_of_zero() -> None:
    """The level is 0.02 kWh, never 0: nothing is divided by zero."""
    features = gas_features(np, inputs(np.zeros((1, H, 24))))
    assert features.context["level"] == pytest.approx(0.02)
    np.testing.assert_array_equal(features.context["expected"], 0)
    assert all(np.isfinite(values).all() for values in features.columns.values())


@pytest.mark.parametrize("known_days", [0, 1, 6, 28])
def test_nothing_is_undefined_with_little_history_and_no_weather(known_days: int) -> None:
    """Not even when nothing at all is known."""
    row = heated(3)
    row["load_kwh"][:, : H - known_days] = np.nan
    row["temperature_celsius"][:, : H - known_days] = np.nan
    row["temperature_celsius"][:, H:] = np.nan
    features = gas_features(np, row)
    for name, values in (*features.columns.items(), *features.context.items()):
        assert np.isfinite(values).all(), name


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0, 1), factor=st.sampled_from([0.0, 1e-3, 1e4]))
def test_nothing_is_undefined_whatever_is_missing(seed: int, share: float, factor: float) -> None:
    """Random holes, from none to all, in tiny and in huge meters."""
    row = heated(seed, n=1)
    rng = np.random.default_rng(seed)
    row["load_kwh"][rng.random(row["load_kwh"].shape) < share] = np.nan
    row["load_kwh"] *= np.float32(factor)
    row["temperature_celsius"][rng.random(row["temperature_celsius"].shape) < share / 2] = np.nan
    assert np.isfinite(as_matrix(row)).all()
    assert (gas_features(np, row).context["level"] > 0).all()


def test_a_meter_ten_times_larger_has_the_same_relative_columns() -> None:
    """One model serves a nursery and a swimming pool; only the 0.02 kWh of the level differ."""
    row = heated(4)
    larger = {**row, "load_kwh": row["load_kwh"] * 10}
    np.testing.assert_allclose(as_matrix(larger), as_matrix(row), atol=0.1, rtol=0.1)


def test_graph_and_numpy_agree() -> None:
    """Up to float32 rounding, which may tip a value to the next step of its grid."""
    row = heated(5)
    traced = graph.run(graph.trace(GAS), row)["matrix"]
    grid = np.array([term.grid for term in GAS_TERMS])
    gap = np.abs(traced - as_matrix(row)) / grid
    assert gap.max() <= 1.5


def test_a_row_alone_and_in_a_batch_are_the_same() -> None:
    """No row looks at its neighbours."""
    row = heated(6)
    alone = {name: values[1:2] for name, values in row.items()}
    model = graph.session(graph.trace(GAS))
    together = graph.run(model, row)["matrix"][1:2]
    grid = np.array([term.grid for term in GAS_TERMS])
    assert (np.abs(graph.run(model, alone)["matrix"] - together) / grid).max() <= 1


def test_loads_after_the_issue_time_cannot_matter() -> None:
    """Readings of the issue day and later replaced by nonsense: the same columns, bit by bit."""
    start, target = date(2021, 1, 1), date(2022, 2, 10)
    hours = pd.date_range(start, target + timedelta(days=3), freq="h", tz="UTC", inclusive="left")
    rng = np.random.default_rng(7)
    load, weather = rng.uniform(1, 5, len(hours)), rng.uniform(0, 20, len(hours))
    later = hours >= pd.Timestamp(target - timedelta(days=1), tz="UTC")

    def columns(load_kwh: Array) -> Array:
        dataset = Dataset(
            name="test", columns={"load_kwh": load_kwh}, units={"load_kwh": "kWh"}, times=hours,
            groups=pd.Categorical(["a"] * len(hours)), valid=np.ones(len(hours), dtype=bool),
            timezone="Europe/London",
            extras={"weather": pd.DataFrame({"temperature_celsius": weather}, index=hours)},
        )  # fmt: skip
        period = Period(target, target + timedelta(days=1))
        examples = examples_of(dataset, period, Horizon(GAS_HISTORY_DAYS))
        return as_matrix({name: np.asarray(values) for name, values in examples.inputs.items()})

    known, nonsense = columns(load), columns(np.where(later, 9999.0, load))
    np.testing.assert_array_equal(known, nonsense)
