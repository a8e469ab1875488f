"""The frozen records refuse what is off, and say the legal range."""

from dataclasses import FrozenInstanceError, replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from common.lab.usecase import Field, Period, Source, Split


def test_a_source_without_a_hash_is_refused():
    with pytest.raises(UsageError, match="64 lower-case hexadecimal digits"):
        Source("counts", "", "", "", "", {"a.csv": "abc"}, "", "")


def test_a_period_runs_forward():
    with pytest.raises(UsageError, match="start before stop"):
        Period(date(2022, 1, 1), date(2022, 1, 1))
    assert str(Period(date(2022, 1, 1), date(2022, 1, 3))) == "2022-01-01..2022-01-03"


def test_folds_grow_and_meet():
    """Each origin's score period runs to the next origin, the last to the test."""
    first, second, test = date(2021, 1, 1), date(2021, 7, 1), date(2022, 1, 1)
    split = Split(date(2019, 3, 1), (first, second), Period(test, date(2023, 1, 1)))
    assert split.folds() == [
        (Period(date(2019, 3, 1), first), Period(first, second)),
        (Period(date(2019, 3, 1), second), Period(second, test)),
    ]
    assert split.final() == (Period(date(2019, 3, 1), test), split.test)


@pytest.mark.parametrize("origins", [(), (date(2018, 1, 1),), (date(2021, 7, 1),) * 2])
def test_origins_out_of_order_are_refused(origins):
    with pytest.raises(UsageError, match="at least one origin"):
        Split(date(2019, 3, 1), origins, Period(date(2022, 1, 1), date(2023, 1, 1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"valid": np.ones(3, bool)}, "valid has 3 rows"),
        ({"units": {}}, "a unit for each"),
        ({"name": "toy"}, "name that starts with SIMULATED"),
        ({"simulated": False}, "name that starts with SIMULATED"),
    ],
)
def test_a_data_set_that_contradicts_itself_is_refused(toy_dataset, change, message):
    with pytest.raises(UsageError, match=message):
        replace(toy_dataset, **change)


def test_local_times_are_refused(toy_dataset):
    """Hourly data in local time lose an hour a year."""
    with pytest.raises(UsageError, match="UTC, aware"):
        replace(toy_dataset, times=toy_dataset.times.tz_convert("Europe/Paris"))
    with pytest.raises(UsageError, match="UTC, aware"):
        replace(toy_dataset, times=toy_dataset.times.tz_localize(None))


def test_the_digest_sees_every_part(toy_dataset):
    """A value, a mask bit, a name, an hour, an extra: each alone gives another digest."""
    values, valid = toy_dataset.columns["visits"].copy(), toy_dataset.valid.copy()
    values[7] += 1
    valid[7] = False
    digests = {
        toy_dataset.digest,
        replace(toy_dataset, columns={"visits": values}).digest,
        replace(toy_dataset, valid=valid).digest,
        replace(toy_dataset, times=toy_dataset.times + pd.Timedelta("1h")).digest,
        replace(toy_dataset, groups=toy_dataset.groups.rename_categories(["a", "b", "c"])).digest,
        replace(toy_dataset, extras={"sites": pd.DataFrame({"x": [1]})}).digest,
    }
    assert len(digests) == 6
    assert replace(toy_dataset, name="SIMULATED other").digest in digests  # a name is no datum


def test_a_field_has_an_axis_for_the_rows():
    with pytest.raises(UsageError, match='leading "n"'):
        Field("load_kwh", "float32", (24,), "kWh", "")


def test_a_rung_has_state_exactly_where_it_is_fitted_per_site(toy):
    plain = toy.tasks[0].rungs[0]
    with pytest.raises(UsageError, match="state function for per_site"):
        replace(plain, scope="per_site")
    with pytest.raises(UsageError, match="state function for per_site"):
        replace(plain, state=lambda _dataset, _examples: {})


def test_a_ladder_that_begins_with_ai_is_refused(toy):
    task = toy.tasks[0]
    with pytest.raises(UsageError, match="a rung without AI first"):
        replace(task, rungs=task.rungs[::-1])


@pytest.mark.parametrize("margin", [0.0, 0.6])
def test_a_margin_out_of_range_is_refused(toy, margin):
    with pytest.raises(UsageError, match=r"in \(0, 0.5\]"):
        replace(toy.tasks[0], margin=margin)


def test_tasks_are_found_by_id_and_the_first_by_default(toy):
    assert toy.task(None) is toy.task("visits")
    with pytest.raises(UsageError, match="one of visits"):
        toy.task("loans")


def test_examples_are_taken_by_rows_and_brought_to_slots(toy, toy_dataset):
    """Slot 1 reads output 1; slot -1 (no such hour) reads output 0 and has no target."""
    task = toy.tasks[0]
    examples = task.examples(toy_dataset, task.split.test)
    few = examples.take(np.array([3, 0]))
    assert len(few) == 2
    assert few.days[1] == examples.days[0]
    assert np.array_equal(few.inputs["visits"][0], examples.inputs["visits"][3], equal_nan=True)
    swapped = replace(few, slots=np.array([[1, 0], [-1, 1]]))
    assert swapped.on_slots(np.array([[10, 20], [30, 40]])).tolist() == [[20, 10], [30, 40]]


def test_records_are_frozen(toy):
    with pytest.raises(FrozenInstanceError):
        toy.name = "other"
