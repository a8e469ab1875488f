"""The per-site regressions find what is in the data, and look no further than they may."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import statsmodels.api as sm

from common.lab import graph
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.building_energy.model import ELECTRICITY_RUNGS
from usecases.building_energy.site_models import (
    HARMONIC,
    TOWT,
    SiteModel,
    coefficients_field,
    fit_sites,
)
from usecases.building_energy.tasks import ELECTRICITY

KNOTS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 35.0)


def year(n_days: int, seed: int = 0) -> tuple[Array, Array]:
    """Return kinds of day (Monday first, one closed in twenty) and temperatures in eighths."""
    rng = np.random.default_rng(seed)
    kind = np.where(rng.random(n_days) < 0.05, 7, np.arange(n_days) % 7)
    season = 14 - 12 * np.cos(2 * np.pi * np.arange(n_days) / n_days)
    celsius = season[:, None] + rng.normal(0, 5, (n_days, 24))
    return kind, (np.round(8 * celsius) / 8).astype(np.float32)


def pieces(celsius: Array) -> Array:
    """Return how far each temperature reaches into each of the six pieces, (..., 6) K."""
    low, high = np.array(KNOTS[:-1]), np.array(KNOTS[1:])
    return np.clip(celsius[..., None].astype(np.float64) - low, 0, high - low)


def week_hours(kind: Array) -> Array:
    """Return the hour of the week of each hour, closed days counted as Sunday."""
    return np.where(kind == 7, 6, kind)[:, None] * 24 + np.arange(24)


def test_towt_recovers_the_week_and_the_slopes_it_was_drawn_from() -> None:
    """168 hours and 6 slopes, no noise, a year: all 174 come back."""
    kind, celsius = year(364)
    effects = np.random.default_rng(1).uniform(5, 50, 168)
    slopes = np.array([-1.0, -0.8, -0.4, 0.0, 0.3, 0.9])
    load_kwh = effects[week_hours(kind)] + pieces(celsius) @ slopes
    found = TOWT.fit(load_kwh, kind, celsius)
    np.testing.assert_allclose(found, [*effects, *slopes], atol=1e-6)


def test_partialling_out_gives_the_coefficients_of_the_full_design() -> None:
    """Frisch and Waugh: 174 dummies and pieces at once, with noise and lost hours, to 1e-8."""
    kind, celsius = year(70, seed=2)
    rng = np.random.default_rng(3)
    load_kwh = rng.gamma(3, 10, (70, 24))
    load_kwh[rng.random(load_kwh.shape) < 0.1] = np.nan
    known = np.isfinite(load_kwh).ravel()
    hours = np.eye(168)[week_hours(kind).ravel()]
    design = np.hstack([hours, pieces(celsius).reshape(-1, 6)])
    expected = sm.OLS(load_kwh.ravel()[known], design[known]).fit().params
    np.testing.assert_allclose(TOWT.fit(load_kwh, kind, celsius), expected, atol=1e-8)


def test_an_hour_of_the_week_never_seen_takes_the_mean_of_the_others() -> None:
    """Every Tuesday 3 h is lost: its effect is the mean of the 167 known ones."""
    kind, celsius = year(70, seed=4)
    kind = np.where(kind == 7, 6, kind)
    load_kwh = np.arange(168.0)[week_hours(kind)]
    load_kwh[kind == 1, 3] = np.nan
    found = TOWT.fit(load_kwh, kind, celsius)
    # (0 + ... + 167 - 27) / 167 = (14028 - 27) / 167 = 83.838; Tuesday 3 h is hour 27.
    assert found[27] == pytest.approx(14001 / 167, abs=1e-6)


def test_harmonic_regression_recovers_waves_levels_and_degree_hours() -> None:
    """Working days 20 + 6 cos, Wednesdays 3 more, week-ends 5, half a kWh per K below 15 °C."""
    kind, celsius = year(364, seed=5)
    working = (kind < 5)[:, None]
    wave = np.cos(2 * np.pi * np.arange(24) / 24)
    load_kwh = np.where(working, 20 + 6 * wave, 5.0) + 3.0 * (kind == 2)[:, None]
    load_kwh = load_kwh + 0.5 * np.maximum(15 - celsius.astype(np.float64), 0)
    found = HARMONIC.fit(load_kwh, kind, celsius)
    expected = np.zeros(44)
    expected[[0, 1, 12, 24]] = 20, 6, 5, 5  # constant and first cosine, Saturday, Sunday
    expected[36 + 1] = 3  # Tuesday, Wednesday, ...
    expected[40] = 0.5  # heating; cooling and both while occupied stay 0
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("model", [TOWT, HARMONIC])
def test_a_fit_and_its_profile_undo_each_other(model: SiteModel) -> None:
    """The profile of known coefficients, fitted again, gives them back."""
    kind, celsius = year(364, seed=6)
    given = np.random.default_rng(7).normal(10, 3, model.width)
    pattern, weather = model.profile(np, given[None], kind[None], celsius[None])
    np.testing.assert_allclose(model.fit((pattern + weather)[0], kind, celsius), given, atol=1e-3)


@pytest.mark.parametrize("model", [TOWT, HARMONIC])
def test_too_few_known_hours_give_zeros_and_leave_the_rest_to_the_last_week(
    model: SiteModel,
) -> None:
    """Three known days are fewer than two lines a coefficient."""
    kind, celsius = year(3)
    assert model.fit(np.full((3, 24), 9.0), kind, celsius).tolist() == [0.0] * model.width


@pytest.mark.parametrize("model", [TOWT, HARMONIC])
def test_a_year_that_was_never_hot_raises_no_warning(model: SiteModel) -> None:
    """The pieces above 20 °C are empty: their slopes are 0."""
    kind, celsius = year(364)
    cold = np.minimum(celsius, 14)
    load_kwh = 50 - 2.0 * np.minimum(cold, 10)
    found = model.fit(load_kwh, kind, cold)
    assert np.isfinite(found).all()
    hot = slice(171, 174) if model is TOWT else [41, 43]
    np.testing.assert_allclose(found[hot], 0, atol=1e-9)


def by_hand(model: SiteModel, coefficients: Array, inputs: dict[str, Array], row: int) -> Array:
    """Return one row's forecast in kWh: usual week, temperature, mean gap of seven days."""
    celsius, load_kwh = inputs["temperature_celsius"][row], inputs["load_kwh"][row]
    at, last = len(celsius) - 1, len(load_kwh)
    usual = []
    for day in [*range(last - 7, last), at]:
        weekday = (inputs["weekday"][row] + day - at) % 7
        kind = np.array([[7 if inputs["closed"][row, day] else weekday]])
        air = celsius[day : day + 1][None]
        pattern, weather = model.profile(np, coefficients[row : row + 1], kind, air)
        usual.append((pattern + weather)[0, 0])
    gaps = load_kwh[-7:] - np.array(usual[:7])
    count = np.maximum(np.isfinite(gaps).sum(axis=0), 1)
    return np.maximum(usual[7] + np.nansum(gaps, axis=0) / count, 0)


@pytest.mark.parametrize("name", ["towt", "harmonic"])
def test_the_graph_of_a_site_model_equals_a_loop_over_its_days(
    name: str, meters: Dataset, examples: Examples
) -> None:
    """Rows of the second quarter, three a meter, one of them after hours were lost."""
    rung = next(rung for rung in ELECTRICITY.rungs if rung.name == name)
    quarter = np.flatnonzero(examples.days.astype("datetime64[M]").astype(int) // 3 == 209)
    lost = np.isnan(np.asarray(examples.inputs["load_kwh"])[quarter, -7:]).any(axis=(1, 2))
    few = examples.take(np.append(quarter[::31], quarter[lost][:1]))
    assert len(few) == 10
    state = rung.state(meters, few)
    inputs = {key: np.nan_to_num(np.asarray(few.inputs[key]), nan=np.nan) for key in few.inputs}
    offsets = np.tile(ELECTRICITY.inputs[-1].default, (len(few), 1, 1))
    given = {**inputs, **state, "interval_offsets": offsets}
    found = graph.run(graph.assemble(ELECTRICITY, rung, rung.fit(None)), given)["forecast"]
    model = TOWT if name == "towt" else HARMONIC
    for row in range(len(few)):
        expected = by_hand(model, state[model.name], inputs, row)
        known = np.isfinite(expected)
        np.testing.assert_allclose(found[row][known], expected[known], rtol=1e-4, atol=1e-3)


def poisoned(dataset: Dataset, first: str, value: float) -> Dataset:
    """Replace loads and temperatures from a civil day on."""
    start = np.datetime64(first)
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None).to_numpy()
    weather = dataset.extras["weather"].copy()
    hours = weather.index.tz_convert(dataset.timezone).tz_localize(None).to_numpy()
    weather.loc[hours >= start, "temperature_celsius"] = 40.0
    load_kwh = np.where(local >= start, value, dataset.columns["load_kwh"])
    return replace(
        dataset,
        columns={"load_kwh": load_kwh},
        valid=dataset.valid & np.isfinite(load_kwh),
        extras={**dataset.extras, "weather": weather},
    )


@pytest.mark.parametrize(("model", "value"), [(TOWT, np.nan), (TOWT, 1e6), (HARMONIC, 1e6)])
def test_a_quarter_is_fitted_on_days_known_before_its_first_issue(
    meters: Dataset, model: SiteModel, value: float
) -> None:
    """1 April is forecast at noon on 31 March, with loads through 30 March."""
    few = ELECTRICITY.examples(meters, Period(date(2022, 4, 1), date(2022, 4, 2))).take([0])
    clean = fit_sites(model, meters, few)[model.name]
    later = fit_sites(model, poisoned(meters, "2022-03-31", value), few)[model.name]
    np.testing.assert_array_equal(clean, later)
    sooner = fit_sites(model, poisoned(meters, "2022-03-30", 1e6), few)[model.name]
    assert (sooner != clean).any(axis=1).all()


def test_coefficients_last_a_quarter_and_belong_to_a_meter(meters: Dataset) -> None:
    """31 March and 1 April differ, 1 and 2 April do not; no two meters share theirs."""
    few = ELECTRICITY.examples(meters, Period(date(2022, 3, 31), date(2022, 4, 3))).take(range(6))
    found = fit_sites(TOWT, meters, few)["towt_kwh"].reshape(2, 3, -1)
    assert (found[:, 0] != found[:, 1]).any(axis=1).all()
    np.testing.assert_array_equal(found[:, 1], found[:, 2])
    assert (found[0, 1] != found[1, 1]).any()


def test_the_graph_declares_the_coefficients_it_takes() -> None:
    """168 hours and 6 pieces; 3 shapes of 12 waves, 4 weekdays, 4 sorts of degree hours."""
    assert coefficients_field(TOWT).shape == ("n", 174)
    assert coefficients_field(HARMONIC).shape == ("n", 44)
    per_site = [rung for rung in ELECTRICITY_RUNGS if rung.scope == "per_site"]
    assert [rung.state_fields[0].name for rung in per_site] == ["towt_kwh", "harmonic_kwh"]
