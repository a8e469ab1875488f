"""Nothing after the issue time reaches a forecast: replace the future, the bits stay."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from common.lab import graph
from common.lab.usecase import Array, Dataset, Examples, Period, Rung, Task, Training
from usecases.building_energy.forecast import Horizon, examples_of
from usecases.building_energy.model import ELECTRICITY_DESIGN, PAIRS, Trees, additive
from usecases.building_energy.tasks import ELECTRICITY

TARGETS = (date(2022, 3, 28), date(2022, 7, 14), date(2022, 10, 31))
"""The days after the clocks change, and a public holiday."""
SMALL = Trees(rounds=20, leaves=8, max_bin=31, min_rows=100, pairs=PAIRS, bags=2)
ACADEMIC = next(track.task for track in ELECTRICITY.tracks if track.name == "f2")


@pytest.fixture(scope="module")
def additive_model(training: Training) -> bytes:
    """A GA2M fitted on the simulator, exported."""
    return exported(ELECTRICITY, "additive", additive(ELECTRICITY_DESIGN, SMALL, training))


def rung_of(task: Task, name: str) -> Rung:
    return next(rung for rung in task.rungs if rung.name == name)


def exported(task: Task, name: str, fitted) -> bytes:
    return graph.assemble(task, rung_of(task, name), fitted).SerializeToString()


def local_hours(dataset: Dataset) -> Array:
    """Return the civil time of each row, datetime64."""
    return dataset.times.tz_convert(dataset.timezone).tz_localize(None).to_numpy()


def forget(dataset: Dataset, first: np.datetime64) -> Dataset:
    """Return the data set without any load from a civil time on."""
    past = local_hours(dataset) < first
    load_kwh = np.where(past, dataset.columns["load_kwh"], np.nan)
    return replace(dataset, columns={"load_kwh": load_kwh}, valid=dataset.valid & past)


def scramble(dataset: Dataset, first: np.datetime64) -> Dataset:
    """Return the data set with noise in place of every load from a civil time on."""
    past = local_hours(dataset) < first
    noise = np.random.default_rng(0).uniform(0, 1e5, len(past))
    load_kwh = np.where(past, dataset.columns["load_kwh"], noise)
    return replace(dataset, columns={"load_kwh": load_kwh}, valid=dataset.valid | ~past)


def heat_wave(dataset: Dataset, first: np.datetime64) -> Dataset:
    """Return the data set with 45 °C in place of every temperature from a civil time on."""
    weather = dataset.extras["weather"].copy()
    hours = weather.index.tz_convert(dataset.timezone).tz_localize(None).to_numpy()
    weather.loc[hours >= first, "temperature_celsius"] = 45.0
    return replace(dataset, extras={**dataset.extras, "weather": weather})


def predicted(
    task: Task, name: str, model: bytes, dataset: Dataset, rows: Examples
) -> dict[str, Array]:
    """Run a graph with default offsets, and a per-site rung's own fit."""
    offsets = np.tile(task.inputs[-1].default, (len(rows), 1, 1))
    rung = rung_of(task, name)
    state = rung.state(dataset, rows) if rung.state else {}
    return graph.run(model, {**rows.inputs, **state, "interval_offsets": offsets})


def day(target: date) -> Period:
    return Period(target, target + timedelta(1))


def assert_same_bits(one: dict[str, Array], other: dict[str, Array]) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("alter", [forget, scramble])
def test_no_load_of_the_issue_day_or_later_reaches_a_fitted_model(
    alter: Callable[[Dataset, np.datetime64], Dataset],
    target: date,
    meters: Dataset,
    additive_model: bytes,
) -> None:
    """Issued at noon the day before with loads through midnight: 36 h of loads are unknown."""
    known_until = np.datetime64(target, "D") - 1
    outputs = [
        predicted(
            ELECTRICITY,
            "additive",
            additive_model,
            data,
            ELECTRICITY.examples(data, day(target)),
        )
        for data in (meters, alter(meters, known_until), alter(meters, known_until - 1))
    ]
    assert_same_bits(outputs[0], outputs[1])
    assert (outputs[0]["forecast"] != outputs[2]["forecast"]).any(axis=1).all()


@pytest.mark.parametrize("alter", [forget, scramble])
def test_the_academic_track_knows_loads_until_midnight_and_no_later(
    alter: Callable[[Dataset, np.datetime64], Dataset], meters: Dataset
) -> None:
    """F2 for 15 June: loads through 14 June, none of the 15th."""
    model = exported(ACADEMIC, "similar_days", rung_of(ACADEMIC, "similar_days").fit(None))
    midnight = np.datetime64("2022-06-15")
    outputs = [
        predicted(
            ACADEMIC,
            "similar_days",
            model,
            data,
            ACADEMIC.examples(data, day(date(2022, 6, 15))),
        )
        for data in (meters, alter(meters, midnight), alter(meters, midnight - 1))
    ]
    assert_same_bits(outputs[0], outputs[1])
    assert (outputs[0]["forecast"] != outputs[2]["forecast"]).any(axis=1).all()


def test_a_model_fitted_where_it_runs_is_fitted_on_what_was_known(meters: Dataset) -> None:
    """TOWT on the first day of a quarter, issued on 31 March with loads through the 30th."""
    model = exported(ELECTRICITY, "towt", rung_of(ELECTRICITY, "towt").fit(None))
    target, known_until = date(2022, 4, 1), np.datetime64("2022-03-31")
    outputs = [
        predicted(
            ELECTRICITY, "towt", model, data, ELECTRICITY.examples(data, day(target)).take([0])
        )
        for data in (meters, scramble(meters, known_until))
    ]
    assert_same_bits(*outputs)


def test_no_temperature_after_noon_reaches_the_track_without_a_forecast(
    meters: Dataset, additive_model: bytes
) -> None:
    """T0: 45 °C from noon of the issue day on changes nothing; from 10 h on it does."""
    blind, period = Horizon(56, temperature="none"), day(date(2022, 6, 15))
    ten, noon = np.datetime64("2022-06-14T10:00"), np.datetime64("2022-06-14T12:00")
    outputs = [
        predicted(ELECTRICITY, "additive", additive_model, data, examples_of(data, period, blind))
        for data in (meters, heat_wave(meters, noon), heat_wave(meters, ten))
    ]
    assert_same_bits(outputs[0], outputs[1])
    assert (outputs[0]["forecast"] != outputs[2]["forecast"]).any(axis=1).all()


def test_temperatures_after_the_target_day_reach_no_track(
    meters: Dataset, additive_model: bytes
) -> None:
    """The forecast of 15 June stays when the 16th turns out hot, not when the 15th does."""
    target = date(2022, 6, 15)
    outputs = [
        predicted(
            ELECTRICITY, "additive", additive_model, data, ELECTRICITY.examples(data, day(target))
        )
        for data in (
            meters,
            heat_wave(meters, np.datetime64("2022-06-16")),
            heat_wave(meters, np.datetime64("2022-06-15")),
        )
    ]
    assert_same_bits(outputs[0], outputs[1])
    assert (outputs[0]["forecast"] != outputs[2]["forecast"]).any(axis=1).all()


def test_training_lines_of_a_period_ignore_what_comes_after_it(meters: Dataset) -> None:
    """Fitted on May: noise from 1 June on leaves matrix, target and weights as they were."""
    may = Period(date(2022, 5, 1), date(2022, 6, 1))
    one, other = (
        graph.training(ELECTRICITY, ELECTRICITY.examples(data, may), seed=0)
        for data in (meters, scramble(meters, np.datetime64("2022-06-01")))
    )
    for name in ("matrix", "target", "weight"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
