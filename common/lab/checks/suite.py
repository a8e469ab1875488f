"""What must hold for any use case, generated over its tasks: the tests that a new one finds ready.

After ``river.checks.yield_checks``: a check is a function of a small simulated `Specimen` (or
of the use case alone) whose docstring states the property; it raises ConformanceError.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from common.lab import graph
from common.lab.checks import declarations, lookahead
from common.lab.checks.declarations import require
from common.lab.checks.sealing import check_bundle_opens_on_the_edge
from common.lab.checks.specimen import Specimen, same_bits
from common.lab.graph.assembly import answered
from common.lab.graph.parity import MAX_ERROR_OVER_SPREAD, ROUNDING_ULPS
from common.lab.usecase import (
    Answer,
    Array,
    Features,
    Fitted,
    Rung,
    Task,
    UseCase,
)

__all__ = [
    "Check",
    "check_contributions_add_up",
    "check_examples_are_pure",
    "check_features_are_pure",
    "check_graph_equals_its_library",
    "check_legal_inputs_give_finite_outputs",
    "check_losses_are_aligned",
    "check_row_alone_equals_row_in_batch",
    "check_same_seed_same_bytes",
    "yield_checks",
]

IDENTICAL_SHARE = 0.999
"""Share of matrix values that must not change a bit between one row and a batch. Measured:
1.0 on electricity, 0.9992 on gas; a value on the edge of its grid may fall either way, as sums
and matrix products differ by a last bit with the number of rows (DESIGN 2.1)."""

ROWS_ALONE = 128
"""Rows that are run together, then alone: as many as onnxruntime is given at once."""


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
    others
        Whether it is looked for in the rungs that are not the first of their kind: the same
        code with other terms, for which a quick suite may lack the time.
    """

    name: str
    usecase: str
    task: str
    run: Callable[[], None]
    claim: str
    others: bool = False

    def __str__(self) -> str:
        plain = f"{self.usecase}-{self.task}-{self.name.removeprefix('check_')}"
        return f"{plain}-other_rungs" if self.others else plain


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
        yield from _rung_checks(usecase, specimen)


def _check(function: Callable[[Any], None], usecase: UseCase, task: str, given: object) -> Check:
    return Check(function.__name__, usecase.name, task, lambda: function(given), _claim(function))


def _rung_checks(usecase: UseCase, specimen: Specimen) -> Iterator[Check]:
    """Yield the checks of rungs: the first of each kind, then the others where there are some."""
    task = specimen.task
    first = specimen.one_of_each_kind()
    others = [rung for rung in task.rungs if rung not in first]
    for function in RUNG_CHECKS:
        for rungs in filter(None, (first, others)):
            run = partial(function, specimen, rungs)
            claim = _claim(function)
            yield Check(function.__name__, usecase.name, task.id, run, claim, rungs is others)


def _claim(function: Callable[..., None]) -> str:
    return (function.__doc__ or "").splitlines()[0]


def check_features_are_pure(specimen: Specimen) -> None:
    """Features leave their inputs as they were and give the same values twice."""
    inputs = _arrays(specimen.examples.inputs)
    before = {name: values.copy() for name, values in inputs.items()}
    first, second = (specimen.task.features(np, inputs) for _ in range(2))
    same_bits(inputs, before, "an input changed by features()")
    same_bits(first.columns, second.columns, "other columns at the second call")
    same_bits(first.context, second.context, "another context at the second call")
    missing = {term.name for term in specimen.task.terms} - set(first.columns)
    require(not missing, f"no column for {sorted(missing)}", "a column for every term")


def check_examples_are_pure(specimen: Specimen) -> None:
    """Examples leave the data set as it was and are the same twice."""
    before = specimen.dataset.digest
    again = specimen.task.examples(specimen.dataset, specimen.score_period)
    now = replace(specimen.dataset).digest  # a copy: the first digest is remembered
    require(now == before, "data set changed by examples()", "untouched")
    same_bits(again.inputs, specimen.examples.inputs, "other inputs at the second call")
    same_bits({"target": again.target}, {"target": specimen.examples.target}, "other targets")


def check_row_alone_equals_row_in_batch(
    specimen: Specimen, rungs: Sequence[Rung] | None = None
) -> None:
    """Hold that a row's features and forecast do not depend on the rows beside it.

    Features: at least `IDENTICAL_SHARE` of the values bit-identical after rounding to
    their grids. Outputs, where the features agree: within 1e-5 of their spread, as sums
    and matrix products may differ by a last bit with the number of rows.
    """
    batch, alone = _batch_and_alone(specimen.feature_session, specimen.examples.inputs)
    identical = batch["matrix"] == alone["matrix"]
    require(
        identical.mean() >= IDENTICAL_SHARE,
        f"{identical.mean():.2%} of the features identical alone and in a batch",
        f"at least {IDENTICAL_SHARE:.1%}",
    )
    agreed = identical.all(axis=2)
    for rung in rungs or specimen.task.rungs:
        opened = graph.session(specimen.model(rung))
        batch, alone = _batch_and_alone(opened, specimen.inputs(rung))
        _close(rung, "one row", _where(alone, agreed), _where(batch, agreed))


def check_same_seed_same_bytes(specimen: Specimen) -> None:
    """Two fits of a rung on the same lines with the same seed give the same graph, byte by byte."""
    for rung in specimen.one_of_each_kind():
        again = graph.assemble(specimen.task, rung, rung.fit(specimen.training))
        require(
            again.SerializeToString() == specimen.model(rung),
            f"rung {rung.name}: two fits with seed {specimen.seed} differ",
            "the same bytes",
        )


def check_contributions_add_up(specimen: Specimen, rungs: Sequence[Rung] | None = None) -> None:
    """Baseline plus contributions is the task's first output, wherever that is not clipped."""
    main = specimen.task.outputs[0]
    for rung in rungs or specimen.task.rungs:
        for family, _, outputs in specimen.tried(rung):
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


def check_graph_equals_its_library(specimen: Specimen, rungs: Sequence[Rung] | None = None) -> None:
    """From raw adversarial inputs, the one graph gives what features, library and finish give.

    The reference path runs the traced features, the fitting library's own prediction
    (`Fitted.reference`, or the head in numpy where nothing was fitted) and ``finish`` in
    numpy; both agree within 1e-5 of the output's spread, plus float32 rounding.
    """
    for rung in rungs or specimen.task.rungs:
        for family, values, outputs in specimen.tried(rung):
            _close(rung, family, outputs, _reference_outputs(specimen, rung, values))


def check_legal_inputs_give_finite_outputs(
    specimen: Specimen, rungs: Sequence[Rung] | None = None
) -> None:
    """Any legal input gives finite outputs in their range, bounds and quantiles in order."""
    for rung in rungs or specimen.task.rungs:
        for family, _, outputs in specimen.tried(rung):
            _check_in_range(specimen.task, f"rung {rung.name}, {family}", outputs)


def check_losses_are_aligned(specimen: Specimen) -> None:
    """Losses are finite and not negative, one unit and block each; every metric gives a figure."""
    task, examples = specimen.task, specimen.examples
    scale = task.scale(task.examples(specimen.dataset, specimen.fit_period))
    for rung in specimen.one_of_each_kind():
        outputs = specimen.outputs(rung, specimen.inputs(rung))
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
    lookahead.check_no_look_ahead,
    lookahead.check_no_look_ahead_in_weather,
    lookahead.check_calibration_looks_back,
    check_same_seed_same_bytes,
    check_losses_are_aligned,
    check_bundle_opens_on_the_edge,
)
RUNG_CHECKS: tuple[Callable[[Specimen, Sequence[Rung]], None], ...] = (
    check_row_alone_equals_row_in_batch,
    check_contributions_add_up,
    check_graph_equals_its_library,
    check_legal_inputs_give_finite_outputs,
)


def _arrays(values: Mapping[str, Any]) -> dict[str, Array]:
    return {name: np.asarray(array) for name, array in values.items()}


def _where(outputs: Mapping[str, Array], agreed: Array) -> dict[str, Array]:
    """Keep the steps, or for outputs that have none the whole rows, where features agreed."""
    rows = agreed.all(axis=1)
    return {
        name: values[agreed] if values.shape[:2] == agreed.shape else values[rows]
        for name, values in outputs.items()
    }


def _batch_and_alone(opened: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Run rows from first to last together, then each alone."""
    n_rows = len(next(iter(inputs.values())))
    spread = np.unique(np.linspace(0, n_rows - 1, ROWS_ALONE).astype(np.int64))
    few = {name: values[spread] for name, values in inputs.items()}
    batch = graph.run(opened, few)
    rows = [
        graph.run(opened, {name: values[row : row + 1] for name, values in few.items()})
        for row in range(len(spread))
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
    raw, contributions, details = _head_outputs(specimen.task, fitted.point, matrix, known)
    if fitted.reference is not None:
        lines = _lines(specimen.task, fitted, matrix)
        raw = fitted.reference(lines).reshape(raw.shape)
    spread = None
    if fitted.spread is not None:
        spread, _, _ = _head_outputs(specimen.task, fitted.spread, matrix, known)
    context = {name.removeprefix("context_"): values for name, values in produced.items()}
    answer = Answer(raw, contributions, fitted.point.baseline, spread, details)
    return specimen.task.finish(np, inputs, Features({}, context), answer)


def _lines(task: Task, fitted: Fitted, matrix: Array) -> Array:
    columns = [place for place, term in enumerate(task.terms) if term.name in fitted.point.reads]
    return matrix[:, :, columns].reshape(-1, len(columns))


def _head_outputs(
    task: Task, head: Any, matrix: Array, inputs: Mapping[str, Array]
) -> tuple[Array, Array, Mapping[str, Array]]:
    columns = [place for place, term in enumerate(task.terms) if term.name in head.reads]
    n_rows, n_steps, _ = matrix.shape
    lines = matrix[:, :, columns].reshape(-1, len(columns)) if columns else None
    raw, contributions, details = answered(head, np, lines, inputs)
    shape = (n_rows, n_steps)
    return np.reshape(raw, shape), np.reshape(contributions, (*shape, len(head.terms))), details


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
