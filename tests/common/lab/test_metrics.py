"""Metrics: worked by hand, checked against the plain formula, refused where misleading."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.edge.errors import DataError, UsageError
from common.lab import metrics
from common.lab.forecasts import LEVELS, Forecasts, seasonal_scale
from common.lab.metrics import CATALOGUE, Metric, score
from common.lab.usecase import Examples


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def make_examples(target: list[list[float]], units: list[str], days: list[str]) -> Examples:
    """Examples whose slot j is held against step j."""
    n, n_slots = np.shape(target)
    return Examples(
        inputs={},
        target=np.array(target, dtype=float),
        slots=np.tile(np.arange(n_slots), (n, 1)),
        units=np.array(units),
        blocks=np.zeros(n, int),
        issued=np.array(days, dtype="M8[s]"),
        days=np.array(days, dtype="M8[D]"),
    )


def plain_forecasts(seed: int = 0, n_units: int = 4) -> tuple[Forecasts, dict[str, np.ndarray]]:
    """Uneven random units, shuffled, with the columns they were made of."""
    random = np.random.default_rng(seed)
    code = np.repeat(np.arange(n_units), random.integers(150, 400, n_units))
    random.shuffle(code)
    actual = 10 + random.random(len(code))
    columns = {
        "units": np.array([f"m{i}" for i in code]),
        "actual": actual,
        "predicted": actual + random.standard_normal(len(code)),
        "quantiles": np.sort(10 + random.random((len(code), 7)), axis=1),
    }
    return Forecasts.from_columns(**columns), columns


def test_forecasts_take_the_output_of_each_slot_and_skip_unknown_truth() -> None:
    """The autumn hour uses step 1 twice; the NaN truth is not scored, whatever was predicted."""
    examples = make_examples([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]], ["b", "a"], ["2022-01-01"] * 2)
    examples = Examples(**{**vars(examples), "slots": np.array([[0, 1, 2], [0, 1, 1]])})
    outputs = {
        "forecast": np.array([[10.0, 20.0, np.nan], [40.0, 50.0, 60.0]]),
        "quantiles": np.arange(3.0)[None, :, None] * np.ones((2, 1, 7)),
    }
    forecasts = Forecasts.from_examples(examples, outputs)
    assert forecasts.units.tolist() == ["a", "b"]
    assert forecasts.actual.tolist() == [4, 5, 6, 1, 2]
    assert forecasts.predicted.tolist() == [40, 50, 50, 10, 20]
    assert forecasts.level(0.5).tolist() == [0, 1, 1, 0, 1]
    assert forecasts.counts.tolist() == [3, 2]


def test_a_slot_of_minus_one_is_not_scored() -> None:
    """The spring day has 23 hours: its last slot points nowhere even if a value stands there."""
    examples = make_examples([[1.0, 2.0]], ["a"], ["2022-03-27"])
    examples = Examples(**{**vars(examples), "slots": np.array([[0, -1]])})
    assert len(Forecasts.from_examples(examples, {"forecast": np.ones((1, 2))})) == 1


def test_a_missing_forecast_is_refused_and_not_dropped() -> None:
    """A model that answers only where it is easy must not look better."""
    with pytest.raises(DataError, match="1 of 2 values to score have no forecast"):
        Forecasts.from_columns(["a", "a"], [1.0, 2.0], [1.0, np.nan])


def test_units_without_any_truth_disappear() -> None:
    forecasts = Forecasts.from_columns(["a", "b", "c"], [1.0, np.nan, 3.0], [1.0, 1.0, 1.0])
    assert forecasts.units.tolist() == ["a", "c"]
    assert forecasts.predicted.tolist() == [1, 1]


PLAIN = {
    "nrmse": lambda y, p, q: 100 * np.sqrt(np.mean((y - p) ** 2)) / y.mean(),
    "wape": lambda y, p, q: 100 * np.abs(y - p).sum() / y.sum(),
    "nmbe": lambda y, p, q: 100 * (y - p).sum() / y.sum(),
    "abs_nmbe": lambda y, p, q: 100 * abs((y - p).sum()) / y.sum(),
    "coverage_80": lambda y, p, q: 100 * np.mean((q[:, 1] <= y) & (y <= q[:, 5])),
    "coverage_90": lambda y, p, q: 100 * np.mean((q[:, 0] <= y) & (y <= q[:, 6])),
    "width_80": lambda y, p, q: 100 * np.mean(q[:, 5] - q[:, 1]) / y.mean(),
    "width_90": lambda y, p, q: 100 * np.mean(q[:, 6] - q[:, 0]) / y.mean(),
    "pinball": lambda y, p, q: (
        100
        / y.mean()
        * np.mean(
            [
                np.where(y >= q[:, i], level * (y - q[:, i]), (1 - level) * (q[:, i] - y))
                for i, level in enumerate(LEVELS)
            ]
        )
    ),
    "peak_wape": lambda y, p, q: (
        100
        * np.abs(y - p)[np.argsort(-y)[: int(np.ceil(len(y) / 100))]].sum()
        / np.sort(y)[::-1][: int(np.ceil(len(y) / 100))].sum()
    ),
}


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_the_vectorised_metric_equals_the_formula_unit_by_unit(name: str) -> None:
    forecasts, columns = plain_forecasts()
    values = CATALOGUE[name].compute(forecasts)
    for place, unit in enumerate(forecasts.units):
        rows = columns["units"] == unit
        plain = PLAIN[name](*(columns[k][rows] for k in ("actual", "predicted", "quantiles")))
        assert values[place] == pytest.approx(plain)


def test_the_pinball_of_gaussian_errors_is_the_one_of_the_convention_without_factor_two() -> None:
    """sigma / 7 * (2 * (0.1031 + 0.1755 + 0.3178) + 0.3989) = 0.2274 sigma."""
    errors = np.random.default_rng(1).standard_normal(200_000)
    z = np.array([-1.64485, -1.28155, -0.67449, 0, 0.67449, 1.28155, 1.64485])
    forecasts = Forecasts.from_columns(
        np.full(len(errors), "m"),
        100 + errors,
        np.full(len(errors), 100.0),
        quantiles=np.tile(100 + z, (len(errors), 1)),
    )
    assert metrics.PINBALL.compute(forecasts)[0] == pytest.approx(0.2274, rel=0.01)


def test_hourly_errors_that_cancel_in_a_day_leave_the_daily_error_alone() -> None:
    """Day 1: +2 and -2 cancel; day 2: 3 too much; over 1 + 1 + 4 + 4 = 10."""
    days = np.array(["2022-01-01", "2022-01-01", "2022-01-02", "2022-01-02"], "M8[D]")
    forecasts = Forecasts.from_columns(
        ["m"] * 4, [1.0, 1, 4, 4], [3.0, -1, 6, 5], hours=(days, np.array([0, 1, 0, 1]))
    )
    assert metrics.DAILY_WAPE.compute(forecasts).tolist() == [30.0]


def test_daily_sums_do_not_run_over_from_one_unit_to_the_next() -> None:
    """Both units have the same day: 100 * 1 / 1 and 100 * 1 / 2, not a common sum of zero."""
    hours = (np.zeros(2, "M8[D]"), np.zeros(2, int))
    forecasts = Forecasts.from_columns(["a", "b"], [1.0, 2.0], [2.0, 1.0], hours=hours)
    assert metrics.DAILY_WAPE.compute(forecasts).tolist() == [100.0, 50.0]


def test_the_score_is_the_median_over_units_with_an_interval_around_it() -> None:
    """Errors of 1, 2 and 9 % of 100: the median is 2, and no draw leaves [1, 9]."""
    forecasts = Forecasts.from_columns(["a", "b", "c"], [100.0] * 3, [101.0, 102.0, 109.0])
    found = score(metrics.WAPE, forecasts, rng())
    assert (found.value, found.low, found.high) == (pytest.approx(2), 1, 9)
    assert (found.n_units, found.n_values, found.unit, found.better) == (3, 3, "%", "lower")


def test_a_unit_without_load_is_undefined_and_stays_out_of_the_median() -> None:
    forecasts = Forecasts.from_columns(["a", "b"], [0.0, 10.0], [1.0, 11.0])
    assert np.isnan(metrics.NRMSE.compute(forecasts)[0])
    found = score(metrics.NRMSE, forecasts, rng())
    assert (found.value, found.n_units) == (pytest.approx(10), 1)


def test_a_metric_defined_for_no_unit_is_refused() -> None:
    with pytest.raises(DataError, match="nrmse is defined for none of 1 units"):
        score(metrics.NRMSE, Forecasts.from_columns(["a"], [0.0], [1.0]), rng())


def test_the_portfolio_adds_units_hour_by_hour_before_scoring() -> None:
    """Errors +3 and -3 in the first hour cancel; the second hour is off by 2: sqrt(4 / 2) / 15."""
    hours = (np.zeros(4, "M8[D]"), np.array([0, 1, 0, 1]))
    forecasts = Forecasts.from_columns(
        ["a", "a", "b", "b"], [5.0, 5, 10, 10], [8.0, 6, 7, 11], hours=hours
    )
    found = score(metrics.PORTFOLIO_NRMSE, forecasts, rng())
    assert found.value == pytest.approx(100 * np.sqrt(2) / 15)
    # Both draws of the same unit twice lie inside the interval: sqrt(10 / 2) / 5 for a.
    assert found.low <= found.value <= found.high
    assert found.high == pytest.approx(100 * np.sqrt(5) / 5)


def test_quarter_hours_of_two_days_are_not_mixed_up_in_the_portfolio() -> None:
    """Slot 64 of day 0 and slot 0 of day 1 are two hours: errors of 1 each, mean 10."""
    hours = (np.array([0, 1], "M8[D]"), np.array([64, 0]))
    forecasts = Forecasts.from_columns(["a", "b"], [10.0, 10.0], [11.0, 9.0], hours=hours)
    assert score(metrics.PORTFOLIO_NRMSE, forecasts, rng()).value == pytest.approx(10)


def test_a_slice_without_any_truth_gives_no_value_and_no_error() -> None:
    nothing = Forecasts.from_columns(["a"], [np.nan], [1.0], quantiles=np.ones((1, 7)))
    for name, metric in CATALOGUE.items():
        if name != "mase":
            assert metric.compute(nothing).shape == (0,)


def test_the_share_of_calibrated_units_counts_units_between_78_and_82() -> None:
    """Of three units covered at 80, 70 and 81 %, two are calibrated: 66.7 %."""
    actual = np.concatenate([np.where(np.arange(100) < n, 0.0, 9.0) for n in (80, 70, 81)])
    forecasts = Forecasts.from_columns(
        np.repeat(["a", "b", "c"], 100),
        actual + 1,
        actual,
        quantiles=np.tile(np.arange(7.0) - 2, (300, 1)),
    )
    assert score(metrics.CALIBRATED_80, forecasts, rng()).value == pytest.approx(200 / 3)
    assert score(metrics.COVERAGE_80_P10, forecasts, rng()).value == pytest.approx(72)


def test_the_scale_of_mase_is_the_in_sample_week_difference() -> None:
    """|5 - 3| and |9 - 4| a week apart, the NaN pair and the 8-day pair do not count: 3.5."""
    examples = make_examples(
        [[3.0, 4.0], [5.0, 9.0], [np.nan, 100.0], [1.0, 1.0]],
        ["a", "a", "a", "b"],
        ["2022-01-01", "2022-01-08", "2022-01-16", "2022-01-01"],
    )
    assert seasonal_scale(examples) == {"a": 3.5}


def test_mase_without_its_denominator_says_where_to_get_it() -> None:
    with pytest.raises(UsageError, match="seasonal_scale"):
        metrics.MASE.compute(Forecasts.from_columns(["a"], [1.0], [1.0]))


def test_an_interval_metric_on_a_point_forecast_is_refused() -> None:
    with pytest.raises(UsageError, match="quantiles"):
        metrics.COVERAGE_80.compute(Forecasts.from_columns(["a"], [1.0], [1.0]))


def test_a_target_belongs_to_target_metrics_only() -> None:
    with pytest.raises(UsageError, match="and only then"):
        Metric("x", "x", "1", "lower", lambda _: np.ones(1), target=3.0)
    with pytest.raises(UsageError, match="lower, higher or target"):
        Metric("x", "x", "1", "smaller", lambda _: np.ones(1))  # type: ignore[arg-type]  # tested


POINT = ("nrmse", "wape", "daily_wape", "abs_nmbe", "peak_wape", "portfolio_nrmse")


@given(arrays(float, 12, elements=st.floats(1, 100)), st.floats(0.01, 1000))
def test_relative_metrics_do_not_depend_on_the_unit_of_measurement(
    actual: np.ndarray, factor: float
) -> None:
    """Wh or kWh: the same percentage."""
    units = np.repeat(["a", "b"], 6)
    predicted = actual[::-1] + 1
    for name in POINT:
        compute = CATALOGUE[name].compute
        one = compute(Forecasts.from_columns(units, actual, predicted))
        other = compute(Forecasts.from_columns(units, factor * actual, factor * predicted))
        assert other == pytest.approx(one, rel=1e-6)


@given(arrays(float, 12, elements=st.floats(1, 100)))
def test_a_perfect_forecast_has_no_error(actual: np.ndarray) -> None:
    forecasts = Forecasts.from_columns(np.repeat(["a", "b"], 6), actual, actual)
    for name in POINT:
        assert CATALOGUE[name].compute(forecasts).tolist() == [0, 0]


def test_metric_names_are_unique_and_french_titles_given() -> None:
    assert all(name == metric.name and metric.title for name, metric in CATALOGUE.items())
    assert len({metric.title for metric in CATALOGUE.values()}) == len(CATALOGUE) == 16


def test_a_year_of_46_meters_is_scored_in_seconds() -> None:
    """46 meters x 8,760 hours: every forecast metric must stay vectorised."""
    n = 46 * 8760
    days = np.repeat(np.arange(365), 24).astype("M8[D]")
    actual = 1 + np.random.default_rng(0).random(n)
    forecasts = Forecasts.from_columns(
        np.repeat(np.arange(46).astype(str), 8760),
        actual,
        actual[::-1],
        quantiles=np.sort(actual[:, None] + np.linspace(-1, 1, 7), axis=1),
        hours=(np.tile(days, 46), np.tile(np.arange(24), 46 * 365)),
        scale={str(i): 1.0 for i in range(46)},
    )
    begin = time.process_time()
    for metric in CATALOGUE.values():
        score(metric, forecasts, rng())
    assert time.process_time() - begin < 4  # about 1 s on an idle core
