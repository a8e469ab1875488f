"""Training inputs are described by counts, season by season, with how far usual data go."""

import numpy as np
import pytest

from common.edge.training.usual import Usual
from common.lab.dataset import Examples
from common.lab.histograms import usual_inputs
from common.lab.usecase import Field
from common.lab.windows import Windows

LOAD = Field("load_kwh", "float32", ("n", 28, 24), "kWh", "Charge.", missing=True)
TEMPERATURE = Field("temperature_c", "float32", ("n", 24), "°C", "Température.", missing=True)
WEEKDAY = Field("weekday", "int64", ("n",), "1", "Jour.")
OFFSET = Field("offset", "float32", ("n",), "1", "Recalage.", default=np.float32(0))
TEXT = Field("text", "int64", ("n", "length"), "1", "Demande.")
FLAT = Field("flat", "float32", ("n",), "1", "Constante.")


def examples(n_sites=4, n_days=730, **more):
    """Two years of sites with a summer; a row a day, its history sliding by a day."""
    rng = np.random.default_rng(1)
    days = np.arange(n_days)
    summer = -np.cos(2 * np.pi * days / 365.25)
    weather = 12 + 9 * summer + rng.normal(0, 2, n_days)
    hours = weather.repeat(24).reshape(n_days, 24) + rng.normal(0, 1, (n_days, 24))
    load = rng.gamma(4, 5, (n_sites, n_days, 24)).astype(np.float32)
    site = np.arange(n_sites).repeat(n_days - 28)
    stop = np.tile(np.arange(28, n_days), n_sites)
    start = np.datetime64("2023-01-01", "s")
    inputs = {
        "load_kwh": Windows(load, site, stop, 28),
        "temperature_c": hours[stop].astype(np.float32),
        "weekday": (stop % 7).astype(np.int64),
        "offset": rng.normal(size=len(stop)).astype(np.float32),
        "text": rng.integers(97, 122, (len(stop), 9)),
        "flat": np.ones(len(stop), np.float32),
    }
    nothing = np.zeros((len(stop), 1))
    return Examples(
        inputs=inputs | more,
        target=nothing,
        slots=nothing,
        units=np.array([f"site-{number}" for number in site]),
        blocks=stop // 7,
        issued=start + stop * np.timedelta64(86_400, "s"),
        days=stop.astype("datetime64[D]"),
    )


@pytest.fixture(scope="module")
def usual():
    fields = (LOAD, TEMPERATURE, WEEKDAY, OFFSET, TEXT, FLAT)
    return usual_inputs(examples(), fields, has_interval=True)


def test_numbers_are_described_and_texts_states_and_constants_are_not(usual):
    assert set(usual.histograms) == {"load_kwh", "temperature_c", "weekday"}
    assert usual.coverage == 0.8
    assert usual_inputs(examples(), (FLAT,), has_interval=False) == Usual({}, None)


def test_every_value_of_a_scalar_row_is_counted_once_in_its_month(usual):
    """4 sites, 702 rows each, 24 hours; the issue days of 2023-01-29 to 2024-12-29."""
    item = usual.histograms["temperature_c"]
    assert item.counts.sum() == 4 * 702 * 24
    assert set(item.months) == set(range(1, 13))
    assert item.rows == 4 * 702
    winter, summer = np.array(item.months[1]), np.array(item.months[7])
    assert winter[:5].sum() > 0.9 * winter.sum()
    assert summer[-5:].sum() > 0.6 * summer.sum()


def test_of_a_history_that_slides_by_a_day_the_last_week_counts(usual):
    item = usual.histograms["load_kwh"]
    assert item.newest == 7
    assert item.counts.sum() == 4 * 702 * 7 * 24


def test_a_history_written_newest_first_is_found_out_too():
    made = examples()
    load = np.asarray(made.inputs["load_kwh"])[:, ::-1]
    turned = usual_inputs(examples(load_kwh=load), (LOAD,), has_interval=False)
    assert turned.histograms["load_kwh"].newest == -7


def test_the_levels_are_of_the_season_and_a_code_has_none(usual):
    """One site of four like the others: its month is close to theirs, its week less so."""
    levels = usual.histograms["load_kwh"].levels
    assert levels.psi_month < levels.psi_week < 0.25
    assert levels.rows_week == 7
    assert levels.rows_month == 28
    weekday = usual.histograms["weekday"].levels
    assert weekday.psi_week is None


def test_a_training_of_three_weeks_does_not_say_what_is_usual():
    made = examples(n_days=49)
    found = usual_inputs(made, (TEMPERATURE,), has_interval=False)
    assert found.histograms["temperature_c"].levels.psi_month is None


def test_one_site_alone_is_held_against_its_own_other_weeks():
    found = usual_inputs(examples(n_sites=1), (LOAD,), has_interval=False)
    assert 0 < found.histograms["load_kwh"].levels.psi_month < 0.25


def test_missing_values_and_runs_are_counted_and_their_usual_share_with_them():
    """A tenth of the hours missing everywhere: training's share, and that of a usual month."""
    made = examples()
    hours = made.inputs["temperature_c"].copy()
    hours.ravel()[::10] = np.nan
    hours[::2, :] = hours[::2, :1]
    found = usual_inputs(examples(temperature_c=hours), (TEMPERATURE,), has_interval=False)
    item = found.histograms["temperature_c"]
    assert item.missing_share > 0.1
    assert item.levels.missing >= item.missing_share
    # rows that repeat one value the whole day are half of training: nothing to be judged
    assert item.run == 0


def test_the_description_is_small_and_survives_its_file(usual):
    """Three inputs of at most 20 bins and 12 months: some kilobytes."""
    data = usual.to_bytes()
    assert len(data) < 12_000
    assert Usual.from_bytes(data) == usual
