"""Conformance in time: nothing that comes after the issue time may reach an input."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np

from common.lab.checks.declarations import require
from common.lab.checks.specimen import Specimen, same_bits
from common.lab.usecase import Array, Dataset, Examples, Period

__all__ = [
    "check_calibration_looks_back",
    "check_no_look_ahead",
    "check_no_look_ahead_in_weather",
]

FORECAST_WORD = "prévu"
"""An input whose French meaning says this may depend on what comes after the issue time."""

FILLINGS = ("unknown", "noise")
"""What later data are replaced by: NaN, which is often masked away, and noise, which is not."""

Make = Callable[[Dataset, Period], Examples]


def check_no_look_ahead(specimen: Specimen) -> None:
    """Replace all measurements from the issue time on by NaN or noise: no input bit changes.

    Nor a bit of the per-site state, which is known at issue time too.
    """
    make = specimen.task.examples
    for issued in _cutoffs(specimen.examples):
        for filling in FILLINGS:
            changed = _after(specimen.dataset, issued, filling)
            altered = _check_unchanged(specimen, make, changed, issued, frozenset())
            _check_state_unchanged(specimen, changed, altered)


def check_no_look_ahead_in_weather(specimen: Specimen) -> None:
    """Replace later rows of the extras: they reach the inputs only as a declared forecast.

    Altered from the issue time on, only inputs whose French meaning says « prévu » may
    change, and none in a track called ``t0`` (no forecast). Altered from two days after
    the target day on, nothing may change at all.
    """
    task, dataset = specimen.task, specimen.dataset
    forecasts = frozenset(item.name for item in task.inputs if FORECAST_WORD in item.meaning)
    blind = [track.examples for track in task.tracks if track.name == "t0" and track.examples]
    for issued in _cutoffs(specimen.examples):
        day = specimen.examples.days[specimen.examples.issued == issued].max()
        beyond = (day + np.timedelta64(2, "D")).astype("datetime64[s]")
        for filling in FILLINGS:
            at_issue = _extras_after(dataset, issued, filling)
            altered = _check_unchanged(specimen, task.examples, at_issue, issued, forecasts)
            _check_state_unchanged(specimen, at_issue, altered)
            later = _extras_after(dataset, beyond, filling)
            _check_unchanged(specimen, task.examples, later, issued, frozenset())
            for make in blind:
                _check_unchanged(specimen, make, at_issue, issued, frozenset())


def check_calibration_looks_back(specimen: Specimen) -> None:
    """Replace targets of the issue day and later: a row's calibrated state does not change."""
    task, examples, rung = specimen.task, specimen.examples, specimen.task.rungs[0]
    if task.calibrate is None or task.default_state is None:
        return
    outputs = specimen.outputs(rung, specimen.inputs(rung))
    default = task.default_state(examples, outputs)
    before = task.calibrate(examples, outputs, default)
    for issued in _cutoffs(examples):
        early = examples.issued <= issued
        late = examples.days >= _civil_day(issued, specimen.dataset.timezone)
        for filling in FILLINGS:
            target = _filled(examples.target, late, filling)
            after = task.calibrate(replace(examples, target=target), outputs, default)
            kept = {name: values[early] for name, values in before.items()}
            found = {name: values[early] for name, values in after.items()}
            same_bits(found, kept, f"targets from {issued} on change the state known by then")


def _cutoffs(examples: Examples) -> list[np.datetime64]:
    """Return an early and a late issue time."""
    times = np.unique(examples.issued)
    return [times[len(times) // 3], times[-2]]


def _civil_day(issued: np.datetime64, timezone: str) -> np.datetime64:
    import pandas as pd

    local = pd.Timestamp(issued, tz="UTC").tz_convert(timezone)
    return np.datetime64(local.date(), "D")


def _filled(values: Array, late: Array, filling: str) -> Array:
    """Return a copy whose late values are unknown, or noise a thousand times too large."""
    altered = np.array(values)
    if altered.dtype.kind != "f":
        return altered
    noise = np.random.default_rng(11).normal(0, 1000, altered.shape)
    altered[late] = np.nan if filling == "unknown" else noise[late]
    return altered


def _after(dataset: Dataset, issued: np.datetime64, filling: str) -> Dataset:
    late = dataset.times.as_unit("s").asi8 >= issued.astype("datetime64[s]").astype(np.int64)
    columns = {name: _filled(values, late, filling) for name, values in dataset.columns.items()}
    valid = np.where(late, filling == "noise", dataset.valid)
    return replace(dataset, columns=columns, valid=valid)


def _extras_after(dataset: Dataset, when: np.datetime64, filling: str) -> Dataset:
    import pandas as pd

    extras = dict(dataset.extras)
    for name, table in extras.items():
        if not isinstance(table.index, pd.DatetimeIndex):
            continue
        late = np.asarray(table.index >= pd.Timestamp(when, tz="UTC"))
        columns = {key: _filled(table[key].to_numpy(), late, filling) for key in table.columns}
        extras[name] = pd.DataFrame(columns, index=table.index)
    return replace(dataset, extras=extras)


def _check_unchanged(
    specimen: Specimen, make: Make, changed: Dataset, issued: np.datetime64, free: frozenset[str]
) -> Examples:
    """Hold the inputs of rows issued by ``issued`` against those of the untouched data."""
    whole = make(specimen.dataset, specimen.score_period)
    rows = whole.take(whole.issued <= issued)
    last: Any = rows.days.max().astype("datetime64[D]").item()
    until = replace(specimen.score_period, stop=last + timedelta(days=1))
    altered = make(changed, until)
    altered = altered.take(altered.issued <= issued)
    require(
        np.array_equal(rows.units, altered.units) and np.array_equal(rows.issued, altered.issued),
        f"{len(altered)} rows issued by {issued} once later data are altered",
        f"the same {len(rows)} rows",
    )
    kept = {name: values for name, values in rows.inputs.items() if name not in free}
    same_bits(altered.inputs, kept, f"data from {issued} on change an input known by then")
    return altered


def _check_state_unchanged(specimen: Specimen, changed: Dataset, altered: Examples) -> None:
    known = np.isin(specimen.examples.issued, altered.issued)
    for rung in specimen.task.rungs:
        if rung.state is not None:
            expected = specimen.inputs(rung)
            names = [item.name for item in rung.state_fields]
            before = {name: expected[name][known] for name in names}
            found = rung.state(changed, altered)
            same_bits(found, before, f"later data change the state of {rung.name}")
