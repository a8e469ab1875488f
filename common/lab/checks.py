"""What must hold for any use case, generated over its tasks: the tests that a new one finds ready.

After ``river.checks.yield_checks``: a check is a function of a small simulated `Specimen` (or
of the use case alone) whose docstring states the property; it raises ConformanceError.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from common.lab import declarations, graph
from common.lab.declarations import require
from common.lab.parity import MAX_ERROR_OVER_SPREAD, ROUNDING_ULPS
from common.lab.sealing import check_bundle_opens_on_the_edge
from common.lab.specimen import Specimen, adversaries
from common.lab.usecase import (
    Answer,
    Array,
    Dataset,
    Examples,
    Features,
    Fitted,
    Rung,
    Task,
    UseCase,
)

__all__ = [
    "Check",
    "check_calibration_looks_back",
    "check_contributions_add_up",
    "check_examples_are_pure",
    "check_features_are_pure",
    "check_graph_equals_its_library",
    "check_legal_inputs_give_finite_outputs",
    "check_losses_are_aligned",
    "check_no_look_ahead",
    "check_no_look_ahead_in_weather",
    "check_row_alone_equals_row_in_batch",
    "check_same_seed_same_bytes",
    "yield_checks",
]

IDENTICAL_SHARE = 0.999
"""Share of matrix values that must not change a bit between one row and a batch: measured
1.0 on building_energy; matrix products alone may differ by a last bit (DESIGN 2.1)."""

FORECAST_WORD = "prévu"
"""An input whose French meaning says this may depend on what comes after the issue time."""


@dataclass(frozen=True)
class Check:
    """A property of a use case, or of one of its tasks, ready to be called.

    Parameters
    ----------
    name
        ``check_...``.
    usecase, task
        Where it is looked for; task ``*`` for the use case as a whole.
    run
        Raises ConformanceError where the property does not hold.
    claim
        The property, one line.
    """

    name: str
    usecase: str
    task: str
    run: Callable[[], None]
    claim: str

    def __str__(self) -> str:
        return f"{self.usecase}-{self.task}-{self.name.removeprefix('check_')}"


def yield_checks(usecase: UseCase) -> Iterator[Check]:
    """Yield every check of a use case; a task's checks share one specimen.

    Parameters
    ----------
    usecase
        Any of ``usecases.discover()``.
    """
    for function in USECASE_CHECKS:
        yield _check(function, usecase, "*", usecase)
    for task in usecase.tasks:
        specimen = Specimen(usecase, task)
        for function_of_task in TASK_CHECKS:
            yield _check(function_of_task, usecase, task.id, specimen)


def _check(function: Callable[[Any], None], usecase: UseCase, task: str, given: object) -> Check:
    claim = (function.__doc__ or "").splitlines()[0]
    return Check(function.__name__, usecase.name, task, lambda: function(given), claim)


def check_features_are_pure(specimen: Specimen) -> None:
    """Features leave their inputs as they were and give the same values twice."""
    inputs = _arrays(specimen.examples.inputs)
    before = {name: values.copy() for name, values in inputs.items()}
    first, second = (specimen.task.features(np, inputs) for _ in range(2))
    _same(inputs, before, "an input changed by features()")
    _same(first.columns, second.columns, "other columns at the second call")
    _same(first.context, second.context, "another context at the second call")
    missing = {term.name for term in specimen.task.terms} - set(first.columns)
    require(not missing, f"no column for {sorted(missing)}", "a column for every term")


def check_examples_are_pure(specimen: Specimen) -> None:
    """Examples leave the data set as it was and are the same twice."""
    before = specimen.dataset.digest()
    again = specimen.task.examples(specimen.dataset, specimen.score_period)
    require(specimen.dataset.digest() == before, "data set changed by examples()", "untouched")
    _same(again.inputs, specimen.examples.inputs, "other inputs at the second call")
    _same({"target": again.target}, {"target": specimen.examples.target}, "other targets")


def check_row_alone_equals_row_in_batch(specimen: Specimen) -> None:
    """A row's features and forecast do not depend on its neighbours in the request.

    Features: at least `IDENTICAL_SHARE` of the values bit-identical after rounding to
    their grids. Outputs: within 1e-5 of their spread, as matrix products may differ by a
    last bit with the number of rows.
    """
    rows = specimen.examples.take(slice(None, None, 4))
    batch, alone = _batch_and_alone(specimen.feature_session, rows.inputs)
    identical = float((batch["matrix"] == alone["matrix"]).mean())
    require(
        identical >= IDENTICAL_SHARE,
        f"{identical:.2%} of the features identical alone and in a batch",
        f"at least {IDENTICAL_SHARE:.1%}",
    )
    for rung in specimen.task.rungs:
        opened = graph.session(specimen.model(rung))
        batch, alone = _batch_and_alone(opened, specimen.inputs(rung, rows))
        _close(rung, "one row", alone, batch)


def check_no_look_ahead(specimen: Specimen) -> None:
    """Replacing all measurements after the issue time by NaN or noise changes no input bit.

    Nor a bit of the per-site state, which is known at issue time too.
    """
    for issued in _cutoffs(specimen.examples):
        for filling in ("unknown", "noise"):
            changed = _after(specimen.dataset, issued, filling)
            for rung in _rungs_by_inputs(specimen):
                _check_unchanged(specimen, rung, changed, issued, frozenset())


def check_no_look_ahead_in_weather(specimen: Specimen) -> None:
    """Time-indexed extras after the issue time reach the inputs only as a declared forecast.

    Altered from the issue time on, only inputs whose French meaning says « prévu » may
    change, and none in a track called ``t0`` (no forecast). Altered from two days after
    the target day on, nothing may change at all.
    """
    task, dataset = specimen.task, specimen.dataset
    forecasts = frozenset(item.name for item in task.inputs if FORECAST_WORD in item.meaning)
    without = [track.examples for track in task.tracks if track.name == "t0" and track.examples]
    for issued in _cutoffs(specimen.examples):
        day = specimen.examples.days[specimen.examples.issued == issued].max()
        beyond = (day + np.timedelta64(2, "D")).astype("datetime64[s]")
        for filling in ("unknown", "noise"):
            at_issue, later = (_extras_after(dataset, when, filling) for when in (issued, beyond))
            for rung in _rungs_by_inputs(specimen):
                _check_unchanged(specimen, rung, at_issue, issued, forecasts)
                _check_unchanged(specimen, rung, later, issued, frozenset())
            for make in without:
                blind = replace(specimen, task=replace(task, examples=make))
                _check_unchanged(blind, task.rungs[0], at_issue, issued, frozenset())


def check_calibration_looks_back(specimen: Specimen) -> None:
    """A row's calibrated state does not depend on targets of its issue day or later."""
    task, examples, rung = specimen.task, specimen.examples, specimen.task.rungs[0]
    if task.calibrate is None or task.default_state is None:
        return
    outputs = specimen.outputs(rung, specimen.inputs(rung, examples))
    default = task.default_state(examples, outputs)
    before = task.calibrate(examples, outputs, default)
    for issued in _cutoffs(examples):
        early = examples.issued <= issued
        late = examples.days >= _civil_day(issued, specimen.dataset.timezone)
        for filling in ("unknown", "noise"):
            target = _filled(examples.target, late, filling)
            after = task.calibrate(replace(examples, target=target), outputs, default)
            kept = {name: values[early] for name, values in before.items()}
            found = {name: values[early] for name, values in after.items()}
            _same(found, kept, f"targets from {issued} on change the state known by then")


def check_same_seed_same_bytes(specimen: Specimen) -> None:
    """Two fits of a rung on the same lines with the same seed give the same graph, byte by byte."""
    for rung in specimen.one_of_each_kind():
        again = graph.assemble(specimen.task, rung, rung.fit(specimen.training))
        require(
            again.SerializeToString() == specimen.model(rung),
            f"rung {rung.name}: two fits with seed {specimen.seed} differ",
            "the same bytes",
        )


def check_contributions_add_up(specimen: Specimen) -> None:
    """Baseline plus contributions is the task's first output, wherever that is not clipped."""
    main = specimen.task.outputs[0]
    for rung in specimen.task.rungs:
        inputs = specimen.inputs(rung, specimen.examples)
        for family, values in adversaries(specimen.task, inputs, specimen.seed):
            outputs = specimen.outputs(rung, values)
            total = outputs["baseline"] + outputs["contributions"].sum(axis=-1)
            free = np.ones(total.shape, dtype=bool)
            free &= main.low is None or outputs[main.name] > main.low
            free &= main.high is None or outputs[main.name] < main.high
            error = np.abs(total - outputs[main.name])[free].max(initial=0.0)
            allowed = _allowed(outputs[main.name], outputs["contributions"])
            require(
                error <= allowed,
                f"rung {rung.name}, {family}: baseline plus contributions is {error:.2g} off",
                f"at most {allowed:.2g}",
            )


def check_graph_equals_its_library(specimen: Specimen) -> None:
    """From raw adversarial inputs, the one graph gives what features, library and finish give.

    The reference path runs the traced features, the fitting library's own prediction
    (`Fitted.reference`, or the head in numpy where nothing was fitted) and ``finish`` in
    numpy; both agree within 1e-5 of the output's spread, plus float32 rounding.
    """
    for rung in specimen.task.rungs:
        inputs = specimen.inputs(rung, specimen.examples)
        for family, values in adversaries(specimen.task, inputs, specimen.seed):
            expected = _reference_outputs(specimen, rung, values)
            _close(rung, family, specimen.outputs(rung, values), expected)


def check_legal_inputs_give_finite_outputs(specimen: Specimen) -> None:
    """Any legal input gives finite outputs in their range, bounds and quantiles in order."""
    for rung in specimen.task.rungs:
        inputs = specimen.inputs(rung, specimen.examples)
        for family, values in adversaries(specimen.task, inputs, specimen.seed):
            outputs = specimen.outputs(rung, values)
            _check_in_range(specimen.task, f"rung {rung.name}, {family}", outputs)


def check_losses_are_aligned(specimen: Specimen) -> None:
    """Losses are finite and not negative, one unit and block each; every metric gives a figure."""
    task, examples = specimen.task, specimen.examples
    scale = task.scale(task.examples(specimen.dataset, specimen.fit_period))
    for rung in specimen.one_of_each_kind():
        outputs = specimen.outputs(rung, specimen.inputs(rung, examples))
        unit, block, loss = task.unit_losses(examples, outputs)
        require(
            len(unit) == len(block) == len(loss) and np.isfinite(loss).any(),
            f"rung {rung.name}: {len(unit)} units, {len(block)} blocks, {len(loss)} losses",
            "as many of each, some of them known",
        )
        require(np.nanmin(loss) >= 0, f"a loss of {np.nanmin(loss)}", "at least 0")
        scored = task.scored(examples, outputs, scale)
        for metric in task.metrics:
            known = np.isfinite(metric.compute(scored)).any()
            require(known, f"rung {rung.name}: {metric.name} is undefined", "a figure")


USECASE_CHECKS: tuple[Callable[[UseCase], None], ...] = (
    declarations.check_sources_are_complete,
    declarations.check_limits_are_stated,
)
TASK_CHECKS: tuple[Callable[[Specimen], None], ...] = (
    declarations.check_ladder_starts_without_ai,
    declarations.check_fields_are_described,
    declarations.check_terms_are_labelled,
    declarations.check_simulator_is_seeded_and_labelled,
    declarations.check_split_is_covered,
    check_features_are_pure,
    check_examples_are_pure,
    check_row_alone_equals_row_in_batch,
    check_no_look_ahead,
    check_no_look_ahead_in_weather,
    check_calibration_looks_back,
    check_same_seed_same_bytes,
    check_contributions_add_up,
    check_graph_equals_its_library,
    check_legal_inputs_give_finite_outputs,
    check_losses_are_aligned,
    check_bundle_opens_on_the_edge,
)


def _arrays(values: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(array) for name, array in values.items()}


def _same(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    for name, values in expected.items():
        same = np.array_equal(_bits(found[name]), _bits(values))
        require(same, f"{what}: {name}", "the same bits")


def _bits(values: Any) -> Array:
    array = np.ascontiguousarray(values)
    bits: Array = array.view(np.uint8) if array.dtype.kind == "f" and array.ndim else array
    return bits


def _batch_and_alone(opened: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    batch = graph.run(opened, inputs)
    n_rows = len(next(iter(inputs.values())))
    rows = [
        graph.run(opened, {name: values[row : row + 1] for name, values in inputs.items()})
        for row in range(n_rows)
    ]
    return batch, {name: np.concatenate([row[name] for row in rows]) for name in batch}


def _allowed(values: Array, contributions: Array) -> float:
    """Return 1e-5 of the spread plus what float32 sums of these magnitudes may lose."""
    magnitude = np.abs(values).max() + np.abs(contributions).sum(axis=-1).max()
    spread = float(values.std())
    return float(MAX_ERROR_OVER_SPREAD * spread + ROUNDING_ULPS * 2.0**-24 * magnitude) + 1e-12


def _close(rung: Rung, what: str, found: Mapping[str, Array], expected: Mapping[str, Any]) -> None:
    for name, values in found.items():
        error = float(np.abs(values.astype(np.float64) - expected[name]).max())
        allowed = _allowed(values, found["contributions"])
        require(
            error <= allowed,
            f"rung {rung.name}, {what}: {name} is {error:.2g} off",
            f"at most {allowed:.2g}",
        )


def _reference_outputs(specimen: Specimen, rung: Rung, inputs: Mapping[str, Array]) -> Any:
    produced = graph.run(specimen.feature_session, inputs)
    matrix = produced.pop("matrix")
    fitted = specimen.fitted(rung)
    known = {**inputs, **produced}
    raw, contributions = _head_outputs(specimen.task, fitted.point, matrix, known)
    if fitted.reference is not None:
        lines = _lines(specimen.task, fitted, matrix)
        raw = fitted.reference(lines).reshape(raw.shape)
    spread = None
    if fitted.spread is not None:
        spread, _ = _head_outputs(specimen.task, fitted.spread, matrix, known)
    context = {name.removeprefix("context_"): values for name, values in produced.items()}
    answer = Answer(raw, contributions, fitted.point.baseline, spread)
    return specimen.task.finish(np, inputs, Features({}, context), answer)


def _lines(task: Task, fitted: Fitted, matrix: Array) -> Array:
    columns = [place for place, term in enumerate(task.terms) if term.name in fitted.point.reads]
    return matrix[:, :, columns].reshape(-1, len(columns))


def _head_outputs(
    task: Task, head: Any, matrix: Array, inputs: Mapping[str, Array]
) -> tuple[Array, Array]:
    columns = [place for place, term in enumerate(task.terms) if term.name in head.reads]
    n_rows, n_steps, _ = matrix.shape
    lines = matrix[:, :, columns].reshape(-1, len(columns)) if columns else None
    raw, contributions = head(np, lines, inputs)
    shape = (n_rows, n_steps)
    return np.reshape(raw, shape), np.reshape(contributions, (*shape, len(head.terms)))


def _check_in_range(task: Task, where: str, outputs: Mapping[str, Array]) -> None:
    for item in task.outputs:
        values = outputs[item.name]
        require(np.isfinite(values).all(), f"{where}: {item.name} is not finite", "numbers")
        low = -np.inf if item.low is None else item.low
        high = np.inf if item.high is None else item.high
        inside = ((low <= values) & (values <= high)).all()
        require(inside, f"{where}: {item.name} out of range", f"[{low}, {high}]")
    if {"lower", "upper"} <= set(outputs):
        require((outputs["lower"] <= outputs["upper"]).all(), f"{where}: lower > upper", "order")
    if "quantiles" in outputs:
        ordered = (np.diff(outputs["quantiles"], axis=-1) >= 0).all()
        require(ordered, f"{where}: quantiles cross", "quantiles in order")


def _cutoffs(examples: Examples) -> list[np.datetime64]:
    """Return an early and a late issue time."""
    times = np.unique(examples.issued)
    return [times[len(times) // 3], times[-2]]


def _civil_day(issued: np.datetime64, timezone: str) -> np.datetime64:
    import pandas as pd

    local = pd.Timestamp(issued, tz="UTC").tz_convert(timezone)
    return np.datetime64(local.date(), "D")


def _rungs_by_inputs(specimen: Specimen) -> list[Rung]:
    """Return the first rung and every one with inputs of its own."""
    return [
        rung for place, rung in enumerate(specimen.task.rungs) if not place or rung.state_fields
    ]


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
        if isinstance(table.index, pd.DatetimeIndex):
            late = table.index >= pd.Timestamp(when, tz="UTC")
            extras[name] = table.apply(
                lambda column, late=late: _filled(column.to_numpy(), late, filling)
            )
    return replace(dataset, extras=extras)


def _check_unchanged(
    specimen: Specimen,
    rung: Rung,
    changed: Dataset,
    issued: np.datetime64,
    free: frozenset[str],
) -> None:
    """Hold the inputs of rows issued by ``issued`` against those of the untouched data."""
    task = specimen.task
    until = replace(specimen.score_period, stop=_last_day(specimen.examples, issued))
    rows = specimen.examples.take(specimen.examples.issued <= issued)
    altered = task.examples(changed, until)
    require(
        np.array_equal(rows.units, altered.units) and np.array_equal(rows.issued, altered.issued),
        f"{len(altered)} rows issued by {issued} once later data are altered",
        f"the same {len(rows)} rows",
    )
    before = specimen.inputs(rung, rows)
    after = specimen.inputs(rung, altered, changed)
    kept = {name: values for name, values in before.items() if name not in free}
    _same(after, kept, f"data after the issue time change the input of {rung.name}")


def _last_day(examples: Examples, issued: np.datetime64) -> Any:
    """Return the day after the last target day of the rows issued by then."""
    last: Any = examples.days[examples.issued <= issued].max().astype("datetime64[D]").item()
    return last + timedelta(days=1)
