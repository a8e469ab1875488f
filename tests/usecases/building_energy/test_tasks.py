"""What the forecast's task asks and how it scores, with numbers that can be checked by hand."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from common.lab import metrics
from common.lab.forecasts import LEVELS
from common.lab.usecase import Answer, Array, Dataset, Examples, Features, Period
from usecases.building_energy.tasks import (
    ELECTRICITY,
    ENERGY_OF,
    GAS,
    TASKS,
    by_day,
    by_season,
    by_size,
    calibrate,
    default_state,
    finish,
    train_on,
    train_on_gas,
    unit_losses,
)

FIRST = np.datetime64("2022-01-03")
ORDINARY = np.append(np.arange(24), -1)
OFFSETS = np.tile(np.array([-2, -1.5, -0.5, 0, 0.5, 1.5, 2], np.float32), (4, 1))


def rows(target: Array, units: Array | str = "a", days: Array | None = None) -> Examples:
    """Return examples from one truth per row (n,), the same at all 24 hours."""
    n = len(target)
    hours = np.repeat(np.asarray(target, dtype=float)[:, None], 25, axis=1)
    hours[:, 24] = np.nan
    days = FIRST + np.arange(n) if days is None else days
    return Examples(
        inputs={},
        target=hours,
        slots=np.tile(ORDINARY, (n, 1)),
        units=np.broadcast_to(np.asarray(units, dtype=str), n),
        blocks=(days.astype(np.int64) + 3) // 7,
        issued=(days - 1).astype("datetime64[s]"),
        days=days,
    )


def finished(
    raw: Array, spread: Array, level: Array, offsets: Array = OFFSETS, baseline: float = 0.25
) -> dict[str, Array]:
    """Return the outputs for answers (n, 24) whose only term is what the baseline leaves."""
    contributions = (raw - np.float32(baseline))[:, :, None].astype(np.float32)
    answer = Answer(raw.astype(np.float32), contributions, baseline, spread.astype(np.float32))
    inputs = {"interval_offsets": np.broadcast_to(offsets, (len(raw), 4, 7))}
    features = Features({}, {"level": level.astype(np.float32)[:, None]})
    return finish(np, inputs, features, answer)


def test_outputs_come_back_to_kwh_by_the_level() -> None:
    """0.5 and 0.1 of 40 kWh are 20 and 4; a tenth quantile 1.5 spreads below is 20 - 6 = 14."""
    found = finished(np.full((1, 24), 0.5), np.full((1, 24), 0.1), np.array([40.0]))
    for name, kwh in (("forecast", 20), ("spread", 4), ("lower", 14), ("upper", 26)):
        np.testing.assert_allclose(found[name], kwh, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["quantiles"][0, 0], [12, 14, 18, 20, 22, 26, 28], rtol=1e-6)
    np.testing.assert_allclose(found["baseline"], 0.25 * 40)
    np.testing.assert_allclose(found["contributions"], 0.25 * 40, rtol=1e-6)


def test_each_quarter_of_the_day_has_its_own_offsets() -> None:
    """Hours 0 to 5, 6 to 11, 12 to 17, 18 to 23; the median moves by 1, 2, 3 and 4 spreads."""
    offsets = OFFSETS + np.arange(1, 5, dtype=np.float32)[:, None]
    found = finished(np.full((1, 24), 10.0), np.ones((1, 24)), np.ones(1), offsets)
    moved = found["quantiles"][0, :, LEVELS.index(0.5)] - 10
    np.testing.assert_allclose(moved, np.repeat([1, 2, 3, 4], 6), rtol=1e-6)


def test_a_constant_meter_keeps_a_half_percent_of_spread() -> None:
    """The floor is 0.005 of a level of 200 kWh: 1 kWh."""
    found = finished(np.ones((1, 24)), np.zeros((1, 24)), np.array([200.0]))
    np.testing.assert_allclose(found["spread"], 1.0, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    raw=arrays.arrays(np.float32, (2, 24), elements=st.floats(-2, 3, width=32)),
    spread=arrays.arrays(np.float32, (2, 24), elements=st.floats(-1, 2, width=32)),
    level=arrays.arrays(np.float32, 2, elements=st.floats(2**-9, 2**12, width=32)),
    steps=arrays.arrays(np.float32, (4, 7), elements=st.floats(0, 3, width=32)),
)
def test_quantiles_rise_none_is_negative_and_the_interval_is_among_them(
    raw: Array, spread: Array, level: Array, steps: Array
) -> None:
    """Whatever the heads answer, for any rising offsets."""
    found = finished(raw, spread, level, np.cumsum(steps, axis=1) - 5)
    quantiles = found["quantiles"]
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert min(found[name].min() for name in ("forecast", "lower", "quantiles")) >= 0
    np.testing.assert_array_equal(found["lower"], quantiles[:, :, LEVELS.index(0.1)])
    np.testing.assert_array_equal(found["upper"], quantiles[:, :, LEVELS.index(0.9)])
    assert (found["spread"] > 0).all()
    total = found["baseline"] + found["contributions"].sum(axis=2)
    np.testing.assert_allclose(
        np.maximum(total, 0), found["forecast"], rtol=1e-5, atol=1e-5 * level.max()
    )


def context(level: float, instability: float, expected: float, n: int = 1) -> dict[str, Array]:
    """Return what `train_on` takes from the graph."""
    return {
        "level": np.full((n, 1), level),
        "instability": np.full((n, 1), instability),
        "expected": np.full((n, 24), expected),
    }


def test_lines_are_trained_on_the_load_over_the_level() -> None:
    """30 kWh over a level of 20 is 1.5; instability 0.15 weighs 1 / (0.15 + 0.05)^2 = 25."""
    target, weight = train_on(rows([30.0]), context(20, 0.15, 1.0))
    np.testing.assert_allclose(target[0, :24], 1.5)
    np.testing.assert_allclose(weight, 25)
    assert np.isnan(target[0, 24])


def test_a_metering_fault_is_trained_on_as_a_deviation_of_one_and_a_half_levels() -> None:
    """10,000 kWh over a level of 20, expected 1: 1 + 1.5; and 0 for an expected 2: 2 - 1.5."""
    high, _ = train_on(rows([10_000.0]), context(20, 0.15, 1.0))
    low, _ = train_on(rows([0.0]), context(20, 0.15, 2.0))
    np.testing.assert_allclose([high[0, 0], low[0, 0]], [2.5, 0.5])


@pytest.mark.parametrize(("level", "instability"), [(0.1, 0.15), (20, 0.001)])
def test_a_meter_that_is_off_or_never_moves_teaches_nothing(
    level: float, instability: float
) -> None:
    """Levels up to 0.2 kWh are rounding, instabilities up to 0.005 a stuck meter."""
    target, _ = train_on(rows([30.0]), context(level, instability, 1.0))
    assert np.isnan(target).all()


def test_gas_lines_weigh_by_the_square_of_the_level_over_the_meters_error() -> None:
    """Levels 10 and 20 (usual: 15), expected 1.0, loads 13 and 20: errors 3 and 0 kWh.

    Mean squared error 4.5 over 15^2 is 0.02; weights (10/15)^2 and (20/15)^2 over
    0.02 + 0.005^2 = 0.020025.
    """
    given = {"level": np.array([[10.0], [20.0]]), "expected": np.ones((2, 24))}
    target, weight = train_on_gas(rows([13.0, 20.0]), given)
    np.testing.assert_allclose(target[:, 0], [1.3, 1.0])
    np.testing.assert_allclose(weight[:, 0], [4 / 9 / 0.020025, 16 / 9 / 0.020025])


def test_the_loss_of_a_meter_day_is_its_squared_error_over_that_of_persistence() -> None:
    """Loads 10 for a week, then 14 for a week: |y - y a week ago| is 4; an error of 2 is 0.25."""
    examples = rows([10.0] * 7 + [14.0] * 7)
    units, blocks, loss = unit_losses(examples, {"forecast": examples.target[:, :24] + 2})
    np.testing.assert_allclose(loss, 2**2 / 4**2)
    assert units.tolist() == ["a"] * 14
    assert (blocks - blocks[0]).tolist() == [0] * 7 + [1] * 7


def test_every_meter_is_held_against_its_own_persistence() -> None:
    """A meter ten times as large with errors ten times as large loses the same."""
    units = np.repeat(["a", "b"], 14)
    truth = np.array([10.0] * 7 + [14.0] * 7)
    examples = rows(
        np.append(truth, 10 * truth), units, np.tile(FIRST + np.arange(14), 2)
    )  # fmt: skip
    error = np.repeat([2.0, 20.0], 14)[:, None]
    _, _, loss = unit_losses(examples, {"forecast": examples.target[:, :24] + error})
    np.testing.assert_allclose(loss, 0.25)


def test_unknown_hours_do_not_count_and_unknown_days_have_no_loss() -> None:
    """Day 0 knows one hour of 24 and errs by 4 there: 16 / 16 = 1; day 1 knows none."""
    examples = rows([10.0] * 7 + [14.0] * 7)
    examples.target[0, 1:] = np.nan
    examples.target[1] = np.nan
    forecast = np.full((14, 24), 14.0)
    _, _, loss = unit_losses(examples, {"forecast": forecast})
    assert loss[0] == 1
    assert np.isnan(loss[1])
    assert loss[7] == 0


def test_the_hour_that_occurs_twice_is_held_twice_against_one_forecast() -> None:
    """Autumn has 25 slots, two of them at 2 h; 14 and 18 kWh came, 16 were forecast for 2 h."""
    examples = rows([10.0] * 7 + [14.0] * 7)
    examples.slots[13] = [0, 1, 2, 2, *range(3, 24)]
    examples.target[13] = 14.0
    examples.target[13, 3] = 18.0
    forecast = np.where(np.arange(24) == 2, 16.0, 14.0) * np.ones((14, 1))
    _, _, loss = unit_losses(examples, {"forecast": forecast})
    # Persistence: 167 gaps of 4 and, at the second 2 h, one of 18 - 10 = 8: 676 / 168.
    # The last day errs by 2 at either 2 h: (4 + 4) / 25.
    assert loss[13] == pytest.approx(8 / 25 / (676 / 168) ** 2)


def test_seasons_are_those_of_the_forecasters() -> None:
    """December to February are winter."""
    days = np.array([f"2022-{month:02d}-15" for month in range(1, 13)], "datetime64[D]")
    names = by_season(rows(np.zeros(12), days=days)).tolist()
    assert names == (["hiver"] * 2 + ["printemps"] * 3 + ["été"] * 3 + ["automne"] * 3 + ["hiver"])


def test_meters_fall_into_thirds_by_mean_load() -> None:
    """Means 1, 10 and 100; the second has an unknown day that does not count as zero."""
    units = np.repeat(["c", "a", "b"], 2)
    found = by_size(rows([1.0, 1.0, 10.0, np.nan, 100.0, 100.0], units))
    assert found.tolist() == (
        ["petits compteurs"] * 2 + ["compteurs moyens"] * 2 + ["gros compteurs"] * 2
    )


def test_saturday_and_sunday_are_told_from_working_days() -> None:
    """3 January 2022 was a Monday."""
    found = by_day(rows(np.zeros(7))).tolist()
    assert found == ["jours ouvrables"] * 5 + ["samedis et dimanches"] * 2


def drawn_outputs(examples: Examples, seed: int = 0) -> dict[str, Array]:
    """Return forecasts that err by about a spread."""
    rng = np.random.default_rng(seed)
    error = rng.normal(0, 2, (len(examples), 24))
    return {"forecast": examples.target[:, :24] + error, "spread": np.full(error.shape, 2.0)}


@pytest.mark.parametrize("day", [2, 30, 79])
def test_offsets_use_residuals_known_when_the_row_was_issued(day: int) -> None:
    """The row of day T, issued on T-1, knows truths through T-2: later ones may be anything."""
    examples = rows(np.full(80, 50.0))
    outputs = drawn_outputs(examples)
    default = {"interval_offsets": OFFSETS}
    clean = calibrate(examples, outputs, default)["interval_offsets"]
    for first, same in ((day - 1, True), (day - 2, False)):
        for value in (np.nan, 1e4):
            target = examples.target.copy()
            target[first:] = value
            target[:, 24] = np.nan
            found = calibrate(replace(examples, target=target), outputs, default)
            equal = np.array_equal(found["interval_offsets"][day], clean[day])
            assert equal == same, (first, value)


def test_a_meter_without_a_past_starts_with_the_default_offsets() -> None:
    """Days 0 and 1 know no residual."""
    examples = rows(np.full(30, 50.0))
    found = calibrate(examples, drawn_outputs(examples), {"interval_offsets": OFFSETS})
    np.testing.assert_array_equal(found["interval_offsets"][:2], [OFFSETS, OFFSETS])
    assert found["interval_offsets"].dtype == np.float32
    assert (found["interval_offsets"][5] != OFFSETS).any()


def test_offsets_settle_where_the_residuals_lie() -> None:
    """Normal residuals of one spread: the 10 % and 90 % quantiles are -1.28 and +1.28."""
    examples = rows(np.full(300, 50.0))
    outputs = drawn_outputs(examples)
    default = default_state(examples, outputs)["interval_offsets"]
    rolled = calibrate(examples, outputs, {"interval_offsets": default})["interval_offsets"]
    assert default.shape == (4, 7)
    for offsets in (default.mean(axis=0), rolled[100:].mean(axis=(0, 1))):
        np.testing.assert_allclose(offsets[[1, 3, 5]], [-1.2816, 0, 1.2816], atol=0.08)


DAY = Period(date(2022, 6, 15), date(2022, 6, 16))


def track(name: str, dataset: Dataset) -> Examples:
    """Return the rows of a track of the electricity task on 15 June 2022."""
    found = next(track for track in ELECTRICITY.tracks if track.name == name)
    return found.examples(dataset, DAY)


@pytest.mark.parametrize("days", [7, 14, 28])
def test_a_cold_start_knows_its_last_days_only(days: int, meters: Dataset) -> None:
    """And asks for the same truth as the official track."""
    found, official = track(f"history_{days}_days", meters), ELECTRICITY.examples(meters, DAY)
    history, whole = (np.asarray(rows.inputs["load_kwh"]) for rows in (found, official))
    assert np.isnan(history[:, :-days]).all()
    np.testing.assert_array_equal(history[:, -days:], whole[:, -days:])
    np.testing.assert_array_equal(found.target, official.target)


def test_weather_tracks_know_nothing_or_all(meters: Dataset) -> None:
    """T0 knows no temperature of the target day, T2 what was measured."""
    none, seen = (track(name, meters).inputs["temperature_celsius"] for name in ("t0", "t2"))
    official = np.asarray(ELECTRICITY.examples(meters, DAY).inputs["temperature_celsius"])
    assert np.isnan(np.asarray(none)[:, -1]).all()
    # The simulator writes temperatures to a tenth of a degree.
    tenths = np.asarray(seen)[:, -1] * 10
    np.testing.assert_allclose(tenths, np.round(tenths), atol=1e-3)
    assert (np.abs(official[:, -1] * 10 - np.round(official[:, -1] * 10)) > 1e-3).any()


@pytest.mark.parametrize("name", ["lost_hours", "outage", "zeros", "shift"])
def test_damage_touches_the_history_and_nothing_else(name: str, meters: Dataset) -> None:
    """The truth that is scored and the calendar stay whole."""
    found, official = track(name, meters), ELECTRICITY.examples(meters, DAY)
    history, whole = (np.asarray(rows.inputs["load_kwh"]) for rows in (found, official))
    differs = (history != whole) & ~(np.isnan(history) & np.isnan(whole))
    assert differs.any(axis=(1, 2)).all()
    np.testing.assert_array_equal(found.target, official.target)
    np.testing.assert_array_equal(found.inputs["closed"], official.inputs["closed"])
    if name == "zeros":
        assert ((history == 0).sum(axis=(1, 2)) >= 72).all()


def test_unseen_meters_and_the_academic_delay_are_asked_of_electricity() -> None:
    """Half of the meters are left out of the fit; F2 is a task of its own with 57 days of air."""
    by_name = {found.name: found for found in ELECTRICITY.tracks}
    assert by_name["unseen_28_days"].unseen_units
    academic = by_name["f2"].task
    assert academic.id == "forecast_f2"
    assert academic.inputs[1].shape == ("n", 57, 24)
    assert not academic.tracks
    assert {"f2"} == set(by_name) - {found.name for found in GAS.tracks}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_rows_have_the_shapes_that_the_task_declares(task, meters: Dataset) -> None:
    """What a vendor reads in the manifest is what the graph is given."""
    found = task.examples(meters, DAY)
    for field in task.inputs:
        if field.default is None:
            values = np.asarray(found.inputs[field.name])
            assert values.shape[1:] == field.shape[1:], field.name
            assert values.dtype == field.dtype, field.name
    assert ENERGY_OF[task.id] in ("electricity", "gas")


def test_the_headline_is_the_first_metric_and_the_test_year_comes_last() -> None:
    """NRMSE on 2022; tuning folds are the two halves of 2021."""
    assert ELECTRICITY.metrics[0] is metrics.NRMSE
    folds = [str(score) for _, score in ELECTRICITY.split.folds()]
    assert folds == ["2021-01-01..2021-07-01", "2021-07-01..2022-01-01"]
    assert str(ELECTRICITY.split.test) == "2022-01-01..2023-01-01"
