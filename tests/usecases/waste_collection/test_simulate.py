"""The simulator is seeded, labelled, and not the models' own assumption."""

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from common.lab.usecase import Dataset
from usecases.waste_collection.fill.cleaning import is_reset
from usecases.waste_collection.fill.readings import containers_of, readings_of
from usecases.waste_collection.simulate import (
    levels_if_not_collected,
    simulate,
    simulate_collections,
)


@pytest.fixture(scope="module")
def simulated() -> Dataset:
    return simulate(seed=5)


def test_the_same_seed_gives_the_same_data_set_and_says_that_it_is_simulated() -> None:
    first, second = (simulate(seed=3, n_containers=4, n_days=40) for _ in range(2))
    assert first.digest == second.digest
    assert first.simulated
    assert first.name.startswith("SIMULATED")
    assert simulate(seed=4, n_containers=4, n_days=40).digest != first.digest


def test_rows_hold_sixteen_containers_over_three_hundred_days(simulated: Dataset) -> None:
    assert len(simulated.times) == 16 * 300
    assert len(containers_of(simulated)) == 16
    assert containers_of(simulated).groupby("pair_id").size().tolist() == [2] * 8


def test_levels_come_in_steps_of_twenty_points(simulated: Dataset) -> None:
    assert set(readings_of(simulated)["level_percent"]) == {0.0, 20.0, 40.0, 60.0, 80.0, 100.0}


def test_what_is_collected_depends_on_what_the_sensor_showed(simulated: Dataset) -> None:
    """The trap of the brief (0.2): full containers are emptied, so they are seldom seen on."""
    table = readings_of(simulated)
    following = table.groupby("container_id")["level_percent"].shift(-1)
    reset = is_reset(table["level_percent"].to_numpy(), following.to_numpy())
    full = (table["level_percent"] >= 80).to_numpy() & ~table["alert"].to_numpy()
    low = (table["level_percent"] == 40).to_numpy()
    assert reset[full].mean() > 0.7 > 2 * reset[low].mean()


def test_inflow_is_no_constant_rate(simulated: Dataset) -> None:
    """Neither normal nor Poisson: its days are skewed, and weekdays differ."""
    truth = simulated.extras["truth"]
    inflow = truth["inflow_percent"] / truth.groupby("container_id")["inflow_percent"].transform(
        "mean"
    )
    assert inflow.skew() > 1.0
    by_weekday = inflow.groupby(pd.DatetimeIndex(truth["day"]).day_of_week).mean()
    assert by_weekday.max() > 1.2 * by_weekday.min()


def test_the_truth_if_not_collected_joins_the_seen_level_where_nobody_came(
    simulated: Dataset,
) -> None:
    """One day ahead it is the next day's true level, unless the container was emptied."""
    truth = simulated.extras["truth"]
    ahead = levels_if_not_collected(simulated)
    level, collected = (
        truth[name].to_numpy().reshape(16, 300).T for name in ("level_percent", "collected")
    )
    one_day = ahead[:, 0].reshape(300, 16)
    left = ~collected[:-1]
    assert np.allclose(one_day[:-1][left], level[1:][left], atol=0.02)  # two decimals are kept
    assert (one_day[:-1][~left] >= level[1:][~left] - 0.02).all()


def test_some_readings_are_missing_and_some_alerts_freeze_the_level(simulated: Dataset) -> None:
    assert 0.005 < (~simulated.valid).mean() < 0.2
    table = readings_of(simulated)
    frozen = table[table["alert"]].groupby("container_id")["level_percent"].nunique()
    assert len(frozen) > 0
    assert set(table.loc[table["alert"], "level_percent"]) <= {0.0, 100.0}


def test_collections_have_a_ceiling_and_scatter() -> None:
    dataset = simulate_collections(seed=2, n_containers=12, n_days=60)
    fill = dataset.columns["fill_before_percent"]
    assert fill.max() == 100.0
    assert fill.std() > 10.0
    assert dataset.times.is_monotonic_increasing


def test_too_few_days_are_refused() -> None:
    with pytest.raises(UsageError, match="8 days"):
        simulate(seed=1, n_days=3)


def test_a_data_set_without_truth_is_refused(simulated: Dataset) -> None:
    collections = simulate_collections(seed=2, n_containers=2, n_days=20)
    with pytest.raises(UsageError, match="no truth"):
        levels_if_not_collected(collections)
