"""One graph: features traced from ordinary array code, heads behind them, run in onnxruntime."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from common.edge.errors import UsageError
from common.lab.graph.heads import Detailed
from common.lab.graph.tracing import ndonnx
from common.lab.usecase import (
    Answer,
    Array,
    Examples,
    Features,
    Field,
    Fitted,
    Rung,
    Task,
    Term,
    Training,
)

if TYPE_CHECKING:
    import onnx
    import onnxruntime

    from common.lab.graph.heads import Head

__all__ = ["answered", "assemble", "operators", "run", "session", "trace", "training"]

COLUMN, CONTEXT = "column_", "context_"
CHUNK_ROWS = 128
"""Rows given to onnxruntime at once: bounds memory, long enough to amortise the call."""


def trace(task: Task) -> "onnx.ModelProto":
    """Return the graph from raw inputs to the feature matrix and the context.

    Returns
    -------
    onnx.ModelProto
        Outputs ``matrix`` (n, n_steps, n_terms) and ``context_<name>``.
    """
    ndx = ndonnx()

    inputs = _arguments(task.inputs)
    columns, context = _columns(task, tuple(term.name for term in task.terms), inputs)
    outputs = {"matrix": _matrix(ndx, columns, task.terms, _n_steps(task))} | context
    return _build(inputs, outputs, drop_unused=True)


def assemble(task: Task, rung: Rung, fitted: Fitted) -> "onnx.ModelProto":
    """Return the deployable graph: raw inputs to the task's outputs.

    Only the columns that the heads read are in the graph, so a rung without AI carries
    none of the features that it does not use.

    Parameters
    ----------
    task, rung
        What to export.
    fitted
        The heads that ``rung.fit`` returned.
    """
    ndx = ndonnx()

    inputs = _arguments((*task.inputs, *rung.state_fields))
    heads = [head for head in (fitted.point, fitted.spread) if head is not None]
    reads = tuple(term.name for term in task.terms if any(term.name in h.reads for h in heads))
    columns, context = _columns(task, reads, inputs)
    given = {**inputs, **context}
    answers = [_answer(ndx, task, columns, head, given) for head in heads]
    raw, contributions, details = answers[0]
    spread = answers[1][0] if answers[1:] else None
    answer = Answer(raw, contributions, fitted.point.baseline, spread, details)
    features = Features(
        columns, {name.removeprefix(CONTEXT): values for name, values in context.items()}
    )
    outputs = dict(task.finish(ndx, inputs, features, answer))
    expected = {output.name for output in task.outputs}
    if set(outputs) != expected:
        raise UsageError(
            f"task {task.id}: finish returned {sorted(outputs)}",
            expected=f"the declared outputs {sorted(expected)}",
        )
    return _build(inputs, outputs)


def session(model: "onnx.ModelProto | bytes") -> "onnxruntime.InferenceSession":
    """Return a one-thread onnxruntime session on the CPU."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(
    model: "onnx.ModelProto | bytes | onnxruntime.InferenceSession",
    inputs: Mapping[str, Array],
    outputs: tuple[str, ...] | None = None,
) -> dict[str, Array]:
    """Run a graph over any number of rows, a bounded number at a time.

    Parameters
    ----------
    model
        A graph or an open session.
    inputs
        Name to array with the rows first; names the graph does not take are ignored.
    outputs
        Names wanted, all of them by default.
    """
    opened: Any = model if hasattr(model, "get_inputs") else session(model)
    taken = [node.name for node in opened.get_inputs()]
    names = list(outputs or (node.name for node in opened.get_outputs()))
    pieces = [
        opened.run(names, {name: np.ascontiguousarray(inputs[name][rows]) for name in taken})
        for rows in _chunks(len(next(iter(inputs.values()))))
    ]
    return {
        name: np.concatenate([piece[index] for piece in pieces]) for index, name in enumerate(names)
    }


def training(task: Task, examples: Examples, seed: int) -> Training:
    """Return the training lines: the traced graph's own output beside the target.

    Parameters
    ----------
    task
        Its ``train_on`` brings the target to the heads' scale.
    examples
        Rows with known issue time; lines without a target are dropped.
    seed
        Handed to the rungs.
    """
    produced = run(trace(task), examples.inputs)
    context = {
        name.removeprefix(CONTEXT): values for name, values in produced.items() if name != "matrix"
    }
    target, weight = task.train_on(examples, context)
    known = np.isfinite(target) & (weight > 0)
    matrix = examples.on_slots(produced["matrix"])
    return Training(
        matrix=matrix[known],
        target=target[known],
        weight=weight[known],
        units=np.broadcast_to(examples.units[:, None], known.shape)[known],
        days=np.broadcast_to(examples.days[:, None], known.shape)[known],
        terms=task.terms,
        seed=seed,
        inputs=examples.inputs if _reads_texts(task) else {},
        rows=np.nonzero(known)[0] if _reads_texts(task) else None,
    )


def operators(model: "onnx.ModelProto") -> list[tuple[str, str]]:
    """Return the sorted (domain, operator) pairs of a graph and its subgraphs."""
    found: set[tuple[str, str]] = set()
    graphs = [model.graph]
    while graphs:
        for node in graphs.pop().node:
            found.add((node.domain, node.op_type))
            graphs += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return sorted(found)


def _arguments(fields: tuple[Field, ...]) -> dict[str, Any]:
    ndx = ndonnx()

    return {
        field.name: ndx.argument(shape=field.shape, dtype=getattr(ndx, field.dtype))
        for field in fields
    }


@lru_cache(maxsize=8)
def _traced(task: Task) -> "onnx.ModelProto":
    """Trace the features once per task: a second of work, and every rung takes from it."""
    ndx = ndonnx()

    inputs = _arguments(task.inputs)
    features = task.features(ndx, inputs)
    outputs = {f"{COLUMN}{term.name}": features.columns[term.name] for term in task.terms}
    outputs |= {f"{CONTEXT}{name}": values for name, values in features.context.items()}
    return _build(inputs, outputs, drop_unused=True)


def _columns(
    task: Task, names: tuple[str, ...], inputs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inline the part of the traced features that gives some columns, and the context."""
    ndx = ndonnx()
    from onnx.utils import Extractor
    from spox import inline

    traced = _traced(task)
    wanted = [f"{COLUMN}{name}" for name in names]
    wanted += [out.name for out in traced.graph.output if out.name.startswith(CONTEXT)]
    taken = [given.name for given in traced.graph.input]
    part = Extractor(traced).extract_model(taken, wanted)
    produced = inline(part)(**{name: inputs[name].unwrap_spox() for name in taken})
    arrays = {name: ndx.asarray(values) for name, values in produced.items()}
    columns = {name: arrays[f"{COLUMN}{name}"] for name in names}
    return columns, {name: array for name, array in arrays.items() if name.startswith(CONTEXT)}


def _matrix(xp: Any, features: Mapping[str, Any], terms: tuple[Term, ...], n_steps: int) -> Any:
    """Stack the terms' columns, rounded to their grids, as (n, n_steps, n_terms) float32."""
    columns = [features[term.name] for term in terms]
    daily = [place for place, column in enumerate(columns) if column.shape[2] == 1]
    hourly = [place for place, column in enumerate(columns) if column.shape[2] != 1]
    parts = [xp.concat([columns[place] for place in hourly], axis=1)] if hourly else []
    if daily:
        blank = xp.asarray(np.zeros((1, 1, n_steps), dtype=np.float32))
        parts.append(xp.concat([columns[place] for place in daily], axis=1) + blank)
    stacked = parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)
    order = np.argsort(hourly + daily, kind="stable").astype(np.int64)
    grid = np.array([term.grid for term in terms], dtype=np.float32)
    ordered = xp.take(xp.permute_dims(stacked, (0, 2, 1)), xp.asarray(order), axis=2)
    return xp.astype(xp.round(ordered / xp.asarray(grid)) * xp.asarray(grid), xp.float32)


def _reads_texts(task: Task) -> bool:
    """Whether an input has an axis of any length: its heads read it whole, not as columns."""
    return any(isinstance(size, str) for item in task.inputs for size in item.shape[1:])


def _answer(
    xp: Any, task: Task, columns: Mapping[str, Any], head: "Head", inputs: Mapping[str, Any]
) -> tuple[Any, Any, Mapping[str, Any]]:
    """Run a head on the columns it reads; back to (n, n_steps, ...), details as they are."""
    terms = tuple(term for term in task.terms if term.name in head.reads)
    if tuple(term.name for term in terms) != head.reads:
        raise UsageError(
            f"a head that reads {head.reads}", expected="terms of the task, in the task's order"
        )
    n_steps = _n_steps(task)
    lines = None
    if terms:
        lines = xp.reshape(_matrix(xp, columns, terms, n_steps), (-1, len(terms)))
    raw, contributions, details = answered(head, xp, lines, inputs)
    return (
        xp.reshape(raw, (-1, n_steps)),
        xp.reshape(contributions, (-1, n_steps, len(head.terms))),
        details,
    )


def answered(
    head: "Head", xp: Any, lines: Any, inputs: Mapping[str, Any]
) -> tuple[Any, Any, Mapping[str, Any]]:
    """Call a head; return its prediction, its contributions and its details, if it gives any."""
    if isinstance(head, Detailed):
        return head.with_details(xp, lines, inputs)
    raw, contributions = head(xp, lines, inputs)
    return raw, contributions, {}


def _n_steps(task: Task) -> int:
    """Return the number of values predicted per row: the second axis of the first output."""
    return int(task.outputs[0].shape[1])


def _chunks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, n_rows))


def _build(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], *, drop_unused: bool = False
) -> "onnx.ModelProto":
    ndx = ndonnx()

    model = ndx.build(dict(inputs), dict(outputs), drop_unused=drop_unused)
    model.producer_name = "aune"
    _prune(model)
    _shorten(model)
    return model


def _prune(model: "onnx.ModelProto") -> None:
    """Drop the nodes that no output needs: inlined features come whole.

    Graphs with branches are left as they are, as a branch sees the names around it.
    """
    graph = model.graph
    if _branches(graph):
        return
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    kept.reverse()
    del graph.node[:]
    graph.node.extend(kept)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _branches(graph: "onnx.GraphProto") -> bool:
    return any(attribute.HasField("g") for node in graph.node for attribute in node.attribute)


def _shorten(model: "onnx.ModelProto") -> None:
    """Give inner tensors short names and nodes none: a third of a small file is names.

    Graphs with branches are left as they are, as a branch sees the names around it.
    """
    graph = model.graph
    if _branches(graph):
        return
    kept = {value.name for value in (*graph.input, *graph.output)}
    short: dict[str, str] = {}
    for name in (*(value.name for value in graph.initializer), *_inner(graph)):
        if name and name not in kept:
            short.setdefault(name, f"t{len(short):x}")
    for tensor in graph.initializer:
        tensor.name = short.get(tensor.name, tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]
    del graph.value_info[:]


def _inner(graph: "onnx.GraphProto") -> Iterator[str]:
    for node in graph.node:
        yield from node.output
