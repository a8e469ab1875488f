"""A usual year raises no alarm, whatever the season; a sensor that lies does, within weeks.

The figures that `Thresholds` and the guide state are counted here, on the simulators of two
use cases: the bundle is described from the training years, and the days of the test year are
sent one by one, as a server sees them.
"""

import os
from datetime import date

import numpy as np
import pytest

from common.edge.drift.counts import Drift
from common.edge.training.histogram import count_values, psi
from common.lab.histograms import usual_inputs
from usecases import discover

DAY = np.timedelta64(1, "D")


def split(usecase, task_id, seed=0):
    """Return the description of training, and the rows of the test year."""
    case = discover()[usecase]
    task = case.task(task_id)
    dataset = case.simulate(task, seed)
    fit, test = task.split.final()
    usual = usual_inputs(task.examples(dataset, fit), task.inputs, has_interval=True)
    return usual, task.examples(dataset, test)


@pytest.fixture(scope="module")
def town():
    return split("building_energy", "forecast")


def replay(usual, examples, change=None, every=1):
    """Send day after day; yield the day and what the watch says of it."""
    drift = Drift(usual)
    days = examples.issued.astype("datetime64[D]")
    for place, day in enumerate(np.unique(days)):
        rows = np.flatnonzero(days == day)
        inputs = {name: np.asarray(examples.inputs[name][rows]) for name in usual.histograms}
        drift.observe(change(inputs, day) if change else inputs, date.fromisoformat(str(day)))
        if place % every == 0:
            yield day, drift.report()


def alarms(usual, examples, change=None, every=1):
    """Return the days in alert, with the inputs and causes that put them there."""
    found = {}
    for day, report in replay(usual, examples, change, every):
        causes = [(item.name, item.causes) for item in report.inputs if item.state == "alert"]
        if causes:
            found[day] = causes
    return found


def test_a_year_of_a_town_is_usual_in_every_season(town):
    """365 days of 12 buildings: no day in alert."""
    assert alarms(*town) == {}


@pytest.mark.public_data
@pytest.mark.skipif(not os.environ.get("AUNE_MIRROR"), reason="needs the public files")
def test_in_a_measured_year_only_the_two_spells_of_weather_without_precedent_ring():
    """Cambridge 2022: the July record (above the 35.2 degrees of training), the December frost.

    Trained on 2019 to 2021; every day of 2022 is replayed. Values stay in the window for 28
    days, so the July alert ends in August.
    """
    case = discover()["building_energy"]
    task = case.task("forecast")
    dataset = case.load(task, "quick")
    fit, test = task.split.final()
    usual = usual_inputs(task.examples(dataset, fit), task.inputs, has_interval=True)
    found = alarms(usual, task.examples(dataset, test))
    assert {str(day)[:7] for day in found} == {"2022-07", "2022-08", "2022-12"}
    assert {cause for causes in found.values() for cause in causes} == {
        ("temperature_celsius", ("outside",)),
        ("temperature_celsius", ("psi",)),
    }
    assert len(found) == 27


def test_one_building_alone_is_usual_too(town):
    """What one site shows is far from all sites together: its level was measured for that."""
    usual, examples = town
    one = examples.take(np.flatnonzero(examples.units == examples.units[0]))
    assert alarms(usual, one, every=3) == {}


def test_against_the_whole_year_the_customary_bound_would_cry_wolf_each_month(town):
    """Why seasons are held apart: 28 days of temperature against the year pass 0.25 always."""
    usual, examples = town
    histogram = usual.histograms["temperature_celsius"]
    days = examples.issued.astype("datetime64[D]")
    found = []
    for end in np.arange(np.datetime64("2022-02-01"), np.datetime64("2022-12-30"), 14):
        rows = np.flatnonzero((days > end - 28) & (days <= end))
        values = histogram.recent(np.asarray(examples.inputs["temperature_celsius"][rows]))
        found.append(psi(histogram.counts, count_values(histogram.edges, values)[0]) > 0.25)
    assert np.mean(found) == 1.0


def onset_of(examples, month, days_before=35, days_after=40):
    onset = np.datetime64(f"2022-{month:02d}-10")
    near = (examples.days >= onset - days_before) & (examples.days < onset + days_after)
    return onset, examples.take(np.flatnonzero(near))


def fault(name, onset, spoil, ahead):
    """Spoil what a history holds since ``onset``; it reaches ``ahead`` days past the issue."""

    def change(inputs, day):
        known = int((day - onset) / DAY) + 1 + ahead
        if known <= 0:
            return inputs
        values = inputs[name].copy()
        known = min(known, values.shape[1] - 1)
        values[:, -known:] = spoil(values[:, -known:], values[:, -known - 1, -1])
        return {**inputs, name: values}

    return change


def warmer(values, _last):
    return values + 8


def frozen(values, last):
    return np.broadcast_to(last[:, np.newaxis, np.newaxis], values.shape)


def holes(values, _last):
    """Three hours in ten, the same ones each day."""
    return np.where(np.arange(24) % 10 < 3, np.nan, values)


def in_watt_hours(values, _last):
    return values * 1000


@pytest.mark.parametrize("month", [2, 5, 8, 11])
@pytest.mark.parametrize(
    ("name", "spoil", "ahead", "cause", "most_days"),
    [
        ("temperature_celsius", warmer, 1, "psi", 26),
        ("temperature_celsius", frozen, 1, "stuck", 3),
        ("load_kwh", frozen, -1, "stuck", 4),
        ("load_kwh", holes, -1, "missing", 21),
        ("load_kwh", in_watt_hours, -1, "outside", 4),
    ],
)
def test_a_sensor_that_lies_is_found(town, month, name, spoil, ahead, cause, most_days):
    """The right input is named for the right reason, not before the fault can be seen.

    A weather forecast for the day when the sensor fails is there one day before.
    """
    usual, examples = town
    onset, near = onset_of(examples, month)
    found = alarms(usual, near, fault(name, onset, spoil, ahead))
    days = [day for day, causes in found.items() if any(cause in why for _, why in causes)]
    assert days, f"{name} {cause} was not found"
    assert onset - max(0, ahead) <= min(days) < onset + most_days
    assert {item for item, _ in found[min(days)]} == {name}


def test_a_year_of_waste_containers_is_usual_and_a_fleet_gone_silent_is_not():
    usual, examples = split("waste_collection", "overflow")
    assert alarms(usual, examples, every=3) == {}

    def silent(inputs, _day):
        levels = inputs["level_percent"].copy()
        levels[:, ::2] = np.nan
        return {**inputs, "level_percent": levels}

    found = alarms(usual, examples.take(slice(0, 1000)), silent, every=3)
    assert ("level_percent", ("missing",)) in found[min(found)]
