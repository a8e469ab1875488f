"""The task without sensor looks back only, knows its ceiling and beats the site's mean."""

from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from common.lab import graph
from common.lab.checks.specimen import Specimen
from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Period, Task, UseCase
from usecases.waste_collection import data
from usecases.waste_collection.fill.edinburgh import collections_dataset
from usecases.waste_collection.fill.readings import Place
from usecases.waste_collection.no_sensor.examples import (
    N_SITE,
    collections_of,
    examples_of,
)
from usecases.waste_collection.no_sensor.features import NO_SENSOR_TERMS, no_sensor_features
from usecases.waste_collection.no_sensor.scores import residual_quantiles, scored
from usecases.waste_collection.no_sensor.tasks import NO_SENSOR, NO_SENSOR_TASKS, OFFSET_LEVELS
from usecases.waste_collection.simulate import simulate_collections_for


def _nothing(*_given: Any) -> Any:
    raise NotImplementedError


def _simulate(task: Task, seed: int) -> Dataset:
    return simulate_collections_for(task.split, seed, n_containers=12)


ALONE = UseCase(
    name="waste_collection",
    title="Conteneurs",
    summary="La seule question sans capteur.",
    sources=load_sources(data.SOURCES),
    load=_nothing,
    read=_nothing,
    simulate=_simulate,
    tasks=NO_SENSOR_TASKS,
    limits=("Données de substitution.", "Une personne décide."),
)


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    return Specimen(ALONE, NO_SENSOR)


def tiny(fills: list[float | None], hours: list[float]) -> Dataset:
    """One site emptied at these hours after a Monday's midnight, and its neighbour once."""
    containers = pd.DataFrame(
        {
            "container_id": ["a", "b"], "name": "", "lat": np.nan, "lon": np.nan,
            "stream": "general", "capacity_l": [240.0, np.nan], "district": "rue", "pair_id": "a",
            "headline": True,
        }
    )  # fmt: skip
    start = pd.Timestamp("2016-06-06")
    wall = [start + pd.Timedelta(hours=hour) for hour in hours] + [start + pd.Timedelta(hours=40)]
    rows = pd.DataFrame(
        {
            "container_id": ["a"] * len(hours) + ["b"], "wall": wall,
            "fill_before_percent": [*fills, 90.0], "volume_l": np.nan, "weight_kg": np.nan,
        }
    )  # fmt: skip
    return collections_dataset(Place("tiny", "Europe/London"), containers, rows)


WEEK = Period(date(2016, 6, 6), date(2016, 6, 13))


def test_a_first_collection_is_no_row_and_the_second_knows_the_first() -> None:
    """There is no past to tell from; 36 h later the fill was 60."""
    examples = examples_of(tiny([60.0, 80.0], [8.0, 44.0]), WEEK)
    assert len(examples) == 1
    assert examples.target.tolist() == [[80.0]]
    assert examples.inputs["site_fill_percent"][0, -1] == 60.0
    assert examples.inputs["site_hours_ago"][0, -1] == 36.0


def test_collections_of_the_same_second_do_not_see_each_other() -> None:
    """The neighbour emptied at hour 40 is known at 44, not at 40."""
    later = examples_of(tiny([60.0, 80.0], [8.0, 44.0]), WEEK)
    same = examples_of(tiny([60.0, 80.0], [8.0, 40.0]), WEEK)
    assert later.inputs["street_fill_percent"][0, -1] == 90.0
    assert np.isnan(same.inputs["street_fill_percent"]).all()


def test_the_surprise_is_what_was_found_less_what_the_past_made_expect() -> None:
    """Of the neighbour nothing was known: 90 - 75 = 15."""
    examples = examples_of(tiny([60.0, 80.0], [8.0, 44.0]), WEEK)
    assert examples.inputs["street_surprise_points"][0, -1] == 15.0
    assert collections_of(tiny([60.0, 80.0], [8.0, 44.0])).surprise_points.tolist()[1] == 15.0


def test_an_unknown_fill_is_no_truth_and_no_past() -> None:
    """A collection whose fill nobody wrote down still says when the site was emptied."""
    examples = examples_of(tiny([None, 80.0, 70.0], [8.0, 44.0, 60.0]), WEEK)
    assert np.isnan(examples.inputs["site_fill_percent"][0]).all()
    assert examples.inputs["site_hours_ago"][0, -1] == 36.0


def test_pace_and_mean_of_a_steady_site() -> None:
    """Sixteen times 50 % in 24 h: after 36 h the pace announces 75, the mean leans to 75."""
    hours = [24.0 * day for day in range(N_SITE + 1)] + [24.0 * N_SITE + 36.0]
    dataset = tiny([50.0] * (N_SITE + 2), hours)
    row = examples_of(dataset, Period(date(2016, 6, 6), date(2016, 7, 6))).take(slice(-1, None))
    columns = no_sensor_features(np, row.inputs).columns
    assert columns["site_mean"].item() == pytest.approx((16 * 50 + 3 * 75) / 19)
    # weights 0.8^k over 15 intervals sum to 4.824; the prior adds 0.8 * 75 points in 28.8 h
    gathered, taken = 4.824 * 50 + 60, 4.824 * 24 + 28.8
    assert columns["pace_fill"].item() == pytest.approx(36 * gathered / taken, rel=1e-3)
    assert columns["elapsed_hours"].item() == 36.0


def test_every_term_has_a_column(specimen: Specimen) -> None:
    columns = no_sensor_features(np, specimen.examples.inputs).columns
    assert set(columns) == {term.name for term in NO_SENSOR_TERMS}


def test_censored_residuals_push_the_upper_quantiles_up() -> None:
    """Half of the residuals are lower bounds: the median of the rest is not the median."""
    rng = np.random.default_rng(1)
    true = rng.normal(size=4000)
    ceiling = 0.5
    seen, censored = np.minimum(true, ceiling), true > ceiling
    found = residual_quantiles(seen, censored, np.array([0.25, 0.5]))
    np.testing.assert_allclose(found, [-0.674, 0.0], atol=0.06)


def test_quantiles_and_chance_agree(specimen: Specimen) -> None:
    """Where the 90 % quantile is at the ceiling, a full container has a chance of 10 % at
    least, and the interval holds the forecast's own scale."""
    rung = NO_SENSOR.rungs[-2]
    outputs = specimen.outputs(rung, specimen.inputs(rung))
    at_ceiling = outputs["quantiles"][:, 0, 5] >= 100.0
    assert (outputs["p_full"][at_ceiling, 0] >= 0.1 - 1e-3).all()
    assert (outputs["p_full"][~at_ceiling, 0] <= 0.1 + 1e-3).all()


def test_losses_are_absolute_errors_of_each_collection(specimen: Specimen) -> None:
    rung = NO_SENSOR.rungs[1]
    outputs = specimen.outputs(rung, specimen.inputs(rung))
    unit, _, loss = NO_SENSOR.unit_losses(specimen.examples, outputs)
    expected = np.abs(outputs["forecast"][:, 0] - specimen.examples.target[:, 0])
    np.testing.assert_array_equal(loss, expected)
    assert len(set(unit)) == 1
    assert len(scored(specimen.examples, outputs, {})) == np.isfinite(expected).sum()


def test_rungs_without_ai_need_no_training_line(specimen: Specimen) -> None:
    from dataclasses import replace

    none = replace(
        specimen.training,
        **{name: getattr(specimen.training, name)[:0] for name in ("matrix", "target", "weight")},
    )
    for rung in NO_SENSOR.rungs[:3]:
        assert rung.kind == "no_ai"
        rung.fit(none)


def test_default_offsets_rise_with_their_levels() -> None:
    field = NO_SENSOR.inputs[-1]
    assert field.default is not None
    assert len(field.default) == len(OFFSET_LEVELS)
    assert (np.diff(field.default) > 0).all()


@pytest.mark.public_data
def test_edinburgh_has_the_briefs_test_rows_and_the_pace_loses_to_the_mean(
    edinburgh: Dataset,
) -> None:
    """3,018 rows from 20 July (the brief counts 3,011; its floors are 16.65 for the site's
    mean and 21.73 for an uncapped pace). Collections are triggered by the level."""
    test = NO_SENSOR.split.test
    examples = examples_of(edinburgh, test)
    columns = no_sensor_features(np, examples.inputs).columns
    truth = examples.target[:, 0]
    mean, pace = (
        np.abs(np.minimum(columns[name][:, 0, 0], 100.0) - truth).mean()
        for name in ("site_mean", "pace_fill")
    )
    assert len(examples) == 3_018
    assert mean == pytest.approx(16.65, abs=0.05)
    assert pace > mean


@pytest.mark.slow
@pytest.mark.public_data
def test_the_additive_model_errs_by_less_than_twelve_and_a_half_points(edinburgh: Dataset) -> None:
    """The goal of the brief (5.1), on the test period, through the deployable graph."""
    fit, test = NO_SENSOR.split.final()
    training = graph.training(NO_SENSOR, examples_of(edinburgh, fit), seed=7)
    rung = next(rung for rung in NO_SENSOR.rungs if rung.name == "additive")
    model = graph.assemble(NO_SENSOR, rung, rung.fit(training))
    examples = examples_of(edinburgh, test)
    offsets = NO_SENSOR.inputs[-1]
    inputs = {**examples.inputs, offsets.name: np.tile(offsets.default, (len(examples), 1))}
    forecast = graph.run(model, inputs, ("forecast",))["forecast"]
    assert np.abs(forecast - examples.target).mean() <= 12.5
    assert len(model.SerializeToString()) < 100_000


def test_whole_streets_can_be_held_out() -> None:
    """The second axis of the brief: the street is then the statistical unit."""
    make = partial(examples_of, by_street=True)
    assert set(make(tiny([60.0, 80.0], [8.0, 44.0]), WEEK).units) == {"rue"}
